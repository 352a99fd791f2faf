/* Server-Sent Events: bytes from any thread travel through the loop's mailbox and are counted against the peer's pace.
 */
#include "http/http_priv.h"

void serve_stream_begin(struct loop *l, struct conn *c, struct http_request *req) {
    c->state = CONN_STREAM;
    c->closed = req->closed;
    c->closed_ctx = req->closed_ctx;
    c->moved_ms = l->now_ms;
    c->closes = req->head.method == METHOD_HEAD || l->drains;
}

static enum err stream_post(struct http_server *s, struct http_ticket t, enum mail_kind kind, struct str bytes) {
    struct mail *m = malloc(sizeof *m + bytes.n);
    if (!m) return ERR_NOMEM;
    *m = (struct mail){ .kind = kind, .ticket = t, .n = bytes.n };
    if (bytes.n > 0) memcpy(m->bytes, bytes.p, bytes.n);
    loop_post(loop_of(s, t), m);
    return OK;
}

enum err http_stream_send(struct http_server *s, struct http_ticket t, struct str bytes) {
    struct conn *c = conn_of(s, t);
    int64_t unread;
    enum err r;
    if (atomic_load(&c->generation) != t.generation || !atomic_load(&c->is_streaming)) return ERR_GONE;
    unread = atomic_fetch_add(&c->stream_waiting, (int64_t)bytes.n) + atomic_load(&c->stream_unsent);
    if (unread <= STREAM_BYTES_MAX && bytes.n <= STREAM_BYTES_MAX) {
        r = stream_post(s, t, MAIL_STREAM_BYTES, bytes);
        if (r != OK) atomic_fetch_sub(&c->stream_waiting, (int64_t)bytes.n);
        return r;
    }
    atomic_fetch_sub(&c->stream_waiting, (int64_t)bytes.n);
    atomic_store(&c->is_streaming, false);
    (void)stream_post(s, t, MAIL_STREAM_DROP, STR_NONE); /* without memory the peer's own deadline ends it */
    return ERR_TOO_LARGE;
}

void http_stream_end(struct http_server *s, struct http_ticket t) {
    (void)stream_post(s, t, MAIL_STREAM_END, STR_NONE); /* without memory the peer's own deadline ends it */
}
