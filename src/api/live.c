/*
 * Open pages: server-sent events. A stream belongs to a session; when that ends, the stream does. Alerts are read once
 * and sent to every page of the account; a page that was away says the last id it has seen and gets what came after.
 */
#include <pthread.h>
#include <stdlib.h>

#include "api/resources.h"
#include "base/clock.h"

#define STREAMS_OF_ACCOUNT_MAX 16
#define BUCKETS                1024
#define RESUME_MAX             50

struct stream {
    struct live *live;
    struct account_id account;
    struct session_id session;
    struct device_id device;
    bool is_trusted, is_begun;
    struct http_ticket ticket;
    struct stream *next;
};

struct live {
    struct api *api;
    pthread_mutex_t lock;
    struct stream *buckets[BUCKETS];
};

enum err live_new(struct api *api, struct live **ret) {
    struct live *l = calloc(1, sizeof *l);
    if (!l) return ERR_NOMEM;
    l->api = api;
    (void)pthread_mutex_init(&l->lock, NULL);
    *ret = l;
    return OK;
}

void live_free(struct live *l) {
    for (size_t i = 0; l && i < BUCKETS; i++)
        while (l->buckets[i]) {
            struct stream *next = l->buckets[i]->next;
            free(l->buckets[i]);
            l->buckets[i] = next;
        }
    free(l);
}

static struct stream **bucket(struct live *l, const uint8_t *account) {
    return &l->buckets[(account[0] | (size_t)account[1] << 8) % BUCKETS];
}

static void on_closed(void *ctx) {
    struct stream *s = ctx;
    struct live *l = s->live;
    (void)pthread_mutex_lock(&l->lock);
    for (struct stream **at = bucket(l, s->account.b); *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    (void)pthread_mutex_unlock(&l->lock);
    free(s);
}

static size_t count(struct live *l, struct account_id account) {
    size_t n = 0;
    for (struct stream *s = *bucket(l, account.b); s; s = s->next) n += id_eq(s->account.b, account.b);
    return n;
}

/* To every page of the account; to trusted devices only when asked so. */
static size_t send_all(struct live *l, struct account_id account, struct str bytes, bool is_for_trusted) {
    size_t n = 0;
    (void)pthread_mutex_lock(&l->lock);
    for (struct stream *s = *bucket(l, account.b); s; s = s->next) {
        if (!id_eq(s->account.b, account.b) || !s->is_begun || (is_for_trusted && !s->is_trusted)) continue;
        if (http_stream_send(l->api->server, s->ticket, bytes) == OK) n++;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return n;
}

void live_recheck(struct live *l, struct account_id account) {
    int64_t now_ms = clock_wall_ms();
    (void)pthread_mutex_lock(&l->lock);
    for (struct stream *s = *bucket(l, account.b); s; s = s->next) {
        if (!id_eq(s->account.b, account.b) || !s->is_begun) continue;
        if (!session_table_has(l->api->sessions, account, s->session, now_ms))
            http_stream_end(l->api->server, s->ticket);
    }
    (void)pthread_mutex_unlock(&l->lock);
}

static void add_event(struct buf *b, const struct alert *a) {
    json_t *o = json_alert(a);
    char *text = json_dumps(o, JSON_COMPACT);
    char id[ID_TEXT_SIZE];
    id_text(a->id.b, id);
    if (text) buf_addf(b, "event: alert\nid: %s\ndata: %s\n\n", id, text);
    free(text);
    json_decref(o);
}

struct reading {
    struct account_id account;
    struct alert_id alert;
    struct arena *arena;
    struct buf *out;
    bool is_live; /* note that a page had it */
    struct alert_id after;
    struct alert missed[RESUME_MAX]; /* newest first */
    size_t missed_n;
};

static enum err alert_tx(struct store_tx *tx, void *ctx) {
    struct reading *x = ctx;
    struct alert a;
    enum err r = alert_get(tx, x->account, x->alert, x->arena, &a);
    buf_reset(x->out);
    if (r == OK) add_event(x->out, &a);
    return r;
}

static enum err live_tx(struct store_tx *tx, void *ctx) {
    struct reading *x = ctx;
    return alert_set_live(tx, x->account, x->alert, clock_wall_ms());
}

void live_alert(struct live *l, struct account_id account, struct alert_id alert) {
    struct buf out;
    struct reading x = { .account = account, .alert = alert, .out = &out };
    bool is_listened;
    (void)pthread_mutex_lock(&l->lock);
    is_listened = count(l, account) > 0;
    (void)pthread_mutex_unlock(&l->lock);
    if (!is_listened) return;
    buf_init(&out, 64 * 1024);
    x.arena = arena_new(1024 * 1024);
    if (x.arena && store_read(l->api->store, alert_tx, &x) == OK && buf_err(&out) == OK &&
        send_all(l, account, buf_str(&out), false) > 0)
        (void)!store_write(l->api->store, live_tx, &x); /* only a note; the alert itself is safe */
    arena_free(x.arena);
    buf_release(&out);
}

void live_code(struct live *l, struct account_id account, struct attempt_id attempt) {
    char id[ID_TEXT_SIZE], text[100];
    int n;
    id_text(attempt.b, id);
    n = snprintf(text, sizeof text, "event: code\ndata: {\"attempt\":\"%s\"}\n\n", id);
    (void)send_all(l, account, str_bytes(text, (size_t)n), true);
}

/* ---- GET /alerts/stream ---- */

static enum err on_missed(void *ctx, const struct alert *a) {
    struct reading *x = ctx;
    if (memcmp(a->id.b, x->after.b, ID_BYTES) > 0 && x->missed_n < RESUME_MAX) x->missed[x->missed_n++] = *a;
    return OK;
}

static enum err missed_tx(struct store_tx *tx, void *ctx) {
    struct reading *x = ctx;
    const struct alert_page newest = { .account = x->account, .limit = RESUME_MAX, .arena = x->arena };
    enum err r;
    buf_reset(x->out);
    x->missed_n = 0;
    r = alert_each(tx, &newest, on_missed, x);
    while (r == OK && x->missed_n > 0) add_event(x->out, &x->missed[--x->missed_n]); /* as they happened */
    return r;
}

static void begin_stream(struct http_request *req, struct live *l, const struct api_call *c, struct str first) {
    struct stream *s = calloc(1, sizeof *s);
    struct stream **at;
    bool is_full;
    if (!s) {
        fail_err(req, ERR_BUSY);
        return;
    }
    *s = (struct stream){ .live = l,
                          .account = c->caller.session.account,
                          .session = c->caller.session.id,
                          .device = c->caller.session.device,
                          .is_trusted = c->caller.is_trusted };
    (void)pthread_mutex_lock(&l->lock);
    is_full = count(l, s->account) >= STREAMS_OF_ACCOUNT_MAX;
    if (!is_full) {
        at = bucket(l, s->account.b);
        s->next = *at;
        *at = s;
        s->ticket = http_stream_begin(req, first, on_closed, s);
        s->is_begun = true;
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (!is_full) return;
    free(s);
    http_reply_problem(req, 429, "too_many_tries", "Too many open pages of this account.");
}

void alerts_stream(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    struct str last = http_header(req, "last-event-id");
    struct buf out;
    struct reading x = { .out = &out };
    if (!c) return;
    buf_init(&out, 512 * 1024);
    x.account = c->caller.session.account;
    x.arena = c->g.arena;
    if (last.n > 0 && id_parse(last, x.after.b) == OK && store_read(c->api->store, missed_tx, &x) != OK)
        buf_reset(&out);
    if (out.n == 0) buf_add_z(&out, ": hello\n\n");
    begin_stream(req, c->api->live, c, buf_str(&out));
    buf_release(&out);
}
