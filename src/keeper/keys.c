/* One pepper, several uses: each gets its own key, so that no output of one use can be shown to another. */
#include "keeper/keys.h"

#include <sodium.h>

#include "base/secret.h"

enum err keys_new(const uint8_t pepper[KEY_BYTES], struct keys **ret) {
    struct keys *k = sodium_malloc(sizeof *k);
    if (!k) return ERR_NOMEM;
    uint8_t id[HASH_BYTES];
    crypto_mac(pepper, "tocsin keeper password 1", STR_NONE, k->password);
    crypto_mac(pepper, "tocsin keeper code 1", STR_NONE, k->code);
    crypto_mac(pepper, "tocsin keeper recovery key store 1", STR_NONE, k->recovery_store);
    crypto_mac(pepper, "tocsin keeper recovery key make 1", STR_NONE, k->recovery_make);
    crypto_mac(pepper, "tocsin keeper pepper id 1", STR_NONE, id);
    memcpy(k->pepper_id, id, sizeof k->pepper_id);
    (void)sodium_mprotect_readonly(k); /* a precaution only */
    *ret = k;
    return OK;
}

void keys_free(struct keys *k) { sodium_free(k); }
