/* tocsin devices: a line a device. */
#include "cli/owner.h"
#include "cli/terminal.h"

static void show(const json_t *d) {
    bool is_this = json_is_true(json_object_get(d, "current"));
    say_padded(stdout, text_of(d, "id"), 22);
    say_padded(stdout, text_of(d, "name"), 24);
    say_padded(stdout, text_of(d, "platform"), 20);
    say_padded(stdout, json_is_true(json_object_get(d, "trusted")) ? "trusted" : "not trusted", 11);
    say(stdout, " seen ");
    say_time(stdout, text_of(d, "last_seen"));
    say(stdout, is_this ? "  (this one)\n" : "\n");
}

int devices_run(struct cli *cli, int argc, char **argv) {
    struct owner o;
    json_t *body = NULL, *d;
    int status = STATUS_NO;
    size_t i;
    (void)argv;
    if (argc != 1) return usage_of(cli);
    if (owner_begin(&o)) status = owner_call(&o, "GET", "/devices", NULL, &body);
    if (status == STATUS_DONE) json_array_foreach(json_object_get(body, "devices"), i, d) show(d);
    json_decref(body);
    owner_release(&o);
    return status;
}
