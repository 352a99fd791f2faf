/*
 * The CBOR reader and COSE keys on any bytes: what is measured lies within the input, is found sound again, and each of
 * its parts is a sound item too; a key that is read is one that its own check takes.
 */
#include "keeper/cbor.h"
#include "keeper/cose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool is_so) {
    if (!is_so) abort();
}

/* Looks at every accessor; none may read outside, whatever the item is. */
static void look(struct str item, int depth) {
    struct str part;
    int64_t v = 0;
    size_t count = 0;
    int kinds = (cbor_int(item, &v) == OK) + (cbor_bytes(item, &part) == OK) + (cbor_text(item, &part) == OK);
    if (cbor_count(item, &count) != OK) {
        need(kinds <= 1);
        return;
    }
    need(kinds == 0 && count <= CBOR_ITEMS_MAX && depth < CBOR_DEPTH_MAX);
    for (size_t i = 0; i <= count && !cbor_is_map(item); i++) {
        enum err r = cbor_at(item, i, &part);
        need(r == (i < count ? OK : ERR_NOT_FOUND));
        if (r != OK) continue;
        need(cbor_check(part) == OK && part.p > item.p && part.p + part.n <= item.p + item.n);
        look(part, depth + 1);
    }
    for (int64_t label = -3; label <= 3; label++)
        if (cbor_at_label(item, label, &part) == OK) look(part, depth + 1);
    if (cbor_at_key(item, "fmt", &part) == OK) look(part, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct str in = str_bytes(data, n);
    struct cose_key key;
    size_t used = 0;
    int64_t alg = 0;
    if (crypto_init() != OK) abort();
    if (cbor_measure(in, &used) == OK) {
        need(used > 0 && used <= n);
        in.n = used;
        need(cbor_check(in) == OK);
        look(in, 0);
    } else {
        struct str part; /* unmeasured bytes must not lead outside either */
        (void)cbor_at(in, 3, &part);
        (void)cbor_at_label(in, 1, &part);
    }
    if (cose_key_read(in, &key) != OK) return 0;
    need(cose_key_alg(in, &alg) == OK && alg == (int64_t)key.alg && cose_is_offered(alg));
    need(cose_verify(&key, in, in) == ERR_CRYPTO);
    return 0;
}
