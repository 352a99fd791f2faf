/* Signatures that others make and we verify: Ed25519 and RS256 (EVP). The kinds of key are looked up once. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>

#include "base/crypto.h"
#include "base/crypto_priv.h"

#define RSA_EXPONENT_BYTES_MAX 4

static EVP_PKEY_CTX *rsa_template, *ed25519_template; /* duplicated for each key */
static EVP_MD *sha256;

enum err signature_init(void) {
    if (sha256) return OK;
    rsa_template = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    ed25519_template = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    return rsa_template && ed25519_template && sha256 ? OK : ERR_CRYPTO;
}

static EVP_PKEY *key_from(const EVP_PKEY_CTX *of, OSSL_PARAM *params) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(of);
    EVP_PKEY *key = NULL;
    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Takes the key. */
static enum err verify(EVP_PKEY *key, const EVP_MD *md, struct str in, struct str sig) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    enum err r = ERR_CRYPTO;
    if (key && ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
        EVP_DigestVerify(ctx, (const unsigned char *)sig.p, sig.n, (const unsigned char *)in.p, in.n) == 1)
        r = OK;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return r;
}

bool ed25519_is_key(struct str key) {
    return key.n == ED25519_KEY_BYTES && crypto_core_ed25519_is_valid_point((const unsigned char *)key.p) == 1;
}

enum err ed25519_verify(struct str key, struct str in, struct str sig) {
    OSSL_PARAM params[2];
    if (!ed25519_is_key(key) || sig.n != ED25519_SIG_BYTES) return ERR_CRYPTO;
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (char *)(uintptr_t)key.p, key.n);
    params[1] = OSSL_PARAM_construct_end();
    return verify(key_from(ed25519_template, params), NULL, in, sig);
}

static size_t bits(struct str s) {
    size_t n = s.n * 8;
    if (s.n == 0 || s.p[0] == 0) return 0;
    for (unsigned top = (unsigned char)s.p[0]; top < 0x80; top <<= 1) n--;
    return n;
}

static bool is_odd(struct str s) { return (s.p[s.n - 1] & 1) != 0; }

bool rs256_is_key(struct str n, struct str e) {
    if (bits(n) < RSA_BITS_MIN || bits(n) > RSA_BITS_MAX || !is_odd(n)) return false;
    return bits(e) > 1 && e.n <= RSA_EXPONENT_BYTES_MAX && is_odd(e);
}

enum err rs256_verify(struct str n, struct str e, struct str in, struct str sig) {
    if (!rs256_is_key(n, e)) return ERR_CRYPTO;
    BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL);
    BIGNUM *exponent = BN_bin2bn((const unsigned char *)e.p, (int)e.n, NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;
    if (modulus && exponent && bld && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        params = OSSL_PARAM_BLD_to_param(bld);
    if (params) key = key_from(rsa_template, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(modulus);
    BN_free(exponent);
    return verify(key, sha256, in, sig); /* PKCS #1 v1.5 is what EVP takes unless told otherwise */
}
