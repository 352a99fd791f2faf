/*
 * Which new passwords are refused, and what a person is told. The estimator knows bytes and English habits only, so
 * letters beyond ASCII are judged twice: by what they look like without their marks, and by how many differ.
 */
#include <math.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>
#include <zxcvbn.h>

#include "base/log.h"
#include "base/secret.h"
#include "core/common_passwords.h"
#include "core/password.h"

#define ESTIMATE_BYTES_MAX 100 /* the estimator's time grows fast with length */
#define DIFFERENT_LEAST    4
#define FOREIGN_BITS       4.0 /* of a character that the estimator does not know: words of any language have more */
#define WORD_BYTES_LEAST   4   /* shorter ones stand in too many words by chance */
#define WORD_BYTES_MAX     64
#define LOG10_STOLEN       9.0 /* about as many passwords are known to thieves */

static const double bands[] = { 10, 20, 26.6, 33.2 }; /* bits: the estimator's own scores */

static const struct {
    const char *said; /* of a password that would be guessed soon */
    enum password_habit habit;
} habits[] = {
    [NON_MATCH] = { "it is short and easily found by trying", HABIT_TRIED_OUT },
    [BRUTE_MATCH] = { "it is short and easily found by trying", HABIT_TRIED_OUT },
    [DICTIONARY_MATCH] = { "it is built on a common word or name", HABIT_WORD },
    [DICT_LEET_MATCH] = { "it is built on a common word, and swapping letters for signs is tried too",
                          HABIT_SIGNS_FOR_LETTERS },
    [USER_MATCH] = { "it is built on your name or address, or on ours, which are easy to find", HABIT_ABOUT_PERSON },
    [USER_LEET_MATCH] = { "it is built on your name or address, or on ours, which are easy to find",
                          HABIT_ABOUT_PERSON },
    [REPEATS_MATCH] = { "it repeats the same characters", HABIT_REPEATS },
    [SEQUENCE_MATCH] = { "it follows a sequence such as abcd or 4321", HABIT_SEQUENCE },
    [SPATIAL_MATCH] = { "it follows neighbouring keys of the keyboard", HABIT_KEYBOARD },
    [DATE_MATCH] = { "it holds a date", HABIT_DATE },
    [YEAR_MATCH] = { "it holds a year", HABIT_DATE },
    [LONG_PWD_MATCH] = { "it repeats itself", HABIT_REPEATS },
};

static void refuse(struct password_judgement *j, enum password_habit habit, const char *why) {
    j->verdict = PASSWORD_WEAK;
    j->habit = habit;
    snprintf(j->reason, sizeof j->reason, "%s", why);
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

static void set_bits(struct password_judgement *j, double bits) {
    j->score = 0;
    while (j->score < (int)ARRAY_LEN(bands) && bits >= bands[j->score]) j->score++;
    j->guesses_log10 = bits * log10(2);
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

/* ---- what others know of the person ---- */

struct known {
    char text[PASSWORD_HINTS_MAX][WORD_BYTES_MAX];
    const char *words[PASSWORD_HINTS_MAX + 1]; /* ended by NULL */
    size_t n;
};

static bool is_of_word(char c) { return c >= 'a' && c <= 'z'; }

static void add_word(struct known *k, struct str word) {
    if (k->n == PASSWORD_HINTS_MAX || word.n < WORD_BYTES_LEAST || word.n >= WORD_BYTES_MAX) return;
    memcpy(k->text[k->n], word.p, word.n);
    k->text[k->n][word.n] = 0;
    k->words[k->n] = k->text[k->n];
    k->n++;
}

/* As a whole, and each word of it, without the digits around. */
static void add_words(struct known *k, const char *folded) {
    struct str all = str_from(folded);
    add_word(k, all);
    for (size_t at = 0; at < all.n;) {
        size_t n = 0;
        while (at + n < all.n && is_of_word(all.p[at + n])) n++;
        if (n < all.n) add_word(k, (struct str){ all.p + at, n });
        at += n > 0 ? n : 1;
    }
}

static void read_known(const struct password_rules *rules, struct known *ret) {
    struct password text;
    char folded[PASSWORD_NFC_BYTES_MAX + 1];
    bool is_ascii = false;
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < rules->about_n; i++) {
        if (password_read(rules->about[i], &text) != OK) continue;
        fold(&text, folded, &is_ascii);
        if (is_ascii) add_words(ret, folded);
    }
}

/* ---- the estimate ---- */

static unsigned worst_type(const ZxcMatch_t *parts) {
    const ZxcMatch_t *worst = NULL;
    for (; parts; parts = parts->Next) {
        unsigned type = (unsigned)parts->Type & ~(unsigned)MULTIPLE_MATCH;
        if (type <= BRUTE_MATCH || type >= ARRAY_LEN(habits)) continue;
        if (!worst || parts->Length > worst->Length) worst = parts;
    }
    return worst ? (unsigned)worst->Type & ~(unsigned)MULTIPLE_MATCH : BRUTE_MATCH;
}

/* Words of the person count where they are half of it or more: one among others is as good as any. */
static bool is_about_person(const ZxcMatch_t *parts, size_t n) {
    size_t about = 0;
    for (; parts; parts = parts->Next) {
        unsigned type = (unsigned)parts->Type & ~(unsigned)MULTIPLE_MATCH;
        if (type == USER_MATCH || type == USER_LEET_MATCH) about += (size_t)parts->Length;
    }
    return 2 * about >= n;
}

static void estimate(const char *ascii, struct known *known, struct password_judgement *j) {
    char cut[ESTIMATE_BYTES_MAX + 1] = "";
    size_t n = strnlen(ascii, ESTIMATE_BYTES_MAX);
    ZxcMatch_t *parts = NULL;
    memcpy(cut, ascii, n);
    double bits = ZxcvbnMatch(cut, known->words, &parts);
    if (!is_about_person(parts, n)) {
        ZxcvbnFreeInfo(parts);
        bits = ZxcvbnMatch(cut, NULL, &parts);
    }
    unsigned type = worst_type(parts);
    set_bits(j, bits);
    j->habit = habits[type].habit;
    if (j->score < PASSWORD_SCORE_LEAST) {
        j->verdict = PASSWORD_WEAK;
        snprintf(j->reason, sizeof j->reason,
                 "This password would be guessed soon: %s. Three or four random words make a good one.",
                 habits[type].said);
    }
    ZxcvbnFreeInfo(parts);
    bytes_wipe(cut, sizeof cut);
}

static void foresee(const struct password *p, const struct shape *shape, const struct password_rules *rules,
                    struct password_judgement *j) {
    char folded[PASSWORD_NFC_BYTES_MAX + 1], typed[PASSWORD_NFC_BYTES_MAX + 1];
    struct known known;
    bool is_ascii_folded = false;
    fold(p, folded, &is_ascii_folded);
    read_known(rules, &known);
    memcpy(typed, p->b, p->n);
    typed[p->n] = 0;
    if (is_ascii_folded && is_common(folded)) {
        set_bits(j, 0);
        refuse(j, HABIT_COMMON, "This password is one of the most used ones, so it is tried first. Choose another.");
    } else if (shape->different < DIFFERENT_LEAST) {
        set_bits(j, 0);
        refuse(j, HABIT_FEW_DIFFERENT, "This password has too few different characters. Use at least four.");
    } else if (shape->is_ascii || is_ascii_folded) {
        estimate(shape->is_ascii ? typed : folded, &known, j);
    } else {
        set_bits(j, FOREIGN_BITS * (double)shape->points);
    }
    bytes_wipe(folded, sizeof folded);
    bytes_wipe(typed, sizeof typed);
}

static void look_up(const struct password *p, const struct password_rules *rules, struct password_judgement *j) {
    enum err r = breached_count(rules->breached, (struct str){ (const char *)p->b, p->n }, &j->breached);
    if (r != OK) log_event(LOG_LEVEL_ERROR, "sys_breached_passwords_unreadable", LOG_Z("error", err_name(r)));
    if (r != OK || j->breached == 0) return;
    j->score = 0;
    j->guesses_log10 = fmin(j->guesses_log10, LOG10_STOLEN);
    if (j->verdict == PASSWORD_WEAK) return;
    j->verdict = PASSWORD_BREACHED;
    snprintf(j->reason, sizeof j->reason,
             "This password was found %lld times among stolen ones, so it is tried first. Choose another.",
             (long long)j->breached);
}

static void judge(const struct password *p, const struct password_rules *rules, struct password_judgement *j) {
    struct shape shape = shape_of(p);
    if (shape.has_control) {
        refuse(j, HABIT_SHAPE, "A password can't hold control characters, because not every keyboard can type them.");
        return;
    }
    if (shape.points > PASSWORD_POINTS_MOST) {
        refuse(j, HABIT_SHAPE, "A password can have at most 256 characters.");
        return;
    }
    foresee(p, &shape, rules, j);
    if ((int64_t)shape.points < rules->points_least) {
        refuse(j, HABIT_SHORT, "");
        snprintf(j->reason, sizeof j->reason, "A password needs at least %lld characters.",
                 (long long)rules->points_least);
        if (j->score >= PASSWORD_SCORE_LEAST) j->score = PASSWORD_SCORE_LEAST - 1;
    }
    look_up(p, rules, j);
}

void password_judge(struct str typed, const struct password_rules *rules, struct password_judgement *ret) {
    struct password p = { .n = 0 };
    *ret = (struct password_judgement){ .verdict = PASSWORD_ACCEPTED };
    if (typed.n > PASSWORD_NFC_BYTES_MAX / 3)
        refuse(ret, HABIT_SHAPE, "A password can have at most 256 characters.");
    else if (password_read(typed, &p) != OK)
        refuse(ret, HABIT_SHAPE, "This password is not sound text in UTF-8.");
    else
        judge(&p, rules, ret);
    password_release(&p);
}
