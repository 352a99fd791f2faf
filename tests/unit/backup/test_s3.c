/*
 * The front's half of S3 against a courier that says whatever the test wants: what is not sound is believed in no
 * respect, one that dies is asked again, and no more wait for it than may.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backup/blobs_priv.h"
#include "base/clock.h"
#include "folder.h"
#include "ipc/objects.h"

/* What it does with the next ask, and with those after: the last stays. */
struct says {
    enum { ANSWERS, DIES, SILENT, TALKS } how;
    struct object_answer answer; /* header and request are made; TALKS sends it cut */
    struct str bytes;            /* into the file */
};

struct courier {
    int fd;
    pthread_t thread;
    const struct says *says;
    size_t n;
    _Atomic size_t at;
    _Atomic bool stop;
};

static void serve_one(struct courier *c, struct object_asked *a) {
    size_t at = atomic_fetch_add(&c->at, 1);
    const struct says *s = &c->says[at < c->n ? at : c->n - 1];
    struct object_answer r = s->answer;
    r.h = (struct ipc_header){ sizeof r, OBJECT_ANSWER, IPC_VERSION, a->ask.h.request };
    if (s->bytes.n > 0) assert_int_equal(pwrite(a->file_fd, s->bytes.p, s->bytes.n, 0), s->bytes.n);
    if (s->how == ANSWERS) assert_int_equal(write(a->answer_fd, &r, sizeof r), sizeof r);
    if (s->how == TALKS) assert_int_equal(write(a->answer_fd, &r, sizeof r - 1), sizeof r - 1);
    while (s->how == SILENT && !atomic_load(&c->stop)) (void)usleep(1000);
    (void)close(a->answer_fd);
    if (a->file_fd >= 0) (void)close(a->file_fd);
}

static void *courier_main(void *arg) {
    struct courier *c = arg;
    while (!atomic_load(&c->stop)) {
        struct pollfd p = { .fd = c->fd, .events = POLLIN };
        struct object_asked a;
        if (poll(&p, 1, 20) == 1 && object_ask_receive(c->fd, &a) == OK) serve_one(c, &a);
    }
    return NULL;
}

struct world {
    struct folder folder;
    struct courier courier;
    struct blobs *blobs;
    struct blob_ref ref;
    int pair[2];
    volatile int stop;
};

static void world_open(struct world *w, int64_t threads) {
    *w = (struct world){ .ref = { .repo = { { { 1 } }, { { 2 } } }, .type = BLOB_DATA } };
    clock_init();
    assert_int_equal(crypto_init(), OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->pair), 0);
    assert_int_equal(blobs_open_s3(&(struct blobs_s3){ .folder_fd = folder_make(&w->folder),
                                                       .courier_fd = w->pair[0],
                                                       .threads = threads,
                                                       .silent_ms = 1000,
                                                       .stop = &w->stop },
                                   &w->blobs),
                     OK);
    w->courier.fd = w->pair[1];
}

static void says(struct world *w, const struct says *says, size_t n) {
    w->courier.says = says;
    w->courier.n = n;
    w->courier.at = 0;
    w->courier.stop = false;
    assert_int_equal(pthread_create(&w->courier.thread, NULL, courier_main, &w->courier), 0);
}

static size_t hush(struct world *w) {
    atomic_store(&w->courier.stop, true);
    (void)pthread_join(w->courier.thread, NULL);
    return w->courier.at;
}

static void world_close(struct world *w) {
    blobs_close(w->blobs);
    (void)close(w->pair[0]);
    (void)close(w->pair[1]);
    folder_remove(&w->folder);
}

static enum err get(struct world *w, const struct blob_range *range, int64_t *ret_length) {
    struct blob_got got;
    enum err r = blobs_get(w->blobs, &w->ref, range, &got);
    *ret_length = r == OK ? got.length : got.size;
    if (r == OK) (void)close(got.fd);
    return r;
}

static const struct blob_range whole = { .is_given = false };

static void believes_only_what_the_name_says(void **state) {
    const struct blob_range part = { true, 2, 5 };
    struct world w;
    struct str bytes;
    int64_t n;
    (void)state;
    world_open(&w, 8);
    bytes = object_make(1, 1000, w.ref.name);
    {
        const struct says s[] = { { ANSWERS, { .size = 1000, .length = 1000 }, bytes } };
        says(&w, s, 1);
        assert_int_equal(get(&w, &whole, &n), OK);
        assert_int_equal(n, 1000);
        (void)hush(&w);
    }
    {
        const struct says s[] = {
            { ANSWERS, { .size = 999, .length = 999 }, str_bytes(bytes.p, 999) },   /* cut */
            { ANSWERS, { .size = 1000, .length = 1000 }, str_bytes(bytes.p, 999) }, /* and said to be whole */
            { ANSWERS, { .size = 1000, .from = 1, .length = 999 }, str_bytes(bytes.p + 1, 999) },
            { ANSWERS, { .size = BLOB_BYTES_MAX + 1, .length = BLOB_BYTES_MAX + 1 }, bytes },
            { ANSWERS, { .result = ERR_DATABASE }, STR_NONE },
            { TALKS, { .size = 1000, .length = 1000 }, bytes },
            { ANSWERS, { .result = ERR_NOT_FOUND }, STR_NONE },
            { ANSWERS, { .result = ERR_BUSY }, STR_NONE },
            { ANSWERS, { .result = ERR_FULL }, STR_NONE },
        };
        const enum err want[] = {
            ERR_CORRUPT, ERR_IO, ERR_IO, ERR_IO, ERR_IO, ERR_IO, ERR_NOT_FOUND, ERR_BUSY, ERR_FULL
        };
        says(&w, s, ARRAY_LEN(s));
        for (size_t i = 0; i < ARRAY_LEN(want); i++) assert_int_equal(get(&w, &whole, &n), want[i]);
        (void)hush(&w);
    }
    {
        const struct says s[] = {
            { ANSWERS, { .size = 1000, .from = 2, .length = 4 }, str_bytes(bytes.p, 4) },
            { ANSWERS, { .size = 1000, .from = 3, .length = 4 }, str_bytes(bytes.p, 4) }, /* another part */
            { ANSWERS, { .size = 1000, .from = 2, .length = 3 }, str_bytes(bytes.p, 3) }, /* less of it */
            { ANSWERS, { .size = 1, .result = ERR_TOO_LARGE }, STR_NONE },
        };
        const enum err want[] = { OK, ERR_IO, ERR_IO, ERR_TOO_LARGE };
        says(&w, s, ARRAY_LEN(s));
        for (size_t i = 0; i < ARRAY_LEN(want); i++) assert_int_equal(get(&w, &part, &n), want[i]);
        assert_int_equal(n, 1);
        (void)hush(&w);
    }
    world_close(&w);
}

static void asks_again_when_the_courier_dies(void **state) {
    const struct says dies[] = { { .how = DIES } };
    const struct says once[] = { { .how = DIES }, { .how = DIES }, { ANSWERS, { .size = 5 }, STR_NONE } };
    struct world w;
    int64_t size = 0;
    (void)state;
    world_open(&w, 8);
    (void)object_make(1, 10, w.ref.name);
    says(&w, once, ARRAY_LEN(once));
    assert_int_equal(blobs_stat(w.blobs, &w.ref, &size), OK);
    assert_int_equal(size, 5);
    assert_int_equal(hush(&w), 3);
    says(&w, dies, ARRAY_LEN(dies));
    assert_int_equal(blobs_stat(w.blobs, &w.ref, &size), ERR_BUSY); /* not for ever */
    assert_int_equal(hush(&w), 3);
    world_close(&w);
}

static void *stat_main(void *arg) {
    struct world *w = arg;
    int64_t size;
    return (void *)(intptr_t)blobs_stat(w->blobs, &w->ref, &size);
}

static void lets_few_wait_and_none_for_long_at_the_end(void **state) {
    const struct says silent[] = { { .how = SILENT } };
    struct world w;
    pthread_t threads[2];
    int64_t size;
    void *r;
    (void)state;
    world_open(&w, 4);
    (void)object_make(1, 10, w.ref.name);
    says(&w, silent, 1);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, stat_main, &w), 0);
    (void)usleep(200000);
    assert_int_equal(blobs_stat(w.blobs, &w.ref, &size), ERR_BUSY); /* half of the threads wait already */
    w.stop = 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], &r), 0);
        assert_int_equal((intptr_t)r, ERR_BUSY);
    }
    (void)hush(&w);
    world_close(&w);
}

static void lists_what_is_ours(void **state) {
#define A "00000000000000000000000000000000000000000000000000000000000000aa"
    static const char good[] = "00/" A " 12\nab/" A " 13\n" A " 14\n00/x 15\n00/" A ".tmp 16\n";
    static const char half[] = "00/" A " 12\n00/" A " 1";
    static const char bad[] = "00/" A " x\n";
    const struct says s[] = {
        { ANSWERS, { .size = 5, .length = sizeof good - 1 }, str_bytes(good, sizeof good - 1) },
        { ANSWERS, { .size = 5, .length = sizeof half - 1 }, str_bytes(half, sizeof half - 1) },
        { ANSWERS, { .size = 5, .length = sizeof bad - 1 }, str_bytes(bad, sizeof bad - 1) },
        { ANSWERS, { .size = 0, .length = 0 }, STR_NONE },
        { ANSWERS, { .size = 5, .length = sizeof good }, str_bytes(good, sizeof good - 1) },
        { ANSWERS, { .result = ERR_BUSY }, STR_NONE },
    };
    struct blob_list *l = NULL;
    struct blob_entry e;
    struct world w;
    (void)state;
    world_open(&w, 8);
    says(&w, s, ARRAY_LEN(s));
    assert_int_equal(blobs_list_begin(w.blobs, &w.ref.repo, BLOB_DATA, &l), OK);
    assert_int_equal(blobs_list_next(l, &e), OK);
    assert_string_equal(e.name, A);
    assert_int_equal(e.size, 12);
    assert_int_equal(blobs_list_next(l, &e), ERR_GONE);
    blobs_list_end(l);
    assert_int_equal(blobs_list_begin(w.blobs, &w.ref.repo, BLOB_DATA, &l), OK);
    assert_int_equal(blobs_list_next(l, &e), OK);
    assert_int_equal(blobs_list_next(l, &e), ERR_IO);
    blobs_list_end(l);
    assert_int_equal(blobs_list_begin(w.blobs, &w.ref.repo, BLOB_DATA, &l), OK);
    assert_int_equal(blobs_list_next(l, &e), ERR_IO);
    blobs_list_end(l);
    assert_int_equal(blobs_list_begin(w.blobs, &w.ref.repo, BLOB_DATA, &l), OK);
    assert_int_equal(blobs_list_next(l, &e), ERR_GONE);
    blobs_list_end(l);
    assert_int_equal(blobs_list_begin(w.blobs, &w.ref.repo, BLOB_DATA, &l), ERR_IO); /* a byte is missing */
    assert_int_equal(blobs_list_begin(w.blobs, &w.ref.repo, BLOB_DATA, &l), ERR_BUSY);
    (void)hush(&w);
    world_close(&w);
}

/* Each step of a put answered with a failure: nothing but the last OK is one. */
static void puts_are_done_when_s3_says_so(void **state) {
    const struct says missing = { ANSWERS, { .result = ERR_NOT_FOUND }, STR_NONE };
    const struct says done = { ANSWERS, { .result = OK }, STR_NONE };
    const struct says there = { ANSWERS, { .size = 100 }, STR_NONE };
    const struct says other_size = { ANSWERS, { .size = 99 }, STR_NONE };
    const struct says fails = { ANSWERS, { .result = ERR_IO }, STR_NONE };
    const struct {
        struct says says[2];
        enum err want;
        size_t asks;
    } cases[] = { { { missing, done }, OK, 2 },       { { missing, fails }, ERR_IO, 2 },
                  { { fails, done }, ERR_IO, 1 },     { { there, done }, OK, 2 },
                  { { there, fails }, ERR_IO, 2 },    { { other_size, done }, OK, 2 },
                  { { missing, missing }, ERR_IO, 2 } };
    struct world w;
    struct str bytes;
    (void)state;
    world_open(&w, 8);
    bytes = object_make(1, 100, w.ref.name);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        says(&w, cases[i].says, 2);
        assert_int_equal(object_put(w.blobs, &w.ref, bytes, 7), cases[i].want);
        assert_int_equal(hush(&w), cases[i].asks);
    }
    says(&w, &done, 1);
    assert_int_equal(object_put(w.blobs, &w.ref, str_bytes(bytes.p, 99), 7), ERR_INPUT); /* S3 never hears of it */
    assert_int_equal(hush(&w), 0);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(believes_only_what_the_name_says),
        cmocka_unit_test(asks_again_when_the_courier_dies),
        cmocka_unit_test(lets_few_wait_and_none_for_long_at_the_end),
        cmocka_unit_test(lists_what_is_ours),
        cmocka_unit_test(puts_are_done_when_s3_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
