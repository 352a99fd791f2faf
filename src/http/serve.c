/*
 * From bytes to handlers: heads, bodies, lanes, and what comes back from the work threads. All on the loop's thread. A
 * request that is whole in the input buffer is answered from there, without a copy.
 */
#include <assert.h>

#include "base/secret.h"
#include "http/http_priv.h"

/* The request is answered into l->out (or c->out); what remains is the connection's next state. */
void serve_finish(struct loop *l, struct conn *c) {
    struct http_request *req = c->req;
    if (req->closes) c->closes = true;
    if (req->has_unread) c->lingers = true;
    c->tail = req->tail;
    if (req->source.is_set) {
        c->state = CONN_SEND;
        c->since_ms = c->moved_ms = l->now_ms;
        c->moved = 0;
        return;
    }
    c->req = NULL;
    c->state = CONN_IDLE;
    if (req->streams) serve_stream_begin(l, c, req);
    request_free(req);
}

void serve_refuse(struct loop *l, struct conn *c, int status) {
    if (c->state == CONN_BODY && c->req->take) {
        body_refuse(l, c, status);
        return;
    }
    c->req->closes = true;
    c->lingers = true;
    reply_refusal(c->req, status);
    serve_finish(l, c);
}

static void serve_queue(struct loop *l, struct conn *c) {
    struct http_request *req = c->req;
    req->on_loop = false;
    req->sink = &req->answer;
    c->state = CONN_BUSY;
    if (request_detach(req) == OK && work_push(&l->server->work, req, false)) return;
    req->on_loop = true;
    req->sink = &l->out;
    reply_refusal(req, 503);
    serve_finish(l, c);
}

static void serve_run(struct loop *l, struct conn *c) {
    struct http_request *req = c->req;
    c->state = CONN_BUSY;
    http_turn = (struct turn){ 0 };
    req->handler(req, l->server->o.app);
    if (http_turn.is_suspended) return;
    if (http_turn.handed_to) {
        req->handler = http_turn.handed_to;
        serve_queue(l, c);
        return;
    }
    if (!req->answered) http_reply_problem(req, 500, "internal", "The request was not answered.");
    serve_finish(l, c);
}

static void serve_dispatch(struct loop *l, struct conn *c) {
    c->req->handler = c->req->route->handler;
    if (c->req->route->lane == HTTP_FAST)
        serve_run(l, c);
    else
        serve_queue(l, c);
}

static int serve_missing(struct http_request *req) {
    const struct head *h = &req->head;
    bool has_body = h->is_chunked || h->content_length > 0;
    bool is_get = h->method == METHOD_GET || h->method == METHOD_HEAD;
    if (!is_get || has_body || !req->server->missing.handler) return 404;
    req->match.param_count = 0;
    req->route = &req->server->missing;
    return 0;
}

/* Finds the route and judges what the head announces; 0 or a status. */
static int serve_route(struct http_request *req) {
    const struct head *h = &req->head;
    if (!route_find(req->server->routes, http_path(req), &req->match)) return serve_missing(req);
    req->route = route_of(req->match.node, (enum method)h->method);
    if (!req->route) {
        http_add_header(req, "Allow", route_allow(req->match.node));
        return 405;
    }
    for (size_t i = 0; i < req->match.param_count; i++)
        if (request_decode(req, req->match.params[i], false, &req->match.params[i]) != OK) return 400;
    if (h->content_length > 0 && (uint64_t)h->content_length > req->route->body_bytes_max) return 413;
    return 0;
}

/* Back to the work lane, which has admitted the request before. */
void serve_again(struct loop *l, struct conn *c, http_continue *fn) {
    struct http_request *req = c->req;
    req->on_loop = false;
    req->sink = &req->answer;
    req->continuation = fn;
    req->continuation_ctx = NULL;
    if (c->state != CONN_ZOMBIE) c->state = CONN_BUSY;
    c->whole_by_ms = l->now_ms + l->server->o.whole_ms;
    (void)work_push(&l->server->work, req, true);
}

/* The head is whole, and n bytes after it are at p. Returns how many of them were the body. */
static size_t serve_begin(struct loop *l, struct conn *c, const char *p, size_t n) {
    struct http_request *req = c->req;
    const struct head *h = &req->head;
    bool has_body = h->is_chunked || h->content_length > 0;
    int status = serve_route(req);
    req->closes = h->wants_close;
    if ((status == 404 || status == 405) && !has_body) {
        reply_refusal(req, status);
        serve_finish(l, c);
        return 0;
    }
    if (status == 0 && has_body && (h->is_chunked || (size_t)h->content_length > n) && request_detach(req) != OK)
        status = 503;
    if (status != 0) {
        serve_refuse(l, c, status);
        return 0;
    }
    if (req->route->takes_pieces) {
        size_t kept = h->content_length > 0 && (size_t)h->content_length <= n ? (size_t)h->content_length : 0;
        if (kept > 0 && !body_keep(req, (struct str){ p, kept })) kept = 0;
        req->has_unread = has_body && kept == 0;
        serve_dispatch(l, c); /* from here on the request may be another thread's */
        return kept;
    }
    if (!h->is_chunked && (!has_body || (size_t)h->content_length <= n)) {
        if (has_body) req->body = (struct str){ p, (size_t)h->content_length };
        serve_dispatch(l, c);
        return has_body ? (size_t)h->content_length : 0;
    }
    frame_init(&req->frame, h->is_chunked ? -1 : h->content_length, req->route->body_bytes_max);
    buf_init(&req->body_held, req->route->body_bytes_max);
    c->state = CONN_BODY;
    c->since_ms = c->moved_ms = l->now_ms;
    c->moved = 0;
    if (h->expects_continue && n == 0) buf_add(&l->out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    return 0;
}

/* Returns how many of the n bytes were used; 0: the head is not whole, or it was refused. */
static size_t serve_head(struct loop *l, struct conn *c, char *p, size_t n) {
    int status = 400;
    enum head_result result;
    size_t used;
    if (!c->req) {
        c->req = request_new(l, c);
        if (!c->req) {
            c->closes = true;
            return 0;
        }
        c->since_ms = l->now_ms;
        c->whole_by_ms = l->now_ms + l->server->o.whole_ms;
    }
    c->state = CONN_HEAD;
    result = head_feed(&c->req->head, p, n, &status);
    if (result == HEAD_MORE) return 0;
    c->req->base = p;
    if (result == HEAD_REFUSED) {
        serve_refuse(l, c, status);
        return 0;
    }
    used = c->req->head.at;
    return used + serve_begin(l, c, p + used, n - used);
}

static size_t serve_body(struct loop *l, struct conn *c, const char *p, size_t n) {
    struct http_request *req = c->req;
    size_t used = 0;
    if (req->take) {
        body_input(l, c, (struct str){ p, n }, &used);
        return used;
    }
    for (;;) {
        struct frame_step step;
        enum frame_result result = frame_feed(&req->frame, (struct str){ p + used, n - used }, &step);
        used += step.used;
        if (result == FRAME_DATA) {
            buf_add(&req->body_held, step.data);
            if (buf_err(&req->body_held) == OK) continue;
            step.status = 503;
            result = FRAME_REFUSED;
        }
        if (result == FRAME_REFUSED) {
            serve_refuse(l, c, step.status);
            return used;
        }
        c->moved += used;
        c->moved_ms = l->now_ms;
        if (result == FRAME_MORE) return used;
        req->body = buf_str(&req->body_held);
        serve_dispatch(l, c);
        return used;
    }
}

void serve_input(struct loop *l, struct conn *c, size_t n) {
    size_t at = 0;
    while (at < n && takes_input(c) && c->tail.n == 0 && l->out.n < OUT_JOIN_BYTES) {
        size_t used =
            c->state == CONN_BODY ? serve_body(l, c, l->in + at, n - at) : serve_head(l, c, l->in + at, n - at);
        if (used == 0) break;
        at += used;
    }
    if (at == n) return;
    if (c->closes) {
        c->lingers = true;
        return;
    }
    buf_add(&c->in, (struct str){ l->in + at, n - at });
    c->is_fresh = c->state != CONN_HEAD;
    if (buf_err(&c->in) == OK) return;
    c->closes = c->lingers = true;
    c->is_fresh = false;
    if (c->state == CONN_HEAD) serve_refuse(l, c, 503);
}

/* A work thread's answer becomes the connection's output. */
void serve_take_answer(struct conn *c, struct http_request *req) {
    if (buf_err(&req->answer) != OK) c->out.failed = ERR_NOMEM;
    if (c->out.n > 0) {
        buf_add(&c->out, buf_str(&req->answer));
        return;
    }
    buf_release(&c->out);
    c->out = req->answer;
    c->out_at = 0;
    buf_init(&req->answer, OUT_BYTES_MAX);
}

static void mail_done(struct loop *l, struct http_request *req) {
    struct conn *c = req->conn;
    if (c->state == CONN_ZOMBIE) {
        c->req = NULL;
        request_free(req);
        conn_release(l, c);
        return;
    }
    assert(c->req == req);
    if (c->state == CONN_STREAM) {
        c->req = NULL;
        request_free(req);
        return;
    }
    serve_take_answer(c, req);
    serve_finish(l, c);
    c->has_input = true; /* more may have come meanwhile */
    conn_pump(l, c);
}

static void mail_stream_open(struct loop *l, struct http_request *req) {
    struct conn *c = req->conn;
    if (c->state == CONN_ZOMBIE) {
        atomic_store(&c->is_streaming, false);
        if (req->closed) req->closed(req->closed_ctx);
        return;
    }
    serve_take_answer(c, req);
    serve_stream_begin(l, c, req);
    conn_pump(l, c);
}

static void mail_stream_bytes(struct loop *l, struct conn *c, struct mail *m) {
    if (c->state != CONN_STREAM || c->closes) return;
    c->moved_ms = l->now_ms;
    buf_add(&l->out, (struct str){ m->bytes, m->n });
    conn_pump(l, c);
}

void serve_mail(struct loop *l, struct mail *m) {
    struct conn *c = &l->conns[m->ticket.index & (SLOTS_MAX - 1)];
    bool is_current = atomic_load(&c->generation) == m->ticket.generation;
    switch (m->kind) {
    case MAIL_DONE: mail_done(l, m->req); return;
    case MAIL_BODY: body_mail(l, m->req); return;
    case MAIL_PIECE: source_mail(l, m->req); return;
    case MAIL_STREAM_OPEN: mail_stream_open(l, m->req); return;
    case MAIL_STREAM_BYTES:
        atomic_fetch_sub(&c->stream_waiting, (int64_t)m->n);
        if (is_current) mail_stream_bytes(l, c, m);
        break;
    case MAIL_STREAM_END:
        if (is_current && c->state == CONN_STREAM) {
            c->closes = true;
            conn_pump(l, c);
        }
        break;
    case MAIL_STREAM_DROP:
        if (is_current && c->state == CONN_STREAM) conn_close(l, c);
        break;
    }
    bytes_wipe(m->bytes, m->n);
    free(m);
}

struct http_ticket http_suspend(struct http_request *req) {
    struct http_ticket t = req->ticket;
    assert(!req->answered);
    if (req->on_loop && request_detach(req) != OK) request_forget(req);
    req->on_loop = false;
    req->sink = &req->answer;
    http_turn.is_suspended = true;
    atomic_store(&req->conn->suspended, req);
    return t;
}

void http_resume(struct http_server *s, struct http_ticket t, http_continue *fn, void *ctx) {
    struct conn *c = conn_of(s, t);
    struct http_request *req = atomic_exchange(&c->suspended, NULL);
    assert(req && req->ticket.generation == t.generation); /* once a suspension */
    req->continuation = fn;
    req->continuation_ctx = ctx;
    (void)work_push(&s->work, req, true);
}

void http_hand_over(struct http_request *req, http_handler *handler) {
    assert(req->on_loop && !req->answered);
    http_turn.handed_to = handler;
}
