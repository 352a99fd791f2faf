/* Paths, ranges and credentials of the REST protocol: what counts, and that nothing else does. */
#include <cmocka.h>

#include "backup/protocol.h"
#include "base/enc.h"

#define NAME "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_paths(void **state) {
    static const struct {
        const char *path;
        enum rest_kind kind;
        enum blob_type type;
    } good[] = {
        { "", REST_REPOSITORY, BLOB_CONFIG },        { "config", REST_CONFIG, BLOB_CONFIG },
        { "data/", REST_LIST, BLOB_DATA },           { "index/", REST_LIST, BLOB_INDEX },
        { "keys/", REST_LIST, BLOB_KEYS },           { "locks/", REST_LIST, BLOB_LOCKS },
        { "snapshots/", REST_LIST, BLOB_SNAPSHOTS }, { "data/" NAME, REST_OBJECT, BLOB_DATA },
        { "locks/" NAME, REST_OBJECT, BLOB_LOCKS },
    };
    static const char *const bad[] = {
        "/",
        "data",
        "config/",
        "config/" NAME,
        "Data/" NAME,
        "other/" NAME,
        "data//" NAME,
        "data/" NAME "/",
        "data/" NAME "0",
        "data/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "data/.",
        "data/..",
        "data/../config",
        "/data/",
        "data/01/" NAME,
        "data/g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ".sizes",
        "data/.sizes",
        " data/",
        "tmp/" NAME,
        "configs",
        "data/" NAME " ",
    };
    struct rest_path p;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(rest_path_parse(str_from(good[i].path), &p), OK);
        assert_int_equal(p.kind, good[i].kind);
        assert_int_equal(p.type, good[i].type);
        assert_string_equal(p.name, good[i].kind == REST_OBJECT ? NAME : "");
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (rest_path_parse(str_from(bad[i]), &p) != ERR_NOT_FOUND) fail_msg("%s", bad[i]);
    assert_int_equal(rest_path_parse(str_bytes("config\0", 7), &p), ERR_NOT_FOUND);
}

static void test_ranges(void **state) {
    static const struct {
        const char *header;
        bool is_given;
        int64_t from, to;
    } table[] = {
        { "bytes=0-", true, 0, -1 },
        { "bytes=5-9", true, 5, 9 },
        { "bytes=5-5", true, 5, 5 },
        { "bytes=-7", true, -1, 7 },
        { "bytes=9223372036854775806-", true, INT64_MAX - 1, -1 },
        { "", false, 0, 0 },
        { "bytes=", false, 0, 0 },
        { "bytes=-", false, 0, 0 },
        { "bytes=9-5", false, 0, 0 },
        { "bytes=a-", false, 0, 0 },
        { "bytes=1-2,4-5", false, 0, 0 },
        { "bytes= 1-2", false, 0, 0 },
        { "bytes=1-2 ", false, 0, 0 },
        { "bytes=+1-2", false, 0, 0 },
        { "bytes=1", false, 0, 0 },
        { "items=1-2", false, 0, 0 },
        { "bytes=9223372036854775807-", false, 0, 0 },
        { "bytes=99999999999999999999-", false, 0, 0 },
        { "bytes=--1", false, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct blob_range r;
        rest_range_parse(str_from(table[i].header), &r);
        if (r.is_given != table[i].is_given || r.from != table[i].from || r.to != table[i].to)
            fail_msg("%s: %d %lld %lld", table[i].header, r.is_given, (long long)r.from, (long long)r.to);
    }
}

static void test_resolve(void **state) {
    static const struct {
        struct blob_range range;
        int64_t size, from, length; /* length -1: past the end */
    } table[] = {
        { { false, 0, 0 }, 10, 0, 10 },
        { { false, 0, 0 }, 0, 0, 0 },
        { { true, 0, -1 }, 10, 0, 10 },
        { { true, 3, -1 }, 10, 3, 7 },
        { { true, 3, 5 }, 10, 3, 3 },
        { { true, 3, 99 }, 10, 3, 7 },
        { { true, 9, 9 }, 10, 9, 1 },
        { { true, 10, -1 }, 10, 0, -1 },
        { { true, 0, -1 }, 0, 0, -1 },
        { { true, -1, 3 }, 10, 7, 3 },
        { { true, -1, 30 }, 10, 0, 10 },
        { { true, -1, 0 }, 10, 0, -1 },
        { { true, INT64_MAX - 1, -1 }, 10, 0, -1 },
        { { true, 0, INT64_MAX - 1 }, 10, 0, 10 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        int64_t from = -7, length = -7;
        enum err r = blob_range_resolve(&table[i].range, table[i].size, &from, &length);
        assert_int_equal(r, table[i].length < 0 ? ERR_TOO_LARGE : OK);
        if (r == OK) assert_true(from == table[i].from && length == table[i].length);
    }
}

static void header_of(char out[300], const char *scheme, const char *text, size_t n) {
    char b64[250];
    (void)enc_b64(text, n, b64);
    (void)snprintf(out, 300, "%s%s", scheme, b64);
}

static void test_credentials(void **state) {
    struct account_id account = { { 1, 2, 3 } };
    struct rest_credential c;
    uint8_t hash[HASH_BYTES];
    char token[TOKEN_TEXT_SIZE], text[200], header[300];
    static const char device[] = "AAAAAAAAAAAAAAAAAAAAAQ";
    (void)state;
    assert_int_equal(crypto_init(), OK);
    token_new(TOKEN_BACKUP, account, token, hash);
    (void)snprintf(text, sizeof text, "%s:%s", device, token);
    header_of(header, "Basic ", text, strlen(text));
    assert_int_equal(rest_credential_parse(str_from(header), &c), OK);
    assert_memory_equal(c.account.b, account.b, ID_BYTES);
    assert_memory_equal(c.token_hash, hash, HASH_BYTES);
    assert_int_equal(c.device.b[15], 1);
    header_of(header, "bAsIc ", text, strlen(text));
    assert_int_equal(rest_credential_parse(str_from(header), &c), OK);
    header_of(header, "Bearer ", text, strlen(text));
    assert_int_equal(rest_credential_parse(str_from(header), &c), ERR_INPUT);
    header_of(header, "Basic ", text, strlen(text) - 1);
    assert_int_equal(rest_credential_parse(str_from(header), &c), ERR_INPUT);
    header_of(header, "Basic ", text, strlen(text));
    for (size_t n = 0; n < strlen(header); n++)
        assert_int_equal(rest_credential_parse(str_bytes(header, n), &c), ERR_INPUT);
    header[strlen(header) - 3] = '!';
    assert_int_equal(rest_credential_parse(str_from(header), &c), ERR_INPUT);
    text[22] = '.'; /* no colon */
    header_of(header, "Basic ", text, strlen(text));
    assert_int_equal(rest_credential_parse(str_from(header), &c), ERR_INPUT);
    token_new(TOKEN_SESSION, account, token, hash); /* another kind of token */
    (void)snprintf(text, sizeof text, "%s:%s", device, token);
    header_of(header, "Basic ", text, strlen(text));
    assert_int_equal(rest_credential_parse(str_from(header), &c), ERR_INPUT);
    assert_int_equal(rest_credential_parse(STR(""), &c), ERR_INPUT);
    memset(header, 'A', sizeof header);
    memcpy(header, "Basic ", 6);
    assert_int_equal(rest_credential_parse(str_bytes(header, sizeof header - 2), &c), ERR_INPUT); /* too long */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
