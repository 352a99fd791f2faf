/*
 * What every command is given and gives back. A command says itself what went wrong, on stderr, and returns its exit
 * status. Owners' commands speak the HTTP contract only; operators' commands speak to the running server's socket or
 * read the data directory.
 */
#ifndef TOCSIN_CLI_CLI_H
#define TOCSIN_CLI_CLI_H

#include "config/config.h"

enum { STATUS_DONE = 0, STATUS_NO = 1, STATUS_USAGE = 2 };

struct command;

struct cli {
    const struct config *config;
    const struct command *command; /* the one that runs */
};

/* argv[0] is the command's last word; what follows are its own arguments. */
typedef int command_fn(struct cli *cli, int argc, char **argv);

struct command {
    const char *words[2];  /* the second may be NULL */
    const char *arguments; /* as the usage shows them */
    const char *help;      /* one line */
    command_fn *run;
};

/* The usage of this one command, on stderr; returns STATUS_USAGE. */
int usage_of(const struct cli *cli);

command_fn login_run, logout_run, devices_run, alerts_run, watch_run, answer_run, approve_run, code_run, deny_run;
command_fn backup_init_run, backup_run_run, backup_forget_run, backup_status_run, restore_run;
command_fn operator_run, account_list_run, backup_database_run;

#endif
