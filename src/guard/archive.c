/* What an owner takes along: their attempts and their history, page by page. */
#include "guard/guard_priv.h"

struct viewing {
    struct work *w;
    guard_attempt_fn *fn;
    void *ctx;
};

static enum err on_attempt(void *ctx, const struct attempt *a) {
    const struct viewing *v = ctx;
    struct attempt_view view;
    view_of(v->w, a, true, &view);
    return v->fn(v->ctx, &view);
}

enum err guard_attempts_each(struct guard *g, struct store_tx *tx, const struct guard_page *p, guard_attempt_fn *fn,
                             void *ctx) {
    struct viewing v = { arena_alloc(p->arena, sizeof *v.w), fn, ctx };
    if (!v.w) return ERR_NOMEM;
    v.w->g = g;
    v.w->now_ms = p->now_ms;
    return attempt_list(tx, p, on_attempt, &v);
}

struct telling {
    guard_event_fn *fn;
    void *ctx;
};

static enum err on_entry(void *ctx, const struct ledger_read *e) {
    const struct telling *t = ctx;
    return t->fn(t->ctx, &(struct guard_event){ e->id, e->subject, e->event, e->at_ms, e->detail });
}

enum err guard_history_each(struct store_tx *tx, const struct guard_page *p, guard_event_fn *fn, void *ctx) {
    struct telling t = { fn, ctx };
    return ledger_each(tx, &(struct ledger_page){ p->account, p->before, p->limit }, on_entry, &t);
}
