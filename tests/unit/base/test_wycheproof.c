/*
 * Wycheproof's vectors, from the folder that TOCSIN_VECTORS names (or ../shared/vectors beside the source). Each vector
 * that is "invalid" must be refused, each "valid" one taken; "acceptable" ones are free, but never with a wrong answer.
 */
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/enc.h"

#define BYTES_MAX 70000

struct bytes {
    uint8_t *b;
    size_t n;
};

static struct bytes bytes_at(const json_t *test, const char *name) {
    const char *text = json_string_value(json_object_get(test, name));
    struct bytes x = { .b = malloc(BYTES_MAX) };
    assert_non_null(x.b);
    assert_non_null(text);
    assert_int_equal(dec_hex(str_from(text), x.b, BYTES_MAX, &x.n), OK);
    return x;
}

static struct str str_of(struct bytes x) { return str_bytes(x.b, x.n); }

static json_int_t int_at(const json_t *o, const char *name) { return json_integer_value(json_object_get(o, name)); }

/* A vector's outcome: was it taken, and was the answer that of the vector? */
struct outcome {
    bool is_taken, is_right;
};

static void judge(const json_t *test, struct outcome o) {
    const char *want = json_string_value(json_object_get(test, "result"));
    bool is_wrong = (strcmp(want, "valid") == 0 && !(o.is_taken && o.is_right)) ||
                    (strcmp(want, "invalid") == 0 && o.is_taken) || (o.is_taken && !o.is_right);
    if (is_wrong)
        fail_msg("vector %lld (%s) is %s: taken %d, right %d", (long long)int_at(test, "tcId"),
                 json_string_value(json_object_get(test, "comment")), want, o.is_taken, o.is_right);
}

static struct outcome hkdf(const json_t *group, const json_t *test) {
    struct bytes ikm = bytes_at(test, "ikm"), salt = bytes_at(test, "salt"), info = bytes_at(test, "info");
    struct bytes okm = bytes_at(test, "okm");
    size_t n = (size_t)int_at(test, "size");
    uint8_t *out = malloc(n + 1);
    struct outcome o;
    (void)group;
    assert_non_null(out);
    o.is_taken = crypto_hkdf_sha256(str_of(ikm), str_of(salt), str_of(info), out, n) == OK;
    o.is_right = o.is_taken && okm.n == n && memcmp(out, okm.b, n) == 0;
    free(out);
    free(ikm.b);
    free(salt.b);
    free(info.b);
    free(okm.b);
    return o;
}

/* Both ways: sealing must give the vector's text, opening must take it. */
static struct outcome gcm_both(struct str key, const uint8_t *nonce, struct str aad, const struct bytes part[3]) {
    struct bytes msg = part[0], ct = part[1], tag = part[2];
    uint8_t *sealed = malloc(ct.n + tag.n + 16), *out = malloc(msg.n + 1);
    struct outcome o;
    assert_non_null(sealed);
    assert_non_null(out);
    memcpy(sealed, ct.b, ct.n);
    memcpy(sealed + ct.n, tag.b, tag.n);
    o.is_taken = crypto_gcm_open(key, nonce, aad, str_bytes(sealed, ct.n + tag.n), out) == OK;
    o.is_right = o.is_taken && memcmp(out, msg.b, msg.n) == 0;
    if (o.is_right)
        o.is_right = crypto_gcm_seal(key, nonce, aad, str_of(msg), sealed) == OK && memcmp(sealed, ct.b, ct.n) == 0 &&
                     memcmp(sealed + ct.n, tag.b, tag.n) == 0;
    free(sealed);
    free(out);
    return o;
}

static struct outcome gcm(const json_t *group, const json_t *test) {
    struct bytes key = bytes_at(test, "key"), iv = bytes_at(test, "iv"), aad = bytes_at(test, "aad");
    struct bytes part[3] = { bytes_at(test, "msg"), bytes_at(test, "ct"), bytes_at(test, "tag") };
    struct outcome o = gcm_both(str_of(key), iv.b, str_of(aad), part);
    (void)group;
    free(key.b);
    free(iv.b);
    free(aad.b);
    for (size_t i = 0; i < 3; i++) free(part[i].b);
    return o;
}

static bool is_our_gcm(const json_t *group) {
    json_int_t key = int_at(group, "keySize");
    return int_at(group, "ivSize") == 96 && int_at(group, "tagSize") == 128 && (key == 128 || key == 256);
}

static struct outcome ecdh(const json_t *group, const json_t *test) {
    struct bytes peer = bytes_at(test, "public"), scalar = bytes_at(test, "private"), shared = bytes_at(test, "shared");
    struct p256_key *k = NULL;
    uint8_t d[32] = { 0 }, out[32];
    size_t extra = scalar.n > 32 ? scalar.n - 32 : 0;
    struct outcome o = { 0 };
    (void)group;
    memcpy(d + 32 - (scalar.n - extra), scalar.b + extra, scalar.n - extra);
    assert_int_equal(p256_from_scalar(d, &k), OK);
    o.is_taken = p256_ecdh(k, str_of(peer), out) == OK;
    o.is_right = o.is_taken && shared.n == 32 && memcmp(out, shared.b, 32) == 0;
    p256_free(k);
    free(peer.b);
    free(scalar.b);
    free(shared.b);
    return o;
}

static struct outcome ecdsa(const json_t *group, const json_t *test) {
    struct bytes point = bytes_at(json_object_get(group, "publicKey"), "uncompressed"), msg = bytes_at(test, "msg");
    struct bytes sig = bytes_at(test, "sig");
    struct outcome o;
    o.is_taken = sig.n == 64 && p256_verify(str_of(point), str_of(msg), sig.b) == OK;
    o.is_right = o.is_taken;
    free(point.b);
    free(msg.b);
    free(sig.b);
    return o;
}

static struct outcome ecdsa_der(const json_t *group, const json_t *test) {
    struct bytes point = bytes_at(json_object_get(group, "publicKey"), "uncompressed"), msg = bytes_at(test, "msg");
    struct bytes sig = bytes_at(test, "sig");
    struct outcome o;
    o.is_taken = p256_verify_der(str_of(point), str_of(msg), str_of(sig)) == OK;
    o.is_right = o.is_taken;
    free(point.b);
    free(msg.b);
    free(sig.b);
    return o;
}

static struct outcome ed25519(const json_t *group, const json_t *test) {
    struct bytes key = bytes_at(json_object_get(group, "publicKey"), "pk"), msg = bytes_at(test, "msg");
    struct bytes sig = bytes_at(test, "sig");
    struct outcome o;
    o.is_taken = ed25519_verify(str_of(key), str_of(msg), str_of(sig)) == OK;
    o.is_right = o.is_taken;
    free(key.b);
    free(msg.b);
    free(sig.b);
    return o;
}

/* Numbers stand there as DER has them: with a zero before a first bit that is set. */
static struct str number_of(struct bytes x) {
    struct str s = str_of(x);
    return s.n > 0 && s.p[0] == 0 ? str_skip(s, 1) : s;
}

static struct outcome rsa(const json_t *group, const json_t *test) {
    const json_t *key = json_object_get(group, "publicKey");
    struct bytes n = bytes_at(key, "modulus"), e = bytes_at(key, "publicExponent"), msg = bytes_at(test, "msg");
    struct bytes sig = bytes_at(test, "sig");
    struct outcome o;
    o.is_taken = rs256_verify(number_of(n), number_of(e), str_of(msg), str_of(sig)) == OK;
    o.is_right = o.is_taken;
    free(n.b);
    free(e.b);
    free(msg.b);
    free(sig.b);
    return o;
}

static json_t *load(const char *file) {
    const char *folder = getenv("TOCSIN_VECTORS");
    char path[1000];
    json_t *root;
    (void)snprintf(path, sizeof path, "%s/wycheproof/%s", folder && *folder ? folder : DEFAULT_VECTORS, file);
    root = json_load_file(path, 0, NULL);
    if (root) return root;
    if (getenv("CI")) fail_msg("no vectors: %s can't be read; TOCSIN_VECTORS names their folder", path);
    (void)printf("skipped: %s can't be read; TOCSIN_VECTORS names the folder of the vectors\n", path);
    skip();
    return NULL;
}

static void run(const char *file, bool (*is_ours)(const json_t *group),
                struct outcome (*try)(const json_t *group, const json_t *test)) {
    json_t *root = load(file), *group, *test;
    size_t i, k, n = 0;
    json_array_foreach(json_object_get(root, "testGroups"), i, group) {
        if (is_ours && !is_ours(group)) continue;
        json_array_foreach(json_object_get(group, "tests"), k, test) {
            judge(test, try(group, test));
            n++;
        }
    }
    assert_true(n >= 60); /* a file that became empty proves nothing */
    (void)printf("%s: %zu vectors\n", file, n);
    json_decref(root);
}

static void wycheproof_hkdf(void **state) {
    (void)state;
    run("hkdf_sha256_test.json", NULL, hkdf);
}

static void wycheproof_gcm(void **state) {
    (void)state;
    run("aes_gcm_test.json", is_our_gcm, gcm);
}

static void wycheproof_ecdh(void **state) {
    (void)state;
    run("ecdh_secp256r1_ecpoint_test.json", NULL, ecdh);
}

static void wycheproof_ecdsa(void **state) {
    (void)state;
    run("ecdsa_secp256r1_sha256_p1363_test.json", NULL, ecdsa);
}

static void wycheproof_ecdsa_der(void **state) {
    (void)state;
    run("ecdsa_secp256r1_sha256_test.json", NULL, ecdsa_der);
}

static void wycheproof_ed25519(void **state) {
    (void)state;
    run("ed25519_test.json", NULL, ed25519);
}

static void wycheproof_rsa(void **state) {
    (void)state;
    run("rsa_signature_2048_sha256_test.json", NULL, rsa);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wycheproof_hkdf),      cmocka_unit_test(wycheproof_gcm),
        cmocka_unit_test(wycheproof_ecdh),      cmocka_unit_test(wycheproof_ecdsa),
        cmocka_unit_test(wycheproof_ecdsa_der), cmocka_unit_test(wycheproof_ed25519),
        cmocka_unit_test(wycheproof_rsa),
    };
    if (crypto_init() != OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
