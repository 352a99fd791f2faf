/*
 * One attempt, from the terminal: opened, proved with what the person has, held as long as it must be, committed. The
 * functions say what goes wrong and return an exit status.
 */
#ifndef TOCSIN_CLI_ATTEMPT_H
#define TOCSIN_CLI_ATTEMPT_H

#include "cli/client.h"
#include "cli/home.h"

struct attempt {
    struct client *client;
    char id[ID_BYTES_MAX + 1];
    struct secret token;
    json_t *view; /* as the server last showed it */
};

/* `opening` is taken. `session` may be empty. */
int attempt_open(struct client *client, json_t *opening, struct str session, struct attempt *ret);
void attempt_release(struct attempt *a);
int attempt_prove(struct attempt *a); /* asks for proofs until they suffice */
/* Commits, waiting while it is held. `body` is taken. *ret_result is the caller's. Says a new recovery key, once. */
int attempt_commit(struct attempt *a, json_t *body, json_t **ret_result);

#endif
