/* The configuration: what is taken, what is refused and in which words, and that what is written is read back alike. */
#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "config/config.h"

static enum err parse(const char *text, struct config *c, struct config_problem *p) {
    memset(p, 0, sizeof *p);
    return config_parse(c, "t.conf", str_from(text), p);
}

static void refuses_with_file_line_and_reason(void **state) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "[server]\norigins = x\n", "t.conf:2: [server] origins: unknown key" },
        { "[serve]\norigin = x\n", "t.conf:2: [serve]: unknown section" },
        { "origin = x\n", "t.conf:1: origin: stands before any section" },
        { "[mail]\nuser = a\nuser = b\n", "t.conf:3: [mail] user: given twice" },
        { "[server]\nnonsense\n", "t.conf:2: neither [section] nor key = value" },
        { "[server]\nworkers = -1\n", "t.conf:2: [server] workers: a number from 0 to 256, not \"-1\"" },
        { "[server]\nworkers = 1x\n", "t.conf:2: [server] workers: a number from 0 to 256, not \"1x\"" },
        { "[policy]\ncode_digits = 3\n", "t.conf:2: [policy] code_digits: a number from 4 to 8, not \"3\"" },
        { "[push]\nallow_private_networks = yes\n",
          "t.conf:2: [push] allow_private_networks: true or false, not \"yes\"" },
        { "[policy]\nfamiliar_after = 3\n",
          "t.conf:2: [policy] familiar_after: a duration like 90s, 10m, 1h or 7d, at most 30d, not \"3\"" },
        { "[policy.fly]\nhold = 1h\n", "t.conf:2: [policy.fly]: no such action" },
        { "[policy.sign_in]\nproofs = 1\n", "t.conf:2: [policy.sign_in] proofs: 2 or 3, not \"1\"" },
        { "[policy.sign_in]\nholds = 1h\n",
          "t.conf:2: [policy.sign_in] holds: unknown key (hold, hold_familiar, proofs)" },
        { "[server]\norigin = http://id.example.org\n",
          "t.conf: [server] origin: https://HOST without a path (http:// only for localhost), not "
          "\"http://id.example.org\"" },
        { "[server]\norigin = https://id.example.org/x\n",
          "t.conf: [server] origin: https://HOST without a path (http:// only for localhost), not "
          "\"https://id.example.org/x\"" },
        { "[server]\nlisten = 8420\n", "t.conf: [server] listen: ADDRESS:PORT, not \"8420\"" },
        { "[mail]\nsmtp = mail.example.org\n",
          "t.conf: [mail] smtp: smtp://HOST:PORT or smtps://HOST:PORT, not \"mail.example.org\"" },
        { "[data]\ndatabase = postgresql://a/b\nkeeper_database = postgresql://a/b\n",
          "t.conf: [data] database and keeper_database are the same; credentials need a database of their own" },
        { "[policy]\nsession_idle = 59s\n", "t.conf: [policy] session_idle: 0s, or at least 1m" },
        { "[policy]\nprofile = fips\n", "t.conf: [policy] profile: default or nist, not \"fips\"" },
        { "[policy]\nprofile = nist\ncode_digits = 5\n",
          "t.conf:3: [policy] code_digits: with profile = nist at least 6 (SP 800-63B-4, 3.1.3)" },
        { "[policy]\npassword_length = 14\nprofile = nist\n",
          "t.conf:2: [policy] password_length: with profile = nist at least 15, because a known device asks for the "
          "password alone (SP 800-63B-4, 3.1.1)" },
        { "[policy]\nprofile = nist\nsession_hours = 25\n",
          "t.conf:3: [policy] session_hours: with profile = nist at most 24 (SP 800-63B-4, 2.2.3)" },
        { "[policy]\nprofile = nist\nsession_idle = 0s\n",
          "t.conf:3: [policy] session_idle: with profile = nist at most 1h, and not 0s (SP 800-63B-4, 2.2.3)" },
        { "[policy]\nprofile = nist\nsession_idle = 61m\n",
          "t.conf:3: [policy] session_idle: with profile = nist at most 1h, and not 0s (SP 800-63B-4, 2.2.3)" },
        { "[backup]\nstore = tape\n", "t.conf: [backup] store: directory or s3://BUCKET/PREFIX, not \"tape\"" },
#define STORE(url)    "[backup]\nstore = " url "\n"
#define NO_STORE(url) { STORE(url), "t.conf: [backup] store: s3://BUCKET or s3://BUCKET/PREFIX, not \"" url "\"" }
        NO_STORE("s3://"),
        NO_STORE("s3://ab"),
        NO_STORE("s3://Bucket"),
        NO_STORE("s3://-bucket"),
        NO_STORE("s3://bucket/"),
        NO_STORE("s3://bucket/a/"),
        NO_STORE("s3://bucket//a"),
        NO_STORE("s3://bucket/a/../b"),
        NO_STORE("s3://bucket/a b"),
        NO_STORE("s3://bucket/a%2f"),
        NO_STORE("s3://bucket?x"),
        { STORE("s3://bucket") "s3_endpoint = s3.example.org\n",
          "t.conf: [backup] s3_endpoint: https://HOST:PORT without a path, not \"s3.example.org\"" },
        { STORE("s3://bucket") "s3_endpoint = https://s3.example.org/\n",
          "t.conf: [backup] s3_endpoint: https://HOST:PORT without a path, not \"https://s3.example.org/\"" },
        { STORE("s3://bucket") "s3_endpoint = http://u@h:1\n",
          "t.conf: [backup] s3_endpoint: https://HOST:PORT without a path, not \"http://u@h:1\"" },
        { STORE("s3://bucket") "s3_endpoint = http://h:0\n",
          "t.conf: [backup] s3_endpoint: https://HOST:PORT without a path, not \"http://h:0\"" },
        { STORE("s3://bucket") "s3_region = a:b\n", "t.conf: [backup] s3_region: letters, digits and -, not \"a:b\"" },
        { STORE("s3://bucket"), "t.conf: [backup] s3_access_key: the id of a key, not \"\"" },
        { STORE("s3://bucket") "s3_access_key = a/b\n",
          "t.conf: [backup] s3_access_key: the id of a key, not \"a/b\"" },
        { STORE("s3://bucket") "s3_access_key = a\n",
          "t.conf: [backup] store is in S3, but s3_secret_key_file is not set" },
        { "[backup]\ns3_timeout = 0s\n",
          "t.conf:2: [backup] s3_timeout: a duration like 90s, 10m, 1h or 7d, at most 1d, not \"0s\"" },
        { "[log]\nlevel = loud\n", "t.conf: [log] level: debug, info, warn or error, not \"loud\"" },
    };
    struct config c;
    struct config_problem p;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse(cases[i].text, &c, &p), ERR_CONFIG);
        assert_string_equal(p.text, cases[i].want);
    }
}

static void refuses_long_lines_and_nul(void **state) {
    char text[600] = "[server]\norigin = https://";
    struct config c;
    struct config_problem p;
    (void)state;
    memset(text + strlen(text), 'a', 300);
    assert_int_equal(parse(text, &c, &p), ERR_CONFIG);
    assert_string_equal(p.text, "t.conf:2: line of over 198 bytes (continue a list on the next line, indented)");
    assert_int_equal(config_parse(&c, "t.conf", STR("[server]\n\0\n"), &p), ERR_CONFIG);
    assert_string_equal(p.text, "t.conf:2: NUL byte");
}

static void takes_and_writes_back(void **state) {
    const char *text = "; a comment\n[server]\norigin = https://id.example.org:8443\nlisten = [::1]:9000\n"
                       "trusted_proxies = 10.0.0.1\n  10.0.0.2\n  fd00::/8\n[policy]\nfamiliar_after = 90s\n"
                       "[policy.change_password]\nhold = 2h\nproofs = 3\n[push]\nallow_private_networks = true\n";
    struct config c, again;
    struct config_problem p;
    struct buf out;
    (void)state;
    assert_int_equal(parse(text, &c, &p), OK);
    assert_string_equal(c.server_trusted_proxies, "10.0.0.1 10.0.0.2 fd00::/8");
    assert_int_equal(c.policy_familiar_after, 90000);
    assert_int_equal(c.action[ACTION_CHANGE_PASSWORD].hold_ms, 7200000);
    assert_int_equal(c.action[ACTION_SIGN_IN].hold_ms, -1);
    assert_true(c.push_allow_private_networks);
    assert_true(config_origin_is_https(&c));
    assert_false(c.is_embedded);
    buf_init(&out, 65536);
    config_write(&c, NULL, &out);
    assert_int_equal(buf_err(&out), OK);
    assert_int_equal(config_parse(&again, "again", buf_str(&out), &p), OK);
    assert_memory_equal(&c, &again, sizeof c);
    buf_release(&out);
}

static void takes_stores_apart(void **state) {
    static const struct {
        const char *store, *bucket, *prefix;
    } cases[] = { { "s3://bucket", "bucket", "" },
                  { "s3://a-bucket.of.mine/of/tocsin-1_x.y", "a-bucket.of.mine", "of/tocsin-1_x.y" } };
    char text[400];
    struct config c;
    struct config_problem p;
    struct str bucket;
    (void)state;
    config_defaults(&c);
    assert_false(config_store_is_s3(&c));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)snprintf(text, sizeof text,
                       "[backup]\nstore = %s\ns3_endpoint = http://[::1]:9000\ns3_access_key = test:tester\n"
                       "s3_secret_key_file = /x\n",
                       cases[i].store);
        assert_int_equal(parse(text, &c, &p), OK);
        assert_true(config_store_is_s3(&c));
        assert_true(str_eq(config_s3_place(&c, &bucket), str_from(cases[i].prefix)));
        assert_true(str_eq(bucket, str_from(cases[i].bucket)));
    }
}

static void nist_sets_what_is_not_given(void **state) {
    struct config c, again;
    struct config_problem p;
    struct buf out;
    (void)state;
    assert_int_equal(parse("[policy]\nsession_hours = 12\n", &c, &p), OK);
    assert_int_equal(c.policy_code_digits, 4);
    assert_int_equal(c.policy_password_length, 8);
    assert_int_equal(c.policy_session_idle, 0);
    assert_int_equal(parse("[policy]\nprofile = nist\nsession_hours = 12\n", &c, &p), OK);
    assert_int_equal(c.policy_code_digits, 6);
    assert_int_equal(c.policy_password_length, 15);
    assert_int_equal(c.policy_session_hours, 12);
    assert_int_equal(c.policy_session_idle, 3600000);
    assert_int_equal(parse("[policy]\ncode_digits = 8\nprofile = nist\n", &c, &p), OK);
    assert_int_equal(c.policy_code_digits, 8); /* more is the operator's to choose */
    assert_int_equal(c.policy_session_hours, 24);
    buf_init(&out, 65536);
    config_write(&c, NULL, &out);
    assert_int_equal(config_parse(&again, "again", buf_str(&out), &p), OK); /* as the children read it */
    assert_memory_equal(&c, &again, sizeof c);
    buf_release(&out);
}

static void writes_only_the_sections_asked_for(void **state) {
    static const char *const sections[] = { "server", "policy", NULL };
    struct config c;
    struct buf out;
    (void)state;
    config_defaults(&c);
    buf_init(&out, 65536);
    config_write(&c, sections, &out);
    buf_add_c(&out, 0);
    assert_int_equal(buf_err(&out), OK);
    assert_non_null(strstr(out.p, "[server]"));
    assert_null(strstr(out.p, "[mail]"));
    assert_null(strstr(out.p, "[data]"));
    buf_release(&out);
}

static void defaults_are_the_embedded_mode(void **state) {
    struct config c;
    struct config_problem p;
    (void)state;
    config_defaults(&c);
    assert_true(c.is_embedded);
    assert_true(config_is_loopback_http(&c));
    assert_string_equal(c.server_origin, "http://localhost:8420");
    assert_int_equal(config_read(&c, "/nonexistent/tocsin.conf", &p), ERR_CONFIG);
    assert_string_equal(p.text, "/nonexistent/tocsin.conf: can't be read: No such file or directory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_file_line_and_reason),
        cmocka_unit_test(refuses_long_lines_and_nul),
        cmocka_unit_test(takes_and_writes_back),
        cmocka_unit_test(takes_stores_apart),
        cmocka_unit_test(nist_sets_what_is_not_given),
        cmocka_unit_test(writes_only_the_sections_asked_for),
        cmocka_unit_test(defaults_are_the_embedded_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
