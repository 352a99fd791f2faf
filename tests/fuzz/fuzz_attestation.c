/*
 * A whole registration with any attestation object, so authenticator data, COSE keys and certificates too: what is
 * allowed has a present and verified user, an id within bounds, sound backup flags and a key of an offered algorithm.
 */
#include "keeper/webauthn_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool is_so) {
    if (!is_so) abort();
}

#define CLIENT_DATA                                                                                                    \
    "{\"type\":\"webauthn.create\",\"challenge\":\"MDEyMzQ1Njc4OWFiY2RlZg\",\"origin\":\"https://example.org\"}"

/* The browser's own word for the id is what the object says, or nothing would pass. */
static struct str id_in(struct str object) {
    struct attestation a;
    struct authenticator_data d;
    if (attestation_read(object, &a) != OK || authenticator_data_read(a.authenticator_data, &d) != OK) return STR_NONE;
    return d.has_credential ? d.credential_id : STR_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const struct str origin[] = { { "https://example.org", 19 } };
    const struct webauthn_expect e = {
        .rp_id = STR("example.org"), .origins = origin, .origins_n = 1, .challenge = STR("0123456789abcdef")
    };
    struct ceremony c = { .client_data = STR(CLIENT_DATA), .attestation_object = str_bytes(data, n) };
    struct webauthn_credential fresh = { 0 };
    struct cose_key key;
    char text[WEBAUTHN_TEXT_SIZE];
    if (crypto_init() != OK) abort();
    c.credential_id = id_in(c.attestation_object);
    struct webauthn_answer a = webauthn_register(&e, &c, &fresh);
    webauthn_explain(a, text);
    need((a.verdict == WEBAUTHN_ALLOW) == (a.reason == WEBAUTHN_FINE) && a.verdict != WEBAUTHN_UNKNOWN);
    need((a.name != NULL) == (a.reason == WEBAUTHN_ALGORITHM || a.reason == WEBAUTHN_FORMAT));
    if (a.verdict != WEBAUTHN_ALLOW) return 0;
    need(fresh.id.n >= CREDENTIAL_ID_BYTES_MIN && fresh.id.n <= CREDENTIAL_ID_BYTES_MAX && fresh.is_verified);
    need(fresh.is_backup_eligible || !fresh.is_backed_up);
    need(cose_key_read(fresh.public_key, &key) == OK && key.alg == fresh.alg);
    return 0;
}
