/* VAPID: a JWT for each push service's origin, signed with ES256 and kept for twelve hours. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/enc.h"
#include "courier/courier_priv.h"

#define CACHE_N 32
#define LIFE_S  (24 * 3600 - 600) /* under a day, with room for clocks that differ */
#define KEPT_MS (12 * MS_PER_HOUR)

struct vapid {
    struct p256_key *key;
    char public_text[B64URL_LEN(P256_POINT_BYTES) + 1];
    char subject[220];
    struct {
        char origin[260], header[800];
        int64_t until_ms;
    } cache[CACHE_N];
    size_t next;
};

/* A service refuses a subject that can't be written to: the configured contact, else the sender of the mails. */
static void set_subject(struct vapid *v, const struct config *c) {
    struct str from = str_from(c->mail_from);
    const char *open = memrchr(from.p, '<', from.n);
    if (c->push_contact[0]) {
        (void)snprintf(v->subject, sizeof v->subject, "%s", c->push_contact);
        return;
    }
    if (open) from = str_bytes(open + 1, (size_t)(from.p + from.n - open - 1));
    if (str_ends(from, STR(">"))) from.n--;
    (void)snprintf(v->subject, sizeof v->subject, "mailto:%.*s", STR_FMT(from));
}

enum err vapid_new(const uint8_t scalar[P256_SCALAR_BYTES], const struct config *c, struct vapid **ret) {
    struct vapid *v = calloc(1, sizeof *v);
    uint8_t point[P256_POINT_BYTES];
    enum err r = v ? p256_from_scalar(scalar, &v->key) : ERR_NOMEM;
    if (r != OK) {
        free(v);
        return r;
    }
    p256_public(v->key, point);
    (void)enc_b64url(point, sizeof point, v->public_text);
    set_subject(v, c);
    *ret = v;
    return OK;
}

void vapid_free(struct vapid *v) {
    if (!v) return;
    p256_free(v->key);
    free(v);
}

static enum err origin_of(struct str endpoint, char out[260]) {
    size_t scheme = str_starts(endpoint, STR("https://")) ? 8 : 7;
    struct str host;
    if (endpoint.n <= scheme) return ERR_INPUT;
    (void)str_cut(str_skip(endpoint, scheme), '/', &host);
    return str_to_z(str_bytes(endpoint.p, scheme + host.n), out, 260);
}

static enum err sign(struct vapid *v, const char *origin, int64_t now_ms, char out[800]) {
    static const char head[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}";
    char claims[560], signed_text[760], sig_text[B64URL_LEN(64) + 1];
    uint8_t sig[64];
    size_t n;
    enum err r;
    int c = snprintf(claims, sizeof claims, "{\"aud\":\"%s\",\"exp\":%lld,\"sub\":\"%s\"}", origin,
                     (long long)(now_ms / 1000 + LIFE_S), v->subject);
    if (c < 0 || (size_t)c >= sizeof claims) return ERR_TOO_LARGE;
    if (B64URL_LEN(sizeof head - 1) + 1 + B64URL_LEN((size_t)c) + 1 > sizeof signed_text) return ERR_TOO_LARGE;
    n = enc_b64url(head, sizeof head - 1, signed_text);
    signed_text[n++] = '.';
    n += enc_b64url(claims, (size_t)c, signed_text + n);
    if ((r = p256_sign(v->key, str_bytes(signed_text, n), sig)) != OK) return r;
    (void)enc_b64url(sig, sizeof sig, sig_text);
    c = snprintf(out, 800, "Authorization: vapid t=%s.%s,k=%s", signed_text, sig_text, v->public_text);
    return c > 0 && c < 800 ? OK : ERR_TOO_LARGE;
}

enum err vapid_header(struct vapid *v, struct str endpoint, int64_t now_ms, char out[800]) {
    char origin[260];
    size_t i;
    enum err r = origin_of(endpoint, origin);
    if (r != OK) return r;
    for (i = 0; i < CACHE_N; i++)
        if (strcmp(v->cache[i].origin, origin) == 0) break;
    if (i == CACHE_N) i = v->next++ % CACHE_N;
    /* A clock set back makes an entry too far ahead: made anew as well. */
    if (strcmp(v->cache[i].origin, origin) != 0 || v->cache[i].until_ms <= now_ms ||
        v->cache[i].until_ms > now_ms + KEPT_MS) {
        v->cache[i].origin[0] = 0;
        if ((r = sign(v, origin, now_ms, v->cache[i].header)) != OK) return r;
        memcpy(v->cache[i].origin, origin, sizeof origin);
        v->cache[i].until_ms = now_ms + KEPT_MS;
    }
    memcpy(out, v->cache[i].header, 800);
    return OK;
}
