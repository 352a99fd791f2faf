/* What the owners' commands share: the login and its client, and how alerts and attempts are shown. */
#ifndef TOCSIN_CLI_OWNER_H
#define TOCSIN_CLI_OWNER_H

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/home.h"

struct owner {
    struct login login;
    struct client *client;
};

/* False: nobody is signed in; said. Release it either way. */
bool owner_begin(struct owner *o);
void owner_release(struct owner *o);
/* A call with the session. `body` is taken, NULL for none. On STATUS_DONE *ret_body is the caller's. */
int owner_call(struct owner *o, const char *method, const char *path, json_t *body, json_t **ret_body);

/* A command about one attempt, by its id: method and what of it is asked for, "/code". Says what went wrong; release
 * the body either way. */
struct about_attempt {
    const char *method, *what;
};
int owner_ask_about(struct cli *cli, int argc, char **argv, const struct about_attempt *x, json_t **ret_body);
/* The one argument of a command that takes an id; NULL when it is none. */
const char *id_argument(int argc, char **argv);

void show_alert(const json_t *alert);
void show_attempt(const json_t *attempt);

#endif
