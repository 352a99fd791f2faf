/* Both ceremonies with an authenticator of our own: what is right passes, and each rule refuses alone. */
#include <cmocka.h>

#include "authenticator.h"

static const struct str origins[] = { { "https://example.org", 19 }, { "http://localhost:8420", 21 } };
static char challenge_bytes[32];

static struct webauthn_expect expectation(void) {
    return (struct webauthn_expect){ .rp_id = STR("example.org"),
                                     .origins = origins,
                                     .origins_n = ARRAY_LEN(origins),
                                     .challenge = { challenge_bytes, sizeof challenge_bytes },
                                     .user_handle = STR("somebody") };
}

static struct str challenge(void) { return (struct str){ challenge_bytes, sizeof challenge_bytes }; }

static void is_refused(struct webauthn_answer a, enum webauthn_reason why) {
    char text[WEBAUTHN_TEXT_SIZE];
    webauthn_explain(a, text);
    if (a.reason != why) fail_msg("refused with %d (%s), not %d", (int)a.reason, text, (int)why);
    assert_int_not_equal(a.verdict, WEBAUTHN_ALLOW);
}

static struct webauthn_answer try_register(struct authenticator *a, struct webauthn_credential *ret) {
    struct webauthn_expect e = expectation();
    struct ceremony c = authenticator_register(a, challenge());
    return webauthn_register(&e, &c, ret);
}

static struct webauthn_answer try_assert(struct authenticator *a, const struct webauthn_credential *stored,
                                         struct webauthn_use *ret) {
    struct webauthn_expect e = expectation();
    struct ceremony c = authenticator_assert(a, challenge());
    c.user_handle = STR("somebody");
    return webauthn_assert(&e, stored, &c, ret);
}

/* The spans of a registration end with the next ceremony: what a keeper would store. */
struct stored {
    struct webauthn_credential c;
    char id[CREDENTIAL_ID_BYTES_MAX], key[COSE_KEY_BYTES_MAX];
};

static void store(struct authenticator *a, struct stored *s) {
    struct webauthn_answer answer = try_register(a, &s->c);
    assert_int_equal(answer.reason, WEBAUTHN_FINE);
    assert_int_equal(answer.verdict, WEBAUTHN_ALLOW);
    memcpy(s->id, s->c.id.p, s->c.id.n);
    memcpy(s->key, s->c.public_key.p, s->c.public_key.n);
    s->c.id.p = s->id;
    s->c.public_key.p = s->key;
}

static void every_algorithm_and_format_goes_through(void **state) {
    static const enum cose_alg algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs) * 3; i++) {
        struct authenticator a;
        struct webauthn_use use;
        struct stored s;
        struct buf der;
        authenticator_init(&a, algs[i / 3]);
        buf_init(&der, 4096);
        a.sign_count = 7;
        if (i % 3 > 0) a.format = "packed";
        if (i % 3 == 2) {
            struct certificate_plan plan = certificate_right;
            plan.aaguid = a.aaguid;
            a.x5c_key = key_make(algs[i / 3], RSA_BITS_MIN);
            certificate_make(&plan, a.x5c_key, &der);
            a.x5c = buf_str(&der);
        }
        store(&a, &s);
        assert_int_equal(s.c.alg, algs[i / 3]);
        assert_int_equal(s.c.sign_count, 7);
        assert_true(s.c.is_backup_eligible && s.c.is_backed_up && s.c.is_verified);
        assert_memory_equal(s.c.aaguid, a.aaguid, AAGUID_BYTES);
        a.sign_count = 8;
        a.flags &= (uint8_t)~FLAG_BS;
        assert_int_equal(try_assert(&a, &s.c, &use).verdict, WEBAUTHN_ALLOW);
        assert_int_equal(use.sign_count, 8);
        assert_false(use.is_count_behind || use.is_backed_up);
        EVP_PKEY_free(a.x5c_key);
        buf_release(&der);
        authenticator_release(&a);
    }
}

struct client_trap {
    const char *bom, *type, *origin, *extra;
    enum webauthn_reason why;
};

static const struct client_trap client_traps[] = {
    { "", NULL, "https://example.org", "", WEBAUTHN_FINE },
    { "", NULL, "http://localhost:8420", ",\"crossOrigin\":false", WEBAUTHN_FINE },
    { "\xef\xbb\xbf", NULL, "https://example.org", "", WEBAUTHN_FINE }, /* the standard strips one */
    { "\xef\xbb\xbf\xef\xbb\xbf", NULL, "https://example.org", "", WEBAUTHN_CLIENT_DATA },
    { " \t\r\n", NULL, "https://example.org", ",\"new\":[1,{\"a\":null}] ", WEBAUTHN_FINE },
    { "", NULL, "https:\\/\\/ex\\u0061mple.org", "", WEBAUTHN_FINE }, /* the same text, written another way */
    { "", "webauthn.other", "https://example.org", "", WEBAUTHN_TYPE },
    { "", "payment.get", "https://example.org", "", WEBAUTHN_TYPE },
    { "", NULL, "https://example.org.evil.example", "", WEBAUTHN_ORIGIN },
    { "", NULL, "https://example.org/", "", WEBAUTHN_ORIGIN },
    { "", NULL, "https://sub.example.org", "", WEBAUTHN_ORIGIN },
    { "", NULL, "http://example.org", "", WEBAUTHN_ORIGIN },
    { "", NULL, "https://EXAMPLE.org", "", WEBAUTHN_ORIGIN },
    { "", NULL, "https://example.or", "", WEBAUTHN_ORIGIN },
    { "", NULL, "", "", WEBAUTHN_ORIGIN },
    { "", NULL, "https://example.org", ",\"crossOrigin\":true", WEBAUTHN_CROSS_ORIGIN },
    { "", NULL, "https://example.org", ",\"crossOrigin\":\"false\"", WEBAUTHN_CLIENT_DATA },
    { "", NULL, "https://example.org", ",\"crossOrigin\":null", WEBAUTHN_CLIENT_DATA },
    { "", NULL, "https://example.org", ",\"crossOrigin\":false,\"topOrigin\":\"https://example.org\"",
      WEBAUTHN_CROSS_ORIGIN },
    { "", NULL, "https://example.org", ",\"topOrigin\":null", WEBAUTHN_CROSS_ORIGIN },
    { "", NULL, "https://example.org", ",\"origin\":\"https://example.org\"", WEBAUTHN_CLIENT_DATA },
    { "", NULL, "https://example.org", ",\"\\u006frigin\":\"https://example.org\"", WEBAUTHN_CLIENT_DATA },
    { "", NULL, "https://example.org", ",\"a\":{\"b\":1,\"b\":2}", WEBAUTHN_CLIENT_DATA },
    { "", NULL, "https://example.org", ",\"a\":\"\xff\"", WEBAUTHN_CLIENT_DATA },
    { "", NULL, "https://example.org", ",", WEBAUTHN_CLIENT_DATA },
    { "", NULL, "https://example.org", "}{", WEBAUTHN_CLIENT_DATA },
    { "[", NULL, "https://example.org", "", WEBAUTHN_CLIENT_DATA },
    { "", NULL, "https://example.org\",\"x\":1e", "", WEBAUTHN_CLIENT_DATA },
};

static void client_data_is_read_strictly(void **state) {
    struct authenticator a;
    struct webauthn_credential fresh;
    struct webauthn_use use;
    struct stored s;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    store(&a, &s);
    for (size_t i = 0; i < ARRAY_LEN(client_traps); i++) {
        const struct client_trap *t = &client_traps[i];
        a.client_bom = t->bom;
        a.type = t->type;
        a.origin = t->origin;
        a.client_extra = t->extra;
        struct webauthn_answer made = try_register(&a, &fresh), used = try_assert(&a, &s.c, &use);
        if (made.reason != t->why || used.reason != t->why)
            fail_msg("trap %zu: %d and %d, not %d", i, (int)made.reason, (int)used.reason, (int)t->why);
    }
    authenticator_release(&a);
}

static void members_must_be_there(void **state) {
    static const char *const texts[] = {
        "",
        "{}",
        "{\"type\":\"webauthn.get\"}",
        "null",
        "{\"type\":1,\"challenge\":\"\",\"origin\":\"\"}",
        "{\"challenge\":\"x\",\"origin\":\"https://example.org\"}",
        "{\"type\":\"webauthn.get\",\"origin\":\"x\"}",
        "{\"type\":\"webauthn.get\",\"challenge\":\"x\",\"origin\":[\"https://example.org\"]}",
    };
    static char large[CLIENT_DATA_BYTES_MAX + 1];
    struct webauthn_expect e = expectation();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(client_data_check(str_from(texts[i]), &e, "webauthn.get"), WEBAUTHN_CLIENT_DATA);
    memset(large, ' ', sizeof large);
    assert_int_equal(client_data_check((struct str){ large, sizeof large }, &e, "webauthn.get"), WEBAUTHN_CLIENT_DATA);
}

static void a_challenge_is_for_once(void **state) {
    struct authenticator a;
    struct webauthn_credential fresh;
    struct webauthn_use use;
    struct stored s;
    char other[32] = { 1 };
    struct webauthn_expect e = expectation();
    (void)state;
    authenticator_init(&a, COSE_ES256);
    store(&a, &s);
    struct ceremony c = authenticator_assert(&a, challenge());
    c.user_handle = STR("somebody");
    assert_int_equal(webauthn_assert(&e, &s.c, &c, &use).verdict, WEBAUTHN_ALLOW);
    e.challenge.p = other; /* the next one: what fitted the last is a replay */
    is_refused(webauthn_assert(&e, &s.c, &c, &use), WEBAUTHN_CHALLENGE);
    e.challenge.n = 31;
    is_refused(webauthn_assert(&e, &s.c, &c, &use), WEBAUTHN_CHALLENGE);
    /* One that nobody could have given out is our own mistake. */
    e.challenge.n = 15;
    struct webauthn_answer broken = webauthn_assert(&e, &s.c, &c, &use);
    is_refused(broken, WEBAUTHN_NOT_CHECKED);
    assert_int_equal(broken.verdict, WEBAUTHN_UNKNOWN);
    c = authenticator_register(&a, challenge());
    is_refused(webauthn_register(&e, &c, &fresh), WEBAUTHN_NOT_CHECKED);
    e = expectation();
    e.origins_n = 0;
    is_refused(webauthn_register(&e, &c, &fresh), WEBAUTHN_NOT_CHECKED);
    authenticator_release(&a);
}

static void flags_follow_the_rules(void **state) {
    enum { GOOD = FLAG_UP | FLAG_UV | FLAG_BE };
    static const struct {
        uint8_t flags;
        enum webauthn_reason registered, used; /* the stored credential is eligible for backup */
    } tries[] = {
        { GOOD, WEBAUTHN_FINE, WEBAUTHN_FINE },
        { GOOD | FLAG_BS, WEBAUTHN_FINE, WEBAUTHN_FINE },
        { GOOD | 0x22, WEBAUTHN_FINE, WEBAUTHN_FINE }, /* reserved bits mean nothing yet */
        { FLAG_UP | FLAG_BE, WEBAUTHN_NOT_VERIFIED, WEBAUTHN_NOT_VERIFIED },
        { FLAG_UV | FLAG_BE, WEBAUTHN_NOT_PRESENT, WEBAUTHN_NOT_PRESENT },
        { 0, WEBAUTHN_NOT_PRESENT, WEBAUTHN_NOT_PRESENT },
        { FLAG_UP | FLAG_UV | FLAG_BS, WEBAUTHN_BACKUP_STATE, WEBAUTHN_BACKUP_STATE },
        { FLAG_UP | FLAG_UV, WEBAUTHN_FINE, WEBAUTHN_BACKUP_CHANGED },
    };
    struct authenticator a;
    struct webauthn_credential fresh;
    struct webauthn_use use;
    struct stored s;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    a.flags = GOOD;
    store(&a, &s);
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        a.flags = tries[i].flags;
        assert_int_equal(try_register(&a, &fresh).reason, tries[i].registered);
        assert_int_equal(try_assert(&a, &s.c, &use).reason, tries[i].used);
    }
    a.flags = GOOD; /* and the other way: what was not eligible can't become so */
    s.c.is_backup_eligible = false;
    is_refused(try_assert(&a, &s.c, &use), WEBAUTHN_BACKUP_CHANGED);
    authenticator_release(&a);
}

static void verification_can_be_made_optional(void **state) {
    struct authenticator a;
    struct webauthn_credential fresh;
    struct webauthn_expect e = expectation();
    (void)state;
    authenticator_init(&a, COSE_ES256);
    a.flags = FLAG_UP;
    struct ceremony c = authenticator_register(&a, challenge());
    is_refused(webauthn_register(&e, &c, &fresh), WEBAUTHN_NOT_VERIFIED);
    e.is_verification_optional = true;
    assert_int_equal(webauthn_register(&e, &c, &fresh).verdict, WEBAUTHN_ALLOW);
    assert_false(fresh.is_verified);
    authenticator_release(&a);
}

static void counts_are_a_signal(void **state) {
    static const struct {
        uint32_t stored, said;
        bool is_behind;
    } tries[] = { { 0, 0, false }, { 0, 1, false }, { 5, 6, false },         { 5, 5, true },
                  { 5, 4, true },  { 5, 0, true },  { UINT32_MAX, 0, true }, { 0, UINT32_MAX, false } };
    struct authenticator a;
    struct webauthn_use use;
    struct stored s;
    (void)state;
    authenticator_init(&a, COSE_EDDSA);
    store(&a, &s);
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        s.c.sign_count = tries[i].stored;
        a.sign_count = tries[i].said;
        assert_int_equal(try_assert(&a, &s.c, &use).verdict, WEBAUTHN_ALLOW);
        assert_int_equal(use.is_count_behind, tries[i].is_behind);
        assert_int_equal(use.sign_count, tries[i].said);
    }
    authenticator_release(&a);
}

static void a_passkey_is_one_accounts(void **state) {
    struct authenticator a, b;
    struct webauthn_use use;
    struct stored sa, sb;
    struct webauthn_expect e = expectation();
    (void)state;
    authenticator_init(&a, COSE_ES256);
    authenticator_init(&b, COSE_ES256);
    store(&a, &sa);
    store(&b, &sb);
    struct ceremony c = authenticator_assert(&a, challenge());
    is_refused(webauthn_assert(&e, &sa.c, &c, &use), WEBAUTHN_USER_HANDLE); /* missing */
    e.is_user_identified = true;
    assert_int_equal(webauthn_assert(&e, &sa.c, &c, &use).verdict, WEBAUTHN_ALLOW);
    c.user_handle = STR("somebodx");
    is_refused(webauthn_assert(&e, &sa.c, &c, &use), WEBAUTHN_USER_HANDLE);
    c.user_handle = STR("somebody");
    assert_int_equal(webauthn_assert(&e, &sa.c, &c, &use).verdict, WEBAUTHN_ALLOW);
    is_refused(webauthn_assert(&e, &sb.c, &c, &use), WEBAUTHN_CREDENTIAL_ID);
    c.credential_id = sb.c.id; /* b's name over a's signature */
    is_refused(webauthn_assert(&e, &sb.c, &c, &use), WEBAUTHN_SIGNATURE);
    is_refused(webauthn_assert(&e, &(struct webauthn_credential){ 0 }, &c, &use), WEBAUTHN_CREDENTIAL_ID);
    authenticator_release(&a);
    authenticator_release(&b);
}

static void damaged_records_allow_nothing(void **state) {
    struct authenticator a;
    struct webauthn_use use;
    struct stored s;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    store(&a, &s);
    s.c.alg = COSE_RS256;
    assert_int_equal(try_assert(&a, &s.c, &use).verdict, WEBAUTHN_UNKNOWN);
    s.c.alg = COSE_ES256;
    s.c.public_key.n--;
    struct webauthn_answer answer = try_assert(&a, &s.c, &use);
    is_refused(answer, WEBAUTHN_STORED);
    assert_int_equal(answer.verdict, WEBAUTHN_UNKNOWN);
    authenticator_release(&a);
}

static void extensions_are_tolerated(void **state) {
    static const struct {
        const char *cbor;
        size_t n;
        bool is_good;
    } tries[] = {
        { "\xa1\x6b"
          "credProtect\x02",
          14, true },
        { "\xa2\x61"
          "a\xf5\x61"
          "b\x41\x00",
          8, true },
        { "\xa0", 1, true },
        { "\x80", 1, false }, /* no map */
        { "\xa1\x61"
          "a",
          3, false }, /* cut short */
        { "\xa1\x61"
          "a\x00\x00",
          5, false }, /* and too long */
        { "\xbf\xff", 2, false },
    };
    struct authenticator a;
    struct webauthn_credential fresh;
    struct webauthn_use use;
    struct stored s;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    store(&a, &s);
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        a.extensions = (struct str){ tries[i].cbor, tries[i].n };
        enum webauthn_reason want = tries[i].is_good ? WEBAUTHN_FINE : WEBAUTHN_AUTHENTICATOR;
        assert_int_equal(try_register(&a, &fresh).reason, want);
        assert_int_equal(try_assert(&a, &s.c, &use).reason, want);
    }
    authenticator_release(&a);
}

static void authenticator_data_has_no_slack(void **state) {
    struct authenticator a;
    struct authenticator_data d;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    (void)authenticator_register(&a, challenge());
    struct str all = buf_str(&a.data);
    assert_int_equal(authenticator_data_read(all, &d), OK);
    for (size_t n = 0; n < all.n; n++) assert_int_not_equal(authenticator_data_read((struct str){ all.p, n }, &d), OK);
    buf_add_c(&a.data, 0);
    assert_int_equal(authenticator_data_read(buf_str(&a.data), &d), ERR_INPUT);
    (void)authenticator_assert(&a, challenge());
    assert_int_equal(authenticator_data_read(buf_str(&a.data), &d), OK);
    assert_false(d.has_credential);
    buf_add_c(&a.data, 0);
    assert_int_equal(authenticator_data_read(buf_str(&a.data), &d), ERR_INPUT);
    authenticator_release(&a);
}

static void credential_ids_have_bounds(void **state) {
    static const size_t lengths[] = { 0, 15, 16, 1023, 1024 };
    struct webauthn_credential fresh;
    struct webauthn_expect e = expectation();
    struct authenticator a;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        a.id_n = lengths[i];
        bool is_good = a.id_n >= CREDENTIAL_ID_BYTES_MIN && a.id_n <= CREDENTIAL_ID_BYTES_MAX;
        assert_int_equal(try_register(&a, &fresh).reason, is_good ? WEBAUTHN_FINE : WEBAUTHN_AUTHENTICATOR);
    }
    a.id_n = 32;
    struct ceremony c = authenticator_register(&a, challenge());
    c.credential_id.n--; /* the browser says another id than the authenticator */
    is_refused(webauthn_register(&e, &c, &fresh), WEBAUTHN_CREDENTIAL_ID);
    authenticator_release(&a);
}

static void relying_parties_are_told_apart(void **state) {
    struct authenticator a;
    struct webauthn_credential fresh;
    struct webauthn_use use;
    struct stored s;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    store(&a, &s);
    a.rp_id = "sub.example.org";
    is_refused(try_register(&a, &fresh), WEBAUTHN_RP_ID);
    is_refused(try_assert(&a, &s.c, &use), WEBAUTHN_RP_ID);
    authenticator_release(&a);
}

static void an_assertion_brings_no_key(void **state) {
    struct authenticator a;
    struct webauthn_credential fresh;
    struct webauthn_use use;
    struct stored s;
    struct webauthn_expect e = expectation();
    (void)state;
    authenticator_init(&a, COSE_ES256);
    store(&a, &s);
    struct ceremony c = authenticator_register(&a, challenge());
    char data[1024];
    memcpy(data, a.data.p, a.data.n);
    struct str with_key = { data, a.data.n };
    c = authenticator_assert(&a, challenge());
    c.user_handle = STR("somebody");
    c.authenticator_data = with_key;
    is_refused(webauthn_assert(&e, &s.c, &c, &use), WEBAUTHN_AUTHENTICATOR);
    a.flags |= FLAG_AT; /* announced, and not there */
    is_refused(try_assert(&a, &s.c, &use), WEBAUTHN_AUTHENTICATOR);
    a.format = "packed";
    c = authenticator_register(&a, challenge());
    assert_int_equal(webauthn_register(&e, &c, &fresh).verdict, WEBAUTHN_ALLOW);
    authenticator_release(&a);
}

static void formats_are_refused_by_name(void **state) {
    static const char *const formats[][2] = {
        { "fido-u2f", "fido-u2f" },
        { "tpm", "tpm" },
        { "android-key", "android-key" },
        { "apple", "apple" },
        { "android-safetynet", "android-safetynet" },
        { "compound", "compound" },
        { "", "an unknown format" },
        { "<b>None</b>", "an unknown format" },
    };
    struct authenticator a;
    struct webauthn_credential fresh;
    char text[WEBAUTHN_TEXT_SIZE];
    (void)state;
    authenticator_init(&a, COSE_ES256);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        a.format = formats[i][0];
        struct webauthn_answer answer = try_register(&a, &fresh);
        is_refused(answer, WEBAUTHN_FORMAT);
        assert_string_equal(answer.name, formats[i][1]);
        webauthn_explain(answer, text);
        assert_non_null(strstr(text, formats[i][1]));
    }
    authenticator_release(&a);
}

static void algorithms_are_refused_by_name(void **state) {
    struct authenticator a;
    struct webauthn_credential fresh;
    (void)state;
    authenticator_init(&a, -35);
    struct webauthn_answer answer = try_register(&a, &fresh);
    is_refused(answer, WEBAUTHN_ALGORITHM);
    assert_string_equal(answer.name, "ES384");
    authenticator_release(&a);
    authenticator_init(&a, COSE_ES256);
    a.format = "packed";
    a.said_alg = -36; /* the statement alone says so */
    answer = try_register(&a, &fresh);
    is_refused(answer, WEBAUTHN_ALGORITHM);
    assert_string_equal(answer.name, "ES512");
    a.said_alg = COSE_RS256; /* one that we take, but not the key's */
    is_refused(try_register(&a, &fresh), WEBAUTHN_STATEMENT);
    a.said_alg = 0;
    EVP_PKEY *short_key = key_make(COSE_RS256, 1024);
    EVP_PKEY_free(a.key);
    a.key = short_key;
    a.alg = COSE_RS256;
    is_refused(try_register(&a, &fresh), WEBAUTHN_PUBLIC_KEY);
    authenticator_release(&a);
}

/* The object with its statement or its members replaced. */
static struct webauthn_answer with_object(struct authenticator *a, const char *format, struct str statement, int more) {
    struct webauthn_expect e = expectation();
    struct webauthn_credential fresh;
    struct ceremony c = authenticator_register(a, challenge());
    buf_reset(&a->object);
    put_head(&a->object, 5, (uint64_t)(3 + more));
    put_text(&a->object, "authData"); /* in another order than the usual: that is tolerated */
    put_bytes(&a->object, buf_str(&a->data));
    put_text(&a->object, "fmt");
    put_text(&a->object, format);
    if (more >= 0) put_text(&a->object, "attStmt");
    if (more >= 0) buf_add(&a->object, statement);
    if (more > 0) put_text(&a->object, "more");
    if (more > 0) put_int(&a->object, 1);
    c.attestation_object = buf_str(&a->object);
    return webauthn_register(&e, &c, &fresh);
}

static void statements_have_one_form(void **state) {
    static const struct {
        const char *format;
        struct str statement;
        enum webauthn_reason why;
    } tries[] = {
        { "none", { "\xa0", 1 }, WEBAUTHN_FINE },
        { "none",
          { "\xa1\x61"
            "a\x00",
            4 },
          WEBAUTHN_STATEMENT },
        { "none", { "\x80", 1 }, WEBAUTHN_ATTESTATION },
        { "packed", { "\xa0", 1 }, WEBAUTHN_STATEMENT },
        { "packed",
          { "\xa1\x63"
            "alg\x26",
            6 },
          WEBAUTHN_STATEMENT },
        { "packed",
          { "\xa2\x63"
            "alg\x26\x63"
            "sig\x60",
            11 },
          WEBAUTHN_STATEMENT },
        { "packed",
          { "\xa2\x63"
            "alg\x60\x63"
            "sig\x40",
            11 },
          WEBAUTHN_STATEMENT },
        { "packed",
          { "\xa2\x63"
            "alg\x26\x63"
            "sig\x40",
            11 },
          WEBAUTHN_SIGNATURE },
        { "packed",
          { "\xa3\x63"
            "alg\x26\x63"
            "sig\x40\x63"
            "x5c\x80",
            16 },
          WEBAUTHN_STATEMENT },
        { "packed",
          { "\xa3\x63"
            "alg\x26\x63"
            "sig\x40\x63"
            "x5c\x81\x60",
            17 },
          WEBAUTHN_STATEMENT },
        { "packed",
          { "\xa3\x63"
            "alg\x26\x63"
            "sig\x40\x63"
            "x5c\x81\x40",
            17 },
          WEBAUTHN_CERTIFICATE },
        { "packed",
          { "\xa3\x63"
            "alg\x26\x63"
            "sig\x40\x6a"
            "ecdaaKeyId\x40",
            23 },
          WEBAUTHN_STATEMENT },
        { "packed",
          { "\xa4\x63"
            "alg\x26\x63"
            "sig\x40\x63"
            "x5c\x80\x61"
            "a\x00",
            19 },
          WEBAUTHN_STATEMENT },
    };
    struct authenticator a;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        struct webauthn_answer answer = with_object(&a, tries[i].format, tries[i].statement, 0);
        if (answer.reason != tries[i].why) fail_msg("statement %zu: %d", i, (int)answer.reason);
    }
    is_refused(with_object(&a, "none", STR("\xa0"), 1), WEBAUTHN_ATTESTATION);
    is_refused(with_object(&a, "none", STR("\xa0"), -1), WEBAUTHN_ATTESTATION);
    authenticator_release(&a);
}

static void certificates_follow_the_packed_format(void **state) {
    uint8_t other[AAGUID_BYTES] = { 0 };
    struct authenticator a;
    (void)state;
    authenticator_init(&a, COSE_ES256);
    a.format = "packed";
    a.x5c_key = key_make(COSE_ES256, 0);
    struct {
        struct certificate_plan plan;
        enum webauthn_reason why;
    } tries[] = {
        { certificate_right, WEBAUTHN_FINE },        { certificate_right, WEBAUTHN_FINE }, /* 1: with its AAGUID */
        { certificate_right, WEBAUTHN_CERTIFICATE },                                       /* 2: with another */
        { certificate_right, WEBAUTHN_CERTIFICATE },                                       /* 3: critical */
        { certificate_right, WEBAUTHN_CERTIFICATE },                                       /* 4: not wrapped */
        { certificate_right, WEBAUTHN_CERTIFICATE },                                       /* 5: version 1 */
        { certificate_right, WEBAUTHN_CERTIFICATE },                                       /* 6: no basic constraints */
        { certificate_right, WEBAUTHN_CERTIFICATE },                                       /* 7: an authority */
        { certificate_right, WEBAUTHN_CERTIFICATE },                                       /* 8 …: subject */
        { certificate_right, WEBAUTHN_CERTIFICATE }, { certificate_right, WEBAUTHN_CERTIFICATE },
        { certificate_right, WEBAUTHN_CERTIFICATE }, { certificate_right, WEBAUTHN_CERTIFICATE },
    };
    for (size_t i = 1; i <= 4; i++) tries[i].plan.aaguid = i == 2 ? other : a.aaguid;
    tries[3].plan.is_aaguid_critical = true;
    tries[4].plan.is_aaguid_bare = true;
    tries[5].plan.version = 0;
    tries[5].plan.authority = -1;
    tries[6].plan.authority = -1;
    tries[7].plan.authority = 1;
    tries[8].plan.unit = "authenticator attestation";
    tries[9].plan.unit = NULL;
    tries[10].plan.country = NULL;
    tries[11].plan.organization = NULL;
    tries[12].plan.name = NULL;
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        struct webauthn_credential fresh;
        struct buf der;
        buf_init(&der, 4096);
        certificate_make(&tries[i].plan, a.x5c_key, &der);
        a.x5c = buf_str(&der);
        struct webauthn_answer answer = try_register(&a, &fresh);
        if (answer.reason != tries[i].why) fail_msg("certificate %zu: %d", i, (int)answer.reason);
        buf_add_c(&der, 0); /* a byte after the end */
        a.x5c = buf_str(&der);
        assert_int_equal(try_register(&a, &fresh).reason, WEBAUTHN_CERTIFICATE);
        buf_release(&der);
    }
    EVP_PKEY_free(a.x5c_key);
    authenticator_release(&a);
}

static void certificates_have_keys_that_we_take(void **state) {
    static const struct {
        int64_t key;
        int bits;
        enum cose_alg said;
        enum webauthn_reason why;
    } tries[] = {
        { COSE_ES256, 0, COSE_ES256, WEBAUTHN_FINE },        { COSE_EDDSA, 0, COSE_EDDSA, WEBAUTHN_FINE },
        { COSE_RS256, 2048, COSE_RS256, WEBAUTHN_FINE },     { COSE_RS256, 1024, COSE_RS256, WEBAUTHN_CERTIFICATE },
        { -35, 0, COSE_ES256, WEBAUTHN_CERTIFICATE },        { COSE_ES256, 0, COSE_EDDSA, WEBAUTHN_CERTIFICATE },
        { COSE_EDDSA, 0, COSE_RS256, WEBAUTHN_CERTIFICATE },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        struct webauthn_credential fresh;
        struct authenticator a;
        struct buf der;
        authenticator_init(&a, COSE_ES256);
        buf_init(&der, 4096);
        a.format = "packed";
        a.said_alg = tries[i].said;
        a.x5c_key = key_make(tries[i].key, tries[i].bits);
        certificate_make(&certificate_right, a.x5c_key, &der);
        a.x5c = buf_str(&der);
        struct webauthn_answer answer = try_register(&a, &fresh);
        if (answer.reason != tries[i].why) fail_msg("key %zu: %d", i, (int)answer.reason);
        EVP_PKEY *wrong = a.x5c_key; /* signed by the credential's own key instead */
        a.x5c_key = a.key;
        if (answer.reason == WEBAUTHN_FINE) assert_int_equal(try_register(&a, &fresh).reason, WEBAUTHN_SIGNATURE);
        EVP_PKEY_free(wrong);
        buf_release(&der);
        authenticator_release(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_and_format_goes_through),
        cmocka_unit_test(client_data_is_read_strictly),
        cmocka_unit_test(members_must_be_there),
        cmocka_unit_test(a_challenge_is_for_once),
        cmocka_unit_test(flags_follow_the_rules),
        cmocka_unit_test(verification_can_be_made_optional),
        cmocka_unit_test(counts_are_a_signal),
        cmocka_unit_test(a_passkey_is_one_accounts),
        cmocka_unit_test(damaged_records_allow_nothing),
        cmocka_unit_test(extensions_are_tolerated),
        cmocka_unit_test(authenticator_data_has_no_slack),
        cmocka_unit_test(credential_ids_have_bounds),
        cmocka_unit_test(relying_parties_are_told_apart),
        cmocka_unit_test(an_assertion_brings_no_key),
        cmocka_unit_test(formats_are_refused_by_name),
        cmocka_unit_test(algorithms_are_refused_by_name),
        cmocka_unit_test(statements_have_one_form),
        cmocka_unit_test(certificates_follow_the_packed_format),
        cmocka_unit_test(certificates_have_keys_that_we_take),
    };
    if (crypto_init() != OK) return 1;
    crypto_random(challenge_bytes, sizeof challenge_bytes);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
