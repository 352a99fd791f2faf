/*
 * What tells the main database that this is the one that belongs to it: a random id that is made once, and whether
 * there is anything here that would be missed. No secret, and nobody is let in by it.
 */
#include "keeper/pair.h"

extern const struct store_stmt PAIR_ADD, PAIR_GET, PAIR_HOLDS;

const struct store_stmt PAIR_ADD = {
    .name = "keeper_pair_add",
    .in = "b",
    .out = "",
    .sql = "INSERT INTO setting (name, value) VALUES ('pair', ?1) ON CONFLICT (name) DO NOTHING",
};
const struct store_stmt PAIR_GET = {
    .name = "keeper_pair_get", .in = "", .out = "b", .sql = "SELECT value FROM setting WHERE name = 'pair'"
};
const struct store_stmt PAIR_HOLDS = {
    .name = "keeper_pair_holds",
    .in = "",
    .out = "i",
    .sql = "SELECT count(*) FROM (SELECT 1 FROM credential LIMIT 1) c",
};

enum err pair_tell(struct store_tx *tx, void *step) {
    struct step *s = step;
    struct store_val id[1], n[1];
    enum err r = store_one(tx, &PAIR_GET, NULL, s->arena, id);
    if (r == ERR_NOT_FOUND) {
        struct pair_id fresh;
        id_new(fresh.b);
        r = store_exec(tx, &PAIR_ADD, S_IN(S_B(fresh.b)), NULL);
        if (r == OK) r = store_one(tx, &PAIR_GET, NULL, s->arena, id); /* another node's may have come first */
    }
    if (r == OK) r = store_one(tx, &PAIR_HOLDS, NULL, s->arena, n);
    if (r != OK) return r;
    if (id[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(s->j->r.pair.b, id[0].s.p, ID_BYTES);
    s->j->r.holds_credentials = n[0].i > 0;
    job_say(s->j, KEEPER_RIGHT);
    return OK;
}
