/* The parts of a ceremony, each readable and fuzzable for itself. WEBAUTHN_FINE is the only answer that lets go on. */
#ifndef TOCSIN_KEEPER_WEBAUTHN_PRIV_H
#define TOCSIN_KEEPER_WEBAUTHN_PRIV_H

#include "keeper/webauthn.h"

/* clientDataJSON against the expectation (section 5.8.1; steps 5-11 of both ceremonies). */
enum webauthn_reason client_data_check(struct str text, const struct webauthn_expect *e, const char *type) MUST_CHECK;

/* Authenticator data (section 6.1); spans of the input. */
struct authenticator_data {
    struct str rp_id_hash;
    uint8_t flags;
    uint32_t sign_count;
    bool has_credential;
    struct str aaguid, credential_id, public_key; /* with has_credential */
};
enum { FLAG_UP = 0x01, FLAG_UV = 0x04, FLAG_BE = 0x08, FLAG_BS = 0x10, FLAG_AT = 0x40, FLAG_ED = 0x80 };
/* ERR_INPUT; ERR_TOO_LARGE for a credential id over 1023 bytes, or CBOR over its limits. */
enum err authenticator_data_read(struct str in, struct authenticator_data *ret) MUST_CHECK;

struct attestation {
    struct str format, statement, authenticator_data;
};
enum err attestation_read(struct str object, struct attestation *ret) MUST_CHECK; /* ERR_INPUT, ERR_TOO_LARGE */
/* Verifies the statement over authenticator data and hash (section 8.2, 8.7). *ret_name as in struct webauthn_answer.
 */
enum webauthn_reason attestation_check(const struct attestation *a, const struct authenticator_data *d,
                                       const uint8_t client_data_hash[HASH_BYTES], const char **ret_name) MUST_CHECK;

/* A certificate's key, once the certificate is as section 8.2.1 wants it: ERR_INPUT. Not to be copied. */
struct certificate_key {
    struct cose_key key; /* its spans point into this struct */
    uint8_t n[RSA_BITS_MAX / 8], e[4], x[ED25519_KEY_BYTES];
};
enum err certificate_read(struct str der, struct str aaguid, enum cose_alg alg, struct certificate_key *ret) MUST_CHECK;

/* Is `sig` the key's, over authenticator data followed by the hash? ERR_CRYPTO, ERR_TOO_LARGE. */
enum err webauthn_signature(const struct cose_key *key, struct str data, const uint8_t hash[HASH_BYTES],
                            struct str sig) MUST_CHECK;

#endif
