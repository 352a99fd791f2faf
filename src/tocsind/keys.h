/*
 * The keys on disk: data/keys/NAME.key, mode 0600, made at the first start. The supervisor has them read and hands each
 * child its own. A pepper that is missing beside an existing credential database is never made anew: that would lock
 * everybody out.
 */
#ifndef TOCSIN_TOCSIND_KEYS_H
#define TOCSIN_TOCSIND_KEYS_H

#include "config/config.h"
#include "tocsind/data.h"
#include "tocsind/sandbox.h"
#include "tocsind/wire.h"

/* What tocsin-keys is started with, and what it writes before it ends. */
#define KEYS_ARG_CREDENTIALS "credentials" /* there is a database of them, which the pepper belongs to */
enum keys_fd { KEYS_FD_FOLDER = 0, KEYS_FD_ANSWER = 1 };
struct keys_answer {
    enum err result;
    struct config_problem problem;
    struct child_keys keys;
};

/* Runs tocsin-keys, which stands in `folder`. ERR_CORRUPT, ERR_IO, ERR_REFUSED (the pepper's case): *ret_problem says
 * what to do. */
enum err keys_load(const char *folder, const struct data *data, struct child_keys *ret_keys,
                   struct config_problem *ret_problem) MUST_CHECK;
/* The part of `all` that the role may hold; the rest is zero. */
void keys_for(enum sandbox_role role, const struct child_keys *all, struct child_keys *ret_keys);
/* The files that the configuration names: the mail password, the secret of S3's key. */
enum err keys_read_files(const struct config *c, struct child_keys *keys,
                         struct config_problem *ret_problem) MUST_CHECK;

#endif
