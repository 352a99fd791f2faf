/* The transport: what is sent whole arrives whole, and nothing unsound is handed on. */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ipc/ipc.h"

struct pair {
    int a, b;
};

static int set_up(void **state) {
    static struct pair p;
    int fd[2];
    clock_init();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0) return -1;
    p = (struct pair){ fd[0], fd[1] };
    *state = &p;
    return 0;
}

static int tear_down(void **state) {
    struct pair *p = *state;
    if (p->a >= 0) close(p->a);
    if (p->b >= 0) close(p->b);
    return 0;
}

static uint8_t buffer[IPC_MESSAGE_MAX];

static void make(uint8_t *out, size_t n, uint32_t bytes, uint16_t version) {
    memset(out, 0x5a, n);
    struct ipc_header h = { .bytes = bytes, .type = 7, .version = version, .request = 42 };
    memcpy(out, &h, sizeof h < n ? sizeof h : n);
}

static void test_whole(void **state) {
    struct pair *p = *state;
    static const size_t sizes[] = { sizeof(struct ipc_header), 17, 1000, IPC_MESSAGE_MAX };
    static uint8_t message[IPC_MESSAGE_MAX];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t n = 0;
        make(message, sizes[i], (uint32_t)sizes[i], IPC_VERSION);
        assert_int_equal(ipc_send(p->a, message, sizes[i], true), OK);
        assert_int_equal(ipc_receive(p->b, buffer, &n, 1000), OK);
        assert_int_equal(n, sizes[i]);
        assert_memory_equal(buffer, message, n);
    }
}

static void test_refuses_to_send(void **state) {
    struct pair *p = *state;
    assert_int_equal(ipc_send(p->a, buffer, sizeof(struct ipc_header) - 1, true), ERR_TOO_LARGE);
    assert_int_equal(ipc_send(p->a, buffer, IPC_MESSAGE_MAX + 1, true), ERR_TOO_LARGE);
}

struct bad {
    const char *why;
    size_t n;
    uint32_t bytes;
    uint16_t version;
};

static void test_unsound(void **state) {
    struct pair *p = *state;
    static const struct bad bad[] = {
        { "no header", 15, 15, IPC_VERSION },
        { "one byte", 1, 1, IPC_VERSION },
        { "says less", 32, 31, IPC_VERSION },
        { "says more", 32, 33, IPC_VERSION },
        { "says nothing", 32, 0, IPC_VERSION },
        { "says all", 32, UINT32_MAX, IPC_VERSION },
        { "version 0", 32, 32, 0 },
        { "next version", 32, 32, IPC_VERSION + 1 },
        { "empty datagram", 0, 0, IPC_VERSION },
        { "over the limit", 65537, 65537, IPC_VERSION },
        { "far over it", 90000, 1, IPC_VERSION },
    };
    static uint8_t message[90000];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        size_t n = 99;
        make(message, bad[i].n, bad[i].bytes, bad[i].version);
        assert_int_equal(send(p->a, message, bad[i].n, 0), bad[i].n);
        if (ipc_receive(p->b, buffer, &n, 1000) != ERR_INPUT) fail_msg("let through: %s", bad[i].why);
        assert_int_equal(n, 99);
    }
    make(message, 32, 32, IPC_VERSION);
    assert_int_equal(ipc_send(p->a, message, 32, false), OK);
    size_t n = 0;
    assert_int_equal(ipc_receive(p->b, buffer, &n, 1000), OK);
}

static void test_timeout(void **state) {
    struct pair *p = *state;
    size_t n = 0;
    int64_t before = clock_mono_ms();
    assert_int_equal(ipc_receive(p->b, buffer, &n, 0), ERR_TIMEOUT);
    assert_int_equal(ipc_receive(p->b, buffer, &n, 50), ERR_TIMEOUT);
    assert_true(clock_mono_ms() - before >= 49);
}

static void test_closed(void **state) {
    struct pair *p = *state;
    size_t n = 0;
    static uint8_t message[64];
    make(message, 64, 64, IPC_VERSION);
    assert_int_equal(ipc_send(p->a, message, 64, true), OK);
    close(p->a);
    p->a = -1;
    assert_int_equal(ipc_receive(p->b, buffer, &n, 1000), OK); /* what was sent before the end still arrives */
    assert_int_equal(ipc_receive(p->b, buffer, &n, 1000), ERR_CLOSED);
    assert_int_equal(ipc_send(p->b, message, 64, true), ERR_CLOSED);
    assert_int_equal(ipc_send(-1, message, 64, true), ERR_IO);
    assert_int_equal(ipc_receive(-1, buffer, &n, 0), ERR_IO);
}

static size_t fill(int fd, const uint8_t *message, size_t n) {
    size_t sent = 0;
    enum err r;
    while ((r = ipc_send(fd, message, n, false)) == OK) sent++;
    assert_int_equal(r, ERR_BUSY);
    return sent;
}

static void *drain_one_late(void *arg) {
    struct pair *p = arg;
    static uint8_t own[IPC_MESSAGE_MAX];
    size_t n = 0;
    struct timespec t = { .tv_nsec = 50000000 };
    nanosleep(&t, NULL);
    for (int i = 0; i < 50; i++)
        if (ipc_receive(p->b, own, &n, 1000) != OK) return arg;
    return NULL;
}

static void test_full(void **state) {
    struct pair *p = *state;
    static uint8_t message[4000];
    make(message, sizeof message, sizeof message, IPC_VERSION);
    assert_true(fill(p->a, message, sizeof message) >= 20);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, drain_one_late, p), 0);
    for (int i = 0; i < 20; i++) assert_int_equal(ipc_send(p->a, message, sizeof message, true), OK);
    void *failed = NULL;
    shutdown(p->a, SHUT_WR); /* when fewer than 50 fit, the drain ends here */
    pthread_join(t, &failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_to_send, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unsound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timeout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
