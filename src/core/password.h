/*
 * What a password is, and how soon it would be guessed: by the most used ones, by habits (zxcvbn), by what others know
 * of its person, and by a list of stolen ones. NIST SP 800-63B-4, 3.1.1.2. Hashing is the keeper's alone.
 */
#ifndef TOCSIN_CORE_PASSWORD_H
#define TOCSIN_CORE_PASSWORD_H

#include "base/str.h"
#include "core/breached.h"

#define PASSWORD_NFC_BYTES_MAX    3072 /* the most that 1024 bytes grow to */
#define PASSWORD_POINTS_MOST      256
#define PASSWORD_REASON_BYTES_MAX 200
#define PASSWORD_SCORE_LEAST      3  /* below, it is refused */
#define PASSWORD_HINTS_MAX        32 /* words of `about` that count */

struct password { /* the NFC form; wipe with password_release */
    uint8_t b[PASSWORD_NFC_BYTES_MAX];
    size_t n;
};
/* ERR_INPUT: not UTF-8, or over the limit. Then *ret is the empty password, so that the same work can be done on it. */
enum err password_read(struct str typed, struct password *ret) MUST_CHECK;
void password_release(struct password *p);

struct password_rules {
    int64_t points_least;      /* characters that the policy asks for */
    struct breached *breached; /* stolen ones; NULL: no list */
    const struct str *about;   /* what others know of the person, such as name and address */
    size_t about_n;
};

enum password_verdict { PASSWORD_ACCEPTED, PASSWORD_WEAK, PASSWORD_BREACHED };

enum password_habit { /* what makes it easy to guess: the longest part that has such a habit */
                      HABIT_NONE,
                      HABIT_SHORT,
                      HABIT_SHAPE, /* too long, control characters, no UTF-8 */
                      HABIT_COMMON,
                      HABIT_FEW_DIFFERENT,
                      HABIT_WORD,
                      HABIT_SIGNS_FOR_LETTERS,
                      HABIT_ABOUT_PERSON,
                      HABIT_REPEATS,
                      HABIT_SEQUENCE,
                      HABIT_KEYBOARD,
                      HABIT_DATE,
                      HABIT_TRIED_OUT, /* few characters without any pattern */
};

struct password_judgement {
    enum password_verdict verdict;
    enum password_habit habit; /* also of one that is accepted */
    int score;                 /* 0 to 4: 10, 20, 26.6, 33.2 bits */
    double guesses_log10;
    int64_t breached;                       /* how often it was found among stolen ones */
    char reason[PASSWORD_REASON_BYTES_MAX]; /* for a person; empty where it is accepted */
};
void password_judge(struct str typed, const struct password_rules *rules, struct password_judgement *ret);

#endif
