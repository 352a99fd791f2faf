/* Encodings over libsodium's constant-time codecs. */
#include "base/enc.h"

#include <sodium.h>

size_t enc_b64url(const void *bytes, size_t n, char *out) {
    size_t size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    (void)sodium_bin2base64(out, size, bytes, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return size - 1;
}

static enum err decode(struct str text, void *out, size_t max, size_t *ret_n, int variant) {
    size_t n = 0;
    const char *end = NULL;
    unsigned char any = 0;
    for (size_t i = 0; i < text.n; i++) any |= (unsigned char)text.p[i];
    if (any >= 0x80) return ERR_INPUT; /* libsodium 1.0.18 reads such a byte as '_' where char is signed */
    if (sodium_base642bin(out, max, text.p, text.n, NULL, &n, &end, variant) != 0) return ERR_INPUT;
    if (end != text.p + text.n) return ERR_INPUT;
    *ret_n = n;
    return OK;
}

enum err dec_b64url(struct str text, void *out, size_t max, size_t *ret_n) {
    if (text.n > B64URL_LEN(max)) return ERR_TOO_LARGE;
    return decode(text, out, max, ret_n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum err dec_b64(struct str text, void *out, size_t max, size_t *ret_n) {
    if (text.n > (max + 2) / 3 * 4) return ERR_TOO_LARGE;
    return decode(text, out, max, ret_n, sodium_base64_VARIANT_ORIGINAL);
}

size_t enc_b64(const void *bytes, size_t n, char *out) {
    size_t size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
    (void)sodium_bin2base64(out, size, bytes, n, sodium_base64_VARIANT_ORIGINAL);
    return size - 1;
}

size_t enc_hex(const void *bytes, size_t n, char *out) {
    (void)sodium_bin2hex(out, n * 2 + 1, bytes, n);
    return n * 2;
}

enum err dec_hex(struct str text, void *out, size_t max, size_t *ret_n) {
    size_t n = 0;
    const char *end = NULL;
    if (text.n % 2 != 0) return ERR_INPUT;
    if (text.n / 2 > max) return ERR_TOO_LARGE;
    if (sodium_hex2bin(out, max, text.p, text.n, NULL, &n, &end) != 0 || end != text.p + text.n) return ERR_INPUT;
    *ret_n = n;
    return OK;
}
