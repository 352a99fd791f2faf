/*
 * A gauge over all accounts: one that is tried a few times is its owner's alarm, a thousand that are tried once are the
 * operator's. Counts wrong proofs, failed sign-ins and spent budgets for /metrics, and logs a warning when more
 * accounts were guessed at within an hour than [metrics] spray_accounts allows. No label names anybody. Of this node
 * alone.
 */
#ifndef TOCSIN_API_SPRAY_H
#define TOCSIN_API_SPRAY_H

#include "guard/guard.h"

void spray_start(int64_t accounts_most); /* once, before requests come */
/* What a call came to. Any thread. */
void spray_note(const struct guard_call *g);
void spray_refresh(void); /* before /metrics is written */

#endif
