/* The words that all processes share: which proofs are enough, ids, tokens and links. */
#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/enc.h"
#include "core/action.h"
#include "core/token.h"

#define ALL_PROOFS 32 /* sets of five bits */

static int bits(unsigned set) {
    int n = 0;
    for (; set; set >>= 1) n += (int)(set & 1);
    return n;
}

/* What DESIGN promises in words, against the table, over every set of proofs. */
static bool promise(enum action a, bool is_known, unsigned proved) {
    const unsigned two_of = PROOF_PASSWORD | PROOF_CODE | PROOF_RECOVERY_KEY;
    switch (a) {
    case ACTION_SIGN_UP: return (proved & PROOF_EMAIL_CODE) != 0;
    case ACTION_SIGN_IN:
        if ((proved & PROOF_PASSKEY) != 0) return true;
        return is_known ? (proved & PROOF_PASSWORD) != 0 : bits(proved & two_of) >= 2;
    case ACTION_CHANGE_PASSWORD: return (proved & PROOF_PASSKEY) != 0 || bits(proved & two_of) >= 2;
    case ACTION_RECOVER_PASSWORD:
        return (proved & PROOF_PASSKEY) != 0 || bits(proved & (PROOF_RECOVERY_KEY | PROOF_CODE)) == 2;
    case ACTION_RESTORE:
    case ACTION_REMOVE_CONTACT:
    case ACTION_ADD_PASSKEY:
    case ACTION_REMOVE_PASSKEY:
    case ACTION_REMOVE_DEVICE:
    case ACTION_EXPORT_DATA:
    case ACTION_ALLOW_DELETION:
    case ACTION_DELETE_ACCOUNT: return (proved & PROOF_PASSKEY) != 0 || bits(proved & two_of) >= 2;
    case ACTION_CHANGE_EMAIL:
    case ACTION_ADD_CONTACT:
        return (proved & PROOF_EMAIL_CODE) != 0 && ((proved & PROOF_PASSKEY) != 0 || bits(proved & two_of) >= 2);
    case ACTION_NEW_RECOVERY_KEY:
        return (proved & PROOF_PASSKEY) != 0 || bits(proved & (PROOF_PASSWORD | PROOF_CODE)) == 2;
    case ACTION_PURCHASE: return (proved & PROOF_PASSKEY) != 0;
    case ACTION_BACKUP_DELETED: /* what the server tells is nobody's to do */
    case ACTION_BACKUP_KEYS_CHANGED:
    case ACTION_BACKUP_OVERDUE:
    case ACTION_BACKUP_DAMAGED:
    case ACTION_COUNT: break;
    }
    return false;
}

static void needs_are_what_was_promised(void **state) {
    (void)state;
    for (int a = 0; a < ACTION_COUNT; a++) {
        for (unsigned proved = 0; proved < ALL_PROOFS; proved++) {
            const struct action_rule *rule = &action_rules[a];
            bool far = need_is_met(rule->need, proved), near = need_is_met(rule->need_known, proved);
            if (far != promise((enum action)a, false, proved)) fail_msg("%s: proofs %u from afar", rule->name, proved);
            if (near != promise((enum action)a, true, proved)) fail_msg("%s: proofs %u known", rule->name, proved);
        }
    }
}

static const struct {
    struct need need;
    unsigned proved;
    bool is_met;
} needs[] = {
    { { 0, 0, 0 }, 0, false },      { { 0, 0, 0 }, 31, false }, /* a need for nothing is a mistake, not a gift */
    { { 0, 31, 0 }, 31, false },    { { 0, 0, 8 }, 8, true },   { { 0, 0, 8 }, 4, false },
    { { 1, 1, 0 }, 1, true },       { { 1, 1, 0 }, 30, false }, { { 2, 7, 0 }, 1, false },
    { { 2, 7, 0 }, 3, true },       { { 2, 7, 0 }, 5, true },   { { 2, 7, 0 }, 7, true },
    { { 2, 7, 0 }, 1 | 8, false }, /* what isn't asked for doesn't count */
    { { 2, 7, 0 }, 1 | 16, false }, { { 2, 7, 8 }, 8, true },   { { 2, 7, 8 }, 1 | 16, false },
    { { 3, 7, 0 }, 6, false },      { { 3, 7, 0 }, 7, true },   { { 2, 1, 0 }, 31, false },
};

static void needs_count_only_what_they_ask_for(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (need_is_met(needs[i].need, needs[i].proved) != needs[i].is_met) fail_msg("case %zu", i);
}

static void no_action_is_weaker_than_two_proofs_from_afar(void **state) {
    (void)state;
    for (int a = 0; a < ACTION_COUNT; a++) {
        const struct action_rule *rule = &action_rules[a];
        assert_true(rule->life_ms >= MS_PER_MIN && rule->life_ms <= MS_PER_DAY);
        assert_non_null(rule->name);
        assert_int_equal(rule->need.sufficient & ~(unsigned)PROOF_PASSKEY, 0);
        if (rule->opener == OPENER_SERVER) continue;
        if (a == ACTION_SIGN_UP || a == ACTION_PURCHASE) continue; /* an address; a passkey and nothing else */
        assert_true(rule->need.count >= 2);
        assert_int_equal(rule->need.of & PROOF_EMAIL_CODE, 0);
        assert_int_equal(rule->need_known.of & PROOF_EMAIL_CODE, 0);
        assert_true(rule->alert_on & ALERT_ON_DONE);
    }
}

static void names_are_read_back(void **state) {
    enum action action = ACTION_COUNT;
    enum proof proof = PROOF_NONE;
    (void)state;
    for (int a = 0; a < ACTION_COUNT; a++) {
        assert_int_equal(action_parse(str_from(action_rules[a].name), &action), OK);
        assert_int_equal(action, a);
    }
    for (unsigned i = 0; i < PROOF_COUNT; i++) {
        const char *name = proof_name((enum proof)(1U << i));
        assert_string_not_equal(name, "");
        assert_int_equal(proof_parse(str_from(name), &proof), OK);
        assert_int_equal(proof, 1U << i);
    }
    action = ACTION_SIGN_IN;
    assert_int_equal(action_parse(STR(""), &action), ERR_INPUT);
    assert_int_equal(action_parse(STR("SIGN_UP"), &action), ERR_INPUT);
    assert_int_equal(action_parse(str_bytes("sign_up\0", 8), &action), ERR_INPUT);
    assert_int_equal(action_parse(STR("sign_u"), &action), ERR_INPUT);
    assert_int_equal(action, ACTION_SIGN_IN);
    assert_int_equal(proof_parse(STR(""), &proof), ERR_INPUT);
    assert_int_equal(proof_parse(STR("none"), &proof), ERR_INPUT);
    assert_string_equal(proof_name(PROOF_NONE), "");
    assert_string_equal(proof_name((enum proof)3), ""); /* two bits have no name */
}

static const struct {
    enum attempt_state state;
    const char *name;
    bool is_final;
} states[] = { { ATTEMPT_OPENED, "opened", false },  { ATTEMPT_PROVED, "proved", false },
               { ATTEMPT_HELD, "held", false },      { ATTEMPT_COMMITTING, "proved", false },
               { ATTEMPT_DONE, "done", true },       { ATTEMPT_DENIED, "denied", true },
               { ATTEMPT_EXPIRED, "expired", true }, { ATTEMPT_FAILED, "failed", true } };
static const struct {
    enum alert_kind kind;
    const char *name;
} kinds[] = { { ALERT_OPENED, "opened" }, { ALERT_REFUSED, "refused" }, { ALERT_HELD, "held" },
              { ALERT_DONE, "done" },     { ALERT_DENIED, "denied" },   { ALERT_WRONG_PROOFS, "wrong_proofs" } };

static void states_and_kinds_have_their_wire_names(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        assert_string_equal(attempt_state_name(states[i].state), states[i].name);
        assert_int_equal(attempt_state_is_final(states[i].state), states[i].is_final);
        assert_int_equal(states[i].state, i + 1); /* stored: never renumbered */
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        assert_string_equal(alert_kind_name(kinds[i].kind), kinds[i].name);
        assert_int_equal(kinds[i].kind, i + 1);
    }
}

static void ids_are_random_and_sort_by_time(void **state) {
    uint8_t a[ID_BYTES], b[ID_BYTES], zero[ID_BYTES] = { 0 };
    (void)state;
    id_new(a);
    id_new(b);
    assert_false(id_eq(a, b));
    assert_false(id_is_zero(a));
    assert_true(id_is_zero(zero));
    zero[15] = 1;
    assert_false(id_is_zero(zero));
    id_new_at(0x0102030405ff, a);
    assert_memory_equal(a, "\x01\x02\x03\x04\x05\xff", 6);
    id_new_at(0x010203040600, b);
    assert_true(memcmp(a, b, ID_BYTES) < 0);
    id_new_at(0x0102030405ff, b);
    assert_false(id_eq(a, b));
}

static const char *const bad_ids[] = { "",
                                       "AAAAAAAAAAAAAAAAAAAAA",
                                       "AAAAAAAAAAAAAAAAAAAAAAA",
                                       "AAAAAAAAAAAAAAAAAAAAAB",
                                       "AAAAAAAAAAAAAAAAAAAA==",
                                       "AAAAAAAAAAAAAAAAAAAA+A",
                                       " AAAAAAAAAAAAAAAAAAAAA" };

static void ids_have_one_text(void **state) {
    uint8_t id[ID_BYTES], back[ID_BYTES] = { 7 };
    char text[ID_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_ids); i++)
        if (id_parse(str_from(bad_ids[i]), back) != ERR_INPUT) fail_msg("%s", bad_ids[i]);
    assert_int_equal(back[0], 7);
    for (int i = 0; i < 100; i++) {
        id_new(id);
        id_text(id, text);
        assert_int_equal(strlen(text), 22);
        assert_int_equal(id_parse(str_from(text), back), OK);
        assert_true(id_eq(id, back));
    }
}

static void tokens_carry_their_account_and_kind(void **state) {
    static const char *const prefix[] = { "ts_", "ta_", "td_", "tb_", "tv_" };
    struct account_id account, back;
    char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE];
    uint8_t hash[HASH_BYTES], want[HASH_BYTES], again[HASH_BYTES];
    (void)state;
    id_new(account.b);
    for (int kind = TOKEN_SESSION; kind <= TOKEN_SERVICE; kind++) {
        token_new((enum token_kind)kind, account, text, hash);
        assert_int_equal(strlen(text), TOKEN_TEXT_SIZE - 1);
        assert_memory_equal(text, prefix[kind], 3);
        crypto_token_hash(str_from(text), want);
        assert_memory_equal(hash, want, HASH_BYTES);
        assert_int_equal(token_parse((enum token_kind)kind, str_from(text), &back, again), OK);
        assert_true(id_eq(account.b, back.b));
        assert_memory_equal(again, hash, HASH_BYTES);
        for (int wrong = TOKEN_SESSION; wrong <= TOKEN_SERVICE; wrong++)
            if (wrong != kind)
                assert_int_equal(token_parse((enum token_kind)wrong, str_from(text), &back, again), ERR_INPUT);
        token_new((enum token_kind)kind, account, other, again);
        assert_string_not_equal(text, other);
    }
}

static void tokens_have_one_shape(void **state) {
    struct account_id account = { { 1 } }, back = { { 9 } };
    char text[TOKEN_TEXT_SIZE + 1] = "";
    uint8_t hash[HASH_BYTES];
    (void)state;
    token_new(TOKEN_SESSION, account, text, hash);
    memset(hash, 5, sizeof hash);
    for (size_t i = 0; i < TOKEN_TEXT_SIZE - 1; i++) { /* cut anywhere, or with any character that is none of its own */
        char kept = text[i];
        assert_int_equal(token_parse(TOKEN_SESSION, str_bytes(text, i), &back, hash), ERR_INPUT);
        text[i] = '=';
        assert_int_equal(token_parse(TOKEN_SESSION, str_bytes(text, TOKEN_TEXT_SIZE - 1), &back, hash), ERR_INPUT);
        text[i] = 0;
        assert_int_equal(token_parse(TOKEN_SESSION, str_bytes(text, TOKEN_TEXT_SIZE - 1), &back, hash), ERR_INPUT);
        text[i] = kept;
    }
    text[TOKEN_TEXT_SIZE - 1] = 'A';
    assert_int_equal(token_parse(TOKEN_SESSION, str_bytes(text, TOKEN_TEXT_SIZE), &back, hash), ERR_INPUT);
    assert_int_equal(token_parse(TOKEN_SESSION, STR_NONE, &back, hash), ERR_INPUT);
    assert_int_equal(back.b[0], 9);
    assert_int_equal(hash[0], 5);
}

/* The MAC of a fixed key, account and alert: a change of it would end every link that is out there. */
static void link_macs_stay_what_they_were(void **state) {
    const uint8_t key[KEY_BYTES] = { 0 };
    const struct account_id account = { { 1 } };
    const struct alert_id alert = { { 2 } };
    char text[LINK_TEXT_SIZE];
    (void)state;
    link_make(key, account, alert, text);
    /* Made elsewhere: base64url(account, alert, BLAKE2b-256 keyed with zeroes of label, NUL, account, alert). */
    assert_string_equal(text, "tl_AQAAAAAAAAAAAAAAAAAAAAIAAAAAAAAAAAAAAAAAAAC"
                              "JR2P6F54XmJ6jt-wQ25djd-pT546gMxt4PmT1VgH8hA");
}

static void links_are_right_for_one_alert_of_one_account(void **state) {
    uint8_t key[KEY_BYTES] = { 1 }, mac[HASH_BYTES];
    struct account_id account, other_account, a;
    struct alert_id alert, other_alert, b;
    char text[LINK_TEXT_SIZE];
    (void)state;
    id_new(account.b);
    id_new(alert.b);
    id_new(other_account.b);
    id_new(other_alert.b);
    link_make(key, account, alert, text);
    assert_int_equal(strlen(text), LINK_TEXT_SIZE - 1);
    assert_int_equal(link_parse(str_from(text), &a, &b, mac), OK);
    assert_true(id_eq(a.b, account.b) && id_eq(b.b, alert.b));
    assert_true(link_mac_is_right(key, account, alert, mac));
    assert_false(link_mac_is_right(key, other_account, alert, mac));
    assert_false(link_mac_is_right(key, account, other_alert, mac));
    for (size_t i = 0; i < HASH_BYTES; i++) {
        mac[i] ^= 0x80;
        assert_false(link_mac_is_right(key, account, alert, mac));
        mac[i] ^= 0x80;
    }
    key[31] = 1;
    assert_false(link_mac_is_right(key, account, alert, mac));
}

static void links_have_one_shape(void **state) {
    const uint8_t key[KEY_BYTES] = { 1 };
    uint8_t mac[HASH_BYTES] = { 5 };
    struct account_id account = { { 1 } }, a = { { 9 } };
    struct alert_id alert = { { 2 } }, b = { { 9 } };
    char text[LINK_TEXT_SIZE + 1] = "";
    (void)state;
    link_make(key, account, alert, text);
    for (size_t i = 0; i < LINK_TEXT_SIZE - 1; i++) {
        char kept = text[i];
        assert_int_equal(link_parse(str_bytes(text, i), &a, &b, mac), ERR_INPUT);
        text[i] = '.';
        assert_int_equal(link_parse(str_bytes(text, LINK_TEXT_SIZE - 1), &a, &b, mac), ERR_INPUT);
        text[i] = kept;
    }
    text[LINK_TEXT_SIZE - 1] = 'A';
    assert_int_equal(link_parse(str_bytes(text, LINK_TEXT_SIZE), &a, &b, mac), ERR_INPUT);
    text[LINK_TEXT_SIZE - 2] = (char)(text[LINK_TEXT_SIZE - 2] + 1); /* another spelling of the same bytes */
    assert_int_equal(link_parse(str_bytes(text, LINK_TEXT_SIZE - 1), &a, &b, mac), ERR_INPUT);
    assert_true(a.b[0] == 9 && b.b[0] == 9 && mac[0] == 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs_are_what_was_promised),
        cmocka_unit_test(needs_count_only_what_they_ask_for),
        cmocka_unit_test(no_action_is_weaker_than_two_proofs_from_afar),
        cmocka_unit_test(names_are_read_back),
        cmocka_unit_test(states_and_kinds_have_their_wire_names),
        cmocka_unit_test(ids_are_random_and_sort_by_time),
        cmocka_unit_test(ids_have_one_text),
        cmocka_unit_test(tokens_carry_their_account_and_kind),
        cmocka_unit_test(tokens_have_one_shape),
        cmocka_unit_test(link_macs_stay_what_they_were),
        cmocka_unit_test(links_are_right_for_one_alert_of_one_account),
        cmocka_unit_test(links_have_one_shape),
    };
    if (crypto_init() != OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
