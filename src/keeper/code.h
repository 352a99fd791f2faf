/* Codes: a few digits that live minutes, in the database only sealed under a key from the pepper. */
#ifndef TOCSIN_KEEPER_CODE_H
#define TOCSIN_KEEPER_CODE_H

#include "keeper/record.h"

enum code_way { CODE_THERE = 1, CODE_HERE, CODE_EMAIL };

#define CODE_LIFE_MS       (5 * (int64_t)60000)
#define EMAIL_CODE_LIFE_MS (60 * (int64_t)60000)
#define EMAIL_CODE_DIGITS  6
#define CODE_DIGITS_MOST   8

struct code {
    bool is_alive; /* there, and in its time */
    bool is_used;  /* its proof was counted */
    int64_t expires_ms;
    size_t n;
    char digits[CODE_DIGITS_MOST + 1];
};

enum err code_load(struct store_tx *tx, const struct step *s, enum code_way way, struct code *ret) MUST_CHECK;
/* A new one in the old one's place. */
enum err code_make(struct store_tx *tx, const struct step *s, enum code_way way, const struct code *c) MUST_CHECK;
enum err code_use(struct store_tx *tx, const struct step *s, enum code_way way) MUST_CHECK;
enum err codes_drop(struct store_tx *tx, const struct step *s) MUST_CHECK; /* all of the attempt */
void code_random(struct code *c, size_t digits);
/* What a person typed: digits, with blanks anywhere. Constant time in the digits. */
bool code_is(const struct code *c, struct str typed);

#endif
