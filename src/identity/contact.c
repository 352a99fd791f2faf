/* Contacts: the addresses that alerts go to. One that was removed is told for a while longer. */
#include "base/clock.h"
#include "identity/identity_priv.h"

const struct store_stmt CONTACT_ADD = {
    .name = "contact_add",
    .in = "bbti",
    .out = "",
    .sql = "INSERT INTO contact (account_id, id, email, added_ms, removed_ms) VALUES (?1, ?2, ?3, ?4, 0)"
           " ON CONFLICT (account_id, id) DO NOTHING",
};
const struct store_stmt CONTACT_BACK = {
    .name = "contact_back",
    .in = "bt",
    .out = "",
    .sql = "UPDATE contact SET removed_ms = 0 WHERE account_id = ?1 AND email = ?2 AND removed_ms <> 0",
};
const struct store_stmt CONTACT_REMOVE = {
    .name = "contact_remove",
    .in = "bti",
    .out = "",
    .sql = "UPDATE contact SET removed_ms = ?3 WHERE account_id = ?1 AND email = ?2 AND removed_ms = 0",
};
const struct store_stmt CONTACT_DROP = {
    .name = "contact_drop",
    .in = "bt",
    .out = "",
    .sql = "DELETE FROM contact WHERE account_id = ?1 AND email = ?2",
};
const struct store_stmt CONTACT_EACH = {
    .name = "contact_each",
    .in = "bi",
    .out = "btii",
    .sql = "SELECT id, email, added_ms, removed_ms FROM contact WHERE account_id = ?1 AND (removed_ms = 0 OR "
           "removed_ms > ?2)"
           " ORDER BY added_ms, id",
};

struct each_contact {
    contact_fn *fn;
    void *ctx;
};

static enum err on_contact(void *ctx, const struct store_val *v) {
    struct each_contact *e = ctx;
    struct contact c = { .email = v[1].s, .added_ms = v[2].i, .removed_ms = v[3].i };
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(c.id.b, v[0].s.p, ID_BYTES);
    return e->fn(e->ctx, &c);
}

enum err contact_each(struct store_tx *tx, struct account_id id, int64_t now_ms, contact_fn *fn, void *ctx) {
    struct each_contact e = { fn, ctx };
    return store_each(tx, &CONTACT_EACH, S_IN(S_B(id.b), S_I(now_ms - ADDRESS_KEPT_MS)), on_contact, &e);
}

enum err contact_add(struct store_tx *tx, struct account_id account, struct str email, int64_t now_ms) {
    struct contact_id id;
    int64_t changed = 0;
    enum err r = store_exec(tx, &CONTACT_BACK, S_IN(S_B(account.b), S_S(email)), &changed);
    if (r != OK || changed > 0) return r;
    id_new(id.b);
    return store_exec(tx, &CONTACT_ADD, S_IN(S_B(account.b), S_B(id.b), S_S(email), S_I(now_ms)), NULL);
}

enum err contact_remove(struct store_tx *tx, struct account_id account, struct str email, int64_t now_ms) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &CONTACT_REMOVE, S_IN(S_B(account.b), S_S(email), S_I(now_ms)), &changed);
    if (r != OK) return r;
    return changed > 0 ? OK : ERR_NOT_FOUND;
}

enum err contact_drop(struct store_tx *tx, struct account_id account, struct str email) {
    return store_exec(tx, &CONTACT_DROP, S_IN(S_B(account.b), S_S(email)), NULL);
}
