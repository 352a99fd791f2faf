/* A packed ceremony: what unpacks packs again to the same bytes, and no member is over its limit. */
#include "keeper/ceremony.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool is_so) {
    if (!is_so) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct str in = str_bytes(data, n);
    struct ceremony c;
    struct buf b;
    if (ceremony_unpack(in, &c) != OK) return 0;
    need(c.credential_id.n <= CREDENTIAL_ID_BYTES_MAX && c.client_data.n <= CLIENT_DATA_BYTES_MAX);
    need(c.signature.n <= SIGNATURE_BYTES_MAX && c.user_handle.n <= USER_HANDLE_BYTES_MAX);
    need(c.attestation_object.n <= ATTESTATION_BYTES_MAX && c.authenticator_data.n <= AUTHENTICATOR_DATA_BYTES_MAX);
    need(ceremony_is_registration(&c) == (c.signature.n == 0));
    buf_init(&b, CEREMONY_BYTES_MAX);
    need(ceremony_pack(&c, &b) == OK && str_eq(buf_str(&b), in));
    buf_release(&b);
    return 0;
}
