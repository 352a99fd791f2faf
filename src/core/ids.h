/*
 * Identifiers. Each kind is its own type of 16 random bytes, so that one can't be passed for another. Outside, an id is
 * 22 characters of base64url. `account_id` leads every primary key and is part of every query.
 */
#ifndef TOCSIN_CORE_IDS_H
#define TOCSIN_CORE_IDS_H

#include "base/str.h"

#define ID_BYTES     16
#define ID_TEXT_SIZE 23 /* 22 characters and NUL */

struct account_id {
    uint8_t b[ID_BYTES];
};
struct attempt_id {
    uint8_t b[ID_BYTES];
};
struct device_id {
    uint8_t b[ID_BYTES];
};
struct session_id {
    uint8_t b[ID_BYTES];
};
struct alert_id {
    uint8_t b[ID_BYTES];
};
struct contact_id {
    uint8_t b[ID_BYTES];
};
struct push_id {
    uint8_t b[ID_BYTES];
};
struct case_id {
    uint8_t b[ID_BYTES];
};
/* What an attempt is about, as front and keeper both bind it: an id and zeros, a hash, or zeros for nothing. */
struct subject {
    uint8_t b[32];
};
struct passkey_id {
    uint8_t b[ID_BYTES];
};
struct pair_id { /* of a main database and its keeper's */
    uint8_t b[ID_BYTES];
};
struct row_id {
    uint8_t b[ID_BYTES];
}; /* outbox and history rows */

/* All kinds share the layout, so these take the bytes: id_new(x.b), id_text(x.b, out). */
void id_new(uint8_t ret_id[ID_BYTES]);
/* As id_new, but the first 6 bytes are the time, big-endian, so that rows of one account sort by age. */
void id_new_at(int64_t now_ms, uint8_t ret_id[ID_BYTES]);
void id_text(const uint8_t id[ID_BYTES], char out[ID_TEXT_SIZE]);
enum err id_parse(struct str text, uint8_t ret_id[ID_BYTES]) MUST_CHECK; /* ERR_INPUT */
static inline bool id_eq(const uint8_t a[ID_BYTES], const uint8_t b[ID_BYTES]) { return memcmp(a, b, ID_BYTES) == 0; }
bool id_is_zero(const uint8_t id[ID_BYTES]);

/* What a sign-in is about that was opened without an address: the account is the one that a passkey will name. */
extern const struct subject SUBJECT_NO_ADDRESS;
static inline bool subject_is_no_address(const struct subject *s) {
    return memcmp(s->b, SUBJECT_NO_ADDRESS.b, sizeof s->b) == 0;
}

#endif
