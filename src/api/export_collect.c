/* Gathers what an account holds. Tokens, hashes and push keys are not among it: they open something. */
#include <stdlib.h>

#include "api/export.h"
#include "api/resources.h"
#include "base/clock.h"

#define MIB         ((size_t)1 << 20)
#define PAGE        100
#define ARENA_BYTES (16 * MIB) /* of one page of alerts */
#define ROW_BYTES   (MIB / 4)

/* Of a list's JSON and of its rows; 64 MiB together. */
static const size_t limits[EXPORT_LISTS][2] = {
    [EXPORT_CONTACTS] = { MIB / 4, MIB / 4 }, [EXPORT_DEVICES] = { MIB / 2, MIB / 2 },
    [EXPORT_PASSKEYS] = { MIB / 4, MIB / 4 }, [EXPORT_SESSIONS] = { MIB / 2, MIB / 2 },
    [EXPORT_PUSH] = { MIB / 4, MIB / 4 },     [EXPORT_PLACES] = { MIB / 4, MIB / 4 },
    [EXPORT_ALERTS] = { 12 * MIB, 8 * MIB },  [EXPORT_ATTEMPTS] = { 12 * MIB, 8 * MIB },
    [EXPORT_HISTORY] = { 12 * MIB, 8 * MIB },
};

enum err export_new(struct api *api, struct export **ret) {
    struct export *x = calloc(1, sizeof *x);
    struct arena *arena = arena_new(ARENA_BYTES);
    if (!x || !arena) {
        free(x);
        arena_free(arena);
        return ERR_NOMEM;
    }
    x->api = api;
    x->arena = arena;
    x->now_ms = clock_wall_ms();
    buf_init(&x->head, 65536);
    buf_init(&x->head_rows, 65536);
    for (int i = 0; i < EXPORT_LISTS; i++) {
        buf_init(&x->lists[i].json, limits[i][0]);
        buf_init(&x->lists[i].rows, limits[i][1]);
    }
    *ret = x;
    return OK;
}

void export_free(struct export *x) {
    if (!x) return;
    buf_release(&x->head);
    buf_release(&x->head_rows);
    for (int i = 0; i < EXPORT_LISTS; i++) {
        buf_release(&x->lists[i].json);
        buf_release(&x->lists[i].rows);
    }
    arena_free(x->arena);
    free(x);
}

static bool fits(const struct buf *b, size_t more) { return more <= b->max - b->n; }

bool export_add(struct export *x, enum export_list_is list, json_t *owned) {
    struct export_list *l = &x->lists[list];
    char *text = json_dumps(owned, JSON_COMPACT);
    struct buf row;
    buf_init(&row, ROW_BYTES);
    export_row(&row, list, owned);
    if (!text || buf_err(&row) != OK || l->is_cut || !fits(&l->json, strlen(text) + 2) || !fits(&l->rows, row.n)) {
        l->is_cut = true;
    } else {
        if (l->n++ > 0) buf_add_z(&l->json, ",\n");
        buf_add_z(&l->json, text);
        buf_add(&l->rows, buf_str(&row));
    }
    buf_release(&row);
    free(text);
    json_decref(owned);
    return !l->is_cut;
}

/* ---- the small lists ---- */

static enum err on_contact(void *ctx, const struct contact *c) {
    (void)export_add(ctx, EXPORT_CONTACTS,
                     json_pack("{s:o,s:o,s:o}", "email", json_str(c->email), "added_at", json_time(c->added_ms),
                               "removed_at", json_time(c->removed_ms)));
    return OK;
}

static enum err on_device(void *ctx, const struct device *d) {
    (void)export_add(ctx, EXPORT_DEVICES, json_device(d));
    return OK;
}

static enum err on_passkey(void *ctx, const struct passkey *p) {
    (void)export_add(ctx, EXPORT_PASSKEYS, json_passkey(p->id.b, p->name, p->made_ms));
    return OK;
}

static enum err on_session(void *ctx, const struct session *s, const struct device *d) {
    (void)export_add(ctx, EXPORT_SESSIONS,
                     json_pack("{s:o,s:o,s:o,s:o,s:o}", "id", json_id(s->id.b), "device", json_str(d->name),
                               "created_at", json_time(s->created_ms), "expires_at", json_time(s->expires_ms), "proofs",
                               json_proofs(s->proofs)));
    return OK;
}

static enum err on_push(void *ctx, const struct push_subscription *p) {
    (void)export_add(ctx, EXPORT_PUSH, json_push(p));
    return OK;
}

static enum err on_place(void *ctx, struct str country, int64_t since_ms) {
    (void)export_add(
        ctx, EXPORT_PLACES,
        json_pack("{s:o,s:o}", "country", country.n ? json_str(country) : json_null(), "since", json_time(since_ms)));
    return OK;
}

static enum err collect_account(struct store_tx *tx, struct export *x) {
    static const char *const states[] = {
        [ACCOUNT_NORMAL] = "normal", [ACCOUNT_LOCKED_DOWN] = "locked_down", [ACCOUNT_LEAVING_SOON] = "leaving"
    };
    struct account acc;
    json_t *o;
    char *text;
    enum err r = account_get(tx, x->account, x->arena, &acc);
    if (r != OK) return r;
    o = json_pack("{s:o,s:o,s:o,s:s,s:o}", "id", json_id(acc.id.b), "email", json_str(acc.email), "name",
                  json_str(acc.name), "state", states[acc.state], "created_at", json_time(acc.created_ms));
    text = json_dumps(o, JSON_COMPACT);
    buf_add_z(&x->head, text ? text : "null");
    export_facts(&x->head_rows, o);
    free(text);
    json_decref(o);
    return OK;
}

static enum err collect_small(struct store_tx *tx, struct export *x) {
    const struct session_span span = { x->account, x->now_ms, x->arena };
    enum err r = collect_account(tx, x);
    if (r == OK) r = contact_each(tx, x->account, x->now_ms, on_contact, x);
    if (r == OK) r = device_each(tx, x->account, x->arena, on_device, x);
    if (r == OK) r = passkey_each(tx, x->account, on_passkey, x);
    if (r == OK) r = session_each(tx, &span, on_session, x);
    if (r == OK) r = push_each(tx, x->account, x->arena, on_push, x);
    return r == OK ? place_each(tx, x->account, on_place, x) : r;
}

/* ---- the long ones, page by page ---- */

struct paging {
    struct export *x;
    uint8_t last[ID_BYTES];
    size_t seen; /* on this page */
    bool is_full, has_last;
};

static void see(struct paging *p, const uint8_t id[ID_BYTES], enum export_list_is list, json_t *owned) {
    memcpy(p->last, id, ID_BYTES);
    p->has_last = true;
    p->seen++;
    p->is_full |= !export_add(p->x, list, owned);
}

static enum err on_alert(void *ctx, const struct alert *a) {
    json_t *o = json_alert(a);
    (void)json_object_set_new(o, "note", json_str(a->note));
    see(ctx, a->id.b, EXPORT_ALERTS, o);
    return OK;
}

static enum err alerts_page(struct store_tx *tx, struct paging *p) {
    struct alert_id before;
    memcpy(before.b, p->last, ID_BYTES);
    return alert_each(
        tx,
        &(struct alert_page){
            .account = p->x->account, .before = p->has_last ? &before : NULL, .limit = PAGE, .arena = p->x->arena },
        on_alert, p);
}

static struct guard_page page_of(const struct paging *p, uint8_t before[ID_BYTES]) {
    memcpy(before, p->last, ID_BYTES);
    return (struct guard_page){ .account = p->x->account,
                                .before = p->has_last ? before : NULL,
                                .limit = PAGE,
                                .now_ms = p->x->now_ms,
                                .arena = p->x->arena };
}

static enum err on_attempt(void *ctx, const struct attempt_view *a) {
    see(ctx, a->id.b, EXPORT_ATTEMPTS, json_attempt(a));
    return OK;
}

static enum err attempts_page(struct store_tx *tx, struct paging *p) {
    uint8_t before[ID_BYTES];
    const struct guard_page page = page_of(p, before);
    return guard_attempts_each(p->x->api->guard, tx, &page, on_attempt, p);
}

static enum err on_event(void *ctx, const struct guard_event *e) {
    json_t *detail = e->detail.n ? json_loadb(e->detail.p, e->detail.n, 0, NULL) : NULL;
    see(ctx, e->id, EXPORT_HISTORY,
        json_pack("{s:o,s:s,s:o,s:o}", "at", json_time(e->at_ms), "event", e->name, "subject", json_id(e->subject),
                  "detail", detail ? detail : json_null()));
    return OK;
}

static enum err history_page(struct store_tx *tx, struct paging *p) {
    uint8_t before[ID_BYTES];
    const struct guard_page page = page_of(p, before);
    return guard_history_each(tx, &page, on_event, p);
}

static enum err collect_pages(struct store_tx *tx, struct export *x,
                              enum err (*page)(struct store_tx *tx, struct paging *p)) {
    struct paging p = { .x = x };
    enum err r;
    do {
        p.seen = 0;
        arena_reset(x->arena);
        r = page(tx, &p);
    } while (r == OK && p.seen == PAGE && !p.is_full);
    return r;
}

enum err export_collect(struct store_tx *tx, void *export) {
    struct export *x = export;
    enum err r = guard_export_may(tx, x->account, x->attempt, x->now_ms);
    buf_reset(&x->head);
    buf_reset(&x->head_rows);
    for (int i = 0; i < EXPORT_LISTS; i++) {
        buf_reset(&x->lists[i].json);
        buf_reset(&x->lists[i].rows);
        x->lists[i].n = 0;
        x->lists[i].is_cut = false;
    }
    if (r == OK) r = collect_small(tx, x);
    if (r == OK) r = collect_pages(tx, x, alerts_page);
    if (r == OK) r = collect_pages(tx, x, attempts_page);
    return r == OK ? collect_pages(tx, x, history_page) : r;
}
