/* Compact serialization: BASE64URL(header) "." BASE64URL(payload) "." BASE64URL(r || s). */
#include "base/jws.h"

#include "base/enc.h"

static void add_b64url(struct buf *to, struct str s) {
    if (buf_reserve(to, B64URL_LEN(s.n) + 1) != OK) return; /* the buffer keeps why */
    to->n += enc_b64url(s.n > 0 ? s.p : "", s.n, to->p + to->n);
}

enum err jws_sign(const struct p256_key *key, struct str header, struct str payload, struct buf *to) {
    uint8_t signature[64];
    size_t from = to->n;
    enum err r;
    add_b64url(to, header);
    buf_add_c(to, '.');
    add_b64url(to, payload);
    if ((r = buf_err(to)) != OK) return r;
    if ((r = p256_sign(key, str_bytes(to->p + from, to->n - from), signature)) != OK) return r;
    buf_add_c(to, '.');
    add_b64url(to, str_bytes(signature, sizeof signature));
    return buf_err(to);
}

static enum err add_decoded(struct buf *to, struct str text) {
    size_t room = text.n / 4 * 3 + 3, n = 0;
    enum err r;
    if ((r = buf_reserve(to, room)) != OK) return r;
    if ((r = dec_b64url(text, to->p + to->n, room, &n)) != OK) return r;
    to->n += n;
    return OK;
}

/* What the header may say. */
static enum err check_header(struct jws *j) {
    enum err r;
    if ((r = jobject_read(buf_str(&j->header_text), &j->header)) != OK) return r;
    if (jobject_kind(&j->header, "alg") != JKIND_STRING) return ERR_INPUT;
    if (jobject_kind(&j->header, "crit") != JKIND_NONE) return ERR_UNSUPPORTED;
    return jobject_is(&j->header, "alg", STR("ES256")) ? OK : ERR_UNSUPPORTED;
}

static enum err take_apart(struct str text, struct jws *j) {
    struct str header, payload, left;
    size_t n = 0;
    enum err r;
    left = str_cut(text, '.', &header);
    left = str_cut(left, '.', &payload);
    if (header.n > B64URL_LEN((size_t)JWS_HEADER_BYTES_MAX)) return ERR_TOO_LARGE;
    j->signed_part = (struct str){ text.p, header.n + 1 + payload.n };
    if (header.n == 0 || j->signed_part.n >= text.n) return ERR_INPUT;
    if ((r = add_decoded(&j->header_text, header)) != OK) return r;
    if ((r = check_header(j)) != OK) return r;
    if ((r = add_decoded(&j->payload, payload)) != OK) return r;
    if (left.n != B64URL_LEN(sizeof j->signature)) return ERR_INPUT;
    return dec_b64url(left, j->signature, sizeof j->signature, &n);
}

enum err jws_read(struct str text, struct jws *ret) {
    struct jws j = { 0 };
    if (text.n > JWS_BYTES_MAX) return ERR_TOO_LARGE;
    buf_init(&j.header_text, JWS_HEADER_BYTES_MAX + 4);
    buf_init(&j.payload, JWS_BYTES_MAX);
    enum err r = take_apart(text, &j);
    if (r == OK)
        *ret = j;
    else
        jws_release(&j);
    return r;
}

void jws_release(struct jws *j) {
    buf_release(&j->header_text);
    buf_release(&j->payload);
}

enum err jws_verify(const struct jws *j, struct str point) { return p256_verify(point, j->signed_part, j->signature); }

/* RFC 7638: the required members only, in the order of their names. */
static void add_required(struct buf *to, const uint8_t point[P256_POINT_BYTES]) {
    buf_add(to, STR("\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\""));
    add_b64url(to, str_bytes(point + 1, 32));
    buf_add(to, STR("\",\"y\":\""));
    add_b64url(to, str_bytes(point + 33, 32));
    buf_add(to, STR("\""));
}

void jwk_thumbprint(const uint8_t point[P256_POINT_BYTES], char out[JWK_KID_SIZE]) {
    uint8_t hash[HASH_BYTES];
    struct buf b;
    buf_init(&b, 256);
    buf_add_c(&b, '{');
    add_required(&b, point);
    buf_add_c(&b, '}');
    crypto_sha256(buf_str(&b), hash);
    (void)enc_b64url(hash, sizeof hash, out); /* 43 characters */
    buf_release(&b);
}

void jwk_add(struct buf *to, const uint8_t point[P256_POINT_BYTES]) {
    char kid[JWK_KID_SIZE];
    jwk_thumbprint(point, kid);
    buf_add_c(to, '{');
    add_required(to, point);
    buf_addf(to, ",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
}

void jwks_add(struct buf *to, const uint8_t (*points)[P256_POINT_BYTES], size_t n) {
    buf_add(to, STR("{\"keys\":["));
    for (size_t i = 0; i < n; i++) {
        if (i > 0) buf_add_c(to, ',');
        jwk_add(to, points[i]);
    }
    buf_add(to, STR("]}"));
}
