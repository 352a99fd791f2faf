/* Guess budgets: how many tries, for whom together, for how long, and that nothing but time or a right answer refills.
 */
#include "world.h"

static const char WRONG[] = "not the right one at all";
static const char NO_KEY[] = "0000-0000-0000-0000-0000-0000-0000";

static enum keeper_say try_password(struct world *w, struct account_id account, struct device_id device,
                                    const char *password) {
    struct play p = play_new(account, ACTION_SIGN_IN, device); /* a new attempt resets nothing */
    return ask(w, &p, KEEPER_PROVE_PASSWORD, password);
}

static void test_unknown_devices_share(void **state) {
    struct world *w = *state;
    struct device_id known, strange;
    struct account_id account = enroll(w, &known, NULL);
    for (int i = 0; i < 10; i++) {
        id_new(strange.b); /* other names of devices reset nothing */
        assert_int_equal(try_password(w, account, i % 2 ? strange : DEVICE_NONE, WRONG), KEEPER_WRONG);
        assert_int_equal(w->reply.is_budget_just_spent, i == 9);
    }
    assert_int_equal(try_password(w, account, strange, GOOD_PASSWORD), KEEPER_TOO_MANY);
    assert_int_equal(w->reply.retry_ms, MS_PER_HOUR);
    assert_int_equal(w->reply.is_budget_just_spent, 0);
    assert_int_equal(w->reply.proved, 0);
    /* The owner's device has its own. */
    assert_int_equal(try_password(w, account, known, GOOD_PASSWORD), KEEPER_RIGHT);
    for (int i = 0; i < 10; i++) assert_int_equal(try_password(w, account, known, WRONG), KEEPER_WRONG);
    assert_int_equal(try_password(w, account, known, GOOD_PASSWORD), KEEPER_TOO_MANY);
}

static void test_window_slides(void **state) {
    struct world *w = *state;
    struct account_id account = enroll(w, NULL, NULL);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
        w->now_ms += 5 * MS_PER_MIN; /* at 0, 5, … 45 minutes */
    }
    w->now_ms += 9 * MS_PER_MIN;
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_TOO_MANY);
    assert_int_equal(w->reply.retry_ms, MS_PER_MIN);
    w->now_ms += MS_PER_MIN;
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
    assert_int_equal(w->reply.is_budget_just_spent, 0); /* told once in a window */
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_TOO_MANY);
    assert_int_equal(w->reply.retry_ms, 5 * MS_PER_MIN);
    w->now_ms += MS_PER_HOUR;
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_RIGHT); /* no failures in a row */
    for (int i = 0; i < 10; i++) assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_TOO_MANY);
}

static void test_right_ones_are_free(void **state) {
    struct world *w = *state;
    struct account_id account = enroll(w, NULL, NULL);
    for (int i = 0; i < 9; i++) assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
    for (int i = 0; i < 50; i++) assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
    assert_int_equal(w->reply.is_budget_just_spent, 1);
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_TOO_MANY);
}

static void test_restart_resets_nothing(void **state) {
    struct world *w = *state;
    struct account_id account = enroll(w, NULL, NULL);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
        if (i % 3 == 0) world_reopen(w);
    }
    world_reopen(w);
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_TOO_MANY);
}

static void test_clock_steps(void **state) {
    struct world *w = *state;
    struct account_id account = enroll(w, NULL, NULL);
    w->now_ms += 1000 * MS_PER_DAY; /* a clock that ran far ahead … */
    for (int i = 0; i < 10; i++) assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
    w->now_ms -= 1000 * MS_PER_DAY; /* … and is set right does not lock people out for years */
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_RIGHT);
    w->now_ms += MS_PER_HOUR;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
        w->now_ms -= MS_PER_S; /* and one that creeps back gives nothing back */
    }
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_TOO_MANY);
    assert_in_range(w->reply.retry_ms, 1, 2 * MS_PER_HOUR);
}

static void test_recovery_keys(void **state) {
    struct world *w = *state;
    char key[RECOVERY_KEY_TEXT_SIZE];
    struct account_id account = enroll(w, NULL, key);
    for (int i = 0; i < 10; i++) {
        struct play p = play_new(account, ACTION_RECOVER_PASSWORD, DEVICE_NONE);
        assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, i % 2 ? NO_KEY : "typo"), KEEPER_WRONG);
        assert_int_equal(w->reply.is_budget_just_spent, i == 9);
    }
    struct play p = play_new(account, ACTION_RECOVER_PASSWORD, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_TOO_MANY);
    assert_int_equal(w->reply.retry_ms, MS_PER_DAY);
    w->now_ms += MS_PER_DAY;
    p = play_new(account, ACTION_RECOVER_PASSWORD, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
}

/* Makes a code in an attempt of its own that has proved the password. */
static enum keeper_say make_there(struct world *w, struct account_id account, struct play *p, char digits[9]) {
    *p = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
    assert_int_equal(ask(w, p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    enum keeper_say say = ask(w, p, KEEPER_MAKE_CODE_THERE, NULL);
    if (say == KEEPER_RIGHT) world_unseal(w, digits);
    return say;
}

static void test_codes_made(void **state) {
    struct world *w = *state;
    char digits[9];
    struct play p;
    struct account_id account = enroll(w, NULL, NULL);
    for (int hour = 0; hour < 4; hour++) {
        for (int i = 0; i < 5; i++) assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
        assert_int_equal(w->reply.is_budget_just_spent, 1);
        assert_int_equal(make_there(w, account, &p, digits), KEEPER_TOO_MANY);
        assert_int_equal(w->reply.sealed_n, 0);
        if (hour < 3) assert_int_equal(w->reply.retry_ms, MS_PER_HOUR);
        w->now_ms += MS_PER_HOUR;
    }
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_TOO_MANY); /* 20 a day */
    assert_int_equal(w->reply.retry_ms, 20 * MS_PER_HOUR);
    w->now_ms += 20 * MS_PER_HOUR;
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
}

static void test_a_stranger_spends_no_codes(void **state) {
    struct world *w = *state;
    char digits[9];
    struct play p;
    struct account_id account = enroll(w, NULL, NULL);
    for (int i = 0; i < 50; i++) {
        p = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
        assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_NOT_PROVED);
        assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, "0000"), KEEPER_WRONG); /* none is alive */
        (void)ask(w, &p, KEEPER_MAKE_CODE_HERE, NULL);                         /* has its own budget */
    }
    assert_int_equal(w->reply.say, KEEPER_TOO_MANY);
    for (int i = 0; i < 5; i++) assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
}

static void test_wrong_codes_close(void **state) {
    struct world *w = *state;
    char digits[9], wrong[9];
    struct play p;
    struct device_id known;
    struct account_id account = enroll(w, &known, NULL);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
        snprintf(wrong, sizeof wrong, "%c%s", digits[0] == '9' ? '0' : digits[0] + 1, digits + 1);
        assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, wrong), KEEPER_WRONG);
        assert_int_equal(w->reply.is_budget_just_spent, i == 4);
        if (i < 4) w->now_ms += 4 * MS_PER_HOUR;
    }
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_TOO_MANY); /* the code that was alive */
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_TOO_MANY);
    assert_int_equal(w->reply.retry_ms, MS_PER_DAY); /* from the last, though the first is older */
    w->now_ms += 23 * MS_PER_HOUR;
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_TOO_MANY);
    /* shown_here stays: there is nothing to guess. */
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_HERE, NULL), KEEPER_RIGHT);
    snprintf(digits, sizeof digits, "%s", w->reply.digits);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, digits, known), KEEPER_RIGHT);
    w->now_ms += MS_PER_HOUR;
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT);
}

static enum keeper_say make_email(struct world *w, struct account_id account) {
    struct play p = play_new(account, ACTION_SIGN_UP, DEVICE_NONE);
    return ask(w, &p, KEEPER_MAKE_EMAIL_CODE, NULL);
}

static void test_email_codes(void **state) {
    struct world *w = *state;
    struct account_id account;
    id_new(account.b);
    for (int hour = 0; hour < 4; hour++) {
        for (int i = 0; i < 5; i++) assert_int_equal(make_email(w, account), KEEPER_RIGHT);
        assert_int_equal(make_email(w, account), KEEPER_TOO_MANY);
        w->now_ms += MS_PER_HOUR;
    }
    assert_int_equal(make_email(w, account), KEEPER_TOO_MANY); /* 20 a day */
    w->now_ms += 20 * MS_PER_HOUR;
    assert_int_equal(make_email(w, account), KEEPER_RIGHT);
}

/* Wrong ones as fast as they are taken. */
static void fail_password(struct world *w, struct account_id account, struct device_id device, int times) {
    while (times > 0) {
        enum keeper_say say = try_password(w, account, device, WRONG);
        assert_true(say == KEEPER_WRONG || say == KEEPER_TOO_MANY);
        times -= say == KEEPER_WRONG;
        w->now_ms += say == KEEPER_WRONG ? MS_PER_S : w->reply.retry_ms;
    }
}

static void recover(struct world *w, struct account_id account, struct device_id device, const char *key) {
    char digits[9];
    struct play p = play_new(account, ACTION_RECOVER_PASSWORD, device);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
    world_unseal(w, digits);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_RIGHT);
}

static void test_hundred_failures(void **state) {
    struct world *w = *state;
    char key[RECOVERY_KEY_TEXT_SIZE];
    struct device_id known;
    struct account_id account = enroll(w, &known, key);
    fail_password(w, account, DEVICE_NONE, 99);
    w->now_ms += MS_PER_DAY;
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_RIGHT); /* not in a row */
    fail_password(w, account, DEVICE_NONE, 99);
    assert_int_equal(try_password(w, account, known, GOOD_PASSWORD), KEEPER_RIGHT); /* refills nothing for others */
    world_reopen(w);
    assert_int_equal(keeper_purge(w->keeper, w->now_ms), OK); /* forgetting does not forget this */
    fail_password(w, account, DEVICE_NONE, 1);
    assert_int_equal(w->reply.is_budget_just_spent, 1); /* told */
    w->now_ms += MS_PER_DAY;
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_WRONG); /* disabled for strangers */
    assert_int_equal(try_password(w, account, known, GOOD_PASSWORD), KEEPER_RIGHT);       /* not for the owner */
    w->now_ms += 300 * MS_PER_DAY;
    assert_int_equal(keeper_purge(w->keeper, w->now_ms), OK);
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_WRONG); /* no time heals it */
    recover(w, account, DEVICE_NONE, key);
    assert_int_equal(try_password(w, account, DEVICE_NONE, OTHER_PASSWORD), KEEPER_RIGHT); /* bound again */
    assert_int_equal(try_password(w, account, known, OTHER_PASSWORD), KEEPER_RIGHT);
}

/* Makes another device known. */
static struct device_id admit(struct world *w, struct account_id account) {
    char digits[9];
    struct device_id device;
    struct play p;
    id_new(device.b);
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device), KEEPER_RIGHT);
    return device;
}

static void test_a_known_device_disables_only_itself(void **state) {
    struct world *w = *state;
    struct device_id known, stolen;
    struct account_id account = enroll(w, &known, NULL);
    stolen = admit(w, account);
    fail_password(w, account, stolen, 100);
    w->now_ms += MS_PER_DAY;
    assert_int_equal(try_password(w, account, stolen, GOOD_PASSWORD), KEEPER_WRONG);
    assert_int_equal(try_password(w, account, known, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(try_password(w, account, stolen, GOOD_PASSWORD), KEEPER_WRONG); /* others' success heals nothing */
}

static void test_waits_grow(void **state) {
    static const int hours[] = { 1, 2, 4, 8, 16, 24, 24 };
    struct world *w = *state;
    struct device_id known;
    struct account_id account = enroll(w, &known, NULL);
    for (size_t round = 0; round < ARRAY_LEN(hours); round++) {
        for (int i = 0; i < 10; i++) {
            assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
            assert_int_equal(w->reply.is_budget_just_spent, i == 9); /* told, each time */
        }
        world_reopen(w); /* a wait outlives the process */
        assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_TOO_MANY);
        assert_int_equal(w->reply.retry_ms, hours[round] * MS_PER_HOUR);
        assert_int_equal(try_password(w, account, known, GOOD_PASSWORD), KEEPER_RIGHT); /* another bucket waits not */
        w->now_ms += hours[round] * MS_PER_HOUR - 1;
        assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_TOO_MANY);
        w->now_ms += 1;
    }
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_RIGHT); /* clears it */
    for (int i = 0; i < 10; i++) assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_TOO_MANY);
    assert_int_equal(w->reply.retry_ms, MS_PER_HOUR);
}

/* Nine an hour never spend the hour's budget; they are ten in a row all the same. */
static void test_slow_guesses_wait_too(void **state) {
    struct world *w = *state;
    struct account_id account = enroll(w, NULL, NULL);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
        w->now_ms += 7 * MS_PER_MIN;
    }
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_TOO_MANY);
    assert_int_equal(w->reply.retry_ms, 2 * MS_PER_HOUR - 7 * MS_PER_MIN);
}

static void test_waits_and_clock_steps(void **state) {
    struct world *w = *state;
    struct account_id account = enroll(w, NULL, NULL);
    w->now_ms += 1000 * MS_PER_DAY;
    fail_password(w, account, DEVICE_NONE, 30);
    w->now_ms -= 1000 * MS_PER_DAY; /* a wait that a wrong clock began ends with it */
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_RIGHT);
}

/* One that was being looked at when a wait began, and is right, ends the wait. */
static void test_right_while_a_wait_begins(void **state) {
    struct world *w = *state;
    struct account_id account = enroll(w, NULL, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
    struct keeper_request q = play_ask(&p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD);
    struct job j = { 0 };
    fail_password(w, account, DEVICE_NONE, 18);
    w->now_ms += MS_PER_HOUR;
    keeper_fill_ask(&j.q, &q, 1);
    job_begin(w->keeper, &j, w->arena, w->now_ms);
    assert_true(j.needs_hash);
    fail_password(w, account, DEVICE_NONE, 1);
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_TOO_MANY);
    job_hash(w->keeper, &j);
    job_finish(w->keeper, &j, w->arena, w->now_ms);
    assert_int_equal(j.r.say, KEEPER_RIGHT);
    assert_int_equal(try_password(w, account, DEVICE_NONE, GOOD_PASSWORD), KEEPER_RIGHT);
}

/* Addresses without an account: the same answers and the same waits, for as long as anybody looks. */
static void test_nobody_waits_alike(void **state) {
    struct world *w = *state;
    struct account_id somebody = enroll(w, NULL, NULL), nobody;
    id_new(nobody.b);
    for (int i = 0; i < 150; i++) {
        enum keeper_say says = try_password(w, somebody, DEVICE_NONE, WRONG);
        int64_t retry_ms = w->reply.retry_ms;
        assert_int_equal(try_password(w, nobody, DEVICE_NONE, WRONG), says);
        assert_int_equal(w->reply.retry_ms, retry_ms);
        w->now_ms += says == KEEPER_TOO_MANY ? retry_ms : MS_PER_MIN;
    }
}

static enum keeper_say try_key(struct world *w, struct account_id account, struct device_id device, const char *key) {
    struct play p = play_new(account, ACTION_RECOVER_PASSWORD, device);
    return ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key);
}

static void test_strangers_do_not_take_the_recovery_key(void **state) {
    struct world *w = *state;
    char key[RECOVERY_KEY_TEXT_SIZE];
    struct device_id known;
    struct account_id account = enroll(w, &known, key);
    for (int day = 0; day < 10; day++) {
        for (int i = 0; i < 10; i++) assert_int_equal(try_key(w, account, DEVICE_NONE, NO_KEY), KEEPER_WRONG);
        assert_int_equal(try_key(w, account, DEVICE_NONE, key), KEEPER_TOO_MANY);
        assert_int_equal(try_key(w, account, known, key), KEEPER_RIGHT);
        w->now_ms += MS_PER_DAY;
    }
    assert_int_equal(try_key(w, account, DEVICE_NONE, key), KEEPER_WRONG); /* a hundred in a row */
    recover(w, account, known, key);
    assert_int_equal(w->reply.recovery_key[4], '-');
    memcpy(key, w->reply.recovery_key, sizeof key);
    assert_int_equal(try_key(w, account, DEVICE_NONE, key), KEEPER_RIGHT); /* the new one is bound again */
}

static enum keeper_say make_here(struct world *w, struct account_id account, struct device_id device, bool has_proof) {
    struct play p = play_new(account, ACTION_SIGN_IN, device);
    if (has_proof) assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    return ask(w, &p, KEEPER_MAKE_CODE_HERE, NULL);
}

static void test_strangers_do_not_take_the_codes_shown_here(void **state) {
    struct world *w = *state;
    struct device_id known;
    struct account_id account = enroll(w, &known, NULL);
    for (int i = 0; i < 5; i++) assert_int_equal(make_here(w, account, DEVICE_NONE, false), KEEPER_RIGHT);
    assert_int_equal(make_here(w, account, DEVICE_NONE, false), KEEPER_TOO_MANY);
    for (int i = 0; i < 5; i++) assert_int_equal(make_here(w, account, DEVICE_NONE, true), KEEPER_RIGHT);
    assert_int_equal(make_here(w, account, DEVICE_NONE, true), KEEPER_TOO_MANY); /* a thief with the password */
    for (int i = 0; i < 5; i++) assert_int_equal(make_here(w, account, known, false), KEEPER_RIGHT);
    assert_int_equal(make_here(w, account, known, true), KEEPER_TOO_MANY);
}

static void test_codes_disabled_and_bound_again(void **state) {
    struct world *w = *state;
    char key[RECOVERY_KEY_TEXT_SIZE], digits[9], wrong[9];
    struct play p;
    struct account_id account = enroll(w, NULL, key);
    for (int i = 0; i < FAILURES_MOST; i++) {
        assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
        snprintf(wrong, sizeof wrong, "%c%s", digits[0] == '9' ? '0' : digits[0] + 1, digits + 1);
        assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, wrong), KEEPER_WRONG);
        w->now_ms += 13 * MS_PER_HOUR; /* never five in a day */
    }
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_TOO_MANY);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
    struct device_id device;
    id_new(device.b);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device), KEEPER_RIGHT); /* two other proofs */
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT);
}

static void test_purge(void **state) {
    struct world *w = *state;
    char digits[9], key[RECOVERY_KEY_TEXT_SIZE];
    struct account_id account = enroll(w, NULL, key), nobody;
    id_new(nobody.b);
    struct play applied = play_new(account, ACTION_CHANGE_PASSWORD, DEVICE_NONE), p;
    assert_int_equal(ask(w, &applied, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask(w, &applied, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
    assert_int_equal(ask(w, &applied, KEEPER_COMMIT, GOOD_PASSWORD), KEEPER_RIGHT); /* and never settled */
    assert_int_equal(ask(w, &applied, KEEPER_COMMIT, NULL), KEEPER_RIGHT);
    assert_int_equal(strlen(w->reply.recovery_key), 34);
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, NULL), KEEPER_RIGHT); /* an admission needs no settling */
    assert_int_equal(make_there(w, account, &p, digits), KEEPER_RIGHT);
    assert_int_equal(try_password(w, account, DEVICE_NONE, WRONG), KEEPER_WRONG);
    assert_int_equal(try_password(w, nobody, DEVICE_NONE, WRONG), KEEPER_WRONG);
    w->now_ms += 2 * MS_PER_HOUR;
    assert_int_equal(keeper_purge(w->keeper, w->now_ms), OK);
    assert_int_equal(world_number(w, &COUNT_ATTEMPTS), 3); /* two settled ones and the applied one */
    assert_int_equal(ask(w, &applied, KEEPER_COMMIT, NULL), KEEPER_RIGHT);
    assert_string_equal(w->reply.recovery_key, "");
    assert_int_equal(world_number(w, &COUNT_CODES), 0);
    assert_true(world_number(w, &COUNT_BUDGETS) >= 4);
    w->now_ms += 2 * MS_PER_DAY;
    assert_int_equal(keeper_purge(w->keeper, w->now_ms), OK);
    assert_int_equal(world_number(w, &COUNT_ATTEMPTS), 1);
    assert_int_equal(ask(w, &applied, KEEPER_FATE, NULL), KEEPER_RIGHT);
    w->now_ms += 2 * MS_PER_DAY;
    assert_int_equal(keeper_purge(w->keeper, w->now_ms), OK);
    assert_int_equal(world_number(w, &COUNT_BUDGETS), 0);
    w->now_ms += 30 * MS_PER_DAY;
    assert_int_equal(keeper_purge(w->keeper, w->now_ms), OK);
    assert_int_equal(world_number(w, &COUNT_ATTEMPTS), 0);
    assert_int_equal(world_number(w, &COUNT_FAILURES), 1); /* of the account that there is */
    assert_int_equal(world_number(w, &COUNT_CREDENTIALS), 2);
    assert_int_equal(world_number(w, &COUNT_DEVICES), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_unknown_devices_share),
        WORLD_TEST(test_window_slides),
        WORLD_TEST(test_right_ones_are_free),
        WORLD_TEST(test_restart_resets_nothing),
        WORLD_TEST(test_clock_steps),
        WORLD_TEST(test_recovery_keys),
        WORLD_TEST(test_codes_made),
        WORLD_TEST(test_a_stranger_spends_no_codes),
        WORLD_TEST(test_wrong_codes_close),
        WORLD_TEST(test_email_codes),
        WORLD_TEST(test_hundred_failures),
        WORLD_TEST(test_a_known_device_disables_only_itself),
        WORLD_TEST(test_waits_grow),
        WORLD_TEST(test_slow_guesses_wait_too),
        WORLD_TEST(test_waits_and_clock_steps),
        WORLD_TEST(test_right_while_a_wait_begins),
        WORLD_TEST(test_nobody_waits_alike),
        WORLD_TEST(test_strangers_do_not_take_the_recovery_key),
        WORLD_TEST(test_strangers_do_not_take_the_codes_shown_here),
        WORLD_TEST(test_codes_disabled_and_bound_again),
        WORLD_TEST(test_purge),
    };
    return run_on_both("keeper budgets", tests, ARRAY_LEN(tests));
}
