/* Builds and takes down what the keeper's tests stand on. */
#include "world.h"

#include <libpq-fe.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBER(id, text) const struct store_stmt id = { .name = "test_" #id, .in = "", .out = "i", .sql = text }

NUMBER(COUNT_ATTEMPTS, "SELECT count(*) FROM attempt");
NUMBER(COUNT_CODES, "SELECT count(*) FROM code");
NUMBER(COUNT_BUDGETS, "SELECT count(*) FROM budget");
NUMBER(COUNT_FAILURES, "SELECT count(*) FROM failure");
NUMBER(COUNT_CREDENTIALS, "SELECT count(*) FROM credential");
NUMBER(COUNT_DEVICES, "SELECT count(*) FROM known_device");
NUMBER(SUM_REVS, "SELECT CAST(coalesce(sum(rev), 0) AS BIGINT) FROM credential");
NUMBER(MAX_MEMORY, "SELECT coalesce(max(memory_kib), 0) FROM credential");
NUMBER(SUM_SALTS, "SELECT count(*) FROM attempt WHERE recovery_salt IS NOT NULL");
NUMBER(SUM_LOCKED, "SELECT CAST(coalesce(sum(is_locked), 0) AS BIGINT) FROM credential");

static const struct store_stmt FORGE_RECORD = {
    .name = "test_forge_record",
    .in = "bbibbiibi",
    .out = "",
    .sql = "INSERT INTO attempt (account_id, attempt_id, action, device_id, subject, state, proved, tried, wrong,"
           " approve_wrong, fence, expires_ms, touched_ms, password_rev, recovery_rev, passkey_id)"
           " SELECT ?1, ?2, ?3, ?4, ?5, 1, ?6, 0, 0, 0, 0, ?7, ?9,"
           " coalesce((SELECT rev FROM credential WHERE account_id = ?1 AND kind = 1), 0),"
           " coalesce((SELECT rev FROM credential WHERE account_id = ?1 AND kind = 2), 0), ?8",
};
static const struct store_stmt FORGE_PASSKEY = {
    .name = "test_forge_passkey",
    .in = "bbbi",
    .out = "",
    .sql = "INSERT INTO passkey (account_id, passkey_id, credential_hash, credential_id, alg, public_key, sign_count,"
           " is_backup_eligible, is_backed_up, made_ms, added_by, removed_ms, removed_by)"
           " VALUES (?1, ?2, ?3, ?3, -7, ?3, 0, 0, 0, ?4, ?2, 0, ?2)",
};
NUMBER(ALL_EFFECTS, "SELECT CAST((SELECT sum(rev) FROM credential) * 7919 + (SELECT count(*) FROM credential) * 104729"
                    " + (SELECT count(*) FROM known_device) * 1299709 + (SELECT count(*) FROM past) * 15485863"
                    " + (SELECT count(*) FROM passkey WHERE removed_ms = 0) * 179424673 AS BIGINT)");

static const struct store_stmt *const test_statements[] = {
    &FORGE_RECORD,      &FORGE_PASSKEY, &ALL_EFFECTS, &COUNT_ATTEMPTS, &COUNT_CODES, &COUNT_BUDGETS, &COUNT_FAILURES,
    &COUNT_CREDENTIALS, &COUNT_DEVICES, &SUM_REVS,    &MAX_MEMORY,     &SUM_SALTS,   &SUM_LOCKED,    NULL
};
static const struct store_stmt *const *const statements[] = { keeper_statements, test_statements, NULL };

const char *world_postgres(void) {
    const char *url = getenv("TOCSIN_TEST_POSTGRES");
    return url && *url ? url : NULL;
}

static void postgres_do(const char *url, const char *sql) {
    PGconn *c = PQconnectdb(url);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s: %s", sql, PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
}

static void on_server(const char *sql) {
    char url[300];
    snprintf(url, sizeof url, "%spostgres", world_postgres());
    postgres_do(url, sql);
}

void world_sql(struct world *w, const char *sql) {
    sqlite3 *db;
    if (w->is_postgres) {
        postgres_do(w->database, sql);
        return;
    }
    assert_int_equal(sqlite3_open(w->database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void make_database(struct world *w) {
    static int number;
    char sql[200];
    snprintf(w->directory, sizeof w->directory, "%s/tocsin-keeper-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    assert_non_null(mkdtemp(w->directory));
    snprintf(w->database, sizeof w->database, "%s/keeper.db", w->directory);
    if (!w->is_postgres) return;
    snprintf(w->name, sizeof w->name, "tocsin_keeper_%d_%d", (int)getpid(), number++);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", w->name);
    on_server(sql);
    snprintf(w->database, sizeof w->database, "%s%s", world_postgres(), w->name);
}

struct keeper_options world_options(struct world *w, int fd, const volatile int *stop) {
    return (struct keeper_options){ .config = &w->config,
                                    .store = w->store,
                                    .front_fd = fd,
                                    .pepper = w->pepper,
                                    .link_key = w->link_key,
                                    .courier_box_public = w->box_public,
                                    .stop = stop };
}

static void open_store(struct world *w) {
    struct store_problem problem = { "" };
    enum err r = store_open(
        &(struct store_options){
            .database = w->database, .migrations = "keeper", .statements = statements, .connections = 4 },
        &w->store, &problem);
    if (r != OK) fail_msg("%s: %s", err_name(r), problem.text);
    struct keeper_options o = world_options(w, -1, NULL);
    assert_int_equal(keeper_new(&o, &w->keeper), OK);
}

void world_open(struct world *w, bool is_postgres) {
    memset(w, 0, sizeof *w);
    clock_init();
    assert_int_equal(crypto_init(), OK);
    w->is_postgres = is_postgres;
    w->now_ms = clock_wall_ms();
    config_defaults(&w->config);
    w->config.keeper_hash_memory_kib = 8;
    w->config.keeper_hash_passes = 1;
    crypto_random(w->pepper, sizeof w->pepper);
    crypto_random(w->link_key, sizeof w->link_key);
    crypto_seal_keypair(w->box_public, w->box_secret);
    w->arena = arena_new(JOB_ARENA_BYTES);
    assert_non_null(w->arena);
    make_database(w);
    open_store(w);
}

static void remove_files(const struct world *w) {
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char path[400];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof path, "%s/keeper.db%s", w->directory, ends[i]);
        (void)unlink(path); /* not all are there */
    }
    (void)rmdir(w->directory);
}

void world_close(struct world *w) {
    char sql[200];
    keeper_free(w->keeper);
    store_close(w->store);
    arena_free(w->arena);
    remove_files(w);
    if (!w->is_postgres) return;
    snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", w->name);
    on_server(sql);
}

void world_reopen(struct world *w) {
    keeper_free(w->keeper);
    store_close(w->store);
    open_store(w);
}

struct play play_new(struct account_id account, enum action action, struct device_id device) {
    struct play p = { .account = account, .action = action, .device = device };
    id_new(p.attempt.b);
    return p;
}

struct keeper_request play_ask(const struct play *p, enum keeper_ask ask, const char *secret) {
    return (struct keeper_request){ .ask = ask,
                                    .account = p->account,
                                    .attempt = p->attempt,
                                    .action = p->action,
                                    .device = p->device,
                                    .code_digits = 4,
                                    .secret = str_from(secret) };
}

enum keeper_say world_ask(struct world *w, const struct keeper_request *q) {
    static uint64_t number;
    struct job j = { 0 };
    keeper_fill_ask(&j.q, q, ++number);
    assert_int_equal(keeper_check_ask(&j.q, sizeof j.q), OK);
    job_serve(w->keeper, &j, w->arena, w->now_ms);
    w->reply = j.r;
    assert_int_equal(keeper_check_reply(&w->reply, sizeof w->reply), OK);
    assert_int_equal(w->reply.h.request, number);
    return (enum keeper_say)w->reply.say;
}

enum keeper_say ask(struct world *w, const struct play *p, enum keeper_ask what, const char *secret) {
    return ask_by(w, p, what, secret, DEVICE_NONE);
}

enum keeper_say ask_by(struct world *w, const struct play *p, enum keeper_ask what, const char *secret,
                       struct device_id by) {
    struct keeper_request q = play_ask(p, what, secret);
    q.by = by;
    return world_ask(w, &q);
}

void world_unseal(struct world *w, char out[9]) {
    memset(out, 0, 9);
    assert_in_range(w->reply.sealed_n, BOX_OVERHEAD_BYTES + 4, BOX_OVERHEAD_BYTES + 8);
    assert_int_equal(
        crypto_unseal(str_bytes(w->reply.sealed, w->reply.sealed_n), w->box_public, w->box_secret, (uint8_t *)out), OK);
}

struct account_id enroll(struct world *w, struct device_id *ret_device, char ret_key[RECOVERY_KEY_TEXT_SIZE]) {
    struct account_id account;
    struct device_id device;
    char digits[9];
    id_new(account.b);
    id_new(device.b);
    struct play p = play_new(account, ACTION_SIGN_UP, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_EMAIL_CODE, NULL), KEEPER_RIGHT);
    world_unseal(w, digits);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_EMAIL_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, GOOD_PASSWORD, device), KEEPER_RIGHT);
    if (ret_key) memcpy(ret_key, w->reply.recovery_key, RECOVERY_KEY_TEXT_SIZE);
    if (ret_device) *ret_device = device;
    assert_int_equal(ask(w, &p, KEEPER_SETTLE, NULL), KEEPER_RIGHT);
    return account;
}

struct number_query {
    const struct store_stmt *st;
    struct arena *arena;
    int64_t value;
};

static enum err read_number(struct store_tx *tx, void *ctx) {
    struct number_query *q = ctx;
    struct store_val col[1];
    enum err r = store_one(tx, q->st, NULL, q->arena, col);
    if (r == OK) q->value = col[0].i;
    return r;
}

int64_t world_number(struct world *w, const struct store_stmt *st) {
    struct number_query q = { .st = st, .arena = w->arena };
    assert_int_equal(store_read(w->store, read_number, &q), OK);
    arena_reset(w->arena);
    return q.value;
}

struct forging {
    const struct keeper_request *q;
    unsigned proved;
    struct passkey_id passkey;
    int64_t now_ms;
};

static enum err write_record(struct store_tx *tx, void *ctx) {
    const struct forging *f = ctx;
    const struct keeper_request *q = f->q;
    return store_exec(tx, &FORGE_RECORD,
                      S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(q->action), S_B(q->device.b), S_B(q->subject.b),
                           S_I(f->proved), S_I(f->now_ms + MS_PER_DAY), S_B(f->passkey.b), S_I(f->now_ms)),
                      NULL);
}

void world_forge(struct world *w, const struct keeper_request *q, unsigned proved, struct passkey_id passkey) {
    struct forging f = { q, proved, passkey, w->now_ms };
    assert_int_equal(store_write(w->store, write_record, &f), OK);
}

static enum err write_passkey(struct store_tx *tx, void *ctx) {
    const struct forging *f = ctx;
    uint8_t hash[HASH_BYTES];
    crypto_sha256(str_bytes(f->passkey.b, sizeof f->passkey.b), hash);
    return store_exec(tx, &FORGE_PASSKEY, S_IN(S_B(f->q->account.b), S_B(f->passkey.b), S_B(hash), S_I(f->now_ms)),
                      NULL);
}

struct passkey_id world_forge_passkey(struct world *w, struct account_id account) {
    const struct keeper_request q = { .account = account };
    struct forging f = { .q = &q, .now_ms = w->now_ms };
    id_new(f.passkey.b);
    assert_int_equal(store_write(w->store, write_passkey, &f), OK);
    return f.passkey;
}

static bool is_on_postgres;

int world_set_up(void **state) {
    static struct world w;
    world_open(&w, is_on_postgres);
    *state = &w;
    return 0;
}

int world_tear_down(void **state) {
    world_close(*state);
    return 0;
}

int run_on_both(const char *name, const struct CMUnitTest *tests, size_t n) {
    char group[100];
    snprintf(group, sizeof group, "%s on SQLite", name);
    is_on_postgres = false;
    int failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
    if (!world_postgres()) {
        printf("skipped: %s on PostgreSQL (TOCSIN_TEST_POSTGRES is not set)\n", name);
        return failed;
    }
    snprintf(group, sizeof group, "%s on PostgreSQL", name);
    is_on_postgres = true;
    return failed + _cmocka_run_group_tests(group, tests, n, NULL, NULL);
}
