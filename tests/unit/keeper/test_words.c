/* What needs no database: messages, recovery keys as letters, passwords as hashes. */
#include <cmocka.h>

#include "base/clock.h"
#include "base/secret.h"
#include "keeper/messages.h"
#include "keeper/password.h"
#include "keeper/recovery.h"

static int set_up(void **state) {
    (void)state;
    clock_init();
    return crypto_init() == OK ? 0 : -1;
}

/* --- messages --- */

static struct keeper_message_ask sound_ask(enum keeper_ask ask) {
    struct keeper_message_ask m;
    struct keeper_request q = { .ask = ask, .code_digits = 4, .secret = STR("1234") };
    id_new(q.account.b);
    id_new(q.attempt.b);
    id_new(q.device.b);
    if (keeper_ask_shapes[ask].secret_bytes_max == 0) q.secret = STR_NONE;
    keeper_fill_ask(&m, &q, 7);
    return m;
}

static void test_asks_are_sound(void **state) {
    (void)state;
    for (int ask = KEEPER_PROVE_PASSWORD; ask < KEEPER_ASK_COUNT; ask++) {
        struct keeper_message_ask m = sound_ask((enum keeper_ask)ask);
        assert_int_equal(keeper_check_ask(&m, sizeof m), OK);
        assert_int_equal(keeper_check_ask(&m, sizeof m - 1), ERR_INPUT);
        m.h.bytes--;
        assert_int_equal(keeper_check_ask(&m, sizeof m), ERR_INPUT);
    }
}

#define REFUSED(ask, change)                                                                                           \
    do {                                                                                                               \
        struct keeper_message_ask m = sound_ask(ask);                                                                  \
        change;                                                                                                        \
        if (keeper_check_ask(&m, sizeof m) != ERR_INPUT) fail_msg("let through: %s", #change);                         \
    } while (0)

static void test_asks_unsound(void **state) {
    (void)state;
    REFUSED(KEEPER_PROVE_PASSWORD, m.h.type = 0);
    REFUSED(KEEPER_PROVE_PASSWORD, m.h.type = KEEPER_ASK_COUNT);
    REFUSED(KEEPER_PROVE_PASSWORD, m.h.type = KEEPER_TYPE_REPLY);
    REFUSED(KEEPER_PROVE_PASSWORD, m.h.type = 65535);
    REFUSED(KEEPER_PROVE_PASSWORD, m.h.request = 0);
    REFUSED(KEEPER_PROVE_PASSWORD, m.h.version = IPC_VERSION + 1);
    REFUSED(KEEPER_PROVE_PASSWORD, m.secret_n = KEEPER_PASSWORD_BYTES_MAX + 1);
    REFUSED(KEEPER_PROVE_PASSWORD, m.secret_n = 3);
    REFUSED(KEEPER_PROVE_PASSWORD, m.secret[KEEPER_PASSWORD_BYTES_MAX - 1] = 1);
    REFUSED(KEEPER_PROVE_PASSWORD, m.action = ACTION_COUNT);
    REFUSED(KEEPER_PROVE_PASSWORD, m.action = 255);
    REFUSED(KEEPER_PROVE_PASSWORD, m.is_too_long = 1);
    REFUSED(KEEPER_PROVE_PASSWORD, m.is_too_long = 2);
    REFUSED(KEEPER_PROVE_PASSWORD, m.attempt_expires_ms = -1);
    REFUSED(KEEPER_PROVE_PASSWORD, memset(&m.account, 0, sizeof m.account));
    REFUSED(KEEPER_PROVE_PASSWORD, memset(&m.attempt, 0, sizeof m.attempt));
    REFUSED(KEEPER_PROVE_CODE, m.code_digits = 9);
    REFUSED(KEEPER_MAKE_CODE_HERE, m.code_digits = 3);
    REFUSED(KEEPER_MAKE_CODE_THERE, m.code_digits = 0);
    REFUSED(KEEPER_END, m.is_too_long = 1);
    REFUSED(KEEPER_END, (m.secret_n = 1, m.secret[0] = 'x'));
    REFUSED(KEEPER_FORGET_DEVICE, memset(&m.device, 0, sizeof m.device));
    REFUSED(KEEPER_LOCK_DOWN, memset(&m.account, 0, sizeof m.account));
}

static void test_long_secrets_are_marked(void **state) {
    (void)state;
    static const char long_text[KEEPER_PASSWORD_BYTES_MAX + 1] = { 'x' };
    struct keeper_message_ask m;
    struct keeper_request q = { .ask = KEEPER_PROVE_PASSWORD, .secret = { long_text, sizeof long_text } };
    id_new(q.account.b);
    id_new(q.attempt.b);
    keeper_fill_ask(&m, &q, 1);
    assert_int_equal(m.is_too_long, 1);
    assert_int_equal(m.secret_n, 0);
    assert_int_equal(keeper_check_ask(&m, sizeof m), OK);
    q.secret.n--;
    keeper_fill_ask(&m, &q, 1);
    assert_int_equal(m.is_too_long, 0);
    assert_int_equal(m.secret_n, KEEPER_PASSWORD_BYTES_MAX);
}

static struct keeper_message_reply sound_reply(void) {
    struct keeper_message_reply m = { .say = KEEPER_RIGHT, .digits = "1234", .sealed_n = 4, .sealed = { 1, 2, 3, 4 } };
    m.h = (struct ipc_header){ .bytes = sizeof m, .type = KEEPER_TYPE_REPLY, .version = IPC_VERSION, .request = 9 };
    return m;
}

#define REPLY_REFUSED(change)                                                                                          \
    do {                                                                                                               \
        struct keeper_message_reply m = sound_reply();                                                                 \
        change;                                                                                                        \
        if (keeper_check_reply(&m, sizeof m) != ERR_INPUT) fail_msg("let through: %s", #change);                       \
    } while (0)

static void test_replies(void **state) {
    (void)state;
    struct keeper_message_reply sound = sound_reply();
    struct keeper_message_hello hello = { .h = { sizeof hello, KEEPER_TYPE_HELLO, IPC_VERSION, 0 } };
    assert_int_equal(keeper_check_reply(&sound, sizeof sound), OK);
    assert_int_equal(keeper_check_reply(&hello, sizeof hello), OK);
    hello.h.request = 1;
    assert_int_equal(keeper_check_reply(&hello, sizeof hello), ERR_INPUT);
    REPLY_REFUSED(m.say = 0);
    REPLY_REFUSED(m.say = KEEPER_DOWN + 1);
    REPLY_REFUSED(m.proved = 32);
    REPLY_REFUSED(m.is_budget_just_spent = 2);
    REPLY_REFUSED(m.holds_credentials = 2);
    REPLY_REFUSED(m.retry_ms = -1);
    REPLY_REFUSED(m.expires_ms = -1);
    REPLY_REFUSED(m.sealed_n = KEEPER_SEALED_BYTES_MAX + 1);
    REPLY_REFUSED(m.sealed_n = 3);
    REPLY_REFUSED(m.digits[8] = 'x');
    REPLY_REFUSED(m.digits[5] = 'x');
    REPLY_REFUSED(memset(m.reason, 'x', sizeof m.reason));
    REPLY_REFUSED(memset(m.recovery_key, 'x', sizeof m.recovery_key));
    REPLY_REFUSED(m.h.request = 0);
    REPLY_REFUSED(m.h.type = KEEPER_PING);
}

/* --- recovery keys --- */

static void test_recovery_key_shape(void **state) {
    (void)state;
    static const uint8_t zero[RECOVERY_KEY_BYTES];
    char text[RECOVERY_KEY_TEXT_SIZE];
    uint8_t key[RECOVERY_KEY_BYTES], back[RECOVERY_KEY_BYTES];
    recovery_key_text(zero, text);
    assert_memory_equal(text, "0000-0000-0000-0000-0000-0000-0", 31);
    assert_int_equal(strlen(text), 34);
    for (int i = 0; i < 1000; i++) {
        crypto_random(key, sizeof key);
        recovery_key_text(key, text);
        assert_int_equal(strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), 34);
        assert_int_equal(recovery_key_parse(str_from(text), back), OK);
        assert_memory_equal(key, back, sizeof key);
    }
}

static void test_recovery_key_tolerant(void **state) {
    (void)state;
    static const uint8_t key[RECOVERY_KEY_BYTES] = { 0, 66, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xff, 11, 12, 13 };
    char text[RECOVERY_KEY_TEXT_SIZE], typed[200];
    uint8_t back[RECOVERY_KEY_BYTES];
    size_t n = 0;
    recovery_key_text(key, text);
    assert_non_null(strchr(text, '0'));
    assert_non_null(strchr(text, '1'));
    for (size_t i = 0; text[i]; i++) {
        char c = text[i];
        if (c == '-')
            c = i % 2 ? ' ' : '\t';
        else if (c == '0')
            c = i % 2 ? 'O' : 'o';
        else if (c == '1')
            c = (char)"IiLl"[i % 4];
        else if (c >= 'A' && i % 2)
            c = (char)(c + 32);
        typed[n++] = c;
        if (i % 3 == 0) typed[n++] = '-';
    }
    assert_int_equal(recovery_key_parse((struct str){ typed, n }, back), OK);
    assert_memory_equal(key, back, sizeof key);
}

static void test_recovery_key_slips(void **state) {
    (void)state;
    uint8_t key[RECOVERY_KEY_BYTES], back[RECOVERY_KEY_BYTES];
    char text[RECOVERY_KEY_TEXT_SIZE];
    int caught = 0, tried = 0;
    for (int round = 0; round < 200; round++) {
        crypto_random(key, sizeof key);
        recovery_key_text(key, text);
        for (size_t i = 0; text[i]; i++) {
            char was = text[i];
            if (was == '-') continue;
            text[i] = was == '7' ? '8' : '7';
            caught += recovery_key_parse(str_from(text), back) == ERR_INPUT;
            tried++;
            text[i] = was;
        }
    }
    assert_true(caught >= tried - 10); /* 12 bits of checksum */
    assert_int_equal(recovery_key_parse(STR(""), back), ERR_INPUT);
    assert_int_equal(recovery_key_parse((struct str){ text, 33 }, back), ERR_INPUT);
    assert_int_equal(recovery_key_parse(STR("U000-0000-0000-0000-0000-0000-0000"), back), ERR_INPUT);
    assert_int_equal(recovery_key_parse((struct str){ "0000\0000-0000-0000-0000-0000-0000-0", 34 }, back), ERR_INPUT);
}

/* --- passwords --- */

static void test_hash(void **state) {
    (void)state;
    static const uint8_t pepper[KEY_BYTES] = { 1 }, other_pepper[KEY_BYTES] = { 2 };
    struct account_id account, other;
    struct keys *keys, *other_keys;
    struct password p, q;
    struct password_hash h, again;
    bool is_right = false;
    id_new(account.b);
    id_new(other.b);
    assert_int_equal(keys_new(pepper, &keys), OK);
    assert_int_equal(keys_new(other_pepper, &other_keys), OK);
    /* NFC: e with an acute accent, as one code point and as two, is one password. */
    assert_int_equal(password_read(STR("caf\xc3\xa9 au lait"), &p), OK);
    assert_int_equal(password_read(STR("cafe\xcc\x81 au lait"), &q), OK);
    struct password_cost cost = { .memory_kib = 8, .passes = 1 };
    assert_int_equal(password_hash_make(keys, account, &p, cost, &h), OK);
    assert_int_equal(password_hash_make(keys, account, &p, cost, &again), OK);
    assert_memory_not_equal(h.hash, again.hash, sizeof h.hash); /* its own salt */
    assert_int_equal(password_hash_check(keys, account, &q, &h, &is_right), OK);
    assert_true(is_right);
    assert_int_equal(password_hash_check(keys, other, &q, &h, &is_right), OK);
    assert_false(is_right); /* another account's row fits nobody */
    assert_int_equal(password_hash_check(other_keys, account, &q, &h, &is_right), ERR_CRYPTO);
    assert_int_equal(password_read(STR("caf\xc3\xa9 au laiT"), &q), OK);
    assert_int_equal(password_hash_check(keys, account, &q, &h, &is_right), OK);
    assert_false(is_right);
    keys_free(keys);
    keys_free(other_keys);
}

static void test_whole_password_counts(void **state) {
    (void)state;
    static const uint8_t pepper[KEY_BYTES] = { 1 };
    char text[1024];
    struct account_id account = { { 1 } };
    struct keys *keys;
    struct password p;
    struct password_hash h;
    bool is_right = true;
    memset(text, 'x', sizeof text);
    assert_int_equal(keys_new(pepper, &keys), OK);
    assert_int_equal(password_read((struct str){ text, sizeof text }, &p), OK);
    assert_int_equal(password_hash_make(keys, account, &p, (struct password_cost){ 8, 1 }, &h), OK);
    text[1023] = 'y';
    assert_int_equal(password_read((struct str){ text, sizeof text }, &p), OK);
    assert_int_equal(password_hash_check(keys, account, &p, &h, &is_right), OK);
    assert_false(is_right);
    assert_int_equal(password_read((struct str){ text, 1025 }, &p), ERR_INPUT);
    assert_int_equal(password_read(STR("\xff\xff"), &p), ERR_INPUT);
    assert_int_equal(p.n, 0);
    keys_free(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_are_sound),          cmocka_unit_test(test_asks_unsound),
        cmocka_unit_test(test_long_secrets_are_marked), cmocka_unit_test(test_replies),
        cmocka_unit_test(test_recovery_key_shape),      cmocka_unit_test(test_recovery_key_tolerant),
        cmocka_unit_test(test_recovery_key_slips),      cmocka_unit_test(test_hash),
        cmocka_unit_test(test_whole_password_counts),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
