/*
 * Password hashes: Argon2id over a keyed digest of the NFC form. The digest's key comes from the pepper and covers the
 * account, so a stolen database alone can't be guessed against, and a row moved to another account fits nobody.
 */
#ifndef TOCSIN_KEEPER_PASSWORD_H
#define TOCSIN_KEEPER_PASSWORD_H

#include "core/ids.h"
#include "keeper/keys.h"

#define PASSWORD_SALT_BYTES       16
#define PASSWORD_HASH_BYTES       32
#define PASSWORD_NFC_BYTES_MAX    3072 /* the most that 1024 bytes grow to */
#define PASSWORD_SCHEME_ARGON2ID  1
#define PASSWORD_POINTS_MOST      256
#define PASSWORD_REASON_BYTES_MAX 200

struct password_cost {
    int64_t memory_kib, passes;
};

struct password_hash {
    struct password_cost cost;
    uint8_t pepper_id[PEPPER_ID_BYTES];
    uint8_t salt[PASSWORD_SALT_BYTES];
    uint8_t hash[PASSWORD_HASH_BYTES];
};

struct password { /* the NFC form; wipe with password_release */
    uint8_t b[PASSWORD_NFC_BYTES_MAX];
    size_t n;
};
/* ERR_INPUT: not UTF-8, or over the limit. Then *ret is the empty password, so that the same work can be done on it. */
enum err password_read(struct str typed, struct password *ret) MUST_CHECK;
void password_release(struct password *p);

/* ERR_NOMEM: no memory for Argon2. */
enum err password_hash_make(const struct keys *keys, struct account_id account, const struct password *p,
                            struct password_cost cost, struct password_hash *ret) MUST_CHECK;
/* ERR_NOMEM; ERR_CRYPTO: made with another pepper, so it can be neither right nor wrong. */
enum err password_hash_check(const struct keys *keys, struct account_id account, const struct password *p,
                             const struct password_hash *stored, bool *ret_is_right) MUST_CHECK;

/* False when it may be used; otherwise says why not, for a person. points_least: characters that the policy asks for.
 */
bool password_is_weak(struct str typed, int64_t points_least, char reason[PASSWORD_REASON_BYTES_MAX]);

#endif
