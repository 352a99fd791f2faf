/*
 * The history: every state change of an attempt, every delivery and every answer is appended here, in the transaction
 * that makes it. Today an append-only row (the schema refuses update and delete); the Merkle log comes behind these
 * same calls.
 */
#ifndef TOCSIN_LEDGER_LEDGER_H
#define TOCSIN_LEDGER_LEDGER_H

#include "core/action.h"
#include "core/ids.h"
#include "store/store.h"

enum ledger_event {
#define EVENT(caps, name) LEDGER_##caps,
#include "core/events.def"
#undef EVENT
    LEDGER_EVENT_COUNT
};

struct ledger_entry {
    enum ledger_event event;
    struct account_id account;
    const uint8_t *subject; /* ID_BYTES of the attempt, alert, row, device or session it is about */
    int64_t at_ms;
    struct str detail; /* a small JSON object, fixed member names, no secrets; at most 2 KiB; may be empty */
};

enum err ledger_append(struct store_tx *tx, const struct ledger_entry *e) MUST_CHECK;

/* One entry as it is read back; what it points at lives during the call. */
struct ledger_read {
    uint8_t id[ID_BYTES]; /* of the entry */
    uint8_t subject[ID_BYTES];
    const char *event;
    int64_t at_ms;
    struct str detail;
};
struct ledger_page {
    struct account_id account;
    const uint8_t *before; /* ID_BYTES of an entry; NULL: from the newest */
    int limit;
};
typedef enum err ledger_fn(void *ctx, const struct ledger_read *e);
enum err ledger_each(struct store_tx *tx, const struct ledger_page *p, ledger_fn *fn, void *ctx) MUST_CHECK;
extern const struct store_stmt *const ledger_statements[];

#endif
