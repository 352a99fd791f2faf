/*
 * About how many different things were seen within the last hour, in bounded memory: HyperLogLog (Flajolet et al. 2007,
 * with linear counting for small numbers), a sketch for each five minutes. Good to some 3 %. What a thing was can't be
 * read out of it: it is hashed under a key of this process. The caller locks.
 */
#ifndef TOCSIN_BASE_DISTINCT_H
#define TOCSIN_BASE_DISTINCT_H

#include "base/crypto.h"

#define DISTINCT_SLOTS     12
#define DISTINCT_SLOT_MS   (5 * (int64_t)60000)
#define DISTINCT_REGISTERS 2048

struct distinct {
    uint8_t key[KEY_BYTES];
    int64_t slot_number[DISTINCT_SLOTS]; /* since the epoch; 0: unused */
    int64_t added[DISTINCT_SLOTS];
    uint8_t reg[DISTINCT_SLOTS][DISTINCT_REGISTERS];
};

void distinct_init(struct distinct *d);
void distinct_add(struct distinct *d, struct str thing, int64_t now_ms);
/* Different ones, about; and how often distinct_add was called for them, exactly. */
int64_t distinct_count(const struct distinct *d, int64_t now_ms);
int64_t distinct_added(const struct distinct *d, int64_t now_ms);

#endif
