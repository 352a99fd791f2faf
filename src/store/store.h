/*
 * A thin SQL layer over SQLite and PostgreSQL: named constant statements, bound values, one transaction a call.
 *
 * Any thread may call; the store keeps its own connections. On SQLite whoever comes first runs all waiting transactions
 * inside one durable commit (WAL, synchronous=FULL), each behind its own savepoint; reads go to a pool of read
 * connections. On PostgreSQL each transaction has a pooled connection (SERIALIZABLE is not needed: rows are compared by
 * `rev` or locked with FOR UPDATE, which the layer drops on SQLite), and is run again on serialization failures,
 * deadlocks and lost connections before commit.
 *
 * So a transaction function may run more than once: its results must depend on this run alone. It must not block on
 * anything but the database.
 */
#ifndef TOCSIN_STORE_STORE_H
#define TOCSIN_STORE_STORE_H

#include "base/arena.h"
#include "base/str.h"

struct store;
struct store_tx;

/* Types in `in` and `out`, a letter a column: i int64, t text, b bytes; capital where NULL may stand. `?1` … number the
 * parameters. */
struct store_stmt {
    const char *name;
    const char *in;
    const char *out;
    const char *sql;
};

struct store_val {
    bool is_null;
    int64_t i;
    struct str s; /* text or bytes; borrowed */
};
#define S_I(x)              ((struct store_val){ .i = (int64_t)(x) })
#define S_S(x)              ((struct store_val){ .s = (x) })                       /* text or bytes */
#define S_Z(x)              ((struct store_val){ .s = str_from(x) })               /* text, never NULL */
#define S_B(x)              ((struct store_val){ .s = str_bytes((x), sizeof(x)) }) /* a byte array: S_B(id.b) */
#define S_NULL              ((struct store_val){ .is_null = true })
#define S_I_OR_NULL(has, x) ((has) ? S_I(x) : S_NULL)
#define S_IN(...)           ((const struct store_val[]){ __VA_ARGS__ })

struct store_options {
    const char *database;                              /* a file path, or postgresql://… */
    const char *migrations;                            /* which embedded set: "main" or "keeper" */
    const struct store_stmt *const *const *statements; /* NULL-ended list of NULL-ended lists */
    int connections;                                   /* PostgreSQL: at most; SQLite: read connections */
};
struct store_problem {
    char text[600];
}; /* what to do, for a person */

/*
 * Opens, migrates under a lock, prepares every statement. ERR_NEWER, ERR_CORRUPT, ERR_FULL, ERR_DATABASE, ERR_IO:
 * *ret_problem says what to do. PostgreSQL that is not up yet: retried for 10 s.
 */
enum err store_open(const struct store_options *o, struct store **ret_store,
                    struct store_problem *ret_problem) MUST_CHECK;
void store_close(struct store *s);
bool store_is_postgres(const struct store *s);

typedef enum err store_fn(struct store_tx *tx, void *ctx);
/*
 * Runs fn in a write transaction and returns once it is durable. fn's own failure rolls back and is returned.
 * ERR_BUSY (queue full), ERR_FULL (no room; nothing changed), ERR_UNCERTAIN (PostgreSQL died in the commit),
 * ERR_DATABASE.
 */
enum err store_write(struct store *s, store_fn *fn, void *ctx) MUST_CHECK;
/*
 * The same, but durable only with the next store_write: it outlives this process, not a loss of power that comes first.
 * For what may be lost as long as nothing that was written after it is kept. (On PostgreSQL it is durable at once.)
 */
enum err store_write_relaxed(struct store *s, store_fn *fn, void *ctx) MUST_CHECK;
enum err store_read(struct store *s, store_fn *fn, void *ctx) MUST_CHECK; /* one snapshot */

/* Inside a transaction. ERR_CONSTRAINT for a refused row (the transaction goes on: the layer sets a savepoint where
 * needed). ERR_INPUT: text that is not UTF-8 or holds NUL; ERR_TOO_LARGE: a value over 64 MiB. */
enum err store_exec(struct store_tx *tx, const struct store_stmt *st, const struct store_val *in,
                    int64_t *ret_changed) MUST_CHECK;
/* Calls row for each; the values are borrowed until it returns. A row function's failure ends the query and is
 * returned. */
typedef enum err store_row_fn(void *ctx, const struct store_val *col);
enum err store_each(struct store_tx *tx, const struct store_stmt *st, const struct store_val *in, store_row_fn *row,
                    void *ctx) MUST_CHECK;
/* The one row, copied into the arena; ERR_NOT_FOUND when there is none. ret_cols has one entry a letter of st->out. */
enum err store_one(struct store_tx *tx, const struct store_stmt *st, const struct store_val *in, struct arena *arena,
                   struct store_val *ret_cols) MUST_CHECK;

/*
 * Word to every other node, sent when the transaction commits (PostgreSQL NOTIFY; on SQLite nobody else is there to
 * hear). payload: at most 200 printable characters.
 */
enum err store_notify(struct store_tx *tx, const char *channel, const char *payload) MUST_CHECK;
/* Calls fn on a thread of the store for each notification; after a lost connection once with payload NULL ("may have
 * missed some"). */
typedef void store_heard_fn(void *ctx, const char *channel, const char *payload);
enum err store_listen(struct store *s, const char *const *channels, store_heard_fn *fn, void *ctx) MUST_CHECK;

/*
 * Copies the SQLite database at `database`, which may be in use by others, into the new `file`: one snapshot, durable
 * when it returns OK. What stood at `file` is gone; on failure nothing does. ERR_DATABASE: *ret_problem says what.
 */
enum err store_backup(const char *database, const char *file, struct store_problem *ret_problem) MUST_CHECK;

/* OK when a trivial read works now. For readiness. */
enum err store_ping(struct store *s) MUST_CHECK;
/* Transactions and durable commits so far; their ratio is the size of a group. */
void store_counts(const struct store *s, int64_t *ret_transactions, int64_t *ret_commits);

#endif
