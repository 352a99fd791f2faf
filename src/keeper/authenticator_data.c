/* A fixed head, then what its flags announce, and nothing after. */
#include "keeper/cbor.h"
#include "keeper/webauthn_priv.h"

#define HEAD_BYTES 37 /* hash of the RP ID, flags, count */

static bool cut(struct str *left, size_t n, struct str *ret) {
    if (left->n < n) return false;
    *ret = (struct str){ left->p, n };
    *left = str_skip(*left, n);
    return true;
}

static uint32_t big_endian(struct str s) {
    uint32_t v = 0;
    for (size_t i = 0; i < s.n; i++) v = v << 8 | (uint8_t)s.p[i];
    return v;
}

static enum err read_credential(struct str *left, struct authenticator_data *d) {
    struct str length;
    size_t n = 0;
    enum err r;
    if (!cut(left, AAGUID_BYTES, &d->aaguid) || !cut(left, 2, &length)) return ERR_INPUT;
    n = big_endian(length);
    if (n > CREDENTIAL_ID_BYTES_MAX) return ERR_TOO_LARGE;
    if (n < CREDENTIAL_ID_BYTES_MIN || !cut(left, n, &d->credential_id)) return ERR_INPUT;
    if ((r = cbor_measure(*left, &n)) != OK) return r;
    d->has_credential = true;
    return cut(left, n, &d->public_key) ? OK : ERR_INPUT;
}

enum err authenticator_data_read(struct str in, struct authenticator_data *ret) {
    struct authenticator_data d = { 0 };
    struct str left = in, flags, count;
    enum err r;
    if (in.n < HEAD_BYTES || !cut(&left, HASH_BYTES, &d.rp_id_hash) || !cut(&left, 1, &flags) || !cut(&left, 4, &count))
        return ERR_INPUT;
    d.flags = (uint8_t)flags.p[0];
    d.sign_count = big_endian(count);
    if ((d.flags & FLAG_AT) && (r = read_credential(&left, &d)) != OK) return r;
    /* Extensions that nobody asked for are read for their form alone. */
    if ((d.flags & FLAG_ED) && ((r = cbor_check(left)) != OK || !cbor_is_map(left))) return r != OK ? r : ERR_INPUT;
    if (!(d.flags & FLAG_ED) && left.n > 0) return ERR_INPUT;
    *ret = d;
    return OK;
}
