/* Credentials and known devices. `rev` names one password or key among its successors: a proof counts for that one. */
#include "base/secret.h"
#include "keeper/record.h"

extern const struct store_stmt CREDENTIAL_LOAD, CREDENTIAL_FIRST, CREDENTIAL_PUT, CREDENTIAL_PUT_BACK,
    CREDENTIAL_REHASH, CREDENTIAL_LOCK;
extern const struct store_stmt CREDENTIAL_FORGET, KNOWN_DEVICE_FIND, KNOWN_DEVICE_ADD, KNOWN_DEVICE_DROP,
    KNOWN_DEVICE_FORGET;

const struct store_stmt CREDENTIAL_LOAD = {
    .name = "keeper_credential_load",
    .in = "bi",
    .out = "iiibbbii",
    .sql = "SELECT scheme, memory_kib, passes, pepper_id, salt, hash, rev, is_locked FROM credential"
           " WHERE account_id = ?1 AND kind = ?2 FOR UPDATE",
};
const struct store_stmt CREDENTIAL_FIRST = {
    .name = "keeper_credential_first",
    .in = "biibiibbi",
    .out = "",
    .sql =
        "INSERT INTO credential (account_id, kind, scheme, pepper_id, memory_kib, passes, salt, hash, rev, is_locked,"
        " made_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, 0, ?9) ON CONFLICT (account_id, kind) DO NOTHING",
};
const struct store_stmt CREDENTIAL_PUT = {
    .name = "keeper_credential_put",
    .in = "biibiibbi",
    .out = "",
    .sql =
        "INSERT INTO credential (account_id, kind, scheme, pepper_id, memory_kib, passes, salt, hash, rev, is_locked,"
        " made_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, 0, ?9)"
        " ON CONFLICT (account_id, kind) DO UPDATE SET scheme = ?3, pepper_id = ?4, memory_kib = ?5, passes = ?6,"
        " salt = ?7, hash = ?8, rev = credential.rev + 1, is_locked = 0, made_ms = ?9",
};
const struct store_stmt CREDENTIAL_PUT_BACK = {
    .name = "keeper_credential_put_back",
    .in = "biibiibbii",
    .out = "",
    .sql = "UPDATE credential SET scheme = ?3, pepper_id = ?4, memory_kib = ?5, passes = ?6, salt = ?7, hash = ?8,"
           " made_ms = ?9, is_locked = ?10, rev = rev + 1 WHERE account_id = ?1 AND kind = ?2",
};
const struct store_stmt CREDENTIAL_REHASH = {
    .name = "keeper_credential_rehash",
    .in = "biibiibb",
    .out = "",
    .sql = "UPDATE credential SET pepper_id = ?4, memory_kib = ?5, passes = ?6, salt = ?7, hash = ?8"
           " WHERE account_id = ?1 AND kind = ?2 AND rev = ?3",
};
const struct store_stmt CREDENTIAL_LOCK = {
    .name = "keeper_credential_lock",
    .in = "bi",
    .out = "",
    .sql = "UPDATE credential SET is_locked = 1 WHERE account_id = ?1 AND kind = ?2",
};
const struct store_stmt CREDENTIAL_FORGET = {
    .name = "keeper_credential_forget",
    .in = "b",
    .out = "",
    .sql = "DELETE FROM credential WHERE account_id = ?1",
};
const struct store_stmt KNOWN_DEVICE_FORGET = {
    .name = "keeper_device_forget",
    .in = "b",
    .out = "",
    .sql = "DELETE FROM known_device WHERE account_id = ?1",
};
const struct store_stmt KNOWN_DEVICE_FIND = {
    .name = "keeper_device_find",
    .in = "bb",
    .out = "i",
    .sql = "SELECT since_ms FROM known_device WHERE account_id = ?1 AND device_id = ?2",
};
const struct store_stmt KNOWN_DEVICE_ADD = {
    .name = "keeper_device_add",
    .in = "bbi",
    .out = "",
    .sql = "INSERT INTO known_device (account_id, device_id, since_ms) VALUES (?1, ?2, ?3)"
           " ON CONFLICT (account_id, device_id) DO NOTHING",
};
const struct store_stmt KNOWN_DEVICE_DROP = {
    .name = "keeper_device_drop",
    .in = "bb",
    .out = "",
    .sql = "DELETE FROM known_device WHERE account_id = ?1 AND device_id = ?2",
};

static int scheme_of(enum credential_kind kind) {
    return kind == CREDENTIAL_PASSWORD ? SCHEME_ARGON2ID : SCHEME_KEYED_BLAKE2B;
}

enum err credential_load(struct store_tx *tx, const struct step *s, enum credential_kind kind, struct credential *ret) {
    struct store_val c[8];
    *ret = (struct credential){ 0 };
    enum err r = store_one(tx, &CREDENTIAL_LOAD, S_IN(S_B(s->j->q.account.b), S_I(kind)), s->arena, c);
    if (r == ERR_NOT_FOUND) return OK;
    if (r != OK) return r;
    if (c[0].i != scheme_of(kind) || c[3].s.n != PEPPER_ID_BYTES || c[4].s.n != PASSWORD_SALT_BYTES ||
        c[5].s.n != PASSWORD_HASH_BYTES)
        return ERR_CORRUPT;
    ret->is_there = true;
    ret->hash.cost = (struct password_cost){ .memory_kib = c[1].i, .passes = c[2].i };
    memcpy(ret->hash.pepper_id, c[3].s.p, PEPPER_ID_BYTES);
    memcpy(ret->hash.salt, c[4].s.p, PASSWORD_SALT_BYTES);
    memcpy(ret->hash.hash, c[5].s.p, PASSWORD_HASH_BYTES);
    ret->rev = c[6].i;
    ret->is_locked = c[7].i != 0;
    return OK;
}

static enum err put(struct store_tx *tx, const struct step *s, enum credential_kind kind, bool is_first,
                    const struct password_hash *h) {
    int64_t changed = 0;
    enum err r =
        store_exec(tx, is_first ? &CREDENTIAL_FIRST : &CREDENTIAL_PUT,
                   S_IN(S_B(s->j->q.account.b), S_I(kind), S_I(scheme_of(kind)), S_B(h->pepper_id),
                        S_I(h->cost.memory_kib), S_I(h->cost.passes), S_B(h->salt), S_B(h->hash), S_I(s->now_ms)),
                   &changed);
    if (r == OK && changed != 1) r = ERR_CONFLICT; /* another sign-up came first */
    if (r != OK) return r;
    return failure_clear(tx, s->j->q.account, kind == CREDENTIAL_PASSWORD ? BUDGET_PASSWORD : BUDGET_RECOVERY_KEY);
}

enum err credential_first(struct store_tx *tx, const struct step *s, enum credential_kind kind,
                          const struct password_hash *h) {
    return put(tx, s, kind, true, h);
}

enum err credential_put(struct store_tx *tx, const struct step *s, enum credential_kind kind,
                        const struct password_hash *h) {
    return put(tx, s, kind, false, h);
}

enum err credential_put_back(struct store_tx *tx, const struct step *s, enum credential_kind kind,
                             const struct password_hash *h) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &CREDENTIAL_PUT_BACK,
                            S_IN(S_B(s->j->q.account.b), S_I(kind), S_I(scheme_of(kind)), S_B(h->pepper_id),
                                 S_I(h->cost.memory_kib), S_I(h->cost.passes), S_B(h->salt), S_B(h->hash),
                                 S_I(s->now_ms), S_I(kind == CREDENTIAL_PASSWORD)),
                            &changed);
    return r == OK && changed != 1 ? ERR_CONFLICT : r;
}

enum err credential_rehash(struct store_tx *tx, const struct step *s, int64_t rev, const struct password_hash *h) {
    int64_t changed;
    return store_exec(tx, &CREDENTIAL_REHASH,
                      S_IN(S_B(s->j->q.account.b), S_I(CREDENTIAL_PASSWORD), S_I(rev), S_B(h->pepper_id),
                           S_I(h->cost.memory_kib), S_I(h->cost.passes), S_B(h->salt), S_B(h->hash)),
                      &changed);
}

enum err credential_lock(struct store_tx *tx, const struct step *s) {
    int64_t changed;
    return store_exec(tx, &CREDENTIAL_LOCK, S_IN(S_B(s->j->q.account.b), S_I(CREDENTIAL_PASSWORD)), &changed);
}

enum err credentials_forget(struct store_tx *tx, const struct step *s) {
    int64_t changed;
    enum err r = store_exec(tx, &CREDENTIAL_FORGET, S_IN(S_B(s->j->q.account.b)), &changed);
    return r == OK ? store_exec(tx, &KNOWN_DEVICE_FORGET, S_IN(S_B(s->j->q.account.b)), &changed) : r;
}

enum err known_device_find(struct store_tx *tx, const struct step *s, struct device_id device, bool *ret_is_known) {
    struct store_val c[1];
    *ret_is_known = false;
    if (id_is_zero(device.b)) return OK;
    enum err r = store_one(tx, &KNOWN_DEVICE_FIND, S_IN(S_B(s->j->q.account.b), S_B(device.b)), s->arena, c);
    *ret_is_known = r == OK;
    return r == ERR_NOT_FOUND ? OK : r;
}

enum err known_device_bucket(struct store_tx *tx, const struct step *s, struct device_id device,
                             struct device_id *ret_bucket) {
    bool is_known = false;
    enum err r = known_device_find(tx, s, device, &is_known);
    if (r == OK) *ret_bucket = is_known ? device : (struct device_id){ { 0 } };
    return r;
}

enum err known_device_add(struct store_tx *tx, const struct step *s, struct device_id device) {
    int64_t changed;
    if (id_is_zero(device.b)) return OK;
    return store_exec(tx, &KNOWN_DEVICE_ADD, S_IN(S_B(s->j->q.account.b), S_B(device.b), S_I(s->now_ms)), &changed);
}

enum err known_device_drop(struct store_tx *tx, const struct step *s, struct device_id device) {
    int64_t changed;
    return store_exec(tx, &KNOWN_DEVICE_DROP, S_IN(S_B(s->j->q.account.b), S_B(device.b)), &changed);
}
