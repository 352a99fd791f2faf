/* tocsin account list: all accounts, a page at a time, a line each. */
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/terminal.h"

static void show(const json_t *a) {
    const char *roles = text_of(a, "roles");
    say(stdout, "%s\t%s\t%s\tsince %s", text_of(a, "id"), text_of(a, "email"), text_of(a, "state"),
        text_of(a, "since"));
    say(stdout, roles[0] ? "\t%s\n" : "\n", roles);
}

int account_list_run(struct cli *cli, int argc, char **argv) {
    char after[40] = "";
    (void)argv;
    if (argc != 1) return usage_of(cli);
    for (;;) {
        json_t *a,
            *answer = control_ask(cli->config, json_pack("{s:s,s:s}", "command", "account list", "after", after));
        size_t i;
        if (!answer) return STATUS_NO;
        json_array_foreach(json_object_get(answer, "accounts"), i, a) show(a);
        if (str_to_z(str_from(text_of(answer, "next")), after, sizeof after) != OK) after[0] = 0;
        json_decref(answer);
        if (!after[0]) return STATUS_DONE;
    }
}
