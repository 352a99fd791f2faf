/*
 * The n-th allocation fails, for n = 1, 2, 3 … until a whole run needs no more: a server that is not made says so, one
 * that runs refuses or closes, and nothing is leaked or crashes. The linker puts these functions before malloc's.
 */
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "sample.h"

static _Atomic long countdown; /* 0: never */
static _Atomic long failed;
static _Thread_local bool is_client; /* its own allocations are spared */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t n);

static bool fails_now(void) {
    if (is_client || atomic_load(&countdown) <= 0 || atomic_fetch_sub(&countdown, 1) != 1) return false;
    atomic_fetch_add(&failed, 1);
    return true;
}

void *__wrap_malloc(size_t n) { return fails_now() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return fails_now() ? NULL : __real_calloc(n, size); }
void *__wrap_aligned_alloc(size_t align, size_t n) { return fails_now() ? NULL : __real_aligned_alloc(align, n); }

#define CLOSE "Host: a\r\nConnection: close\r\n\r\n"

static const char *const requests[] = {
    "GET /fast HTTP/1.1\r\n" CLOSE,
    "GET /pool/fast HTTP/1.1\r\n" CLOSE,
    "GET /nowhere HTTP/1.1\r\n" CLOSE,
    "get /fast HTTP/1.1\r\n" CLOSE,
    "GET /items/%20x HTTP/1.1\r\n" CLOSE,
    "GET /query?x=%20 HTTP/1.1\r\n" CLOSE,
    "GET /seen HTTP/1.1\r\nCookie: b=1\r\n" CLOSE,
    "POST /pool/echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "5\r\nhello\r\n0\r\n\r\n",
    "POST /hand-over HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "hello",
    "POST /json HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 17\r\n" CLOSE "{\"a\":[1,\"x\",{ }]}",
    "GET /resumed HTTP/1.1\r\n" CLOSE,
    "GET /static/large HTTP/1.1\r\n" CLOSE,
    "POST /pieces/99 HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "hello",
    "POST /pieces/99 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "5\r\nhello\r\n0\r\n\r\n",
    "GET /file/0/10 HTTP/1.1\r\n" CLOSE,
    "GET /file/0/300000 HTTP/1.1\r\n" CLOSE,
    "GET /source/counted/20/3 HTTP/1.1\r\n" CLOSE,
    "GET /source/chunked/20/9 HTTP/1.1\r\n" CLOSE,
};

/* A head in two parts and a stream that is sent to and ended. */
static void harder_ones(struct sample *s) {
    struct http_ticket t;
    struct buf answer;
    int fd = client_connect(s->port);
    buf_init(&answer, 1 << 20);
    (void)client_send(fd, STR("GET /fast HTTP/1.1\r\nX:"));
    (void)usleep(2000);
    (void)client_send(fd, STR(" y\r\n" CLOSE));
    assert_true(client_read_all(fd, &answer, 5000));
    (void)close(fd);
    fd = client_connect(s->port);
    (void)client_send(fd, STR("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    buf_reset(&answer);
    if (client_read_answers(fd, &answer, 1, 1000) && client_status(buf_str(&answer)) == 200 &&
        sample_take_stream(s, &t)) {
        (void)!http_stream_send(s->server, t, STR("x"));
        http_stream_end(s->server, t);
    }
    (void)close(fd);
    buf_release(&answer);
}

/* True when the run met the failure. */
static bool run(long n) {
    struct sample s;
    enum err r;
    atomic_store(&failed, 0);
    atomic_store(&countdown, n);
    r = sample_start(&s, (struct http_options){ .work_threads = 1 }, 1, 0);
    is_client = true;
    s.file = "/proc/self/exe";
    for (size_t i = 0; r == OK && i < ARRAY_LEN(requests); i++) {
        struct buf answer;
        int status;
        int fd = client_connect(s.port);
        buf_init(&answer, 1 << 20);
        (void)client_send(fd, str_from(requests[i]));
        if (!client_read_all(fd, &answer, 5000)) fail_msg("%ld: %s: no end", n, requests[i]);
        status = client_status(buf_str(&answer));
        if (!atomic_load(&failed) && status == 0) fail_msg("%ld: %s: no answer", n, requests[i]);
        buf_release(&answer);
        (void)close(fd);
    }
    if (r == OK) harder_ones(&s);
    atomic_store(&countdown, 0);
    is_client = false;
    if (r != OK && !atomic_load(&failed)) fail_msg("%ld: %s", n, err_name(r));
    for (int i = 0; i < 500 && r == OK && atomic_load(&s.takers) > 0; i++) (void)usleep(10000);
    if (r == OK) assert_int_equal(atomic_load(&s.takers), 0);
    sample_stop(&s);
    return atomic_load(&failed) > 0;
}

static void test_every_allocation(void **state) {
    long n = 1;
    (void)state;
    while (run(n)) n++;
    print_message("%ld allocations failed in turn\n", n - 1);
    assert_in_range(n, 30, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_allocation) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
