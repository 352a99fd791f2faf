/*
 * One statement, one round trip: BEGIN if it has not gone out, a savepoint, the statement and the savepoint's end are
 * sent together, and answers are read with a deadline. Values go out as text or bytes with their types named, and come
 * back as text: exact for 64-bit numbers and for bytes.
 */
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/enc.h"
#include "store/postgres_priv.h"

#define CLIENT_WAIT_MS 15000 /* past the server's own statement_timeout */
#define COMMANDS_MAX   5

bool postgres_is_alive(const struct conn *c) { return c->pg && libpq.PQstatus(c->pg) == CONNECTION_OK; }

void postgres_hang_up(struct conn *c) {
    if (c->pg) libpq.PQfinish(c->pg);
    c->pg = NULL;
}

static enum err err_of_state(const char *state) {
    if (strncmp(state, "23", 2) == 0) return ERR_CONSTRAINT;
    if (strcmp(state, "53100") == 0) return ERR_FULL;
    if (strcmp(state, "53200") == 0) return ERR_NOMEM;
    if (strcmp(state, "XX001") == 0 || strcmp(state, "XX002") == 0) return ERR_CORRUPT;
    return ERR_DATABASE;
}

enum err postgres_verdict(struct conn *c, const PGresult *res) {
    const char *state;
    ExecStatusType is = libpq.PQresultStatus(res);
    if (is == PGRES_COMMAND_OK || is == PGRES_TUPLES_OK) return OK;
    state = res ? libpq.PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    (void)snprintf(c->sqlstate, sizeof c->sqlstate, "%s", state ? state : "");
    return err_of_state(c->sqlstate);
}

/* The next result, or NULL: no more of this command, or the connection is lost. libpq alone would wait for ever. */
static PGresult *next_result(struct conn *c, int64_t until_ms) {
    while (postgres_is_alive(c) && libpq.PQisBusy(c->pg)) {
        struct pollfd p = { .fd = libpq.PQsocket(c->pg), .events = POLLIN };
        int64_t left_ms = until_ms - clock_mono_ms();
        if (left_ms > 0 && poll(&p, 1, (int)left_ms) >= 0) {
            (void)libpq.PQconsumeInput(c->pg); /* its failure shows in the status */
            continue;
        }
        if (left_ms > 0) continue; /* a signal */
        postgres_hang_up(c);
        return NULL;
    }
    return c->pg ? libpq.PQgetResult(c->pg) : NULL;
}

/* Reads the results of n commands and the end of the pipeline. What was not answered is NULL. */
static void collect(struct conn *c, PGresult **ret_results, size_t n) {
    int64_t until_ms = clock_mono_ms() + CLIENT_WAIT_MS;
    for (size_t i = 0; i <= n; i++) { /* the last is the pipeline's end */
        PGresult *res = next_result(c, until_ms), *more;
        if (i == n) {
            libpq.PQclear(res);
            break;
        }
        ret_results[i] = res;
        while (res && (more = next_result(c, until_ms)) != NULL) libpq.PQclear(more);
    }
    if (c->pg && libpq.PQexitPipelineMode(c->pg) != 1) postgres_hang_up(c);
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

static bool send_prepare(struct conn *c, const struct store_stmt *st, const char *name) {
    Oid types[STORE_PARAMETERS_MAX];
    char *sql = store_sql(st->sql, true);
    int n = (int)strlen(st->in);
    bool is_sent;
    if (!sql) return false;
    for (int i = 0; i < n; i++) types[i] = oid_of(st->in[i]);
    is_sent = libpq.PQsendPrepare(c->pg, name, sql, n, types) == 1;
    free(sql);
    return is_sent;
}

static bool send_execute(struct conn *c, const char *name, const char *types, const struct store_val *in) {
    const char *values[STORE_PARAMETERS_MAX];
    int lengths[STORE_PARAMETERS_MAX], formats[STORE_PARAMETERS_MAX];
    char numbers[STORE_PARAMETERS_MAX][24];
    int n = 0;
    for (; types[n]; n++) {
        bool is_number = types[n] == 'i' || types[n] == 'I';
        formats[n] = is_number ? 0 : 1;
        lengths[n] = (int)in[n].s.n;
        values[n] = in[n].s.p ? in[n].s.p : "";
        if (is_number) (void)snprintf(numbers[n], sizeof numbers[n], "%lld", (long long)in[n].i);
        if (is_number) values[n] = numbers[n];
        if (in[n].is_null) values[n] = NULL;
    }
    return libpq.PQsendQueryPrepared(c->pg, name, n, values, lengths, formats, 0) == 1;
}

static bool send_plain(struct conn *c, const char *sql) {
    return libpq.PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

/* A statement that changes rows may be refused by a constraint; only then must the transaction be able to go on. */
static bool may_be_refused(const char *sql) { return strncmp(sql, "SELECT", 6) != 0; }

struct trip {
    PGresult *results[COMMANDS_MAX];
    size_t n, at; /* how many went out, and which is the statement's own */
    bool has_prepare, has_savepoint;
};

/* Puts the commands of one statement on their way; false when the connection did not take them. */
static bool set_out(struct store_tx *tx, size_t index, const struct store_val *in, struct trip *t) {
    struct conn *c = tx->conn;
    const struct store_stmt *st = tx->store->stmts[index];
    char name[24];
    (void)snprintf(name, sizeof name, "s%zu", index);
    if (libpq.PQenterPipelineMode(c->pg) != 1) return false;
    if (c->waiting) {
        if (!send_plain(c, c->waiting)) return false;
        t->n++;
    }
    if (!c->is_prepared[index]) {
        if (!send_prepare(c, st, name)) return false;
        t->has_prepare = true;
        t->n++;
    }
    if (may_be_refused(st->sql)) {
        if (!send_plain(c, "SAVEPOINT one")) return false;
        t->has_savepoint = true;
        t->n++;
    }
    if (!send_execute(c, name, st->in, in)) return false;
    t->at = t->n++;
    if (t->has_savepoint) {
        if (!send_plain(c, "RELEASE one")) return false;
        t->n++;
    }
    return libpq.PQpipelineSync(c->pg) == 1;
}

/* The first failure among the results counts; those after it only say that they were left out. */
static enum err read_trip(struct conn *c, const struct trip *t) {
    for (size_t i = 0; i < t->n; i++) {
        enum err r = postgres_verdict(c, t->results[i]);
        if (r != OK) return r;
    }
    return OK;
}

/* Executes with the values; on OK the result is the caller's to clear. */
static enum err execute(struct store_tx *tx, size_t index, const struct store_val *in, PGresult **ret_res) {
    struct conn *c = tx->conn;
    struct trip t = { .n = 0 };
    enum err r;
    if (!postgres_is_alive(c)) return ERR_DATABASE;
    if (!set_out(tx, index, in, &t)) {
        postgres_hang_up(c);
        c->sqlstate[0] = 0;
        return ERR_DATABASE;
    }
    collect(c, t.results, t.n);
    r = read_trip(c, &t);
    if (libpq.PQresultStatus(t.results[0]) == PGRES_COMMAND_OK) c->waiting = NULL;
    if (t.has_prepare && r == OK) c->is_prepared[index] = true;
    if (r == OK) {
        *ret_res = t.results[t.at];
        t.results[t.at] = NULL;
    }
    for (size_t i = 0; i < t.n; i++) libpq.PQclear(t.results[i]);
    if (r == ERR_CONSTRAINT && t.has_savepoint) {
        if (t.has_prepare) c->is_prepared[index] = true; /* it was refused its row, not its text */
        if (postgres_run(c, "ROLLBACK TO one; RELEASE one") != OK) return ERR_DATABASE;
    }
    return r;
}

enum err postgres_run(struct conn *c, const char *sql) {
    int64_t until_ms = clock_mono_ms() + CLIENT_WAIT_MS;
    PGresult *res;
    enum err r = OK;
    bool has_answer = false;
    if (!postgres_is_alive(c) || libpq.PQsendQuery(c->pg, sql) != 1) {
        c->sqlstate[0] = 0;
        return ERR_DATABASE;
    }
    while ((res = next_result(c, until_ms)) != NULL) {
        enum err one = postgres_verdict(c, res);
        if (r == OK) r = one;
        has_answer = true;
        libpq.PQclear(res);
    }
    if (postgres_is_alive(c) && has_answer) return r;
    if (r == OK) c->sqlstate[0] = 0; /* silent, or gone in the middle */
    return r == OK ? ERR_DATABASE : r;
}

enum err postgres_prepare(const struct store *s, struct conn *c, size_t index) {
    PGresult *res;
    char name[24];
    enum err r;
    (void)snprintf(name, sizeof name, "s%zu", index);
    if (!send_prepare(c, s->stmts[index], name)) return ERR_DATABASE;
    res = next_result(c, clock_mono_ms() + CLIENT_WAIT_MS);
    r = postgres_verdict(c, res);
    while (res) {
        libpq.PQclear(res);
        res = next_result(c, clock_mono_ms() + CLIENT_WAIT_MS);
    }
    c->is_prepared[index] = r == OK;
    return r;
}

enum err postgres_exec(struct store_tx *tx, size_t index, const struct store_val *in, int64_t *ret_changed) {
    PGresult *res = NULL;
    enum err r = execute(tx, index, in, &res);
    if (r != OK) return r;
    *ret_changed = strtoll(libpq.PQcmdTuples(res), NULL, 10);
    libpq.PQclear(res);
    return OK;
}

/* "\x0123…" in place. */
static struct str bytes_of(char *text, size_t n) {
    size_t out = 0;
    if (n >= 2 && text[0] == '\\' && text[1] == 'x') (void)!dec_hex(str_bytes(text + 2, n - 2), text, n, &out);
    return str_bytes(text, out);
}

static void read_cell(const PGresult *res, int row, int col, char type, struct store_val *v) {
    char *text = libpq.PQgetvalue(res, row, col);
    size_t n = (size_t)libpq.PQgetlength(res, row, col);
    *v = (struct store_val){ .is_null = libpq.PQgetisnull(res, row, col) != 0 };
    if (v->is_null) return;
    if (type == 'i' || type == 'I') {
        v->i = strtoll(text, NULL, 10);
        return;
    }
    v->s = type == 't' || type == 'T' ? str_bytes(text, n) : bytes_of(text, n);
}

enum err postgres_each(struct store_tx *tx, size_t index, const struct store_val *in, store_row_fn *row, void *ctx) {
    const char *types = tx->store->stmts[index]->out;
    struct store_val cols[STORE_PARAMETERS_MAX];
    PGresult *res = NULL;
    enum err r = execute(tx, index, in, &res);
    for (int i = 0; r == OK && i < libpq.PQntuples(res); i++) {
        for (int k = 0; types[k] && k < STORE_PARAMETERS_MAX; k++) read_cell(res, i, k, types[k], &cols[k]);
        r = row(ctx, cols);
    }
    libpq.PQclear(res);
    return r;
}

/* What goes out without a statement of the list: BEGIN must be out before it. */
static enum err ensure_begun(struct conn *c) {
    enum err r = c->waiting ? postgres_run(c, c->waiting) : OK;
    if (r == OK) c->waiting = NULL;
    return r;
}

enum err postgres_notify(struct store_tx *tx, const char *channel, const char *payload) {
    struct conn *c = tx->conn;
    const char *values[2] = { channel, payload };
    PGresult *res;
    enum err r = ensure_begun(c);
    if (r != OK) return r;
    if (libpq.PQsendQueryParams(c->pg, "SELECT pg_notify($1, $2)", 2, NULL, values, NULL, NULL, 0) != 1)
        return ERR_DATABASE;
    res = next_result(c, clock_mono_ms() + CLIENT_WAIT_MS);
    r = postgres_verdict(c, res);
    while (res) {
        libpq.PQclear(res);
        res = next_result(c, clock_mono_ms() + CLIENT_WAIT_MS);
    }
    return r;
}

enum err postgres_ping(struct store_tx *tx) { return ensure_begun(tx->conn); }
