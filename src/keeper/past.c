/*
 * What changes replaced. For a week it can be put back: the account's own former password or recovery key, never
 * another, and a password only locked. Whoever changes a credential again after the one that is undone is undone with
 * it, but for a recovery: its owner has taken the account back by then.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "keeper/passkey.h"

#define PAST_MS     (7 * MS_PER_DAY)
#define KIND_LEAVES 9

extern const struct store_stmt PAST_KEEP, PAST_LEAVE, PAST_OF, PAST_LATER, PAST_DROP, PAST_STAY, PAST_PURGE,
    LEFT_CREDENTIALS, LEFT_DEVICES, LEFT_FAILURES, LEFT_PASSKEYS, PASSKEY_PURGE;

const struct store_stmt PAST_KEEP = {
    .name = "keeper_past_keep",
    .in = "bbiii",
    .out = "",
    .sql = "INSERT INTO past (account_id, attempt_id, kind, action, at_ms, pepper_id, memory_kib, passes, salt, hash)"
           " SELECT account_id, ?2, kind, ?4, ?5, pepper_id, memory_kib, passes, salt, hash FROM credential"
           " WHERE account_id = ?1 AND kind = ?3 ON CONFLICT (account_id, attempt_id, kind) DO NOTHING",
};
const struct store_stmt PAST_LEAVE = {
    .name = "keeper_past_leave",
    .in = "bbiii",
    .out = "",
    .sql = "INSERT INTO past (account_id, attempt_id, kind, action, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
           " ON CONFLICT (account_id, attempt_id, kind) DO NOTHING",
};
const struct store_stmt PAST_OF = {
    .name = "keeper_past_of",
    .in = "bbii",
    .out = "iBiiBB",
    .sql = "SELECT at_ms, pepper_id, memory_kib, passes, salt, hash FROM past"
           " WHERE account_id = ?1 AND attempt_id = ?2 AND kind = ?3 AND at_ms > ?4 FOR UPDATE",
};
const struct store_stmt PAST_LATER = {
    .name = "keeper_past_later",
    .in = "biii",
    .out = "i",
    .sql = "SELECT count(*) FROM past WHERE account_id = ?1 AND kind = ?2 AND at_ms > ?3 AND action = ?4",
};
const struct store_stmt PAST_DROP = {
    .name = "keeper_past_drop",
    .in = "bii",
    .out = "",
    .sql = "DELETE FROM past WHERE account_id = ?1 AND kind = ?2 AND at_ms >= ?3",
};
const struct store_stmt PAST_STAY = {
    .name = "keeper_past_stay",
    .in = "bbi",
    .out = "",
    .sql = "DELETE FROM past WHERE account_id = ?1 AND kind = ?3 AND EXISTS"
           " (SELECT 1 FROM past p WHERE p.account_id = ?1 AND p.attempt_id = ?2 AND p.kind = ?3)",
};
const struct store_stmt PAST_PURGE = {
    .name = "keeper_past_purge", .in = "i", .out = "", .sql = "DELETE FROM past WHERE at_ms <= ?1"
};
#define OF_THE_LEFT " WHERE account_id IN (SELECT account_id FROM past WHERE kind = 9 AND at_ms <= ?1)"
const struct store_stmt LEFT_CREDENTIALS = {
    .name = "keeper_left_credentials", .in = "i", .out = "", .sql = "DELETE FROM credential" OF_THE_LEFT
};
const struct store_stmt LEFT_DEVICES = {
    .name = "keeper_left_devices", .in = "i", .out = "", .sql = "DELETE FROM known_device" OF_THE_LEFT
};
const struct store_stmt LEFT_FAILURES = {
    .name = "keeper_left_failures", .in = "i", .out = "", .sql = "DELETE FROM failure" OF_THE_LEFT
};

const struct store_stmt LEFT_PASSKEYS = {
    .name = "keeper_left_passkeys", .in = "i", .out = "", .sql = "DELETE FROM passkey" OF_THE_LEFT
};
const struct store_stmt PASSKEY_PURGE = {
    .name = "keeper_passkey_purge",
    .in = "i",
    .out = "",
    .sql = "DELETE FROM passkey WHERE removed_ms <> 0 AND removed_ms <= ?1",
};

enum err past_keep(struct store_tx *tx, const struct step *s, enum credential_kind kind, enum action by) {
    const struct keeper_message_ask *q = &s->j->q;
    return store_exec(tx, &PAST_KEEP, S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(kind), S_I(by), S_I(s->now_ms)),
                      NULL);
}

enum err past_leave(struct store_tx *tx, const struct step *s) {
    const struct keeper_message_ask *q = &s->j->q;
    return store_exec(tx, &PAST_LEAVE,
                      S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(KIND_LEAVES), S_I(q->action), S_I(s->now_ms)),
                      NULL);
}

static enum err read_hash(const struct store_val *c, struct password_hash *ret) {
    if (c[1].is_null || c[4].is_null || c[5].is_null) return ERR_CORRUPT;
    if (c[1].s.n != PEPPER_ID_BYTES || c[4].s.n != PASSWORD_SALT_BYTES || c[5].s.n != PASSWORD_HASH_BYTES)
        return ERR_CORRUPT;
    ret->cost = (struct password_cost){ .memory_kib = c[2].i, .passes = c[3].i };
    memcpy(ret->pepper_id, c[1].s.p, PEPPER_ID_BYTES);
    memcpy(ret->salt, c[4].s.p, PASSWORD_SALT_BYTES);
    memcpy(ret->hash, c[5].s.p, PASSWORD_HASH_BYTES);
    return OK;
}

static enum err put_back(struct store_tx *tx, const struct step *s, enum credential_kind kind) {
    const struct keeper_message_ask *q = &s->j->q;
    struct store_val c[6], later[1];
    struct password_hash h = { 0 };
    enum err r = store_one(
        tx, &PAST_OF, S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(kind), S_I(s->now_ms - PAST_MS)), s->arena, c);
    if (r == ERR_NOT_FOUND) return OK;
    if (r != OK) return r;
    int64_t at_ms = c[0].i;
    r = store_one(tx, &PAST_LATER, S_IN(S_B(q->account.b), S_I(kind), S_I(at_ms), S_I(ACTION_RECOVER_PASSWORD)),
                  s->arena, later);
    if (r != OK || later[0].i > 0) return r;
    if (kind == CREDENTIAL_RECOVERY_KEY && (r = record_drop_salts(tx, s)) != OK) return r;
    if ((r = read_hash(c, &h)) == OK) r = credential_put_back(tx, s, kind, &h);
    if (r == OK) r = store_exec(tx, &PAST_DROP, S_IN(S_B(q->account.b), S_I(kind), S_I(at_ms)), NULL);
    bytes_wipe(&h, sizeof h);
    return r;
}

/* The account goes, unless it was this attempt that it was to go by. */
static enum err stay(struct store_tx *tx, const struct step *s) {
    const struct keeper_message_ask *q = &s->j->q;
    return store_exec(tx, &PAST_STAY, S_IN(S_B(q->account.b), S_B(q->attempt.b), S_I(KIND_LEAVES)), NULL);
}

enum err past_undo(struct store_tx *tx, void *step) {
    struct step *s = step;
    enum err r = put_back(tx, s, CREDENTIAL_PASSWORD);
    if (r == OK) r = put_back(tx, s, CREDENTIAL_RECOVERY_KEY);
    if (r == OK) r = passkey_undo(tx, s, s->now_ms - PAST_MS);
    if (r == OK) r = stay(tx, s);
    if (r == OK) r = credential_lock(tx, s);
    job_say(s->j, KEEPER_RIGHT);
    return r;
}

enum err past_purge(struct store_tx *tx, int64_t now_ms) {
    static const struct store_stmt *const all[] = { &LEFT_CREDENTIALS, &LEFT_DEVICES, &LEFT_FAILURES,
                                                    &LEFT_PASSKEYS,    &PAST_PURGE,   &PASSKEY_PURGE };
    enum err r = OK;
    for (size_t i = 0; i < ARRAY_LEN(all) && r == OK; i++)
        r = store_exec(tx, all[i], S_IN(S_I(now_ms - PAST_MS)), NULL);
    return r;
}
