/* What an S3 server answers: a page of a list, an error, a Content-Range. */
#include <stdlib.h>

#include "courier/s3_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum err on_key(void *ctx, struct str key, int64_t size) {
    size_t *n = ctx;
    if (key.n == 0 || size < 0) abort();
    *n += key.n;
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct s3_page page;
    struct str text = str_bytes(data, n);
    char code[S3_CODE_MAX];
    int64_t from, to, of;
    size_t keys = 0;
    if (s3_page_parse(text, on_key, &keys, &page) == OK) {
        if (keys > n || page.is_last != (page.token[0] == 0)) abort();
        if (strlen(page.token) >= sizeof page.token) abort();
    }
    if (s3_xml_decode(s3_xml_value(text, "Code"), code, sizeof code) == OK && strlen(code) >= sizeof code) abort();
    if (s3_content_range(text, &from, &to, &of) == OK && (from < 0 || from > to || to >= of)) abort();
    return 0;
}
