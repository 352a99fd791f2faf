/* Borrowed strings: cutting, comparing and strict reading. Nothing here allocates. */
#include "base/str.h"

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

bool str_eq_nocase(struct str a, struct str b) {
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    return true;
}

bool str_starts(struct str s, struct str prefix) {
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix) {
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

struct str str_skip(struct str s, size_t n) {
    if (n >= s.n) return (struct str){ s.p ? s.p + s.n : NULL, 0 };
    return (struct str){ s.p + n, s.n - n };
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct str str_trim(struct str s) {
    while (s.n > 0 && is_blank(s.p[0])) s = str_skip(s, 1);
    while (s.n > 0 && is_blank(s.p[s.n - 1])) s.n--;
    return s;
}

struct str str_cut(struct str s, char sep, struct str *ret_head) {
    const char *at = s.n > 0 ? memchr(s.p, sep, s.n) : NULL;
    size_t n = at ? (size_t)(at - s.p) : s.n;
    *ret_head = (struct str){ s.p, n };
    return at ? str_skip(s, n + 1) : str_skip(s, n);
}

enum err str_to_i64(struct str s, int64_t max, int64_t *ret_value) {
    int64_t v = 0;
    if (s.n == 0) return ERR_INPUT;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return ERR_INPUT;
    for (size_t i = 0; i < s.n; i++) {
        int digit = s.p[i] - '0';
        if (max < digit || v > (max - digit) / 10) return ERR_TOO_LARGE;
        v = v * 10 + digit;
    }
    *ret_value = v;
    return OK;
}

size_t str_code_point(struct str s, uint32_t *ret_point) {
    const unsigned char *p = (const unsigned char *)s.p;
    size_t need;
    uint32_t c, least;
    if (s.n == 0) return 0;
    if (p[0] < 0x80) {
        *ret_point = p[0];
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        need = 2, c = p[0] & 0x1fU, least = 0x80;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        need = 3, c = p[0] & 0x0fU, least = 0x800;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        need = 4, c = p[0] & 0x07U, least = 0x10000;
    } else {
        return 0;
    }
    if (s.n < need) return 0;
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0U) != 0x80) return 0;
        c = (c << 6) | (p[i] & 0x3fU);
    }
    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
    *ret_point = c;
    return need;
}

bool str_is_utf8(struct str s) {
    uint32_t ignored;
    while (s.n > 0) {
        size_t n = str_code_point(s, &ignored);
        if (n == 0) return false;
        s = str_skip(s, n);
    }
    return true;
}

enum err str_to_z(struct str s, char *out, size_t size) {
    if (s.n >= size) return ERR_TOO_LARGE;
    if (s.n > 0 && memchr(s.p, 0, s.n)) return ERR_INPUT;
    if (s.n > 0) memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return OK;
}
