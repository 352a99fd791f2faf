/* How a repository grew: one number a day (UTC), kept for ninety of them, written with what it holds. */
#include "backup/backup_priv.h"
#include "base/clock.h"

const struct store_stmt GROWTH_NOTE = {
    .name = "growth_note",
    .in = "bbi",
    .out = "",
    .sql = "INSERT INTO backup_growth (account_id, device_id, day, bytes) SELECT account_id, device_id, ?3, bytes"
           " FROM backup_repository WHERE account_id = ?1 AND device_id = ?2"
           " ON CONFLICT (account_id, device_id, day) DO UPDATE SET bytes = excluded.bytes",
};
const struct store_stmt GROWTH_DROP = {
    .name = "growth_drop",
    .in = "bbi",
    .out = "",
    .sql = "DELETE FROM backup_growth WHERE account_id = ?1 AND device_id = ?2 AND day <= ?3",
};
const struct store_stmt GROWTH_GET = {
    .name = "growth_get",
    .in = "bbi",
    .out = "ii",
    .sql = "SELECT day, bytes FROM backup_growth WHERE account_id = ?1 AND device_id = ?2 AND day > ?3 ORDER BY day",
};

static int64_t today(void) { return clock_wall_ms() / MS_PER_DAY; }

enum err growth_note(struct store_tx *tx, const struct repo_id *id) {
    enum err r = store_exec(tx, &GROWTH_NOTE, S_IN(S_B(id->account.b), S_B(id->device.b), S_I(today())), NULL);
    if (r != OK) return r;
    return store_exec(tx, &GROWTH_DROP, S_IN(S_B(id->account.b), S_B(id->device.b), S_I(today() - BACKUP_GROWTH_DAYS)),
                      NULL);
}

static enum err on_day(void *ctx, const struct store_val *v) {
    struct backup_growth *g = ctx;
    if (g->n == BACKUP_GROWTH_DAYS) return OK; /* days ahead of today: the clock was set back */
    g->days[g->n++] = (struct backup_day){ .at_ms = v[0].i * MS_PER_DAY, .bytes = v[1].i };
    return OK;
}

enum err growth_get(struct store_tx *tx, const struct repo_id *id, struct backup_growth *ret) {
    ret->n = 0;
    return store_each(tx, &GROWTH_GET, S_IN(S_B(id->account.b), S_B(id->device.b), S_I(today() - BACKUP_GROWTH_DAYS)),
                      on_day, ret);
}
