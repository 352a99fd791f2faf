/* RFC 8785, sections 3.2.2.2 (strings) and 3.2.3 (order). */
#include "base/jcs.h"

/* Code units compare as code points do, but for those past U+FFFF: their surrogates stand before U+E000 … U+FFFF. */
static uint32_t utf16_weight(uint32_t point) {
    if (point >= 0x10000) return point - 0x10000 + 0xe000;
    return point >= 0xe000 ? point + 0x100000 : point;
}

static int compare(struct str a, struct str b) {
    while (a.n > 0 && b.n > 0) {
        uint32_t x = 0, y = 0;
        size_t an = str_code_point(a, &x), bn = str_code_point(b, &y);
        if (x != y) return utf16_weight(x) < utf16_weight(y) ? -1 : 1;
        a = str_skip(a, an);
        b = str_skip(b, bn);
    }
    if (a.n == b.n) return 0;
    return a.n < b.n ? -1 : 1;
}

static void add_string(struct buf *b, struct str s) {
    static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
    static const char hex[] = "0123456789abcdef";
    buf_add_c(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        const char *at = c ? strchr(from, c) : NULL;
        if (at) {
            buf_add_c(b, '\\');
            buf_add_c(b, to[at - from]);
        } else if ((unsigned char)c < 0x20) {
            buf_add(b, STR("\\u00"));
            buf_add_c(b, hex[c >> 4]);
            buf_add_c(b, hex[c & 15]);
        } else {
            buf_add_c(b, c);
        }
    }
    buf_add_c(b, '"');
}

enum err jcs_object(const struct jcs_member *member, size_t n, struct buf *to) {
    const struct jcs_member *sorted[JCS_MEMBERS_MAX];
    if (n > JCS_MEMBERS_MAX) return ERR_TOO_LARGE;
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        if (!str_is_utf8(member[i].name) || !str_is_utf8(member[i].value)) return ERR_INPUT;
        for (; at > 0; at--) {
            int order = compare(sorted[at - 1]->name, member[i].name);
            if (order == 0) return ERR_INPUT;
            if (order < 0) break;
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = &member[i];
    }
    buf_add_c(to, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0) buf_add_c(to, ',');
        add_string(to, sorted[i]->name);
        buf_add_c(to, ':');
        add_string(to, sorted[i]->value);
    }
    buf_add_c(to, '}');
    return buf_err(to);
}
