/* The reader is a cursor that only moves forward; every function says whether what stands there is sound. */
#include "base/jobject.h"

struct cursor {
    struct str left;
    int depth;
    enum err why; /* of the first refusal */
};

static enum err read_members(struct cursor *c, struct jmember *member, size_t *ret_n);

static bool refuse(struct cursor *c, enum err why) {
    if (c->why == OK) c->why = why;
    return false;
}

static char peek(const struct cursor *c) { return c->left.n > 0 ? c->left.p[0] : 0; }

static bool take(struct cursor *c, char want) {
    if (peek(c) != want || c->left.n == 0) return false;
    c->left = str_skip(c->left, 1);
    return true;
}

static void skip_blanks(struct cursor *c) {
    while (take(c, ' ') || take(c, '\t') || take(c, '\n') || take(c, '\r')) {}
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits after "\u"; -1 when they are none. */
static int32_t hex4(struct str s) {
    int32_t v = 0;
    if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u') return -1;
    for (size_t i = 2; i < 6; i++) {
        int d = hex_digit(s.p[i]);
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

/* An escape's bytes and code point; 0 when it is none, means NUL or half a character. */
static size_t escape(struct str s, uint32_t *ret_point) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = s.n > 1 && s.p[1] ? strchr(from, s.p[1]) : NULL;
    if (at) {
        *ret_point = (unsigned char)to[at - from];
        return 2;
    }
    int32_t high = hex4(s), low;
    if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff)) return 0;
    if (high < 0xd800 || high > 0xdfff) {
        *ret_point = (uint32_t)high;
        return 6;
    }
    low = hex4(str_skip(s, 6));
    if (low < 0xdc00 || low > 0xdfff) return 0;
    *ret_point = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    return 12;
}

/* The next character of a string's inside; 0 when there is none that may stand there. */
static size_t next_point(struct str s, uint32_t *ret_point) {
    if (s.n == 0 || (unsigned char)s.p[0] < 0x20) return 0;
    return s.p[0] == '\\' ? escape(s, ret_point) : str_code_point(s, ret_point);
}

static bool read_string(struct cursor *c, struct str *ret) {
    uint32_t ignored;
    if (!take(c, '"')) return refuse(c, ERR_INPUT);
    const char *from = c->left.p;
    while (peek(c) != '"') {
        size_t n = next_point(c->left, &ignored);
        if (n == 0) return refuse(c, ERR_INPUT);
        c->left = str_skip(c->left, n);
    }
    *ret = (struct str){ from, (size_t)(c->left.p - from) };
    return take(c, '"');
}

static bool same_text(struct str a, struct str b) {
    while (a.n > 0 && b.n > 0) {
        uint32_t x = 0, y = 0;
        size_t an = next_point(a, &x), bn = next_point(b, &y);
        if (an == 0 || bn == 0 || x != y) return false;
        a = str_skip(a, an);
        b = str_skip(b, bn);
    }
    return a.n == b.n;
}

static bool digits(struct cursor *c) {
    size_t before = c->left.n;
    while (peek(c) >= '0' && peek(c) <= '9') c->left = str_skip(c->left, 1);
    return c->left.n < before;
}

static bool read_number(struct cursor *c) {
    (void)take(c, '-'); /* a sign may stand there */
    if (!take(c, '0') && !digits(c)) return refuse(c, ERR_INPUT);
    if (take(c, '.') && !digits(c)) return refuse(c, ERR_INPUT);
    if (!take(c, 'e') && !take(c, 'E')) return true;
    if (!take(c, '+')) (void)take(c, '-'); /* likewise */
    return digits(c) || refuse(c, ERR_INPUT);
}

static bool read_word(struct cursor *c, enum jkind *ret_kind) {
    static const struct {
        const char *word;
        enum jkind kind;
    } words[] = { { "true", JKIND_TRUE }, { "false", JKIND_FALSE }, { "null", JKIND_NULL } };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_starts(c->left, str_from(words[i].word))) continue;
        c->left = str_skip(c->left, strlen(words[i].word));
        *ret_kind = words[i].kind;
        return true;
    }
    return refuse(c, ERR_INPUT);
}

static bool read_value(struct cursor *c, struct jmember *m);

static bool read_array(struct cursor *c) {
    struct jmember ignored;
    if (!take(c, '[')) return refuse(c, ERR_INPUT);
    skip_blanks(c);
    if (take(c, ']')) return true;
    for (;;) {
        if (!read_value(c, &ignored)) return false;
        if (take(c, ']')) return true;
        if (!take(c, ',')) return refuse(c, ERR_INPUT);
    }
}

static bool read_nested(struct cursor *c, enum jkind kind) {
    struct jmember members[JOBJECT_MEMBERS_MAX];
    size_t n;
    if (c->depth >= JOBJECT_DEPTH_MAX) return refuse(c, ERR_TOO_LARGE);
    c->depth++;
    bool is_sound = kind == JKIND_ARRAY ? read_array(c) : read_members(c, members, &n) == OK;
    c->depth--;
    return is_sound;
}

/* A value and the blanks around it. */
static bool read_value(struct cursor *c, struct jmember *m) {
    bool is_sound;
    skip_blanks(c);
    const char *from = c->left.p;
    switch (peek(c)) {
    case '"': m->kind = JKIND_STRING; break;
    case '{': m->kind = JKIND_OBJECT; break;
    case '[': m->kind = JKIND_ARRAY; break;
    case 't':
    case 'f':
    case 'n': m->kind = JKIND_NULL; break; /* which of them, read_word says */
    default: m->kind = JKIND_NUMBER;
    }
    if (m->kind == JKIND_STRING)
        is_sound = read_string(c, &m->value);
    else if (m->kind == JKIND_NUMBER)
        is_sound = read_number(c);
    else if (m->kind == JKIND_NULL)
        is_sound = read_word(c, &m->kind);
    else
        is_sound = read_nested(c, m->kind);
    if (!is_sound) return false;
    if (m->kind != JKIND_STRING) m->value = (struct str){ from, (size_t)(c->left.p - from) };
    skip_blanks(c);
    return true;
}

static bool read_member(struct cursor *c, struct jmember *member, size_t n) {
    if (n == JOBJECT_MEMBERS_MAX) return refuse(c, ERR_TOO_LARGE);
    skip_blanks(c);
    if (!read_string(c, &member[n].name)) return false;
    for (size_t i = 0; i < n; i++)
        if (same_text(member[i].name, member[n].name)) return refuse(c, ERR_INPUT);
    skip_blanks(c);
    return take(c, ':') ? read_value(c, &member[n]) : refuse(c, ERR_INPUT);
}

static enum err read_members(struct cursor *c, struct jmember *member, size_t *ret_n) {
    size_t n = 0;
    if (!take(c, '{')) return c->why = ERR_INPUT;
    skip_blanks(c);
    bool is_closed = take(c, '}');
    while (!is_closed) {
        if (!read_member(c, member, n)) return c->why;
        n++;
        is_closed = take(c, '}');
        if (!is_closed && !take(c, ',')) return c->why = ERR_INPUT;
    }
    *ret_n = n;
    return OK;
}

enum err jobject_read(struct str text, struct jobject *ret) {
    struct cursor c = { .left = text };
    struct jobject o = { 0 };
    enum err r;
    if (text.n > JOBJECT_BYTES_MAX) return ERR_TOO_LARGE;
    skip_blanks(&c);
    if ((r = read_members(&c, o.member, &o.n)) != OK) return r;
    skip_blanks(&c);
    if (c.left.n > 0) return ERR_INPUT;
    *ret = o;
    return OK;
}

static const struct jmember *find(const struct jobject *o, const char *name) {
    for (size_t i = 0; i < o->n; i++) {
        /* Names that callers ask for are plain words, but the text may spell them with escapes. */
        if (same_text(o->member[i].name, str_from(name))) return &o->member[i];
    }
    return NULL;
}

enum jkind jobject_kind(const struct jobject *o, const char *name) {
    const struct jmember *m = find(o, name);
    return m ? m->kind : JKIND_NONE;
}

bool jobject_is(const struct jobject *o, const char *name, struct str text) {
    const struct jmember *m = find(o, name);
    if (!m || m->kind != JKIND_STRING) return false;
    struct str left = m->value;
    while (left.n > 0 && text.n > 0) {
        uint32_t x = 0, y = 0;
        size_t xn = next_point(left, &x), yn = str_code_point(text, &y);
        if (xn == 0 || yn == 0 || x != y) return false;
        left = str_skip(left, xn);
        text = str_skip(text, yn);
    }
    return left.n == text.n;
}

static void add_point(struct buf *b, uint32_t c) {
    if (c < 0x80) {
        buf_add_c(b, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_add_c(b, (char)(0xc0 | (c >> 6)));
    } else if (c < 0x10000) {
        buf_add_c(b, (char)(0xe0 | (c >> 12)));
        buf_add_c(b, (char)(0x80 | ((c >> 6) & 0x3f)));
    } else {
        buf_add_c(b, (char)(0xf0 | (c >> 18)));
        buf_add_c(b, (char)(0x80 | ((c >> 12) & 0x3f)));
        buf_add_c(b, (char)(0x80 | ((c >> 6) & 0x3f)));
    }
    buf_add_c(b, (char)(0x80 | (c & 0x3f)));
}

enum err jobject_text(const struct jobject *o, const char *name, struct buf *to) {
    const struct jmember *m = find(o, name);
    if (!m || m->kind != JKIND_STRING) return ERR_NOT_FOUND;
    for (struct str left = m->value; left.n > 0;) {
        uint32_t c = 0;
        size_t n = next_point(left, &c);
        if (n == 0) return ERR_INPUT; /* jobject_read took none such */
        add_point(to, c);
        left = str_skip(left, n);
    }
    return buf_err(to);
}
