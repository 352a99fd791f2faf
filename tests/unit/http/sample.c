/* The handlers of the sample application and its listeners. */
#include "sample.h"

#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"

static struct sample *seen(void *app) {
    struct sample *s = app;
    atomic_fetch_add(&s->handled, 1);
    return s;
}

/* About 300 bytes with its head, like a session check. */
static void get_fast(struct http_request *req, void *app) {
    (void)seen(app);
    http_reply(req, 200, "application/json",
               STR("{\"account\":{\"id\":\"ac_0123456789abcdef\",\"email\":\"alice@example.org\",\"name\":\"Alice\"},"
                   "\"session\":{\"id\":\"se_0123456789abcdef\",\"created_at\":\"2026-11-24T12:00:00.000Z\","
                   "\"expires_at\":\"2026-11-25T12:00:00.000Z\",\"proofs\":[\"password\",\"code\"]},"
                   "\"device\":{\"id\":\"de_0123456789abcdef\",\"name\":\"Firefox\",\"trusted\":true}}"));
}

static void echo(struct http_request *req, void *app) {
    (void)seen(app);
    http_reply(req, 200, "application/octet-stream", http_body(req));
}

static void post_json(struct http_request *req, void *app) {
    static const char *const members[] = { "a", "b", NULL };
    json_t *body = http_json(req);
    (void)seen(app);
    if (!body || !http_json_members(req, body, members)) return;
    http_reply_json(req, 201, json_pack("{s:O}", "got", body));
}

static void get_item(struct http_request *req, void *app) {
    (void)seen(app);
    http_reply(req, 200, "text/plain", http_param(req, "id"));
}

static void get_part(struct http_request *req, void *app) {
    struct str id = http_param(req, "id");
    struct str part = http_param(req, "part");
    const char *text = arena_fmt(http_arena(req), "%.*s|%.*s", STR_FMT(id), STR_FMT(part));
    (void)seen(app);
    http_reply(req, 200, "text/plain", str_from(text));
}

static void get_special(struct http_request *req, void *app) {
    (void)seen(app);
    http_reply(req, 200, "text/plain", STR("special"));
}

static void get_file(struct http_request *req, void *app) {
    (void)seen(app);
    http_reply(req, 200, "text/plain", http_param(req, "rest"));
}

static void get_query(struct http_request *req, void *app) {
    struct str x;
    enum err r = http_query(req, "x", &x);
    (void)seen(app);
    if (r == OK)
        http_reply(req, 200, "text/plain", x);
    else
        http_reply_problem(req, r == ERR_NOT_FOUND ? 404 : 400, "bad_request", err_name(r));
}

static void get_seen(struct http_request *req, void *app) {
    struct str values[] = { http_method(req),
                            http_path(req),
                            http_peer(req),
                            http_header(req, "x-test"),
                            http_header(req, "user-agent"),
                            http_cookie(req, "b") };
    const char *text = "";
    (void)seen(app);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        text = arena_fmt(http_arena(req), "%s%.*s\n", text, STR_FMT(values[i]));
    http_add_header(req, "X-Added", STR("one"));
    http_add_header(req, "Set-Cookie", STR("two=2; HttpOnly"));
    http_reply(req, 200, "text/plain", str_from(text));
}

static void get_empty(struct http_request *req, void *app) {
    (void)seen(app);
    http_reply(req, 204, NULL, STR_NONE);
}

static void get_silent(struct http_request *req, void *app) {
    (void)req;
    (void)seen(app);
}

static void get_slow(struct http_request *req, void *app) {
    struct sample *s = seen(app);
    atomic_fetch_add(&s->sleeping, 1);
    for (int ms = 0; ms < atomic_load(&s->sleep_ms); ms += 10) (void)usleep(10000);
    atomic_fetch_sub(&s->sleeping, 1);
    http_reply(req, 200, "text/plain", STR("slept"));
}

static void hand_over(struct http_request *req, void *app) {
    (void)seen(app);
    http_hand_over(req, echo);
}

void sample_answer(struct http_request *req, void *ctx) {
    struct sample *s = ctx;
    atomic_fetch_add(&s->resumed, 1);
    http_reply(req, 200, "text/plain", STR("resumed"));
}

static void suspend(struct http_request *req, void *app) {
    struct sample *s = seen(app);
    struct http_ticket t = http_suspend(req);
    (void)pthread_mutex_lock(&s->lock);
    s->ticket = t;
    s->has_ticket = true;
    (void)pthread_mutex_unlock(&s->lock);
}

/* Answered before the handler has returned: the hardest order. */
static void suspend_and_resume(struct http_request *req, void *app) {
    struct sample *s = seen(app);
    struct http_server *server = http_server_of(req);
    http_resume(server, http_suspend(req), sample_answer, s);
}

static void stream_closed(void *ctx) {
    struct sample *s = ctx;
    atomic_fetch_add(&s->streams_closed, 1);
}

static void stream(struct http_request *req, void *app) {
    struct sample *s = seen(app);
    struct http_ticket t = http_stream_begin(req, STR("event: hello\ndata: 1\n\n"), stream_closed, s);
    (void)pthread_mutex_lock(&s->lock);
    s->stream = t;
    s->has_stream = true;
    (void)pthread_mutex_unlock(&s->lock);
}

static char large[SAMPLE_LARGE];

static void get_static(struct http_request *req, void *app) {
    (void)seen(app);
    http_reply_static(req, "text/css", STR("body{}"), "abc", "max-age=60");
}

static void get_large(struct http_request *req, void *app) {
    (void)seen(app);
    http_reply_static(req, "text/plain", str_bytes(large, sizeof large), "\"large\"", "max-age=60");
}

/* ---- long bodies ---- */

struct taker {
    struct sample *s;
    uint64_t bytes, sum, largest;
    int64_t most; /* refuses beyond */
};

static void take_piece(struct http_request *req, void *ctx, struct str bytes, enum http_piece is) {
    struct taker *t = ctx;
    for (size_t i = 0; i < bytes.n; i++) t->sum = t->sum * 31 + (unsigned char)bytes.p[i];
    t->bytes += bytes.n;
    if (bytes.n > t->largest) t->largest = bytes.n;
    if (is == HTTP_PIECE_CUT) atomic_fetch_add(&t->s->cut, 1);
    if (is == HTTP_PIECE_LAST)
        http_reply(req, 200, "text/plain",
                   str_from(arena_fmt(http_arena(req), "%llu %llx %llu", (unsigned long long)t->bytes,
                                      (unsigned long long)t->sum, (unsigned long long)t->largest)));
    if (is == HTTP_PIECE_MORE && (int64_t)t->bytes > t->most) {
        http_set_reason(req, "No Room Left");
        http_reply_problem(req, 507, "full", "");
    }
    if (is != HTTP_PIECE_MORE || (int64_t)t->bytes > t->most) {
        atomic_fetch_sub(&t->s->takers, 1);
        free(t);
    }
}

/* POST /pieces/{most}: 0 refuses before the body. */
static void post_pieces(struct http_request *req, void *app) {
    struct sample *s = seen(app);
    int64_t most = 0;
    struct taker *t = NULL;
    (void)!str_to_i64(http_param(req, "most"), INT64_MAX / 2, &most);
    if (most > 0) t = calloc(1, sizeof *t);
    if (!t) {
        http_set_reason(req, "Not Today");
        http_reply_problem(req, 403, "forbidden", "");
        return;
    }
    *t = (struct taker){ .s = s, .most = most };
    atomic_fetch_add(&s->takers, 1);
    http_body_begin(req, take_piece, t);
}

static void get_file_part(struct http_request *req, void *app) {
    struct sample *s = seen(app);
    int64_t from = 0, length = 0;
    int fd = open(s->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || str_to_i64(http_param(req, "from"), INT64_MAX, &from) != OK ||
        str_to_i64(http_param(req, "length"), INT64_MAX, &length) != OK) {
        if (fd >= 0) (void)close(fd);
        http_reply_problem(req, 404, "not_found", "");
        return;
    }
    http_reply_file(req, 206, "application/octet-stream", (struct http_file){ fd, from, length });
}

/* From the loop, where that is possible; as the other from a work thread, where it is not. */
static void get_near_part(struct http_request *req, void *app) {
    const struct sample *s = app;
    struct http_file f = { .fd = open(s->file, O_RDONLY | O_CLOEXEC) };
    bool is_fine = f.fd >= 0 && str_to_i64(http_param(req, "from"), INT64_MAX, &f.offset) == OK &&
                   str_to_i64(http_param(req, "length"), INT64_MAX, &f.length) == OK;
    http_add_header(req, "X-Near", STR("yes"));
    if (is_fine && http_reply_file_near(req, 206, "application/octet-stream", &f)) return;
    if (f.fd >= 0) (void)close(f.fd);
    http_hand_over(req, get_file_part);
}

/* Never sure on a loop. */
static enum http_gate_says gate_ask(void *ctx, bool may_wait) {
    struct sample *s = ctx;
    if (!may_wait) return atomic_load(&s->let) > -2 ? HTTP_GATE_UNSURE : HTTP_GATE_CLOSED;
    atomic_fetch_add(&s->asked, 1);
    return atomic_fetch_sub(&s->let, 1) > 0 ? HTTP_GATE_OPEN : HTTP_GATE_CLOSED;
}

static void gate_passed(void *ctx, int64_t bytes) { atomic_fetch_add(&((struct sample *)ctx)->passed, bytes); }
static void gate_end(void *ctx) { atomic_fetch_sub(&((struct sample *)ctx)->takers, 1); }

static void get_gated_part(struct http_request *req, void *app) {
    struct sample *s = seen(app);
    struct http_file f = { .fd = open(s->file, O_RDONLY | O_CLOEXEC), .gate = { gate_ask, gate_passed, gate_end, s } };
    if (f.fd < 0 || str_to_i64(http_param(req, "length"), INT64_MAX, &f.length) != OK) {
        if (f.fd >= 0) (void)close(f.fd);
        http_reply_problem(req, 404, "not_found", "");
        return;
    }
    atomic_fetch_add(&s->takers, 1);
    http_reply_file(req, 206, "application/octet-stream", f);
}

struct maker {
    struct sample *s;
    int64_t made, all, step;
};

static enum http_piece make(void *ctx, struct buf *out) {
    struct maker *m = ctx;
    size_t had = out->n;
    if (m->step == 7 && m->made > m->all / 2) return HTTP_PIECE_CUT;
    for (int64_t i = 0; i < m->step && m->made < m->all; i++, m->made++) buf_add_c(out, (char)('a' + m->made % 26));
    return m->made == m->all && (m->step % 2 == 1 || out->n == had) ? HTTP_PIECE_LAST : HTTP_PIECE_MORE;
}

static void make_end(void *ctx) {
    struct maker *m = ctx;
    atomic_fetch_sub(&m->s->takers, 1);
    free(m);
}

/* GET /source/{kind}/{all}/{step}: counted, wrong (a length that is not kept) or chunked. A step of 7 fails midway, an
 * even one ends with a piece of no bytes. */
static void get_source(struct http_request *req, void *app) {
    struct sample *s = seen(app);
    struct maker *m = calloc(1, sizeof *m);
    struct http_source source = { .next = make, .end = make_end, .ctx = m };
    if (!m || str_to_i64(http_param(req, "all"), INT64_MAX, &m->all) != OK ||
        str_to_i64(http_param(req, "step"), INT64_MAX, &m->step) != OK) {
        free(m);
        http_reply_problem(req, 404, "not_found", "");
        return;
    }
    m->s = s;
    atomic_fetch_add(&s->takers, 1);
    source.length = str_eq(http_param(req, "kind"), STR("chunked")) ? -1 : m->all;
    if (str_eq(http_param(req, "kind"), STR("wrong"))) source.length++;
    http_reply_source(req, 200, "text/plain", &source);
}

static const struct http_route routes[] = {
    { "GET", "/", HTTP_FAST, get_special, 0 },
    { "GET", "/fast", HTTP_FAST, get_fast, 0 },
    { "POST", "/fast/echo", HTTP_FAST, echo, 65536 },
    { "POST", "/pool/echo", HTTP_WORK, echo, 1 << 20 },
    { "GET", "/pool/fast", HTTP_WORK, get_fast, 0 },
    { "POST", "/json", HTTP_FAST, post_json, 65536 },
    { "GET", "/items/{id}", HTTP_FAST, get_item, 0 },
    { "DELETE", "/items/{id}", HTTP_WORK, get_item, 0 },
    { "GET", "/items/{id}/parts/{part}", HTTP_WORK, get_part, 0 },
    { "GET", "/items/special", HTTP_FAST, get_special, 0 },
    { "GET", "/files/{rest...}", HTTP_FAST, get_file, 0 },
    { "GET", "/query", HTTP_FAST, get_query, 0 },
    { "GET", "/seen", HTTP_FAST, get_seen, 0 },
    { "GET", "/pool/seen", HTTP_WORK, get_seen, 0 },
    { "GET", "/empty", HTTP_FAST, get_empty, 0 },
    { "GET", "/silent", HTTP_FAST, get_silent, 0 },
    { "GET", "/pool/silent", HTTP_WORK, get_silent, 0 },
    { "GET", "/slow", HTTP_WORK, get_slow, 0 },
    { "POST", "/hand-over", HTTP_FAST, hand_over, 65536 },
    { "POST", "/suspend", HTTP_FAST, suspend, 1000 },
    { "POST", "/pool/suspend", HTTP_WORK, suspend, 1000 },
    { "GET", "/resumed", HTTP_FAST, suspend_and_resume, 0 },
    { "GET", "/pool/resumed", HTTP_WORK, suspend_and_resume, 0 },
    { "GET", "/stream", HTTP_FAST, stream, 0 },
    { "GET", "/pool/stream", HTTP_WORK, stream, 0 },
    { "GET", "/static/small", HTTP_FAST, get_static, 0 },
    { "GET", "/static/large", HTTP_FAST, get_large, 0 },
    { "POST", "/pieces/{most}", HTTP_WORK, post_pieces, (size_t)1 << 30, .takes_pieces = true },
    { "GET", "/file/{from}/{length}", HTTP_WORK, get_file_part, 0 },
    { "GET", "/near/{from}/{length}", HTTP_FAST, get_near_part, 0 },
    { "GET", "/gated/{length}", HTTP_WORK, get_gated_part, 0 },
    { "GET", "/source/{kind}/{all}/{step}", HTTP_WORK, get_source, 0 },
    { NULL },
};

static int listener_open(int *port) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
    socklen_t n = sizeof a;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        (void)close(fd);
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

/* Every test runs with it: what is shown must be what comes next, and nothing may change. */
static void see_ahead(void *app, const struct str *bytes, size_t n) {
    struct sample *s = app;
    assert(n > 1 && n <= HTTP_AHEAD_MAX);
    for (size_t i = 0; i < n; i++) assert(bytes[i].n > 0);
    atomic_fetch_add(&s->shown, (int)n);
}

enum err sample_start(struct sample *s, struct http_options o, int loops, int port) {
    static const char *const headers[] = { "X-Content-Type-Options: nosniff", NULL };
    enum err r;
    *s = (struct sample){ .port = port };
    for (int i = 0; i < SAMPLE_LOOPS_MAX; i++) s->listeners[i] = -1;
    for (size_t i = 0; i < sizeof large; i++) large[i] = (char)('a' + i % 26);
    (void)pthread_mutex_init(&s->lock, NULL);
    clock_init();
    if ((r = crypto_init()) != OK) return r;
    for (int i = 0; i < loops; i++)
        if ((s->listeners[i] = listener_open(&s->port)) < 0) return ERR_IO;
    o.listeners = s->listeners;
    o.listener_count = loops;
    o.app = s;
    o.routes = o.routes ? o.routes : routes;
    o.headers = headers;
    o.ahead = see_ahead;
    o.work_threads = o.work_threads ? o.work_threads : 2;
    o.queue_max = o.queue_max ? o.queue_max : 64;
    o.connections_max = o.connections_max ? o.connections_max : 1000;
    if ((r = http_server_new(&o, &s->server)) != OK) return r;
    return http_server_start(s->server);
}

void sample_stop(struct sample *s) {
    http_server_free(s->server);
    s->server = NULL;
    for (int i = 0; i < SAMPLE_LOOPS_MAX; i++)
        if (s->listeners[i] >= 0) (void)close(s->listeners[i]);
    (void)pthread_mutex_destroy(&s->lock);
}

static bool take(struct sample *s, bool *has, const struct http_ticket *from, struct http_ticket *ret) {
    for (int i = 0; i < 500; i++) {
        bool is_there;
        (void)pthread_mutex_lock(&s->lock);
        is_there = *has;
        if (is_there) *ret = *from;
        *has = false;
        (void)pthread_mutex_unlock(&s->lock);
        if (is_there) return true;
        (void)usleep(10000);
    }
    return false;
}

bool sample_take_ticket(struct sample *s, struct http_ticket *ret) { return take(s, &s->has_ticket, &s->ticket, ret); }
bool sample_take_stream(struct sample *s, struct http_ticket *ret) { return take(s, &s->has_stream, &s->stream, ret); }
