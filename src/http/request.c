/* The life of a request, and what a handler may ask of it. */
#include "base/secret.h"
#include "http/http_priv.h"

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* A counter from a random beginning, scrambled: unique, cheap, and says nothing of the load. */
static void id_write(struct loop *l, char out[REQUEST_ID_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    uint64_t v = mix(l->id_state += 0x9e3779b97f4a7c15U);
    for (int i = 0; i < REQUEST_ID_BYTES; i++, v >>= 4) out[i] = digits[v & 15];
}

static struct http_request *request_make(struct loop *l) {
    struct http_request *req = calloc(1, sizeof *req);
    if (!req) return NULL;
    req->done = calloc(1, sizeof *req->done);
    req->open = calloc(1, sizeof *req->open);
    req->arena = arena_new(ARENA_BYTES_MAX);
    buf_init(&req->head_held, HEAD_BYTES_MAX + IN_BYTES);
    buf_init(&req->extra, EXTRA_BYTES_MAX);
    buf_init(&req->answer, OUT_BYTES_MAX);
    req->server = l->server;
    req->loop = l;
    if (req->done && req->open && req->arena) return req;
    request_destroy(req);
    return NULL;
}

struct http_request *request_new(struct loop *l, struct conn *c) {
    struct http_request *req = l->free_requests;
    if (req) {
        l->free_requests = req->next;
        l->free_request_count--;
    } else if ((req = request_make(l)) == NULL) {
        return NULL;
    }
    req->next = NULL;
    req->conn = c;
    req->ticket.index = l->index << SLOT_BITS | c->slot;
    req->ticket.generation = atomic_load_explicit(&c->generation, memory_order_relaxed);
    *req->done = (struct mail){ .kind = MAIL_DONE, .ticket = req->ticket, .req = req };
    *req->open = (struct mail){ .kind = MAIL_STREAM_OPEN, .ticket = req->ticket, .req = req };
    req->route = NULL;
    req->handler = NULL;
    req->base = NULL;
    req->body = req->tail = req->reason = STR_NONE;
    req->sink = &l->out;
    req->on_loop = true;
    req->answered = req->closes = req->streams = req->has_cache_control = false;
    req->has_unread = req->body_begun = req->is_whole = false;
    req->peer_n = 0;
    req->match.param_count = 0;
    head_init(&req->head);
    id_write(l, req->id);
    return req;
}

static void held_clear(struct buf *b) {
    if (b->cap > IN_BYTES) {
        buf_release(b);
    } else if (b->n > 0) {
        bytes_wipe(b->p, b->n);
        buf_reset(b);
    }
    b->failed = OK;
}

void request_destroy(struct http_request *req) {
    if (!req) return;
    body_abandon(req);
    source_release(req);
    json_decref(req->json);
    arena_free(req->arena);
    buf_release(&req->body_held);
    buf_release(&req->head_held);
    buf_release(&req->extra);
    buf_release(&req->answer);
    free(req->done);
    free(req->open);
    free(req);
}

void request_free(struct http_request *req) {
    struct loop *l = req->loop;
    source_release(req);
    if (l->free_request_count >= REQUESTS_KEPT) {
        request_destroy(req);
        return;
    }
    if (req->json) json_decref(req->json);
    req->json = NULL;
    if (arena_used(req->arena) > 0) arena_reset(req->arena);
    if (req->body_held.p) buf_release(&req->body_held);
    held_clear(&req->head_held);
    held_clear(&req->extra);
    held_clear(&req->answer);
    req->next = l->free_requests;
    l->free_requests = req;
    l->free_request_count++;
}

enum err request_detach(struct http_request *req) {
    struct str head = { req->base, req->head.at };
    bool has_body = req->body.n > 0 && !req->body_held.p;
    if (req->head_held.n > 0) return OK;
    if (buf_reserve(&req->head_held, head.n + (has_body ? req->body.n : 0)) != OK) return ERR_NOMEM;
    buf_add(&req->head_held, head);
    if (has_body) buf_add(&req->head_held, req->body);
    for (size_t i = 0; i < req->match.param_count; i++) {
        const char *p = req->match.params[i].p;
        if (p >= head.p && p < head.p + head.n) req->match.params[i].p = req->head_held.p + (p - head.p);
    }
    req->base = req->head_held.p;
    if (has_body) req->body.p = req->head_held.p + head.n;
    return OK;
}

void request_forget(struct http_request *req) {
    static char nothing[1];
    struct head *h = &req->head;
    h->field_count = 0;
    memset(h->known, 0, sizeof h->known);
    h->method_n = h->target = h->target_n = h->path_n = 0;
    req->base = nothing;
    req->body = STR_NONE;
    req->match.param_count = 0;
    req->closes = true;
}

struct arena *http_arena(struct http_request *req) {
    return req->arena;
}
struct http_server *http_server_of(struct http_request *req) {
    return req->server;
}
struct str http_body(const struct http_request *req) {
    return req->body;
}
int64_t http_body_bytes(const struct http_request *req) {
    if (req->head.is_chunked) return -1;
    return req->head.content_length > 0 ? req->head.content_length : 0;
}
struct str http_method(const struct http_request *req) {
    return (struct str){ req->base, req->head.method_n };
}
struct str http_path(const struct http_request *req) {
    return (struct str){ req->base + req->head.target, req->head.path_n };
}
struct str http_request_id(const struct http_request *req) {
    return (struct str){ req->id, REQUEST_ID_BYTES };
}

struct str http_param(const struct http_request *req, const char *name) {
    int i = req->route ? route_param_index(req->route->pattern, name) : -1;
    return i >= 0 && (size_t)i < req->match.param_count ? req->match.params[i] : STR_NONE;
}

static struct str field_value(const struct http_request *req, size_t i) {
    return (struct str){ req->base + req->head.fields[i].value, req->head.fields[i].value_n };
}

struct str request_field(const struct http_request *req, enum known_field f) {
    return req->head.known[f] ? field_value(req, req->head.known[f] - 1U) : STR_NONE;
}

struct str http_header(const struct http_request *req, const char *name) {
    struct str want = str_from(name);
    enum known_field f = head_known(want);
    if (f != FIELD_OTHER) return request_field(req, f);
    for (size_t i = 0; i < req->head.field_count; i++) {
        struct str have = { req->base + req->head.fields[i].name, req->head.fields[i].name_n };
        if (str_eq(have, want)) return field_value(req, i);
    }
    return STR_NONE;
}

static struct str cookie_in(struct str line, struct str name) {
    while (line.n > 0) {
        struct str pair;
        struct str have;
        struct str value;
        line = str_cut(line, ';', &pair);
        pair = str_trim(pair);
        value = str_cut(pair, '=', &have);
        if (str_eq(have, name) && have.n < pair.n) return value;
    }
    return STR_NONE;
}

struct str http_cookie(const struct http_request *req, const char *name) {
    for (size_t i = req->head.known[FIELD_COOKIE]; i > 0 && i <= req->head.field_count; i++) {
        struct str value = STR_NONE;
        if (req->head.fields[i - 1].known == FIELD_COOKIE) value = cookie_in(field_value(req, i - 1), str_from(name));
        if (value.p) return value;
    }
    return STR_NONE;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return (c | 0x20) - 'a' + 10;
}

/* The head has checked that two hex digits follow each '%'. */
enum err request_decode(struct http_request *req, struct str in, bool plus_is_blank, struct str *ret) {
    char *out;
    size_t n = 0;
    if (in.n == 0 || (!memchr(in.p, '%', in.n) && !(plus_is_blank && memchr(in.p, '+', in.n)))) {
        *ret = in;
        return OK;
    }
    out = arena_alloc(req->arena, in.n);
    if (!out) return ERR_NOMEM;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '+' && plus_is_blank) c = ' ';
        if (c == '%') {
            c = (char)(hex_value(in.p[i + 1]) * 16 + hex_value(in.p[i + 2]));
            i += 2;
        }
        if (c == 0) return ERR_INPUT;
        out[n++] = c;
    }
    if (!str_is_utf8((struct str){ out, n })) return ERR_INPUT;
    *ret = (struct str){ out, n };
    return OK;
}

enum err http_query(struct http_request *req, const char *name, struct str *ret_value) {
    struct str left = { req->base + req->head.target, req->head.target_n };
    struct str found = STR_NONE;
    left = str_skip(left, req->head.path_n + 1U);
    while (left.n > 0) {
        struct str pair;
        struct str have;
        struct str value;
        left = str_cut(left, '&', &pair);
        value = str_cut(pair, '=', &have);
        if (!str_eq(have, str_from(name))) continue;
        if (found.p) return ERR_INPUT;
        found = value;
    }
    if (!found.p) return ERR_NOT_FOUND;
    return request_decode(req, found, true, ret_value);
}

/* The rightmost address of X-Forwarded-For that no proxy of ours has; the last good one where a word is malformed. */
static struct address forwarded_for(const struct http_request *req) {
    const struct networks *trusted = &req->server->trusted;
    struct address a = req->conn->address;
    for (size_t i = req->head.field_count; i > 0; i--) {
        struct str line = field_value(req, i - 1);
        if (req->head.fields[i - 1].known != FIELD_FORWARDED_FOR) continue;
        while (line.n > 0) {
            const char *comma = memrchr(line.p, ',', line.n);
            struct str word = comma ? str_skip(line, (size_t)(comma - line.p) + 1) : line;
            line.n = comma ? (size_t)(comma - line.p) : 0;
            if (address_parse(str_trim(word), &a) != OK || !networks_hold(trusted, &a)) return a;
        }
    }
    return a;
}

bool http_is_proxied(const struct http_request *req) {
    return networks_hold(&req->server->trusted, &req->conn->address);
}

struct str http_peer(const struct http_request *req) {
    struct http_request *own = (struct http_request *)(uintptr_t)req; /* a cache; the request itself is not const */
    struct address a = req->conn->address;
    if (req->peer_n > 0) return (struct str){ req->peer, req->peer_n };
    if (req->head.known[FIELD_FORWARDED_FOR] && networks_hold(&req->server->trusted, &a)) a = forwarded_for(req);
    address_text(&a, own->peer);
    own->peer_n = (uint8_t)strlen(own->peer);
    return (struct str){ req->peer, req->peer_n };
}
