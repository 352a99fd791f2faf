/* One table of members serves packing, unpacking and their limits. */
#include "keeper/ceremony.h"

#define VERSION 1

enum form { ASSERTION = 1, REGISTRATION = 2 };

static const struct {
    size_t at, bytes_min, bytes_max;
    unsigned needed, allowed; /* bits of enum form */
} members[] = {
    { offsetof(struct ceremony, credential_id), CREDENTIAL_ID_BYTES_MIN, CREDENTIAL_ID_BYTES_MAX, 3, 3 },
    { offsetof(struct ceremony, client_data), 1, CLIENT_DATA_BYTES_MAX, 3, 3 },
    { offsetof(struct ceremony, authenticator_data), 1, AUTHENTICATOR_DATA_BYTES_MAX, ASSERTION, ASSERTION },
    { offsetof(struct ceremony, signature), 1, SIGNATURE_BYTES_MAX, ASSERTION, ASSERTION },
    { offsetof(struct ceremony, user_handle), 1, USER_HANDLE_BYTES_MAX, 0, ASSERTION },
    { offsetof(struct ceremony, attestation_object), 1, ATTESTATION_BYTES_MAX, REGISTRATION, REGISTRATION },
};

static struct str *member_of(struct ceremony *c, size_t i) { return (struct str *)(void *)((char *)c + members[i].at); }

bool ceremony_is_registration(const struct ceremony *c) { return c->attestation_object.n > 0; }

static enum err check(const struct ceremony *c) {
    struct ceremony copy = *c;
    unsigned form = ceremony_is_registration(c) ? REGISTRATION : ASSERTION;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        size_t n = member_of(&copy, i)->n;
        if (n == 0 && (members[i].needed & form)) return ERR_INPUT;
        if (n == 0) continue;
        if (!(members[i].allowed & form) || n < members[i].bytes_min) return ERR_INPUT;
        if (n > members[i].bytes_max) return ERR_TOO_LARGE;
    }
    return OK;
}

enum err ceremony_pack(const struct ceremony *c, struct buf *to) {
    struct ceremony copy = *c;
    size_t bytes = 1;
    enum err r = check(c);
    if (r != OK) return r;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) bytes += 2 + member_of(&copy, i)->n;
    if (bytes > CEREMONY_BYTES_MAX) return ERR_TOO_LARGE;
    buf_add_c(to, VERSION);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct str s = *member_of(&copy, i);
        buf_add_c(to, (char)(s.n >> 8));
        buf_add_c(to, (char)(s.n & 0xff));
        buf_add(to, s);
    }
    return buf_err(to);
}

enum err ceremony_unpack(struct str from, struct ceremony *ret) {
    struct ceremony c = { 0 };
    if (from.n > CEREMONY_BYTES_MAX) return ERR_TOO_LARGE;
    if (from.n == 0 || from.p[0] != VERSION) return ERR_INPUT;
    struct str left = str_skip(from, 1);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (left.n < 2) return ERR_INPUT;
        size_t n = (size_t)(uint8_t)left.p[0] << 8 | (uint8_t)left.p[1];
        left = str_skip(left, 2);
        if (left.n < n) return ERR_INPUT;
        *member_of(&c, i) = (struct str){ left.p, n };
        left = str_skip(left, n);
    }
    if (left.n > 0) return ERR_INPUT;
    enum err r = check(&c);
    if (r == OK) *ret = c;
    return r;
}
