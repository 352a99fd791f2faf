/*
 * "It wasn't me", while it is carried out. The keeper locks and puts back before the front says so; so that nobody has
 * to press again when one of them dies in between, what is meant is written first, and the tick goes on with it.
 */
#include "guard/guard_priv.h"

const struct store_stmt VETO_ADD = {
    .name = "veto_add",
    .in = "bbibbit",
    .out = "",
    .sql = "INSERT INTO veto (account_id, alert_id, at_ms, session_id, device_id, tells_team, note) VALUES (?1, ?2, "
           "?3, ?4, ?5, ?6, ?7)"
           " ON CONFLICT (account_id, alert_id) DO UPDATE SET at_ms = ?3, session_id = ?4, device_id = ?5, tells_team "
           "= ?6, note = ?7",
};
const struct store_stmt VETO_DROP = {
    .name = "veto_drop", .in = "bb", .out = "", .sql = "DELETE FROM veto WHERE account_id = ?1 AND alert_id = ?2"
};
const struct store_stmt VETO_EACH = {
    .name = "veto_each",
    .in = "iibi",
    .out = "bbbbiti",
    .sql = "SELECT account_id, alert_id, session_id, device_id, tells_team, note, at_ms FROM veto WHERE at_ms <= ?1"
           " AND (at_ms > ?2 OR (at_ms = ?2 AND alert_id > ?3)) ORDER BY at_ms, alert_id LIMIT ?4",
};
const struct store_stmt VETO_FORGET = {
    .name = "veto_forget", .in = "b", .out = "", .sql = "DELETE FROM veto WHERE account_id = ?1"
};

const struct store_stmt VETO_PURGE = {
    .name = "veto_purge", .in = "i", .out = "", .sql = "DELETE FROM veto WHERE at_ms <= ?1"
};

enum err veto_add(struct store_tx *tx, const struct veto *v, int64_t now_ms) {
    return store_exec(tx, &VETO_ADD,
                      S_IN(S_B(v->account.b), S_B(v->alert.b), S_I(now_ms), S_B(v->stays.b), S_B(v->stays_on.b),
                           S_I(v->tells_team), S_S(v->note.p ? v->note : STR(""))),
                      NULL);
}

enum err veto_drop(struct store_tx *tx, const struct veto *v, bool *ret_was_there) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &VETO_DROP, S_IN(S_B(v->account.b), S_B(v->alert.b)), &changed);
    if (r == OK) *ret_was_there = changed == 1;
    return r;
}

struct each {
    struct arena *arena;
    veto_fn *fn;
    void *ctx;
};

static enum err on_row(void *ctx, const struct store_val *v) {
    const struct each *e = ctx;
    struct veto x = { .tells_team = v[4].i != 0, .note = arena_dup(e->arena, v[5].s), .at_ms = v[6].i };
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES || v[2].s.n != ID_BYTES || v[3].s.n != ID_BYTES)
        return ERR_CORRUPT;
    if (!x.note.p) return ERR_NOMEM;
    memcpy(x.account.b, v[0].s.p, ID_BYTES);
    memcpy(x.alert.b, v[1].s.p, ID_BYTES);
    memcpy(x.stays.b, v[2].s.p, ID_BYTES);
    memcpy(x.stays_on.b, v[3].s.p, ID_BYTES);
    return e->fn(e->ctx, &x);
}

enum err veto_each(struct store_tx *tx, const struct veto_span *span, veto_fn *fn, void *ctx) {
    struct each e = { span->arena, fn, ctx };
    return store_each(tx, &VETO_EACH,
                      S_IN(S_I(span->by_ms), S_I(span->after.at_ms), S_B(span->after.alert.b), S_I(VETOES_AT_MOST)),
                      on_row, &e);
}

enum err veto_purge(struct store_tx *tx, int64_t before_ms) {
    return store_exec(tx, &VETO_PURGE, S_IN(S_I(before_ms)), NULL);
}

enum err veto_forget(struct store_tx *tx, struct account_id account) {
    return store_exec(tx, &VETO_FORGET, S_IN(S_B(account.b)), NULL);
}
