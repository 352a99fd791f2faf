/* Between the files of the store: the engine's table of functions, prepared statements, migrations. */
#ifndef TOCSIN_STORE_STORE_PRIV_H
#define TOCSIN_STORE_STORE_PRIV_H

#include "base/buf.h"
#include "store/store.h"

/* At most this many letters in a statement's `in` and `out`. */
#define STORE_PARAMETERS_MAX 40

struct store_engine {
    const char *name;
    enum err (*open)(struct store *s, const struct store_options *o, struct store_problem *p);
    void (*close)(struct store *s);
    enum err (*write)(struct store *s, store_fn *fn, void *ctx, bool is_relaxed);
    enum err (*read)(struct store *s, store_fn *fn, void *ctx);
    enum err (*each)(struct store_tx *tx, size_t index, const struct store_val *in, store_row_fn *row, void *ctx);
    enum err (*exec)(struct store_tx *tx, size_t index, const struct store_val *in, int64_t *ret_changed);
    enum err (*ping)(struct store_tx *tx); /* asks the database something */
    enum err (*notify)(struct store_tx *tx, const char *channel, const char *payload);
    enum err (*listen)(struct store *s, const char *const *channels, store_heard_fn *fn, void *ctx);
};
extern const struct store_engine store_sqlite, store_postgres;

struct store {
    const struct store_engine *engine;
    void *data; /* the engine's own */
    const struct store_stmt **stmts;
    size_t stmt_n;
    size_t *slots; /* open-addressed: statement pointer → index + 1 */
    size_t slot_n;
    _Atomic int64_t transactions, commits;
};

struct store_tx {
    struct store *store;
    void *conn; /* the engine's connection */
};

/* The statement's text for an engine: ?1 → $1 and FOR UPDATE kept, or the other way round. NULL when memory is out;
 * free it. */
char *store_sql(const char *sql, bool is_postgres);

struct store_migration {
    const char *set;
    int64_t number;
    const char *name, *sql;
};
extern const struct store_migration store_migrations[];
extern const size_t store_migration_n;

/* How an engine runs a migration's plain SQL. */
struct migrator {
    bool is_postgres;
    enum err (*run)(void *ctx, const char *sql);                       /* no parameters, no rows */
    enum err (*applied)(void *ctx, int64_t number, char checksum[17]); /* ERR_NOT_FOUND when not applied */
    enum err (*newest)(void *ctx, int64_t *ret_number);                /* 0: none */
    void *ctx;
};
/* Inside the engine's locked transaction. ERR_NEWER, ERR_CORRUPT fill *p. */
enum err store_migrate(const struct migrator *m, const char *set, struct store_problem *p) MUST_CHECK;

enum err PRINTF_LIKE(3, 4) store_fail(enum err r, struct store_problem *p, const char *fmt, ...);

#endif
