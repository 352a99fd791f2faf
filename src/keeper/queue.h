/* Jobs and where they wait: a pool of all there can be, in locked memory, and first-in-first-out queues. */
#ifndef TOCSIN_KEEPER_QUEUE_H
#define TOCSIN_KEEPER_QUEUE_H

#include <pthread.h>

#include "keeper/keeper_priv.h"

struct job_pool {
    pthread_mutex_t lock;
    struct job *all, *free;
    size_t count, used, in_use; /* used: those that were ever taken */
};
enum err job_pool_init(struct job_pool *p, size_t count) MUST_CHECK; /* ERR_NOMEM */
void job_pool_release(struct job_pool *p);
struct job *job_take(struct job_pool *p);              /* NULL: all are in use */
void job_give_back(struct job_pool *p, struct job *j); /* wipes it */
size_t job_pool_in_use(struct job_pool *p);

struct job_queue {
    pthread_mutex_t lock;
    pthread_cond_t has_changed;
    struct job *first, *last;
    size_t count;
    bool is_closed;
};
enum err job_queue_init(struct job_queue *q) MUST_CHECK;
void job_queue_release(struct job_queue *q);
void job_queue_put(struct job_queue *q, struct job *j); /* never refuses: the pool is the bound */
struct job *job_queue_get(struct job_queue *q);         /* waits; NULL once closed and empty */
void job_queue_close(struct job_queue *q);
size_t job_queue_count(struct job_queue *q);

#endif
