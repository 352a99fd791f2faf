/*
 * RFC 8785 (JSON canonicalization) for a flat object whose values are all strings, which is what a purchase's payload
 * is: members sorted by the UTF-16 code units of their names, the shortest escapes, no blanks.
 */
#ifndef TOCSIN_BASE_JCS_H
#define TOCSIN_BASE_JCS_H

#include "base/buf.h"

#define JCS_MEMBERS_MAX 32

struct jcs_member {
    struct str name, value; /* UTF-8, not escaped; may hold NUL */
};

/* ERR_INPUT: not UTF-8, or two members of one name. ERR_TOO_LARGE: over JCS_MEMBERS_MAX, or the buffer's maximum. */
enum err jcs_object(const struct jcs_member *member, size_t n, struct buf *to) MUST_CHECK;

#endif
