/* Between the files of the courier. */
#ifndef TOCSIN_COURIER_COURIER_PRIV_H
#define TOCSIN_COURIER_COURIER_PRIV_H

#include <curl/curl.h>
#include <sys/socket.h>

#include "alarm/outbox.h"
#include "base/buf.h"
#include "core/token.h"
#include "courier/courier.h"

#define MESSAGE_BYTES_MAX (64 * 1024)
#define PUSH_BODY_MAX     4096

/* ---- letter.c: words into a mail ---- */
struct letter {
    char from[200], from_address[200], domain[200]; /* of [mail] from, and the origin's host for Message-ID */
    const char *origin;
};
void letter_init(struct letter *l, const struct config *c);
/* The whole message, CRLF line ends. digits: of an e-mail code, else empty; link: whole address, else empty. */
struct letter_words {
    const struct outbox_delivery *d;
    const char *digits, *link;
    int64_t now_ms;
};
enum err letter_write(const struct letter *l, const struct letter_words *w, struct buf *out) MUST_CHECK;
/* "alarm+ROW@domain": where bounces of this one message go. ERR_TOO_LARGE. */
enum err letter_envelope(const struct letter *l, const struct outbox_delivery *d, char out[300]) MUST_CHECK;

/* ---- webpush.c: RFC 8291, 8188 ---- */
struct push_keys {
    struct str p256dh, auth;
    const struct p256_key *ephemeral;
    const uint8_t *salt; /* 16 bytes */
};
/* One record: header, text padded to `padded` bytes, tag. *ret_n <= 86 + padded + 17. ERR_CRYPTO for bad keys. */
enum err webpush_encrypt(const struct push_keys *k, struct str text, size_t padded, uint8_t out[PUSH_BODY_MAX],
                         size_t *ret_n) MUST_CHECK;
/* The declarative JSON of a delivery. `is_short`: without the body, for a service that finds it too large. */
enum err webpush_payload(const struct letter_words *w, const char *origin, bool is_short, struct buf *out) MUST_CHECK;
/* 32 characters that replace an undelivered message of the same alert, and tell nothing. */
void webpush_topic(const uint8_t link_key[KEY_BYTES], const struct outbox_delivery *d, char out[33]);

/* ---- vapid.c: RFC 8292 ---- */
struct vapid;
enum err vapid_new(const uint8_t scalar[P256_SCALAR_BYTES], const struct config *c, struct vapid **ret) MUST_CHECK;
void vapid_free(struct vapid *v);
/* "Authorization: vapid t=…,k=…" for the endpoint's origin; cached for 12 h. */
enum err vapid_header(struct vapid *v, struct str endpoint, int64_t now_ms, char out[800]) MUST_CHECK;

/* ---- outcome.c ---- */
struct outcome {
    uint8_t result; /* enum outbox_result */
    uint16_t status;
    int64_t retry_ms;
    bool is_too_large, is_our_fault;
};
void outcome_of_push(CURLcode rc, long status, curl_off_t retry_after_s, struct outcome *ret);
void outcome_of_smtp(CURLcode rc, long status, struct outcome *ret);

/* ---- guard_address.c: where push may not go ---- */
bool address_is_public(const struct sockaddr *sa);

#endif
