/*
 * A small strict HTTP/1.1 server: an epoll loop a core, a bounded pool of work threads, and about six calls. Knows
 * nothing of accounts.
 *
 * A handler runs on a loop thread (HTTP_FAST: memory only, never blocks) or on a work thread (HTTP_WORK). It answers
 * with one of the http_reply calls, or suspends the request and answers later from a continuation. A request whose peer
 * left meanwhile can still be answered: the answer is dropped. Everything of a request lives in its arena, which is
 * wiped at its end.
 */
#ifndef TOCSIN_HTTP_HTTP_H
#define TOCSIN_HTTP_HTTP_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct http_server;
struct http_request;

typedef void http_handler(struct http_request *req, void *app);

enum http_lane { HTTP_FAST, HTTP_WORK };

struct http_route {
    const char *method;  /* "GET"; a HEAD is answered by its GET without the body */
    const char *pattern; /* "/api/v1/attempts/{id}/proofs"; a last "{rest...}" takes the rest of the path */
    enum http_lane lane;
    http_handler *handler;
    size_t body_bytes_max; /* 0: a body is refused (413) */
    bool takes_pieces;     /* HTTP_WORK only: the handler runs before the body; see http_body_begin */
};

/*
 * Several connections have bytes: before the first of them is served, those of all are shown, so that memory which
 * their requests will need can be fetched meanwhile. Nothing of them is judged yet: a hint for speed, which may change
 * nothing.
 */
#define HTTP_AHEAD_MAX 8
typedef void http_ahead(void *app, const struct str *bytes, size_t n);

struct http_options {
    const int *listeners;            /* one listening socket a loop (SO_REUSEPORT), owned by the caller */
    int listener_count;              /* = number of loops */
    int work_threads;                /* at least one */
    int queue_max;                   /* waiting work; beyond it 503 busy with Retry-After at once */
    int connections_max;             /* in all, below 2^24 */
    int connections_per_address_max; /* IPv6: per /64; trusted proxies are exempt; 0: no such cap */
    bool pin_to_cores;
    const char *trusted_proxies;     /* addresses or CIDRs, separated by blanks */
    const struct http_route *routes; /* ended by method == NULL */
    void *app;                       /* handed to every handler */
    http_handler *missing;           /* a GET without a route, on the loop; NULL: a problem 404 */
    http_ahead *ahead;               /* on the loops; NULL: none */
    const char *const *headers;      /* "Name: value" lines added to every answer, NULL-ended (security headers) */
    /*
     * Deadlines; 0 means the default: 10 s for a head, 30 s without a byte of a body or of an answer that is being
     * read, 75 s between requests, 120 s from a request's first byte to its answer. A late head or body is answered
     * 408.
     */
    int64_t head_ms, body_ms, idle_ms, whole_ms;
    int64_t body_rate_min; /* bytes a second, after the first 5 s, of a body or of an answer; 256 */
};

/*
 * Borrows all that the options point to until http_server_free. From here on jansson wipes what it frees, in the whole
 * process. ERR_CONFIG: options, routes, headers or proxies that make no sense. ERR_NOMEM, ERR_IO.
 */
enum err http_server_new(const struct http_options *o, struct http_server **ret) MUST_CHECK;
enum err http_server_start(struct http_server *s) MUST_CHECK; /* starts the threads */
/*
 * Stops accepting, closes what is idle, ends streams, finishes what runs, and ends the threads: after most_ms by
 * closing what is left. A handler that is still running then has one more second. The caller then closes the listeners.
 */
void http_server_drain(struct http_server *s, int64_t most_ms);
/* Drains without patience where that was not done. Nobody may hold a ticket any more. NULL is fine. */
void http_server_free(struct http_server *s);

/* ---- reading a request; everything borrowed from its arena ---- */
struct arena *http_arena(struct http_request *req);
struct str http_method(const struct http_request *req);
struct str http_path(const struct http_request *req); /* without the query, percent-decoded segments are in params */
struct str http_param(const struct http_request *req,
                      const char *name); /* from the pattern, decoded; empty when absent */
/* A query value, percent-decoded into the arena. ERR_NOT_FOUND, ERR_INPUT (given twice, bad escapes). */
enum err http_query(struct http_request *req, const char *name, struct str *ret_value) MUST_CHECK;
struct str http_header(const struct http_request *req, const char *name); /* lower-case name; STR_NONE when absent */
struct str http_cookie(const struct http_request *req, const char *name); /* the first of that name */
struct str http_body(const struct http_request *req);
struct str http_peer(const struct http_request *req);       /* textual IP of the client, after trusted proxies */
bool http_is_proxied(const struct http_request *req);       /* by a trusted proxy: its forwarded headers count */
struct str http_request_id(const struct http_request *req); /* 16 characters, made by us */
bool http_is_json(const struct http_request *req);          /* by its Content-Type */
/*
 * The body as a JSON object (jansson; depth 16, duplicate members, NUL and bad UTF-8 refused). On failure an answer
 * (400 or 415) was already sent and NULL is returned. The object lives as long as the request.
 */
json_t *http_json(struct http_request *req);
/* True when every member's name is in the NULL-ended list; otherwise answered 400 unknown_member. */
bool http_json_members(struct http_request *req, json_t *object, const char *const *allowed);

/* ---- answering; exactly once a request ---- */
void http_add_header(struct http_request *req, const char *name,
                     struct str value); /* before the answer; CR, LF, NUL are refused by assert */
void http_reply(struct http_request *req, int status, const char *content_type, struct str body); /* copies */
void http_reply_json(struct http_request *req, int status, json_t *owned); /* takes the reference */
void http_reply_problem(struct http_request *req, int status, const char *code, const char *detail); /* RFC 9457 */
/*
 * Static bytes that outlive the server, with a strong ETag (quotes are added where it has none); answers 304 by itself.
 * `cache` is the Cache-Control value.
 */
void http_reply_static(struct http_request *req, const char *content_type, struct str body, const char *etag,
                       const char *cache);

/* In place of the status's usual words, for clients that show nothing else. Printable ASCII, copied. */
void http_set_reason(struct http_request *req, const char *reason);

/* ---- long bodies, both ways: one piece of them is held, whatever they measure ---- */
#define HTTP_PIECE_BYTES ((size_t)256 * 1024)
enum http_piece { HTTP_PIECE_MORE, HTTP_PIECE_LAST, HTTP_PIECE_CUT };

/*
 * Of a route with `takes_pieces`. Its handler runs when the head is there. It answers at once, and the body is not
 * read: the connection closes after the answer, with patience for a peer that is still sending. Or it begins the body
 * and returns; `take` then runs on a work thread for each piece, one after the other, and the peer waits meanwhile (its
 * deadlines and least rate hold; the whole has none). After MORE it may answer, which ends the body like an answer of
 * the handler. LAST (perhaps of no bytes) must answer or suspend. CUT: no more comes (the peer left, was too slow, or
 * broke the framing, and is answered by the server): take gives back what it holds. Exactly one of an answer, LAST and
 * CUT ends it; without threads any more CUT comes from http_server_free. A piece begins with a page, and all but the
 * last measure HTTP_PIECE_BYTES, unless the whole body came with the head.
 */
typedef void http_take(struct http_request *req, void *ctx, struct str bytes, enum http_piece is);
void http_body_begin(struct http_request *req, http_take *take, void *ctx);
int64_t
http_body_bytes(const struct http_request *req); /* as announced; 0: none, -1: chunked, not known before its end */

/*
 * Answers from a handler on the work lane. A file: `length` bytes from `offset` on; fd becomes the server's. Small ones
 * are read at once (500 when that fails), larger ones go from the page cache to the socket, after a work thread has
 * fetched what is not in it. A source makes its pieces on work threads, whenever the peer has taken the one before.
 */
enum http_gate_says { HTTP_GATE_CLOSED = 0, HTTP_GATE_OPEN, HTTP_GATE_UNSURE };
/*
 * What stands between a file and its peer, for as long as the file is being sent. Calls come one at a time, on the loop
 * or on a work thread. With may_wait false `ask` does not block; UNSURE: it is asked once more, where it may.
 */
struct http_gate {
    enum http_gate_says (*ask)(void *ctx,
                               bool may_wait); /* before each part of at most a MiB; CLOSED cuts the answer */
    void (*passed)(void *ctx, int64_t bytes);  /* so many went to the connection; does not block */
    void (*end)(void *ctx);                    /* once, whatever came of it; does not block */
    void *ctx;
};
struct http_file {
    int fd;
    int64_t offset, length;
    struct http_gate gate; /* end == NULL: none. A small file is not asked for: the caller just did */
};
void http_reply_file(struct http_request *req, int status, const char *content_type, struct http_file file);
/*
 * The same from a fast handler, without waiting for a disk. False where the first part is not in the page cache: then
 * nothing is answered, the file and its gate are still the caller's, and headers that were added are gone.
 */
bool http_reply_file_near(struct http_request *req, int status, const char *content_type, const struct http_file *file);
struct http_source {
    int64_t length; /* -1: not known; the answer is chunked (to HTTP/1.0: ended by closing) */
    /* Appends the next piece, of about HTTP_PIECE_BYTES at most. CUT, and a wrong length, cut the connection. */
    enum http_piece (*next)(void *ctx, struct buf *out);
    void (*end)(void *ctx); /* once, whatever came of it; perhaps on a loop: it does not block */
    void *ctx;
};
void http_reply_source(struct http_request *req, int status, const char *content_type,
                       const struct http_source *source);

/* ---- later ---- */
struct http_ticket {
    uint32_t index, generation;
};
/* From inside a handler: it will be answered by a continuation. After this the handler must not touch req again. */
struct http_ticket http_suspend(struct http_request *req);
/* Runs fn(req, ctx) on a work thread; never refused for a full queue (the request was admitted before). Exactly once
 * per suspension. */
typedef void http_continue(struct http_request *req, void *ctx);
void http_resume(struct http_server *s, struct http_ticket t, http_continue *fn, void *ctx);
/* From a fast handler: run this handler on the work lane instead; 503 busy when its queue is full. */
void http_hand_over(struct http_request *req, http_handler *handler);
struct http_server *http_server_of(struct http_request *req);

/* ---- Server-Sent Events ---- */
/* Answers 200 text/event-stream with `first` and keeps the connection; a comment line goes out every 15 s. closed(ctx)
 * is called once, on a loop thread, when it ends. */
struct http_ticket http_stream_begin(struct http_request *req, struct str first, void (*closed)(void *ctx), void *ctx);
/* From any thread; the bytes are copied. ERR_GONE when it has ended, ERR_TOO_LARGE when the peer reads too slowly (it
 * is closed). */
enum err http_stream_send(struct http_server *s, struct http_ticket t, struct str bytes) MUST_CHECK;
void http_stream_end(struct http_server *s, struct http_ticket t);

#endif
