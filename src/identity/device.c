/* Devices and their rotating tokens. A token that was replaced and whose successor was seen is dead: its use is a sign
 * of theft. */
#include "base/clock.h"
#include "identity/identity_priv.h"

#define OLD_TOKEN_KEPT_MS (90 * MS_PER_DAY)

#define DEVICE_COLUMNS                                                                                                 \
    "d.id, d.name, d.platform, d.place, d.trusted_ms, d.first_seen_ms, d.last_seen_ms, d.revoked_ms, d.is_first,"      \
    " (SELECT count(*) FROM push_subscription p WHERE p.account_id = d.account_id AND p.device_id = d.id)"

const struct store_stmt DEVICE_ADD = {
    .name = "device_add",
    .in = "bbtttbiiii",
    .out = "",
    .sql = "INSERT INTO device (account_id, id, name, platform, place, token_hash, trusted_ms, first_seen_ms, "
           "last_seen_ms,"
           " revoked_ms, is_first) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10) ON CONFLICT (account_id, id) DO "
           "NOTHING",
};
const struct store_stmt DEVICE_GET = {
    .name = "device_get",
    .in = "bb",
    .out = "btttiiiiii",
    .sql = "SELECT " DEVICE_COLUMNS " FROM device d WHERE d.account_id = ?1 AND d.id = ?2",
};
const struct store_stmt DEVICE_EACH = {
    .name = "device_each",
    .in = "b",
    .out = "btttiiiiii",
    .sql = "SELECT " DEVICE_COLUMNS
           " FROM device d WHERE d.account_id = ?1 AND d.revoked_ms = 0 ORDER BY d.last_seen_ms DESC, d.id",
};
const struct store_stmt DEVICE_BY_TOKEN = {
    .name = "device_by_token",
    .in = "bb",
    .out = "b",
    .sql = "SELECT id FROM device WHERE account_id = ?1 AND token_hash = ?2 AND revoked_ms = 0",
};
const struct store_stmt OLD_TOKEN_GET = {
    .name = "old_token_get",
    .in = "bb",
    .out = "bi",
    .sql = "SELECT o.device_id, o.is_dead FROM old_token o JOIN device d ON d.account_id = o.account_id AND d.id = "
           "o.device_id"
           " WHERE o.account_id = ?1 AND o.token_hash = ?2 AND d.revoked_ms = 0",
};
const struct store_stmt OLD_TOKEN_ADD = {
    .name = "old_token_add",
    .in = "bbi",
    .out = "",
    .sql = "INSERT INTO old_token (account_id, token_hash, device_id, is_dead, replaced_ms)"
           " SELECT account_id, token_hash, id, 0, ?3 FROM device WHERE account_id = ?1 AND id = ?2"
           " ON CONFLICT (account_id, token_hash) DO NOTHING",
};
const struct store_stmt OLD_TOKEN_KILL = {
    .name = "old_token_kill",
    .in = "bb",
    .out = "",
    .sql = "UPDATE old_token SET is_dead = 1 WHERE account_id = ?1 AND device_id = ?2 AND is_dead = 0",
};
const struct store_stmt OLD_TOKEN_PRUNE = {
    .name = "old_token_prune",
    .in = "i",
    .out = "",
    .sql = "DELETE FROM old_token WHERE replaced_ms < ?1",
};
const struct store_stmt DEVICE_ROTATE = {
    .name = "device_rotate",
    .in = "bbbttii",
    .out = "",
    .sql = "UPDATE device SET token_hash = ?3, platform = ?4, place = ?5, last_seen_ms = ?6,"
           " trusted_ms = CASE WHEN trusted_ms = 0 AND ?7 = 1 THEN ?6 ELSE trusted_ms END"
           " WHERE account_id = ?1 AND id = ?2 AND revoked_ms = 0",
};
const struct store_stmt DEVICE_RENAME = {
    .name = "device_rename",
    .in = "bbt",
    .out = "",
    .sql = "UPDATE device SET name = ?3 WHERE account_id = ?1 AND id = ?2 AND revoked_ms = 0",
};
const struct store_stmt DEVICE_REVOKE = {
    .name = "device_revoke",
    .in = "bbi",
    .out = "",
    .sql = "UPDATE device SET revoked_ms = ?3 WHERE account_id = ?1 AND id = ?2 AND revoked_ms = 0",
};

enum err device_create(struct store_tx *tx, struct account_id account, const struct device *d,
                       const uint8_t token_hash[HASH_BYTES]) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &DEVICE_ADD,
                            S_IN(S_B(account.b), S_B(d->id.b), S_S(d->name), S_S(d->platform), S_S(d->place),
                                 S_S(str_bytes(token_hash, HASH_BYTES)), S_I(d->trusted_ms), S_I(d->first_seen_ms),
                                 S_I(d->last_seen_ms), S_I(d->is_first)),
                            &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_CONFLICT;
}

static enum err fill_device(const struct store_val *v, struct device *ret) {
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    *ret = (struct device){ .name = v[1].s,
                            .platform = v[2].s,
                            .place = v[3].s,
                            .trusted_ms = v[4].i,
                            .first_seen_ms = v[5].i,
                            .last_seen_ms = v[6].i,
                            .revoked_ms = v[7].i,
                            .is_first = v[8].i != 0,
                            .has_push = v[9].i > 0 };
    memcpy(ret->id.b, v[0].s.p, ID_BYTES);
    return OK;
}

enum err device_get(struct store_tx *tx, struct account_id account, struct device_id id, struct arena *a,
                    struct device *ret) {
    struct store_val v[10];
    enum err r = store_one(tx, &DEVICE_GET, S_IN(S_B(account.b), S_B(id.b)), a, v);
    return r == OK ? fill_device(v, ret) : r;
}

struct each_device {
    device_fn *fn;
    void *ctx;
    struct arena *arena;
};

static enum err on_device(void *ctx, const struct store_val *v) {
    struct each_device *e = ctx;
    struct device d;
    enum err r = fill_device(v, &d);
    if (r != OK) return r;
    d.name = arena_dup(e->arena, d.name);
    d.platform = arena_dup(e->arena, d.platform);
    d.place = arena_dup(e->arena, d.place);
    return d.name.p && d.platform.p && d.place.p ? e->fn(e->ctx, &d) : ERR_NOMEM;
}

enum err device_each(struct store_tx *tx, struct account_id account, struct arena *a, device_fn *fn, void *ctx) {
    struct each_device e = { fn, ctx, a };
    return store_each(tx, &DEVICE_EACH, S_IN(S_B(account.b)), on_device, &e);
}

struct found {
    struct device_id id;
    bool is_found, is_dead;
};

static enum err on_found(void *ctx, const struct store_val *v) {
    struct found *f = ctx;
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(f->id.b, v[0].s.p, ID_BYTES);
    f->is_found = true;
    return OK;
}

static enum err on_found_old(void *ctx, const struct store_val *v) {
    struct found *f = ctx;
    f->is_dead = v[1].i != 0;
    return on_found(ctx, v);
}

enum err device_by_token(struct store_tx *tx, struct account_id account, const uint8_t token_hash[HASH_BYTES],
                         struct device_id *ret_device, enum device_token_is *ret_is) {
    const struct store_val in[] = { S_B(account.b), S_S(str_bytes(token_hash, HASH_BYTES)) };
    struct found f = { 0 };
    enum err r;
    *ret_is = DEVICE_TOKEN_UNKNOWN;
    if ((r = store_each(tx, &DEVICE_BY_TOKEN, in, on_found, &f)) != OK) return r;
    if (f.is_found) {
        *ret_device = f.id;
        *ret_is = DEVICE_TOKEN_CURRENT;
        return store_exec(tx, &OLD_TOKEN_KILL, S_IN(S_B(account.b), S_B(f.id.b)), NULL);
    }
    if ((r = store_each(tx, &OLD_TOKEN_GET, in, on_found_old, &f)) != OK) return r;
    if (!f.is_found) return OK;
    *ret_device = f.id;
    *ret_is = f.is_dead ? DEVICE_TOKEN_STOLEN : DEVICE_TOKEN_PREVIOUS;
    return OK;
}

enum err device_rotate(struct store_tx *tx, struct account_id account, const struct device *seen,
                       const uint8_t token_hash[HASH_BYTES], bool trust) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &OLD_TOKEN_ADD, S_IN(S_B(account.b), S_B(seen->id.b), S_I(seen->last_seen_ms)), NULL);
    if (r != OK) return r;
    r = store_exec(tx, &DEVICE_ROTATE,
                   S_IN(S_B(account.b), S_B(seen->id.b), S_S(str_bytes(token_hash, HASH_BYTES)), S_S(seen->platform),
                        S_S(seen->place), S_I(seen->last_seen_ms), S_I(trust)),
                   &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_NOT_FOUND;
}

enum err device_rename(struct store_tx *tx, struct account_id account, struct device_id id, struct str name) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &DEVICE_RENAME, S_IN(S_B(account.b), S_B(id.b), S_S(name)), &changed);
    if (r != OK) return r;
    return changed == 1 ? identity_tell(tx, account) : ERR_NOT_FOUND;
}

enum err device_revoke(struct store_tx *tx, struct account_id account, struct device_id id, int64_t now_ms) {
    const struct store_val in[] = { S_B(account.b), S_B(id.b), S_I(now_ms) };
    int64_t changed = 0;
    enum err r = store_exec(tx, &DEVICE_REVOKE, in, &changed);
    if (r != OK) return r;
    if (changed == 0) return ERR_NOT_FOUND;
    if ((r = store_exec(tx, &SESSION_END_DEVICE, in, NULL)) != OK) return r;
    if ((r = store_exec(tx, &PUSH_REMOVE_DEVICE, in, NULL)) != OK) return r;
    if ((r = store_exec(tx, &BACKUP_TOKEN_DROP, in, NULL)) != OK) return r;
    return identity_tell(tx, account);
}

enum err identity_purge(struct store_tx *tx, int64_t now_ms) {
    enum err r = store_exec(tx, &OLD_TOKEN_PRUNE, S_IN(S_I(now_ms - OLD_TOKEN_KEPT_MS)), NULL);
    return r == OK ? store_exec(tx, &SESSION_PURGE, S_IN(S_I(now_ms)), NULL) : r;
}
