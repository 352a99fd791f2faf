/* tocsin code: the digits that another device has asked for, shown on this trusted one. */
#include "cli/owner.h"
#include "cli/terminal.h"

int code_run(struct cli *cli, int argc, char **argv) {
    const char *id = id_argument(argc, argv);
    struct owner o;
    json_t *body = NULL;
    char path[200];
    int status = STATUS_NO;
    if (!id) return usage_of(cli);
    (void)snprintf(path, sizeof path, "/attempts/%s/code", id);
    if (owner_begin(&o)) status = owner_call(&o, "GET", path, NULL, &body);
    if (status == STATUS_DONE) {
        say(stdout, "%s\nType it on your other device, and tell it to nobody: no one who asks for it is us. Until ",
            text_of(body, "digits"));
        say_time(stdout, text_of(body, "expires_at"));
        say(stdout, ".\n");
    }
    json_decref(body);
    owner_release(&o);
    return status;
}
