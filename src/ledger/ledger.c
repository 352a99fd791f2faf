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
const struct store_stmt *const ledger_statements[] = { &LEDGER_APPEND, NULL };

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
