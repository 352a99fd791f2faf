/*
 * The outbox thread of the front: the courier asks, this answers with SQL. A claim leases rows in one transaction;
 * outcomes that arrive together are recorded in one. A courier that dies leaves its rows to the end of their lease.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "alarm/alarm_priv.h"
#include "base/clock.h"
#include "base/crypto.h"

#define LEASE_MS         (45 * MS_PER_S)
#define BACKOFF_FIRST_MS MS_PER_S
#define BACKOFF_MOST_MS  (15 * MS_PER_MIN)
#define CLAIM_MOST       64
#define OUTCOMES_MOST    64
#define STEP_BACK_MS     (2 * MS_PER_S)
#define AHEAD_MOST_MS    (35 * MS_PER_DAY)
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
    .in = "bbi",
    .out = "",
    .sql = "UPDATE outbox SET due_ms = ?3, tries = tries + 1 WHERE account_id = ?1 AND id = ?2 AND state = 1",
};
const struct store_stmt OUTBOX_READ = {
    .name = "outbox_read",
    .in = "bb",
    .out = "biiiitbbbttbiiiii",
    .sql = "SELECT alert_id, channel, letter, action, kind, recipient, p256dh, auth, push_id, title, body, sealed, "
           "state, written_ms,"
           " expires_ms, due_ms, tries FROM outbox WHERE account_id = ?1 AND id = ?2",
};
const struct store_stmt OUTBOX_NEXT_DUE = {
    .name = "outbox_next_due",
    .in = "",
    .out = "I",
    .sql = "SELECT min(due_ms) FROM outbox WHERE state = 1",
};
const struct store_stmt OUTBOX_SETTLE = {
    .name = "outbox_settle",
    .in = "bbiii",
    .out = "",
    .sql = "UPDATE outbox SET state = ?3, due_ms = ?4, at_ms = ?5 WHERE account_id = ?1 AND id = ?2 AND state = 1",
};
const struct store_stmt OUTBOX_RESET = { .name = "outbox_reset",
                                         .in = "ii",
                                         .out = "",
                                         .sql = "UPDATE outbox SET due_ms = ?1 WHERE state = 1 AND due_ms > ?2" };
const struct store_stmt OUTBOX_PURGE = {
    .name = "outbox_purge", .in = "i", .out = "", .sql = "DELETE FROM outbox WHERE state <> 1 AND written_ms < ?1"
};

struct outbox_desk {
    struct outbox_desk_options o;
    int wake_fd;
    pthread_t thread;
    _Atomic bool is_stopping;
    _Atomic int64_t heard_ms; /* monotonic: when the courier last asked */
    int64_t wall_less_mono_ms, purge_at_ms;
    struct arena *arena;
};

/* ---- claims ---- */

struct claim {
    struct outbox_desk *desk;
    size_t most, n;
    int64_t now_ms, next_due_ms;
    struct {
        struct account_id account;
        struct row_id row;
    } key[CLAIM_MOST];
    struct outbox_delivery *list;
};

static enum err on_due(void *ctx, const struct store_val *v) {
    struct claim *c = ctx;
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES) return ERR_CORRUPT;
    if (c->n == c->most) return OK;
    memcpy(c->key[c->n].account.b, v[0].s.p, ID_BYTES);
    memcpy(c->key[c->n++].row.b, v[1].s.p, ID_BYTES);
    return OK;
}

static enum err on_next(void *ctx, const struct store_val *v) {
    ((struct claim *)ctx)->next_due_ms = v[0].is_null ? -1 : v[0].i;
    return OK;
}

static uint16_t put(char *to, size_t max, struct str s) {
    size_t n = s.n < max ? s.n : max;
    memcpy(to, s.p, n);
    return (uint16_t)n;
}

static enum err fill(const struct store_val *v, struct outbox_delivery *d) {
    if (v[0].s.n != ID_BYTES || v[5].s.n > OUTBOX_TO_MAX || v[11].s.n > OUTBOX_SEALED_MAX) return ERR_CORRUPT;
    memcpy(d->alert.b, v[0].s.p, ID_BYTES);
    d->channel = (uint8_t)v[1].i;
    d->letter = (uint8_t)v[2].i;
    d->action = (uint8_t)v[3].i;
    d->kind = (uint8_t)v[4].i;
    d->is_urgent = 1;
    d->to_n = put(d->to, sizeof d->to, v[5].s);
    if (v[6].s.n == sizeof d->push_p256dh) memcpy(d->push_p256dh, v[6].s.p, sizeof d->push_p256dh);
    if (v[7].s.n == sizeof d->push_auth) memcpy(d->push_auth, v[7].s.p, sizeof d->push_auth);
    d->title_n = put(d->title, sizeof d->title, v[9].s);
    d->body_n = put(d->body, sizeof d->body, v[10].s);
    d->sealed_n = put((char *)d->sealed, sizeof d->sealed, v[11].s);
    d->written_ms = v[13].i;
    d->expires_ms = v[14].i;
    d->tries = (uint32_t)v[16].i;
    return OK;
}

static enum err claim_rows(struct store_tx *tx, void *ctx) {
    struct claim *c = ctx;
    enum err r;
    c->n = 0;
    r = store_each(tx, &OUTBOX_DUE, S_IN(S_I(c->now_ms), S_I(c->most)), on_due, c);
    for (size_t i = 0; i < c->n && r == OK; i++) {
        const struct store_val key[] = { S_B(c->key[i].account.b), S_B(c->key[i].row.b), S_I(c->now_ms + LEASE_MS) };
        struct store_val v[17];
        struct outbox_delivery *d = &c->list[i];
        memset(d, 0, sizeof *d);
        if ((r = store_one(tx, &OUTBOX_READ, key, c->desk->arena, v)) != OK) return r;
        if ((r = fill(v, d)) != OK) return r;
        d->account = c->key[i].account;
        d->row = c->key[i].row;
        r = store_exec(tx, &OUTBOX_LEASE, key, NULL);
    }
    if (r == OK && c->n == 0) r = store_each(tx, &OUTBOX_NEXT_DUE, NULL, on_next, c);
    return r;
}

static struct ipc_header head(uint16_t type, size_t bytes, uint64_t request) {
    return (struct ipc_header){ .bytes = (uint32_t)bytes, .type = type, .version = IPC_VERSION, .request = request };
}

static enum err answer_claim(struct outbox_desk *d, const struct outbox_claim *q) {
    struct claim c = { .desk = d, .most = q->most, .now_ms = clock_wall_ms(), .next_due_ms = -1 };
    enum err r = ERR_NOMEM;
    c.list = calloc(CLAIM_MOST, sizeof *c.list);
    if (c.list) r = store_write(d->o.store, claim_rows, &c);
    if (r == OK && c.n == 0) {
        const struct outbox_nothing none = { .h = head(OUTBOX_NOTHING, sizeof none, q->h.request),
                                             .due_ms = c.next_due_ms < 0 ? -1 : c.next_due_ms - c.now_ms };
        r = ipc_send(d->o.courier_fd, &none, sizeof none, true);
    }
    for (size_t i = 0; r == OK && i < c.n; i++) {
        c.list[i].h = head(OUTBOX_DELIVERY, sizeof c.list[i], q->h.request);
        c.list[i].is_last = i + 1 == c.n;
        r = ipc_send(d->o.courier_fd, &c.list[i], sizeof c.list[i], true);
    }
    free(c.list);
    arena_reset(d->arena);
    return r;
}

/* ---- outcomes ---- */

struct settling {
    struct outbox_desk *desk;
    struct outbox_outcome list[OUTCOMES_MOST];
    struct alert_id alerts[OUTCOMES_MOST];
    size_t n;
    int64_t now_ms;
};

static int64_t backoff_ms(int64_t tries, int64_t wish_ms) {
    int64_t ms = BACKOFF_FIRST_MS;
    uint16_t jitter;
    for (int64_t i = 1; i < tries && ms < BACKOFF_MOST_MS; i++) ms *= 2;
    if (ms > BACKOFF_MOST_MS) ms = BACKOFF_MOST_MS;
    crypto_random(&jitter, sizeof jitter);
    ms += ms * jitter / 65536 / 4;
    return ms > wish_ms ? ms : wish_ms;
}

static enum err settle_one(struct store_tx *tx, struct settling *s, size_t i) {
    const struct outbox_outcome *o = &s->list[i];
    struct outbox_desk *d = s->desk;
    struct store_val v[17];
    struct outbox_settled done = { .account = o->account, .row = o->row, .status = o->status, .at_ms = s->now_ms };
    enum outbox_state state = OUTBOX_FAILED;
    int64_t due_ms = s->now_ms, changed = 0;
    enum err r = store_one(tx, &OUTBOX_READ, S_IN(S_B(o->account.b), S_B(o->row.b)), d->arena, v);
    if (r == ERR_NOT_FOUND) return OK; /* purged meanwhile, or a forged row: nothing to record */
    if (r != OK) return r;
    memcpy(s->alerts[i].b, v[0].s.p, ID_BYTES);
    done.alert = s->alerts[i];
    done.channel = (enum outbox_channel)v[1].i;
    if (o->result == RESULT_SENT) state = OUTBOX_SENT;
    if (o->result == RESULT_RETRY) {
        due_ms = s->now_ms + backoff_ms(v[16].i, o->retry_ms);
        if (due_ms < v[14].i) state = OUTBOX_WAITING;
    }
    r = store_exec(tx, &OUTBOX_SETTLE, S_IN(S_B(o->account.b), S_B(o->row.b), S_I(state), S_I(due_ms), S_I(s->now_ms)),
                   &changed);
    if (r != OK || changed == 0 || state == OUTBOX_WAITING) return r;
    done.is_sent = state == OUTBOX_SENT;
    if (o->result == RESULT_UNSUBSCRIBED && d->o.unsubscribed) {
        struct push_id push;
        memcpy(push.b, v[8].s.p, ID_BYTES);
        if ((r = d->o.unsubscribed(d->o.ctx, tx, o->account, push)) != OK) return r;
    }
    return d->o.recorded ? d->o.recorded(d->o.ctx, tx, &done) : OK;
}

static enum err settle_all(struct store_tx *tx, void *ctx) {
    struct settling *s = ctx;
    enum err r = OK;
    for (size_t i = 0; i < s->n && r == OK; i++) r = settle_one(tx, s, i);
    return r;
}

static enum err record(struct outbox_desk *d, struct settling *s) {
    enum err r;
    if (s->n == 0) return OK;
    s->now_ms = clock_wall_ms();
    r = store_write(d->o.store, settle_all, s);
    for (size_t i = 0; r == OK && i < s->n; i++) {
        const struct ipc_header ack = head(OUTBOX_RECORDED, sizeof ack, s->list[i].h.request);
        if (d->o.changed && !id_is_zero(s->alerts[i].b)) d->o.changed(d->o.ctx, s->list[i].account, s->alerts[i]);
        if (ipc_send(d->o.courier_fd, &ack, sizeof ack, false) != OK) continue; /* a lease ends by itself */
    }
    s->n = 0;
    arena_reset(d->arena);
    return r;
}

/* ---- the loop ---- */

/* Takes what has arrived: outcomes together, claims after them. */
static void serve(struct outbox_desk *d, struct settling *s, void *buffer) {
    struct outbox_claim claim;
    bool has_claim = false;
    size_t n;
    while (s->n < OUTCOMES_MOST) {
        const struct ipc_header *h = buffer;
        enum err r = ipc_receive(d->o.courier_fd, buffer, &n, 0);
        if (r == ERR_INPUT) continue;
        if (r != OK) break;
        if (outbox_check(buffer, n) != OK) continue; /* a courier that lies is not served */
        if (h->type == OUTBOX_OUTCOME) memcpy(&s->list[s->n++], buffer, sizeof s->list[0]);
        if (h->type == OUTBOX_CLAIM) {
            memcpy(&claim, buffer, sizeof claim);
            has_claim = true;
        }
    }
    if (has_claim || s->n > 0) atomic_store(&d->heard_ms, clock_mono_ms());
    (void)record(d, s);                           /* not recorded: the lease ends and it is tried again */
    if (has_claim) (void)answer_claim(d, &claim); /* likewise */
}

struct reset {
    int64_t now_ms, beyond_ms;
};

static enum err reset_due(struct store_tx *tx, void *ctx) {
    const struct reset *r = ctx;
    return store_exec(tx, &OUTBOX_RESET, S_IN(S_I(r->now_ms), S_I(r->beyond_ms)), NULL);
}

static enum err purge(struct store_tx *tx, void *ctx) {
    return store_exec(tx, &OUTBOX_PURGE, S_IN(S_I(*(int64_t *)ctx)), NULL);
}

/* A wall clock that was set back must not strand what waits for a time that has moved away. */
static void watch_clock(struct outbox_desk *d, bool is_start) {
    int64_t now_ms = clock_wall_ms(), offset_ms = now_ms - clock_mono_ms();
    bool is_back = !is_start && offset_ms < d->wall_less_mono_ms - STEP_BACK_MS;
    struct reset reset = { now_ms, is_back ? now_ms : now_ms + AHEAD_MOST_MS };
    if (is_start || is_back)
        (void)!store_write(d->o.store, reset_due, &reset); /* tried again at the next step or start */
    d->wall_less_mono_ms = offset_ms;
    if (clock_mono_ms() >= d->purge_at_ms) {
        int64_t before_ms = now_ms - KEPT_MS;
        d->purge_at_ms = clock_mono_ms() + MS_PER_HOUR;
        (void)!store_write(d->o.store, purge, &before_ms); /* housekeeping; the next hour will do */
    }
}

static void *desk_loop(void *arg) {
    struct outbox_desk *d = arg;
    struct settling *s = calloc(1, sizeof *s);
    void *buffer = malloc(IPC_MESSAGE_MAX);
    while (s && buffer && !d->is_stopping) {
        struct pollfd fds[2] = { { .fd = d->o.courier_fd, .events = POLLIN }, { .fd = d->wake_fd, .events = POLLIN } };
        uint64_t count;
        (void)poll(fds, 2, 1000);
        watch_clock(d, d->wall_less_mono_ms == 0);
        if (fds[1].revents & POLLIN) {
            const struct ipc_header wake = head(OUTBOX_WAKE, sizeof wake, 0);
            if (read(d->wake_fd, &count, sizeof count) < 0) continue;
            (void)!ipc_send(d->o.courier_fd, &wake, sizeof wake,
                            false); /* full: it has enough to read, and looks by itself */
        }
        if (fds[0].revents & POLLIN) {
            s->desk = d;
            serve(d, s, buffer);
        }
    }
    free(s);
    free(buffer);
    return NULL;
}

enum err outbox_desk_start(const struct outbox_desk_options *o, struct outbox_desk **ret) {
    struct outbox_desk *d = calloc(1, sizeof *d);
    if (!d) return ERR_NOMEM;
    d->o = *o;
    d->arena = arena_new(4 * 1024 * 1024);
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->arena && d->wake_fd >= 0 && pthread_create(&d->thread, NULL, desk_loop, d) == 0) {
        *ret = d;
        return OK;
    }
    if (d->wake_fd >= 0) (void)close(d->wake_fd);
    arena_free(d->arena);
    free(d);
    return ERR_NOMEM;
}

void outbox_desk_wake(struct outbox_desk *d) {
    const uint64_t one = 1;
    if (write(d->wake_fd, &one, sizeof one) < 0) return; /* the counter is full: it is awake */
}

bool outbox_desk_is_alive(struct outbox_desk *d) {
    int64_t heard_ms = atomic_load(&d->heard_ms);
    return heard_ms != 0 && clock_mono_ms() - heard_ms < 5000;
}

void outbox_desk_stop(struct outbox_desk *d) {
    if (!d) return;
    d->is_stopping = true;
    outbox_desk_wake(d);
    (void)pthread_join(d->thread, NULL);
    (void)close(d->wake_fd);
    arena_free(d->arena);
    free(d);
}
