/* A compact JWS: what is read has our algorithm and nothing critical, and no fuzzer's text verifies with our key. */
#include "base/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool is_so) {
    if (!is_so) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct p256_key *key;
    uint8_t point[P256_POINT_BYTES];
    struct jws j;
    struct buf b;
    if (!key && (crypto_init() != OK || p256_generate(&key) != OK)) abort();
    if (jws_read(str_bytes(data, n), &j) != OK) return 0;
    p256_public(key, point);
    need(jobject_is(&j.header, "alg", STR("ES256")) && jobject_kind(&j.header, "crit") == JKIND_NONE);
    need(j.signed_part.n < n && j.header_text.n <= JWS_HEADER_BYTES_MAX);
    need(jws_verify(&j, str_bytes(point, sizeof point)) == ERR_CRYPTO);
    /* Signed by us, the same header and payload verify, and their encoding is the only one. */
    buf_init(&b, JWS_BYTES_MAX);
    if (jws_sign(key, buf_str(&j.header_text), buf_str(&j.payload), &b) == OK) {
        struct jws again;
        need(b.n == n && memcmp(b.p, data, j.signed_part.n) == 0);
        need(jws_read(buf_str(&b), &again) == OK && jws_verify(&again, str_bytes(point, sizeof point)) == OK);
        jws_release(&again);
    }
    buf_release(&b);
    jws_release(&j);
    return 0;
}
