/* The bound stands in one place, the pool: whoever holds a job can always pass it on. */
#include "keeper/queue.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/secret.h"

enum err job_pool_init(struct job_pool *p, size_t count) {
    *p = (struct job_pool){ .count = count };
    p->all = calloc(count, sizeof *p->all);
    if (!p->all) return ERR_NOMEM;
    /* Passwords pass through here. Where the limit on locked memory is small they may still be swapped, not dumped.
     * Locked as it is touched: the jobs of a storm cost nothing on a quiet day. */
    (void)mlock2(p->all, count * sizeof *p->all, MLOCK_ONFAULT);
    (void)madvise(p->all, count * sizeof *p->all, MADV_DONTDUMP); /* on whole pages; core files are off anyway */
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        free(p->all);
        return ERR_NOMEM;
    }
    return OK;
}

void job_pool_release(struct job_pool *p) {
    if (!p->all) return;
    bytes_wipe(p->all, p->used * sizeof *p->all);
    (void)munlock(p->all, p->count * sizeof *p->all);
    free(p->all);
    p->all = NULL;
    pthread_mutex_destroy(&p->lock);
}

struct job *job_take(struct job_pool *p) {
    pthread_mutex_lock(&p->lock);
    struct job *j = p->free;
    if (j)
        p->free = j->next;
    else if (p->used < p->count)
        j = &p->all[p->used++];
    if (j) p->in_use++;
    pthread_mutex_unlock(&p->lock);
    if (j) j->next = NULL;
    return j;
}

void job_give_back(struct job_pool *p, struct job *j) {
    job_wipe(j);
    pthread_mutex_lock(&p->lock);
    j->next = p->free;
    p->free = j;
    p->in_use--;
    pthread_mutex_unlock(&p->lock);
}

size_t job_pool_in_use(struct job_pool *p) {
    pthread_mutex_lock(&p->lock);
    size_t n = p->in_use;
    pthread_mutex_unlock(&p->lock);
    return n;
}

enum err job_queue_init(struct job_queue *q) {
    *q = (struct job_queue){ 0 };
    if (pthread_mutex_init(&q->lock, NULL) != 0) return ERR_NOMEM;
    if (pthread_cond_init(&q->has_changed, NULL) == 0) return OK;
    pthread_mutex_destroy(&q->lock);
    return ERR_NOMEM;
}

void job_queue_release(struct job_queue *q) {
    pthread_cond_destroy(&q->has_changed);
    pthread_mutex_destroy(&q->lock);
}

void job_queue_put(struct job_queue *q, struct job *j) {
    j->next = NULL;
    pthread_mutex_lock(&q->lock);
    if (q->last)
        q->last->next = j;
    else
        q->first = j;
    q->last = j;
    q->count++;
    pthread_mutex_unlock(&q->lock);
    pthread_cond_signal(&q->has_changed);
}

struct job *job_queue_get(struct job_queue *q) {
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->is_closed) pthread_cond_wait(&q->has_changed, &q->lock);
    struct job *j = q->first;
    if (j) {
        q->first = j->next;
        if (!q->first) q->last = NULL;
        q->count--;
    }
    pthread_mutex_unlock(&q->lock);
    return j;
}

void job_queue_close(struct job_queue *q) {
    pthread_mutex_lock(&q->lock);
    q->is_closed = true;
    pthread_cond_broadcast(&q->has_changed);
    pthread_mutex_unlock(&q->lock);
}

size_t job_queue_count(struct job_queue *q) {
    pthread_mutex_lock(&q->lock);
    size_t n = q->count;
    pthread_mutex_unlock(&q->lock);
    return n;
}
