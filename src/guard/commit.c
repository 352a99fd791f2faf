/*
 * The saga: committing (durable), the keeper applies once, then everything that follows in one transaction. A commit
 * that is asked again resumes where it was; the tick finishes what nobody asks for again.
 */
#include "guard/guard_priv.h"

#include "base/enc.h"
#include "keeper/ceremony.h"

static bool is_password_needed(enum action a) {
    return action_rules[a].effect == EFFECT_ENROLL || action_rules[a].effect == EFFECT_SET_PASSWORD;
}

/* ---- the last transaction ---- */

/* Not a secret, and needed again when the commit is finished after a crash. */
static bool keep_credential_id(struct work *w) {
    struct ceremony c;
    char *text;
    if (ceremony_unpack(w->call->credential, &c) != OK) return false;
    text = arena_alloc(w->call->arena, B64URL_LEN(c.credential_id.n) + 1);
    if (!text) return false;
    w->a.detail = str_bytes(text, enc_b64url(c.credential_id.p, c.credential_id.n, text));
    return true;
}

/* From here on the keeper may have applied it. */
static enum err begin_commit(struct store_tx *tx, struct work *w) {
    if (w->a.is_known && w->a.action == ACTION_SIGN_IN)
        w->a.new_device = w->a.opener_device;
    else if (id_is_zero(w->a.new_device.b))
        id_new(w->a.new_device.b);
    w->a.name = w->call->name.p ? w->call->name : STR("");
    w->a.device_name = w->call->device_name.p ? w->call->device_name : STR("");
    if (w->a.action == ACTION_ADD_PASSKEY && !keep_credential_id(w)) return ERR_INPUT;
    return move(tx, w, EV_COMMIT);
}

/* Where a commit that was not written before the keeper was asked is written with what came of it. */
static enum err catch_up(struct store_tx *tx, struct work *w) {
    return w->is_direct && w->a.state == ATTEMPT_PROVED ? begin_commit(tx, w) : OK;
}

static enum err record_done(struct store_tx *tx, void *work) {
    struct work *w = work;
    enum err r = attempt_load(tx, w->a.account, w->a.id, w->call->arena, &w->a);
    if (r != OK) return r;
    w->told = w->a.account;
    w->has_attempt = true;
    memset(&w->call->answer.result, 0, sizeof w->call->answer.result);
    if ((r = catch_up(tx, w)) != OK) return r;
    if (w->a.state != ATTEMPT_COMMITTING) return ERR_GONE;
    if (w->a.is_disowned && !w->is_relocked) return ERR_CLOSED;
    w->a.proved = w->reply.proved ? w->reply.proved : w->a.proved;
    w->a.is_undone = w->a.is_disowned;
    if ((r = apply_done(tx, w)) != OK) return r;
    return move(tx, w, EV_APPLIED);
}

enum err write_done(struct work *w) {
    enum err r;
    w->is_relocked = false;
    r = write_work(w, record_done);
    if (r != ERR_CLOSED) return r;
    if (!lock_keeper(w, w->a.account) || !undo_at_keeper(w, &w->a)) return ERR_IO;
    w->is_relocked = true;
    return write_work(w, record_done);
}

/* ---- the keeper's answer ---- */

enum err record_back(struct store_tx *tx, struct work *w, enum event ev) {
    enum err r = move(tx, w, ev);
    bool is_open = w->a.state == ATTEMPT_PROVED || w->a.state == ATTEMPT_OPENED;
    return r == OK && is_open && w->a.is_disowned ? record_denied(tx, w) : r;
}

static enum err back_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum event ev = EV_FAIL;
    enum err r = attempt_load(tx, w->a.account, w->a.id, w->call->arena, &w->a);
    if (r != OK) return r;
    /* Stopped meanwhile; or asked again since, and then this answer does not speak for that. */
    if (w->a.rev != w->asked_rev) return OK;
    if ((r = catch_up(tx, w)) != OK || w->a.state != ATTEMPT_COMMITTING) return r;
    if (w->reply.say == KEEPER_WEAK || w->reply.say == KEEPER_BUSY) ev = EV_NOT_APPLIED;
    if (w->reply.say == KEEPER_NOT_PROVED) {
        ev = EV_UNPROVED;
        w->a.proved = w->reply.proved;
    }
    return record_back(tx, w, ev);
}

void tell_undone(struct work *w) {
    bool has_new_device = !w->a.is_known && !id_is_zero(w->a.new_device.b);
    tell_keeper(w, KEEPER_END, &w->a);
    if (has_new_device && w->a.action == ACTION_SIGN_IN) forget_device(w, w->a.new_device);
}

static void step_back(struct work *w, enum guard_say say) {
    enum err r = write_work(w, back_tx);
    if (r == OK && w->a.state == ATTEMPT_DENIED) say = GUARD_DENIED;
    if (r == OK && attempt_state_is_final(w->a.state) && w->a.state != ATTEMPT_DONE) tell_undone(w);
    finish(w, r == OK || r == ERR_CONFLICT ? say : say_of_err(r));
}

bool makes_key(const struct attempt *a) {
    return action_rules[a->action].effect == EFFECT_NEW_RECOVERY_KEY || (a->proved & PROOF_RECOVERY_KEY) != 0;
}

/* An admission leaves nothing at the keeper that could be shown again, but for a new recovery key. */
void tell_settled(struct work *w) {
    bool is_admission = action_rules[w->a.action].effect == EFFECT_ADMIT;
    if (!is_admission || w->reply.recovery_key[0]) tell_keeper(w, KEEPER_SETTLE, &w->a);
}

static void applied(struct work *w) {
    enum err r = write_done(w);
    if (r == OK) {
        memcpy(w->call->answer.result.recovery_key, w->reply.recovery_key, sizeof w->reply.recovery_key);
        w->call->answer.result.receipt = arena_dup(w->call->arena, str_from(w->reply.receipt));
        tell_settled(w);
        finish(w, GUARD_OK);
        return;
    }
    memset(&w->call->answer.result, 0, sizeof w->call->answer.result);
    if (r == ERR_GONE && attempt_state_is_final(w->a.state)) { /* stopped, or another ask was first */
        if (w->a.state != ATTEMPT_DONE) tell_undone(w);
        finish(w, say_of_ended(w->a.state));
        return;
    }
    if (r == ERR_REFUSED) { /* the address was taken, the device revoked, the account locked meanwhile */
        w->reply.say = KEEPER_REFUSED;
        step_back(w, w->a.action == ACTION_SIGN_UP ? GUARD_CONFLICT : GUARD_DENIED);
        return;
    }
    finish(w, say_of_err(r));
}

static void commit_replied(struct work *w) {
    switch (w->reply.say) {
    case KEEPER_RIGHT: applied(w); return;
    case KEEPER_WEAK:
        memcpy(w->call->answer.reason, w->reply.reason, sizeof w->call->answer.reason);
        step_back(w, w->a.action == ACTION_ADD_PASSKEY ? GUARD_BAD_REQUEST : GUARD_WEAK_PASSWORD);
        return;
    case KEEPER_NOT_PROVED: step_back(w, GUARD_NOT_PROVED); return;
    case KEEPER_REFUSED: step_back(w, w->a.action == ACTION_SIGN_UP ? GUARD_CONFLICT : GUARD_EXPIRED); return;
    case KEEPER_BUSY: step_back(w, GUARD_BUSY); return;
    case KEEPER_WRONG:
    case KEEPER_NONE:
    case KEEPER_TOO_MANY:
    case KEEPER_DOWN: finish(w, GUARD_BROKEN); return; /* it stands where it stood: ask again, or the tick will */
    }
}

/* ---- the first transaction ---- */

static enum err begin_hold(struct store_tx *tx, struct work *w, int64_t hold_ms) {
    enum err r;
    w->a.hold_until_ms = w->now_ms + hold_ms;
    w->a.expires_ms = w->a.hold_until_ms + MS_PER_DAY; /* as config_held_ms lets the keeper's record live */
    if ((r = raise_alert(tx, w, ALERT_HELD)) != OK) return r;
    if (w->alert_n > 0) w->a.held_alert = w->alerts[w->alert_n - 1];
    return move(tx, w, EV_NEEDS_HOLD);
}

/* Time is up, and somebody was told: a hold that nobody heard of has given nobody the chance to stop it. */
static enum err check_hold(struct store_tx *tx, struct work *w) {
    bool is_told = false;
    enum err r = OK;
    if (id_is_zero(w->a.held_alert.b)) return OK; /* ended by digits on a familiar device */
    r = alert_was_delivered(tx, w->a.account, w->a.held_alert, w->call->arena, &is_told);
    if (r != OK) return r;
    return w->a.hold_until_ms <= w->now_ms && is_told ? OK : ERR_TIMEOUT;
}

/* Its opener was signed out everywhere, or its device removed, since: with that it is over. */
static enum err check_opener(struct store_tx *tx, struct work *w) {
    struct account acc;
    struct device d = { .revoked_ms = 0 };
    enum err r;
    if (action_rules[w->a.action].opener != OPENER_SESSION) return OK;
    if ((r = account_lock_row(tx, w->a.account, w->call->arena, &acc)) != OK) return r;
    r = device_get(tx, w->a.account, w->a.opener_device, w->call->arena, &d);
    if (r != OK && r != ERR_NOT_FOUND) return r;
    if (r == OK && d.revoked_ms == 0 && acc.epoch == w->a.epoch) return OK;
    return move(tx, w, EV_DENY);
}

static enum err commit_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum guard_say say;
    int64_t hold_ms;
    enum err r = load_for_call(tx, w);
    if (r != OK) return r;
    if (check_alive(w, &say) != OK) return ERR_GONE;
    if (w->a.state == ATTEMPT_COMMITTING) return attempt_write(tx, &w->a, w->now_ms); /* ours to finish now */
    if (w->a.state == ATTEMPT_OPENED) return ERR_REFUSED;
    if ((r = check_opener(tx, w)) != OK) return r;
    if (w->a.state == ATTEMPT_DENIED) return OK;
    if (w->a.state == ATTEMPT_HELD && (r = check_hold(tx, w)) != OK) return r;
    hold_ms = w->a.hold_until_ms == 0 ? policy_hold_ms(w->g, &w->a) : 0; /* once */
    return hold_ms > 0 ? begin_hold(tx, w, hold_ms) : begin_commit(tx, w);
}

static bool check_input(struct work *w) {
    struct guard_call *c = w->call;
    const char *why = NULL;
    if (c->name.n > 0 && name_check(c->name, &c->name) != OK) why = "That name can't be used.";
    if (c->device_name.n > 0 && name_check(c->device_name, &c->device_name) != OK)
        why = "That device name can't be used.";
    if (!why) return true;
    (void)snprintf(c->answer.reason, sizeof c->answer.reason, "%s", why);
    finish(w, GUARD_BAD_REQUEST);
    return false;
}

static void ask_commit(struct work *w) {
    prepare_ask(w, KEEPER_COMMIT);
    w->ask.by = w->a.new_device;
    if (is_password_needed(w->a.action)) w->ask.secret = w->call->password;
    if (w->a.action == ACTION_ADD_PASSKEY) w->ask.secret = w->call->credential;
    if (action_rules[w->a.action].effect == EFFECT_RECEIPT) w->ask.secret = w->a.detail;
    ask_keeper(w, commit_replied);
}

/*
 * What the keeper does for a known device it had done before: whether it did it again need not be known after a crash,
 * so that one transaction is enough.
 */
static bool may_be_direct(const struct work *w) {
    return is_quiet(w) && w->a.state == ATTEMPT_PROVED && w->a.hold_until_ms == 0 && policy_hold_ms(w->g, &w->a) == 0;
}

/* Before the attempt moves, a hold too: nobody waits an hour to hear it. What is committing the keeper has judged. */
static bool is_password_fine(struct work *w) {
    bool is_new = w->a.state == ATTEMPT_PROVED || w->a.state == ATTEMPT_HELD;
    enum guard_say say = GUARD_OK;
    if (is_new && is_password_needed(w->a.action) && w->call->password.n > 0) say = judge_password(w);
    if (say != GUARD_OK) finish(w, say);
    return say == GUARD_OK;
}

void verb_commit(struct work *w) {
    enum guard_say say;
    enum err r;
    if (!check_input(w) || !begin_call(w) || !is_password_fine(w)) return;
    w->asked_rev = w->a.rev;
    w->is_direct = may_be_direct(w);
    if (w->is_direct) {
        w->a.new_device = w->a.opener_device;
        ask_commit(w);
        return;
    }
    r = write_work(w, commit_tx);
    switch ((int)r) {
    case OK: break;
    case ERR_CLOSED: finish(w, GUARD_UNAUTHORIZED); return;
    case ERR_REFUSED: finish(w, GUARD_NOT_PROVED); return;
    case ERR_TIMEOUT: finish(w, GUARD_HELD); return;
    case ERR_GONE:
        (void)!check_alive(w, &say);
        finish(w, say);
        return;
    default: finish(w, say_of_err(r)); return;
    }
    w->asked_rev = w->a.rev;
    if (w->a.state == ATTEMPT_DENIED) {
        tell_undone(w);
        finish(w, GUARD_DENIED);
        return;
    }
    if (w->a.state == ATTEMPT_HELD) {
        finish(w, GUARD_HELD);
        return;
    }
    if (is_password_needed(w->a.action) && w->call->password.n == 0) {
        w->reply.say = KEEPER_WEAK;
        (void)snprintf(w->call->answer.reason, sizeof w->call->answer.reason, "A password is needed.");
        step_back(w, GUARD_BAD_REQUEST);
        return;
    }
    ask_commit(w);
}
