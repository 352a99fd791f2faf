/*
 * A load generator for HTTP/1.1 over keep-alive connections: one thread, epoll, requests from a file, `depth` of them
 * pipelined on each connection. Cheap enough on its own core to saturate a server on another. Prints one line:
 *
 *   requests=N seconds=S rate=R p50_us=A p99_us=B max_us=C other=D errors=E
 *
 * Latency is that of a whole batch of `depth`. `other` counts answers whose status is not that of the first answer.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_BYTES   (256 * 1024)
#define FINE       100000 /* one microsecond each */
#define COARSE     100000 /* one millisecond each */
#define FILE_MAX   (512U << 20)
#define EVENTS_MAX 256

struct peer {
    int fd;
    uint32_t waiting; /* answers of this batch */
    uint64_t sent_ns;
    char *in;
    size_t in_n;
    char *out;
    size_t out_n, out_at;
};

struct load {
    const char *host, *port, *file;
    int connections, depth, cpu;
    double seconds;
    char *bytes;    /* the file */
    size_t *starts; /* of each request in it, and the end */
    size_t request_count, request_next;
    struct addrinfo *address;
    int epoll;
    uint64_t done, other, errors;
    size_t known_head, known_all; /* the shape of the last answer: most are alike */
    char known_status[12];
    uint64_t fine[FINE], coarse[COARSE], max_us;
};

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void note_latency(struct load *l, uint64_t ns) {
    uint64_t us = ns / 1000;
    if (us > l->max_us) l->max_us = us;
    if (us < FINE)
        l->fine[us]++;
    else
        l->coarse[us / 1000 < COARSE ? us / 1000 : COARSE - 1]++;
}

static uint64_t percentile_us(const struct load *l, double p) {
    uint64_t total = 0;
    uint64_t seen = 0;
    for (size_t i = 0; i < FINE; i++) total += l->fine[i];
    for (size_t i = 0; i < COARSE; i++) total += l->coarse[i];
    for (size_t i = 0; i < FINE; i++)
        if ((double)(seen += l->fine[i]) >= p * (double)total) return i;
    for (size_t i = 0; i < COARSE; i++)
        if ((double)(seen += l->coarse[i]) >= p * (double)total) return i * 1000;
    return 0;
}

/* Content-Length in the n bytes of a head; 0 without one. */
static size_t content_length(const char *head, size_t n) {
    static const char name[] = "\r\ncontent-length:";
    for (size_t i = 0; i + sizeof name < n; i++) {
        size_t k = 0;
        while (k < sizeof name - 1 && (head[i + k] | (head[i + k] >= 'A' ? 0x20 : 0)) == name[k]) k++;
        if (k == sizeof name - 1) return strtoul(head + i + k, NULL, 10);
    }
    return 0;
}

static void requests_read(struct load *l) {
    FILE *f = fopen(l->file, "rb");
    size_t n = 0;
    size_t cap = 1 << 16;
    size_t at = 0;
    if (!f) fail(l->file);
    l->bytes = malloc(cap);
    while (l->bytes && !feof(f)) {
        n += fread(l->bytes + n, 1, cap - n, f);
        if (n == cap && cap < FILE_MAX) l->bytes = realloc(l->bytes, cap *= 2);
    }
    (void)fclose(f);
    l->starts = malloc((n / 16 + 2) * sizeof *l->starts); /* no request is shorter */
    if (!l->bytes || !l->starts) fail("memory");
    while (at < n) {
        const char *end = memmem(l->bytes + at, n - at, "\r\n\r\n", 4);
        if (!end) break;
        l->starts[l->request_count++] = at;
        at = (size_t)(end - l->bytes) + 4 + content_length(l->bytes + at, (size_t)(end - l->bytes) + 4 - at);
    }
    if (at != n || l->request_count == 0) {
        fprintf(stderr, "%s: not whole requests\n", l->file);
        exit(2);
    }
    l->starts[l->request_count] = n;
}

static void batch_fill(struct load *l, struct peer *p) {
    p->out_n = p->out_at = 0;
    for (int i = 0; i < l->depth; i++) {
        size_t from = l->starts[l->request_next];
        size_t n = l->starts[l->request_next + 1] - from;
        p->out = realloc(p->out, p->out_n + n);
        if (!p->out) fail("memory");
        memcpy(p->out + p->out_n, l->bytes + from, n);
        p->out_n += n;
        if (++l->request_next == l->request_count) l->request_next = 0;
    }
    p->waiting = (uint32_t)l->depth;
}

static bool batch_send(struct peer *p) {
    while (p->out_at < p->out_n) {
        ssize_t n = send(p->fd, p->out + p->out_at, p->out_n - p->out_at, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN;
        p->out_at += (size_t)n;
    }
    return true;
}

static bool batch_start(struct load *l, struct peer *p) {
    if (l->request_count > 1 || p->out_n == 0)
        batch_fill(l, p);
    else
        p->out_at = 0;
    p->waiting = (uint32_t)l->depth;
    p->sent_ns = now_ns();
    return batch_send(p);
}

static void peer_open(struct load *l, struct peer *p) {
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = p };
    int one = 1;
    p->fd = socket(l->address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || connect(p->fd, l->address->ai_addr, l->address->ai_addrlen) != 0) fail("connect");
    (void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    p->in_n = 0;
    if (!p->in) p->in = malloc(IN_BYTES);
    if (!p->in) fail("memory");
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, p->fd, &event) != 0) fail("epoll_ctl");
    if (!batch_start(l, p)) fail("send");
}

/* Bytes of the answer at the front of `in`; 0 while it is not whole. */
static size_t answer_size(struct load *l, const char *in, size_t n) {
    const char *end;
    size_t head;
    if (l->known_all && n >= l->known_all && memcmp(in, l->known_status, sizeof l->known_status) == 0 &&
        memcmp(in + l->known_head - 4, "\r\n\r\n", 4) == 0 &&
        (n == l->known_all || (n >= l->known_all + 4 && memcmp(in + l->known_all, "HTTP", 4) == 0)))
        return l->known_all;
    end = memmem(in, n, "\r\n\r\n", 4);
    if (!end) return 0;
    head = (size_t)(end - in) + 4;
    if (n < head + content_length(in, head)) return 0;
    if (!l->known_all) memcpy(l->known_status, in, sizeof l->known_status);
    if (memcmp(in, l->known_status, sizeof l->known_status) != 0) l->other++;
    l->known_head = head;
    l->known_all = head + content_length(in, head);
    return l->known_all;
}

static void answers_take(struct load *l, struct peer *p) {
    size_t at = 0;
    while (at < p->in_n && p->waiting > 0) {
        size_t n = answer_size(l, p->in + at, p->in_n - at);
        if (n == 0) break;
        at += n;
        l->done++;
        p->waiting--;
    }
    p->in_n -= at;
    if (p->in_n > 0) memmove(p->in, p->in + at, p->in_n);
}

/* False: the connection is of no more use. */
static bool peer_turn(struct load *l, struct peer *p) {
    if (p->out_at < p->out_n && !batch_send(p)) return false;
    for (;;) {
        size_t room = IN_BYTES - p->in_n;
        ssize_t n = recv(p->fd, p->in + p->in_n, room, 0);
        if (n < 0) return errno == EAGAIN;
        if (n == 0) return false;
        p->in_n += (size_t)n;
        answers_take(l, p);
        if (p->waiting == 0) {
            note_latency(l, now_ns() - p->sent_ns);
            if (!batch_start(l, p)) return false;
        }
        if ((size_t)n < room) return true;
    }
}

static double run(struct load *l, double seconds, struct peer *peers) {
    uint64_t begin = now_ns();
    uint64_t end = begin + (uint64_t)(seconds * 1e9);
    struct epoll_event events[EVENTS_MAX];
    (void)peers;
    while (now_ns() < end) {
        int n = epoll_wait(l->epoll, events, EVENTS_MAX, 100);
        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;
            if (peer_turn(l, p)) continue;
            l->errors++;
            (void)close(p->fd);
            peer_open(l, p);
        }
    }
    return (double)(now_ns() - begin) / 1e9;
}

static int usage(void) {
    fprintf(stderr, "usage: load [-c connections] [-p depth] [-t seconds] [-k cpu] HOST PORT FILE\n"
                    "FILE holds one or more whole requests, which are sent in turn.\n");
    return 2;
}

int main(int argc, char **argv) {
    static struct load l = { .connections = 32, .depth = 1, .cpu = -1, .seconds = 3 };
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct peer *peers;
    double took;
    int o;
    while ((o = getopt(argc, argv, "c:p:t:k:")) != -1) {
        if (o == 'c') l.connections = (int)strtol(optarg, NULL, 10);
        if (o == 'p') l.depth = (int)strtol(optarg, NULL, 10);
        if (o == 't') l.seconds = strtod(optarg, NULL);
        if (o == 'k') l.cpu = (int)strtol(optarg, NULL, 10);
        if (o == '?') return usage();
    }
    if (argc - optind != 3 || l.connections < 1 || l.depth < 1) return usage();
    l.host = argv[optind];
    l.port = argv[optind + 1];
    l.file = argv[optind + 2];
    if (l.cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)l.cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
    }
    requests_read(&l);
    if (getaddrinfo(l.host, l.port, &hints, &l.address) != 0) fail("getaddrinfo");
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    peers = calloc((size_t)l.connections, sizeof *peers);
    if (l.epoll < 0 || !peers) fail("memory");
    for (int i = 0; i < l.connections; i++) peer_open(&l, &peers[i]);
    (void)run(&l, l.seconds / 10, peers); /* warms caches and windows */
    l.done = l.other = l.errors = l.max_us = 0;
    memset(l.fine, 0, sizeof l.fine);
    memset(l.coarse, 0, sizeof l.coarse);
    took = run(&l, l.seconds, peers);
    printf("requests=%lu seconds=%.2f rate=%.0f p50_us=%lu p99_us=%lu max_us=%lu other=%lu errors=%lu\n", l.done, took,
           (double)l.done / took, percentile_us(&l, 0.5), percentile_us(&l, 0.99), l.max_us, l.other, l.errors);
    return 0;
}
