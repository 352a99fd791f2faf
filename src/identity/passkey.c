/* Passkeys as their owner sees them: names and dates. What they are verified with is the keeper's. */
#include "identity/identity_priv.h"

const struct store_stmt PASSKEY_CREATE = {
    .name = "passkey_create",
    .in = "bbbti",
    .out = "",
    .sql = "INSERT INTO passkey (account_id, id, credential_id, name, made_ms, removed_ms)"
           " VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT (account_id, id) DO NOTHING",
};
const struct store_stmt PASSKEY_EACH = {
    .name = "passkey_each",
    .in = "b",
    .out = "bbti",
    .sql = "SELECT id, credential_id, name, made_ms FROM passkey WHERE account_id = ?1 AND removed_ms = 0"
           " ORDER BY made_ms, id",
};
const struct store_stmt PASSKEY_SET_REMOVED = {
    .name = "passkey_set_removed",
    .in = "bbi",
    .out = "",
    .sql = "UPDATE passkey SET removed_ms = ?3 WHERE account_id = ?1 AND id = ?2",
};
const struct store_stmt PASSKEY_DROP = {
    .name = "passkey_drop", .in = "bb", .out = "", .sql = "DELETE FROM passkey WHERE account_id = ?1 AND id = ?2"
};

enum err passkey_create(struct store_tx *tx, struct account_id account, const struct passkey *p) {
    int64_t changed = 0;
    enum err r =
        store_exec(tx, &PASSKEY_CREATE,
                   S_IN(S_B(account.b), S_B(p->id.b), S_S(p->credential_id), S_S(p->name), S_I(p->made_ms)), &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_CONFLICT;
}

struct each_passkey {
    passkey_fn *fn;
    void *ctx;
};

static enum err on_passkey(void *ctx, const struct store_val *v) {
    struct each_passkey *e = ctx;
    struct passkey p = { .credential_id = v[1].s, .name = v[2].s, .made_ms = v[3].i };
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(p.id.b, v[0].s.p, ID_BYTES);
    return e->fn(e->ctx, &p);
}

enum err passkey_each(struct store_tx *tx, struct account_id account, passkey_fn *fn, void *ctx) {
    struct each_passkey e = { fn, ctx };
    return store_each(tx, &PASSKEY_EACH, S_IN(S_B(account.b)), on_passkey, &e);
}

enum err passkey_set_removed(struct store_tx *tx, struct account_id account, struct passkey_id id, int64_t at_ms) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &PASSKEY_SET_REMOVED, S_IN(S_B(account.b), S_B(id.b), S_I(at_ms)), &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_NOT_FOUND;
}

enum err passkey_drop(struct store_tx *tx, struct account_id account, struct passkey_id id) {
    return store_exec(tx, &PASSKEY_DROP, S_IN(S_B(account.b), S_B(id.b)), NULL);
}
