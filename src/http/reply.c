/* Writing answers. An answer goes to the loop's joined buffer, or on a work thread to the request's own. */
#include <assert.h>

#include "base/secret.h"
#include "http/http_priv.h"

#define LINES_BYTES_MAX 256 /* all lines of an answer whose length is not counted apart */

struct answer {
    int status;
    struct str type;
    struct str body;
    struct str cache, etag;
    bool is_lent;   /* the body outlives the server */
    bool is_stream; /* ended by closing; has no length */
    bool is_long;   /* the body follows by itself */
    bool is_chunked;
};

/* Indexed by status - 200. */
static const struct str reasons[] = {
    [0] = { "OK", 2 },
    [1] = { "Created", 7 },
    [2] = { "Accepted", 8 },
    [4] = { "No Content", 10 },
    [6] = { "Partial Content", 15 },
    [101] = { "Moved Permanently", 17 },
    [102] = { "Found", 5 },
    [103] = { "See Other", 9 },
    [104] = { "Not Modified", 12 },
    [107] = { "Temporary Redirect", 18 },
    [108] = { "Permanent Redirect", 18 },
    [200] = { "Bad Request", 11 },
    [201] = { "Unauthorized", 12 },
    [203] = { "Forbidden", 9 },
    [204] = { "Not Found", 9 },
    [205] = { "Method Not Allowed", 18 },
    [208] = { "Request Timeout", 15 },
    [209] = { "Conflict", 8 },
    [210] = { "Gone", 4 },
    [211] = { "Length Required", 15 },
    [212] = { "Precondition Failed", 19 },
    [213] = { "Content Too Large", 17 },
    [214] = { "URI Too Long", 12 },
    [215] = { "Unsupported Media Type", 22 },
    [216] = { "Range Not Satisfiable", 21 },
    [217] = { "Expectation Failed", 18 },
    [222] = { "Unprocessable Content", 21 },
    [223] = { "Locked", 6 },
    [229] = { "Too Many Requests", 17 },
    [231] = { "Request Header Fields Too Large", 31 },
    [300] = { "Internal Server Error", 21 },
    [301] = { "Not Implemented", 15 },
    [302] = { "Bad Gateway", 11 },
    [303] = { "Service Unavailable", 19 },
    [304] = { "Gateway Timeout", 15 },
    [305] = { "HTTP Version Not Supported", 26 },
    [307] = { "Insufficient Storage", 20 },
};

static struct str reason_of(int status) {
    size_t i = (size_t)(status - 200);
    if (i < ARRAY_LEN(reasons) && reasons[i].p) return reasons[i];
    return STR("Status");
}

const char *reply_reason(int status) { return reason_of(status).p; }

static char *put(char *at, struct str s) {
    memcpy(at, s.p, s.n);
    return at + s.n;
}

static char *put_number(char *at, uint64_t v) {
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return put(at, (struct str){ digits + n, sizeof digits - n });
}

static char *put_line(char *at, struct str name, struct str value) {
    if (value.n == 0) return at;
    return put(put(put(at, name), value), STR("\r\n"));
}

static char *put_status(char *at, int status, struct str own_reason) {
    struct str reason = own_reason.n > 0 ? own_reason : reason_of(status);
    if (status == 200 && own_reason.n == 0) return put(at, STR("HTTP/1.1 200 OK\r\n"));
    at = put(at, STR("HTTP/1.1 "));
    at = put_number(at, (uint64_t)status);
    *at++ = ' ';
    return put(put(at, reason), STR("\r\n"));
}

static bool has_body(int status) { return status != 204 && status != 304; }

static void answer_write(struct http_request *req, const struct answer *a) {
    struct buf *out = req->sink;
    bool shows_body = has_body(a->status) && req->head.method != METHOD_HEAD;
    bool is_lent = a->is_lent && req->on_loop && a->body.n >= STATIC_BORROW_BYTES;
    struct str lines = buf_str(&req->server->headers);
    size_t most = LINES_BYTES_MAX + lines.n + req->extra.n + a->type.n + a->cache.n + a->etag.n + req->reason.n;
    char *at;
    assert(!req->answered && a->status >= 200 && a->status <= 599);
    assert(!memchr(a->type.p ? a->type.p : "", '\n', a->type.n));
    req->answered = true;
    if (atomic_load_explicit(&req->server->drains, memory_order_relaxed) || a->is_stream || req->has_unread)
        req->closes = true;
    if (buf_err(&req->extra) != OK) out->failed = ERR_NOMEM; /* half an answer is none */
    if (buf_reserve(out, most + (shows_body && !is_lent && !a->is_long ? a->body.n : 0)) != OK) return;
    at = put_status(out->p + out->n, a->status, req->reason);
    if (lines.n > 0) at = put(at, lines);
    if (!req->has_cache_control) at = put_line(at, STR("Cache-Control: "), a->cache.n ? a->cache : STR("no-store"));
    at = put_line(at, STR("Request-Id: "), (struct str){ req->id, REQUEST_ID_BYTES });
    at = put_line(at, STR("ETag: "), a->etag);
    if (req->extra.n > 0) at = put(at, buf_str(&req->extra));
    if (has_body(a->status)) {
        at = put_line(at, STR("Content-Type: "), a->type);
        if (a->is_chunked)
            at = put(at, STR("Transfer-Encoding: chunked\r\n"));
        else if (!a->is_stream)
            at = put(put_number(put(at, STR("Content-Length: ")), a->body.n), STR("\r\n"));
    }
    if (req->closes) at = put(at, STR("Connection: close\r\n"));
    at = put(at, STR("\r\n"));
    if (shows_body && is_lent) req->tail = a->body;
    if (shows_body && !is_lent && !a->is_long && a->body.n > 0) at = put(at, a->body);
    out->n = (size_t)(at - out->p);
}

static bool is_plain(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == 0) return false;
    return true;
}

void http_add_header(struct http_request *req, const char *name, struct str value) {
    struct str n = str_from(name);
    assert(!req->answered && n.n > 0 && is_plain(n) && is_plain(value));
    if (str_eq_nocase(n, STR("cache-control"))) req->has_cache_control = true;
    buf_add(&req->extra, n);
    buf_add(&req->extra, STR(": "));
    buf_add(&req->extra, value);
    buf_add(&req->extra, STR("\r\n"));
}

static bool is_printable(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~') return false;
    return true;
}

void http_set_reason(struct http_request *req, const char *reason) {
    assert(!req->answered && is_printable(str_from(reason)));
    req->reason = arena_dup(req->arena, str_from(reason)); /* without memory the usual words stand */
}

bool reply_long(struct http_request *req, int status, const char *content_type, int64_t length) {
    struct answer a = { .status = status, .type = str_from(content_type), .is_long = true };
    if (length < 0) {
        a.is_chunked = req->head.minor > 0;
        a.is_stream = !a.is_chunked;
    } else {
        a.body.n = (size_t)length; /* only its length is looked at */
    }
    answer_write(req, &a);
    return req->head.method != METHOD_HEAD && length != 0 && buf_err(req->sink) == OK;
}

void http_reply(struct http_request *req, int status, const char *content_type, struct str body) {
    struct answer a = { .status = status, .type = str_from(content_type), .body = body };
    answer_write(req, &a);
}

static int dump_to(const char *bytes, size_t n, void *ctx) {
    struct buf *b = ctx;
    buf_add(b, (struct str){ bytes, n });
    return buf_err(b) == OK ? 0 : -1;
}

void http_reply_json(struct http_request *req, int status, json_t *owned) {
    struct buf text;
    buf_init(&text, OUT_BYTES_MAX);
    if (owned && json_dump_callback(owned, dump_to, &text, JSON_COMPACT) == 0)
        http_reply(req, status, "application/json", buf_str(&text));
    else
        http_reply_problem(req, 500, "internal", "The answer could not be written.");
    buf_release(&text);
    json_decref(owned);
}

void http_reply_problem(struct http_request *req, int status, const char *code, const char *detail) {
    struct buf text;
    buf_init(&text, 65536);
    buf_add_z(&text, "{\"type\":\"/problems/");
    buf_add_z(&text, code);
    buf_add_z(&text, "\",\"title\":");
    buf_add_json(&text, reason_of(status));
    buf_add_z(&text, ",\"status\":");
    buf_add_i64(&text, status);
    buf_add_z(&text, ",\"code\":");
    buf_add_json(&text, str_from(code));
    buf_add_z(&text, ",\"detail\":");
    buf_add_json(&text, str_from(detail ? detail : ""));
    buf_add_z(&text, "}");
    http_reply(req, status, "application/problem+json", buf_err(&text) == OK ? buf_str(&text) : STR("{}"));
    buf_release(&text);
}

static bool etag_is_among(struct str list, struct str etag) {
    while (list.n > 0) {
        struct str one;
        list = str_cut(list, ',', &one);
        one = str_trim(one);
        if (str_starts(one, STR("W/"))) one = str_skip(one, 2); /* If-None-Match compares weakly */
        if (str_eq(one, etag) || str_eq(one, STR("*"))) return true;
    }
    return false;
}

void http_reply_static(struct http_request *req, const char *content_type, struct str body, const char *etag,
                       const char *cache) {
    struct answer a = { .status = 200, .type = str_from(content_type), .body = body, .is_lent = true };
    struct str asked = request_field(req, FIELD_IF_NONE_MATCH);
    a.etag = str_from(etag);
    a.cache = str_from(cache);
    if (etag && etag[0] != '"') a.etag = str_from(arena_fmt(req->arena, "\"%s\"", etag));
    if (asked.n > 0 && a.etag.n > 0 && etag_is_among(asked, a.etag)) a.status = 304;
    answer_write(req, &a);
}

struct http_ticket http_stream_begin(struct http_request *req, struct str first, void (*closed)(void *ctx), void *ctx) {
    struct answer a = { .status = 200, .type = STR("text/event-stream"), .is_stream = true };
    a.body = first;
    http_add_header(req, "X-Accel-Buffering", STR("no"));
    answer_write(req, &a);
    req->streams = true;
    req->closed = closed;
    req->closed_ctx = ctx;
    atomic_store(&req->conn->is_streaming, true);
    if (!req->on_loop) loop_post(req->loop, req->open);
    return req->ticket;
}

static const struct {
    int status;
    const char *code, *detail;
} refusals[] = {
    { 400, "bad_request", "The request is malformed." },
    { 404, "not_found", "There is nothing at this address." },
    { 405, "method_not_allowed", "This address does not take that method." },
    { 408, "bad_request", "The request did not arrive in time." },
    { 411, "bad_request", "The length of the body must be said first." },
    { 413, "too_large", "The body is larger than this call takes." },
    { 414, "too_large", "The address is too long." },
    { 417, "bad_request", "That expectation cannot be met." },
    { 431, "too_large", "The head of the request is too large." },
    { 500, "internal", "The request could not be handled." },
    { 501, "bad_request", "That method or transfer coding is not known here." },
    { 503, "busy", "The server is busy. Try again in a moment." },
    { 505, "bad_request", "Only HTTP/1.1 is spoken here." },
};

void reply_refusal(struct http_request *req, int status) {
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(refusals) && refusals[i].status != status) i++;
    if (status == 503) http_add_header(req, "Retry-After", STR("1"));
    http_reply_problem(req, refusals[i].status, refusals[i].code, refusals[i].detail);
}
