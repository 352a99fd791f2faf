/*
 * A stream of server-sent events: whole, and cut in two, it must read alike. What comes out is within its limits, the
 * id can stand in a header, and no byte of an event's text, once escaped, can steer a terminal.
 */
#include "cli/sse.h"
#include "cli/terminal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void on_event(void *ctx, const struct sse_event *e) {
    struct buf shown;
    if (e->data.n > SSE_DATA_BYTES_MAX || e->type.n > SSE_LINE_BYTES_MAX || e->type.n == 0) abort();
    buf_addf(ctx, "%zu:%zu|", e->type.n, e->data.n);
    buf_add(ctx, e->type);
    buf_add(ctx, e->data);
    buf_init(&shown, 8 * SSE_DATA_BYTES_MAX);
    terminal_escape(&shown, e->data, false);
    for (size_t i = 0; i < shown.n; i++)
        if (shown.p[i] < 0x20 || shown.p[i] == 0x7f) abort();
    buf_release(&shown);
}

static void check_id(const char *id) {
    size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    if (n > SSE_ID_BYTES_MAX || id[n]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct buf whole, cut;
    struct sse a, b;
    size_t at = n > 0 ? data[0] % n : 0;
    enum err r, s;
    buf_init(&whole, 64 * 1024 * 1024);
    buf_init(&cut, 64 * 1024 * 1024);
    sse_init(&a, on_event, &whole);
    sse_init(&b, on_event, &cut);
    r = sse_feed(&a, str_bytes(data, n));
    s = sse_feed(&b, str_bytes(data, at));
    if (s == OK) s = sse_feed(&b, str_bytes(data + at, n - at));
    if (r != s || !str_eq(buf_str(&whole), buf_str(&cut)) || strcmp(a.last_id, b.last_id) != 0) abort();
    if (a.retry_ms < 0 || a.retry_ms > SSE_RETRY_MS_MAX || a.retry_ms != b.retry_ms) abort();
    check_id(a.last_id);
    sse_release(&a);
    sse_release(&b);
    buf_release(&whole);
    buf_release(&cut);
    return 0;
}
