/* What all steps share: the store, the derived keys, the costs, and something to hash against when nothing is there. */
#include <sodium.h>

#include "base/secret.h"
#include "keeper/keeper_priv.h"

struct password_cost keeper_cost(const struct keeper *k) {
    return (struct password_cost){ .memory_kib = k->config->keeper_hash_memory_kib,
                                   .passes = k->config->keeper_hash_passes };
}

enum err keeper_new(const struct keeper_options *o, struct keeper **ret) {
    struct keeper *k = calloc(1, sizeof *k);
    if (!k) return ERR_NOMEM;
    k->config = o->config;
    k->store = o->store;
    k->link_key = o->link_key;
    k->courier_box_public = o->courier_box_public;
    enum err r = keys_new(o->pepper, &k->keys);
    if (r == OK)
        r = o->receipt_scalar ? p256_from_scalar(o->receipt_scalar, &k->receipt_key) : p256_generate(&k->receipt_key);
    if (r != OK) {
        keeper_free(k);
        return r;
    }
    k->dummy.cost = keeper_cost(k);
    memcpy(k->dummy.pepper_id, k->keys->pepper_id, sizeof k->dummy.pepper_id);
    crypto_random(k->dummy.salt, sizeof k->dummy.salt);
    crypto_random(k->dummy.hash, sizeof k->dummy.hash);
    *ret = k;
    return OK;
}

void keeper_free(struct keeper *k) {
    if (!k) return;
    keys_free(k->keys);
    p256_free(k->receipt_key);
    bytes_wipe(k, sizeof *k);
    free(k);
}
