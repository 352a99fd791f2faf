/* Written from the specification beside the code that it tests, and shares no line with it. */
#include "authenticator.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/enc.h"

#define BUFFER_MAX 16384

void put_head(struct buf *to, unsigned major, uint64_t value) {
    int bytes = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x10000 ? 2 : value <= UINT32_MAX ? 4 : 8;
    unsigned info = bytes == 0 ? (unsigned)value : bytes == 1 ? 24 : bytes == 2 ? 25 : bytes == 4 ? 26 : 27;
    buf_add_c(to, (char)(major << 5 | info));
    for (int i = bytes - 1; i >= 0; i--) buf_add_c(to, (char)(value >> (8 * i) & 0xff));
}

void put_int(struct buf *to, int64_t v) { put_head(to, v < 0 ? 1 : 0, v < 0 ? (uint64_t)(-1 - v) : (uint64_t)v); }

void put_text(struct buf *to, const char *z) {
    put_head(to, 3, strlen(z));
    buf_add_z(to, z);
}

void put_bytes(struct buf *to, struct str s) {
    put_head(to, 2, s.n);
    buf_add(to, s);
}

EVP_PKEY *key_make(int64_t alg, int bits) {
    EVP_PKEY *key = NULL;
    if (alg == COSE_ES256) key = EVP_EC_gen("P-256");
    if (alg == -35) key = EVP_EC_gen("P-384");
    if (alg == COSE_EDDSA) key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (alg == COSE_RS256) key = EVP_RSA_gen((unsigned)bits);
    assert(key);
    return key;
}

void authenticator_init(struct authenticator *a, int64_t alg) {
    *a = (struct authenticator){ .key = key_make(alg, RSA_BITS_MIN),
                                 .alg = alg,
                                 .rp_id = "example.org",
                                 .origin = "https://example.org",
                                 .client_extra = ",\"crossOrigin\":false",
                                 .client_bom = "",
                                 .format = "none",
                                 .flags = FLAG_UP | FLAG_UV | FLAG_BE | FLAG_BS,
                                 .id_n = 32 };
    crypto_random(a->id, sizeof a->id);
    crypto_random(a->aaguid, sizeof a->aaguid);
    struct buf *all[] = { &a->client_data, &a->data, &a->statement, &a->object, &a->signature };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) buf_init(all[i], BUFFER_MAX);
}

void authenticator_release(struct authenticator *a) {
    struct buf *all[] = { &a->client_data, &a->data, &a->statement, &a->object, &a->signature };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) buf_release(all[i]);
    EVP_PKEY_free(a->key);
}

static void put_number(struct buf *to, const EVP_PKEY *key, const char *name, size_t bytes) {
    uint8_t b[1024];
    BIGNUM *v = NULL;
    assert(EVP_PKEY_get_bn_param(key, name, &v) == 1);
    if (bytes == 0) bytes = (size_t)BN_num_bytes(v);
    assert(BN_bn2binpad(v, b, (int)bytes) == (int)bytes);
    put_bytes(to, str_bytes(b, bytes));
    BN_free(v);
}

void authenticator_cose(const struct authenticator *a, struct buf *to) {
    uint8_t raw[ED25519_KEY_BYTES];
    size_t n = sizeof raw;
    bool is_rsa = EVP_PKEY_is_a(a->key, "RSA"), is_okp = EVP_PKEY_is_a(a->key, "ED25519");
    size_t wide = is_rsa || is_okp ? 0 : (size_t)(EVP_PKEY_get_bits(a->key) + 7) / 8;
    put_head(to, 5, is_rsa || is_okp ? 4 : 5);
    put_int(to, 1);
    put_int(to, is_rsa ? 3 : is_okp ? 1 : 2);
    put_int(to, 3);
    put_int(to, a->alg);
    put_int(to, -1);
    if (is_rsa) {
        put_number(to, a->key, OSSL_PKEY_PARAM_RSA_N, 0);
        put_int(to, -2);
        put_number(to, a->key, OSSL_PKEY_PARAM_RSA_E, 0);
        return;
    }
    put_int(to, is_okp ? 6 : wide == 32 ? 1 : 2);
    put_int(to, -2);
    if (is_okp) {
        assert(EVP_PKEY_get_raw_public_key(a->key, raw, &n) == 1);
        put_bytes(to, str_bytes(raw, n));
        return;
    }
    put_number(to, a->key, OSSL_PKEY_PARAM_EC_PUB_X, wide);
    put_int(to, -3);
    put_number(to, a->key, OSSL_PKEY_PARAM_EC_PUB_Y, wide);
}

static void make_client_data(struct authenticator *a, const char *type, struct str challenge) {
    char text[400];
    (void)enc_b64url(challenge.p, challenge.n, text);
    buf_reset(&a->client_data);
    buf_addf(&a->client_data, "%s{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"%s}", a->client_bom,
             a->type ? a->type : type, text, a->origin, a->client_extra);
}

static void make_data(struct authenticator *a, bool has_credential) {
    uint8_t hash[HASH_BYTES], flags = a->flags;
    if (has_credential) flags |= FLAG_AT;
    if (a->extensions.n > 0) flags |= FLAG_ED;
    crypto_sha256(str_from(a->rp_id), hash);
    buf_reset(&a->data);
    buf_add(&a->data, str_bytes(hash, sizeof hash));
    buf_add_c(&a->data, (char)flags);
    for (int i = 3; i >= 0; i--) buf_add_c(&a->data, (char)(a->sign_count >> (8 * i) & 0xff));
    if (has_credential) {
        buf_add(&a->data, str_bytes(a->aaguid, sizeof a->aaguid));
        buf_add_c(&a->data, (char)(a->id_n >> 8));
        buf_add_c(&a->data, (char)(a->id_n & 0xff));
        buf_add(&a->data, str_bytes(a->id, a->id_n));
        authenticator_cose(a, &a->data);
    }
    buf_add(&a->data, a->extensions);
}

static void sign(struct authenticator *a, EVP_PKEY *key) {
    uint8_t hash[HASH_BYTES], sig[1024];
    size_t n = sizeof sig;
    struct buf all;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    crypto_sha256(buf_str(&a->client_data), hash);
    buf_init(&all, BUFFER_MAX);
    buf_add(&all, buf_str(&a->data));
    buf_add(&all, str_bytes(hash, sizeof hash));
    const EVP_MD *md = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
    assert(ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1);
    assert(EVP_DigestSign(ctx, sig, &n, (const unsigned char *)all.p, all.n) == 1);
    EVP_MD_CTX_free(ctx);
    buf_release(&all);
    buf_reset(&a->signature);
    buf_add(&a->signature, str_bytes(sig, n));
}

static void make_statement(struct authenticator *a) {
    buf_reset(&a->statement);
    if (strcmp(a->format, "packed") != 0) {
        put_head(&a->statement, 5, 0);
        return;
    }
    sign(a, a->x5c.n > 0 ? a->x5c_key : a->key);
    put_head(&a->statement, 5, a->x5c.n > 0 ? 3 : 2);
    put_text(&a->statement, "alg");
    put_int(&a->statement, a->said_alg ? a->said_alg : a->alg);
    put_text(&a->statement, "sig");
    put_bytes(&a->statement, buf_str(&a->signature));
    if (a->x5c.n == 0) return;
    put_text(&a->statement, "x5c");
    put_head(&a->statement, 4, 1);
    put_bytes(&a->statement, a->x5c);
}

struct ceremony authenticator_register(struct authenticator *a, struct str challenge) {
    make_client_data(a, "webauthn.create", challenge);
    make_data(a, true);
    make_statement(a);
    buf_reset(&a->object);
    put_head(&a->object, 5, 3);
    put_text(&a->object, "fmt");
    put_text(&a->object, a->format);
    put_text(&a->object, "attStmt");
    buf_add(&a->object, buf_str(&a->statement));
    put_text(&a->object, "authData");
    put_bytes(&a->object, buf_str(&a->data));
    assert(buf_err(&a->object) == OK && buf_err(&a->data) == OK);
    return (struct ceremony){ .credential_id = str_bytes(a->id, a->id_n),
                              .client_data = buf_str(&a->client_data),
                              .attestation_object = buf_str(&a->object) };
}

struct ceremony authenticator_assert(struct authenticator *a, struct str challenge) {
    make_client_data(a, "webauthn.get", challenge);
    make_data(a, false);
    sign(a, a->key);
    return (struct ceremony){ .credential_id = str_bytes(a->id, a->id_n),
                              .client_data = buf_str(&a->client_data),
                              .authenticator_data = buf_str(&a->data),
                              .signature = buf_str(&a->signature) };
}

const struct certificate_plan certificate_right = { .country = "AA",
                                                    .unit = "Authenticator Attestation",
                                                    .organization = "Tocsin tests",
                                                    .name = "An authenticator",
                                                    .version = 2 };

static void add_name(X509_NAME *n, const char *part, const char *text) {
    if (text) assert(X509_NAME_add_entry_by_txt(n, part, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1);
}

static void add_aaguid(X509 *cert, const struct certificate_plan *p) {
    uint8_t value[2 + AAGUID_BYTES] = { V_ASN1_OCTET_STRING, AAGUID_BYTES };
    size_t skip = p->is_aaguid_bare ? 2 : 0;
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    X509_EXTENSION *x = NULL;
    memcpy(value + 2, p->aaguid, AAGUID_BYTES);
    assert(ASN1_OCTET_STRING_set(s, value + skip, (int)(sizeof value - skip)) == 1);
    assert(X509_EXTENSION_create_by_OBJ(&x, oid, p->is_aaguid_critical, s) && X509_add_ext(cert, x, -1) == 1);
    X509_EXTENSION_free(x);
    ASN1_OCTET_STRING_free(s);
    ASN1_OBJECT_free(oid);
}

void certificate_make(const struct certificate_plan *p, EVP_PKEY *key, struct buf *to) {
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    BASIC_CONSTRAINTS b = { .ca = p->authority > 0 ? 0xff : 0 };
    unsigned char *der = NULL;
    assert(X509_set_version(cert, p->version) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), 7) == 1);
    assert(X509_gmtime_adj(X509_getm_notBefore(cert), 0) && X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
    add_name(subject, "C", p->country);
    add_name(subject, "O", p->organization);
    add_name(subject, "OU", p->unit);
    add_name(subject, "CN", p->name);
    assert(X509_set_issuer_name(cert, subject) == 1 && X509_set_pubkey(cert, key) == 1);
    if (p->authority >= 0) assert(X509_add1_ext_i2d(cert, NID_basic_constraints, &b, 1, 0) == 1);
    if (p->aaguid) add_aaguid(cert, p);
    assert(X509_sign(cert, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
    int n = i2d_X509(cert, &der);
    assert(n > 0);
    buf_add(to, str_bytes(der, (size_t)n));
    OPENSSL_free(der);
    X509_free(cert);
}
