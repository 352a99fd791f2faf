/*
 * The server's own structures. A connection lives in a slot of its loop and is touched by that loop's thread alone, but
 * for the atomics marked so. A request belongs to one thread at a time: its loop, then (through the work queue) a work
 * thread, then (through the loop's mailbox) its loop again.
 */
#ifndef TOCSIN_HTTP_HTTP_PRIV_H
#define TOCSIN_HTTP_HTTP_PRIV_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "http/address.h"
#include "http/frame.h"
#include "http/head.h"
#include "http/http.h"
#include "http/route.h"
#include "http/wheel.h"

#define IN_BYTES            16384               /* read at once, and unparsed bytes kept for one connection */
#define OUT_BYTES_MAX       ((size_t)192 << 20) /* of one answer, or of joined answers */
#define OUT_JOIN_BYTES      65536               /* joined answers go out when they are more */
#define ARENA_BYTES_MAX     ((size_t)8 << 20)
#define EXTRA_BYTES_MAX     16384 /* headers that a handler adds */
#define REQUEST_ID_BYTES    16
#define REQUESTS_KEPT       64     /* unused ones a loop keeps */
#define STREAM_BYTES_MAX    262144 /* unread by a stream's peer; more closes it */
#define STREAM_COMMENT_MS   15000
#define LINGER_MS           2000
#define LINGER_BYTES_MAX    1048576
#define SLOT_BITS           24
#define SLOTS_MAX           (1U << SLOT_BITS)
#define LOOPS_MAX           256
#define STATIC_BORROW_BYTES 16384 /* static bodies from this size on are not copied */

struct loop;

enum conn_state {
    CONN_FREE,
    CONN_IDLE,   /* between requests */
    CONN_HEAD,   /* a head has begun */
    CONN_BODY,   /* a body is awaited */
    CONN_BUSY,   /* a work thread, or a suspension, has the request */
    CONN_SEND,   /* a file or a source is being sent; the request is kept */
    CONN_STREAM, /* server-sent events */
    CONN_LINGER, /* answered and shut; reading until the peer has seen it */
    CONN_ZOMBIE  /* the peer left; the request is still out */
};

struct conn {
    struct wheel_entry timer; /* first: the wheel gives it back */
    int fd;
    uint32_t slot;
    _Atomic uint32_t generation;
    uint8_t state;       /* enum conn_state */
    bool has_input;      /* the socket may hold bytes not read yet */
    bool is_fresh;       /* `in` holds bytes that the parser has not seen */
    bool is_half;        /* the kernel says that the peer sends no more */
    bool is_eof;         /* and all that it sent was read */
    bool closes;         /* after what is being written */
    bool is_full;        /* the socket took no more of a file */
    bool lingers;        /* close with care: the peer may still be sending */
    bool is_counted;     /* against its address */
    bool is_queued;      /* in the loop's list of those with more to do */
    struct ahead *ahead; /* what was read of it before its turn */
    struct address address;
    struct http_request *req;
    struct buf in;  /* unparsed bytes, from a head's first */
    struct buf out; /* unwritten bytes, from out_at */
    size_t out_at;
    struct str tail;     /* borrowed bytes after `out` */
    int64_t whole_by_ms; /* when the request must be answered */
    int64_t since_ms;    /* when this head, body or writing began */
    int64_t moved_ms;    /* when a byte of it last moved */
    uint64_t moved;      /* bytes of it that moved */
    struct conn *next;   /* free slots */
    struct conn *again;  /* those with more to do */
    void (*closed)(void *ctx);
    void *closed_ctx;
    _Atomic(struct http_request *) suspended;
    _Atomic bool is_streaming;      /* sends are taken */
    _Atomic int64_t stream_waiting; /* bytes in the mailbox */
    _Atomic int64_t stream_unsent;  /* bytes in `out` */
};

/* Bytes in memory that the kernel has not taken. */
static inline bool has_output(const struct conn *c) { return c->out.n > c->out_at || c->tail.n > 0; }

/* Whether bytes of the peer may be parsed now. */
static inline bool takes_input(const struct conn *c) {
    return !c->closes && (c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY);
}

enum mail_kind {
    MAIL_DONE,
    MAIL_BODY,
    MAIL_PIECE,
    MAIL_STREAM_OPEN,
    MAIL_STREAM_BYTES,
    MAIL_STREAM_END,
    MAIL_STREAM_DROP
};

struct mail {
    struct mail *next;
    enum mail_kind kind;
    struct http_ticket ticket;
    struct http_request
        *req; /* DONE, BODY, PIECE and STREAM_OPEN, which belong to it; the others are freed after use */
    size_t n;
    char bytes[];
};

/* A long answer: the rest of a file, or what makes the pieces. */
struct source {
    bool is_set, is_chunked, is_last, is_cut;
    int fd;       /* -1: a source */
    int64_t at;   /* in the file */
    int64_t left; /* of a known length */
    int64_t near; /* the file was fetched up to here */
    bool is_let;  /* the gate was asked for the next part already */
    struct http_gate gate;
    struct http_source from;
};

struct http_request {
    struct mail *done, *open;  /* made with the request, so that an answer never fails for want of them */
    struct http_request *next; /* pool or work queue */
    struct http_server *server;
    struct loop *loop;
    struct conn *conn;
    struct http_ticket ticket;
    const struct http_route *route;
    http_handler *handler;
    http_continue *continuation; /* runs instead of the handler */
    void *continuation_ctx;
    char *base; /* of the head */
    struct frame frame;
    struct str body;
    struct buf body_held, head_held; /* copies, when the input buffer can't be borrowed; or one piece of the body */
    http_take *take;                 /* gets the pieces; NULL when it has had its last */
    void *take_ctx;
    enum http_piece piece_is;
    int refusal; /* what a cut body is answered */
    struct source source;
    struct str reason;
    struct arena *arena;
    json_t *json;
    struct buf extra, answer;
    struct buf *sink; /* the loop's joined answers, or `answer` */
    struct str tail;
    bool on_loop, answered, closes, streams, has_cache_control;
    bool has_unread, body_begun; /* of a body that is taken in pieces */
    bool is_whole;               /* it came with the head, and is in body_held */
    void (*closed)(void *ctx);
    void *closed_ctx;
    char id[REQUEST_ID_BYTES];
    uint8_t peer_n;
    char peer[ADDRESS_TEXT_SIZE];
    struct route_match match;
    struct head head; /* last: its fields are not cleared */
};

/* What the handler on this thread did besides answering. */
struct turn {
    bool is_suspended;
    http_handler *handed_to;
    enum mail_kind post; /* what the loop is told afterwards */
};
extern _Thread_local struct turn http_turn;

struct worker {
    struct work *work;
    pthread_t thread;
    sem_t wake; /* posted with what it is given; with nothing when it shall end */
    struct http_request *given;
    struct worker *below; /* idle for longer */
};

struct work {
    pthread_mutex_t lock;
    pthread_cond_t has_ended;
    struct http_request *first, **last;
    int count, max;
    bool ends;
    struct worker *workers, *idle;
    int thread_count; /* started */
    int ended;
};

/* A read before the connection's turn (http_ahead). */
struct ahead {
    char *in; /* IN_BYTES */
    ssize_t got;
    int error;
};

struct loop {
    struct http_server *server;
    unsigned index;
    int listener, epoll, event;
    pthread_t thread;
    bool is_started, drains, accepts;
    int64_t now_ms, accept_again_ms;
    uint64_t id_state;
    char *in; /* IN_BYTES, shared by all connections */
    struct ahead ahead[HTTP_AHEAD_MAX];
    struct buf out; /* joined answers of the connection in hand */
    struct conn *conns;
    uint32_t conns_used; /* slots ever used */
    struct conn *free_conns;
    struct conn *again, *again_last;
    uint32_t live; /* slots in use */
    struct http_request *free_requests;
    size_t free_request_count;
    struct wheel wheel;
    _Alignas(64) _Atomic(struct mail *) mail;
};

struct http_server {
    struct http_options o;
    struct route_table *routes;
    struct http_route missing;
    struct networks trusted;
    struct buf headers; /* the caller's lines */
    struct work work;
    struct loop *loops;
    _Atomic bool drains;
    int64_t drain_by_ms; /* written before `drains` */
    bool is_stuck;       /* a thread did not end */
    _Alignas(64) _Atomic int connections;
    struct counters counters;
};

/* loop.c */
void *loop_run(void *loop);
enum err loop_init(struct loop *l, struct http_server *s, unsigned index) MUST_CHECK;
void loop_release(struct loop *l);
void loop_post(struct loop *l, struct mail *m);
void loop_wake(struct loop *l);
struct loop *loop_of(struct http_server *s, struct http_ticket t);
struct conn *conn_of(struct http_server *s, struct http_ticket t);

/* conn.c: how a connection lives */
void conn_open(struct loop *l, int fd, struct address a);
void conn_close(struct loop *l, struct conn *c);
void conn_ready(struct loop *l, struct conn *c, uint32_t events);
/* Reads what has come of a connection that will parse it next. False: it has to wait for its turn. */
bool conn_read_ahead(struct conn *c, uint32_t events, struct ahead *a);
void conn_expire(struct loop *l, struct conn *c);
void conn_pump(struct loop *l, struct conn *c);
void conn_release(struct loop *l, struct conn *c); /* a zombie whose request has come back */
bool conn_flush(struct loop *l, struct conn *c);   /* false: it is closed now */
void conn_arm(struct loop *l, struct conn *c);

/* serve.c: from bytes to handlers */
void serve_input(struct loop *l, struct conn *c, size_t n); /* the n bytes in l->in */
void serve_mail(struct loop *l, struct mail *m);
void serve_refuse(struct loop *l, struct conn *c, int status);
void serve_stream_begin(struct loop *l, struct conn *c, struct http_request *req);

void serve_finish(struct loop *l, struct conn *c); /* its request is answered */
void serve_again(struct loop *l, struct conn *c, http_continue *fn);
void serve_take_answer(struct conn *c, struct http_request *req);

/* body.c: bodies in pieces */
void body_input(struct loop *l, struct conn *c, struct str in, size_t *ret_used);
bool body_read(struct loop *l, struct conn *c); /* straight from the socket; false: nothing came */
void body_refuse(struct loop *l, struct conn *c, int status);
void body_mail(struct loop *l, struct http_request *req);
void body_abandon(struct http_request *req); /* no thread is left */
/* On the loop: keeps a body that came with its head, so that the thread of the handler takes it, too. False without
 * memory. */
bool body_keep(struct http_request *req, struct str body);
void body_take_whole(struct http_request *req); /* on that thread */
/* The next bytes of the body may go where they belong at once. */
static inline bool body_is_direct(const struct conn *c) {
    return c->state == CONN_BODY && c->req->take && c->in.n == 0 && frame_plain(&c->req->frame) > 0;
}

/* source.c: long answers */
bool source_send(struct loop *l, struct conn *c); /* false: it is closed now */
void source_mail(struct loop *l, struct http_request *req);
void source_release(struct http_request *req);

/* request.c */
struct http_request *request_new(struct loop *l, struct conn *c);
void request_free(struct http_request *req); /* back to its loop's pool; loop thread only */
void request_destroy(struct http_request *req);
/* Moves what borrows the loop's input buffer into memory of its own. */
enum err request_detach(struct http_request *req) MUST_CHECK;
/* Without memory for that: it has no fields, no parameters and no body any more, and its connection closes. */
void request_forget(struct http_request *req);
struct str request_field(const struct http_request *req, enum known_field f);
enum err request_decode(struct http_request *req, struct str in, bool plus_is_blank, struct str *ret) MUST_CHECK;

/* reply.c */
const char *reply_reason(int status);
/* The head of a long answer. False: it has no body to send. */
bool reply_long(struct http_request *req, int status, const char *content_type, int64_t length);
void reply_refusal(struct http_request *req, int status);

/* work.c */
enum err work_start(struct work *w, int threads, int queue_max) MUST_CHECK;
bool work_push(struct work *w, struct http_request *req, bool is_admitted);
bool work_stop(struct work *w, int64_t by_ms); /* false: a thread did not end */

/* json.c */
void json_use_wiping_memory(void);

#endif
