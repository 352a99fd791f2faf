/* Accounts, their addresses and contacts. */
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
    .name = "address_get", .in = "t", .out = "b", .sql = "SELECT account_id FROM address WHERE email = ?1"
};
const struct store_stmt ADDRESS_ADD = {
    .name = "address_add",
    .in = "tbi",
    .out = "",
    .sql = "INSERT INTO address (email, account_id, since_ms) VALUES (?1, ?2, ?3) ON CONFLICT (email) DO NOTHING",
};
const struct store_stmt ACCOUNT_ADD = {
    .name = "account_add",
    .in = "bttiii",
    .out = "",
    .sql = "INSERT INTO account (account_id, email, name, state, epoch, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
           " ON CONFLICT (account_id) DO NOTHING",
};
const struct store_stmt ACCOUNT_GET = {
    .name = "account_get",
    .in = "b",
    .out = "ttiii",
    .sql = "SELECT email, name, state, epoch, created_ms FROM account WHERE account_id = ?1 FOR UPDATE",
};
const struct store_stmt ACCOUNT_READ = {
    .name = "account_read",
    .in = "b",
    .out = "ttiii",
    .sql = "SELECT email, name, state, epoch, created_ms FROM account WHERE account_id = ?1",
};
const struct store_stmt ACCOUNT_SET_STATE = {
    .name = "account_set_state",
    .in = "bii",
    .out = "",
    .sql = "UPDATE account SET state = ?2, epoch = epoch + ?3 WHERE account_id = ?1",
};
const struct store_stmt CONTACT_ADD = {
    .name = "contact_add",
    .in = "bbti",
    .out = "",
    .sql = "INSERT INTO contact (account_id, id, email, added_ms, removed_ms) VALUES (?1, ?2, ?3, ?4, 0)"
           " ON CONFLICT (account_id, id) DO NOTHING",
};
const struct store_stmt CONTACT_EACH = {
    .name = "contact_each",
    .in = "bi",
    .out = "btii",
    .sql = "SELECT id, email, added_ms, removed_ms FROM contact WHERE account_id = ?1 AND (removed_ms = 0 OR "
           "removed_ms > ?2)"
           " ORDER BY added_ms, id",
};

#define REMOVED_CONTACT_MS (7 * MS_PER_DAY)

/* A stable id for an address without an account: nobody can tell it from a real one, nor find the address from it. */
enum err address_stand_in(struct store_tx *tx, struct str email, struct arena *a, struct account_id *ret) {
    struct store_val v[1];
    uint8_t hash[HASH_BYTES];
    enum err r = store_one(tx, &SETTING_GET, S_IN(S_Z("salt")), a, v);
    if (r == ERR_NOT_FOUND) {
        uint8_t salt[KEY_BYTES];
        crypto_random(salt, sizeof salt);
        if ((r = store_exec(tx, &SETTING_ADD, S_IN(S_Z("salt"), S_B(salt)), NULL)) != OK) return r;
        r = store_one(tx, &SETTING_GET, S_IN(S_Z("salt")), a, v);
    }
    if (r != OK) return r;
    if (v[0].s.n != KEY_BYTES) return ERR_CORRUPT;
    crypto_mac((const uint8_t *)v[0].s.p, "tocsin stand-in account", email, hash);
    memcpy(ret->b, hash, ID_BYTES);
    return OK;
}

enum err address_find(struct store_tx *tx, struct str email, struct arena *a, struct account_id *ret_account,
                      bool *ret_exists) {
    struct store_val v[1];
    struct account_id unknown = { { 0 } };
    enum err r = address_stand_in(tx, email, a, &unknown); /* always, so that both ways cost the same */
    if (r != OK) return r;
    r = store_one(tx, &ADDRESS_GET, S_IN(S_S(email)), a, v);
    if (r != OK && r != ERR_NOT_FOUND) return r;
    if (r == OK && v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    *ret_exists = r == OK;
    *ret_account = unknown;
    if (r == OK) memcpy(ret_account->b, v[0].s.p, ID_BYTES);
    return OK;
}

enum err account_create(struct store_tx *tx, const struct account *acc) {
    struct contact_id contact;
    int64_t changed = 0;
    enum err r = store_exec(tx, &ADDRESS_ADD, S_IN(S_S(acc->email), S_B(acc->id.b), S_I(acc->created_ms)), &changed);
    if (r != OK) return r;
    if (changed == 0) return ERR_CONFLICT;
    r = store_exec(
        tx, &ACCOUNT_ADD,
        S_IN(S_B(acc->id.b), S_S(acc->email), S_S(acc->name), S_I(acc->state), S_I(acc->epoch), S_I(acc->created_ms)),
        &changed);
    if (r != OK) return r;
    if (changed == 0) return ERR_CONFLICT;
    id_new(contact.b);
    return store_exec(tx, &CONTACT_ADD, S_IN(S_B(acc->id.b), S_B(contact.b), S_S(acc->email), S_I(acc->created_ms)),
                      NULL);
}

static enum err fill_account(struct account_id id, const struct store_val *v, struct account *ret) {
    if (v[2].i != ACCOUNT_NORMAL && v[2].i != ACCOUNT_LOCKED_DOWN) return ERR_CORRUPT;
    *ret = (struct account){ .id = id,
                             .email = v[0].s,
                             .name = v[1].s,
                             .state = (enum account_state)v[2].i,
                             .epoch = v[3].i,
                             .created_ms = v[4].i };
    return OK;
}

enum err account_get(struct store_tx *tx, struct account_id id, struct arena *a, struct account *ret) {
    struct store_val v[5];
    enum err r = store_one(tx, &ACCOUNT_READ, S_IN(S_B(id.b)), a, v);
    return r == OK ? fill_account(id, v, ret) : r;
}

enum err account_lock_row(struct store_tx *tx, struct account_id id, struct arena *a, struct account *ret) {
    struct store_val v[5];
    enum err r = store_one(tx, &ACCOUNT_GET, S_IN(S_B(id.b)), a, v);
    return r == OK ? fill_account(id, v, ret) : r;
}

enum err identity_tell(struct store_tx *tx, struct account_id id) {
    char text[ID_TEXT_SIZE];
    id_text(id.b, text);
    return store_notify(tx, "tocsin_account", text);
}

enum err account_set_state(struct store_tx *tx, struct account_id id, enum account_state state, bool sign_out) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &ACCOUNT_SET_STATE, S_IN(S_B(id.b), S_I(state), S_I(sign_out ? 1 : 0)), &changed);
    if (r != OK) return r;
    return changed == 1 ? identity_tell(tx, id) : ERR_NOT_FOUND;
}

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
    return store_each(tx, &CONTACT_EACH, S_IN(S_B(id.b), S_I(now_ms - REMOVED_CONTACT_MS)), on_contact, &e);
}
