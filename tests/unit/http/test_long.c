/* Long bodies both ways: pieces, refusals before and midway, peers that leave, files and sources, in every framing. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "client.h"
#include "sample.h"

#define HOST       "Host: a\r\n"
#define CLOSE      HOST "Connection: close\r\n\r\n"
#define BODY_BYTES (3 * 1024 * 1024 + 17)
#define FILE_BYTES (5 * 1024 * 1024 + 321)

static struct sample sample;
static struct buf answer;
static char body[BODY_BYTES], file_bytes[FILE_BYTES];
static char file_name[] = "/tmp/tocsin-long.XXXXXX";
static uint64_t body_sum;

static void start(struct http_options o) {
    buf_init(&answer, 256 << 20);
    assert_int_equal(sample_start(&sample, o, 1, 0), OK);
    sample.file = file_name;
}

static bool until(_Atomic int *value, int wanted) {
    for (int i = 0; i < 1000 && atomic_load(value) != wanted; i++) (void)usleep(10000);
    return atomic_load(value) == wanted;
}

static void stop(void) {
    assert_true(until(&sample.takers, 0)); /* whatever happened, everything was given back */
    sample_stop(&sample);
    buf_release(&answer);
}

static int connect_and_send(const char *bytes) {
    int fd = client_connect(sample.port);
    assert_true(fd >= 0);
    buf_reset(&answer);
    assert_true(client_send(fd, str_from(bytes)));
    return fd;
}

static void expect_has(const char *text) {
    if (!client_has(buf_str(&answer), text)) fail_msg("no %s in %.*s", text, (int)answer.n, answer.p);
}

static uint64_t sum_of(const char *p, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum = sum * 31 + (unsigned char)p[i];
    return sum;
}

/* What a body of the first n bytes is answered. */
static void expect_taken(size_t n, size_t largest) {
    char want[100];
    assert_true(n == BODY_BYTES || n < 10000);
    (void)snprintf(want, sizeof want, "\r\n\r\n%zu %llx %zu", n,
                   (unsigned long long)(n == BODY_BYTES ? body_sum : sum_of(body, n)), largest);
    expect_has(want);
}

static void test_body_counted(void **state) {
    char head[200];
    int fd;
    (void)state;
    start((struct http_options){ 0 });
    (void)snprintf(head, sizeof head, "POST /pieces/999999999 HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
                   BODY_BYTES);
    fd = connect_and_send(head);
    for (int i = 0; i < 3; i++) { /* on one connection: what follows a body is the next request */
        buf_reset(&answer);
        if (i > 0) assert_true(client_send(fd, str_from(head)));
        assert_true(client_send(fd, str_bytes(body, BODY_BYTES)));
        assert_true(client_read_answers(fd, &answer, 1, 10000));
        assert_int_equal(client_status(buf_str(&answer)), 200);
        expect_taken(BODY_BYTES, HTTP_PIECE_BYTES);
    }
    assert_true(client_send(fd, STR("POST /pieces/9 HTTP/1.1\r\n" HOST "\r\nPOST /pieces/9 HTTP/1.1\r\n" HOST
                                    "Content-Length: 0\r\n\r\nPOST /pieces/9 HTTP/1.1\r\n" HOST
                                    "Content-Length: 3\r\n\r\nabcGET /items/next HTTP/1.1\r\n" CLOSE)));
    buf_reset(&answer);
    assert_true(client_read_all(fd, &answer, 5000));
    assert_int_equal(client_answers_in(buf_str(&answer)), 4);
    expect_has("\r\n\r\n0 0 0");
    expect_has("\r\n\r\n3 ");
    expect_has("\r\n\r\nnext");
    (void)close(fd);
    assert_int_equal(atomic_load(&sample.cut), 0);
    stop();
}

/* The body as chunks of `step` bytes, with the head, into one buffer. */
static void chunked(struct buf *out, size_t n, size_t step, const char *tail) {
    buf_add_z(out, "POST /pieces/999999999 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < n; at += step) {
        size_t part = n - at < step ? n - at : step;
        buf_addf(out, "%zx\r\n", part);
        buf_add(out, str_bytes(body + at, part));
        buf_add_z(out, "\r\n");
    }
    buf_add_z(out, tail);
}

static void test_body_chunked(void **state) {
    static const size_t steps[] = { 1 << 20, 262144, 262143, 100, 16384 };
    (void)state;
    start((struct http_options){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct buf out;
        int fd = client_connect(sample.port);
        buf_init(&out, 64 << 20);
        chunked(&out, BODY_BYTES, steps[i], "0\r\n\r\nGET /items/next HTTP/1.1\r\n" CLOSE);
        assert_true(client_send(fd, buf_str(&out)));
        buf_reset(&answer);
        assert_true(client_read_all(fd, &answer, 20000));
        assert_int_equal(client_answers_in(buf_str(&answer)), 2);
        expect_taken(BODY_BYTES, HTTP_PIECE_BYTES);
        expect_has("\r\n\r\nnext");
        buf_release(&out);
        (void)close(fd);
    }
    stop();
}

/* Whatever way the bytes are cut by the network, the same comes of them. */
static void test_body_split_everywhere(void **state) {
    struct buf out[2];
    (void)state;
    start((struct http_options){ 0 });
    for (int i = 0; i < 2; i++) buf_init(&out[i], 1 << 20);
    buf_add_z(&out[0], "POST /pieces/999 HTTP/1.1\r\n" HOST "Content-Length: 40\r\n\r\n");
    buf_add(&out[0], str_bytes(body, 40));
    buf_add_z(&out[0], "GET /items/next HTTP/1.1\r\n" CLOSE);
    chunked(&out[1], 40, 13, "0\r\n\r\nGET /items/next HTTP/1.1\r\n" CLOSE);
    for (int i = 0; i < 2; i++) {
        for (size_t at = 1; at < out[i].n; at++) {
            int fd = client_connect(sample.port);
            buf_reset(&answer);
            assert_true(client_send(fd, str_bytes(out[i].p, at)));
            if (at % 3 == 0) (void)usleep(1000);
            assert_true(client_send(fd, str_skip(buf_str(&out[i]), at)));
            if (!client_read_all(fd, &answer, 5000)) fail_msg("split at %zu", at);
            if (client_answers_in(buf_str(&answer)) != 2) fail_msg("split at %zu: %.*s", at, (int)answer.n, answer.p);
            expect_taken(40, 40);
            (void)close(fd);
        }
        buf_release(&out[i]);
    }
    stop();
}

static void expect_closed_with(int fd, int status, const char *text) {
    assert_true(client_read_all(fd, &answer, 8000));
    if (client_status(buf_str(&answer)) != status) fail_msg("%d: %.*s", status, (int)answer.n, answer.p);
    assert_int_equal(client_answers_in(buf_str(&answer)), 1);
    expect_has(text);
    expect_has("\r\nConnection: close\r\n");
    (void)close(fd);
}

static void test_refused_before(void **state) {
    static const char *const ways[] = { "Content-Length: 90000000", "Transfer-Encoding: chunked",
                                        "Content-Length: 90000000\r\nExpect: 100-continue" };
    (void)state;
    start((struct http_options){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        char head[300];
        int fd;
        (void)snprintf(head, sizeof head, "POST /pieces/0 HTTP/1.1\r\n" HOST "%s\r\n\r\n", ways[i]);
        fd = connect_and_send(head);
        expect_closed_with(fd, 403, "HTTP/1.1 403 Not Today\r\n");
        fd = connect_and_send(head);
        (void)client_send(fd, str_bytes(body, 500000)); /* and while it is sending */
        expect_closed_with(fd, 403, "HTTP/1.1 403 Not Today\r\n");
    }
    expect_closed_with(connect_and_send("POST /pieces/9 HTTP/1.1\r\n" HOST "Content-Length: 1073741825\r\n\r\n"), 413,
                       "413");
    expect_closed_with(
        connect_and_send("POST /pieces/9 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n40000001\r\n"), 413,
        "413");
    buf_reset(&answer); /* without a body the connection goes on */
    assert_int_equal(
        client_ask(sample.port, "POST /pieces/0 HTTP/1.1\r\n" HOST "\r\nGET /items/1 HTTP/1.1\r\n" CLOSE, &answer),
        403);
    assert_int_equal(client_answers_in(buf_str(&answer)), 2);
    stop();
}

static void test_refused_midway(void **state) {
    int fd;
    (void)state;
    start((struct http_options){ 0 });
    fd = connect_and_send("POST /pieces/300000 HTTP/1.1\r\n" HOST "Content-Length: 90000000\r\n\r\n");
    (void)client_send(fd, str_bytes(body, 1200000));
    expect_closed_with(fd, 507, "HTTP/1.1 507 No Room Left\r\n");
    assert_int_equal(atomic_load(&sample.cut), 0);
    stop();
}

static void test_continue(void **state) {
    int fd;
    (void)state;
    start((struct http_options){ 0 });
    fd = connect_and_send("POST /pieces/99 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" CLOSE);
    assert_false(client_read_all(fd, &answer, 300));
    assert_true(str_eq(buf_str(&answer), STR("HTTP/1.1 100 Continue\r\n\r\n")));
    buf_reset(&answer);
    assert_true(client_send(fd, str_bytes(body, 5)));
    assert_true(client_read_all(fd, &answer, 3000));
    expect_taken(5, 5);
    (void)close(fd);
    stop();
}

static void test_cut(void **state) {
    static const char counted[] = "POST /pieces/99999999 HTTP/1.1\r\n" HOST "Content-Length: 90000000\r\n\r\n";
    static const char broken[] =
        "POST /pieces/99999999 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n4\r\nbodyX";
    int cut = 0;
    (void)state;
    start((struct http_options){ .body_ms = 600, .connections_max = 4 });
    for (int i = 0; i < 60; i++) { /* the peer leaves: early, within a piece, while one is being taken */
        struct linger hard = { .l_onoff = 1 };
        int fd = connect_and_send(counted);
        (void)client_send(fd, str_bytes(body, (size_t)(i % 6) * 200000)); /* a slow machine: the deadline was first */
        if (i % 4 != 0) (void)usleep((useconds_t)(i % 4) * 2000);
        if (i % 2) (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        (void)close(fd);
        assert_true(until(&sample.takers, 0));
    }
    cut = atomic_load(&sample.cut);
    assert_in_range(cut, 30, 60); /* a reset that comes before the handler leaves nothing to cut */
    expect_closed_with(connect_and_send(broken), 400, "400");
    expect_closed_with(connect_and_send(counted), 408, "408");
    assert_true(until(&sample.cut, cut + 2));
    stop();
}

static void test_body_rate(void **state) {
    int64_t begin_ms = clock_mono_ms();
    bool is_over = false;
    int fd;
    (void)state;
    start((struct http_options){ .body_rate_min = 1000, .whole_ms = 1000 });
    fd = connect_and_send("POST /pieces/999999 HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    for (int i = 0; i < 200 && !is_over; i++) {
        (void)client_send(fd, STR("x"));
        is_over = client_read_all(fd, &answer, 50);
    }
    assert_true(is_over);
    assert_int_equal(client_status(buf_str(&answer)), 408);
    assert_true(clock_mono_ms() - begin_ms >= 4900);
    (void)close(fd);
    fd = connect_and_send("POST /pieces/999999 HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Length: 30000\r\n\r\n");
    for (int i = 0; i < 30; i++) { /* longer than the whole may take, and steady */
        assert_true(client_send(fd, str_bytes(body, 1000)));
        (void)usleep(60000);
    }
    assert_true(client_read_all(fd, &answer, 3000));
    assert_int_equal(client_status(buf_str(&answer)), 200);
    (void)close(fd);
    stop();
}

/* Ended while bodies and answers are under way. */
static void test_drain(void **state) {
    int fds[3];
    (void)state;
    start((struct http_options){ 0 });
    fds[0] = connect_and_send("POST /pieces/99999999 HTTP/1.1\r\n" HOST "Content-Length: 9000000\r\n\r\n");
    assert_true(client_send(fds[0], str_bytes(body, 400000)));
    fds[1] = connect_and_send("GET /source/chunked/90000000/65537 HTTP/1.1\r\n" HOST "\r\n");
    fds[2] = connect_and_send("POST /pieces/99999999 HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
    assert_true(until(&sample.takers, 3));
    http_server_drain(sample.server, 300);
    http_server_free(sample.server);
    sample.server = NULL;
    for (int i = 0; i < 3; i++) (void)close(fds[i]);
    stop();
}

static void expect_part(const char *route, int from, int length) {
    char request[200];
    struct str got;
    (void)snprintf(request, sizeof request, "GET /%s/%d/%d HTTP/1.1\r\n" CLOSE, route, from, length);
    assert_int_equal(client_ask(sample.port, request, &answer), 206);
    got = client_body(buf_str(&answer));
    assert_int_equal(got.n, length);
    assert_int_equal(length ? memcmp(got.p, file_bytes + from, (size_t)length) : 0, 0);
}

static void expect_file(int from, int length) { expect_part("file", from, length); }

/* So that the disk must be read. */
static void forget_file(void) {
    int fd = open(file_name, O_RDWR);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    (void)close(fd);
}

static void test_file(void **state) {
    int fd;
    (void)state;
    start((struct http_options){ 0 });
    forget_file();
    expect_file(0, FILE_BYTES);
    expect_file(0, FILE_BYTES);
    expect_file(1, 100);
    expect_file(77, 16384);
    expect_file(77, 16385);
    expect_file(77, 65537);
    expect_file(1048576, 1048576);
    expect_file(1048575, 2097153);
    expect_file(FILE_BYTES, 0);
    expect_file(FILE_BYTES - 1, 1);
    buf_reset(&answer);
    fd = connect_and_send("HEAD /file/0/5000000 HTTP/1.1\r\n" HOST "\r\nHEAD /file/0/5 HTTP/1.1\r\n" HOST
                          "\r\nGET /file/9/3000000 HTTP/1.1\r\n" HOST "\r\nGET /file/9/5 HTTP/1.1\r\n" CLOSE);
    assert_true(client_read_all(fd, &answer, 5000));
    expect_has("\r\nContent-Length: 5000000\r\n");
    expect_has("\r\nContent-Length: 5\r\n");
    assert_in_range(answer.n, 3000000, 3001500);
    (void)close(fd);
    stop();
}

static bool was_near(void) { return memmem(answer.p, answer.n, "\r\nX-Near: ", 10) != NULL; }

/* The loop answers with what is in memory, and hands over what is not. */
static void test_file_near(void **state) {
    static const int lengths[] = { 100, 65537, FILE_BYTES };
    char request[200];
    (void)state;
    start((struct http_options){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        forget_file();
        expect_part("near", 0, lengths[i]);
        expect_file(0, FILE_BYTES);
        expect_part("near", 0, lengths[i]);
        assert_true(was_near());
    }
    expect_part("near", FILE_BYTES, 0);
    (void)snprintf(request, sizeof request, "GET /near/%d/100 HTTP/1.1\r\n" CLOSE, FILE_BYTES - 50);
    assert_int_equal(client_ask(sample.port, request, &answer), 500); /* it is shorter than that */
    assert_false(was_near());
    assert_int_equal(client_ask(sample.port, "HEAD /near/0/70000 HTTP/1.1\r\n" CLOSE, &answer), 206);
    assert_true(was_near());
    stop();
}

/* Each part is asked for, what went is counted, and a gate that closes cuts the answer. */
static void test_file_gate(void **state) {
    int64_t sent;
    (void)state;
    start((struct http_options){ 0 });
    atomic_store(&sample.let, 1000);
    for (int i = 0; i < 2; i++) {
        static const char *const requests[] = { "GET /gated/3000000 HTTP/1.1\r\n" CLOSE,
                                                "GET /gated/900 HTTP/1.1\r\n" CLOSE };
        assert_int_equal(client_ask(sample.port, requests[i], &answer), 206);
        assert_int_equal(client_answers_in(buf_str(&answer)), 1);
    }
    assert_true(until(&sample.takers, 0));
    assert_int_equal(atomic_load(&sample.passed), 3000900);
    assert_in_range(atomic_load(&sample.asked), 3, 1000);
    for (int let = -2; let < 3; let++) {
        if (let == -1) continue; /* it would open no more than for 0 */
        atomic_store(&sample.let, let);
        atomic_store(&sample.passed, 0);
        assert_int_equal(client_ask(sample.port, "GET /gated/4000000 HTTP/1.1\r\n" CLOSE, &answer), 206);
        assert_int_equal(client_answers_in(buf_str(&answer)), 0);
        assert_true(until(&sample.takers, 0));
        sent = (int64_t)client_body(buf_str(&answer)).n;
        assert_int_equal(sent, atomic_load(&sample.passed));
        assert_in_range(sent, 0, let > 0 ? let * 1048576 : 0);
    }
    stop();
}

/* A file that is shorter than was said: an error while it is small, a cut answer when its head is out. */
static void test_file_short(void **state) {
    char request[200];
    (void)state;
    start((struct http_options){ 0 });
    (void)snprintf(request, sizeof request, "GET /file/%d/100 HTTP/1.1\r\n" CLOSE, FILE_BYTES - 50);
    assert_int_equal(client_ask(sample.port, request, &answer), 500);
    (void)snprintf(request, sizeof request, "GET /file/0/%d HTTP/1.1\r\n" CLOSE, FILE_BYTES + 3000000);
    assert_int_equal(client_ask(sample.port, request, &answer), 206);
    assert_int_equal(client_answers_in(buf_str(&answer)), 0);
    assert_in_range(client_body(buf_str(&answer)).n, FILE_BYTES - 2000000, FILE_BYTES);
    stop();
}

static void expect_source(const char *path, bool is_chunked, size_t n) {
    char request[200];
    struct str got;
    size_t seen = 0;
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" CLOSE, path);
    assert_int_equal(client_ask(sample.port, request, &answer), 200);
    got = client_body(buf_str(&answer));
    while (is_chunked) { /* take the framing away */
        size_t part = (size_t)strtoul(got.p, NULL, 16);
        assert_true(got.n >= 10 && got.p[8] == '\r' ? true : part == 0);
        if (part == 0) break;
        for (size_t i = 0; i < part; i++) assert_int_equal(got.p[10 + i], 'a' + (seen + i) % 26);
        seen += part;
        got = str_skip(got, 10 + part + 2);
    }
    if (is_chunked) assert_true(str_eq(got, STR("0\r\n\r\n")));
    for (size_t i = 0; !is_chunked && i < got.n; i++) assert_int_equal(got.p[i], 'a' + i % 26);
    assert_int_equal(is_chunked ? seen : got.n, n);
}

static void test_source(void **state) {
    int fd;
    (void)state;
    start((struct http_options){ 0 });
    expect_source("/source/counted/1000000/99999", false, 1000000);
    expect_source("/source/counted/1000000/100000", false, 1000000);
    expect_source("/source/counted/0/100000", false, 0);
    expect_source("/source/chunked/1000000/99999", true, 1000000);
    expect_source("/source/chunked/1000000/100000", true, 1000000);
    expect_source("/source/chunked/0/10", true, 0);
    expect_source("/source/chunked/5/1", true, 5);
    fd = connect_and_send("GET /source/chunked/100/9 HTTP/1.0\r\n" HOST "\r\n"); /* an old client reads until the end */
    assert_true(client_read_all(fd, &answer, 3000));
    assert_int_equal(client_body(buf_str(&answer)).n, 100);
    assert_false(client_has(buf_str(&answer), "Transfer-Encoding"));
    (void)close(fd);
    fd = connect_and_send("GET /source/counted/500000/9001 HTTP/1.1\r\n" HOST
                          "\r\nHEAD /source/chunked/10/3 HTTP/1.1\r\n" HOST "\r\nGET /items/next HTTP/1.1\r\n" CLOSE);
    assert_true(client_read_all(fd, &answer, 3000));
    expect_has("\r\n\r\nnext");
    (void)close(fd);
    stop();
}

static void test_source_cut(void **state) {
    static const char *const paths[] = { "/source/counted/2000/7", "/source/chunked/2000/7", "/source/wrong/2000/99",
                                         "/source/wrong/2000/100" };
    (void)state;
    start((struct http_options){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char request[200];
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" CLOSE, paths[i]);
        assert_int_equal(client_ask(sample.port, request, &answer), 200);
        assert_false(str_ends(buf_str(&answer), STR("0\r\n\r\n")));
        if (i != 1) assert_int_equal(client_answers_in(buf_str(&answer)), 0);
    }
    stop();
}

/* Readers that stop, and readers that leave. */
static void test_unread(void **state) {
    static const char *const requests[] = { "GET /file/0/5000000 HTTP/1.1\r\n" HOST "\r\n",
                                            "GET /source/chunked/90000000/65537 HTTP/1.1\r\n" HOST "\r\n" };
    int idle[2];
    (void)state;
    start((struct http_options){ .body_ms = 700 });
    for (int i = 0; i < 2; i++) {
        int small = 4096;
        idle[i] = client_connect(sample.port);
        (void)setsockopt(idle[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        assert_true(client_send(idle[i], str_from(requests[i])));
    }
    for (int i = 0; i < 40; i++) {
        int fd = connect_and_send(requests[i % 2]);
        if (i % 3) (void)usleep((useconds_t)(i % 3) * 3000);
        (void)close(fd);
    }
    assert_true(until(&sample.takers, 0)); /* the slow one was given up too */
    for (int i = 0; i < 2; i++) (void)close(idle[i]);
    stop();
}

/* All kinds at once on two loops, some leaving: the machine under load. */
static void *crowd(void *arg) {
    struct buf mine, post;
    intptr_t wrong = 0;
    (void)arg;
    buf_init(&mine, 64 << 20);
    buf_init(&post, 64 << 20);
    buf_addf(&post, "POST /pieces/999999999 HTTP/1.1\r\nContent-Length: %d\r\n" CLOSE, 700000);
    buf_add(&post, str_bytes(body, 700000));
    for (int i = 0; i < 90; i++) {
        static const char *const reads[] = { "GET /file/3/3000000 HTTP/1.1\r\n" CLOSE,
                                             "GET /source/counted/600000/90001 HTTP/1.1\r\n" CLOSE,
                                             "GET /items/1 HTTP/1.1\r\n" CLOSE };
        struct str request = i % 4 == 3 ? buf_str(&post) : str_from(reads[i % 4]);
        int fd = client_connect(sample.port);
        buf_reset(&mine);
        if (i % 7 == 0) request.n -= 5; /* leaves in the middle */
        if (fd < 0 || !client_send(fd, request)) wrong++;
        if (i % 7 != 0 && (!client_read_all(fd, &mine, 20000) || client_answers_in(buf_str(&mine)) != 1)) wrong++;
        (void)close(fd);
    }
    buf_release(&mine);
    buf_release(&post);
    return (void *)wrong;
}

static void test_crowd(void **state) {
    pthread_t threads[4];
    (void)state;
    buf_init(&answer, 1 << 20);
    assert_int_equal(sample_start(&sample, (struct http_options){ .queue_max = 1000, .work_threads = 3 }, 2, 0), OK);
    sample.file = file_name;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) assert_int_equal(pthread_create(&threads[i], NULL, crowd, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *wrong;
        (void)pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    stop();
}

static int make_data(void **state) {
    int fd = mkstemp(file_name);
    (void)state;
    clock_init();
    for (size_t i = 0; i < BODY_BYTES; i++) body[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < FILE_BYTES; i++) file_bytes[i] = (char)(i * 13 + i / 253);
    body_sum = sum_of(body, BODY_BYTES);
    if (fd < 0 || write(fd, file_bytes, FILE_BYTES) != FILE_BYTES) return -1;
    return close(fd);
}

static int drop_data(void **state) {
    (void)state;
    return unlink(file_name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_counted),
        cmocka_unit_test(test_body_chunked),
        cmocka_unit_test(test_body_split_everywhere),
        cmocka_unit_test(test_refused_before),
        cmocka_unit_test(test_refused_midway),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_body_rate),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_near),
        cmocka_unit_test(test_file_gate),
        cmocka_unit_test(test_file_short),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_source_cut),
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests(tests, make_data, drop_data);
}
