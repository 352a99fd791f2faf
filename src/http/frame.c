/* Every byte of chunked framing is judged by the state it meets, so that no split and no trick changes the verdict. */
#include "http/frame.h"

#include <assert.h>

enum state { AT_LENGTH, AT_SIZE, AT_SIZE_LF, AT_DATA, AT_DATA_CR, AT_DATA_LF, AT_LAST_CR, AT_LAST_LF, AT_DONE };

#define SIZE_DIGITS_MAX 8

void frame_init(struct frame *f, int64_t content_length, uint64_t max) {
    *f = (struct frame){ .max = max };
    f->state = content_length < 0 ? AT_SIZE : AT_LENGTH;
    if (content_length > 0) f->left = (uint64_t)content_length;
    if (content_length == 0) f->state = AT_DONE;
    f->is_plain = f->state == AT_LENGTH;
}

static int size_digit(struct frame *f, char c) {
    uint64_t v;
    if (c >= '0' && c <= '9')
        v = (uint64_t)(c - '0');
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        v = (uint64_t)((c | 0x20) - 'a') + 10;
    else
        return 400;
    if (f->digits++ == SIZE_DIGITS_MAX) return 400;
    f->left = f->left * 16 + v;
    return 0;
}

static int size_end(struct frame *f) {
    if (f->digits == 0) return 400;
    if (f->left > f->max - f->total) return 413;
    f->state = AT_SIZE_LF;
    return 0;
}

/* One byte of framing; 0 or a status. */
static int framing_byte(struct frame *f, char c) {
    static const struct {
        char want;
        uint8_t next;
    } marks[] = {
        [AT_DATA_CR] = { '\r', AT_DATA_LF },
        [AT_DATA_LF] = { '\n', AT_SIZE },
        [AT_LAST_CR] = { '\r', AT_LAST_LF },
        [AT_LAST_LF] = { '\n', AT_DONE },
    };
    if (f->state == AT_SIZE) return c == '\r' ? size_end(f) : size_digit(f, c);
    if (f->state == AT_SIZE_LF) {
        if (c != '\n') return 400;
        f->state = f->left == 0 ? AT_LAST_CR : AT_DATA;
        f->is_plain = f->state == AT_DATA;
        return 0;
    }
    if (c != marks[f->state].want) return 400;
    f->state = marks[f->state].next;
    f->digits = 0;
    return 0;
}

void frame_took(struct frame *f, size_t n) {
    assert(f->is_plain && n <= f->left);
    f->left -= n;
    f->total += n;
    if (f->left > 0) return;
    f->state = f->state == AT_LENGTH ? AT_DONE : AT_DATA_CR;
    f->is_plain = false;
}

bool frame_is_done(const struct frame *f) { return f->state == AT_DONE; }

enum frame_result frame_feed(struct frame *f, struct str in, struct frame_step *ret) {
    *ret = (struct frame_step){ 0 };
    while (ret->used < in.n && f->state != AT_DONE) {
        size_t n = in.n - ret->used;
        if (f->state != AT_LENGTH && f->state != AT_DATA) {
            ret->status = framing_byte(f, in.p[ret->used++]);
            if (ret->status != 0) return FRAME_REFUSED;
            continue;
        }
        if (n > f->left) n = (size_t)f->left;
        ret->data = (struct str){ in.p + ret->used, n };
        ret->used += n;
        frame_took(f, n);
        return FRAME_DATA;
    }
    return f->state == AT_DONE ? FRAME_DONE : FRAME_MORE;
}
