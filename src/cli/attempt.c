#include "cli/attempt.h"

#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/terminal.h"

#define CODE_POLL_S 1
#define HOLD_POLL_S 3

/* ---- calls ---- */

static enum err ask(struct attempt *a, const char *what, json_t *body, struct reply *ret) {
    char path[200];
    (void)snprintf(path, sizeof path, "/attempts/%s%s", a->id, what);
    return client_ask(a->client,
                      &(struct question){
                          .method = body ? "POST" : "GET", .path = path, .body = body, .token = secret_str(&a->token) },
                      ret);
}

static void take_view(struct attempt *a, const json_t *body) {
    json_t *view = json_object_get(body, "attempt");
    if (!json_is_object(view)) return;
    json_decref(a->view);
    a->view = json_incref(view);
}

static int look(struct attempt *a) {
    struct reply r;
    int status = STATUS_DONE;
    if (ask(a, "", NULL, &r) != OK) return STATUS_NO;
    if (r.status == 200)
        take_view(a, r.body);
    else
        status = reply_refuse(&r);
    reply_release(&r);
    return status;
}

int attempt_open(struct client *client, json_t *opening, struct str session, struct attempt *ret) {
    struct attempt a = { .client = client };
    json_t *body = NULL;
    const struct question q = { .method = "POST", .path = "/attempts", .body = opening, .token = session };
    int status = client_get(client, &q, &body);
    if (status != STATUS_DONE) return status;
    take_view(&a, body);
    if (!is_id(text_of(a.view, "id")) || secret_from_str(&a.token, str_from(text_of(body, "token"))) != OK ||
        str_to_z(str_from(text_of(a.view, "id")), a.id, sizeof a.id) != OK) {
        complain("the server does not answer as a tocsin server does");
        status = STATUS_NO;
    }
    json_decref(body);
    if (status == STATUS_DONE)
        *ret = a;
    else
        attempt_release(&a);
    return status;
}

void attempt_release(struct attempt *a) {
    json_decref(a->view);
    a->view = NULL;
    secret_release(&a->token);
}

/* ---- proofs ---- */

static bool has(const json_t *list, const char *word) {
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        const char *text = json_string_value(one);
        if (text && strcmp(text, word) == 0) return true;
    }
    return false;
}

static bool is_proved(const struct attempt *a, const char *kind) {
    return has(json_object_get(a->view, "proved"), kind);
}

static bool is_wanted(const struct attempt *a, const char *kind) {
    return has(json_object_get(json_object_get(a->view, "needs"), "of"), kind) && !is_proved(a, kind);
}

/* Right: the view is new. Wrong, or this way is closed for now: said, and the person chooses again. Ended: STATUS_NO.
 */
static int judge(struct attempt *a, const struct reply *r) {
    const char *code = text_of(r->body, "code");
    if (r->status == 200) {
        take_view(a, r->body);
        return STATUS_DONE;
    }
    (void)reply_refuse(r);
    if (strcmp(code, "wrong_proof") != 0 && r->status != 429) return STATUS_NO;
    return look(a); /* the third wrong one ends it */
}

static int prove(struct attempt *a, json_t *proof) {
    struct reply r;
    int status;
    if (ask(a, "/proofs", proof, &r) != OK) return STATUS_NO;
    status = judge(a, &r);
    reply_release(&r);
    return status;
}

static int prove_typed(struct attempt *a, const char *kind, const char *prompt) {
    struct secret typed;
    int status = STATUS_NO;
    secret_init(&typed);
    if (ask_secret(prompt, &typed) != OK)
        complain("nothing was typed");
    else if (typed.n == 0)
        status = STATUS_DONE; /* to the choice again */
    else
        status = prove(a, json_pack("{s:s,s:o}", "kind", kind, kind, json_stringn((const char *)typed.p, typed.n)));
    secret_release(&typed);
    return status;
}

static int prove_password(struct attempt *a) { return prove_typed(a, "password", "Password: "); }

static int prove_recovery_key(struct attempt *a) { return prove_typed(a, "recovery_key", "Recovery key: "); }

static int prove_code_there(struct attempt *a) {
    char typed[20];
    struct reply r;
    int status = STATUS_DONE;
    if (ask(a, "/code", json_pack("{s:s}", "way", "shown_there"), &r) != OK) return STATUS_NO;
    if (r.status != 202) status = judge(a, &r);
    reply_release(&r);
    if (r.status != 202) return status;
    say(stderr, "A code is on its way to the devices you trust (`tocsin code %s` shows it there, too).\n", a->id);
    if (ask_line("Code: ", typed, sizeof typed) != OK) {
        complain("no code was typed");
        return STATUS_NO;
    }
    if (!typed[0]) return STATUS_DONE;
    status = prove(a, json_pack("{s:s,s:s}", "kind", "code", "code", typed));
    bytes_wipe(typed, sizeof typed);
    return status;
}

static bool is_opened(const struct attempt *a) { return strcmp(text_of(a->view, "state"), "opened") == 0; }

/* Until the digits were typed on the other device, or have died. */
static int wait_for_code(struct attempt *a, const char *expires_at) {
    int64_t expires_ms = 0, end_ms;
    int64_t life_ms = 5 * MS_PER_MIN;
    if (clock_parse(str_from(expires_at), &expires_ms) == OK && expires_ms > clock_wall_ms())
        life_ms = expires_ms - clock_wall_ms();
    if (life_ms > MS_PER_HOUR) life_ms = MS_PER_HOUR; /* clocks differ */
    end_ms = clock_mono_ms() + life_ms;
    while (is_opened(a) && !is_proved(a, "code") && clock_mono_ms() < end_ms) {
        (void)sleep(CODE_POLL_S);
        if (look(a) != STATUS_DONE) return STATUS_NO;
    }
    say(stderr, is_proved(a, "code") ? "The code was typed there.\n" : "Nobody typed it in time.\n");
    return STATUS_DONE;
}

static int prove_code_here(struct attempt *a) {
    struct reply r;
    int status;
    if (ask(a, "/code", json_pack("{s:s}", "way", "shown_here"), &r) != OK) return STATUS_NO;
    if (r.status == 200) {
        say(stderr, "Type  %s  on a device you trust: on its page, or with `tocsin approve %s`.\nWaiting ...\n",
            text_of(r.body, "digits"), a->id);
        status = wait_for_code(a, text_of(r.body, "expires_at"));
    } else {
        status = judge(a, &r);
    }
    reply_release(&r);
    return status;
}

static const struct way {
    const char *kind, *words;
    int (*prove)(struct attempt *a);
} ways[] = { { "password", "your password", prove_password },
             { "code", "a code: a device you trust shows it, you type it here", prove_code_there },
             { "code", "a code: it is shown here, you type it on a device you trust", prove_code_here },
             { "recovery_key", "your recovery key", prove_recovery_key } };

/* NULL: nothing that a terminal can show, or nothing was chosen. */
static const struct way *choose(const struct attempt *a) {
    const struct way *open[ARRAY_LEN(ways)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        if (is_wanted(a, ways[i].kind)) open[n++] = &ways[i];
    if (n == 0) complain("what is asked for can't be shown on a terminal: use the pages in a browser");
    while (n > 1) {
        char typed[8];
        int64_t at = 0;
        say(stderr, "Show one more proof:\n");
        for (size_t i = 0; i < n; i++) say(stderr, "  %d  %s\n", (int)i + 1, open[i]->words);
        if (ask_line("Which? ", typed, sizeof typed) != OK) return NULL;
        if (str_to_i64(str_from(typed), (int64_t)n, &at) == OK && at > 0) return open[at - 1];
    }
    return n == 1 ? open[0] : NULL;
}

int attempt_prove(struct attempt *a) {
    int status = is_opened(a) && is_wanted(a, "password") ? prove_password(a) : STATUS_DONE;
    while (status == STATUS_DONE && is_opened(a)) {
        const struct way *way = choose(a);
        status = way ? way->prove(a) : STATUS_NO;
    }
    if (status != STATUS_DONE) return status;
    if (strcmp(text_of(a->view, "state"), "proved") == 0 || strcmp(text_of(a->view, "state"), "held") == 0)
        return STATUS_DONE;
    complain("this attempt is %s", text_of(a->view, "state"));
    return STATUS_NO;
}

/* ---- commit ---- */

/* The line that is written over again and again while it waits. */
static void say_left(const struct attempt *a) {
    int64_t until_ms = 0, left_s;
    if (!terminal_is_seen() || clock_parse(str_from(text_of(a->view, "hold_until")), &until_ms) != OK) return;
    left_s = (until_ms - clock_wall_ms()) / MS_PER_S;
    if (left_s > 0 && left_s < 90 * MS_PER_DAY / MS_PER_S)
        say(stdout, "\rWaiting: %d h %d min %d s left.    ", (int)(left_s / 3600), (int)(left_s / 60 % 60),
            (int)(left_s % 60));
    else
        say(stdout, "\rWaiting until an alert has reached the account.    ");
}

static void say_held(const struct attempt *a, bool is_first) {
    if (is_first) {
        say(stdout, "Held until ");
        say_time(stdout, text_of(a->view, "hold_until"));
        say(stdout,
            ": every channel of the account was told, and can stop it. The digits, typed on a\n"
            "familiar device (`tocsin approve %s`), end the wait.\n",
            a->id);
        if (!terminal_is_seen()) say(stdout, "Waiting ...");
    }
    say_left(a);
}

static void say_recovery_key(const json_t *result) {
    const char *key = text_of(result, "recovery_key");
    if (!key[0]) return;
    say(stdout,
        "\nYour recovery key was used up. Your new one, shown this once:\n\n    %s\n\n"
        "Write it down or print it, and keep it away from this computer: with it and a second proof\n"
        "you come back when all else is lost.\n\n",
        key);
}

/* It was done before, and the answer was lost: asked for again, as far as it is said twice. NULL: it is not. */
static json_t *result_again(struct attempt *a) {
    struct reply r;
    json_t *result = NULL;
    if (ask(a, "", NULL, &r) != OK) return NULL;
    if (r.status == 200) result = json_incref(json_object_get(r.body, "result"));
    reply_release(&r);
    return result;
}

int attempt_commit(struct attempt *a, json_t *body, json_t **ret_result) {
    struct reply r;
    json_t *result;
    bool is_held = false;
    int status = STATUS_NO;
    for (;;) {
        if (ask(a, "/commit", json_incref(body), &r) != OK) goto out;
        if (r.status != 202) break;
        take_view(a, r.body);
        reply_release(&r);
        say_held(a, !is_held);
        is_held = true;
        (void)sleep(HOLD_POLL_S);
    }
    if (is_held) say(stdout, "\n");
    result = r.status == 200 ? json_incref(json_object_get(r.body, "result")) : NULL;
    if (r.status == 409) result = result_again(a);
    if (result) {
        *ret_result = result;
        say_recovery_key(*ret_result);
        status = STATUS_DONE;
    } else {
        status = reply_refuse(&r);
    }
    reply_release(&r);
out:
    json_decref(body);
    return status;
}
