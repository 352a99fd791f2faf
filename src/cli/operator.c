/* The operators' commands that the running server answers with a text: what they take is here, what they do is there.
 */
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/terminal.h"

static const struct {
    const char *words[2];
    const char *members[2]; /* the arguments' names on the wire */
} questions[] = { { { "service", "add" }, { "name", NULL } },   { { "account", "show" }, { "email", NULL } },
                  { { "account", "lock" }, { "email", NULL } }, { { "account", "unlock" }, { "email", NULL } },
                  { { "role", "add" }, { "email", "role" } },   { { "role", "remove" }, { "email", "role" } },
                  { { "config", "show" }, { NULL, NULL } } };

/* The server's own lines; everything in them that is not plain text is escaped. */
static void print_lines(const char *output) {
    struct str rest = str_from(output), line;
    while (rest.n > 0) {
        struct str cell;
        rest = str_cut(rest, '\n', &line);
        for (bool is_first = true; line.n > 0; is_first = false) {
            struct buf z;
            line = str_cut(line, '\t', &cell);
            buf_init(&z, cell.n + 1);
            buf_add(&z, cell);
            buf_add_c(&z, 0);
            say(stdout, is_first ? "%s" : "\t%s", buf_err(&z) == OK ? z.p : "");
            buf_release(&z);
        }
        say(stdout, "\n");
    }
}

int operator_run(struct cli *cli, int argc, char **argv) {
    const char *const *words = cli->command->words;
    char name[40];
    json_t *question, *answer;
    size_t q = 0, n = 0;
    while (strcmp(questions[q].words[0], words[0]) != 0 || strcmp(questions[q].words[1], words[1]) != 0) q++;
    while (n < 2 && questions[q].members[n]) n++;
    if (argc - 1 != (int)n) return usage_of(cli);
    (void)snprintf(name, sizeof name, "%s %s", words[0], words[1]);
    question = json_pack("{s:s}", "command", name);
    for (size_t i = 0; i < n; i++)
        (void)json_object_set_new(question, questions[q].members[i], json_string(argv[i + 1]));
    answer = control_ask(cli->config, question);
    if (!answer) return STATUS_NO;
    print_lines(text_of(answer, "output"));
    json_decref(answer);
    return STATUS_DONE;
}
