/* Every state times every event: what is allowed goes where the table says, everything else is refused. */
#include <cmocka.h>

#include "guard/machine.h"

/* A row a state, a column an event; 0: refused. O opened, P proved, H held, C committing, D done, X denied, E expired,
 * F failed. */
static const char *const golden[] = {
    /*            proof met wrong last hold commit applied not unproved fail deny stop expire */
    [ATTEMPT_OPENED] = "OPOF00000FX0E",     [ATTEMPT_PROVED] = "PPPFHC000FX0E", [ATTEMPT_HELD] = "HHHF0C000FX0E",
    [ATTEMPT_COMMITTING] = "000000DPOF0X0", [ATTEMPT_DONE] = "0000000000000",   [ATTEMPT_DENIED] = "0000000000000",
    [ATTEMPT_EXPIRED] = "0000000000000",    [ATTEMPT_FAILED] = "0000000000000",
};

static char letter_of(enum attempt_state s) {
    static const char letters[] = " OPHCDXEF";
    return letters[s];
}

static void every_state_and_event(void **state) {
    (void)state;
    for (int s = ATTEMPT_OPENED; s <= ATTEMPT_FAILED; s++)
        for (int e = EV_PROOF; e < EV_COUNT; e++) {
            struct move m;
            enum err r = machine_step((enum attempt_state)s, (enum event)e, &m);
            char want = golden[s][e - 1];
            if (want == '0')
                assert_int_equal(r, ERR_REFUSED);
            else if (r != OK || letter_of(m.to) != want)
                fail_msg("state %d event %d: %c, not %c", s, e, r == OK ? letter_of(m.to) : '0', want);
        }
}

static void what_has_ended_stays_ended(void **state) {
    (void)state;
    for (int s = ATTEMPT_OPENED; s <= ATTEMPT_FAILED; s++) {
        bool has_way = false;
        for (int e = EV_PROOF; e < EV_COUNT; e++) {
            struct move m;
            has_way |= machine_step((enum attempt_state)s, (enum event)e, &m) == OK;
        }
        assert_int_equal(has_way, !attempt_state_is_final((enum attempt_state)s));
    }
}

/* Nothing is done but by way of committing, and nothing commits that was not proved. */
static void no_short_cut(void **state) {
    (void)state;
    for (int s = ATTEMPT_OPENED; s <= ATTEMPT_FAILED; s++)
        for (int e = EV_PROOF; e < EV_COUNT; e++) {
            struct move m;
            if (machine_step((enum attempt_state)s, (enum event)e, &m) != OK) continue;
            if (m.to == ATTEMPT_DONE) assert_int_equal(s, ATTEMPT_COMMITTING);
            if (m.to == ATTEMPT_COMMITTING) assert_true(s == ATTEMPT_PROVED || s == ATTEMPT_HELD);
            if (m.to == ATTEMPT_HELD) assert_true(s == ATTEMPT_PROVED || s == ATTEMPT_HELD);
        }
}

static void needs_are_two_of_three(void **state) {
    (void)state;
    for (unsigned proved = 0; proved < 32; proved++) {
        int factors = __builtin_popcount(proved & (PROOF_PASSWORD | PROOF_CODE | PROOF_RECOVERY_KEY));
        bool has_passkey = (proved & PROOF_PASSKEY) != 0;
        assert_int_equal(need_is_met(action_rules[ACTION_SIGN_IN].need, proved), factors >= 2 || has_passkey);
        assert_int_equal(need_is_met(action_rules[ACTION_CHANGE_PASSWORD].need, proved), factors >= 2 || has_passkey);
        assert_int_equal(need_is_met(action_rules[ACTION_RECOVER_PASSWORD].need, proved),
                         (proved & (PROOF_CODE | PROOF_RECOVERY_KEY)) == (PROOF_CODE | PROOF_RECOVERY_KEY) ||
                             has_passkey);
        assert_int_equal(need_is_met(action_rules[ACTION_SIGN_UP].need, proved), (proved & PROOF_EMAIL_CODE) != 0);
        assert_int_equal(need_is_met(action_rules[ACTION_SIGN_IN].need_known, proved),
                         (proved & (PROOF_PASSWORD | PROOF_PASSKEY)) != 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_state_and_event),
                                        cmocka_unit_test(what_has_ended_stays_ended), cmocka_unit_test(no_short_cut),
                                        cmocka_unit_test(needs_are_two_of_three) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
