/* Where an account has been: countries, and since when. */
#include "identity/identity_priv.h"

const struct store_stmt PLACE_NOTE = {
    .name = "place_note",
    .in = "bti",
    .out = "",
    .sql = "INSERT INTO account_place (account_id, country, since_ms) VALUES (?1, ?2, ?3)"
           " ON CONFLICT (account_id, country) DO NOTHING",
};
const struct store_stmt PLACE_SINCE = {
    .name = "place_since",
    .in = "bt",
    .out = "i",
    .sql = "SELECT since_ms FROM account_place WHERE account_id = ?1 AND country = ?2",
};

const struct store_stmt PLACE_EACH = {
    .name = "place_each",
    .in = "b",
    .out = "ti",
    .sql = "SELECT country, since_ms FROM account_place WHERE account_id = ?1 ORDER BY since_ms, country",
};

enum err place_note(struct store_tx *tx, struct account_id account, struct str country, int64_t since_ms) {
    return store_exec(tx, &PLACE_NOTE, S_IN(S_B(account.b), S_S(country), S_I(since_ms)), NULL);
}

struct since {
    int64_t ms;
    bool is_there;
};

static enum err on_since(void *ctx, const struct store_val *v) {
    struct since *s = ctx;
    *s = (struct since){ v[0].i, true };
    return OK;
}

enum err place_since(struct store_tx *tx, struct account_id account, struct str country, int64_t *ret_since_ms) {
    struct since s = { .is_there = false };
    enum err r = store_each(tx, &PLACE_SINCE, S_IN(S_B(account.b), S_S(country)), on_since, &s);
    if (r != OK) return r;
    if (!s.is_there) return ERR_NOT_FOUND;
    *ret_since_ms = s.ms;
    return OK;
}

struct each_place {
    place_fn *fn;
    void *ctx;
};

static enum err on_place(void *ctx, const struct store_val *v) {
    const struct each_place *e = ctx;
    return e->fn(e->ctx, v[0].s, v[1].i);
}

enum err place_each(struct store_tx *tx, struct account_id account, place_fn *fn, void *ctx) {
    struct each_place e = { fn, ctx };
    return store_each(tx, &PLACE_EACH, S_IN(S_B(account.b)), on_place, &e);
}
