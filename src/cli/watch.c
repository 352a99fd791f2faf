/*
 * tocsin watch: alerts as they ring. The stream is resumed where it broke, with growing waits while the server is away;
 * a session that is over, or a refusal, ends it. SIGINT and SIGTERM end it as done.
 */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "cli/owner.h"
#include "cli/sse.h"
#include "cli/terminal.h"

#define WAIT_MS_MIN       1000
#define WAIT_MS_MAX       30000
#define SILENCE_S         60L /* the server says something every 20 s */
#define REFUSAL_BYTES_MAX (64 * 1024)

struct watch {
    struct owner owner;
    struct sse sse;
    CURL *easy;
    struct buf refusal; /* the body of an answer that is no stream */
    int signal_fd;
    bool is_ended;            /* by a signal */
    bool is_greeted, is_away; /* that it watches, that the server is away: said */
    bool had_bytes;           /* on this connection */
};

/* ---- events ---- */

static void on_event(void *ctx, const struct sse_event *e) {
    json_t *o = json_loadb(e->data.p, e->data.n, JSON_REJECT_DUPLICATES, NULL);
    (void)ctx;
    if (!json_is_object(o)) {
        json_decref(o);
        return; /* none that this version knows */
    }
    if (str_eq(e->type, STR("alert"))) {
        show_alert(o);
        say(stdout, "\n");
    }
    if (str_eq(e->type, STR("code")) && is_id(text_of(o, "attempt")))
        say(stdout,
            "A device of yours asks for a code. Only if you are doing this yourself:\n"
            "    tocsin code %s\n    not you?  tocsin deny %s\n\n",
            text_of(o, "attempt"), text_of(o, "attempt"));
    json_decref(o);
}

static size_t on_bytes(char *bytes, size_t one, size_t n, void *ctx) {
    struct watch *w = ctx;
    long status = 0;
    (void)curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        buf_add(&w->refusal, str_bytes(bytes, one * n));
        return buf_err(&w->refusal) == OK ? n : 0;
    }
    if (!w->is_greeted)
        say(stdout, "Watching the alarms of %s at %s. Ctrl-C ends.\n\n", w->owner.login.email, w->owner.login.server);
    else if (w->is_away)
        say(stdout, "Watching again.\n\n");
    w->had_bytes = w->is_greeted = true;
    w->is_away = false;
    return sse_feed(&w->sse, str_bytes(bytes, one * n)) == OK ? n : 0;
}

/* ---- one connection ---- */

static bool has_signal(struct watch *w) {
    struct signalfd_siginfo info;
    if (read(w->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) w->is_ended = true;
    return w->is_ended;
}

/* Runs the transfer until it ends or a signal comes. */
static void transfer(struct watch *w, CURLM *multi) {
    int running = 1;
    while (running > 0 && !w->is_ended) {
        struct curl_waitfd wait = { .fd = w->signal_fd, .events = CURL_WAIT_POLLIN };
        if (curl_multi_perform(multi, &running) != CURLM_OK || running == 0) return;
        if (curl_multi_poll(multi, &wait, 1, 1000, NULL) != CURLM_OK || has_signal(w)) return;
    }
}

static struct curl_slist *make_headers(struct watch *w) {
    struct curl_slist *h = headers_add(NULL, "Accept: text/event-stream", STR(""));
    if (h) h = headers_add(h, "Authorization: Bearer ", secret_str(&w->owner.login.session));
    if (h && w->sse.last_id[0]) h = headers_add(h, "Last-Event-ID: ", str_from(w->sse.last_id));
    return h;
}

/* The status of the answer; 0: none. */
static long connect_once(struct watch *w) {
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = make_headers(w);
    long status = 0;
    w->easy = client_handle(w->owner.client, "/alerts/stream");
    w->had_bytes = false;
    buf_reset(&w->refusal);
    sse_restart(&w->sse);
    if (multi && headers && w->easy) {
        (void)curl_easy_setopt(w->easy, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_setopt(w->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        (void)curl_easy_setopt(w->easy, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
        (void)curl_easy_setopt(w->easy, CURLOPT_WRITEFUNCTION, on_bytes);
        (void)curl_easy_setopt(w->easy, CURLOPT_WRITEDATA, w);
        (void)curl_multi_add_handle(multi, w->easy);
        transfer(w, multi);
        (void)curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_multi_remove_handle(multi, w->easy);
    }
    curl_easy_cleanup(w->easy);
    w->easy = NULL;
    headers_free(headers);
    (void)curl_multi_cleanup(multi);
    return status;
}

/* ---- again and again ---- */

/* Doubled at each failure in a row, and spread, so that a server that comes back is not met by everybody at once. */
static int64_t next_wait_ms(const struct watch *w, int failures) {
    int64_t ms = w->sse.retry_ms > WAIT_MS_MIN ? w->sse.retry_ms : WAIT_MS_MIN;
    uint8_t spread;
    for (int i = 0; i < failures && ms < WAIT_MS_MAX; i++) ms *= 2;
    if (ms > WAIT_MS_MAX) ms = WAIT_MS_MAX;
    crypto_random(&spread, sizeof spread);
    return ms / 2 + ms * spread / 512;
}

static void wait_for(struct watch *w, int64_t ms) {
    struct pollfd wait = { .fd = w->signal_fd, .events = POLLIN };
    int64_t end_ms = clock_mono_ms() + ms;
    for (int64_t left = ms; left > 0 && !has_signal(w); left = end_ms - clock_mono_ms())
        (void)poll(&wait, 1, (int)left);
}

/* That this answer will not be another one later: said. */
static bool is_final(struct watch *w, long status) {
    struct reply r = { .status = status };
    if (w->sse.failed != OK) {
        complain("the server sends events that are too long");
        return true;
    }
    if (status < 400 || status == 429 || status >= 500) return false;
    r.body = json_loadb(w->refusal.p ? w->refusal.p : "", w->refusal.n, 0, NULL);
    (void)reply_refuse(&r);
    reply_release(&r);
    return true;
}

/* Where the stream begins: after the newest alert there is, so that none that comes while a connection is made is lost.
 */
static int find_newest(struct watch *w) {
    json_t *body = NULL;
    const char *id;
    int status = owner_call(&w->owner, "GET", "/alerts?limit=1", NULL, &body);
    if (status != STATUS_DONE) return status;
    id = text_of(json_array_get(json_object_get(body, "alerts"), 0), "id");
    if (is_id(id) && str_to_z(str_from(id), w->sse.last_id, sizeof w->sse.last_id) != OK) w->sse.last_id[0] = 0;
    json_decref(body);
    return STATUS_DONE;
}

static int watch(struct watch *w) {
    int failures = 0;
    if (find_newest(w) != STATUS_DONE) return STATUS_NO;
    while (!w->is_ended) {
        long status = connect_once(w);
        if (w->is_ended) break;
        if (is_final(w, status)) return STATUS_NO;
        failures = w->had_bytes ? 0 : failures + 1;
        if (!w->is_away && failures > 0) {
            say(stdout, "The server is away; trying again until it is back.\n");
            w->is_away = true;
        }
        wait_for(w, next_wait_ms(w, failures));
    }
    return STATUS_DONE;
}

int watch_run(struct cli *cli, int argc, char **argv) {
    struct watch w = { .signal_fd = -1 };
    sigset_t signals;
    int status = STATUS_NO;
    (void)argv;
    if (argc != 1) return usage_of(cli);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    w.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    sse_init(&w.sse, on_event, &w);
    buf_init(&w.refusal, REFUSAL_BYTES_MAX);
    if (w.signal_fd >= 0 && owner_begin(&w.owner)) status = watch(&w);
    owner_release(&w.owner);
    sse_release(&w.sse);
    buf_release(&w.refusal);
    if (w.signal_fd >= 0) (void)close(w.signal_fd);
    return status;
}
