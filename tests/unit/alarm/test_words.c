/*
 * The words of every action and kind against words.golden, and what holds for all of them: short titles, a body that
 * fits, nothing of the caller's. TOCSIN_GOLDEN=write writes the file anew; read the difference before committing it.
 */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "alarm/alarm_priv.h"

#define AT_MS         1795530187123 /* Tuesday, 24 November 2026, 14:23:07 */
#define TITLE_MAX     60
#define REPEAT_PREFIX 7 /* "Again: " */

static struct alarm_event event_of(enum action action, enum alert_kind kind, unsigned proved) {
    return (struct alarm_event){ .action = action,
                                 .kind = kind,
                                 .proved = proved,
                                 .at_ms = AT_MS,
                                 .from = { .ip = STR("192.0.2.7"),
                                           .net = STR("192.0.2.0/24"),
                                           .place = STR("Lyon, France"),
                                           .device = STR("Firefox on Linux") } };
}

static void write_words(const struct alarm_event *e, struct buf *title, struct buf *body) {
    buf_init(title, OUTBOX_TITLE_MAX);
    buf_init(body, OUTBOX_BODY_MAX);
    alarm_words(e, title, body);
    assert_int_equal(buf_err(title), OK);
    assert_int_equal(buf_err(body), OK);
}

static void add_case(struct buf *all, const struct alarm_event *e, const char *proofs) {
    struct buf title, body;
    write_words(e, &title, &body);
    buf_addf(all, "==== %s %s%s\n%.*s\n\n%.*s\n\n", action_rules[e->action].name, alert_kind_name(e->kind), proofs,
             STR_FMT(buf_str(&title)), STR_FMT(buf_str(&body)));
    buf_release(&title);
    buf_release(&body);
}

static void make_all(struct buf *all) {
    for (int a = 0; a < ACTION_COUNT; a++)
        for (int k = ALERT_OPENED; k <= ALERT_WRONG_PROOFS; k++) {
            struct alarm_event e = event_of((enum action)a, (enum alert_kind)k, 0);
            add_case(all, &e, "");
            if (a != ACTION_SIGN_IN || k != ALERT_OPENED) continue;
            e.proved = PROOF_PASSWORD;
            add_case(all, &e, ", password shown");
            e.proved = PROOF_RECOVERY_KEY;
            add_case(all, &e, ", recovery key shown");
        }
}

static void test_golden(void **state) {
    struct buf all, want;
    FILE *f;
    char piece[4096];
    size_t n;
    (void)state;
    buf_init(&all, 1 << 20);
    buf_init(&want, 1 << 20);
    make_all(&all);
    assert_int_equal(buf_err(&all), OK);
    if (getenv("TOCSIN_GOLDEN") && (f = fopen(WORDS_GOLDEN, "w")) != NULL) {
        (void)fwrite(all.p, 1, all.n, f);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(WORDS_GOLDEN, "r");
    assert_non_null(f);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0) buf_add(&want, str_bytes(piece, n));
    assert_int_equal(fclose(f), 0);
    buf_add_c(&all, 0);
    buf_add_c(&want, 0);
    assert_string_equal(all.p, want.p);
    buf_release(&all);
    buf_release(&want);
}

static void test_every_text_is_fit_to_be_read(void **state) {
    (void)state;
    for (int a = 0; a < ACTION_COUNT; a++)
        for (int k = ALERT_OPENED; k <= ALERT_WRONG_PROOFS; k++) {
            const struct alarm_event e = event_of((enum action)a, (enum alert_kind)k, PROOF_PASSWORD);
            struct buf title, body;
            write_words(&e, &title, &body);
            assert_true(title.n >= 10 && title.n <= TITLE_MAX - REPEAT_PREFIX);
            buf_add_c(&body, 0);
            assert_non_null(strstr(body.p, "\n\nWhen: Tuesday, 24 November 2026, 14:23 UTC\n"
                                           "Where: Lyon, France (192.0.2.7)\n"
                                           "Device: Firefox on Linux, new to your account\n\n"));
            assert_null(strstr(body.p, "http"));
            buf_release(&title);
            buf_release(&body);
        }
}

static void expect_facts(const struct alarm_from *from, const char *want) {
    struct alarm_event e = event_of(ACTION_SIGN_IN, ALERT_DONE, 0);
    struct buf title, body;
    e.from = *from;
    write_words(&e, &title, &body);
    buf_add_c(&body, 0);
    if (!strstr(body.p, want)) fail_msg("%s\nlacks\n%s", body.p, want);
    buf_release(&title);
    buf_release(&body);
}

static void test_what_is_not_known_is_said_so(void **state) {
    const struct alarm_from nothing = { .is_known_device = true };
    const struct alarm_from address = { .ip = STR("2001:db8::1"), .device = STR("curl") };
    const struct alarm_from place = { .place = STR("France") };
    (void)state;
    expect_facts(&nothing, "Where: unknown\nDevice: unknown, known to your account\n");
    expect_facts(&address, "Where: 2001:db8::1\nDevice: curl, new to your account\n");
    expect_facts(&place, "Where: France\nDevice: unknown");
}

static void test_the_longest_facts_fit(void **state) {
    char place[96], device[96];
    struct alarm_from from = { .ip = STR("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255") };
    (void)state;
    memset(place, 'p', sizeof place);
    memset(device, 'd', sizeof device);
    from.place = str_bytes(place, sizeof place - 1);
    from.device = str_bytes(device, sizeof device - 1);
    for (int a = 0; a < ACTION_COUNT; a++)
        for (int k = ALERT_OPENED; k <= ALERT_WRONG_PROOFS; k++) {
            struct alarm_event e = event_of((enum action)a, (enum alert_kind)k, 0);
            struct buf title, body;
            e.from = from;
            write_words(&e, &title, &body);
            alarm_words_count(INT64_MAX, INT64_MAX / 1000, &body);
            assert_int_equal(buf_err(&body), OK);
            buf_release(&title);
            buf_release(&body);
        }
}

static void test_repeats_are_counted_in_words(void **state) {
    struct buf body;
    (void)state;
    buf_init(&body, OUTBOX_BODY_MAX);
    alarm_words_count(3, AT_MS, &body);
    buf_add_c(&body, 0);
    assert_string_equal(body.p, "\n\nIt has happened 3 times by now, the last time on Tuesday, 24 November 2026, 14:23 "
                                "UTC.");
    buf_release(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_every_text_is_fit_to_be_read),
        cmocka_unit_test(test_what_is_not_known_is_said_so),
        cmocka_unit_test(test_the_longest_facts_fit),
        cmocka_unit_test(test_repeats_are_counted_in_words),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
