/*
 * restic, found on PATH, run with our repository and password. Both reach it through memory of ours that it reads as
 * files (RESTIC_REPOSITORY_FILE, RESTIC_PASSWORD_FILE), never as arguments or environment. Its output is the person's.
 */
#ifndef TOCSIN_CLI_RESTIC_H
#define TOCSIN_CLI_RESTIC_H

#include "base/secret.h"

#define RESTIC_ARGUMENTS_MAX 64

struct restic {
    const struct secret *repository, *password;
    const char *arguments[RESTIC_ARGUMENTS_MAX + 1]; /* without "restic"; NULL-ended */
    bool is_quiet;                                   /* its output goes nowhere */
};

/* restic's own exit status; -1 when it could not be run (said, with what to do). */
int restic_run(const struct restic *r);

#endif
