/* tocsin approve: the digits that another device shows, typed on this one. There is no approval without them. */
#include "base/secret.h"
#include "cli/owner.h"
#include "cli/terminal.h"

#define DIGITS_SIZE 20

/* What is about to be approved, before the digits are asked for. */
static int show(struct owner *o, const char *id) {
    char path[200];
    json_t *body = NULL;
    int status;
    (void)snprintf(path, sizeof path, "/attempts/%s", id);
    status = owner_call(o, "GET", path, NULL, &body);
    if (status == STATUS_DONE) show_attempt(json_object_get(body, "attempt"));
    json_decref(body);
    return status;
}

static int approve(struct owner *o, const char *id) {
    char digits[DIGITS_SIZE], path[200];
    json_t *body = NULL;
    int status = STATUS_NO;
    if (ask_line("Only if you are doing this yourself: the digits that the other device shows: ", digits,
                 sizeof digits) != OK ||
        !digits[0]) {
        complain("no digits were typed; nothing was approved");
        return STATUS_NO;
    }
    (void)snprintf(path, sizeof path, "/attempts/%s/approve", id);
    status = owner_call(o, "POST", path, json_pack("{s:s}", "digits", digits), &body);
    bytes_wipe(digits, sizeof digits);
    if (status == STATUS_DONE) say(stdout, "Right: the other device goes on.\n");
    json_decref(body);
    return status;
}

int approve_run(struct cli *cli, int argc, char **argv) {
    const char *id = id_argument(argc, argv);
    struct owner o;
    int status = STATUS_NO;
    if (!id) return usage_of(cli);
    if (owner_begin(&o)) status = show(&o, id);
    if (status == STATUS_DONE) status = approve(&o, id);
    owner_release(&o);
    return status;
}
