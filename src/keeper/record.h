/*
 * The keeper's own record: of each attempt the proofs it saw itself, of each account its credentials and known devices.
 * Nothing here believes the front. Rows are read under a lock and written back whole, in the order attempt, credential,
 * budget, failure, so that no two transactions wait for each other.
 */
#ifndef TOCSIN_KEEPER_RECORD_H
#define TOCSIN_KEEPER_RECORD_H

#include "keeper/keeper_priv.h"

enum record_state { RECORD_OPEN = 1, RECORD_APPLIED, RECORD_SETTLED, RECORD_ENDED };

#define RECOVERY_SALT_BYTES 16
#define PASSKEY_NONCE_BYTES 16

struct record {
    enum action action;
    struct device_id device; /* that opened the attempt */
    struct subject subject;
    enum record_state state;
    unsigned proved;      /* as it was seen; proofs_counting says what still counts */
    int64_t tried, wrong; /* reserved tries of proofs; those of them that were wrong */
    int64_t approve_wrong;
    int64_t fence; /* grows with each commit and question for its fate; a commit from before it stops */
    int64_t expires_ms, touched_ms;
    int64_t password_rev, recovery_rev; /* of the credentials that were proved */
    bool has_nonce;                     /* a challenge was given out and not used */
    uint8_t nonce[PASSKEY_NONCE_BYTES];
    struct passkey_id passkey; /* that proved it; zero: none */
    bool has_salt;             /* a new recovery key was made and may still be told */
    uint8_t salt[RECOVERY_SALT_BYTES];
};

/*
 * The attempt of the step's ask: found, or made by its first message. *ret_say is 0, or KEEPER_REFUSED where account,
 * action, device or subject differ from the first message, or the attempt is over.
 */
enum err record_bind(struct store_tx *tx, struct step *s, struct record *ret, enum keeper_say *ret_say) MUST_CHECK;
/* Found only, in any state. *ret_say: 0, KEEPER_NONE, KEEPER_REFUSED (mismatch). */
enum err record_find(struct store_tx *tx, struct step *s, struct record *ret, enum keeper_say *ret_say) MUST_CHECK;
/* No new recovery key of the account is told again, whichever attempt made it. */
enum err record_drop_salts(struct store_tx *tx, const struct step *s) MUST_CHECK;
bool record_is_alive(const struct record *rec, int64_t now_ms);
enum err record_write(struct store_tx *tx, const struct step *s, const struct record *rec) MUST_CHECK;
/* Ends it without effect: its codes go. The caller writes it. */
enum err record_end(struct store_tx *tx, const struct step *s, struct record *rec) MUST_CHECK;

enum credential_kind { CREDENTIAL_PASSWORD = 1, CREDENTIAL_RECOVERY_KEY };
enum { SCHEME_ARGON2ID = 1, SCHEME_KEYED_BLAKE2B };

struct credential {
    bool is_there, is_locked;
    int64_t rev;
    struct password_hash hash; /* of a recovery key only hash and pepper_id are used */
};
/* *ret->is_there is false when there is none. */
enum err credential_load(struct store_tx *tx, const struct step *s, enum credential_kind kind,
                         struct credential *ret) MUST_CHECK;
/* The account's first; ERR_CONFLICT when it has one. */
enum err credential_first(struct store_tx *tx, const struct step *s, enum credential_kind kind,
                          const struct password_hash *h) MUST_CHECK;
/* Puts a new one in the old one's place; ends a lock-down and failures of its kind. */
enum err credential_put(struct store_tx *tx, const struct step *s, enum credential_kind kind,
                        const struct password_hash *h) MUST_CHECK;
/* Puts a former one back, as a new revision; a password is locked with it. */
enum err credential_put_back(struct store_tx *tx, const struct step *s, enum credential_kind kind,
                             const struct password_hash *h) MUST_CHECK;
/* The same password, hashed at another cost. */
enum err credential_rehash(struct store_tx *tx, const struct step *s, int64_t rev,
                           const struct password_hash *h) MUST_CHECK;
/* All of them, and the known devices: of an account that never came to be. */
enum err credentials_forget(struct store_tx *tx, const struct step *s) MUST_CHECK;
enum err credential_lock(struct store_tx *tx, const struct step *s) MUST_CHECK;

enum err known_device_find(struct store_tx *tx, const struct step *s, struct device_id device,
                           bool *ret_is_known) MUST_CHECK;
/* Whose tries are counted together: the device's own when it is known, else zero for all others. */
enum err known_device_bucket(struct store_tx *tx, const struct step *s, struct device_id device,
                             struct device_id *ret_bucket) MUST_CHECK;
enum err known_device_add(struct store_tx *tx, const struct step *s, struct device_id device) MUST_CHECK;
enum err known_device_drop(struct store_tx *tx, const struct step *s, struct device_id device) MUST_CHECK;

/* ---- past.c: what a change replaced, kept for a week ---- */
/* Before the account's credential of that kind is replaced by the attempt. */
enum err past_keep(struct store_tx *tx, const struct step *s, enum credential_kind kind, enum action by) MUST_CHECK;
/* The account is to be forgotten a week after this. */
enum err past_leave(struct store_tx *tx, const struct step *s) MUST_CHECK;
enum err past_undo(struct store_tx *tx, void *step) MUST_CHECK;
/* Forgets what is older than a week, and with it the accounts that left. */
enum err past_purge(struct store_tx *tx, int64_t now_ms) MUST_CHECK;

/* What counts now of what was proved: a password not while it is locked, and nothing that was replaced since. */
enum err proofs_counting(struct store_tx *tx, const struct step *s, const struct record *rec,
                         unsigned *ret_proved) MUST_CHECK;
/* Locked down, and asked by a sign_in from a device that is not known: nothing is right for it. */
enum err record_is_barred(struct store_tx *tx, const struct step *s, const struct record *rec,
                          bool *ret_is_barred) MUST_CHECK;
bool action_wants(enum action action, enum proof proof);

#endif
