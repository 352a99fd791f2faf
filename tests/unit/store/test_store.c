/* The store on both engines: transactions, types, constraints, group commit, what is refused at opening. */
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "store/store_priv.h"

static const struct store_stmt MAKE = {
    .name = "make",
    .in = "",
    .out = "",
    .sql = "CREATE TABLE IF NOT EXISTS thing (id BYTEA PRIMARY KEY, n BIGINT, name TEXT)"
};
static const struct store_stmt CLEAR = { .name = "clear", .in = "", .out = "", .sql = "DELETE FROM thing" };
static const struct store_stmt ADD = {
    .name = "add", .in = "bIT", .out = "", .sql = "INSERT INTO thing (id, n, name) VALUES (?1, ?2, ?3)"
};
static const struct store_stmt GET = {
    .name = "get", .in = "b", .out = "bIT", .sql = "SELECT id, n, name FROM thing WHERE id = ?1 FOR UPDATE"
};
static const struct store_stmt COUNT = { .name = "count", .in = "", .out = "i", .sql = "SELECT count(*) FROM thing" };
static const struct store_stmt SUM = {
    .name = "sum", .in = "", .out = "I", .sql = "SELECT CAST(sum(n) AS BIGINT) FROM thing"
};
static const struct store_stmt BUMP = {
    .name = "bump", .in = "b", .out = "", .sql = "UPDATE thing SET n = n + 1 WHERE id = ?1"
};
/* The table is made by a statement of the first opening, so the rest is listed at the second. */
static const struct store_stmt *const first[] = { &MAKE, NULL };
static const struct store_stmt *const rest[] = { &CLEAR, &ADD, &GET, &COUNT, &SUM, &BUMP, NULL };
static const struct store_stmt *const *const first_lists[] = { first, NULL };
static const struct store_stmt *const *const rest_lists[] = { rest, NULL };

struct fixture {
    char directory[64], database[200];
    struct store *store;
    struct arena *arena;
    bool is_postgres;
};

static enum err make_table(struct store_tx *tx, void *ctx) {
    (void)ctx;
    return store_exec(tx, &MAKE, NULL, NULL);
}

static enum err clear(struct store_tx *tx, void *ctx) {
    (void)ctx;
    return store_exec(tx, &CLEAR, NULL, NULL);
}

static void open_store(struct fixture *f) {
    struct store_problem p;
    struct store_options o = {
        .database = f->database, .migrations = "test", .statements = first_lists, .connections = 8
    };
    assert_int_equal(store_open(&o, &f->store, &p), OK);
    assert_int_equal(store_write(f->store, make_table, NULL), OK);
    store_close(f->store);
    o.statements = rest_lists;
    if (store_open(&o, &f->store, &p) != OK) fail_msg("%s", p.text);
    assert_int_equal(store_write(f->store, clear, NULL), OK);
}

static int setup_sqlite(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    (void)snprintf(f->directory, sizeof f->directory, "/tmp/tocsin-store.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->database, sizeof f->database, "%s/test.db", f->directory);
    f->arena = arena_new(1 << 20);
    open_store(f);
    *state = f;
    return 0;
}

static int setup_postgres(void **state) {
    const char *url = getenv("TOCSIN_TEST_POSTGRES");
    struct fixture *f;
    *state = NULL;
    if (!url) return 0;
    f = calloc(1, sizeof *f);
    f->is_postgres = true;
    (void)snprintf(f->database, sizeof f->database, "%spostgres", url);
    f->arena = arena_new(1 << 20);
    open_store(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    char command[100];
    if (!f) return 0;
    store_close(f->store);
    arena_free(f->arena);
    if (f->directory[0]) {
        (void)snprintf(command, sizeof command, "rm -rf %s", f->directory);
        assert_int_equal(system(command), 0);
    }
    free(f);
    return 0;
}

static struct fixture *fixture_of(void **state) {
    if (*state) return *state;
    (void)printf("skipped: TOCSIN_TEST_POSTGRES is not set\n");
    skip();
    return NULL;
}

struct row {
    uint8_t id[16];
    int64_t n;
    enum err then;
};

static enum err add_row(struct store_tx *tx, void *ctx) {
    struct row *row = ctx;
    enum err r = store_exec(tx, &ADD, S_IN(S_B(row->id), S_I(row->n), S_NULL), NULL);
    return r == OK ? row->then : r;
}

static enum err count_rows(struct store_tx *tx, void *ctx) {
    struct store_val v[1];
    struct arena *a = arena_new(4096);
    enum err r = store_one(tx, &COUNT, NULL, a, v);
    *(int64_t *)ctx = v[0].i;
    arena_free(a);
    return r;
}

static int64_t count(struct fixture *f) {
    int64_t n = -1;
    assert_int_equal(store_read(f->store, count_rows, &n), OK);
    return n;
}

static enum err all_types(struct store_tx *tx, void *ctx) {
    struct fixture *f = ctx;
    static const uint8_t id[16] = { 0, 1, 2, 0, 255, '\\', 'x', '\'' };
    struct store_val v[3];
    int64_t changed = 0;
    enum err r = store_exec(tx, &ADD, S_IN(S_B(id), S_I(INT64_MIN), S_Z("na'me \xc3\xa9")), &changed);
    if (r != OK) return r;
    assert_int_equal(changed, 1);
    if ((r = store_one(tx, &GET, S_IN(S_B(id)), f->arena, v)) != OK) return r;
    assert_int_equal(v[0].s.n, 16);
    assert_memory_equal(v[0].s.p, id, 16);
    assert_true(v[1].i == INT64_MIN);
    assert_true(str_eq(v[2].s, STR("na'me \xc3\xa9")));
    return OK;
}

static void keeps_every_type_exactly(void **state) {
    struct fixture *f = fixture_of(state);
    assert_int_equal(store_write(f->store, all_types, f), OK);
}

static void rolls_back_what_fails(void **state) {
    struct fixture *f = fixture_of(state);
    struct row row = { .id = { 1 }, .then = ERR_REFUSED };
    assert_int_equal(store_write(f->store, add_row, &row), ERR_REFUSED);
    assert_int_equal(count(f), 0);
}

static enum err collide_and_go_on(struct store_tx *tx, void *ctx) {
    struct row a = { .id = { 7 } }, b = { .id = { 8 } };
    (void)ctx;
    assert_int_equal(add_row(tx, &a), OK);
    assert_int_equal(add_row(tx, &a), ERR_CONSTRAINT);
    return add_row(tx, &b);
}

static void goes_on_after_a_refused_row(void **state) {
    struct fixture *f = fixture_of(state);
    assert_int_equal(store_write(f->store, collide_and_go_on, NULL), OK);
    assert_int_equal(count(f), 2);
}

#define THREADS 32
#define ROUNDS  20

static void *write_many(void *arg) {
    struct fixture *f = arg;
    intptr_t good = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct row row = { .then = i % 5 == 0 ? ERR_CONFLICT : OK };
        crypto_random(row.id, sizeof row.id);
        if (store_write(f->store, add_row, &row) == OK) good++;
    }
    return (void *)good;
}

static void one_failure_hits_only_its_own(void **state) {
    struct fixture *f = fixture_of(state);
    pthread_t threads[THREADS];
    intptr_t good = 0;
    int64_t transactions, commits;
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_many, f), 0);
    for (int i = 0; i < THREADS; i++) {
        void *ret;
        assert_int_equal(pthread_join(threads[i], &ret), 0);
        good += (intptr_t)ret;
    }
    assert_int_equal(good, THREADS * ROUNDS * 4 / 5);
    assert_int_equal(count(f), good);
    store_counts(f->store, &transactions, &commits);
    if (!f->is_postgres) assert_true(commits < transactions); /* groups formed */
}

static enum err bump(struct store_tx *tx, void *ctx) {
    return store_exec(tx, &BUMP, S_IN(S_S(str_bytes(ctx, 16))), NULL);
}

static void *bump_many(void *arg) {
    static const uint8_t id[16] = { 42 };
    struct fixture *f = arg;
    for (int i = 0; i < ROUNDS; i++)
        if (store_write(f->store, bump, (void *)(uintptr_t)id) != OK) return f;
    return NULL;
}

static enum err sum_rows(struct store_tx *tx, void *ctx) {
    struct store_val v[1];
    struct arena *a = arena_new(4096);
    enum err r = store_one(tx, &SUM, NULL, a, v);
    *(int64_t *)ctx = v[0].i;
    arena_free(a);
    return r;
}

static void loses_no_update(void **state) {
    struct fixture *f = fixture_of(state);
    struct row row = { .id = { 42 } };
    pthread_t threads[8];
    int64_t sum = 0;
    assert_int_equal(store_write(f->store, add_row, &row), OK);
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, bump_many, f), 0);
    for (int i = 0; i < 8; i++) {
        void *ret;
        assert_int_equal(pthread_join(threads[i], &ret), 0);
        assert_null(ret);
    }
    assert_int_equal(store_read(f->store, sum_rows, &sum), OK);
    assert_int_equal(sum, 8 * ROUNDS);
}

static void *bump_relaxed(void *arg) {
    struct fixture *f = arg;
    struct row row = { .id = { 42 } };
    for (int i = 0; i < ROUNDS; i++) {
        enum err r = i % 2 ? store_write(f->store, bump, row.id) : store_write_relaxed(f->store, bump, row.id);
        if (r != OK) return f;
    }
    return NULL;
}

/* A relaxed write is seen by all that come after it, and fails alone, as others do. */
static void mixes_relaxed_writes(void **state) {
    struct fixture *f = fixture_of(state);
    struct row row = { .id = { 42 } }, refused = { .id = { 43 }, .then = ERR_REFUSED };
    pthread_t threads[8];
    int64_t sum = 0;
    assert_int_equal(store_write_relaxed(f->store, add_row, &row), OK);
    assert_int_equal(store_write_relaxed(f->store, add_row, &refused), ERR_REFUSED);
    assert_int_equal(count(f), 1);
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, bump_relaxed, f), 0);
    for (int i = 0; i < 8; i++) {
        void *ret;
        assert_int_equal(pthread_join(threads[i], &ret), 0);
        assert_null(ret);
    }
    assert_int_equal(store_read(f->store, sum_rows, &sum), OK);
    assert_int_equal(sum, 8 * ROUNDS);
}

static void refuses_a_damaged_file(void **state) {
    char path[] = "/tmp/tocsin-bad.XXXXXX";
    struct store_options o = { .database = path, .migrations = "test", .statements = rest_lists };
    struct store_problem p;
    struct store *s = NULL;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    for (int i = 0; i < 200; i++) assert_int_equal(write(fd, "this is no database. ", 21), 21);
    (void)close(fd);
    assert_int_equal(store_open(&o, &s, &p), ERR_CORRUPT);
    assert_non_null(strstr(p.text, "restore the last backup"));
    assert_null(s);
    (void)unlink(path);
}

static void refuses_a_newer_schema(void **state) {
    char directory[] = "/tmp/tocsin-new.XXXXXX", path[64], command[200];
    struct store_options o = { .database = path, .migrations = "test", .statements = first_lists };
    struct store_problem p;
    struct store *s = NULL;
    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/x.db", directory);
    assert_int_equal(store_open(&o, &s, &p), OK);
    store_close(s);
    (void)snprintf(command, sizeof command, "sqlite3 %s \"INSERT INTO migration VALUES (9999, 'future', '0', 0)\"",
                   path);
    if (system(command) != 0) skip();
    assert_int_equal(store_open(&o, &s, &p), ERR_NEWER);
    assert_non_null(strstr(p.text, "newer tocsin"));
    (void)snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

static void maps_words_and_parameters(void **state) {
    char *a = store_sql("SELECT '?1 BLOB' FROM t WHERE x = ?1 FOR UPDATE", false);
    char *b = store_sql("CREATE TABLE t (INTEGERS INTEGER, b BLOB) @strict; ?12", true);
    (void)state;
    assert_string_equal(a, "SELECT '?1 BLOB' FROM t WHERE x = ?1 ");
    assert_string_equal(b, "CREATE TABLE t (INTEGERS BIGINT, b BYTEA) ; $12");
    free(a);
    free(b);
}

#define ON_BOTH(test)                                                                                                  \
    cmocka_unit_test_setup_teardown(test, setup_sqlite, teardown),                                                     \
        cmocka_unit_test_setup_teardown(test, setup_postgres, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(keeps_every_type_exactly),
        ON_BOTH(rolls_back_what_fails),
        ON_BOTH(goes_on_after_a_refused_row),
        ON_BOTH(one_failure_hits_only_its_own),
        ON_BOTH(loses_no_update),
        ON_BOTH(mixes_relaxed_writes),
        cmocka_unit_test(refuses_a_damaged_file),
        cmocka_unit_test(refuses_a_newer_schema),
        cmocka_unit_test(maps_words_and_parameters),
    };
    if (crypto_init() != OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
