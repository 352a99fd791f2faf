/* tocsin: the command line. Finds the command and hands over; each has its own file. */
#include <getopt.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "cli/cli.h"
#include "cli/memory.h"
#include "cli/terminal.h"

static const struct command owner_commands[] = {
    { { "login" }, "[--server ORIGIN] [--name NAME] EMAIL", "sign in; this machine becomes a known device", login_run },
    { { "logout" }, "[--forget]", "sign out; --forget: the device's token too", logout_run },
    { { "devices" }, "", "the account's devices", devices_run },
    { { "alerts" }, "[-n COUNT]", "the newest alerts", alerts_run },
    { { "watch" }, "", "alerts as they ring, until Ctrl-C", watch_run },
    { { "answer" }, "[--tell-security-team] ALERT me|not-me", "say whether it was you", answer_run },
    { { "deny" }, "ATTEMPT", "stop an attempt", deny_run },
    { { "approve" }, "ATTEMPT", "type here the digits that another device shows", approve_run },
    { { "code" }, "ATTEMPT", "show here the digits that another device asks for", code_run },
    { { "backup", "init" }, "[PATH ...]", "make this device's backup (of your home)", backup_init_run },
    { { "backup", "run" }, "[-- RESTIC-OPTION ...]", "back up now", backup_run_run },
    { { "backup", "forget" }, "[-- RESTIC-OPTION ...]", "let go of old snapshots", backup_forget_run },
    { { "backup", "status" }, "", "what is backed up, and when", backup_status_run },
    { { "restore" }, "--from DEVICE [--target DIR] [--snapshot ID]", "bring a device's backup here", restore_run },
};

static const struct command operator_commands[] = {
    { { "account", "list" }, "", "all accounts", account_list_run },
    { { "account", "show" }, "EMAIL", "id, state, age and roles of an account", operator_run },
    { { "account", "lock" }, "EMAIL", "lock it down: sign everyone out, the password counts no more", operator_run },
    { { "account", "unlock" }, "EMAIL", "who can unlock it, and how", operator_run },
    { { "role", "add" }, "EMAIL security", "put an account into the security team", operator_run },
    { { "role", "remove" }, "EMAIL security", "and out of it", operator_run },
    { { "service", "add" }, "NAME", "a token for a program that may check sessions", operator_run },
    { { "backup-database" }, "FILE", "copy both databases: FILE and FILE.keeper", backup_database_run },
    { { "config", "show" }, "", "the configuration in use", operator_run },
};

static void list(FILE *out, const char *title, const struct command *commands, size_t n) {
    (void)fprintf(out, "\n%s\n", title);
    for (size_t i = 0; i < n; i++) {
        const struct command *c = &commands[i];
        (void)fprintf(out, "  %s%s%s%s%s\n      %s\n", c->words[0], c->words[1] ? " " : "",
                      c->words[1] ? c->words[1] : "", c->arguments[0] ? " " : "", c->arguments, c->help);
    }
}

static void usage(FILE *out) {
    (void)fputs("usage: tocsin [-c FILE] COMMAND\n", out);
    list(out, "For owners of an account, over the network:", owner_commands, ARRAY_LEN(owner_commands));
    list(out, "For operators, on the server (-c FILE: its configuration):", operator_commands,
         ARRAY_LEN(operator_commands));
    (void)fputs("\nExit status: 0 done, 1 no, 2 usage.\n", out);
}

int usage_of(const struct cli *cli) {
    const struct command *c = cli->command;
    (void)fprintf(stderr, "usage: tocsin %s%s%s%s%s\n", c->words[0], c->words[1] ? " " : "",
                  c->words[1] ? c->words[1] : "", c->arguments[0] ? " " : "", c->arguments);
    return STATUS_USAGE;
}

static const struct command *find_in(const struct command *commands, size_t n, int argc, char **argv) {
    for (size_t i = 0; i < n; i++) {
        const struct command *c = &commands[i];
        if (argc < 1 || strcmp(argv[0], c->words[0]) != 0) continue;
        if (!c->words[1] || (argc >= 2 && strcmp(argv[1], c->words[1]) == 0)) return c;
    }
    return NULL;
}

static const struct command *find(int argc, char **argv) {
    const struct command *c = find_in(owner_commands, ARRAY_LEN(owner_commands), argc, argv);
    return c ? c : find_in(operator_commands, ARRAY_LEN(operator_commands), argc, argv);
}

static int run(const struct config *config, int argc, char **argv) {
    struct cli cli = { .config = config, .command = find(argc, argv) };
    int skip, status;
    if (!cli.command) {
        usage(stderr);
        return STATUS_USAGE;
    }
    if (crypto_init() != OK || !memory_begin()) {
        complain("the libraries can't be started");
        return STATUS_NO;
    }
    clock_init();
    terminal_begin();
    skip = cli.command->words[1] ? 1 : 0;
    status = cli.command->run(&cli, argc - skip, argv + skip);
    memory_end();
    return status;
}

int main(int argc, char **argv) {
    static struct config config;
    struct config_problem problem;
    const char *path = NULL;
    int letter;
    while ((letter = getopt(argc, argv, "+c:h")) != -1) {
        if (letter == 'c') path = optarg;
        if (letter == 'h') {
            usage(stdout);
            return STATUS_DONE;
        }
        if (letter == '?') {
            usage(stderr);
            return STATUS_USAGE;
        }
    }
    config_defaults(&config);
    if (path && config_read(&config, path, &problem) != OK) {
        complain("%s", problem.text);
        return STATUS_NO;
    }
    return run(&config, argc - optind, argv + optind);
}
