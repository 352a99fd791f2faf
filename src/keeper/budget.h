/*
 * Guess budgets: at most so many tries in any window of that length, per account, factor and bucket, whatever path they
 * came by, and for accounts that don't exist too. A try is reserved in one atomic statement before the work; a right
 * answer gives its reservation back. The row holds a stamp a try, so that the window truly slides.
 *
 * Beside it failures in a row are counted for the same bucket (NIST SP 800-63B-4 §3.2.2): they make its waits grow, and
 * the hundredth disables the authenticator for that bucket until it is bound again. Each known device is a bucket of
 * its own (OWASP device cookies), so that strangers neither spend its tries nor disable anything for it.
 * docs/guessing.md says what follows from the numbers.
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
                     BUDGET_EMAIL_MADE_DAY,
                     BUDGET_FACTOR_COUNT,
};

struct budget_rule {
    int limit;
    int64_t window_ms;
    bool closes;          /* once spent, shut for a whole window from then on */
    int64_t wait_most_ms; /* each further `limit` failures in a row double the wait, up to this; 0: it does not grow */
};
extern const struct budget_rule budget_rules[BUDGET_FACTOR_COUNT];

#define BUDGET_STAMP_CHARS 21
#define FAILURES_MOST      100 /* in a row: the authenticator is disabled for that bucket */

struct budget_try {
    struct account_id account;
    enum budget_factor factor;
    struct device_id bucket; /* a known device, or zero: all others together */
    int64_t now_ms;
    char stamp[BUDGET_STAMP_CHARS + 1]; /* ours: names the reservation */
    int64_t in_a_row;                   /* which failure of its bucket it is unless it is right; 0: not counted */
};

/* Prepares a try; the same one may be taken again by a transaction that runs again. */
void budget_try_init(struct budget_try *t, struct account_id account, enum budget_factor factor, int64_t now_ms);
/* Reserves. *ret_is_taken false: spent, for *ret_retry_ms more. */
enum err budget_take(struct store_tx *tx, const struct budget_try *t, struct arena *arena, bool *ret_is_taken,
                     int64_t *ret_retry_ms) MUST_CHECK;
enum err budget_give_back(struct store_tx *tx, const struct budget_try *t) MUST_CHECK;
/* The try was right: it is given back, and its bucket's waits and failures in a row are over. */
enum err budget_right(struct store_tx *tx, const struct budget_try *t) MUST_CHECK;
/*
 * After a try that stays spent: begins what wait it brings. True when it was the last one and this was not told in this
 * window yet, when a longer wait begins, and when it disables.
 */
enum err budget_note_spent(struct store_tx *tx, const struct budget_try *t, struct arena *arena,
                           bool *ret_is_just_spent) MUST_CHECK;
/* Is it spent now? Reserves nothing. 0 when not. */
enum err budget_retry_ms(struct store_tx *tx, const struct budget_try *t, struct arena *arena,
                         int64_t *ret_retry_ms) MUST_CHECK;

/* The wait that a bucket's n-th failure in a row begins; 0 where the window alone counts. */
int64_t budget_wait_ms(enum budget_factor factor, int64_t in_a_row);

/* Failures in a row of the try's bucket, one added before the work; disabled once FAILURES_MOST were before this one.
 */
enum err failure_add(struct store_tx *tx, struct budget_try *t, struct arena *arena, bool *ret_is_disabled) MUST_CHECK;
enum err failure_take_back(struct store_tx *tx, const struct budget_try *t) MUST_CHECK; /* no work was done */
/* The authenticator was bound again: no bucket has failures or grown waits of it any more. */
enum err failure_clear(struct store_tx *tx, struct account_id account, enum budget_factor factor) MUST_CHECK;
enum err failure_is_disabled(struct store_tx *tx, const struct budget_try *t, struct arena *arena,
                             bool *ret_is_disabled) MUST_CHECK;

#endif
