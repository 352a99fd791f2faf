/* The alert page's form, as a browser posts it (application/x-www-form-urlencoded). */
#include "web/web_priv.h"

#define NOTE_BYTES_MAX 1000

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum err decode(struct str s, struct arena *a, struct str *ret) {
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    if (!out) return ERR_NOMEM;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            if (i + 2 >= s.n || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0) return ERR_INPUT;
            c = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (c == '\0') return ERR_INPUT;
        out[n++] = c;
    }
    *ret = str_bytes(out, n);
    return str_is_utf8(*ret) ? OK : ERR_INPUT;
}

enum { HAS_ANSWER = 1, HAS_TELL = 2, HAS_NOTE = 4 };

static unsigned take(struct str name, struct str value, struct alert_form *f) {
    if (str_eq(name, STR("answer"))) {
        f->is_me = str_eq(value, STR("me"));
        return f->is_me || str_eq(value, STR("not_me")) ? HAS_ANSWER : 0;
    }
    if (str_eq(name, STR("tell_security_team"))) {
        f->tell_security_team = true;
        return str_eq(value, STR("on")) ? HAS_TELL : 0;
    }
    if (!str_eq(name, STR("note")) || value.n > NOTE_BYTES_MAX) return 0;
    f->note = value;
    return HAS_NOTE;
}

enum err form_read(struct str body, struct arena *a, struct alert_form *ret) {
    unsigned seen = 0;
    *ret = (struct alert_form){ .note = STR("") };
    if (str_ends(body, STR("&"))) return ERR_INPUT;
    while (body.n > 0) {
        struct str pair, name, value;
        unsigned bit;
        enum err r;
        body = str_cut(body, '&', &pair);
        value = str_cut(pair, '=', &name);
        if ((r = decode(name, a, &name)) != OK || (r = decode(value, a, &value)) != OK) return r;
        bit = take(name, value, ret);
        if (bit == 0 || (seen & bit)) return ERR_INPUT;
        seen |= bit;
    }
    return seen & HAS_ANSWER ? OK : ERR_INPUT;
}
