/*
 * One small function a state; each takes as many bytes as it can and says what follows. Limits are judged on the byte
 * that breaks them, never on how much has arrived, so that the verdict does not depend on the network.
 */
#include "http/head.h"

enum state {
    AT_METHOD,
    AT_TARGET,
    AT_VERSION,
    AT_LINE_END,
    AT_NAME_FIRST,
    AT_NAME,
    AT_BLANK,
    AT_VALUE,
    AT_VALUE_END,
    AT_END,
    STATES
};

#define STEP_ON   0 /* go on with h->state */
#define STEP_DONE 1 /* anything above is a status */

#define IS_TOKEN  1
#define IS_TARGET 2
#define IS_VALUE  4
#define IS_HOST   8

/*
 * Classes of bytes: token (RFC 9110 §5.6.2), path and query (RFC 3986 §3.3 and '%'), field value, host and port. A tab
 * is a control byte here, although RFC 9110 lets it be a blank: servers differ in what they trim.
 */
static const uint8_t classes[256] = {
    [' '] = IS_VALUE,
    ['!'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['"'] = IS_VALUE,
    ['#'] = IS_TOKEN | IS_VALUE,
    ['$'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['%'] = IS_TOKEN | IS_TARGET | IS_VALUE,
    ['&'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['\''] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['('] = IS_TARGET | IS_VALUE | IS_HOST,
    [')'] = IS_TARGET | IS_VALUE | IS_HOST,
    ['*'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['+'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    [','] = IS_TARGET | IS_VALUE,
    ['-'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['.'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['/'] = IS_TARGET | IS_VALUE,
    ['0' ... '9'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    [':'] = IS_TARGET | IS_VALUE,
    [';'] = IS_TARGET | IS_VALUE,
    ['<'] = IS_VALUE,
    ['='] = IS_TARGET | IS_VALUE | IS_HOST,
    ['>'] = IS_VALUE,
    ['?'] = IS_TARGET | IS_VALUE,
    ['@'] = IS_TARGET | IS_VALUE,
    ['A' ... 'Z'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['['] = IS_VALUE,
    ['\\'] = IS_VALUE,
    [']'] = IS_VALUE,
    ['^'] = IS_TOKEN | IS_VALUE,
    ['_'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['`'] = IS_TOKEN | IS_VALUE,
    ['a' ... 'z'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    ['{'] = IS_VALUE,
    ['|'] = IS_TOKEN | IS_VALUE,
    ['}'] = IS_VALUE,
    ['~'] = IS_TOKEN | IS_TARGET | IS_VALUE | IS_HOST,
    [0x80 ... 0xff] = IS_VALUE,
};

static const struct {
    struct str name;
    enum method method;
} methods[] = {
    { { "GET", 3 }, METHOD_GET },         { { "HEAD", 4 }, METHOD_HEAD },     { { "POST", 4 }, METHOD_POST },
    { { "PUT", 3 }, METHOD_PUT },         { { "DELETE", 6 }, METHOD_DELETE }, { { "PATCH", 5 }, METHOD_PATCH },
    { { "OPTIONS", 7 }, METHOD_OPTIONS },
};

/* Sorted by length. `is_single`: a second one is refused. */
static const struct {
    struct str name;
    enum known_field field;
    bool is_single;
} known[] = {
    { { "te", 2 }, FIELD_TE, false },
    { { "host", 4 }, FIELD_HOST, true },
    { { "cookie", 6 }, FIELD_COOKIE, false },
    { { "expect", 6 }, FIELD_EXPECT, true },
    { { "origin", 6 }, FIELD_ORIGIN, true },
    { { "upgrade", 7 }, FIELD_UPGRADE, false },
    { { "connection", 10 }, FIELD_CONNECTION, false },
    { { "user-agent", 10 }, FIELD_USER_AGENT, false },
    { { "content-type", 12 }, FIELD_CONTENT_TYPE, true },
    { { "if-none-match", 13 }, FIELD_IF_NONE_MATCH, false },
    { { "authorization", 13 }, FIELD_AUTHORIZATION, true },
    { { "last-event-id", 13 }, FIELD_LAST_EVENT_ID, true },
    { { "content-length", 14 }, FIELD_CONTENT_LENGTH, true },
    { { "sec-fetch-site", 14 }, FIELD_SEC_FETCH_SITE, true },
    { { "x-forwarded-for", 15 }, FIELD_FORWARDED_FOR, false },
    { { "transfer-encoding", 17 }, FIELD_TRANSFER_ENCODING, true },
};
#define KNOWN_NAME_MAX 17
/* Where the names of each length begin in `known`. */
static const uint8_t known_from[KNOWN_NAME_MAX + 2] = { 0, 0, 0, 1, 1, 2, 2, 5, 6, 6, 6, 8, 8, 9, 12, 14, 15, 15, 16 };

static bool is_class(char c, uint8_t which) { return (classes[(unsigned char)c] & which) != 0; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static size_t known_index(struct str name) {
    if (name.n > KNOWN_NAME_MAX) return ARRAY_LEN(known);
    for (size_t i = known_from[name.n]; i < known_from[name.n + 1]; i++)
        if (memcmp(known[i].name.p, name.p, name.n) == 0) return i;
    return ARRAY_LEN(known);
}

enum known_field head_known(struct str name) {
    size_t i = known_index(name);
    return i < ARRAY_LEN(known) ? known[i].field : FIELD_OTHER;
}

const char *head_method_name(enum method m) {
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (methods[i].method == m) return methods[i].name.p;
    return "";
}

void head_init(struct head *h) {
    memset(h, 0, offsetof(struct head, fields));
    h->content_length = -1;
}

static int on_method(struct head *h, char *base, size_t n) {
    while (h->at < n && base[h->at] != ' ') {
        if (!is_class(base[h->at], IS_TOKEN)) return 400;
        if (++h->at > METHOD_BYTES_MAX) return 501;
    }
    if (h->at == n) return STEP_ON;
    if (h->at == 0) return 400;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (!str_eq(methods[i].name, (struct str){ base, h->at })) continue;
        h->method = (uint8_t)methods[i].method;
        h->method_n = h->at++;
        h->target = h->at;
        h->state = AT_TARGET;
        return STEP_ON;
    }
    return 501;
}

static int hex_value(char c) { return is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10; }

/*
 * Dot segments, and escapes that hide a slash, a backslash, a dot or a control byte, mean different paths to different
 * servers; no client of ours sends them.
 */
static bool path_is_plain(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '%') {
            int c = hex_value(p[i + 1]) * 16 + hex_value(p[i + 2]);
            if (c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '.') return false;
        }
        if (p[i] != '/' || i + 1 == n || p[i + 1] != '.') continue;
        if (i + 2 == n || p[i + 2] == '/') return false;
        if (p[i + 2] == '.' && (i + 3 == n || p[i + 3] == '/')) return false;
    }
    return true;
}

static int target_end(struct head *h, const char *base) {
    h->target_n = (uint16_t)(h->at - h->target);
    if (h->target_n == 0 || h->escape > 0) return 400;
    if (!h->has_query) h->path_n = h->target_n;
    if (!path_is_plain(base + h->target, h->path_n)) return 400;
    h->mark = ++h->at;
    h->state = AT_VERSION;
    return STEP_ON;
}

static int on_target(struct head *h, char *base, size_t n) {
    for (; h->at < n; h->at++) {
        char c = base[h->at];
        if (c == ' ') return target_end(h, base);
        if (h->at - h->target >= TARGET_BYTES_MAX) return 414;
        if (h->at == h->target && c != '/') return 400;
        if (!is_class(c, IS_TARGET)) return 400;
        if (h->escape > 0) {
            if (!is_hex(c)) return 400;
            h->escape--;
        } else if (c == '%') {
            h->escape = 2;
        } else if (c == '?' && !h->has_query) {
            h->has_query = true;
            h->path_n = (uint16_t)(h->at - h->target);
        }
    }
    return STEP_ON;
}

/* "HTTP/1.1" and CR. */
static int on_version(struct head *h, char *base, size_t n) {
    static const char want[] = "HTTP/";
    for (; h->at < n; h->at++) {
        size_t i = (size_t)(h->at - h->mark);
        char c = base[h->at];
        if (i < 5 && c != want[i]) return 400;
        if ((i == 5 || i == 7) && !is_digit(c)) return 400;
        if (i == 6 && c != '.') return 400;
        if (i == 5) h->major = (uint8_t)(c - '0');
        if (i == 7) h->minor = (uint8_t)(c - '0');
        if (i < 8) continue;
        if (c != '\r') return 400;
        if (h->major != 1 || h->minor > 1) return 505;
        h->at++;
        h->state = AT_LINE_END;
        return STEP_ON;
    }
    return STEP_ON;
}

/* The LF that must follow a CR. */
static int on_line_end(struct head *h, char *base, size_t n) {
    (void)n;
    if (base[h->at] != '\n') return 400;
    h->at++;
    h->state = AT_NAME_FIRST;
    return STEP_ON;
}

static int on_name_first(struct head *h, char *base, size_t n) {
    (void)n;
    if (base[h->at] == '\r') {
        h->at++;
        h->state = AT_END;
        return STEP_ON;
    }
    if (base[h->at] == ':' || !is_class(base[h->at], IS_TOKEN)) return 400;
    if (h->field_count == HEAD_FIELDS_MAX) return 431;
    h->mark = h->at;
    h->state = AT_NAME;
    return STEP_ON;
}

static int on_name(struct head *h, char *base, size_t n) {
    struct head_field *f = &h->fields[h->field_count];
    for (; h->at < n; h->at++) {
        char c = base[h->at];
        if (c == ':') break;
        if (!is_class(c, IS_TOKEN)) return 400;
        if (c >= 'A' && c <= 'Z') base[h->at] = (char)(c | 0x20);
    }
    if (h->at == n) return STEP_ON;
    f->name = h->mark;
    f->name_n = (uint16_t)(h->at++ - h->mark);
    h->state = AT_BLANK;
    return STEP_ON;
}

static int on_blank(struct head *h, char *base, size_t n) {
    while (h->at < n && base[h->at] == ' ') h->at++;
    if (h->at == n) return STEP_ON;
    h->mark = h->at;
    h->state = AT_VALUE;
    return STEP_ON;
}

static int field_end(struct head *h, const char *base) {
    struct head_field *f = &h->fields[h->field_count];
    size_t end = h->at;
    size_t i = known_index((struct str){ base + f->name, f->name_n });
    while (end > h->mark && base[end - 1] == ' ') end--;
    f->value = h->mark;
    f->value_n = (uint16_t)(end - h->mark);
    f->known = FIELD_OTHER;
    h->field_count++;
    h->at++;
    h->state = AT_VALUE_END;
    if (i == ARRAY_LEN(known)) return STEP_ON;
    f->known = (uint16_t)known[i].field;
    if (h->known[f->known] == 0)
        h->known[f->known] = h->field_count;
    else if (known[i].is_single)
        return 400;
    return STEP_ON;
}

static int on_value(struct head *h, char *base, size_t n) {
    while (h->at < n && is_class(base[h->at], IS_VALUE)) h->at++;
    if (h->at == n) return STEP_ON;
    return base[h->at] == '\r' ? field_end(h, base) : 400;
}

static struct str known_value(const struct head *h, const char *base, enum known_field f) {
    const struct head_field *field;
    if (h->known[f] == 0) return STR_NONE;
    field = &h->fields[h->known[f] - 1];
    return (struct str){ base + field->value, field->value_n };
}

static bool port_is_fine(struct str port) {
    int64_t v;
    return port.n == 0 || (port.n <= 5 && str_to_i64(port, 65535, &v) == OK);
}

/* uri-host [":" port]; no user, no empty label. */
static bool host_is_fine(struct str host) {
    struct str name;
    struct str port;
    if (host.n == 0) return false;
    if (host.p[0] == '[') {
        struct str rest = str_cut(str_skip(host, 1), ']', &name);
        bool is_closed = name.n + 1 < host.n;
        for (size_t i = 0; i < name.n; i++)
            if (!is_hex(name.p[i]) && name.p[i] != ':' && name.p[i] != '.') return false;
        if (!is_closed || name.n < 2) return false;
        return rest.n == 0 || (rest.p[0] == ':' && port_is_fine(str_skip(rest, 1)));
    }
    port = str_cut(host, ':', &name);
    if (name.n == 0 || name.p[0] == '.') return false;
    for (size_t i = 0; i < name.n; i++) {
        if (!is_class(name.p[i], IS_HOST)) return false;
        if (name.p[i] == '.' && i > 0 && name.p[i - 1] == '.') return false;
    }
    return port_is_fine(port);
}

static void connection_judge(struct head *h, const char *base) {
    h->wants_close = h->minor == 0;
    for (size_t i = 0; i < h->field_count; i++) {
        struct str rest = { base + h->fields[i].value, h->fields[i].value_n };
        if (h->fields[i].known != FIELD_CONNECTION) continue;
        while (rest.n > 0) {
            struct str option;
            rest = str_cut(rest, ',', &option);
            if (str_eq_nocase(str_trim(option), STR("close"))) h->wants_close = true;
        }
    }
}

static int framing_judge(struct head *h, const char *base) {
    struct str length = known_value(h, base, FIELD_CONTENT_LENGTH);
    struct str coding = known_value(h, base, FIELD_TRANSFER_ENCODING);
    enum err r;
    if (coding.p && length.p) return 400;
    if (coding.p && h->minor == 0) return 400;
    if (coding.p) {
        h->is_chunked = str_eq_nocase(coding, STR("chunked"));
        return h->is_chunked ? STEP_DONE : 501;
    }
    if (!length.p) return STEP_DONE;
    r = str_to_i64(length, INT64_MAX / 2, &h->content_length);
    if (r == ERR_TOO_LARGE) return 413;
    return r == OK ? STEP_DONE : 400;
}

static int on_end(struct head *h, char *base, size_t n) {
    struct str expect = known_value(h, base, FIELD_EXPECT);
    int r;
    (void)n;
    if (base[h->at] != '\n') return 400;
    h->at++;
    if (!host_is_fine(known_value(h, base, FIELD_HOST))) return 400;
    if ((r = framing_judge(h, base)) != STEP_DONE) return r;
    if (expect.p && !str_eq_nocase(expect, STR("100-continue"))) return 417;
    h->expects_continue = expect.p && h->minor == 1;
    if (h->known[FIELD_CONNECTION] || h->minor == 0) connection_judge(h, base);
    return STEP_DONE;
}

typedef int step(struct head *h, char *base, size_t n);

enum head_result head_feed(struct head *h, char *base, size_t n, int *ret_status) {
    static step *const steps[STATES] = {
        [AT_METHOD] = on_method,     [AT_TARGET] = on_target,         [AT_VERSION] = on_version,
        [AT_LINE_END] = on_line_end, [AT_NAME_FIRST] = on_name_first, [AT_NAME] = on_name,
        [AT_BLANK] = on_blank,       [AT_VALUE] = on_value,           [AT_VALUE_END] = on_line_end,
        [AT_END] = on_end,
    };
    if (n > HEAD_BYTES_MAX) n = HEAD_BYTES_MAX;
    while (h->at < n) {
        int r = steps[h->state](h, base, n);
        if (r == STEP_DONE) return HEAD_DONE;
        if (r == STEP_ON) continue;
        *ret_status = r;
        return HEAD_REFUSED;
    }
    if (h->at < HEAD_BYTES_MAX) return HEAD_MORE;
    *ret_status = 431;
    return HEAD_REFUSED;
}
