/* Attempts: bound by their first message, and matched by every later one. */
#include "keeper/record.h"

#include "base/clock.h"
#include "base/secret.h"
#include "keeper/code.h"
#include "keeper/passkey.h"

extern const struct store_stmt RECORD_LOAD, RECORD_INSERT, RECORD_WRITE, RECORD_DROP_SALTS;

const struct store_stmt RECORD_LOAD = {
    .name = "keeper_record_load",
    .in = "bb",
    .out = "ibiiiiiiiiiiBbBb",
    .sql = "SELECT action, device_id, state, proved, tried, wrong, approve_wrong, fence, expires_ms, touched_ms,"
           " password_rev, recovery_rev, recovery_salt, subject, nonce, passkey_id FROM attempt WHERE account_id = ?1 "
           "AND attempt_id = ?2 "
           "FOR UPDATE",
};
const struct store_stmt RECORD_INSERT = {
    .name = "keeper_record_insert",
    .in = "bbibiibb",
    .out = "",
    .sql = "INSERT INTO attempt (account_id, attempt_id, action, device_id, state, proved, tried, wrong,"
           " approve_wrong, fence, expires_ms, touched_ms, password_rev, recovery_rev, subject, passkey_id)"
           " VALUES (?1, ?2, ?3, ?4, 1, 0, 0, 0, 0, 0, ?5, ?6, 0, 0, ?7, ?8)"
           " ON CONFLICT (account_id, attempt_id) DO NOTHING",
};
const struct store_stmt RECORD_WRITE = {
    .name = "keeper_record_write",
    .in = "bbiiiiiiiiiBBb",
    .out = "",
    .sql = "UPDATE attempt SET state = ?3, proved = ?4, tried = ?5, wrong = ?6, approve_wrong = ?7, fence = ?8,"
           " touched_ms = ?9, password_rev = ?10, recovery_rev = ?11, recovery_salt = ?12, nonce = ?13,"
           " passkey_id = ?14"
           " WHERE account_id = ?1 AND attempt_id = ?2",
};

const struct store_stmt RECORD_DROP_SALTS = {
    .name = "keeper_record_drop_salts",
    .in = "b",
    .out = "",
    .sql = "UPDATE attempt SET recovery_salt = NULL WHERE account_id = ?1 AND recovery_salt IS NOT NULL",
};

enum err record_drop_salts(struct store_tx *tx, const struct step *s) {
    return store_exec(tx, &RECORD_DROP_SALTS, S_IN(S_B(s->j->q.account.b)), NULL);
}

static enum err load(struct store_tx *tx, const struct step *s, struct record *ret) {
    struct store_val c[16];
    const struct keeper_message_ask *q = &s->j->q;
    enum err r = store_one(tx, &RECORD_LOAD, S_IN(S_B(q->account.b), S_B(q->attempt.b)), s->arena, c);
    if (r != OK) return r;
    if (c[0].i < 0 || c[0].i >= ACTION_COUNT || c[1].s.n != ID_BYTES || c[13].s.n != sizeof ret->subject ||
        c[15].s.n != ID_BYTES)
        return ERR_CORRUPT;
    if (c[2].i < RECORD_OPEN || c[2].i > RECORD_ENDED) return ERR_CORRUPT;
    *ret = (struct record){ .action = (enum action)c[0].i,
                            .state = (enum record_state)c[2].i,
                            .proved = (unsigned)c[3].i,
                            .tried = c[4].i,
                            .wrong = c[5].i,
                            .approve_wrong = c[6].i,
                            .fence = c[7].i,
                            .expires_ms = c[8].i,
                            .touched_ms = c[9].i,
                            .password_rev = c[10].i,
                            .recovery_rev = c[11].i,
                            .has_salt = !c[12].is_null };
    memcpy(ret->device.b, c[1].s.p, ID_BYTES);
    ret->has_nonce = !c[14].is_null;
    if (ret->has_nonce && c[14].s.n != sizeof ret->nonce) return ERR_CORRUPT;
    if (ret->has_nonce) memcpy(ret->nonce, c[14].s.p, sizeof ret->nonce);
    memcpy(ret->passkey.b, c[15].s.p, ID_BYTES);
    memcpy(ret->subject.b, c[13].s.p, sizeof ret->subject);
    if (ret->has_salt && c[12].s.n != sizeof ret->salt) return ERR_CORRUPT;
    if (ret->has_salt) memcpy(ret->salt, c[12].s.p, sizeof ret->salt);
    return OK;
}

static bool is_match(const struct record *rec, const struct keeper_message_ask *q) {
    return rec->action == (enum action)q->action && id_eq(rec->device.b, q->device.b) &&
           memcmp(rec->subject.b, q->subject.b, sizeof rec->subject) == 0;
}

bool record_is_alive(const struct record *rec, int64_t now_ms) {
    return rec->state == RECORD_OPEN && rec->expires_ms > now_ms;
}

enum err record_find(struct store_tx *tx, struct step *s, struct record *ret, enum keeper_say *ret_say) {
    enum err r = load(tx, s, ret);
    if (r != OK && r != ERR_NOT_FOUND) return r;
    if (r == ERR_NOT_FOUND) {
        *ret_say = KEEPER_NONE;
        return OK;
    }
    *ret_say = is_match(ret, &s->j->q) ? 0 : KEEPER_REFUSED;
    return OK;
}

/* The front's word can only make it shorter. What the policy holds waits with its proofs. */
static int64_t life_end(const struct step *s) {
    int64_t life_ms = action_rules[s->j->q.action].life_ms + config_held_ms(s->k->config, (enum action)s->j->q.action);
    int64_t most_ms = s->now_ms + life_ms, asked_ms = s->j->q.attempt_expires_ms;
    return asked_ms > 0 && asked_ms < most_ms ? asked_ms : most_ms;
}

enum err record_bind(struct store_tx *tx, struct step *s, struct record *ret, enum keeper_say *ret_say) {
    const struct keeper_message_ask *q = &s->j->q;
    enum err r = record_find(tx, s, ret, ret_say);
    if (r == OK && *ret_say == KEEPER_NONE) {
        static const struct passkey_id nobody;
        int64_t changed;
        r = store_exec(tx, &RECORD_INSERT,
                       S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(q->action), S_B(q->device.b), S_I(life_end(s)),
                            S_I(s->now_ms), S_B(q->subject.b), S_B(nobody.b)),
                       &changed);
        if (r == OK) r = record_find(tx, s, ret, ret_say);
    }
    if (r != OK) return r;
    if (*ret_say == 0 && !record_is_alive(ret, s->now_ms)) *ret_say = KEEPER_REFUSED;
    if (*ret_say) *ret_say = KEEPER_REFUSED;
    return OK;
}

enum err record_write(struct store_tx *tx, const struct step *s, const struct record *rec) {
    const struct keeper_message_ask *q = &s->j->q;
    int64_t changed = 0;
    enum err r = store_exec(
        tx, &RECORD_WRITE,
        S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(rec->state), S_I(rec->proved), S_I(rec->tried), S_I(rec->wrong),
             S_I(rec->approve_wrong), S_I(rec->fence), S_I(s->now_ms), S_I(rec->password_rev), S_I(rec->recovery_rev),
             rec->has_salt ? S_B(rec->salt) : S_NULL, rec->has_nonce ? S_B(rec->nonce) : S_NULL, S_B(rec->passkey.b)),
        &changed);
    return r == OK && changed != 1 ? ERR_CONFLICT : r;
}

enum err record_end(struct store_tx *tx, const struct step *s, struct record *rec) {
    rec->state = RECORD_ENDED;
    return codes_drop(tx, s);
}

bool action_wants(enum action action, enum proof proof) {
    const struct action_rule *rule = &action_rules[action];
    unsigned wanted =
        rule->need.of | rule->need.sufficient | rule->need_known.of | rule->need_known.sufficient | rule->need.also;
    return (wanted & proof) != 0;
}

enum err proofs_counting(struct store_tx *tx, const struct step *s, const struct record *rec, unsigned *ret_proved) {
    unsigned counting = rec->proved;
    struct credential c;
    enum err r = OK;
    if (counting & PROOF_PASSWORD) {
        r = credential_load(tx, s, CREDENTIAL_PASSWORD, &c);
        if (r == OK && (!c.is_there || c.is_locked || c.rev != rec->password_rev))
            counting &= ~(unsigned)PROOF_PASSWORD;
    }
    if (r == OK && (counting & PROOF_RECOVERY_KEY)) {
        r = credential_load(tx, s, CREDENTIAL_RECOVERY_KEY, &c);
        if (r == OK && (!c.is_there || c.rev != rec->recovery_rev)) counting &= ~(unsigned)PROOF_RECOVERY_KEY;
    }
    if (r == OK && (counting & PROOF_PASSKEY)) {
        bool is_there = false;
        r = passkey_is_there(tx, s, &rec->passkey, &is_there);
        if (!is_there) counting &= ~(unsigned)PROOF_PASSKEY;
    }
    bytes_wipe(&c, sizeof c);
    if (r == OK) *ret_proved = counting;
    return r;
}

enum err record_is_barred(struct store_tx *tx, const struct step *s, const struct record *rec, bool *ret_is_barred) {
    struct credential c;
    bool is_known = false;
    enum err r = credential_load(tx, s, CREDENTIAL_PASSWORD, &c);
    if (r == OK) r = known_device_find(tx, s, rec->device, &is_known);
    if (r == OK) *ret_is_barred = rec->action == ACTION_SIGN_IN && c.is_there && c.is_locked && !is_known;
    bytes_wipe(&c, sizeof c);
    return r;
}
