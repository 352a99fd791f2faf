/*
 * Memory that lives as long as one piece of work (a request, a tick) and goes at once. Everything in it is
 * wiped on reset, so secrets may pass through. Not for more than one thread at a time.
 */
#ifndef TOCSIN_BASE_ARENA_H
#define TOCSIN_BASE_ARENA_H

#include "base/str.h"

struct arena; /* made of blocks; `max` bounds the sum */

struct arena *arena_new(size_t max);
void arena_free(struct arena *a);  /* NULL is fine */
void arena_reset(struct arena *a); /* wipes; keeps one block for the next piece of work */
/* Zeroed, aligned to 16. NULL when the maximum is reached or memory is out. */
void *arena_alloc(struct arena *a, size_t n);
char *arena_dup_z(struct arena *a, struct str s);    /* with a closing NUL; NULL on failure */
struct str arena_dup(struct arena *a, struct str s); /* {NULL,0} on failure */
char *arena_fmt(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
size_t arena_used(const struct arena *a);

#endif
