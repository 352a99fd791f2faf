/*
 * Memory for a great many small things that live for long: on lines of 64 bytes, in blocks of 2 MiB for which huge
 * pages are asked, so that a look at one of a million costs no walk through page tables. What is put back serves the
 * next of its size; blocks stay until the end. Not for several threads at once.
 */
#ifndef TOCSIN_BASE_SLAB_H
#define TOCSIN_BASE_SLAB_H

#include <stddef.h>

#define SLAB_LINE_BYTES 64
#define SLAB_SIZES      64 /* of 64 to 4096 bytes; what is larger comes from the heap */

struct slab_block;
struct slab_free;

struct slab {
    struct slab_block *blocks;
    struct slab_free *free[SLAB_SIZES];
    size_t used; /* of the first block */
};

void slab_init(struct slab *s);
void slab_release(struct slab *s);                /* everything must be put back */
void *slab_get(struct slab *s, size_t n);         /* not cleared; NULL without memory. n > 0 */
void slab_put(struct slab *s, void *p, size_t n); /* n: as it was asked for. NULL is fine */

/* `n` bytes, cleared, in huge pages where they fill one. NULL without memory. */
void *huge_alloc(size_t n);
void huge_free(void *p, size_t n); /* n: as it was asked for. NULL is fine */

#endif
