/* Reads a COSE_Key and hands its parts to base's wrappers of OpenSSL. */
#include "keeper/cose.h"

#include "keeper/cbor.h"

enum { LABEL_KTY = 1, LABEL_ALG = 3 };
enum { KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3 };
enum { LABEL_CRV = -1, LABEL_X = -2, LABEL_Y = -3 }; /* OKP and EC2 */
enum { LABEL_N = -1, LABEL_E = -2 };                 /* RSA */
enum { CRV_P256 = 1, CRV_ED25519 = 6 };

static const struct {
    int64_t alg;
    const char *name;
} names[] = {
    { COSE_ES256, "ES256" }, { COSE_EDDSA, "EdDSA" }, { COSE_RS256, "RS256" }, { -9, "ESP256" },     { -19, "Ed25519" },
    { -35, "ES384" },        { -36, "ES512" },        { -37, "PS256" },        { -38, "PS384" },     { -39, "PS512" },
    { -47, "ES256K" },       { -48, "ML-DSA-44" },    { -49, "ML-DSA-65" },    { -50, "ML-DSA-87" }, { -51, "ESP384" },
    { -52, "ESP512" },       { -53, "Ed448" },        { -258, "RS384" },       { -259, "RS512" },    { -65535, "RS1" },
};

bool cose_is_offered(int64_t alg) { return alg == COSE_ES256 || alg == COSE_EDDSA || alg == COSE_RS256; }

const char *cose_alg_name(int64_t alg) {
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].alg == alg) return names[i].name;
    return "an unknown algorithm";
}

enum err cose_key_alg(struct str key, int64_t *ret_alg) {
    struct str item;
    enum err r;
    if (key.n > COSE_KEY_BYTES_MAX) return ERR_TOO_LARGE;
    if ((r = cbor_check(key)) != OK) return r;
    if (cbor_at_label(key, LABEL_ALG, &item) != OK) return ERR_INPUT;
    return cbor_int(item, ret_alg);
}

static bool int_is(struct str key, int64_t label, int64_t want) {
    struct str item;
    int64_t v = 0;
    return cbor_at_label(key, label, &item) == OK && cbor_int(item, &v) == OK && v == want;
}

static bool bytes_at(struct str key, int64_t label, struct str *ret) {
    struct str item;
    return cbor_at_label(key, label, &item) == OK && cbor_bytes(item, ret) == OK;
}

static bool read_es256(struct str key, struct cose_key *k) {
    struct str x, y;
    if (!int_is(key, LABEL_KTY, KTY_EC2) || !int_is(key, LABEL_CRV, CRV_P256)) return false;
    if (!bytes_at(key, LABEL_X, &x) || !bytes_at(key, LABEL_Y, &y) || x.n != 32 || y.n != 32) return false;
    k->point[0] = 4;
    memcpy(k->point + 1, x.p, 32);
    memcpy(k->point + 33, y.p, 32);
    return p256_is_point(str_bytes(k->point, sizeof k->point));
}

static bool read_eddsa(struct str key, struct cose_key *k) {
    return int_is(key, LABEL_KTY, KTY_OKP) && int_is(key, LABEL_CRV, CRV_ED25519) && bytes_at(key, LABEL_X, &k->x) &&
           ed25519_is_key(k->x);
}

static bool read_rs256(struct str key, struct cose_key *k) {
    return int_is(key, LABEL_KTY, KTY_RSA) && bytes_at(key, LABEL_N, &k->n) && bytes_at(key, LABEL_E, &k->e) &&
           rs256_is_key(k->n, k->e);
}

enum err cose_key_read(struct str key, struct cose_key *ret) {
    struct cose_key k = { 0 };
    int64_t alg = 0;
    size_t members = 0;
    enum err r = cose_key_alg(key, &alg);
    if (r != OK) return r;
    if (!cose_is_offered(alg)) return ERR_UNSUPPORTED;
    k.alg = (enum cose_alg)alg;
    /* "MUST NOT contain any other OPTIONAL parameters" (section 6.5.1). */
    if (cbor_count(key, &members) != OK || members != (alg == COSE_ES256 ? 5 : 4)) return ERR_INPUT;
    bool is_sound = alg == COSE_ES256   ? read_es256(key, &k)
                    : alg == COSE_EDDSA ? read_eddsa(key, &k)
                                        : read_rs256(key, &k);
    if (!is_sound) return ERR_INPUT;
    *ret = k;
    return OK;
}

enum err cose_verify(const struct cose_key *key, struct str in, struct str sig) {
    switch (key->alg) {
    case COSE_ES256: return p256_verify_der(str_bytes(key->point, sizeof key->point), in, sig);
    case COSE_EDDSA: return ed25519_verify(key->x, in, sig);
    case COSE_RS256: return rs256_verify(key->n, key->e, in, sig);
    case COSE_NONE: break;
    }
    return ERR_CRYPTO;
}
