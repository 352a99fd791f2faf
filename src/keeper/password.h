/*
 * Password hashes: Argon2id over a keyed digest of the NFC form. The digest's key comes from the pepper and covers the
 * account, so a stolen database alone can't be guessed against, and a row moved to another account fits nobody.
 */
#ifndef TOCSIN_KEEPER_PASSWORD_H
#define TOCSIN_KEEPER_PASSWORD_H

#include "core/ids.h"
#include "core/password.h"
#include "keeper/keys.h"

#define PASSWORD_SALT_BYTES      16
#define PASSWORD_HASH_BYTES      32
#define PASSWORD_SCHEME_ARGON2ID 1

struct password_cost {
    int64_t memory_kib, passes;
};

struct password_hash {
    struct password_cost cost;
    uint8_t pepper_id[PEPPER_ID_BYTES];
    uint8_t salt[PASSWORD_SALT_BYTES];
    uint8_t hash[PASSWORD_HASH_BYTES];
};

/* ERR_NOMEM: no memory for Argon2. */
enum err password_hash_make(const struct keys *keys, struct account_id account, const struct password *p,
                            struct password_cost cost, struct password_hash *ret) MUST_CHECK;
/* ERR_NOMEM; ERR_CRYPTO: made with another pepper, so it can be neither right nor wrong. */
enum err password_hash_check(const struct keys *keys, struct account_id account, const struct password *p,
                             const struct password_hash *stored, bool *ret_is_right) MUST_CHECK;

#endif
