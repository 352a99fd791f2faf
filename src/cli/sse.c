#include "cli/sse.h"

void sse_init(struct sse *s, sse_fn *fn, void *ctx) {
    *s = (struct sse){ .fn = fn, .ctx = ctx };
    buf_init(&s->line, SSE_LINE_BYTES_MAX);
    buf_init(&s->type, SSE_LINE_BYTES_MAX);
    buf_init(&s->data, SSE_DATA_BYTES_MAX);
}

void sse_release(struct sse *s) {
    buf_release(&s->line);
    buf_release(&s->type);
    buf_release(&s->data);
}

void sse_restart(struct sse *s) {
    buf_reset(&s->line);
    buf_reset(&s->type);
    buf_reset(&s->data);
    memcpy(s->next_id, s->last_id, sizeof s->next_id);
    s->has_data = s->is_after_cr = s->is_begun = false;
    s->failed = OK;
}

static void dispatch(struct sse *s) {
    struct sse_event e = { .type = s->type.n > 0 ? buf_str(&s->type) : STR("message"), .data = buf_str(&s->data) };
    memcpy(s->last_id, s->next_id, sizeof s->last_id);
    if (s->has_data) s->fn(s->ctx, &e);
    buf_reset(&s->type);
    buf_reset(&s->data);
    s->has_data = false;
}

static void set_id(struct sse *s, struct str value) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    if (value.n == 0 || value.n > SSE_ID_BYTES_MAX) return;
    for (size_t i = 0; i < value.n; i++)
        if (!value.p[i] || !strchr(plain, value.p[i])) return;
    memcpy(s->next_id, value.p, value.n);
    s->next_id[value.n] = 0;
}

static void set_field(struct sse *s, struct str name, struct str value) {
    int64_t ms;
    if (str_eq(name, STR("data"))) {
        if (s->has_data) buf_add_c(&s->data, '\n');
        s->has_data = true;
        buf_add(&s->data, value);
    } else if (str_eq(name, STR("event"))) {
        buf_reset(&s->type);
        buf_add(&s->type, value);
    } else if (str_eq(name, STR("id"))) {
        set_id(s, value);
    } else if (str_eq(name, STR("retry")) && str_to_i64(value, SSE_RETRY_MS_MAX, &ms) == OK) {
        s->retry_ms = ms;
    }
}

static void take_line(struct sse *s) {
    struct str line = buf_str(&s->line), name, value;
    bool has_mark = !s->is_begun && str_starts(line, STR("\xef\xbb\xbf"));
    s->is_begun = true;
    if (has_mark) line = str_skip(line, 3);
    if (line.n == 0) {
        dispatch(s);
        return;
    }
    value = str_cut(line, ':', &name);
    if (value.n > 0 && value.p[0] == ' ') value = str_skip(value, 1);
    if (name.n > 0) set_field(s, name, value); /* otherwise a comment */
}

static enum err reason(const struct sse *s) {
    enum err r = buf_err(&s->line);
    if (r == OK) r = buf_err(&s->data);
    if (r == OK) r = buf_err(&s->type);
    return r == ERR_NOMEM ? ERR_TOO_LARGE : r;
}

enum err sse_feed(struct sse *s, struct str bytes) {
    for (size_t i = 0; i < bytes.n && s->failed == OK;) {
        size_t n = 0;
        if (s->is_after_cr && bytes.p[i] == '\n') i++; /* the second half of CRLF */
        s->is_after_cr = false;
        while (i + n < bytes.n && bytes.p[i + n] != '\n' && bytes.p[i + n] != '\r') n++;
        buf_add(&s->line, (struct str){ bytes.p + i, n });
        s->failed = reason(s);
        i += n;
        if (i == bytes.n || s->failed != OK) break;
        s->is_after_cr = bytes.p[i++] == '\r';
        take_line(s);
        buf_reset(&s->line);
        s->failed = reason(s);
    }
    return s->failed;
}
