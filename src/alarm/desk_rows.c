/*
 * The outbox thread's SQL. A claim leases rows in one transaction, and outcomes that arrived together are recorded in
 * one; the leases are remembered too, so that a courier that died gives its rows back at once.
 */
#include "alarm/alarm_priv.h"
#include "base/clock.h"
#include "base/crypto.h"

#define LEASE_MS         (45 * MS_PER_S)
#define BACKOFF_FIRST_MS MS_PER_S
#define BACKOFF_MOST_MS  (15 * MS_PER_MIN)
#define WISH_MOST_MS     (6 * MS_PER_HOUR) /* the longest Retry-After that an alarm waits for */
#define AHEAD_MOST_MS    (WISH_MOST_MS + MS_PER_MIN)
#define SKEW_MS          MS_PER_MIN /* between the clocks of two nodes */
#define KEPT_MS          (30 * MS_PER_DAY)

const struct store_stmt OUTBOX_DUE = {
    .name = "outbox_due",
    .in = "ii",
    .out = "bb",
    .sql = "SELECT account_id, id FROM outbox WHERE state = 1 AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2 FOR UPDATE "
           "SKIP LOCKED",
};
const struct store_stmt OUTBOX_LEASE = {
    .name = "outbox_lease",
    .in = "bbii",
    .out = "",
    .sql =
        "UPDATE outbox SET due_ms = ?3, at_ms = ?4, tries = tries + 1 WHERE account_id = ?1 AND id = ?2 AND state = 1",
};
const struct store_stmt OUTBOX_RELEASE = {
    .name = "outbox_release",
    .in = "bbii",
    .out = "",
    .sql = "UPDATE outbox SET due_ms = ?4 WHERE account_id = ?1 AND id = ?2 AND state = 1 AND due_ms = ?3",
};
const struct store_stmt OUTBOX_READ = {
    .name = "outbox_read",
    .in = "bb",
    .out = "biiiitbbbttbiii",
    .sql = "SELECT alert_id, channel, letter, action, kind, recipient, p256dh, auth, push_id, title, body, sealed, "
           "written_ms, expires_ms, tries FROM outbox WHERE account_id = ?1 AND id = ?2",
};
const struct store_stmt OUTBOX_NEXT_DUE = {
    .name = "outbox_next_due",
    .in = "",
    .out = "I",
    .sql = "SELECT min(due_ms) FROM outbox WHERE state = 1",
};
/* A sealed code has no use once its row is settled. */
const struct store_stmt OUTBOX_SETTLE = {
    .name = "outbox_settle",
    .in = "bbiiib",
    .out = "",
    .sql = "UPDATE outbox SET state = CASE WHEN ?3 = 2 AND seen_ms > 0 THEN 4 ELSE ?3 END, due_ms = ?4, at_ms = ?5,"
           " sealed = CASE WHEN ?3 = 1 THEN sealed ELSE ?6 END WHERE account_id = ?1 AND id = ?2 AND state = 1",
};
const struct store_stmt OUTBOX_RESET = {
    .name = "outbox_reset",
    .in = "iii",
    .out = "",
    .sql = "UPDATE outbox SET due_ms = ?1 WHERE state = 1 AND due_ms > ?1 AND (due_ms > ?2 OR at_ms > ?3)",
};
const struct store_stmt OUTBOX_PURGE = {
    .name = "outbox_purge", .in = "i", .out = "", .sql = "DELETE FROM outbox WHERE state <> 1 AND written_ms < ?1"
};

/* The columns of OUTBOX_READ. */
enum {
    COL_ALERT,
    COL_CHANNEL,
    COL_LETTER,
    COL_ACTION,
    COL_KIND,
    COL_TO,
    COL_P256DH,
    COL_AUTH,
    COL_PUSH,
    COL_TITLE,
    COL_BODY,
    COL_SEALED,
    COL_WRITTEN,
    COL_EXPIRES,
    COL_TRIES,
    COL_COUNT
};

static struct ipc_header head(uint16_t type, size_t bytes, uint64_t request) {
    return (struct ipc_header){ .bytes = (uint32_t)bytes, .type = type, .version = IPC_VERSION, .request = request };
}

/* ---- what a final outcome sets off ---- */

struct told { /* alerts whose deliveries changed, for after the commit */
    struct account_id account[CLAIM_MOST + OUTCOMES_MOST];
    struct alert_id alert[CLAIM_MOST + OUTCOMES_MOST];
    size_t n;
};

static void tell_later(struct told *t, struct account_id account, struct alert_id alert) {
    if (id_is_zero(alert.b) || t->n == ARRAY_LEN(t->alert)) return;
    t->account[t->n] = account;
    t->alert[t->n++] = alert;
}

static void tell(const struct outbox_desk *d, const struct told *t) {
    for (size_t i = 0; d->o.changed && i < t->n; i++) d->o.changed(d->o.ctx, t->account[i], t->alert[i]);
}

struct settling {
    struct outbox_desk *desk;
    int64_t now_ms;
    struct told told;
};

/* One row's new state; final ones are recorded. Nothing happens to a row that is settled already. */
static enum err settle_row(struct store_tx *tx, struct settling *s, const struct outbox_settled *row,
                           enum outbox_state state, int64_t due_ms) {
    const struct outbox_desk *d = s->desk;
    int64_t changed = 0;
    enum err r = store_exec(
        tx, &OUTBOX_SETTLE,
        S_IN(S_B(row->account.b), S_B(row->row.b), S_I(state), S_I(due_ms), S_I(s->now_ms), S_S(STR(""))), &changed);
    if (r != OK || changed == 0) return r;
    tell_later(&s->told, row->account, row->alert);
    if (state == OUTBOX_WAITING || !d->o.recorded) return OK;
    return d->o.recorded(d->o.ctx, tx, row);
}

/* ---- claims ---- */

struct claim {
    struct settling settling;
    size_t most, key_n, n;
    int64_t next_due_ms;
    struct lease key[CLAIM_MOST];
};

static enum err on_due(void *ctx, const struct store_val *v) {
    struct claim *c = ctx;
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES) return ERR_CORRUPT;
    if (c->key_n == c->most) return OK;
    memcpy(c->key[c->key_n].account.b, v[0].s.p, ID_BYTES);
    memcpy(c->key[c->key_n++].row.b, v[1].s.p, ID_BYTES);
    return OK;
}

static enum err on_next(void *ctx, const struct store_val *v) {
    ((struct claim *)ctx)->next_due_ms = v[0].is_null ? -1 : v[0].i;
    return OK;
}

static uint16_t put(char *to, size_t max, struct str s) {
    size_t n = s.n < max ? s.n : max;
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80) n--; /* never inside a character */
    memcpy(to, s.p, n);
    return (uint16_t)n;
}

/* False when the row can't be a delivery: a newer version's, or damaged. It must not hold up the others. */
static bool fill(const struct store_val *v, struct outbox_delivery *d) {
    bool is_push = v[COL_CHANNEL].i == OUTBOX_PUSH;
    if (v[COL_ALERT].s.n != ID_BYTES || v[COL_TO].s.n > OUTBOX_TO_MAX || v[COL_SEALED].s.n > OUTBOX_SEALED_MAX)
        return false;
    for (int i = COL_CHANNEL; i <= COL_KIND; i++)
        if (v[i].i < 0 || v[i].i > UINT8_MAX) return false;
    if (is_push && (v[COL_P256DH].s.n != sizeof d->push_p256dh || v[COL_AUTH].s.n != sizeof d->push_auth)) return false;
    memcpy(d->alert.b, v[COL_ALERT].s.p, ID_BYTES);
    d->channel = (uint8_t)v[COL_CHANNEL].i;
    d->letter = (uint8_t)v[COL_LETTER].i;
    d->action = (uint8_t)v[COL_ACTION].i;
    d->kind = (uint8_t)v[COL_KIND].i;
    d->is_urgent = 1;
    d->to_n = put(d->to, sizeof d->to, v[COL_TO].s);
    if (is_push) memcpy(d->push_p256dh, v[COL_P256DH].s.p, sizeof d->push_p256dh);
    if (is_push) memcpy(d->push_auth, v[COL_AUTH].s.p, sizeof d->push_auth);
    d->title_n = put(d->title, sizeof d->title, v[COL_TITLE].s);
    d->body_n = put(d->body, sizeof d->body, v[COL_BODY].s);
    d->sealed_n = put((char *)d->sealed, sizeof d->sealed, v[COL_SEALED].s);
    d->written_ms = v[COL_WRITTEN].i;
    d->expires_ms = v[COL_EXPIRES].i;
    d->tries = (uint32_t)v[COL_TRIES].i;
    d->h = head(OUTBOX_DELIVERY, sizeof *d, 0);
    return outbox_check(d, sizeof *d) == OK;
}

static enum err claim_row(struct store_tx *tx, struct claim *c, struct lease *key) {
    struct outbox_desk *d = c->settling.desk;
    struct outbox_delivery *out = &d->deliveries[c->n];
    int64_t now_ms = c->settling.now_ms;
    struct store_val v[COL_COUNT];
    enum err r = store_one(tx, &OUTBOX_READ, S_IN(S_B(key->account.b), S_B(key->row.b)), d->arena, v);
    if (r != OK) return r;
    memset(out, 0, sizeof *out);
    out->account = key->account;
    out->row = key->row;
    if (!fill(v, out) || v[COL_EXPIRES].i <= now_ms) {
        const struct outbox_settled failed = { .account = key->account,
                                               .row = key->row,
                                               .alert = out->alert,
                                               .channel = (enum outbox_channel)v[COL_CHANNEL].i,
                                               .at_ms = now_ms };
        return settle_row(tx, &c->settling, &failed, OUTBOX_FAILED, now_ms);
    }
    c->key[c->n] = *key;
    c->key[c->n].due_ms = now_ms + LEASE_MS;
    c->n++;
    return store_exec(tx, &OUTBOX_LEASE,
                      S_IN(S_B(key->account.b), S_B(key->row.b), S_I(now_ms + LEASE_MS), S_I(now_ms)), NULL);
}

static enum err claim_rows(struct store_tx *tx, void *ctx) {
    struct claim *c = ctx;
    enum err r;
    c->key_n = c->n = c->settling.told.n = 0;
    c->next_due_ms = -1;
    r = store_each(tx, &OUTBOX_DUE, S_IN(S_I(c->settling.now_ms), S_I(c->most)), on_due, c);
    for (size_t i = 0; i < c->key_n && r == OK; i++) r = claim_row(tx, c, &c->key[i]);
    if (r == OK && c->n == 0) r = store_each(tx, &OUTBOX_NEXT_DUE, NULL, on_next, c);
    return r;
}

static void remember(struct outbox_desk *d, const struct lease *lease) {
    if (d->lease_n == LEASES_MAX) /* the oldest comes back by itself */
        memmove(d->leases, d->leases + 1, (--d->lease_n) * sizeof d->leases[0]);
    d->leases[d->lease_n++] = *lease;
}

enum err desk_claim(struct outbox_desk *d, size_t most, size_t *ret_n, int64_t *ret_wait_ms) {
    struct claim c = { .settling = { .desk = d, .now_ms = clock_wall_ms() },
                       .most = most < CLAIM_MOST ? most : CLAIM_MOST };
    enum err r = store_write(d->o.store, claim_rows, &c);
    arena_reset(d->arena);
    if (r != OK) return r;
    for (size_t i = 0; i < c.n; i++) remember(d, &c.key[i]);
    tell(d, &c.settling.told);
    *ret_n = c.n;
    *ret_wait_ms = c.next_due_ms < 0 ? -1 : c.next_due_ms > c.settling.now_ms ? c.next_due_ms - c.settling.now_ms : 0;
    return OK;
}

static enum err release_all(struct store_tx *tx, void *ctx) {
    const struct outbox_desk *d = ctx;
    int64_t now_ms = clock_wall_ms();
    enum err r = OK;
    for (size_t i = 0; i < d->lease_n && r == OK; i++) {
        const struct lease *l = &d->leases[i];
        r = store_exec(tx, &OUTBOX_RELEASE, S_IN(S_B(l->account.b), S_B(l->row.b), S_I(l->due_ms), S_I(now_ms)), NULL);
    }
    return r;
}

enum err desk_release(struct outbox_desk *d) {
    enum err r = d->lease_n > 0 ? store_write(d->o.store, release_all, d) : OK;
    if (r == OK) d->lease_n = 0;
    return r;
}

/* ---- outcomes ---- */

static int64_t backoff_ms(int64_t tries, int64_t wish_ms) {
    int64_t ms = BACKOFF_FIRST_MS;
    uint16_t jitter;
    for (int64_t i = 1; i < tries && ms < BACKOFF_MOST_MS; i++) ms *= 2;
    if (ms > BACKOFF_MOST_MS) ms = BACKOFF_MOST_MS;
    crypto_random(&jitter, sizeof jitter);
    ms += ms * jitter / 65536 / 4;
    if (wish_ms > WISH_MOST_MS) wish_ms = WISH_MOST_MS;
    return ms > wish_ms ? ms : wish_ms;
}

static enum outbox_state state_after(const struct outbox_outcome *o, int64_t due_ms, int64_t expires_ms) {
    switch ((enum outbox_result)o->result) {
    case RESULT_SENT: return OUTBOX_SENT;
    case RESULT_RETRY: return due_ms < expires_ms ? OUTBOX_WAITING : OUTBOX_FAILED;
    case RESULT_FAILED:
    case RESULT_UNSUBSCRIBED: return OUTBOX_FAILED;
    }
    return OUTBOX_FAILED;
}

static enum err settle_one(struct store_tx *tx, struct settling *s, const struct outbox_outcome *o) {
    struct outbox_settled done = { .account = o->account, .row = o->row, .status = o->status, .at_ms = s->now_ms };
    struct outbox_desk *d = s->desk;
    struct store_val v[COL_COUNT];
    enum outbox_state state;
    int64_t due_ms;
    enum err r = store_one(tx, &OUTBOX_READ, S_IN(S_B(o->account.b), S_B(o->row.b)), d->arena, v);
    if (r == ERR_NOT_FOUND) return OK; /* purged meanwhile, or a forged row: nothing to record */
    if (r != OK) return r;
    if (v[COL_ALERT].s.n != ID_BYTES || v[COL_PUSH].s.n != ID_BYTES) return OK; /* no such row was ever handed out */
    memcpy(done.alert.b, v[COL_ALERT].s.p, ID_BYTES);
    done.channel = (enum outbox_channel)v[COL_CHANNEL].i;
    due_ms = s->now_ms + backoff_ms(v[COL_TRIES].i, o->retry_ms);
    state = state_after(o, due_ms, v[COL_EXPIRES].i);
    done.is_sent = state == OUTBOX_SENT;
    if (o->result == RESULT_UNSUBSCRIBED && done.channel == OUTBOX_PUSH && d->o.unsubscribed) {
        struct push_id push;
        memcpy(push.b, v[COL_PUSH].s.p, ID_BYTES);
        if ((r = d->o.unsubscribed(d->o.ctx, tx, o->account, push)) != OK) return r;
    }
    return settle_row(tx, s, &done, state, due_ms);
}

static enum err settle_all(struct store_tx *tx, void *ctx) {
    struct settling *s = ctx;
    enum err r = OK;
    s->told.n = 0;
    for (size_t i = 0; i < s->desk->outcome_n && r == OK; i++) r = settle_one(tx, s, &s->desk->outcomes[i]);
    return r;
}

static void forget(struct outbox_desk *d, const struct outbox_outcome *o) {
    for (size_t i = 0; i < d->lease_n; i++) {
        if (!id_eq(d->leases[i].row.b, o->row.b) || !id_eq(d->leases[i].account.b, o->account.b)) continue;
        memmove(d->leases + i, d->leases + i + 1, (d->lease_n - i - 1) * sizeof d->leases[0]);
        d->lease_n--;
        return;
    }
}

enum err desk_settle(struct outbox_desk *d) {
    struct settling s = { .desk = d, .now_ms = clock_wall_ms() };
    enum err r = d->outcome_n > 0 ? store_write(d->o.store, settle_all, &s) : OK;
    arena_reset(d->arena);
    for (size_t i = 0; r == OK && i < d->outcome_n; i++) {
        const struct ipc_header ack = head(OUTBOX_RECORDED, sizeof ack, d->outcomes[i].h.request);
        forget(d, &d->outcomes[i]);
        (void)!ipc_send(d->o.courier_fd, &ack, sizeof ack, false); /* a courier that does not listen learns it anyway */
    }
    if (r == OK) tell(d, &s.told);
    d->outcome_n = 0; /* not recorded: the lease ends, and it is delivered once more */
    return r;
}

/* ---- time ---- */

/* Whatever waits has at_ms from when its wait began: one in the future was set by a clock that is gone. */
static enum err reset_due(struct store_tx *tx, void *ctx) {
    int64_t now_ms = clock_wall_ms();
    (void)ctx;
    return store_exec(tx, &OUTBOX_RESET, S_IN(S_I(now_ms), S_I(now_ms + AHEAD_MOST_MS), S_I(now_ms + SKEW_MS)), NULL);
}

enum err desk_reset(struct outbox_desk *d) { return store_write(d->o.store, reset_due, NULL); }

static enum err purge(struct store_tx *tx, void *ctx) {
    (void)ctx;
    return store_exec(tx, &OUTBOX_PURGE, S_IN(S_I(clock_wall_ms() - KEPT_MS)), NULL);
}

enum err desk_purge(struct outbox_desk *d) { return store_write(d->o.store, purge, NULL); }
