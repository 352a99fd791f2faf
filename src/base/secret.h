/*
 * Bytes that must not leak: passwords, codes, tokens, keys. In locked memory that stays out of core dumps,
 * wiped on release; there is no formatter for it.
 */
#ifndef TOCSIN_BASE_SECRET_H
#define TOCSIN_BASE_SECRET_H

#include "base/str.h"

#define SECRET_BYTES_MAX 4096

struct secret {
    uint8_t *p; /* owned */
    size_t n;
};

void secret_init(struct secret *s);
/* A copy of `from`. ERR_TOO_LARGE, ERR_NOMEM. */
enum err secret_from_str(struct secret *s, struct str from) MUST_CHECK;
enum err secret_random(struct secret *s, size_t n) MUST_CHECK;
void secret_release(struct secret *s); /* wipes; always safe */
bool secret_eq(const struct secret *a, const struct secret *b);
/* The one constant-time comparison for equal-length arrays. */
bool bytes_eq_secret(const void *a, const void *b, size_t n);
void bytes_wipe(void *p, size_t n);
static inline struct str secret_str(const struct secret *s) { return str_bytes(s->p, s->n); } /* borrowed */

#endif
