/*
 * Main database and keeper's belong together. One that is new beside one that is full was lost: to go on would lock
 * everybody out, or take the addresses of all for free. So they know each other by an id, which the keeper's has from
 * its first start on, and the main one as soon as both are seen to be new (or both full, from before there were ids).
 */
#include "guard/guard_priv.h"

#include <stdio.h>

struct pairing {
    const struct keeper_reply *keeper;
    struct store_problem *problem;
};

/* They have not met, or not lately. */
static bool belong_together(const struct pair *main, const struct keeper_reply *keeper) {
    if (main->has_id && main->holds_accounts && keeper->holds_credentials) return false; /* of two installations */
    return main->holds_accounts == keeper->holds_credentials;
}

static enum err pair_tx(struct store_tx *tx, void *ctx) {
    const struct pairing *p = ctx;
    struct pair main;
    enum err r = pair_read(tx, &main);
    if (r != OK) return r;
    if (main.has_id && id_eq(main.id.b, p->keeper->pair.b)) return OK;
    if (belong_together(&main, p->keeper)) return pair_set(tx, p->keeper->pair);
    const char *what = main.holds_accounts == p->keeper->holds_credentials ? "are of two different installations"
                       : main.holds_accounts ? "don't belong together: the keeper's is new or another one"
                                             : "don't belong together: the main one is new or another one";
    (void)snprintf(p->problem->text, sizeof p->problem->text,
                   "the main database and the keeper's %s, so one was lost or mixed up; put both back from the same "
                   "backup (front/main.db and keeper/keeper.db in the data directory, or what [data] database and "
                   "keeper_database name). To begin anew without any account, move both away",
                   what);
    return ERR_CORRUPT;
}

enum err guard_pair(struct guard *g, const struct keeper_reply *reply, struct store_problem *ret_problem) {
    ret_problem->text[0] = 0;
    if (reply->say != KEEPER_RIGHT) return ERR_BUSY;
    return store_write(g->o.store, pair_tx, &(struct pairing){ reply, ret_problem });
}
