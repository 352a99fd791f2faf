/* Sessions, push subscriptions and the programs that may check sessions. */
#include "identity/identity_priv.h"

const struct store_stmt SESSION_ADD = {
    .name = "session_add",
    .in = "bbbbiiii",
    .out = "",
    .sql = "INSERT INTO session (account_id, id, token_hash, device_id, epoch, created_ms, expires_ms, seen_ms, proofs)"
           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?8) ON CONFLICT (account_id, id) DO NOTHING",
};
const struct store_stmt SESSION_EACH = {
    .name = "session_each",
    .in = "bii",
    .out = "bbiiiittti",
    .sql =
        "SELECT s.id, s.device_id, s.epoch, s.created_ms, s.expires_ms, s.proofs, d.name, d.platform, d.place, "
        "d.trusted_ms"
        " FROM session s JOIN account a ON a.account_id = s.account_id"
        " JOIN device d ON d.account_id = s.account_id AND d.id = s.device_id"
        " WHERE s.account_id = ?1 AND s.expires_ms > ?2 AND s.seen_ms >= ?3 AND s.epoch = a.epoch AND d.revoked_ms = 0"
        " ORDER BY s.created_ms DESC, s.id",
};
const struct store_stmt SESSION_END = {
    .name = "session_end", .in = "bb", .out = "", .sql = "DELETE FROM session WHERE account_id = ?1 AND id = ?2"
};
const struct store_stmt SESSION_END_OTHERS = {
    .name = "session_end_others", .in = "bb", .out = "", .sql = "DELETE FROM session WHERE account_id = ?1 AND id <> ?2"
};
const struct store_stmt SESSION_END_DEVICE = { .name = "session_end_device",
                                               .in = "bb",
                                               .out = "",
                                               .sql = "DELETE FROM session WHERE account_id = ?1 AND device_id = ?2" };
const struct store_stmt SESSION_KEEP = {
    .name = "session_keep",
    .in = "bb",
    .out = "",
    .sql = "UPDATE session SET epoch = (SELECT epoch FROM account WHERE account_id = ?1) WHERE account_id = ?1 AND id "
           "= ?2",
};
const struct store_stmt SESSION_SEEN = {
    .name = "session_seen",
    .in = "bbi",
    .out = "",
    .sql = "UPDATE session SET seen_ms = ?3 WHERE account_id = ?1 AND id = ?2 AND seen_ms < ?3",
};
const struct store_stmt SESSION_PURGE = {
    .name = "session_purge", .in = "i", .out = "", .sql = "DELETE FROM session WHERE expires_ms <= ?1"
};
const struct store_stmt PUSH_ADD = {
    .name = "push_add",
    .in = "bbbtbbi",
    .out = "",
    .sql = "INSERT INTO push_subscription (account_id, id, device_id, endpoint, p256dh, auth, added_ms)"
           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (account_id, id) DO NOTHING",
};
const struct store_stmt PUSH_REMOVE = { .name = "push_remove",
                                        .in = "bb",
                                        .out = "",
                                        .sql = "DELETE FROM push_subscription WHERE account_id = ?1 AND id = ?2" };
const struct store_stmt PUSH_REMOVE_ENDPOINT = {
    .name = "push_remove_endpoint",
    .in = "bt",
    .out = "",
    .sql = "DELETE FROM push_subscription WHERE account_id = ?1 AND endpoint = ?2",
};
const struct store_stmt PUSH_REMOVE_DEVICE = {
    .name = "push_remove_device",
    .in = "bb",
    .out = "",
    .sql = "DELETE FROM push_subscription WHERE account_id = ?1 AND device_id = ?2",
};
const struct store_stmt PUSH_EACH = {
    .name = "push_each",
    .in = "b",
    .out = "bbtbbi",
    .sql = "SELECT p.id, p.device_id, p.endpoint, p.p256dh, p.auth, p.added_ms FROM push_subscription p"
           " JOIN device d ON d.account_id = p.account_id AND d.id = p.device_id"
           " WHERE p.account_id = ?1 AND d.revoked_ms = 0 ORDER BY p.added_ms, p.id",
};
const struct store_stmt SERVICE_ADD = {
    .name = "service_add",
    .in = "tbi",
    .out = "",
    .sql = "INSERT INTO service (name, token_hash, made_ms) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
};
const struct store_stmt SERVICE_EACH = {
    .name = "service_each", .in = "", .out = "tb", .sql = "SELECT name, token_hash FROM service ORDER BY name"
};

enum err session_create(struct store_tx *tx, const struct session *s, const uint8_t token_hash[HASH_BYTES]) {
    int64_t changed = 0;
    enum err r =
        store_exec(tx, &SESSION_ADD,
                   S_IN(S_B(s->account.b), S_B(s->id.b), S_S(str_bytes(token_hash, HASH_BYTES)), S_B(s->device.b),
                        S_I(s->epoch), S_I(s->created_ms), S_I(s->expires_ms), S_I(s->proofs)),
                   &changed);
    if (r != OK) return r;
    return changed == 1 ? identity_tell(tx, s->account) : ERR_CONFLICT;
}

struct each_session {
    session_fn *fn;
    void *ctx;
    struct account_id account;
    struct arena *arena;
};

static enum err on_session(void *ctx, const struct store_val *v) {
    struct each_session *e = ctx;
    struct session s = {
        .account = e->account, .epoch = v[2].i, .created_ms = v[3].i, .expires_ms = v[4].i, .proofs = (unsigned)v[5].i
    };
    struct device d = { .name = arena_dup(e->arena, v[6].s),
                        .platform = arena_dup(e->arena, v[7].s),
                        .place = arena_dup(e->arena, v[8].s),
                        .trusted_ms = v[9].i };
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES) return ERR_CORRUPT;
    if (!d.name.p || !d.platform.p || !d.place.p) return ERR_NOMEM;
    memcpy(s.id.b, v[0].s.p, ID_BYTES);
    memcpy(s.device.b, v[1].s.p, ID_BYTES);
    d.id = s.device;
    return e->fn(e->ctx, &s, &d);
}

enum err session_each(struct store_tx *tx, const struct session_span *s, session_fn *fn, void *ctx) {
    struct each_session e = { fn, ctx, s->account, s->arena };
    return store_each(tx, &SESSION_EACH, S_IN(S_B(s->account.b), S_I(s->now_ms), S_I(s->seen_since_ms)), on_session,
                      &e);
}

enum err session_seen(struct store_tx *tx, const struct session *s, int64_t seen_ms) {
    return store_exec(tx, &SESSION_SEEN, S_IN(S_B(s->account.b), S_B(s->id.b), S_I(seen_ms)), NULL);
}

enum err session_end(struct store_tx *tx, struct account_id account, struct session_id id) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &SESSION_END, S_IN(S_B(account.b), S_B(id.b)), &changed);
    if (r != OK) return r;
    return changed == 1 ? identity_tell(tx, account) : ERR_NOT_FOUND;
}

enum err session_end_others(struct store_tx *tx, struct account_id account, const struct session_id *keep) {
    static const struct session_id none;
    const struct store_val in[] = { S_B(account.b), S_S(str_bytes(keep ? keep->b : none.b, ID_BYTES)) };
    enum err r = store_exec(tx, &SESSION_END_OTHERS, in, NULL);
    if (r == OK && keep) r = store_exec(tx, &SESSION_KEEP, in, NULL);
    return r == OK ? identity_tell(tx, account) : r;
}

enum err push_add(struct store_tx *tx, struct account_id account, const struct push_subscription *p) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &PUSH_REMOVE_ENDPOINT, S_IN(S_B(account.b), S_S(p->endpoint)), NULL);
    if (r != OK) return r;
    r = store_exec(tx, &PUSH_ADD,
                   S_IN(S_B(account.b), S_B(p->id.b), S_B(p->device.b), S_S(p->endpoint), S_B(p->p256dh), S_B(p->auth),
                        S_I(p->added_ms)),
                   &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_CONFLICT;
}

enum err push_remove(struct store_tx *tx, struct account_id account, struct push_id id) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &PUSH_REMOVE, S_IN(S_B(account.b), S_B(id.b)), &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_NOT_FOUND;
}

struct each_push {
    push_fn *fn;
    void *ctx;
    struct arena *arena;
};

static enum err on_push(void *ctx, const struct store_val *v) {
    struct each_push *e = ctx;
    struct push_subscription p = { .endpoint = arena_dup(e->arena, v[2].s), .added_ms = v[5].i };
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES || v[3].s.n != sizeof p.p256dh || v[4].s.n != sizeof p.auth)
        return ERR_CORRUPT;
    if (!p.endpoint.p) return ERR_NOMEM;
    memcpy(p.id.b, v[0].s.p, ID_BYTES);
    memcpy(p.device.b, v[1].s.p, ID_BYTES);
    memcpy(p.p256dh, v[3].s.p, sizeof p.p256dh);
    memcpy(p.auth, v[4].s.p, sizeof p.auth);
    return e->fn(e->ctx, &p);
}

enum err push_each(struct store_tx *tx, struct account_id account, struct arena *a, push_fn *fn, void *ctx) {
    struct each_push e = { fn, ctx, a };
    return store_each(tx, &PUSH_EACH, S_IN(S_B(account.b)), on_push, &e);
}

enum err service_create(struct store_tx *tx, struct str name, int64_t now_ms, char ret_token[TOKEN_TEXT_SIZE]) {
    static const struct account_id nobody;
    uint8_t hash[HASH_BYTES];
    int64_t changed = 0;
    enum err r;
    token_new(TOKEN_SERVICE, nobody, ret_token, hash);
    r = store_exec(tx, &SERVICE_ADD, S_IN(S_S(name), S_B(hash), S_I(now_ms)), &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_CONFLICT;
}

struct each_service {
    service_fn *fn;
    void *ctx;
};

static enum err on_service(void *ctx, const struct store_val *v) {
    struct each_service *e = ctx;
    if (v[1].s.n != HASH_BYTES) return ERR_CORRUPT;
    return e->fn(e->ctx, v[0].s, (const uint8_t *)v[1].s.p);
}

enum err service_each(struct store_tx *tx, service_fn *fn, void *ctx) {
    struct each_service e = { fn, ctx };
    return store_each(tx, &SERVICE_EACH, NULL, on_service, &e);
}
