/* tocsin deny: stops an attempt. */
#include "cli/owner.h"
#include "cli/terminal.h"

int deny_run(struct cli *cli, int argc, char **argv) {
    const char *id = id_argument(argc, argv);
    struct owner o;
    json_t *body = NULL;
    char path[200];
    int status = STATUS_NO;
    if (!id) return usage_of(cli);
    (void)snprintf(path, sizeof path, "/attempts/%s/deny", id);
    if (owner_begin(&o)) status = owner_call(&o, "POST", path, json_object(), &body);
    if (status == STATUS_DONE) {
        say(stdout, "Stopped.\n");
        show_attempt(json_object_get(body, "attempt"));
    }
    json_decref(body);
    owner_release(&o);
    return status;
}
