/* Crypto against the vectors of its standards: RFC 5869, NIST's GCM, RFC 7515, FIPS 180, and BLAKE2. */
#include <cmocka.h>

#include "base/crypto.h"
#include "base/enc.h"

struct bytes {
    uint8_t b[128];
    size_t n;
};

static struct bytes hex(const char *text) {
    struct bytes x = { .n = 0 };
    assert_int_equal(dec_hex(str_from(text), x.b, sizeof x.b, &x.n), OK);
    return x;
}

static struct str str_of(const struct bytes *x) { return str_bytes(x->b, x->n); }

static void assert_hex(const void *have, const char *want) {
    struct bytes x = hex(want);
    assert_memory_equal(have, x.b, x.n);
}

static void sha256(void **state) {
    uint8_t out[HASH_BYTES];
    (void)state;
    crypto_sha256(STR(""), out);
    assert_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    crypto_sha256(STR("abc"), out);
    assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void token_hash_is_blake2b_256(void **state) {
    uint8_t out[HASH_BYTES];
    (void)state;
    crypto_token_hash(STR("abc"), out);
    assert_hex(out, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void mac_separates_key_label_and_text(void **state) {
    uint8_t key[KEY_BYTES] = { 1 }, other[KEY_BYTES] = { 2 }, a[HASH_BYTES], b[HASH_BYTES];
    (void)state;
    crypto_mac(key, "label", STR("text"), a);
    crypto_mac(key, "label", STR("text"), b);
    assert_memory_equal(a, b, HASH_BYTES);
    crypto_mac(other, "label", STR("text"), b);
    assert_memory_not_equal(a, b, HASH_BYTES);
    crypto_mac(key, "labelt", STR("ext"), b);
    assert_memory_not_equal(a, b, HASH_BYTES);
    crypto_mac(key, "labe", STR("ltext"), b);
    assert_memory_not_equal(a, b, HASH_BYTES);
    crypto_mac(key, "label", STR_NONE, a);
    crypto_mac(key, "label", str_bytes("\0", 1), b);
    assert_memory_not_equal(a, b, HASH_BYTES);
}

static const struct {
    const char *ikm, *salt, *info, *okm;
} hkdf_cases[] = {
    { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
    { "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
      "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
      "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
      "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
      "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
      "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
      "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87" },
    { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
};

static void hkdf_rfc5869(void **state) {
    static uint8_t out[255 * HASH_BYTES + 1];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hkdf_cases); i++) {
        struct bytes ikm = hex(hkdf_cases[i].ikm), salt = hex(hkdf_cases[i].salt), info = hex(hkdf_cases[i].info);
        struct bytes want = hex(hkdf_cases[i].okm);
        assert_int_equal(crypto_hkdf_sha256(str_of(&ikm), str_of(&salt), str_of(&info), out, want.n), OK);
        assert_memory_equal(out, want.b, want.n);
    }
    assert_int_equal(crypto_hkdf_sha256(STR("k"), STR_NONE, STR_NONE, out, sizeof out), ERR_TOO_LARGE);
    assert_int_equal(crypto_hkdf_sha256(STR("k"), STR_NONE, STR_NONE, out, sizeof out - 1), OK);
}

static void gcm_of_nist(void **state) { /* McGrew and Viega, test cases 4 and 16: with additional data */
    struct bytes nonce = hex("cafebabefacedbaddecaf888"), aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    struct bytes text = hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449"
                            "a6b525b16aedf5aa0de657ba637b39");
    struct bytes k16 = hex("feffe9928665731c6d6a8f9467308308");
    struct bytes k32 = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    uint8_t out[80];
    (void)state;
    assert_int_equal(crypto_gcm_seal(str_of(&k16), nonce.b, str_of(&aad), str_of(&text), out), OK);
    assert_hex(out,
               "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba3"
               "0b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47");
    assert_int_equal(crypto_gcm_seal(str_of(&k32), nonce.b, str_of(&aad), str_of(&text), out), OK);
    assert_hex(out,
               "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f6"
               "1e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
}

static void gcm_takes_no_changed_byte(void **state) {
    uint8_t key[16] = { 3 }, nonce[12] = { 4 }, sealed[20], out[4], wiped[4] = { 0 };
    struct str k = str_bytes(key, sizeof key);
    (void)state;
    assert_int_equal(crypto_gcm_seal(k, nonce, STR("a"), STR("text"), sealed), OK);
    assert_int_equal(crypto_gcm_open(k, nonce, STR("a"), str_bytes(sealed, 20), out), OK);
    assert_memory_equal(out, "text", 4);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        memset(out, 7, sizeof out);
        assert_int_equal(crypto_gcm_open(k, nonce, STR("a"), str_bytes(sealed, 20), out), ERR_CRYPTO);
        assert_memory_equal(out, wiped, 4); /* nothing unproved is left in it */
        sealed[i] ^= 1;
    }
    assert_int_equal(crypto_gcm_open(k, nonce, STR("b"), str_bytes(sealed, 20), out), ERR_CRYPTO);
    assert_int_equal(crypto_gcm_open(k, nonce, STR("a"), str_bytes(sealed, 19), out), ERR_CRYPTO);
    assert_int_equal(crypto_gcm_open(k, nonce, STR("a"), str_bytes(sealed, 15), out), ERR_CRYPTO);
    assert_int_equal(crypto_gcm_open(str_bytes(key, 15), nonce, STR("a"), str_bytes(sealed, 20), out), ERR_CRYPTO);
    assert_int_equal(crypto_gcm_seal(str_bytes(key, 0), nonce, STR_NONE, STR_NONE, sealed), ERR_CRYPTO);
    assert_int_equal(crypto_gcm_seal(k, nonce, STR_NONE, STR_NONE, sealed), OK);
    assert_int_equal(crypto_gcm_open(k, nonce, STR_NONE, str_bytes(sealed, 16), out), OK);
}

static void sealed_boxes_open_for_their_owner_alone(void **state) {
    uint8_t pub[BOX_PUBLIC_BYTES], sec[BOX_SECRET_BYTES], pub2[BOX_PUBLIC_BYTES], sec2[BOX_SECRET_BYTES];
    uint8_t box[4 + BOX_OVERHEAD_BYTES], out[4];
    struct str b = str_bytes(box, sizeof box);
    (void)state;
    crypto_seal_keypair(pub, sec);
    crypto_seal_keypair(pub2, sec2);
    assert_int_equal(crypto_seal(STR("1234"), pub, box), OK);
    assert_int_equal(crypto_unseal(b, pub, sec, out), OK);
    assert_memory_equal(out, "1234", 4);
    assert_int_equal(crypto_unseal(b, pub2, sec2, out), ERR_CRYPTO);
    assert_int_equal(crypto_unseal(str_bytes(box, BOX_OVERHEAD_BYTES - 1), pub, sec, out), ERR_CRYPTO);
    box[50] ^= 1;
    assert_int_equal(crypto_unseal(b, pub, sec, out), ERR_CRYPTO);
}

/* RFC 7515 A.3: ES256. */
static const char jws_d[] = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
static const char jws_x[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
static const char jws_y[] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
static const char jws_in[] =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
    "bS9pc19yb290Ijp0cnVlfQ";
static const char jws_sig[] = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

static void decode(const char *text, uint8_t *out, size_t n) {
    size_t got = 0;
    assert_int_equal(dec_b64url(str_from(text), out, n, &got), OK);
    assert_int_equal(got, n);
}

static void es256_rfc7515(void **state) {
    uint8_t d[32], point[65] = { 4 }, sig[64], mine[65], back[32];
    struct p256_key *k = NULL;
    struct str p = str_bytes(point, sizeof point);
    (void)state;
    decode(jws_d, d, 32);
    decode(jws_x, point + 1, 32);
    decode(jws_y, point + 33, 32);
    decode(jws_sig, sig, 64);
    assert_int_equal(p256_verify(p, str_from(jws_in), sig), OK);
    assert_int_equal(p256_verify(p, STR("other"), sig), ERR_CRYPTO);
    assert_int_equal(p256_from_scalar(d, &k), OK);
    p256_public(k, mine);
    assert_memory_equal(mine, point, 65);
    p256_scalar(k, back);
    assert_memory_equal(back, d, 32);
    for (int i = 0; i < 50; i++) { /* numbers with leading zeroes keep their width */
        assert_int_equal(p256_sign(k, str_bytes(&i, sizeof i), sig), OK);
        assert_int_equal(p256_verify(p, str_bytes(&i, sizeof i), sig), OK);
    }
    sig[63] ^= 1;
    assert_int_equal(p256_verify(p, STR("x"), sig), ERR_CRYPTO);
    memset(sig, 0, sizeof sig);
    assert_int_equal(p256_verify(p, STR("x"), sig), ERR_CRYPTO);
    p256_free(k);
    p256_free(NULL);
}

static void p256_refuses_scalars_out_of_range(void **state) {
    static const char *const bad[] = { "0000000000000000000000000000000000000000000000000000000000000000",
                                       "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
                                       "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" };
    struct p256_key *k = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_int_equal(p256_from_scalar(hex(bad[i]).b, &k), ERR_CRYPTO);
    assert_null(k);
}

static void p256_refuses_points_off_the_curve(void **state) {
    struct p256_key *k = NULL;
    uint8_t point[66], out[32], sig[64] = { 1 };
    (void)state;
    assert_int_equal(p256_generate(&k), OK);
    p256_public(k, point);
    assert_int_equal(p256_ecdh(k, str_bytes(point, 65), out), OK);
    assert_int_equal(p256_ecdh(k, str_bytes(point, 64), out), ERR_CRYPTO);
    assert_int_equal(p256_ecdh(k, str_bytes(point, 66), out), ERR_CRYPTO);
    assert_int_equal(p256_ecdh(k, STR_NONE, out), ERR_CRYPTO);
    assert_int_equal(p256_ecdh(k, str_bytes("\0", 1), out), ERR_CRYPTO); /* infinity */
    point[64] ^= 1;
    assert_int_equal(p256_ecdh(k, str_bytes(point, 65), out), ERR_CRYPTO);
    assert_int_equal(p256_verify(str_bytes(point, 65), STR("x"), sig), ERR_CRYPTO);
    point[64] ^= 1;
    point[0] = 6; /* the hybrid form */
    assert_int_equal(p256_ecdh(k, str_bytes(point, 65), out), ERR_CRYPTO);
    point[0] = 2; /* compressed */
    assert_int_equal(p256_ecdh(k, str_bytes(point, 33), out), ERR_CRYPTO);
    p256_free(k);
}

static void both_ends_agree(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct p256_key *a = NULL, *b = NULL;
        uint8_t pa[65], pb[65], sa[32], sb[32];
        assert_int_equal(p256_generate(&a), OK);
        assert_int_equal(p256_generate(&b), OK);
        p256_public(a, pa);
        p256_public(b, pb);
        assert_int_equal(p256_ecdh(a, str_bytes(pb, 65), sa), OK);
        assert_int_equal(p256_ecdh(b, str_bytes(pa, 65), sb), OK);
        assert_memory_equal(sa, sb, 32);
        p256_free(a);
        p256_free(b);
    }
}

static void init_may_be_repeated(void **state) {
    uint8_t a[16], b[16];
    (void)state;
    assert_int_equal(crypto_init(), OK);
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256),
        cmocka_unit_test(token_hash_is_blake2b_256),
        cmocka_unit_test(mac_separates_key_label_and_text),
        cmocka_unit_test(hkdf_rfc5869),
        cmocka_unit_test(gcm_of_nist),
        cmocka_unit_test(gcm_takes_no_changed_byte),
        cmocka_unit_test(sealed_boxes_open_for_their_owner_alone),
        cmocka_unit_test(es256_rfc7515),
        cmocka_unit_test(p256_refuses_scalars_out_of_range),
        cmocka_unit_test(p256_refuses_points_off_the_curve),
        cmocka_unit_test(both_ends_agree),
        cmocka_unit_test(init_may_be_repeated),
    };
    if (crypto_init() != OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
