/*
 * The same ceremonies judged by libfido2, an independent verifier: whatever we allow it allows, and where it allows and
 * we don't the reason is one of the rules that it does not have (backup flags, and a key in an assertion).
 */
#include <cmocka.h>

#include "authenticator.h"

#include <fido.h> /* after ours: it defines our names of algorithms as the same numbers */
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>

static const struct str origin[] = { { "https://example.org", 19 } };
static char challenge[32];

static struct webauthn_expect expectation(void) {
    return (struct webauthn_expect){ .rp_id = STR("example.org"),
                                     .origins = origin,
                                     .origins_n = 1,
                                     .challenge = { challenge, sizeof challenge },
                                     .is_user_identified = true };
}

static const unsigned char *bytes(struct str s) { return (const unsigned char *)s.p; }

/* Its verdict on the registration that the authenticator has just made. */
static bool fido_registers(struct authenticator *a) {
    uint8_t hash[HASH_BYTES];
    fido_cred_t *c = fido_cred_new();
    assert_non_null(c);
    crypto_sha256(buf_str(&a->client_data), hash);
    bool is_good = fido_cred_set_type(c, (int)a->alg) == FIDO_OK && fido_cred_set_fmt(c, a->format) == FIDO_OK &&
                   fido_cred_set_rp(c, "example.org", NULL) == FIDO_OK &&
                   fido_cred_set_uv(c, FIDO_OPT_TRUE) == FIDO_OK &&
                   fido_cred_set_clientdata_hash(c, hash, sizeof hash) == FIDO_OK &&
                   fido_cred_set_authdata_raw(c, bytes(buf_str(&a->data)), a->data.n) == FIDO_OK &&
                   fido_cred_set_attstmt(c, bytes(buf_str(&a->statement)), a->statement.n) == FIDO_OK &&
                   (a->x5c.n > 0 ? fido_cred_verify(c) : fido_cred_verify_self(c)) == FIDO_OK;
    fido_cred_free(&c);
    return is_good;
}

static bool fido_verifies(const fido_assert_t *t, const struct cose_key *k) {
    int r = FIDO_ERR_INTERNAL;
    if (k->alg == COSE_ES256) {
        es256_pk_t *pk = es256_pk_new();
        if (es256_pk_from_ptr(pk, k->point + 1, 64) == FIDO_OK) r = fido_assert_verify(t, 0, COSE_ES256, pk);
        es256_pk_free(&pk);
    } else if (k->alg == COSE_EDDSA) {
        eddsa_pk_t *pk = eddsa_pk_new();
        if (eddsa_pk_from_ptr(pk, k->x.p, k->x.n) == FIDO_OK) r = fido_assert_verify(t, 0, COSE_EDDSA, pk);
        eddsa_pk_free(&pk);
    } else {
        rs256_pk_t *pk = rs256_pk_new();
        uint8_t raw[256 + 3];
        assert_int_equal(k->n.n + k->e.n, sizeof raw);
        memcpy(raw, k->n.p, k->n.n);
        memcpy(raw + k->n.n, k->e.p, k->e.n);
        if (rs256_pk_from_ptr(pk, raw, sizeof raw) == FIDO_OK) r = fido_assert_verify(t, 0, COSE_RS256, pk);
        rs256_pk_free(&pk);
    }
    return r == FIDO_OK;
}

static bool fido_asserts(const struct ceremony *c, struct str public_key) {
    uint8_t hash[HASH_BYTES];
    struct cose_key key;
    fido_assert_t *t = fido_assert_new();
    assert_non_null(t);
    assert_int_equal(cose_key_read(public_key, &key), OK);
    crypto_sha256(c->client_data, hash);
    bool is_good =
        fido_assert_set_clientdata_hash(t, hash, sizeof hash) == FIDO_OK &&
        fido_assert_set_rp(t, "example.org") == FIDO_OK && fido_assert_set_count(t, 1) == FIDO_OK &&
        fido_assert_set_up(t, FIDO_OPT_TRUE) == FIDO_OK && fido_assert_set_uv(t, FIDO_OPT_TRUE) == FIDO_OK &&
        fido_assert_set_authdata_raw(t, 0, bytes(c->authenticator_data), c->authenticator_data.n) == FIDO_OK &&
        fido_assert_set_sig(t, 0, bytes(c->signature), c->signature.n) == FIDO_OK && fido_verifies(t, &key);
    fido_assert_free(&t);
    return is_good;
}

static bool is_our_own_rule(enum webauthn_reason r) {
    return r == WEBAUTHN_BACKUP_STATE || r == WEBAUTHN_BACKUP_CHANGED || r == WEBAUTHN_AUTHENTICATOR;
}

static void agree(const char *what, size_t i, struct webauthn_answer ours, bool theirs) {
    if (ours.verdict == WEBAUTHN_ALLOW && !theirs) fail_msg("%s %zu: we allow, libfido2 does not", what, i);
    if (ours.verdict != WEBAUTHN_ALLOW && theirs && !is_our_own_rule(ours.reason))
        fail_msg("%s %zu: libfido2 allows, we refuse: %d", what, i, (int)ours.reason);
}

static const enum cose_alg algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256 };

/* Every value of the flags, signed as it stands. */
static void flags_are_judged_alike(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        struct webauthn_expect e = expectation();
        struct webauthn_credential fresh, stored;
        struct webauthn_use use;
        struct authenticator a;
        struct buf key;
        size_t both = 0;
        authenticator_init(&a, algs[i]);
        buf_init(&key, COSE_KEY_BYTES_MAX);
        authenticator_cose(&a, &key);
        a.format = "packed";
        stored = (struct webauthn_credential){
            .id = str_bytes(a.id, a.id_n), .public_key = buf_str(&key), .alg = algs[i], .is_backup_eligible = true
        };
        for (size_t flags = 0; flags < 256; flags++) {
            a.flags = (uint8_t)flags;
            struct ceremony c = authenticator_register(&a, e.challenge);
            struct webauthn_answer ours = webauthn_register(&e, &c, &fresh);
            if (algs[i] != COSE_RS256) agree("flags of a registration", flags, ours, fido_registers(&a));
            c = authenticator_assert(&a, e.challenge);
            ours = webauthn_assert(&e, &stored, &c, &use);
            agree("flags of an assertion", flags, ours, fido_asserts(&c, stored.public_key));
            both += ours.verdict == WEBAUTHN_ALLOW;
        }
        assert_int_equal(both, 8); /* UP, UV, BE; BS and two reserved bits are free */
        buf_release(&key);
        authenticator_release(&a);
    }
}

static struct webauthn_answer judge_again(struct authenticator *a, struct ceremony c) {
    struct webauthn_expect e = expectation();
    struct webauthn_credential fresh;
    buf_reset(&a->object);
    put_head(&a->object, 5, 3);
    put_text(&a->object, "fmt");
    put_text(&a->object, a->format);
    put_text(&a->object, "attStmt");
    buf_add(&a->object, buf_str(&a->statement));
    put_text(&a->object, "authData");
    put_bytes(&a->object, buf_str(&a->data));
    c.attestation_object = buf_str(&a->object);
    return webauthn_register(&e, &c, &fresh);
}

/*
 * Bytes that say how long what follows is. libfido2's CBOR library takes a length at its word and asks for that much
 * memory, so these stay as they are here; test_vectors.c turns them.
 */
static bool is_structure(size_t at) {
    enum { ID_LENGTH = 32 + 1 + 4 + AAGUID_BYTES, KEY = ID_LENGTH + 2 + 32, X = KEY + 10, Y = X + 32 + 3 };
    return (at >= ID_LENGTH && at < ID_LENGTH + 2) || (at >= KEY && at < X) || (at >= X + 32 && at < Y);
}

/* Every bit of what is signed, but for lengths. */
static void changed_bits_are_judged_alike(void **state) {
    (void)state;
    for (size_t i = 0; i < 4; i++) { /* ES256 and EdDSA, by the key itself and by a certificate */
        struct webauthn_expect e = expectation();
        struct authenticator a;
        struct buf der;
        authenticator_init(&a, algs[i % 2]);
        buf_init(&der, 4096);
        a.format = "packed";
        if (i >= 2) {
            a.x5c_key = key_make(COSE_ES256, 0);
            a.said_alg = COSE_ES256;
            certificate_make(&certificate_right, a.x5c_key, &der);
            a.x5c = buf_str(&der);
        }
        struct ceremony c = authenticator_register(&a, e.challenge);
        assert_true(fido_registers(&a) && judge_again(&a, c).verdict == WEBAUTHN_ALLOW);
        for (size_t bit = 0; bit < a.data.n * 8; bit++) {
            if (is_structure(bit / 8)) continue;
            a.data.p[bit / 8] ^= (char)(1U << bit % 8);
            agree("bit of a registration", bit, judge_again(&a, c), fido_registers(&a));
            a.data.p[bit / 8] ^= (char)(1U << bit % 8);
        }
        EVP_PKEY_free(a.x5c_key);
        buf_release(&der);
        authenticator_release(&a);
    }
}

static void changed_assertions_are_judged_alike(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        struct webauthn_expect e = expectation();
        struct webauthn_credential stored;
        struct webauthn_use use;
        struct authenticator a;
        struct buf key;
        authenticator_init(&a, algs[i]);
        buf_init(&key, COSE_KEY_BYTES_MAX);
        authenticator_cose(&a, &key);
        stored = (struct webauthn_credential){
            .id = str_bytes(a.id, a.id_n), .public_key = buf_str(&key), .alg = algs[i], .is_backup_eligible = true
        };
        struct ceremony c = authenticator_assert(&a, e.challenge);
        assert_true(fido_asserts(&c, stored.public_key));
        assert_int_equal(webauthn_assert(&e, &stored, &c, &use).verdict, WEBAUTHN_ALLOW);
        struct buf *all[] = { &a.data, &a.signature };
        for (size_t k = 0; k < ARRAY_LEN(all); k++) {
            for (size_t bit = 0; bit < all[k]->n * 8; bit++) {
                all[k]->p[bit / 8] ^= (char)(1U << bit % 8);
                agree("bit of an assertion", bit, webauthn_assert(&e, &stored, &c, &use),
                      fido_asserts(&c, stored.public_key));
                all[k]->p[bit / 8] ^= (char)(1U << bit % 8);
            }
        }
        buf_release(&key);
        authenticator_release(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_judged_alike),
        cmocka_unit_test(changed_bits_are_judged_alike),
        cmocka_unit_test(changed_assertions_are_judged_alike),
    };
    if (crypto_init() != OK) return 1;
    crypto_random(challenge, sizeof challenge);
    fido_init(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
