/*
 * Bodies in pieces: the loop fills one buffer, a work thread empties it, and nothing is read meanwhile. Bytes go from
 * the socket straight into that buffer wherever no framing stands between them.
 */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "http/http_priv.h"

void http_body_begin(struct http_request *req, http_take *take, void *ctx) {
    assert(!req->on_loop && !req->answered && !req->take && req->route->takes_pieces);
    req->take = take;
    req->take_ctx = ctx;
    http_turn.post = MAIL_BODY;
}

/* On a work thread. */
static void body_deliver(struct http_request *req, void *ctx) {
    http_take *take = req->take;
    enum http_piece is = req->piece_is;
    (void)ctx;
    if (is != HTTP_PIECE_MORE) req->take = NULL;
    take(req, req->take_ctx, is == HTTP_PIECE_CUT ? STR_NONE : buf_str(&req->body_held), is);
    assert(is == HTTP_PIECE_LAST || !http_turn.is_suspended);
    if (http_turn.is_suspended) return; /* somebody else has it already */
    if (is == HTTP_PIECE_MORE && !req->answered)
        http_turn.post = MAIL_BODY;
    else
        req->take = NULL;
    if (is == HTTP_PIECE_CUT && !req->answered) reply_refusal(req, req->refusal);
}

bool body_keep(struct http_request *req, struct str body) {
    buf_init(&req->body_held, body.n);
    buf_add(&req->body_held, body);
    req->is_whole = buf_err(&req->body_held) == OK;
    if (!req->is_whole) buf_release(&req->body_held);
    return req->is_whole;
}

void body_take_whole(struct http_request *req) {
    http_turn = (struct turn){ 0 };
    req->is_whole = false;
    req->piece_is = HTTP_PIECE_LAST;
    body_deliver(req, NULL);
}

void body_abandon(struct http_request *req) {
    http_take *take = req->take;
    req->take = NULL;
    if (take) take(req, req->take_ctx, STR_NONE, HTTP_PIECE_CUT);
}

static void body_hand(struct loop *l, struct conn *c, enum http_piece is) {
    c->req->piece_is = is;
    if (is == HTTP_PIECE_LAST) c->req->has_unread = false;
    serve_again(l, c, body_deliver);
}

void body_refuse(struct loop *l, struct conn *c, int status) {
    c->req->refusal = status;
    body_hand(l, c, HTTP_PIECE_CUT);
}

static bool body_is_ready(struct loop *l, struct conn *c) {
    struct http_request *req = c->req;
    bool is_last = frame_is_done(&req->frame);
    if (!is_last && req->body_held.n < req->body_held.max) return false;
    body_hand(l, c, is_last ? HTTP_PIECE_LAST : HTTP_PIECE_MORE);
    return true;
}

void body_input(struct loop *l, struct conn *c, struct str in, size_t *ret_used) {
    struct http_request *req = c->req;
    struct buf *held = &req->body_held;
    while (!body_is_ready(l, c)) {
        struct frame_step step;
        struct str next = str_bytes(in.p + *ret_used, in.n - *ret_used);
        enum frame_result result;
        if (next.n == 0) return;
        if (next.n > held->max - held->n) next.n = held->max - held->n;
        result = frame_feed(&req->frame, next, &step);
        *ret_used += step.used;
        c->moved += step.used;
        c->moved_ms = l->now_ms;
        if (result == FRAME_DATA) buf_add(held, step.data);
        if (result != FRAME_REFUSED) continue;
        body_refuse(l, c, step.status);
        return;
    }
}

bool body_read(struct loop *l, struct conn *c) {
    struct http_request *req = c->req;
    struct buf *held = &req->body_held;
    size_t most = held->max - held->n;
    ssize_t n;
    if (!c->has_input) return false;
    if (most > frame_plain(&req->frame)) most = (size_t)frame_plain(&req->frame);
    n = recv(c->fd, held->p + held->n, most, 0);
    if (n < 0 && errno == EINTR) return true;
    if (n == 0 || (n < 0 && errno != EAGAIN)) c->is_eof = true;
    if (n <= 0 || ((size_t)n < most && !c->is_half)) c->has_input = false;
    if (n <= 0) return false;
    held->n += (size_t)n;
    frame_took(&req->frame, (size_t)n);
    c->moved += (uint64_t)n;
    c->moved_ms = l->now_ms;
    (void)body_is_ready(l, c);
    return true;
}

/* The buffer is as large as the body, or a piece. */
static enum err body_open(struct loop *l, struct conn *c) {
    struct http_request *req = c->req;
    int64_t announced = http_body_bytes(req);
    size_t most = announced > 0 && (uint64_t)announced < HTTP_PIECE_BYTES ? (size_t)announced : HTTP_PIECE_BYTES;
    req->body_begun = true;
    frame_init(&req->frame, announced, req->route->body_bytes_max);
    buf_init(&req->body_held, most);
    if (req->head.expects_continue && c->in.n == 0 && req->has_unread)
        buf_add(&l->out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    return announced == 0 ? OK : buf_reserve_pages(&req->body_held, most);
}

void body_mail(struct loop *l, struct http_request *req) {
    struct conn *c = req->conn;
    if (c->state == CONN_ZOMBIE) {
        body_refuse(l, c, 400); /* nobody will read it */
        return;
    }
    assert(c->req == req);
    req->on_loop = true;
    buf_reset(&req->body_held);
    c->state = CONN_BODY;
    c->since_ms = c->moved_ms = l->now_ms;
    c->moved = 0;
    c->whole_by_ms = INT64_MAX;
    c->has_input = true;
    c->is_fresh = c->in.n > 0;
    if ((!req->body_begun && body_open(l, c) != OK) || c->closes) /* closes: what had come could not be kept */
        body_refuse(l, c, 503);
    else
        (void)body_is_ready(l, c); /* there may be none */
    conn_pump(l, c);
}
