/* The table of sessions: growth, what is fetched ahead, and what is taken out under a reader. On both databases. */
#include "identity/session_table.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "main_store.h"

#define SESSIONS 5000 /* through several growths */

static const struct store_stmt ADD_ACCOUNT = {
    .name = "test_add_account",
    .in = "bti",
    .out = "",
    .sql = "INSERT INTO account (account_id, email, name, state, epoch, created_ms, leaves_ms)"
           " VALUES (?1, ?2, 'A person', 1, 1, ?3, 0)"
};
static const struct store_stmt ADD_DEVICE = {
    .name = "test_add_device",
    .in = "bbbi",
    .out = "",
    .sql = "INSERT INTO device (account_id, id, name, platform, place, token_hash, trusted_ms, first_seen_ms, "
           "last_seen_ms,"
           " revoked_ms, is_first) VALUES (?1, ?2, 'Laptop', 'Firefox on Linux', '', ?3, ?4, ?4, ?4, 0, 1)"
};
static const struct store_stmt ADD_SESSION = {
    .name = "test_add_session",
    .in = "bbbbi",
    .out = "",
    .sql = "INSERT INTO session (account_id, id, token_hash, device_id, epoch, created_ms, expires_ms, seen_ms, proofs)"
           " VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5 + 86400000, ?5, 6)"
};
static const struct store_stmt END_SESSIONS = {
    .name = "test_end_sessions", .in = "b", .out = "", .sql = "DELETE FROM session WHERE account_id = ?1"
};
static const struct store_stmt DELETE_SESSIONS = {
    .name = "test_delete_sessions", .in = "", .out = "", .sql = "DELETE FROM session"
};
static const struct store_stmt DELETE_DEVICES = {
    .name = "test_delete_devices", .in = "", .out = "", .sql = "DELETE FROM device"
};
static const struct store_stmt DELETE_ACCOUNTS = {
    .name = "test_delete_accounts", .in = "", .out = "", .sql = "DELETE FROM account"
};
static const struct store_stmt *const own[] = { &ADD_ACCOUNT,     &ADD_DEVICE,     &ADD_SESSION,     &END_SESSIONS,
                                                &DELETE_SESSIONS, &DELETE_DEVICES, &DELETE_ACCOUNTS, NULL };
static const struct store_stmt *const *const statements[] = { identity_statements, own, NULL };

struct one {
    struct account_id account;
    uint8_t device[ID_BYTES], session[ID_BYTES];
    char token[TOKEN_TEXT_SIZE];
};
static struct one *ones;
static int64_t now_ms;

static enum err add_all(struct store_tx *tx, void *ctx) {
    enum err r = OK;
    (void)ctx;
    for (size_t i = 0; i < SESSIONS && r == OK; i++) {
        struct one *o = &ones[i];
        char email[40];
        uint8_t hash[HASH_BYTES];
        (void)snprintf(email, sizeof email, "p%zu@example.org", i);
        crypto_token_hash(str_from(o->token), hash);
        r = store_exec(tx, &ADD_ACCOUNT, S_IN(S_B(o->account.b), S_Z(email), S_I(now_ms)), NULL);
        if (r == OK)
            r = store_exec(tx, &ADD_DEVICE, S_IN(S_B(o->account.b), S_B(o->device), S_B(hash), S_I(now_ms)), NULL);
        if (r == OK)
            r = store_exec(tx, &ADD_SESSION,
                           S_IN(S_B(o->account.b), S_B(o->session), S_B(hash), S_B(o->device), S_I(now_ms)), NULL);
    }
    return r;
}

static enum err end_first(struct store_tx *tx, void *ctx) {
    (void)ctx;
    return store_exec(tx, &END_SESSIONS, S_IN(S_B(ones[0].account.b)), NULL);
}

static void make_ones(struct main_store *m) {
    free(ones);
    ones = calloc(SESSIONS, sizeof *ones);
    assert_non_null(ones);
    for (size_t i = 0; i < SESSIONS; i++) {
        crypto_random(ones[i].account.b, ID_BYTES);
        crypto_random(ones[i].device, ID_BYTES);
        crypto_random(ones[i].session, ID_BYTES);
        (void)snprintf(ones[i].token, sizeof ones[i].token, "ts_%064zu", i);
    }
    assert_int_equal(store_write(m->store, add_all, NULL), OK);
}

static bool finds(struct session_reader *r, const char *token, const struct one *wanted) {
    const struct session_entry *e = NULL;
    enum session_is is = session_find(r, str_from(token), now_ms, &e);
    bool is_it = is == SESSION_ALIVE && id_eq(e->session.account.b, wanted->account.b);
    session_reader_quiescent(r);
    return is_it;
}

static void test_grows(void **state) {
    struct main_store *m = *state;
    struct session_table *t;
    struct session_reader *r;
    const struct session_entry *e = NULL;
    assert_int_equal(session_table_new(true, 0, &t), OK);
    make_ones(m);
    assert_int_equal(session_table_load(t, m->store, now_ms), OK);
    assert_int_equal(session_table_count(t), SESSIONS);
    r = session_reader_new(t);
    for (size_t i = 0; i < SESSIONS; i++) assert_true(finds(r, ones[i].token, &ones[i]));
    assert_int_equal(session_find(r, STR("ts_nothing"), now_ms, &e), SESSION_UNKNOWN);
    assert_int_equal(session_find(r, str_from(ones[0].token), now_ms + 86400001, &e), SESSION_ENDED);
    session_table_free(t);
}

/* A hint is good for the bytes that stood there, and for no others. */
static void test_ahead(void **state) {
    struct main_store *m = *state;
    struct session_table *t;
    struct session_reader *r;
    static char places[SESSION_AHEAD_MAX][TOKEN_TEXT_SIZE];
    struct str tokens[SESSION_AHEAD_MAX];
    assert_int_equal(session_table_new(true, 0, &t), OK);
    make_ones(m);
    assert_int_equal(session_table_load(t, m->store, now_ms), OK);
    r = session_reader_new(t);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < SESSION_AHEAD_MAX; i++) {
            memcpy(places[i], ones[round * 100 + i].token, TOKEN_TEXT_SIZE);
            tokens[i] = str_from(places[i]);
        }
        tokens[1] = STR("ts_short");
        session_ahead(r, tokens, SESSION_AHEAD_MAX);
        for (size_t i = 0; i < SESSION_AHEAD_MAX; i++) {
            if (round == 1) memcpy(places[i], ones[500 + i].token, TOKEN_TEXT_SIZE); /* others, at the same place */
            if (round == 2) places[i][TOKEN_TEXT_SIZE - 2] ^= 1;                     /* one bit of the last byte */
            assert_true(finds(r, places[i], &ones[round == 1 ? 500 + i : (round * 100 + i) ^ (round == 2)]));
            assert_true(finds(r, ones[i].token, &ones[i]));
        }
    }
    places[0][5] = 'x'; /* of nobody, after a hint that was used up */
    assert_false(finds(r, places[0], &ones[0]));
    session_table_free(t);
}

/* What a reader holds stays whole until it says quiescent, and its memory serves others afterwards. */
static void test_removed_while_held(void **state) {
    struct main_store *m = *state;
    struct session_table *t;
    struct session_reader *r;
    const struct session_entry *e = NULL;
    assert_int_equal(session_table_new(true, 0, &t), OK);
    make_ones(m);
    assert_int_equal(session_table_load(t, m->store, now_ms), OK);
    r = session_reader_new(t);
    assert_int_equal(session_find(r, str_from(ones[0].token), now_ms, &e), SESSION_ALIVE);
    assert_int_equal(store_write(m->store, end_first, NULL), OK);
    for (int i = 0; i < 50; i++) assert_int_equal(session_table_refresh(t, m->store, ones[i % 5].account, now_ms), OK);
    assert_memory_equal(e->session.account.b, ones[0].account.b, ID_BYTES);
    assert_memory_equal(e->json, "{\"account\":{\"id\":\"", 18);
    session_reader_quiescent(r);
    assert_false(finds(r, ones[0].token, &ones[0]));
    assert_int_equal(session_table_count(t), SESSIONS - 1);
    for (int i = 0; i < 50; i++) assert_int_equal(session_table_refresh(t, m->store, ones[i % 5].account, now_ms), OK);
    for (size_t i = 1; i < SESSIONS; i++) assert_true(finds(r, ones[i].token, &ones[i]));
    session_table_free(t);
}

static int open_sqlite(void **state) { return main_store_open(state, false, statements); }
static int open_postgres(void **state) { return main_store_open(state, true, statements); }
static int clean(void **state) {
    main_store_run(*state, &DELETE_SESSIONS);
    main_store_run(*state, &DELETE_DEVICES);
    main_store_run(*state, &DELETE_ACCOUNTS);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_grows, clean),
        cmocka_unit_test_setup(test_ahead, clean),
        cmocka_unit_test_setup(test_removed_while_held, clean),
    };
    int failed;
    clock_init();
    assert_int_equal(crypto_init(), OK);
    now_ms = clock_wall_ms();
    failed = cmocka_run_group_tests_name("sqlite", tests, open_sqlite, main_store_close);
    if (main_store_has_postgres())
        failed += cmocka_run_group_tests_name("postgres", tests, open_postgres, main_store_close);
    free(ones);
    return failed;
}
