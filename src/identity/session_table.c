/*
 * A chained hash table with lock-free readers. Nodes and entries are immutable once published, but for the links; what
 * writers take out is freed when every reader that might still hold it has said quiescent. Readers that hold nothing
 * are "away" and delay nobody.
 */
#include "identity/session_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/slab.h"
#include "identity/identity_priv.h"

#define READERS_MAX   512
#define BUCKETS_FIRST 1024
#define BUCKETS_EACH  4 /* at least so many a session, so that few look at another's memory first */
#define AWAY          UINT64_MAX
#define STALE_MS      2000
#define JSON_USUAL    256 /* bytes of a session's answer */
#define FLUSH_MOST    256 /* a transaction */

const struct store_stmt SESSION_LOAD_ALL = {
    .name = "session_load_all",
    .in = "i",
    .out = "bbbbiiiitttii",
    .sql = "SELECT s.account_id, s.id, s.token_hash, s.device_id, s.epoch, s.created_ms, s.expires_ms, s.proofs, "
           "a.email, a.name,"
           " d.name, d.trusted_ms, s.seen_ms FROM session s JOIN account a ON a.account_id = s.account_id"
           " JOIN device d ON d.account_id = s.account_id AND d.id = s.device_id"
           " WHERE s.expires_ms > ?1 AND s.epoch = a.epoch AND d.revoked_ms = 0",
};
const struct store_stmt SESSION_LOAD_ONE = {
    .name = "session_load_one",
    .in = "ib",
    .out = "bbbbiiiitttii",
    .sql = "SELECT s.account_id, s.id, s.token_hash, s.device_id, s.epoch, s.created_ms, s.expires_ms, s.proofs, "
           "a.email, a.name,"
           " d.name, d.trusted_ms, s.seen_ms FROM session s JOIN account a ON a.account_id = s.account_id"
           " JOIN device d ON d.account_id = s.account_id AND d.id = s.device_id"
           " WHERE s.expires_ms > ?1 AND s.account_id = ?2 AND s.epoch = a.epoch AND d.revoked_ms = 0",
};

struct node { /* what a look needs stands on its first line of 64 bytes */
    _Atomic(struct node *) next;
    struct node *account_next; /* writers only */
    uint8_t hash[HASH_BYTES];
    int64_t loaded_ms;          /* monotonic */
    _Atomic int64_t seen_ms;    /* when it was used, in steps of a twelfth of the idle time */
    int64_t stored_ms;          /* writers only: as the database has it */
    struct session_entry entry; /* its json behind it */
};

struct buckets {
    size_t n; /* a power of two */
    _Atomic(struct node *) at[];
};

struct retired {
    void *p;
    size_t bytes;
    bool is_node; /* or buckets */
    uint64_t epoch;
    struct retired *next;
};

/* Hashes of tokens that stand somewhere in memory; good for the same bytes at the same place, once. */
struct session_hints {
    const char *at[SESSION_AHEAD_MAX];
    char tokens[SESSION_AHEAD_MAX][TOKEN_TEXT_SIZE - 1];
    uint8_t hashes[SESSION_AHEAD_MAX][HASH_BYTES];
};

struct session_reader {
    _Alignas(64) _Atomic uint64_t seen; /* AWAY, or the epoch in which it began to hold */
    struct session_table *table;
    struct session_hints *hints; /* NULL until there are some */
};

struct session_table {
    _Atomic(struct buckets *) buckets;
    _Atomic uint64_t epoch;
    bool is_complete;
    int64_t idle_ms;
    _Atomic bool has_seen;  /* something to flush */
    pthread_mutex_t lock;   /* writers */
    struct node **accounts; /* by account id: the account's nodes, linked by account_next */
    size_t account_bucket_n;
    _Atomic int64_t count;
    struct retired *retired;
    struct slab nodes;              /* writers */
    struct session_reader *readers; /* READERS_MAX */
    _Atomic size_t reader_n;
};

static size_t slot(const uint8_t *hash, size_t n) {
    uint64_t h;
    memcpy(&h, hash, sizeof h);
    return (size_t)h & (n - 1);
}

static size_t buckets_bytes(size_t n) { return sizeof(struct buckets) + n * sizeof(struct node *); }

static struct buckets *buckets_new(size_t n) {
    struct buckets *b = huge_alloc(buckets_bytes(n));
    if (b) b->n = n;
    return b;
}

static size_t node_bytes(const struct node *n) {
    return sizeof *n + n->entry.json_n + n->entry.email.n + n->entry.name.n;
}
static void node_free(struct session_table *t, struct node *n) { slab_put(&t->nodes, n, node_bytes(n)); }

static void buckets_free(struct session_table *t, struct buckets *b) {
    for (size_t i = 0; b && i < b->n; i++)
        for (struct node *n = atomic_load(&b->at[i]); n;) {
            struct node *next = atomic_load(&n->next);
            node_free(t, n);
            n = next;
        }
    if (b) huge_free(b, buckets_bytes(b->n));
}

static void retired_free(struct session_table *t, struct retired *x) {
    if (x->is_node)
        slab_put(&t->nodes, x->p, x->bytes);
    else
        huge_free(x->p, x->bytes);
    free(x);
}

enum err session_table_new(bool is_complete, int64_t idle_ms, struct session_table **ret) {
    struct session_table *t = calloc(1, sizeof *t);
    struct buckets *b = buckets_new(BUCKETS_FIRST);
    if (t) {
        t->account_bucket_n = BUCKETS_FIRST;
        t->accounts = calloc(t->account_bucket_n, sizeof(struct node *));
        t->readers = aligned_alloc(64, READERS_MAX * sizeof(struct session_reader));
    }
    if (!t || !b || !t->accounts || !t->readers) {
        if (t) {
            free(t->accounts);
            free(t->readers);
        }
        buckets_free(t, b);
        free(t);
        return ERR_NOMEM;
    }
    (void)pthread_mutex_init(&t->lock, NULL);
    slab_init(&t->nodes);
    atomic_init(&t->buckets, b);
    atomic_init(&t->epoch, 1);
    t->is_complete = is_complete;
    t->idle_ms = idle_ms;
    *ret = t;
    return OK;
}

void session_table_free(struct session_table *t) {
    if (!t) return;
    buckets_free(t, atomic_load(&t->buckets));
    while (t->retired) {
        struct retired *next = t->retired->next;
        retired_free(t, t->retired);
        t->retired = next;
    }
    for (size_t i = 0; i < atomic_load(&t->reader_n) && i < READERS_MAX; i++) {
        if (t->readers[i].hints) bytes_wipe(t->readers[i].hints, sizeof *t->readers[i].hints);
        free(t->readers[i].hints);
    }
    slab_release(&t->nodes);
    free(t->accounts);
    free(t->readers);
    free(t);
}

int64_t session_table_count(const struct session_table *t) {
    return atomic_load_explicit(&t->count, memory_order_relaxed);
}

/* ---- writers ---- */

static uint64_t oldest_held(struct session_table *t) {
    uint64_t oldest = AWAY;
    size_t n = atomic_load(&t->reader_n);
    for (size_t i = 0; i < n; i++) {
        uint64_t seen = atomic_load(&t->readers[i].seen);
        if (seen < oldest) oldest = seen;
    }
    return oldest;
}

static void reclaim(struct session_table *t) {
    uint64_t oldest = oldest_held(t);
    struct retired **at = &t->retired;
    while (*at) {
        struct retired *x = *at;
        if (x->epoch >= oldest) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        retired_free(t, x);
    }
}

/* Frees it once nobody can hold it. Without memory for the note it is leaked: safe, and rare. */
static void retire(struct session_table *t, struct retired what) {
    struct retired *x = malloc(sizeof *x);
    if (!x) return;
    *x = what;
    x->epoch = atomic_fetch_add(&t->epoch, 1);
    x->next = t->retired;
    t->retired = x;
}

static void publish(struct buckets *b, struct node *n) {
    _Atomic(struct node *) *head = &b->at[slot(n->hash, b->n)];
    atomic_store_explicit(&n->next, atomic_load_explicit(head, memory_order_relaxed), memory_order_relaxed);
    atomic_store_explicit(head, n, memory_order_release);
}

static void unlink_node(struct session_table *t, struct node *n) {
    struct buckets *b = atomic_load(&t->buckets);
    _Atomic(struct node *) *at = &b->at[slot(n->hash, b->n)];
    while (atomic_load(at) && atomic_load(at) != n) at = &atomic_load(at)->next;
    if (!atomic_load(at)) return;
    atomic_store(at, atomic_load(&n->next));
    atomic_fetch_sub(&t->count, 1);
    retire(t, (struct retired){ .p = n, .bytes = node_bytes(n), .is_node = true });
}

static struct node *node_copy(struct session_table *t, const struct node *n) {
    size_t size = node_bytes(n);
    struct node *c = slab_get(&t->nodes, size);
    if (!c) return NULL;
    memcpy((void *)c, (const void *)n, size);
    if (n->entry.email.p) c->entry.email.p = c->entry.json + (n->entry.email.p - n->entry.json);
    if (n->entry.name.p) c->entry.name.p = c->entry.json + (n->entry.name.p - n->entry.json);
    return c;
}

static struct node **account_slot(struct session_table *t, const uint8_t *account) {
    return &t->accounts[slot(account, t->account_bucket_n)];
}

/* The lines of memory behind its first are fetched while that one is looked at. */
static void fetch_ahead(const struct node *n) {
    for (size_t at = SLAB_LINE_BYTES; at < sizeof *n + JSON_USUAL; at += SLAB_LINE_BYTES)
        __builtin_prefetch((const char *)n + at);
}

static struct node *probe(const struct buckets *b, const uint8_t hash[HASH_BYTES]) {
    struct node *n = atomic_load_explicit(&b->at[slot(hash, b->n)], memory_order_acquire);
    if (n) fetch_ahead(n);
    while (n && memcmp(n->hash, hash, HASH_BYTES) != 0) n = atomic_load_explicit(&n->next, memory_order_acquire);
    return n;
}

static enum err grow_accounts(struct session_table *t) {
    size_t n = t->account_bucket_n * 4;
    struct node **fresh = calloc(n, sizeof *fresh);
    if (!fresh) return ERR_NOMEM;
    for (size_t i = 0; i < t->account_bucket_n; i++)
        for (struct node *x = t->accounts[i]; x;) {
            struct node *next = x->account_next, **head = &fresh[slot(x->entry.session.account.b, n)];
            x->account_next = *head;
            *head = x;
            x = next;
        }
    free(t->accounts);
    t->accounts = fresh;
    t->account_bucket_n = n;
    return OK;
}

/* A larger table of copies; readers of the old one go on undisturbed. */
static enum err grow(struct session_table *t) {
    struct buckets *old = atomic_load(&t->buckets), *b = buckets_new(old->n * 4);
    struct node **accounts = calloc(t->account_bucket_n, sizeof *accounts);
    if (!b || !accounts) goto nomem;
    for (size_t i = 0; i < old->n; i++)
        for (struct node *n = atomic_load(&old->at[i]); n; n = atomic_load(&n->next)) {
            struct node *c = node_copy(t, n), **head;
            if (!c) goto nomem;
            publish(b, c);
            head = &accounts[slot(c->entry.session.account.b, t->account_bucket_n)];
            c->account_next = *head;
            *head = c;
        }
    atomic_store(&t->buckets, b);
    for (size_t i = 0; i < old->n; i++)
        for (struct node *n = atomic_load(&old->at[i]); n;) {
            struct node *next = atomic_load(&n->next);
            retire(t, (struct retired){ .p = n, .bytes = node_bytes(n), .is_node = true });
            n = next;
        }
    retire(t, (struct retired){ .p = old, .bytes = buckets_bytes(old->n) });
    free(t->accounts);
    t->accounts = accounts;
    return grow_accounts(t);
nomem:
    buckets_free(t, b);
    free(accounts);
    return ERR_NOMEM;
}

static enum err insert(struct session_table *t, struct node *n) {
    struct buckets *b = atomic_load(&t->buckets);
    struct node **head;
    if (atomic_load(&t->count) * BUCKETS_EACH > (int64_t)b->n && grow(t) == OK) b = atomic_load(&t->buckets);
    publish(b, n);
    head = account_slot(t, n->entry.session.account.b);
    n->account_next = *head;
    *head = n;
    atomic_fetch_add(&t->count, 1);
    return OK;
}

static void remove_account(struct session_table *t, struct account_id account) {
    struct node **at = account_slot(t, account.b);
    while (*at) {
        struct node *n = *at;
        if (!id_eq(n->entry.session.account.b, account.b)) {
            at = &n->account_next;
            continue;
        }
        *at = n->account_next;
        unlink_node(t, n);
    }
}

/* ---- the answer of GET /session, made once ---- */

static void add_proofs(struct buf *b, unsigned proofs) {
    bool is_first = true;
    for (int i = 0; i < PROOF_COUNT; i++) {
        if ((proofs & (1U << i)) == 0) continue;
        buf_addf(b, "%s\"%s\"", is_first ? "" : ",", proof_name((enum proof)(1U << i)));
        is_first = false;
    }
}

static void add_json(struct buf *b, const struct session *s, const struct store_val *v) {
    char account[ID_TEXT_SIZE], session[ID_TEXT_SIZE], device[ID_TEXT_SIZE], created[CLOCK_TEXT_SIZE],
        expires[CLOCK_TEXT_SIZE];
    id_text(s->account.b, account);
    id_text(s->id.b, session);
    id_text(s->device.b, device);
    clock_text(s->created_ms, created);
    clock_text(s->expires_ms, expires);
    buf_addf(b, "{\"account\":{\"id\":\"%s\",\"email\":", account);
    buf_add_json(b, v[8].s);
    buf_add_z(b, ",\"name\":");
    buf_add_json(b, v[9].s);
    buf_addf(b, "},\"session\":{\"id\":\"%s\",\"created_at\":\"%s\",\"expires_at\":\"%s\",\"proofs\":[", session,
             created, expires);
    add_proofs(b, s->proofs);
    buf_addf(b, "]},\"device\":{\"id\":\"%s\",\"name\":", device);
    buf_add_json(b, v[10].s);
    buf_addf(b, ",\"trusted\":%s}}", v[11].i ? "true" : "false");
}

struct loading {
    struct session_table *table;
    struct node *list; /* linked by account_next */
    int64_t mono_ms;
};

static enum err on_row(void *ctx, const struct store_val *v) {
    struct loading *l = ctx;
    struct session s = { .epoch = v[4].i, .created_ms = v[5].i, .expires_ms = v[6].i, .proofs = (unsigned)v[7].i };
    struct buf json;
    struct node *n;
    enum err r;
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES || v[2].s.n != HASH_BYTES || v[3].s.n != ID_BYTES)
        return ERR_CORRUPT;
    memcpy(s.account.b, v[0].s.p, ID_BYTES);
    memcpy(s.id.b, v[1].s.p, ID_BYTES);
    memcpy(s.device.b, v[3].s.p, ID_BYTES);
    buf_init(&json, 8192);
    add_json(&json, &s, v);
    r = buf_err(&json);
    n = r == OK ? slab_get(&l->table->nodes, sizeof *n + json.n + v[8].s.n + v[9].s.n) : NULL;
    if (n) {
        char *text;
        memset((void *)n, 0, sizeof *n);
        memcpy(n->hash, v[2].s.p, HASH_BYTES);
        n->loaded_ms = l->mono_ms;
        n->stored_ms = v[12].i;
        atomic_init(&n->seen_ms, v[12].i);
        n->entry.session = s;
        n->entry.is_trusted = v[11].i != 0;
        n->entry.json_n = (uint32_t)json.n;
        memcpy(n->entry.json, json.p, json.n);
        text = n->entry.json + json.n;
        n->entry.email = str_bytes(memcpy(text, v[8].s.p, v[8].s.n), v[8].s.n);
        n->entry.name = str_bytes(memcpy(text + v[8].s.n, v[9].s.p, v[9].s.n), v[9].s.n);
        n->account_next = l->list;
        l->list = n;
    } else if (r == OK) {
        r = ERR_NOMEM;
    }
    buf_release(&json);
    return r;
}

struct reading {
    struct loading *loading;
    const struct account_id *account; /* NULL: all */
    int64_t now_ms;
};

static void drop_list(struct loading *l) {
    while (l->list) {
        struct node *next = l->list->account_next;
        node_free(l->table, l->list);
        l->list = next;
    }
}

static enum err read_rows(struct store_tx *tx, void *ctx) {
    struct reading *r = ctx;
    drop_list(r->loading); /* an earlier run of this transaction */
    if (!r->account) return store_each(tx, &SESSION_LOAD_ALL, S_IN(S_I(r->now_ms)), on_row, r->loading);
    return store_each(tx, &SESSION_LOAD_ONE, S_IN(S_I(r->now_ms), S_B(r->account->b)), on_row, r->loading);
}

static enum err take_rows(struct session_table *t, struct loading *l) {
    enum err r = OK;
    while (l->list) {
        struct node *n = l->list;
        l->list = n->account_next;
        if ((r = insert(t, n)) != OK) return r;
    }
    return OK;
}

/* What this node saw and has not written down yet outlives the reading. */
static void carry_seen(struct session_table *t, struct loading *l) {
    const struct buckets *b = atomic_load(&t->buckets);
    for (struct node *n = l->list; n; n = n->account_next) {
        const struct node *old = probe(b, n->hash);
        int64_t seen_ms = old ? atomic_load(&old->seen_ms) : 0;
        if (seen_ms <= n->stored_ms) continue;
        atomic_store(&n->seen_ms, seen_ms);
        atomic_store(&t->has_seen, true);
    }
}

/* The lock is held over the read, so that an older read never replaces a newer one. */
static enum err load(struct session_table *t, struct store *store, const struct account_id *account, int64_t now_ms) {
    struct loading l = { .table = t, .mono_ms = clock_mono_ms() };
    struct reading reading = { &l, account, now_ms };
    enum err r;
    (void)pthread_mutex_lock(&t->lock);
    r = store_read(store, read_rows, &reading);
    if (r == OK && t->idle_ms > 0) carry_seen(t, &l);
    if (r == OK && account) remove_account(t, *account);
    if (r == OK) r = take_rows(t, &l);
    drop_list(&l);
    reclaim(t);
    (void)pthread_mutex_unlock(&t->lock);
    return r;
}

enum err session_table_load(struct session_table *t, struct store *store, int64_t now_ms) {
    return load(t, store, NULL, now_ms);
}

enum err session_table_refresh(struct session_table *t, struct store *store, struct account_id account,
                               int64_t now_ms) {
    return load(t, store, &account, now_ms);
}

static bool is_idle(const struct session_table *t, const struct node *n, int64_t now_ms) {
    return t->idle_ms > 0 && now_ms - atomic_load_explicit(&n->seen_ms, memory_order_relaxed) >= t->idle_ms;
}

struct flushing {
    struct node *nodes[FLUSH_MOST];
    int64_t seen_ms[FLUSH_MOST];
    size_t n;
};

static void collect(struct session_table *t, struct flushing *f) {
    f->n = 0;
    for (size_t i = 0; i < t->account_bucket_n; i++)
        for (struct node *n = t->accounts[i]; n && f->n < FLUSH_MOST; n = n->account_next) {
            int64_t seen_ms = atomic_load_explicit(&n->seen_ms, memory_order_relaxed);
            if (seen_ms <= n->stored_ms) continue;
            f->seen_ms[f->n] = seen_ms;
            f->nodes[f->n++] = n;
        }
}

static enum err flush_tx(struct store_tx *tx, void *ctx) {
    const struct flushing *f = ctx;
    enum err r = OK;
    for (size_t i = 0; i < f->n && r == OK; i++) r = session_seen(tx, &f->nodes[i]->entry.session, f->seen_ms[i]);
    return r;
}

enum err session_table_flush(struct session_table *t, struct store *store) {
    struct flushing f = { .n = FLUSH_MOST };
    enum err r = OK;
    if (!atomic_exchange(&t->has_seen, false)) return OK;
    (void)pthread_mutex_lock(&t->lock);
    while (r == OK && f.n == FLUSH_MOST) {
        collect(t, &f);
        if (f.n > 0) r = store_write(store, flush_tx, &f);
        for (size_t i = 0; i < f.n && r == OK; i++) f.nodes[i]->stored_ms = f.seen_ms[i];
    }
    if (r != OK) atomic_store(&t->has_seen, true);
    (void)pthread_mutex_unlock(&t->lock);
    return r;
}

bool session_table_has(struct session_table *t, struct account_id account, struct session_id id, int64_t now_ms) {
    bool is_there = false;
    (void)pthread_mutex_lock(&t->lock);
    for (struct node *n = *account_slot(t, account.b); n && !is_there; n = n->account_next)
        is_there = id_eq(n->entry.session.id.b, id.b) && id_eq(n->entry.session.account.b, account.b) &&
                   n->entry.session.expires_ms > now_ms && !is_idle(t, n, now_ms);
    (void)pthread_mutex_unlock(&t->lock);
    return is_there;
}

/* ---- readers ---- */

struct session_reader *session_reader_new(struct session_table *t) {
    size_t i = atomic_fetch_add(&t->reader_n, 1);
    if (i >= READERS_MAX) {
        atomic_fetch_sub(&t->reader_n, 1);
        return NULL;
    }
    t->readers[i].table = t;
    t->readers[i].hints = NULL;
    atomic_store(&t->readers[i].seen, AWAY);
    return &t->readers[i];
}

void session_reader_quiescent(struct session_reader *r) { atomic_store_explicit(&r->seen, AWAY, memory_order_release); }

static void hold(struct session_reader *r) {
    if (atomic_load_explicit(&r->seen, memory_order_relaxed) != AWAY) return;
    atomic_store(&r->seen, atomic_load(&r->table->epoch)); /* sequentially consistent: before any look at the table */
}

static bool token_is_shaped(struct str token) {
    return token.n == TOKEN_TEXT_SIZE - 1 && memcmp(token.p, "ts_", 3) == 0;
}

/* Whatever differs, and wherever: it takes the same time. */
static bool is_same_token(const char *a, const char *b) {
    uint64_t differs = 0, x, y;
    for (size_t at = 0; at + sizeof x <= TOKEN_TEXT_SIZE - 1; at += sizeof x) {
        memcpy(&x, a + at, sizeof x);
        memcpy(&y, b + at, sizeof y);
        differs |= x ^ y;
    }
    memcpy(&x, a + TOKEN_TEXT_SIZE - 1 - sizeof x, sizeof x);
    memcpy(&y, b + TOKEN_TEXT_SIZE - 1 - sizeof y, sizeof y);
    return (differs | (x ^ y)) == 0;
}

static void hash_of(struct session_reader *r, struct str token, uint8_t hash[HASH_BYTES]) {
    struct session_hints *h = r->hints;
    for (size_t i = 0; h && i < SESSION_AHEAD_MAX; i++) {
        if (h->at[i] != token.p) continue;
        bool is_same = is_same_token(h->tokens[i], token.p);
        h->at[i] = NULL;
        bytes_wipe(h->tokens[i], sizeof h->tokens[i]);
        if (!is_same) break;
        memcpy(hash, h->hashes[i], HASH_BYTES);
        return;
    }
    crypto_token_hash(token, hash);
}

void session_ahead(struct session_reader *r, const struct str *tokens, size_t n) {
    struct session_hints *h = r->hints ? r->hints : (r->hints = calloc(1, sizeof *h));
    const struct buckets *b;
    if (!h) return;
    bytes_wipe(h->tokens, sizeof h->tokens); /* of those that were not asked for after all */
    hold(r);
    b = atomic_load_explicit(&r->table->buckets, memory_order_acquire);
    for (size_t i = 0; i < SESSION_AHEAD_MAX; i++) {
        h->at[i] = i < n && token_is_shaped(tokens[i]) ? tokens[i].p : NULL;
        if (!h->at[i]) continue;
        memcpy(h->tokens[i], tokens[i].p, TOKEN_TEXT_SIZE - 1);
        crypto_token_hash(tokens[i], h->hashes[i]);
        __builtin_prefetch((const void *)&b->at[slot(h->hashes[i], b->n)]);
    }
    for (size_t i = 0; i < SESSION_AHEAD_MAX; i++) {
        const struct node *first =
            h->at[i] ? atomic_load_explicit(&b->at[slot(h->hashes[i], b->n)], memory_order_acquire) : NULL;
        if (!first) continue;
        __builtin_prefetch(first);
        fetch_ahead(first);
    }
    session_reader_quiescent(r);
}

/* Few of many uses write: the entry's cache line stays shared. */
static void note_use(struct session_table *t, struct node *n, int64_t now_ms) {
    if (t->idle_ms == 0) return;
    if (now_ms - atomic_load_explicit(&n->seen_ms, memory_order_relaxed) < t->idle_ms / 12) return;
    atomic_store_explicit(&n->seen_ms, now_ms, memory_order_relaxed);
    atomic_store_explicit(&t->has_seen, true, memory_order_release);
}

static enum session_is judge(struct session_table *t, struct node *n, int64_t now_ms) {
    if (!n) return t->is_complete ? SESSION_UNKNOWN : SESSION_STALE;
    if (n->entry.session.expires_ms <= now_ms) return SESSION_ENDED;
    if (!t->is_complete && clock_mono_ms() - n->loaded_ms > STALE_MS) return SESSION_STALE;
    if (is_idle(t, n, now_ms)) return SESSION_ENDED;
    note_use(t, n, now_ms);
    return SESSION_ALIVE;
}

enum session_is session_find(struct session_reader *r, struct str token, int64_t now_ms,
                             const struct session_entry **ret_entry) {
    uint8_t hash[HASH_BYTES];
    struct node *n;
    enum session_is is;
    if (!token_is_shaped(token)) return SESSION_UNKNOWN;
    hash_of(r, token, hash);
    hold(r);
    n = probe(atomic_load_explicit(&r->table->buckets, memory_order_acquire), hash);
    is = judge(r->table, n, now_ms);
    if (is == SESSION_ALIVE) *ret_entry = &n->entry;
    return is;
}

void session_find_many(struct session_reader *r, const struct str *tokens, size_t n, int64_t now_ms,
                       const struct session_entry **ret_entries) {
    uint8_t hashes[64][HASH_BYTES];
    struct node *heads[64];
    const struct buckets *b;
    if (n > 64) n = 64;
    hold(r);
    b = atomic_load_explicit(&r->table->buckets, memory_order_acquire);
    for (size_t i = 0; i < n; i++) {
        memset(hashes[i], 0, HASH_BYTES);
        if (token_is_shaped(tokens[i])) crypto_token_hash(tokens[i], hashes[i]);
        __builtin_prefetch((const void *)&b->at[slot(hashes[i], b->n)]);
    }
    for (size_t i = 0; i < n; i++) {
        heads[i] = atomic_load_explicit(&b->at[slot(hashes[i], b->n)], memory_order_acquire);
        if (heads[i]) __builtin_prefetch(heads[i]);
    }
    for (size_t i = 0; i < n; i++) {
        struct node *x = heads[i];
        while (x && memcmp(x->hash, hashes[i], HASH_BYTES) != 0)
            x = atomic_load_explicit(&x->next, memory_order_acquire);
        ret_entries[i] = judge(r->table, x, now_ms) == SESSION_ALIVE ? &x->entry : NULL;
        if (x) __builtin_prefetch(x->entry.json);
    }
}
