/* Codes: shown there (on trusted devices) and typed here, or shown here and typed there. */
#include "guard/guard_priv.h"

#define DENIALS_MAX 3

struct beginning {
    struct work *w;
    int64_t denials;
};

static enum err begin_tx(struct store_tx *tx, void *ctx) {
    struct beginning *b = ctx;
    enum err r = load_for_call(tx, b->w);
    if (r != OK) return r;
    return attempt_denials(tx, b->w->a.account, b->w->a.net, b->w->now_ms - MS_PER_DAY, &b->denials);
}

static bool begin(struct work *w, int64_t *ret_denials) {
    struct beginning b = { .w = w };
    enum guard_say say;
    enum err r = store_read(w->g->o.store, begin_tx, &b);
    *ret_denials = b.denials;
    if (r != OK) {
        finish(w, r == ERR_CLOSED ? GUARD_UNAUTHORIZED : say_of_err(r));
        return false;
    }
    if (check_alive(w, &say) == OK) return true;
    finish(w, say);
    return false;
}

static bool takes_code(struct work *w) {
    if (action_rules[w->a.action].need.of & PROOF_CODE) return true;
    (void)snprintf(w->call->answer.reason, sizeof w->call->answer.reason, "This attempt does not take a code.");
    finish(w, GUARD_BAD_REQUEST);
    return false;
}

/* The same answer whether or not digits were made: it tells nothing about the account. */
static void answer_alike(struct work *w) {
    w->call->answer.code_expires_ms = w->reply.say == KEEPER_RIGHT ? w->reply.expires_ms : w->now_ms + CODE_LIFE_MS;
    finish(w, GUARD_OK);
}

static enum err made_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    bool is_new;
    enum guard_say say;
    enum err r = load_for_call(tx, w);
    if (r != OK) return r;
    if (check_alive(w, &say) != OK) return ERR_GONE;
    if (w->reply.is_budget_just_spent && (r = record_spent(tx, w)) != OK) return r;
    is_new = w->a.code_until_ms <= w->now_ms;
    if (!is_new || !w->a.is_real) return OK; /* the digits are on their way already */
    w->a.code_until_ms = w->reply.expires_ms;
    if ((r = attempt_write(tx, &w->a, w->now_ms)) != OK) return r;
    if ((r = history(tx, w, LEDGER_CODE_MADE, w->a.id.b)) != OK) return r;
    return push_code(tx, w);
}

static void there_replied(struct work *w) {
    enum err r;
    switch (w->reply.say) {
    case KEEPER_RIGHT:
        r = write_work(w, made_tx);
        if (r == OK || r == ERR_GONE)
            answer_alike(w);
        else
            finish(w, say_of_err(r));
        return;
    case KEEPER_NOT_PROVED:
    case KEEPER_NONE: answer_alike(w); return;
    case KEEPER_TOO_MANY:
        w->call->answer.retry_ms = w->reply.retry_ms;
        finish(w, GUARD_TOO_MANY);
        return;
    case KEEPER_REFUSED: finish(w, GUARD_EXPIRED); return;
    case KEEPER_BUSY: finish(w, GUARD_BUSY); return;
    case KEEPER_WRONG:
    case KEEPER_WEAK:
    case KEEPER_DOWN: finish(w, GUARD_BROKEN); return;
    }
}

void verb_code_there(struct work *w) {
    int64_t denials = 0;
    if (!begin(w, &denials) || !takes_code(w)) return;
    if (denials >= DENIALS_MAX) { /* prompts from that path have stopped for the day */
        answer_alike(w);
        return;
    }
    prepare_ask(w, KEEPER_MAKE_CODE_THERE);
    ask_keeper(w, there_replied);
}

static enum err spent_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum err r = load_for_call(tx, w);
    return r == OK ? record_spent(tx, w) : r;
}

static void digits_replied(struct work *w) {
    enum err r = w->reply.is_budget_just_spent ? write_work(w, spent_tx) : OK;
    if (r != OK) {
        finish(w, say_of_err(r));
        return;
    }
    switch (w->reply.say) {
    case KEEPER_RIGHT:
        memcpy(w->call->answer.digits, w->reply.digits, sizeof w->call->answer.digits);
        w->call->answer.code_expires_ms = w->reply.expires_ms;
        finish(w, GUARD_OK);
        return;
    case KEEPER_TOO_MANY:
        w->call->answer.retry_ms = w->reply.retry_ms;
        finish(w, GUARD_TOO_MANY);
        return;
    case KEEPER_REFUSED: finish(w, GUARD_EXPIRED); return;
    case KEEPER_NONE:
    case KEEPER_NOT_PROVED: finish(w, w->call->verb == GUARD_CODE_SHOW ? GUARD_NOT_FOUND : GUARD_CONFLICT); return;
    case KEEPER_BUSY: finish(w, GUARD_BUSY); return;
    case KEEPER_WRONG:
    case KEEPER_WEAK:
    case KEEPER_DOWN: finish(w, GUARD_BROKEN); return;
    }
}

void verb_code_here(struct work *w) {
    int64_t denials = 0;
    if (!begin(w, &denials) || !takes_code(w)) return;
    if (w->a.proved != 0 && w->a.is_real && w->g->o.code_asked) w->g->o.code_asked(w->g->o.ctx, w->a.account, w->a.id);
    prepare_ask(w, KEEPER_MAKE_CODE_HERE);
    ask_keeper(w, digits_replied);
}

void verb_code_show(struct work *w) {
    const struct guard_caller *c = w->call->caller;
    int64_t denials = 0;
    if (!begin(w, &denials)) return;
    if (!c->is_trusted || id_eq(c->session.device.b, w->a.opener_device.b)) {
        finish(w, GUARD_FORBIDDEN);
        return;
    }
    prepare_ask(w, KEEPER_SHOW_CODE);
    ask_keeper(w, digits_replied);
}
