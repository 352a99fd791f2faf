/* Buffers, arenas and secrets: their limits, and that they leave nothing behind. */
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/distinct.h"
#include "base/secret.h"
#include "base/slab.h"

static void buffer_stops_at_its_maximum(void **state) {
    struct buf b;
    (void)state;
    buf_init(&b, 10);
    buf_add(&b, STR("12345"));
    buf_addf(&b, "%d", 67890); /* to the last byte */
    assert_int_equal(buf_err(&b), OK);
    assert_true(str_eq(buf_str(&b), STR("1234567890")));
    buf_add_c(&b, 'x');
    assert_int_equal(buf_err(&b), ERR_TOO_LARGE);
    buf_add(&b, STR("")); /* the first failure sticks */
    buf_addf(&b, "%s", "");
    assert_int_equal(buf_err(&b), ERR_TOO_LARGE);
    assert_int_equal(b.n, 10);
    buf_reset(&b);
    assert_int_equal(buf_err(&b), OK);
    buf_add_i64(&b, -123456789);
    assert_true(str_eq(buf_str(&b), STR("-123456789")));
    assert_int_equal(buf_reserve(&b, SIZE_MAX), ERR_TOO_LARGE);
    buf_release(&b);
    buf_release(&b);
    assert_int_equal(b.n, 0);
}

static void empty_adds_need_no_memory(void **state) {
    struct buf b;
    (void)state;
    buf_init(&b, 0);
    buf_add(&b, STR_NONE);
    buf_add_z(&b, NULL);
    buf_addf(&b, "%s", "");
    assert_int_equal(buf_err(&b), OK);
    assert_null(b.p);
    buf_addf(&b, "%s", "x");
    assert_int_equal(buf_err(&b), ERR_TOO_LARGE);
    buf_release(&b);
}

static void buffer_grows_and_keeps(void **state) {
    struct buf b;
    (void)state;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 100000; i++) buf_add_c(&b, (char)('a' + i % 26));
    assert_int_equal(buf_err(&b), OK);
    assert_int_equal(b.n, 100000);
    for (int i = 0; i < 100000; i++)
        if (b.p[i] != 'a' + i % 26) fail_msg("byte %d", i);
    buf_release(&b);
}

static const struct {
    int64_t v;
    const char *text;
} integers[] = {
    { 0, "0" }, { 7, "7" }, { -1, "-1" }, { INT64_MAX, "9223372036854775807" }, { INT64_MIN, "-9223372036854775808" }
};

static void writes_numbers(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        struct buf b;
        buf_init(&b, 100);
        buf_add_i64(&b, integers[i].v);
        assert_true(str_eq(buf_str(&b), str_from(integers[i].text)));
        buf_release(&b);
    }
}

static const struct {
    const char *in, *json;
} strings[] = {
    { "", "\"\"" },
    { "a\"b\\c/d", "\"a\\\"b\\\\c/d\"" },
    { "\x01\n\t\x1f\x7f", "\"\\u0001\\u000a\\u0009\\u001f\\u007f\"" },
    { "\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\"\\u0080\\u009b\\u009f\xc2\xa0\"" }, /* C1: a terminal acts on them */
    { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x94", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x94\"" },
    { "\xc2", "\"\xc2\"" },
    { "\xc2\"", "\"\xc2\\\"\"" }, /* a broken character hides no quote */
};

static void escapes_json(void **state) {
    struct buf b;
    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        buf_reset(&b);
        buf_add_json(&b, str_from(strings[i].in));
        if (!str_eq(buf_str(&b), str_from(strings[i].json))) fail_msg("%.*s", STR_FMT(buf_str(&b)));
    }
    buf_reset(&b);
    buf_add_json(&b, str_bytes("a\0b", 3));
    assert_true(str_eq(buf_str(&b), STR("\"a\\u0000b\"")));
    buf_reset(&b);
    buf_add_html(&b, STR("<a href='x' t=\"y\">&amp;</a>"));
    assert_true(str_eq(buf_str(&b), STR("&lt;a href=&#39;x&#39; t=&quot;y&quot;&gt;&amp;amp;&lt;/a&gt;")));
    buf_release(&b);
}

static void arena_gives_zeroed_aligned_memory(void **state) {
    struct arena *a = arena_new(100000);
    (void)state;
    for (size_t n = 0; n < 200; n += 7) {
        char *p = arena_alloc(a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
        memset(p, 0xaa, n);
    }
    arena_reset(a);
    assert_int_equal(arena_used(a), 0);
    for (int round = 0; round < 3; round++) { /* a block that served is zero again */
        char *p = arena_alloc(a, 3000);
        assert_non_null(p);
        for (size_t i = 0; i < 3000; i++) assert_int_equal(p[i], 0);
        memset(p, 0xbb, 3000);
        arena_reset(a);
    }
    arena_free(a);
    arena_free(NULL);
}

static void arena_stops_at_its_maximum(void **state) {
    struct arena *a = arena_new(8192);
    (void)state;
    assert_null(arena_alloc(a, 8193));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 15));
    assert_null(arena_dup_z(a, (struct str){ "", SIZE_MAX }));
    assert_non_null(arena_alloc(a, 8192));
    assert_int_equal(arena_used(a), 8192);
    assert_null(arena_alloc(a, 1));
    assert_null(arena_dup(a, STR("x")).p);
    assert_null(arena_fmt(a, "%s", "x"));
    arena_reset(a);
    assert_string_equal(arena_dup_z(a, STR("abc")), "abc");
    assert_true(str_eq(arena_dup(a, str_bytes("a\0b", 3)), str_bytes("a\0b", 3)));
    assert_non_null(arena_dup(a, STR_NONE).p);
    assert_string_equal(arena_fmt(a, "%d-%s", 5, "five"), "5-five");
    arena_free(a);
}

static void arena_wipes_on_reset(void **state) {
    struct arena *a = arena_new(100000);
    char *p = arena_dup_z(a, STR("a password in the first block"));
    (void)state;
    arena_reset(a); /* the first block stays with the arena, so its bytes may be looked at */
    for (int i = 0; i < 29; i++) assert_int_equal(p[i], 0);
    arena_free(a);
}

static void secrets_compare_and_end(void **state) {
    struct secret a, b, c;
    (void)state;
    secret_init(&a);
    secret_init(&b);
    secret_init(&c);
    assert_int_equal(secret_from_str(&a, STR("open sesame")), OK);
    assert_int_equal(secret_from_str(&b, STR("open sesame")), OK);
    assert_int_equal(secret_from_str(&c, STR("open sesamf")), OK);
    assert_true(secret_eq(&a, &b));
    assert_false(secret_eq(&a, &c));
    assert_int_equal(secret_from_str(&c, STR("open")), OK);
    assert_false(secret_eq(&a, &c));
    assert_int_equal(secret_from_str(&a, str_skip(secret_str(&a), 5)), OK); /* a part of itself */
    assert_true(str_eq(secret_str(&a), STR("sesame")));
    assert_int_equal(secret_random(&c, 32), OK);
    assert_int_equal(secret_random(&b, 32), OK);
    assert_false(secret_eq(&b, &c));
    secret_release(&a);
    secret_release(&a);
    secret_release(&b);
    secret_release(&c);
    assert_true(secret_eq(&a, &b)); /* nothing equals nothing */
    assert_true(bytes_eq_secret("ab", "ab", 2));
    assert_false(bytes_eq_secret("ab", "ac", 2));
}

static void secrets_have_a_limit(void **state) {
    static char big[SECRET_BYTES_MAX + 1];
    struct secret s;
    (void)state;
    secret_init(&s);
    assert_int_equal(secret_from_str(&s, STR("kept")), OK);
    assert_int_equal(secret_from_str(&s, str_bytes(big, sizeof big)), ERR_TOO_LARGE);
    assert_int_equal(secret_random(&s, sizeof big), ERR_TOO_LARGE);
    assert_true(str_eq(secret_str(&s), STR("kept")));
    assert_int_equal(secret_from_str(&s, str_bytes(big, sizeof big - 1)), OK);
    assert_int_equal(s.n, SECRET_BYTES_MAX);
    assert_int_equal(secret_from_str(&s, STR_NONE), OK);
    assert_int_equal(s.n, 0);
    secret_release(&s);
}

/* The flags of the mapping that holds p, as /proc tells them. */
static bool mapping_has(const void *p, const char *flag) {
    FILE *f = fopen("/proc/self/smaps", "re");
    char line[512];
    bool is_here = false, has = false;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) is_here = (uintptr_t)p >= from && (uintptr_t)p < to;
        if (is_here && strncmp(line, "VmFlags:", 8) == 0) has = strstr(line, flag) != NULL;
    }
    (void)fclose(f);
    return has;
}

static void secrets_stay_locked_when_a_neighbour_goes(void **state) {
    struct secret a, b;
    (void)state;
    secret_init(&a);
    secret_init(&b);
    assert_int_equal(secret_from_str(&a, STR("first")), OK);
    assert_int_equal(secret_from_str(&b, STR("second")), OK);
    assert_true(mapping_has(b.p, " dd")); /* not in dumps */
    if (!mapping_has(b.p, " lo")) {
        (void)printf("skipped: no memory may be locked here\n");
        skip();
    }
    secret_release(&a);
    assert_true(mapping_has(b.p, " lo"));
    assert_true(mapping_has(b.p, " dd"));
    secret_release(&b);
}

static int hold_many_without_locks(void) {
    static struct secret many[400];
    const struct rlimit none = { 0, 0 };
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0)) return 1;
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        if (secret_random(&many[i], 4000) != OK) return 2;
    for (size_t i = 1; i < ARRAY_LEN(many); i++)
        if (secret_eq(&many[0], &many[i])) return 3;
    if (mapping_has(many[399].p, " lo") || !mapping_has(many[399].p, " dd")) return 4;
    for (size_t i = 0; i < ARRAY_LEN(many); i++) secret_release(&many[i]);
    return 0;
}

static void secrets_outlive_the_limit_of_locks(void **state) {
    int status;
    pid_t child = fork();
    (void)state;
    if (child == 0) _exit(hold_many_without_locks());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void *churn(void *arg) { /* what it returns is where it failed */
    struct secret held[8] = { 0 };
    for (int i = 0; i < 20000; i++) {
        struct secret *s = &held[i % 8];
        char text[600];
        size_t n = (size_t)(i * 37) % sizeof text;
        if (s->n > 0 && s->p[0] != (uint8_t)s->n) return arg;
        secret_release(s);
        memset(text, (int)(n & 0xff), sizeof text);
        if (secret_from_str(s, str_bytes(text, n)) != OK) return arg;
    }
    for (int i = 0; i < 8; i++) secret_release(&held[i]);
    return NULL;
}

static void secrets_serve_many_threads(void **state) {
    pthread_t threads[4];
    (void)state;
    for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, churn, threads), 0);
    for (size_t i = 0; i < 4; i++) {
        void *ret;
        assert_int_equal(pthread_join(threads[i], &ret), 0);
        assert_null(ret);
    }
}

static void released_secrets_are_wiped(void **state) {
#ifdef TOCSIN_SANITIZED
    (void)state;
    (void)printf("skipped: looking at released memory is what the sanitizer forbids\n");
    skip();
#else
    struct secret s;
    const uint8_t *p;
    (void)state;
    secret_init(&s);
    assert_int_equal(secret_from_str(&s, STR("a secret that is longer than a pointer")), OK);
    p = s.p;
    secret_release(&s); /* the slab stays mapped */
    assert_null(s.p);
    for (size_t i = sizeof(void *); i < 38; i++) assert_int_equal(p[i], 0);
#endif
}

static void adds(struct distinct *d, int from, int to, int64_t now_ms) {
    for (int i = from; i < to; i++) distinct_add(d, str_bytes(&i, sizeof i), now_ms);
}

static void distinct_things_are_counted_within_a_few_in_a_hundred(void **state) {
    static const int counts[] = { 0, 1, 2, 10, 100, 1000, 10000, 200000 };
    static struct distinct d;
    (void)state;
    assert_int_equal(crypto_init(), OK);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int n = counts[i];
        distinct_init(&d);
        adds(&d, 0, n, 1000000000000);
        adds(&d, 0, n, 1000000000000 + 10 * DISTINCT_SLOT_MS); /* the same again count once */
        int64_t count = distinct_count(&d, 1000000000000 + 10 * DISTINCT_SLOT_MS);
        assert_in_range(count, n - n / 8 - (n > 2), n + n / 8 + (n > 2)); /* four times its usual error */
        assert_int_equal(distinct_added(&d, 1000000000000 + 10 * DISTINCT_SLOT_MS), 2 * n);
    }
}

static void distinct_things_are_forgotten_after_an_hour(void **state) {
    static struct distinct d;
    int64_t now_ms = 1000000000000;
    (void)state;
    distinct_init(&d);
    for (int slot = 0; slot < 30; slot++) adds(&d, slot * 10, slot * 10 + 10, now_ms + slot * DISTINCT_SLOT_MS);
    now_ms += 29 * DISTINCT_SLOT_MS;
    assert_in_range(distinct_count(&d, now_ms), 110, 130);
    assert_int_equal(distinct_added(&d, now_ms), 120);
    assert_int_equal(distinct_added(&d, now_ms + 11 * DISTINCT_SLOT_MS), 10);
    assert_int_equal(distinct_count(&d, now_ms + 12 * DISTINCT_SLOT_MS), 0);
    assert_int_equal(distinct_count(&d, now_ms - 100 * DISTINCT_SLOT_MS), 0); /* a clock set back */
}

/* Each its own, on a line's beginning, and what is put back serves again; sizes that no block has come from the heap.
 */
static void slabs_serve_again(void **state) {
    static const size_t sizes[] = { 1, 64, 65, 700, 4096, 4097, 100000 };
    static char *got[ARRAY_LEN(sizes)][4000];
    struct slab s;
    (void)state;
    slab_init(&s);
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            for (size_t k = 0; k < (sizes[i] > 4096 ? 4U : 4000U); k++) {
                got[i][k] = slab_get(&s, sizes[i]);
                assert_non_null(got[i][k]);
                assert_int_equal((uintptr_t)got[i][k] % SLAB_LINE_BYTES, 0);
                memset(got[i][k], (int)(k & 0xff), sizes[i]);
            }
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            for (size_t k = 0; k < (sizes[i] > 4096 ? 4U : 4000U); k++) {
                assert_int_equal((unsigned char)got[i][k][0], k & 0xff);
                assert_int_equal((unsigned char)got[i][k][sizes[i] - 1], k & 0xff);
                slab_put(&s, got[i][k], sizes[i]);
            }
    }
    slab_put(&s, NULL, 64);
    slab_release(&s);
}

static void huge_memory_is_cleared(void **state) {
    static const size_t sizes[] = { 100, (2 << 20) - 1, 2 << 20, (5 << 20) + 1 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *p = huge_alloc(sizes[i]);
        assert_non_null(p);
        for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(p[k], 0);
        p[sizes[i] - 1] = 1;
        huge_free(p, sizes[i]);
    }
    assert_null(huge_alloc(SIZE_MAX));
    huge_free(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_things_are_counted_within_a_few_in_a_hundred),
        cmocka_unit_test(distinct_things_are_forgotten_after_an_hour),
        cmocka_unit_test(buffer_stops_at_its_maximum),
        cmocka_unit_test(empty_adds_need_no_memory),
        cmocka_unit_test(buffer_grows_and_keeps),
        cmocka_unit_test(writes_numbers),
        cmocka_unit_test(escapes_json),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arena_stops_at_its_maximum),
        cmocka_unit_test(arena_wipes_on_reset),
        cmocka_unit_test(slabs_serve_again),
        cmocka_unit_test(huge_memory_is_cleared),
        cmocka_unit_test(secrets_compare_and_end),
        cmocka_unit_test(secrets_have_a_limit),
        cmocka_unit_test(secrets_stay_locked_when_a_neighbour_goes),
        cmocka_unit_test(secrets_outlive_the_limit_of_locks),
        cmocka_unit_test(secrets_serve_many_threads),
        cmocka_unit_test(released_secrets_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
