/* The append-only history behind the calls that the Merkle log will fill. */
#include "ledger/ledger.h"

#include <assert.h>

#define DETAIL_BYTES_MAX 2048

static const struct store_stmt LEDGER_APPEND = {
    .name = "ledger_append",
    .in = "bbibit",
    .out = "",
    .sql = "INSERT INTO history (account_id, id, event, subject, at_ms, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
           " ON CONFLICT (account_id, id) DO NOTHING",
};
static const struct store_stmt LEDGER_EACH = {
    .name = "ledger_each",
    .in = "bbi",
    .out = "bibit",
    .sql = "SELECT id, event, subject, at_ms, detail FROM history WHERE account_id = ?1 AND id < ?2"
           " ORDER BY id DESC LIMIT ?3",
};
const struct store_stmt *const ledger_statements[] = { &LEDGER_APPEND, &LEDGER_EACH, NULL };

static const char *const event_names[] = {
#define EVENT(caps, name) [LEDGER_##caps] = (name),
#include "core/events.def"
#undef EVENT
};

enum err ledger_append(struct store_tx *tx, const struct ledger_entry *e) {
    uint8_t id[ID_BYTES];
    int64_t changed = 0;
    enum err r;
    assert(e->detail.n <= DETAIL_BYTES_MAX);
    id_new_at(e->at_ms, id);
    r = store_exec(tx, &LEDGER_APPEND,
                   S_IN(S_B(e->account.b), S_B(id), S_I(e->event), S_S(str_bytes(e->subject, ID_BYTES)), S_I(e->at_ms),
                        S_S(e->detail.p ? e->detail : STR(""))),
                   &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_CONFLICT; /* 80 random bits met twice */
}

struct reading {
    ledger_fn *fn;
    void *ctx;
};

static enum err on_entry(void *ctx, const struct store_val *v) {
    const struct reading *r = ctx;
    struct ledger_read e = { .at_ms = v[3].i, .detail = v[4].s };
    if (v[0].s.n != ID_BYTES || v[2].s.n != ID_BYTES || v[1].i < 0 || v[1].i >= LEDGER_EVENT_COUNT) return ERR_CORRUPT;
    memcpy(e.id, v[0].s.p, ID_BYTES);
    memcpy(e.subject, v[2].s.p, ID_BYTES);
    e.event = event_names[v[1].i];
    return r->fn(r->ctx, &e);
}

enum err ledger_each(struct store_tx *tx, const struct ledger_page *p, ledger_fn *fn, void *ctx) {
    struct reading r = { fn, ctx };
    uint8_t newest[ID_BYTES];
    memset(newest, 0xff, sizeof newest);
    return store_each(tx, &LEDGER_EACH, S_IN(S_B(p->account.b), S_B(p->before ? p->before : newest), S_I(p->limit)),
                      on_entry, &r);
}
