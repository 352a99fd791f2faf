/*
 * What the pages refer to is there, and nothing else is: no third party, no inline script or style, no way from a text
 * to markup. The Content-Security-Policy would refuse it in a browser; this says so at build.
 */
#include <cmocka.h>

#include "api/api.h"
#include "base/arena.h"
#include "http/route.h"
#include "web/assets.h"
#include "web/web.h"

static bool starts(const char *s, const char *head) { return strncmp(s, head, strlen(head)) == 0; }
static bool ends(const char *s, const char *tail) {
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && strcmp(s + n - m, tail) == 0;
}

static const struct web_asset *find(const char *path) {
    for (const struct web_asset *a = web_assets; a->path; a++)
        if (strcmp(a->path, path) == 0) return a;
    return NULL;
}

static struct route_table *routes(void) {
    static struct http_route all[256];
    static struct route_table *t;
    size_t n = 0;
    if (t) return t;
    for (const struct http_route *r = api_routes; r->method; r++) all[n++] = *r;
    for (const struct http_route *r = web_routes; r->method; r++) all[n++] = *r;
    assert_int_equal(route_table_new(all, &t), OK);
    return t;
}

/* An asset, or a path that some route takes. */
static void check_path(const struct web_asset *from, const char *path) {
    struct route_match m;
    if (starts(path, "/css/") || starts(path, "/js/") || starts(path, "/img/") || strchr(path, '.')) {
        if (!find(path)) fail_msg("%s refers to %s, which is not there", from->path, path);
    }
    if (!route_find(routes(), str_from(path), &m)) fail_msg("%s refers to %s, which has no route", from->path, path);
}

/* Every value of an attribute (or after a word) that is a path of ours. */
static void check_all(const struct web_asset *a, const char *before, char quote) {
    for (const char *at = strstr(a->bytes, before); at; at = strstr(at + 1, before)) {
        char path[200];
        const char *begin = at + strlen(before), *end = strchr(begin, quote);
        assert_non_null(end);
        assert_true((size_t)(end - begin) < sizeof path);
        if (*begin == '#') continue;
        (void)snprintf(path, sizeof path, "%.*s", (int)strcspn(begin, "#?\"'"), begin);
        if (path[0] != '/') fail_msg("%s refers to %s, which is not a path of ours", a->path, path);
        check_path(a, path);
    }
}

static void refuse(const struct web_asset *a, const char *const *words) {
    for (; *words; words++)
        if (strstr(a->bytes, *words)) fail_msg("%s has \"%s\"", a->path, *words);
}

static void test_pages(void **state) {
    static const char *const never[] = { "http:",     "https:",   "<style",    " style=",     "<script>",
                                         " onclick=", " onload=", " onerror=", "javascript:", "<iframe",
                                         "<base",     "src=\"//", NULL };
    size_t pages = 0;
    (void)state;
    for (const struct web_asset *a = web_assets; a->path; a++) {
        if (!starts(a->path, "page:")) continue;
        pages++;
        refuse(a, never);
        check_all(a, " href=\"", '"');
        check_all(a, " src=\"", '"');
        assert_non_null(strstr(a->bytes, "<a class=\"skip\" href=\"#main\">"));
        if (strstr(a->bytes, "id=\"step\"") && !strstr(a->bytes, "<noscript>")) fail_msg("%s: no <noscript>", a->path);
    }
    assert_true(pages >= 10);
}

static void test_scripts(void **state) {
    static const char *const never[] = {
        "http:",     "https:",         "innerHTML", "outerHTML",    "insertAdjacentHTML", "eval(",
        "Function(", "document.write", ".style.",   "localStorage", "document.cookie",    NULL
    };
    size_t scripts = 0;
    (void)state;
    for (const struct web_asset *a = web_assets; a->path; a++) {
        if (!ends(a->path, ".js")) continue;
        scripts++;
        refuse(a, never);
        for (const char *at = strstr(a->bytes, " from \"./"); at; at = strstr(at + 1, " from \"./")) {
            char path[200];
            (void)snprintf(path, sizeof path, "/js/%.*s", (int)strcspn(at + 9, "\""), at + 9);
            check_path(a, path);
        }
        check_all(a, "href: \"", '"');
    }
    assert_true(scripts >= 10);
}

static void test_styles(void **state) {
    static const char *const never[] = { "http:", "https:", "url(", "@import", NULL };
    (void)state;
    for (const struct web_asset *a = web_assets; a->path; a++)
        if (ends(a->path, ".css")) refuse(a, never);
}

static void test_manifest(void **state) {
    const struct web_asset *a = find("/manifest.webmanifest");
    json_error_t e;
    json_t *o, *icon;
    size_t i;
    (void)state;
    assert_non_null(a);
    assert_string_equal(a->content_type, "application/manifest+json");
    o = json_loadb(a->bytes, a->n, 0, &e);
    assert_non_null(o);
    json_array_foreach(json_object_get(o, "icons"), i, icon)
        check_path(a, json_string_value(json_object_get(icon, "src")));
    check_path(a, json_string_value(json_object_get(o, "start_url")));
    json_decref(o);
}

/* Each asset can be got, and has what a strong ETag needs. */
static void test_every_asset_is_served(void **state) {
    struct route_match m;
    (void)state;
    for (const struct web_asset *a = web_assets; a->path; a++) {
        assert_int_equal(strlen(a->etag), 32);
        assert_true(a->n > 0);
        for (const struct web_asset *b = a + 1; b->path; b++) assert_string_not_equal(a->path, b->path);
        if (a->path[0] == '/' && !route_find(routes(), str_from(a->path), &m)) fail_msg("%s has no route", a->path);
    }
    assert_non_null(find("page:missing"));
    assert_non_null(find("page:offline"));
}

/* Each code of the contract is explained to a person. */
static void test_problems_are_explained(void **state) {
    static const char *const codes[] = { "bad_request",
                                         "unknown_member",
                                         "unauthorized",
                                         "forbidden",
                                         "cross_site",
                                         "not_found",
                                         "too_large",
                                         "method_not_allowed",
                                         "wrong_proof",
                                         "too_many_tries",
                                         "busy",
                                         "expired",
                                         "denied",
                                         "not_proved",
                                         "conflict",
                                         "weak_password",
                                         "locked_down",
                                         "breached_password",
                                         "restore_not_approved" };
    const struct web_asset *a = find("page:problems");
    (void)state;
    assert_non_null(a);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char id[64];
        (void)snprintf(id, sizeof id, "id=\"%s\"", codes[i]);
        if (!strstr(a->bytes, id)) fail_msg("%s is not explained", codes[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_styles),
        cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_every_asset_is_served),
        cmocka_unit_test(test_problems_are_explained),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    route_table_free(routes());
    return failed;
}
