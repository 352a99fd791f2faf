/* How connections and servers end: deadlines, caps, a full queue, peers that leave, streams, drain. */
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "client.h"
#include "sample.h"

#define HOST  "Host: a\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

static struct sample sample;
static struct buf answer;

static void start(struct http_options o) {
    buf_init(&answer, 64 << 20);
    assert_int_equal(sample_start(&sample, o, 1, 0), OK);
}

static void stop(void) {
    sample_stop(&sample);
    buf_release(&answer);
}

static int ask(const char *request) { return client_ask(sample.port, request, &answer); }

static int connect_and_send(const char *bytes) {
    int fd = client_connect(sample.port);
    assert_true(fd >= 0);
    buf_reset(&answer);
    assert_true(client_send(fd, str_from(bytes)));
    return fd;
}

static bool until(_Atomic int *value, int wanted) {
    for (int i = 0; i < 500 && atomic_load(value) != wanted; i++) (void)usleep(10000);
    return atomic_load(value) == wanted;
}

/* Sends a byte every 50 ms until the server closes; how long that took, and what it said. */
static int64_t drip(int fd, const char *bytes) {
    int64_t begin_ms = clock_mono_ms();
    for (size_t i = 0; clock_mono_ms() < begin_ms + 20000; i++) {
        char c = bytes[i % strlen(bytes)];
        (void)client_send(fd, (struct str){ &c, 1 });
        if (client_read_all(fd, &answer, 50)) break;
    }
    return clock_mono_ms() - begin_ms;
}

static void test_slow_head(void **state) {
    int fd;
    (void)state;
    start((struct http_options){ .head_ms = 600 });
    fd = connect_and_send("GET /fast HTTP/1.1\r\nX: ");
    assert_in_range(drip(fd, "v"), 500, 3000);
    assert_int_equal(client_status(buf_str(&answer)), 408);
    (void)close(fd);
    fd = connect_and_send("G"); /* and one that says nothing more at all */
    assert_true(client_read_all(fd, &answer, 3000));
    assert_int_equal(client_status(buf_str(&answer)), 408);
    (void)close(fd);
    stop();
}

static void test_slow_body(void **state) {
    int fd;
    (void)state;
    start((struct http_options){ .body_ms = 600, .whole_ms = 2000 });
    fd = connect_and_send("POST /fast/echo HTTP/1.1\r\nContent-Length: 1000\r\n" HOST "\r\nhello");
    assert_true(client_read_all(fd, &answer, 3000)); /* a pause */
    assert_int_equal(client_status(buf_str(&answer)), 408);
    (void)close(fd);
    fd = connect_and_send("POST /fast/echo HTTP/1.1\r\nContent-Length: 1000\r\n" HOST "\r\nhello");
    assert_in_range(drip(fd, "v"), 1800, 4000); /* no pause, but never an end */
    assert_int_equal(client_status(buf_str(&answer)), 408);
    (void)close(fd);
    assert_int_equal(atomic_load(&sample.handled), 0);
    stop();
}

static void test_body_rate(void **state) {
    int fd;
    (void)state;
    start((struct http_options){ .body_rate_min = 1000 });
    fd = connect_and_send("POST /pool/echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\n");
    assert_in_range(drip(fd, "1\r\nv\r\n"), 4900, 8000); /* 20 bytes a second, from the sixth second on */
    assert_int_equal(client_status(buf_str(&answer)), 408);
    (void)close(fd);
    stop();
}

static void test_idle(void **state) {
    int fd;
    (void)state;
    start((struct http_options){ .idle_ms = 500 });
    fd = connect_and_send("GET /items/1 HTTP/1.1\r\n" HOST "\r\n");
    assert_true(client_read_all(fd, &answer, 3000));
    assert_int_equal(client_answers_in(buf_str(&answer)), 1);
    (void)close(fd);
    stop();
}

/* A peer that does not read its answer loses its connection, and frees its place. */
static void test_unread_answer(void **state) {
    int fd;
    int status = 503;
    (void)state;
    start((struct http_options){ .body_ms = 600, .connections_max = 1 });
    fd = connect_and_send("GET /static/large HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 40; i++) assert_true(client_send(fd, STR("GET /static/large HTTP/1.1\r\n" HOST "\r\n")));
    for (int i = 0; i < 50 && status != 200; i++) {
        (void)usleep(100000);
        status = ask("GET /items/1 HTTP/1.1\r\n" CLOSE);
    }
    assert_int_equal(status, 200);
    (void)close(fd);
    stop();
}

static void test_caps(void **state) {
    int fds[3];
    (void)state;
    start((struct http_options){ .connections_max = 3 });
    for (int i = 0; i < 3; i++) {
        fds[i] = connect_and_send("GET /items/1 HTTP/1.1\r\n" HOST "\r\n");
        assert_true(client_read_answers(fds[i], &answer, 1, 3000));
    }
    assert_int_equal(ask("GET /items/1 HTTP/1.1\r\n" CLOSE), 503);
    assert_true(client_has(buf_str(&answer), "\r\nRetry-After: "));
    for (int i = 0; i < 3; i++) (void)close(fds[i]);
    for (int i = 0; i < 100 && ask("GET /items/1 HTTP/1.1\r\n" CLOSE) != 200; i++) (void)usleep(10000);
    assert_int_equal(ask("GET /items/1 HTTP/1.1\r\n" CLOSE), 200);
    stop();
}

static void test_caps_per_address(void **state) {
    int fds[2];
    (void)state;
    start((struct http_options){ .connections_per_address_max = 2 });
    for (int i = 0; i < 2; i++) {
        fds[i] = connect_and_send("GET /items/1 HTTP/1.1\r\n" HOST "\r\n");
        assert_true(client_read_answers(fds[i], &answer, 1, 3000));
    }
    assert_int_equal(ask("GET /items/1 HTTP/1.1\r\n" CLOSE), 503);
    for (int i = 0; i < 2; i++) (void)close(fds[i]);
    for (int i = 0; i < 100 && ask("GET /items/1 HTTP/1.1\r\n" CLOSE) != 200; i++) (void)usleep(10000);
    for (int i = 0; i < 10; i++) assert_int_equal(ask("GET /items/1 HTTP/1.1\r\n" CLOSE), 200); /* all are given back */
    stop();
    start((struct http_options){ .connections_per_address_max = 1, .trusted_proxies = "127.0.0.0/8" });
    fds[0] = connect_and_send("GET /items/1 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(ask("GET /items/1 HTTP/1.1\r\n" CLOSE), 200); /* a proxy speaks for many */
    (void)close(fds[0]);
    stop();
}

static void test_queue_full(void **state) {
    int slow[3];
    (void)state;
    start((struct http_options){ .work_threads = 1, .queue_max = 2 });
    atomic_store(&sample.sleep_ms, 60000);
    slow[0] = connect_and_send("GET /slow HTTP/1.1\r\n" CLOSE);
    assert_true(until(&sample.sleeping, 1));
    for (int i = 1; i < 3; i++) slow[i] = connect_and_send("GET /slow HTTP/1.1\r\n" CLOSE);
    (void)usleep(500000);
    assert_int_equal(ask("GET /slow HTTP/1.1\r\n" CLOSE), 503);
    assert_true(client_has(buf_str(&answer), "\"code\":\"busy\""));
    assert_true(client_has(buf_str(&answer), "\r\nRetry-After: 1\r\n"));
    assert_int_equal(ask("POST /hand-over HTTP/1.1\r\n" CLOSE), 503);
    assert_int_equal(ask("GET /fast HTTP/1.1\r\n" CLOSE), 200);
    assert_int_equal(atomic_load(&sample.sleeping), 1); /* nobody waited for the sleepers */
    atomic_store(&sample.sleep_ms, 0);
    for (int i = 0; i < 3; i++) {
        buf_reset(&answer);
        assert_true(client_read_all(slow[i], &answer, 5000));
        assert_int_equal(client_status(buf_str(&answer)), 200);
        (void)close(slow[i]);
    }
    stop();
}

static void try_suspended(const char *path) {
    struct http_ticket t;
    char request[200];
    int fd;
    (void)snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nContent-Length: 5\r\n" HOST "\r\nhello", path);
    fd = connect_and_send(request);
    assert_true(sample_take_ticket(&sample, &t));
    assert_true(client_send(fd, STR("GET /items/after HTTP/1.1\r\n" CLOSE)));
    assert_false(client_read_all(fd, &answer, 100));
    assert_int_equal(answer.n, 0); /* the second waits for the first */
    http_resume(sample.server, t, sample_answer, &sample);
    assert_true(client_read_all(fd, &answer, 3000));
    assert_int_equal(client_answers_in(buf_str(&answer)), 2);
    assert_true(client_has(buf_str(&answer), "resumed"));
    (void)close(fd);
}

static void test_suspended(void **state) {
    (void)state;
    start((struct http_options){ 0 });
    try_suspended("/suspend");
    try_suspended("/pool/suspend");
    stop();
}

/* The peer left, its slot is wanted by others, and only then the answer comes. */
static void test_resumed_too_late(void **state) {
    (void)state;
    start((struct http_options){ .connections_max = 8 });
    for (int i = 0; i < 200; i++) {
        struct linger hard = { .l_onoff = 1 };
        struct http_ticket t;
        int fd = connect_and_send(i % 2 ? "POST /suspend HTTP/1.1\r\n" HOST "\r\n"
                                        : "POST /pool/suspend HTTP/1.1\r\n" HOST "\r\n");
        assert_true(sample_take_ticket(&sample, &t));
        if (i % 3) (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard); /* a reset, or a quiet end */
        (void)close(fd);
        if (i % 5) assert_int_equal(ask("GET /items/1 HTTP/1.1\r\n" CLOSE), 200);
        http_resume(sample.server, t, sample_answer, &sample);
        assert_int_equal(ask("GET /items/1 HTTP/1.1\r\n" CLOSE), 200);
    }
    assert_true(until(&sample.resumed, 200)); /* each continuation ran once, whoever was still there */
    stop();
}

static void test_whole_deadline(void **state) {
    struct http_ticket t;
    int fd;
    (void)state;
    start((struct http_options){ .whole_ms = 500 });
    fd = connect_and_send("POST /suspend HTTP/1.1\r\n" HOST "\r\n");
    assert_true(sample_take_ticket(&sample, &t));
    assert_true(client_read_all(fd, &answer, 3000));
    assert_int_equal(answer.n, 0);
    http_resume(sample.server, t, sample_answer, &sample);
    assert_true(until(&sample.resumed, 1));
    assert_int_equal(ask("GET /items/1 HTTP/1.1\r\n" CLOSE), 200);
    (void)close(fd);
    stop();
}

static void try_stream(const char *request) {
    struct http_ticket t;
    int closed = atomic_load(&sample.streams_closed);
    int fd = connect_and_send(request);
    assert_true(sample_take_stream(&sample, &t));
    assert_int_equal(http_stream_send(sample.server, t, STR("event: two\ndata: 2\n\n")), OK);
    assert_false(client_read_all(fd, &answer, 200));
    assert_true(client_has(buf_str(&answer), "\r\nContent-Type: text/event-stream\r\n"));
    assert_true(client_has(buf_str(&answer), "\r\nCache-Control: no-store\r\n"));
    assert_false(client_has(buf_str(&answer), "Content-Length"));
    assert_true(client_has(buf_str(&answer), "\r\n\r\nevent: hello\ndata: 1\n\nevent: two\ndata: 2\n\n"));
    (void)close(fd);
    assert_true(until(&sample.streams_closed, closed + 1));
    assert_int_equal(http_stream_send(sample.server, t, STR("late")), ERR_GONE);
    http_stream_end(sample.server, t);
    fd = connect_and_send(request);
    assert_true(sample_take_stream(&sample, &t));
    assert_int_equal(http_stream_send(sample.server, t, STR("last\n\n")), OK);
    http_stream_end(sample.server, t);
    assert_true(client_read_all(fd, &answer, 3000));
    assert_true(client_has(buf_str(&answer), "last\n\n"));
    assert_true(until(&sample.streams_closed, closed + 2));
    (void)close(fd);
}

static void test_stream(void **state) {
    (void)state;
    start((struct http_options){ 0 });
    try_stream("GET /stream HTTP/1.1\r\n" HOST "\r\n");
    try_stream("GET /pool/stream HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(ask("HEAD /stream HTTP/1.1\r\n" HOST "\r\n"), 200);
    assert_true(until(&sample.streams_closed, 5));
    stop();
}

static void test_stream_comment(void **state) {
    int fd;
    int64_t begin_ms = clock_mono_ms();
    (void)state;
    start((struct http_options){ .idle_ms = 1000, .whole_ms = 1000 });
    fd = connect_and_send("GET /stream HTTP/1.1\r\n" HOST "\r\n");
    while (!client_has(buf_str(&answer), "\n\n:\n\n") && clock_mono_ms() < begin_ms + 60000)
        assert_false(client_read_all(fd, &answer, 200));
    assert_true(client_has(buf_str(&answer), "\n\n:\n\n"));
    assert_true(clock_mono_ms() - begin_ms >= 14900);
    (void)close(fd);
    stop();
}

static void test_stream_unread(void **state) {
    static char bytes[50000];
    struct http_ticket t;
    enum err r = OK;
    int fd;
    (void)state;
    start((struct http_options){ 0 });
    memset(bytes, 'e', sizeof bytes);
    fd = connect_and_send("GET /stream HTTP/1.1\r\n" HOST "\r\n");
    assert_true(sample_take_stream(&sample, &t));
    for (int i = 0; i < 2000 && r == OK; i++) {
        r = http_stream_send(sample.server, t, str_bytes(bytes, sizeof bytes));
        (void)usleep(1000);
    }
    assert_int_equal(r, ERR_TOO_LARGE);
    assert_true(until(&sample.streams_closed, 1));
    assert_int_equal(http_stream_send(sample.server, t, STR("x")), ERR_GONE);
    (void)close(fd);
    stop();
}

/* Peers that come and go while others send to all of them: run under TSan this is the test of the mailbox. */
static void *send_to_stream(void *arg) {
    struct sample *s = arg;
    for (int i = 0; i < 3000; i++) {
        struct http_ticket t;
        bool has;
        (void)pthread_mutex_lock(&s->lock);
        has = s->has_stream;
        t = s->stream;
        (void)pthread_mutex_unlock(&s->lock);
        if (!has) continue;
        (void)!http_stream_send(s->server, t, STR("data: x\n\n"));
        if (i % 50 == 0) http_stream_end(s->server, t);
    }
    return NULL;
}

static void test_stream_storm(void **state) {
    pthread_t senders[2];
    int opened = 0;
    (void)state;
    start((struct http_options){ .connections_max = 20 });
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&senders[i], NULL, send_to_stream, &sample), 0);
    for (int i = 0; i < 300; i++) {
        int fd = connect_and_send(i % 2 ? "GET /stream HTTP/1.1\r\n" HOST "\r\n"
                                        : "GET /pool/stream HTTP/1.1\r\n" HOST "\r\n");
        if (client_read_answers(fd, &answer, 1, 10000)) opened++; /* a stream has no length: its head is an answer */
        (void)close(fd);
    }
    for (int i = 0; i < 2; i++) (void)pthread_join(senders[i], NULL);
    assert_int_equal(opened, 300);
    assert_true(until(&sample.streams_closed, 300));
    stop();
}

static void *drain(void *arg) {
    (void)arg;
    http_server_drain(sample.server, 60000);
    return NULL;
}

static void test_drain(void **state) {
    struct http_ticket t;
    pthread_t drainer;
    int slow, idle, stream, late, suspended;
    (void)state;
    start((struct http_options){ 0 });
    atomic_store(&sample.sleep_ms, 60000);
    idle = connect_and_send("GET /items/1 HTTP/1.1\r\n" HOST "\r\n");
    assert_true(client_read_answers(idle, &answer, 1, 3000));
    stream = connect_and_send("GET /stream HTTP/1.1\r\n" HOST "\r\n");
    assert_true(client_read_answers(stream, &answer, 1, 3000));
    suspended = connect_and_send("POST /suspend HTTP/1.1\r\n" HOST "\r\n");
    assert_true(sample_take_ticket(&sample, &t));
    slow = connect_and_send("GET /slow HTTP/1.1\r\n" HOST "\r\n");
    assert_true(until(&sample.sleeping, 1));
    assert_int_equal(pthread_create(&drainer, NULL, drain, NULL), 0);
    assert_true(client_read_all(idle, &answer, 3000)); /* at once, while others are waited for */
    assert_true(client_read_all(stream, &answer, 3000));
    late = client_connect(sample.port);
    (void)client_send(late, STR("GET /items/late HTTP/1.1\r\n" CLOSE));
    buf_reset(&answer);
    assert_false(client_read_all(late, &answer, 100) && answer.n > 0);
    http_resume(sample.server, t, sample_answer, &sample);
    assert_true(client_read_all(suspended, &answer, 3000));
    assert_int_equal(client_status(buf_str(&answer)), 200);
    buf_reset(&answer);
    assert_int_equal(atomic_load(&sample.sleeping), 1);
    atomic_store(&sample.sleep_ms, 0);
    assert_true(client_read_all(slow, &answer, 3000));
    assert_int_equal(client_status(buf_str(&answer)), 200); /* what ran was finished */
    assert_true(client_has(buf_str(&answer), "\r\nConnection: close\r\n"));
    (void)pthread_join(drainer, NULL);
    assert_int_equal(atomic_load(&sample.streams_closed), 1);
    for (size_t i = 0; i < 5; i++) (void)close((int[]){ slow, idle, stream, late, suspended }[i]);
    stop();
}

/* A request that never ends does not hold the end up. */
static void test_drain_by_force(void **state) {
    int64_t begin_ms;
    int head, body;
    (void)state;
    start((struct http_options){ 0 });
    head = connect_and_send("GET /fast HTTP/1.1\r\nX: ");
    body = connect_and_send("POST /fast/echo HTTP/1.1\r\nContent-Length: 10\r\n" HOST "\r\nhello");
    (void)usleep(100000);
    begin_ms = clock_mono_ms();
    http_server_drain(sample.server, 700);
    assert_true(clock_mono_ms() - begin_ms >= 600);
    assert_true(client_read_all(head, &answer, 1000));
    assert_true(client_read_all(body, &answer, 1000));
    (void)close(head);
    (void)close(body);
    stop();
}

/* Many at once on two loops, on both lanes, some leaving early: the whole machine under load. */
static void *crowd(void *arg) {
    static const char *const requests[] = {
        "GET /items/1 HTTP/1.1\r\n" CLOSE,
        "DELETE /items/1 HTTP/1.1\r\n" CLOSE,
        "GET /pool/resumed HTTP/1.1\r\n" CLOSE,
        "GET /resumed HTTP/1.1\r\n" CLOSE,
        "get / HTTP/1.1\r\n\r\n",
        "GET /static/large HTTP/1.1\r\n" CLOSE,
        "POST /hand-over HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "hello",
    };
    struct buf mine;
    intptr_t wrong = 0;
    (void)arg;
    buf_init(&mine, 1 << 20);
    for (int i = 0; i < 300; i++) {
        size_t which = (size_t)i % ARRAY_LEN(requests);
        int fd = client_connect(sample.port);
        bool leaves = i % 5 == 0;
        buf_reset(&mine);
        if (fd < 0 || !client_send(fd, str_from(requests[which]))) wrong++;
        if (!leaves && (!client_read_all(fd, &mine, 5000) || client_answers_in(buf_str(&mine)) != 1)) wrong++;
        (void)close(fd);
    }
    buf_release(&mine);
    return (void *)wrong;
}

static void test_crowd(void **state) {
    pthread_t threads[4];
    (void)state;
    buf_init(&answer, 1 << 20);
    assert_int_equal(sample_start(&sample, (struct http_options){ .pin_to_cores = true, .queue_max = 1000 }, 2, 0), OK);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) assert_int_equal(pthread_create(&threads[i], NULL, crowd, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *wrong;
        (void)pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    stop();
}

#define PEERS 20

/* Many at once, alike and not, some of them leaving: each gets its own answer, whoever was read before its turn. */
static void test_read_ahead(void **state) {
    int fds[PEERS];
    (void)state;
    start((struct http_options){ 0 });
    for (int i = 0; i < PEERS; i++) fds[i] = connect_and_send("");
    for (int round = 0; round < 200 && (round < 20 || atomic_load(&sample.shown) == 0); round++) {
        for (int i = 0; i < PEERS; i++) {
            char ask_for[200];
            int n = snprintf(ask_for, sizeof ask_for, "GET /items/%d-%d HTTP/1.1\r\n" HOST "\r\n", round, i);
            if (i % 5 == 4)
                (void)snprintf(ask_for + n, sizeof ask_for - (size_t)n, "GET /empty HTTP/1.1\r\n" HOST "\r\n");
            n = i % 5 == 3 ? 8 : 0; /* in two parts */
            if (n) assert_true(client_send(fds[i], str_bytes(ask_for, (size_t)n)));
            assert_true(client_send(fds[i], str_from(ask_for + n)));
        }
        for (int i = 0; i < PEERS; i++) {
            char wanted[40];
            (void)snprintf(wanted, sizeof wanted, "%d-%d", round, i);
            buf_reset(&answer);
            assert_true(client_read_answers(fds[i], &answer, i % 5 == 4 ? 2 : 1, 5000));
            assert_true(client_has(buf_str(&answer), wanted));
            if (i % 7 != 6) continue;
            (void)close(fds[i]);
            fds[i] = connect_and_send("");
        }
    }
    assert_true(atomic_load(&sample.shown) > 0);
    for (int i = 0; i < PEERS; i++) {
        assert_true(client_send(fds[i], STR("GET / HTTP/3.0\r\n\r\n")));
        if (i % 2) (void)close(fds[i]);
    }
    for (int i = 0; i < PEERS; i += 2) {
        buf_reset(&answer);
        assert_true(client_read_all(fds[i], &answer, 5000));
        assert_int_equal(client_status(buf_str(&answer)), 505);
        (void)close(fds[i]);
    }
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_head),        cmocka_unit_test(test_slow_body),
        cmocka_unit_test(test_body_rate),        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_unread_answer),    cmocka_unit_test(test_caps),
        cmocka_unit_test(test_caps_per_address), cmocka_unit_test(test_queue_full),
        cmocka_unit_test(test_suspended),        cmocka_unit_test(test_resumed_too_late),
        cmocka_unit_test(test_whole_deadline),   cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_comment),   cmocka_unit_test(test_stream_unread),
        cmocka_unit_test(test_stream_storm),     cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_by_force),   cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_read_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
