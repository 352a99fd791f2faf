/* By what the main database knows this one again. */
#ifndef TOCSIN_KEEPER_PAIR_H
#define TOCSIN_KEEPER_PAIR_H

#include "keeper/keeper_priv.h"

/* The answer to KEEPER_PAIR. */
enum err pair_tell(struct store_tx *tx, void *step) MUST_CHECK;

#endif
