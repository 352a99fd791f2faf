/*
 * Thin wrappers over libsodium and OpenSSL 3: hashes, MACs, randomness, sealed boxes, the P-256, HKDF and AES-GCM
 * that Web Push and VAPID need, and the signatures that passkeys make. No password hashing here: that is the keeper's
 * alone. OpenSSL algorithms are fetched once.
 */
#ifndef TOCSIN_BASE_CRYPTO_H
#define TOCSIN_BASE_CRYPTO_H

#include "base/str.h"

#define HASH_BYTES         32
#define SHA1_BYTES         20
#define KEY_BYTES          32
#define P256_POINT_BYTES   65 /* uncompressed: 0x04, x, y */
#define P256_SCALAR_BYTES  32
#define BOX_PUBLIC_BYTES   32
#define BOX_SECRET_BYTES   32
#define BOX_OVERHEAD_BYTES 48

enum err crypto_init(void) MUST_CHECK; /* once per process, before the sandbox closes */
void crypto_random(void *out, size_t n);
void crypto_sha256(struct str in, uint8_t out[HASH_BYTES]);
void crypto_sha1(struct str in, uint8_t out[SHA1_BYTES]); /* only for lists that others made with it */
/* SHA-256 of what comes in pieces (OpenSSL's, which uses the processor's own instructions). */
struct sha256_run;
struct sha256_run *sha256_new(void); /* NULL without memory */
void sha256_add(struct sha256_run *run, struct str in);
/* Writes the hash and frees the run; NULL is fine and writes nothing. `out` may be NULL. */
void sha256_end(struct sha256_run *run, uint8_t out[HASH_BYTES]);
/* Keyed BLAKE2b-256 with a label that separates uses: MAC(key, label || 0x00 || in). */
void crypto_mac(const uint8_t key[KEY_BYTES], const char *label, struct str in, uint8_t out[HASH_BYTES]);
/* The one hash under which tokens are stored and looked up (unkeyed BLAKE2b-256 of the whole token text). */
void crypto_token_hash(struct str token, uint8_t out[HASH_BYTES]);
/* Sealed boxes (X25519, XSalsa20-Poly1305). `out` holds n + BOX_OVERHEAD_BYTES / in.n - BOX_OVERHEAD_BYTES. */
enum err crypto_seal(struct str in, const uint8_t to[BOX_PUBLIC_BYTES], uint8_t *out) MUST_CHECK;
enum err crypto_unseal(struct str in, const uint8_t pub[BOX_PUBLIC_BYTES], const uint8_t sec[BOX_SECRET_BYTES],
                       uint8_t *out) MUST_CHECK;
void crypto_seal_keypair(uint8_t ret_pub[BOX_PUBLIC_BYTES], uint8_t ret_sec[BOX_SECRET_BYTES]);

/* RFC 5869 with SHA-256. */
enum err crypto_hkdf_sha256(struct str ikm, struct str salt, struct str info, uint8_t *out, size_t n) MUST_CHECK;
/* AES-128/256-GCM, 12-byte nonce, 16-byte tag after the text. key.n selects the size. ERR_CRYPTO on a bad tag. */
enum err crypto_gcm_seal(struct str key, const uint8_t nonce[12], struct str aad, struct str in,
                         uint8_t *out) MUST_CHECK;
enum err crypto_gcm_open(struct str key, const uint8_t nonce[12], struct str aad, struct str in,
                         uint8_t *out) MUST_CHECK;

struct p256_key; /* a private key; freed with p256_free */
enum err p256_generate(struct p256_key **ret) MUST_CHECK;
enum err p256_from_scalar(const uint8_t scalar[P256_SCALAR_BYTES], struct p256_key **ret) MUST_CHECK;
void p256_scalar(const struct p256_key *k, uint8_t out[P256_SCALAR_BYTES]);
void p256_public(const struct p256_key *k, uint8_t out[P256_POINT_BYTES]);
/* ERR_CRYPTO when the peer's point is not on the curve, is infinity, or not 65 uncompressed octets. */
enum err p256_ecdh(const struct p256_key *k, struct str peer_point, uint8_t out[32]) MUST_CHECK;
/* ES256 over SHA-256 of `in`; the signature is raw r||s (RFC 7515 A.3). */
enum err p256_sign(const struct p256_key *k, struct str in, uint8_t out[64]) MUST_CHECK;
enum err p256_verify(struct str point, struct str in, const uint8_t raw_sig[64]) MUST_CHECK;
/* The same for a signature in strict DER (X9.62), as WebAuthn has it. */
enum err p256_verify_der(struct str point, struct str in, struct str sig) MUST_CHECK;
bool p256_is_point(struct str point); /* 65 uncompressed octets of a point on the curve */
void p256_free(struct p256_key *k);

#define ED25519_KEY_BYTES 32
#define ED25519_SIG_BYTES 64
#define RSA_BITS_MIN      2048
#define RSA_BITS_MAX      4096
/* A canonical point of the prime-order group: under one of small order a signature fits any message. */
bool ed25519_is_key(struct str key);
/* Pure Ed25519 (RFC 8032). ERR_CRYPTO, also for what is no key. */
enum err ed25519_verify(struct str key, struct str in, struct str sig) MUST_CHECK;
/* n and e are big-endian without leading zeros; n odd, within RSA_BITS_MIN … RSA_BITS_MAX; e odd, over 1, up to 4
 * bytes. */
bool rs256_is_key(struct str n, struct str e);
/* RSASSA-PKCS1-v1_5 with SHA-256. ERR_CRYPTO, also for what is no key. */
enum err rs256_verify(struct str n, struct str e, struct str in, struct str sig) MUST_CHECK;

#endif
