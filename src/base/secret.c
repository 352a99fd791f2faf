/* Locked, undumpable memory for secrets. Where the limit of locked memory is reached the bytes are still wiped and kept
 * from dumps. */
#include "base/secret.h"

#include <sodium.h>
#include <stdlib.h>

void secret_init(struct secret *s) { *s = (struct secret){ NULL, 0 }; }

static enum err secret_make(struct secret *s, size_t n) {
    if (n > SECRET_BYTES_MAX) return ERR_TOO_LARGE;
    secret_release(s);
    s->p = malloc(n ? n : 1);
    if (!s->p) return ERR_NOMEM;
    s->n = n;
    (void)sodium_mlock(s->p, n ? n : 1); /* refused past the limit: a wish, not a need */
    return OK;
}

enum err secret_from_str(struct secret *s, struct str from) {
    enum err r = secret_make(s, from.n);
    if (r == OK && from.n > 0) memcpy(s->p, from.p, from.n);
    return r;
}

enum err secret_random(struct secret *s, size_t n) {
    enum err r = secret_make(s, n);
    if (r == OK) randombytes_buf(s->p, n);
    return r;
}

void secret_release(struct secret *s) {
    if (s->p) {
        (void)sodium_munlock(s->p, s->n ? s->n : 1); /* wipes first */
        sodium_memzero(s->p, s->n);
    }
    free(s->p);
    secret_init(s);
}

bool secret_eq(const struct secret *a, const struct secret *b) {
    return a->n == b->n && (a->n == 0 || sodium_memcmp(a->p, b->p, a->n) == 0);
}

bool bytes_eq_secret(const void *a, const void *b, size_t n) { return sodium_memcmp(a, b, n) == 0; }

void bytes_wipe(void *p, size_t n) {
    if (p && n > 0) sodium_memzero(p, n);
}
