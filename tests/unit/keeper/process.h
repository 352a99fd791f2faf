/*
 * The real keeper as a process of its own, behind a socket pair whose both ends the test keeps, as the supervisor does:
 * so it can be killed and started again on the same socket. The test's own executable is run again as the keeper.
 */
#ifndef TOCSIN_TESTS_KEEPER_PROCESS_H
#define TOCSIN_TESTS_KEEPER_PROCESS_H

#include <sys/types.h>

#include "world.h"

struct process {
    struct world *w;
    int front_fd, keeper_fd;
    pid_t pid;
};

/* In main, first: does not return when this run is to be the keeper. */
void process_maybe_be_keeper(int argc, char **argv);
void process_open(struct process *p, struct world *w); /* the sockets, and the first keeper */
void process_start(struct process *p);
void process_kill(struct process *p);     /* SIGKILL */
int process_stop(struct process *p);      /* SIGTERM; its exit status */
bool process_is_alive(struct process *p); /* and has not crashed */
void process_close(struct process *p);

#endif
