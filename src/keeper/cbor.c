/* Every head is read by one function, and every item is measured by one other. */
#include "keeper/cbor.h"

enum major { UNSIGNED = 0, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };
enum { FALSE_VALUE = 20, TRUE_VALUE, NULL_VALUE };

struct head {
    enum major major;
    uint64_t value; /* number, length or count */
    size_t bytes;   /* of the head itself */
};

/* The head of the first item: shortest form, definite length. */
static bool read_head(struct str in, struct head *ret) {
    const uint8_t *p = (const uint8_t *)in.p;
    uint64_t value;
    if (in.n == 0) return false;
    unsigned info = p[0] & 31U;
    ret->major = (enum major)(p[0] >> 5);
    ret->bytes = 1;
    ret->value = info;
    if (info < 24) return true;
    if (info > 27 || ret->major == SIMPLE) return false;
    size_t more = (size_t)1 << (info - 24);
    if (in.n - 1 < more) return false;
    value = 0;
    for (size_t i = 1; i <= more; i++) value = value << 8 | p[i];
    /* The least number that needs this form: 24, then what the form before can't hold. */
    uint64_t least = more == 1 ? 24 : (uint64_t)1 << (4 * more);
    if (value < least) return false;
    ret->value = value;
    ret->bytes += more;
    return true;
}

static enum err measure(struct str in, int depth, size_t *ret_bytes);

/* Keys are in shortest form, so that equal ones have equal bytes. */
static bool is_new_key(struct str key, struct str *seen, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (str_eq(seen[i], key)) return false;
    seen[n] = key;
    return true;
}

static bool is_key(struct str in) {
    unsigned major = in.n > 0 ? (uint8_t)in.p[0] >> 5 : SIMPLE;
    return major == UNSIGNED || major == NEGATIVE || major == TEXT;
}

static enum err measure_members(struct str in, struct head h, int depth, size_t *ret_bytes) {
    struct str seen[CBOR_ITEMS_MAX], left = str_skip(in, h.bytes);
    size_t n;
    enum err r;
    if (h.value > CBOR_ITEMS_MAX || depth >= CBOR_DEPTH_MAX) return ERR_TOO_LARGE;
    for (size_t i = 0; i < h.value; i++) {
        if (h.major == MAP) {
            if (!is_key(left)) return ERR_INPUT;
            if ((r = measure(left, depth + 1, &n)) != OK) return r;
            if (!is_new_key((struct str){ left.p, n }, seen, i)) return ERR_INPUT;
            left = str_skip(left, n);
        }
        if ((r = measure(left, depth + 1, &n)) != OK) return r;
        left = str_skip(left, n);
    }
    *ret_bytes = in.n - left.n;
    return OK;
}

static enum err measure_string(struct str in, struct head h, size_t *ret_bytes) {
    if (h.value > in.n - h.bytes) return ERR_INPUT;
    size_t n = (size_t)h.value;
    if (h.major == TEXT && !str_is_utf8((struct str){ in.p + h.bytes, n })) return ERR_INPUT;
    *ret_bytes = h.bytes + n;
    return OK;
}

static enum err measure(struct str in, int depth, size_t *ret_bytes) {
    struct head h;
    if (!read_head(in, &h)) return ERR_INPUT;
    switch (h.major) {
    case UNSIGNED:
    case NEGATIVE:
        if (h.value > INT64_MAX) return ERR_INPUT;
        *ret_bytes = h.bytes;
        return OK;
    case BYTES:
    case TEXT: return measure_string(in, h, ret_bytes);
    case ARRAY:
    case MAP: return measure_members(in, h, depth, ret_bytes);
    case SIMPLE:
        if (h.value < FALSE_VALUE || h.value > NULL_VALUE) return ERR_INPUT;
        *ret_bytes = h.bytes;
        return OK;
    case TAG: break;
    }
    return ERR_INPUT;
}

enum err cbor_measure(struct str in, size_t *ret_bytes) {
    size_t n = 0;
    if (in.n > CBOR_BYTES_MAX) return ERR_TOO_LARGE;
    enum err r = measure(in, 0, &n);
    if (r == OK) *ret_bytes = n;
    return r;
}

enum err cbor_check(struct str in) {
    size_t n = 0;
    enum err r = cbor_measure(in, &n);
    if (r != OK) return r;
    return n == in.n ? OK : ERR_INPUT;
}

bool cbor_is_map(struct str item) {
    struct head h;
    return read_head(item, &h) && h.major == MAP;
}

enum err cbor_int(struct str item, int64_t *ret) {
    struct head h;
    if (!read_head(item, &h) || h.value > INT64_MAX || h.bytes != item.n) return ERR_INPUT;
    if (h.major != UNSIGNED && h.major != NEGATIVE) return ERR_INPUT;
    *ret = h.major == UNSIGNED ? (int64_t)h.value : -1 - (int64_t)h.value;
    return OK;
}

static enum err string(struct str item, enum major major, struct str *ret) {
    struct head h;
    if (!read_head(item, &h) || h.major != major || h.value != item.n - h.bytes) return ERR_INPUT;
    *ret = str_skip(item, h.bytes);
    return OK;
}

enum err cbor_bytes(struct str item, struct str *ret) { return string(item, BYTES, ret); }

enum err cbor_text(struct str item, struct str *ret) { return string(item, TEXT, ret); }

enum err cbor_count(struct str item, size_t *ret_members) {
    struct head h;
    if (!read_head(item, &h) || (h.major != ARRAY && h.major != MAP) || h.value > CBOR_ITEMS_MAX) return ERR_INPUT;
    *ret_members = (size_t)h.value;
    return OK;
}

/* Cuts the first item off. */
static bool next(struct str *left, struct str *ret) {
    size_t n;
    if (measure(*left, 0, &n) != OK) return false;
    *ret = (struct str){ left->p, n };
    *left = str_skip(*left, n);
    return true;
}

static bool is_label(struct str key, int64_t label) {
    int64_t v = 0;
    return cbor_int(key, &v) == OK && v == label;
}

static bool is_text(struct str key, const char *text) {
    struct str s;
    return cbor_text(key, &s) == OK && str_eq(s, str_from(text));
}

/* Looks for the text, or for the label when that is NULL. */
static enum err find(struct str map, const char *text, int64_t label, struct str *ret_value) {
    struct head h;
    struct str key, value;
    if (!read_head(map, &h) || h.major != MAP) return ERR_INPUT;
    struct str left = str_skip(map, h.bytes);
    for (uint64_t i = 0; i < h.value; i++) {
        if (!next(&left, &key) || !next(&left, &value)) return ERR_INPUT;
        if (text ? !is_text(key, text) : !is_label(key, label)) continue;
        *ret_value = value;
        return OK;
    }
    return ERR_NOT_FOUND;
}

enum err cbor_at_key(struct str map, const char *key, struct str *ret_value) { return find(map, key, 0, ret_value); }

enum err cbor_at_label(struct str map, int64_t label, struct str *ret_value) {
    return find(map, NULL, label, ret_value);
}

enum err cbor_at(struct str array, size_t index, struct str *ret_value) {
    struct head h;
    struct str value;
    if (!read_head(array, &h) || h.major != ARRAY) return ERR_INPUT;
    if (index >= h.value) return ERR_NOT_FOUND;
    struct str left = str_skip(array, h.bytes);
    for (size_t i = 0; i <= index; i++)
        if (!next(&left, &value)) return ERR_INPUT;
    *ret_value = value;
    return OK;
}
