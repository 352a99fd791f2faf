/*
 * What the server has to tell by itself: an attempt is written that was done before anybody could be asked, so that the
 * alarm, the history and "it wasn't me" go the one way that all attempts go. The table of the machine has no such edge:
 * no request and no proof ever gets an attempt there.
 */
#include "guard/guard_priv.h"

#include <assert.h>

#define QUIET_MS MS_PER_DAY

struct reporting {
    struct work *w;
    const struct guard_report *x;
    char net[ID_TEXT_SIZE]; /* the device: so that two of them never count as one alert */
    bool is_told;
};

static enum err on_earlier(void *ctx, const struct attempt *a) {
    struct reporting *p = ctx;
    (void)a;
    p->is_told = true;
    return OK;
}

/* The account's row is held, so that two at once ring once. */
static enum err look(struct store_tx *tx, struct reporting *p) {
    struct work *w = p->w;
    struct attempt_found found = { on_earlier, p };
    struct account acc;
    struct device d;
    enum err r = account_lock_row(tx, w->a.account, w->call->arena, &acc);
    if (r == OK) r = device_get(tx, w->a.account, p->x->device, w->call->arena, &d);
    if (r != OK) return r;
    if (d.revoked_ms != 0 && w->a.action == ACTION_BACKUP_OVERDUE) return ERR_GONE;
    w->a.epoch = acc.epoch;
    w->a.is_known = d.trusted_ms != 0 && d.revoked_ms == 0;
    w->a.from_device = d.platform;
    return attempt_of_subject(tx, &w->a, w->now_ms - QUIET_MS, w->call->arena, &found);
}

static enum err report_tx(struct store_tx *tx, void *ctx) {
    struct reporting *p = ctx;
    struct work *w = p->w;
    char unknown[TOKEN_TEXT_SIZE];
    enum err r;
    w->alert_n = 0;
    w->has_rows = p->is_told = false;
    if ((r = look(tx, p)) != OK || p->is_told) return r;
    token_new(TOKEN_ATTEMPT, w->a.account, unknown, w->a.token_hash);
    bytes_wipe(unknown, sizeof unknown);
    if ((r = attempt_add(tx, &w->a)) != OK) return r;
    if ((r = history(tx, w, LEDGER_ATTEMPT_DONE, w->a.id.b)) != OK) return r;
    return raise_alert(tx, w, ALERT_DONE);
}

static void set_attempt(struct reporting *p) {
    struct work *w = p->w;
    const struct guard_report *x = p->x;
    id_text(x->device.b, p->net);
    w->a = (struct attempt){ .account = x->account,
                             .action = x->action,
                             .state = ATTEMPT_DONE,
                             .is_real = true,
                             .opener_device = x->device,
                             .opened_ms = w->now_ms,
                             .changed_ms = w->now_ms,
                             .expires_ms = w->now_ms,
                             .net = str_from(p->net) };
    if (x->where) {
        w->a.ip = str_from(x->where->ip);
        w->a.country = str_from(x->where->country);
        w->a.place = str_from(x->where->place);
    }
    id_new_at(w->now_ms, w->a.id.b);
    memcpy(w->a.subject.b, x->device.b, ID_BYTES);
    w->told = x->account;
}

enum err guard_report(struct guard *g, const struct guard_report *x) {
    struct guard_call call = { .guard = g };
    struct reporting p = { .w = aside_begin(&call), .x = x };
    enum err r = ERR_NOMEM;
    assert(action_rules[x->action].opener == OPENER_SERVER);
    if (p.w) {
        set_attempt(&p);
        r = store_write(g->o.store, report_tx, &p);
        if (r == OK) tell_others(p.w);
    }
    aside_end(&call, p.w);
    return r;
}
