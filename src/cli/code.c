/* tocsin code: the digits that another device has asked for, shown on this trusted one. */
#include "cli/owner.h"
#include "cli/terminal.h"

int code_run(struct cli *cli, int argc, char **argv) {
    json_t *body;
    int status = owner_ask_about(cli, argc, argv, &(struct about_attempt){ "GET", "/code" }, &body);
    if (status == STATUS_DONE) {
        say(stdout, "%s\nType it on your other device, and tell it to nobody: no one who asks for it is us. Until ",
            text_of(body, "digits"));
        say_time(stdout, text_of(body, "expires_at"));
        say(stdout, ".\n");
    }
    json_decref(body);
    return status;
}
