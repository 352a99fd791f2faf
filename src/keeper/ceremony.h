/*
 * What a browser answers to a WebAuthn challenge, on its way from the front, which only decodes base64url, to the
 * keeper, which alone reads it: packed into one bounded string that travels as the secret of an ask. Links into the
 * front, so no hashing here.
 *
 * Packed: a byte 1, then the six members in the order of the struct, each a length of two bytes (big-endian) and its
 * bytes. A registration has credential_id, client_data and attestation_object; an assertion has credential_id,
 * client_data, authenticator_data and signature, and may have user_handle; what the other has is empty.
 */
#ifndef TOCSIN_KEEPER_CEREMONY_H
#define TOCSIN_KEEPER_CEREMONY_H

#include "base/buf.h"

#define CEREMONY_BYTES_MAX           8192
#define CREDENTIAL_ID_BYTES_MAX      1023
#define CREDENTIAL_ID_BYTES_MIN      16
#define CLIENT_DATA_BYTES_MAX        2048
#define AUTHENTICATOR_DATA_BYTES_MAX 1024
#define SIGNATURE_BYTES_MAX          512
#define USER_HANDLE_BYTES_MAX        64
#define ATTESTATION_BYTES_MAX        6144

struct ceremony { /* borrowed */
    struct str credential_id, client_data, authenticator_data, signature, user_handle, attestation_object;
};

/* ERR_INPUT: neither a registration nor an assertion. ERR_TOO_LARGE: a member or all of it over its limit. */
enum err ceremony_pack(const struct ceremony *c, struct buf *to) MUST_CHECK;
/* The members are spans of `from`. Errors as above, and ERR_INPUT for anything that ceremony_pack does not write. */
enum err ceremony_unpack(struct str from, struct ceremony *ret) MUST_CHECK;
bool ceremony_is_registration(const struct ceremony *c);

#endif
