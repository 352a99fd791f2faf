/* Message encryption for Web Push, and the declarative payload that a service worker and Safari both understand. */
#include <jansson.h>
#include <stdlib.h>

#include "base/enc.h"
#include "base/secret.h"
#include "courier/courier_priv.h"

#define HEADER_BYTES 86 /* salt 16, record size 4, key length 1, key 65 */
#define TAG_BYTES    16

/* IKM of RFC 8291 §3.4: both public keys are bound to the shared secret. */
static enum err make_ikm(const struct push_keys *k, const uint8_t as_public[P256_POINT_BYTES], uint8_t ikm[32]) {
    uint8_t shared[32], info[14 + 2 * P256_POINT_BYTES];
    enum err r = p256_ecdh(k->ephemeral, k->p256dh, shared);
    if (r != OK) return r;
    memcpy(info, "WebPush: info\0", 14);
    memcpy(info + 14, k->p256dh.p, P256_POINT_BYTES);
    memcpy(info + 14 + P256_POINT_BYTES, as_public, P256_POINT_BYTES);
    r = crypto_hkdf_sha256(str_bytes(shared, sizeof shared), k->auth, str_bytes(info, sizeof info), ikm, 32);
    bytes_wipe(shared, sizeof shared);
    return r;
}

enum err webpush_encrypt(const struct push_keys *k, struct str text, size_t padded, uint8_t out[PUSH_BODY_MAX],
                         size_t *ret_n) {
    uint8_t ikm[32], cek[16], nonce[12], as_public[P256_POINT_BYTES], plain[PUSH_BODY_MAX];
    const struct str salt = str_bytes(k->salt, 16);
    uint32_t record_bytes;
    enum err r;
    if (k->p256dh.n != P256_POINT_BYTES || k->auth.n != 16) return ERR_CRYPTO;
    if (padded < text.n) padded = text.n;
    if (HEADER_BYTES + padded + 1 + TAG_BYTES > PUSH_BODY_MAX) return ERR_TOO_LARGE;
    p256_public(k->ephemeral, as_public);
    if ((r = make_ikm(k, as_public, ikm)) != OK) return r;
    r = crypto_hkdf_sha256(str_bytes(ikm, 32), salt, STR("Content-Encoding: aes128gcm\0"), cek, sizeof cek);
    if (r == OK)
        r = crypto_hkdf_sha256(str_bytes(ikm, 32), salt, STR("Content-Encoding: nonce\0"), nonce, sizeof nonce);
    if (r != OK) goto out;
    memset(plain, 0, padded + 1);
    memcpy(plain, text.p, text.n);
    plain[text.n] = 0x02; /* the last record; zeros follow */
    record_bytes = PUSH_BODY_MAX;
    memcpy(out, k->salt, 16);
    for (int i = 0; i < 4; i++) out[16 + i] = (uint8_t)(record_bytes >> (24 - 8 * i));
    out[20] = P256_POINT_BYTES;
    memcpy(out + 21, as_public, P256_POINT_BYTES);
    r = crypto_gcm_seal(str_bytes(cek, sizeof cek), nonce, STR_NONE, str_bytes(plain, padded + 1), out + HEADER_BYTES);
    *ret_n = HEADER_BYTES + padded + 1 + TAG_BYTES;
out:
    bytes_wipe(ikm, sizeof ikm);
    bytes_wipe(cek, sizeof cek);
    bytes_wipe(plain, sizeof plain);
    return r;
}

/* Where a tap leads: the alert's link; for a code, the page of the attempt that asks for it. */
static const char *navigate_of(const struct letter_words *w, const char *origin, struct buf *room) {
    if (w->link[0]) return w->link;
    buf_add_z(room, origin);
    if (w->d->letter == LETTER_CODE) {
        buf_add_z(room, "/code/");
        buf_add(room, str_bytes(w->d->body, w->d->body_n));
    } else {
        buf_add_z(room, "/home");
    }
    buf_add_c(room, 0);
    return buf_err(room) == OK ? room->p : origin;
}

enum err webpush_payload(const struct letter_words *w, const char *origin, bool is_short, struct buf *out) {
    const struct outbox_delivery *d = w->d;
    char tag[ID_TEXT_SIZE], alert[ID_TEXT_SIZE];
    struct str body = is_short ? STR("Open tocsin to see.") : str_bytes(d->body, d->body_n);
    struct buf room;
    json_t *o, *tocsin;
    char *text;
    if (d->letter == LETTER_CODE) body = STR("Open this to see it, only if you asked for it yourself.");
    buf_init(&room, 2048);
    id_text(id_is_zero(d->alert.b) ? d->row.b : d->alert.b, tag);
    id_text(d->alert.b, alert);
    tocsin = json_pack("{s:s,s:s,s:s}", "alert", id_is_zero(d->alert.b) ? "" : alert, "action",
                       action_rules[d->action].name, "kind",
                       d->kind                    ? alert_kind_name((enum alert_kind)d->kind)
                       : d->letter == LETTER_CODE ? "code"
                                                  : "test");
    if (w->digits[0]) (void)json_object_set_new(tocsin, "code", json_string(w->digits));
    o = json_pack("{s:i,s:{s:s%,s:s%,s:s,s:s},s:o}", "web_push", 8030, "notification", "title", d->title,
                  (size_t)d->title_n, "body", body.p, body.n, "navigate", navigate_of(w, origin, &room), "tag", tag,
                  "tocsin", tocsin);
    text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    if (text) buf_add_z(out, text);
    if (text) bytes_wipe(text, strlen(text));
    free(text);
    json_decref(o);
    buf_release(&room);
    return text ? buf_err(out) : ERR_INPUT;
}

void webpush_topic(const uint8_t link_key[KEY_BYTES], const struct outbox_delivery *d, char out[33]) {
    uint8_t mac[HASH_BYTES];
    const uint8_t *id = id_is_zero(d->alert.b) ? d->row.b : d->alert.b;
    crypto_mac(link_key, "tocsin push topic 1", str_bytes(id, ID_BYTES), mac);
    (void)enc_b64url(mac, 24, out);
}
