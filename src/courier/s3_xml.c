/*
 * S3's answers are XML of one simple kind. What is needed of them is found by its element's name; what is not whole is
 * refused, because half a list is a list that lies.
 */
#include <stdio.h>

#include "base/enc.h"
#include "courier/s3_priv.h"

static struct str after(struct str s, const char *found, size_t n) {
    size_t skip = (size_t)(found - s.p) + n;
    return str_skip(s, skip);
}

struct str s3_xml_value(struct str xml, const char *name) {
    char open[64], close[64];
    int n = snprintf(open, sizeof open, "<%s>", name), m = snprintf(close, sizeof close, "</%s>", name);
    const char *begin, *end;
    if (n < 0 || (size_t)n >= sizeof open || m < 0 || (size_t)m >= sizeof close || xml.n == 0) return STR_NONE;
    begin = memmem(xml.p, xml.n, open, (size_t)n);
    if (!begin) return STR_NONE;
    xml = after(xml, begin, (size_t)n);
    end = xml.n > 0 ? memmem(xml.p, xml.n, close, (size_t)m) : NULL;
    return end ? str_bytes(xml.p, (size_t)(end - xml.p)) : STR_NONE;
}

/* ASCII alone: tokens and ids of uploads have nothing else. */
static enum err entity(struct str name, char *ret) {
    static const struct {
        struct str name;
        char is;
    } named[] = {
        { STR("amp"), '&' }, { STR("lt"), '<' }, { STR("gt"), '>' }, { STR("quot"), '"' }, { STR("apos"), '\'' }
    };
    int64_t code = 0;
    uint8_t byte = 0;
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        if (!str_eq(name, named[i].name)) continue;
        *ret = named[i].is;
        return OK;
    }
    if (str_starts(name, STR("#x"))) {
        if (dec_hex(str_skip(name, 2), &byte, sizeof byte, &n) != OK || n != 1) return ERR_INPUT;
        code = byte;
    } else if (!str_starts(name, STR("#")) || str_to_i64(str_skip(name, 1), 126, &code) != OK) {
        return ERR_INPUT;
    }
    if (code < ' ' || code > '~') return ERR_INPUT;
    *ret = (char)code;
    return OK;
}

enum err s3_xml_decode(struct str raw, char *out, size_t size) {
    size_t n = 0;
    while (raw.n > 0) {
        char c = raw.p[0];
        if (n + 1 >= size) return ERR_TOO_LARGE;
        raw = str_skip(raw, 1);
        if (c == '&') {
            const char *end = raw.n > 0 ? memchr(raw.p, ';', raw.n) : NULL;
            if (!end || entity(str_bytes(raw.p, (size_t)(end - raw.p)), &c) != OK) return ERR_INPUT;
            raw = after(raw, end, 1);
        }
        if (c < ' ' || c > '~') return ERR_INPUT;
        out[n++] = c;
    }
    out[n] = 0;
    return OK;
}

static enum err each_key(struct str xml, s3_key_fn *fn, void *ctx) {
    static const char open[] = "<Contents>", close[] = "</Contents>";
    enum err r = OK;
    while (r == OK && xml.n > 0) {
        const char *begin = memmem(xml.p, xml.n, open, sizeof open - 1), *end;
        struct str one, key, size;
        int64_t bytes;
        if (!begin) return OK;
        xml = after(xml, begin, sizeof open - 1);
        end = xml.n > 0 ? memmem(xml.p, xml.n, close, sizeof close - 1) : NULL;
        if (!end) return ERR_INPUT;
        one = str_bytes(xml.p, (size_t)(end - xml.p));
        xml = after(xml, end, sizeof close - 1);
        key = s3_xml_value(one, "Key");
        size = s3_xml_value(one, "Size");
        if (key.n == 0 || str_to_i64(size, INT64_MAX, &bytes) != OK) return ERR_INPUT;
        r = fn(ctx, key, bytes);
    }
    return r;
}

enum err s3_page_parse(struct str xml, s3_key_fn *fn, void *ctx, struct s3_page *ret) {
    struct str truncated;
    enum err r;
    xml = str_trim(xml);
    while (xml.n > 0 && (xml.p[xml.n - 1] == '\n' || xml.p[xml.n - 1] == '\r'))
        xml = str_trim(str_bytes(xml.p, xml.n - 1));
    if (!str_ends(xml, STR("</ListBucketResult>"))) return ERR_INPUT;
    truncated = s3_xml_value(xml, "IsTruncated");
    if (str_eq(truncated, STR("false")))
        ret->is_last = true;
    else if (str_eq(truncated, STR("true")))
        ret->is_last = false;
    else
        return ERR_INPUT;
    ret->token[0] = 0;
    if (!ret->is_last) {
        r = s3_xml_decode(s3_xml_value(xml, "NextContinuationToken"), ret->token, sizeof ret->token);
        if (r != OK || !ret->token[0]) return ERR_INPUT;
    }
    return each_key(xml, fn, ctx);
}
