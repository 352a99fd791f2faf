/*
 * Secrets live in slots of their own slabs: whole locked pages that stay out of core dumps. Locks of pages don't nest,
 * so a secret on a page of the common heap would lose its lock when a neighbour is released. Slabs are kept for the
 * next secrets. Where the limit of locked memory is reached, the rest still holds: wiped, and not dumped.
 */
#include "base/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <sys/mman.h>

#ifdef TOCSIN_SANITIZED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)0)
#endif

#define SLAB_BYTES 16384 /* a power of two: a slot finds its slab by its address */

struct slab { /* at the start of its first slot */
    size_t size_class;
};

struct slot {
    struct slot *next;
};

static const size_t slot_bytes[] = { 64, 512, SECRET_BYTES_MAX };
static struct slot *free_slots[ARRAY_LEN(slot_bytes)];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void secret_init(struct secret *s) { *s = (struct secret){ NULL, 0 }; }

/* SLAB_BYTES of fresh pages at a multiple of SLAB_BYTES, or NULL. */
static char *map_slab(void) {
    char *at = mmap(NULL, (size_t)2 * SLAB_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;
    if (at == MAP_FAILED) return NULL;
    before = (SLAB_BYTES - (uintptr_t)at % SLAB_BYTES) % SLAB_BYTES;
    if (before > 0) (void)munmap(at, before);
    at += before;
    (void)munmap(at + SLAB_BYTES, SLAB_BYTES - before); /* never empty: before < SLAB_BYTES */
    (void)mlock(at, SLAB_BYTES);                        /* refused past the limit: a wish, not a need */
    (void)madvise(at, SLAB_BYTES, MADV_DONTDUMP);       /* dumps are off in every process as well */
    return at;
}

static bool add_slab(size_t size_class) {
    size_t size = slot_bytes[size_class];
    char *at = map_slab();
    if (!at) return false;
    ((struct slab *)(void *)at)->size_class = size_class;
    for (size_t offset = size; offset < SLAB_BYTES; offset += size) {
        struct slot *slot = (struct slot *)(void *)(at + offset);
        slot->next = free_slots[size_class];
        free_slots[size_class] = slot;
        ASAN_POISON_MEMORY_REGION(slot + 1, size - sizeof *slot);
    }
    return true;
}

static void *slot_take(size_t n) {
    size_t size_class = 0;
    struct slot *slot;
    while (slot_bytes[size_class] < n) size_class++;
    (void)pthread_mutex_lock(&lock);
    if (!free_slots[size_class] && !add_slab(size_class)) {
        (void)pthread_mutex_unlock(&lock);
        return NULL;
    }
    slot = free_slots[size_class];
    free_slots[size_class] = slot->next;
    (void)pthread_mutex_unlock(&lock);
    ASAN_POISON_MEMORY_REGION(slot, slot_bytes[size_class]);
    ASAN_UNPOISON_MEMORY_REGION(slot, n);
    if (n > 0) memset(slot, 0, n);
    return slot;
}

static void slot_give(void *p) {
    struct slot *slot = p;
    size_t size_class = ((struct slab *)((uintptr_t)p & ~(uintptr_t)(SLAB_BYTES - 1)))->size_class;
    ASAN_UNPOISON_MEMORY_REGION(slot, slot_bytes[size_class]);
    sodium_memzero(slot, slot_bytes[size_class]);
    (void)pthread_mutex_lock(&lock);
    slot->next = free_slots[size_class];
    free_slots[size_class] = slot;
    ASAN_POISON_MEMORY_REGION(slot + 1, slot_bytes[size_class] - sizeof *slot);
    (void)pthread_mutex_unlock(&lock);
}

static enum err secret_make(struct secret *s, size_t n) {
    uint8_t *p;
    if (n > SECRET_BYTES_MAX) return ERR_TOO_LARGE;
    p = slot_take(n);
    if (!p) return ERR_NOMEM;
    secret_release(s);
    *s = (struct secret){ p, n };
    return OK;
}

enum err secret_from_str(struct secret *s, struct str from) {
    struct secret old = *s; /* `from` may be a part of it */
    enum err r;
    secret_init(s);
    r = secret_make(s, from.n);
    if (r != OK) {
        *s = old;
        return r;
    }
    if (from.n > 0) memcpy(s->p, from.p, from.n);
    secret_release(&old);
    return OK;
}

enum err secret_random(struct secret *s, size_t n) {
    enum err r = secret_make(s, n);
    if (r == OK) randombytes_buf(s->p, n);
    return r;
}

void secret_release(struct secret *s) {
    if (s->p) slot_give(s->p);
    secret_init(s);
}

bool secret_eq(const struct secret *a, const struct secret *b) {
    return a->n == b->n && (a->n == 0 || sodium_memcmp(a->p, b->p, a->n) == 0);
}

bool bytes_eq_secret(const void *a, const void *b, size_t n) { return sodium_memcmp(a, b, n) == 0; }

void bytes_wipe(void *p, size_t n) {
    if (p && n > 0) sodium_memzero(p, n);
}
