/* The tokens of backup programs, one a device. They end with the device. */
#include "identity/identity_priv.h"

const struct store_stmt BACKUP_TOKEN_SET = {
    .name = "backup_token_set",
    .in = "bbbi",
    .out = "",
    .sql = "INSERT INTO backup_token (account_id, device_id, token_hash, made_ms) VALUES (?1, ?2, ?3, ?4)"
           " ON CONFLICT (account_id, device_id) DO UPDATE SET token_hash = excluded.token_hash, made_ms = "
           "excluded.made_ms",
};
const struct store_stmt BACKUP_TOKEN_FIND = {
    .name = "backup_token_find",
    .in = "bb",
    .out = "b",
    .sql = "SELECT t.device_id FROM backup_token t JOIN device d ON d.account_id = t.account_id AND d.id = t.device_id"
           " WHERE t.account_id = ?1 AND t.token_hash = ?2 AND d.revoked_ms = 0",
};
const struct store_stmt BACKUP_TOKEN_DROP = {
    .name = "backup_token_drop",
    .in = "bb",
    .out = "",
    .sql = "DELETE FROM backup_token WHERE account_id = ?1 AND device_id = ?2",
};

enum err backup_token_set(struct store_tx *tx, struct account_id account, struct device_id device, int64_t now_ms,
                          const uint8_t token_hash[HASH_BYTES]) {
    return store_exec(tx, &BACKUP_TOKEN_SET,
                      S_IN(S_B(account.b), S_B(device.b), S_S(str_bytes(token_hash, HASH_BYTES)), S_I(now_ms)), NULL);
}

struct found {
    struct device_id device;
    bool is_found;
};

static enum err on_found(void *ctx, const struct store_val *v) {
    struct found *f = ctx;
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(f->device.b, v[0].s.p, ID_BYTES);
    f->is_found = true;
    return OK;
}

enum err backup_token_find(struct store_tx *tx, struct account_id account, const uint8_t token_hash[HASH_BYTES],
                           struct device_id *ret_device) {
    struct found f = { 0 };
    enum err r =
        store_each(tx, &BACKUP_TOKEN_FIND, S_IN(S_B(account.b), S_S(str_bytes(token_hash, HASH_BYTES))), on_found, &f);
    if (r != OK) return r;
    if (!f.is_found) return ERR_NOT_FOUND;
    *ret_device = f.device;
    return OK;
}

enum err backup_token_drop(struct store_tx *tx, struct account_id account, struct device_id device) {
    enum err r = store_exec(tx, &BACKUP_TOKEN_DROP, S_IN(S_B(account.b), S_B(device.b)), NULL);
    return r == OK ? identity_tell(tx, account) : r;
}
