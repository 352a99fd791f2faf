/*
 * One request from foreign bytes: its head and framing whole, byte by byte, and split where the input says, which must
 * all agree; then everything that a handler may ask of it. The first two bytes choose the split.
 */
#include <assert.h>

#include "base/crypto.h"
#include "http/http_priv.h"

#define BODY_BYTES_MAX 100000

struct outcome {
    enum head_result head_result;
    enum frame_result frame_result;
    int status;
    size_t used;
    struct head head;
    struct buf body;
};

static void nothing(struct http_request *req, void *app) {
    (void)req;
    (void)app;
}

static const struct http_route routes[] = {
    { "GET", "/a", HTTP_FAST, nothing, 0 },
    { "POST", "/a/{x}/b", HTTP_FAST, nothing, 0 },
    { "GET", "/s/{rest...}", HTTP_FAST, nothing, 0 },
    { NULL },
};

/* The end of the run that follows n: the whole, the next byte, or the split and then the whole. */
static size_t next_end(size_t n, size_t all, size_t split) {
    if (split == 0) return all;
    if (split == SIZE_MAX) return n + 1;
    return n < split && split < all ? split : all;
}

/* As a reader of long bodies does it: past the framing by itself. */
static size_t frame_direct(struct outcome *o, struct frame *f, struct str in) {
    size_t n = frame_plain(f) < in.n ? (size_t)frame_plain(f) : in.n;
    if (n == 0) return 0;
    frame_took(f, n);
    buf_add(&o->body, (struct str){ in.p, n });
    return n;
}

static void frame_parts(struct outcome *o, struct str in, size_t split, bool is_direct) {
    struct frame f;
    frame_init(&f, o->head.is_chunked ? -1 : o->head.content_length, BODY_BYTES_MAX);
    o->frame_result = FRAME_MORE;
    for (size_t at = 0, end = next_end(0, in.n, split); o->frame_result == FRAME_MORE && at < in.n;
         end = next_end(end, in.n, split)) {
        struct frame_step s;
        do {
            if (is_direct) at += frame_direct(o, &f, (struct str){ in.p + at, end - at });
            o->frame_result = frame_feed(&f, (struct str){ in.p + at, end - at }, &s);
            assert(s.used <= end - at && (s.data.n == 0 || (s.data.p >= in.p && s.data.p + s.data.n <= in.p + end)));
            at += s.used;
            buf_add(&o->body, s.data);
        } while (o->frame_result == FRAME_DATA);
        o->used = o->head.at + at;
        if (o->frame_result == FRAME_REFUSED) o->status = s.status;
        if (o->frame_result == FRAME_MORE) assert(at == end);
    }
}

static void parse(struct outcome *o, char *bytes, size_t n, size_t split, bool is_direct) {
    memset(o, 0, offsetof(struct outcome, head));
    buf_init(&o->body, BODY_BYTES_MAX + 1);
    head_init(&o->head);
    o->head_result = HEAD_MORE;
    for (size_t at = 0; o->head_result == HEAD_MORE && at < n;) {
        at = next_end(at, n, split);
        o->head_result = head_feed(&o->head, bytes, at, &o->status);
        assert(o->head.at <= at && o->head.at <= HEAD_BYTES_MAX);
    }
    o->used = o->head.at;
    if (o->head_result != HEAD_DONE || (!o->head.is_chunked && o->head.content_length <= 0)) return;
    if (o->head.content_length <= BODY_BYTES_MAX)
        frame_parts(o, (struct str){ bytes + o->head.at, n - o->head.at }, split, is_direct);
}

static void agree(const struct outcome *a, const struct outcome *b) {
    assert(a->head_result == b->head_result && a->frame_result == b->frame_result && a->status == b->status);
    assert(a->used == b->used && str_eq(buf_str(&a->body), buf_str(&b->body)));
    if (a->head_result != HEAD_DONE) return;
    assert(memcmp(&a->head, &b->head, offsetof(struct head, fields)) == 0);
    assert(memcmp(a->head.fields, b->head.fields, a->head.field_count * sizeof a->head.fields[0]) == 0);
}

/* What a sound head must be, whatever the bytes were. */
static void sound(const struct head *h, const char *base) {
    assert(memcmp(base + h->at - 4, "\r\n\r\n", 4) == 0 && h->known[FIELD_HOST] > 0);
    assert(!(h->known[FIELD_CONTENT_LENGTH] && h->known[FIELD_TRANSFER_ENCODING]));
    assert(h->is_chunked == (h->known[FIELD_TRANSFER_ENCODING] > 0));
    assert(base[h->target] == '/' && h->path_n <= h->target_n && h->target + h->target_n < h->at);
    assert(h->field_count <= HEAD_FIELDS_MAX);
    for (size_t i = 0; i < h->at; i++) {
        unsigned char c = (unsigned char)base[i];
        assert(c != 0 && c != 0x7f && (c >= 0x20 || c == '\r' || c == '\n'));
        assert(c != '\n' || base[i - 1] == '\r');
        assert(c != '\r' || base[i + 1] == '\n');
    }
    for (size_t i = 0; i < h->field_count; i++) {
        const struct head_field *f = &h->fields[i];
        assert(f->name_n > 0 && base[f->name + f->name_n] == ':' && f->value + f->value_n + 2 <= h->at);
    }
}

static void ask_everything(struct http_request *req) {
    struct str s;
    (void)!http_query(req, "x", &s);
    (void)!http_query(req, "limit", &s);
    s = http_cookie(req, "a");
    s = http_header(req, "x-test");
    s = http_peer(req);
    assert(s.n > 0 && s.n < ADDRESS_TEXT_SIZE);
    if (route_find(req->server->routes, http_path(req), &req->match)) {
        req->route = route_of(req->match.node, (enum method)req->head.method);
        for (size_t i = 0; i < req->match.param_count; i++)
            (void)!request_decode(req, req->match.params[i], false, &req->match.params[i]);
        s = http_param(req, "x");
        s = http_param(req, "rest");
    }
    assert(request_detach(req) == OK);
    (void)http_path(req);
    if (!http_json(req)) assert(req->answered);
    if (!req->answered) http_reply_static(req, "text/plain", STR("x"), "e", "no-cache");
}

static struct http_server server;
static struct loop loop;

static void set_up(void) {
    if (crypto_init() != OK || route_table_new(routes, &server.routes) != OK) abort();
    if (networks_parse("::/0 0.0.0.0/0", &server.trusted) != OK) abort();
    buf_init(&server.headers, 1);
    buf_init(&loop.out, 1 << 20);
    loop.server = &server;
    json_use_wiping_memory();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct outcome whole, other;
    static struct conn conn;
    static char bytes[4][65536];
    struct http_request *req;
    size_t split, n = size - 2;
    if (!server.routes) set_up();
    if (size < 3 || n > sizeof bytes[0]) return 0;
    split = 1 + (size_t)(data[0] | data[1] << 8) % n;
    for (int i = 0; i < 4; i++) memcpy(bytes[i], data + 2, n);
    parse(&whole, bytes[0], n, 0, false);
    parse(&other, bytes[1], n, SIZE_MAX, false);
    agree(&whole, &other);
    buf_release(&other.body);
    for (int i = 2; i < 4; i++) {
        parse(&other, bytes[i], n, split, i == 3);
        agree(&whole, &other);
        buf_release(&other.body);
    }
    if (whole.head_result == HEAD_DONE) {
        sound(&whole.head, bytes[0]);
        req = request_new(&loop, &conn);
        req->head = whole.head;
        req->base = bytes[0];
        req->body = buf_str(&whole.body);
        ask_everything(req);
        request_free(req);
        buf_reset(&loop.out);
    }
    buf_release(&whole.body);
    return 0;
}
