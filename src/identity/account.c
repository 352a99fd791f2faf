/* Accounts: their state and epoch, and how one ends. */
#include "base/clock.h"
#include "identity/identity_priv.h"

const struct store_stmt ACCOUNT_ADD = {
    .name = "account_add",
    .in = "bttiii",
    .out = "",
    .sql = "INSERT INTO account (account_id, email, name, state, epoch, created_ms, leaves_ms)"
           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)"
           " ON CONFLICT (account_id) DO NOTHING",
};
const struct store_stmt ACCOUNT_GET = {
    .name = "account_get",
    .in = "b",
    .out = "ttiiii",
    .sql = "SELECT email, name, state, epoch, created_ms, leaves_ms FROM account WHERE account_id = ?1 FOR UPDATE",
};
const struct store_stmt ACCOUNT_READ = {
    .name = "account_read",
    .in = "b",
    .out = "ttiiii",
    .sql = "SELECT email, name, state, epoch, created_ms, leaves_ms FROM account WHERE account_id = ?1",
};
const struct store_stmt ACCOUNT_SET_STATE = {
    .name = "account_set_state",
    .in = "bii",
    .out = "",
    .sql = "UPDATE account SET state = CASE WHEN leaves_ms = 0 THEN ?2 ELSE state END, epoch = epoch + ?3"
           " WHERE account_id = ?1",
};
const struct store_stmt ACCOUNT_RETURN = {
    .name = "account_return",
    .in = "b",
    .out = "",
    .sql = "UPDATE account SET state = 2, leaves_ms = 0 WHERE account_id = ?1 AND leaves_ms <> 0",
};
const struct store_stmt ACCOUNT_SET_EMAIL = {
    .name = "account_set_email",
    .in = "bt",
    .out = "",
    .sql = "UPDATE account SET email = ?2 WHERE account_id = ?1",
};
const struct store_stmt ACCOUNT_LEAVE = {
    .name = "account_leave",
    .in = "bi",
    .out = "",
    .sql = "UPDATE account SET state = 3, epoch = epoch + 1, leaves_ms = ?2 WHERE account_id = ?1",
};
const struct store_stmt ACCOUNT_LEAVING = {
    .name = "account_leaving",
    .in = "i",
    .out = "b",
    .sql = "SELECT account_id FROM account WHERE leaves_ms <> 0 AND leaves_ms <= ?1 ORDER BY leaves_ms LIMIT 20",
};
enum err account_create(struct store_tx *tx, const struct account *acc) {
    int64_t changed = 0;
    enum err r = address_take(tx, acc->email, acc->id, acc->created_ms);
    if (r != OK) return r;
    r = store_exec(
        tx, &ACCOUNT_ADD,
        S_IN(S_B(acc->id.b), S_S(acc->email), S_S(acc->name), S_I(acc->state), S_I(acc->epoch), S_I(acc->created_ms)),
        &changed);
    if (r != OK) return r;
    if (changed == 0) return ERR_CONFLICT;
    return contact_add(tx, acc->id, acc->email, acc->created_ms);
}

static enum err fill_account(struct account_id id, const struct store_val *v, struct account *ret) {
    if (v[2].i < ACCOUNT_NORMAL || v[2].i > ACCOUNT_LEAVING_SOON) return ERR_CORRUPT;
    *ret = (struct account){ .id = id,
                             .email = v[0].s,
                             .name = v[1].s,
                             .state = (enum account_state)v[2].i,
                             .epoch = v[3].i,
                             .created_ms = v[4].i,
                             .leaves_ms = v[5].i };
    return OK;
}

enum err account_get(struct store_tx *tx, struct account_id id, struct arena *a, struct account *ret) {
    struct store_val v[6];
    enum err r = store_one(tx, &ACCOUNT_READ, S_IN(S_B(id.b)), a, v);
    return r == OK ? fill_account(id, v, ret) : r;
}

enum err account_lock_row(struct store_tx *tx, struct account_id id, struct arena *a, struct account *ret) {
    struct store_val v[6];
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

enum err account_set_email(struct store_tx *tx, struct account_id id, struct str email) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &ACCOUNT_SET_EMAIL, S_IN(S_B(id.b), S_S(email)), &changed);
    if (r != OK) return r;
    return changed == 1 ? identity_tell(tx, id) : ERR_NOT_FOUND;
}

enum err account_leave(struct store_tx *tx, struct account_id id, int64_t leaves_ms) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &ACCOUNT_LEAVE, S_IN(S_B(id.b), S_I(leaves_ms)), &changed);
    if (r != OK) return r;
    return changed == 1 ? identity_tell(tx, id) : ERR_NOT_FOUND;
}

enum err account_return(struct store_tx *tx, const struct account *acc, int64_t now_ms) {
    enum err r = address_take(tx, acc->email, acc->id, now_ms);
    if (r == OK) r = store_exec(tx, &ACCOUNT_RETURN, S_IN(S_B(acc->id.b)), NULL);
    return r == OK ? identity_tell(tx, acc->id) : r;
}

struct each_account {
    account_fn *fn;
    void *ctx;
};

static enum err on_leaving(void *ctx, const struct store_val *v) {
    struct each_account *e = ctx;
    struct account_id id;
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(id.b, v[0].s.p, ID_BYTES);
    return e->fn(e->ctx, id);
}

enum err account_each_leaving(struct store_tx *tx, int64_t now_ms, account_fn *fn, void *ctx) {
    struct each_account e = { fn, ctx };
    return store_each(tx, &ACCOUNT_LEAVING, S_IN(S_I(now_ms)), on_leaving, &e);
}

#define FORGET(CAPS, table)                                                                                            \
    const struct store_stmt FORGET_##CAPS = {                                                                          \
        .name = "forget_" table, .in = "b", .out = "", .sql = "DELETE FROM " table " WHERE account_id = ?1"            \
    };
FORGET(CONTACT, "contact")
FORGET(DEVICE, "device")
FORGET(OLD_TOKEN, "old_token")
FORGET(SESSION, "session")
FORGET(PUSH, "push_subscription")
FORGET(PLACE, "account_place")
FORGET(PASSKEY, "passkey")
FORGET(ROLE, "account_role")
FORGET(BACKUP_TOKEN, "backup_token")
FORGET(ACCOUNT, "account")

/* The address is not the account's any more, and its row says only that it was once somebody's. */
const struct store_stmt FORGET_ADDRESS = {
    .name = "forget_address",
    .in = "bb",
    .out = "",
    .sql = "UPDATE address SET account_id = ?2, until_ms = CASE WHEN until_ms = 0 THEN 1 ELSE until_ms END"
           " WHERE account_id = ?1",
};

enum err account_forget(struct store_tx *tx, struct account_id id) {
    static const struct store_stmt *const all[] = { &FORGET_CONTACT, &FORGET_DEVICE, &FORGET_OLD_TOKEN,
                                                    &FORGET_SESSION, &FORGET_PUSH,   &FORGET_PLACE,
                                                    &FORGET_PASSKEY, &FORGET_ROLE,   &FORGET_BACKUP_TOKEN,
                                                    &FORGET_ACCOUNT };
    static const struct account_id nobody;
    enum err r = store_exec(tx, &FORGET_ADDRESS, S_IN(S_B(id.b), S_B(nobody.b)), NULL);
    for (size_t i = 0; i < ARRAY_LEN(all) && r == OK; i++) r = store_exec(tx, all[i], S_IN(S_B(id.b)), NULL);
    return r == OK ? identity_tell(tx, id) : r;
}
