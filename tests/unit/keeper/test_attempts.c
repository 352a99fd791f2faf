/* The record of proofs and what a commit does with it: every way to be let in, and every way that must not be one. */
#include "world.h"

static const char WRONG_PASSWORD[] = "not the right one at all";

static struct device_id device_new(void) {
    struct device_id d;
    id_new(d.b);
    return d;
}

static void other_digits(char *out, const char *digits) {
    snprintf(out, 9, "%s", digits);
    out[0] = out[0] == '9' ? '0' : (char)(out[0] + 1);
}

static void test_sign_up(void **state) {
    struct world *w = *state;
    char key[RECOVERY_KEY_TEXT_SIZE], digits[9], wrong[9];
    struct account_id account;
    struct device_id device = device_new();
    id_new(account.b);
    struct play p = play_new(account, ACTION_SIGN_UP, DEVICE_NONE);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, GOOD_PASSWORD, device), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_EMAIL_CODE, NULL), KEEPER_RIGHT);
    assert_int_equal(strlen(w->reply.digits), 0);
    assert_int_equal(w->reply.expires_ms, w->now_ms + 60 * MS_PER_MIN);
    world_unseal(w, digits);
    assert_int_equal(strlen(digits), 6);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, GOOD_PASSWORD, device), KEEPER_NOT_PROVED);
    other_digits(wrong, digits);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_EMAIL_CODE, wrong), KEEPER_WRONG);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_EMAIL_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(w->reply.proved, PROOF_EMAIL_CODE);
    assert_int_equal(ask(w, &p, KEEPER_FATE, NULL), KEEPER_NONE);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, "password", device), KEEPER_WEAK);
    assert_non_null(strstr(w->reply.reason, "most used"));
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, GOOD_PASSWORD, device), KEEPER_RIGHT);
    assert_int_equal(strlen(w->reply.recovery_key), 34);
    memcpy(key, w->reply.recovery_key, sizeof key);
    /* Asked twice, it is applied once and answers the same, until it is settled. */
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, OTHER_PASSWORD, device_new()), KEEPER_RIGHT);
    assert_string_equal(w->reply.recovery_key, key);
    assert_int_equal(ask(w, &p, KEEPER_FATE, NULL), KEEPER_RIGHT);
    assert_int_equal(w->reply.recovery_key[0], 0);
    assert_int_equal(ask(w, &p, KEEPER_SETTLE, NULL), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_END, NULL), KEEPER_REFUSED);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, GOOD_PASSWORD, device), KEEPER_RIGHT);
    assert_int_equal(w->reply.recovery_key[0], 0);
    assert_int_equal(ask(w, &p, KEEPER_FATE, NULL), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_SETTLE, NULL), KEEPER_RIGHT);
    assert_int_equal(world_number(w, &COUNT_CREDENTIALS), 2);
    assert_int_equal(world_number(w, &COUNT_DEVICES), 1);
    assert_int_equal(world_number(w, &SUM_SALTS), 0);
    assert_int_equal(world_number(w, &COUNT_CODES), 0);
    struct play in = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask(w, &in, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
}

/* Applied here, but its account never came to be: the address is free again, and the attempt stays ended. */
static void test_sign_up_taken_back(void **state) {
    struct world *w = *state;
    char digits[9];
    struct account_id account;
    struct device_id device = device_new();
    id_new(account.b);
    struct play p = play_new(account, ACTION_SIGN_UP, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_EMAIL_CODE, NULL), KEEPER_RIGHT);
    world_unseal(w, digits);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_EMAIL_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, GOOD_PASSWORD, device), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_END, NULL), KEEPER_RIGHT);
    assert_int_equal(world_number(w, &COUNT_CREDENTIALS), 0);
    assert_int_equal(world_number(w, &COUNT_DEVICES), 0);
    assert_int_equal(world_number(w, &SUM_SALTS), 0);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, GOOD_PASSWORD, device), KEEPER_REFUSED);
    struct play again = play_new(account, ACTION_SIGN_UP, DEVICE_NONE);
    assert_int_equal(ask(w, &again, KEEPER_MAKE_EMAIL_CODE, NULL), KEEPER_RIGHT);
}

static void test_sign_up_twice(void **state) {
    struct world *w = *state;
    char digits[9];
    struct account_id account = enroll(w, NULL, NULL);
    int64_t revs = world_number(w, &SUM_REVS);
    struct play p = play_new(account, ACTION_SIGN_UP, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_EMAIL_CODE, NULL), KEEPER_RIGHT);
    world_unseal(w, digits);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_EMAIL_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_REFUSED);
    assert_int_equal(world_number(w, &SUM_REVS), revs);
}

static void test_sign_in_known_device(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, WRONG_PASSWORD), KEEPER_WRONG);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(w->reply.proved, PROOF_PASSWORD);
    /* One password lets the known device in, and no other one in its name. */
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device_new()), KEEPER_NOT_PROVED);
    assert_int_equal(world_number(w, &COUNT_DEVICES), 1);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device), KEEPER_RIGHT);
    assert_int_equal(w->reply.recovery_key[0], 0);
    assert_int_equal(world_number(w, &COUNT_DEVICES), 1);
}

static void test_sign_in_unknown_device(void **state) {
    struct world *w = *state;
    char digits[9], wrong[9];
    struct device_id known, unknown = device_new();
    struct account_id account = enroll(w, &known, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &p, KEEPER_SHOW_CODE, NULL), KEEPER_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, unknown), KEEPER_NOT_PROVED);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, known), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
    assert_int_equal(w->reply.digits[0], 0);
    assert_int_equal(w->reply.expires_ms, w->now_ms + CODE_LIFE_MS);
    world_unseal(w, digits);
    assert_int_equal(strlen(digits), 4);
    /* Asked again while it lives: the same digits, and no budget. */
    for (int i = 0; i < 30; i++) {
        char again[9];
        assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
        world_unseal(w, again);
        assert_string_equal(again, digits);
    }
    assert_int_equal(ask(w, &p, KEEPER_SHOW_CODE, NULL), KEEPER_RIGHT);
    assert_string_equal(w->reply.digits, digits);
    other_digits(wrong, digits);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, wrong), KEEPER_WRONG);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(w->reply.proved, PROOF_PASSWORD | PROOF_CODE);
    assert_int_equal(ask(w, &p, KEEPER_SHOW_CODE, NULL), KEEPER_NONE);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT); /* a repeat of what was counted */
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, unknown), KEEPER_RIGHT);
    assert_int_equal(world_number(w, &COUNT_DEVICES), 2);
    struct play next = play_new(account, ACTION_SIGN_IN, unknown);
    assert_int_equal(ask(w, &next, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask_by(w, &next, KEEPER_COMMIT, NULL, unknown), KEEPER_RIGHT);
    struct keeper_request forget = { .ask = KEEPER_FORGET_DEVICE, .account = account, .device = unknown };
    assert_int_equal(world_ask(w, &forget), KEEPER_RIGHT);
    next = play_new(account, ACTION_SIGN_IN, unknown);
    assert_int_equal(ask(w, &next, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask_by(w, &next, KEEPER_COMMIT, NULL, unknown), KEEPER_NOT_PROVED);
}

static void test_shown_here(void **state) {
    struct world *w = *state;
    char digits[9], wrong[9];
    struct device_id known, opener = device_new();
    struct account_id account = enroll(w, &known, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, opener);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, "1234", known), KEEPER_NONE);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_HERE, NULL), KEEPER_RIGHT);
    memcpy(digits, w->reply.digits, sizeof digits);
    assert_int_equal(strlen(digits), 4);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_HERE, NULL), KEEPER_RIGHT);
    assert_string_equal(w->reply.digits, digits);
    /* The two kinds are kept apart: this one can't be typed where it is shown. */
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_WRONG);
    assert_int_equal(ask(w, &p, KEEPER_SHOW_CODE, NULL), KEEPER_NONE);
    /* Only another device of the account, known to the keeper, approves. */
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, digits, opener), KEEPER_NOT_PROVED);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, digits, device_new()), KEEPER_NOT_PROVED);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, digits, DEVICE_NONE), KEEPER_NOT_PROVED);
    other_digits(wrong, digits);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, wrong, known), KEEPER_WRONG);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, "", known), KEEPER_WRONG);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, digits, known), KEEPER_RIGHT);
    assert_int_equal(w->reply.proved, PROOF_CODE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, opener), KEEPER_RIGHT);
}

/* One known device is not two: what it opened, another must approve. */
static void test_no_self_approval(void **state) {
    struct world *w = *state;
    char digits[9];
    struct device_id known;
    struct account_id account = enroll(w, &known, NULL);
    struct play p = play_new(account, ACTION_CHANGE_PASSWORD, known);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_HERE, NULL), KEEPER_RIGHT);
    memcpy(digits, w->reply.digits, sizeof digits);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, digits, known), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(w->reply.proved, PROOF_PASSWORD);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_NOT_PROVED);
}

static void test_third_wrong_approval(void **state) {
    struct world *w = *state;
    char digits[9], wrong[9];
    struct device_id known;
    struct account_id account = enroll(w, &known, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_HERE, NULL), KEEPER_RIGHT);
    memcpy(digits, w->reply.digits, sizeof digits);
    other_digits(wrong, digits);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, wrong, known), KEEPER_WRONG);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, wrong, known), KEEPER_WRONG);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, wrong, known), KEEPER_REFUSED);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, digits, known), KEEPER_REFUSED);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_REFUSED);
    assert_int_equal(world_number(w, &COUNT_CODES), 0);
}

static void test_third_wrong_proof(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, "0000"), KEEPER_WRONG); /* none is alive */
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, "0000"), KEEPER_WRONG);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT); /* right ones do not count */
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, WRONG_PASSWORD), KEEPER_WRONG);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_REFUSED);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device), KEEPER_REFUSED);
    assert_int_equal(ask(w, &p, KEEPER_FATE, NULL), KEEPER_NONE);
    assert_int_equal(ask(w, &p, KEEPER_SETTLE, NULL), KEEPER_NONE);
}

static void test_binding(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL), other = enroll(w, NULL, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, DEVICE_NONE), forged;
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    forged = p;
    forged.device = device; /* now it would be a known one */
    assert_int_equal(ask_by(w, &forged, KEEPER_COMMIT, NULL, device), KEEPER_REFUSED);
    assert_int_equal(ask(w, &forged, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_REFUSED);
    forged = p;
    forged.action = ACTION_CHANGE_PASSWORD;
    assert_int_equal(ask(w, &forged, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_REFUSED);
    assert_int_equal(ask(w, &forged, KEEPER_END, NULL), KEEPER_REFUSED);
    assert_int_equal(ask(w, &forged, KEEPER_FATE, NULL), KEEPER_REFUSED);
    assert_int_equal(ask(w, &forged, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_REFUSED);
    forged = p;
    forged.account = other; /* another account's attempt of that id has no proofs */
    assert_int_equal(ask(w, &forged, KEEPER_COMMIT, NULL), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &forged, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_EMAIL_CODE, "123456"), KEEPER_REFUSED); /* not a proof of this action */
    assert_int_equal(ask(w, &p, KEEPER_MAKE_EMAIL_CODE, NULL), KEEPER_REFUSED);
}

static void test_expiry(void **state) {
    struct world *w = *state;
    char digits[9];
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
    world_unseal(w, digits);
    w->now_ms += CODE_LIFE_MS;
    assert_int_equal(ask(w, &p, KEEPER_SHOW_CODE, NULL), KEEPER_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_WRONG);
    w->now_ms += action_rules[ACTION_SIGN_IN].life_ms - CODE_LIFE_MS - 1;
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
    assert_int_equal(w->reply.expires_ms, w->now_ms + 1); /* a code dies with its attempt */
    w->now_ms += 1;
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device), KEEPER_REFUSED);
    assert_int_equal(ask(w, &p, KEEPER_SHOW_CODE, NULL), KEEPER_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_REFUSED);
    /* The front's word makes an attempt shorter, never longer. */
    struct play brief = play_new(account, ACTION_SIGN_IN, device), endless = play_new(account, ACTION_SIGN_IN, device);
    struct keeper_request q = play_ask(&brief, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD);
    q.attempt_expires_ms = w->now_ms + 1000;
    assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
    q = play_ask(&endless, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD);
    q.attempt_expires_ms = INT64_MAX;
    assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
    w->now_ms += 1000;
    assert_int_equal(ask_by(w, &brief, KEEPER_COMMIT, NULL, device), KEEPER_REFUSED);
    w->now_ms += action_rules[ACTION_SIGN_IN].life_ms;
    assert_int_equal(ask_by(w, &endless, KEEPER_COMMIT, NULL, device), KEEPER_REFUSED);
}

static void test_end(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask(w, &p, KEEPER_END, NULL), KEEPER_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_END, NULL), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_END, NULL), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_SHOW_CODE, NULL), KEEPER_NONE);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device), KEEPER_REFUSED);
    assert_int_equal(world_number(w, &COUNT_CODES), 0);
}

static void prove_password_and_code(struct world *w, const struct play *p) {
    char digits[9];
    assert_int_equal(ask(w, p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask(w, p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
    world_unseal(w, digits);
    assert_int_equal(ask(w, p, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT);
}

static void test_change_password(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    struct play p = play_new(account, ACTION_CHANGE_PASSWORD, device), old = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask(w, &old, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_NOT_PROVED); /* known or not: two */
    prove_password_and_code(w, &p);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, "short"), KEEPER_WEAK);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, NULL), KEEPER_WEAK);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(w->reply.recovery_key[0], 0);
    /* What was proved with the old password counts no more. */
    assert_int_equal(ask_by(w, &old, KEEPER_COMMIT, NULL, device), KEEPER_NOT_PROVED);
    struct play in = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask(w, &in, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_WRONG);
    assert_int_equal(ask(w, &in, KEEPER_PROVE_PASSWORD, OTHER_PASSWORD), KEEPER_RIGHT);
}

static struct play done_by_two_proofs(struct world *w, struct account_id account, enum action action,
                                      struct device_id device) {
    struct play p = play_new(account, action, device);
    prove_password_and_code(w, &p);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_RIGHT);
    return p;
}

/* Somebody who leaves is forgotten after a week, whatever else is undone meanwhile. */
static void test_leaving(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    struct play key = done_by_two_proofs(w, account, ACTION_NEW_RECOVERY_KEY, device);
    done_by_two_proofs(w, account, ACTION_DELETE_ACCOUNT, device);
    assert_int_equal(ask(w, &key, KEEPER_UNDO, NULL), KEEPER_RIGHT);
    w->now_ms += 7 * MS_PER_DAY - 1;
    assert_int_equal(keeper_purge(w->keeper, w->now_ms), OK);
    assert_int_equal(world_number(w, &COUNT_CREDENTIALS), 2);
    w->now_ms += 1;
    assert_int_equal(keeper_purge(w->keeper, w->now_ms), OK);
    assert_int_equal(world_number(w, &COUNT_CREDENTIALS), 0);
    assert_int_equal(world_number(w, &COUNT_DEVICES), 0);
}

/* Its leaving is undone: also what asked for it twice, so that nothing is left that would take its credentials. */
static void test_leaving_undone(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    struct play first = done_by_two_proofs(w, account, ACTION_DELETE_ACCOUNT, device);
    done_by_two_proofs(w, account, ACTION_DELETE_ACCOUNT, device);
    assert_int_equal(ask(w, &first, KEEPER_UNDO, NULL), KEEPER_RIGHT);
    w->now_ms += 8 * MS_PER_DAY;
    assert_int_equal(keeper_purge(w->keeper, w->now_ms), OK);
    assert_int_equal(world_number(w, &COUNT_CREDENTIALS), 2);
}

static void test_recover_password(void **state) {
    struct world *w = *state;
    char key[RECOVERY_KEY_TEXT_SIZE], new_key[RECOVERY_KEY_TEXT_SIZE], digits[9];
    struct device_id known;
    struct account_id account = enroll(w, &known, key);
    struct play p = play_new(account, ACTION_RECOVER_PASSWORD, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_REFUSED); /* no proof of this action */
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, "AAAA-AAAA"), KEEPER_WRONG);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_HERE, NULL), KEEPER_RIGHT);
    memcpy(digits, w->reply.digits, sizeof digits);
    assert_int_equal(ask_by(w, &p, KEEPER_APPROVE, digits, known), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_RIGHT);
    memcpy(new_key, w->reply.recovery_key, sizeof new_key);
    assert_int_equal(strlen(new_key), 34);
    assert_string_not_equal(new_key, key);
    assert_int_equal(ask(w, &p, KEEPER_SETTLE, NULL), KEEPER_RIGHT);
    /* The old key is spent, the new one works. */
    p = play_new(account, ACTION_RECOVER_PASSWORD, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_WRONG);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, new_key), KEEPER_RIGHT);
}

static void test_recovery_key_abandoned(void **state) {
    struct world *w = *state;
    char key[RECOVERY_KEY_TEXT_SIZE];
    struct account_id account = enroll(w, NULL, key);
    for (int i = 0; i < 3; i++) {
        struct play p = play_new(account, ACTION_RECOVER_PASSWORD, DEVICE_NONE);
        assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
        assert_int_equal(ask(w, &p, KEEPER_END, NULL), KEEPER_RIGHT);
    }
    struct play a = play_new(account, ACTION_SIGN_IN, DEVICE_NONE), b = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
    assert_int_equal(ask(w, &a, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
    assert_int_equal(ask(w, &b, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
    assert_int_equal(ask(w, &a, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask(w, &b, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask_by(w, &a, KEEPER_COMMIT, NULL, device_new()), KEEPER_RIGHT);
    assert_int_equal(strlen(w->reply.recovery_key), 34);
    /* Proved twice while it was whole, it is spent once. */
    assert_int_equal(ask_by(w, &b, KEEPER_COMMIT, NULL, device_new()), KEEPER_NOT_PROVED);
}

static void lock(struct world *w, struct account_id account) {
    struct keeper_request q = { .ask = KEEPER_LOCK_DOWN, .account = account };
    assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
}

static void test_lock_down(void **state) {
    struct world *w = *state;
    char key[RECOVERY_KEY_TEXT_SIZE], digits[9];
    struct device_id known;
    struct account_id account = enroll(w, &known, key);
    struct play before = play_new(account, ACTION_CHANGE_PASSWORD, known);
    prove_password_and_code(w, &before);
    lock(w, account);
    /* The thief's attempt, proved before: its password counts no more. */
    assert_int_equal(ask(w, &before, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_NOT_PROVED);
    struct play in = play_new(account, ACTION_SIGN_IN, known);
    assert_int_equal(ask(w, &in, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_WRONG);
    assert_int_equal(ask(w, &in, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_NOT_PROVED);
    /* For an unknown device nothing is right. */
    struct play stranger = play_new(account, ACTION_SIGN_IN, device_new());
    assert_int_equal(ask(w, &stranger, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_WRONG);
    assert_int_equal(ask(w, &stranger, KEEPER_MAKE_CODE_HERE, NULL), KEEPER_RIGHT);
    memcpy(digits, w->reply.digits, sizeof digits);
    assert_int_equal(ask_by(w, &stranger, KEEPER_APPROVE, digits, known), KEEPER_WRONG);
    /* The way back. */
    struct play p = play_new(account, ACTION_RECOVER_PASSWORD, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
    world_unseal(w, digits);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(world_number(w, &SUM_LOCKED), 0);
    in = play_new(account, ACTION_SIGN_IN, known);
    assert_int_equal(ask(w, &in, KEEPER_PROVE_PASSWORD, OTHER_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask_by(w, &in, KEEPER_COMMIT, NULL, known), KEEPER_RIGHT);
}

static void test_unknown_account(void **state) {
    struct world *w = *state;
    struct account_id nobody;
    id_new(nobody.b);
    for (int round = 0; round < 3; round++) {
        struct play p = play_new(nobody, ACTION_SIGN_IN, DEVICE_NONE);
        assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, ""), KEEPER_WRONG);
        assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, "\xff\xff not text"), KEEPER_WRONG);
        assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_NOT_PROVED);
        assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_WRONG);
        assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_REFUSED);
    }
    struct play p = play_new(nobody, ACTION_SIGN_IN, DEVICE_NONE);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_WRONG);
    assert_int_equal(w->reply.is_budget_just_spent, 1); /* the tenth, like for anybody */
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_TOO_MANY);
    lock(w, nobody);
    assert_int_equal(world_number(w, &COUNT_CREDENTIALS), 0);
}

static void test_too_long_password(void **state) {
    struct world *w = *state;
    static char text[KEEPER_PASSWORD_BYTES_MAX + 2];
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    struct play p = play_new(account, ACTION_CHANGE_PASSWORD, device);
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, text), KEEPER_WRONG);
    prove_password_and_code(w, &p);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, text), KEEPER_WEAK);
    assert_non_null(strstr(w->reply.reason, "at most 256"));
}

static void test_rehash(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    assert_int_equal(world_number(w, &MAX_MEMORY), 8);
    w->config.keeper_hash_memory_kib = 16;
    world_reopen(w);
    struct play p = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, WRONG_PASSWORD), KEEPER_WRONG);
    assert_int_equal(world_number(w, &MAX_MEMORY), 8);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(world_number(w, &MAX_MEMORY), 16);
    assert_int_equal(ask_by(w, &p, KEEPER_COMMIT, NULL, device), KEEPER_RIGHT); /* the proof is of the same password */
    p = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
}

static void test_other_pepper(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    w->pepper[0] ^= 1;
    world_reopen(w);
    struct play p = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_WRONG);
    w->pepper[0] ^= 1;
    world_reopen(w);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
}

/* A commit that is still hashing when the front asks its fate must not be applied after the answer "none". */
static void test_fate_is_final(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    int64_t revs = world_number(w, &SUM_REVS);
    struct play p = play_new(account, ACTION_CHANGE_PASSWORD, device);
    prove_password_and_code(w, &p);
    struct job slow = { 0 };
    struct keeper_request q = play_ask(&p, KEEPER_COMMIT, OTHER_PASSWORD);
    keeper_fill_ask(&slow.q, &q, 1);
    job_begin(w->keeper, &slow, w->arena, w->now_ms);
    assert_true(slow.needs_hash);
    assert_int_equal(ask(w, &p, KEEPER_FATE, NULL), KEEPER_NONE);
    job_hash(w->keeper, &slow);
    assert_true(slow.needs_finish);
    job_finish(w->keeper, &slow, w->arena, w->now_ms);
    assert_int_equal(slow.r.say, KEEPER_DOWN);
    assert_int_equal(world_number(w, &SUM_REVS), revs);
    /* So does a later commit's refusal: it speaks for the earlier one too. */
    memset(&slow, 0, sizeof slow);
    keeper_fill_ask(&slow.q, &q, 2);
    job_begin(w->keeper, &slow, w->arena, w->now_ms);
    job_hash(w->keeper, &slow);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, "short"), KEEPER_WEAK);
    job_finish(w->keeper, &slow, w->arena, w->now_ms);
    assert_int_equal(slow.r.say, KEEPER_DOWN);
    assert_int_equal(world_number(w, &SUM_REVS), revs);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_RIGHT); /* asked anew it may */
    assert_int_equal(world_number(w, &SUM_REVS), revs + 1);
}

/* Whatever happens while a hash is under way is seen by the step after it. */
static void test_changes_meanwhile(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    for (int what = 0; what < 3; what++) {
        struct play p = play_new(account, ACTION_SIGN_IN, device);
        struct keeper_request q = play_ask(&p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD);
        struct job slow = { 0 };
        keeper_fill_ask(&slow.q, &q, 1);
        job_begin(w->keeper, &slow, w->arena, w->now_ms);
        job_hash(w->keeper, &slow);
        assert_true(slow.work.is_right);
        if (what == 0) assert_int_equal(ask(w, &p, KEEPER_END, NULL), KEEPER_RIGHT);
        if (what == 1) slow.work.rev--; /* changed meanwhile */
        if (what == 2) lock(w, account);
        job_finish(w->keeper, &slow, w->arena, w->now_ms);
        assert_int_equal(slow.r.say, what == 0 ? KEEPER_REFUSED : KEEPER_WRONG);
        assert_int_equal(slow.r.proved, 0);
    }
}

/* Three tries that a dead keeper left behind: asked to wait while they may be answered, then they count as used. */
static void test_tries_under_way(void **state) {
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, device);
    struct job under_way[3] = { 0 };
    struct keeper_request q = play_ask(&p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD);
    for (int i = 0; i < 3; i++) {
        keeper_fill_ask(&under_way[i].q, &q, 1);
        job_begin(w->keeper, &under_way[i], w->arena, w->now_ms);
        assert_true(under_way[i].needs_hash);
    }
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_BUSY);
    job_hash(w->keeper, &under_way[0]);
    job_finish(w->keeper, &under_way[0], w->arena, w->now_ms);
    assert_int_equal(under_way[0].r.say, KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, WRONG_PASSWORD), KEEPER_WRONG);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_BUSY);
    w->now_ms += MS_PER_MIN;
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_REFUSED);
}

static void test_abandoned_gives_back(void **state) {
    struct world *w = *state;
    struct account_id account = enroll(w, NULL, NULL);
    struct play p = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
    for (int i = 0; i < 50; i++) {
        struct keeper_request q = play_ask(&p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD);
        struct job late = { 0 };
        keeper_fill_ask(&late.q, &q, 1);
        job_begin(w->keeper, &late, w->arena, w->now_ms);
        assert_true(late.needs_hash);
        late.work.is_abandoned = true;
        job_hash(w->keeper, &late);
        job_finish(w->keeper, &late, w->arena, w->now_ms);
        assert_int_equal(late.r.say, KEEPER_BUSY);
    }
    assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
}

static void test_policy_of_three(void **state) {
    struct world *w = *state;
    char key[RECOVERY_KEY_TEXT_SIZE];
    struct device_id device;
    struct account_id account = enroll(w, &device, key);
    w->config.action[ACTION_CHANGE_PASSWORD].proofs = 3;
    struct play p = play_new(account, ACTION_CHANGE_PASSWORD, device);
    prove_password_and_code(w, &p);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_NOT_PROVED);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
    assert_int_equal(ask(w, &p, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(strlen(w->reply.recovery_key), 34);
}

/* A database that is damaged or gone: the answer is "nothing is known", and nothing half-made leaves. */
static void test_broken_database(void **state) {
    static const char *const damage[] = { "UPDATE code SET digits = digits WHERE 1 = 0", "DELETE FROM code",
                                          "UPDATE attempt SET action = 99", "DROP TABLE budget", "DROP TABLE attempt" };
    struct world *w = *state;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
        struct play p = play_new(account, ACTION_SIGN_IN, device);
        bool is_whole = i < 4; /* as yet */
        assert_int_equal(ask(w, &p, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), is_whole ? KEEPER_RIGHT : KEEPER_DOWN);
        if (is_whole) assert_int_equal(ask(w, &p, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
        world_sql(w, damage[i]);
        enum keeper_say say = ask(w, &p, KEEPER_SHOW_CODE, NULL);
        assert_int_equal(say, i == 1 ? KEEPER_NONE : i % 2 == 0 && i > 0 ? KEEPER_DOWN : KEEPER_RIGHT);
        if (say == KEEPER_RIGHT) continue;
        struct keeper_message_reply blank = { .h = w->reply.h, .say = w->reply.say };
        assert_memory_equal(&w->reply, &blank, sizeof blank);
    }
    assert_int_not_equal(keeper_purge(w->keeper, w->now_ms), OK);
}

/* A wrong password is the same work for nobody as for somebody, on a device known or not, locked or not. */
static void test_same_work(void **state) {
    enum { SOMEBODY, NOBODY, KNOWN, LOCKED, KINDS };
    struct world *w = *state;
    struct device_id device;
    struct account_id account[KINDS];
    for (int i = 0; i < KINDS; i++) account[i] = enroll(w, i == KNOWN ? &device : NULL, NULL);
    id_new(account[NOBODY].b);
    lock(w, account[LOCKED]);
    for (int i = 0; i < KINDS; i++) {
        struct play p = play_new(account[i], ACTION_SIGN_IN, i == KNOWN ? device : DEVICE_NONE);
        struct keeper_request q = play_ask(&p, KEEPER_PROVE_PASSWORD, WRONG_PASSWORD);
        struct job j = { .next = NULL };
        keeper_fill_ask(&j.q, &q, 1);
        job_begin(w->keeper, &j, w->arena, w->now_ms);
        assert_true(j.needs_hash);
        job_hash(w->keeper, &j);
        assert_true(j.needs_finish);
        job_finish(w->keeper, &j, w->arena, w->now_ms);
        assert_int_equal(j.r.say, KEEPER_WRONG);
        assert_int_equal(j.r.proved, 0);
    }
}

static void test_link_and_ping(void **state) {
    struct world *w = *state;
    struct account_id account;
    struct alert_id alert;
    char text[LINK_TEXT_SIZE];
    id_new(account.b);
    id_new(alert.b);
    link_make(w->link_key, account, alert, text);
    struct keeper_request q = { .ask = KEEPER_LINK, .secret = str_from(text) };
    assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
    text[60] = text[60] == 'A' ? 'B' : 'A';
    assert_int_equal(world_ask(w, &q), KEEPER_WRONG);
    q.secret = STR("tl_short");
    assert_int_equal(world_ask(w, &q), KEEPER_WRONG);
    q = (struct keeper_request){ .ask = KEEPER_PING };
    assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
}

/* By what the main database knows this one: made once, whoever asks when. */
static void test_pair(void **state) {
    struct world *w = *state;
    struct keeper_request q = { .ask = KEEPER_PAIR };
    assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
    struct pair_id id = w->reply.pair;
    assert_false(id_is_zero(id.b));
    assert_int_equal(w->reply.holds_credentials, 0);
    enroll(w, NULL, NULL);
    world_reopen(w);
    assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
    assert_memory_equal(w->reply.pair.b, id.b, ID_BYTES);
    assert_int_equal(w->reply.holds_credentials, 1);
    world_sql(w, "DELETE FROM setting");
    assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
    assert_memory_not_equal(w->reply.pair.b, id.b, ID_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_sign_up),
        WORLD_TEST(test_sign_up_taken_back),
        WORLD_TEST(test_sign_up_twice),
        WORLD_TEST(test_sign_in_known_device),
        WORLD_TEST(test_sign_in_unknown_device),
        WORLD_TEST(test_shown_here),
        WORLD_TEST(test_no_self_approval),
        WORLD_TEST(test_third_wrong_approval),
        WORLD_TEST(test_third_wrong_proof),
        WORLD_TEST(test_binding),
        WORLD_TEST(test_expiry),
        WORLD_TEST(test_end),
        WORLD_TEST(test_change_password),
        WORLD_TEST(test_leaving),
        WORLD_TEST(test_leaving_undone),
        WORLD_TEST(test_recover_password),
        WORLD_TEST(test_recovery_key_abandoned),
        WORLD_TEST(test_lock_down),
        WORLD_TEST(test_unknown_account),
        WORLD_TEST(test_too_long_password),
        WORLD_TEST(test_rehash),
        WORLD_TEST(test_other_pepper),
        WORLD_TEST(test_fate_is_final),
        WORLD_TEST(test_changes_meanwhile),
        WORLD_TEST(test_tries_under_way),
        WORLD_TEST(test_abandoned_gives_back),
        WORLD_TEST(test_policy_of_three),
        WORLD_TEST(test_link_and_ping),
        WORLD_TEST(test_pair),
        WORLD_TEST(test_broken_database),
        WORLD_TEST(test_same_work),
    };
    return run_on_both("keeper attempts", tests, ARRAY_LEN(tests));
}
