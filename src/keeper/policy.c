/*
 * Which new passwords are refused, and what a person is told. The estimator knows bytes and English habits only, so
 * letters beyond ASCII are judged twice: by what they look like without their marks, and by how many differ.
 */
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>
#include <zxcvbn.h>

#include "base/secret.h"
#include "keeper/common.h"
#include "keeper/password.h"

#define ESTIMATE_BYTES_MAX 100  /* the estimator's time grows fast with length */
#define SCORE_3_BITS       26.6 /* its own bands: 10, 20, 26.6, 33.2 bits */
#define DIFFERENT_LEAST    4

static bool weak(char reason[PASSWORD_REASON_BYTES_MAX], const char *why) {
    snprintf(reason, PASSWORD_REASON_BYTES_MAX, "%s", why);
    return true;
}

static bool is_common(const char *word) {
    size_t low = 0, high = common_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(common_text + common_at[middle], word);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* The worst habit in it, in words. */
static const char *habit(const ZxcMatch_t *parts) {
    static const char *const said[] = {
        [NON_MATCH] = "it is short and easily found by trying",
        [BRUTE_MATCH] = "it is short and easily found by trying",
        [DICTIONARY_MATCH] = "it is built on a common word or name",
        [DICT_LEET_MATCH] = "it is built on a common word, and swapping letters for signs is tried too",
        [USER_MATCH] = "it is built on a common word or name",
        [USER_LEET_MATCH] = "it is built on a common word or name",
        [REPEATS_MATCH] = "it repeats the same characters",
        [SEQUENCE_MATCH] = "it follows a sequence such as abcd or 4321",
        [SPATIAL_MATCH] = "it follows neighbouring keys of the keyboard",
        [DATE_MATCH] = "it holds a date",
        [YEAR_MATCH] = "it holds a year",
        [LONG_PWD_MATCH] = "it repeats itself",
    };
    const ZxcMatch_t *worst = NULL;
    for (; parts; parts = parts->Next) {
        unsigned type = (unsigned)parts->Type & ~(unsigned)MULTIPLE_MATCH;
        if (type <= BRUTE_MATCH || type >= ARRAY_LEN(said)) continue;
        if (!worst || parts->Length > worst->Length) worst = parts;
    }
    return said[worst ? (unsigned)worst->Type & ~(unsigned)MULTIPLE_MATCH : (unsigned)BRUTE_MATCH];
}

static bool is_guessed_soon(const char *ascii, char reason[PASSWORD_REASON_BYTES_MAX]) {
    char cut[ESTIMATE_BYTES_MAX + 1];
    ZxcMatch_t *parts = NULL;
    snprintf(cut, sizeof cut, "%s", ascii);
    double bits = ZxcvbnMatch(cut, NULL, &parts);
    bool is_weak = bits < SCORE_3_BITS;
    if (is_weak)
        snprintf(reason, PASSWORD_REASON_BYTES_MAX,
                 "This password would be guessed soon: %s. Three or four random words make a good one.", habit(parts));
    ZxcvbnFreeInfo(parts);
    bytes_wipe(cut, sizeof cut);
    return is_weak;
}

struct shape {
    size_t points, different;
    bool is_ascii, has_control;
};

static void count_point(struct shape *shape, ucs4_t *seen, ucs4_t point) {
    size_t i = 0;
    while (i < shape->different && seen[i] != point) i++;
    if (i == shape->different && shape->different < DIFFERENT_LEAST) seen[shape->different++] = point;
    shape->points++;
    if (point >= 0x80) shape->is_ascii = false;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) shape->has_control = true;
}

static struct shape shape_of(const struct password *p) {
    struct shape shape = { .is_ascii = true };
    ucs4_t seen[DIFFERENT_LEAST] = { 0 };
    for (size_t at = 0; at < p->n;) {
        ucs4_t point;
        int n = u8_mbtouc(&point, p->b + at, p->n - at);
        count_point(&shape, seen, point);
        at += n > 0 ? (size_t)n : 1;
    }
    bytes_wipe(seen, sizeof seen);
    return shape;
}

/* Lower case, compatibility forms and marks removed: what the list's and the estimator's authors would have typed. */
static void fold(const struct password *p, char out[PASSWORD_NFC_BYTES_MAX + 1], bool *ret_is_ascii) {
    size_t n = 0, used = 0;
    uint8_t *plain = u8_normalize(UNINORM_NFKD, p->b, p->n, NULL, &n);
    *ret_is_ascii = plain != NULL;
    for (size_t at = 0; plain && at < n;) {
        ucs4_t point;
        int took = u8_mbtouc(&point, plain + at, n - at);
        at += took > 0 ? (size_t)took : 1;
        if (uc_combining_class(point) != 0) continue;
        if (point >= 0x80 || point == 0)
            *ret_is_ascii = false;
        else if (used < PASSWORD_NFC_BYTES_MAX)
            out[used++] = (char)(point >= 'A' && point <= 'Z' ? point + 32 : point);
    }
    out[used] = 0;
    if (!plain) return;
    bytes_wipe(plain, n);
    free(plain);
}

static bool is_foreseeable(const struct password *p, const struct shape *shape,
                           char reason[PASSWORD_REASON_BYTES_MAX]) {
    char folded[PASSWORD_NFC_BYTES_MAX + 1], typed[PASSWORD_NFC_BYTES_MAX + 1];
    bool is_ascii_folded = false;
    fold(p, folded, &is_ascii_folded);
    memcpy(typed, p->b, p->n);
    typed[p->n] = 0;
    bool is_weak = false;
    if (is_ascii_folded && is_common(folded))
        is_weak = weak(reason, "This password is one of the most used ones, so it is tried first. Choose another.");
    else if (shape->different < DIFFERENT_LEAST)
        is_weak = weak(reason, "This password has too few different characters. Use at least four.");
    else if (shape->is_ascii)
        is_weak = is_guessed_soon(typed, reason);
    else if (is_ascii_folded)
        is_weak = is_guessed_soon(folded, reason);
    bytes_wipe(folded, sizeof folded);
    bytes_wipe(typed, sizeof typed);
    return is_weak;
}

static bool is_short(const struct shape *shape, int64_t points_least, char reason[PASSWORD_REASON_BYTES_MAX]) {
    if ((int64_t)shape->points >= points_least) return false;
    snprintf(reason, PASSWORD_REASON_BYTES_MAX, "A password needs at least %lld characters.", (long long)points_least);
    return true;
}

static bool has_bad_shape(const struct shape *shape, char reason[PASSWORD_REASON_BYTES_MAX]) {
    if (shape->has_control)
        return weak(reason, "A password can't hold control characters, because not every keyboard can type them.");
    if (shape->points > PASSWORD_POINTS_MOST) return weak(reason, "A password can have at most 256 characters.");
    return false;
}

bool password_is_weak(struct str typed, int64_t points_least, char reason[PASSWORD_REASON_BYTES_MAX]) {
    struct password p;
    if (typed.n > PASSWORD_NFC_BYTES_MAX / 3) return weak(reason, "A password can have at most 256 characters.");
    if (password_read(typed, &p) != OK) return weak(reason, "This password is not sound text in UTF-8.");
    struct shape shape = shape_of(&p);
    bool is_weak =
        has_bad_shape(&shape, reason) || is_short(&shape, points_least, reason) || is_foreseeable(&p, &shape, reason);
    password_release(&p);
    return is_weak;
}
