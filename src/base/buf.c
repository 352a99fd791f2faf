/* The growing buffer. Old memory is wiped when it moves, because passwords pass through. */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"

#define FIRST_BYTES 256
#define PAGE_BYTES  ((size_t)4096)

void buf_init(struct buf *b, size_t max) { *b = (struct buf){ .max = max }; }

void buf_release(struct buf *b) {
    if (b->p) bytes_wipe(b->p, b->cap + 1);
    free(b->p);
    b->p = NULL;
    b->n = b->cap = 0;
    b->failed = OK;
}

void buf_reset(struct buf *b) {
    b->n = 0;
    b->failed = OK;
}

enum err buf_err(const struct buf *b) { return b->failed; }

enum err buf_reserve(struct buf *b, size_t more) {
    size_t cap = b->cap ? b->cap : FIRST_BYTES;
    char *p;
    if (b->failed != OK) return b->failed;
    if (more > b->max - b->n) return b->failed = ERR_TOO_LARGE;
    if (b->n + more <= b->cap) return OK;
    while (cap < b->n + more) cap = cap > b->max / 2 ? b->max : cap * 2;
    p = malloc(cap + 1); /* one more for the NUL that vsnprintf writes */
    if (!p) return b->failed = ERR_NOMEM;
    if (b->n > 0) memcpy(p, b->p, b->n);
    if (b->p) bytes_wipe(b->p, b->cap + 1);
    free(b->p);
    b->p = p;
    b->cap = cap;
    return OK;
}

enum err buf_reserve_pages(struct buf *b, size_t bytes) {
    assert(!b->p && bytes > 0);
    if (bytes > b->max) return b->failed = ERR_TOO_LARGE;
    b->p = aligned_alloc(PAGE_BYTES, (bytes / PAGE_BYTES + 1) * PAGE_BYTES); /* one more, as above */
    if (!b->p) return b->failed = ERR_NOMEM;
    b->cap = bytes;
    return OK;
}

void buf_add(struct buf *b, struct str s) {
    if (s.n == 0 || buf_reserve(b, s.n) != OK) return;
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

void buf_add_z(struct buf *b, const char *z) { buf_add(b, str_from(z)); }

void buf_add_c(struct buf *b, char c) { buf_add(b, (struct str){ &c, 1 }); }

void buf_add_i64(struct buf *b, int64_t v) {
    char digits[20];
    size_t n = sizeof digits;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        digits[--n] = (char)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    if (v < 0) buf_add_c(b, '-');
    buf_add(b, (struct str){ digits + n, sizeof digits - n });
}

void buf_addf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    int n;
    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 && b->failed == OK) b->failed = ERR_INPUT;
    if (n <= 0 || buf_reserve(b, (size_t)n) != OK) return;
    va_start(ap, fmt);
    (void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

/* Control characters stand in two places: below a blank, and 0x7f to 0x9f, of which the last 32 are two bytes in UTF-8.
 */
static bool is_control(unsigned char c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

void buf_add_json(struct buf *b, struct str s) {
    static const char hex[] = "0123456789abcdef";
    size_t from = 0;
    buf_add_c(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        bool is_two = (unsigned char)s.p[i] == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] >= 0x80;
        unsigned char c = (unsigned char)s.p[is_two ? i + 1 : i];
        char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
        bool is_mark = c == '"' || c == '\\';
        if (!is_mark && !(is_control(c) && (is_two || c < 0x80))) continue;
        if (is_mark) escape[1] = (char)c;
        buf_add(b, (struct str){ s.p + from, i - from });
        buf_add(b, (struct str){ escape, is_mark ? 2 : 6 });
        if (is_two) i++;
        from = i + 1;
    }
    if (s.n > from) buf_add(b, (struct str){ s.p + from, s.n - from });
    buf_add_c(b, '"');
}

void buf_add_html(struct buf *b, struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&': buf_add_z(b, "&amp;"); break;
        case '<': buf_add_z(b, "&lt;"); break;
        case '>': buf_add_z(b, "&gt;"); break;
        case '"': buf_add_z(b, "&quot;"); break;
        case '\'': buf_add_z(b, "&#39;"); break;
        default: buf_add_c(b, s.p[i]);
        }
    }
}
