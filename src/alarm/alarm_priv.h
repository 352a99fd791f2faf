/* Between the files of the alarm. */
#ifndef TOCSIN_ALARM_ALARM_PRIV_H
#define TOCSIN_ALARM_ALARM_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "alarm/alarm.h"

enum outbox_state { OUTBOX_WAITING = 1, OUTBOX_SENT, OUTBOX_FAILED, OUTBOX_SEEN };

extern const struct store_stmt ALERT_FORGET, OUTBOX_FORGET;
extern const struct store_stmt ALERT_ADD, ALERT_LIVE, ALERT_COUNT_UP, ALERT_EACH, ALERT_GET, ALERT_ANSWER;
extern const struct store_stmt OUTBOX_ADD, OUTBOX_OF_ALERT, OUTBOX_SET_SEEN, OUTBOX_LIVE_ADD;
extern const struct store_stmt OUTBOX_DUE, OUTBOX_LEASE, OUTBOX_RELEASE, OUTBOX_NEXT_DUE, OUTBOX_READ, OUTBOX_SETTLE,
    OUTBOX_RESET, OUTBOX_PURGE;

/* ---- words.c ---- */
/* The paragraph that says how often an alert has happened by now. */
void alarm_words_count(int64_t count, int64_t last_ms, struct buf *body);

/* ---- desk.c: the thread; desk_rows.c: its SQL ---- */
#define CLAIM_MOST    64
#define OUTCOMES_MOST 64
#define LEASES_MAX    256

struct lease { /* a row that our courier has in hand */
    struct account_id account;
    struct row_id row;
    int64_t due_ms; /* when it comes back by itself */
};

struct outbox_desk {
    struct outbox_desk_options o;
    int wake_fd;
    pthread_t thread;
    _Atomic bool is_stopping;
    _Atomic int64_t heard_ms; /* monotonic: when the courier last asked */
    bool is_hung_up;          /* the courier's end is closed for good */
    bool is_reset_due;        /* the wall clock was set back, or we have just begun */
    uint64_t last_claim;      /* its request number */
    int64_t wall_less_mono_ms, purge_at_ms;
    struct arena *arena;
    struct lease leases[LEASES_MAX];
    size_t lease_n;
    struct outbox_delivery deliveries[CLAIM_MOST];
    struct outbox_outcome outcomes[OUTCOMES_MOST];
    size_t outcome_n;
};

/*
 * Leases up to `most` due rows and fills d->deliveries. Rows that are past their use, or that nobody could deliver, are
 * settled as failed instead. *ret_wait_ms: until the next is due, -1 for none; 0 when it is worth asking again at once.
 */
enum err desk_claim(struct outbox_desk *d, size_t most, size_t *ret_n, int64_t *ret_wait_ms) MUST_CHECK;
/* Records d->outcomes in one transaction and tells whoever shows them. */
enum err desk_settle(struct outbox_desk *d) MUST_CHECK;
/* A fresh courier has nothing in hand: what the one before it had is due again. */
enum err desk_release(struct outbox_desk *d) MUST_CHECK;
/* Brings back what waits for a time that the clock has moved away from. */
enum err desk_reset(struct outbox_desk *d) MUST_CHECK;
enum err desk_purge(struct outbox_desk *d) MUST_CHECK;

#endif
