/* The passkeys' rows and the attempts' challenges; keeper/webauthn.h has the ceremony itself. */
#include "keeper/passkey.h"

#include "base/clock.h"
#include "base/secret.h"
#include "keeper/webauthn.h"

extern const struct store_stmt PASSKEY_ADD, PASSKEY_COUNT, PASSKEY_BY_CREDENTIAL, PASSKEY_LIVES, PASSKEY_USED,
    PASSKEY_REMOVE, PASSKEY_UNDO_ADD, PASSKEY_UNDO_REMOVE, RECORD_MOVE;

const struct store_stmt PASSKEY_ADD = {
    .name = "keeper_passkey_add",
    .in = "bbbbibiiiib",
    .out = "",
    .sql = "INSERT INTO passkey (account_id, passkey_id, credential_hash, credential_id, alg, public_key, sign_count,"
           " is_backup_eligible, is_backed_up, made_ms, added_by, removed_ms, removed_by)"
           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?11) ON CONFLICT DO NOTHING",
};
const struct store_stmt PASSKEY_COUNT = {
    .name = "keeper_passkey_count",
    .in = "b",
    .out = "i",
    .sql = "SELECT count(*) FROM passkey WHERE account_id = ?1 AND removed_ms = 0",
};
const struct store_stmt PASSKEY_BY_CREDENTIAL = {
    .name = "keeper_passkey_by_credential",
    .in = "bb",
    .out = "bibiii",
    .sql = "SELECT passkey_id, alg, public_key, sign_count, is_backup_eligible, is_backed_up FROM passkey"
           " WHERE account_id = ?1 AND credential_hash = ?2 AND removed_ms = 0 FOR UPDATE",
};
const struct store_stmt PASSKEY_LIVES = {
    .name = "keeper_passkey_lives",
    .in = "bb",
    .out = "i",
    .sql = "SELECT made_ms FROM passkey WHERE account_id = ?1 AND passkey_id = ?2 AND removed_ms = 0",
};
const struct store_stmt PASSKEY_USED = {
    .name = "keeper_passkey_used",
    .in = "bbii",
    .out = "",
    .sql = "UPDATE passkey SET sign_count = ?3, is_backed_up = ?4 WHERE account_id = ?1 AND passkey_id = ?2",
};
const struct store_stmt PASSKEY_REMOVE = {
    .name = "keeper_passkey_remove",
    .in = "bbib",
    .out = "",
    .sql = "UPDATE passkey SET removed_ms = ?3, removed_by = ?4"
           " WHERE account_id = ?1 AND passkey_id = ?2 AND removed_ms = 0",
};
const struct store_stmt PASSKEY_UNDO_ADD = {
    .name = "keeper_passkey_undo_add",
    .in = "bbi",
    .out = "",
    .sql = "DELETE FROM passkey WHERE account_id = ?1 AND added_by = ?2 AND made_ms > ?3",
};
const struct store_stmt PASSKEY_UNDO_REMOVE = {
    .name = "keeper_passkey_undo_remove",
    .in = "bbi",
    .out = "",
    .sql = "UPDATE passkey SET removed_ms = 0 WHERE account_id = ?1 AND removed_by = ?2 AND removed_ms > ?3",
};
/* An attempt that was opened without an address goes on as the account's that the passkey belongs to. */
const struct store_stmt RECORD_MOVE = {
    .name = "keeper_record_move",
    .in = "bbibbiib",
    .out = "",
    .sql = "INSERT INTO attempt (account_id, attempt_id, action, device_id, subject, state, proved, tried, wrong,"
           " approve_wrong, fence, expires_ms, touched_ms, password_rev, recovery_rev, passkey_id)"
           " VALUES (?1, ?2, ?3, ?4, ?5, 1, 8, 0, 0, 0, 0, ?6, ?7, 0, 0, ?8)"
           " ON CONFLICT (account_id, attempt_id) DO NOTHING",
};

/* ---- challenges ---- */

static void challenge_of(const struct step *s, const struct record *rec, uint8_t out[CHALLENGE_BYTES]) {
    static const char label[] = "tocsin challenge 1";
    struct {
        char label[sizeof label];
        struct attempt_id attempt;
        struct subject subject;
        uint8_t nonce[PASSKEY_NONCE_BYTES];
    } in = { .attempt = s->j->q.attempt, .subject = rec->subject };
    memcpy(in.label, label, sizeof label);
    memcpy(in.nonce, rec->nonce, sizeof in.nonce);
    memcpy(out, rec->nonce, PASSKEY_NONCE_BYTES);
    crypto_sha256(str_bytes(&in, sizeof in), out + PASSKEY_NONCE_BYTES);
}

enum err ask_challenge(struct store_tx *tx, void *step) {
    struct step *s = step;
    struct record rec;
    enum keeper_say say = 0;
    enum err r = record_bind(tx, s, &rec, &say);
    if (r != OK) return r;
    if (say || (!action_wants(rec.action, PROOF_PASSKEY) && action_rules[rec.action].effect != EFFECT_ADD_PASSKEY)) {
        job_say(s->j, KEEPER_REFUSED);
        return OK;
    }
    rec.has_nonce = true;
    crypto_random(rec.nonce, sizeof rec.nonce);
    if ((r = record_write(tx, s, &rec)) != OK) return r;
    challenge_of(s, &rec, s->j->r.challenge);
    job_say(s->j, KEEPER_RIGHT);
    return OK;
}

/* ---- the ceremony, with what we expect of it ---- */

struct expecting {
    struct webauthn_expect e;
    struct str origin;
    uint8_t challenge[CHALLENGE_BYTES];
    struct account_id account;
};

static void expect_now(const struct step *s, const struct record *rec, struct expecting *x) {
    x->origin = str_from(s->k->config->server_origin);
    x->account = s->j->q.account;
    challenge_of(s, rec, x->challenge);
    x->e = (struct webauthn_expect){ .rp_id = config_origin_host(s->k->config),
                                     .origins = &x->origin,
                                     .origins_n = 1,
                                     .challenge = str_bytes(x->challenge, sizeof x->challenge),
                                     .user_handle = str_bytes(x->account.b, sizeof x->account.b),
                                     .is_user_identified = true };
}

static struct str sent(const struct step *s) { return str_bytes(s->j->q.secret, s->j->q.secret_n); }

static bool read_ceremony(const struct step *s, bool is_registration, struct ceremony *ret) {
    return !s->j->q.is_too_long && ceremony_unpack(sent(s), ret) == OK &&
           ceremony_is_registration(ret) == is_registration;
}

/* ---- proof ---- */

struct owned {
    struct passkey_id id;
    struct webauthn_credential c;
    bool is_there;
};

static enum err find_passkey(struct store_tx *tx, const struct step *s, struct str credential_id, struct owned *ret) {
    struct store_val c[6];
    uint8_t hash[HASH_BYTES];
    *ret = (struct owned){ .is_there = false };
    crypto_sha256(credential_id, hash);
    enum err r = store_one(tx, &PASSKEY_BY_CREDENTIAL, S_IN(S_B(s->j->q.account.b), S_B(hash)), s->arena, c);
    if (r == ERR_NOT_FOUND) return OK;
    if (r != OK) return r;
    if (c[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(ret->id.b, c[0].s.p, ID_BYTES);
    ret->c = (struct webauthn_credential){ .id = credential_id,
                                           .public_key = c[2].s,
                                           .alg = (enum cose_alg)c[1].i,
                                           .sign_count = (uint32_t)c[3].i,
                                           .is_backup_eligible = c[4].i != 0,
                                           .is_backed_up = c[5].i != 0 };
    ret->is_there = true;
    return OK;
}

/* Verified or not, the challenge is spent. */
static enum err judge(struct store_tx *tx, struct step *s, struct record *rec, const struct ceremony *c,
                      bool *ret_is_right) {
    struct expecting x;
    struct owned owned;
    struct webauthn_use use;
    enum err r = find_passkey(tx, s, c->credential_id, &owned);
    *ret_is_right = false;
    if (r != OK || !owned.is_there) return r;
    expect_now(s, rec, &x);
    struct webauthn_answer a = webauthn_assert(&x.e, &owned.c, c, &use);
    if (a.verdict == WEBAUTHN_UNKNOWN) return ERR_CRYPTO;
    if (a.verdict != WEBAUTHN_ALLOW) return OK;
    rec->passkey = owned.id;
    s->j->r.is_count_behind = use.is_count_behind;
    *ret_is_right = true;
    return store_exec(tx, &PASSKEY_USED,
                      S_IN(S_B(s->j->q.account.b), S_B(owned.id.b), S_I(use.sign_count), S_I(use.is_backed_up)), NULL);
}

static enum err settle(struct store_tx *tx, struct step *s, struct record *rec, bool is_right) {
    unsigned proved = 0;
    enum err r = OK;
    rec->tried += is_right ? 0 : 1;
    rec->has_nonce = false;
    if (is_right) rec->proved |= PROOF_PASSKEY;
    if (!is_right && ++rec->wrong >= WRONG_PROOFS_MOST) r = record_end(tx, s, rec);
    if (r == OK) r = record_write(tx, s, rec);
    if (r == OK) r = proofs_counting(tx, s, rec, &proved);
    s->j->r.proved = (uint8_t)proved;
    job_say(s->j, is_right ? KEEPER_RIGHT : KEEPER_WRONG);
    return r;
}

/* Opened without an address: the account is the one that the passkey names. */
static bool names_account(const struct record *rec, const struct ceremony *c, struct account_id *ret) {
    if (rec->action != ACTION_SIGN_IN || !subject_is_no_address(&rec->subject)) return false;
    if (c->user_handle.n != sizeof ret->b) return false;
    memcpy(ret->b, c->user_handle.p, sizeof ret->b);
    return !id_is_zero(ret->b);
}

static enum err move_record(struct store_tx *tx, struct step *s, const struct record *rec) {
    const struct keeper_message_ask *q = &s->j->q;
    int64_t changed = 0;
    enum err r = store_exec(tx, &RECORD_MOVE,
                            S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(rec->action), S_B(q->by.b),
                                 S_B(rec->subject.b), S_I(rec->expires_ms), S_I(s->now_ms), S_B(rec->passkey.b)),
                            &changed);
    return r == OK && changed != 1 ? ERR_CONFLICT : r;
}

/* The stranger's record ends, whatever comes of it; the account's own begins with what was proved. */
static enum err prove_named(struct store_tx *tx, struct step *s, struct record *rec, const struct ceremony *c) {
    struct account_id stranger = s->j->q.account;
    bool is_right = false, is_barred = false;
    struct record named = *rec;
    (void)names_account(rec, c, &s->j->q.account);
    named.device = s->j->q.by;
    enum err r = judge(tx, s, rec, c, &is_right);
    if (r == OK) r = record_is_barred(tx, s, &named, &is_barred);
    is_right = is_right && !is_barred;
    if (r == OK && is_right) r = move_record(tx, s, rec);
    s->j->r.account = s->j->q.account;
    s->j->q.account = stranger;
    if (r != OK || !is_right) return r == OK ? settle(tx, s, rec, false) : r;
    rec->has_nonce = false;
    if ((r = record_end(tx, s, rec)) != OK || (r = record_write(tx, s, rec)) != OK) return r;
    s->j->r.proved = PROOF_PASSKEY;
    job_say(s->j, KEEPER_RIGHT);
    return OK;
}

enum err prove_passkey(struct store_tx *tx, void *step) {
    struct step *s = step;
    struct record rec;
    struct ceremony c = { 0 };
    struct account_id named;
    enum keeper_say say = 0;
    bool is_right = false, is_barred = false;
    enum err r = record_bind(tx, s, &rec, &say);
    if (r != OK) return r;
    if (say || !action_wants(rec.action, PROOF_PASSKEY) || rec.tried >= WRONG_PROOFS_MOST) {
        job_say(s->j, KEEPER_REFUSED);
        return OK;
    }
    if (!rec.has_nonce || !read_ceremony(s, false, &c)) return settle(tx, s, &rec, false);
    if (names_account(&rec, &c, &named)) return prove_named(tx, s, &rec, &c);
    if ((r = record_is_barred(tx, s, &rec, &is_barred)) != OK) return r;
    if ((r = judge(tx, s, &rec, &c, &is_right)) != OK) return r;
    return settle(tx, s, &rec, is_right && !is_barred);
}

enum err passkey_is_there(struct store_tx *tx, const struct step *s, const struct passkey_id *id, bool *ret) {
    struct store_val c[1];
    enum err r = store_one(tx, &PASSKEY_LIVES, S_IN(S_B(s->j->q.account.b), S_B(id->b)), s->arena, c);
    *ret = r == OK;
    return r == ERR_NOT_FOUND ? OK : r;
}

/* ---- adding and removing ---- */

static void refuse(struct step *s, const char *why) {
    job_say(s->j, KEEPER_WEAK);
    snprintf(s->j->r.reason, sizeof s->j->r.reason, "%s", why);
}

static enum err insert(struct store_tx *tx, struct step *s, const struct webauthn_credential *c, bool *ret_is_taken) {
    const struct keeper_message_ask *q = &s->j->q;
    uint8_t hash[HASH_BYTES];
    int64_t changed = 0;
    crypto_sha256(c->id, hash);
    enum err r = store_exec(tx, &PASSKEY_ADD,
                            S_IN(S_B(q->account.b), S_B(q->by.b), S_B(hash), S_S(c->id), S_I(c->alg),
                                 S_S(c->public_key), S_I(c->sign_count), S_I(c->is_backup_eligible),
                                 S_I(c->is_backed_up), S_I(s->now_ms), S_B(q->attempt.b)),
                            &changed);
    *ret_is_taken = r == OK && changed == 1;
    if (r == OK && !*ret_is_taken) refuse(s, "This passkey is known already.");
    return r;
}

enum err passkey_add(struct store_tx *tx, struct step *s, struct record *rec, bool *ret_is_taken) {
    struct ceremony c;
    struct expecting x;
    struct webauthn_credential made;
    struct store_val count[1];
    char why[WEBAUTHN_TEXT_SIZE];
    *ret_is_taken = false;
    if (!rec->has_nonce || !read_ceremony(s, true, &c) || id_is_zero(s->j->q.by.b)) {
        refuse(s, "That is not a new passkey that was made for this.");
        return OK;
    }
    enum err r = store_one(tx, &PASSKEY_COUNT, S_IN(S_B(s->j->q.account.b)), s->arena, count);
    if (r != OK) return r;
    if (count[0].i >= PASSKEYS_MOST) {
        refuse(s, "There are twenty passkeys already. Remove one first.");
        return OK;
    }
    expect_now(s, rec, &x);
    struct webauthn_answer a = webauthn_register(&x.e, &c, &made);
    if (a.verdict == WEBAUTHN_ALLOW) return insert(tx, s, &made, ret_is_taken);
    if (a.verdict == WEBAUTHN_UNKNOWN) return ERR_CRYPTO;
    webauthn_explain(a, why);
    refuse(s, why);
    return OK;
}

enum err passkey_remove(struct store_tx *tx, const struct step *s, const struct record *rec) {
    struct passkey_id id;
    memcpy(id.b, rec->subject.b, sizeof id.b);
    return store_exec(tx, &PASSKEY_REMOVE,
                      S_IN(S_B(s->j->q.account.b), S_B(id.b), S_I(s->now_ms), S_B(s->j->q.attempt.b)), NULL);
}

enum err passkey_undo(struct store_tx *tx, const struct step *s, int64_t since_ms) {
    const struct store_val in[] = { S_B(s->j->q.account.b), S_B(s->j->q.attempt.b), S_I(since_ms) };
    enum err r = store_exec(tx, &PASSKEY_UNDO_ADD, in, NULL);
    return r == OK ? store_exec(tx, &PASSKEY_UNDO_REMOVE, in, NULL) : r;
}
