/* What the packed format asks of an attestation certificate (section 8.2.1). Only the leaf is looked at. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "keeper/webauthn_priv.h"

/* id-fido-gen-ce-aaguid, 1.3.6.1.4.1.45724.1.1.4, as an encoded object identifier's content. */
static const uint8_t aaguid_oid[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xe5, 0x1c, 0x01, 0x01, 0x04 };

/* The subject's one attribute of that kind; empty where it has none or several. */
static struct str subject_part(const X509 *cert, int nid) {
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, nid, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, nid, at) >= 0) return STR_NONE;
    const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    return str_bytes(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

static bool is_subject_right(const X509 *cert) {
    struct str country = subject_part(cert, NID_countryName);
    if (country.n != 2 || !is_upper(country.p[0]) || !is_upper(country.p[1])) return false;
    return subject_part(cert, NID_organizationName).n > 0 && subject_part(cert, NID_commonName).n > 0 &&
           str_eq(subject_part(cert, NID_organizationalUnitName), STR("Authenticator Attestation"));
}

static bool is_no_authority(const X509 *cert) {
    int is_critical = -1; /* stays so where there is none, or more than one */
    BASIC_CONSTRAINTS *b = X509_get_ext_d2i(cert, NID_basic_constraints, &is_critical, NULL);
    bool is_right = b && !b->ca;
    BASIC_CONSTRAINTS_free(b);
    return is_right;
}

static bool is_aaguid_extension(const X509_EXTENSION *extension) {
    const ASN1_OBJECT *o = X509_EXTENSION_get_object((X509_EXTENSION *)(uintptr_t)extension);
    return str_eq(str_bytes(OBJ_get0_data(o), OBJ_length(o)), str_bytes(aaguid_oid, sizeof aaguid_oid));
}

/* Where the certificate names an AAGUID it must be the authenticator's: an octet string in the extension's own. */
static bool is_aaguid_right(const X509 *cert, struct str aaguid) {
    bool is_seen = false;
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        const X509_EXTENSION *extension = X509_get_ext(cert, i);
        if (!is_aaguid_extension(extension)) continue;
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data((X509_EXTENSION *)(uintptr_t)extension);
        struct str s = str_bytes(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        if (is_seen || X509_EXTENSION_get_critical(extension) || s.n != 2 + AAGUID_BYTES) return false;
        if (s.p[0] != V_ASN1_OCTET_STRING || s.p[1] != AAGUID_BYTES || !str_eq(str_skip(s, 2), aaguid)) return false;
        is_seen = true;
    }
    return true;
}

static bool number(const EVP_PKEY *key, const char *name, uint8_t *out, size_t max, struct str *ret) {
    BIGNUM *v = NULL;
    bool is_right = EVP_PKEY_get_bn_param(key, name, &v) == 1 && BN_num_bytes(v) > 0 && (size_t)BN_num_bytes(v) <= max;
    if (is_right) *ret = str_bytes(out, (size_t)BN_bn2bin(v, out));
    BN_free(v);
    return is_right;
}

static bool read_point(const EVP_PKEY *key, struct certificate_key *k) {
    char group[32];
    size_t n = 0;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0 &&
           EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, k->key.point, sizeof k->key.point, &n) == 1 &&
           n == sizeof k->key.point && p256_is_point(str_bytes(k->key.point, n));
}

static bool read_key(const EVP_PKEY *key, struct certificate_key *k) {
    size_t n = sizeof k->x;
    switch (k->key.alg) {
    case COSE_ES256: return read_point(key, k);
    case COSE_EDDSA:
        k->key.x = str_bytes(k->x, sizeof k->x);
        return EVP_PKEY_is_a(key, "ED25519") && EVP_PKEY_get_raw_public_key(key, k->x, &n) == 1 &&
               ed25519_is_key(k->key.x);
    case COSE_RS256:
        return EVP_PKEY_is_a(key, "RSA") && number(key, OSSL_PKEY_PARAM_RSA_N, k->n, sizeof k->n, &k->key.n) &&
               number(key, OSSL_PKEY_PARAM_RSA_E, k->e, sizeof k->e, &k->key.e) && rs256_is_key(k->key.n, k->key.e);
    case COSE_NONE: break;
    }
    return false;
}

enum err certificate_read(struct str der, struct str aaguid, enum cose_alg alg, struct certificate_key *ret) {
    const unsigned char *at = (const unsigned char *)der.p;
    X509 *cert = d2i_X509(NULL, &at, (long)der.n);
    enum err r = ERR_INPUT;
    if (!cert || at != (const unsigned char *)der.p + der.n) goto out;
    if (X509_get_version(cert) != X509_VERSION_3 || !is_subject_right(cert)) goto out;
    if (!is_no_authority(cert) || !is_aaguid_right(cert, aaguid)) goto out;
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    ret->key.alg = alg;
    if (key && read_key(key, ret)) r = OK;
out:
    X509_free(cert);
    return r;
}
