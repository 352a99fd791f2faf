/*
 * The transport under every message between processes. It adds nothing to SOCK_SEQPACKET but a header check, so that a
 * datagram that was cut, padded or made by another version never reaches the code that reads fields. Sockets may be in
 * either blocking mode: every call here says MSG_DONTWAIT and waits in poll.
 */
#include "ipc/ipc.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"

/* A full socket and a reader that never comes back must not hold a sender for ever. */
#define SEND_WAIT_MS 10000

static enum err wait_for(int fd, short events, int64_t deadline_ms) {
    for (;;) {
        int64_t left = deadline_ms < 0 ? -1 : deadline_ms - clock_mono_ms();
        if (deadline_ms >= 0 && left < 0) left = 0;
        struct pollfd p = { .fd = fd, .events = events };
        int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
        if (n > 0) return OK;
        if (n < 0 && errno != EINTR) return ERR_IO;
        if (deadline_ms >= 0 && clock_mono_ms() >= deadline_ms) return ERR_TIMEOUT;
    }
}

static enum err send_error(int error) {
    switch (error) {
    case EAGAIN:
    case ENOBUFS: return ERR_BUSY;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN: return ERR_CLOSED;
    default: return ERR_IO;
    }
}

enum err ipc_send(int fd, const void *message, size_t n, bool is_blocking) {
    if (n < sizeof(struct ipc_header) || n > IPC_MESSAGE_MAX) return ERR_TOO_LARGE;
    int64_t deadline_ms = clock_mono_ms() + SEND_WAIT_MS;
    for (;;) {
        ssize_t sent = send(fd, message, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent == (ssize_t)n) return OK;
        if (sent >= 0) return ERR_IO;
        if (errno == EINTR) continue;
        enum err r = send_error(errno);
        if (r != ERR_BUSY || !is_blocking) return r;
        if ((r = wait_for(fd, POLLOUT, deadline_ms)) != OK) return r == ERR_TIMEOUT ? ERR_BUSY : r;
    }
}

/* An empty datagram and the end of the stream both read as 0 bytes; only the end has hung up. */
static bool has_ended(int fd) {
    struct pollfd p = { .fd = fd, .events = POLLRDHUP };
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static enum err check_header(const void *buffer, size_t n) {
    struct ipc_header h;
    if (n < sizeof h || n > IPC_MESSAGE_MAX) return ERR_INPUT;
    memcpy(&h, buffer, sizeof h);
    return h.bytes == n && h.version == IPC_VERSION ? OK : ERR_INPUT;
}

enum err ipc_receive(int fd, void *buffer, size_t *ret_n, int64_t timeout_ms) {
    int64_t deadline_ms = timeout_ms < 0 ? -1 : clock_mono_ms() + timeout_ms;
    for (;;) {
        ssize_t got = recv(fd, buffer, IPC_MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC);
        if (got == 0) return has_ended(fd) ? ERR_CLOSED : ERR_INPUT;
        if (got > 0) {
            enum err r = check_header(buffer, (size_t)got);
            if (r == OK) *ret_n = (size_t)got;
            return r;
        }
        if (errno == EINTR) continue;
        if (errno == ECONNRESET) return ERR_CLOSED;
        if (errno != EAGAIN) return ERR_IO;
        enum err r = wait_for(fd, POLLIN, deadline_ms);
        if (r != OK) return r;
    }
}
