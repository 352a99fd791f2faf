/* Proofs: the keeper judges, the second step records. The third wrong proof ends the attempt. */
#include "guard/guard_priv.h"

#define DENIALS_MAX 3

static void record_reply_limits(struct work *w) { w->call->answer.retry_ms = w->reply.retry_ms; }

/* A right proof. The first one from an unknown device rings the bell: somebody knows a secret of this account. */
enum err record_right(struct store_tx *tx, struct work *w) {
    bool is_met;
    enum err r;
    w->a.proved |= w->reply.proved; /* answers may be recorded in another order than they were given */
    /* Two of three open the door from everywhere, also where the password alone would have. */
    is_met = need_is_met(need_of(w->g, &w->a), w->a.proved) ||
             need_is_met(config_need(w->g->o.config, w->a.action), w->a.proved);
    if ((action_rules[w->a.action].alert_on & ALERT_ON_FIRST_PROOF) && !w->a.is_known && !w->a.has_alerted) {
        w->a.has_alerted = true;
        if ((r = raise_alert(tx, w, ALERT_OPENED)) != OK) return r;
    }
    return move(tx, w, is_met ? EV_PROOFS_MET : EV_PROOF);
}

static enum alert_kind kind_of_failure(const struct work *w) {
    return (action_rules[w->a.action].alert_on & ALERT_ON_REFUSED) ? ALERT_REFUSED : ALERT_WRONG_PROOFS;
}

/* Somebody tries too hard: told once, by the try that spent it. */
enum err record_spent(struct store_tx *tx, struct work *w) {
    enum err r = history(tx, w, LEDGER_BUDGET_SPENT, w->a.id.b);
    w->call->answer.is_budget_spent = true;
    return r == OK && w->a.action != ACTION_SIGN_UP ? raise_alert(tx, w, kind_of_failure(w)) : r;
}

static enum err record_wrong(struct store_tx *tx, struct work *w) {
    bool is_last;
    enum err r;
    w->a.wrong++;
    is_last = w->a.wrong >= WRONG_MAX;
    if ((r = move(tx, w, is_last ? EV_WRONG_LAST : EV_WRONG)) != OK) return r;
    if (w->reply.is_budget_just_spent) return record_spent(tx, w);
    /* A wrong signature over a purchase is never a slip of the finger. */
    if (w->a.action == ACTION_PURCHASE) is_last = true;
    return is_last && w->a.action != ACTION_SIGN_UP ? raise_alert(tx, w, kind_of_failure(w)) : OK;
}

/* The keeper has ended it. Where its last wrong proof was never recorded here, that is told now. */
static enum err record_ended(struct store_tx *tx, struct work *w) {
    bool was_last = w->a.wrong + 1 >= WRONG_MAX && w->a.action != ACTION_SIGN_UP;
    enum err r = move(tx, w, EV_FAIL);
    return r == OK && was_last ? raise_alert(tx, w, kind_of_failure(w)) : r;
}

enum err record_denied(struct store_tx *tx, struct work *w) {
    int64_t denials = 0;
    struct case_id id;
    enum err r = move(tx, w, w->a.state == ATTEMPT_COMMITTING ? EV_STOP : EV_DENY);
    if (r == OK && w->a.action == ACTION_RESTORE) r = drop_backup_token(tx, w);
    if (r != OK) return r;
    if ((action_rules[w->a.action].alert_on & ALERT_ON_REFUSED) && (r = raise_alert(tx, w, ALERT_DENIED)) != OK)
        return r;
    if ((r = attempt_denials(tx, w->a.account, w->a.net, w->now_ms - MS_PER_DAY, &denials)) != OK) return r;
    if (denials != DENIALS_MAX) return OK; /* one case for the path, not one for each that follows */
    return open_case(tx, w, STR("three attempts from one network were denied within a day"), &id);
}

static enum err record_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum guard_say say;
    enum err r = load_for_call(tx, w);
    if (r != OK) return r;
    if (check_alive(w, &say) != OK) return ERR_GONE;
    if (w->a.state == ATTEMPT_COMMITTING) return ERR_REFUSED; /* what became of it, only its commit can say */
    if (w->reply.say == KEEPER_RIGHT) return record_right(tx, w);
    if (w->reply.say == KEEPER_WRONG) return record_wrong(tx, w);
    if (w->reply.say == KEEPER_REFUSED) return record_ended(tx, w);
    return OK;
}

/* What the call answers once the reply is recorded. */
static enum guard_say say_of_reply(const struct work *w) {
    switch (w->reply.say) {
    case KEEPER_RIGHT: return GUARD_OK;
    case KEEPER_WRONG: return GUARD_WRONG_PROOF;
    case KEEPER_TOO_MANY: return GUARD_TOO_MANY;
    case KEEPER_REFUSED: return GUARD_EXPIRED;
    case KEEPER_BUSY: return GUARD_BUSY;
    case KEEPER_NONE:
    case KEEPER_NOT_PROVED:
    case KEEPER_WEAK:
    case KEEPER_DOWN: return GUARD_BROKEN;
    }
    return GUARD_BROKEN;
}

/* ---- a new address: its code goes out once everything else is proved ---- */

static bool wants_mail(const struct work *w) {
    struct need need = config_need(w->g->o.config, w->a.action);
    return (need.also & PROOF_EMAIL_CODE) != 0 && !w->a.is_mailed && w->a.is_real &&
           !attempt_state_is_final(w->a.state) && need_is_met_so_far(need, w->a.proved);
}

/* An address that is somebody's own already gets no code, and its owner is told. */
static enum err mail_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    struct address_found found;
    bool is_others;
    enum err r = attempt_load(tx, w->a.account, w->a.id, w->call->arena, &w->a);
    if (r != OK || w->a.is_mailed) return r;
    if ((r = address_find(tx, w->a.email, w->now_ms, w->call->arena, &found)) != OK) return r;
    is_others =
        w->a.action == ACTION_CHANGE_EMAIL && found.is != ADDRESS_FREE && !id_eq(found.account.b, w->a.account.b);
    w->a.is_mailed = true;
    if ((r = attempt_write(tx, &w->a, w->now_ms)) != OK) return r;
    if (is_others) return mail_letter(tx, w, LETTER_ADDRESS_IN_USE, STR_NONE);
    return mail_letter(tx, w, LETTER_EMAIL_CODE, str_bytes(w->reply.sealed, w->reply.sealed_n));
}

static void mail_replied(struct work *w) {
    enum err r;
    if (w->reply.say == KEEPER_TOO_MANY) {
        w->call->answer.retry_ms = w->reply.retry_ms;
        finish(w, GUARD_TOO_MANY);
        return;
    }
    if (w->reply.say != KEEPER_RIGHT) {
        finish(w, w->reply.say == KEEPER_BUSY ? GUARD_BUSY : GUARD_BROKEN); /* the same proof again sends it */
        return;
    }
    r = write_work(w, mail_tx);
    finish(w, say_of_err(r));
}

/* A right proof was recorded: answers, or mails first what is to be mailed now. */
static void finish_proved(struct work *w) {
    if (!wants_mail(w)) {
        finish(w, GUARD_OK);
        return;
    }
    prepare_ask(w, KEEPER_MAKE_EMAIL_CODE);
    ask_keeper(w, mail_replied);
}

void proof_replied(struct work *w) {
    enum guard_say ended, say = say_of_reply(w);
    enum err r = OK;
    record_reply_limits(w);
    w->is_relaxed = say == GUARD_OK && is_quiet(w);
    if (say == GUARD_OK || say == GUARD_WRONG_PROOF || say == GUARD_EXPIRED) r = write_work(w, record_tx);
    if (r == ERR_GONE) {
        (void)!check_alive(w, &ended);
        finish(w, ended);
        return;
    }
    if (r == OK && say == GUARD_OK)
        finish_proved(w);
    else
        finish(w, r == OK ? say : say_of_err(r));
}

static const enum keeper_ask asks[] = { [PROOF_PASSWORD] = KEEPER_PROVE_PASSWORD,
                                        [PROOF_CODE] = KEEPER_PROVE_CODE,
                                        [PROOF_PASSKEY] = KEEPER_PROVE_PASSKEY,
                                        [PROOF_RECOVERY_KEY] = KEEPER_PROVE_RECOVERY_KEY,
                                        [PROOF_EMAIL_CODE] = KEEPER_PROVE_EMAIL_CODE };

void verb_prove(struct work *w) {
    struct need need;
    if (!begin_call(w)) return;
    need = action_rules[w->a.action].need;
    if (((unsigned)(need.of | need.sufficient | need.also) & (unsigned)w->call->proof) == 0 ||
        (size_t)w->call->proof >= ARRAY_LEN(asks) || !asks[w->call->proof]) {
        (void)snprintf(w->call->answer.reason, sizeof w->call->answer.reason,
                       "This attempt does not take that kind of proof.");
        finish(w, GUARD_BAD_REQUEST);
        return;
    }
    if (prove_without_address(w)) return;
    prepare_ask(w, asks[w->call->proof]);
    w->ask.secret = w->call->secret;
    ask_keeper(w, proof_replied);
}

/* ---- approval: digits shown there, typed on a trusted device ---- */

/* Somebody who sees both screens, at a device that the account has known for long: that is what the hold waited for. */
static enum err end_hold(struct store_tx *tx, struct work *w) {
    const struct guard_caller *c = w->call->caller;
    const struct whereabouts x = { w->a.account, c->session.device, str_from(c->from.country), w->now_ms };
    bool is_familiar = false;
    enum err r = policy_is_familiar(tx, w->g, &x, w->call->arena, &is_familiar);
    if (r != OK || !is_familiar) return r == OK ? record_right(tx, w) : r;
    w->a.proved |= w->reply.proved;
    if (w->a.hold_until_ms > w->now_ms) w->a.hold_until_ms = w->now_ms;
    memset(&w->a.held_alert, 0, sizeof w->a.held_alert);
    if ((r = attempt_write(tx, &w->a, w->now_ms)) != OK) return r;
    return history(tx, w, LEDGER_HOLD_ENDED, w->a.id.b);
}

static enum err approve_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum guard_say say;
    enum err r = load_for_call(tx, w);
    if (r != OK) return r;
    if (check_alive(w, &say) != OK) return ERR_GONE;
    if (w->a.state == ATTEMPT_COMMITTING) return ERR_REFUSED;
    if (w->reply.say != KEEPER_RIGHT) return record_denied(tx, w);
    return w->a.state == ATTEMPT_HELD ? end_hold(tx, w) : record_right(tx, w);
}

static void approve_replied(struct work *w) {
    bool is_over = w->reply.say == KEEPER_REFUSED;
    enum guard_say ended;
    enum err r;
    if (w->reply.say == KEEPER_WRONG || w->reply.say == KEEPER_NONE) {
        finish(w, GUARD_WRONG_PROOF);
        return;
    }
    if (w->reply.say == KEEPER_NOT_PROVED) {
        finish(w, GUARD_FORBIDDEN);
        return;
    }
    if (w->reply.say != KEEPER_RIGHT && !is_over) {
        finish(w, w->reply.say == KEEPER_BUSY ? GUARD_BUSY : GUARD_BROKEN);
        return;
    }
    r = write_work(w, approve_tx);
    if (r == ERR_GONE) {
        (void)!check_alive(w, &ended);
        finish(w, ended);
        return;
    }
    if (r != OK) {
        finish(w, say_of_err(r));
        return;
    }
    if (is_over)
        finish(w, GUARD_WRONG_PROOF);
    else
        finish_proved(w);
}

void verb_approve(struct work *w) {
    const struct guard_caller *c = w->call->caller;
    if (!begin_call(w)) return;
    if (!c->is_trusted || id_eq(c->session.device.b, w->a.opener_device.b)) {
        finish(w, GUARD_FORBIDDEN);
        return;
    }
    prepare_ask(w, KEEPER_APPROVE);
    w->ask.by = c->session.device;
    w->ask.secret = w->call->secret;
    ask_keeper(w, approve_replied);
}

/* ---- deny, show, list ---- */

static enum err deny_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum guard_say say;
    enum err r = load_for_call(tx, w);
    if (r != OK) return r;
    if (check_alive(w, &say) != OK) return ERR_GONE;
    if (w->a.state == ATTEMPT_COMMITTING && action_rules[w->a.action].effect != EFFECT_ADMIT) return ERR_BUSY;
    return record_denied(tx, w);
}

void verb_deny(struct work *w) {
    enum guard_say say = GUARD_OK;
    enum err r = write_work(w, deny_tx);
    if (r == ERR_GONE) {
        (void)!check_alive(w, &say);
        finish(w, w->a.state == ATTEMPT_DENIED ? GUARD_OK : say); /* denied twice is denied */
        return;
    }
    if (r == OK) tell_undone(w);
    finish(w, r == ERR_CLOSED ? GUARD_UNAUTHORIZED : say_of_err(r));
}

/* The keeper says what it said when it was done, as far as that may be said twice. */
static void told_again(struct work *w) {
    struct guard_result *res = &w->call->answer.result;
    if (w->reply.say == KEEPER_DOWN || w->reply.say == KEEPER_BUSY) {
        finish(w, GUARD_BROKEN);
        return;
    }
    if (w->reply.say == KEEPER_RIGHT) {
        memcpy(res->recovery_key, w->reply.recovery_key, sizeof res->recovery_key);
        res->receipt = arena_dup(w->call->arena, str_from(w->reply.receipt));
        if (res->recovery_key[0]) tell_settled(w);
    }
    finish(w, GUARD_OK);
}

/* Whoever committed it may not have heard the answer. What opens an account is given to nobody but who asks for it. */
static bool may_be_told_again(const struct work *w) {
    const struct attempt *a = &w->a;
    enum effect effect = action_rules[a->action].effect;
    bool is_by_token = w->call->caller->attempt_token.n > 0;
    if (!is_by_token || a->state != ATTEMPT_DONE || a->is_undone || effect == EFFECT_ENROLL || effect == EFFECT_ADMIT)
        return false;
    return effect == EFFECT_RECEIPT || makes_key(a);
}

void verb_show(struct work *w) {
    enum err r = store_read(w->g->o.store, load_tx, w);
    if (r != OK || !may_be_told_again(w)) {
        finish(w, r == ERR_CLOSED ? GUARD_UNAUTHORIZED : say_of_err(r));
        return;
    }
    prepare_ask(w, KEEPER_COMMIT); /* applied already: it changes nothing */
    if (action_rules[w->a.action].effect == EFFECT_RECEIPT) w->ask.secret = w->a.detail;
    ask_keeper(w, told_again);
}

struct listing {
    struct work *w;
    struct attempt_view *views;
    size_t n, max;
};

static enum err on_listed(void *ctx, const struct attempt *a) {
    struct listing *l = ctx;
    if (l->n < l->max) view_of(l->w, a, true, &l->views[l->n]);
    l->n++;
    return OK;
}

static enum err list_tx(struct store_tx *tx, void *ctx) {
    struct listing *l = ctx;
    const struct guard_call *c = l->w->call;
    l->n = 0;
    return attempt_list(tx,
                        &(struct guard_page){ .account = c->caller->session.account,
                                              .before = c->has_before ? c->before.b : NULL,
                                              .limit = (int)l->max + 1,
                                              .arena = c->arena },
                        on_listed, l);
}

void verb_list(struct work *w) {
    struct listing l = { .w = w, .max = w->call->limit > 0 ? (size_t)w->call->limit : 20 };
    enum err r;
    if (!w->call->caller->has_session) {
        finish(w, GUARD_UNAUTHORIZED);
        return;
    }
    l.views = arena_alloc(w->call->arena, l.max * sizeof *l.views);
    r = l.views ? store_read(w->g->o.store, list_tx, &l) : ERR_NOMEM;
    w->call->answer.has_more = l.n > l.max;
    w->call->answer.list = l.views;
    w->call->answer.list_n = l.n > l.max ? l.max : l.n;
    finish(w, say_of_err(r));
}
