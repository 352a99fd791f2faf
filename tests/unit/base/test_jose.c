/* The small JSON reader, RFC 8785's canonical form, and JWS and JWK against the examples of their RFCs. */
#include <cmocka.h>

#include "base/enc.h"
#include "base/jcs.h"
#include "base/jws.h"

static void objects_are_read(void **state) {
    struct jobject o;
    struct buf b;
    (void)state;
    assert_int_equal(jobject_read(STR(" {} "), &o), OK);
    assert_int_equal(o.n, 0);
    assert_int_equal(
        jobject_read(
            STR("\t{ \"s\" : \"a\\\"\\u00e9\\ud83d\\ude00\\n\" , \"n\":-0.5e+10,\"t\":true,\"f\":false,\"z\":null,"
                "\"a\":[ 1 , [\"]\"],{}],\"o\":{\"s\":[]} }\r\n"),
            &o),
        OK);
    assert_int_equal(jobject_kind(&o, "s"), JKIND_STRING);
    assert_int_equal(jobject_kind(&o, "n"), JKIND_NUMBER);
    assert_int_equal(jobject_kind(&o, "t"), JKIND_TRUE);
    assert_int_equal(jobject_kind(&o, "f"), JKIND_FALSE);
    assert_int_equal(jobject_kind(&o, "z"), JKIND_NULL);
    assert_int_equal(jobject_kind(&o, "a"), JKIND_ARRAY);
    assert_int_equal(jobject_kind(&o, "o"), JKIND_OBJECT);
    assert_int_equal(jobject_kind(&o, "S"), JKIND_NONE);
    assert_true(jobject_is(&o, "s", STR("a\"\xc3\xa9\xf0\x9f\x98\x80\n")));
    assert_false(jobject_is(&o, "s", STR("a\"\xc3\xa9\xf0\x9f\x98\x80")));
    assert_false(jobject_is(&o, "s", STR("a\"\xc3\xa9\xf0\x9f\x98\x80\n!")));
    assert_false(jobject_is(&o, "n", STR("-0.5e+10")));
    buf_init(&b, 100);
    assert_int_equal(jobject_text(&o, "s", &b), OK);
    assert_true(str_eq(buf_str(&b), STR("a\"\xc3\xa9\xf0\x9f\x98\x80\n")));
    assert_int_equal(jobject_text(&o, "n", &b), ERR_NOT_FOUND);
    assert_int_equal(jobject_text(&o, "none", &b), ERR_NOT_FOUND);
    buf_reset(&b);
    assert_int_equal(jobject_read(STR("{\"x\":\"\\u20ac\\b\\f\\r\\t\\/\\\\~\"}"), &o), OK);
    assert_int_equal(jobject_text(&o, "x", &b), OK);
    assert_true(str_eq(buf_str(&b), STR("\xe2\x82\xac\b\f\r\t/\\~")));
    buf_release(&b);
}

static void other_texts_are_refused(void **state) {
    static const char *const bad[] = {
        "",
        " ",
        "[]",
        "\"\"",
        "1",
        "{",
        "}",
        "{}}",
        "{}{}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":-}",
        "{\"a\":+1}",
        "{\"a\":1e}",
        "{\"a\":0x1}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":True}",
        "{\"a\":nul}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\x7f\xff\"}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"b}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":[}",
        "{\"a\":{\"b\"}}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1}\f",
        "\xef\xbb\xbf{}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":1}",
        "{\"o\":{\"b\":1,\"b\":1}}",
        "{\"o\":[{\"b\":1,\"\\u0062\":1}]}",
        "{\"a\":1/**/}",
        "{\"a\":\"\\",
    };
    struct jobject o;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (jobject_read(str_from(bad[i]), &o) != ERR_INPUT) fail_msg("%s was taken", bad[i]);
    assert_int_equal(jobject_read(STR("{\"a\0\":1}"), &o), ERR_INPUT);
    assert_int_equal(jobject_read(STR("{}\0"), &o), ERR_INPUT);
    assert_int_equal(jobject_read(STR("\0{}"), &o), ERR_INPUT);
}

static void objects_have_limits(void **state) {
    struct jobject o;
    struct buf b;
    (void)state;
    buf_init(&b, 2 * JOBJECT_BYTES_MAX);
    for (size_t members = JOBJECT_MEMBERS_MAX - 1; members <= JOBJECT_MEMBERS_MAX + 1; members++) {
        buf_reset(&b);
        for (size_t i = 0; i < members; i++) buf_addf(&b, "%c\"m%zu\":%zu", i ? ',' : '{', i, i);
        buf_add_c(&b, '}');
        assert_int_equal(jobject_read(buf_str(&b), &o), members <= JOBJECT_MEMBERS_MAX ? OK : ERR_TOO_LARGE);
    }
    for (int depth = JOBJECT_DEPTH_MAX - 1; depth <= JOBJECT_DEPTH_MAX + 1; depth++) {
        buf_reset(&b);
        buf_add_z(&b, "{\"a\":");
        for (int i = 0; i < depth; i++) buf_add_c(&b, '[');
        for (int i = 0; i < depth; i++) buf_add_c(&b, ']');
        buf_add_c(&b, '}');
        assert_int_equal(jobject_read(buf_str(&b), &o), depth <= JOBJECT_DEPTH_MAX ? OK : ERR_TOO_LARGE);
    }
    buf_reset(&b);
    buf_add_z(&b, "{}");
    while (b.n < JOBJECT_BYTES_MAX) buf_add_c(&b, ' ');
    assert_int_equal(jobject_read(buf_str(&b), &o), OK);
    buf_add_c(&b, ' ');
    assert_int_equal(jobject_read(buf_str(&b), &o), ERR_TOO_LARGE);
    buf_release(&b);
}

static void canonical_is(const struct jcs_member *m, size_t n, const char *want) {
    struct buf b;
    buf_init(&b, 1000);
    assert_int_equal(jcs_object(m, n, &b), OK);
    if (!str_eq(buf_str(&b), str_from(want))) fail_msg("%.*s, not %s", STR_FMT(buf_str(&b)), want);
    buf_release(&b);
}

static void canonical_form_is_rfc_8785s(void **state) {
    /* Section 3.2.3's names in the order that they stand there. */
    static const struct jcs_member sorted[] = {
        { { "\xe2\x82\xac", 3 }, { "Euro Sign", 9 } },
        { { "\r", 1 }, { "Carriage Return", 15 } },
        { { "\xef\xac\xb3", 3 }, { "Hebrew Letter Dalet With Dagesh", 31 } },
        { { "1", 1 }, { "One", 3 } },
        { { "\xf0\x9f\x98\x80", 4 }, { "Emoji: Grinning Face", 20 } },
        { { "\xc2\x80", 2 }, { "Control", 7 } },
        { { "\xc3\xb6", 2 }, { "Latin Small Letter O With Diaeresis", 35 } },
    };
    /* Section 3.2.2.2's string, and what else is escaped or not. */
    static const struct jcs_member strings[] = {
        { { "string", 6 }, { "\xe2\x82\xac$\x0f\nA'B\"\\\\\"/", 14 } },
        { { "", 0 }, { "\0\x01\b\t\v\f\r\x1f\x7f\xc2\x80<>&", 14 } },
    };
    (void)state;
    canonical_is(
        sorted, ARRAY_LEN(sorted),
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"Latin Small Letter O With "
        "Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning "
        "Face\",\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
    canonical_is(strings, ARRAY_LEN(strings),
                 "{\"\":\"\\u0000\\u0001\\b\\t\\u000b\\f\\r\\u001f\x7f\xc2\x80<>&\","
                 "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    canonical_is(NULL, 0, "{}");
}

static void a_purchase_has_one_form(void **state) {
    struct jcs_member m[] = {
        { STR("merchant"), STR("Books") },         { STR("amount"), STR("129.90") }, { STR("currency"), STR("EUR") },
        { STR("description"), STR("a \"book\"") }, { STR("reference"), STR("r-1") },
    };
    const char *want = "{\"amount\":\"129.90\",\"currency\":\"EUR\",\"description\":\"a \\\"book\\\"\","
                       "\"merchant\":\"Books\",\"reference\":\"r-1\"}";
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(m); i++) { /* whatever the order they come in */
        struct jcs_member first = m[0];
        canonical_is(m, ARRAY_LEN(m), want);
        memmove(m, m + 1, sizeof m - sizeof m[0]);
        m[ARRAY_LEN(m) - 1] = first;
    }
}

static void other_members_have_no_form(void **state) {
    const struct jcs_member twice[] = { { STR("a"), STR("1") }, { STR("b"), STR("") }, { STR("a"), STR("2") } };
    const struct jcs_member bad_name[] = { { STR("\xff"), STR("") } },
                            bad_value[] = { { STR("a"), STR("\xed\xa0\x80") } };
    static const struct jcs_member many[JCS_MEMBERS_MAX + 1];
    struct buf b;
    (void)state;
    buf_init(&b, 8);
    assert_int_equal(jcs_object(twice, 3, &b), ERR_INPUT);
    assert_int_equal(jcs_object(bad_name, 1, &b), ERR_INPUT);
    assert_int_equal(jcs_object(bad_value, 1, &b), ERR_INPUT);
    assert_int_equal(jcs_object(many, ARRAY_LEN(many), &b), ERR_TOO_LARGE);
    assert_int_equal(b.n, 0);
    assert_int_equal(jcs_object(twice, 2, &b), ERR_TOO_LARGE);
    buf_release(&b);
}

/* RFC 7515, appendix A.3. */
static const char rfc_jws[] =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"
    "NvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApm"
    "WQxfKTUJqPP3-Kg6NU1Q";
#define RFC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

static void point_of(const char *x, const char *y, uint8_t out[P256_POINT_BYTES]) {
    size_t n;
    out[0] = 4;
    assert_int_equal(dec_b64url(str_from(x), out + 1, 32, &n), OK);
    assert_int_equal(dec_b64url(str_from(y), out + 33, 32, &n), OK);
}

static void the_rfcs_signature_verifies(void **state) {
    uint8_t point[P256_POINT_BYTES];
    struct jws j;
    (void)state;
    point_of(RFC_X, RFC_Y, point);
    assert_int_equal(jws_read(str_from(rfc_jws), &j), OK);
    assert_true(str_eq(buf_str(&j.header_text), STR("{\"alg\":\"ES256\"}")));
    assert_true(str_starts(buf_str(&j.payload), STR("{\"iss\":\"joe\",\r\n")));
    assert_int_equal(jws_verify(&j, str_bytes(point, sizeof point)), OK);
    j.signature[0] ^= 1;
    assert_int_equal(jws_verify(&j, str_bytes(point, sizeof point)), ERR_CRYPTO);
    jws_release(&j);
}

static enum err judge(struct str text, const uint8_t point[P256_POINT_BYTES]) {
    struct jws j;
    enum err r = jws_read(text, &j);
    if (r != OK) return r;
    r = jws_verify(&j, str_bytes(point, P256_POINT_BYTES));
    jws_release(&j);
    return r;
}

static void what_is_signed_verifies_and_nothing_else(void **state) {
    struct p256_key *key = NULL;
    uint8_t point[P256_POINT_BYTES];
    struct buf b;
    (void)state;
    assert_int_equal(p256_generate(&key), OK);
    p256_public(key, point);
    buf_init(&b, 2000);
    assert_int_equal(jws_sign(key, STR("{\"alg\":\"ES256\",\"kid\":\"k\"}"), STR("{\"amount\":\"1\"}"), &b), OK);
    assert_int_equal(judge(buf_str(&b), point), OK);
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] ^= (char)(1U << bit % 8);
        if (judge(buf_str(&b), point) == OK) fail_msg("bit %zu may change", bit);
        b.p[bit / 8] ^= (char)(1U << bit % 8);
    }
    for (size_t n = 0; n < b.n; n++) assert_int_not_equal(judge((struct str){ b.p, n }, point), OK);
    buf_add_c(&b, '=');
    assert_int_equal(judge(buf_str(&b), point), ERR_INPUT);
    buf_reset(&b);
    assert_int_equal(jws_sign(key, STR("{\"alg\":\"ES256\"}"), STR_NONE, &b), OK);
    assert_int_equal(judge(buf_str(&b), point), OK); /* an empty payload is one */
    buf_release(&b);
    buf_init(&b, 60);
    assert_int_equal(jws_sign(key, STR("{\"alg\":\"ES256\"}"), STR("too much for it"), &b), ERR_TOO_LARGE);
    buf_release(&b);
    p256_free(key);
}

static void headers_say_es256_and_nothing_critical(void **state) {
    static const struct {
        const char *header;
        enum err why;
    } tries[] = {
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", OK },
        { "{\"alg\":\"\\u0045S256\"}", OK },
        { "{\"alg\":\"none\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"HS256\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"es256\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"ES256K\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", ERR_UNSUPPORTED },
        { "{\"alg\":\"ES256\",\"crit\":null}", ERR_UNSUPPORTED },
        { "{\"alg\":\"ES256\",\"alg\":\"none\"}", ERR_INPUT },
        { "{\"alg\":[\"ES256\"]}", ERR_INPUT },
        { "{}", ERR_INPUT },
        { "ES256", ERR_INPUT },
        { "", ERR_INPUT },
    };
    struct p256_key *key = NULL;
    uint8_t point[P256_POINT_BYTES];
    struct buf b;
    (void)state;
    assert_int_equal(p256_generate(&key), OK);
    p256_public(key, point);
    buf_init(&b, 4096);
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        buf_reset(&b);
        assert_int_equal(jws_sign(key, str_from(tries[i].header), STR("x"), &b), OK);
        enum err r = judge(buf_str(&b), point);
        if (r != tries[i].why) fail_msg("%s: %s", tries[i].header, err_name(r));
    }
    p256_free(key);
    buf_release(&b);
}

static void texts_of_other_forms_are_refused(void **state) {
    static const char *const bad[] = { "",
                                       ".",
                                       "..",
                                       "a.b",
                                       "e30.e30.e30",
                                       "eyJhbGciOiJFUzI1NiJ9.eA",
                                       "eyJhbGciOiJFUzI1NiJ9.eA.",
                                       "eyJhbGciOiJFUzI1NiJ9.eA.AAAA",
                                       "eyJhbGciOiJFUzI1NiJ9..AAAA.AAAA" };
    static char large[JWS_BYTES_MAX + 1];
    struct buf b;
    struct jws j;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (jws_read(str_from(bad[i]), &j) != ERR_INPUT) fail_msg("%s was taken", bad[i]);
    memset(large, 'A', sizeof large);
    assert_int_equal(jws_read((struct str){ large, sizeof large }, &j), ERR_TOO_LARGE);
    assert_int_equal(jws_read((struct str){ large, JWS_BYTES_MAX }, &j), ERR_TOO_LARGE); /* as a header */
    buf_init(&b, 1000);
    buf_add_z(&b, rfc_jws);
    buf_add_z(&b, ".x");
    assert_int_equal(jws_read(buf_str(&b), &j), ERR_INPUT);
    buf_release(&b);
}

static void keys_are_written_and_named(void **state) {
    uint8_t points[2][P256_POINT_BYTES];
    char kid[JWK_KID_SIZE];
    struct buf b;
    (void)state;
    /* RFC 9449, section 6.1 prints this key's thumbprint. */
    point_of("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA", points[0]);
    point_of(RFC_X, RFC_Y, points[1]);
    jwk_thumbprint(points[0], kid);
    assert_string_equal(kid, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    buf_init(&b, 2000);
    jwks_add(&b, (const uint8_t(*)[P256_POINT_BYTES])points, 1);
    assert_int_equal(buf_err(&b), OK);
    assert_true(
        str_eq(buf_str(&b), STR("{\"keys\":[{\"crv\":\"P-256\",\"kty\":\"EC\","
                                "\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
                                "\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\",\"use\":\"sig\","
                                "\"alg\":\"ES256\",\"kid\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}]}")));
    buf_reset(&b);
    jwks_add(&b, (const uint8_t(*)[P256_POINT_BYTES])points, 2);
    assert_non_null(memmem(b.p, b.n, "},{", 3));
    assert_non_null(memmem(b.p, b.n, RFC_Y, 43));
    buf_reset(&b);
    jwks_add(&b, NULL, 0);
    assert_true(str_eq(buf_str(&b), STR("{\"keys\":[]}")));
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_read),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(objects_have_limits),
        cmocka_unit_test(canonical_form_is_rfc_8785s),
        cmocka_unit_test(a_purchase_has_one_form),
        cmocka_unit_test(other_members_have_no_form),
        cmocka_unit_test(the_rfcs_signature_verifies),
        cmocka_unit_test(what_is_signed_verifies_and_nothing_else),
        cmocka_unit_test(headers_say_es256_and_nothing_critical),
        cmocka_unit_test(texts_of_other_forms_are_refused),
        cmocka_unit_test(keys_are_written_and_named),
    };
    if (crypto_init() != OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
