/*
 * SQLite: one writing connection, many reading ones. Whoever wants to write while nobody does takes all transactions
 * that wait, runs each behind its own savepoint, makes them durable with one commit, and wakes their callers; those who
 * came meanwhile are the next group. What fails alone is rolled back alone; when the commit fails nobody was written.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

#define GROUP_MAX     256
#define WAITING_MAX   8192
#define BUSY_MS       5000
#define WAL_PAGES     8000
#define WAL_PAGES_MAX 40000

struct conn {
    sqlite3 *db;
    sqlite3_stmt **prepared; /* by statement index; made when first used */
    sqlite3_stmt *begin, *commit, *rollback, *savepoint, *release, *rollback_to;
    struct conn *next; /* in the pool of free readers */
};

struct job {
    store_fn *fn;
    void *ctx;
    enum err result;
    bool is_relaxed, is_done;
    sem_t turn; /* posted when it is done, or when its caller is to lead the next group */
    struct job *next;
};

struct sqlite_store {
    pthread_mutex_t lock; /* of the queue */
    struct job *first, *last;
    size_t waiting;
    bool is_led; /* somebody runs a group; while nobody does, nobody waits */
    struct conn write_conn;
    bool is_relaxed; /* its commits don't wait for the disk at the moment */

    pthread_mutex_t pool_lock;
    pthread_cond_t pool_free;
    struct conn *readers, *free;
    int reader_n;
    struct store *store;
};

/* `db` tells the system's reason of a failed read or write; NULL before there is one. */
static enum err err_of(sqlite3 *db, int rc) {
    int reason = db ? sqlite3_system_errno(db) : 0;
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return OK;
    case SQLITE_FULL: return ERR_FULL;
    case SQLITE_CONSTRAINT: return ERR_CONSTRAINT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_CORRUPT;
    case SQLITE_NOMEM: return ERR_NOMEM;
    case SQLITE_TOOBIG: return ERR_TOO_LARGE;
    case SQLITE_BUSY: return ERR_BUSY; /* another program holds the lock */
    case SQLITE_IOERR: return reason == ENOSPC || reason == EDQUOT || reason == EFBIG ? ERR_FULL : ERR_DATABASE;
    default: return ERR_DATABASE;
    }
}

/*
 * The process stands in the database's folder and may not be allowed to read the folders above it. SQLite makes paths
 * absolute and follows links on the way; /proc/self/cwd is such a link, and must stay as it is.
 */
static int stat_as_is(const char *path, struct stat *st) { return stat(path, st); }

static void database_path(const char *database, char *out, size_t size) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    if (strncmp(database, "./", 2) == 0 && vfs && vfs->iVersion >= 3) {
        (void)vfs->xSetSystemCall(vfs, "lstat", (sqlite3_syscall_ptr)stat_as_is);
        (void)snprintf(out, size, "/proc/self/cwd/%s", database + 2);
        return;
    }
    (void)snprintf(out, size, "%s", database);
}

static enum err run(void *ctx, const char *sql) { return err_of(ctx, sqlite3_exec(ctx, sql, NULL, NULL, NULL)); }

static enum err prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret) {
    return err_of(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL));
}

/*
 * Moves the journal's pages into the database as it grows. Readers that overlap without end can keep it from starting
 * over; past a size the one who writes waits for them.
 */
static int on_commit(void *ctx, sqlite3 *db, const char *name, int pages) {
    (void)ctx;
    if (pages >= WAL_PAGES)
        (void)sqlite3_wal_checkpoint_v2(
            db, name, pages >= WAL_PAGES_MAX ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK; /* the commit is durable; the next one tries again */
}

static enum err conn_open(struct conn *c, const char *path, size_t stmt_n, bool is_writer) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (is_writer ? SQLITE_OPEN_CREATE : 0);
    int rc;
    /* Statistics would put every allocation behind one lock; it is refused once SQLite runs, and then it is set. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    rc = sqlite3_open_v2(path, &c->db, flags, NULL);
    enum err r = err_of(c->db, rc);
    if (r != OK) return r;
    (void)sqlite3_extended_result_codes(c->db, 1);
    (void)sqlite3_busy_timeout(c->db, BUSY_MS);
    (void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if ((r = run(c->db,
                 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
                 "PRAGMA journal_size_limit=67108864; PRAGMA secure_delete=ON;")) != OK)
        return r;
    c->prepared = calloc(stmt_n + 1, sizeof(sqlite3_stmt *));
    if (!c->prepared) return ERR_NOMEM;
    if ((r = prepare(c->db, is_writer ? "BEGIN IMMEDIATE" : "BEGIN", &c->begin)) != OK) return r;
    if ((r = prepare(c->db, "COMMIT", &c->commit)) != OK) return r;
    if ((r = prepare(c->db, "ROLLBACK", &c->rollback)) != OK) return r;
    if (!is_writer) return run(c->db, "PRAGMA query_only=ON; PRAGMA cache_size=-1024");
    (void)sqlite3_wal_hook(c->db, on_commit, NULL);
    if ((r = prepare(c->db, "SAVEPOINT one", &c->savepoint)) != OK) return r;
    if ((r = prepare(c->db, "RELEASE one", &c->release)) != OK) return r;
    return prepare(c->db, "ROLLBACK TO one", &c->rollback_to);
}

static void conn_close(struct conn *c, size_t stmt_n) {
    sqlite3_stmt *const own[] = { c->begin, c->commit, c->rollback, c->savepoint, c->release, c->rollback_to };
    for (size_t i = 0; c->prepared && i < stmt_n; i++) (void)sqlite3_finalize(c->prepared[i]);
    for (size_t i = 0; i < ARRAY_LEN(own); i++) (void)sqlite3_finalize(own[i]);
    free(c->prepared);
    (void)sqlite3_close_v2(c->db);
    c->db = NULL;
}

static enum err step(sqlite3_stmt *st) {
    int rc = sqlite3_step(st);
    enum err r = err_of(sqlite3_db_handle(st), rc);
    (void)sqlite3_reset(st);
    return r;
}

static enum err prepared_get(struct conn *c, const struct store *s, size_t index, sqlite3_stmt **ret) {
    enum err r = OK;
    if (!c->prepared[index]) {
        char *sql = store_sql(s->stmts[index]->sql, false);
        r = sql ? prepare(c->db, sql, &c->prepared[index]) : ERR_NOMEM;
        free(sql);
    }
    *ret = c->prepared[index];
    return r;
}

static int bind_one(sqlite3_stmt *st, int at, char type, const struct store_val *v) {
    if (v->is_null) return sqlite3_bind_null(st, at);
    switch (type) {
    case 'i':
    case 'I': return sqlite3_bind_int64(st, at, v->i);
    case 't':
    case 'T': return sqlite3_bind_text64(st, at, v->s.p ? v->s.p : "", v->s.n, SQLITE_STATIC, SQLITE_UTF8);
    default: return sqlite3_bind_blob64(st, at, v->s.p ? v->s.p : "", v->s.n, SQLITE_STATIC);
    }
}

static enum err bind(sqlite3_stmt *st, const char *types, const struct store_val *in) {
    for (int i = 0; types[i]; i++) {
        int rc = bind_one(st, i + 1, types[i], &in[i]);
        if (rc != SQLITE_OK) return err_of(NULL, rc);
    }
    return OK;
}

static void read_column(sqlite3_stmt *st, int at, char type, struct store_val *v) {
    *v = (struct store_val){ .is_null = sqlite3_column_type(st, at) == SQLITE_NULL };
    if (v->is_null) return;
    if (type == 'i' || type == 'I') {
        v->i = sqlite3_column_int64(st, at);
        return;
    }
    v->s.p = type == 't' || type == 'T' ? (const char *)sqlite3_column_text(st, at) : sqlite3_column_blob(st, at);
    v->s.n = (size_t)sqlite3_column_bytes(st, at);
    if (!v->s.p) v->s.p = "";
}

static enum err sqlite_each(struct store_tx *tx, size_t index, const struct store_val *in, store_row_fn *row,
                            void *ctx) {
    const struct store_stmt *st = tx->store->stmts[index];
    struct store_val cols[STORE_PARAMETERS_MAX];
    sqlite3_stmt *p;
    int rc = SQLITE_DONE;
    enum err r = prepared_get(tx->conn, tx->store, index, &p);
    if (r != OK) return r;
    if ((r = bind(p, st->in, in)) == OK) {
        while (r == OK && (rc = sqlite3_step(p)) == SQLITE_ROW) {
            for (int i = 0; st->out[i] && i < STORE_PARAMETERS_MAX; i++) read_column(p, i, st->out[i], &cols[i]);
            r = row(ctx, cols);
        }
        if (r == OK) r = err_of(sqlite3_db_handle(p), rc);
    }
    (void)sqlite3_reset(p);
    (void)sqlite3_clear_bindings(p);
    return r;
}

static enum err sqlite_exec(struct store_tx *tx, size_t index, const struct store_val *in, int64_t *ret_changed) {
    struct conn *c = tx->conn;
    sqlite3_stmt *p;
    enum err r = prepared_get(c, tx->store, index, &p);
    if (r != OK) return r;
    if ((r = bind(p, tx->store->stmts[index]->in, in)) == OK) {
        int rc = sqlite3_step(p);
        r = err_of(c->db, rc);
        if (r == OK) *ret_changed = sqlite3_changes64(c->db);
    }
    (void)sqlite3_reset(p);
    (void)sqlite3_clear_bindings(p);
    return r;
}

/* ---- the writer ---- */

/* A job is its caller's: it may be gone once its turn is posted. */
static void finish(struct job *group, const struct job *leader) {
    while (group) {
        struct job *j = group;
        group = group->next;
        j->is_done = true;
        if (j != leader) (void)sem_post(&j->turn);
    }
}

/* The only transaction of its group needs no savepoint to fail alone. */
static bool run_alone(struct sqlite_store *d, struct job *j) {
    struct store_tx tx = { .store = d->store, .conn = &d->write_conn };
    j->result = j->fn(&tx, j->ctx);
    return j->result == OK && sqlite3_get_autocommit(d->write_conn.db) == 0;
}

/* One transaction of the group. False when SQLite rolled the whole group back under it. */
static bool run_job(struct sqlite_store *d, struct job *j) {
    struct conn *c = &d->write_conn;
    struct store_tx tx = { .store = d->store, .conn = c };
    if ((j->result = step(c->savepoint)) != OK) return sqlite3_get_autocommit(c->db) == 0;
    j->result = j->fn(&tx, j->ctx);
    if (sqlite3_get_autocommit(c->db) != 0) return false;
    if (j->result == OK && (j->result = step(c->release)) == OK) return true;
    if (step(c->rollback_to) != OK || step(c->release) != OK) return false;
    return true;
}

static void fail_all(struct job *group, enum err r) {
    for (struct job *j = group; j; j = j->next)
        if (j->result == OK) j->result = r;
}

static enum err reason_of(const struct job *group) {
    for (const struct job *j = group; j; j = j->next)
        if (j->result == ERR_FULL || j->result == ERR_CORRUPT) return j->result;
    return ERR_DATABASE;
}

/* Nobody in the group needs more than that the system has it: the next commit that waits for the disk has this one's
 * pages before its own. */
static bool are_relaxed(const struct job *group) {
    for (const struct job *j = group; j; j = j->next)
        if (!j->is_relaxed) return false;
    return true;
}

static enum err set_durability(struct sqlite_store *d, bool relaxed) {
    enum err r = OK;
    if (d->is_relaxed != relaxed)
        r = run(d->write_conn.db, relaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
    if (r == OK) d->is_relaxed = relaxed;
    return r;
}

static void run_group(struct sqlite_store *d, struct job *group) {
    struct conn *c = &d->write_conn;
    enum err r = set_durability(d, are_relaxed(group));
    if (r == OK) r = step(c->begin);
    int64_t n = 0;
    if (r == OK && !group->next) {
        if (!run_alone(d, group)) r = reason_of(group);
        n = 1;
    }
    for (struct job *j = group; group->next && j && r == OK; j = j->next, n++)
        if (!run_job(d, j)) r = reason_of(group);
    if (r == OK) r = step(c->commit);
    if (r != OK) {
        if (sqlite3_get_autocommit(c->db) == 0) (void)step(c->rollback); /* what is left of it */
        fail_all(group, r);
    }
    d->store->transactions += n;
    if (r == OK) d->store->commits += 1;
}

static struct job *take_group(struct sqlite_store *d) {
    struct job *group = d->first, *j = group;
    size_t n = 1;
    while (j->next && n < GROUP_MAX) {
        j = j->next;
        n++;
    }
    d->first = j->next;
    if (!d->first) d->last = NULL;
    j->next = NULL;
    d->waiting -= n;
    return group;
}

/* Runs what waits as one group, on the caller's thread; whoever waits first after it leads the next. */
static void lead(struct sqlite_store *d, struct job *leader) {
    struct job *group, *next;
    (void)pthread_mutex_lock(&d->lock);
    group = take_group(d);
    (void)pthread_mutex_unlock(&d->lock);
    run_group(d, group);
    (void)pthread_mutex_lock(&d->lock);
    next = d->first;
    d->is_led = next != NULL;
    (void)pthread_mutex_unlock(&d->lock);
    if (next) (void)sem_post(&next->turn);
    finish(group, leader);
}

static enum err sqlite_write(struct store *s, store_fn *fn, void *ctx, bool is_relaxed) {
    struct sqlite_store *d = s->data;
    struct job j = { .fn = fn, .ctx = ctx, .is_relaxed = is_relaxed };
    bool leads, is_full;
    if (sem_init(&j.turn, 0, 0) != 0) return ERR_NOMEM;
    (void)pthread_mutex_lock(&d->lock);
    is_full = d->waiting >= WAITING_MAX;
    leads = !d->is_led; /* then nobody waits either */
    if (!is_full) {
        d->is_led = true;
        if (d->last)
            d->last->next = &j;
        else
            d->first = &j;
        d->last = &j;
        d->waiting++;
    }
    (void)pthread_mutex_unlock(&d->lock);
    if (!is_full && !leads)
        while (sem_wait(&j.turn) != 0) {}
    if (!is_full && !j.is_done) lead(d, &j);
    (void)sem_destroy(&j.turn);
    return is_full ? ERR_BUSY : j.result;
}

/* ---- readers ---- */

static enum err sqlite_read(struct store *s, store_fn *fn, void *ctx) {
    struct sqlite_store *d = s->data;
    struct store_tx tx = { .store = s };
    struct conn *c;
    enum err r;
    (void)pthread_mutex_lock(&d->pool_lock);
    while (!d->free) (void)pthread_cond_wait(&d->pool_free, &d->pool_lock);
    c = d->free;
    d->free = c->next;
    (void)pthread_mutex_unlock(&d->pool_lock);
    tx.conn = c;
    if ((r = step(c->begin)) == OK) {
        r = fn(&tx, ctx);
        if (sqlite3_get_autocommit(c->db) == 0 && step(c->commit) != OK) (void)step(c->rollback);
    }
    (void)pthread_mutex_lock(&d->pool_lock);
    c->next = d->free;
    d->free = c;
    (void)pthread_mutex_unlock(&d->pool_lock);
    (void)pthread_cond_signal(&d->pool_free);
    return r;
}

/* ---- opening ---- */

static enum err query_int(sqlite3 *db, const char *sql, int64_t *ret) {
    sqlite3_stmt *st = NULL;
    enum err r = prepare(db, sql, &st);
    int rc;
    if (r != OK) return r;
    rc = sqlite3_step(st);
    r = err_of(db, rc);
    if (rc == SQLITE_ROW) *ret = sqlite3_column_int64(st, 0);
    (void)sqlite3_finalize(st);
    return r;
}

static enum err newest(void *ctx, int64_t *ret_number) {
    return query_int(ctx, "SELECT coalesce(max(number), 0) FROM migration", ret_number);
}

static enum err applied(void *ctx, int64_t number, char checksum[17]) {
    sqlite3_stmt *st = NULL;
    enum err r = prepare(ctx, "SELECT checksum FROM migration WHERE number = ?1", &st);
    int rc;
    if (r != OK) return r;
    (void)sqlite3_bind_int64(st, 1, number);
    rc = sqlite3_step(st);
    r = rc == SQLITE_DONE ? ERR_NOT_FOUND : err_of(ctx, rc);
    if (rc == SQLITE_ROW) (void)snprintf(checksum, 17, "%s", (const char *)sqlite3_column_text(st, 0));
    (void)sqlite3_finalize(st);
    return r;
}

static enum err migrate(sqlite3 *db, const char *set, struct store_problem *p) {
    const struct migrator m = { .run = run, .newest = newest, .applied = applied, .ctx = db };
    enum err r = run(db, "BEGIN EXCLUSIVE");
    if (r != OK) return store_fail(r, p, "the database is locked by another program; stop that one first");
    r = store_migrate(&m, set, p);
    if (r == OK && (r = run(db, "COMMIT")) != OK)
        (void)store_fail(r, p, "the schema could not be written: is the disk full?");
    if (r != OK && sqlite3_get_autocommit(db) == 0) (void)run(db, "ROLLBACK");
    return r;
}

/*
 * A full check only after a stop that left a journal behind, and only of what is checked in a second: a server that was
 * killed must be back at once. Damage elsewhere is met when its page is read: ERR_CORRUPT then.
 */
static enum err check_after_crash(sqlite3 *db, const char *path) {
    char wal[600];
    struct stat st;
    sqlite3_stmt *q = NULL;
    enum err r;
    int rc;
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    if (stat(wal, &st) != 0 || st.st_size == 0 || stat(path, &st) != 0 || st.st_size > 64 * 1024 * 1024) return OK;
    if ((r = prepare(db, "PRAGMA quick_check(1)", &q)) != OK) return r;
    rc = sqlite3_step(q); /* what can't be checked is no better than what fails the check */
    r = err_of(db, rc);
    if (rc == SQLITE_ROW && sqlite3_stricmp((const char *)sqlite3_column_text(q, 0), "ok") != 0) r = ERR_CORRUPT;
    (void)sqlite3_finalize(q);
    return r;
}

static enum err explain(enum err r, const char *database, struct store_problem *p) {
    if (p->text[0]) return r;
    if (r == ERR_CORRUPT)
        return store_fail(r, p,
                          "%s is damaged or no SQLite database; stop, keep a copy of it, and restore the last backup",
                          database);
    if (r == ERR_FULL) return store_fail(r, p, "%s: no room on the disk", database);
    return store_fail(r, p, "%s can't be opened: %s", database, err_text(r));
}

static enum err open_all(struct store *s, struct sqlite_store *d, const struct store_options *o,
                         struct store_problem *p) {
    char path[512];
    enum err r;
    database_path(o->database, path, sizeof path);
    if ((r = conn_open(&d->write_conn, path, s->stmt_n, true)) != OK) return r;
    if ((r = check_after_crash(d->write_conn.db, path)) != OK) return r;
    if ((r = migrate(d->write_conn.db, o->migrations, p)) != OK) return r;
    (void)sqlite3_exec(d->write_conn.db, "PRAGMA cache_size=-8192", NULL, NULL, NULL);
    for (size_t i = 0; i < s->stmt_n; i++) {
        sqlite3_stmt *st;
        if ((r = prepared_get(&d->write_conn, s, i, &st)) != OK)
            return store_fail(r, p, "statement %s: %s", s->stmts[i]->name, sqlite3_errmsg(d->write_conn.db));
    }
    d->reader_n = o->connections > 0 ? o->connections : 4;
    d->readers = calloc((size_t)d->reader_n, sizeof *d->readers);
    if (!d->readers) return ERR_NOMEM;
    for (int i = 0; i < d->reader_n; i++) {
        if ((r = conn_open(&d->readers[i], path, s->stmt_n, false)) != OK) return r;
        d->readers[i].next = d->free;
        d->free = &d->readers[i];
    }
    return OK;
}

static void sqlite_close(struct store *s) {
    struct sqlite_store *d = s->data;
    for (int i = 0; d->readers && i < d->reader_n; i++) conn_close(&d->readers[i], s->stmt_n);
    conn_close(&d->write_conn, s->stmt_n);
    free(d->readers);
    free(d);
    s->data = NULL;
}

static enum err sqlite_open(struct store *s, const struct store_options *o, struct store_problem *p) {
    struct sqlite_store *d = calloc(1, sizeof *d);
    enum err r;
    if (!d) return ERR_NOMEM;
    s->data = d;
    d->store = s;
    (void)pthread_mutex_init(&d->lock, NULL);
    (void)pthread_mutex_init(&d->pool_lock, NULL);
    (void)pthread_cond_init(&d->pool_free, NULL);
    r = open_all(s, d, o, p);
    if (r == OK) return OK;
    (void)explain(r, o->database, p);
    sqlite_close(s);
    return r;
}

static enum err sqlite_ping(struct store_tx *tx) {
    struct conn *c = tx->conn;
    return run(c->db, "SELECT count(*) FROM migration");
}

/* Nobody else is there to hear. */
static enum err sqlite_notify(struct store_tx *tx, const char *channel, const char *payload) {
    (void)tx;
    (void)channel;
    (void)payload;
    return OK;
}

static enum err sqlite_listen(struct store *s, const char *const *channels, store_heard_fn *fn, void *ctx) {
    (void)s;
    (void)channels;
    (void)fn;
    (void)ctx;
    return OK;
}

const struct store_engine store_sqlite = { .name = "sqlite",
                                           .open = sqlite_open,
                                           .close = sqlite_close,
                                           .write = sqlite_write,
                                           .read = sqlite_read,
                                           .each = sqlite_each,
                                           .exec = sqlite_exec,
                                           .ping = sqlite_ping,
                                           .notify = sqlite_notify,
                                           .listen = sqlite_listen };
