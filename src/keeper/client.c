/*
 * The front's half: sends asks, matches replies to them, and answers KEEPER_DOWN itself when no reply came. Requests
 * are numbered from a random start, because the socket outlives both processes: a reply meant for a front that died
 * must meet no request of its successor. No hashing and no store may ever be linked here.
 */
#include "keeper/client.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "keeper/messages.h"

#define ANSWER_WITHIN_MS 10000
#define SWEEP_EVERY_MS   250
#define SEND_WAIT_MS     200 /* the keeper reads at once; longer means that it is gone */
#define BUCKETS          1024

struct pending {
    struct pending *next;
    uint64_t request;
    int64_t asked_ms;
    enum keeper_say failed; /* 0 while the keeper may still answer */
    keeper_done *done;
    void *ctx;
};

struct keeper_client {
    int fd;
    int wake_fd;
    pthread_t reader;
    pthread_mutex_t lock; /* guards what follows */
    struct pending *bucket[BUCKETS];
    uint64_t next_request;
    bool has_failed; /* some pending has `failed` set */
    bool is_ending;
    uint8_t buffer[IPC_MESSAGE_MAX]; /* the reader's own */
};

static struct pending **bucket_of(struct keeper_client *k, uint64_t request) { return &k->bucket[request % BUCKETS]; }

static struct pending *take(struct keeper_client *k, uint64_t request) {
    pthread_mutex_lock(&k->lock);
    struct pending **at = bucket_of(k, request);
    while (*at && (*at)->request != request) at = &(*at)->next;
    struct pending *found = *at;
    if (found) *at = found->next;
    pthread_mutex_unlock(&k->lock);
    return found;
}

static enum keeper_say verdict_on(const struct pending *p, int64_t now_ms, bool is_all) {
    if (p->failed) return p->failed;
    return is_all || now_ms - p->asked_ms >= ANSWER_WITHIN_MS ? KEEPER_DOWN : 0;
}

/* Unlinks what has failed or waited too long (or all), and answers it outside the lock. */
static void answer_lost(struct keeper_client *k, bool is_all) {
    struct pending *lost = NULL;
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&k->lock);
    k->has_failed = false;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct pending **at = &k->bucket[i]; *at;) {
            struct pending *p = *at;
            enum keeper_say say = verdict_on(p, now_ms, is_all);
            if (!say) {
                at = &p->next;
                continue;
            }
            *at = p->next;
            p->failed = say;
            p->next = lost;
            lost = p;
        }
    }
    pthread_mutex_unlock(&k->lock);
    while (lost) {
        struct pending *p = lost;
        lost = p->next;
        struct keeper_reply reply = { .say = p->failed };
        p->done(p->ctx, &reply);
        free(p);
    }
}

static void answer_with(struct pending *p, const struct keeper_message_reply *m) {
    struct keeper_reply reply = { .say = (enum keeper_say)m->say,
                                  .proved = m->proved,
                                  .is_budget_just_spent = m->is_budget_just_spent,
                                  .retry_ms = m->retry_ms,
                                  .expires_ms = m->expires_ms,
                                  .sealed_n = m->sealed_n };
    memcpy(reply.digits, m->digits, sizeof reply.digits);
    memcpy(reply.sealed, m->sealed, sizeof reply.sealed);
    memcpy(reply.recovery_key, m->recovery_key, sizeof reply.recovery_key);
    memcpy(reply.challenge, m->challenge, sizeof reply.challenge);
    memcpy(reply.receipt, m->receipt, sizeof reply.receipt);
    reply.account = m->account;
    reply.is_count_behind = m->is_count_behind != 0;
    reply.pair = m->pair;
    reply.holds_credentials = m->holds_credentials != 0;
    memcpy(reply.reason, m->reason, sizeof reply.reason);
    p->done(p->ctx, &reply);
    bytes_wipe(&reply, sizeof reply);
    free(p);
}

static void take_message(struct keeper_client *k, size_t n) {
    struct keeper_message_reply m;
    if (keeper_check_reply(k->buffer, n) != OK) return; /* its request is answered when its time is over */
    if (n != sizeof m) {
        answer_lost(k, true); /* a hello: a new keeper, which knows of nothing that was asked before */
        return;
    }
    memcpy(&m, k->buffer, sizeof m);
    struct pending *p = take(k, m.h.request);
    if (p) answer_with(p, &m);
    bytes_wipe(&m, sizeof m);
}

static bool should_end(struct keeper_client *k) {
    pthread_mutex_lock(&k->lock);
    bool is_ending = k->is_ending;
    pthread_mutex_unlock(&k->lock);
    return is_ending;
}

static bool has_failed(struct keeper_client *k) {
    pthread_mutex_lock(&k->lock);
    bool failed = k->has_failed;
    pthread_mutex_unlock(&k->lock);
    return failed;
}

static void take_waiting(struct keeper_client *k, bool *is_open) {
    for (int i = 0; i < 64; i++) {
        size_t n = 0;
        enum err r = ipc_receive(k->fd, k->buffer, &n, 0);
        if (r == OK) take_message(k, n);
        bytes_wipe(k->buffer, r == OK ? n : 0);
        if (r == ERR_INPUT) continue;
        if (r == ERR_CLOSED || r == ERR_IO) *is_open = false;
        if (r != OK) return;
    }
}

static void *reader_main(void *arg) {
    struct keeper_client *k = arg;
    bool is_open = true;
    int64_t swept_ms = clock_mono_ms();
    while (!should_end(k)) {
        struct pollfd p[2] = { { .fd = k->wake_fd, .events = POLLIN }, { .fd = k->fd, .events = POLLIN } };
        int n = poll(p, is_open ? 2 : 1, SWEEP_EVERY_MS);
        uint64_t ignored;
        if (n > 0 && p[0].revents && read(k->wake_fd, &ignored, sizeof ignored) < 0 && errno == EBADF) break;
        if (n > 0 && is_open && p[1].revents) take_waiting(k, &is_open);
        int64_t now_ms = clock_mono_ms();
        if (!is_open || has_failed(k) || now_ms - swept_ms >= SWEEP_EVERY_MS) {
            answer_lost(k, !is_open);
            swept_ms = now_ms;
        }
    }
    answer_lost(k, true);
    return NULL;
}

static void wake(struct keeper_client *k) {
    uint64_t one = 1;
    ssize_t n = write(k->wake_fd, &one, sizeof one);
    (void)n; /* a full counter wakes as well */
}

enum err keeper_client_new(int fd, struct keeper_client **ret) {
    struct keeper_client *k = calloc(1, sizeof *k);
    if (!k) return ERR_NOMEM;
    enum err r = ERR_IO;
    k->fd = fd;
    crypto_random(&k->next_request, sizeof k->next_request);
    k->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (k->wake_fd < 0) goto out_memory;
    if (pthread_mutex_init(&k->lock, NULL) != 0) goto out_fd;
    int room = 1 << 20; /* a wish: a burst of asks should not have to wait for the keeper's reader */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (pthread_create(&k->reader, NULL, reader_main, k) != 0) goto out_lock;
    *ret = k;
    return OK;
out_lock:
    pthread_mutex_destroy(&k->lock);
out_fd:
    close(k->wake_fd);
out_memory:
    free(k);
    return r;
}

void keeper_client_free(struct keeper_client *k) {
    if (!k) return;
    pthread_mutex_lock(&k->lock);
    k->is_ending = true;
    pthread_mutex_unlock(&k->lock);
    wake(k);
    pthread_join(k->reader, NULL);
    pthread_mutex_destroy(&k->lock);
    close(k->wake_fd);
    free(k);
}

static uint64_t put(struct keeper_client *k, struct pending *p) {
    pthread_mutex_lock(&k->lock);
    if (++k->next_request == 0) k->next_request = 1;
    uint64_t request = p->request = k->next_request;
    struct pending **at = bucket_of(k, request);
    p->next = *at;
    *at = p;
    pthread_mutex_unlock(&k->lock);
    return request;
}

/* The reader answers it, so that `done` never runs inside keeper_ask. */
static void fail_later(struct keeper_client *k, uint64_t request, enum keeper_say say) {
    pthread_mutex_lock(&k->lock);
    struct pending *p = *bucket_of(k, request);
    while (p && p->request != request) p = p->next;
    if (p) {
        p->failed = say;
        k->has_failed = true;
    }
    pthread_mutex_unlock(&k->lock);
    wake(k);
}

static enum err send_patiently(int fd, const struct keeper_message_ask *m) {
    int64_t until_ms = clock_mono_ms() + SEND_WAIT_MS;
    for (;;) {
        enum err r = ipc_send(fd, m, sizeof *m, false);
        if (r != ERR_BUSY || clock_mono_ms() >= until_ms) return r;
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        (void)poll(&p, 1, 20); /* the clock ends the loop, whatever poll says */
    }
}

void keeper_ask(struct keeper_client *k, const struct keeper_request *q, keeper_done *done, void *ctx) {
    assert(q->ask >= KEEPER_PROVE_PASSWORD && q->ask < (enum keeper_ask)KEEPER_ASK_COUNT);
    struct pending *p = calloc(1, sizeof *p);
    if (!p) {
        done(ctx, &(struct keeper_reply){ .say = KEEPER_BUSY }); /* nothing is left to hand it on with */
        return;
    }
    *p = (struct pending){ .asked_ms = clock_mono_ms(), .done = done, .ctx = ctx };
    uint64_t request = put(k, p);
    struct keeper_message_ask m;
    keeper_fill_ask(&m, q, request);
    /* An ask that its own check refuses (no account, no attempt) would never be answered. */
    enum err r = keeper_check_ask(&m, sizeof m);
    if (r == OK) r = send_patiently(k->fd, &m);
    bytes_wipe(&m, sizeof m);
    if (r == ERR_INPUT)
        fail_later(k, request, KEEPER_REFUSED);
    else if (r != OK)
        fail_later(k, request, r == ERR_BUSY ? KEEPER_BUSY : KEEPER_DOWN);
}

struct wait {
    pthread_mutex_t lock;
    pthread_cond_t is_done_changed;
    bool is_done;
    struct keeper_reply *reply;
};

static void wait_done(void *ctx, const struct keeper_reply *reply) {
    struct wait *w = ctx;
    pthread_mutex_lock(&w->lock);
    *w->reply = *reply;
    w->is_done = true;
    pthread_cond_signal(&w->is_done_changed);
    pthread_mutex_unlock(&w->lock);
}

void keeper_ask_wait(struct keeper_client *k, const struct keeper_request *q, struct keeper_reply *ret) {
    struct wait w = { .lock = PTHREAD_MUTEX_INITIALIZER, .is_done_changed = PTHREAD_COND_INITIALIZER, .reply = ret };
    keeper_ask(k, q, wait_done, &w);
    pthread_mutex_lock(&w.lock);
    while (!w.is_done) pthread_cond_wait(&w.is_done_changed, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_mutex_destroy(&w.lock);
    pthread_cond_destroy(&w.is_done_changed);
}
