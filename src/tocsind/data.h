/* The data folder: made, owned and opened as the processes need it. */
#ifndef TOCSIN_TOCSIND_DATA_H
#define TOCSIN_TOCSIND_DATA_H

#include "config/config.h"

struct data {
    int folder_fd, keys_fd, lock_fd, control_fd; /* -1 when not open */
    bool has_credentials;                        /* a keeper database is there, or may be on PostgreSQL */
};

/*
 * Makes data/{front,keeper,mail,keys} (as root: given to the users of the processes, which must exist), takes the lock
 * that keeps a second tocsind out, and listens on data/control.sock. On failure *ret_problem says what to do.
 */
enum err data_open(const struct config *c, struct data *ret, struct config_problem *ret_problem) MUST_CHECK;
/* A listening TCP socket on "ADDRESS:PORT". */
enum err data_listen(const char *address, bool is_shared, int *ret_fd, struct config_problem *ret_problem) MUST_CHECK;

#endif
