/*
 * The two WebAuthn ceremonies (level 3, section 7.1 and 7.2), as far as they are a server's own. Pure: challenge,
 * origins and the stored credential come in, a verdict goes out; that the challenge was issued, lives and is used once,
 * and that a credential's id is nobody else's, is the caller's to see to.
 *
 * Taken: ES256, EdDSA (Ed25519), RS256; attestation `none`, and `packed` with the credential's own key or a certificate
 * (its signature and form are verified; whose certificate it is says nothing here). All else is refused by name.
 */
#ifndef TOCSIN_KEEPER_WEBAUTHN_H
#define TOCSIN_KEEPER_WEBAUTHN_H

#include "keeper/ceremony.h"
#include "keeper/cose.h"

#define AAGUID_BYTES                 16
#define WEBAUTHN_CHALLENGE_BYTES_MIN 16
#define WEBAUTHN_CHALLENGE_BYTES_MAX 128
#define WEBAUTHN_TEXT_SIZE           128

/* What must be so. The zero of every choice is the strict one. */
struct webauthn_expect {
    struct str rp_id;
    const struct str *origins; /* exact texts */
    size_t origins_n;
    struct str challenge;          /* the bytes that were given out */
    struct str user_handle;        /* assertion: the account's own */
    bool is_user_identified;       /* assertion: the account was known before, so that the handle may be missing */
    bool is_verification_optional; /* UV need not be set */
};

/* What is kept of a credential. */
struct webauthn_credential {
    struct str id;         /* after registration: spans of the ceremony */
    struct str public_key; /* COSE */
    enum cose_alg alg;
    uint32_t sign_count;
    bool is_backup_eligible, is_backed_up, is_verified; /* is_verified: UV was set when it was made */
    uint8_t aaguid[AAGUID_BYTES];
};

/* What changes in it with an assertion. */
struct webauthn_use {
    uint32_t sign_count;
    bool is_backed_up;
    bool is_count_behind; /* a signal, no proof, that a copy is in use: the count did not grow */
};

enum webauthn_verdict { WEBAUTHN_REFUSE = 0, WEBAUTHN_ALLOW, WEBAUTHN_UNKNOWN }; /* UNKNOWN: we broke; refuse */

enum webauthn_reason {
    WEBAUTHN_NOT_CHECKED = 0,
#define X(name, text) WEBAUTHN_##name,
#include "keeper/webauthn.def"
#undef X
    WEBAUTHN_FINE,
};

struct webauthn_answer {
    enum webauthn_verdict verdict;
    enum webauthn_reason reason;
    const char *name; /* of what is not taken: "ES384", "tpm"; else NULL. One of our own words, never the caller's */
};

/* *ret_… is touched only with WEBAUTHN_ALLOW. */
struct webauthn_answer webauthn_register(const struct webauthn_expect *e, const struct ceremony *c,
                                         struct webauthn_credential *ret_new) MUST_CHECK;
struct webauthn_answer webauthn_assert(const struct webauthn_expect *e, const struct webauthn_credential *stored,
                                       const struct ceremony *c, struct webauthn_use *ret_use) MUST_CHECK;
void webauthn_explain(struct webauthn_answer a, char out[WEBAUTHN_TEXT_SIZE]);

#endif
