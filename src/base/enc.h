/* Encodings: base64 (RFC 4648), base64url without padding, hex; constant time, over libsodium. */
#ifndef TOCSIN_BASE_ENC_H
#define TOCSIN_BASE_ENC_H

#include "base/str.h"

#define B64URL_LEN(n) (((n)*4 + 2) / 3) /* characters for n bytes, unpadded */

/* Writes B64URL_LEN(n) characters and a NUL; returns the length. `out` must have room. */
size_t enc_b64url(const void *bytes, size_t n, char *out);
/* Strict: no padding, no blanks, canonical last character. ERR_INPUT, ERR_TOO_LARGE (over max). */
enum err dec_b64url(struct str text, void *out, size_t max, size_t *ret_n) MUST_CHECK;
size_t enc_b64(const void *bytes, size_t n, char *out); /* padded; 4*ceil(n/3) characters and NUL */
enum err dec_b64(struct str text, void *out, size_t max, size_t *ret_n) MUST_CHECK; /* padded; as strict */
size_t enc_hex(const void *bytes, size_t n, char *out);
enum err dec_hex(struct str text, void *out, size_t max, size_t *ret_n) MUST_CHECK;

#endif
