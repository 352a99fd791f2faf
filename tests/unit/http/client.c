/* The blocking client. */
#include "client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

int client_connect(int port) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    (void)close(fd);
    return -1;
}

bool client_send(int fd, struct str bytes) {
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes = str_skip(bytes, (size_t)n);
    }
    return true;
}

/* 1: bytes came, 0: the peer closed, -1: neither in time. */
static int read_some(int fd, struct buf *out, int64_t by_ms) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int64_t left_ms = by_ms - clock_mono_ms();
    ssize_t n;
    if (left_ms < 0 || poll(&p, 1, (int)left_ms) <= 0) return -1;
    if (buf_reserve(out, 65536) != OK) return -1;
    n = recv(fd, out->p + out->n, 65536, 0);
    if (n < 0) return errno == ECONNRESET ? 0 : -1;
    out->n += (size_t)n;
    return n > 0;
}

bool client_read_all(int fd, struct buf *out, int most_ms) {
    int64_t by_ms = clock_mono_ms() + most_ms;
    int r;
    do r = read_some(fd, out, by_ms);
    while (r == 1);
    return r == 0;
}

static struct str find(struct str in, const char *text) {
    const char *p = in.n > 0 ? memmem(in.p, in.n, text, strlen(text)) : NULL;
    return p ? (struct str){ p, in.n - (size_t)(p - in.p) } : STR_NONE;
}

bool client_has(struct str bytes, const char *text) { return find(bytes, text).p != NULL; }

struct str client_body(struct str answer) {
    return str_skip(find(answer, "\r\n\r\n"), 4);
}

int client_status(struct str answer) {
    int64_t status;
    if (!str_starts(answer, STR("HTTP/1.1 ")) || answer.n < 12) return 0;
    return str_to_i64((struct str){ answer.p + 9, 3 }, 999, &status) == OK ? (int)status : 0;
}

int client_answers_in(struct str bytes) {
    int count = 0;
    while (client_status(bytes) > 0) {
        struct str body = client_body(bytes);
        struct str head = { bytes.p, bytes.n - body.n };
        struct str digits;
        int64_t length = 0;
        if (!body.p) break;
        (void)str_cut(str_skip(find(head, "\r\nContent-Length: "), 18), '\r', &digits);
        (void)!str_to_i64(digits, 1 << 30, &length);
        if (body.n < (size_t)length) break;
        bytes = str_skip(body, (size_t)length);
        count++;
    }
    return count;
}

bool client_read_answers(int fd, struct buf *out, int count, int most_ms) {
    int64_t by_ms = clock_mono_ms() + most_ms;
    while (client_answers_in(buf_str(out)) < count)
        if (read_some(fd, out, by_ms) != 1) return false;
    return true;
}

int client_ask(int port, const char *bytes, struct buf *answer) {
    int fd = client_connect(port);
    bool is_whole;
    buf_reset(answer);
    if (fd < 0) return 0;
    is_whole = client_send(fd, str_from(bytes)) && client_read_all(fd, answer, 5000);
    (void)close(fd);
    return is_whole ? client_status(buf_str(answer)) : 0;
}
