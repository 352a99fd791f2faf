/*
 * PostgreSQL: a pool of connections, a transaction each, run again where the database asks for it. Values go out as
 * text or bytes with their types named, and come back as text: exact for 64-bit numbers and for bytes.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "store/store_priv.h"

#define TRIES_MAX      10
#define OPEN_WAIT_MS   10000
#define PARAMETERS_MAX 40
#define COLUMNS_MAX    40

struct conn {
    PGconn *pg;
    bool *is_prepared; /* by statement index */
    char sqlstate[6];  /* of the last failure; "" when the connection itself failed */
    struct conn *next;
};

struct postgres_store {
    struct store *store;
    char *url;
    struct conn *conns, *free;
    int conn_n;
    pthread_mutex_t lock;
    pthread_cond_t freed;

    pthread_t listener;
    bool has_listener;
    _Atomic bool is_closing;
    const char *const *channels;
    store_heard_fn *heard;
    void *heard_ctx;
};

static PGconn *dial(const char *url) {
    const char *const keys[] = {
        "connect_timeout", "client_encoding", "application_name", "options", "keepalives_idle", "dbname", NULL
    };
    const char *const values[] = { "5",
                                   "UTF8",
                                   "tocsin",
                                   "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=20000"
                                   " -c lock_timeout=8000 -c client_min_messages=warning",
                                   "10",
                                   url,
                                   NULL };
    return PQconnectdbParams(keys, values, 1);
}

static void ignore_notice(void *arg, const PGresult *res) {
    (void)arg;
    (void)res;
}

static bool is_alive(const struct conn *c) { return c->pg && PQstatus(c->pg) == CONNECTION_OK; }

static void hang_up(struct conn *c) {
    if (c->pg) PQfinish(c->pg);
    c->pg = NULL;
}

static enum err ensure(struct postgres_store *d, struct conn *c) {
    if (is_alive(c)) return OK;
    hang_up(c);
    memset(c->is_prepared, 0, (d->store->stmt_n + 1) * sizeof *c->is_prepared);
    c->sqlstate[0] = 0;
    c->pg = dial(d->url);
    if (!is_alive(c)) return ERR_DATABASE;
    (void)PQsetNoticeReceiver(c->pg, ignore_notice, NULL);
    return OK;
}

static enum err err_of_state(const char *state) {
    if (strncmp(state, "23", 2) == 0) return ERR_CONSTRAINT;
    if (strcmp(state, "53100") == 0) return ERR_FULL;
    if (strcmp(state, "53200") == 0) return ERR_NOMEM;
    if (strncmp(state, "XX", 2) == 0) return ERR_CORRUPT;
    return ERR_DATABASE;
}

/* Takes the result's verdict, and the state of a failure; the caller clears the result. */
static enum err verdict(struct conn *c, const PGresult *res) {
    const char *state;
    ExecStatusType is = PQresultStatus(res);
    if (is == PGRES_COMMAND_OK || is == PGRES_TUPLES_OK) return OK;
    state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    (void)snprintf(c->sqlstate, sizeof c->sqlstate, "%s", state ? state : "");
    return err_of_state(c->sqlstate);
}

static enum err run(void *ctx, const char *sql) {
    struct conn *c = ctx;
    PGresult *res = PQexec(c->pg, sql);
    enum err r = verdict(c, res);
    PQclear(res);
    return r;
}

static Oid oid_of(char type) {
    switch (type) {
    case 'i':
    case 'I': return 20; /* int8 */
    case 't':
    case 'T': return 25; /* text */
    default: return 17;  /* bytea */
    }
}

static enum err ensure_prepared(struct conn *c, const struct store *s, size_t index) {
    const struct store_stmt *st = s->stmts[index];
    Oid types[PARAMETERS_MAX];
    PGresult *res;
    char name[24], *sql;
    int n = (int)strlen(st->in);
    enum err r;
    if (c->is_prepared[index]) return OK;
    for (int i = 0; i < n; i++) types[i] = oid_of(st->in[i]);
    sql = store_sql(st->sql, true);
    if (!sql) return ERR_NOMEM;
    (void)snprintf(name, sizeof name, "s%zu", index);
    res = PQprepare(c->pg, name, sql, n, types);
    r = verdict(c, res);
    PQclear(res);
    free(sql);
    c->is_prepared[index] = r == OK;
    return r;
}

/* Executes with the values; the result is the caller's to clear, whatever is returned. */
static enum err execute(struct store_tx *tx, size_t index, const struct store_val *in, PGresult **ret_res) {
    const char *types = tx->store->stmts[index]->in;
    const char *values[PARAMETERS_MAX];
    int lengths[PARAMETERS_MAX], formats[PARAMETERS_MAX];
    char numbers[PARAMETERS_MAX][24], name[24];
    struct conn *c = tx->conn;
    int n = 0;
    enum err r = ensure_prepared(c, tx->store, index);
    *ret_res = NULL;
    if (r != OK) return r;
    for (; types[n]; n++) {
        bool is_number = types[n] == 'i' || types[n] == 'I';
        formats[n] = is_number ? 0 : 1;
        lengths[n] = (int)in[n].s.n;
        values[n] = in[n].s.p ? in[n].s.p : "";
        if (is_number) (void)snprintf(numbers[n], sizeof numbers[n], "%lld", (long long)in[n].i);
        if (is_number) values[n] = numbers[n];
        if (in[n].is_null) values[n] = NULL;
    }
    (void)snprintf(name, sizeof name, "s%zu", index);
    *ret_res = PQexecPrepared(c->pg, name, n, values, lengths, formats, 0);
    return verdict(c, *ret_res);
}

/* A plain INSERT may meet a row that is there; only then must the transaction be able to go on. */
static bool may_collide(const char *sql) { return strncmp(sql, "INSERT", 6) == 0 && !strstr(sql, "ON CONFLICT"); }

static enum err postgres_exec(struct store_tx *tx, size_t index, const struct store_val *in, int64_t *ret_changed) {
    struct conn *c = tx->conn;
    bool is_guarded = may_collide(tx->store->stmts[index]->sql);
    PGresult *res = NULL;
    enum err r;
    if (is_guarded && (r = run(c, "SAVEPOINT one")) != OK) return r;
    r = execute(tx, index, in, &res);
    if (r == OK) { *ret_changed = strtoll(PQcmdTuples(res), NULL, 10); /* empty for a SELECT: 0 */ }
    PQclear(res);
    if (!is_guarded) return r;
    if (r == OK) return run(c, "RELEASE one");
    if (r == ERR_CONSTRAINT && run(c, "ROLLBACK TO one") != OK) return ERR_DATABASE;
    return r;
}

/* "\x0123…" in place. */
static struct str bytes_of(char *text, size_t n) {
    size_t out = 0;
    if (n >= 2 && text[0] == '\\' && text[1] == 'x') (void)!dec_hex(str_bytes(text + 2, n - 2), text, n, &out);
    return str_bytes(text, out);
}

static void read_cell(PGresult *res, int row, int col, char type, struct store_val *v) {
    char *text = PQgetvalue(res, row, col);
    size_t n = (size_t)PQgetlength(res, row, col);
    *v = (struct store_val){ .is_null = PQgetisnull(res, row, col) != 0 };
    if (v->is_null) return;
    if (type == 'i' || type == 'I') {
        v->i = strtoll(text, NULL, 10);
        return;
    }
    v->s = type == 't' || type == 'T' ? str_bytes(text, n) : bytes_of(text, n);
}

static enum err postgres_each(struct store_tx *tx, size_t index, const struct store_val *in, store_row_fn *row,
                              void *ctx) {
    const char *types = tx->store->stmts[index]->out;
    struct store_val cols[COLUMNS_MAX];
    PGresult *res = NULL;
    enum err r = execute(tx, index, in, &res);
    for (int i = 0; r == OK && i < PQntuples(res); i++) {
        for (int k = 0; types[k] && k < COLUMNS_MAX; k++) read_cell(res, i, k, types[k], &cols[k]);
        r = row(ctx, cols);
    }
    PQclear(res);
    return r;
}

/* ---- transactions ---- */

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
    (void)pthread_cond_signal(&d->freed);
    (void)pthread_mutex_unlock(&d->lock);
}

enum ending { ENDING_FINAL, ENDING_AGAIN };

static bool is_worth_again(const struct conn *c) {
    return !is_alive(c) || strcmp(c->sqlstate, "40001") == 0 || strcmp(c->sqlstate, "40P01") == 0 ||
           strcmp(c->sqlstate, "57P01") == 0 || strcmp(c->sqlstate, "25006") == 0;
}

static enum err commit(struct conn *c, enum ending *ret_ending) {
    PGresult *res = PQexec(c->pg, "COMMIT");
    enum err r = verdict(c, res);
    bool is_rolled_back = r == OK && strcmp(PQcmdStatus(res), "ROLLBACK") == 0;
    PQclear(res);
    *ret_ending = ENDING_FINAL;
    if (is_rolled_back) return ERR_DATABASE;
    if (r == OK) return OK;
    if (!is_alive(c)) return ERR_UNCERTAIN;
    if (is_worth_again(c)) *ret_ending = ENDING_AGAIN;
    return r;
}

static enum err transact_once(struct postgres_store *d, const char *begin, store_fn *fn, void *ctx,
                              enum ending *ret_ending) {
    struct conn *c = take(d);
    struct store_tx tx = { .store = d->store, .conn = c };
    enum err r = ensure(d, c);
    *ret_ending = ENDING_AGAIN; /* nothing is lost while the database is away */
    if (r != OK) goto out;
    c->sqlstate[0] = 0;
    if ((r = run(c, begin)) != OK) {
        if (!is_worth_again(c)) *ret_ending = ENDING_FINAL;
        goto out;
    }
    r = fn(&tx, ctx);
    if (r == OK) {
        r = commit(c, ret_ending);
        goto out;
    }
    if (!is_worth_again(c)) *ret_ending = ENDING_FINAL;
    if (is_alive(c)) (void)run(c, "ROLLBACK");
out:
    if (!is_alive(c)) hang_up(c);
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

static enum err transact(struct store *s, const char *begin, store_fn *fn, void *ctx) {
    enum ending ending = ENDING_FINAL;
    enum err r = ERR_DATABASE;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        if (tries > 0) pause_before(tries);
        r = transact_once(s->data, begin, fn, ctx, &ending);
        s->commits++;
        if (ending == ENDING_FINAL) break;
    }
    s->transactions++;
    return r;
}

static enum err postgres_write(struct store *s, store_fn *fn, void *ctx) { return transact(s, "BEGIN", fn, ctx); }

static enum err postgres_read(struct store *s, store_fn *fn, void *ctx) {
    return transact(s, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", fn, ctx);
}

/* ---- words between nodes ---- */

static enum err postgres_notify(struct store_tx *tx, const char *channel, const char *payload) {
    struct conn *c = tx->conn;
    const char *values[2] = { channel, payload };
    PGresult *res = PQexecParams(c->pg, "SELECT pg_notify($1, $2)", 2, NULL, values, NULL, NULL, 0);
    enum err r = verdict(c, res);
    PQclear(res);
    return r;
}

static bool listen_all(PGconn *pg, const char *const *channels) {
    for (size_t i = 0; channels[i]; i++) {
        char *name = PQescapeIdentifier(pg, channels[i], strlen(channels[i]));
        char sql[200];
        PGresult *res;
        bool is_good;
        (void)snprintf(sql, sizeof sql, "LISTEN %s", name ? name : "\"\"");
        PQfreemem(name);
        res = PQexec(pg, sql);
        is_good = PQresultStatus(res) == PGRES_COMMAND_OK;
        PQclear(res);
        if (!is_good) return false;
    }
    return true;
}

static void hear(struct postgres_store *d, PGconn *pg) {
    while (!d->is_closing && PQstatus(pg) == CONNECTION_OK) {
        struct pollfd p = { .fd = PQsocket(pg), .events = POLLIN };
        PGnotify *n;
        (void)poll(&p, 1, 500);
        if (PQconsumeInput(pg) != 1) return;
        while ((n = PQnotifies(pg)) != NULL) {
            d->heard(d->heard_ctx, n->relname, n->extra);
            PQfreemem(n);
        }
    }
}

static void *listen_loop(void *arg) {
    struct postgres_store *d = arg;
    bool is_first = true;
    while (!d->is_closing) {
        PGconn *pg = dial(d->url);
        if (PQstatus(pg) == CONNECTION_OK && listen_all(pg, d->channels)) {
            if (!is_first) d->heard(d->heard_ctx, "", NULL);
            is_first = false;
            hear(d, pg);
        }
        PQfinish(pg);
        for (int i = 0; i < 5 && !d->is_closing; i++) (void)usleep(100000);
    }
    return NULL;
}

static enum err postgres_listen(struct store *s, const char *const *channels, store_heard_fn *fn, void *ctx) {
    struct postgres_store *d = s->data;
    d->channels = channels;
    d->heard = fn;
    d->heard_ctx = ctx;
    if (pthread_create(&d->listener, NULL, listen_loop, d) != 0) return ERR_NOMEM;
    d->has_listener = true;
    return OK;
}

/* ---- opening ---- */

static enum err newest(void *ctx, int64_t *ret_number) {
    struct conn *c = ctx;
    PGresult *res = PQexec(c->pg, "SELECT coalesce(max(number), 0) FROM migration");
    enum err r = verdict(c, res);
    if (r == OK) *ret_number = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return r;
}

static enum err applied(void *ctx, int64_t number, char checksum[17]) {
    struct conn *c = ctx;
    char sql[100];
    PGresult *res;
    enum err r;
    (void)snprintf(sql, sizeof sql, "SELECT checksum FROM migration WHERE number = %lld", (long long)number);
    res = PQexec(c->pg, sql);
    r = verdict(c, res);
    if (r == OK && PQntuples(res) == 0) r = ERR_NOT_FOUND;
    if (r == OK) (void)snprintf(checksum, 17, "%s", PQgetvalue(res, 0, 0));
    PQclear(res);
    return r;
}

static enum err migrate(struct conn *c, const char *set, struct store_problem *p) {
    const struct migrator m = { .is_postgres = true, .run = run, .newest = newest, .applied = applied, .ctx = c };
    enum err r;
    if ((r = run(c, "BEGIN")) != OK || (r = run(c, "SELECT pg_advisory_xact_lock(8420842084208420)")) != OK)
        return store_fail(r, p, "the migration lock can't be had: %s", PQerrorMessage(c->pg));
    if ((r = store_migrate(&m, set, p)) == OK && (r = run(c, "COMMIT")) != OK)
        (void)store_fail(r, p, "the schema could not be written: %s", PQerrorMessage(c->pg));
    if (r != OK) (void)run(c, "ROLLBACK");
    return r;
}

/* A database that is just starting up is waited for. */
static enum err dial_patiently(struct postgres_store *d, struct conn *c, struct store_problem *p) {
    int64_t until_ms = clock_mono_ms() + OPEN_WAIT_MS;
    while (ensure(d, c) != OK) {
        (void)store_fail(ERR_DATABASE, p, "PostgreSQL can't be reached: %s",
                         c->pg ? PQerrorMessage(c->pg) : "no connection");
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
        hang_up(&d->conns[i]);
        free(d->conns[i].is_prepared);
    }
    free(d->conns);
    free(d->url);
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
        if ((r = ensure_prepared(c, s, i)) != OK)
            return store_fail(r, p, "statement %s: %s", s->stmts[i]->name, PQerrorMessage(c->pg));
    return OK;
}

static enum err postgres_open(struct store *s, const struct store_options *o, struct store_problem *p) {
    struct postgres_store *d = calloc(1, sizeof *d);
    enum err r;
    if (!d) return ERR_NOMEM;
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
                                             .notify = postgres_notify,
                                             .listen = postgres_listen };
