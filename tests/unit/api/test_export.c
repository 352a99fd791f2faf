/* What an export does at its limits: it stops at the newest that fit, says so, and stays sound. */
#include <cmocka.h>

#include "api/export.h"
#include "base/clock.h"

static struct export *begin(void) {
    struct export *x = NULL;
    clock_init();
    assert_int_equal(export_new(NULL, &x), OK);
    return x;
}

static json_t *place(const char *country) {
    return json_pack("{s:s,s:s}", "country", country, "since", "2026-01-01T00:00:00.000Z");
}

static void a_list_ends_at_its_limit(void **state) {
    struct export *x = begin();
    struct export_list *l = &x->lists[EXPORT_PLACES];
    struct buf page;
    size_t n = 0;
    (void)state;
    while (export_add(x, EXPORT_PLACES, place("Atlantis"))) n++;
    assert_true(n > 1000 && l->n == n && l->is_cut);
    assert_int_equal(buf_err(&l->json), OK);
    assert_int_equal(buf_err(&l->rows), OK);
    assert_false(export_add(x, EXPORT_PLACES, place("X"))); /* nothing older behind a gap */
    assert_int_equal(l->n, n);
    buf_init(&page, 8 << 20);
    export_page(x, &page);
    assert_int_equal(buf_err(&page), OK);
    assert_non_null(memmem(page.p, page.n, "more than fit here", 18));
    buf_release(&page);
    export_free(x);
}

static void a_row_that_is_too_long_is_left_out(void **state) {
    struct export *x = begin();
    char *text = calloc(1, 400000);
    (void)state;
    memset(text, '<', 399999);
    assert_false(export_add(x, EXPORT_ALERTS, json_pack("{s:s}", "title", text)));
    assert_int_equal(x->lists[EXPORT_ALERTS].n, 0);
    free(text);
    export_free(x);
}

static void everything_is_escaped(void **state) {
    struct buf out;
    json_t *o = json_pack("{s:s,s:{s:s,s:[s,i,b,n]},s:n}", "title", "<a href='x'>&\"", "from", "<k>", "<v>", "list",
                          "</td>", 7, 1, "answer");
    (void)state;
    buf_init(&out, 65536);
    export_row(&out, EXPORT_ALERTS, o);
    export_facts(&out, o);
    assert_int_equal(buf_err(&out), OK);
    buf_add_c(&out, 0);
    assert_non_null(strstr(out.p, "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"));
    assert_non_null(strstr(out.p, "&lt;k&gt;: &lt;v&gt;"));
    assert_null(strstr(out.p, "<k>"));
    assert_null(strstr(out.p, "<a"));
    buf_release(&out);
    json_decref(o);
}

static void a_zip_that_has_no_room_is_none(void **state) {
    static const struct export_file files[] = { { "a", { "text", 4 } }, { "b", { "", 0 } } };
    struct buf out;
    (void)state;
    buf_init(&out, 100);
    assert_int_equal(export_zip(files, 2, clock_wall_ms(), &out), ERR_IO);
    buf_release(&out);
    buf_init(&out, 10000);
    assert_int_equal(export_zip(files, 2, clock_wall_ms(), &out), OK);
    assert_memory_equal(out.p, "PK", 2);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_ends_at_its_limit),
        cmocka_unit_test(a_row_that_is_too_long_is_left_out),
        cmocka_unit_test(everything_is_escaped),
        cmocka_unit_test(a_zip_that_has_no_room_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
