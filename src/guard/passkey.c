/* Passkeys: challenges for pages, proofs, and sign-ins whose account is known only by the passkey that proves it. */
#include "guard/guard_priv.h"

#include "keeper/ceremony.h"

#define EXCLUDED_MAX 32

struct collecting {
    struct work *w;
    struct str *list;
    size_t n;
    struct account acc;
};

static enum err on_passkey(void *ctx, const struct passkey *p) {
    struct collecting *c = ctx;
    struct str id = arena_dup(c->w->call->arena, p->credential_id);
    if (!id.p) return ERR_NOMEM;
    if (c->n < EXCLUDED_MAX) c->list[c->n++] = id;
    return OK;
}

/* For whom it is made, and which are there already, so that no authenticator makes a second one. */
static enum err collect_tx(struct store_tx *tx, void *ctx) {
    struct collecting *c = ctx;
    enum err r = account_get(tx, c->w->a.account, c->w->call->arena, &c->acc);
    c->n = 0;
    return r == OK ? passkey_each(tx, c->w->a.account, on_passkey, c) : r;
}

static enum err describe_creation(struct work *w) {
    struct collecting c = { .w = w, .list = arena_alloc(w->call->arena, EXCLUDED_MAX * sizeof(struct str)) };
    struct guard_challenge *ch = &w->call->answer.challenge;
    enum err r = c.list ? store_read(w->g->o.store, collect_tx, &c) : ERR_NOMEM;
    if (r != OK) return r;
    ch->is_creation = true;
    ch->account = w->a.account;
    ch->email = c.acc.email;
    ch->name = c.acc.name.n > 0 ? c.acc.name : c.acc.email;
    ch->exclude = c.list;
    ch->exclude_n = c.n;
    return OK;
}

static void challenge_replied(struct work *w) {
    struct guard_challenge *ch = &w->call->answer.challenge;
    bool is_creation = w->a.action == ACTION_ADD_PASSKEY && w->a.state != ATTEMPT_OPENED;
    enum err r = OK;
    if (w->reply.say != KEEPER_RIGHT) {
        finish(w, w->reply.say == KEEPER_REFUSED ? GUARD_EXPIRED
                  : w->reply.say == KEEPER_BUSY  ? GUARD_BUSY
                                                 : GUARD_BROKEN);
        return;
    }
    memcpy(ch->bytes, w->reply.challenge, sizeof ch->bytes);
    if (is_creation) r = describe_creation(w);
    finish(w, say_of_err(r));
}

void verb_challenge(struct work *w) {
    const struct action_rule *rule;
    if (!begin_call(w)) return;
    rule = &action_rules[w->a.action];
    if (((rule->need.of | rule->need.sufficient) & PROOF_PASSKEY) == 0) {
        (void)snprintf(w->call->answer.reason, sizeof w->call->answer.reason, "This attempt does not take a passkey.");
        finish(w, GUARD_BAD_REQUEST);
        return;
    }
    prepare_ask(w, KEEPER_CHALLENGE);
    ask_keeper(w, challenge_replied);
}

/* ---- a sign-in without an address ---- */

/* What the browser says whose it is. Believed only once the keeper has verified it. */
static bool claimed_account(const struct work *w, struct account_id *ret) {
    struct ceremony c;
    if (ceremony_unpack(w->call->secret, &c) != OK || c.user_handle.n != sizeof ret->b) return false;
    memcpy(ret->b, c.user_handle.p, sizeof ret->b);
    return true;
}

/* Whose device opens it, by its token: kept with the attempt until a passkey says who it is. */
enum err note_device(struct store_tx *tx, struct work *w) {
    struct account_id owner;
    struct device_id id;
    struct device device;
    uint8_t hash[HASH_BYTES];
    char text[ID_TEXT_SIZE], *kept;
    enum device_token_is is = DEVICE_TOKEN_UNKNOWN;
    enum err r;
    if (token_parse(TOKEN_DEVICE, w->call->caller->device_token, &owner, hash) != OK) return OK;
    if ((r = device_by_token(tx, owner, hash, &id, &is)) != OK) return r;
    if (is != DEVICE_TOKEN_CURRENT && is != DEVICE_TOKEN_PREVIOUS) return OK; /* a stolen one is dealt with elsewhere */
    if ((r = device_get(tx, owner, id, w->call->arena, &device)) != OK || device.trusted_ms == 0) return r;
    id_text(owner.b, text);
    if (!(kept = arena_fmt(w->call->arena, "%s", text))) return ERR_NOMEM;
    w->a.new_device = id;
    w->a.detail = str_from(kept);
    return OK;
}

static struct device_id device_of(const struct attempt *a, struct account_id named) {
    static const struct device_id unknown;
    struct account_id owner;
    return id_parse(a->detail, owner.b) == OK && id_eq(owner.b, named.b) ? a->new_device : unknown;
}

/* The stranger's attempt ends, and goes on under the same id as the account's own. */
static enum err named_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum err r = load_for_call(tx, w);
    if (r != OK) return r;
    if (w->a.state != ATTEMPT_OPENED) return ERR_GONE;
    if ((r = move(tx, w, EV_FAIL)) != OK) return r;
    w->a.account = w->told = w->named;
    w->a.is_real = true;
    w->a.is_known = !id_is_zero(w->named_device.b);
    w->a.opener_device = w->named_device;
    memset(&w->a.new_device, 0, sizeof w->a.new_device);
    w->a.detail = STR("");
    w->a.state = ATTEMPT_OPENED;
    w->a.rev = 0;
    token_new(TOKEN_ATTEMPT, w->named, w->call->answer.attempt_token, w->a.token_hash);
    if ((r = attempt_add(tx, &w->a)) != OK) return r;
    if ((r = history(tx, w, LEDGER_ATTEMPT_OPENED, w->a.id.b)) != OK) return r;
    return record_right(tx, w);
}

static void named_replied(struct work *w) {
    enum err r;
    if (w->reply.say != KEEPER_RIGHT || !id_eq(w->reply.account.b, w->named.b)) {
        w->reply.proved = 0;
        proof_replied(w);
        return;
    }
    r = write_work(w, named_tx);
    if (r != OK) memset(w->call->answer.attempt_token, 0, sizeof w->call->answer.attempt_token);
    finish(w, r == ERR_GONE ? GUARD_EXPIRED : say_of_err(r));
}

/* True when it is one, and on its way. */
bool prove_without_address(struct work *w) {
    if (w->call->proof != PROOF_PASSKEY || !subject_is_no_address(&w->a.subject)) return false;
    if (!claimed_account(w, &w->named)) memset(&w->named, 0xff, sizeof w->named);
    w->named_device = device_of(&w->a, w->named);
    prepare_ask(w, KEEPER_PROVE_PASSKEY);
    w->ask.secret = w->call->secret;
    w->ask.by = w->named_device;
    ask_keeper(w, named_replied);
    return true;
}
