/* "Not me" that waits to be carried out: each has its turn, whatever became of those before it. On both databases. */
#include "base/clock.h"
#include "guard/guard_priv.h"
#include "main_store.h"

#define COUNT 45

static const struct store_stmt *const *const statements[] = { guard_statements, NULL };

struct turn {
    struct veto_span span;
    int seen[COUNT], n;
    int64_t last_ms;
};

static enum err add_all(struct store_tx *tx, void *ctx) {
    enum err r = OK;
    (void)ctx;
    for (uint8_t i = 0; i < COUNT && r == OK; i++) {
        struct veto v = { .account = { { 1, i } },
                          .alert = { { 2, (uint8_t)(COUNT - i) } },
                          .note = STR("It was late.") };
        r = veto_add(tx, &v, 1000 + i / 30); /* thirty of one moment, then those of the next */
    }
    return r;
}

static enum err on_veto(void *ctx, const struct veto *v) {
    struct turn *t = ctx;
    assert_true(v->at_ms >= t->last_ms && v->at_ms <= t->span.by_ms);
    assert_true(str_eq(v->note, STR("It was late.")));
    t->last_ms = v->at_ms;
    t->span.after = (struct veto_place){ v->at_ms, v->alert };
    t->seen[v->account.b[1]]++;
    t->n++;
    return OK;
}

static enum err each_tx(struct store_tx *tx, void *ctx) {
    struct turn *t = ctx;
    const struct veto_span span = t->span;
    return veto_each(tx, &span, on_veto, t);
}

static void test_turns(void **state) {
    static const int counts[] = { 20, 20, 5 };
    struct main_store *m = *state;
    struct turn t = { .span = { .by_ms = 1001, .arena = m->arena } };
    assert_int_equal(store_write(m->store, add_all, NULL), OK);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        t.n = 0;
        assert_int_equal(store_read(m->store, each_tx, &t), OK);
        assert_int_equal(t.n, counts[i]);
    }
    for (int i = 0; i < COUNT; i++) assert_int_equal(t.seen[i], 1);
    t = (struct turn){ .span = { .by_ms = 1000,
                                 .arena = m->arena } }; /* those of the next moment are attended to by others */
    for (int i = 0; i < 2; i++) assert_int_equal(store_read(m->store, each_tx, &t), OK);
    assert_int_equal(t.n, 30);
}

static int open_sqlite(void **state) { return main_store_open(state, false, statements); }
static int open_postgres(void **state) { return main_store_open(state, true, statements); }

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_turns) };
    int failed;
    clock_init();
    failed = cmocka_run_group_tests_name("sqlite", tests, open_sqlite, main_store_close);
    if (main_store_has_postgres())
        failed += cmocka_run_group_tests_name("postgres", tests, open_postgres, main_store_close);
    return failed;
}
