/* P-256 for Web Push (ECDH) and VAPID (ES256). EVP throughout; signatures leave as raw r||s. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include "base/crypto.h"
#include "base/crypto_priv.h"
#include "base/secret.h"

struct p256_key {
    EVP_PKEY *pkey;
    uint8_t public[P256_POINT_BYTES];
};

static EC_GROUP *group;
static EVP_PKEY_CTX *template_ctx; /* key generation, duplicated for each key */
static EVP_MD *sha256;

enum err p256_init(void) {
    if (group) return OK;
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    template_ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    return sha256 && template_ctx && group ? OK : ERR_CRYPTO;
}

static enum err wrap(EVP_PKEY *pkey, struct p256_key **ret) {
    struct p256_key *k = calloc(1, sizeof *k);
    size_t n = 0;
    if (!k) {
        EVP_PKEY_free(pkey);
        return ERR_NOMEM;
    }
    k->pkey = pkey;
    if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, k->public, sizeof k->public, &n) != 1 ||
        n != P256_POINT_BYTES || k->public[0] != 4) {
        p256_free(k);
        return ERR_CRYPTO;
    }
    *ret = k;
    return OK;
}

enum err p256_generate(struct p256_key **ret) {
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    return pkey ? wrap(pkey, ret) : ERR_CRYPTO;
}

static EVP_PKEY *pkey_from(const OSSL_PARAM *params, int selection) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(template_ctx);
    EVP_PKEY *pkey = NULL;
    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &pkey, selection, (OSSL_PARAM *)(uintptr_t)params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* The public point of a scalar, and the scalar as a number; false when it is not in 1 … n-1. */
static bool point_of(const uint8_t scalar[P256_SCALAR_BYTES], BIGNUM **ret_d, uint8_t out[P256_POINT_BYTES]) {
    BIGNUM *d = BN_secure_new();
    EC_POINT *q = EC_POINT_new(group);
    bool is_good =
        d && q && BN_bin2bn(scalar, P256_SCALAR_BYTES, d) && !BN_is_zero(d) &&
        BN_cmp(d, EC_GROUP_get0_order(group)) < 0 && EC_POINT_mul(group, q, d, NULL, NULL, NULL) == 1 &&
        EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, out, P256_POINT_BYTES, NULL) == P256_POINT_BYTES;
    EC_POINT_free(q);
    if (is_good)
        *ret_d = d;
    else
        BN_clear_free(d);
    return is_good;
}

enum err p256_from_scalar(const uint8_t scalar[P256_SCALAR_BYTES], struct p256_key **ret) {
    uint8_t point[P256_POINT_BYTES];
    BIGNUM *d = NULL;
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;
    if (bld && point_of(scalar, &d, point) &&
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1 &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1)
        params = OSSL_PARAM_BLD_to_param(bld);
    if (params) pkey = pkey_from(params, EVP_PKEY_KEYPAIR);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_clear_free(d);
    return pkey ? wrap(pkey, ret) : ERR_CRYPTO;
}

void p256_scalar(const struct p256_key *k, uint8_t out[P256_SCALAR_BYTES]) {
    BIGNUM *d = NULL;
    memset(out, 0, P256_SCALAR_BYTES);
    if (EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1)
        (void)BN_bn2binpad(d, out, P256_SCALAR_BYTES);
    BN_clear_free(d);
}

void p256_public(const struct p256_key *k, uint8_t out[P256_POINT_BYTES]) { memcpy(out, k->public, P256_POINT_BYTES); }

/* A peer's point as a key. Reading it checks that it is on the curve; the form is checked first. */
static EVP_PKEY *peer_of(struct str point) {
    char name[] = "P-256";
    OSSL_PARAM params[3];
    if (point.n != P256_POINT_BYTES || point.p[0] != 4) return NULL;
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (char *)(uintptr_t)point.p, point.n);
    params[2] = OSSL_PARAM_construct_end();
    return pkey_from(params, EVP_PKEY_PUBLIC_KEY);
}

bool p256_is_point(struct str point) {
    if (point.n != P256_POINT_BYTES || point.p[0] != 4) return false;
    EC_POINT *q = EC_POINT_new(group);
    bool is_on_curve = q && EC_POINT_oct2point(group, q, (const unsigned char *)point.p, point.n, NULL) == 1;
    EC_POINT_free(q);
    return is_on_curve;
}

enum err p256_ecdh(const struct p256_key *k, struct str peer_point, uint8_t out[32]) {
    EVP_PKEY *peer = peer_of(peer_point);
    EVP_PKEY_CTX *ctx = peer ? EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL) : NULL;
    size_t n = 32;
    enum err r = ERR_CRYPTO;
    /* The curve has cofactor 1 and the point was checked when it was read. */
    if (ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1 &&
        EVP_PKEY_derive(ctx, out, &n) == 1 && n == 32)
        r = OK;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return r;
}

enum err p256_sign(const struct p256_key *k, struct str in, uint8_t out[64]) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char der[80];
    const unsigned char *at = der;
    size_t n = sizeof der;
    ECDSA_SIG *sig = NULL;
    enum err r = ERR_CRYPTO;
    if (ctx && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, k->pkey, NULL) == 1 &&
        EVP_DigestSign(ctx, der, &n, (const unsigned char *)in.p, in.n) == 1)
        sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
    if (sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32 &&
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32)
        r = OK;
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
    return r;
}

enum err p256_verify_der(struct str point, struct str in, struct str sig) {
    EVP_PKEY *peer = peer_of(point);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    enum err r = ERR_CRYPTO;
    if (peer && ctx && EVP_DigestVerifyInit(ctx, NULL, sha256, NULL, peer) == 1 &&
        EVP_DigestVerify(ctx, (const unsigned char *)sig.p, sig.n, (const unsigned char *)in.p, in.n) == 1)
        r = OK;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return r;
}

enum err p256_verify(struct str point, struct str in, const uint8_t raw_sig[64]) {
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *rn = BN_bin2bn(raw_sig, 32, NULL), *sn = BN_bin2bn(raw_sig + 32, 32, NULL);
    unsigned char *der = NULL;
    int n = 0;
    if (sig && rn && sn && ECDSA_SIG_set0(sig, rn, sn) == 1) {
        rn = sn = NULL;
        n = i2d_ECDSA_SIG(sig, &der);
    }
    enum err r = n > 0 ? p256_verify_der(point, in, str_bytes(der, (size_t)n)) : ERR_CRYPTO;
    BN_free(rn);
    BN_free(sn);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    return r;
}

void p256_free(struct p256_key *k) {
    if (!k) return;
    EVP_PKEY_free(k->pkey);
    free(k);
}
