/*
 * PostgreSQL: a pool of connections, a transaction each, run again where the database asks for it or the connection was
 * lost before COMMIT. What happened to a COMMIT that got no answer nobody knows, so it is never run again.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "store/postgres_priv.h"

#define TRIES_MAX    10
#define TRYING_MS    8000 /* no new try after that: a caller waits */
#define OPEN_WAIT_MS 10000

/* What the connection string doesn't say. Of several hosts, the one that takes writes; a dead peer shows in seconds. */
static const char *const dial_defaults[][2] = {
    { "connect_timeout", "5" },
    { "client_encoding", "UTF8" },
    { "application_name", "tocsin" },
    { "target_session_attrs", "read-write" },
    { "gssencmode", "disable" },
    { "keepalives_idle", "10" },
    { "keepalives_interval", "5" },
    { "keepalives_count", "3" },
    { "tcp_user_timeout", "15000" },
    { "options", "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=20000 -c lock_timeout=8000"
                 " -c client_min_messages=warning -c bytea_output=hex" },
};

PGconn *postgres_dial(const char *url) {
    const char *keys[ARRAY_LEN(dial_defaults) + 2], *values[ARRAY_LEN(dial_defaults) + 2];
    size_t n = 0;
    for (; n < ARRAY_LEN(dial_defaults); n++) {
        keys[n] = dial_defaults[n][0];
        values[n] = dial_defaults[n][1];
    }
    keys[n] = "dbname"; /* last: what it says wins */
    values[n++] = url;
    keys[n] = values[n] = NULL;
    return libpq.PQconnectdbParams(keys, values, 1);
}

static void ignore_notice(void *arg, const PGresult *res) {
    (void)arg;
    (void)res;
}

static enum err ensure(struct postgres_store *d, struct conn *c) {
    if (postgres_is_alive(c)) return OK;
    postgres_hang_up(c);
    memset(c->is_prepared, 0, (d->store->stmt_n + 1) * sizeof *c->is_prepared);
    c->sqlstate[0] = 0;
    c->pg = postgres_dial(d->url);
    if (!postgres_is_alive(c)) return ERR_DATABASE;
    (void)libpq.PQsetNoticeReceiver(c->pg, ignore_notice, NULL);
    return OK;
}

static struct conn *take(struct postgres_store *d) {
    struct conn *c;
    (void)pthread_mutex_lock(&d->lock);
    while (!d->free) (void)pthread_cond_wait(&d->freed, &d->lock);
    c = d->free;
    d->free = c->next;
    (void)pthread_mutex_unlock(&d->lock);
    return c;
}

static void give(struct postgres_store *d, struct conn *c) {
    (void)pthread_mutex_lock(&d->lock);
    c->next = d->free;
    d->free = c;
    (void)pthread_mutex_unlock(&d->lock);
    (void)pthread_cond_signal(&d->freed);
}

/* ---- transactions ---- */

enum ending { ENDING_FINAL, ENDING_AGAIN };

struct kind {
    const char *begin;
    bool is_write;
};
static const struct kind kind_write = { "BEGIN", true };
static const struct kind kind_read = { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", false };

static bool is_state(const struct conn *c, const char *state) { return strcmp(c->sqlstate, state) == 0; }

/* Serialization failure, deadlock: the server has rolled back and asks for another run. */
static bool is_conflict(const struct conn *c) { return is_state(c, "40001") || is_state(c, "40P01"); }

/* The server was asked to stop, or has become a standby: another connection will do better. */
static bool is_leaving(const struct conn *c, const struct kind *kind) {
    return strncmp(c->sqlstate, "57P0", 4) == 0 || (kind->is_write && is_state(c, "25006"));
}

/* Nothing was committed by this run; is another one of use? */
static enum ending ending_before_commit(struct conn *c, const struct kind *kind) {
    if (is_leaving(c, kind)) postgres_hang_up(c);
    return !postgres_is_alive(c) || is_conflict(c) ? ENDING_AGAIN : ENDING_FINAL;
}

static enum err commit(struct conn *c, enum ending *ret_ending) {
    bool is_aborted = libpq.PQtransactionStatus(c->pg) == PQTRANS_INERROR; /* COMMIT would answer, and roll back */
    enum err r;
    if (is_aborted) {
        *ret_ending = is_conflict(c) ? ENDING_AGAIN : ENDING_FINAL;
        (void)!postgres_run(c, "ROLLBACK"); /* if that fails too, the connection is closed */
        return ERR_DATABASE;
    }
    r = postgres_run(c, "COMMIT");
    *ret_ending = ENDING_FINAL;
    if (r == OK) return OK;
    if (!postgres_is_alive(c) || strncmp(c->sqlstate, "57P0", 4) == 0) {
        postgres_hang_up(c);
        return ERR_UNCERTAIN;
    }
    if (is_conflict(c)) *ret_ending = ENDING_AGAIN;
    return r;
}

/* Ends what fn began. Reading has nothing to lose in its COMMIT: the rows have been seen. */
static enum err finish(struct conn *c, const struct kind *kind, enum err r, enum ending *ret_ending) {
    if (r == OK && c->waiting) { /* nothing was asked */
        *ret_ending = ENDING_FINAL;
        return OK;
    }
    if (r == OK && kind->is_write) return commit(c, ret_ending);
    *ret_ending = r == OK ? ENDING_FINAL : ending_before_commit(c, kind);
    if (postgres_is_alive(c) && !c->waiting && postgres_run(c, "ROLLBACK") != OK) postgres_hang_up(c);
    return r;
}

static enum err transact_once(struct postgres_store *d, const struct kind *kind, store_fn *fn, void *ctx,
                              enum ending *ret_ending) {
    struct conn *c = take(d);
    struct store_tx tx = { .store = d->store, .conn = c };
    enum err r = ensure(d, c);
    *ret_ending = ENDING_AGAIN; /* nothing is lost while the database is away */
    if (r == OK) {
        c->sqlstate[0] = 0;
        c->waiting = kind->begin;
        r = finish(c, kind, fn(&tx, ctx), ret_ending);
    }
    if (!postgres_is_alive(c)) postgres_hang_up(c);
    give(d, c);
    return r;
}

static void pause_before(int tries) {
    uint8_t byte;
    struct timespec t = { 0 };
    crypto_random(&byte, 1);
    t.tv_nsec = ((int64_t)(1 << (tries > 6 ? 6 : tries)) * (1000000 + byte * 8000));
    (void)nanosleep(&t, NULL);
}

static enum err transact(struct store *s, const struct kind *kind, store_fn *fn, void *ctx) {
    int64_t until_ms = clock_mono_ms() + TRYING_MS;
    enum ending ending = ENDING_FINAL;
    enum err r = ERR_DATABASE;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        if (tries > 0) pause_before(tries);
        r = transact_once(s->data, kind, fn, ctx, &ending);
        if (ending == ENDING_FINAL || clock_mono_ms() >= until_ms) break;
    }
    if (kind->is_write) s->transactions++;
    if (kind->is_write && r == OK) s->commits++;
    return r;
}

static enum err postgres_write(struct store *s, store_fn *fn, void *ctx, bool is_relaxed) {
    (void)is_relaxed; /* a wait for its disk holds up nobody else here */
    return transact(s, &kind_write, fn, ctx);
}

static enum err postgres_read(struct store *s, store_fn *fn, void *ctx) { return transact(s, &kind_read, fn, ctx); }

/* ---- opening ---- */

static enum err run_patiently(void *ctx, const char *sql) { /* a migration may take its time */
    struct conn *c = ctx;
    PGresult *res = libpq.PQexec(c->pg, sql);
    enum err r = postgres_verdict(c, res);
    libpq.PQclear(res);
    return r;
}

static enum err newest(void *ctx, int64_t *ret_number) {
    struct conn *c = ctx;
    PGresult *res = libpq.PQexec(c->pg, "SELECT coalesce(max(number), 0) FROM migration");
    enum err r = postgres_verdict(c, res);
    if (r == OK) *ret_number = strtoll(libpq.PQgetvalue(res, 0, 0), NULL, 10);
    libpq.PQclear(res);
    return r;
}

static enum err applied(void *ctx, int64_t number, char checksum[17]) {
    struct conn *c = ctx;
    char sql[100];
    PGresult *res;
    enum err r;
    (void)snprintf(sql, sizeof sql, "SELECT checksum FROM migration WHERE number = %lld", (long long)number);
    res = libpq.PQexec(c->pg, sql);
    r = postgres_verdict(c, res);
    if (r == OK && libpq.PQntuples(res) == 0) r = ERR_NOT_FOUND;
    if (r == OK) (void)snprintf(checksum, 17, "%s", libpq.PQgetvalue(res, 0, 0));
    libpq.PQclear(res);
    return r;
}

/* One node migrates; the others wait for its lock, and then find the work done. */
static enum err migrate(struct conn *c, const char *set, struct store_problem *p) {
    const struct migrator m = {
        .is_postgres = true, .run = run_patiently, .newest = newest, .applied = applied, .ctx = c
    };
    enum err r = run_patiently(c, "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;"
                                  "SELECT pg_advisory_xact_lock(8420842084208420)");
    if (r != OK) return store_fail(r, p, "the migration lock can't be had: %s", libpq.PQerrorMessage(c->pg));
    if ((r = store_migrate(&m, set, p)) == OK && (r = run_patiently(c, "COMMIT")) != OK)
        (void)store_fail(r, p, "the schema could not be written: %s", libpq.PQerrorMessage(c->pg));
    if (r != OK && run_patiently(c, "ROLLBACK") != OK) postgres_hang_up(c);
    return r;
}

/* A database that is just starting up is waited for. */
static enum err dial_patiently(struct postgres_store *d, struct conn *c, struct store_problem *p) {
    int64_t until_ms = clock_mono_ms() + OPEN_WAIT_MS;
    while (ensure(d, c) != OK) {
        (void)store_fail(ERR_DATABASE, p, "PostgreSQL can't be reached: %s",
                         c->pg ? libpq.PQerrorMessage(c->pg) : "no connection");
        if (clock_mono_ms() >= until_ms) return ERR_DATABASE;
        (void)usleep(200000);
    }
    p->text[0] = 0;
    return OK;
}

static void postgres_close(struct store *s) {
    struct postgres_store *d = s->data;
    d->is_closing = true;
    if (d->has_listener) (void)pthread_join(d->listener, NULL);
    for (int i = 0; d->conns && i < d->conn_n; i++) {
        postgres_hang_up(&d->conns[i]);
        free(d->conns[i].is_prepared);
    }
    free(d->conns);
    free(d->url);
    (void)pthread_cond_destroy(&d->freed);
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
    s->data = NULL;
}

static enum err open_all(struct store *s, struct postgres_store *d, const struct store_options *o,
                         struct store_problem *p) {
    struct conn *c;
    enum err r;
    d->conn_n = o->connections > 0 ? o->connections : 4;
    d->url = strdup(o->database);
    d->conns = calloc((size_t)d->conn_n, sizeof *d->conns);
    if (!d->url || !d->conns) return ERR_NOMEM;
    for (int i = 0; i < d->conn_n; i++) {
        d->conns[i].is_prepared = calloc(s->stmt_n + 1, sizeof(bool));
        if (!d->conns[i].is_prepared) return ERR_NOMEM;
        d->conns[i].next = d->free;
        d->free = &d->conns[i];
    }
    c = d->free;
    if ((r = dial_patiently(d, c, p)) != OK) return r;
    if ((r = migrate(c, o->migrations, p)) != OK) return r;
    for (size_t i = 0; i < s->stmt_n; i++)
        if ((r = postgres_prepare(s, c, i)) != OK)
            return store_fail(r, p, "statement %s: %s", s->stmts[i]->name, libpq.PQerrorMessage(c->pg));
    return OK;
}

static enum err postgres_open(struct store *s, const struct store_options *o, struct store_problem *p) {
    struct postgres_store *d;
    enum err r;
    if (postgres_load() != OK)
        return store_fail(ERR_UNSUPPORTED, p, "PostgreSQL: libpq.so.5 can't be loaded; install the package libpq5");
    if (!(d = calloc(1, sizeof *d))) return ERR_NOMEM;
    s->data = d;
    d->store = s;
    (void)pthread_mutex_init(&d->lock, NULL);
    (void)pthread_cond_init(&d->freed, NULL);
    r = open_all(s, d, o, p);
    if (r == OK) return OK;
    if (!p->text[0]) (void)store_fail(r, p, "PostgreSQL: %s", err_text(r));
    postgres_close(s);
    return r;
}

const struct store_engine store_postgres = { .name = "postgresql",
                                             .open = postgres_open,
                                             .close = postgres_close,
                                             .write = postgres_write,
                                             .read = postgres_read,
                                             .each = postgres_each,
                                             .exec = postgres_exec,
                                             .ping = postgres_ping,
                                             .notify = postgres_notify,
                                             .listen = postgres_listen };
