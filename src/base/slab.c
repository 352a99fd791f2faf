/* See slab.h. Under AddressSanitizer everything comes from the heap, which sees more. */
#include "base/slab.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK_BYTES ((size_t)2 << 20) /* a huge page */

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_ONLY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_ONLY 1
#endif
#endif
#ifndef HEAP_ONLY
#define HEAP_ONLY 0
#endif

struct slab_block {
    _Alignas(SLAB_LINE_BYTES) struct slab_block *next;
};
struct slab_free {
    struct slab_free *next;
};

/* A whole number of huge pages, at the beginning of one; cleared. */
static void *pages_get(size_t bytes) {
    char *p = mmap(NULL, bytes + BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;
    if (p == MAP_FAILED) return NULL;
    before = (BLOCK_BYTES - (uintptr_t)p % BLOCK_BYTES) % BLOCK_BYTES;
    if (before > 0) (void)munmap(p, before);
    (void)munmap(p + before + bytes, BLOCK_BYTES - before);
    return p + before;
}

static size_t whole_lines(size_t n) { return (n + SLAB_LINE_BYTES - 1) / SLAB_LINE_BYTES * SLAB_LINE_BYTES; }
static bool is_large(size_t n) { return HEAP_ONLY || n > (size_t)SLAB_SIZES * SLAB_LINE_BYTES; }

void slab_init(struct slab *s) { *s = (struct slab){ .used = BLOCK_BYTES }; }

void slab_release(struct slab *s) {
    while (s->blocks) {
        struct slab_block *next = s->blocks->next;
        (void)munmap(s->blocks, BLOCK_BYTES);
        s->blocks = next;
    }
    slab_init(s);
}

/* The first block stays in small pages, so that few things cost little. */
static bool add_block(struct slab *s) {
    struct slab_block *b = pages_get(BLOCK_BYTES);
    if (!b) return false;
    (void)madvise(b, BLOCK_BYTES, s->blocks ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* a wish: either does */
    b->next = s->blocks;
    s->blocks = b;
    s->used = sizeof *b;
    return true;
}

void *slab_get(struct slab *s, size_t n) {
    size_t bytes = whole_lines(n), size = bytes / SLAB_LINE_BYTES - 1;
    struct slab_free *p;
    assert(n > 0);
    if (is_large(n)) return aligned_alloc(SLAB_LINE_BYTES, bytes);
    if ((p = s->free[size])) {
        s->free[size] = p->next;
        return p;
    }
    if (BLOCK_BYTES - s->used < bytes && !add_block(s)) return NULL;
    s->used += bytes;
    return (char *)s->blocks + s->used - bytes;
}

void slab_put(struct slab *s, void *p, size_t n) {
    struct slab_free *f = p;
    size_t size = whole_lines(n) / SLAB_LINE_BYTES - 1;
    if (!p || is_large(n)) {
        free(p);
        return;
    }
    f->next = s->free[size];
    s->free[size] = f;
}

static size_t whole_pages(size_t n) { return (n + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES; }

void *huge_alloc(size_t n) {
    void *p;
    if (n < BLOCK_BYTES) return calloc(1, n);
    if (n > SIZE_MAX / 2 || !(p = pages_get(whole_pages(n)))) return NULL;
    (void)madvise(p, whole_pages(n), MADV_HUGEPAGE);
    return p;
}

void huge_free(void *p, size_t n) {
    if (p && n >= BLOCK_BYTES)
        (void)munmap(p, whole_pages(n));
    else
        free(p);
}
