/* The folder tree: whole or not there, whatever was sent; the same by a name and without; lists; sizes that are wrong.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backup/blobs_priv.h"
#include "base/clock.h"
#include "folder.h"

struct world {
    struct folder folder;
    struct blobs *blobs;
    struct repo_id repo;
};

static void world_open(struct world *w, bool has_unnamed) {
    *w = (struct world){ .repo = { { { 1 } }, { { 2 } } } };
    clock_init();
    assert_int_equal(crypto_init(), OK);
    assert_int_equal(blobs_open_tree(folder_make(&w->folder), &w->blobs), OK);
    ((struct tree *)(void *)w->blobs)->has_unnamed = has_unnamed;
}

static void world_close(struct world *w) {
    blobs_close(w->blobs);
    folder_remove(&w->folder);
}

static struct blob_ref ref_of(const struct world *w, enum blob_type type, const char *name) {
    struct blob_ref ref = { .repo = w->repo, .type = type };
    (void)snprintf(ref.name, sizeof ref.name, "%s", type == BLOB_CONFIG ? "" : name);
    return ref;
}

static void expect_bytes(struct world *w, const struct blob_ref *ref, struct str want) {
    struct blob_got got;
    int64_t size = -1;
    char *have = malloc(want.n + 1);
    assert_int_equal(blobs_get(w->blobs, ref, &(struct blob_range){ 0 }, &got), OK);
    assert_int_equal(got.length, want.n);
    assert_int_equal(pread(got.fd, have, want.n + 1, 0), want.n);
    assert_memory_equal(have, want.p, want.n);
    (void)close(got.fd);
    free(have);
    assert_int_equal(blobs_stat(w->blobs, ref, &size), OK);
    assert_int_equal(size, want.n);
}

static int count_list(struct world *w, enum blob_type type, int64_t *ret_bytes) {
    struct blob_list *l;
    struct blob_entry e;
    enum err r;
    int n = 0;
    *ret_bytes = 0;
    assert_int_equal(blobs_list_begin(w->blobs, &w->repo, type, &l), OK);
    while ((r = blobs_list_next(l, &e)) == OK) {
        n++;
        *ret_bytes += e.size;
        assert_int_equal(strlen(e.name), BLOB_NAME_CHARS);
    }
    assert_int_equal(r, ERR_GONE);
    blobs_list_end(l);
    return n;
}

/* Files below the folder that are not objects, nor the sizes of them. */
static int count_strays(const char *path) {
    DIR *d = opendir(path);
    struct dirent *e;
    int n = 0;
    while ((e = readdir(d)) != NULL) {
        char below[600];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        (void)snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        if (e->d_type == DT_DIR) n += count_strays(below);
        if (e->d_type == DT_REG && e->d_name[0] == '.' && strcmp(e->d_name, SIZES_FILE) != 0) n++;
    }
    (void)closedir(d);
    return n;
}

static void try_life(bool has_unnamed) {
    static const size_t sizes[] = { 0, 1, 4096, 300000, OBJECT_BYTES_MAX };
    struct world w;
    struct blob_ref ref;
    char name[BLOB_NAME_CHARS + 1];
    int64_t bytes;
    world_open(&w, has_unnamed);
    ref = ref_of(&w, BLOB_DATA, "0000000000000000000000000000000000000000000000000000000000000000");
    assert_int_equal(object_put(w.blobs, &ref, STR("x"), 1), ERR_NOT_FOUND); /* before it is made */
    assert_int_equal(count_list(&w, BLOB_DATA, &bytes), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    for (int t = BLOB_DATA; t < BLOB_TYPES; t++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct str object = object_make((unsigned)t, sizes[i], name);
            enum err want = (int64_t)object.n > blob_bytes_max((enum blob_type)t) ? ERR_TOO_LARGE : OK;
            ref = ref_of(&w, (enum blob_type)t, name);
            for (int again = 0; again < 2; again++) assert_int_equal(object_put(w.blobs, &ref, object, 65536), want);
            if (want == OK) expect_bytes(&w, &ref, object);
        }
    }
    assert_int_equal(count_list(&w, BLOB_DATA, &bytes), 5);
    assert_int_equal(bytes, 0 + 1 + 4096 + 300000 + OBJECT_BYTES_MAX);
    assert_int_equal(blobs_remove(w.blobs, &ref, &bytes), ref.type == BLOB_SNAPSHOTS ? OK : -1);
    assert_int_equal(bytes, OBJECT_BYTES_MAX);
    assert_int_equal(blobs_remove(w.blobs, &ref, &bytes), ERR_NOT_FOUND);
    assert_int_equal(count_list(&w, BLOB_SNAPSHOTS, &bytes), 4);
    assert_int_equal(count_strays(w.folder.path), 0);
    world_close(&w);
}

static void test_life(void **state) {
    (void)state;
    try_life(true);
    try_life(false);
}

/* Wrong bytes, fewer, more, and none at all leave nothing. */
static void try_refused(bool has_unnamed) {
    struct world w;
    struct blob_put *p = NULL;
    struct blob_put_result result;
    struct blob_ref ref;
    struct str object;
    char name[BLOB_NAME_CHARS + 1], other[BLOB_NAME_CHARS + 1];
    int64_t size;
    world_open(&w, has_unnamed);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    (void)object_make(1, 5000, other);
    object = object_make(2, 5000, name);
    ref = ref_of(&w, BLOB_DATA, other);
    assert_int_equal(object_put(w.blobs, &ref, object, 777), ERR_INPUT);
    ref = ref_of(&w, BLOB_DATA, name);
    assert_int_equal(blobs_put_begin(w.blobs, &ref, 5001, &p), OK);
    assert_int_equal(blobs_put_add(p, object), OK);
    assert_int_equal(blobs_put_end(&p, &result), ERR_INPUT);
    assert_null(p);
    assert_int_equal(blobs_put_begin(w.blobs, &ref, 5000, &p), OK);
    assert_int_equal(blobs_put_add(p, str_bytes(object.p, 4999)), OK);
    assert_int_equal(blobs_put_end(&p, &result), ERR_INPUT);
    assert_int_equal(blobs_put_begin(w.blobs, &ref, 2000000, &p), OK);
    assert_int_equal(blobs_put_add(p, object), OK);
    blobs_put_drop(&p);
    blobs_put_drop(&p);
    assert_int_equal(blobs_stat(w.blobs, &ref, &size), ERR_NOT_FOUND);
    assert_int_equal(count_list(&w, BLOB_DATA, &size), 0);
    assert_int_equal(count_strays(w.folder.path), 0);
    assert_int_equal(blobs_put_begin(w.blobs, &ref, -1, &p), OK); /* a length that nobody said */
    assert_int_equal(blobs_put_add(p, object), OK);
    assert_int_equal(blobs_put_end(&p, &result), OK);
    assert_true(result.is_new && result.bytes == 5000);
    world_close(&w);
}

static void test_refused(void **state) {
    (void)state;
    try_refused(true);
    try_refused(false);
}

/* A file system that lets a file be opened so, and then takes nothing. */
static bool refuses_direct;
ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n) {
    if (!refuses_direct || !(fcntl(fd, F_GETFL) & O_DIRECT)) return __real_write(fd, bytes, n);
    errno = EINVAL;
    return -1;
}

/* Large ones go around the page cache where their pieces let them, and change the way in the middle. */
static void try_large(unsigned seed, size_t step) {
    struct world w;
    struct blob_put *p = NULL;
    struct blob_put_result result;
    char name[BLOB_NAME_CHARS + 1];
    struct str object = object_make(seed, OBJECT_BYTES_MAX - 77 * seed, name);
    struct blob_ref ref;
    world_open(&w, true);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    ref = ref_of(&w, BLOB_DATA, name);
    assert_int_equal(blobs_put_begin(w.blobs, &ref, (int64_t)object.n, &p), OK);
    for (size_t at = 0, n; at < object.n; at += n) {
        n = at == 0 ? 2 * 4096 : at == 2 * 4096 ? 100 : at == 2 * 4096 + 100 ? 4096 - 100 : step;
        if (n > object.n - at) n = object.n - at;
        assert_int_equal(blobs_put_add(p, str_bytes(object.p + at, n)), OK);
    }
    assert_int_equal(blobs_put_end(&p, &result), OK);
    assert_true(result.is_new);
    expect_bytes(&w, &ref, object);
    assert_int_equal(object_put(w.blobs, &ref, object, step), OK);
    expect_bytes(&w, &ref, object);
    world_close(&w);
}

static void test_large(void **state) {
    static const size_t steps[] = { 65536, 65536 + 100, 4096, 12288 + 512 };
    (void)state;
    for (unsigned i = 0; i < 2 * ARRAY_LEN(steps); i++) {
        refuses_direct = i % 2 == 1;
        try_large(i, steps[i / 2]);
    }
    refuses_direct = false;
}

static void test_config(void **state) {
    struct world w;
    struct blob_ref ref;
    (void)state;
    world_open(&w, true);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    ref = ref_of(&w, BLOB_CONFIG, "");
    assert_int_equal(object_put(w.blobs, &ref, STR("first"), 2), OK);
    assert_int_equal(object_put(w.blobs, &ref, STR("first"), 2), OK); /* its answer was lost */
    assert_int_equal(object_put(w.blobs, &ref, STR("other"), 2), ERR_CONFLICT);
    assert_int_equal(object_put(w.blobs, &ref, STR("firs"), 2), ERR_CONFLICT);
    expect_bytes(&w, &ref, STR("first"));
    world_close(&w);
}

static void test_ranges(void **state) {
    struct world w;
    struct blob_ref ref;
    struct blob_got got;
    (void)state;
    world_open(&w, true);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    ref = ref_of(&w, BLOB_CONFIG, "");
    assert_int_equal(object_put(w.blobs, &ref, STR("0123456789"), 3), OK);
    assert_int_equal(blobs_get(w.blobs, &ref, &(struct blob_range){ true, 4, 99 }, &got), OK);
    assert_true(got.from == 4 && got.length == 6 && got.size == 10);
    (void)close(got.fd);
    assert_int_equal(blobs_get(w.blobs, &ref, &(struct blob_range){ true, 10, -1 }, &got), ERR_TOO_LARGE);
    assert_int_equal(got.size, 10);
    assert_int_equal(got.fd, -1);
    world_close(&w);
}

/* Links and folders in the place of objects are not followed. */
static void test_no_links(void **state) {
    struct world w;
    struct blob_ref ref;
    struct blob_got got;
    char path[400], name[BLOB_NAME_CHARS + 1], key[BLOB_KEY_BYTES_MAX];
    int64_t size;
    (void)state;
    world_open(&w, true);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    (void)object_make(1, 1, name);
    ref = ref_of(&w, BLOB_KEYS, name);
    blob_key(&ref, key);
    (void)snprintf(path, sizeof path, "%s/%s", w.folder.path, key);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_not_equal(blobs_get(w.blobs, &ref, &(struct blob_range){ 0 }, &got), OK);
    assert_int_equal(blobs_stat(w.blobs, &ref, &size), ERR_NOT_FOUND);
    assert_int_equal(count_list(&w, BLOB_KEYS, &size), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(blobs_get(w.blobs, &ref, &(struct blob_range){ 0 }, &got), ERR_NOT_FOUND);
    assert_int_equal(count_list(&w, BLOB_KEYS, &size), 0);
    world_close(&w);
}

static void path_of(const struct world *w, const char *below, char out[600]) {
    char account[ID_TEXT_SIZE], device[ID_TEXT_SIZE];
    id_text(w->repo.account.b, account);
    id_text(w->repo.device.b, device);
    (void)snprintf(out, 600, "%s/%s/%s/%s", w->folder.path, account, device, below);
}

/* What is kept of sizes may be gone, torn, damaged or far too much: a list says the same. */
static void test_sizes(void **state) {
    struct world w;
    struct blob_ref ref;
    char name[BLOB_NAME_CHARS + 1], path[600];
    int64_t bytes;
    int fd;
    (void)state;
    world_open(&w, true);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    for (unsigned i = 0; i < 300; i++) {
        struct str object = object_make(i, i, name);
        ref = ref_of(&w, BLOB_INDEX, name);
        assert_int_equal(object_put(w.blobs, &ref, object, 4096), OK);
    }
    path_of(&w, "index/" SIZES_FILE, path);
    assert_int_equal(count_list(&w, BLOB_INDEX, &bytes), 300);
    assert_int_equal(bytes, 299 * 150);
    assert_int_equal(truncate(path, 100 * 48 + 20), 0); /* torn */
    assert_int_equal(count_list(&w, BLOB_INDEX, &bytes), 300);
    assert_int_equal(bytes, 299 * 150);
    fd = open(path, O_RDWR);
    for (off_t at = 0; at < 48 * 40; at += 31) assert_int_equal(pwrite(fd, "\xff\x00\xff", 3, at), 3); /* damaged */
    (void)close(fd);
    assert_int_equal(count_list(&w, BLOB_INDEX, &bytes), 300);
    assert_int_equal(bytes, 299 * 150);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(count_list(&w, BLOB_INDEX, &bytes), 300);
    assert_int_equal(bytes, 299 * 150);
    assert_int_equal(access(path, F_OK), 0); /* and learned them */
    for (unsigned i = 0; i < 2000; i++) {    /* many more than there are objects */
        struct str object = object_make(1000 + i, 10, name);
        ref = ref_of(&w, BLOB_INDEX, name);
        assert_int_equal(object_put(w.blobs, &ref, object, 4096), OK);
        assert_int_equal(blobs_remove(w.blobs, &ref, &bytes), OK);
    }
    assert_int_equal(count_list(&w, BLOB_INDEX, &bytes), 300);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(count_list(&w, BLOB_INDEX, &bytes), 300);
    assert_int_equal(bytes, 299 * 150);
    world_close(&w);
}

/* What a crash left half written under a name of its own goes when it is a day old. */
static void test_sweep(void **state) {
    const struct timespec old[2] = { { .tv_sec = time(NULL) - 90000 }, { .tv_sec = time(NULL) - 90000 } };
    struct world w;
    char fresh[600], stale[600];
    int64_t bytes;
    (void)state;
    world_open(&w, false);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    path_of(&w, "keys/.part-0123456789abcdef", stale);
    path_of(&w, "keys/.part-1123456789abcdef", fresh);
    (void)close(open(stale, O_CREAT | O_WRONLY, 0600));
    (void)close(open(fresh, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(utimensat(AT_FDCWD, stale, old, 0), 0);
    assert_int_equal(count_list(&w, BLOB_KEYS, &bytes), 0);
    assert_int_not_equal(access(stale, F_OK), 0);
    assert_int_equal(access(fresh, F_OK), 0);
    world_close(&w);
}

static void *put_same(void *arg) {
    struct world *w = arg;
    intptr_t wrong = 0;
    for (unsigned i = 0; i < 100; i++) {
        char *bytes = malloc(3000), name[BLOB_NAME_CHARS + 1] = "";
        uint8_t hash[HASH_BYTES];
        struct blob_ref ref;
        memset(bytes, (int)i, 3000);
        crypto_sha256(str_bytes(bytes, 3000), hash);
        for (size_t k = 0; k < HASH_BYTES; k++) (void)snprintf(name + 2 * k, 3, "%02x", hash[k]);
        ref = ref_of(w, BLOB_DATA, name);
        if (object_put(w->blobs, &ref, str_bytes(bytes, 3000), 1000) != OK) wrong++;
        free(bytes);
    }
    return (void *)wrong;
}

/* The same objects by many at once: each is told that it is there, and there is one of each. */
static void test_at_once(void **state) {
    pthread_t threads[4];
    struct world w;
    int64_t bytes;
    (void)state;
    world_open(&w, true);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_same, &w), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *wrong;
        (void)pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_int_equal(count_list(&w, BLOB_DATA, &bytes), 100);
    assert_int_equal(bytes, 300000);
    world_close(&w);
}

static struct blob_put_result put_whole(struct world *w, const struct blob_ref *ref, struct str object) {
    struct blob_put_result result = { 0 };
    struct blob_put *p;
    assert_int_equal(blobs_put_begin(w->blobs, ref, (int64_t)object.n, &p), OK);
    assert_int_equal(blobs_put_add(p, object), OK);
    assert_int_equal(blobs_put_end(&p, &result), OK);
    assert_int_equal(result.bytes, object.n);
    return result;
}

static void try_heal(bool has_unnamed) {
    static const off_t sizes[] = { 50000, 0, 49999, 60000 };
    struct world w;
    struct blob_put_result result;
    char name[BLOB_NAME_CHARS + 1], path[BLOB_KEY_BYTES_MAX];
    struct str object = object_make(11, 50000, name);
    struct blob_ref ref;
    int64_t bytes;
    world_open(&w, has_unnamed);
    ref = ref_of(&w, BLOB_DATA, name);
    blob_key(&ref, path);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    result = put_whole(&w, &ref, object);
    assert_true(result.is_new && result.grown == 50000);
    result = put_whole(&w, &ref, object);
    assert_true(!result.is_new && result.grown == 0);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        int fd = openat(((struct tree *)(void *)w.blobs)->folder, path, O_WRONLY);
        assert_int_equal(ftruncate(fd, sizes[i]), 0);
        if (i == 0) assert_int_equal(pwrite(fd, "\xa5\xa5", 2, 40000), 2);
        (void)close(fd);
        result = put_whole(&w, &ref, object);
        assert_true(!result.is_new && result.grown == 50000 - sizes[i]);
        expect_bytes(&w, &ref, object);
        assert_int_equal(count_list(&w, BLOB_DATA, &bytes), 1);
        assert_int_equal(bytes, 50000);
    }
    assert_int_equal(count_strays(w.folder.path), 0);
    world_close(&w);
}

/* What a disk has damaged is whole again when it is sent again, whatever its size has become. */
static void test_heal(void **state) {
    (void)state;
    try_heal(true);
    try_heal(false);
}

/* A disk without room: said at once where the length is known, else when it is met; nothing stays. */
static void test_full(void **state) {
    struct world w;
    struct blob_put *p = NULL;
    struct blob_ref ref;
    struct str object;
    char name[BLOB_NAME_CHARS + 1];
    enum err r;
    int64_t bytes;
    (void)state;
    world_open(&w, true);
    blobs_close(w.blobs);
    if (mount("tmpfs", w.folder.path, "tmpfs", 0, "size=4m") != 0) {
        print_message("skipped: a file system can't be mounted here\n");
        folder_remove(&w.folder);
        skip();
    }
    assert_int_equal(blobs_open_tree(open(w.folder.path, O_RDONLY | O_DIRECTORY), &w.blobs), OK);
    assert_int_equal(blobs_make(w.blobs, &w.repo), OK);
    object = object_make(7, OBJECT_BYTES_MAX, name);
    ref = ref_of(&w, BLOB_DATA, name);
    assert_int_equal(blobs_put_begin(w.blobs, &ref, 5 << 20, &p), ERR_FULL);
    assert_int_equal(blobs_put_begin(w.blobs, &ref, -1, &p), OK);
    for (r = OK; r == OK;) r = blobs_put_add(p, object);
    assert_int_equal(r, ERR_FULL);
    blobs_put_drop(&p);
    assert_int_equal(count_list(&w, BLOB_DATA, &bytes), 0);
    assert_int_equal(object_put(w.blobs, &ref, object, 65536), OK); /* what was half written gave its room back */
    blobs_close(w.blobs);
    assert_int_equal(umount2(w.folder.path, MNT_DETACH), 0);
    folder_remove(&w.folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),   cmocka_unit_test(test_refused), cmocka_unit_test(test_large),
        cmocka_unit_test(test_config), cmocka_unit_test(test_ranges),  cmocka_unit_test(test_no_links),
        cmocka_unit_test(test_sizes),  cmocka_unit_test(test_sweep),   cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_heal),   cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
