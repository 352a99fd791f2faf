/* The courier's parts: RFC 8291's own example, round trips, VAPID, mails, outcomes, closed addresses. */
#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/enc.h"
#include "courier/courier_priv.h"

static size_t unb64(const char *text, uint8_t *out, size_t max) {
    size_t n = 0;
    assert_int_equal(dec_b64url(str_from(text), out, max, &n), OK);
    return n;
}

/* RFC 8291, section 5 and appendix A. */
static void encrypts_as_the_standard_shows(void **state) {
    static const char want[] =
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3"
        "jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
    uint8_t scalar[32], ua[65], auth[16], salt[16], out[PUSH_BODY_MAX], expected[256];
    struct p256_key *key = NULL;
    size_t n = 0, want_n;
    (void)state;
    assert_int_equal(unb64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", scalar, 32), 32);
    assert_int_equal(
        unb64("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", ua, 65), 65);
    assert_int_equal(unb64("BTBZMqHH6r4Tts7J_aSIgg", auth, 16), 16);
    assert_int_equal(unb64("DGv6ra1nlYgDCS1FRnbzlw", salt, 16), 16);
    want_n = unb64(want, expected, sizeof expected);
    assert_int_equal(p256_from_scalar(scalar, &key), OK);
    assert_int_equal(webpush_encrypt(
                         &(struct push_keys){
                             .p256dh = str_bytes(ua, 65), .auth = str_bytes(auth, 16), .ephemeral = key, .salt = salt },
                         STR("When I grow up, I want to be a watermelon"), 0, out, &n),
                     OK);
    assert_int_equal(n, want_n);
    assert_memory_equal(out, expected, n);
    p256_free(key);
}

static void decrypts_what_it_encrypted_and_pads(void **state) {
    uint8_t ua_point[65], auth[16], salt[16], out[PUSH_BODY_MAX], ikm[32], cek[16], nonce[12], shared[32],
        info[14 + 130], plain[PUSH_BODY_MAX];
    struct p256_key *ua = NULL, *as = NULL;
    size_t n = 0;
    (void)state;
    assert_int_equal(p256_generate(&ua), OK);
    assert_int_equal(p256_generate(&as), OK);
    p256_public(ua, ua_point);
    crypto_random(auth, 16);
    crypto_random(salt, 16);
    assert_int_equal(webpush_encrypt(&(struct push_keys){ .p256dh = str_bytes(ua_point, 65),
                                                          .auth = str_bytes(auth, 16),
                                                          .ephemeral = as,
                                                          .salt = salt },
                                     STR("hello"), 2048, out, &n),
                     OK);
    assert_int_equal(n, 86 + 2048 + 17);
    assert_int_equal(p256_ecdh(ua, str_bytes(out + 21, 65), shared), OK);
    memcpy(info, "WebPush: info\0", 14);
    memcpy(info + 14, ua_point, 65);
    memcpy(info + 79, out + 21, 65);
    assert_int_equal(
        crypto_hkdf_sha256(str_bytes(shared, 32), str_bytes(auth, 16), str_bytes(info, sizeof info), ikm, 32), OK);
    assert_int_equal(
        crypto_hkdf_sha256(str_bytes(ikm, 32), str_bytes(out, 16), STR("Content-Encoding: aes128gcm\0"), cek, 16), OK);
    assert_int_equal(
        crypto_hkdf_sha256(str_bytes(ikm, 32), str_bytes(out, 16), STR("Content-Encoding: nonce\0"), nonce, 12), OK);
    assert_int_equal(crypto_gcm_open(str_bytes(cek, 16), nonce, STR_NONE, str_bytes(out + 86, n - 86), plain), OK);
    assert_memory_equal(plain, "hello\x02\0\0", 8);
    out[100] ^= 1;
    assert_int_equal(crypto_gcm_open(str_bytes(cek, 16), nonce, STR_NONE, str_bytes(out + 86, n - 86), plain),
                     ERR_CRYPTO);
    ua_point[10] ^= 1; /* not on the curve any more */
    assert_int_equal(webpush_encrypt(&(struct push_keys){ .p256dh = str_bytes(ua_point, 65),
                                                          .auth = str_bytes(auth, 16),
                                                          .ephemeral = as,
                                                          .salt = salt },
                                     STR("hello"), 0, out, &n),
                     ERR_CRYPTO);
    p256_free(ua);
    p256_free(as);
}

static void vapid_names_the_origin_and_verifies(void **state) {
    uint8_t scalar[32], point[65], sig[64];
    struct p256_key *key = NULL;
    struct vapid *v = NULL;
    struct config c;
    char header[800], again[800], claims[600];
    const char *t, *dot, *k;
    size_t n = 0;
    (void)state;
    config_defaults(&c);
    assert_int_equal(p256_generate(&key), OK);
    p256_scalar(key, scalar);
    p256_public(key, point);
    assert_int_equal(vapid_new(scalar, &c, &v), OK);
    assert_int_equal(vapid_header(v, STR("https://push.example:8443/wpush/v2/abc?x=1"), 1700000000000, header), OK);
    assert_int_equal(vapid_header(v, STR("https://push.example:8443/other"), 1700000000000 + 3600000, again), OK);
    assert_string_equal(header, again);
    t = strstr(header, "t=") + 2;
    k = strstr(header, ",k=");
    dot = strrchr(t, '.');
    while (dot > k) dot--;
    while (*dot != '.') dot--;
    assert_int_equal(dec_b64url(str_bytes(dot + 1, (size_t)(k - dot - 1)), sig, 64, &n), OK);
    assert_int_equal(n, 64);
    assert_int_equal(p256_verify(str_bytes(point, 65), str_bytes(t, (size_t)(dot - t)), sig), OK);
    t = strchr(t, '.') + 1;
    assert_int_equal(dec_b64url(str_bytes(t, (size_t)(dot - t)), claims, sizeof claims - 1, &n), OK);
    claims[n] = 0;
    assert_non_null(strstr(claims, "\"aud\":\"https://push.example:8443\""));
    assert_non_null(strstr(claims, "\"sub\":\"mailto:alarm@localhost\""));
    vapid_free(v);
    p256_free(key);
}

static void outcomes_follow_the_table(void **state) {
    static const struct {
        CURLcode rc;
        long status;
        int result;
        bool is_our_fault, is_too_large;
    } push[] = {
        { CURLE_OK, 201, RESULT_SENT, false, false },         { CURLE_OK, 404, RESULT_UNSUBSCRIBED, false, false },
        { CURLE_OK, 410, RESULT_UNSUBSCRIBED, false, false }, { CURLE_OK, 400, RESULT_RETRY, true, false },
        { CURLE_OK, 401, RESULT_RETRY, true, false },         { CURLE_OK, 403, RESULT_RETRY, true, false },
        { CURLE_OK, 413, RESULT_FAILED, false, true },        { CURLE_OK, 429, RESULT_RETRY, false, false },
        { CURLE_OK, 503, RESULT_RETRY, false, false },        { CURLE_COULDNT_CONNECT, 0, RESULT_RETRY, false, false },
        { CURLE_OK, 302, RESULT_RETRY, true, false },
    };
    static const struct {
        CURLcode rc;
        long status;
        int result;
        bool is_our_fault;
    } smtp[] = {
        { CURLE_OK, 250, RESULT_SENT, false },
        { CURLE_SEND_ERROR, 451, RESULT_RETRY, false },
        { CURLE_SEND_ERROR, 550, RESULT_FAILED, false },
        { CURLE_LOGIN_DENIED, 535, RESULT_RETRY, true },
        { CURLE_OPERATION_TIMEDOUT, 0, RESULT_RETRY, false },
        { CURLE_WEIRD_SERVER_REPLY, 354, RESULT_RETRY, false },
    };
    struct outcome out;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(push); i++) {
        outcome_of_push(push[i].rc, push[i].status, 7, &out);
        assert_int_equal(out.result, push[i].result);
        assert_int_equal(out.is_our_fault, push[i].is_our_fault);
        assert_int_equal(out.is_too_large, push[i].is_too_large);
        if (push[i].status == 429) assert_int_equal(out.retry_ms, 7000);
    }
    for (size_t i = 0; i < ARRAY_LEN(smtp); i++) {
        outcome_of_smtp(smtp[i].rc, smtp[i].status, &out);
        assert_int_equal(out.result, smtp[i].result);
        assert_int_equal(out.is_our_fault, smtp[i].is_our_fault);
    }
}

static bool is_public(const char *text) {
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr_storage sa;
    memset(&sa, 0, sizeof sa);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        memcpy(&sa, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        memcpy(&sa, &v6, sizeof v6);
    else
        fail_msg("%s", text);
    return address_is_public((const struct sockaddr *)&sa);
}

static void closed_addresses_stay_closed(void **state) {
    static const char *const closed[] = { "127.0.0.1",    "10.1.2.3",         "172.16.0.1",      "172.31.255.255",
                                          "192.168.1.1",  "169.254.169.254",  "100.64.0.1",      "0.0.0.0",
                                          "224.0.0.1",    "255.255.255.255",  "198.18.0.1",      "::1",
                                          "::",           "fe80::1",          "fc00::1",         "fd12::1",
                                          "ff02::1",      "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
                                          "2002:a00:1::", "2001:db8::1",      "2001::1" };
    static const char *const open[] = { "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8" };
    const struct sockaddr unix_address = { .sa_family = AF_UNIX };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) assert_false(is_public(closed[i]));
    for (size_t i = 0; i < ARRAY_LEN(open); i++) assert_true(is_public(open[i]));
    assert_false(address_is_public(&unix_address));
}

static void fill(struct outbox_delivery *d, uint8_t letter, const char *to, const char *title) {
    memset(d, 0, sizeof *d);
    d->channel = OUTBOX_EMAIL;
    d->letter = letter;
    d->to_n = (uint16_t)strlen(to);
    memcpy(d->to, to, d->to_n);
    d->title_n = (uint16_t)strlen(title);
    memcpy(d->title, title, d->title_n);
    d->body_n = 25;
    memcpy(d->body, "Line one.\n\n.<b>two</b> \xc3\xa9", 25);
    memset(d->row.b, 0xab, ID_BYTES);
}

static void mails_are_sound(void **state) {
    struct outbox_delivery d;
    struct letter l;
    struct config c;
    struct buf out;
    char envelope[300];
    (void)state;
    config_defaults(&c);
    letter_init(&l, &c);
    fill(&d, LETTER_ALERT, "ada@example.org", "Ein sch\xc3\xb6ner Titel");
    buf_init(&out, MESSAGE_BYTES_MAX);
    assert_int_equal(
        letter_write(
            &l, &(struct letter_words){ .d = &d, .digits = "", .link = "http://localhost:8420/a/tl_x", .now_ms = 1 },
            &out),
        OK);
    buf_add_c(&out, 0);
    assert_non_null(strstr(out.p, "Auto-Submitted: auto-generated\r\n"));
    assert_non_null(strstr(out.p, "Subject: =?UTF-8?B?"));
    assert_non_null(strstr(out.p, "&lt;b&gt;two"));
    assert_null(strstr(out.p, "\n.\r\n"));
    for (const char *line = out.p; *line;) {
        size_t n = strcspn(line, "\n");
        assert_true(n <= 998);
        assert_true(n == 0 || line[n] == 0 || line[n - 1] == '\r');
        line += n + (line[n] ? 1 : 0);
    }
    assert_int_equal(letter_envelope(&l, &d, envelope), OK);
    assert_string_equal(envelope, "alarm+abababababababababababababababab@localhost");
    buf_release(&out);
}

static void no_header_is_smuggled_in(void **state) {
    static const char *const bad[] = { "a@b.c\r\nBcc: x@y.z", "a b@c.d", "<a@b.c>", "a@b.c,d@e.f", "a@b.c\n" };
    struct outbox_delivery d;
    struct letter l;
    struct config c;
    struct buf out;
    (void)state;
    config_defaults(&c);
    letter_init(&l, &c);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        fill(&d, LETTER_ALERT, bad[i], "t");
        buf_init(&out, MESSAGE_BYTES_MAX);
        assert_int_equal(
            letter_write(&l, &(struct letter_words){ .d = &d, .digits = "", .link = "", .now_ms = 1 }, &out),
            ERR_INPUT);
        buf_release(&out);
    }
    fill(&d, LETTER_ALERT, "a@b.c", "title\r\nBcc: x@y.z");
    buf_init(&out, MESSAGE_BYTES_MAX);
    assert_int_equal(letter_write(&l, &(struct letter_words){ .d = &d, .digits = "", .link = "", .now_ms = 1 }, &out),
                     OK);
    buf_add_c(&out, 0);
    *strstr(out.p, "\r\n\r\n") = 0; /* the header alone */
    assert_null(strstr(out.p, "\nBcc"));
    buf_release(&out);
}

static void payload_keeps_digits_out_of_sight(void **state) {
    struct outbox_delivery d;
    struct buf out;
    const char *notification, *tocsin;
    (void)state;
    fill(&d, LETTER_CODE, "https://p/x", "A code was asked for");
    buf_init(&out, PUSH_BODY_MAX);
    assert_int_equal(webpush_payload(&(struct letter_words){ .d = &d, .digits = "4711", .link = "", .now_ms = 1 },
                                     "https://id.example", false, &out),
                     OK);
    buf_add_c(&out, 0);
    notification = strstr(out.p, "\"notification\"");
    tocsin = strstr(out.p, "\"tocsin\"");
    assert_non_null(strstr(out.p, "\"web_push\":8030"));
    assert_true(notification && tocsin && strstr(out.p, "4711") > tocsin);
    assert_non_null(strstr(tocsin, "\"code\":\"4711\""));
    buf_release(&out);
}

static int setup(void **state) {
    (void)state;
    return crypto_init() == OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encrypts_as_the_standard_shows),
        cmocka_unit_test(decrypts_what_it_encrypted_and_pads),
        cmocka_unit_test(vapid_names_the_origin_and_verifies),
        cmocka_unit_test(outcomes_follow_the_table),
        cmocka_unit_test(closed_addresses_stay_closed),
        cmocka_unit_test(mails_are_sound),
        cmocka_unit_test(no_header_is_smuggled_in),
        cmocka_unit_test(payload_keeps_digits_out_of_sight),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
