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
    *s = (struct source){ .fd = -1 };
}

/* ---- on a work thread ---- */

static bool file_read(const struct http_file *f, char *out) {
    int64_t had = 0;
    while (had < f->length) {
        ssize_t n = pread(f->fd, out + had, (size_t)(f->length - had), f->offset + had);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        had += n;
    }
    return true;
}

/* Straight into the answer, behind its head; which is taken back when the disk fails. */
static void reply_small_file(struct http_request *req, int status, const char *content_type,
                             const struct http_file *f) {
    size_t had = req->answer.n;
    bool is_read;
    (void)reply_long(req, status, content_type, f->length);
    if (buf_reserve(&req->answer, (size_t)f->length) != OK) return; /* half an answer is none */
    is_read = file_read(f, req->answer.p + req->answer.n);
    if (is_read) req->answer.n += (size_t)f->length;
    if (is_read) return;
    req->answer.n = had;
    req->answered = false;
    buf_reset(&req->extra);
    http_reply_problem(req, 500, "internal", "The file could not be read.");
}

void http_reply_file(struct http_request *req, int status, const char *content_type, struct http_file file) {
    assert(!req->on_loop && file.fd >= 0 && file.offset >= 0 && file.length >= 0);
    if (file.length <= FILE_COPY_BYTES && req->head.method != METHOD_HEAD) {
        reply_small_file(req, status, content_type, &file);
        (void)close(file.fd);
        return;
    }
    req->source = (struct source){ .is_set = true, .fd = file.fd, .at = file.offset, .left = file.length };
    if (!reply_long(req, status, content_type, file.length)) source_release(req);
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

/* Whether n bytes can be sent without waiting for the disk; looked at where they begin and end. */
static bool file_is_near(const struct source *s, int64_t n) {
    char byte;
    struct iovec v = { .iov_base = &byte, .iov_len = 1 };
    if (s->at + n <= s->near) return true;
    return preadv2(s->fd, &v, 1, s->at, RWF_NOWAIT) == 1 && preadv2(s->fd, &v, 1, s->at + n - 1, RWF_NOWAIT) == 1;
}

static bool file_send(struct loop *l, struct conn *c) {
    struct source *s = &c->req->source;
    int64_t left = smaller(s->left, FILE_STEP_BYTES);
    if (s->near > s->at) left = smaller(left, s->near - s->at);
    if (!file_is_near(s, left)) {
        serve_again(l, c, file_fetch);
        return true;
    }
    while (left > 0) {
        ssize_t n = sendfile(c->fd, s->fd, &s->at, (size_t)left);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            c->is_full = true;
            return true;
        }
        if (n <= 0) {
            conn_close(l, c);
            return false;
        }
        left -= n;
        s->left -= n;
        c->moved += (uint64_t)n;
        c->moved_ms = l->now_ms;
    }
    if (s->left == 0) source_done(l, c);
    return true;
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
