/*
 * The keeper's threads. The reader checks each message and hands it to a lane, chosen by the account: so asks about one
 * account are served in the order they came, one besieged account slows only its own lane, and waiting transactions
 * of many lanes share a commit. Hashing threads run at raised nice, so that a storm of sign-ins leaves the processor
 * to the front; their queue is bounded, and what finds it full is answered at once.
 *
 * Proofs of passwords wait before they are begun, and are begun a handful at a time when the hashing threads run low:
 * so under a storm their reservations share commits, and one that waited in vain has reserved nothing. Only they wait:
 * a commit keeps its place among the asks about its attempt.
 */
#include "keeper/keeper.h"

#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "keeper/queue.h"

#define LANES            8
#define LANE_JOBS_MOST   32 /* asks that wait for one lane's database thread */
#define HASH_THREADS_MAX 256
#define COMMIT_PLACES    32   /* beyond the queue: what is proved already goes before guesses */
#define JOB_LIFE_MS      9500 /* the front stops waiting at 10 s */
#define READ_WAIT_MS     200
#define SEND_WAIT_MS     5000
#define PURGE_EVERY_MS   (10 * MS_PER_MIN)
#define DRAIN_MS         8000
#define STACK_BYTES      (512 * 1024)
#define HASH_NICE        10
#define BEGIN_AT_ONCE    8 /* proofs begun together, besides one a hashing thread */

struct running;

struct lane {
    struct running *run;
    struct job_queue queue;
    struct arena *arena;
    pthread_t thread;
};

struct running {
    const struct keeper_options *o;
    struct keeper *keeper;
    struct job_pool pool;
    struct lane lane[LANES];
    size_t lane_n;             /* started */
    pthread_mutex_t room_lock; /* guards the next three */
    struct job *room_first, *room_last;
    size_t ahead; /* proofs that are begun and not yet hashed */
    struct job_queue hash_queue;
    pthread_t hash_thread[HASH_THREADS_MAX];
    size_t hash_n;                /* started */
    _Atomic int64_t hash_waiting; /* asks that may still need a hash */
    int64_t hash_waiting_most;
    _Atomic bool is_draining; /* queued hashes are given up */
    pthread_t purge_thread;
    bool has_purge_thread;
    uint8_t buffer[IPC_MESSAGE_MAX];
};

static bool is_stopped(const struct running *run) { return __atomic_load_n(run->o->stop, __ATOMIC_RELAXED) != 0; }

/* A front that does not read must not hold the keeper's threads for long: the client has given up by then. */
static void send_reply(struct running *run, const struct keeper_message_reply *m) {
    int64_t until_ms = clock_mono_ms() + SEND_WAIT_MS;
    while (ipc_send(run->o->front_fd, m, sizeof *m, false) == ERR_BUSY) {
        if (clock_mono_ms() >= until_ms || is_stopped(run)) return;
        struct pollfd p = { .fd = run->o->front_fd, .events = POLLOUT };
        (void)poll(&p, 1, 50); /* the clock ends the loop, whatever poll says */
    }
}

static void answer(struct running *run, struct job *j) {
    send_reply(run, &j->r);
    if (j->has_hash_place) atomic_fetch_sub(&run->hash_waiting, 1);
    job_give_back(&run->pool, j);
}

static struct lane *lane_of(struct running *run, const struct job *j) {
    uint8_t h[HASH_BYTES]; /* a hash, because the front chooses account ids */
    crypto_sha256(str_bytes(j->q.account.b, ID_BYTES), h);
    return &run->lane[h[0] % LANES];
}

static bool waits_first(const struct job *j) { return j->q.h.type == KEEPER_PROVE_PASSWORD; }

/* Takes those out that may begin now; all when the keeper ends, because they must be answered. */
static struct job *take_from_room(struct running *run) {
    struct job *taken = NULL, **end = &taken;
    pthread_mutex_lock(&run->room_lock);
    bool may_begin = run->ahead <= run->hash_n || run->is_draining;
    while (may_begin && run->room_first && (run->ahead < run->hash_n + BEGIN_AT_ONCE || run->is_draining)) {
        struct job *j = run->room_first;
        run->room_first = j->next;
        if (!run->room_first) run->room_last = NULL;
        run->ahead++;
        j->next = NULL;
        *end = j;
        end = &j->next;
    }
    pthread_mutex_unlock(&run->room_lock);
    return taken;
}

static void begin_waiting(struct running *run) {
    struct job *j = take_from_room(run);
    while (j) {
        struct job *next = j->next;
        job_queue_put(&lane_of(run, j)->queue, j);
        j = next;
    }
}

static void wait_in_room(struct running *run, struct job *j) {
    pthread_mutex_lock(&run->room_lock);
    if (run->room_last)
        run->room_last->next = j;
    else
        run->room_first = j;
    run->room_last = j;
    pthread_mutex_unlock(&run->room_lock);
    begin_waiting(run);
}

static void is_ahead_no_more(struct running *run, const struct job *j) {
    if (!waits_first(j)) return;
    pthread_mutex_lock(&run->room_lock);
    run->ahead--;
    pthread_mutex_unlock(&run->room_lock);
    begin_waiting(run);
}

static bool is_too_late(const struct running *run, const struct job *j) {
    return run->is_draining || clock_mono_ms() >= j->deadline_mono_ms;
}

static void finish(struct lane *lane, struct job *j) {
    job_finish(lane->run->keeper, j, lane->arena, clock_wall_ms());
    answer(lane->run, j);
}

static void begin(struct lane *lane, struct job *j) {
    struct running *run = lane->run;
    if (waits_first(j) && is_too_late(run, j))
        job_refuse(j);
    else
        job_begin(run->keeper, j, lane->arena, clock_wall_ms());
    if (j->needs_hash) {
        job_queue_put(&run->hash_queue, j);
        return;
    }
    is_ahead_no_more(run, j);
    answer(run, j);
}

static void *lane_main(void *arg) {
    struct lane *lane = arg;
    struct job *j;
    while ((j = job_queue_get(&lane->queue)) != NULL) {
        if (j->needs_finish)
            finish(lane, j);
        else
            begin(lane, j);
    }
    return NULL;
}

static void serve_hash(struct running *run, struct job *j) {
    is_ahead_no_more(run, j);
    j->work.is_abandoned = is_too_late(run, j);
    job_hash(run->keeper, j);
    if (j->needs_finish)
        job_queue_put(&lane_of(run, j)->queue, j);
    else
        answer(run, j);
}

static void *hash_main(void *arg) {
    struct running *run = arg;
    struct job *j;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(),
                      HASH_NICE); /* a wish; the limits on queue and threads are the wall */
    while ((j = job_queue_get(&run->hash_queue)) != NULL) serve_hash(run, j);
    return NULL;
}

static void refuse(struct running *run, const struct keeper_message_ask *q) {
    struct job j = { .q.h = q->h };
    job_refuse(&j);
    send_reply(run, &j.r);
}

static bool take_hash_place(struct running *run, const struct keeper_message_ask *q) {
    int64_t most = run->hash_waiting_most + (q->h.type == KEEPER_COMMIT ? COMMIT_PLACES : 0);
    if (atomic_fetch_add(&run->hash_waiting, 1) < most) return true;
    atomic_fetch_sub(&run->hash_waiting, 1);
    return false;
}

static void accept_ask(struct running *run, const struct keeper_message_ask *q) {
    bool may_hash = ask_rules[q->h.type].may_hash;
    if (may_hash && !take_hash_place(run, q)) {
        refuse(run, q);
        return;
    }
    struct job *j = job_take(&run->pool);
    if (j) {
        j->q = *q;
        j->has_hash_place = may_hash;
        j->deadline_mono_ms = clock_mono_ms() + JOB_LIFE_MS;
        struct lane *lane = lane_of(run, j);
        if (waits_first(j)) {
            wait_in_room(run, j);
            return;
        }
        if (may_hash || job_queue_count(&lane->queue) < LANE_JOBS_MOST) {
            job_queue_put(&lane->queue, j);
            return;
        }
        job_give_back(&run->pool, j);
    }
    if (may_hash) atomic_fetch_sub(&run->hash_waiting, 1);
    refuse(run, q);
}

static void log_unsound(enum err e) {
    static int64_t last_ms;
    int64_t now_ms = clock_mono_ms();
    if (last_ms != 0 && now_ms - last_ms < MS_PER_MIN) return; /* a broken front sends many */
    last_ms = now_ms;
    log_err(e, "keeper: a message that is none");
}

/* Its own thread, because a slow database must not keep the reader from answering that it is busy. */
static void *purge_main(void *arg) {
    struct running *run = arg;
    int64_t due_ms = clock_mono_ms();
    while (!is_stopped(run) && !run->is_draining) {
        int64_t now_ms = clock_mono_ms();
        struct timespec t = { .tv_nsec = 100000000 };
        if (now_ms < due_ms) {
            nanosleep(&t, NULL);
            continue;
        }
        due_ms = now_ms + PURGE_EVERY_MS;
        enum err r = keeper_purge(run->keeper, clock_wall_ms());
        if (r != OK) log_err(r, "keeper: forgetting what is over");
    }
    return NULL;
}

static enum err read_asks(struct running *run) {
    while (!is_stopped(run)) {
        size_t n = 0;
        enum err r = ipc_receive(run->o->front_fd, run->buffer, &n, READ_WAIT_MS);
        if (r == ERR_CLOSED) return OK;
        if (r == OK) r = keeper_check_ask(run->buffer, n);
        if (r == OK)
            accept_ask(run, (const struct keeper_message_ask *)run->buffer);
        else if (r == ERR_INPUT)
            log_unsound(r);
        else if (r != ERR_TIMEOUT)
            return r;
        bytes_wipe(run->buffer, n);
    }
    return OK;
}

static enum err start_thread(pthread_t *t, void *(*main)(void *), void *arg) {
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) return ERR_NOMEM;
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES); /* the default is only larger */
    int failed = pthread_create(t, &attr, main, arg);
    pthread_attr_destroy(&attr);
    return failed ? ERR_NOMEM : OK;
}

static enum err start_lane(struct running *run) {
    struct lane *lane = &run->lane[run->lane_n];
    lane->run = run;
    lane->arena = arena_new(JOB_ARENA_BYTES);
    if (!lane->arena) return ERR_NOMEM;
    enum err r = job_queue_init(&lane->queue);
    if (r == OK && (r = start_thread(&lane->thread, lane_main, lane)) != OK) job_queue_release(&lane->queue);
    if (r == OK)
        run->lane_n++;
    else
        arena_free(lane->arena);
    return r;
}

/* Those that this process may use; asked of the kernel, because no path in /sys is open to it. */
static int64_t core_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static size_t hash_thread_count(const struct config *c) {
    int64_t n = c->keeper_hash_threads > 0 ? c->keeper_hash_threads : core_count();
    return n < 1 ? 1 : n > HASH_THREADS_MAX ? HASH_THREADS_MAX : (size_t)n;
}

static enum err start(struct running *run) {
    size_t hash_threads = hash_thread_count(run->o->config);
    run->hash_waiting_most = run->o->config->keeper_queue + (int64_t)hash_threads;
    enum err r =
        job_pool_init(&run->pool, (size_t)run->hash_waiting_most + COMMIT_PLACES + (size_t)LANES * LANE_JOBS_MOST);
    while (r == OK && run->lane_n < LANES) r = start_lane(run);
    while (r == OK && run->hash_n < hash_threads) {
        r = start_thread(&run->hash_thread[run->hash_n], hash_main, run);
        if (r == OK) run->hash_n++;
    }
    if (r == OK) r = start_thread(&run->purge_thread, purge_main, run);
    run->has_purge_thread = r == OK;
    return r;
}

/* Asks that were taken are answered; hashes that did not begin are given up, and their reservations given back. */
static void drain(struct running *run) {
    int64_t until_ms = clock_mono_ms() + DRAIN_MS;
    run->is_draining = true;
    begin_waiting(run);
    while (run->pool.all && job_pool_in_use(&run->pool) > 0 && clock_mono_ms() < until_ms) {
        struct timespec t = { .tv_nsec = 5000000 };
        nanosleep(&t, NULL);
    }
    if (run->has_purge_thread) pthread_join(run->purge_thread, NULL);
    job_queue_close(&run->hash_queue);
    for (size_t i = 0; i < run->hash_n; i++) pthread_join(run->hash_thread[i], NULL);
    for (size_t i = 0; i < run->lane_n; i++) job_queue_close(&run->lane[i].queue);
    for (size_t i = 0; i < run->lane_n; i++) {
        pthread_join(run->lane[i].thread, NULL);
        job_queue_release(&run->lane[i].queue);
        arena_free(run->lane[i].arena);
    }
}

static enum err say_hello(struct running *run) {
    struct keeper_message_hello m = { .h = { sizeof m, KEEPER_TYPE_HELLO, IPC_VERSION, 0 } };
    enum err r = ERR_BUSY;
    while (r == ERR_BUSY && !is_stopped(run)) {
        r = ipc_send(run->o->front_fd, &m, sizeof m, false);
        if (r == ERR_BUSY) (void)poll(NULL, 0, 20); /* full of what a dead front never read */
    }
    return r;
}

enum err keeper_run(const struct keeper_options *o) {
    struct running *run = calloc(1, sizeof *run);
    if (!run) return ERR_NOMEM;
    run->o = o;
    enum err r = pthread_mutex_init(&run->room_lock, NULL) == 0 ? OK : ERR_NOMEM;
    if (r != OK) goto out_memory;
    if ((r = job_queue_init(&run->hash_queue)) != OK) goto out_lock;
    if ((r = keeper_new(o, &run->keeper)) != OK) goto out_queue;
    if ((r = start(run)) == OK && (r = say_hello(run)) == OK) r = read_asks(run);
    drain(run);
    job_pool_release(&run->pool);
    keeper_free(run->keeper);
out_queue:
    job_queue_release(&run->hash_queue);
out_lock:
    pthread_mutex_destroy(&run->room_lock);
out_memory:
    bytes_wipe(run, sizeof *run);
    free(run);
    return r;
}
