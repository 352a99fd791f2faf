/* tocsin deny: stops an attempt. */
#include "cli/owner.h"
#include "cli/terminal.h"

int deny_run(struct cli *cli, int argc, char **argv) {
    json_t *body;
    int status = owner_ask_about(cli, argc, argv, &(struct about_attempt){ "POST", "/deny" }, &body);
    if (status == STATUS_DONE) {
        say(stdout, "Stopped.\n");
        show_attempt(json_object_get(body, "attempt"));
    }
    json_decref(body);
    return status;
}
