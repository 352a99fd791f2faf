/* tocsin answer: it was me, or it was not. */
#include "cli/owner.h"
#include "cli/terminal.h"

static void show(const json_t *body, bool is_me) {
    const json_t *account = json_object_get(body, "account"), *a_case = json_object_get(body, "case");
    say(stdout, is_me ? "Noted: it was you.\n" : "Noted: it was not you. What could be stopped is stopped.\n");
    if (strcmp(text_of(account, "state"), "locked_down") == 0)
        say(stdout, "The account is locked down: the password counts no more until you have changed it with two other\n"
                    "proofs, in a browser at /recover.\n");
    if (json_is_object(a_case)) say(stdout, "The security team has it as case %s.\n", text_of(a_case, "id"));
}

int answer_run(struct cli *cli, int argc, char **argv) {
    const char *given[2] = { NULL, NULL };
    size_t n = 0;
    bool tells = false, is_me;
    struct owner o;
    json_t *body = NULL;
    char path[200];
    int status = STATUS_NO;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tell-security-team") == 0)
            tells = true;
        else if (n < 2)
            given[n++] = argv[i];
        else
            return usage_of(cli);
    }
    if (n != 2 || !is_id(given[0])) return usage_of(cli);
    is_me = strcmp(given[1], "me") == 0;
    if (!is_me && strcmp(given[1], "not-me") != 0 && strcmp(given[1], "not_me") != 0) return usage_of(cli);
    (void)snprintf(path, sizeof path, "/alerts/%s/answer", given[0]);
    if (owner_begin(&o))
        status = owner_call(&o, "POST", path,
                            json_pack("{s:s,s:b}", "answer", is_me ? "me" : "not_me", "tell_security_team", (int)tells),
                            &body);
    if (status == STATUS_DONE) show(body, is_me);
    json_decref(body);
    owner_release(&o);
    return status;
}
