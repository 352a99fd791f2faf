/* The alert page's form, and where a sign-in may lead. */
#include <cmocka.h>

#include "web/web_priv.h"

static enum err read_form(const char *body, struct alert_form *ret) {
    static struct arena *a;
    if (a) arena_free(a);
    a = arena_new(64 * 1024);
    assert_non_null(a);
    return form_read(str_from(body), a, ret);
}

static void test_form_good(void **state) {
    struct alert_form f;
    (void)state;
    assert_int_equal(read_form("answer=not_me&tell_security_team=on&note=a+b%26%C3%A9", &f), OK);
    assert_false(f.is_me);
    assert_true(f.tell_security_team);
    assert_true(str_eq(f.note, STR("a b&\xc3\xa9")));
    assert_int_equal(read_form("note=&answer=me", &f), OK);
    assert_true(f.is_me);
    assert_false(f.tell_security_team);
}

static void test_form_bad(void **state) {
    static const char *const bad[] = { "",
                                       "answer=",
                                       "answer=maybe",
                                       "note=x",
                                       "answer=me&answer=not_me",
                                       "answer=me&more=1",
                                       "answer=me&",
                                       "answer=me&&note=x",
                                       "answer=me&tell_security_team=yes",
                                       "answer=me&note=%",
                                       "answer=me&note=%4",
                                       "answer=me&note=%zz",
                                       "answer=me&note=%00",
                                       "answer=me&note=%ff" };
    struct alert_form f;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (read_form(bad[i], &f) != ERR_INPUT) fail_msg("taken: %s", bad[i]);
}

static void test_form_note_size(void **state) {
    struct alert_form f;
    char body[1200] = "answer=me&note=";
    size_t head = strlen(body);
    (void)state;
    memset(body + head, 'x', 1000);
    assert_int_equal(read_form(body, &f), OK);
    assert_int_equal(f.note.n, 1000);
    body[head + 1000] = 'x';
    assert_int_equal(read_form(body, &f), ERR_INPUT);
}

static void test_return(void **state) {
    static const char *const good[] = { "/",
                                        "/home",
                                        "/code/x?y=1#z",
                                        "http://localhost:8420/home",
                                        "https://app.example.org",
                                        "https://wiki.example.org/page?x" };
    static const char *const bad[] = { "",
                                       "//evil.example",
                                       "/\\evil.example",
                                       "home",
                                       "https://evil.example/",
                                       "https://app.example.org.evil.example/",
                                       "https://app.example.org@evil.example/",
                                       "javascript:alert(1)",
                                       "/a\r\nSet-Cookie: x",
                                       "/a b" };
    static struct config c;
    (void)state;
    (void)snprintf(c.server_origin, sizeof c.server_origin, "http://localhost:8420");
    (void)snprintf(c.server_return_origins, sizeof c.server_return_origins,
                   "https://app.example.org https://wiki.example.org");
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!web_may_return(&c, str_from(good[i]))) fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (web_may_return(&c, str_from(bad[i]))) fail_msg("taken: %s", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_good),
        cmocka_unit_test(test_form_bad),
        cmocka_unit_test(test_form_note_size),
        cmocka_unit_test(test_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
