/* Which passwords are refused, what is said of them, and the list of stolen ones. */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "core/common_passwords.h"
#include "core/password.h"

static int set_up(void **state) {
    (void)state;
    clock_init();
    return crypto_init() == OK ? 0 : -1;
}

static struct password_judgement judged(struct str typed, int64_t points_least) {
    struct password_judgement j;
    password_judge(typed, &(struct password_rules){ .points_least = points_least }, &j);
    return j;
}

struct said {
    const char *password;
    const char *why; /* a part of the reason; NULL: accepted */
};

static const struct said said[] = {
    { "correct horse battery staple", NULL },
    { "x7#kQ!9vLp2", NULL },
    { "", "at least 8" },
    { "short", "at least 8" },
    { "tw\xc3\xa9lve!", "at least 8" }, /* 7 code points in 8 bytes */
    { "password", "most used" },
    { "PassWord", "most used" },
    { "p\xc3\xa4ssw\xc3\xb6rd", "most used" }, /* marks do not help */
    { "\xef\xbd\x90\xef\xbd\x81\xef\xbd\x93\xef\xbd\x93\xef\xbd\x97\xef\xbd\x8f\xef\xbd\x92\xef\xbd\x84",
      "most used" }, /* nor does full width */
    { "aaaaaaaaaaaaaaaa", "different" },
    { "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", "different" },
    { "abcdefghijk", "sequence" },
    { "qwertyuiop[]", "keyboard" },
    { "p4ssw0rd!", "common word" },
    { "bell\x07"
      "ringing!",
      "control" },
    { "tab\there or there", "control" },
    { "c1\xc2\x85"
      "controls too",
      "control" },
    { "\xff\xfe\xfd not text at all", "UTF-8" },
    { "\xed\xa0\x80 surrogates", "UTF-8" },
    { "\xc0\x80overlong", "UTF-8" },
    { "\xd0\xba\xd0\xbe\xd1\x82 \xd0\xbd\xd0\xb0 \xd0\xba\xd1\x80\xd1\x8b\xd1\x88\xd0\xb5", NULL },
};

static void test_policy(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct password_judgement j = judged(str_from(said[i].password), 8);
        bool is_weak = j.verdict != PASSWORD_ACCEPTED;
        if (is_weak != (said[i].why != NULL) || (is_weak && !strstr(j.reason, said[i].why)))
            fail_msg("'%s': %s", said[i].password, is_weak ? j.reason : "accepted");
        assert_true(is_weak == (j.score < PASSWORD_SCORE_LEAST) && is_weak == (j.reason[0] != 0));
        assert_true(j.guesses_log10 >= 0 && j.breached == 0);
    }
    assert_int_equal(judged((struct str){ "nul\0nul nul nul", 15 }, 8).verdict, PASSWORD_WEAK);
}

static void test_policy_length(void **state) {
    (void)state;
    char text[2000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = "the quick brown fox, jumped 7 times."[i % 36];
    assert_int_equal(judged((struct str){ text, 256 }, 8).verdict, PASSWORD_ACCEPTED);
    assert_non_null(strstr(judged((struct str){ text, 257 }, 8).reason, "at most 256"));
    assert_non_null(strstr(judged((struct str){ text, 2000 }, 8).reason, "at most 256"));
    assert_non_null(strstr(judged((struct str){ text, 14 }, 15).reason, "at least 15")); /* where it stands alone */
    assert_int_equal(judged((struct str){ text, 15 }, 15).verdict, PASSWORD_ACCEPTED);
    for (size_t i = 0; i < 256; i++) memcpy(text + i * 4, "\xf0\x9f\x90\x8e", 4); /* 256 code points in 1024 bytes */
    memcpy(text, "\xf0\x9f\x94\x8b\xf0\x9f\x93\x8e\xf0\x9f\x90\x8b", 12);
    assert_int_equal(judged((struct str){ text, 1024 }, 8).verdict, PASSWORD_ACCEPTED);
}

static void test_list(void **state) {
    (void)state;
    assert_true(common_count >= 3000);
    for (size_t i = 0; i < common_count; i++) {
        const char *word = common_text + common_at[i];
        assert_true(strlen(word) > 0 && strncmp(word, "#!comment", 9) != 0);
        if (i > 0) assert_true(strcmp(common_text + common_at[i - 1], word) < 0);
        if (strlen(word) < 8) continue;
        assert_non_null(strstr(judged(str_from(word), 8).reason, "most used"));
    }
}

static struct password_judgement judged_of(const char *typed, const struct str *about, size_t n) {
    struct password_judgement j;
    password_judge(str_from(typed), &(struct password_rules){ .points_least = 8, .about = about, .about_n = n }, &j);
    return j;
}

static void test_about_a_person(void **state) {
    (void)state;
    static const char *const built[] = { "annabelle-stonebridge", "Stonebridge.1984", "st0nebridge!!",
                                         "annabelleexample" };
    const struct str about[] = { STR("Ann\xc3\xa1"
                                     "belle Stonebridge"),
                                 STR("annabelle@example.org"), STR("\xff"), STR("") };
    for (size_t i = 0; i < ARRAY_LEN(built); i++) {
        struct password_judgement j = judged_of(built[i], about, ARRAY_LEN(about));
        if (j.verdict != PASSWORD_WEAK || j.habit != HABIT_ABOUT_PERSON)
            fail_msg("%s: %d %s", built[i], (int)j.habit, j.reason);
        assert_non_null(strstr(j.reason, "name or address"));
    }
    struct password_judgement far = judged_of("copper kettle, stonebridge and 9 gulls", about, ARRAY_LEN(about));
    assert_int_equal(far.verdict, PASSWORD_ACCEPTED);
    assert_int_equal(judged_of("annabelle has a long first password", about, ARRAY_LEN(about)).verdict,
                     PASSWORD_ACCEPTED); /* one among others */
    /* More words than count, and ones that are no words. */
    struct str many[40];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) many[i] = STR("abc a-b-c aaaaaaaa bbbbbbbb \xd0\xba\xd0\xbe\xd1\x82");
    assert_int_equal(judged_of("quiet lantern harbour nine", many, ARRAY_LEN(many)).verdict, PASSWORD_ACCEPTED);
}

/* The estimator's own scores, at its own bands. */
static void test_scores(void **state) {
    (void)state;
    double before = -1;
    static const char *const rising[] = { "aaaaaaaa", "abcdefgh", "monkeys9", "kitchen door",
                                          "correct horse battery staple" };
    int score = 0;
    for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
        struct password_judgement j = judged(str_from(rising[i]), 8);
        assert_true(j.guesses_log10 >= before && j.score >= score && j.score <= 4);
        before = j.guesses_log10;
        score = j.score;
    }
    assert_int_equal(score, 4);
    assert_true(before > 9);
    assert_int_equal(judged(STR("x7#kQ!9"), 8).score, 2); /* too short, however random */
}

/* ---- stolen ones ---- */

struct list {
    char path[64];
    struct breached *b;
};

static void write_list(struct list *l, const char *text) {
    (void)snprintf(l->path, sizeof l->path, "/tmp/tocsin-breached-XXXXXX");
    int fd = mkstemp(l->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static enum err open_list(const char *text) {
    struct list l = { .b = NULL };
    write_list(&l, text);
    enum err r = breached_open(l.path, &l.b);
    (void)unlink(l.path);
    if (r == OK) breached_close(l.b);
    return r;
}

#define H0 "0000000000000000000000000000000000000001"
#define H1 "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8" /* "password" */
#define H2 "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"

static void test_list_is_read(void **state) {
    (void)state;
    assert_int_equal(open_list(H0 ":1\r\n" H1 ":9545824\r\n" H2 ":3\r\n"), OK);
    assert_int_equal(open_list(H1 ":9545824"), OK); /* its last line need not end */
    assert_int_equal(open_list(""), ERR_INPUT);
    assert_int_equal(open_list("\n"), ERR_INPUT);
    assert_int_equal(open_list("password\n"), ERR_INPUT);
    assert_int_equal(open_list(H1), ERR_INPUT);
    assert_int_equal(open_list(H1 ":\n"), ERR_INPUT);
    assert_int_equal(open_list(H1 ":x\n"), ERR_INPUT);
    assert_int_equal(open_list(H1 ";1\n"), ERR_INPUT);
    assert_int_equal(open_list("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8:1\n"), ERR_INPUT);
    assert_int_equal(open_list(H1 ":1234567890123456789\n"), ERR_INPUT);   /* no such count */
    assert_int_equal(open_list(H2 ":1\n" H1 ":1\n" H0 ":1\n"), ERR_INPUT); /* not in order */
    assert_int_equal(open_list(H1 ":1                                                                  \n"), ERR_INPUT);
    struct breached *b = NULL;
    assert_int_equal(breached_open("/nonexistent", &b), ERR_IO);
    assert_int_equal(breached_open("/tmp", &b), ERR_IO);
    assert_null(b);
}

#define WORDS 500

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void line_of(int i, char out[64]) {
    char word[32];
    uint8_t hash[SHA1_BYTES];
    (void)snprintf(word, sizeof word, "stolen one %d", i);
    crypto_sha1(str_from(word), hash);
    for (size_t k = 0; k < SHA1_BYTES; k++) (void)snprintf(out + 2 * k, 3, "%02X", hash[k]);
    (void)snprintf(out + 2 * (size_t)SHA1_BYTES, 24, ":%d\r\n", i * 1000 + 1);
}

static void test_every_line_is_found(void **state) {
    (void)state;
    static char lines[WORDS][64], text[WORDS * 64];
    struct list l = { .b = NULL };
    for (int i = 0; i < WORDS; i++) line_of(i, lines[i]);
    qsort(lines, WORDS, sizeof lines[0], by_text);
    for (size_t i = 0, n = 0; i < WORDS; i++) n += (size_t)snprintf(text + n, sizeof text - n, "%s", lines[i]);
    write_list(&l, text);
    assert_int_equal(breached_open(l.path, &l.b), OK);
    for (int i = 0; i < 2 * WORDS; i++) { /* the second half stands nowhere */
        char word[32];
        int64_t n = -1;
        (void)snprintf(word, sizeof word, "stolen one %d", i);
        assert_int_equal(breached_count(l.b, str_from(word), &n), OK);
        assert_int_equal(n, i < WORDS ? i * 1000 + 1 : 0);
    }
    struct password_judgement j;
    password_judge(STR("stolen one 77"), &(struct password_rules){ .points_least = 8, .breached = l.b }, &j);
    assert_int_equal(j.verdict, PASSWORD_BREACHED);
    assert_true(j.score == 0 && j.breached == 77001 && strstr(j.reason, "77001 times"));
    /* Cut short while it is open: nothing is refused for that. */
    assert_int_equal(truncate(l.path, 10), 0);
    int64_t n = -1;
    assert_int_equal(breached_count(l.b, STR("stolen one 77"), &n), ERR_CORRUPT);
    password_judge(STR("stolen one 77"), &(struct password_rules){ .points_least = 8, .breached = l.b }, &j);
    assert_int_equal(j.verdict, PASSWORD_ACCEPTED);
    breached_close(l.b);
    (void)unlink(l.path);
    breached_close(NULL);
    assert_int_equal(breached_count(NULL, STR("x"), &n), OK);
    assert_int_equal(n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_policy_length),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_about_a_person),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_list_is_read),
        cmocka_unit_test(test_every_line_is_found),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
