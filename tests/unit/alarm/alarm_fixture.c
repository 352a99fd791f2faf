/* See alarm_fixture.h. */
#include "alarm_fixture.h"

static const struct store_stmt ROWS = {
    .name = "test_rows",
    .in = "b",
    .out = "bttiiiiiibi",
    .sql = "SELECT id, title, body, channel, state, due_ms, tries, seen_ms, at_ms, sealed, expires_ms FROM outbox"
           " WHERE account_id = ?1 ORDER BY written_ms, id",
};
static const struct store_stmt AGE = {
    .name = "test_age",
    .in = "bii",
    .out = "",
    .sql = "UPDATE outbox SET due_ms = ?2, at_ms = ?3 WHERE account_id = ?1",
};
static const struct store_stmt EXPIRE = {
    .name = "test_expire", .in = "bi", .out = "", .sql = "UPDATE outbox SET expires_ms = ?2 WHERE account_id = ?1"
};
static const struct store_stmt CLEAR = { .name = "test_clear", .in = "", .out = "", .sql = "DELETE FROM outbox" };
static const struct store_stmt *const own[] = { &ROWS, &AGE, &EXPIRE, &CLEAR, NULL };
const struct store_stmt *const *const alarm_test_statements[] = { alarm_statements, own, NULL };

static const uint8_t point[65] = { 4, 1 }, auth[16] = { 9 };
static const struct alarm_to both[] = {
    { .channel = OUTBOX_EMAIL, .to = { "alice@example.org", 17 }, .label = { "alice@example.org", 17 } },
    { .channel = OUTBOX_PUSH,
      .to = { "https://push.example.org/1", 26 },
      .label = { "Alice's phone", 13 },
      .p256dh = point,
      .auth = auth,
      .push = { { 7 } } },
};

struct alarm_event event_new(struct account_id account) {
    struct alarm_event e = { .account = account,
                             .action = ACTION_SIGN_IN,
                             .kind = ALERT_OPENED,
                             .proved = PROOF_PASSWORD,
                             .at_ms = T0_MS,
                             .from = { .ip = STR("192.0.2.7"),
                                       .net = STR("192.0.2.0/24"),
                                       .place = STR("Lyon, France"),
                                       .device = STR("Firefox on Linux") },
                             .to = both,
                             .to_n = ARRAY_LEN(both) };
    id_new(e.attempt.b);
    return e;
}

struct raising {
    const struct alarm_event *event;
    struct alert_id alert;
};

static enum err raise_tx(struct store_tx *tx, void *ctx) {
    struct raising *x = ctx;
    return alarm_raise(tx, x->event, &x->alert);
}

struct alert_id raise_event(struct main_store *m, const struct alarm_event *e) {
    struct raising x = { .event = e };
    assert_int_equal(store_write(m->store, raise_tx, &x), OK);
    return x.alert;
}

struct getting {
    struct main_store *m;
    struct account_id account;
    struct alert_id id;
    struct alert alert;
};

static enum err get_tx(struct store_tx *tx, void *ctx) {
    struct getting *x = ctx;
    return alert_get(tx, x->account, x->id, x->m->arena, &x->alert);
}

struct alert get_alert(struct main_store *m, struct account_id account, struct alert_id id) {
    struct getting x = { .m = m, .account = account, .id = id };
    assert_int_equal(store_read(m->store, get_tx, &x), OK);
    return x.alert;
}

struct rows_reading {
    struct main_store *m;
    struct account_id account;
    struct outbox_rows rows;
};

static enum err on_row(void *ctx, const struct store_val *v) {
    struct rows_reading *x = ctx;
    struct outbox_row *row = &x->rows.row[x->rows.n++];
    assert_true(x->rows.n <= ARRAY_LEN(x->rows.row));
    *row = (struct outbox_row){ .title = arena_dup(x->m->arena, v[1].s),
                                .body = arena_dup(x->m->arena, v[2].s),
                                .channel = v[3].i,
                                .state = v[4].i,
                                .due_ms = v[5].i,
                                .tries = v[6].i,
                                .seen_ms = v[7].i,
                                .at_ms = v[8].i,
                                .sealed_n = (int64_t)v[9].s.n,
                                .expires_ms = v[10].i };
    memcpy(row->id.b, v[0].s.p, ID_BYTES);
    return OK;
}

static enum err rows_tx(struct store_tx *tx, void *ctx) {
    struct rows_reading *x = ctx;
    x->rows.n = 0;
    return store_each(tx, &ROWS, S_IN(S_B(x->account.b)), on_row, x);
}

struct outbox_rows outbox_of(struct main_store *m, struct account_id account) {
    struct rows_reading x = { .m = m, .account = account };
    assert_int_equal(store_read(m->store, rows_tx, &x), OK);
    return x.rows;
}

struct setting {
    const struct store_stmt *st;
    struct account_id account;
    int64_t a, b;
};

static enum err set_tx(struct store_tx *tx, void *ctx) {
    const struct setting *x = ctx;
    return store_exec(tx, x->st, S_IN(S_B(x->account.b), S_I(x->a), S_I(x->b)), NULL);
}

void outbox_age(struct main_store *m, struct account_id account, int64_t due_ms, int64_t at_ms) {
    struct setting x = { &AGE, account, due_ms, at_ms };
    assert_int_equal(store_write(m->store, set_tx, &x), OK);
}

void outbox_expire(struct main_store *m, struct account_id account, int64_t expires_ms) {
    struct setting x = { &EXPIRE, account, expires_ms, 0 };
    assert_int_equal(store_write(m->store, set_tx, &x), OK);
}

void outbox_clear(struct main_store *m) { main_store_run(m, &CLEAR); }
