/*
 * How each of the three children begins: takes what the supervisor handed over (wire.h), drops privileges, closes what
 * it does not need, enters its sandbox, and only then starts its first thread. Call child_begin first thing in main;
 * nothing foreign was read before.
 */
#ifndef TOCSIN_TOCSIND_CHILD_H
#define TOCSIN_TOCSIND_CHILD_H

#include "config/config.h"
#include "tocsind/sandbox.h"
#include "tocsind/wire.h"

struct child {
    struct config config;
    struct child_keys *keys; /* locked memory; only the role's own keys are filled */
    int mail_fd;             /* directory of mail files: front reads it in embedded mode, courier writes it; else -1 */
    int backup_fd;           /* front: the folder of backups, where they lie in one; else -1 */
    volatile int stop;       /* non-zero once SIGTERM came or the supervisor is gone */
    const char *database;    /* front, keeper: what store_open takes */
};

/*
 * Fills *c, or logs why not and returns the error. The current directory is the role's own folder (data/front,
 * data/keeper); databases are opened through it, so that no parent folder need be readable. Starts the life-line
 * thread: when the supervisor goes, `stop` is set and the process ends within 2 s whatever it does.
 */
enum err child_begin(enum sandbox_role role, struct child *c) MUST_CHECK;
/* Tells the supervisor that this process serves now. */
void child_ready(void);
/* Wipes the keys. */
void child_end(struct child *c);
/* Ends this process, which could not begin; ERR_CORRUPT and ERR_NEWER are told apart from what a new start may heal.
 */
_Noreturn void child_fail(struct child *c, enum err r);

#endif
