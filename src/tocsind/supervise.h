/*
 * The supervisor's loop: starts the three children, restarts what ends (with a growing pause), hands new log files on,
 * and at SIGTERM lets the front drain before it ends the others. Parses nothing from outside.
 */
#ifndef TOCSIN_TOCSIND_SUPERVISE_H
#define TOCSIN_TOCSIND_SUPERVISE_H

#include "config/config.h"
#include "tocsind/data.h"
#include "tocsind/wire.h"

struct supervise_options {
    struct config *config;         /* [mail] and [push] are taken anew at SIGHUP */
    const char *config_path;       /* NULL in embedded mode */
    const struct child_keys *keys; /* all of them */
    const struct data *data;
    const int *listeners; /* keys->listener_count of them */
    int metrics_fd;       /* or -1 */
    const char *folder;   /* where the executables of the children are */
};
/* Returns when every child has ended: as it was told to, or with ERR_REFUSED when one refused what is stored at the
 * start. */
enum err supervise_run(const struct supervise_options *o) MUST_CHECK;

#endif
