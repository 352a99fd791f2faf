/*
 * The bytes of one ask for an object, with one descriptor or two, as the courier takes them from its socket; and the
 * same bytes as an answer to what was asked. What is let through must be in its bounds, and what is refused leaves no
 * descriptor open.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int pair[2] = { -1, -1 }, pipes[2], least;

static void check_asked(const struct object_asked *a) {
    char key[OBJECT_KEY_MAX + 1] = "";
    if (a->ask.key_n == 0 || a->ask.key_n > OBJECT_KEY_MAX) abort();
    memcpy(key, a->ask.key, a->ask.key_n);
    if (strlen(key) != a->ask.key_n || strstr(key, "//") || strchr(key, '.') || key[0] == '/') abort();
    if (a->ask.size < 0 || a->ask.size > OBJECT_SIZE_MAX || a->ask.wait_ms < 1) abort();
    if (a->answer_fd < 0 || (a->file_fd >= 0) != object_op_has_file(a->ask.h.type)) abort();
}

static void check_answer(const struct object_ask *ask, const uint8_t *data, size_t n) {
    struct object_answer r;
    if (object_answer_check(data, n, ask) != OK) return;
    memcpy(&r, data, sizeof r);
    if (r.result > 0 || r.size < 0 || r.from < 0 || r.length < 0) abort();
    if (r.result == OK && ask->h.type == OBJECT_GET && r.length > ask->size) abort();
}

static void send_bytes(const uint8_t *data, size_t n, int fds) {
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(3 * sizeof(int))];
    } control = { 0 };
    struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = n };
    struct msghdr m = { .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = CMSG_SPACE((size_t)fds * sizeof(int)) };
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    const int sent[] = { pipes[1], pipes[0], pipes[0] };
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN((size_t)fds * sizeof(int));
    memcpy(CMSG_DATA(head), sent, (size_t)fds * sizeof(int));
    if (sendmsg(pair[0], &m, MSG_DONTWAIT) != (ssize_t)n) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const struct object_ask whole = { .h = { .type = OBJECT_GET }, .size = 1000 };
    static const struct object_ask part = { .h = { .type = OBJECT_GET }, .size = 1000, .has_range = 1, .to = 9 };
    struct object_asked a;
    enum err r;
    int fd;
    if (pair[0] < 0) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0 || pipe(pipes) != 0) abort();
        least = dup(0);
        (void)close(least);
    }
    if (n == 0 || n > IPC_MESSAGE_MAX) return 0;
    send_bytes(data, n, 1 + data[n - 1] % 3);
    r = object_ask_receive(pair[1], &a);
    if (r != OK && r != ERR_INPUT) abort();
    if (r == OK) {
        check_asked(&a);
        (void)close(a.answer_fd);
        if (a.file_fd >= 0) (void)close(a.file_fd);
    }
    fd = dup(0);
    (void)close(fd);
    if (fd != least) abort();
    check_answer(&whole, data, n);
    check_answer(&part, data, n);
    return 0;
}
