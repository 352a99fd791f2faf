#include "cli/memory.h"

#include <curl/curl.h>
#include <jansson.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/secret.h"

void memory_free(void *p) {
    if (!p) return;
    bytes_wipe(p, malloc_usable_size(p));
    free(p);
}

/* A block that moves leaves nothing behind. */
static void *wiping_realloc(void *p, size_t n) {
    void *moved = malloc(n);
    size_t had = p ? malloc_usable_size(p) : 0;
    if (!moved) return NULL;
    if (p) memcpy(moved, p, had < n ? had : n);
    memory_free(p);
    return moved;
}

bool memory_begin(void) {
    const struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    json_set_alloc_funcs(malloc, memory_free);
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, memory_free, wiping_realloc, strdup, calloc) == 0;
}

void memory_end(void) { curl_global_cleanup(); }
