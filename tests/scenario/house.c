/* Builds, breaks and takes down the house of the scenarios. */
#include "house.h"

#include <libpq-fe.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alarm/alarm.h"
#include "ledger/ledger.h"

const struct store_stmt OUTBOX_ROWS = {
    .name = "test_outbox_rows",
    .in = "",
    .out = "biitttb",
    .sql = "SELECT id, channel, letter, recipient, title, body, sealed FROM outbox ORDER BY written_ms, id",
};
const struct store_stmt OUTBOX_DELIVERED = {
    .name = "test_outbox_delivered",
    .in = "bb",
    .out = "",
    .sql = "UPDATE outbox SET state = 2, tries = 1 WHERE account_id = ?1 AND alert_id = ?2 AND channel = 1",
};
const struct store_stmt ATTEMPT_STATE = { .name = "test_attempt_state",
                                          .in = "bb",
                                          .out = "i",
                                          .sql = "SELECT state FROM attempt WHERE account_id = ?1 AND id = ?2" };
const struct store_stmt HISTORY_COUNT = {
    .name = "test_history_count",
    .in = "bi",
    .out = "i",
    .sql = "SELECT count(*) FROM history WHERE account_id = ?1 AND event = ?2",
};
const struct store_stmt CASE_COUNT = {
    .name = "test_case_count", .in = "b", .out = "i", .sql = "SELECT count(*) FROM security_case WHERE account_id = ?1"
};

static const struct store_stmt *const own_statements[] = { &OUTBOX_ROWS,   &OUTBOX_DELIVERED, &ATTEMPT_STATE,
                                                           &HISTORY_COUNT, &CASE_COUNT,       NULL };
static const struct store_stmt *const *const statements[] = {
    identity_statements, ledger_statements, alarm_statements, guard_statements, own_statements, crash_statements, NULL
};

/* ---- writes that are lost; linked in place of store_write (--wrap) ---- */

enum err __real_store_write(struct store *s, store_fn *fn, void *ctx);
enum err __wrap_store_write(struct store *s, store_fn *fn, void *ctx);

static _Atomic int writes_left = INT_MAX;

enum err __wrap_store_write(struct store *s, store_fn *fn, void *ctx) {
    if (writes_left == INT_MAX) return __real_store_write(s, fn, ctx);
    return writes_left-- > 0 ? __real_store_write(s, fn, ctx) : ERR_IO;
}

static void on_server(const char *sql) {
    char url[300];
    snprintf(url, sizeof url, "%spostgres", world_postgres());
    PGconn *c = PQconnectdb(url);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s: %s", sql, PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
}

static void make_database(struct house *h) {
    static int number;
    char sql[200];
    snprintf(h->database, sizeof h->database, "%s/main.db", h->kept.directory);
    if (!h->is_postgres) return;
    snprintf(h->name, sizeof h->name, "tocsin_main_%d_%d", (int)getpid(), number++);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", h->name);
    on_server(sql);
    snprintf(h->database, sizeof h->database, "%s%s", world_postgres(), h->name);
}

static void rows_written(void *ctx) { ((struct house *)ctx)->rows_told++; }

static void alert_changed(void *ctx, struct account_id account, struct alert_id alert) {
    (void)account;
    (void)alert;
    ((struct house *)ctx)->alerts_told++;
}

static void code_asked(void *ctx, struct account_id account, struct attempt_id attempt) {
    (void)account;
    (void)attempt;
    ((struct house *)ctx)->codes_told++;
}

static void sessions_changed(void *ctx, struct account_id account) {
    (void)account;
    ((struct house *)ctx)->sessions_told++;
}

void house_start_front(struct house *h) {
    struct store_problem problem = { "" };
    enum err r = store_open(
        &(struct store_options){
            .database = h->database, .migrations = "main", .statements = statements, .connections = 8 },
        &h->store, &problem);
    if (r != OK) fail_msg("%s: %s", err_name(r), problem.text);
    assert_int_equal(keeper_client_new(h->keeper.front_fd, &h->client), OK);
    assert_int_equal(guard_new(&(struct guard_options){ .store = h->store,
                                                        .keeper = h->client,
                                                        .config = &h->kept.config,
                                                        .rows_written = rows_written,
                                                        .alert_changed = alert_changed,
                                                        .code_asked = code_asked,
                                                        .sessions_changed = sessions_changed,
                                                        .ctx = h },
                               &h->guard),
                     OK);
}

void house_stop_front(struct house *h) {
    guard_free(h->guard);
    keeper_client_free(h->client);
    store_close(h->store);
    h->guard = NULL;
    h->client = NULL;
    h->store = NULL;
}

/* A keeper that starts says hello, and what was asked before it is answered as lost. */
void house_wait_for_keeper(struct house *h) {
    struct keeper_reply reply = { .say = KEEPER_DOWN };
    for (int i = 0; i < 400 && reply.say != KEEPER_RIGHT; i++) {
        if (i > 0) (void)poll(NULL, 0, 10);
        keeper_ask_wait(h->client, &(struct keeper_request){ .ask = KEEPER_PING }, &reply);
    }
    assert_int_equal(reply.say, KEEPER_RIGHT);
}

void house_open(struct house *h, bool is_postgres) {
    memset(h, 0, sizeof *h);
    h->is_postgres = is_postgres;
    world_open(&h->kept, is_postgres);
    process_open(&h->keeper, &h->kept);
    make_database(h);
    house_start_front(h);
    house_wait_for_keeper(h);
}

void house_close(struct house *h) {
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char path[400], sql[200];
    house_stop_front(h);
    process_close(&h->keeper);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof path, "%s/main.db%s", h->kept.directory, ends[i]);
        (void)unlink(path); /* not all are there */
    }
    world_close(&h->kept);
    if (!h->is_postgres) return;
    snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", h->name);
    on_server(sql);
}

void house_lose_asks(struct house *h) {
    char message[IPC_MESSAGE_MAX];
    while (recv(h->keeper.keeper_fd, message, sizeof message, MSG_DONTWAIT) > 0) {}
}

/* ---- calls ---- */

struct running {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*step)(struct guard_call *call);
    bool is_done;
};

static void resume(struct guard_call *call, void (*step)(struct guard_call *call)) {
    struct running *run = call->ctx;
    pthread_mutex_lock(&run->lock);
    run->step = step;
    pthread_cond_signal(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static void done(struct guard_call *call) {
    struct running *run = call->ctx;
    pthread_mutex_lock(&run->lock);
    run->is_done = true;
    pthread_mutex_unlock(&run->lock);
}

/* The next step, or NULL when the call is over. */
static void (*next_step(struct running *run))(struct guard_call *) {
    pthread_mutex_lock(&run->lock);
    while (!run->is_done && !run->step) pthread_cond_wait(&run->changed, &run->lock);
    void (*step)(struct guard_call *) = run->is_done ? NULL : run->step;
    run->step = NULL;
    pthread_mutex_unlock(&run->lock);
    return step;
}

void house_run(struct house *h, struct guard_call *call, enum house_fate fate) {
    int64_t revs = fate == HOUSE_KEEPER_CRASHES ? world_number(&h->kept, &SUM_REVS) : 0;
    struct running run = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    void (*step)(struct guard_call *);
    bool is_keeper_down = fate == HOUSE_KEEPER_CRASHES || fate == HOUSE_ASK_IS_LOST;
    call->resume = resume;
    call->done = done;
    call->ctx = &run;
    if (is_keeper_down) process_kill(&h->keeper);
    if (fate == HOUSE_WRITE_IS_LOST) writes_left = 1;
    guard_run(h->guard, call);
    if (fate == HOUSE_ASK_IS_LOST) house_lose_asks(h);
    if (is_keeper_down) process_start(&h->keeper);
    while ((step = next_step(&run)) != NULL) {
        if (fate == HOUSE_FRONT_CRASHES) {
            house_stop_front(h);
            house_start_front(h);
            break;
        }
        step(call);
    }
    writes_left = INT_MAX;
    for (int i = 0; fate == HOUSE_KEEPER_CRASHES && i < 500 && world_number(&h->kept, &SUM_REVS) == revs; i++)
        (void)poll(NULL, 0, 10); /* the successor is still at work on what it found */
    pthread_mutex_destroy(&run.lock);
    pthread_cond_destroy(&run.changed);
}

struct number_query {
    const struct store_stmt *st;
    const struct store_val *in;
    int64_t value;
};

static enum err on_number(void *ctx, const struct store_val *v) {
    ((struct number_query *)ctx)->value = v[0].i;
    return OK;
}

static enum err read_number(struct store_tx *tx, void *ctx) {
    struct number_query *q = ctx;
    return store_each(tx, q->st, q->in, on_number, q);
}

int64_t house_number(struct house *h, const struct store_stmt *st, const struct store_val *in) {
    struct number_query q = { .st = st, .in = in, .value = -1 };
    assert_int_equal(store_read(h->store, read_number, &q), OK);
    return q.value;
}
