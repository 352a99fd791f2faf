/* Strings, encodings and times: what is refused matters more than what is taken. */
#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/enc.h"

static bool is_same(struct str a, const char *z) { return str_eq(a, str_from(z)); }

static void cuts_and_trims(void **state) {
    struct str head, rest;
    (void)state;
    rest = str_cut(STR("a=b=c"), '=', &head);
    assert_true(is_same(head, "a") && is_same(rest, "b=c"));
    rest = str_cut(STR("abc"), '=', &head);
    assert_true(is_same(head, "abc") && rest.n == 0);
    rest = str_cut(STR("="), '=', &head);
    assert_true(head.n == 0 && rest.n == 0);
    rest = str_cut(STR_NONE, '=', &head);
    assert_true(head.n == 0 && rest.n == 0);
    assert_true(is_same(str_trim(STR(" \t\r\n a b \n")), "a b"));
    assert_int_equal(str_trim(STR(" \t ")).n, 0);
    assert_int_equal(str_trim(STR_NONE).n, 0);
    assert_true(is_same(str_skip(STR("abc"), 2), "c"));
    assert_int_equal(str_skip(STR("abc"), 4).n, 0);
    assert_int_equal(str_skip(STR_NONE, 1).n, 0);
}

static void compares(void **state) {
    static const char with_nul[] = { 'a', 0, 'b' };
    (void)state;
    assert_true(str_eq(STR_NONE, STR("")));
    assert_false(str_eq(STR("a"), str_bytes(with_nul, 3)));
    assert_true(str_eq_nocase(STR("Host"), STR("hOST")));
    assert_false(str_eq_nocase(STR("Host"), STR("Hos")));
    assert_false(str_eq_nocase(STR("["), STR("{"))); /* only letters have two cases */
    assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
    assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR_NONE));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_true(str_ends(STR("abc"), STR("bc")) && str_ends(STR_NONE, STR_NONE));
    assert_false(str_ends(STR("bc"), STR("abc")));
}

static const struct {
    const char *text;
    int64_t max;
    enum err want;
    int64_t value;
} numbers[] = {
    { "0", 0, OK, 0 },
    { "007", 9, OK, 7 },
    { "9223372036854775807", INT64_MAX, OK, INT64_MAX },
    { "9223372036854775808", INT64_MAX, ERR_TOO_LARGE, 0 },
    { "99999999999999999999999", INT64_MAX, ERR_TOO_LARGE, 0 },
    { "100", 100, OK, 100 },
    { "101", 100, ERR_TOO_LARGE, 0 },
    { "5", 3, ERR_TOO_LARGE, 0 },
    { "", 9, ERR_INPUT, 0 },
    { "-1", 9, ERR_INPUT, 0 },
    { "+1", 9, ERR_INPUT, 0 },
    { " 1", 9, ERR_INPUT, 0 },
    { "1 ", 9, ERR_INPUT, 0 },
    { "0x1", 9, ERR_INPUT, 0 },
    { "1e1", 99, ERR_INPUT, 0 },
    { "999999x", 9, ERR_INPUT, 0 },
    { "\xd9\xa1", 9, ERR_INPUT, 0 }, /* an Arabic digit */
};

static void reads_plain_numbers_only(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int64_t v = -7;
        enum err r = str_to_i64(str_from(numbers[i].text), numbers[i].max, &v);
        if (r != numbers[i].want) fail_msg("%s: %s", numbers[i].text, err_name(r));
        assert_true(v == (r == OK ? numbers[i].value : -7));
    }
}

static const struct {
    const char *text;
    bool is_good;
} utf8[] = {
    { "", true },
    { "plain", true },
    { "\xc2\x80 \xdf\xbf", true },
    { "\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf", true },
    { "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", true },
    { "\x80", false },             /* a continuation alone */
    { "\xc0\xaf", false },         /* overlong */
    { "\xc1\xbf", false },         /* overlong */
    { "\xe0\x9f\xbf", false },     /* overlong */
    { "\xf0\x8f\xbf\xbf", false }, /* overlong */
    { "\xed\xa0\x80", false },     /* a surrogate */
    { "\xf4\x90\x80\x80", false }, /* past U+10FFFF */
    { "\xf5\x80\x80\x80", false },
    { "\xff", false },
    { "\xc3", false }, /* cut off */
    { "\xe2\x82", false },
    { "\xf0\x9f\x98", false },
    { "\xc3(", false },
    { "\xe2(\xa1", false },
};

static void knows_utf8(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(utf8); i++)
        if (str_is_utf8(str_from(utf8[i].text)) != utf8[i].is_good) fail_msg("case %zu", i);
    assert_true(str_is_utf8(STR_NONE));
    assert_true(str_is_utf8(str_bytes("a\0b", 3)));
}

static void copies_into_arrays(void **state) {
    char out[4] = "old";
    (void)state;
    assert_int_equal(str_to_z(STR("abcd"), out, sizeof out), ERR_TOO_LARGE);
    assert_int_equal(str_to_z(str_bytes("a\0b", 3), out, sizeof out), ERR_INPUT);
    assert_string_equal(out, "old");
    assert_int_equal(str_to_z(STR("abc"), out, sizeof out), OK);
    assert_string_equal(out, "abc");
    assert_int_equal(str_to_z(STR_NONE, out, sizeof out), OK);
    assert_string_equal(out, "");
    assert_int_equal(str_to_z(STR(""), out, 0), ERR_TOO_LARGE);
}

static const struct {
    const char *plain, *b64, *url; /* RFC 4648 §10, and the two characters in which the alphabets differ */
} encoded[] = {
    { "", "", "" },
    { "f", "Zg==", "Zg" },
    { "fo", "Zm8=", "Zm8" },
    { "foo", "Zm9v", "Zm9v" },
    { "foob", "Zm9vYg==", "Zm9vYg" },
    { "fooba", "Zm9vYmE=", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
    { "\xfb\xff\xfe", "+//+", "-__-" },
};

static void encodes_base64(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(encoded); i++) {
        char out[32], back[32];
        size_t n = strlen(encoded[i].plain), got = 99;
        assert_int_equal(enc_b64(encoded[i].plain, n, out), strlen(encoded[i].b64));
        assert_string_equal(out, encoded[i].b64);
        assert_int_equal(enc_b64url(encoded[i].plain, n, out), B64URL_LEN(n));
        assert_string_equal(out, encoded[i].url);
        assert_int_equal(dec_b64url(str_from(out), back, sizeof back, &got), OK);
        assert_int_equal(got, n);
        assert_memory_equal(back, encoded[i].plain, n);
    }
}

static const char *const bad_base64url[] = { "Zg==", "Zm8=", "Z",   "Zm9vY", "Zm9v ", " Zm9v", "Zm\n9v",
                                             "+//+", "Zh",   "Zm9", "Zm9v=", "=",     "Zm9v.", "Zm-\xc3\xa9" };

static void decodes_base64url_strictly(void **state) {
    uint8_t out[8];
    size_t n = 99;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_base64url); i++) {
        enum err r = dec_b64url(str_from(bad_base64url[i]), out, sizeof out, &n);
        if (r != ERR_INPUT) fail_msg("%s: %s", bad_base64url[i], err_name(r));
    }
    for (int c = 0; c < 256; c++) { /* its alphabet and no other byte, also where char is signed */
        char text[4] = { 'Z', (char)c, '9', 'v' };
        bool is_letter = strchr("-_0123456789", c) != NULL || (c | 0x20) - 'a' + 0U < 26;
        assert_int_equal(dec_b64url(str_bytes(text, 4), out, sizeof out, &n), c && is_letter ? OK : ERR_INPUT);
    }
    n = 99;
    assert_int_equal(dec_b64url(str_bytes("Zm\0v", 4), out, sizeof out, &n), ERR_INPUT);
    assert_int_equal(dec_b64url(STR("Zm9vYmFy"), out, 5, &n), ERR_TOO_LARGE);
    assert_int_equal(n, 99);
    assert_int_equal(dec_b64url(STR("Zm9vYmFy"), out, 6, &n), OK);
    assert_int_equal(n, 6);
}

static void decodes_hex_strictly(void **state) {
    uint8_t out[4] = { 0 };
    char text[9];
    size_t n = 99;
    (void)state;
    assert_int_equal(enc_hex("\x00\x7f\x80\xff", 4, text), 8);
    assert_string_equal(text, "007f80ff");
    assert_int_equal(dec_hex(STR("007F80ff"), out, sizeof out, &n), OK);
    assert_memory_equal(out, "\x00\x7f\x80\xff", 4);
    assert_int_equal(n, 4);
    assert_int_equal(dec_hex(STR("0011223344"), out, sizeof out, &n), ERR_TOO_LARGE);
    assert_int_equal(dec_hex(STR("012"), out, sizeof out, &n), ERR_INPUT);
    assert_int_equal(dec_hex(STR("0g"), out, sizeof out, &n), ERR_INPUT);
    assert_int_equal(dec_hex(STR("00 1"), out, sizeof out, &n), ERR_INPUT);
    assert_int_equal(dec_hex(STR("0x"), out, sizeof out, &n), ERR_INPUT);
    assert_int_equal(dec_hex(STR(""), out, sizeof out, &n), OK);
    assert_int_equal(n, 0);
}

static const struct {
    int64_t ms;
    const char *text;
} moments[] = {
    { 0, "1970-01-01T00:00:00.000Z" },
    { -1, "1969-12-31T23:59:59.999Z" },
    { 1795521600123, "2026-11-24T12:00:00.123Z" },
    { 951782400000, "2000-02-29T00:00:00.000Z" },
    { 253402300799999, "9999-12-31T23:59:59.999Z" },
    { -62135596800000, "0001-01-01T00:00:00.000Z" },
};

static void writes_and_reads_times(void **state) {
    char text[CLOCK_TEXT_SIZE];
    int64_t ms;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        clock_text(moments[i].ms, text);
        assert_string_equal(text, moments[i].text);
        assert_int_equal(clock_parse(str_from(text), &ms), OK);
        assert_true(ms == moments[i].ms);
    }
    assert_int_equal(clock_parse(STR("1970-01-01T00:00:01Z"), &ms), OK);
    assert_int_equal(ms, 1000);
    clock_text(INT64_MAX, text); /* past what the format can say, but never past the array */
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
    clock_text(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static const char *const bad_times[] = {
    "",
    "2026-11-24",
    "2026-11-24T12:00:00",
    "2026-11-24T12:00:00z",
    "2026-11-24 12:00:00Z",
    "2026-11-24T12:00:00+00:00",
    "2026-11-24T12:00:00.Z",
    "2026-11-24T12:00:00.12Z",
    "2026-11-24T12:00:00.1234Z",
    "2026-11-24T12:00:00Z ",
    "2026-02-30T12:00:00Z",
    "2027-02-29T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2026-00-01T12:00:00Z",
    "2026-01-00T12:00:00Z",
    "2026-01-32T12:00:00Z",
    "2026-11-24T24:00:00Z",
    "2026-11-24T12:60:00Z",
    "2026-11-24T12:00:60Z",
    "26-11-24T12:00:00Z",
    "2026-1-24T12:00:00Z",
    "-026-11-24T12:00:00Z",
    "2026-11-24T1a:00:00Z",
};

static void refuses_times_that_are_none(void **state) {
    int64_t ms = 5;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_times); i++)
        if (clock_parse(str_from(bad_times[i]), &ms) != ERR_INPUT) fail_msg("%s was taken", bad_times[i]);
    assert_int_equal(ms, 5);
}

static void clock_follows_the_test_file(void **state) {
#ifdef TOCSIN_TEST_CLOCK
    char path[] = "/tmp/tocsin-clock.XXXXXX";
    int64_t shift = 0, before, mono, *at;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &shift, sizeof shift), sizeof shift);
    at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    assert_int_equal(setenv("TOCSIN_TEST_CLOCK", path, 1), 0);
    clock_init();
    before = clock_wall_ms();
    mono = clock_mono_ms();
    *at = 3 * MS_PER_DAY;
    assert_in_range(clock_wall_ms() - before, 3 * MS_PER_DAY, 3 * MS_PER_DAY + MS_PER_MIN);
    assert_in_range(clock_mono_ms() - mono, 0, MS_PER_MIN); /* waits are not shifted */
    *at = -MS_PER_DAY;
    assert_true(clock_wall_ms() < before);
    (void)munmap(at, sizeof *at);
    (void)close(fd);
    (void)unlink(path);
#else
    (void)state;
    (void)printf("skipped: built without the option test_clock\n");
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_and_trims),
        cmocka_unit_test(compares),
        cmocka_unit_test(reads_plain_numbers_only),
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(copies_into_arrays),
        cmocka_unit_test(encodes_base64),
        cmocka_unit_test(decodes_base64url_strictly),
        cmocka_unit_test(decodes_hex_strictly),
        cmocka_unit_test(writes_and_reads_times),
        cmocka_unit_test(refuses_times_that_are_none),
        cmocka_unit_test(clock_follows_the_test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
