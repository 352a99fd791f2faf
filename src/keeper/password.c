/*
 * Argon2id through libsodium's raw call rather than its string form: cost, salt and pepper stand in columns of their
 * own, so that they can be counted and changed, and the keyed digest in front keeps the input short whatever is typed.
 */
#include "keeper/password.h"

#include <sodium.h>

#include "base/secret.h"

static enum err argon2id(const struct keys *keys, struct account_id account, const struct password *p,
                         struct password_hash *h) {
    uint8_t in[ID_BYTES + PASSWORD_NFC_BYTES_MAX], digest[HASH_BYTES];
    memcpy(in, account.b, ID_BYTES);
    memcpy(in + ID_BYTES, p->b, p->n);
    crypto_mac(keys->password, "tocsin password 1", str_bytes(in, ID_BYTES + p->n), digest);
    int failed = crypto_pwhash(h->hash, sizeof h->hash, (const char *)digest, sizeof digest, h->salt,
                               (unsigned long long)h->cost.passes, (size_t)h->cost.memory_kib * 1024,
                               crypto_pwhash_ALG_ARGON2ID13);
    bytes_wipe(in, sizeof in);
    bytes_wipe(digest, sizeof digest);
    return failed ? ERR_NOMEM : OK;
}

enum err password_hash_make(const struct keys *keys, struct account_id account, const struct password *p,
                            struct password_cost cost, struct password_hash *ret) {
    struct password_hash h = { .cost = cost };
    memcpy(h.pepper_id, keys->pepper_id, sizeof h.pepper_id);
    crypto_random(h.salt, sizeof h.salt);
    enum err r = argon2id(keys, account, p, &h);
    if (r == OK) *ret = h;
    bytes_wipe(&h, sizeof h);
    return r;
}

enum err password_hash_check(const struct keys *keys, struct account_id account, const struct password *p,
                             const struct password_hash *stored, bool *ret_is_right) {
    struct password_hash h = *stored;
    enum err r = argon2id(keys, account, p, &h);
    if (r == OK && memcmp(stored->pepper_id, keys->pepper_id, sizeof stored->pepper_id) != 0) r = ERR_CRYPTO;
    if (r == OK) *ret_is_right = bytes_eq_secret(h.hash, stored->hash, sizeof h.hash);
    bytes_wipe(&h, sizeof h);
    return r;
}
