/*
 * A borrowed run of bytes, passed by value; may hold NUL; never owns. Comparison of secrets is
 * secret_eq's job, not str_eq's.
 */
#ifndef TOCSIN_BASE_STR_H
#define TOCSIN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_NONE     ((struct str){ NULL, 0 })
#define STR_FMT(s)   (int)(s).n, (s).p /* for "%.*s" */

static inline struct str str_from(const char *z) { return (struct str){ z, z ? strlen(z) : 0 }; }
static inline struct str str_bytes(const void *p, size_t n) { return (struct str){ (const char *)p, n }; }
static inline bool str_eq(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_skip(struct str s, size_t n); /* without its first n bytes; empty when shorter */
struct str str_trim(struct str s);           /* without ASCII blanks at both ends */
/* Splits at the first `sep`: *ret_head before it, the rest returned; without one, all is head. */
struct str str_cut(struct str s, char sep, struct str *ret_head);
/* Plain decimal digits only, no sign, at most `max`. ERR_INPUT, ERR_TOO_LARGE. */
enum err str_to_i64(struct str s, int64_t max, int64_t *ret_value) MUST_CHECK;
bool str_is_utf8(struct str s);
/* The code point that `s` begins with: how many bytes it takes; 0 when empty or not well-formed (RFC 3629). */
size_t str_code_point(struct str s, uint32_t *ret_point);
/* Copies into a char array of `size` with a closing NUL. ERR_TOO_LARGE, ERR_INPUT (holds NUL). */
enum err str_to_z(struct str s, char *out, size_t size) MUST_CHECK;

#endif
