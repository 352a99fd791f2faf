/*
 * An owned, growing buffer with a stated maximum. The first failure sticks: later adds do nothing and
 * buf_err tells, so a run of adds needs one check. Contents are wiped on release.
 */
#ifndef TOCSIN_BASE_BUF_H
#define TOCSIN_BASE_BUF_H

#include <stdarg.h>

#include "base/str.h"

struct buf {
    char *p;
    size_t n, cap, max;
    enum err failed;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
void buf_reset(struct buf *b); /* empty, memory kept */
enum err buf_err(const struct buf *b) MUST_CHECK;
enum err buf_reserve(struct buf *b, size_t more) MUST_CHECK; /* room for `more` bytes past n */
/* The same of an empty one whose memory begins with a page, as files want it that go around the page cache. */
enum err buf_reserve_pages(struct buf *b, size_t bytes) MUST_CHECK;
void buf_add(struct buf *b, struct str s);
void buf_add_z(struct buf *b, const char *z);
void buf_add_c(struct buf *b, char c);
void buf_add_i64(struct buf *b, int64_t v);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_add_json(struct buf *b, struct str s); /* quoted and escaped as a JSON string */
void buf_add_html(struct buf *b, struct str s); /* & < > " ' escaped */
static inline struct str buf_str(const struct buf *b) { return (struct str){ b->p, b->n }; }

#endif
