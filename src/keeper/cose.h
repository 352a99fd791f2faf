/*
 * Public keys as COSE has them (RFC 9052, 9053, 8230; WebAuthn section 5.8.5), for the three algorithms that we offer:
 * ES256 (P-256 only, uncompressed), EdDSA (Ed25519 only), RS256 (2048 to 4096 bits). Spans of the input, no copies.
 */
#ifndef TOCSIN_KEEPER_COSE_H
#define TOCSIN_KEEPER_COSE_H

#include "base/crypto.h"

#define COSE_KEY_BYTES_MAX 1024

enum cose_alg { COSE_NONE = 0, COSE_ES256 = -7, COSE_EDDSA = -8, COSE_RS256 = -257 };

struct cose_key {
    enum cose_alg alg;
    uint8_t point[P256_POINT_BYTES]; /* ES256 */
    struct str x;                    /* EdDSA */
    struct str n, e;                 /* RS256 */
};

bool cose_is_offered(int64_t alg);
const char *
cose_alg_name(int64_t alg); /* "ES384"; "an unknown algorithm" where IANA's registry has none that we know */
/* The algorithm that a key names, offered or not. ERR_INPUT, ERR_TOO_LARGE. */
enum err cose_key_alg(struct str key, int64_t *ret_alg) MUST_CHECK;
/* ERR_UNSUPPORTED for an algorithm that is not offered; ERR_INPUT when the key is not exactly one of its algorithm (a
 * member too many, a point off the curve, a short modulus). */
enum err cose_key_read(struct str key, struct cose_key *ret) MUST_CHECK;
/* ERR_CRYPTO: the signature is not one of `in` by that key. ES256 signatures are DER, as WebAuthn has them. */
enum err cose_verify(const struct cose_key *key, struct str in, struct str sig) MUST_CHECK;

#endif
