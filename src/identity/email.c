/* Addresses and names as people type them: one spelling for look-ups, and nothing that could deceive a reader. */
#include <idn2.h>
#include <stdlib.h>
#include <uninorm.h>
#include <unistr.h>

#include "identity/identity.h"

#define LOCAL_BYTES_MAX 64
#define NAME_POINTS_MAX 64

/* Atext of RFC 5321 and dots between; UTF-8 above ASCII (RFC 6531). No quoted forms. */
static bool local_is_sound(struct str s) {
    static const char others[] = "!#$%&'*+-/=?^_`{|}~";
    if (s.n == 0 || s.n > LOCAL_BYTES_MAX || s.p[0] == '.' || s.p[s.n - 1] == '.') return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '.' && s.p[i + 1] == '.') return false;
        if (c >= 0x80 || c == '.' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) continue;
        if (c < 0x21 || !memchr(others, c, sizeof others - 1)) return false;
    }
    return true;
}

static bool domain_is_sound(const char *d) {
    size_t n = strlen(d), label = 0;
    if (n == 0 || n > 253) return false;
    for (size_t i = 0; i < n; i++) {
        char c = d[i];
        if (c == '.') {
            if (label == 0) return false;
            label = 0;
            continue;
        }
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-') || ++label > 63) return false;
    }
    return label > 0;
}

static enum err domain_spell(struct str typed, struct arena *a, struct str *ret) {
    char *z = arena_dup_z(a, typed), *ascii = NULL;
    enum err r = ERR_INPUT;
    if (!z) return ERR_NOMEM;
    if (typed.n == 0 || typed.n > 253) return ERR_INPUT;
    if (idn2_to_ascii_8z(z, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) return ERR_INPUT;
    for (char *p = ascii; *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p | 0x20);
    if (domain_is_sound(ascii)) {
        *ret = arena_dup(a, str_from(ascii));
        r = ret->p ? OK : ERR_NOMEM;
    }
    idn2_free(ascii);
    return r;
}

static enum err local_spell(struct str typed, struct arena *a, struct str *ret) {
    size_t n = 0;
    uint8_t *nfc;
    char *p;
    if (!local_is_sound(typed)) return ERR_INPUT;
    nfc = u8_normalize(UNINORM_NFC, (const uint8_t *)typed.p, typed.n, NULL, &n);
    if (!nfc) return ERR_NOMEM;
    p = arena_dup_z(a, str_bytes(nfc, n));
    free(nfc);
    if (!p) return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] | 0x20);
    *ret = str_bytes(p, n);
    return OK;
}

enum err email_normalize(struct str typed, struct arena *a, struct str *ret_email) {
    struct str local, domain;
    const char *at;
    enum err r;
    typed = str_trim(typed);
    if (typed.n < 3 || typed.n > EMAIL_BYTES_MAX || !str_is_utf8(typed)) return ERR_INPUT;
    if (memchr(typed.p, 0, typed.n)) return ERR_INPUT;
    at = memrchr(typed.p, '@', typed.n);
    if (!at) return ERR_INPUT;
    if ((r = local_spell(str_bytes(typed.p, (size_t)(at - typed.p)), a, &local)) != OK) return r;
    if ((r = domain_spell(str_skip(typed, (size_t)(at - typed.p) + 1), a, &domain)) != OK) return r;
    if (local.n + 1 + domain.n > EMAIL_BYTES_MAX) return ERR_INPUT;
    *ret_email = str_from(arena_fmt(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain)));
    return ret_email->p ? OK : ERR_NOMEM;
}

/* Characters that change how the text around them is read, or that are not seen. */
static bool point_is_fair(ucs4_t c) {
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
    if (c >= 0x200b && c <= 0x200f) return false;
    if (c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f)) return false;
    if (c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff)) return false;
    return true;
}

bool text_is_fair(struct str s, size_t points_max) {
    size_t points = 0;
    if (!str_is_utf8(s)) return false;
    for (size_t i = 0; i < s.n; points++) {
        ucs4_t c = 0;
        int n = u8_mbtouc(&c, (const uint8_t *)s.p + i, s.n - i);
        if (n <= 0 || !point_is_fair(c)) return false;
        i += (size_t)n;
    }
    return points <= points_max;
}

enum err name_check(struct str typed, struct str *ret_name) {
    typed = str_trim(typed);
    if (typed.n > NAME_BYTES_MAX * 2 || !text_is_fair(typed, NAME_POINTS_MAX)) return ERR_INPUT;
    *ret_name = typed;
    return OK;
}
