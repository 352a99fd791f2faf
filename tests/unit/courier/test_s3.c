/* What S3 answers, and what is asked of it in words: pages of lists whole or refused, ranges, encodings. */
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "courier/s3_priv.h"

#define HEAD "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define TAIL "</ListBucketResult>"

struct seen {
    int n;
    char text[500];
    enum err say;
};

static enum err on_key(void *ctx, struct str key, int64_t size) {
    struct seen *s = ctx;
    size_t had = strlen(s->text);
    (void)snprintf(s->text + had, sizeof s->text - had, "%.*s=%lld;", STR_FMT(key), (long long)size);
    s->n++;
    return s->say;
}

static enum err parse(const char *xml, struct seen *seen, struct s3_page *page) {
    char *exact = malloc(strlen(xml) + 1); /* so that a byte too far is seen */
    enum err r;
    memcpy(exact, xml, strlen(xml));
    *seen = (struct seen){ .say = seen->say };
    r = s3_page_parse(str_bytes(exact, strlen(xml)), on_key, seen, page);
    free(exact);
    return r;
}

static void reads_pages(void **state) {
    static struct s3_page page;
    struct seen seen = { .say = OK };
    (void)state;
    assert_int_equal(parse(HEAD "<IsTruncated>false</IsTruncated>" TAIL, &seen, &page), OK);
    assert_true(page.is_last);
    assert_int_equal(seen.n, 0);
    assert_int_equal(parse(HEAD
                           "<Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b&lt;&#34;&#x2F;="
                           "</NextContinuationToken><Contents><Key>p/one</Key><ETag>&quot;x&quot;</ETag><Size>5"
                           "</Size><Owner><ID>Key</ID></Owner></Contents>\n<Contents><Size>0</Size><Key>p/t&amp;o</Key>"
                           "</Contents>" TAIL "\n",
                           &seen, &page),
                     OK);
    assert_false(page.is_last);
    assert_string_equal(page.token, "a&b<\"/=");
    assert_string_equal(seen.text, "p/one=5;p/t&amp;o=0;");
    seen.say = ERR_FULL;
    assert_int_equal(parse(HEAD
                           "<IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>1</Size></Contents><Contents>"
                           "<Key>b</Key><Size>1</Size></Contents>" TAIL,
                           &seen, &page),
                     ERR_FULL);
    assert_int_equal(seen.n, 1);
}

static void refuses_half_a_page(void **state) {
    static const char *const bad[] = {
        "",
        HEAD,
        HEAD "<IsTruncated>false</IsTruncated>",
        HEAD TAIL,
        HEAD "<IsTruncated>perhaps</IsTruncated>" TAIL,
        HEAD "<IsTruncated>true</IsTruncated>" TAIL,
        HEAD "<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>" TAIL,
        HEAD "<IsTruncated>true</IsTruncated><NextContinuationToken>a&nbsp;</NextContinuationToken>" TAIL,
        HEAD "<IsTruncated>true</IsTruncated><NextContinuationToken>a&#10;</NextContinuationToken>" TAIL,
        HEAD "<IsTruncated>true</IsTruncated><NextContinuationToken>a\nb</NextContinuationToken>" TAIL,
        HEAD "<IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents>" TAIL,
        HEAD "<IsTruncated>false</IsTruncated><Contents><Size>1</Size></Contents>" TAIL,
        HEAD "<IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>-1</Size></Contents>" TAIL,
        HEAD "<IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>" TAIL,
        HEAD "<IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>1</Size>" TAIL,
        "<Error><Code>SlowDown</Code></Error>",
    };
    static struct s3_page page;
    struct seen seen = { .say = OK };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_int_equal(parse(bad[i], &seen, &page), ERR_INPUT);
}

static void refuses_long_tokens(void **state) {
    static char xml[2 * S3_TOKEN_MAX];
    static struct s3_page page;
    struct seen seen = { .say = OK };
    int n = snprintf(xml, sizeof xml, HEAD "<IsTruncated>true</IsTruncated><NextContinuationToken>");
    (void)state;
    memset(xml + n, 'a', S3_TOKEN_MAX - 1);
    (void)snprintf(xml + n + S3_TOKEN_MAX - 1, 200, "</NextContinuationToken>" TAIL);
    assert_int_equal(parse(xml, &seen, &page), OK);
    (void)snprintf(xml + n + S3_TOKEN_MAX - 1, 200, "a</NextContinuationToken>" TAIL);
    assert_int_equal(parse(xml, &seen, &page), ERR_INPUT);
}

static void finds_values(void **state) {
    char out[8];
    (void)state;
    assert_true(str_eq(s3_xml_value(STR("<Error><Code>NoSuchKey</Code></Error>"), "Code"), STR("NoSuchKey")));
    assert_int_equal(s3_xml_value(STR("<Code>open"), "Code").n, 0);
    assert_int_equal(s3_xml_value(STR("</Code><Code>"), "Code").n, 0);
    assert_int_equal(s3_xml_value(STR_NONE, "Code").n, 0);
    assert_int_equal(s3_xml_decode(STR("1234567"), out, sizeof out), OK);
    assert_int_equal(s3_xml_decode(STR("12345678"), out, sizeof out), ERR_TOO_LARGE);
    assert_int_equal(s3_xml_decode(STR("a&amp"), out, sizeof out), ERR_INPUT);
    assert_int_equal(s3_xml_decode(STR("&#x;"), out, sizeof out), ERR_INPUT);
    assert_int_equal(s3_xml_decode(STR("&#x7f;"), out, sizeof out), ERR_INPUT);
    assert_int_equal(s3_xml_decode(STR("&#65;&#x42;&apos;"), out, sizeof out), OK);
    assert_string_equal(out, "AB'");
}

static void reads_ranges(void **state) {
    static const char *const bad[] = { "",
                                       "bytes 0-9",
                                       "bytes 0-9/*",
                                       "bytes */100",
                                       "bytes 9-0/100",
                                       "bytes 0-100/100",
                                       "octets 0-9/100",
                                       "bytes -1-9/100",
                                       "bytes 0-9/99999999999999999999" };
    int64_t from = 0, to = 0, of = 0;
    (void)state;
    assert_int_equal(s3_content_range(STR(" bytes 5-9/10 "), &from, &to, &of), OK);
    assert_true(from == 5 && to == 9 && of == 10);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(s3_content_range(str_from(bad[i]), &from, &to, &of), ERR_INPUT);
}

static void encodes_queries(void **state) {
    char out[20];
    (void)state;
    assert_int_equal(s3_encode(STR("a/b+c=~_-."), out, sizeof out), OK);
    assert_string_equal(out, "a%2Fb%2Bc%3D~_-.");
    assert_int_equal(s3_encode(STR("\xc3\xa4 &"), out, sizeof out), OK);
    assert_string_equal(out, "%C3%A4%20%26");
    assert_int_equal(s3_encode(STR("//////"), out, sizeof out), OK);
    assert_int_equal(s3_encode(STR("///////"), out, sizeof out), ERR_TOO_LARGE);
    assert_int_equal(s3_encode(STR(""), out, sizeof out), OK);
    assert_string_equal(out, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_pages),  cmocka_unit_test(refuses_half_a_page), cmocka_unit_test(refuses_long_tokens),
        cmocka_unit_test(finds_values), cmocka_unit_test(reads_ranges),        cmocka_unit_test(encodes_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
