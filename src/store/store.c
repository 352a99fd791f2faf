/* The engine-independent part: statements are found by their address, never by name, so a call costs one small look-up.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "store/store_priv.h"

#define VALUE_BYTES_MAX (64 * 1024 * 1024)

enum err store_fail(enum err r, struct store_problem *p, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(p->text, sizeof p->text, fmt, ap);
    va_end(ap);
    return r;
}

static size_t slot_of(const struct store *s, const struct store_stmt *st) {
    uint64_t h = (uint64_t)(uintptr_t)st * 0x9e3779b97f4a7c15ULL;
    size_t i = (size_t)(h >> 32) & (s->slot_n - 1);
    while (s->slots[i] != 0 && s->stmts[s->slots[i] - 1] != st) i = (i + 1) & (s->slot_n - 1);
    return i;
}

/* What is asked for must be in the lists given at open: that is our own code's duty. */
static size_t index_of(const struct store *s, const struct store_stmt *st) {
    size_t i = s->slots[slot_of(s, st)];
    if (i == 0) {
        (void)fprintf(stderr, "store: statement %s was not listed at open\n", st->name);
        abort();
    }
    return i - 1;
}

static enum err index_statements(struct store *s, const struct store_stmt *const *const *lists) {
    size_t n = 0;
    for (size_t l = 0; lists && lists[l]; l++)
        for (size_t i = 0; lists[l][i]; i++) n++;
    for (s->slot_n = 16; s->slot_n < n * 4;) s->slot_n *= 2;
    s->stmts = calloc(n + 1, sizeof *s->stmts);
    s->slots = calloc(s->slot_n, sizeof *s->slots);
    if (!s->stmts || !s->slots) return ERR_NOMEM;
    for (size_t l = 0; lists && lists[l]; l++)
        for (size_t i = 0; lists[l][i]; i++) {
            size_t at = slot_of(s, lists[l][i]);
            if (s->slots[at] != 0) continue;
            s->stmts[s->stmt_n++] = lists[l][i];
            s->slots[at] = s->stmt_n;
        }
    return OK;
}

static bool is_url(const char *database) {
    struct str d = str_from(database);
    return str_starts(d, STR("postgresql://")) || str_starts(d, STR("postgres://"));
}

enum err store_open(const struct store_options *o, struct store **ret_store, struct store_problem *ret_problem) {
    struct store *s = calloc(1, sizeof *s);
    enum err r;
    ret_problem->text[0] = 0;
    if (!s) return store_fail(ERR_NOMEM, ret_problem, "out of memory");
    s->engine = is_url(o->database) ? &store_postgres : &store_sqlite;
    if ((r = index_statements(s, o->statements)) != OK) goto out;
    for (size_t i = 0; i < s->stmt_n; i++) {
        if (strlen(s->stmts[i]->in) <= STORE_PARAMETERS_MAX && strlen(s->stmts[i]->out) <= STORE_PARAMETERS_MAX)
            continue;
        r = store_fail(ERR_DATABASE, ret_problem, "statement %s has too many parameters or columns", s->stmts[i]->name);
        goto out;
    }
    if ((r = s->engine->open(s, o, ret_problem)) != OK) goto out;
    *ret_store = s;
    s = NULL;
out:
    if (s) {
        free(s->stmts);
        free(s->slots);
        free(s);
    }
    return r;
}

void store_close(struct store *s) {
    if (!s) return;
    s->engine->close(s);
    free(s->stmts);
    free(s->slots);
    free(s);
}

bool store_is_postgres(const struct store *s) { return s->engine == &store_postgres; }

enum err store_write(struct store *s, store_fn *fn, void *ctx) { return s->engine->write(s, fn, ctx, false); }

enum err store_write_relaxed(struct store *s, store_fn *fn, void *ctx) { return s->engine->write(s, fn, ctx, true); }

enum err store_read(struct store *s, store_fn *fn, void *ctx) { return s->engine->read(s, fn, ctx); }

/*
 * The engines differ in what text they take (PostgreSQL: UTF-8 without NUL; SQLite: anything), and a refusal by the
 * database ends the transaction; so it is judged here, alike for both.
 */
static enum err check_values(const struct store_stmt *st, const struct store_val *in) {
    for (size_t i = 0; st->in[i]; i++) {
        bool is_text = st->in[i] == 't' || st->in[i] == 'T';
        if (st->in[i] == 'i' || st->in[i] == 'I' || in[i].is_null) continue;
        if (in[i].s.n > VALUE_BYTES_MAX) return ERR_TOO_LARGE;
        if (is_text && in[i].s.n > 0 && (memchr(in[i].s.p, 0, in[i].s.n) || !str_is_utf8(in[i].s))) return ERR_INPUT;
    }
    return OK;
}

enum err store_exec(struct store_tx *tx, const struct store_stmt *st, const struct store_val *in,
                    int64_t *ret_changed) {
    int64_t changed = 0;
    enum err r = check_values(st, in);
    if (r == OK) r = tx->store->engine->exec(tx, index_of(tx->store, st), in, &changed);
    if (r == OK && ret_changed) *ret_changed = changed;
    return r;
}

enum err store_each(struct store_tx *tx, const struct store_stmt *st, const struct store_val *in, store_row_fn *row,
                    void *ctx) {
    enum err r = check_values(st, in);
    return r == OK ? tx->store->engine->each(tx, index_of(tx->store, st), in, row, ctx) : r;
}

struct one {
    const struct store_stmt *st;
    struct arena *arena;
    struct store_val *cols;
    bool has_row;
};

static enum err take_one(void *ctx, const struct store_val *col) {
    struct one *o = ctx;
    size_t n = strlen(o->st->out);
    if (o->has_row) return OK;
    o->has_row = true;
    for (size_t i = 0; i < n; i++) {
        o->cols[i] = col[i];
        if (col[i].is_null || !strchr("tTbB", o->st->out[i])) continue;
        o->cols[i].s = arena_dup(o->arena, col[i].s);
        if (!o->cols[i].s.p) return ERR_NOMEM;
    }
    return OK;
}

enum err store_one(struct store_tx *tx, const struct store_stmt *st, const struct store_val *in, struct arena *arena,
                   struct store_val *ret_cols) {
    struct one o = { .st = st, .arena = arena, .cols = ret_cols };
    enum err r = store_each(tx, st, in, take_one, &o);
    if (r != OK) return r;
    return o.has_row ? OK : ERR_NOT_FOUND;
}

enum err store_notify(struct store_tx *tx, const char *channel, const char *payload) {
    return tx->store->engine->notify(tx, channel, payload);
}

enum err store_listen(struct store *s, const char *const *channels, store_heard_fn *fn, void *ctx) {
    return s->engine->listen(s, channels, fn, ctx);
}

static enum err ask(struct store_tx *tx, void *ctx) {
    (void)ctx;
    return tx->store->engine->ping(tx);
}

enum err store_ping(struct store *s) { return store_read(s, ask, NULL); }

void store_counts(const struct store *s, int64_t *ret_transactions, int64_t *ret_commits) {
    *ret_transactions = s->transactions;
    *ret_commits = s->commits;
}
