/* The checkup over every set of facts that matters, and what is advised for each habit. */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "awareness/advice.h"
#include "awareness/checkup.h"
#include "base/clock.h"
#include "base/crypto.h"

static int set_up(void **state) {
    (void)state;
    clock_init();
    return crypto_init() == OK ? 0 : -1;
}

static const struct checkup_facts all_good = {
    .passkeys = 1, .trusted = 2, .ringing = 1, .addresses = 2, .backups = 1
};

static const struct checkup_item *item(const struct checkup *c, const char *id) {
    for (size_t i = 0; i < CHECKUP_ITEMS; i++)
        if (strcmp(c->items[i].id, id) == 0) return &c->items[i];
    fail_msg("no item %s", id);
    return NULL;
}

static void is_sound(const struct checkup *c) {
    bool has_risk = false;
    for (size_t i = 0; i < CHECKUP_ITEMS; i++) {
        const struct checkup_item *at = &c->items[i];
        assert_true(at->title[0] && at->why[0] && at->href[0] == '/');
        assert_true((at->action[0] == 0) == (at->state == CHECKUP_GOOD)); /* there is one thing to do, or nothing */
        has_risk = has_risk || at->state == CHECKUP_RISK;
        for (size_t k = 0; k < i; k++) assert_string_not_equal(c->items[k].id, at->id);
        if (i == 0) continue;
        static const int rank[] = { [CHECKUP_RISK] = 0, [CHECKUP_TODO] = 1, [CHECKUP_GOOD] = 2 };
        assert_true(rank[c->items[i - 1].state] <= rank[at->state]); /* what is most urgent first */
    }
    assert_in_range(c->score, 0, has_risk ? 49 : 100);
}

static void test_all_good(void **state) {
    (void)state;
    struct checkup c;
    checkup_make(&all_good, &c);
    is_sound(&c);
    assert_int_equal(c.score, 100);
}

static void test_one_thing_at_a_time(void **state) {
    (void)state;
    static const struct {
        const char *id;
        enum checkup_state is;
        struct checkup_facts facts;
    } cases[] = {
        { "password", CHECKUP_RISK, { true, 1, 2, 0, 1, 2, 0, 1, 0 } },
        { "passkey", CHECKUP_TODO, { false, 0, 2, 0, 1, 2, 0, 1, 0 } },
        { "devices", CHECKUP_TODO, { false, 1, 1, 0, 1, 2, 0, 1, 0 } },
        { "devices", CHECKUP_RISK, { false, 0, 1, 0, 1, 2, 0, 1, 0 } },
        { "unused", CHECKUP_TODO, { false, 1, 2, 1, 1, 2, 0, 1, 0 } },
        { "alarms", CHECKUP_TODO, { false, 1, 2, 0, 0, 2, 0, 1, 0 } },
        { "address", CHECKUP_TODO, { false, 1, 2, 0, 1, 1, 0, 1, 0 } },
        { "answers", CHECKUP_RISK, { false, 1, 2, 0, 1, 2, 1, 1, 0 } },
        { "backup", CHECKUP_TODO, { false, 1, 2, 0, 1, 2, 0, 0, 0 } },
        { "backup", CHECKUP_RISK, { false, 1, 2, 0, 1, 2, 0, 2, 1 } },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct checkup c;
        checkup_make(&cases[i].facts, &c);
        is_sound(&c);
        assert_int_equal(item(&c, cases[i].id)->state, cases[i].is);
        assert_true(c.score < 100);
    }
}

static void test_every_mix(void **state) {
    (void)state;
    for (unsigned m = 0; m < 1U << 12; m++) {
        struct checkup_facts f = { .is_locked_down = m & 1,
                                   .passkeys = m >> 1 & 1,
                                   .trusted = m >> 2 & 3,
                                   .unused = m >> 4 & 1,
                                   .ringing = m >> 5 & 1,
                                   .addresses = m >> 6 & 3,
                                   .unanswered = m >> 8 & 1,
                                   .backups = m >> 9 & 3,
                                   .overdue = m >> 11 & 1 };
        struct checkup c;
        checkup_make(&f, &c);
        is_sound(&c);
    }
}

/* --- advice --- */

static struct password_judgement judged(const char *typed, struct str about) {
    struct password_judgement j;
    password_judge(str_from(typed), &(struct password_rules){ .points_least = 8, .about = &about, .about_n = 1 }, &j);
    return j;
}

static void test_advice(void **state) {
    (void)state;
    static const struct {
        const char *password, *warning, *suggestion; /* parts */
    } cases[] = {
        { "correct horse battery staple kettle", NULL, NULL },
        { "short", "at least 8", "four or five words" },
        { "password", "most used", "four or five words" },
        { "abcdefghijk", "sequence", "abcd" },
        { "qwertyuiop[]", "keyboard", "keyboard" },
        { "stonebridge77", "name or address", "Leave out" },
        { "aaaaaaaaaaaa", "different", "four or five words" },
        { "bell\x07ringing", "control", "any language" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct password_judgement j = judged(cases[i].password, STR("Anna Stonebridge"));
        struct advice a;
        advise(&j, &a);
        if (!cases[i].suggestion) {
            assert_true(a.n == 0 && a.warning[0] == 0);
            continue;
        }
        if (!strstr(a.warning, cases[i].warning) || a.n == 0 || !strstr(a.suggestions[0], cases[i].suggestion))
            fail_msg("%s: %s %s", cases[i].password, a.warning, a.n ? a.suggestions[0] : "-");
    }
}

/* Whatever it is judged as, there are words for it. */
static void test_every_habit_has_words(void **state) {
    (void)state;
    for (int habit = HABIT_NONE; habit <= HABIT_TRIED_OUT; habit++)
        for (int verdict = PASSWORD_ACCEPTED; verdict <= PASSWORD_BREACHED; verdict++)
            for (int score = 0; score <= 4; score++) {
                struct password_judgement j = { .verdict = (enum password_verdict)verdict,
                                                .habit = (enum password_habit)habit,
                                                .score = score,
                                                .breached = verdict == PASSWORD_BREACHED ? 7 : 0 };
                struct advice a;
                (void)snprintf(j.reason, sizeof j.reason, "%s", verdict == PASSWORD_ACCEPTED ? "" : "why");
                advise(&j, &a);
                assert_non_null(a.warning);
                assert_true(verdict == PASSWORD_ACCEPTED || (a.warning[0] && a.n > 0));
                for (size_t i = 0; i < a.n; i++) assert_true(a.suggestions[i] && a.suggestions[i][0]);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_good), cmocka_unit_test(test_one_thing_at_a_time),   cmocka_unit_test(test_every_mix),
        cmocka_unit_test(test_advice),   cmocka_unit_test(test_every_habit_has_words),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
