/*
 * The work lane: a bounded queue and its threads. The queue is one lock for all loops; requests that come here wait for
 * a database or for the keeper, beside which the lock is nothing. Of the threads without work, the one that had some
 * last gets the next: its stack and its memory are still near the processor.
 */
#include "base/clock.h"
#include "http/http_priv.h"

_Thread_local struct turn http_turn;

static struct http_request *work_take(struct work *w, struct worker *me) {
    struct http_request *req;
    bool is_idle;
    (void)pthread_mutex_lock(&w->lock);
    req = w->ends ? NULL : w->first;
    is_idle = !req && !w->ends;
    if (req) {
        w->first = req->next;
        if (!w->first) w->last = &w->first;
        w->count--;
        req->next = NULL;
    }
    if (is_idle) {
        me->given = NULL;
        me->below = w->idle;
        w->idle = me;
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (!is_idle) return req;
    while (sem_wait(&me->wake) != 0) {}
    return me->given;
}

static void work_do(struct http_request *req) {
    http_continue *continuation = req->continuation;
    http_turn = (struct turn){ 0 };
    req->continuation = NULL;
    if (continuation)
        continuation(req, req->continuation_ctx);
    else
        req->handler(req, req->server->o.app);
    if (http_turn.post == MAIL_BODY && req->is_whole) body_take_whole(req);
    if (http_turn.is_suspended) return; /* somebody else has it already */
    if (!req->answered && http_turn.post == MAIL_DONE)
        http_reply_problem(req, 500, "internal", "The request was not answered.");
    req->done->kind = http_turn.post;
    loop_post(req->loop, req->done);
}

static void *work_run(void *arg) {
    struct worker *me = arg;
    struct work *w = me->work;
    struct http_request *req;
    while ((req = work_take(w, me)) != NULL) work_do(req);
    (void)pthread_mutex_lock(&w->lock);
    w->ended++;
    (void)pthread_cond_broadcast(&w->has_ended);
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum err work_start(struct work *w, int threads, int queue_max) {
    w->workers = calloc((size_t)threads, sizeof *w->workers);
    if (!w->workers) return ERR_NOMEM;
    w->max = queue_max;
    for (; w->thread_count < threads; w->thread_count++) {
        struct worker *x = &w->workers[w->thread_count];
        x->work = w;
        if (sem_init(&x->wake, 0, 0) != 0 || pthread_create(&x->thread, NULL, work_run, x) != 0) return ERR_IO;
    }
    return OK;
}

bool work_push(struct work *w, struct http_request *req, bool is_admitted) {
    struct worker *idle;
    bool is_taken;
    req->next = NULL;
    (void)pthread_mutex_lock(&w->lock);
    idle = w->idle; /* there is none while anything waits */
    is_taken = idle || is_admitted || w->count < w->max;
    if (idle) {
        w->idle = idle->below;
        idle->given = req;
    } else if (is_taken) {
        *w->last = req;
        w->last = &req->next;
        w->count++;
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (idle) (void)sem_post(&idle->wake);
    return is_taken;
}

/* Those without work wake to nothing, and end. */
static void dismiss(struct work *w) {
    w->ends = true;
    for (struct worker *x = w->idle; x; x = x->below) (void)sem_post(&x->wake);
    w->idle = NULL;
}

bool work_stop(struct work *w, int64_t by_ms) {
    int64_t least_ms = clock_mono_ms() + MS_PER_S; /* a thread that has nothing to do still takes a moment to end */
    struct timespec until;
    bool all;
    if (by_ms < least_ms) by_ms = least_ms;
    until = (struct timespec){ .tv_sec = by_ms / MS_PER_S, .tv_nsec = by_ms % MS_PER_S * 1000000 };
    (void)pthread_mutex_lock(&w->lock);
    dismiss(w);
    while (w->ended < w->thread_count && pthread_cond_clockwait(&w->has_ended, &w->lock, CLOCK_MONOTONIC, &until) == 0)
        continue;
    all = w->ended == w->thread_count;
    (void)pthread_mutex_unlock(&w->lock);
    for (int i = 0; all && i < w->thread_count; i++) (void)pthread_join(w->workers[i].thread, NULL);
    if (all) w->thread_count = w->ended = 0;
    return all;
}
