/* The id by which this database and the keeper's know each other, and whether there is anybody here at all. */
#include "identity/identity_priv.h"

const struct store_stmt PAIR_READ = {
    .name = "pair_read", .in = "", .out = "b", .sql = "SELECT value FROM setting WHERE name = 'pair'"
};
const struct store_stmt PAIR_SET = {
    .name = "pair_set",
    .in = "b",
    .out = "",
    .sql = "INSERT INTO setting (name, value) VALUES ('pair', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
};
const struct store_stmt PAIR_HOLDS_ACCOUNTS = {
    .name = "pair_holds_accounts",
    .in = "",
    .out = "i",
    .sql = "SELECT count(*) FROM (SELECT 1 FROM account LIMIT 1) a",
};

static enum err on_id(void *ctx, const struct store_val *v) {
    struct pair *p = ctx;
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(p->id.b, v[0].s.p, ID_BYTES);
    p->has_id = true;
    return OK;
}

static enum err on_count(void *ctx, const struct store_val *v) {
    ((struct pair *)ctx)->holds_accounts = v[0].i > 0;
    return OK;
}

enum err pair_read(struct store_tx *tx, struct pair *ret) {
    struct pair p = { .has_id = false };
    enum err r = store_each(tx, &PAIR_READ, NULL, on_id, &p);
    if (r == OK) r = store_each(tx, &PAIR_HOLDS_ACCOUNTS, NULL, on_count, &p);
    if (r == OK) *ret = p;
    return r;
}

enum err pair_set(struct store_tx *tx, struct pair_id id) { return store_exec(tx, &PAIR_SET, S_IN(S_B(id.b)), NULL); }
