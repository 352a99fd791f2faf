/* Attestation objects: which format, and whether its statement holds. */
#include "keeper/cbor.h"
#include "keeper/webauthn_priv.h"

enum { SELF_MEMBERS = 2, CERTIFIED_MEMBERS = 3 }; /* alg, sig; and x5c */

enum err attestation_read(struct str object, struct attestation *ret) {
    struct str format, statement, data;
    struct attestation a;
    size_t n = 0;
    enum err r;
    if (object.n > ATTESTATION_BYTES_MAX) return ERR_TOO_LARGE;
    if ((r = cbor_check(object)) != OK) return r;
    if (cbor_at_key(object, "fmt", &format) != OK || cbor_at_key(object, "attStmt", &statement) != OK ||
        cbor_at_key(object, "authData", &data) != OK)
        return ERR_INPUT;
    if (cbor_count(object, &n) != OK || n != 3 || !cbor_is_map(statement)) return ERR_INPUT;
    if (cbor_text(format, &a.format) != OK || cbor_bytes(data, &a.authenticator_data) != OK) return ERR_INPUT;
    a.statement = statement;
    *ret = a;
    return OK;
}

static const char *format_name(struct str format) {
    static const char *const known[] = { "fido-u2f", "tpm", "android-key", "android-safetynet", "apple", "compound" };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(format, str_from(known[i]))) return known[i];
    return "an unknown format";
}

static enum webauthn_reason check_none(struct str statement) {
    size_t n = 0;
    return cbor_count(statement, &n) == OK && n == 0 ? WEBAUTHN_FINE : WEBAUTHN_STATEMENT;
}

static enum webauthn_reason check_certified(const struct attestation *a, struct str aaguid, enum cose_alg alg,
                                            const uint8_t hash[HASH_BYTES], struct str sig) {
    struct certificate_key k = { 0 };
    struct str chain, first, leaf;
    if (cbor_at_key(a->statement, "x5c", &chain) != OK || cbor_at(chain, 0, &first) != OK ||
        cbor_bytes(first, &leaf) != OK)
        return WEBAUTHN_STATEMENT;
    if (certificate_read(leaf, aaguid, alg, &k) != OK) return WEBAUTHN_CERTIFICATE;
    return webauthn_signature(&k.key, a->authenticator_data, hash, sig) == OK ? WEBAUTHN_FINE : WEBAUTHN_SIGNATURE;
}

static enum webauthn_reason check_self(const struct attestation *a, struct str public_key, int64_t alg,
                                       const uint8_t hash[HASH_BYTES], struct str sig) {
    struct cose_key key;
    if (cose_key_read(public_key, &key) != OK) return WEBAUTHN_PUBLIC_KEY;
    if (alg != (int64_t)key.alg) return WEBAUTHN_STATEMENT;
    return webauthn_signature(&key, a->authenticator_data, hash, sig) == OK ? WEBAUTHN_FINE : WEBAUTHN_SIGNATURE;
}

static enum webauthn_reason check_packed(const struct attestation *a, const struct authenticator_data *d,
                                         const uint8_t hash[HASH_BYTES], const char **ret_name) {
    struct str item, sig;
    int64_t alg = 0;
    size_t n = 0;
    if (cbor_at_key(a->statement, "alg", &item) != OK || cbor_int(item, &alg) != OK) return WEBAUTHN_STATEMENT;
    if (cbor_at_key(a->statement, "sig", &item) != OK || cbor_bytes(item, &sig) != OK) return WEBAUTHN_STATEMENT;
    if (cbor_count(a->statement, &n) != OK || n > CERTIFIED_MEMBERS) return WEBAUTHN_STATEMENT;
    if (!cose_is_offered(alg)) {
        *ret_name = cose_alg_name(alg);
        return WEBAUTHN_ALGORITHM;
    }
    if (n == SELF_MEMBERS) return check_self(a, d->public_key, alg, hash, sig);
    return check_certified(a, d->aaguid, (enum cose_alg)alg, hash, sig);
}

enum webauthn_reason attestation_check(const struct attestation *a, const struct authenticator_data *d,
                                       const uint8_t client_data_hash[HASH_BYTES], const char **ret_name) {
    if (str_eq(a->format, STR("none"))) return check_none(a->statement);
    if (str_eq(a->format, STR("packed"))) return check_packed(a, d, client_data_hash, ret_name);
    *ret_name = format_name(a->format);
    return WEBAUTHN_FORMAT;
}
