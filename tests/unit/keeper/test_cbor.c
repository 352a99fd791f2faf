/* The CBOR reader against RFC 8949's examples and every way of being not canonical; COSE keys; packed ceremonies. */
#include <cmocka.h>

#include "authenticator.h"
#include "base/enc.h"
#include "keeper/cbor.h"

static uint8_t bytes[CBOR_BYTES_MAX + 2];

static struct str hex(const char *text) {
    size_t n = 0;
    assert_int_equal(dec_hex(str_from(text), bytes, sizeof bytes, &n), OK);
    return str_bytes(bytes, n);
}

/* Each word of a line of hexadecimal words. */
static void all_are(const char *line, enum err want) {
    struct str left = str_from(line), word;
    char text[200];
    while (left.n > 0) {
        left = str_cut(left, ' ', &word);
        assert_int_equal(str_to_z(word, text, sizeof text), OK);
        enum err r = cbor_check(hex(text));
        if (r != want) fail_msg("%s: %s", text, err_name(r));
    }
}

static void canonical_items_are_taken(void **state) {
    (void)state;
    all_are("00 17 1818 18ff 190100 19ffff 1a00010000 1affffffff 1b0000000100000000 1b7fffffffffffffff", OK);
    all_are("20 37 3818 390100 3b7fffffffffffffff 40 43010203 60 63e282ac 62c3bc 80 83010203 a0 a201020304", OK);
    all_are("a26161016162820203 a2200021f6 f4 f5 f6 8181818100 a10181a1616100", OK);
}

static void anything_else_is_refused(void **state) {
    (void)state;
    assert_int_equal(cbor_check(STR_NONE), ERR_INPUT);
    /* A number or length in more bytes than it needs; over 63 bits; reserved; cut short. */
    all_are("1817 1900ff 1a0000ffff 1b00000000ffffffff 5801ff 7801ff 980100 b8010000", ERR_INPUT);
    all_are("1b8000000000000000 3b8000000000000000 1c 1d 1e 3f 18 1901 1b00000000000000", ERR_INPUT);
    /* Indefinite lengths and the break; strings, arrays and maps that end too soon; bytes after the end. */
    all_are("5f4100ff 7f6161ff 9f01ff bf0102ff ff 430102 636162 830102 a101 5bffffffffffffffff 0000 a000", ERR_INPUT);
    /* Text that is not UTF-8: a stray byte, an overlong form, a surrogate. */
    all_are("61ff 62c080 63eda080", ERR_INPUT);
    /* The same key twice; keys of other types than integer and text. */
    all_are("a201010102 a2616101616102 a320002000f6f6 a1410000 a1800000 a1a00000 a1f400", ERR_INPUT);
    /* Tags, floats, undefined and other simple values. */
    all_are("c000 d8184100 f90000 fa00000000 fb0000000000000000 e0 f7 f818 f8ff f3", ERR_INPUT);
}

static void limits_hold(void **state) {
    (void)state;
    all_are("818181818100 a100a100a100a100a10000 9bffffffffffffffff bbffffffffffffffff", ERR_TOO_LARGE);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(cbor_check(str_bytes(bytes, CBOR_BYTES_MAX + 1)), ERR_TOO_LARGE);
    bytes[0] = 0x98;
    for (size_t n = 31; n <= 33; n++) {
        bytes[1] = (uint8_t)n;
        assert_int_equal(cbor_check(str_bytes(bytes, 2 + n)), n <= CBOR_ITEMS_MAX ? OK : ERR_TOO_LARGE);
    }
    bytes[0] = 0x59;
    bytes[1] = (CBOR_BYTES_MAX - 3) >> 8;
    bytes[2] = (CBOR_BYTES_MAX - 3) & 0xff;
    assert_int_equal(cbor_check(str_bytes(bytes, CBOR_BYTES_MAX)), OK);
}

static void values_are_found(void **state) {
    struct str map = hex("a40102206161616183f4f500636d6170a1015820"
                         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
               value, inner, s;
    int64_t v = 0;
    size_t n = 0;
    (void)state;
    assert_int_equal(cbor_check(map), OK);
    assert_int_equal(cbor_at_label(map, 1, &value), OK);
    assert_int_equal(cbor_int(value, &v), OK);
    assert_int_equal(v, 2);
    assert_int_equal(cbor_at_label(map, -1, &value), OK);
    assert_int_equal(cbor_text(value, &s), OK);
    assert_true(str_eq(s, STR("a")));
    assert_int_equal(cbor_bytes(value, &s), ERR_INPUT);
    assert_int_equal(cbor_int(value, &v), ERR_INPUT);
    assert_int_equal(cbor_at_key(map, "a", &value), OK);
    assert_int_equal(cbor_count(value, &n), OK);
    assert_int_equal(n, 3);
    assert_int_equal(cbor_at(value, 2, &inner), OK);
    assert_int_equal(cbor_int(inner, &v), OK);
    assert_int_equal(v, 0);
    assert_int_equal(cbor_at(value, 3, &inner), ERR_NOT_FOUND);
    assert_int_equal(cbor_at(map, 0, &inner), ERR_INPUT);
    assert_int_equal(cbor_at_key(map, "map", &value), OK);
    assert_true(cbor_is_map(value));
    assert_int_equal(cbor_at_label(value, 1, &inner), OK);
    assert_int_equal(cbor_bytes(inner, &s), OK);
    assert_int_equal(s.n, 32);
    assert_int_equal(cbor_at_key(map, "b", &value), ERR_NOT_FOUND);
    assert_int_equal(cbor_at_label(map, 2, &value), ERR_NOT_FOUND);
    assert_int_equal(cbor_at_label(inner, 2, &value), ERR_INPUT);
}

static void keys_of_three_kinds_are_read(void **state) {
    static const enum cose_alg algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        struct authenticator a;
        struct cose_key key;
        struct buf b;
        authenticator_init(&a, algs[i]);
        buf_init(&b, COSE_KEY_BYTES_MAX * 2);
        authenticator_cose(&a, &b);
        assert_int_equal(cose_key_read(buf_str(&b), &key), OK);
        assert_int_equal(key.alg, algs[i]);
        for (size_t n = 0; n < b.n; n++) assert_int_not_equal(cose_key_read((struct str){ b.p, n }, &key), OK);
        b.p[0]++; /* one member more */
        buf_add(&b, STR("\x04\xf6"));
        assert_int_equal(cose_key_read(buf_str(&b), &key), ERR_INPUT);
        buf_release(&b);
        authenticator_release(&a);
    }
    assert_int_equal(cose_verify(&(struct cose_key){ 0 }, STR("a"), STR("b")), ERR_CRYPTO);
}

static void other_keys_are_refused_by_name(void **state) {
    static const struct {
        int64_t alg;
        const char *name;
    } others[] = { { -35, "ES384" }, { -36, "ES512" },  { -37, "PS256" },  { -47, "ES256K" },
                   { -53, "Ed448" }, { -258, "RS384" }, { -65535, "RS1" }, { 12345, "an unknown algorithm" } };
    struct authenticator a;
    struct cose_key key;
    struct buf b;
    int64_t alg = 0;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    buf_init(&b, COSE_KEY_BYTES_MAX * 2);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        buf_reset(&b);
        a.alg = others[i].alg;
        authenticator_cose(&a, &b);
        assert_int_equal(cose_key_read(buf_str(&b), &key), ERR_UNSUPPORTED);
        assert_int_equal(cose_key_alg(buf_str(&b), &alg), OK);
        assert_string_equal(cose_alg_name(alg), others[i].name);
    }
    while (b.n <= COSE_KEY_BYTES_MAX) buf_add_c(&b, 0);
    assert_int_equal(cose_key_read(buf_str(&b), &key), ERR_TOO_LARGE);
    buf_release(&b);
    authenticator_release(&a);
}

/* kty, alg, crv or number, first and second part: what must not pass for a key. */
static void wrong_keys_are_refused(void **state) {
    static const char zeros[RSA_BITS_MAX / 8 + 2] = { 1 };
    static const struct {
        int kty, alg, crv;
        size_t x, y; /* bytes of the parts; 0: absent */
    } wrong[] = {
        { 2, -7, 1, 32, 32 }, /* not on the curve */
        { 2, -7, 2, 32, 32 }, /* another curve */
        { 1, -7, 1, 32, 32 }, /* another type */
        { 2, -7, 1, 31, 32 }, { 2, -7, 1, 32, 33 }, { 2, -7, 1, 32, 0 },
        { 1, -8, 6, 32, 0 }, /* a point of small order (y = 1) */
        { 1, -8, 7, 57, 0 }, /* Ed448 */
        { 1, -8, 6, 31, 0 },  { 2, -8, 6, 32, 0 },  { 1, -8, 6, 32, 32 },
    };
    struct cose_key key;
    struct buf b;
    (void)state;
    buf_init(&b, 4096);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        buf_reset(&b);
        put_head(&b, 5, 4 + (wrong[i].y > 0));
        put_int(&b, 1);
        put_int(&b, wrong[i].kty);
        put_int(&b, 3);
        put_int(&b, wrong[i].alg);
        put_int(&b, -1);
        put_int(&b, wrong[i].crv);
        put_int(&b, -2);
        put_bytes(&b, (struct str){ zeros, wrong[i].x });
        if (wrong[i].y > 0) put_int(&b, -3);
        if (wrong[i].y > 0) put_bytes(&b, (struct str){ zeros, wrong[i].y });
        if (cose_key_read(buf_str(&b), &key) != ERR_INPUT) fail_msg("key %zu was taken", i);
    }
    buf_release(&b);
}

static void rsa_keys_have_bounds(void **state) {
    static const struct {
        size_t n; /* bytes of the modulus */
        uint8_t first, last;
        struct str e;
        bool is_key;
    } tries[] = {
        { 256, 0x80, 1, { "\x01\x00\x01", 3 }, true },
        { 512, 0xff, 1, { "\x03", 1 }, true },
        { 256, 0x7f, 1, { "\x03", 1 }, false },
        { 255, 0xff, 1, { "\x03", 1 }, false },
        { 513, 0x01, 1, { "\x03", 1 }, false },
        { 256, 0x80, 2, { "\x03", 1 }, false },
        { 257, 0x00, 1, { "\x03", 1 }, false },
        { 256, 0x80, 1, { "\x01", 1 }, false },
        { 256, 0x80, 1, { "\x04", 1 }, false },
        { 256, 0x80, 1, { "\x00\x03", 2 }, false },
        { 256, 0x80, 1, { "", 0 }, false },
        { 256, 0x80, 1, { "\x01\x01\x01\x01\x01", 5 }, false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        char n[600] = { 0 };
        n[0] = (char)tries[i].first;
        n[tries[i].n - 1] = (char)tries[i].last;
        if (rs256_is_key((struct str){ n, tries[i].n }, tries[i].e) != tries[i].is_key) fail_msg("modulus %zu", i);
    }
}

static void ceremonies_survive_packing(void **state) {
    static char x[ATTESTATION_BYTES_MAX];
    const struct ceremony both[] = {
        { .credential_id = { x, 32 }, .client_data = { x, 200 }, .attestation_object = { x, ATTESTATION_BYTES_MAX } },
        { .credential_id = { x, 1023 },
          .client_data = { x, 2048 },
          .authenticator_data = { x, 1024 },
          .signature = { x, 512 },
          .user_handle = { x, 64 } },
        { .credential_id = { x, 16 }, .client_data = { x, 1 }, .authenticator_data = { x, 1 }, .signature = { x, 1 } },
    };
    struct ceremony got;
    struct buf b;
    (void)state;
    crypto_random(x, sizeof x);
    buf_init(&b, CEREMONY_BYTES_MAX + 10);
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        buf_reset(&b);
        assert_int_equal(ceremony_pack(&both[i], &b), OK);
        assert_int_equal(ceremony_unpack(buf_str(&b), &got), OK);
        assert_int_equal(ceremony_is_registration(&got), i == 0);
        assert_true(str_eq(got.credential_id, both[i].credential_id) && str_eq(got.client_data, both[i].client_data));
        assert_true(str_eq(got.signature, both[i].signature) && str_eq(got.user_handle, both[i].user_handle));
        assert_true(str_eq(got.attestation_object, both[i].attestation_object));
        assert_true(str_eq(got.authenticator_data, both[i].authenticator_data));
        for (size_t n = 0; n < b.n; n++) assert_int_equal(ceremony_unpack((struct str){ b.p, n }, &got), ERR_INPUT);
        buf_add_c(&b, 0);
        assert_int_equal(ceremony_unpack(buf_str(&b), &got), ERR_INPUT);
        b.n--;
        b.p[0] = 2;
        assert_int_equal(ceremony_unpack(buf_str(&b), &got), ERR_INPUT);
    }
    while (b.n <= CEREMONY_BYTES_MAX) buf_add_c(&b, 0);
    assert_int_equal(ceremony_unpack(buf_str(&b), &got), ERR_TOO_LARGE);
    buf_release(&b);
}

static void no_other_ceremony_packs(void **state) {
    static char x[ATTESTATION_BYTES_MAX + 1];
    const struct str id = { x, 32 }, some = { x, 10 };
    const struct {
        struct ceremony c;
        enum err why;
    } wrong[] = {
        { { .credential_id = id, .client_data = some }, ERR_INPUT },
        { { .credential_id = id, .client_data = some, .authenticator_data = some }, ERR_INPUT },
        { { .credential_id = id, .client_data = some, .signature = some }, ERR_INPUT },
        { { .client_data = some, .attestation_object = some }, ERR_INPUT },
        { { .credential_id = id, .attestation_object = some }, ERR_INPUT },
        { { .credential_id = { x, 15 }, .client_data = some, .attestation_object = some }, ERR_INPUT },
        { { .credential_id = { x, 1024 }, .client_data = some, .attestation_object = some }, ERR_TOO_LARGE },
        { { .credential_id = id, .client_data = { x, 2049 }, .attestation_object = some }, ERR_TOO_LARGE },
        { { .credential_id = id, .client_data = some, .attestation_object = { x, sizeof x } }, ERR_TOO_LARGE },
        { { .credential_id = id, .client_data = some, .attestation_object = some, .signature = some }, ERR_INPUT },
        { { .credential_id = id, .client_data = some, .attestation_object = some, .user_handle = some }, ERR_INPUT },
        { { .credential_id = { x, 1023 }, .client_data = { x, 2048 }, .attestation_object = { x, 6144 } },
          ERR_TOO_LARGE },
    };
    struct buf b;
    (void)state;
    buf_init(&b, CEREMONY_BYTES_MAX * 2);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        enum err r = ceremony_pack(&wrong[i].c, &b);
        if (r != wrong[i].why) fail_msg("ceremony %zu: %s", i, err_name(r));
        assert_int_equal(b.n, 0);
    }
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_items_are_taken),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(values_are_found),
        cmocka_unit_test(keys_of_three_kinds_are_read),
        cmocka_unit_test(other_keys_are_refused_by_name),
        cmocka_unit_test(wrong_keys_are_refused),
        cmocka_unit_test(rsa_keys_have_bounds),
        cmocka_unit_test(ceremonies_survive_packing),
        cmocka_unit_test(no_other_ceremony_packs),
    };
    if (crypto_init() != OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
