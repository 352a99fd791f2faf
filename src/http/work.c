/*
 * The work lane: a bounded queue and its threads. The queue is one lock for all loops; requests that come here wait for
 * a database or for the keeper, beside which the lock is nothing.
 */
#include "base/clock.h"
#include "http/http_priv.h"

_Thread_local struct turn http_turn;

static struct http_request *work_take(struct work *w) {
    struct http_request *req;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->first && !w->ends) (void)pthread_cond_wait(&w->wake, &w->lock);
    req = w->ends ? NULL : w->first;
    if (req) {
        w->first = req->next;
        if (!w->first) w->last = &w->first;
        w->count--;
        req->next = NULL;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return req;
}

static void work_do(struct http_request *req) {
    http_continue *continuation = req->continuation;
    http_turn = (struct turn){ 0 };
    req->continuation = NULL;
    if (continuation)
        continuation(req, req->continuation_ctx);
    else
        req->handler(req, req->server->o.app);
    if (http_turn.is_suspended) return; /* somebody else has it already */
    if (!req->answered) http_reply_problem(req, 500, "internal", "The request was not answered.");
    loop_post(req->loop, req->done);
}

static void *work_run(void *arg) {
    struct work *w = arg;
    struct http_request *req;
    while ((req = work_take(w)) != NULL) work_do(req);
    (void)pthread_mutex_lock(&w->lock);
    w->ended++;
    (void)pthread_cond_broadcast(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum err work_start(struct work *w, int threads, int queue_max) {
    w->threads = calloc((size_t)threads, sizeof *w->threads);
    if (!w->threads) return ERR_NOMEM;
    w->max = queue_max;
    for (; w->thread_count < threads; w->thread_count++)
        if (pthread_create(&w->threads[w->thread_count], NULL, work_run, w) != 0) return ERR_IO;
    return OK;
}

bool work_push(struct work *w, struct http_request *req, bool is_admitted) {
    bool is_taken;
    (void)pthread_mutex_lock(&w->lock);
    is_taken = is_admitted || w->count < w->max;
    if (is_taken) {
        req->next = NULL;
        *w->last = req;
        w->last = &req->next;
        w->count++;
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (is_taken) (void)pthread_cond_signal(&w->wake); /* not before: it would wake only to wait for the lock */
    return is_taken;
}

bool work_stop(struct work *w, int64_t by_ms) {
    int64_t least_ms = clock_mono_ms() + MS_PER_S; /* a thread that has nothing to do still takes a moment to end */
    struct timespec until;
    bool all;
    if (by_ms < least_ms) by_ms = least_ms;
    until = (struct timespec){ .tv_sec = by_ms / MS_PER_S, .tv_nsec = by_ms % MS_PER_S * 1000000 };
    (void)pthread_mutex_lock(&w->lock);
    w->ends = true;
    (void)pthread_cond_broadcast(&w->wake);
    while (w->ended < w->thread_count && pthread_cond_clockwait(&w->wake, &w->lock, CLOCK_MONOTONIC, &until) == 0)
        continue;
    all = w->ended == w->thread_count;
    (void)pthread_mutex_unlock(&w->lock);
    for (int i = 0; all && i < w->thread_count; i++) (void)pthread_join(w->threads[i], NULL);
    if (all) w->thread_count = w->ended = 0;
    return all;
}
