/*
 * Forgetting. An open or ended attempt is of no use an hour after it expired; one that was applied is kept until the
 * front has settled it, and a month if it never does, because its fate may still be asked. Budgets are kept past their
 * longest window. Failures in a row are kept as long as there is something that they disable.
 */
#include "base/clock.h"
#include "keeper/record.h"

extern const struct store_stmt PURGE_ATTEMPTS, PURGE_SETTLED, PURGE_APPLIED, PURGE_CODES, PURGE_BUDGETS, PURGE_FAILURES,
    PURGE_SALTS;

const struct store_stmt PURGE_ATTEMPTS = {
    .name = "keeper_purge_attempts",
    .in = "i",
    .out = "",
    .sql = "DELETE FROM attempt WHERE (account_id, attempt_id) IN (SELECT account_id, attempt_id FROM attempt"
           " WHERE state IN (1, 4) AND expires_ms < ?1 LIMIT 2000)",
};
const struct store_stmt PURGE_SETTLED = {
    .name = "keeper_purge_settled",
    .in = "i",
    .out = "",
    .sql = "DELETE FROM attempt WHERE (account_id, attempt_id) IN (SELECT account_id, attempt_id FROM attempt"
           " WHERE state = 3 AND expires_ms < ?1 LIMIT 2000)",
};
const struct store_stmt PURGE_APPLIED = {
    .name = "keeper_purge_applied",
    .in = "i",
    .out = "",
    .sql = "DELETE FROM attempt WHERE (account_id, attempt_id) IN (SELECT account_id, attempt_id FROM attempt"
           " WHERE state = 2 AND expires_ms < ?1 LIMIT 2000)",
};
const struct store_stmt PURGE_CODES = {
    .name = "keeper_purge_codes",
    .in = "i",
    .out = "",
    .sql = "DELETE FROM code WHERE (account_id, attempt_id, way) IN (SELECT account_id, attempt_id, way FROM code"
           " WHERE expires_ms < ?1 LIMIT 2000)",
};
const struct store_stmt PURGE_BUDGETS = {
    .name = "keeper_purge_budgets",
    .in = "i",
    .out = "",
    .sql = "DELETE FROM budget WHERE (account_id, factor, bucket) IN (SELECT account_id, factor, bucket FROM budget"
           " WHERE touched_ms < ?1 LIMIT 2000)",
};
const struct store_stmt PURGE_FAILURES = {
    .name = "keeper_purge_failures",
    .in = "i",
    .out = "",
    .sql = "DELETE FROM failure WHERE (account_id, factor, bucket) IN (SELECT f.account_id, f.factor, f.bucket FROM "
           "failure f"
           " WHERE f.touched_ms < ?1 AND NOT EXISTS (SELECT 1 FROM credential c WHERE c.account_id = f.account_id)"
           " LIMIT 2000)",
};

/* A new recovery key can be told for an hour after it was made. */
const struct store_stmt PURGE_SALTS = {
    .name = "keeper_purge_salts",
    .in = "i",
    .out = "",
    .sql = "UPDATE attempt SET recovery_salt = NULL WHERE state = 2 AND touched_ms < ?1 AND recovery_salt IS NOT NULL",
};

struct purge {
    const struct store_stmt *stmt;
    int64_t older_than_ms;
};

static const struct purge purges[] = {
    { &PURGE_SALTS, MS_PER_HOUR },        { &PURGE_ATTEMPTS, MS_PER_HOUR }, { &PURGE_SETTLED, MS_PER_DAY },
    { &PURGE_APPLIED, 30 * MS_PER_DAY },  { &PURGE_CODES, MS_PER_HOUR },    { &PURGE_BUDGETS, 3 * MS_PER_DAY },
    { &PURGE_FAILURES, 30 * MS_PER_DAY },
};

static enum err purge_all(struct store_tx *tx, void *ctx) {
    const int64_t *now_ms = ctx;
    for (size_t i = 0; i < ARRAY_LEN(purges); i++) {
        int64_t changed;
        enum err r = store_exec(tx, purges[i].stmt, S_IN(S_I(*now_ms - purges[i].older_than_ms)), &changed);
        if (r != OK) return r;
    }
    return past_purge(tx, *now_ms);
}

enum err keeper_purge(struct keeper *k, int64_t now_ms) { return store_write(k->store, purge_all, &now_ms); }
