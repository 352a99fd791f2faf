/*
 * What a process gives up for good before it reads a foreign byte: its user, new privileges, core dumps, all paths but
 * its own (Landlock) and all system calls but those it needs (seccomp). Call before the first thread: Landlock binds
 * only the calling thread and its heirs.
 */
#ifndef TOCSIN_TOCSIND_SANDBOX_H
#define TOCSIN_TOCSIND_SANDBOX_H

#include "base/str.h"

enum sandbox_role { SANDBOX_FRONT, SANDBOX_KEEPER, SANDBOX_COURIER };
#define SANDBOX_ROLE_COUNT 3

const char *sandbox_role_name(enum sandbox_role role); /* "tocsin-front": also the name of its user and executable */

struct sandbox_path {
    int fd;           /* an open folder or file; -1 to name it by path */
    const char *path; /* absent paths are passed over */
    bool is_writable, makes_folders;
};

struct sandbox {
    enum sandbox_role role;
    const struct sandbox_path *paths;
    size_t path_n;
    bool may_open_sockets; /* PostgreSQL, or the courier */
};

/* As root: becomes the role's user for good; otherwise nothing. ERR_NOT_FOUND when the user is missing. */
enum err sandbox_drop_user(enum sandbox_role role) MUST_CHECK;
/* no_new_privs, no core dumps, Landlock (where the kernel has it), seccomp. ERR_UNSUPPORTED when the kernel has no
 * seccomp. */
enum err sandbox_enter(const struct sandbox *s) MUST_CHECK;

/* The supervisor's: it must fork, exec and change users, so only what it never does is refused. Its children inherit
 * it. */
enum err sandbox_enter_supervisor(void) MUST_CHECK;

#endif
