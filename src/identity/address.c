/*
 * Addresses: the only way from an e-mail to an account. One that was given up stays its account's for a while, so that
 * a change can be taken back; after that it is free, and whoever signs up with it next gets another id.
 */
#include "base/clock.h"
#include "identity/identity_priv.h"

const struct store_stmt SETTING_GET = {
    .name = "setting_get", .in = "t", .out = "b", .sql = "SELECT value FROM setting WHERE name = ?1"
};
const struct store_stmt SETTING_ADD = {
    .name = "setting_add",
    .in = "tb",
    .out = "",
    .sql = "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
};
const struct store_stmt ADDRESS_GET = {
    .name = "address_get",
    .in = "t",
    .out = "bii",
    .sql = "SELECT account_id, until_ms, generation FROM address WHERE email = ?1",
};
/* ?3 is now: free when it was given up before that, or by this very account. */
const struct store_stmt ADDRESS_TAKE = {
    .name = "address_take",
    .in = "tbi",
    .out = "",
    .sql = "INSERT INTO address (email, account_id, since_ms, until_ms, generation) VALUES (?1, ?2, ?3, 0, 0)"
           " ON CONFLICT (email) DO UPDATE SET account_id = ?2, since_ms = ?3, until_ms = 0"
           " WHERE address.until_ms <> 0 AND (address.until_ms <= ?3 OR address.account_id = ?2)",
};
const struct store_stmt ADDRESS_GIVE_UP = {
    .name = "address_give_up",
    .in = "tbi",
    .out = "",
    .sql = "UPDATE address SET until_ms = ?3, generation = generation + 1"
           " WHERE email = ?1 AND account_id = ?2 AND until_ms = 0",
};

static enum err read_salt(struct store_tx *tx, struct arena *a, struct store_val v[1]) {
    uint8_t salt[KEY_BYTES];
    enum err r = store_one(tx, &SETTING_GET, S_IN(S_Z("salt")), a, v);
    if (r == ERR_NOT_FOUND) {
        crypto_random(salt, sizeof salt);
        if ((r = store_exec(tx, &SETTING_ADD, S_IN(S_Z("salt"), S_B(salt)), NULL)) != OK) return r;
        r = store_one(tx, &SETTING_GET, S_IN(S_Z("salt")), a, v);
    }
    if (r != OK) return r;
    return v[0].s.n == KEY_BYTES ? OK : ERR_CORRUPT;
}

struct row {
    struct account_id account;
    int64_t until_ms, generation;
    bool is_there;
};

static enum err on_row(void *ctx, const struct store_val *v) {
    struct row *row = ctx;
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(row->account.b, v[0].s.p, ID_BYTES);
    row->until_ms = v[1].i;
    row->generation = v[2].i;
    row->is_there = true;
    return OK;
}

/* A stable id for an address without an account: nobody can tell it from a real one, nor find the address from it. */
static enum err stand_in(struct arena *a, struct str salt, struct str email, int64_t generation,
                         struct account_id *ret) {
    uint8_t hash[HASH_BYTES];
    char *named = arena_fmt(a, "%.*s\n%lld", STR_FMT(email), (long long)generation);
    if (!named) return ERR_NOMEM;
    crypto_mac((const uint8_t *)salt.p, "tocsin stand-in account", generation ? str_from(named) : email, hash);
    memcpy(ret->b, hash, ID_BYTES);
    return OK;
}

enum err address_find(struct store_tx *tx, struct str email, int64_t now_ms, struct arena *a,
                      struct address_found *ret) {
    struct store_val salt[1];
    struct row row = { .is_there = false };
    struct address_found f = { .is = ADDRESS_FREE };
    enum err r = read_salt(tx, a, salt);
    if (r != OK || (r = store_each(tx, &ADDRESS_GET, S_IN(S_S(email)), on_row, &row)) != OK) return r;
    r = stand_in(a, salt[0].s, email, row.generation, &f.stand_in); /* always, so that both ways cost the same */
    if (r != OK) return r;
    f.account = f.stand_in;
    if (row.is_there && row.until_ms == 0) {
        f.is = ADDRESS_TAKEN;
        f.account = row.account;
    } else if (row.is_there && row.until_ms > now_ms) {
        f.is = ADDRESS_KEPT;
    }
    *ret = f;
    return OK;
}

enum err address_take(struct store_tx *tx, struct str email, struct account_id account, int64_t now_ms) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &ADDRESS_TAKE, S_IN(S_S(email), S_B(account.b), S_I(now_ms)), &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_CONFLICT;
}

enum err address_give_up(struct store_tx *tx, struct str email, struct account_id account, int64_t until_ms) {
    return store_exec(tx, &ADDRESS_GIVE_UP, S_IN(S_S(email), S_B(account.b), S_I(until_ms)), NULL);
}
