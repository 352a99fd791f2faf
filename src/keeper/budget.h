/*
 * Guess budgets: at most so many tries in any window of that length, per account, factor and bucket, whatever path they
 * came by, and for accounts that don't exist too. A try is reserved in one atomic statement before the work; a right
 * answer gives its reservation back. The row holds a stamp a try, so that the window truly slides.
 */
#ifndef TOCSIN_KEEPER_BUDGET_H
#define TOCSIN_KEEPER_BUDGET_H

#include "base/arena.h"
#include "core/ids.h"
#include "store/store.h"

enum budget_factor { /* stored */
                     BUDGET_PASSWORD = 1,
                     BUDGET_CODE_MADE_HOUR,
                     BUDGET_CODE_MADE_DAY,
                     BUDGET_CODE_WRONG,
                     BUDGET_HERE_MADE_HOUR, /* shown_here has its own: a stranger must not spend the owner's */
                     BUDGET_HERE_MADE_DAY,
                     BUDGET_EMAIL_MADE,
                     BUDGET_RECOVERY_KEY,
                     BUDGET_FACTOR_COUNT,
};

struct budget_rule {
    int limit;
    int64_t window_ms;
    bool closes; /* once spent, shut for a whole window from then on */
};
extern const struct budget_rule budget_rules[BUDGET_FACTOR_COUNT];

#define BUDGET_STAMP_CHARS 21
#define FAILURES_MOST      100 /* in a row: the authenticator is disabled */

struct budget_try {
    struct account_id account;
    enum budget_factor factor;
    struct device_id bucket; /* a known device, or zero: all others together */
    int64_t now_ms;
    char stamp[BUDGET_STAMP_CHARS + 1]; /* ours: names the reservation */
};

/* Prepares a try; the same one may be taken again by a transaction that runs again. */
void budget_try_init(struct budget_try *t, struct account_id account, enum budget_factor factor, int64_t now_ms);
/* Reserves. *ret_is_taken false: spent, for *ret_retry_ms more. */
enum err budget_take(struct store_tx *tx, const struct budget_try *t, struct arena *arena, bool *ret_is_taken,
                     int64_t *ret_retry_ms) MUST_CHECK;
enum err budget_give_back(struct store_tx *tx, const struct budget_try *t) MUST_CHECK;
/* After a try that stays spent: true when it was the last one and this was not told in this window yet. */
enum err budget_note_spent(struct store_tx *tx, const struct budget_try *t, struct arena *arena,
                           bool *ret_is_just_spent) MUST_CHECK;
/* Is it spent now? Reserves nothing. 0 when not. */
enum err budget_retry_ms(struct store_tx *tx, const struct budget_try *t, struct arena *arena,
                         int64_t *ret_retry_ms) MUST_CHECK;

/* Failures in a row, one added before the work; disabled once FAILURES_MOST were before this one. */
enum err failure_add(struct store_tx *tx, const struct budget_try *t, struct arena *arena,
                     bool *ret_is_disabled) MUST_CHECK;
enum err failure_take_back(struct store_tx *tx, const struct budget_try *t) MUST_CHECK; /* no work was done */
enum err failure_clear(struct store_tx *tx, struct account_id account, enum budget_factor factor) MUST_CHECK;
enum err failure_is_disabled(struct store_tx *tx, const struct budget_try *t, struct arena *arena,
                             bool *ret_is_disabled) MUST_CHECK;

#endif
