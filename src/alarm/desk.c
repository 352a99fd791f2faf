/*
 * The outbox thread of the front: the courier asks, this answers (with the SQL of desk_rows.c). It outlives couriers: a
 * fresh one is known by its request numbers, which begin again, and gets at once what the one before it had in hand.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "alarm/alarm_priv.h"
#include "base/clock.h"

#define TURN_MS      1000
#define ALIVE_MS     (5 * MS_PER_S)
#define PATIENCE_MS  (5 * MS_PER_S) /* for a courier that does not read what it asked for */
#define STEP_BACK_MS (2 * MS_PER_S)

static struct ipc_header head(uint16_t type, size_t bytes, uint64_t request) {
    return (struct ipc_header){ .bytes = (uint32_t)bytes, .type = type, .version = IPC_VERSION, .request = request };
}

/* What can't be handed over in time comes back when its lease ends. */
static enum err send_patiently(struct outbox_desk *d, const void *message, size_t n) {
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    enum err r;
    while ((r = ipc_send(d->o.courier_fd, message, n, false)) == ERR_BUSY) {
        struct pollfd room = { .fd = d->o.courier_fd, .events = POLLOUT };
        if (d->is_stopping || clock_mono_ms() >= until_ms) return ERR_TIMEOUT;
        (void)poll(&room, 1, 100);
    }
    return r;
}

static enum err answer_claim(struct outbox_desk *d, const struct outbox_claim *q) {
    size_t n = 0;
    int64_t wait_ms = -1;
    enum err r;
    if (q->h.request <= d->last_claim && (r = desk_release(d)) != OK) return r;
    d->last_claim = q->h.request;
    if ((r = desk_claim(d, q->most, &n, &wait_ms)) != OK) return r;
    if (n == 0) {
        const struct outbox_nothing none = { .h = head(OUTBOX_NOTHING, sizeof none, q->h.request), .due_ms = wait_ms };
        return send_patiently(d, &none, sizeof none);
    }
    for (size_t i = 0; r == OK && i < n; i++) {
        d->deliveries[i].h.request = q->h.request;
        d->deliveries[i].is_last = i + 1 == n;
        r = send_patiently(d, &d->deliveries[i], sizeof d->deliveries[i]);
    }
    return r;
}

/* Takes what has arrived: outcomes together, the claim after them. */
static void serve(struct outbox_desk *d, void *buffer) {
    struct outbox_claim claim;
    bool has_claim = false;
    size_t n;
    while (d->outcome_n < OUTCOMES_MOST) {
        const struct ipc_header *h = buffer;
        enum err r = ipc_receive(d->o.courier_fd, buffer, &n, 0);
        if (r == ERR_CLOSED) d->is_hung_up = true;
        if (r == ERR_INPUT) continue;
        if (r != OK) break;
        if (outbox_check(buffer, n) != OK) continue; /* a courier that lies is not served */
        if (h->type == OUTBOX_OUTCOME) memcpy(&d->outcomes[d->outcome_n++], buffer, sizeof d->outcomes[0]);
        if (h->type == OUTBOX_CLAIM) {
            memcpy(&claim, buffer, sizeof claim);
            has_claim = true;
        }
    }
    if (has_claim || d->outcome_n > 0) atomic_store(&d->heard_ms, clock_mono_ms());
    (void)!desk_settle(d);                         /* not recorded: the lease ends and it is tried again */
    if (has_claim) (void)!answer_claim(d, &claim); /* likewise; and the courier asks again by itself */
}

/* A wall clock that was set back must not strand what waits for a time that has moved away. */
static void watch_clock(struct outbox_desk *d) {
    int64_t mono_ms = clock_mono_ms(), offset_ms = clock_wall_ms() - mono_ms;
    if (offset_ms < d->wall_less_mono_ms - STEP_BACK_MS) d->is_reset_due = true;
    d->wall_less_mono_ms = offset_ms;
    if (d->is_reset_due && desk_reset(d) == OK) d->is_reset_due = false;
    if (mono_ms < d->purge_at_ms) return;
    d->purge_at_ms = mono_ms + MS_PER_HOUR;
    (void)!desk_purge(d); /* housekeeping; the next hour will do */
}

static void wake_courier(struct outbox_desk *d) {
    const struct ipc_header wake = head(OUTBOX_WAKE, sizeof wake, 0);
    uint64_t count;
    if (read(d->wake_fd, &count, sizeof count) < 0) return;
    (void)!ipc_send(d->o.courier_fd, &wake, sizeof wake, false); /* full: it has enough to read, and looks by itself */
}

static void *desk_loop(void *arg) {
    struct outbox_desk *d = arg;
    void *buffer = malloc(IPC_MESSAGE_MAX);
    while (buffer && !d->is_stopping) {
        struct pollfd fds[2] = { { .fd = d->wake_fd, .events = POLLIN },
                                 { .fd = d->is_hung_up ? -1 : d->o.courier_fd, .events = POLLIN } };
        (void)poll(fds, 2, TURN_MS);
        watch_clock(d);
        if (fds[0].revents) wake_courier(d);
        if (fds[1].revents) serve(d, buffer);
    }
    free(buffer);
    return NULL;
}

enum err outbox_desk_start(const struct outbox_desk_options *o, struct outbox_desk **ret) {
    struct outbox_desk *d = calloc(1, sizeof *d);
    if (!d) return ERR_NOMEM;
    d->o = *o;
    d->is_reset_due = true;
    d->wall_less_mono_ms = clock_wall_ms() - clock_mono_ms();
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
    return heard_ms != 0 && clock_mono_ms() - heard_ms < ALIVE_MS;
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
