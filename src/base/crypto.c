/* Hashes, MACs, sealed boxes (libsodium); HKDF and AES-GCM (OpenSSL, fetched once: its look-up by name is slow). */
#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

#include "base/crypto_priv.h"

static EVP_CIPHER *gcm128, *gcm256;
static EVP_KDF *hkdf;
static EVP_MD *sha1, *sha256;

enum err crypto_init(void) {
    if (sodium_init() < 0) return ERR_CRYPTO;
    if (hkdf) return OK;
    gcm128 = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    gcm256 = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!gcm128 || !gcm256 || !hkdf || !sha1 || !sha256 || signature_init() != OK) return ERR_CRYPTO;
    return p256_init();
}

void crypto_random(void *out, size_t n) { randombytes_buf(out, n); }

void crypto_sha256(struct str in, uint8_t out[HASH_BYTES]) {
    (void)crypto_hash_sha256(out, (const unsigned char *)in.p, in.n);
}

void crypto_sha1(struct str in, uint8_t out[SHA1_BYTES]) { (void)EVP_Digest(in.p, in.n, out, NULL, sha1, NULL); }

struct sha256_run *sha256_new(void) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx && EVP_DigestInit_ex2(ctx, sha256, NULL) == 1) return (struct sha256_run *)ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

void sha256_add(struct sha256_run *run, struct str in) {
    (void)EVP_DigestUpdate((EVP_MD_CTX *)run, in.p, in.n); /* fails only for a context that was not begun */
}

void sha256_end(struct sha256_run *run, uint8_t out[HASH_BYTES]) {
    if (!run) return;
    if (out) (void)EVP_DigestFinal_ex((EVP_MD_CTX *)run, out, NULL);
    EVP_MD_CTX_free((EVP_MD_CTX *)run);
}

void crypto_mac(const uint8_t key[KEY_BYTES], const char *label, struct str in, uint8_t out[HASH_BYTES]) {
    crypto_generichash_state s;
    (void)crypto_generichash_init(&s, key, KEY_BYTES, HASH_BYTES);
    (void)crypto_generichash_update(&s, (const unsigned char *)label, strlen(label) + 1);
    (void)crypto_generichash_update(&s, (const unsigned char *)in.p, in.n);
    (void)crypto_generichash_final(&s, out, HASH_BYTES);
    sodium_memzero(&s, sizeof s);
}

void crypto_token_hash(struct str token, uint8_t out[HASH_BYTES]) {
    (void)crypto_generichash(out, HASH_BYTES, (const unsigned char *)token.p, token.n, NULL, 0);
}

enum err crypto_seal(struct str in, const uint8_t to[BOX_PUBLIC_BYTES], uint8_t *out) {
    return crypto_box_seal(out, (const unsigned char *)in.p, in.n, to) == 0 ? OK : ERR_CRYPTO;
}

enum err crypto_unseal(struct str in, const uint8_t pub[BOX_PUBLIC_BYTES], const uint8_t sec[BOX_SECRET_BYTES],
                       uint8_t *out) {
    if (in.n < BOX_OVERHEAD_BYTES) return ERR_CRYPTO;
    return crypto_box_seal_open(out, (const unsigned char *)in.p, in.n, pub, sec) == 0 ? OK : ERR_CRYPTO;
}

void crypto_seal_keypair(uint8_t ret_pub[BOX_PUBLIC_BYTES], uint8_t ret_sec[BOX_SECRET_BYTES]) {
    (void)crypto_box_keypair(ret_pub, ret_sec);
}

static OSSL_PARAM octets(const char *name, struct str s) {
    static char none[1];
    return OSSL_PARAM_construct_octet_string(name, s.n ? (char *)(uintptr_t)s.p : none, s.n);
}

enum err crypto_hkdf_sha256(struct str ikm, struct str salt, struct str info, uint8_t *out, size_t n) {
    char digest[] = "SHA256";
    OSSL_PARAM params[5];
    EVP_KDF_CTX *ctx;
    int rc;
    if (n > (size_t)255 * HASH_BYTES) return ERR_TOO_LARGE;
    ctx = EVP_KDF_CTX_new(hkdf);
    if (!ctx) return ERR_NOMEM;
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[1] = octets(OSSL_KDF_PARAM_KEY, ikm);
    params[2] = octets(OSSL_KDF_PARAM_SALT, salt);
    params[3] = octets(OSSL_KDF_PARAM_INFO, info);
    params[4] = OSSL_PARAM_construct_end();
    rc = EVP_KDF_derive(ctx, out, n, params);
    EVP_KDF_CTX_free(ctx);
    return rc == 1 ? OK : ERR_CRYPTO;
}

static const EVP_CIPHER *gcm_of(struct str key) {
    if (key.n == 16) return gcm128;
    return key.n == 32 ? gcm256 : NULL;
}

enum err crypto_gcm_seal(struct str key, const uint8_t nonce[12], struct str aad, struct str in, uint8_t *out) {
    EVP_CIPHER_CTX *ctx;
    enum err r = ERR_CRYPTO;
    int n = 0, last = 0;
    if (!gcm_of(key) || in.n > INT32_MAX || aad.n > INT32_MAX) return ERR_CRYPTO;
    ctx = EVP_CIPHER_CTX_new();
    if (!ctx) return ERR_NOMEM;
    if (EVP_EncryptInit_ex2(ctx, gcm_of(key), (const unsigned char *)key.p, nonce, NULL) != 1) goto out;
    if (aad.n > 0 && EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) != 1) goto out;
    n = 0;
    if (in.n > 0 && EVP_EncryptUpdate(ctx, out, &n, (const unsigned char *)in.p, (int)in.n) != 1) goto out;
    if (EVP_EncryptFinal_ex(ctx, out + n, &last) != 1) goto out;
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, out + in.n) != 1) goto out;
    r = OK;
out:
    EVP_CIPHER_CTX_free(ctx);
    return r;
}

enum err crypto_gcm_open(struct str key, const uint8_t nonce[12], struct str aad, struct str in, uint8_t *out) {
    EVP_CIPHER_CTX *ctx;
    enum err r = ERR_CRYPTO;
    size_t text_n;
    int n = 0, last = 0;
    if (!gcm_of(key) || in.n < 16 || in.n > INT32_MAX || aad.n > INT32_MAX) return ERR_CRYPTO;
    text_n = in.n - 16;
    ctx = EVP_CIPHER_CTX_new();
    if (!ctx) return ERR_NOMEM;
    if (EVP_DecryptInit_ex2(ctx, gcm_of(key), (const unsigned char *)key.p, nonce, NULL) != 1) goto out;
    if (aad.n > 0 && EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) != 1) goto out;
    n = 0;
    if (text_n > 0 && EVP_DecryptUpdate(ctx, out, &n, (const unsigned char *)in.p, (int)text_n) != 1) goto out;
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, 16, (char *)(uintptr_t)in.p + text_n) != 1) goto out;
    if (EVP_DecryptFinal_ex(ctx, out + n, &last) != 1) goto out;
    r = OK;
out:
    if (r != OK && text_n > 0) sodium_memzero(out, text_n);
    EVP_CIPHER_CTX_free(ctx);
    return r;
}
