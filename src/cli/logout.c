/* tocsin logout: ends the session here and on the server. The device stays known, unless it is to be forgotten too. */
#include "cli/owner.h"
#include "cli/terminal.h"

static int sign_out(struct owner *o) {
    struct reply r;
    int status = STATUS_DONE;
    const struct question q = { .method = "DELETE", .path = "/session", .token = secret_str(&o->login.session) };
    if (client_ask(o->client, &q, &r) != OK) return STATUS_NO;
    if (r.status != 204 && r.status != 200 && r.status != 401) status = reply_refuse(&r); /* 401: it is over already */
    reply_release(&r);
    return status;
}

static int forget(void) {
    if (login_forget() != OK) return STATUS_NO;
    say(stdout, "This machine is no longer known: the next login here needs two proofs.\n");
    return STATUS_DONE;
}

int logout_run(struct cli *cli, int argc, char **argv) {
    struct owner o = { .client = NULL };
    bool is_forget = argc == 2 && strcmp(argv[1], "--forget") == 0;
    int status = STATUS_NO;
    enum err r;
    if (argc != 1 && !is_forget) return usage_of(cli);
    r = login_load(&o.login);
    if (r != OK && is_forget) return forget(); /* nothing that could be signed out */
    if (r == ERR_NOT_FOUND || (r == OK && o.login.session.n == 0 && !is_forget)) {
        say(stdout, "Nobody is signed in here.\n");
        status = STATUS_DONE;
    } else if (r == OK) {
        o.client = client_new(o.login.server);
        if (o.login.session.n == 0 || (o.client && sign_out(&o) == STATUS_DONE)) status = STATUS_DONE;
        secret_release(&o.login.session);
        if (status == STATUS_DONE && !is_forget) {
            status = login_save(&o.login) == OK ? STATUS_DONE : STATUS_NO;
            if (status == STATUS_DONE)
                say(stdout, "Signed out. This machine stays known: the password alone signs in.\n");
        }
        if (is_forget && forget() != STATUS_DONE) status = STATUS_NO;
    }
    owner_release(&o);
    return status;
}
