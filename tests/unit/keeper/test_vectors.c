/*
 * The standard's own test vectors (WebAuthn level 3), from the folder that TOCSIN_VECTORS names: each set is taken or
 * refused as this server has to, and then every single bit of what a browser sends is turned, one at a time.
 */
#include <cmocka.h>
#include <jansson.h>

#include "base/enc.h"
#include "keeper/cbor.h"
#include "keeper/webauthn_priv.h"

#define FIELD_MAX 8192

struct field {
    uint8_t b[FIELD_MAX];
    size_t n;
};

static const struct plan {
    const char *id;
    enum webauthn_reason made, used; /* of the registration and the assertion */
    const char *name;
} plans[] = {
    { "none-es256", WEBAUTHN_FINE, WEBAUTHN_FINE, NULL },
    { "packed-self-es256", WEBAUTHN_FINE, WEBAUTHN_FINE, NULL },
    { "none-es256-crossOrigin", WEBAUTHN_CROSS_ORIGIN, WEBAUTHN_CROSS_ORIGIN, NULL },
    { "none-es256-topOrigin", WEBAUTHN_CROSS_ORIGIN, WEBAUTHN_CROSS_ORIGIN, NULL },
    { "none-es256-long-credential-id", WEBAUTHN_FINE, WEBAUTHN_FINE, NULL },
    { "packed-es256", WEBAUTHN_FINE, WEBAUTHN_FINE, NULL },
    { "packed-es384", WEBAUTHN_ALGORITHM, WEBAUTHN_STORED, "ES384" },
    { "packed-es512", WEBAUTHN_ALGORITHM, WEBAUTHN_STORED, "ES512" },
    { "packed-rs256", WEBAUTHN_FINE, WEBAUTHN_FINE, NULL },
    { "packed-eddsa", WEBAUTHN_FINE, WEBAUTHN_FINE, NULL },
    { "packed-ed448", WEBAUTHN_ALGORITHM, WEBAUTHN_STORED, "Ed448" },
    { "tpm-es256", WEBAUTHN_FORMAT, WEBAUTHN_FINE, "tpm" },
    { "android-key-es256", WEBAUTHN_FORMAT, WEBAUTHN_FINE, "android-key" },
    { "apple-es256", WEBAUTHN_FORMAT, WEBAUTHN_FINE, "apple" },
    { "fido-u2f-es256", WEBAUTHN_FORMAT, WEBAUTHN_FINE, "fido-u2f" },
};

static struct {
    json_t *root;
    const struct plan *plan;
    struct field challenge, id, client_data, object, data, signature;
    struct webauthn_expect expect;
    struct ceremony ceremony;
    struct webauthn_credential stored;
    struct field stored_key, stored_id;
} v;

static const struct str origin[] = { { "https://example.org", 19 } };

static void get(struct field *f, const json_t *from, const char *name) {
    const char *text = json_string_value(json_object_get(from, name));
    assert_non_null(text);
    assert_int_equal(dec_hex(str_from(text), f->b, sizeof f->b, &f->n), OK);
}

static struct str str_of(const struct field *f) { return str_bytes(f->b, f->n); }

static const json_t *set_of(const char *id) {
    size_t i;
    json_t *set;
    json_array_foreach(json_object_get(v.root, "vectors"), i, set) {
        if (strcmp(json_string_value(json_object_get(set, "id")), id) == 0) return set;
    }
    fail_msg("no set %s", id);
    return NULL;
}

static void expect_again(const json_t *half) {
    get(&v.challenge, half, "challenge");
    get(&v.client_data, half, "clientDataJSON");
    v.expect = (struct webauthn_expect){ .rp_id = STR("example.org"),
                                         .origins = origin,
                                         .origins_n = 1,
                                         .challenge = str_of(&v.challenge),
                                         .is_user_identified = true,
                                         .is_verification_optional = true };
}

/* Reads the registration of a set; what would be stored of it, taken or not, stands in v.stored. */
static void load_registration(const struct plan *p) {
    const json_t *set = set_of(p->id), *half = json_object_get(set, "registration");
    struct attestation a;
    struct authenticator_data d;
    int64_t alg = 0;
    v.plan = p;
    expect_again(half);
    get(&v.id, half, "credential_id");
    get(&v.object, half, "attestationObject");
    v.ceremony = (struct ceremony){ .credential_id = str_of(&v.id),
                                    .client_data = str_of(&v.client_data),
                                    .attestation_object = str_of(&v.object) };
    assert_int_equal(attestation_read(str_of(&v.object), &a), OK);
    assert_int_equal(authenticator_data_read(a.authenticator_data, &d), OK);
    assert_int_equal(cose_key_alg(d.public_key, &alg), OK);
    memcpy(v.stored_key.b, d.public_key.p, v.stored_key.n = d.public_key.n);
    memcpy(v.stored_id.b, d.credential_id.p, v.stored_id.n = d.credential_id.n);
    v.stored = (struct webauthn_credential){ .id = str_of(&v.stored_id),
                                             .public_key = str_of(&v.stored_key),
                                             .alg = (enum cose_alg)alg,
                                             .sign_count = d.sign_count,
                                             .is_backup_eligible = (d.flags & FLAG_BE) != 0,
                                             .is_verified = (d.flags & FLAG_UV) != 0 };
}

static void load_assertion(const struct plan *p) {
    load_registration(p);
    const json_t *half = json_object_get(set_of(p->id), "authentication");
    expect_again(half);
    get(&v.data, half, "authenticatorData");
    get(&v.signature, half, "signature");
    v.ceremony = (struct ceremony){ .credential_id = str_of(&v.id),
                                    .client_data = str_of(&v.client_data),
                                    .authenticator_data = str_of(&v.data),
                                    .signature = str_of(&v.signature) };
}

static void sets_are_judged_as_we_must(void **state) {
    (void)state;
    assert_int_equal(json_array_size(json_object_get(v.root, "vectors")), ARRAY_LEN(plans) + 1); /* and the root's */
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct webauthn_credential fresh;
        struct webauthn_use use;
        load_registration(&plans[i]);
        struct webauthn_answer a = webauthn_register(&v.expect, &v.ceremony, &fresh);
        if (a.reason != plans[i].made) fail_msg("%s: registration %d", plans[i].id, (int)a.reason);
        assert_int_equal(a.verdict, plans[i].made == WEBAUTHN_FINE ? WEBAUTHN_ALLOW : WEBAUTHN_REFUSE);
        if (plans[i].name) assert_string_equal(a.name, plans[i].name);
        if (a.verdict == WEBAUTHN_ALLOW) {
            assert_true(str_eq(fresh.id, v.stored.id) && str_eq(fresh.public_key, v.stored.public_key));
            assert_int_equal(fresh.alg, v.stored.alg);
        }
        load_assertion(&plans[i]);
        a = webauthn_assert(&v.expect, &v.stored, &v.ceremony, &use);
        if (a.reason != plans[i].used) fail_msg("%s: assertion %d", plans[i].id, (int)a.reason);
        assert_int_equal(a.verdict == WEBAUTHN_ALLOW, plans[i].used == WEBAUTHN_FINE);
    }
}

/* The frames of other sites: all but the frame is right. */
static void cross_origin_is_all_that_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        uint8_t hash[HASH_BYTES];
        struct cose_key key;
        if (plans[i].used != WEBAUTHN_CROSS_ORIGIN) continue;
        load_assertion(&plans[i]);
        crypto_sha256(v.ceremony.client_data, hash);
        assert_int_equal(cose_key_read(v.stored.public_key, &key), OK);
        assert_int_equal(webauthn_signature(&key, v.ceremony.authenticator_data, hash, v.ceremony.signature), OK);
    }
}

/* Our own way: whatever was not verified by its user is refused, and only that. */
static void verification_is_asked_for(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct webauthn_credential fresh;
        struct webauthn_use use;
        if (plans[i].made == WEBAUTHN_FINE) {
            load_registration(&plans[i]);
            v.expect.is_verification_optional = false;
            assert_int_equal(webauthn_register(&v.expect, &v.ceremony, &fresh).reason,
                             v.stored.is_verified ? WEBAUTHN_FINE : WEBAUTHN_NOT_VERIFIED);
        }
        if (plans[i].used != WEBAUTHN_FINE) continue;
        load_assertion(&plans[i]);
        v.expect.is_verification_optional = false;
        assert_int_equal(webauthn_assert(&v.expect, &v.stored, &v.ceremony, &use).reason,
                         v.data.b[32] & FLAG_UV ? WEBAUTHN_FINE : WEBAUTHN_NOT_VERIFIED);
    }
}

struct span {
    size_t from, to;
};

static struct span span_of(const struct field *f, struct str part) {
    size_t from = (size_t)((const uint8_t *)part.p - f->b);
    return (struct span){ from, from + part.n };
}

static bool is_in(struct span s, size_t at) { return at >= s.from && at < s.to; }

/*
 * Where a registration is not signed the standard itself takes a changed bit: with `none` the count, the AAGUID, some
 * flags, and what follows the members that we read; with a certificate whatever of it only its issuer vouches for.
 */
static bool may_change(const struct field *f, size_t at) {
    struct attestation a;
    struct authenticator_data d;
    struct str chain, first;
    if (f == &v.client_data) { /* type, challenge and origin come first */
        const char *end = memmem(f->b, f->n, "https://example.org\"", 20);
        assert_non_null(end);
        return strncmp(v.plan->id, "none", 4) == 0 && at >= (size_t)(end - (const char *)f->b) + 20;
    }
    if (f != &v.object) return false;
    load_registration(v.plan); /* where things stand in what was not changed */
    assert_int_equal(attestation_read(str_of(f), &a), OK);
    assert_int_equal(authenticator_data_read(a.authenticator_data, &d), OK);
    if (cbor_at_key(a.statement, "x5c", &chain) == OK)
        return cbor_at(chain, 0, &first) == OK && is_in(span_of(f, first), at);
    if (!str_eq(a.format, STR("none"))) return false;
    size_t start = span_of(f, a.authenticator_data).from;
    return is_in((struct span){ start + 32, start + 37 }, at) || is_in(span_of(f, d.aaguid), at);
}

/* Turns every bit of a field; says how many were taken all the same. */
static size_t turn_all(struct field *f, bool (*is_taken)(void), size_t *tried) {
    size_t taken = 0;
    for (size_t bit = 0; bit < f->n * 8; bit++) {
        f->b[bit / 8] ^= (uint8_t)(1U << bit % 8);
        bool is_in_spite = is_taken();
        f->b[bit / 8] ^= (uint8_t)(1U << bit % 8);
        *tried += 1;
        if (!is_in_spite) continue;
        taken++;
        if (!may_change(f, bit / 8)) fail_msg("%s: bit %zu of byte %zu may change", v.plan->id, bit % 8, bit / 8);
    }
    return taken;
}

static bool is_registered(void) {
    struct webauthn_credential fresh;
    if (webauthn_register(&v.expect, &v.ceremony, &fresh).verdict != WEBAUTHN_ALLOW) return false;
    /* Even then it is the same credential. */
    assert_true(str_eq(fresh.id, v.stored.id) && str_eq(fresh.public_key, v.stored.public_key));
    assert_int_equal(fresh.alg, v.stored.alg);
    return true;
}

static bool is_asserted(void) {
    struct webauthn_use use;
    return webauthn_assert(&v.expect, &v.stored, &v.ceremony, &use).verdict == WEBAUTHN_ALLOW;
}

static void every_bit_of_a_registration_counts(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        size_t tried = 0, taken = 0;
        if (plans[i].made != WEBAUTHN_FINE) continue;
        load_registration(&plans[i]);
        assert_true(is_registered());
        taken += turn_all(&v.client_data, is_registered, &tried);
        taken += turn_all(&v.object, is_registered, &tried);
        taken += turn_all(&v.id, is_registered, &tried);
        taken += turn_all(&v.challenge, is_registered, &tried);
        assert_true(is_registered());
        (void)printf("%s: %zu bits turned, %zu of them unsigned and taken\n", plans[i].id, tried, taken);
        if (strcmp(plans[i].id, "packed-self-es256") == 0) assert_int_equal(taken, 0);
    }
}

static void every_bit_of_an_assertion_counts(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        size_t tried = 0, taken = 0;
        if (plans[i].used != WEBAUTHN_FINE) continue;
        load_assertion(&plans[i]);
        assert_true(is_asserted());
        struct field *all[] = { &v.client_data, &v.data, &v.signature, &v.id, &v.challenge, &v.stored_key };
        for (size_t k = 0; k < ARRAY_LEN(all); k++) taken += turn_all(all[k], is_asserted, &tried);
        assert_int_equal(taken, 0);
        assert_true(is_asserted());
        (void)printf("%s: %zu bits turned, none taken\n", plans[i].id, tried);
    }
}

static void open_vectors(void) {
    const char *folder = getenv("TOCSIN_VECTORS");
    char path[1000];
    (void)snprintf(path, sizeof path, "%s/webauthn-l3.json", folder && *folder ? folder : DEFAULT_VECTORS);
    v.root = json_load_file(path, 0, NULL);
    if (!v.root) (void)printf("skipped: %s can't be read; TOCSIN_VECTORS names the folder of the vectors\n", path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_judged_as_we_must),       cmocka_unit_test(cross_origin_is_all_that_is_wrong),
        cmocka_unit_test(verification_is_asked_for),        cmocka_unit_test(every_bit_of_a_registration_counts),
        cmocka_unit_test(every_bit_of_an_assertion_counts),
    };
    if (crypto_init() != OK) return 1;
    open_vectors();
    if (!v.root) return getenv("CI") ? 1 : 77; /* 77: skipped */
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(v.root);
    return failed;
}
