/* Restores that the backup server asks about, and what lies open for a while after an attempt is done. */
#include "guard/guard_priv.h"

#define EXPORT_BYTES (64 * 1024)
#define QUIET_MS     MS_PER_DAY /* after a denial no stranger's knocking rings again */
#define LOOK_BACK_MS (30 * MS_PER_DAY)

struct asking {
    struct work *w;
    const struct guard_restore *x;
    struct guard_window window;
    bool is_asked; /* one is open, or was denied lately */
};

static enum err on_earlier(void *ctx, const struct attempt *a) {
    struct asking *k = ctx;
    int64_t now_ms = k->w->now_ms;
    if (a->state == ATTEMPT_DONE && a->until_ms > now_ms && a->until_ms > k->window.until_ms)
        k->window = (struct guard_window){ a->id, a->until_ms };
    if (!attempt_state_is_final(a->state) && a->expires_ms > now_ms) k->is_asked = true;
    if (a->state == ATTEMPT_DENIED && now_ms - a->changed_ms < QUIET_MS) k->is_asked = true;
    return OK;
}

static enum err look_tx(struct store_tx *tx, void *ctx) {
    struct asking *k = ctx;
    struct work *w = k->w;
    struct attempt_found found = { on_earlier, k };
    k->window = (struct guard_window){ .until_ms = 0 };
    k->is_asked = false;
    return attempt_of_subject(tx, &w->a, w->now_ms - LOOK_BACK_MS, w->call->arena, &found);
}

static enum err set_about(struct store_tx *tx, struct asking *k) {
    struct work *w = k->w;
    const struct whereabouts at = { w->a.account, w->a.opener_device, w->a.country, w->now_ms };
    struct account acc;
    struct device d;
    enum err r = account_lock_row(tx, w->a.account, w->call->arena, &acc);
    if (r == OK) r = device_get(tx, w->a.account, k->x->from, w->call->arena, &d);
    if (r == OK) r = device_get(tx, w->a.account, k->x->device, w->call->arena, &d);
    if (r != OK) return r;
    w->a.epoch = acc.epoch;
    w->a.is_known = d.trusted_ms != 0 && d.revoked_ms == 0;
    if (d.platform.n > 0) w->a.from_device = d.platform; /* "restic" says less */
    return policy_is_familiar(tx, w->g, &at, w->call->arena, &w->a.is_familiar);
}

/* Its token is nobody's: the device adopts it with its session (open.c). */
static enum err open_tx(struct store_tx *tx, void *ctx) {
    struct asking *k = ctx;
    struct work *w = k->w;
    char unknown[TOKEN_TEXT_SIZE];
    enum err r = set_about(tx, k);
    if (r == OK) r = look_tx(tx, k);
    if (r != OK || k->window.until_ms != 0 || k->is_asked) return r;
    token_new(TOKEN_ATTEMPT, w->a.account, unknown, w->a.token_hash);
    bytes_wipe(unknown, sizeof unknown);
    w->a.state = ATTEMPT_OPENED;
    w->a.rev = 0;
    if ((r = attempt_add(tx, &w->a)) != OK) return r;
    if ((r = history(tx, w, LEDGER_ATTEMPT_OPENED, w->a.id.b)) != OK) return r;
    return raise_alert(tx, w, ALERT_OPENED);
}

static void set_attempt(struct work *w, const struct guard_restore *x) {
    const struct origin *o = x->where;
    w->a = (struct attempt){ .account = x->account,
                             .action = ACTION_RESTORE,
                             .is_real = true,
                             .opener_device = x->device,
                             .opened_ms = w->now_ms,
                             .changed_ms = w->now_ms,
                             .expires_ms = w->now_ms + action_rules[ACTION_RESTORE].life_ms,
                             .ip = str_from(o->ip),
                             .net = str_from(o->net),
                             .country = str_from(o->country),
                             .place = str_from(o->place),
                             .from_device = str_from(o->device) };
    id_new_at(w->now_ms, w->a.id.b);
    memcpy(w->a.subject.b, x->from.b, ID_BYTES);
    w->told = x->account;
    w->has_attempt = true;
}

/* The outcome of one transaction, in another: whoever runs it starts with nothing to tell. */
static enum err open_wrapped(struct store_tx *tx, void *ctx) {
    struct asking *k = ctx;
    k->w->alert_n = 0;
    k->w->has_rows = false;
    return open_tx(tx, k);
}

enum err guard_restore_may(struct guard *g, const struct guard_restore *x, struct guard_window *ret) {
    struct guard_call call = { .guard = g };
    struct work *w = aside_begin(&call);
    struct asking k = { .w = w, .x = x };
    enum err r = ERR_NOMEM;
    if (w) {
        set_attempt(w, x);
        r = store_read(g->o.store, look_tx, &k);
        if (r == OK && k.window.until_ms == 0 && !k.is_asked && !x->opens_nothing)
            r = store_write(g->o.store, open_wrapped, &k);
        if (r == OK) tell_others(w);
        if (r == OK) *ret = k.window;
    }
    aside_end(&call, w);
    return r;
}

/* ---- deletions ---- */

struct deleting {
    const struct attempt *like;
    int64_t now_ms;
    struct guard_window window;
};

static enum err deletion_tx(struct store_tx *tx, void *ctx) {
    struct deleting *d = ctx;
    d->window = (struct guard_window){ .until_ms = 0 };
    return attempt_window(tx, d->like, d->now_ms, &d->window);
}

enum err guard_deletion_may(struct guard *g, struct account_id account, struct device_id device,
                            struct guard_window *ret) {
    struct attempt like = { .account = account, .action = ACTION_ALLOW_DELETION };
    struct deleting d = { .like = &like, .now_ms = clock_wall_ms() };
    enum err r;
    memcpy(like.subject.b, device.b, ID_BYTES);
    r = store_read(g->o.store, deletion_tx, &d);
    if (r == OK) *ret = d.window;
    return r;
}

enum err guard_export_may(struct store_tx *tx, struct account_id account, struct attempt_id attempt, int64_t now_ms) {
    struct arena *arena = arena_new(EXPORT_BYTES);
    struct attempt a;
    enum err r = arena ? attempt_load(tx, account, attempt, arena, &a) : ERR_NOMEM;
    if (r == OK && (a.action != ACTION_EXPORT_DATA || a.state != ATTEMPT_DONE || a.until_ms <= now_ms))
        r = ERR_NOT_FOUND;
    arena_free(arena);
    return r;
}
