/* The parts below a connection: heads and framing at every split, routes, addresses, the wheel of deadlines. */
#include <cmocka.h>

#include "base/crypto.h"
#include "base/secret.h"
#include "http/address.h"
#include "http/frame.h"
#include "http/head.h"
#include "http/route.h"
#include "http/wheel.h"

static const struct {
    const char *what;
    int status;
    struct str bytes;
} malformed[] = {
#define X(what, status, bytes) { what, status, { bytes, sizeof(bytes) - 1 } },
#include "malformed.def"
#undef X
};

#define SOUND(text)                                                                                                    \
    { text, sizeof(text) - 1 }
static const struct str sound[] = {
    SOUND("GET /fast HTTP/1.1\r\nHost: a\r\n\r\n"),
    SOUND("GET /a/b?c=%20&d HTTP/1.1\r\nHost: a.example:8420\r\nX-Empty:\r\nX:  y z  \r\n\r\n"),
    SOUND("POST /x HTTP/1.0\r\nHOST: [::1]:80\r\ncontent-length: 005\r\nConnection: keep-alive , close\r\n\r\n"),
    SOUND("PUT /~a!$&'()*+,;=:@-._ HTTP/1.1\r\nhost: A\r\nTransfer-Encoding:ChUnKeD\r\nX: \xc3\xa4\r\n\r\n"),
};

struct outcome {
    enum head_result result;
    int status;
    struct head head;
};

/* Feeds the first `split` bytes, then the rest (split 0: byte by byte). */
static struct outcome head_in_parts(struct str in, size_t split) {
    struct outcome o = { .result = HEAD_MORE };
    char copy[HEAD_BYTES_MAX * 4];
    memcpy(copy, in.p, in.n);
    head_init(&o.head);
    for (size_t n = split ? split : 1; o.result == HEAD_MORE && n <= in.n;
         n = split ? (n == in.n ? n + 1 : in.n) : n + 1)
        o.result = head_feed(&o.head, copy, n, &o.status);
    return o;
}

static void outcomes_equal(const char *what, const struct outcome *a, const struct outcome *b) {
    size_t fields = a->head.field_count * sizeof a->head.fields[0];
    bool same = a->result == b->result && a->status == b->status && a->head.at == b->head.at;
    if (same && a->result == HEAD_DONE)
        same = memcmp(&a->head, &b->head, offsetof(struct head, fields)) == 0 &&
               memcmp(a->head.fields, b->head.fields, fields) == 0;
    if (!same) fail_msg("%s: %d %d, split: %d %d", what, a->result, a->status, b->result, b->status);
}

static void try_all_splits(const char *what, struct str in) {
    struct outcome whole = head_in_parts(in, in.n);
    for (size_t split = 0; split < in.n; split++) {
        struct outcome other = head_in_parts(in, split);
        outcomes_equal(what, &whole, &other);
    }
}

static void test_head_splits(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        struct outcome o = head_in_parts(malformed[i].bytes, malformed[i].bytes.n);
        try_all_splits(malformed[i].what, malformed[i].bytes);
        if (o.result == HEAD_REFUSED) assert_int_equal(o.status, malformed[i].status);
        assert_int_not_equal(o.result, HEAD_MORE);
    }
    for (size_t i = 0; i < ARRAY_LEN(sound); i++) {
        struct outcome o = head_in_parts(sound[i], sound[i].n);
        if (o.result != HEAD_DONE || o.head.at != sound[i].n) fail_msg("sound %zu: %d %d", i, o.result, o.status);
        try_all_splits("sound", sound[i]);
    }
}

static void test_head_meaning(void **state) {
    struct outcome a = head_in_parts(sound[1], sound[1].n);
    struct outcome b = head_in_parts(sound[2], sound[2].n);
    struct outcome c = head_in_parts(sound[3], sound[3].n);
    (void)state;
    assert_int_equal(a.head.path_n, 4);
    assert_int_equal(a.head.target_n, 12);
    assert_int_equal(a.head.content_length, -1);
    assert_false(a.head.wants_close);
    assert_int_equal(a.head.fields[1].value_n, 0);
    assert_int_equal(a.head.fields[2].value_n, 3);
    assert_int_equal(b.head.method, METHOD_POST);
    assert_int_equal(b.head.content_length, 5);
    assert_true(b.head.wants_close);
    assert_true(c.head.is_chunked);
    assert_int_equal(head_known(STR("transfer-encoding")), FIELD_TRANSFER_ENCODING);
    assert_int_equal(head_known(STR("x-forwarded-for")), FIELD_FORWARDED_FOR);
    assert_int_equal(head_known(STR("te")), FIELD_TE);
    assert_int_equal(head_known(STR("host")), FIELD_HOST);
    assert_int_equal(head_known(STR("user-agent")), FIELD_USER_AGENT);
    assert_int_equal(head_known(STR("content-type")), FIELD_CONTENT_TYPE);
    assert_int_equal(head_known(STR("")), FIELD_OTHER);
    assert_int_equal(head_known(STR("x-other")), FIELD_OTHER);
}

static void test_head_limits(void **state) {
    static char big[HEAD_BYTES_MAX * 4];
    struct head h;
    int status = 0;
    (void)state;
    memset(big, 'v', sizeof big);
    memcpy(big, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
    for (size_t step = 1; step < sizeof big; step = step * 3 + 1) {
        enum head_result r = HEAD_MORE;
        head_init(&h);
        for (size_t n = step; r == HEAD_MORE && n <= sizeof big; n += step) r = head_feed(&h, big, n, &status);
        assert_int_equal(r, HEAD_REFUSED);
        assert_int_equal(status, 431);
        assert_int_equal(h.at, HEAD_BYTES_MAX);
    }
}

/* Runs a body through the framing in runs of `step`; returns what it came to. */
static enum frame_result frame_run(struct frame *f, struct str in, size_t step, struct buf *body) {
    struct frame_step s = { 0 };
    enum frame_result r = FRAME_MORE;
    while (in.n > 0 && r == FRAME_MORE) {
        struct str run = { in.p, in.n < step ? in.n : step };
        do {
            r = frame_feed(f, run, &s);
            buf_add(body, s.data);
            run = str_skip(run, s.used);
            in = str_skip(in, s.used);
        } while (r == FRAME_DATA);
    }
    return r;
}

static void test_frame(void **state) {
    static const struct {
        int64_t length; /* < 0: chunked */
        struct str in, body;
        enum frame_result result;
        size_t left; /* of the input */
    } runs[] = {
        { 5, { "helloGET", 8 }, { "hello", 5 }, FRAME_DONE, 3 },
        { 5, { "hell", 4 }, { "hell", 4 }, FRAME_MORE, 0 },
        { -1, { "5\r\nhello\r\n0\r\n\r\nGET", 18 }, { "hello", 5 }, FRAME_DONE, 3 },
        { -1, { "0\r\n\r\n", 5 }, { "", 0 }, FRAME_DONE, 0 },
        { -1, { "00000000\r\n\r\n", 12 }, { "", 0 }, FRAME_DONE, 0 },
        { -1, { "1\r\nh\r\n00000004\r\nello\r\n0\r\n\r\n", 28 }, { "hello", 5 }, FRAME_DONE, 0 },
        { -1,
          { "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", 37 },
          { "01234567890123456789a", 21 },
          FRAME_DONE,
          0 },
        { -1, { "5\r\nhello\r\n0\r\n", 13 }, { "hello", 5 }, FRAME_MORE, 0 },
        { -1, { "5\r\nhelloX", 9 }, { "hello", 5 }, FRAME_REFUSED, 0 },
        { -1, { "10001\r\n", 7 }, { "", 0 }, FRAME_REFUSED, 1 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        for (size_t step = 1; step <= runs[i].in.n; step++) {
            struct frame f;
            struct buf body;
            buf_init(&body, 1000);
            frame_init(&f, runs[i].length, 65536);
            assert_int_equal(frame_run(&f, runs[i].in, step, &body), runs[i].result);
            assert_int_equal(body.n, runs[i].body.n);
            if (body.n > 0) assert_memory_equal(body.p, runs[i].body.p, body.n);
            buf_release(&body);
        }
    }
}

static void nothing(struct http_request *req, void *app) {
    (void)req;
    (void)app;
}

static void test_routes(void **state) {
    static const struct http_route routes[] = {
        { "GET", "/", HTTP_FAST, nothing, 0 },
        { "GET", "/a", HTTP_FAST, nothing, 0 },
        { "POST", "/a/b", HTTP_FAST, nothing, 0 },
        { "GET", "/a/{x}", HTTP_FAST, nothing, 0 },
        { "GET", "/a/{x}/c", HTTP_FAST, nothing, 0 },
        { "GET", "/a/b/{y}/d", HTTP_FAST, nothing, 0 },
        { "GET", "/s/{rest...}", HTTP_FAST, nothing, 0 },
        { "GET", "/r/{x}/", HTTP_FAST, nothing, 0 },
        { NULL },
    };
    static const struct {
        const char *path;
        int route; /* in `routes`; -1: 404 */
        const char *params[2];
    } paths[] = {
        { "/", 0, { 0 } },          { "/a", 1, { 0 } },
        { "/a/", -1, { 0 } },       { "/b", -1, { 0 } },
        { "/a/b", 2, { 0 } },       { "/a/z", 3, { "z" } },
        { "/a/b/c", 4, { "b" } },   { "/a/z/c", 4, { "z" } },
        { "/a/b/q/d", 5, { "q" } }, { "/a/b/q/e", -1, { 0 } },
        { "/a/z/q/d", -1, { 0 } },  { "/s", -1, { 0 } },
        { "/s/", 6, { "" } },       { "/s/x/y/z", 6, { "x/y/z" } },
        { "/r/1/", 7, { "1" } },    { "/r/1", -1, { 0 } },
        { "/r//", -1, { 0 } },      { "//", -1, { 0 } },
        { "/a//c", -1, { 0 } },     { "/a/z/c/", -1, { 0 } },
    };
    struct route_table *t;
    (void)state;
    assert_int_equal(route_table_new(routes, &t), OK);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct route_match m;
        bool found = route_find(t, str_from(paths[i].path), &m);
        const struct http_route *want = paths[i].route < 0 ? NULL : &routes[paths[i].route];
        if (found != (want != NULL)) fail_msg("%s: found %d", paths[i].path, found);
        if (!want) continue;
        if (route_of(m.node, METHOD_GET) != want && route_of(m.node, METHOD_POST) != want)
            fail_msg("%s", paths[i].path);
        for (size_t k = 0; k < 2 && paths[i].params[k]; k++)
            assert_true(str_eq(m.params[k], str_from(paths[i].params[k])));
    }
    route_table_free(t);
}

static void test_routes_refused(void **state) {
    static const struct http_route bad[][3] = {
        { { "BREW", "/", HTTP_FAST, nothing, 0 }, { NULL } },
        { { "GET", "a", HTTP_FAST, nothing, 0 }, { NULL } },
        { { "GET", "", HTTP_FAST, nothing, 0 }, { NULL } },
        { { "GET", "/a", HTTP_FAST, NULL, 0 }, { NULL } },
        { { "GET", "/{rest...}/a", HTTP_FAST, nothing, 0 }, { NULL } },
        { { "GET", "/{a}", HTTP_FAST, nothing, 0 }, { "GET", "/{b}", HTTP_FAST, nothing, 0 }, { NULL } },
        { { "GET", "/a", HTTP_FAST, nothing, 0 }, { "GET", "/a", HTTP_WORK, nothing, 0 }, { NULL } },
        { { "GET", "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}", HTTP_FAST, nothing, 0 }, { NULL } },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct route_table *t = NULL;
        assert_int_equal(route_table_new(bad[i], &t), ERR_CONFIG);
        assert_null(t);
    }
}

static void test_addresses(void **state) {
    struct networks n;
    struct address a;
    char text[ADDRESS_TEXT_SIZE];
    static const struct {
        const char *address;
        bool is_held;
    } held[] = {
        { "10.1.2.3", true },      { "11.0.0.1", false },
        { "192.168.7.255", true }, { "192.168.8.0", false },
        { "::1", true },           { "::2", false },
        { "2001:db8:1::9", true }, { "2001:db8:2::9", false },
        { "127.0.0.1", true },     { "::ffff:10.0.0.1", true },
        { "172.16.0.0", false },
    };
    static const char *const bad[] = { "10.0.0.0/33", "10.0.0.0/",   "10.0.0",       "::1/129",
                                       "a",           "10.0.0.0/-1", "10.0.0.0/8/8", "," };
    (void)state;
    assert_int_equal(networks_parse(" 10.0.0.0/8  192.168.7.0/24 ::1 2001:db8:1::/48 127.0.0.1 ", &n), OK);
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        assert_int_equal(address_parse(str_from(held[i].address), &a), OK);
        if (networks_hold(&n, &a) != held[i].is_held) fail_msg("%s", held[i].address);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_int_equal(networks_parse(bad[i], &n), ERR_CONFIG);
    assert_int_equal(networks_parse(NULL, &n), OK);
    assert_false(networks_hold(&n, &a));
    assert_int_equal(address_parse(STR("2001:DB8::0:1"), &a), OK);
    address_text(&a, text);
    assert_string_equal(text, "2001:db8::1");
}

static void test_counters(void **state) {
    static struct counters c;
    struct address one, same, other;
    (void)state;
    counters_init(&c);
    assert_int_equal(address_parse(STR("2001:db8:0:1::1"), &one), OK);
    assert_int_equal(address_parse(STR("2001:db8:0:1:ffff::2"), &same), OK);
    assert_int_equal(address_parse(STR("2001:db8:0:2::1"), &other), OK);
    for (int i = 0; i < 5; i++) assert_true(counters_take(&c, i % 2 ? &one : &same, 5));
    assert_false(counters_take(&c, &one, 5));
    assert_false(counters_take(&c, &same, 5));
    assert_true(counters_take(&c, &other, 5));
    counters_give(&c, &same);
    assert_true(counters_take(&c, &one, 5));
    assert_false(counters_take(&c, &one, 5));
}

/* Against a list that is looked through wholly: each entry comes out once, never early, and at most two ticks late. */
static void test_wheel(void **state) {
    enum { N = 500, TICK = 1 << WHEEL_TICK_BITS };
    static struct wheel_entry entries[N];
    static bool is_set[N];
    struct wheel w;
    int64_t now = 1000003;
    int fired = 0;
    (void)state;
    wheel_init(&w, now);
    assert_int_equal(wheel_wait_ms(&w, now), -1);
    for (int round = 0; round < 20000; round++) {
        uint32_t pick[3];
        struct wheel_entry *e;
        crypto_random(pick, sizeof pick);
        e = &entries[pick[0] % N];
        if (pick[1] % 8 == 0) {
            wheel_drop(&w, e);
            is_set[e - entries] = false;
        } else {
            wheel_set(&w, e, now + pick[1] % (pick[1] % 16 ? 2000 : 400000));
            is_set[e - entries] = true;
        }
        now += pick[2] % 30;
        if (pick[2] % 5000 == 0) now += 200000; /* a long sleep */
        while ((e = wheel_next_due(&w, now)) != NULL) {
            assert_true(is_set[e - entries] && e->due_ms <= now);
            is_set[e - entries] = false;
            fired++;
        }
        for (size_t i = 0; i < N; i++) assert_true(!is_set[i] || entries[i].due_ms > now - 2 * TICK);
        for (size_t i = 0; i < N; i++)
            assert_true(!is_set[i] || wheel_wait_ms(&w, now) <= entries[i].due_ms - now + 2 * TICK);
    }
    assert_true(fired > 1000);
}

static int set_up(void **state) {
    (void)state;
    return crypto_init() == OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_splits), cmocka_unit_test(test_head_meaning), cmocka_unit_test(test_head_limits),
        cmocka_unit_test(test_frame),       cmocka_unit_test(test_routes),       cmocka_unit_test(test_routes_refused),
        cmocka_unit_test(test_addresses),   cmocka_unit_test(test_counters),     cmocka_unit_test(test_wheel),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
