/*
 * The one place where credentials change. An attempt is applied once: in one transaction its record goes from open to
 * applied and the effect is written. A commit that was asked twice answers the same. Each commit, and each question for
 * its fate, fences off the ones before it: so "not applied", once it was said, stays true of all that were under way.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "keeper/code.h"
#include "keeper/passkey.h"
#include "keeper/receipt.h"
#include "keeper/recovery.h"

#define FORGET_WITHIN_MS MS_PER_DAY

/* The keeper's own verdict. `by` gets known by two proofs, or stays known; one password admits no other device. */
static enum err is_proved(struct store_tx *tx, const struct step *s, const struct record *rec, unsigned *ret_counting,
                          bool *ret_is_proved) {
    struct credential c = { 0 };
    bool is_known = false;
    unsigned counting = 0;
    enum err r = proofs_counting(tx, s, rec, &counting);
    if (r == OK) r = credential_load(tx, s, CREDENTIAL_PASSWORD, &c);
    if (r == OK) r = known_device_find(tx, s, rec->device, &is_known);
    if (r == OK) {
        bool is_known_enough = rec->action == ACTION_SIGN_IN && is_known && !c.is_locked &&
                               (id_is_zero(s->j->q.by.b) || id_eq(s->j->q.by.b, rec->device.b)) &&
                               need_is_met(action_rules[rec->action].need_known, counting);
        *ret_is_proved = need_is_met(config_need(s->k->config, rec->action), counting) || is_known_enough;
        *ret_counting = counting;
    }
    bytes_wipe(&c, sizeof c);
    return r;
}

/* Made from the attempt and a salt that settling forgets: until then it can be said again, after it never. */
static void recovery_key_of(const struct step *s, const struct record *rec, uint8_t out[RECOVERY_KEY_BYTES]) {
    struct {
        struct account_id account;
        struct attempt_id attempt;
        uint8_t salt[RECOVERY_SALT_BYTES];
    } in = { .account = s->j->q.account, .attempt = s->j->q.attempt };
    uint8_t mac[HASH_BYTES];
    memcpy(in.salt, rec->salt, sizeof in.salt);
    crypto_mac(s->k->keys->recovery_make, "tocsin new recovery key 1", str_bytes(&in, sizeof in), mac);
    memcpy(out, mac, RECOVERY_KEY_BYTES);
    bytes_wipe(mac, sizeof mac);
    bytes_wipe(&in, sizeof in);
}

static enum err put_recovery_key(struct store_tx *tx, const struct step *s, struct record *rec, bool is_first) {
    uint8_t in[ID_BYTES + RECOVERY_KEY_BYTES];
    struct password_hash h = { 0 };
    enum err r = record_drop_salts(tx, s); /* a key that is replaced is told to nobody any more */
    if (r != OK) return r;
    rec->has_salt = true;
    crypto_random(rec->salt, sizeof rec->salt);
    memcpy(in, s->j->q.account.b, ID_BYTES);
    recovery_key_of(s, rec, in + ID_BYTES);
    memcpy(h.pepper_id, s->k->keys->pepper_id, sizeof h.pepper_id);
    crypto_mac(s->k->keys->recovery_store, "tocsin recovery key 1", str_bytes(in, sizeof in), h.hash);
    if (!is_first) r = past_keep(tx, s, CREDENTIAL_RECOVERY_KEY, rec->action);
    if (r == OK && is_first) r = credential_first(tx, s, CREDENTIAL_RECOVERY_KEY, &h);
    if (r == OK && !is_first) r = credential_put(tx, s, CREDENTIAL_RECOVERY_KEY, &h);
    bytes_wipe(in, sizeof in);
    bytes_wipe(&h, sizeof h);
    return r;
}

static enum err reply_applied(struct store_tx *tx, const struct step *s, const struct record *rec) {
    struct keeper_message_reply *m = &s->j->r;
    (void)tx; /* the record has it all */
    job_say(s->j, KEEPER_RIGHT);
    m->proved = (uint8_t)rec->proved;
    if (action_rules[rec->action].effect == EFFECT_RECEIPT) return receipt_make(s, rec);
    if (rec->state != RECORD_APPLIED || !rec->has_salt) return OK;
    uint8_t key[RECOVERY_KEY_BYTES];
    recovery_key_of(s, rec, key);
    recovery_key_text(key, m->recovery_key);
    bytes_wipe(key, sizeof key);
    return OK;
}

static enum err apply_enroll(struct store_tx *tx, const struct step *s, struct record *rec) {
    enum err r = credential_first(tx, s, CREDENTIAL_PASSWORD, &s->j->work.made);
    if (r == OK) r = put_recovery_key(tx, s, rec, true);
    return r == OK ? known_device_add(tx, s, s->j->q.by) : r;
}

static enum err apply_admit(struct store_tx *tx, const struct step *s, unsigned counting) {
    const unsigned rebinds_codes = PROOF_PASSWORD | PROOF_RECOVERY_KEY;
    enum err r = known_device_add(tx, s, s->j->q.by);
    if (r == OK && (counting & rebinds_codes) == rebinds_codes)
        r = failure_clear(tx, s->j->q.account, BUDGET_CODE_WRONG);
    return r;
}

static enum err apply_password(struct store_tx *tx, const struct step *s, const struct record *rec) {
    enum err r = past_keep(tx, s, CREDENTIAL_PASSWORD, rec->action);
    return r == OK ? credential_put(tx, s, CREDENTIAL_PASSWORD, &s->j->work.made) : r;
}

static enum err apply_forget(struct store_tx *tx, const struct step *s, const struct record *rec) {
    struct device_id device;
    memcpy(device.b, rec->subject.b, sizeof device.b);
    return known_device_drop(tx, s, device);
}

static enum err apply_effect(struct store_tx *tx, const struct step *s, struct record *rec, unsigned counting) {
    enum err r = OK;
    bool makes_key = (counting & PROOF_RECOVERY_KEY) != 0; /* the old one is spent */
    switch (action_rules[rec->action].effect) {
    case EFFECT_ENROLL: return apply_enroll(tx, s, rec);
    case EFFECT_ADMIT: r = apply_admit(tx, s, counting); break;
    case EFFECT_SET_PASSWORD: r = apply_password(tx, s, rec); break;
    case EFFECT_NEW_RECOVERY_KEY: makes_key = true; break;
    case EFFECT_FORGET_DEVICE: r = apply_forget(tx, s, rec); break;
    case EFFECT_LEAVE: r = past_leave(tx, s); break;
    case EFFECT_REMOVE_PASSKEY: r = passkey_remove(tx, s, rec); break;
    case EFFECT_ADD_PASSKEY: /* kept already: see apply */
    case EFFECT_RECEIPT:
    case EFFECT_PERMIT: break;
    }
    return r == OK && makes_key ? put_recovery_key(tx, s, rec, false) : r;
}

static enum err apply(struct store_tx *tx, const struct step *s, struct record *rec, unsigned counting) {
    rec->proved = counting;
    enum err r = apply_effect(tx, s, rec, counting);
    if (r == OK) r = codes_drop(tx, s);
    /* An admission leaves nothing that could be shown again, so that nobody need say that it is recorded. */
    rec->state = action_rules[rec->action].effect == EFFECT_ADMIT && !rec->has_salt ? RECORD_SETTLED : RECORD_APPLIED;
    rec->touched_ms = s->now_ms;
    if (r == OK) r = record_write(tx, s, rec);
    return r == OK ? reply_applied(tx, s, rec) : r;
}

/* Someone has enrolled: a first password is never set over another. */
static enum err is_enrolled(struct store_tx *tx, const struct step *s, bool *ret_is_enrolled) {
    struct credential password = { 0 }, key = { 0 };
    enum err r = credential_load(tx, s, CREDENTIAL_PASSWORD, &password);
    if (r == OK) r = credential_load(tx, s, CREDENTIAL_RECOVERY_KEY, &key);
    if (r == OK) *ret_is_enrolled = password.is_there || key.is_there;
    bytes_wipe(&password, sizeof password);
    bytes_wipe(&key, sizeof key);
    return r;
}

/* May it be applied now? Otherwise the reply is made. */
static enum err may_apply(struct store_tx *tx, struct step *s, const struct record *rec, unsigned *ret_counting,
                          bool *ret_may) {
    bool has_proofs = false, has_enrolled = false;
    bool is_first = action_rules[rec->action].effect == EFFECT_ENROLL;
    *ret_may = false;
    enum err r = is_proved(tx, s, rec, ret_counting, &has_proofs);
    if (r == OK) r = is_enrolled(tx, s, &has_enrolled);
    if (r != OK) return r;
    s->j->r.proved = (uint8_t)*ret_counting;
    if (!has_proofs)
        job_say(s->j, KEEPER_NOT_PROVED);
    else if (is_first == has_enrolled)
        job_say(s->j, KEEPER_REFUSED);
    else
        *ret_may = true;
    return OK;
}

/* What came with the commit: otherwise the reply says what is wrong with it, and the attempt goes on. */
static enum err is_sound(struct store_tx *tx, struct step *s, struct record *rec, bool *ret_is_sound) {
    enum effect effect = action_rules[rec->action].effect;
    *ret_is_sound = true;
    if (effect == EFFECT_ADD_PASSKEY) return passkey_add(tx, s, rec, ret_is_sound);
    if (effect != EFFECT_RECEIPT) return OK;
    enum err r = receipt_make(s, rec);
    *ret_is_sound = s->j->r.receipt[0] != 0;
    return r;
}

static bool sets_password(enum action action) {
    return action_rules[action].effect == EFFECT_ENROLL || action_rules[action].effect == EFFECT_SET_PASSWORD;
}

enum err commit_begin(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    unsigned counting = 0;
    bool may = false;
    enum keeper_say say = 0;
    enum err r = record_find(tx, s, &rec, &say);
    if (r != OK) return r;
    if (say) {
        job_say(s->j, say == KEEPER_NONE ? KEEPER_NOT_PROVED : say);
        return OK;
    }
    if (rec.state == RECORD_APPLIED || rec.state == RECORD_SETTLED) return reply_applied(tx, s, &rec);
    rec.fence++;
    if ((r = record_write(tx, s, &rec)) != OK) return r;
    if (!record_is_alive(&rec, s->now_ms)) {
        job_say(s->j, KEEPER_REFUSED);
        return OK;
    }
    if ((r = may_apply(tx, s, &rec, &counting, &may)) != OK || !may) return r;
    if ((r = is_sound(tx, s, &rec, &may)) != OK || !may) return r;
    if (!sets_password(rec.action)) return apply(tx, s, &rec, counting);
    s->j->work.fence = rec.fence;
    s->j->needs_hash = true;
    return OK;
}

void commit_hash(struct keeper *k, struct job *j) {
    struct str typed = str_bytes(j->q.secret, j->q.secret_n);
    struct password_judgement judgement;
    struct password p;
    if (j->work.is_abandoned) {
        job_say(j, KEEPER_BUSY);
        return;
    }
    if (j->q.is_too_long) {
        job_say(j, KEEPER_WEAK);
        snprintf(j->r.reason, sizeof j->r.reason, "A password can have at most %d characters.", PASSWORD_POINTS_MOST);
        return;
    }
    password_judge(typed, &(struct password_rules){ .points_least = k->config->policy_password_length }, &judgement);
    if (judgement.verdict != PASSWORD_ACCEPTED) {
        job_say(j, KEEPER_WEAK);
        snprintf(j->r.reason, sizeof j->r.reason, "%s", judgement.reason);
        return;
    }
    enum err r = password_read(typed, &p);
    if (r == OK) r = password_hash_make(k->keys, j->q.account, &p, keeper_cost(k), &j->work.made);
    password_release(&p);
    j->needs_finish = r == OK;
    if (r != OK) job_say(j, KEEPER_BUSY);
}

enum err commit_finish(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    unsigned counting = 0;
    bool may = false;
    enum keeper_say say = 0;
    enum err r = record_find(tx, s, &rec, &say);
    if (r != OK) return r;
    if (say == 0 && (rec.state == RECORD_APPLIED || rec.state == RECORD_SETTLED)) return reply_applied(tx, s, &rec);
    if (say || rec.state != RECORD_OPEN || rec.fence != s->j->work.fence) {
        /* Fenced off: what becomes of the attempt is for the later one to say. */
        job_say(s->j, say || rec.state != RECORD_OPEN ? KEEPER_REFUSED : KEEPER_DOWN);
        return OK;
    }
    if ((r = may_apply(tx, s, &rec, &counting, &may)) != OK || !may) return r;
    return apply(tx, s, &rec, counting);
}

static enum err find_for(struct store_tx *tx, struct step *s, struct record *rec, bool *ret_is_there) {
    enum keeper_say say = 0;
    enum err r = record_find(tx, s, rec, &say);
    if (r != OK) return r;
    *ret_is_there = say == 0;
    if (say) job_say(s->j, say);
    return OK;
}

enum err commit_settle(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    bool is_there = false;
    enum err r = find_for(tx, s, &rec, &is_there);
    if (r != OK || !is_there) return r;
    bool was_applied = rec.state == RECORD_APPLIED || rec.state == RECORD_SETTLED;
    job_say(s->j, was_applied ? KEEPER_RIGHT : KEEPER_NONE);
    if (rec.state != RECORD_APPLIED) return OK;
    rec.state = RECORD_SETTLED;
    rec.has_salt = false;
    bytes_wipe(rec.salt, sizeof rec.salt);
    return record_write(tx, s, &rec);
}

enum err commit_fate(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    bool is_there = false;
    enum err r = find_for(tx, s, &rec, &is_there);
    if (r != OK || !is_there) return r;
    bool was_applied = rec.state == RECORD_APPLIED || rec.state == RECORD_SETTLED;
    job_say(s->j, was_applied ? KEEPER_RIGHT : KEEPER_NONE);
    s->j->r.proved = (uint8_t)rec.proved;
    if (was_applied) return OK;
    rec.fence++;
    return record_write(tx, s, &rec);
}

/*
 * The front never made an account of it, and never will: the address is free again. Only while nobody was told that it
 * is settled, and not long after, so that no word of the front takes the credentials from an account that is in use.
 */
static enum err may_forget(struct store_tx *tx, const struct step *s, const struct record *rec, bool *ret_may) {
    bool is_first = action_rules[rec->action].effect == EFFECT_ENROLL;
    struct credential password = { 0 }, key = { 0 };
    enum err r = credential_load(tx, s, CREDENTIAL_PASSWORD, &password);
    if (r == OK) r = credential_load(tx, s, CREDENTIAL_RECOVERY_KEY, &key);
    *ret_may = is_first && rec->state == RECORD_APPLIED && s->now_ms - rec->expires_ms < FORGET_WITHIN_MS &&
               password.rev == 1 && key.rev == 1;
    bytes_wipe(&password, sizeof password);
    bytes_wipe(&key, sizeof key);
    return r;
}

enum err commit_end(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    bool is_there = false, may = false;
    enum err r = find_for(tx, s, &rec, &is_there);
    if (r != OK || !is_there) return r;
    if ((r = may_forget(tx, s, &rec, &may)) != OK) return r;
    bool was_applied = rec.state == RECORD_APPLIED || rec.state == RECORD_SETTLED;
    job_say(s->j, was_applied && !may ? KEEPER_REFUSED : KEEPER_RIGHT);
    if (was_applied && !may) return OK;
    if (may && (r = credentials_forget(tx, s)) != OK) return r;
    rec.has_salt = false;
    bytes_wipe(rec.salt, sizeof rec.salt);
    if ((r = record_end(tx, s, &rec)) != OK) return r;
    return record_write(tx, s, &rec);
}
