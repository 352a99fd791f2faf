/*
 * Compact JWS (RFC 7515) with ES256 and nothing else, and the public key that others verify it with as JWK (RFC 7517)
 * and JWKS; the key's id is its thumbprint (RFC 7638). Receipts and evidence are signed with it.
 */
#ifndef TOCSIN_BASE_JWS_H
#define TOCSIN_BASE_JWS_H

#include "base/crypto.h"
#include "base/jobject.h"

#define JWS_HEADER_BYTES_MAX 1024
#define JWS_BYTES_MAX        (256 * 1024)
#define JWK_KID_SIZE         44 /* base64url of SHA-256, and NUL */

/* The caller's header must say alg ES256. Errors: the buffer's, ERR_CRYPTO. */
enum err jws_sign(const struct p256_key *key, struct str header, struct str payload, struct buf *to) MUST_CHECK;

struct jws {
    struct buf header_text, payload; /* decoded */
    struct jobject header;
    struct str signed_part; /* borrowed from the text */
    uint8_t signature[64];
};

/*
 * Takes a JWS apart; verifies nothing. ERR_INPUT, ERR_TOO_LARGE, and ERR_UNSUPPORTED for another algorithm than ES256
 * or a header that names critical extensions (`crit`; so also for `b64`). On success the caller releases it.
 */
enum err jws_read(struct str text, struct jws *ret) MUST_CHECK;
void jws_release(struct jws *j);
enum err jws_verify(const struct jws *j, struct str point) MUST_CHECK; /* ERR_CRYPTO */

/* point: 65 octets uncompressed, as p256_public gives it. */
void jwk_thumbprint(const uint8_t point[P256_POINT_BYTES], char out[JWK_KID_SIZE]);
void jwk_add(struct buf *to, const uint8_t point[P256_POINT_BYTES]);
void jwks_add(struct buf *to, const uint8_t (*points)[P256_POINT_BYTES], size_t n);

#endif
