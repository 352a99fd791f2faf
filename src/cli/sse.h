/*
 * Reads a stream of server-sent events (WHATWG HTML, section 9.2.6) as it arrives, cut anywhere. Limits: a line of
 * 64 KiB, an event's data of 256 KiB; a stream past them is refused for good. An id that is not one of the contract's
 * (1 to 64 of A-Za-z0-9_-) is ignored, so that it can stand in a header.
 */
#ifndef TOCSIN_CLI_SSE_H
#define TOCSIN_CLI_SSE_H

#include "base/buf.h"

#define SSE_LINE_BYTES_MAX (64 * 1024)
#define SSE_DATA_BYTES_MAX (256 * 1024)
#define SSE_ID_BYTES_MAX   64
#define SSE_RETRY_MS_MAX   (60 * 1000)

struct sse_event {   /* borrowed until the function returns */
    struct str type; /* "message" where none was named */
    struct str data;
};
typedef void sse_fn(void *ctx, const struct sse_event *event);

struct sse {
    sse_fn *fn;
    void *ctx;
    struct buf line, type, data;
    char last_id[SSE_ID_BYTES_MAX + 1]; /* of the last event; "" before one. Kept over sse_restart. */
    char next_id[SSE_ID_BYTES_MAX + 1];
    int64_t retry_ms; /* what the server asked for, or 0 */
    bool has_data, is_after_cr, is_begun;
    enum err failed;
};

void sse_init(struct sse *s, sse_fn *fn, void *ctx);
void sse_release(struct sse *s);
void sse_restart(struct sse *s);                               /* a new connection: what was unfinished is dropped */
enum err sse_feed(struct sse *s, struct str bytes) MUST_CHECK; /* ERR_TOO_LARGE, ERR_NOMEM: and from then on */

#endif
