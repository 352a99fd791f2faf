/* What a sound client gets: answers, bodies in every framing and split, pipelining, JSON, parameters, both lanes. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "sample.h"

static struct sample sample;
static struct buf answer;

static int set_up(void **state) {
    struct http_options o = { .trusted_proxies = "127.0.0.1 10.0.0.0/8" };
    (void)state;
    buf_init(&answer, 64 << 20);
    return sample_start(&sample, o, 1, 0) == OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    sample_stop(&sample);
    buf_release(&answer);
    return 0;
}

#define HOST  "Host: localhost:8420\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

static void expect(const char *request, int status, const char *body) {
    int got = client_ask(sample.port, request, &answer);
    if (got != status) fail_msg("%s -> %d: %.*s", request, got, (int)answer.n, answer.p ? answer.p : "");
    if (body && !str_eq(client_body(buf_str(&answer)), str_from(body)))
        fail_msg("%s -> %.*s", request, (int)answer.n, answer.p);
    assert_int_equal(client_answers_in(buf_str(&answer)), status == 204 || status == 304 ? 1 : 1);
}

static void expect_has(const char *text) {
    if (!client_has(buf_str(&answer), text)) fail_msg("no %s in %.*s", text, (int)answer.n, answer.p);
}

static void expect_lacks(const char *text) {
    if (client_has(buf_str(&answer), text)) fail_msg("%s in %.*s", text, (int)answer.n, answer.p);
}

static void test_answers(void **state) {
    (void)state;
    expect("GET /fast HTTP/1.1\r\n" CLOSE, 200, NULL);
    expect_has("\r\nCache-Control: no-store\r\n");
    expect_has("\r\nRequest-Id: ");
    expect_has("\r\nX-Content-Type-Options: nosniff\r\n");
    expect_has("\r\nConnection: close\r\n");
    expect("GET /pool/fast HTTP/1.1\r\n" CLOSE, 200, NULL);
    expect("GET /fast HTTP/1.0\r\n" HOST "\r\n", 200, NULL);
    expect_has("\r\nConnection: close\r\n");
    expect("GET /empty HTTP/1.1\r\n" CLOSE, 204, NULL);
    expect_lacks("Content-Length");
    expect("GET /nowhere HTTP/1.1\r\n" CLOSE, 404, NULL);
    expect_has("{\"type\":\"/problems/not_found\",\"title\":\"Not Found\",\"status\":404,\"code\":\"not_found\",");
    expect("DELETE /fast HTTP/1.1\r\n" CLOSE, 405, NULL);
    expect_has("\r\nAllow: GET, HEAD\r\n");
    expect("GET /fast/echo HTTP/1.1\r\n" CLOSE, 405, NULL);
    expect_has("\r\nAllow: POST\r\n");
    expect("OPTIONS /items/x HTTP/1.1\r\n" CLOSE, 405, NULL);
    expect_has("\r\nAllow: GET, HEAD, DELETE\r\n");
    expect("GET /silent HTTP/1.1\r\n" CLOSE, 500, NULL);
    expect("GET /pool/silent HTTP/1.1\r\n" CLOSE, 500, NULL);
    expect("GET /resumed HTTP/1.1\r\n" CLOSE, 200, "resumed");
    expect("GET /pool/resumed HTTP/1.1\r\n" CLOSE, 200, "resumed");
    expect("GET / HTTP/1.1\r\n" CLOSE, 200, "special");
}

static void test_head(void **state) {
    (void)state;
    int fd = client_connect(sample.port);
    (void)state;
    buf_reset(&answer);
    assert_true(client_send(fd, STR("HEAD /fast HTTP/1.1\r\n" HOST "\r\nHEAD /static/large HTTP/1.1\r\n" HOST
                                    "\r\nHEAD /pool/fast HTTP/1.1\r\n" HOST "\r\nHEAD /nowhere HTTP/1.1\r\n" CLOSE)));
    assert_true(client_read_all(fd, &answer, 5000));
    expect_has("\r\nContent-Length: 301\r\n");
    expect_has("\r\nContent-Length: 400000\r\n");
    expect_has("HTTP/1.1 404 ");
    expect_lacks("{\"");
    assert_in_range(answer.n, 500, 1500);
    (void)close(fd);
}

static void test_parameters(void **state) {
    (void)state;
    expect("GET /items/abc HTTP/1.1\r\n" CLOSE, 200, "abc");
    expect("GET /items/special HTTP/1.1\r\n" CLOSE, 200, "special");
    expect("DELETE /items/a%20b%C3%A4 HTTP/1.1\r\n" CLOSE, 200, "a b\xc3\xa4");
    expect("GET /items/x%3f/parts/y%26 HTTP/1.1\r\n" CLOSE, 200, "x?|y&");
    expect("GET /items/ HTTP/1.1\r\n" CLOSE, 404, NULL);
    expect("GET /items//parts/x HTTP/1.1\r\n" CLOSE, 404, NULL);
    expect("GET /files/a/b%20c/d HTTP/1.1\r\n" CLOSE, 200, "a/b c/d");
    expect("GET /query?x=1+2%2B%C3%A4 HTTP/1.1\r\n" CLOSE, 200, "1 2+\xc3\xa4");
    expect("GET /query?y=1&x=&z HTTP/1.1\r\n" CLOSE, 200, "");
    expect("GET /query?y=1 HTTP/1.1\r\n" CLOSE, 404, NULL);
    expect("GET /query HTTP/1.1\r\n" CLOSE, 404, NULL);
    expect("GET /query?x=1&x=1 HTTP/1.1\r\n" CLOSE, 400, NULL);
    expect("GET /query?x=%00 HTTP/1.1\r\n" CLOSE, 400, NULL);
    expect("GET /query?x=%ff HTTP/1.1\r\n" CLOSE, 400, NULL);
    expect("GET /query?x=/a?b HTTP/1.1\r\n" CLOSE, 200, "/a?b");
}

static void test_fields(void **state) {
    (void)state;
    expect("GET /seen?q HTTP/1.1\r\nX-TEST:  one two \r\nUser-Agent: me\r\nCookie: a=1; b=2; b=3\r\n" CLOSE, 200,
           "GET\n/seen\n127.0.0.1\none two\nme\n2\n");
    expect_has("\r\nX-Added: one\r\nSet-Cookie: two=2; HttpOnly\r\n");
    expect("GET /pool/seen HTTP/1.1\r\nCookie: xb=1\r\nCookie: b; a=; b=\"4\"\r\n" CLOSE, 200,
           "GET\n/pool/seen\n127.0.0.1\n\n\n\"4\"\n");
}

static void test_forwarded(void **state) {
    static const struct {
        const char *lines, *peer;
    } cases[] = {
        { "X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4" },
        { "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.1.1.1\r\n", "1.2.3.4" },
        { "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4,10.9.9.9\r\n", "1.2.3.4" },
        { "X-Forwarded-For: 2001:DB8::5\r\n", "2001:db8::5" },
        { "X-Forwarded-For: 1.2.3.4, bad, 10.1.1.1\r\n", "10.1.1.1" },
        { "X-Forwarded-For: bad\r\n", "127.0.0.1" },
        { "X-Forwarded-For:\r\n", "127.0.0.1" },
        { "X-Forwarded-For: 10.0.0.7, 10.0.0.8\r\n", "10.0.0.7" },
        { "Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n", "127.0.0.1" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[300];
        char want[100];
        (void)snprintf(request, sizeof request, "GET /seen HTTP/1.1\r\n%s%s", cases[i].lines, CLOSE);
        (void)snprintf(want, sizeof want, "GET\n/seen\n%s\n\n\n\n", cases[i].peer);
        expect(request, 200, want);
    }
}

/* Without trusted proxies a forged field changes nothing. */
static void test_forwarded_forged(void **state) {
    struct sample other;
    (void)state;
    assert_int_equal(sample_start(&other, (struct http_options){ 0 }, 1, 0), OK);
    assert_int_equal(client_ask(other.port, "GET /seen HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\n" CLOSE, &answer), 200);
    expect_has("\n127.0.0.1\n");
    expect_lacks("1.2.3.4");
    sample_stop(&other);
}

static void test_json(void **state) {
    static const struct {
        const char *type, *body;
        int status;
        const char *has;
    } cases[] = {
        { "application/json", "{\"a\":1}", 201, "{\"got\":{\"a\":1}}" },
        { "Application/JSON; charset=UTF-8", "{\"b\":\"\xc3\xa4\"}", 201, "{\"got\":{\"b\":\"\xc3\xa4\"}}" },
        { "application/json", "{}", 201, "{\"got\":{}}" },
        { "application/json", "{\"a\":1,\"c\":2}", 400, "unknown_member" },
        { "application/json", "{\"a\":1,\"a\":1}", 400, "bad_request" },
        { "application/json", "[1]", 400, "bad_request" },
        { "application/json", "1", 400, "bad_request" },
        { "application/json", "", 400, "bad_request" },
        { "application/json", "{\"a\":1", 400, "bad_request" },
        { "application/json", "{\"a\":1}x", 400, "bad_request" },
        { "application/json", "{\"a\":\"\\u0000\"}", 400, "bad_request" },
        { "application/json", "{\"a\\u0000b\":1}", 400, "bad_request" },
        { "application/json", "{\"a\":\"\xff\"}", 400, "bad_request" },
        { "application/json", "{\"a\":\"\\ud800\"}", 400, "bad_request" },
        { "application/json", "{\"a\":NaN}", 400, "bad_request" },
        { "application/json", "{\"a\":99999999999999999999}", 400, "bad_request" },
        { "application/json", "{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}", 201, "[[[1]]]" },
        { "application/json", "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", 400, "deep" },
        { "application/json", "{\"a\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[\"}", 201, "[[[" },
        { "text/plain", "{\"a\":1}", 415, "bad_request" },
        { "application/json-patch+json", "{}", 415, "bad_request" },
        { "application/json; charset=latin1", "{}", 415, "bad_request" },
        { "", "{}", 415, "bad_request" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[500];
        (void)snprintf(request, sizeof request,
                       "POST /json HTTP/1.1\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s", cases[i].type,
                       strlen(cases[i].body), CLOSE, cases[i].body);
        expect(request, cases[i].status, NULL);
        expect_has(cases[i].has);
    }
}

static void test_static(void **state) {
    (void)state;
    expect("GET /static/small HTTP/1.1\r\n" CLOSE, 200, "body{}");
    expect_has("\r\nETag: \"abc\"\r\n");
    expect_has("\r\nCache-Control: max-age=60\r\n");
    expect_lacks("no-store");
    expect("GET /static/small HTTP/1.1\r\nIf-None-Match: \"x\", \"abc\"\r\n" CLOSE, 304, "");
    expect_has("\r\nETag: \"abc\"\r\n");
    expect("GET /static/small HTTP/1.1\r\nIf-None-Match: W/\"abc\"\r\n" CLOSE, 304, "");
    expect("GET /static/small HTTP/1.1\r\nIf-None-Match: *\r\n" CLOSE, 304, "");
    expect("GET /static/small HTTP/1.1\r\nIf-None-Match: \"abcd\"\r\n" CLOSE, 200, "body{}");
    expect("GET /static/large HTTP/1.1\r\n" CLOSE, 200, NULL);
    assert_int_equal(client_body(buf_str(&answer)).n, SAMPLE_LARGE);
}

/* A reader that is slow gets every byte of several large answers, and small ones in their places. */
static void test_slow_reader(void **state) {
    int fd = client_connect(sample.port);
    int size = 65536;
    (void)state;
    buf_reset(&answer);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    for (int i = 0; i < 5; i++)
        assert_true(
            client_send(fd, STR("GET /static/large HTTP/1.1\r\n" HOST "\r\nGET /fast HTTP/1.1\r\n" HOST "\r\n")));
    assert_true(client_send(fd, STR("GET /pool/fast HTTP/1.1\r\n" CLOSE)));
    (void)usleep(100000);
    assert_true(client_read_all(fd, &answer, 10000));
    assert_int_equal(client_answers_in(buf_str(&answer)), 11);
    assert_in_range(answer.n, 5 * SAMPLE_LARGE, 5 * SAMPLE_LARGE + 8000);
    for (struct str left = buf_str(&answer); left.n > SAMPLE_LARGE;) {
        struct str body = client_body(left);
        if (body.n > SAMPLE_LARGE && body.p[0] == 'a')
            for (size_t i = 0; i < SAMPLE_LARGE; i += 997) assert_int_equal(body.p[i], 'a' + i % 26);
        left = body;
    }
    (void)close(fd);
}

/* The same request split at every byte, with its body in either framing, to either lane. */
static void try_echo_splits(const char *path, bool is_chunked) {
    char request[300];
    const char *framing = is_chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 11\r\n";
    const char *body = is_chunked ? "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" : "hello world";
    int n = snprintf(request, sizeof request, "POST %s HTTP/1.1\r\n" HOST "%s\r\n%s", path, framing, body);
    int fd = client_connect(sample.port);
    for (int at = 1; at < n; at++) {
        buf_reset(&answer);
        assert_true(client_send(fd, (struct str){ request, (size_t)at }));
        (void)usleep(60);
        assert_true(client_send(fd, (struct str){ request + at, (size_t)(n - at) }));
        assert_true(client_read_answers(fd, &answer, 1, 5000));
        assert_true(str_eq(client_body(buf_str(&answer)), STR("hello world")));
    }
    (void)close(fd);
}

static void test_bodies_split(void **state) {
    (void)state;
    try_echo_splits("/fast/echo", false);
    try_echo_splits("/fast/echo", true);
    try_echo_splits("/pool/echo", false);
    try_echo_splits("/pool/echo", true);
    try_echo_splits("/hand-over", false);
    try_echo_splits("/hand-over", true);
}

/* A body as large as its route allows, and one byte more. */
static void test_large_bodies(void **state) {
    static char body[1 << 20];
    char head[200];
    int n = snprintf(head, sizeof head, "POST /pool/echo HTTP/1.1\r\nContent-Length: %zu\r\n%s", sizeof body, CLOSE);
    int fd = client_connect(sample.port);
    (void)state;
    for (size_t i = 0; i < sizeof body; i++) body[i] = (char)(i * 31 % 251);
    buf_reset(&answer);
    assert_true(client_send(fd, (struct str){ head, (size_t)n }));
    assert_true(client_send(fd, (struct str){ body, sizeof body }));
    assert_true(client_read_all(fd, &answer, 10000));
    assert_true(str_eq(client_body(buf_str(&answer)), (struct str){ body, sizeof body }));
    (void)close(fd);
    expect("POST /pool/echo HTTP/1.1\r\nContent-Length: 1048577\r\n" CLOSE, 413, NULL);
    expect_has("too_large");
    expect("POST /pool/echo HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE, 200, "");
    expect("GET /fast HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE, 200, NULL);
    expect("GET /fast HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "0\r\n\r\n", 200, NULL);
}

static void test_expectation(void **state) {
    int fd = client_connect(sample.port);
    (void)state;
    buf_reset(&answer);
    assert_true(
        client_send(fd, STR("POST /fast/echo HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n" HOST "\r\n")));
    assert_false(client_read_all(fd, &answer, 200));
    assert_true(str_eq(buf_str(&answer), STR("HTTP/1.1 100 Continue\r\n\r\n")));
    buf_reset(&answer);
    assert_true(client_send(fd, STR("hello")));
    assert_true(client_read_answers(fd, &answer, 1, 5000));
    assert_int_equal(client_status(buf_str(&answer)), 200);
    buf_reset(&answer); /* whoever sends the body along needs no invitation */
    assert_true(client_send(
        fd, STR("POST /fast/echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" HOST "\r\nhello")));
    assert_true(client_read_answers(fd, &answer, 1, 5000));
    assert_int_equal(client_status(buf_str(&answer)), 200);
    (void)close(fd);
}

static void test_pipelined(void **state) {
    struct tcp_info info;
    socklen_t n = sizeof info;
    struct buf batch;
    int fd = client_connect(sample.port);
    (void)state;
    buf_init(&batch, 1 << 20);
    for (int i = 0; i < 8; i++) buf_addf(&batch, "GET /items/i%d HTTP/1.1\r\n" HOST "\r\n", i);
    buf_reset(&answer);
    assert_true(client_send(fd, buf_str(&batch)));
    assert_true(client_read_answers(fd, &answer, 8, 5000));
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n), 0);
    assert_int_equal(info.tcpi_data_segs_in, 1); /* all eight came in one write */
    struct str left = buf_str(&answer);
    for (int i = 0; i < 8; i++) {
        char want[3] = { 'i', (char)('0' + i), 0 };
        left = client_body(left);
        assert_memory_equal(left.p, want, 2);
    }
    buf_release(&batch);
    (void)close(fd);
}

/* Both lanes mixed on one connection, thousands deep: all are answered, in their order. */
static void test_pipelined_lanes(void **state) {
    enum { N = 2000 };
    struct buf batch;
    struct str left;
    int fd = client_connect(sample.port);
    (void)state;
    buf_init(&batch, 1 << 20);
    for (int i = 0; i < N; i++)
        buf_addf(&batch, "%s /items/%06d HTTP/1.1\r\n" HOST "\r\n", i % 7 ? "GET" : "DELETE", i);
    buf_reset(&answer);
    assert_true(client_send(fd, buf_str(&batch)));
    assert_true(client_read_answers(fd, &answer, N, 20000));
    left = buf_str(&answer);
    for (int i = 0; i < N; i++) {
        char want[16];
        (void)snprintf(want, sizeof want, "%06d", i);
        left = client_body(left);
        if (memcmp(left.p, want, 6) != 0) fail_msg("answer %d: %.6s", i, left.p);
    }
    buf_release(&batch);
    (void)close(fd);
}

/* After a refusal, or a wish to close, the rest of a batch is not heard. */
static void test_pipelined_end(void **state) {
    static const char *const batches[] = {
        "GET /items/1 HTTP/1.1\r\n" HOST "\r\nGET /items/2 HTTP/1.1\r\n" HOST "\r\n\r\nGET /items/3 HTTP/1.1\r\n" HOST
        "\r\n",
        "GET /items/1 HTTP/1.1\r\n" HOST "\r\nGET /items/2 HTTP/1.1\r\n" CLOSE "GET /items/3 HTTP/1.1\r\n" HOST "\r\n",
        "DELETE /items/1 HTTP/1.1\r\n" HOST "\r\nGET /items/2 HTTP/1.0\r\n" HOST "\r\nGET /items/3 HTTP/1.1\r\n" HOST
        "\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        int handled = atomic_load(&sample.handled);
        assert_int_equal(client_ask(sample.port, batches[i], &answer), 200);
        assert_int_equal(client_answers_in(buf_str(&answer)), i == 0 ? 3 : 2);
        assert_int_equal(atomic_load(&sample.handled), handled + 2);
    }
}

static void test_request_ids(void **state) {
    enum { N = 1000 };
    static char ids[N][16];
    struct str left;
    int fd = client_connect(sample.port);
    (void)state;
    buf_reset(&answer);
    for (int i = 0; i < N; i++) assert_true(client_send(fd, STR("GET /items/x HTTP/1.1\r\n" HOST "\r\n")));
    assert_true(client_read_answers(fd, &answer, N, 20000));
    left = buf_str(&answer);
    for (int i = 0; i < N; i++) {
        const char *at = memmem(left.p, left.n, "Request-Id: ", 12);
        memcpy(ids[i], at + 12, 16);
        for (int k = 0; k < i; k++) assert_memory_not_equal(ids[k], ids[i], 16);
        left = client_body(left);
    }
    (void)close(fd);
}

/* A peer that closes its own half still gets its answers. */
static void test_half_closed(void **state) {
    int fd = client_connect(sample.port);
    (void)state;
    buf_reset(&answer);
    assert_true(
        client_send(fd, STR("GET /items/1 HTTP/1.1\r\n" HOST "\r\nDELETE /items/2 HTTP/1.1\r\n" HOST "\r\nGET /f")));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_true(client_read_all(fd, &answer, 5000));
    assert_int_equal(client_answers_in(buf_str(&answer)), 2);
    (void)close(fd);
}

static void test_options_refused(void **state) {
    static const struct http_route routes[] = { { "GET", "/", HTTP_FAST, NULL, 0 }, { NULL } };
    static const char *const bad_line[] = { "X: a\r\nY: b", NULL };
    struct http_options good = {
        .listeners = sample.listeners, .listener_count = 1, .connections_max = 1, .work_threads = 1
    };
    struct http_server *s = NULL;
    struct http_options o = good;
    (void)state;
    assert_int_equal(http_server_new(&o, &s), ERR_CONFIG); /* no routes */
    o.routes = routes;
    assert_int_equal(http_server_new(&o, &s), ERR_CONFIG); /* no handler */
    o.routes = &routes[1];
    o.headers = bad_line;
    assert_int_equal(http_server_new(&o, &s), ERR_CONFIG);
    o.headers = NULL;
    o.trusted_proxies = "nonsense";
    assert_int_equal(http_server_new(&o, &s), ERR_CONFIG);
    o.trusted_proxies = NULL;
    o.connections_max = 0;
    assert_int_equal(http_server_new(&o, &s), ERR_CONFIG);
    o.connections_max = 1;
    o.work_threads = 0;
    assert_int_equal(http_server_new(&o, &s), ERR_CONFIG);
    assert_null(s);
    o.work_threads = 1;
    assert_int_equal(http_server_new(&o, &s), OK);
    http_server_free(s); /* never started */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),       cmocka_unit_test(test_head),
        cmocka_unit_test(test_parameters),    cmocka_unit_test(test_fields),
        cmocka_unit_test(test_forwarded),     cmocka_unit_test(test_forwarded_forged),
        cmocka_unit_test(test_json),          cmocka_unit_test(test_static),
        cmocka_unit_test(test_slow_reader),   cmocka_unit_test(test_bodies_split),
        cmocka_unit_test(test_large_bodies),  cmocka_unit_test(test_expectation),
        cmocka_unit_test(test_pipelined),     cmocka_unit_test(test_pipelined_lanes),
        cmocka_unit_test(test_pipelined_end), cmocka_unit_test(test_request_ids),
        cmocka_unit_test(test_half_closed),   cmocka_unit_test(test_options_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
