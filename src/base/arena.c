/* Blocks in a list; allocation moves a mark. Reset wipes all and keeps the first block. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"

#define BLOCK_BYTES 4096
#define ALIGN       16

struct block {
    struct block *next;
    size_t n, cap;
    _Alignas(ALIGN) char bytes[];
};

struct arena {
    struct block *first, *last;
    size_t used, max;
};

struct arena *arena_new(size_t max) {
    struct arena *a = calloc(1, sizeof *a);
    if (a) a->max = max;
    return a;
}

static void block_free(struct block *b) {
    bytes_wipe(b->bytes, b->n);
    free(b);
}

void arena_reset(struct arena *a) {
    struct block *b = a->first ? a->first->next : NULL;
    while (b) {
        struct block *next = b->next;
        block_free(b);
        b = next;
    }
    if (a->first) {
        bytes_wipe(a->first->bytes, a->first->n);
        a->first->n = 0;
        a->first->next = NULL;
    }
    a->last = a->first;
    a->used = 0;
}

void arena_free(struct arena *a) {
    if (!a) return;
    arena_reset(a);
    free(a->first);
    free(a);
}

static struct block *block_add(struct arena *a, size_t n) {
    size_t cap = n > BLOCK_BYTES - sizeof(struct block) ? n : BLOCK_BYTES - sizeof(struct block);
    struct block *b = malloc(sizeof *b + cap);
    if (!b) return NULL;
    *b = (struct block){ .cap = cap };
    if (a->last)
        a->last->next = b;
    else
        a->first = b;
    a->last = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t n) {
    struct block *b = a->last;
    void *p;
    if (n > a->max - a->used || n > SIZE_MAX - ALIGN) return NULL;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (n == 0) n = ALIGN;
    if (!b || n > b->cap - b->n) b = block_add(a, n);
    if (!b) return NULL;
    p = b->bytes + b->n;
    memset(p, 0, n);
    b->n += n;
    a->used = n > a->max - a->used ? a->max : a->used + n;
    return p;
}

char *arena_dup_z(struct arena *a, struct str s) {
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
    if (p && s.n > 0) memcpy(p, s.p, s.n);
    return p;
}

struct str arena_dup(struct arena *a, struct str s) {
    char *p = arena_dup_z(a, s);
    return p ? (struct str){ p, s.n } : STR_NONE;
}

char *arena_fmt(struct arena *a, const char *fmt, ...) {
    va_list ap;
    char *p;
    int n;
    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) return NULL;
    p = arena_alloc(a, (size_t)n + 1);
    if (!p) return NULL;
    va_start(ap, fmt);
    (void)vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

size_t arena_used(const struct arena *a) { return a->used; }
