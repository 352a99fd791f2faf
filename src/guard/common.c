/* What the verbs share: loading, moving, asking the keeper, answering, and telling others after a commit. */
#include "base/clock.h"
#include "guard/guard_priv.h"

#include <stdlib.h>

void finish(struct work *w, enum guard_say say) {
    struct guard_call *call = w->call;
    call->answer.say = say;
    if (w->has_attempt && call->answer.attempt.opened_ms == 0)
        view_of(w, &w->a, call->caller->has_session && id_eq(call->caller->session.account.b, w->a.account.b),
                &call->answer.attempt);
    bytes_wipe(&w->reply, sizeof w->reply);
    call->done(call);
}

enum guard_say say_of_err(enum err r) {
    if (r == OK) return GUARD_OK;
    if (r == ERR_NOT_FOUND) return GUARD_NOT_FOUND;
    if (r == ERR_INPUT || r == ERR_TOO_LARGE) return GUARD_BAD_REQUEST;
    if (r == ERR_CONFLICT) return GUARD_CONFLICT;
    if (r == ERR_REFUSED) return GUARD_CONFLICT;
    if (r == ERR_BUSY) return GUARD_BUSY;
    return GUARD_BROKEN;
}

enum guard_say say_of_ended(enum attempt_state s) {
    switch (s) {
    case ATTEMPT_DONE: return GUARD_CONFLICT;
    case ATTEMPT_DENIED: return GUARD_DENIED;
    case ATTEMPT_EXPIRED:
    case ATTEMPT_FAILED: return GUARD_EXPIRED;
    case ATTEMPT_OPENED:
    case ATTEMPT_PROVED:
    case ATTEMPT_HELD:
    case ATTEMPT_COMMITTING: return GUARD_OK;
    }
    return GUARD_BROKEN;
}

#define ASIDE_BYTES (256 * 1024)

struct work *aside_begin(struct guard_call *call) {
    struct work *w = calloc(1, sizeof *w);
    call->arena = arena_new(ASIDE_BYTES);
    if (w && call->arena) {
        w->call = call;
        w->g = call->guard;
        w->now_ms = clock_wall_ms();
        return w;
    }
    aside_end(call, w);
    call->arena = NULL;
    return NULL;
}

void aside_end(struct guard_call *call, struct work *w) {
    free(w);
    arena_free(call->arena);
}

struct wrapped {
    struct work *w;
    store_fn *fn;
};

static enum err run_wrapped(struct store_tx *tx, void *ctx) {
    struct wrapped *x = ctx;
    x->w->alert_n = 0;
    x->w->has_rows = x->w->has_sessions = x->w->has_code = false;
    return x->fn(tx, x->w);
}

void tell_others(struct work *w) {
    const struct guard_options *o = &w->g->o;
    if (w->has_rows && o->rows_written) o->rows_written(o->ctx);
    for (size_t i = 0; i < w->alert_n && o->alert_changed; i++) o->alert_changed(o->ctx, w->told, w->alerts[i]);
    if (w->has_code && o->code_asked) o->code_asked(o->ctx, w->a.account, w->a.id);
    if (w->has_sessions && o->sessions_changed) o->sessions_changed(o->ctx, w->told);
}

#define WRITES_MOST 6 /* as many as may write one attempt's row at once, and then some */

enum err write_work(struct work *w, store_fn *fn) {
    struct wrapped x = { w, fn };
    struct store *store = w->g->o.store;
    enum err r = ERR_CONFLICT;
    for (int i = 0; i < WRITES_MOST && r == ERR_CONFLICT; i++)
        r = w->is_relaxed ? store_write_relaxed(store, run_wrapped, &x) : store_write(store, run_wrapped, &x);
    w->is_relaxed = false;
    if (r == OK) tell_others(w);
    return r;
}

static enum err load_by_token(struct store_tx *tx, struct work *w) {
    struct account_id account;
    uint8_t hash[HASH_BYTES];
    enum err r;
    if (token_parse(TOKEN_ATTEMPT, w->call->caller->attempt_token, &account, hash) != OK) return ERR_CLOSED;
    r = attempt_load(tx, account, w->call->attempt, w->call->arena, &w->a);
    if (r == ERR_NOT_FOUND || (r == OK && !bytes_eq_secret(hash, w->a.token_hash, HASH_BYTES))) return ERR_CLOSED;
    return r;
}

static enum err load_as_owner(struct store_tx *tx, struct work *w) {
    const struct guard_caller *c = w->call->caller;
    enum err r;
    if (!c->has_session) return ERR_CLOSED;
    r = attempt_load(tx, c->session.account, w->call->attempt, w->call->arena, &w->a);
    return r == OK && !w->a.is_real ? ERR_NOT_FOUND : r;
}

enum err load_for_call(struct store_tx *tx, struct work *w) {
    bool is_by_token = w->asker == ASKER_TOKEN || (w->asker == ASKER_EITHER && w->call->caller->attempt_token.n > 0);
    enum err r = is_by_token ? load_by_token(tx, w) : load_as_owner(tx, w);
    w->has_attempt = r == OK;
    w->told = w->a.account;
    return r;
}

enum err check_alive(const struct work *w, enum guard_say *ret_say) {
    *ret_say = say_of_ended(w->a.state);
    if (*ret_say != GUARD_OK) return ERR_GONE;
    if (w->a.expires_ms > w->now_ms || w->a.state == ATTEMPT_COMMITTING) return OK;
    *ret_say = GUARD_EXPIRED;
    return ERR_GONE;
}

struct need need_of(const struct guard *g, const struct attempt *a) {
    bool is_eased = a->is_known && a->action == ACTION_SIGN_IN;
    return is_eased ? action_rules[a->action].need_known : config_need(g->o.config, a->action);
}

/* Said before it is proved, but to nobody who might learn from it whether there is such an account. */
static int64_t hold_to_come(const struct work *w, const struct attempt *a) {
    bool is_ahead = a->state == ATTEMPT_OPENED || a->state == ATTEMPT_PROVED;
    if (!is_ahead || a->hold_until_ms != 0 || action_rules[a->action].opener != OPENER_SESSION) return 0;
    return policy_hold_ms(w->g, a);
}

static bool is_from_caller(const struct work *w, const struct attempt *a) {
    const struct guard_caller *c = w->call ? w->call->caller : NULL; /* an archive is read by nobody's call */
    return c && c->has_session && id_eq(c->session.account.b, a->account.b) &&
           id_eq(c->session.device.b, a->opener_device.b);
}

void view_of(const struct work *w, const struct attempt *a, bool is_owner, struct attempt_view *ret) {
    *ret = (struct attempt_view){ .id = a->id,
                                  .account = a->account,
                                  .action = a->action,
                                  .subject = a->subject,
                                  .email = a->email,
                                  .detail = a->detail,
                                  .state = a->state,
                                  .need = need_of(w->g, a),
                                  .proved = a->proved,
                                  .opened_ms = a->opened_ms,
                                  .expires_ms = a->expires_ms,
                                  .hold_until_ms = a->hold_until_ms,
                                  .hold_ms = hold_to_come(w, a),
                                  .ip = a->ip,
                                  .place = a->place,
                                  .device = a->from_device,
                                  .is_known_device = a->is_known,
                                  .is_code_alive = a->code_until_ms > w->now_ms && !attempt_state_is_final(a->state),
                                  .is_owner_view = is_owner,
                                  .is_own_device = is_from_caller(w, a) };
    /* An overdue attempt is expired, whether or not the tick has said so yet. */
    if (!attempt_state_is_final(a->state) && a->state != ATTEMPT_COMMITTING && a->expires_ms <= w->now_ms)
        ret->state = ATTEMPT_EXPIRED;
}

enum err history(struct store_tx *tx, const struct work *w, enum ledger_event ev, const uint8_t subject[ID_BYTES]) {
    char detail[400];
    int n = snprintf(detail, sizeof detail, "{\"action\":\"%s\",\"state\":\"%s\",\"proved\":%u,\"known_device\":%s}",
                     action_rules[w->a.action].name, attempt_state_name(w->a.state), w->a.proved,
                     w->a.is_known ? "true" : "false");
    return ledger_append(tx, &(struct ledger_entry){ .event = ev,
                                                     .account = w->a.account,
                                                     .subject = subject,
                                                     .at_ms = w->now_ms,
                                                     .detail = str_bytes(detail, n > 0 ? (size_t)n : 0) });
}

enum err guard_note(struct store_tx *tx, struct account_id account, enum guard_note what,
                    const uint8_t subject[ID_BYTES]) {
    static const enum ledger_event events[] = {
        [NOTE_SESSION_ENDED] = LEDGER_SESSION_ENDED,    [NOTE_OTHER_SESSIONS_ENDED] = LEDGER_SESSION_OTHERS_ENDED,
        [NOTE_DEVICE_RENAMED] = LEDGER_DEVICE_RENAMED,  [NOTE_PUSH_ADDED] = LEDGER_PUSH_ADDED,
        [NOTE_PUSH_REMOVED] = LEDGER_PUSH_REMOVED,      [NOTE_LOCKED_BY_OPERATOR] = LEDGER_ACCOUNT_LOCKED_BY_OPERATOR,
        [NOTE_ROLE_GIVEN] = LEDGER_ROLE_GIVEN,          [NOTE_ROLE_TAKEN] = LEDGER_ROLE_TAKEN,
        [NOTE_BACKUP_EXPECTED] = LEDGER_BACKUP_EXPECTED
    };
    return ledger_append(tx,
                         &(struct ledger_entry){
                             .event = events[what], .account = account, .subject = subject, .at_ms = clock_wall_ms() });
}

enum err move(struct store_tx *tx, struct work *w, enum event ev) {
    struct move m;
    enum err r = machine_step(w->a.state, ev, &m);
    if (r != OK) return r;
    w->a.state = m.to;
    if ((r = attempt_write(tx, &w->a, w->now_ms)) != OK) return r;
    return history(tx, w, m.event, w->a.id.b);
}

/* ---- the keeper ---- */

void prepare_ask(struct work *w, enum keeper_ask ask) {
    w->ask =
        (struct keeper_request){ .ask = ask,
                                 .account = w->a.account,
                                 .attempt = w->a.id,
                                 .action = w->a.action,
                                 .device = w->a.opener_device,
                                 .subject = w->a.subject,
                                 .attempt_expires_ms = w->a.expires_ms + config_held_ms(w->g->o.config, w->a.action),
                                 .code_digits = (uint8_t)w->g->o.config->policy_code_digits };
}

static void resume_work(struct guard_call *call) {
    struct work *w = call->state;
    w->now_ms = clock_wall_ms();
    w->after_reply(w);
}

static void on_reply(void *ctx, const struct keeper_reply *reply) {
    struct work *w = ctx;
    w->reply = *reply;
    w->call->resume(w->call, resume_work);
}

void ask_keeper(struct work *w, void (*then)(struct work *w)) {
    w->after_reply = then;
    keeper_ask(w->g->o.keeper, &w->ask, on_reply, w);
}

static void ignore_reply(void *ctx, const struct keeper_reply *reply) {
    (void)ctx;
    (void)reply;
}

/* Nobody waits: records expire by themselves, and the front's own row says the same already. */
static void tell(struct work *w, const struct keeper_request *q) { keeper_ask(w->g->o.keeper, q, ignore_reply, NULL); }

void tell_keeper(struct work *w, enum keeper_ask ask, const struct attempt *a) {
    tell(w,
         &(struct keeper_request){ .ask = ask,
                                   .account = a->account,
                                   .attempt = a->id,
                                   .action = a->action,
                                   .device = a->opener_device,
                                   .subject = a->subject,
                                   .attempt_expires_ms = a->expires_ms + config_held_ms(w->g->o.config, a->action) });
}

void forget_device(struct work *w, struct device_id device) {
    tell(w, &(struct keeper_request){ .ask = KEEPER_FORGET_DEVICE, .account = w->told, .device = device });
}

enum err drop_backup_token(struct store_tx *tx, struct work *w) {
    w->has_sessions = true; /* tells those who remember that it was right */
    return backup_token_drop(tx, w->a.account, w->a.opener_device);
}

bool lock_keeper(struct work *w, struct account_id account) {
    struct keeper_reply reply;
    keeper_ask_wait(w->g->o.keeper, &(struct keeper_request){ .ask = KEEPER_LOCK_DOWN, .account = account }, &reply);
    return reply.say == KEEPER_RIGHT;
}

enum err load_tx(struct store_tx *tx, void *ctx) { return load_for_call(tx, ctx); }

bool begin_call(struct work *w) {
    enum guard_say say;
    enum err r = store_read(w->g->o.store, load_tx, w);
    if (r != OK) {
        finish(w, r == ERR_CLOSED ? GUARD_UNAUTHORIZED : say_of_err(r));
        return false;
    }
    if (check_alive(w, &say) == OK) return true;
    finish(w, say);
    return false;
}

bool is_quiet(const struct work *w) { return w->a.action == ACTION_SIGN_IN && w->a.is_known; }
