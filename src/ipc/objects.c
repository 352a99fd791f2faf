/* Checks of both directions, and the one message between processes that carries descriptors. */
#include "ipc/objects.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

bool object_op_has_file(unsigned op) { return op == OBJECT_PUT || op == OBJECT_GET || op == OBJECT_LIST; }

static bool is_zero_from(const void *p, size_t used, size_t size) {
    const uint8_t *b = p;
    for (size_t i = used; i < size; i++)
        if (b[i] != 0) return false;
    return true;
}

static bool key_is_sound(const struct object_ask *a) {
    static const uint8_t is_key[256] = {
        ['0' ... '9'] = 1, ['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['_'] = 1, ['-'] = 1, ['/'] = 1
    };
    char before = '/'; /* neither at the start nor twice in a row */
    if (a->key_n == 0 || a->key_n > OBJECT_KEY_MAX) return false;
    for (size_t i = 0; i < a->key_n; i++) {
        if (!is_key[(unsigned char)a->key[i]] || (before == '/' && a->key[i] == '/')) return false;
        before = a->key[i];
    }
    return (before == '/') == (a->h.type == OBJECT_LIST) && is_zero_from(a->key, a->key_n, sizeof a->key);
}

static bool range_is_sound(const struct object_ask *a) {
    if (!a->has_range) return a->from == 0 && a->to == 0;
    if (a->from == -1) return a->to >= 0;
    return a->from >= 0 && (a->to == -1 || a->to >= a->from);
}

static bool fields_are_sound(const struct object_ask *a) {
    bool is_put = a->h.type == OBJECT_PUT, is_get = a->h.type == OBJECT_GET;
    if (a->is_once > (is_put ? 1 : 0) || a->has_range > (is_get ? 1 : 0)) return false;
    if (a->size < 0 || a->size > (is_put || is_get ? OBJECT_SIZE_MAX : 0)) return false;
    if (a->wait_ms < 1 || a->wait_ms > OBJECT_WAIT_MS_MAX) return false;
    return range_is_sound(a) && (is_put || is_zero_from(a->sha256, 0, sizeof a->sha256));
}

enum err object_ask_check(const void *message, size_t n, size_t fds) {
    const struct object_ask *a = message;
    if (n != sizeof *a || a->h.bytes != n || a->h.version != IPC_VERSION) return ERR_INPUT;
    if (a->h.type < OBJECT_PUT || a->h.type > OBJECT_LIST) return ERR_INPUT;
    if (fds != (object_op_has_file(a->h.type) ? 2 : 1)) return ERR_INPUT;
    return key_is_sound(a) && fields_are_sound(a) ? OK : ERR_INPUT;
}

/* Without a range it is all; with one, what lies within the object and is no more than was asked for. */
static bool got_is_sound(const struct object_answer *r, const struct object_ask *a) {
    if (r->from < 0 || r->length < 0 || r->from > r->size || r->length > r->size - r->from) return false;
    if (r->length > a->size) return false;
    return a->has_range ? r->length > 0 : r->from == 0 && r->length == r->size;
}

static bool answer_is_sound(const struct object_answer *r, const struct object_ask *a) {
    unsigned op = a->h.type;
    bool has_size = op == OBJECT_GET || op == OBJECT_STAT;
    if (r->size < 0) return false;
    switch (r->result) {
    case OK:
        if (op == OBJECT_GET) return got_is_sound(r, a);
        if (op == OBJECT_LIST) return r->from == 0 && r->length >= 0;
        return r->from == 0 && r->length == 0 && (r->size == 0 || op == OBJECT_STAT);
    case ERR_NOT_FOUND: return has_size && r->size == 0 && r->from == 0 && r->length == 0;
    case ERR_CONFLICT: return a->is_once == 1 && r->size == 0 && r->from == 0 && r->length == 0;
    case ERR_TOO_LARGE: return a->has_range == 1 && r->from == 0 && r->length == 0;
    case ERR_BUSY:
    case ERR_FULL:
    case ERR_IO: return r->size == 0 && r->from == 0 && r->length == 0;
    default: return false;
    }
}

enum err object_answer_check(const void *message, size_t n, const struct object_ask *ask) {
    const struct object_answer *r = message;
    if (n != sizeof *r || r->h.bytes != n || r->h.version != IPC_VERSION || r->h.type != OBJECT_ANSWER)
        return ERR_INPUT;
    return r->h.request == ask->h.request && answer_is_sound(r, ask) ? OK : ERR_INPUT;
}

/* ---- the socket ---- */

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(OBJECT_FDS_MAX * sizeof(int))];
};

enum err object_ask_send(int fd, const struct object_ask *ask, int answer_fd, int file_fd) {
    const int fds[OBJECT_FDS_MAX] = { answer_fd, file_fd };
    size_t bytes = (file_fd >= 0 ? 2 : 1) * sizeof *fds;
    union control control = { 0 };
    struct iovec iov = { .iov_base = (void *)(uintptr_t)ask, .iov_len = sizeof *ask };
    struct msghdr m = { .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = file_fd >= 0 ? CMSG_SPACE(2 * sizeof(int)) : CMSG_SPACE(sizeof(int)) };
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    ssize_t n;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(head), fds, bytes);
    do { n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL); } while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof *ask) return OK;
    if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)) return ERR_BUSY;
    return n < 0 && (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) ? ERR_CLOSED : ERR_IO;
}

/* Keeps the first of them, closes what is more: a sender that is not ours may pass any number. */
static size_t take_fds(struct msghdr *m, int fds[OBJECT_FDS_MAX]) {
    size_t n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        for (size_t i = 0; i < count; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
            if (n < OBJECT_FDS_MAX)
                fds[n++] = one;
            else
                (void)close(one);
        }
    }
    return n;
}

enum err object_ask_receive(int fd, struct object_asked *ret) {
    int fds[OBJECT_FDS_MAX] = { -1, -1 };
    struct object_ask ask;
    union control control;
    struct iovec iov = { .iov_base = &ask, .iov_len = sizeof ask };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    size_t count;
    ssize_t n;
    do { n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); } while (n < 0 && errno == EINTR);
    if (n < 0) return errno == EAGAIN ? ERR_BUSY : errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
    count = take_fds(&m, fds);
    if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && object_ask_check(&ask, (size_t)n, count) == OK) {
        *ret = (struct object_asked){ .ask = ask, .answer_fd = fds[0], .file_fd = fds[1] };
        return OK;
    }
    for (size_t i = 0; i < count; i++) (void)close(fds[i]);
    return n == 0 && count == 0 ? ERR_CLOSED : ERR_INPUT; /* our own messages are never empty */
}
