/*
 * An authenticator and a browser in software: makes registrations and assertions, right ones and, by changing one
 * field, any wrong one. Everything is owned by the struct and goes with authenticator_release.
 */
#ifndef TOCSIN_TESTS_KEEPER_AUTHENTICATOR_H
#define TOCSIN_TESTS_KEEPER_AUTHENTICATOR_H

#include <openssl/evp.h>

#include "keeper/webauthn_priv.h"

struct authenticator {
    EVP_PKEY *key;
    int64_t alg;      /* of the key; written as it stands */
    int64_t said_alg; /* in the statement; 0: the same */
    const char *rp_id, *origin;
    const char *client_extra; /* more members of the client data, e.g. ",\"crossOrigin\":true" */
    const char *client_bom;   /* before it */
    const char *type;         /* NULL: the right one */
    const char *format;       /* "none", "packed" */
    uint8_t flags;            /* AT and ED are set by themselves */
    uint32_t sign_count;
    uint8_t id[CREDENTIAL_ID_BYTES_MAX + 1];
    size_t id_n;
    uint8_t aaguid[AAGUID_BYTES];
    struct str extensions; /* CBOR; none when empty */
    struct str x5c;        /* one certificate: a packed statement with it */
    EVP_PKEY *x5c_key;     /* borrowed: signs in place of `key` when x5c is given */
    /* What was made last. */
    struct buf client_data, data, statement, object, signature;
};

EVP_PKEY *key_make(int64_t alg, int bits);
void authenticator_init(struct authenticator *a, int64_t alg);
void authenticator_release(struct authenticator *a);
struct ceremony authenticator_register(struct authenticator *a, struct str challenge);
struct ceremony authenticator_assert(struct authenticator *a, struct str challenge);
void authenticator_cose(const struct authenticator *a, struct buf *to);

/* A certificate for an attestation key; each field wrong on purpose by what is set. */
struct certificate_plan {
    const char *country, *unit, *organization, *name;
    int version;                             /* 2 is X.509 v3 */
    int authority;                           /* -1: no basic constraints; 0: CA false; 1: CA true */
    const uint8_t *aaguid;                   /* NULL: no extension */
    bool is_aaguid_critical, is_aaguid_bare; /* bare: without the octet string inside */
};
extern const struct certificate_plan certificate_right;
/* DER into the buffer. */
void certificate_make(const struct certificate_plan *p, EVP_PKEY *key, struct buf *to);

/* CBOR by hand. */
void put_head(struct buf *to, unsigned major, uint64_t value);
void put_int(struct buf *to, int64_t v);
void put_text(struct buf *to, const char *z);
void put_bytes(struct buf *to, struct str s);

#endif
