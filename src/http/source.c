/*
 * Long answers: a file goes from the page cache to the socket on the loop; what is not in the page cache is read on a
 * work thread first, so that no loop waits for a disk. A source's pieces are made on a work thread one at a time.
 */
#include <assert.h>
#include <errno.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "http/http_priv.h"

#define FILE_COPY_BYTES ((int64_t)16 * 1024)   /* up to here a file is read at once */
#define FILE_STEP_BYTES ((int64_t)1024 * 1024) /* sent before the other connections have their turn */
#define CHUNK_LINE      10                     /* "0003f000\r\n" */

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

void source_release(struct http_request *req) {
    struct source *s = &req->source;
    if (!s->is_set) return;
    if (s->fd >= 0) (void)close(s->fd);
    if (s->from.end) s->from.end(s->from.ctx);
    if (s->gate.end) s->gate.end(s->gate.ctx);
    *s = (struct source){ .fd = -1 };
}

/* Whether n bytes can be sent without waiting for the disk; looked at where they begin and end. */
static bool file_is_near(const struct source *s, int64_t n) {
    char byte;
    struct iovec v = { .iov_base = &byte, .iov_len = 1 };
    if (s->at + n <= s->near) return true;
    return preadv2(s->fd, &v, 1, s->at, RWF_NOWAIT) == 1 && preadv2(s->fd, &v, 1, s->at + n - 1, RWF_NOWAIT) == 1;
}

static void source_begin(struct http_request *req, int status, const char *content_type, const struct http_file *f) {
    req->source = (struct source){ .is_set = true, .fd = f->fd, .at = f->offset, .left = f->length, .gate = f->gate };
    if (!reply_long(req, status, content_type, f->length)) source_release(req);
}

/* `flags`: RWF_NOWAIT, or none. */
static bool file_read(const struct http_file *f, char *out, int flags) {
    int64_t had = 0;
    while (had < f->length) {
        struct iovec v = { .iov_base = out + had, .iov_len = (size_t)(f->length - had) };
        ssize_t n = preadv2(f->fd, &v, 1, f->offset + had, flags);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        had += n;
    }
    return true;
}

/* Straight into the answer, behind its head; which is taken back, with the headers, when it can't be read. */
static bool reply_small_file(struct http_request *req, int status, const char *content_type, const struct http_file *f,
                             int flags) {
    struct buf *out = req->sink;
    size_t had = out->n;
    (void)reply_long(req, status, content_type, f->length);
    if (buf_reserve(out, (size_t)f->length) != OK) return true; /* half an answer is none */
    if (file_read(f, out->p + out->n, flags)) {
        out->n += (size_t)f->length;
        (void)close(f->fd);
        if (f->gate.end) f->gate.passed(f->gate.ctx, f->length);
        if (f->gate.end) f->gate.end(f->gate.ctx);
        return true;
    }
    out->n = had;
    req->answered = false;
    buf_reset(&req->extra);
    return false;
}

static bool is_small(const struct http_request *req, const struct http_file *f) {
    return f->length <= FILE_COPY_BYTES && req->head.method != METHOD_HEAD;
}

bool http_reply_file_near(struct http_request *req, int status, const char *content_type, const struct http_file *f) {
    const struct source all = { .fd = f->fd, .at = f->offset };
    assert(req->on_loop && f->fd >= 0 && f->offset >= 0 && f->length >= 0);
    if (is_small(req, f)) return reply_small_file(req, status, content_type, f, RWF_NOWAIT);
    if (req->head.method == METHOD_HEAD || file_is_near(&all, smaller(f->length, FILE_STEP_BYTES))) {
        source_begin(req, status, content_type, f);
        return true;
    }
    buf_reset(&req->extra);
    return false;
}

/* ---- on a work thread ---- */

void http_reply_file(struct http_request *req, int status, const char *content_type, struct http_file file) {
    assert(!req->on_loop && file.fd >= 0 && file.offset >= 0 && file.length >= 0);
    if (!is_small(req, &file)) {
        source_begin(req, status, content_type, &file);
        return;
    }
    if (reply_small_file(req, status, content_type, &file, 0)) return;
    (void)close(file.fd);
    if (file.gate.end) file.gate.end(file.gate.ctx);
    http_reply_problem(req, 500, "internal", "The file could not be read.");
}

void http_reply_source(struct http_request *req, int status, const char *content_type,
                       const struct http_source *source) {
    assert(!req->on_loop);
    req->source = (struct source){ .is_set = true, .fd = -1, .left = source->length, .from = *source };
    req->source.is_chunked = source->length < 0 && req->head.minor > 0;
    if (!reply_long(req, status, content_type, source->length)) source_release(req);
}

static void file_fetch(struct http_request *req, void *ctx) {
    struct source *s = &req->source;
    int64_t to = s->at + smaller(s->left, FILE_STEP_BYTES);
    char scratch[16384];
    (void)ctx;
    http_turn.post = MAIL_PIECE;
    for (int64_t at = s->at; at < to && !s->is_cut;) {
        ssize_t n = pread(s->fd, scratch, (size_t)smaller(to - at, (int64_t)sizeof scratch), at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) s->is_cut = true; /* a bad disk, or the file has shrunk */
        at += n;
    }
    s->near = to;
}

static void file_ask(struct http_request *req, void *ctx) {
    struct source *s = &req->source;
    (void)ctx;
    http_turn.post = MAIL_PIECE;
    s->is_let = s->gate.ask(s->gate.ctx, true) == HTTP_GATE_OPEN;
    s->is_cut = !s->is_let;
}

/* Writes the length of the chunk that begins at `from` into its line, and ends it. */
static void chunk_close(struct buf *out, size_t from) {
    static const char digits[] = "0123456789abcdef";
    size_t n = out->n - from - CHUNK_LINE;
    for (int i = 7; i >= 0; i--, n >>= 4) out->p[from + (size_t)i] = digits[n & 15];
    buf_add(out, STR("\r\n"));
}

static void source_next(struct http_request *req, void *ctx) {
    struct source *s = &req->source;
    struct buf *out = &req->answer;
    size_t from = out->n, head = s->is_chunked ? CHUNK_LINE : 0;
    enum http_piece is;
    (void)ctx;
    http_turn.post = MAIL_PIECE;
    do {
        out->n = from;
        if (s->is_chunked) buf_add(out, STR("00000000\r\n"));
        is = s->from.next(s->from.ctx, out);
    } while (is == HTTP_PIECE_MORE && out->n == from + head && buf_err(out) == OK);
    if (buf_err(out) != OK) is = HTTP_PIECE_CUT;
    if (s->from.length >= 0) {
        s->left -= (int64_t)(out->n - from);
        if (s->left < 0 || (is == HTTP_PIECE_LAST && s->left > 0)) is = HTTP_PIECE_CUT;
    }
    s->is_last = is == HTTP_PIECE_LAST;
    s->is_cut = is == HTTP_PIECE_CUT;
    if (s->is_cut || !s->is_chunked) return;
    if (out->n == from + CHUNK_LINE)
        out->n = from;
    else
        chunk_close(out, from);
    if (s->is_last) buf_add(out, STR("0\r\n\r\n"));
}

/* ---- on the loop ---- */

void source_mail(struct loop *l, struct http_request *req) {
    struct conn *c = req->conn;
    if (c->state == CONN_ZOMBIE) {
        c->req = NULL;
        request_free(req);
        conn_release(l, c);
        return;
    }
    assert(c->req == req);
    req->on_loop = true;
    c->state = CONN_SEND;
    c->since_ms = c->moved_ms = l->now_ms;
    c->moved = 0;
    if (req->source.is_cut) {
        conn_close(l, c);
        return;
    }
    serve_take_answer(c, req);
    conn_pump(l, c);
}

static void source_done(struct loop *l, struct conn *c) {
    source_release(c->req);
    if (l->drains) c->closes = true;
    serve_finish(l, c);
    c->has_input = true; /* more may have come meanwhile */
}

/* Whether the next part may be sent now; if not, *ret_is_open says whether the connection still is. */
static bool file_is_let(struct loop *l, struct conn *c, bool *ret_is_open) {
    struct source *s = &c->req->source;
    enum http_gate_says says = HTTP_GATE_OPEN;
    if (s->gate.end && !s->is_let) says = s->gate.ask(s->gate.ctx, false);
    *ret_is_open = says != HTTP_GATE_CLOSED;
    if (says == HTTP_GATE_CLOSED) conn_close(l, c);
    if (says == HTTP_GATE_UNSURE) serve_again(l, c, file_ask);
    return says == HTTP_GATE_OPEN;
}

/* False: it can't be sent. */
static bool file_push(struct loop *l, struct conn *c, int64_t left) {
    struct source *s = &c->req->source;
    while (left > 0) {
        ssize_t n = sendfile(c->fd, s->fd, &s->at, (size_t)left);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            c->is_full = true;
            return true;
        }
        if (n <= 0) return false;
        left -= n;
        s->left -= n;
        c->moved += (uint64_t)n;
        c->moved_ms = l->now_ms;
    }
    return true;
}

static bool file_send(struct loop *l, struct conn *c) {
    struct source *s = &c->req->source;
    int64_t had = s->left, left = smaller(s->left, FILE_STEP_BYTES);
    bool is_open;
    if (!file_is_let(l, c, &is_open)) return is_open;
    if (s->near > s->at) left = smaller(left, s->near - s->at);
    if (!file_is_near(s, left)) {
        s->is_let = false; /* that may take long */
        serve_again(l, c, file_fetch);
        return true;
    }
    s->is_let = false;
    is_open = file_push(l, c, left);
    if (s->gate.end && had > s->left) s->gate.passed(s->gate.ctx, had - s->left);
    if (!is_open)
        conn_close(l, c);
    else if (s->left == 0)
        source_done(l, c);
    return is_open;
}

bool source_send(struct loop *l, struct conn *c) {
    c->is_full = false;
    if (c->req->source.fd >= 0) return file_send(l, c);
    if (c->req->source.is_last)
        source_done(l, c);
    else
        serve_again(l, c, source_next);
    return true;
}
