/* The list is replaced whole when it changes; the old one stays, because a loop may be reading it. Services change a
 * few times a year. */
#include "api/services.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/secret.h"

#define SERVICES_MAX 64

struct hashes {
    size_t n;
    uint8_t hash[SERVICES_MAX][HASH_BYTES];
    struct hashes *older;
};

struct services {
    _Atomic(struct hashes *) now;
};

static enum err on_service(void *ctx, struct str name, const uint8_t hash[HASH_BYTES]) {
    struct hashes *h = ctx;
    (void)name;
    if (h->n < SERVICES_MAX) memcpy(h->hash[h->n++], hash, HASH_BYTES);
    return OK;
}

static enum err read_tx(struct store_tx *tx, void *ctx) {
    struct hashes *h = ctx;
    h->n = 0;
    return service_each(tx, on_service, h);
}

enum err services_load(struct api *api) {
    struct hashes *h = calloc(1, sizeof *h);
    enum err r;
    if (!api->services) api->services = calloc(1, sizeof *api->services);
    if (!h || !api->services) {
        free(h);
        return ERR_NOMEM;
    }
    r = store_read(api->store, read_tx, h);
    if (r != OK) {
        free(h);
        return r;
    }
    h->older = atomic_load(&api->services->now);
    atomic_store(&api->services->now, h);
    return OK;
}

bool services_know(const struct services *s, struct str token) {
    const struct hashes *h = atomic_load_explicit(&s->now, memory_order_acquire);
    struct account_id nobody;
    uint8_t hash[HASH_BYTES];
    bool is_known = false;
    if (!h || token_parse(TOKEN_SERVICE, token, &nobody, hash) != OK) return false;
    for (size_t i = 0; i < h->n; i++) is_known |= bytes_eq_secret(hash, h->hash[i], HASH_BYTES);
    return is_known;
}
