/* What a repository holds, through saves, ends, crashes and quotas; and who is known for how long. On both databases.
 */
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "backup/backup_priv.h"
#include "base/clock.h"
#include "folder.h"
#include "identity/identity.h"
#include "main_store.h"

static const struct store_stmt EXPIRE = { .name = "test_expire",
                                          .in = "",
                                          .out = "",
                                          .sql =
                                              "UPDATE backup_repository SET lease_ms = 1000000000000 WHERE marks > 0" };
static const struct store_stmt PAST = {
    .name = "test_past",
    .in = "bbii",
    .out = "",
    .sql = "INSERT INTO backup_growth (account_id, device_id, day, bytes) VALUES (?1, ?2, ?3, ?4)",
};
static const struct store_stmt *const own[] = { &EXPIRE, &PAST, NULL };
static const struct store_stmt *const *const statements[] = { identity_statements, backup_statements, own, NULL };

struct world {
    struct main_store *m;
    struct folder folder;
    struct config config;
    struct backup *b;
    struct repo_id repo;
};

static void start(struct world *w) {
    struct backup_options o = { .store = w->m->store, .config = &w->config };
    o.folder_fd = open(w->folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(backup_new(&o, &w->b), OK);
}

static void world_open(struct world *w, void **state) {
    *w = (struct world){ .m = *state };
    clock_init();
    config_defaults(&w->config);
    crypto_random(&w->repo, sizeof w->repo);
    (void)close(folder_make(&w->folder));
    start(w);
    assert_int_equal(backup_make(w->b, &w->repo), OK);
}

static void world_close(struct world *w) {
    backup_free(w->b);
    folder_remove(&w->folder);
}

/* As kill -9 leaves it: what stands in memory is lost. */
static void crash(struct world *w) {
    for (size_t i = 0; i < REPO_PLACES; i++)
        for (struct repo *r = w->b->repos[i]; r; r = r->next) r->is_marked = false;
    backup_free(w->b);
    start(w);
}

static enum err put(struct world *w, enum blob_type type, unsigned seed, size_t n) {
    struct blob_ref ref = { .repo = w->repo, .type = type };
    struct blob_put *p = NULL;
    struct blob_put_result result = { 0 };
    struct str object = object_make(seed, n, ref.name);
    enum err r = backup_reserve(w->b, &ref, (int64_t)n);
    if (r != OK) return r;
    r = blobs_put_begin(backup_blobs(w->b), &ref, (int64_t)n, &p);
    if (r == OK) r = blobs_put_add(p, object);
    if (r == OK) r = blobs_put_end(&p, &result);
    blobs_put_drop(&p);
    backup_settle(w->b, &ref, (int64_t)n, r == OK ? &result : NULL);
    return r;
}

static enum err on_summary(void *ctx, const struct backup_summary *s) {
    *(struct backup_summary *)ctx = *s;
    return OK;
}

static void expect(struct world *w, int64_t files, int64_t snapshots, int64_t bytes) {
    struct backup_summary s = { 0 };
    assert_int_equal(backup_each(w->b, w->repo.account, on_summary, &s), OK);
    assert_memory_equal(s.device.b, w->repo.device.b, ID_BYTES);
    assert_int_equal(s.files, files);
    assert_int_equal(s.snapshots, snapshots);
    assert_int_equal(s.bytes, bytes);
    assert_true((s.last_write_ms > 0) == (files > 0));
}

/* One a day, without a gap up to today. */
static void expect_growth(struct world *w, int64_t past_days) {
    struct backup_summary s = { 0 };
    assert_int_equal(backup_each(w->b, w->repo.account, on_summary, &s), OK);
    assert_int_equal(s.growth.n, past_days + 1);
    assert_int_equal(s.growth.days[past_days].bytes, s.bytes);
    assert_int_equal(s.growth.days[past_days].at_ms, clock_wall_ms() / MS_PER_DAY * MS_PER_DAY);
    for (size_t i = 1; i < s.growth.n; i++)
        assert_int_equal(s.growth.days[i].at_ms - s.growth.days[i - 1].at_ms, MS_PER_DAY);
}

static enum err note_past_tx(struct store_tx *tx, void *ctx) {
    const struct world *w = ctx;
    enum err r = OK;
    for (int64_t day = clock_wall_ms() / MS_PER_DAY - 1, i = 0; i < 120 && r == OK; i++)
        r = store_exec(tx, &PAST, S_IN(S_B(w->repo.account.b), S_B(w->repo.device.b), S_I(day - i), S_I(i)), NULL);
    return r;
}

static void test_growth(void **state) {
    struct world w;
    world_open(&w, state);
    assert_int_equal(store_write(w.m->store, note_past_tx, &w), OK);
    assert_int_equal(put(&w, BLOB_DATA, 1, 1000), OK);
    backup_free(w.b); /* writes */
    start(&w);
    expect_growth(&w, BACKUP_GROWTH_DAYS - 1);
    world_close(&w);
}

static void test_counts(void **state) {
    struct world w;
    struct blob_ref ref = { .type = BLOB_SNAPSHOTS };
    world_open(&w, state);
    expect(&w, 0, 0, 0);
    assert_int_equal(put(&w, BLOB_DATA, 1, 1000), OK);
    assert_int_equal(put(&w, BLOB_DATA, 1, 1000), OK); /* the same again counts once */
    assert_int_equal(put(&w, BLOB_SNAPSHOTS, 2, 200), OK);
    assert_int_equal(put(&w, BLOB_SNAPSHOTS, 3, 300), OK);
    expect(&w, 3, 2, 1500);
    ref.repo = w.repo;
    (void)object_make(2, 200, ref.name);
    assert_int_equal(backup_remove(w.b, &ref), OK);
    assert_int_equal(backup_remove(w.b, &ref), ERR_NOT_FOUND);
    expect(&w, 2, 1, 1300);
    backup_free(w.b); /* an orderly end writes them */
    start(&w);
    expect(&w, 2, 1, 1300);
    expect_growth(&w, 0);
    world_close(&w);
}

static void test_tick(void **state) {
    struct world w;
    world_open(&w, state);
    assert_int_equal(put(&w, BLOB_DATA, 1, 1000), OK);
    for (int i = 0; i < 40; i++) {
        backup_tick(w.b);
        (void)usleep(100000);
    }
    crash(&w); /* all was written, and the mark is gone */
    expect(&w, 1, 0, 1000);
    assert_int_equal(put(&w, BLOB_DATA, 2, 1000), OK);
    expect(&w, 2, 0, 2000);
    world_close(&w);
}

static void test_crash(void **state) {
    struct world w;
    world_open(&w, state);
    for (unsigned i = 0; i < 20; i++) assert_int_equal(put(&w, BLOB_DATA, i, 100), OK);
    assert_int_equal(put(&w, BLOB_SNAPSHOTS, 99, 10), OK);
    crash(&w);
    if (w.m->is_postgres) { /* another front may live: until its lease is over its numbers are awaited */
        struct backup_summary s = { 0 };
        assert_int_equal(backup_each(w.b, w.repo.account, on_summary, &s), OK);
        assert_int_equal(s.files, 0);
        main_store_run(w.m, &EXPIRE);
        crash(&w);
    }
    expect(&w, 21, 1, 2010);
    assert_int_equal(put(&w, BLOB_DATA, 77, 100), OK);
    expect(&w, 22, 1, 2110);
    world_close(&w);
}

static void test_quota(void **state) {
    struct world w;
    struct blob_ref ref = { .type = BLOB_DATA }, lock = { .type = BLOB_LOCKS };
    world_open(&w, state);
    ref.repo = lock.repo = w.repo;
    assert_int_equal(backup_reserve(w.b, &ref, -1), OK); /* without a quota nobody needs to say a length */
    backup_settle(w.b, &ref, -1, NULL);
    w.b->quota_bytes = 3000;
    assert_int_equal(backup_reserve(w.b, &ref, -1), ERR_INPUT);
    assert_int_equal(backup_reserve(w.b, &lock, -1), OK);
    backup_settle(w.b, &lock, -1, NULL);
    assert_int_equal(put(&w, BLOB_DATA, 1, 2000), OK);
    assert_int_equal(put(&w, BLOB_DATA, 2, 1001), ERR_FULL);
    assert_int_equal(backup_reserve(w.b, &ref, 900), OK); /* what is under way counts */
    assert_int_equal(put(&w, BLOB_DATA, 3, 500), ERR_FULL);
    backup_settle(w.b, &ref, 900, NULL);
    assert_int_equal(put(&w, BLOB_DATA, 3, 500), OK);
    assert_int_equal(put(&w, BLOB_DATA, 4, 500), OK);
    assert_int_equal(put(&w, BLOB_DATA, 5, 1), ERR_FULL);
    assert_int_equal(put(&w, BLOB_LOCKS, 5, 1), OK); /* a full repository can be locked, and so restored */
    assert_int_equal(backup_reserve(w.b, &lock, 2 << 20), ERR_TOO_LARGE);
    ref.repo.device.b[0] ^= 1;
    assert_int_equal(backup_reserve(w.b, &ref, 1), ERR_NOT_FOUND); /* nobody made it */
    world_close(&w);
}

struct person {
    struct account_id account;
    struct device device;
    uint8_t hash[HASH_BYTES];
    bool revokes;
};

static enum err person_tx(struct store_tx *tx, void *ctx) {
    struct person *p = ctx;
    static const uint8_t device_token[HASH_BYTES] = { 9 };
    enum err r;
    if (p->revokes) return device_revoke(tx, p->account, p->device.id, 5);
    if ((r = device_create(tx, p->account, &p->device, device_token)) != OK) return r;
    return backup_token_set(tx, p->account, p->device.id, 1, p->hash);
}

static void test_known(void **state) {
    struct world w;
    struct person p = { .device = { .name = STR("d"), .platform = STR("p"), .place = STR("") } };
    struct rest_credential c = { 0 }, other;
    world_open(&w, state);
    crypto_random(p.account.b, ID_BYTES);
    crypto_random(p.device.id.b, ID_BYTES);
    crypto_random(p.hash, HASH_BYTES);
    c.account = p.account;
    c.device = p.device.id;
    memcpy(c.token_hash, p.hash, HASH_BYTES);
    assert_int_equal(backup_knows(w.b, &c), ERR_NOT_FOUND);
    assert_int_equal(store_write(w.m->store, person_tx, &p), OK);
    for (int i = 0; i < 2; i++) assert_int_equal(backup_knows(w.b, &c), OK);
    other = c;
    other.device.b[3] ^= 1; /* the right token with another's name */
    assert_int_equal(backup_knows(w.b, &other), ERR_NOT_FOUND);
    other = c;
    other.account.b[3] ^= 1;
    assert_int_equal(backup_knows(w.b, &other), ERR_NOT_FOUND);
    p.revokes = true;
    assert_int_equal(store_write(w.m->store, person_tx, &p), OK);
    backup_forget(w.b, p.account);
    assert_int_equal(backup_knows(w.b, &c), ERR_NOT_FOUND);
    assert_int_equal(backup_has_device(w.b, &(struct repo_id){ p.account, p.device.id }), OK); /* its backup remains */
    assert_int_equal(backup_has_device(w.b, &w.repo), ERR_NOT_FOUND);
    world_close(&w);
}

static int open_sqlite(void **state) { return main_store_open(state, false, statements); }
static int open_postgres(void **state) { return main_store_open(state, true, statements); }

static enum err make_account(struct store_tx *tx, void *ctx) {
    struct world *w = ctx;
    struct account acc = { .id = w->repo.account,
                           .email = STR("stays@example.org"),
                           .name = STR(""),
                           .state = ACCOUNT_NORMAL,
                           .epoch = 1,
                           .created_ms = 1 };
    return account_create(tx, &acc);
}

static enum err lose_account(struct store_tx *tx, void *ctx) {
    struct world *w = ctx;
    return account_forget(tx, w->repo.account);
}

static int64_t rows_of(struct world *w) {
    struct backup_summary s = { .files = -1 };
    assert_int_equal(backup_each(w->b, w->repo.account, on_summary, &s), OK);
    return s.files;
}

/* With the account its backups go, objects and all; not before. */
static void test_what_is_left_of_the_gone(void **state) {
    struct world w;
    struct blob_ref ref = { .type = BLOB_DATA };
    int64_t size;
    world_open(&w, state);
    assert_int_equal(store_write(w.m->store, make_account, &w), OK);
    assert_int_equal(put(&w, BLOB_DATA, 1, 1000), OK);
    assert_int_equal(put(&w, BLOB_SNAPSHOTS, 2, 100), OK);
    assert_int_equal(put(&w, BLOB_KEYS, 3, 100), OK);
    ref.repo = w.repo;
    (void)object_make(1, 1000, ref.name);
    left_forget(w.b);
    assert_int_equal(blobs_stat(backup_blobs(w.b), &ref, &size), OK);
    assert_int_equal(store_write(w.m->store, lose_account, &w), OK);
    left_forget(w.b);
    assert_int_equal(blobs_stat(backup_blobs(w.b), &ref, &size), ERR_NOT_FOUND);
    assert_int_equal(rows_of(&w), -1);
    left_forget(w.b);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_tick),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_what_is_left_of_the_gone),
    };
    int failed = cmocka_run_group_tests_name("sqlite", tests, open_sqlite, main_store_close);
    if (main_store_has_postgres())
        failed += cmocka_run_group_tests_name("postgres", tests, open_postgres, main_store_close);
    return failed;
}
