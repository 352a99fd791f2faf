/* Alerts on both engines: the first goes out at once, repeats are one with a count, deliveries are told truly. */
#include "alarm_fixture.h"

#include "base/clock.h"

static struct account_id new_account(void) {
    struct account_id a;
    id_new(a.b);
    return a;
}

static void test_the_first_goes_out_at_once(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct alert_id id = raise_event(m, &e);
    struct outbox_rows rows = outbox_of(m, e.account);
    struct alert a = get_alert(m, e.account, id);
    assert_int_equal(rows.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rows.row[i].due_ms, T0_MS);
        assert_int_equal(rows.row[i].state, OUTBOX_WAITING);
        assert_int_equal(rows.row[i].expires_ms, T0_MS + 7 * MS_PER_DAY);
        assert_true(str_eq(rows.row[i].title, STR("Someone knows your password")));
        assert_true(str_eq(rows.row[i].body, a.body));
    }
    assert_true(str_eq(a.title, STR("Someone knows your password")));
    assert_true(id_eq(a.attempt.b, e.attempt.b));
    assert_true(a.action == e.action && a.kind == e.kind && a.count == 1 && a.at_ms == T0_MS);
    assert_true(str_eq(a.ip, e.from.ip) && str_eq(a.net, e.from.net) && str_eq(a.place, e.from.place));
    assert_true(str_eq(a.device, e.from.device) && !a.is_known_device && a.answer.n == 0);
    assert_int_equal(a.delivery_n, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct alert_delivery *d = &a.deliveries[i];
        assert_true(str_eq(d->state, STR("waiting")) && d->tries == 0);
        assert_true(str_eq(d->to, d->channel == OUTBOX_PUSH ? STR("Alice's phone") : STR("alice@example.org")));
    }
}

static void test_repeats_are_one_alert_with_a_count(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct alert_id first = raise_event(m, &e);
    struct outbox_rows rows;
    struct alert a;
    for (int i = 1; i <= 5; i++) {
        struct alert_id again;
        e.at_ms = T0_MS + i * 2 * MS_PER_MIN;
        again = raise_event(m, &e);
        assert_true(id_eq(first.b, again.b));
    }
    a = get_alert(m, e.account, first);
    assert_int_equal(a.count, 6);
    assert_int_equal(a.at_ms, T0_MS);
    assert_int_equal(a.last_ms, T0_MS + 10 * MS_PER_MIN);
    assert_non_null(memmem(a.body.p, a.body.n, "It has happened 6 times by now", 30));
    rows = outbox_of(m, e.account);
    assert_int_equal(rows.n, 4); /* at most once more a destination */
    for (size_t i = 2; i < 4; i++) {
        assert_true(str_eq(rows.row[i].title, STR("Again: Someone knows your password")));
        assert_true(rows.row[i].due_ms > rows.row[i].at_ms);
        assert_true(rows.row[i].due_ms <= rows.row[i].at_ms + 5 * MS_PER_MIN);
    }
}

/* Whoever goes on for hours is told about again: the quarter of an hour counts from the first. */
static void test_the_window_does_not_slide(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct alert_id first = raise_event(m, &e), later;
    e.at_ms = T0_MS + 14 * MS_PER_MIN;
    later = raise_event(m, &e);
    assert_true(id_eq(first.b, later.b));
    e.at_ms = T0_MS + 16 * MS_PER_MIN;
    later = raise_event(m, &e);
    assert_false(id_eq(first.b, later.b));
    assert_int_equal(outbox_of(m, e.account).row[4].due_ms, e.at_ms);
}

/* An alert from a clock that ran ahead must not swallow what happens before its time. */
static void test_alerts_from_the_future_swallow_nothing(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct alert_id ahead, now;
    e.at_ms = T0_MS + MS_PER_DAY;
    ahead = raise_event(m, &e);
    e.at_ms = T0_MS;
    now = raise_event(m, &e);
    assert_false(id_eq(ahead.b, now.b));
    assert_int_equal(outbox_of(m, e.account).n, 4);
}

static void expect_apart(struct main_store *m, struct account_id account, const struct alarm_event *e,
                         struct alert_id first) {
    struct alarm_event x = *e;
    struct alert_id id;
    x.account = account;
    x.at_ms = T0_MS + MS_PER_MIN;
    id = raise_event(m, &x);
    assert_false(id_eq(first.b, id.b));
    assert_int_equal(get_alert(m, account, id).count, 1);
}

static void test_what_differs_is_another_alert(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account()), x;
    struct alert_id first = raise_event(m, &e);
    x = e;
    x.kind = ALERT_DONE;
    expect_apart(m, e.account, &x, first);
    x = e;
    x.action = ACTION_CHANGE_PASSWORD;
    expect_apart(m, e.account, &x, first);
    x = e;
    x.from.net = STR("198.51.100.0/24");
    expect_apart(m, e.account, &x, first);
    expect_apart(m, new_account(), &e, first);
}

struct answering {
    struct alert_answer answer;
    enum err r;
};

static enum err answer_tx(struct store_tx *tx, void *ctx) {
    struct answering *x = ctx;
    return alert_set_answer(tx, &x->answer);
}

static enum err answer(struct main_store *m, struct account_id account, struct alert_id id, struct str word) {
    struct answering x = { { account, id, word, STR("a note"), T0_MS + 5 }, OK };
    return store_write(m->store, answer_tx, &x);
}

static void test_an_answered_alert_takes_no_more(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct alert_id first = raise_event(m, &e), later;
    struct alert a;
    assert_int_equal(answer(m, e.account, first, STR("me")), OK);
    a = get_alert(m, e.account, first);
    assert_true(str_eq(a.answer, STR("me")));
    assert_int_equal(a.answered_ms, T0_MS + 5);
    e.at_ms = T0_MS + MS_PER_MIN;
    later = raise_event(m, &e);
    assert_false(id_eq(first.b, later.b));
}

static void test_answers_are_of_two_words_and_to_an_alert(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct alert_id first = raise_event(m, &e), none;
    id_new(none.b);
    assert_int_equal(answer(m, e.account, none, STR("me")), ERR_NOT_FOUND);
    assert_int_equal(answer(m, new_account(), first, STR("me")), ERR_NOT_FOUND);
    assert_int_equal(answer(m, e.account, first, STR("maybe")), ERR_CONSTRAINT);
    assert_int_equal(get_alert(m, e.account, first).answer.n, 0);
}

struct marking {
    struct account_id account;
    struct alert_id alert;
    enum outbox_channel channel;
    struct arena *arena;
    bool is_reached;
    int64_t now_ms;
};

static enum err seen_tx(struct store_tx *tx, void *ctx) {
    struct marking *x = ctx;
    return alert_set_seen(tx, x->account, x->alert, x->channel, x->now_ms);
}

static enum err live_tx(struct store_tx *tx, void *ctx) {
    struct marking *x = ctx;
    return alert_set_live(tx, x->account, x->alert, x->now_ms);
}

static enum err reached_tx(struct store_tx *tx, void *ctx) {
    struct marking *x = ctx;
    return alert_was_delivered(tx, x->account, x->alert, x->arena, &x->is_reached);
}

static bool is_reached(struct main_store *m, const struct marking *x) {
    struct marking asked = *x;
    assert_int_equal(store_read(m->store, reached_tx, &asked), OK);
    return asked.is_reached;
}

struct moving {
    struct account_id account;
    struct row_id row;
    enum outbox_state to;
};

static enum err lease_tx(struct store_tx *tx, void *ctx) {
    struct moving *x = ctx;
    return store_exec(tx, &OUTBOX_LEASE, S_IN(S_B(x->account.b), S_B(x->row.b), S_I(T0_MS + 9), S_I(T0_MS + 1)), NULL);
}

static enum err settle_tx(struct store_tx *tx, void *ctx) {
    struct moving *x = ctx;
    return store_exec(tx, &OUTBOX_SETTLE,
                      S_IN(S_B(x->account.b), S_B(x->row.b), S_I(x->to), S_I(T0_MS + 3), S_I(T0_MS + 3), S_S(STR(""))),
                      NULL);
}

static const struct outbox_row *row_of(const struct outbox_rows *rows, enum outbox_channel channel) {
    for (size_t i = 0; i < rows->n; i++)
        if (rows->row[i].channel == (int64_t)channel) return &rows->row[i];
    fail_msg("no row of channel %d", (int)channel);
    return NULL;
}

static void test_seen_never_stops_what_was_not_sent(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct marking x = { .account = e.account, .channel = OUTBOX_PUSH, .arena = m->arena, .now_ms = T0_MS + 2 };
    struct moving move = { .account = e.account, .to = OUTBOX_SENT };
    struct outbox_rows rows;
    x.alert = raise_event(m, &e);
    assert_int_equal(store_write(m->store, seen_tx, &x), OK); /* nobody can have seen it yet */
    rows = outbox_of(m, e.account);
    assert_int_equal(row_of(&rows, OUTBOX_PUSH)->state, OUTBOX_WAITING);
    assert_int_equal(row_of(&rows, OUTBOX_PUSH)->seen_ms, 0);
    move.row = row_of(&rows, OUTBOX_PUSH)->id;
    assert_int_equal(store_write(m->store, lease_tx, &move), OK);
    assert_int_equal(store_write(m->store, seen_tx, &x), OK); /* shown before its outcome was recorded */
    rows = outbox_of(m, e.account);
    assert_int_equal(row_of(&rows, OUTBOX_PUSH)->state, OUTBOX_WAITING);
    assert_false(is_reached(m, &x));
    assert_int_equal(store_write(m->store, settle_tx, &move), OK);
    rows = outbox_of(m, e.account);
    assert_int_equal(row_of(&rows, OUTBOX_PUSH)->state, OUTBOX_SEEN);
    assert_int_equal(row_of(&rows, OUTBOX_EMAIL)->state, OUTBOX_WAITING);
    assert_true(is_reached(m, &x));
}

static void test_sent_becomes_seen_once(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct marking x = { .account = e.account, .channel = OUTBOX_PUSH, .arena = m->arena, .now_ms = T0_MS + 10 };
    struct moving move = { .account = e.account, .to = OUTBOX_SENT };
    struct outbox_rows rows;
    x.alert = raise_event(m, &e);
    rows = outbox_of(m, e.account);
    move.row = row_of(&rows, OUTBOX_PUSH)->id;
    assert_int_equal(store_write(m->store, lease_tx, &move), OK);
    assert_int_equal(store_write(m->store, settle_tx, &move), OK);
    assert_true(is_reached(m, &x));
    assert_int_equal(store_write(m->store, seen_tx, &x), OK);
    x.now_ms += 1000;
    assert_int_equal(store_write(m->store, seen_tx, &x), OK);
    rows = outbox_of(m, e.account);
    assert_int_equal(row_of(&rows, OUTBOX_PUSH)->state, OUTBOX_SEEN);
    assert_int_equal(row_of(&rows, OUTBOX_PUSH)->at_ms, T0_MS + 10);
    move.to = OUTBOX_FAILED; /* a late outcome of a repeat */
    assert_int_equal(store_write(m->store, settle_tx, &move), OK);
    rows = outbox_of(m, e.account);
    assert_int_equal(row_of(&rows, OUTBOX_PUSH)->state, OUTBOX_SEEN);
}

static void test_an_open_page_is_noted_once_and_proves_nothing(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct marking x = { .account = e.account, .arena = m->arena, .now_ms = T0_MS + 4 };
    struct alert a;
    size_t live = 0;
    x.alert = raise_event(m, &e);
    for (int i = 0; i < 3; i++) assert_int_equal(store_write(m->store, live_tx, &x), OK);
    a = get_alert(m, e.account, x.alert);
    for (size_t i = 0; i < a.delivery_n; i++) {
        if (a.deliveries[i].channel != OUTBOX_LIVE) continue;
        live++;
        assert_true(str_eq(a.deliveries[i].state, STR("seen")));
        assert_int_equal(a.deliveries[i].at_ms, T0_MS + 4);
    }
    assert_int_equal(live, 1);
    assert_false(is_reached(m, &x)); /* it may be the thief's page */
    id_new(x.alert.b);
    assert_int_equal(store_write(m->store, live_tx, &x), OK); /* of no alert: no row */
    assert_int_equal(outbox_of(m, e.account).n, 3);
}

struct listing {
    struct alert_page page;
    struct alert_id got[50];
    size_t n;
};

static enum err on_listed(void *ctx, const struct alert *a) {
    struct listing *l = ctx;
    l->got[l->n++] = a->id;
    assert_true(a->title.n > 0 && a->body.n > 0);
    assert_int_equal(a->delivery_n, 2);
    return OK;
}

static enum err list_tx(struct store_tx *tx, void *ctx) {
    struct listing *l = ctx;
    l->n = 0;
    return alert_each(tx, &l->page, on_listed, l);
}

static void test_pages_go_from_the_newest_back(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account()), foreign = event_new(new_account());
    struct alert_id made[7];
    struct listing l = { .page = { .account = e.account, .limit = 5, .arena = m->arena } };
    (void)raise_event(m, &foreign);
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        e.at_ms = T0_MS + (int64_t)i * MS_PER_HOUR;
        made[i] = raise_event(m, &e);
    }
    assert_int_equal(store_read(m->store, list_tx, &l), OK);
    assert_int_equal(l.n, 5);
    for (size_t i = 0; i < 5; i++) assert_true(id_eq(l.got[i].b, made[6 - i].b));
    l.page.before = &made[2];
    assert_int_equal(store_read(m->store, list_tx, &l), OK);
    assert_int_equal(l.n, 2);
    assert_true(id_eq(l.got[0].b, made[1].b) && id_eq(l.got[1].b, made[0].b));
}

static enum err foreign_tx(struct store_tx *tx, void *ctx) {
    struct marking *x = ctx;
    struct alert a;
    return alert_get(tx, x->account, x->alert, x->arena, &a);
}

static void test_an_alert_is_its_owners_alone(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    struct marking x = { .account = new_account(), .arena = m->arena };
    x.alert = raise_event(m, &e);
    assert_int_equal(store_read(m->store, foreign_tx, &x), ERR_NOT_FOUND);
}

static enum err letter_tx(struct store_tx *tx, void *ctx) { return alarm_write_letter(tx, ctx); }

static void test_a_letter_is_a_row_without_an_alert(void **state) {
    struct main_store *m = *state;
    static const uint8_t sealed[52] = { 1, 2, 3 };
    struct alarm_letter l = { .account = new_account(),
                              .letter = LETTER_EMAIL_CODE,
                              .action = ACTION_SIGN_UP,
                              .to = { .channel = OUTBOX_EMAIL, .to = STR("new@example.org") },
                              .sealed = { (const char *)sealed, sizeof sealed },
                              .at_ms = T0_MS,
                              .expires_ms = T0_MS + MS_PER_HOUR };
    struct moving move = { .account = l.account, .to = OUTBOX_WAITING };
    struct outbox_rows rows;
    assert_int_equal(store_write(m->store, letter_tx, &l), OK);
    rows = outbox_of(m, l.account);
    assert_int_equal(rows.n, 1);
    assert_int_equal(rows.row[0].sealed_n, sizeof sealed);
    assert_int_equal(rows.row[0].expires_ms, T0_MS + MS_PER_HOUR);
    move.row = rows.row[0].id;
    assert_int_equal(store_write(m->store, settle_tx, &move), OK); /* a retry keeps the code */
    assert_int_equal(outbox_of(m, l.account).row[0].sealed_n, sizeof sealed);
    move.to = OUTBOX_FAILED;
    assert_int_equal(store_write(m->store, settle_tx, &move), OK); /* the end does not */
    assert_int_equal(outbox_of(m, l.account).row[0].sealed_n, 0);
}

static enum err then_fail_tx(struct store_tx *tx, void *ctx) {
    struct alert_id id;
    enum err r = alarm_raise(tx, ctx, &id);
    assert_int_equal(r, OK);
    return ERR_CONFLICT;
}

static void test_what_is_rolled_back_leaves_nothing(void **state) {
    struct main_store *m = *state;
    struct alarm_event e = event_new(new_account());
    assert_int_equal(store_write(m->store, then_fail_tx, &e), ERR_CONFLICT);
    assert_int_equal(outbox_of(m, e.account).n, 0);
}

static int open_sqlite(void **state) { return main_store_open(state, false, alarm_test_statements); }
static int open_postgres(void **state) { return main_store_open(state, true, alarm_test_statements); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_goes_out_at_once),
        cmocka_unit_test(test_repeats_are_one_alert_with_a_count),
        cmocka_unit_test(test_the_window_does_not_slide),
        cmocka_unit_test(test_alerts_from_the_future_swallow_nothing),
        cmocka_unit_test(test_what_differs_is_another_alert),
        cmocka_unit_test(test_an_answered_alert_takes_no_more),
        cmocka_unit_test(test_answers_are_of_two_words_and_to_an_alert),
        cmocka_unit_test(test_seen_never_stops_what_was_not_sent),
        cmocka_unit_test(test_sent_becomes_seen_once),
        cmocka_unit_test(test_an_open_page_is_noted_once_and_proves_nothing),
        cmocka_unit_test(test_pages_go_from_the_newest_back),
        cmocka_unit_test(test_an_alert_is_its_owners_alone),
        cmocka_unit_test(test_a_letter_is_a_row_without_an_alert),
        cmocka_unit_test(test_what_is_rolled_back_leaves_nothing),
    };
    int failed = cmocka_run_group_tests_name("alarm on SQLite", tests, open_sqlite, main_store_close);
    if (main_store_has_postgres())
        failed += cmocka_run_group_tests_name("alarm on PostgreSQL", tests, open_postgres, main_store_close);
    return failed;
}
