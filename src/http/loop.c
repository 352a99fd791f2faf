/*
 * One loop: waits for the kernel, its mailbox and its deadlines, and gives each connection its turn. Nothing here is
 * shared with another loop but counters and the mailbox, whose senders never wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/secret.h"
#include "http/http_priv.h"

#define EVENTS_MAX      256
#define ACCEPTS_MAX     128 /* before the connections have their turns */
#define OF_LISTENER     UINT64_MAX
#define OF_MAILBOX      (UINT64_MAX - 1)
#define ACCEPT_PAUSE_MS 100 /* when descriptors are out */

static enum err listen_set(struct loop *l, bool on) {
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = OF_LISTENER };
    if (l->accepts == on) return OK;
    if (epoll_ctl(l->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, l->listener, &event) != 0) return ERR_IO;
    l->accepts = on;
    return OK;
}

enum err loop_init(struct loop *l, struct http_server *s, unsigned index) {
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = OF_MAILBOX };
    int one = 1;
    l->server = s;
    l->index = index;
    l->listener = s->o.listeners[index];
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->in = malloc(IN_BYTES);
    l->conns = calloc((size_t)s->o.connections_max, sizeof *l->conns);
    buf_init(&l->out, OUT_BYTES_MAX);
    crypto_random(&l->id_state, sizeof l->id_state);
    if (!l->in || !l->conns) return ERR_NOMEM;
    for (int i = 0; s->o.ahead && i < HTTP_AHEAD_MAX; i++)
        if (!(l->ahead[i].in = malloc(IN_BYTES))) return ERR_NOMEM;
    if (l->epoll < 0 || l->event < 0) return ERR_IO;
    if (fcntl(l->listener, F_SETFL, fcntl(l->listener, F_GETFL) | O_NONBLOCK) != 0) return ERR_IO;
    (void)setsockopt(l->listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* inherited; not for Unix sockets */
    l->now_ms = clock_mono_ms();
    wheel_init(&l->wheel, l->now_ms);
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->event, &event) != 0) return ERR_IO;
    return listen_set(l, true);
}

static void mail_discard(struct mail *m) {
    while (m) {
        struct mail *next = m->next;
        if (!m->req) {
            bytes_wipe(m->bytes, m->n);
            free(m);
        }
        m = next;
    }
}

void loop_release(struct loop *l) {
    mail_discard(atomic_exchange(&l->mail, NULL));
    for (uint32_t i = 0; l->conns && i < l->conns_used; i++) request_destroy(l->conns[i].req);
    while (l->free_requests) {
        struct http_request *next = l->free_requests->next;
        request_destroy(l->free_requests);
        l->free_requests = next;
    }
    if (l->epoll >= 0) (void)close(l->epoll);
    if (l->event >= 0) (void)close(l->event);
    buf_release(&l->out);
    for (int i = 0; i < HTTP_AHEAD_MAX; i++) free(l->ahead[i].in);
    free(l->in);
    free(l->conns);
}

struct loop *loop_of(struct http_server *s, struct http_ticket t) {
    return &s->loops[t.index >> SLOT_BITS];
}

struct conn *conn_of(struct http_server *s, struct http_ticket t) {
    return &loop_of(s, t)->conns[t.index & (SLOTS_MAX - 1)];
}

void loop_wake(struct loop *l) {
    uint64_t one = 1;
    (void)!write(l->event, &one, sizeof one); /* fails only when 2^64 wakes were not read: it is awake */
}

void loop_post(struct loop *l, struct mail *m) {
    struct mail *first = atomic_load_explicit(&l->mail, memory_order_relaxed);
    do m->next = first;
    while (!atomic_compare_exchange_weak_explicit(&l->mail, &first, m, memory_order_release, memory_order_relaxed));
    if (!first) loop_wake(l);
}

/* In the order in which it was posted. */
static void mail_take(struct loop *l) {
    struct mail *m = atomic_load_explicit(&l->mail, memory_order_relaxed) ? atomic_exchange(&l->mail, NULL) : NULL;
    struct mail *in_order = NULL;
    while (m) {
        struct mail *next = m->next;
        m->next = in_order;
        in_order = m;
        m = next;
    }
    while (in_order) {
        struct mail *next = in_order->next;
        serve_mail(l, in_order);
        in_order = next;
    }
}

static void accept_all(struct loop *l) {
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage from = { 0 };
        socklen_t n = sizeof from;
        int fd = accept4(l->listener, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            conn_open(l, fd, address_of(&from));
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            (void)listen_set(l, false); /* the listener would only wake us in vain */
            l->accept_again_ms = l->now_ms + ACCEPT_PAUSE_MS;
        }
        if (errno != ECONNABORTED && errno != EINTR) return;
    }
}

/* NULL: it is another's by now. */
static struct conn *event_conn(struct loop *l, uint64_t of) {
    struct conn *c = &l->conns[(uint32_t)of];
    return atomic_load_explicit(&c->generation, memory_order_relaxed) == (uint32_t)(of >> 32) ? c : NULL;
}

static void event_take(struct loop *l, const struct epoll_event *e) {
    struct conn *c;
    if (e->data.u64 == OF_MAILBOX) return;
    if (e->data.u64 == OF_LISTENER)
        accept_all(l);
    else if ((c = event_conn(l, e->data.u64)))
        conn_ready(l, c, e->events);
}

/* Shows what has come of several connections before the first has its turn. */
static void show_ahead(struct loop *l, const struct epoll_event *events, int n) {
    struct str shown[HTTP_AHEAD_MAX];
    size_t many = 0;
    for (int i = 0; i < n; i++) {
        uint64_t of = events[i].data.u64;
        struct conn *c = of == OF_MAILBOX || of == OF_LISTENER ? NULL : event_conn(l, of);
        struct ahead *a = &l->ahead[i];
        if (c && conn_read_ahead(c, events[i].events, a)) shown[many++] = str_bytes(a->in, (size_t)a->got);
    }
    if (many > 1) l->server->o.ahead(l->server->o.app, shown, many);
}

static void events_take(struct loop *l, const struct epoll_event *events, int n) {
    bool shows = l->server->o.ahead && n > 1;
    for (int i = 0; i < n; i++) {
        if (shows && i % HTTP_AHEAD_MAX == 0)
            show_ahead(l, events + i, n - i < HTTP_AHEAD_MAX ? n - i : HTTP_AHEAD_MAX);
        event_take(l, &events[i]);
    }
}

static void again_take(struct loop *l) {
    struct conn *c = l->again;
    l->again = l->again_last = NULL;
    while (c) {
        struct conn *next = c->again;
        c->is_queued = false;
        if (takes_input(c) || c->state == CONN_SEND) conn_pump(l, c);
        c = next;
    }
}

static void deadlines_take(struct loop *l) {
    struct wheel_entry *e;
    while ((e = wheel_next_due(&l->wheel, l->now_ms)) != NULL) conn_expire(l, (struct conn *)(void *)e);
    if (!l->accepts && !l->drains && l->now_ms >= l->accept_again_ms) (void)listen_set(l, true);
}

/* Takes what has come, answers it, and closes what is idle. */
static void drain_begin(struct loop *l) {
    l->drains = true;
    accept_all(l);
    (void)listen_set(l, false);
    for (uint32_t i = 0; i < l->conns_used; i++) {
        struct conn *c = &l->conns[i];
        if (c->state == CONN_STREAM) conn_close(l, c);
        if (c->state != CONN_IDLE || c->closes) continue;
        c->has_input = true;
        conn_pump(l, c);
        if (c->state == CONN_IDLE && c->out.n == c->out_at && c->tail.n == 0) conn_close(l, c);
    }
}

static int wait_ms(const struct loop *l) {
    int wait = wheel_wait_ms(&l->wheel, l->now_ms);
    int64_t left;
    if (l->again) return 0;
    if (!l->accepts && !l->drains && (wait < 0 || wait > ACCEPT_PAUSE_MS)) wait = ACCEPT_PAUSE_MS;
    if (!l->drains) return wait;
    left = l->server->drain_by_ms - l->now_ms;
    if (left < 0) left = 0;
    return wait < 0 || wait > left ? (int)left : wait;
}

static void pin(const struct loop *l) {
    cpu_set_t allowed, mine;
    int wanted;
    CPU_ZERO(&mine);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) == 0) return;
    wanted = (int)l->index % CPU_COUNT(&allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || wanted-- > 0) continue;
        CPU_SET(cpu, &mine);
        (void)sched_setaffinity(0, sizeof mine, &mine); /* an advantage, not a need */
        return;
    }
}

static bool is_over(const struct loop *l) { return l->drains && (l->live == 0 || l->now_ms >= l->server->drain_by_ms); }

void *loop_run(void *arg) {
    struct loop *l = arg;
    struct epoll_event events[EVENTS_MAX];
    if (l->server->o.pin_to_cores) pin(l);
    while (!is_over(l)) {
        int n = epoll_wait(l->epoll, events, EVENTS_MAX, wait_ms(l));
        l->now_ms = clock_mono_ms();
        events_take(l, events, n);
        mail_take(l);
        if (l->again) again_take(l);
        deadlines_take(l);
        if (!l->drains && atomic_load(&l->server->drains)) drain_begin(l);
    }
    for (uint32_t i = 0; i < l->conns_used; i++) {
        struct conn *c = &l->conns[i];
        if (c->state != CONN_FREE && c->state != CONN_ZOMBIE) conn_close(l, c);
    }
    return NULL;
}
