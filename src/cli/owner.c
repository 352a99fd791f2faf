#include "cli/owner.h"

#include "cli/terminal.h"

bool owner_begin(struct owner *o) {
    *o = (struct owner){ .client = NULL };
    if (!login_need(&o->login)) return false;
    o->client = client_new(o->login.server);
    return o->client != NULL;
}

void owner_release(struct owner *o) {
    login_release(&o->login);
    client_free(o->client);
}

int owner_call(struct owner *o, const char *method, const char *path, json_t *body, json_t **ret_body) {
    const struct question q = { .method = method, .path = path, .body = body, .token = secret_str(&o->login.session) };
    return client_get(o->client, &q, ret_body);
}

const char *id_argument(int argc, char **argv) { return argc == 2 && is_id(argv[1]) ? argv[1] : NULL; }

int owner_ask_about(struct cli *cli, int argc, char **argv, const struct about_attempt *x, json_t **ret_body) {
    const char *id = id_argument(argc, argv);
    struct owner o;
    char path[200];
    int status = STATUS_NO;
    *ret_body = NULL;
    if (!id) return usage_of(cli);
    (void)snprintf(path, sizeof path, "/attempts/%s%s", id, x->what);
    if (owner_begin(&o))
        status = owner_call(&o, x->method, path, strcmp(x->method, "POST") == 0 ? json_object() : NULL, ret_body);
    owner_release(&o);
    return status;
}

static void show_from(const json_t *o) {
    const json_t *from = json_object_get(o, "from");
    const char *place = text_of(from, "place");
    if (!json_is_object(from)) return;
    say(stdout, "    from %s%s%s, %s%s\n", text_of(from, "ip"), place[0] ? ", " : "", place, text_of(from, "device"),
        json_is_true(json_object_get(from, "known_device")) ? " (a known device)" : "");
}

static void show_answer(const json_t *alert) {
    const char *answer = text_of(alert, "answer"), *id = text_of(alert, "id"), *kind = text_of(alert, "kind");
    if (answer[0]) {
        say(stdout, "    answered: %s\n", strcmp(answer, "me") == 0 ? "it was you" : "it was not you");
        return;
    }
    say(stdout, "    not you?  tocsin answer %s not-me\n    it was you?  tocsin answer %s me\n", id, id);
    if (json_integer_value(json_object_get(alert, "count")) > 1) return; /* of several attempts it names the first */
    if (strcmp(kind, "opened") == 0 || strcmp(kind, "held") == 0)
        say(stdout, "    only stop it:  tocsin deny %s\n", text_of(alert, "attempt"));
}

void show_alert(const json_t *alert) {
    json_int_t count = json_integer_value(json_object_get(alert, "count"));
    bool is_bright = terminal_is_seen();
    say_time(stdout, text_of(alert, "at"));
    say(stdout, is_bright ? "  \033[1m%s\033[0m" : "  %s", text_of(alert, "title"));
    if (count > 1) say(stdout, " (%d times)", count < 1000000 ? (int)count : 1000000);
    say(stdout, "\n");
    say_wrapped(stdout, "    ", text_of(alert, "body"));
    show_from(alert);
    show_answer(alert);
}

void show_attempt(const json_t *attempt) {
    say(stdout, "Attempt %s: %s, %s, opened ", text_of(attempt, "id"), text_of(attempt, "action"),
        text_of(attempt, "state"));
    say_time(stdout, text_of(attempt, "opened_at"));
    say(stdout, "\n");
    show_from(attempt);
}
