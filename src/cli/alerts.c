/* tocsin alerts: the newest, the newest last, so that it stands at the prompt. */
#include "cli/owner.h"
#include "cli/terminal.h"

#define COUNT_MAX 100

int alerts_run(struct cli *cli, int argc, char **argv) {
    struct owner o;
    json_t *body = NULL, *list;
    int64_t count = 20;
    char path[40];
    int status = STATUS_NO;
    if (argc == 3 && strcmp(argv[1], "-n") == 0) {
        if (str_to_i64(str_from(argv[2]), COUNT_MAX, &count) != OK || count == 0) return usage_of(cli);
    } else if (argc != 1) {
        return usage_of(cli);
    }
    (void)snprintf(path, sizeof path, "/alerts?limit=%d", (int)count);
    if (owner_begin(&o)) status = owner_call(&o, "GET", path, NULL, &body);
    list = json_object_get(body, "alerts");
    for (size_t n = json_array_size(list); n > 0; n--) {
        show_alert(json_array_get(list, n - 1));
        say(stdout, "\n");
    }
    if (status == STATUS_DONE && json_array_size(list) == 0) say(stdout, "No alerts.\n");
    json_decref(body);
    owner_release(&o);
    return status;
}
