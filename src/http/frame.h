/*
 * The framing of a body: Content-Length or chunked. Yields the body as runs of bytes inside the input, so that a
 * consumer may keep them, or pass them on and never hold the whole. Strict: no chunk extensions, no trailers, at most 8
 * digits.
 */
#ifndef TOCSIN_HTTP_FRAME_H
#define TOCSIN_HTTP_FRAME_H

#include "base/str.h"

struct frame {
    uint8_t state, digits;
    bool is_plain; /* within the body itself */
    uint64_t left; /* of the length or of this chunk */
    uint64_t total, max;
};

enum frame_result { FRAME_MORE, FRAME_DATA, FRAME_DONE, FRAME_REFUSED };

/* content_length < 0 means chunked. The caller has compared a given length with max. */
void frame_init(struct frame *f, int64_t content_length, uint64_t max);

struct frame_step {
    size_t used;     /* bytes taken from the input */
    struct str data; /* FRAME_DATA: the next run of the body, within the input */
    int status;      /* FRAME_REFUSED: 400 or 413 */
};
/* FRAME_DATA: call again with the rest. FRAME_MORE: all was used. FRAME_DONE: what follows is the next request. */
enum frame_result frame_feed(struct frame *f, struct str in, struct frame_step *ret);

/* The bytes of the body that come next without framing; a consumer may read them by itself, and tells how many. */
static inline uint64_t frame_plain(const struct frame *f) { return f->is_plain ? f->left : 0; }
void frame_took(struct frame *f, size_t n);
bool frame_is_done(const struct frame *f);

#endif
