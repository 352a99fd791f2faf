/*
 * How a connection lives: read, flush, wait, linger, close. Registered once with the kernel, edge-triggered, so that a
 * request costs a read and a write and nothing else. Buffers exist only while bytes are held back.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "http/http_priv.h"

#define TURNS_MAX 4 /* reads of one connection before the others have theirs */

static const char over_the_cap[] = "HTTP/1.1 503 Service Unavailable\r\nCache-Control: no-store\r\nRetry-After: 1\r\n"
                                   "Content-Length: 0\r\nConnection: close\r\n\r\n";

/*
 * As recv and send. Those of libc are points of cancellation, which costs a program with threads two locked
 * instructions a call; nothing here is ever cancelled.
 */
static ssize_t socket_recv(int fd, void *to, size_t n) { return syscall(SYS_recvfrom, fd, to, n, 0, NULL, NULL); }
static ssize_t socket_send(int fd, struct str bytes, int flags) {
    return syscall(SYS_sendto, fd, bytes.p, bytes.n, flags, NULL, 0);
}

static bool is_pending(const struct conn *c) { return has_output(c) || c->state == CONN_SEND; }

static struct conn *slot_take(struct loop *l) {
    struct conn *c = l->free_conns;
    if (c) {
        l->free_conns = c->next;
        return c;
    }
    if (l->conns_used == (uint32_t)l->server->o.connections_max) return NULL;
    c = &l->conns[l->conns_used];
    c->slot = l->conns_used++;
    return c;
}

/* Counts the connection against both caps. */
static bool caps_take(struct http_server *s, const struct address *a, bool *ret_is_counted) {
    int max = s->o.connections_per_address_max;
    *ret_is_counted = max > 0 && !networks_hold(&s->trusted, a);
    if (atomic_fetch_add_explicit(&s->connections, 1, memory_order_relaxed) < s->o.connections_max &&
        (!*ret_is_counted || counters_take(&s->counters, a, max)))
        return true;
    atomic_fetch_sub_explicit(&s->connections, 1, memory_order_relaxed);
    return false;
}

static void caps_give(struct http_server *s, const struct address *a, bool is_counted) {
    if (is_counted) counters_give(&s->counters, a);
    atomic_fetch_sub_explicit(&s->connections, 1, memory_order_relaxed);
}

void conn_open(struct loop *l, int fd, struct address a) {
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
    bool is_counted;
    struct conn *c = NULL;
    if (!caps_take(l->server, &a, &is_counted)) {
        (void)send(fd, over_the_cap, sizeof over_the_cap - 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* a courtesy */
        (void)close(fd);
        return;
    }
    c = slot_take(l);
    if (!c) { /* zombies hold the slots */
        caps_give(l->server, &a, is_counted);
        (void)close(fd);
        return;
    }
    c->fd = fd;
    c->address = a;
    c->is_counted = is_counted;
    c->state = CONN_IDLE;
    buf_init(&c->in, IN_BYTES);
    buf_init(&c->out, OUT_BYTES_MAX);
    l->live++;
    event.data.u64 = (uint64_t)atomic_load_explicit(&c->generation, memory_order_relaxed) << 32 | c->slot;
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        conn_close(l, c);
        return;
    }
    conn_arm(l, c);
}

void conn_release(struct loop *l, struct conn *c) {
    atomic_fetch_add(&c->generation, 1);
    atomic_store(&c->stream_unsent, 0);
    c->state = CONN_FREE;
    c->has_input = c->is_fresh = c->is_half = c->is_eof = c->closes = c->lingers = c->is_full = false;
    c->next = l->free_conns;
    l->free_conns = c;
    l->live--;
}

void conn_close(struct loop *l, struct conn *c) {
    void (*closed)(void *ctx) = c->closed;
    bool is_out;
    if (c->ahead && c->ahead->got > 0) bytes_wipe(c->ahead->in, (size_t)c->ahead->got);
    c->ahead = NULL;
    if (c->state == CONN_BODY && c->req->take) body_refuse(l, c, 400); /* its taker must hear of it */
    is_out = c->req && (c->state == CONN_BUSY || c->state == CONN_STREAM);
    (void)close(c->fd);
    c->fd = -1;
    caps_give(l->server, &c->address, c->is_counted);
    wheel_drop(&l->wheel, &c->timer);
    buf_release(&c->in);
    buf_release(&c->out);
    c->out_at = 0;
    c->tail = STR_NONE;
    atomic_store(&c->is_streaming, false);
    c->closed = NULL;
    if (is_out) {
        c->state = CONN_ZOMBIE;
    } else {
        if (c->req) request_free(c->req);
        c->req = NULL;
        conn_release(l, c);
    }
    if (closed) closed(c->closed_ctx);
}

static int64_t pace_by_ms(const struct loop *l, const struct conn *c) {
    const struct http_options *o = &l->server->o;
    int64_t by_rate =
        c->since_ms + 5 * MS_PER_S + (int64_t)(c->moved * (uint64_t)MS_PER_S / (uint64_t)o->body_rate_min);
    int64_t by_gap = c->moved_ms + o->body_ms;
    return by_rate < by_gap ? by_rate : by_gap;
}

/* When something must have happened, whatever the state is. */
void conn_arm(struct loop *l, struct conn *c) {
    const struct http_options *o = &l->server->o;
    int64_t due_ms = l->now_ms + o->idle_ms;
    if (c->state == CONN_ZOMBIE || c->state == CONN_FREE || c->state == CONN_LINGER) return;
    if (is_pending(c)) {
        due_ms = pace_by_ms(l, c);
    } else if (c->state == CONN_HEAD) {
        due_ms = c->since_ms + o->head_ms;
    } else if (c->state == CONN_STREAM) {
        due_ms = c->moved_ms + STREAM_COMMENT_MS;
    } else if (c->state == CONN_BODY) {
        due_ms = pace_by_ms(l, c);
        if (due_ms > c->whole_by_ms) due_ms = c->whole_by_ms;
    } else if (c->state == CONN_BUSY) {
        due_ms = c->whole_by_ms;
    }
    wheel_set(&l->wheel, &c->timer, due_ms);
}

/* Keeps what the kernel did not take; `sent` bytes of l->out went. */
static void flush_keep(struct loop *l, struct conn *c, size_t sent) {
    buf_add(&c->out, str_skip(buf_str(&l->out), sent));
    if (buf_err(&c->out) != OK) c->closes = c->lingers = true;
    c->since_ms = c->moved_ms = l->now_ms;
    c->moved = 0;
}

static ssize_t flush_send(struct conn *c, struct str first) {
    struct iovec parts[2] = { { .iov_base = (void *)(uintptr_t)first.p, .iov_len = first.n },
                              { .iov_base = (void *)(uintptr_t)c->tail.p, .iov_len = c->tail.n } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    bool has_file = c->state == CONN_SEND && c->req->source.fd >= 0 && c->req->source.left > 0;
    if (c->tail.n == 0) return socket_send(c->fd, first, MSG_NOSIGNAL | (has_file ? MSG_MORE : 0));
    return sendmsg(c->fd, &message, MSG_NOSIGNAL);
}

static void flush_moved(struct loop *l, struct conn *c, size_t sent) {
    size_t of_out = c->out.n - c->out_at;
    if (of_out > sent) of_out = sent;
    c->out_at += of_out;
    c->tail = str_skip(c->tail, sent - of_out);
    c->moved += sent;
    c->moved_ms = l->now_ms;
    if (c->out_at < c->out.n) return;
    buf_release(&c->out);
    c->out_at = 0;
}

/* Sends c->out, then the borrowed tail. False when the peer is gone. */
static bool flush_kept(struct loop *l, struct conn *c) {
    if (l->out.n > 0) buf_add(&c->out, buf_str(&l->out)); /* the tail is empty: with one, nothing is answered */
    while (has_output(c)) {
        ssize_t n = flush_send(c, (struct str){ c->out.p + c->out_at, c->out.n - c->out_at });
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN;
        flush_moved(l, c, (size_t)n);
    }
    return true;
}

static bool flush_fresh(struct loop *l, struct conn *c) {
    ssize_t n;
    do n = flush_send(c, buf_str(&l->out));
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN) return false;
    if (n < 0) n = 0;
    if ((size_t)n < l->out.n) {
        flush_keep(l, c, (size_t)n);
        return true;
    }
    c->tail = str_skip(c->tail, (size_t)n - l->out.n);
    if (c->tail.n == 0) return true;
    c->since_ms = c->moved_ms = l->now_ms;
    c->moved = 0;
    return true;
}

bool conn_flush(struct loop *l, struct conn *c) {
    bool is_fine = buf_err(&l->out) == OK && buf_err(&c->out) == OK;
    if (is_fine && c->out.n > c->out_at)
        is_fine = flush_kept(l, c);
    else if (is_fine && l->out.n > 0)
        is_fine = flush_fresh(l, c);
    else if (is_fine && c->tail.n > 0)
        is_fine = flush_kept(l, c);
    if (l->out.n > 0) bytes_wipe(l->out.p, l->out.n);
    if (l->out.cap > 4 * (size_t)OUT_JOIN_BYTES) buf_release(&l->out);
    buf_reset(&l->out);
    if (c->state == CONN_STREAM) atomic_store(&c->stream_unsent, (int64_t)(c->out.n - c->out_at));
    if (is_fine && buf_err(&c->out) == OK) return true;
    conn_close(l, c);
    return false;
}

bool conn_read_ahead(struct conn *c, uint32_t events, struct ahead *a) {
    bool is_next = c->state == CONN_IDLE && !c->closes && !is_pending(c) && c->in.n == 0 && !c->is_fresh;
    if (!is_next || (events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != EPOLLIN) return false;
    a->got = socket_recv(c->fd, a->in, IN_BYTES);
    a->error = errno;
    c->ahead = a;
    return a->got > 0;
}

/* Into l->in, behind the `n` bytes that will stand there. */
static ssize_t read_more(struct loop *l, struct conn *c, size_t n) {
    struct ahead *a = c->ahead;
    char *in = l->in;
    if (!a) return socket_recv(c->fd, l->in + n, IN_BYTES - n);
    c->ahead = NULL; /* nothing stood there */
    l->in = a->in;
    a->in = in;
    errno = a->error;
    return a->got;
}

/* What there is to parse, in l->in; 0 when that is nothing new. */
static size_t conn_read(struct loop *l, struct conn *c) {
    size_t n = c->in.n;
    ssize_t got = 0;
    if (!c->has_input && !c->is_fresh) return 0;
    if (c->has_input && n < IN_BYTES) {
        got = read_more(l, c, n);
        if (got < 0 && errno == EINTR) return 0; /* settled as having more to do */
        if (got == 0 || (got < 0 && errno != EAGAIN)) c->is_eof = true;
        if (got <= 0 || ((size_t)got < IN_BYTES - n && !c->is_half)) c->has_input = false;
    }
    if (got <= 0 && !c->is_fresh) return 0;
    if (n > 0) {
        memcpy(l->in, c->in.p, n);
        bytes_wipe(c->in.p, n);
        buf_reset(&c->in);
    }
    c->is_fresh = false;
    return n + (got > 0 ? (size_t)got : 0);
}

/* Nothing more will be written: leave at once, or let the peer read our answer before its own bytes get it a reset. */
static void conn_end(struct loop *l, struct conn *c) {
    if (!c->lingers || c->is_eof || shutdown(c->fd, SHUT_WR) != 0) {
        conn_close(l, c);
        return;
    }
    c->state = CONN_LINGER;
    c->moved = 0;
    buf_release(&c->in);
    wheel_set(&l->wheel, &c->timer, l->now_ms + LINGER_MS);
    conn_ready(l, c, EPOLLIN);
}

static void linger_read(struct loop *l, struct conn *c) {
    for (;;) {
        ssize_t n = recv(c->fd, l->in, IN_BYTES, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0 || (c->moved += (uint64_t)n) > LINGER_BYTES_MAX) {
            conn_close(l, c);
            return;
        }
    }
}

static void again_later(struct loop *l, struct conn *c) {
    if (c->is_queued) return;
    c->is_queued = true;
    c->again = NULL;
    if (l->again_last)
        l->again_last->again = c;
    else
        l->again = c;
    l->again_last = c;
}

/* After the turns: end, wait, or ask for more turns. */
static void conn_settle(struct loop *l, struct conn *c) {
    bool is_waiting = c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
    if (!is_pending(c) && c->closes && (c->state == CONN_IDLE || c->state == CONN_STREAM)) {
        conn_end(l, c);
        return;
    }
    if ((!is_pending(c) && c->is_eof && is_waiting && !c->is_fresh) || (c->state == CONN_STREAM && c->is_half)) {
        conn_close(l, c);
        return;
    }
    if (c->state == CONN_IDLE && c->in.n == 0 && c->in.p) buf_release(&c->in);
    conn_arm(l, c);
    if (c->state == CONN_SEND && !has_output(c) && !c->is_full) again_later(l, c);
    if (!is_pending(c) && takes_input(c) && (c->has_input || c->is_fresh)) again_later(l, c);
}

void conn_pump(struct loop *l, struct conn *c) {
    for (int turn = 0;; turn++) {
        size_t n;
        if (!conn_flush(l, c)) return;
        if (c->state == CONN_SEND && !has_output(c) && !source_send(l, c)) return;
        if (turn == TURNS_MAX || is_pending(c) || !takes_input(c)) break;
        if (body_is_direct(c)) {
            if (!body_read(l, c)) break;
            continue;
        }
        n = conn_read(l, c);
        if (n == 0) break;
        serve_input(l, c, n);
        bytes_wipe(l->in, n);
    }
    conn_settle(l, c);
}

void conn_ready(struct loop *l, struct conn *c, uint32_t events) {
    if (events & (EPOLLERR | EPOLLHUP)) {
        if (c->state != CONN_ZOMBIE && c->state != CONN_FREE) conn_close(l, c);
        return;
    }
    if (events & EPOLLRDHUP) c->is_half = true;
    if (events & (EPOLLIN | EPOLLRDHUP)) c->has_input = true;
    if (c->state == CONN_ZOMBIE || c->state == CONN_FREE) return;
    if (c->state == CONN_LINGER) {
        linger_read(l, c);
        return;
    }
    if (c->state == CONN_STREAM && c->is_half) {
        conn_close(l, c);
        return;
    }
    conn_pump(l, c);
}

void conn_expire(struct loop *l, struct conn *c) {
    if (is_pending(c) || c->state == CONN_IDLE || c->state == CONN_BUSY || c->state == CONN_LINGER) {
        conn_close(l, c);
        return;
    }
    if (c->state == CONN_STREAM) {
        buf_add(&l->out, STR(":\n\n"));
        c->moved_ms = l->now_ms;
    } else {
        serve_refuse(l, c, 408);
    }
    conn_pump(l, c);
}
