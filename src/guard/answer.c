/*
 * "It was me" and "It wasn't me". The answer can only ever make the account safer: it denies, signs out, forgets
 * devices and locks down, and it works by a link alone. What locks an account is a saga with the alert as its key: it
 * is written that it is meant (veto.c); the keeper locks and puts back; and the front says so, in one transaction. So
 * no state claims more than is true, and what was begun is finished, whoever dies when.
 */
#include "guard/guard_priv.h"

struct answering {
    struct work *w;
    struct account_id account;
    struct alert_id alert;
    int64_t opened_ms;       /* its attempt, or the first that was counted into it */
    struct session_id stays; /* of the answering device, where it was trusted before; zero: none */
    struct device_id stays_on;
    bool is_by_link, is_by_tick, is_keeper_locked;
    size_t undoable_n, undone_n; /* of the related; by the keeper */
};

/* Which alert: by its id in the owner's session, or by a link that the keeper has confirmed. */
static bool locate(struct work *w, struct account_id *ret_account, struct alert_id *ret_alert, bool *ret_is_by_link) {
    const struct guard_call *c = w->call;
    uint8_t mac[HASH_BYTES];
    struct keeper_reply reply;
    if (c->has_alert) {
        *ret_is_by_link = false;
        *ret_account = c->caller->session.account;
        *ret_alert = c->alert;
        if (c->caller->has_session) return true;
        finish(w, GUARD_UNAUTHORIZED);
        return false;
    }
    *ret_is_by_link = true;
    if (link_parse(c->link, ret_account, ret_alert, mac) != OK) {
        finish(w, GUARD_NOT_FOUND);
        return false;
    }
    keeper_ask_wait(w->g->o.keeper, &(struct keeper_request){ .ask = KEEPER_LINK, .secret = c->link }, &reply);
    if (reply.say == KEEPER_RIGHT) return true;
    finish(w, reply.say == KEEPER_DOWN || reply.say == KEEPER_BUSY ? GUARD_BROKEN : GUARD_NOT_FOUND);
    return false;
}

static enum err read_alert(struct store_tx *tx, struct answering *x) {
    struct guard_call *c = x->w->call;
    struct account acc;
    enum err r = alert_get(tx, x->account, x->alert, c->arena, &c->answer.alert);
    if (r != OK) return r;
    if (x->is_by_link && c->answer.alert.at_ms + LINK_LIFE_MS <= x->w->now_ms) return ERR_GONE;
    if ((r = account_get(tx, x->account, c->arena, &acc)) != OK) return r;
    c->answer.account_state = acc.state;
    c->answer.attempt = (struct attempt_view){ .id = c->answer.alert.attempt, /* for the log */
                                               .account = x->account,
                                               .action = c->answer.alert.action };
    x->w->told = x->account;
    return OK;
}

/* Few as a rule: room for more is made as they come. */
static enum err relate(struct work *w, const struct attempt *a) {
    if (w->related_n == RELATED_MAX) return OK;
    if (w->related_n == w->related_room) {
        size_t room = w->related_room > 0 ? 2 * w->related_room : RELATED_ROOM;
        struct attempt *more = arena_alloc(w->call->arena, room * sizeof *more);
        if (!more) return ERR_NOMEM;
        if (w->related_n > 0) memcpy(more, w->related, w->related_n * sizeof *more);
        w->related = more;
        w->related_room = room;
    }
    w->related[w->related_n++] = *a;
    return OK;
}

/* Her own sign-in from a known device rang no bell, so that the alert is not about it. */
static enum err on_related(void *ctx, const struct attempt *a) {
    struct work *w = ctx;
    if (a->action == ACTION_SIGN_IN && a->is_known && !w->a.is_known) return OK;
    return relate(w, a);
}

static bool is_takeover(const struct attempt *a, int64_t now_ms) {
    bool is_changing = a->state == ATTEMPT_COMMITTING && action_rules[a->action].effect == EFFECT_SET_PASSWORD;
    return (a->proved & PROOF_PASSWORD) != 0 || is_changing || is_undoable(a, now_ms);
}

/* Whose session stays. What the tick carries out says so itself. */
static enum err find_who_stays(struct store_tx *tx, struct answering *x) {
    const struct guard_caller *c = x->w->call->caller;
    struct device d;
    enum err r;
    if (x->is_by_tick) return OK;
    memset(&x->stays, 0, sizeof x->stays);
    memset(&x->stays_on, 0, sizeof x->stays_on);
    if (!c->has_session || !id_eq(c->session.account.b, x->account.b)) return OK;
    r = device_get(tx, x->account, c->session.device, x->w->call->arena, &d);
    if (r != OK) return r == ERR_NOT_FOUND ? OK : r;
    if (d.revoked_ms != 0 || d.trusted_ms == 0 || d.trusted_ms > x->opened_ms) return OK;
    x->stays = c->session.id;
    x->stays_on = c->session.device;
    return OK;
}

static bool is_related(const struct work *w, const struct attempt *a) {
    for (size_t i = 0; i < w->related_n; i++)
        if (id_eq(w->related[i].id.b, a->id.b)) return true;
    return false;
}

/*
 * Whoever locked the account is on a device: where that came to it within the week, its sign-in was not its owner's
 * either, and the answer is about it too. Not the account's first device, nor the one that the answer comes from.
 */
static enum err add_ways_in(struct store_tx *tx, struct answering *x) {
    struct work *w = x->w;
    size_t n = w->related_n;
    enum err r = OK;
    for (size_t i = 0; i < n && r == OK; i++) {
        const struct attempt *a = &w->related[i];
        struct attempt in;
        if (id_is_zero(a->opener_device.b) || id_eq(a->opener_device.b, x->stays_on.b)) continue;
        r = attempt_way_in(tx, a, a->opened_ms - LINK_LIFE_MS, w->call->arena, &in);
        if (r == OK && !is_related(w, &in)) r = relate(w, &in);
        if (r == ERR_NOT_FOUND) r = OK;
    }
    return r;
}

static enum err on_done_there(void *ctx, const struct attempt *a) {
    struct work *w = ctx;
    if (is_related(w, a) || (!is_undoable(a, w->now_ms) && a->until_ms <= w->now_ms)) return OK;
    return relate(w, a);
}

/* Whose sign-in is disowned, whatever that device got since then is disowned with it: a thief seldom does one thing. */
static enum err add_what_was_done_there(struct store_tx *tx, struct answering *x) {
    struct work *w = x->w;
    size_t n = w->related_n;
    enum err r = OK;
    for (size_t i = 0; i < n && r == OK; i++) {
        const struct attempt *in = &w->related[i];
        if (in->state != ATTEMPT_DONE || in->action != ACTION_SIGN_IN || id_eq(in->new_device.b, x->stays_on.b))
            continue;
        r = attempt_done_by(tx, in, w->call->arena, on_done_there, w);
    }
    return r;
}

static bool is_any_takeover(const struct work *w) {
    bool is_any = false;
    for (size_t i = 0; i < w->related_n; i++) is_any |= is_takeover(&w->related[i], w->now_ms);
    return is_any;
}

static int by_change(const void *a, const void *b) {
    const struct attempt *x = a, *y = b;
    return (x->changed_ms > y->changed_ms) - (x->changed_ms < y->changed_ms);
}

/* The attempt of the alert, those that were counted into it, and what belongs to them; by the time of their last
 * change. */
static enum err read_related(struct store_tx *tx, struct answering *x) {
    struct work *w = x->w;
    const struct alert *alert = &w->call->answer.alert;
    struct attempt first;
    struct attempt_span span = {
        .account = x->account, .action = alert->action, .net = alert->net, .to_ms = alert->last_ms
    };
    enum err r = attempt_load(tx, x->account, alert->attempt, w->call->arena, &first);
    if (r != OK) return r;
    span.from_ms = x->opened_ms = first.opened_ms;
    w->related_n = 0;
    w->a = first;
    if ((r = find_who_stays(tx, x)) != OK) return r;
    if ((r = attempt_related(tx, &span, w->call->arena, on_related, w)) != OK) return r;
    if (is_any_takeover(w) && (r = add_ways_in(tx, x)) != OK) return r;
    if ((r = add_what_was_done_there(tx, x)) != OK) return r;
    w->is_lock_down = is_any_takeover(w);
    if (w->related_n > 1) qsort(w->related, w->related_n, sizeof *w->related, by_change);
    x->undoable_n = 0;
    for (size_t i = 0; i < w->related_n; i++) x->undoable_n += is_undoable(&w->related[i], w->now_ms);
    return OK;
}

static enum err find_tx(struct store_tx *tx, void *ctx) {
    struct answering *x = ctx;
    enum err r = read_alert(tx, x);
    return r != OK || x->w->call->is_me ? r : read_related(tx, x);
}

/* ---- the effects ---- */

static enum err undo_one(struct store_tx *tx, struct work *w, struct attempt *a) {
    enum err r = OK;
    w->a = *a;
    if (a->state == ATTEMPT_DONE && a->action == ACTION_SIGN_IN) {
        r = device_revoke(tx, a->account, a->new_device, w->now_ms);
        w->has_sessions = true;
        if (r == OK) r = history(tx, w, LEDGER_DEVICE_FORGOTTEN, a->new_device.b);
        if (r != OK && r != ERR_NOT_FOUND) return r; /* forgotten already */
    }
    if (a->state == ATTEMPT_DONE && a->action != ACTION_SIGN_UP && !a->is_undone) {
        r = undo_done(tx, w);
        *a = w->a;
        return r;
    }
    if (attempt_state_is_final(a->state)) return OK;
    if (a->state == ATTEMPT_COMMITTING && action_rules[a->action].effect != EFFECT_ADMIT) {
        w->a.is_disowned = a->is_disowned = true; /* too late to stop it: the lock-down covers what comes of it */
        return attempt_write(tx, &w->a, w->now_ms);
    }
    r = record_denied(tx, w);
    *a = w->a;
    return r;
}

struct later_push {
    struct store_tx *tx;
    struct answering *x;
    struct push_id ids[64];
    size_t n;
};

static enum err on_push(void *ctx, const struct push_subscription *p) {
    struct later_push *l = ctx;
    struct device d;
    enum err r = device_get(l->tx, l->x->account, p->device, l->x->w->call->arena, &d);
    if (r != OK && r != ERR_NOT_FOUND) return r;
    if (r == OK && d.trusted_ms != 0 && d.trusted_ms <= l->x->opened_ms) return OK;
    if (l->n < ARRAY_LEN(l->ids)) l->ids[l->n++] = p->id;
    return OK;
}

/* Those of devices that were not trusted before. */
static enum err remove_later_push(struct store_tx *tx, struct answering *x) {
    struct later_push later = { .tx = tx, .x = x };
    enum err r;
    do {
        later.n = 0;
        r = push_each(tx, x->account, x->w->call->arena, on_push, &later);
        for (size_t i = 0; i < later.n && r == OK; i++) r = push_remove(tx, x->account, later.ids[i]);
    } while (r == OK && later.n == ARRAY_LEN(later.ids));
    return r;
}

static enum err lock_down(struct store_tx *tx, struct answering *x) {
    struct work *w = x->w;
    const struct session_id *keep = id_is_zero(x->stays.b) ? NULL : &x->stays;
    struct account acc;
    enum err r = account_set_state(tx, x->account, ACCOUNT_LOCKED_DOWN, true);
    w->has_sessions = true;
    w->told = x->account;
    if (r == OK) r = session_end_others(tx, x->account, keep);
    if (r == OK) r = remove_later_push(tx, x);
    if (r == OK) r = history(tx, w, LEDGER_ACCOUNT_LOCKED_DOWN, x->alert.b);
    if (r == OK) r = account_get(tx, x->account, w->call->arena, &acc);
    if (r == OK) w->call->answer.account_state = acc.state; /* or it is leaving, which goes on */
    return r;
}

static enum err tell_team(struct store_tx *tx, struct work *w) {
    if (!w->call->tell_security_team) return OK;
    w->call->answer.has_case = true;
    return open_case(tx, w, STR("the owner says it was not them"), &w->call->answer.case_id);
}

static struct veto veto_of(const struct answering *x) {
    const struct guard_call *c = x->w->call;
    return (struct veto){ x->account, x->alert, x->stays, x->stays_on, c->tell_security_team, c->note };
}

static enum err say_not_me(struct store_tx *tx, struct answering *x) {
    struct work *w = x->w;
    const struct veto v = veto_of(x);
    struct attempt first;
    bool was_there = false;
    enum err r = veto_drop(tx, &v, &was_there);
    if (r == OK && x->is_by_tick && !was_there) return ERR_GONE; /* another node's tick was first */
    if (r == OK) r = read_alert(tx, x);
    if (r != OK || (r = read_related(tx, x)) != OK) return r;
    /* A right password, or something done, since it was looked at. */
    if (w->is_lock_down && (!x->is_keeper_locked || x->undone_n != x->undoable_n)) return ERR_CONFLICT;
    first = w->a;
    for (size_t i = w->related_n; i > 0 && r == OK; i--) r = undo_one(tx, w, &w->related[i - 1]); /* newest first */
    w->a = first;
    if (r == OK && w->is_lock_down) r = lock_down(tx, x);
    return r == OK ? tell_team(tx, w) : r;
}

static enum err say_me(struct store_tx *tx, struct answering *x) {
    enum err r = read_alert(tx, x);
    if (r != OK) return r;
    r = attempt_load(tx, x->account, x->w->call->answer.alert.attempt, x->w->call->arena, &x->w->a);
    return r == OK ? tell_team(tx, x->w) : r;
}

static enum err answer_tx(struct store_tx *tx, void *ctx) {
    struct answering *x = ctx;
    struct guard_call *c = x->w->call;
    struct alert *alert = &c->answer.alert;
    bool is_kept;
    enum err r;
    x->w->alert_n = 0;
    x->w->has_rows = x->w->has_sessions = x->w->has_code = false;
    r = c->is_me ? say_me(tx, x) : say_not_me(tx, x);
    if (r != OK) return r;
    is_kept = c->is_me && str_eq(alert->answer, STR("not_me")); /* what was stopped stays stopped */
    if (!is_kept) {
        struct str answer = c->is_me ? STR("me") : STR("not_me");
        if ((r = alert_set_answer(tx, &(struct alert_answer){ x->account, x->alert, answer, c->note, x->w->now_ms })) !=
            OK)
            return r;
    }
    x->w->told = x->account;
    if (x->w->alert_n < ALERTS_MAX) x->w->alerts[x->w->alert_n++] = x->alert;
    if ((r = history(tx, x->w, LEDGER_ALERT_ANSWERED, x->alert.b)) != OK) return r;
    return alert_get(tx, x->account, x->alert, c->arena, alert);
}

static void tell_all(struct work *w) {
    tell_others(w);
    for (size_t i = 0; i < w->related_n && !w->call->is_me; i++) {
        struct attempt *a = &w->related[i];
        if (a->state == ATTEMPT_DONE && a->action == ACTION_SIGN_IN) forget_device(w, a->new_device);
        if (a->state != ATTEMPT_DENIED) continue;
        w->a = *a;
        tell_undone(w);
    }
}

#define ANSWERS_MOST 6

static enum err mean_it(struct store_tx *tx, void *ctx) {
    const struct answering *x = ctx;
    const struct veto v = veto_of(x);
    return veto_add(tx, &v, x->w->now_ms);
}

/* The keeper first, once it is written that it is meant. */
static enum err ask_keeper_to_undo(struct answering *x) {
    struct work *w = x->w;
    enum err r;
    if (!w->is_lock_down || (x->is_keeper_locked && x->undone_n == x->undoable_n)) return OK;
    if (!x->is_by_tick && (r = store_write(w->g->o.store, mean_it, x)) != OK) return r;
    x->is_keeper_locked = lock_keeper(w, x->account);
    if (!x->is_keeper_locked) return ERR_IO;
    for (size_t i = w->related_n; i > 0; i--)
        if (is_undoable(&w->related[i - 1], w->now_ms) && !undo_at_keeper(w, &w->related[i - 1])) return ERR_IO;
    x->undone_n = x->undoable_n;
    return OK;
}

/* The keeper is locked between the look and the write: what came in between is looked at again. */
static enum err look_lock_write(struct answering *x) {
    struct work *w = x->w;
    enum err r = ERR_CONFLICT;
    for (int i = 0; i < ANSWERS_MOST && r == ERR_CONFLICT; i++) {
        r = store_read(w->g->o.store, find_tx, x);
        if (r == OK && !w->call->is_me) r = ask_keeper_to_undo(x);
        if (r == OK) r = store_write(w->g->o.store, answer_tx, x);
    }
    return r;
}

void verb_answer(struct work *w) {
    struct answering x = { .w = w };
    enum err r;
    if (!locate(w, &x.account, &x.alert, &x.is_by_link)) return;
    r = look_lock_write(&x);
    if (r == OK) tell_all(w);
    w->call->answer.is_put_back = r == OK && x.undone_n > 0;
    finish(w, r == ERR_GONE ? GUARD_EXPIRED : say_of_err(r));
}

static enum err drop_tx(struct store_tx *tx, void *ctx) {
    bool was_there;
    return veto_drop(tx, ctx, &was_there);
}

enum err veto_finish(struct work *w, const struct veto *v) {
    struct answering x = {
        .w = w, .account = v->account, .alert = v->alert, .stays = v->stays, .stays_on = v->stays_on, .is_by_tick = true
    };
    struct veto gone = *v;
    enum err r;
    memset(&w->call->answer, 0, sizeof w->call->answer);
    w->call->tell_security_team = v->tells_team;
    w->call->note = v->note;
    w->related_room = w->related_n = 0; /* the one before may have had an arena's memory that is gone */
    r = look_lock_write(&x);
    if (r == OK) tell_all(w);
    if (r == ERR_NOT_FOUND) r = store_write(w->g->o.store, drop_tx, &gone); /* the account went meanwhile */
    return r == ERR_GONE ? OK : r;
}

/* ---- looking and seeing ---- */

static enum err show_tx(struct store_tx *tx, void *ctx) { return read_alert(tx, ctx); }

void verb_link_show(struct work *w) {
    struct answering x = { .w = w };
    enum err r;
    if (!locate(w, &x.account, &x.alert, &x.is_by_link)) return;
    r = store_read(w->g->o.store, show_tx, &x);
    finish(w, r == ERR_GONE ? GUARD_EXPIRED : say_of_err(r));
}

static enum err seen_tx(struct store_tx *tx, void *ctx) {
    struct answering *x = ctx;
    struct work *w = x->w;
    enum err r = read_alert(tx, x);
    if (r != OK) return r;
    if ((r = attempt_load(tx, x->account, w->call->answer.alert.attempt, w->call->arena, &w->a)) != OK) return r;
    if ((r = alert_set_seen(tx, x->account, x->alert, OUTBOX_PUSH, w->now_ms)) != OK) return r;
    return history(tx, w, LEDGER_ALERT_SEEN, x->alert.b);
}

void verb_seen(struct work *w) {
    struct answering x = { .w = w };
    enum err r;
    if (!locate(w, &x.account, &x.alert, &x.is_by_link)) return;
    r = store_write(w->g->o.store, seen_tx, &x);
    if (r == OK && w->g->o.alert_changed) w->g->o.alert_changed(w->g->o.ctx, x.account, x.alert);
    finish(w, r == ERR_GONE ? GUARD_EXPIRED : say_of_err(r));
}
