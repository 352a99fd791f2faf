/*
 * Proofs. Whatever is asked for whomever takes one path: bind the attempt, reserve its try and the account's budget, do
 * the work, settle. What is missing (account, code, key) is only ever a wrong answer at the end of that path.
 */
#include "base/log.h"
#include "base/secret.h"
#include "keeper/code.h"
#include "keeper/recovery.h"

static struct str secret_of(const struct job *j) { return str_bytes(j->q.secret, j->q.secret_n); }

static enum err reply_proved(struct store_tx *tx, const struct step *s, const struct record *rec) {
    unsigned proved = 0;
    enum err r = proofs_counting(tx, s, rec, &proved);
    if (r == OK) s->j->r.proved = (uint8_t)proved;
    return r;
}

#define UNDER_WAY_MS 15000 /* longer than anybody waits: a try from before it was lost with a keeper that died */

/* Three tries are out, though not three were wrong: the answers under way decide. */
static bool is_under_way(const struct step *s, const struct record *rec) {
    int64_t age_ms = s->now_ms - rec->touched_ms;
    return rec->wrong < WRONG_PROOFS_MOST && age_ms >= 0 && age_ms < UNDER_WAY_MS;
}

/* The attempt may be proved with this now; otherwise the reply is made. */
static enum err begin_try(struct store_tx *tx, struct step *s, enum proof proof, struct record *rec,
                          bool *ret_may_try) {
    enum keeper_say say = 0;
    *ret_may_try = false;
    enum err r = record_bind(tx, s, rec, &say);
    if (r != OK) return r;
    if (say || !action_wants(rec->action, proof))
        job_say(s->j, KEEPER_REFUSED);
    else if (rec->tried < WRONG_PROOFS_MOST)
        *ret_may_try = true;
    else
        job_say(s->j, is_under_way(s, rec) ? KEEPER_BUSY : KEEPER_REFUSED);
    return OK;
}

static enum err settle_right(struct store_tx *tx, struct step *s, struct record *rec, enum proof proof) {
    rec->tried--;
    rec->proved |= proof;
    enum err r = record_write(tx, s, rec);
    if (r == OK) r = reply_proved(tx, s, rec);
    job_say(s->j, KEEPER_RIGHT);
    return r;
}

static enum err settle_wrong(struct store_tx *tx, struct step *s, struct record *rec) {
    enum err r = OK;
    if (++rec->wrong >= WRONG_PROOFS_MOST) r = record_end(tx, s, rec);
    if (r == OK) r = record_write(tx, s, rec);
    if (r == OK) r = reply_proved(tx, s, rec);
    job_say(s->j, KEEPER_WRONG);
    return r;
}

/* Budget and failures in a row, reserved together. */
static enum err reserve(struct store_tx *tx, struct step *s, bool *ret_is_taken, bool *ret_is_disabled) {
    struct budget_try *t = &s->j->work.budget_try;
    int64_t retry_ms = 0;
    enum err r = budget_take(tx, t, s->arena, ret_is_taken, &retry_ms);
    if (r != OK) return r;
    if (*ret_is_taken) return failure_add(tx, t, s->arena, ret_is_disabled);
    job_say(s->j, KEEPER_TOO_MANY);
    s->j->r.retry_ms = retry_ms;
    return OK;
}

static enum err settle_budget(struct store_tx *tx, struct step *s, bool is_right) {
    const struct budget_try *t = &s->j->work.budget_try;
    bool is_just_spent = false;
    if (is_right) return budget_right(tx, t);
    enum err r = budget_note_spent(tx, t, s->arena, &is_just_spent);
    s->j->r.is_budget_just_spent = is_just_spent;
    return r;
}

enum err prove_password_begin(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct hash_work *w = &s->j->work;
    struct record rec;
    struct credential c = { 0 };
    bool may_try, is_taken = false, is_disabled = false;
    enum err r = begin_try(tx, s, PROOF_PASSWORD, &rec, &may_try);
    if (r != OK || !may_try) return r;
    if ((r = credential_load(tx, s, CREDENTIAL_PASSWORD, &c)) != OK) goto out;
    budget_try_init(&w->budget_try, s->j->q.account, BUDGET_PASSWORD, s->now_ms);
    if ((r = known_device_bucket(tx, s, rec.device, &w->budget_try.bucket)) != OK) goto out;
    if ((r = reserve(tx, s, &is_taken, &is_disabled)) != OK) goto out;
    rec.tried += is_taken;
    if ((r = record_write(tx, s, &rec)) != OK || !is_taken) goto out;
    w->has_stored = c.is_there;
    w->stored = c.hash;
    w->rev = c.rev;
    w->is_barred = c.is_locked || is_disabled;
    s->j->needs_hash = true;
out:
    bytes_wipe(&c, sizeof c);
    return r;
}

static bool is_same_cost(struct password_cost a, struct password_cost b) {
    return a.memory_kib == b.memory_kib && a.passes == b.passes;
}

void prove_password_hash(struct keeper *k, struct job *j) {
    struct hash_work *w = &j->work;
    struct password p;
    bool is_right = false;
    j->needs_finish = true;
    if (w->is_abandoned) return;
    enum err read = password_read(secret_of(j), &p);
    bool is_sound = read == OK && !j->q.is_too_long && p.n > 0;
    enum err r = password_hash_check(k->keys, j->q.account, &p, w->has_stored ? &w->stored : &k->dummy, &is_right);
    if (r == ERR_CRYPTO && w->has_stored) log_err(r, "a password was stored under another pepper");
    if (r == ERR_NOMEM) w->is_abandoned = true;
    w->is_right = r == OK && is_right && is_sound && w->has_stored && !w->is_barred;
    if (w->is_right && !is_same_cost(w->stored.cost, keeper_cost(k)))
        w->has_made = password_hash_make(k->keys, j->q.account, &p, keeper_cost(k), &w->made) == OK;
    password_release(&p);
}

/* Nobody waits any more, or there was no memory: no guess was made. */
static enum err give_all_back(struct store_tx *tx, struct step *s, struct record *rec) {
    rec->tried--;
    enum err r = record_write(tx, s, rec);
    if (r == OK) r = budget_give_back(tx, &s->j->work.budget_try);
    if (r == OK) r = failure_take_back(tx, &s->j->work.budget_try);
    job_say(s->j, KEEPER_BUSY);
    return r;
}

enum err prove_password_finish(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct hash_work *w = &s->j->work;
    struct record rec;
    struct credential c = { 0 };
    enum keeper_say say = 0;
    enum err r = record_find(tx, s, &rec, &say);
    if (r != OK) return r;
    if (say || !record_is_alive(&rec, s->now_ms)) { /* it ended meanwhile */
        job_say(s->j, KEEPER_REFUSED);
        return settle_budget(tx, s, w->is_right);
    }
    if (w->is_abandoned) return give_all_back(tx, s, &rec);
    if ((r = credential_load(tx, s, CREDENTIAL_PASSWORD, &c)) != OK) goto out;
    bool is_right = w->is_right && c.is_there && !c.is_locked && c.rev == w->rev;
    if (is_right && w->has_made && (r = credential_rehash(tx, s, w->rev, &w->made)) != OK) goto out;
    if ((r = settle_budget(tx, s, is_right)) != OK) goto out;
    if (is_right) rec.password_rev = c.rev;
    r = is_right ? settle_right(tx, s, &rec, PROOF_PASSWORD) : settle_wrong(tx, s, &rec);
out:
    bytes_wipe(&c, sizeof c);
    return r;
}

static enum err settle_unbudgeted(struct store_tx *tx, struct step *s, struct record *rec, enum proof proof,
                                  bool is_right) {
    rec->tried++;
    return is_right ? settle_right(tx, s, rec, proof) : settle_wrong(tx, s, rec);
}

enum err prove_code(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    struct code c = { 0 };
    bool may_try, is_barred, is_taken = false, is_disabled = false;
    enum err r = begin_try(tx, s, PROOF_CODE, &rec, &may_try);
    if (r != OK || !may_try) return r;
    if ((r = record_is_barred(tx, s, &rec, &is_barred)) != OK) return r;
    if ((r = code_load(tx, s, CODE_THERE, &c)) != OK) goto out;
    bool is_right = c.is_alive && code_is(&c, secret_of(s->j)) && !is_barred;
    if (!c.is_alive || c.is_used) { /* nothing to guess: no budget. The right one again is a repeat */
        r = settle_unbudgeted(tx, s, &rec, PROOF_CODE, is_right && c.is_used);
        goto out;
    }
    budget_try_init(&s->j->work.budget_try, s->j->q.account, BUDGET_CODE_WRONG, s->now_ms);
    if ((r = reserve(tx, s, &is_taken, &is_disabled)) != OK || !is_taken) goto out;
    is_right = is_right && !is_disabled;
    if ((r = settle_budget(tx, s, is_right)) != OK) goto out;
    if (is_right && (r = code_use(tx, s, CODE_THERE)) != OK) goto out;
    r = settle_unbudgeted(tx, s, &rec, PROOF_CODE, is_right);
out:
    bytes_wipe(&c, sizeof c);
    return r;
}

enum err prove_email_code(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    struct code c = { 0 };
    bool may_try;
    enum err r = begin_try(tx, s, PROOF_EMAIL_CODE, &rec, &may_try);
    if (r != OK || !may_try) return r;
    if ((r = code_load(tx, s, CODE_EMAIL, &c)) != OK) goto out;
    bool is_right = c.is_alive && code_is(&c, secret_of(s->j));
    if (is_right && (r = code_use(tx, s, CODE_EMAIL)) != OK) goto out;
    r = settle_unbudgeted(tx, s, &rec, PROOF_EMAIL_CODE, is_right);
out:
    bytes_wipe(&c, sizeof c);
    return r;
}

static bool is_recovery_key(const struct step *s, const struct credential *c) {
    uint8_t in[ID_BYTES + RECOVERY_KEY_BYTES], mac[HASH_BYTES];
    memcpy(in, s->j->q.account.b, ID_BYTES);
    memset(in + ID_BYTES, 0, RECOVERY_KEY_BYTES);
    bool is_sound = recovery_key_parse(secret_of(s->j), in + ID_BYTES) == OK;
    crypto_mac(s->k->keys->recovery_store, "tocsin recovery key 1", str_bytes(in, sizeof in), mac);
    bool is_same = bytes_eq_secret(mac, c->hash.hash, sizeof mac);
    bytes_wipe(in, sizeof in);
    bytes_wipe(mac, sizeof mac);
    return is_sound && is_same && c->is_there;
}

enum err prove_recovery_key(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    struct credential c = { 0 };
    bool may_try, is_barred, is_taken = false, is_disabled = false;
    enum err r = begin_try(tx, s, PROOF_RECOVERY_KEY, &rec, &may_try);
    if (r != OK || !may_try) return r;
    if ((r = record_is_barred(tx, s, &rec, &is_barred)) != OK) return r;
    if ((r = credential_load(tx, s, CREDENTIAL_RECOVERY_KEY, &c)) != OK) goto out;
    budget_try_init(&s->j->work.budget_try, s->j->q.account, BUDGET_RECOVERY_KEY, s->now_ms);
    if ((r = known_device_bucket(tx, s, rec.device, &s->j->work.budget_try.bucket)) != OK) goto out;
    if ((r = reserve(tx, s, &is_taken, &is_disabled)) != OK) goto out;
    if (!is_taken) goto out;
    bool is_right = is_recovery_key(s, &c) && !is_barred && !is_disabled;
    if ((r = settle_budget(tx, s, is_right)) != OK) goto out;
    if (is_right) rec.recovery_rev = c.rev;
    r = settle_unbudgeted(tx, s, &rec, PROOF_RECOVERY_KEY, is_right);
out:
    bytes_wipe(&c, sizeof c);
    return r;
}

static enum err settle_approval(struct store_tx *tx, struct step *s, struct record *rec, bool is_right) {
    enum err r = OK;
    bool has_ended = false;
    if (is_right) {
        rec->proved |= PROOF_CODE;
        r = code_use(tx, s, CODE_HERE);
    } else if (++rec->approve_wrong >= WRONG_APPROVALS_MOST) {
        has_ended = true;
        r = record_end(tx, s, rec);
    }
    if (r == OK) r = record_write(tx, s, rec);
    if (r == OK) r = reply_proved(tx, s, rec);
    job_say(s->j, is_right ? KEEPER_RIGHT : has_ended ? KEEPER_REFUSED : KEEPER_WRONG);
    return r;
}

/* Typed on another device of the account's own, by somebody who sees both screens. */
enum err prove_approve(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    struct code c = { 0 };
    enum keeper_say say = 0;
    bool is_known = false, is_barred = false;
    enum err r = record_find(tx, s, &rec, &say);
    if (r != OK) return r;
    if (say == 0 && !record_is_alive(&rec, s->now_ms)) say = KEEPER_REFUSED;
    if (say) {
        job_say(s->j, say);
        return OK;
    }
    if ((r = known_device_find(tx, s, s->j->q.by, &is_known)) != OK) return r;
    if (!is_known || id_eq(s->j->q.by.b, rec.device.b)) {
        job_say(s->j, KEEPER_NOT_PROVED);
        return OK;
    }
    if ((r = record_is_barred(tx, s, &rec, &is_barred)) != OK) return r;
    if ((r = code_load(tx, s, CODE_HERE, &c)) != OK) goto out;
    if (!c.is_alive)
        job_say(s->j, KEEPER_NONE);
    else
        r = settle_approval(tx, s, &rec, code_is(&c, secret_of(s->j)) && !is_barred);
out:
    bytes_wipe(&c, sizeof c);
    return r;
}
