/* What is beside the payload stands in the protected header: the payload is what the person saw, to the letter. */
#include "keeper/receipt.h"

#include "base/jws.h"
#include "base/secret.h"

static enum err sign(const struct step *s, struct str payload, int64_t at_ms, struct buf *out) {
    const struct keeper_message_ask *q = &s->j->q;
    uint8_t point[P256_POINT_BYTES];
    char kid[JWK_KID_SIZE], attempt[ID_TEXT_SIZE];
    p256_public(s->k->receipt_key, point);
    jwk_thumbprint(point, kid);
    id_text(q->attempt.b, attempt);
    char *header =
        arena_fmt(s->arena,
                  "{\"alg\":\"ES256\",\"typ\":\"tocsin-receipt+jws\",\"kid\":\"%s\",\"iss\":\"%s\",\"jti\":\"%s\","
                  "\"iat\":%lld}",
                  kid, s->k->config->server_origin, attempt, (long long)(at_ms / 1000));
    return header ? jws_sign(s->k->receipt_key, str_from(header), payload, out) : ERR_NOMEM;
}

enum err receipt_make(const struct step *s, const struct record *rec) {
    struct str payload = str_bytes(s->j->q.secret, s->j->q.secret_n);
    struct subject subject;
    struct buf out;
    crypto_sha256(payload, subject.b);
    if (memcmp(subject.b, rec->subject.b, sizeof subject.b) != 0) {
        job_say(s->j, KEEPER_REFUSED);
        return OK;
    }
    buf_init(&out, sizeof s->j->r.receipt - 1);
    /* Asked for again, it says when it was bought, not when it was asked for. */
    enum err r = sign(s, payload, rec->state == RECORD_OPEN ? s->now_ms : rec->touched_ms, &out);
    if (r == OK) memcpy(s->j->r.receipt, out.p, out.n);
    buf_release(&out);
    return r;
}
