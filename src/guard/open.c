/* Opening an attempt. Known and unknown addresses take the same way: a row is written and the same answer given. */
#include "guard/guard_priv.h"

#define OPEN_OF_NET_MAX 100
#define OPEN_WAIT_MS    (10 * MS_PER_MIN)

static enum err set_origin(struct work *w) {
    const struct origin *o = &w->call->caller->from;
    struct arena *a = w->call->arena;
    w->a.ip = arena_dup(a, str_from(o->ip));
    w->a.net = arena_dup(a, str_from(o->net));
    w->a.country = arena_dup(a, str_from(o->country));
    w->a.place = arena_dup(a, str_from(o->place));
    w->a.from_device = arena_dup(a, str_from(o->device));
    return w->a.ip.p && w->a.net.p && w->a.country.p && w->a.place.p && w->a.from_device.p ? OK : ERR_NOMEM;
}

/* A copy of a token that was replaced long ago: somebody has stolen it. The device is not known any more. */
static enum err punish_theft(struct store_tx *tx, struct work *w, struct device_id device) {
    enum err r = device_revoke(tx, w->a.account, device, w->now_ms);
    if (r == ERR_NOT_FOUND) return OK;
    if (r != OK) return r;
    w->stolen = device; /* for the keeper to forget */
    w->has_sessions = true;
    if ((r = history(tx, w, LEDGER_DEVICE_STOLEN, device.b)) != OK) return r;
    return raise_alert(tx, w, ALERT_REFUSED);
}

static enum err recognise(struct store_tx *tx, struct work *w) {
    struct account_id account;
    uint8_t hash[HASH_BYTES];
    struct device_id id = { { 0 } };
    struct device device;
    enum device_token_is is = DEVICE_TOKEN_UNKNOWN;
    enum err r;
    if (w->call->caller->device_token.n == 0) return OK;
    if (token_parse(TOKEN_DEVICE, w->call->caller->device_token, &account, hash) != OK) return OK;
    if (!id_eq(account.b, w->a.account.b)) return OK;
    if ((r = device_by_token(tx, account, hash, &id, &is)) != OK) return r;
    if (is == DEVICE_TOKEN_STOLEN) return punish_theft(tx, w, id);
    if (is == DEVICE_TOKEN_UNKNOWN) return OK;
    if ((r = device_get(tx, account, id, w->call->arena, &device)) != OK) return r;
    if (device.trusted_ms == 0) return OK;
    w->a.opener_device = id;
    w->a.is_known = true;
    return OK;
}

static enum err find_account(struct store_tx *tx, struct work *w) {
    const struct guard_caller *c = w->call->caller;
    struct address_found found;
    enum err r;
    if (action_rules[w->a.action].opener == OPENER_SESSION) {
        w->a.account = c->session.account;
        w->a.is_real = true;
        w->a.opener_session = c->session.id;
        w->a.opener_device = c->session.device;
        w->a.is_known = c->is_trusted;
        return OK;
    }
    if (subject_is_no_address(&w->a.subject)) return note_device(tx, w);
    if ((r = address_find(tx, w->a.email, w->now_ms, w->call->arena, &found)) != OK) return r;
    w->is_taken = w->a.action == ACTION_SIGN_UP && found.is != ADDRESS_FREE;
    w->a.account = w->a.action == ACTION_SIGN_UP ? found.stand_in : found.account;
    w->a.is_real = w->a.action != ACTION_SIGN_UP && found.is == ADDRESS_TAKEN;
    return OK;
}

/* "Not me" puts back what a device did, and must find all of it: so one device does no more in a week than there is
 * room for. */
static enum err check_changes(struct store_tx *tx, struct work *w) {
    int64_t done = 0;
    enum err r = attempt_done_count(tx, &w->a, w->now_ms - LINK_LIFE_MS, &done);
    if (r != OK) return r;
    return done >= w->g->o.config->policy_device_changes ? ERR_TOO_LARGE : OK;
}

/* A stranger's network may have so many open; the owner's own devices are never shut out by it. */
static enum err check_bounds(struct store_tx *tx, struct work *w) {
    int64_t open = 0;
    enum err r = OK;
    if (action_rules[w->a.action].opener == OPENER_SESSION && w->a.action != ACTION_PURCHASE) r = check_changes(tx, w);
    if (r != OK || w->a.is_known) return r;
    r = attempt_open_count(tx, w->a.account, w->a.net, w->now_ms, &open);
    if (r != OK) return r;
    return open >= OPEN_OF_NET_MAX ? ERR_TOO_LARGE : OK;
}

static enum err write_row(struct store_tx *tx, struct work *w) {
    const struct action_rule *rule = &action_rules[w->a.action];
    enum err r;
    w->a.state = ATTEMPT_OPENED;
    w->a.opened_ms = w->a.changed_ms = w->now_ms;
    w->a.expires_ms = w->now_ms + rule->life_ms;
    token_new(TOKEN_ATTEMPT, w->a.account, w->call->answer.attempt_token, w->a.token_hash);
    if ((r = attempt_add(tx, &w->a)) != OK) return r;
    return history(tx, w, LEDGER_ATTEMPT_OPENED, w->a.id.b);
}

static enum err on_open(void *ctx, const struct attempt *a) {
    struct work *w = ctx;
    bool is_open = !attempt_state_is_final(a->state) && a->expires_ms > w->now_ms;
    if (is_open && !w->has_attempt) {
        w->a = *a;
        w->has_attempt = true;
    }
    return OK;
}

/* One restore for a pair of devices while it is open: whoever asks again from there goes on with it. */
static enum err adopt(struct store_tx *tx, struct work *w) {
    struct attempt_found found = { on_open, w };
    enum err r = attempt_of_subject(tx, &w->a, w->now_ms - 30 * MS_PER_DAY, w->call->arena, &found);
    if (r != OK || !w->has_attempt) return r;
    token_new(TOKEN_ATTEMPT, w->a.account, w->call->answer.attempt_token, w->a.token_hash);
    return attempt_write(tx, &w->a, w->a.changed_ms);
}

static enum err look_around(struct store_tx *tx, struct work *w) {
    const struct whereabouts x = { w->a.account, w->a.opener_device, w->a.country, w->now_ms };
    w->a.is_familiar = false;
    return w->a.is_real ? policy_is_familiar(tx, w->g, &x, w->call->arena, &w->a.is_familiar) : OK;
}

static enum err open_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum err r;
    w->has_attempt = false;
    w->a.is_known = false;
    memset(&w->a.opener_device, 0, sizeof w->a.opener_device);
    memset(&w->stolen, 0, sizeof w->stolen);
    if ((r = find_account(tx, w)) != OK) return r;
    w->told = w->a.account;
    if (w->a.email.n > 0 && action_rules[w->a.action].opener == OPENER_ANYONE && (r = recognise(tx, w)) != OK) return r;
    if ((r = about_bind(tx, w)) != OK || (r = look_around(tx, w)) != OK) return r;
    if (w->a.action == ACTION_RESTORE && ((r = adopt(tx, w)) != OK || w->has_attempt)) return r;
    if ((r = check_bounds(tx, w)) != OK) return r;
    if ((r = write_row(tx, w)) != OK) return r;
    w->has_attempt = true;
    if ((action_rules[w->a.action].alert_on & ALERT_ON_OPENED) == 0) return OK;
    return raise_alert(tx, w, ALERT_OPENED);
}

static void answer_opened(struct work *w, enum err r) {
    if (r == ERR_TOO_LARGE) {
        w->call->answer.retry_ms = OPEN_WAIT_MS;
        finish(w, GUARD_TOO_MANY);
        return;
    }
    if (r == OK && !id_is_zero(w->stolen.b)) forget_device(w, w->stolen);
    finish(w, say_of_err(r));
}

/* ---- sign_up: the digits are made first, so that attempt and mail are one transaction ---- */

static enum err sign_up_find(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    return find_account(tx, w);
}

static enum err sign_up_write(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum err r = find_account(tx, w); /* again: it may have been taken meanwhile */
    if (r != OK || (r = check_bounds(tx, w)) != OK || (r = write_row(tx, w)) != OK) return r;
    w->has_attempt = true;
    if (w->is_taken) return mail_letter(tx, w, LETTER_ADDRESS_IN_USE, STR_NONE);
    return mail_letter(tx, w, LETTER_EMAIL_CODE, str_bytes(w->reply.sealed, w->reply.sealed_n));
}

static void sign_up_replied(struct work *w) {
    switch (w->reply.say) {
    case KEEPER_RIGHT: answer_opened(w, write_work(w, sign_up_write)); return;
    case KEEPER_TOO_MANY:
        w->call->answer.retry_ms = w->reply.retry_ms;
        finish(w, GUARD_TOO_MANY);
        return;
    case KEEPER_BUSY: finish(w, GUARD_BUSY); return;
    case KEEPER_WRONG:
    case KEEPER_NONE:
    case KEEPER_NOT_PROVED:
    case KEEPER_WEAK:
    case KEEPER_REFUSED:
    case KEEPER_DOWN: finish(w, GUARD_BROKEN); return;
    }
}

static void open_sign_up(struct work *w) {
    enum err r = store_write(w->g->o.store, sign_up_find, w); /* writes only a new database's salt */
    if (r != OK) {
        finish(w, say_of_err(r));
        return;
    }
    w->a.expires_ms = w->now_ms + action_rules[w->a.action].life_ms;
    prepare_ask(w, KEEPER_MAKE_EMAIL_CODE);
    ask_keeper(w, sign_up_replied);
}

void verb_open(struct work *w) {
    struct guard_call *call = w->call;
    const struct action_rule *rule = &action_rules[call->action];
    enum err r;
    w->a.action = call->action;
    w->a.email = w->a.name = w->a.device_name = w->a.detail = STR("");
    if (rule->opener == OPENER_SERVER) {
        finish(w, GUARD_BAD_REQUEST);
        return;
    }
    if (rule->opener == OPENER_SESSION && !call->caller->has_session) {
        finish(w, GUARD_UNAUTHORIZED);
        return;
    }
    if (call->is_discoverable) {
        id_new(w->a.account.b); /* nobody's, until a passkey says whose */
        w->a.subject = SUBJECT_NO_ADDRESS;
    } else if (rule->takes == TAKES_EMAIL && email_normalize(call->email, call->arena, &w->a.email) != OK) {
        (void)snprintf(call->answer.reason, sizeof call->answer.reason, "That is not an e-mail address.");
        finish(w, GUARD_BAD_REQUEST);
        return;
    }
    id_new_at(w->now_ms, w->a.id.b);
    if ((r = set_origin(w)) != OK) {
        finish(w, say_of_err(r));
        return;
    }
    if (call->action == ACTION_SIGN_UP) {
        open_sign_up(w);
        return;
    }
    answer_opened(w, write_work(w, open_tx));
}
