/*
 * The alarm against two limits of this machine.
 *
 *     alarm rows [SECONDS] [DIRECTORY]   attempts opened, with alert, mail row and history durable on SQLite, against
 * the same rows by themselves: one thread, prepared, as many a commit alarm keys [SECONDS]               key pairs of
 * P-256 made and agreed with another's, on one core
 */
#include <pthread.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "guard/guard.h"
#include "ledger/ledger.h"

#define ACCOUNTS 4096
#define CALLERS  64
#define ROUNDS   3

static void need(bool is_so, const char *what) {
    if (is_so) return;
    fprintf(stderr, "alarm: %s\n", what);
    exit(2);
}

/* ---- rows ---- */

struct house {
    struct store *store;
    struct keeper_client *keeper;
    struct guard *guard;
    struct config config;
    struct session session[ACCOUNTS];
    int64_t until_ms;
    _Atomic int64_t next, opened;
};

static enum err add_people(struct store_tx *tx, void *ctx) {
    struct house *h = ctx;
    enum err r = OK;
    for (size_t i = 0; i < ACCOUNTS && r == OK; i++) {
        char email[40];
        struct account a = { .name = STR("A person"), .state = ACCOUNT_NORMAL, .epoch = 1, .created_ms = 1 };
        (void)snprintf(email, sizeof email, "person%zu@example.org", i);
        a.email = str_from(email);
        id_new(a.id.b);
        h->session[i].account = a.id;
        id_new(h->session[i].id.b);
        id_new(h->session[i].device.b);
        r = account_create(tx, &a);
    }
    return r;
}

static void resume(struct guard_call *call, void (*step)(struct guard_call *call)) { step(call); }
static void done(struct guard_call *call) { need(call->answer.say == GUARD_OK, "an attempt was not opened"); }

static void *open_attempts(void *ctx) {
    struct house *h = ctx;
    struct arena *arena = arena_new(1 << 20);
    while (clock_mono_ms() < h->until_ms) {
        struct guard_caller from = { .has_session = true, .session = h->session[h->next++ % ACCOUNTS] };
        struct guard_call call = { .verb = GUARD_OPEN,
                                   .caller = &from,
                                   .arena = arena,
                                   .action = ACTION_CHANGE_PASSWORD,
                                   .resume = resume,
                                   .done = done };
        /* each from another network: no alert is counted into one before it */
        unsigned n = (unsigned)h->opened;
        (void)snprintf(from.from.ip, sizeof from.from.ip, "10.%u.%u.9", n >> 8 & 255, n & 255);
        (void)snprintf(from.from.net, sizeof from.from.net, "10.%u.%u.0/24", n >> 8 & 255, n & 255);
        (void)snprintf(from.from.place, sizeof from.from.place, "Lyon, France");
        (void)snprintf(from.from.device, sizeof from.from.device, "Firefox on Linux");
        guard_run(h->guard, &call);
        h->opened++;
        arena_reset(arena);
    }
    arena_free(arena);
    return NULL;
}

static void house_open(struct house *h, const char *path, int fd) {
    static const struct store_stmt *const *const statements[] = { identity_statements, ledger_statements,
                                                                  alarm_statements, guard_statements, NULL };
    struct store_problem problem = { "" };
    const struct store_options o = {
        .database = path, .migrations = "main", .statements = statements, .connections = 8
    };
    need(store_open(&o, &h->store, &problem) == OK, problem.text);
    need(keeper_client_new(fd, &h->keeper) == OK, "no client");
    config_defaults(&h->config);
    need(guard_new(&(struct guard_options){ .store = h->store, .keeper = h->keeper, .config = &h->config },
                   &h->guard) == OK,
         "no guard");
    need(store_write(h->store, add_people, h) == OK, "no people");
}

/* The same tables, and nothing in them. */
static void store_new_empty(const char *path) {
    struct store *store;
    struct store_problem problem = { "" };
    need(store_open(&(struct store_options){ .database = path, .migrations = "main" }, &store, &problem) == OK,
         problem.text);
    store_close(store);
}

static double opened_rate(struct house *h, int64_t ms, double *ret_group) {
    pthread_t thread[CALLERS];
    int64_t start_ms = clock_mono_ms(), first = h->opened, tx[2], commits[2];
    store_counts(h->store, &tx[0], &commits[0]);
    h->until_ms = start_ms + ms;
    for (int i = 0; i < CALLERS; i++) need(pthread_create(&thread[i], NULL, open_attempts, h) == 0, "no thread");
    for (int i = 0; i < CALLERS; i++) (void)pthread_join(thread[i], NULL);
    store_counts(h->store, &tx[1], &commits[1]);
    *ret_group = (double)(tx[1] - tx[0]) / (double)(commits[1] - commits[0]);
    return (double)(h->opened - first) * 1000 / (double)(clock_mono_ms() - start_ms);
}

/* The rows themselves: read from the house's database, written again into an empty one of the same shape. */
#define BARE_MAX 60000
static const char *const TABLES[] = { "attempt", "alert", "outbox", "history" };

struct bare {
    sqlite3 *from, *to;
    sqlite3_stmt *add[ARRAY_LEN(TABLES)];
    sqlite3_value **row[ARRAY_LEN(TABLES)]; /* columns of all rows */
    size_t row_n[ARRAY_LEN(TABLES)], column_n[ARRAY_LEN(TABLES)];
};

static void run_sql(sqlite3 *db, const char *sql) {
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) need(false, why);
}

static void read_table(struct bare *b, size_t t, size_t most) {
    char sql[300];
    sqlite3_stmt *get;
    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s LIMIT %zu", TABLES[t], most);
    need(sqlite3_prepare_v2(b->from, sql, -1, &get, NULL) == SQLITE_OK, "no rows");
    b->column_n[t] = (size_t)sqlite3_column_count(get);
    b->row[t] = calloc(most * b->column_n[t], sizeof *b->row[t]);
    need(b->row[t] != NULL, "no memory");
    while (sqlite3_step(get) == SQLITE_ROW) {
        for (size_t i = 0; i < b->column_n[t]; i++)
            b->row[t][b->row_n[t] * b->column_n[t] + i] = sqlite3_value_dup(sqlite3_column_value(get, (int)i));
        b->row_n[t]++;
    }
    (void)sqlite3_finalize(get);
    int n = snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (?", TABLES[t]);
    for (size_t i = 1; i < b->column_n[t]; i++) n += snprintf(sql + n, sizeof sql - (size_t)n, ", ?");
    (void)snprintf(sql + n, sizeof sql - (size_t)n, ")");
    need(sqlite3_prepare_v2(b->to, sql, -1, &b->add[t], NULL) == SQLITE_OK, sqlite3_errmsg(b->to));
}

static void write_row(struct bare *b, size_t t, size_t row) {
    sqlite3_stmt *add = b->add[t];
    for (size_t i = 0; i < b->column_n[t]; i++)
        (void)sqlite3_bind_value(add, (int)i + 1, b->row[t][row * b->column_n[t] + i]);
    need(sqlite3_step(add) == SQLITE_DONE, sqlite3_errmsg(b->to));
    (void)sqlite3_reset(add);
}

/* Attempts' worth of rows a second: of each table its share, `group` attempts a commit. */
static double bare_rate(struct bare *b, size_t group) {
    size_t n = b->row_n[0], at[ARRAY_LEN(TABLES)] = { 0 };
    int64_t start_ms = clock_mono_ms();
    for (size_t i = 0; i < n;) {
        i = i + group < n ? i + group : n;
        run_sql(b->to, "BEGIN IMMEDIATE");
        for (size_t t = 0; t < ARRAY_LEN(TABLES); t++)
            while (at[t] < b->row_n[t] * i / n) write_row(b, t, at[t]++);
        run_sql(b->to, "COMMIT");
    }
    double rate = (double)n * 1000 / (double)(clock_mono_ms() - start_ms);
    run_sql(b->to, "DROP TRIGGER IF EXISTS history_loses_none");
    for (size_t t = 0; t < ARRAY_LEN(TABLES); t++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "DELETE FROM %s", TABLES[t]);
        run_sql(b->to, sql);
    }
    run_sql(b->to, "PRAGMA wal_checkpoint(TRUNCATE)");
    return rate;
}

static void bare_open(struct bare *b, const char *from, const char *to) {
    size_t attempts = 0;
    need(sqlite3_open(from, &b->from) == SQLITE_OK && sqlite3_open(to, &b->to) == SQLITE_OK, "no database");
    run_sql(b->to, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536");
    for (size_t t = 0; t < ARRAY_LEN(TABLES); t++) {
        read_table(b, t, t == 0 ? BARE_MAX / 5 : (attempts * (t == 3 ? 2 : 1)));
        if (t == 0) attempts = b->row_n[0];
    }
}

static double median(double *v) {
    for (int i = 0; i < ROUNDS; i++)
        for (int j = i + 1; j < ROUNDS; j++)
            if (v[j] < v[i]) {
                double t = v[i];
                v[i] = v[j];
                v[j] = t;
            }
    return v[ROUNDS / 2];
}

static void remove_files(const char *folder) {
    static const char *const names[] = { "main.db", "main.db-wal", "main.db-shm",
                                         "bare.db", "bare.db-wal", "bare.db-shm" };
    char path[300];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static int compare_rows(int64_t ms, const char *parent) {
    static struct house h;
    static struct bare b;
    char folder[200], path[2][300];
    double ours[ROUNDS], bare[ROUNDS], group = 1;
    int fd[2];
    (void)snprintf(folder, sizeof folder, "%s/alarm-XXXXXX", parent);
    need(mkdtemp(folder) != NULL, "no directory");
    (void)snprintf(path[0], sizeof path[0], "%s/main.db", folder);
    (void)snprintf(path[1], sizeof path[1], "%s/bare.db", folder);
    need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == 0, "no socket pair"); /* opening asks the keeper nothing */
    house_open(&h, path[0], fd[0]);
    ours[0] = opened_rate(&h, ms / 4, &group); /* warm, and rows to copy */
    store_new_empty(path[1]);
    bare_open(&b, path[0], path[1]);
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = opened_rate(&h, ms, &group);
        bare[i] = bare_rate(&b, (size_t)(group + 0.5));
        printf("round %d: %.0f attempts/s with their alerts, %.0f/s as bare rows (%.0f a commit)\n", i + 1, ours[i],
               bare[i], group);
    }
    printf("alarm rows: %zu rows for %zu attempts; ratio %.2f (at least 0.3)\n",
           b.row_n[0] + b.row_n[1] + b.row_n[2] + b.row_n[3], b.row_n[0], median(ours) / median(bare));
    remove_files(folder);
    return median(ours) / median(bare) >= 0.3 ? 0 : 1;
}

/* ---- keys ---- */

static int key_rate(int64_t ms) {
    struct p256_key *peer = NULL;
    uint8_t point[P256_POINT_BYTES], shared[32];
    struct timespec from, to;
    int64_t until_ms, n = 0;
    need(p256_generate(&peer) == OK, "no key");
    p256_public(peer, point);
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (until_ms = clock_mono_ms() + ms; clock_mono_ms() < until_ms; n++) {
        struct p256_key *mine = NULL;
        need(p256_generate(&mine) == OK, "no key");
        need(p256_ecdh(mine, str_bytes(point, sizeof point), shared) == OK, "no agreement");
        p256_free(mine);
    }
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    printf("%.0f\n", (double)n / ((double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9));
    p256_free(peer);
    return 0;
}

int main(int argc, char **argv) {
    int64_t seconds = 5;
    bool is_rows = argc > 1 && strcmp(argv[1], "rows") == 0;
    if (argc < 2 || (!is_rows && strcmp(argv[1], "keys") != 0)) {
        fprintf(stderr, "usage: alarm rows|keys [SECONDS] [DIRECTORY]\n");
        return 2;
    }
    if (argc > 2) need(str_to_i64(str_from(argv[2]), 600, &seconds) == OK && seconds > 0, "seconds: 1 to 600");
    clock_init();
    need(crypto_init() == OK, "no cryptography");
    return is_rows ? compare_rows(seconds * 1000, argc > 3 ? argv[3] : "/var/tmp") : key_rate(seconds * 1000);
}
