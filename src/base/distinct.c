/* The hash chooses a register and the length of a run of zero bits; the longest run of each register says how many. */
#include "base/distinct.h"

#include <math.h>

static bool is_recent(const struct distinct *d, size_t slot, int64_t now_ms) {
    int64_t age = now_ms / DISTINCT_SLOT_MS - d->slot_number[slot];
    return d->slot_number[slot] != 0 && age >= 0 && age < DISTINCT_SLOTS;
}

void distinct_init(struct distinct *d) {
    memset(d, 0, sizeof *d);
    crypto_random(d->key, sizeof d->key);
}

void distinct_add(struct distinct *d, struct str thing, int64_t now_ms) {
    int64_t number = now_ms / DISTINCT_SLOT_MS;
    size_t slot = (size_t)(number % DISTINCT_SLOTS);
    uint8_t hash[HASH_BYTES], run = 1;
    uint64_t bits, which;
    crypto_mac(d->key, "tocsin distinct 1", thing, hash);
    memcpy(&bits, hash, sizeof bits);
    memcpy(&which, hash + sizeof bits, sizeof which);
    if (d->slot_number[slot] != number) {
        d->slot_number[slot] = number;
        d->added[slot] = 0;
        memset(d->reg[slot], 0, sizeof d->reg[slot]);
    }
    while (run < 64 && (bits & 1) == 0) {
        bits >>= 1;
        run++;
    }
    uint8_t *reg = &d->reg[slot][which % DISTINCT_REGISTERS];
    if (*reg < run) *reg = run;
    d->added[slot]++;
}

int64_t distinct_added(const struct distinct *d, int64_t now_ms) {
    int64_t sum = 0;
    for (size_t slot = 0; slot < DISTINCT_SLOTS; slot++)
        if (is_recent(d, slot, now_ms)) sum += d->added[slot];
    return sum;
}

int64_t distinct_count(const struct distinct *d, int64_t now_ms) {
    const double m = DISTINCT_REGISTERS, alpha = 0.7213 / (1 + 1.079 / m);
    double sum = 0;
    int64_t empty = 0;
    for (size_t i = 0; i < DISTINCT_REGISTERS; i++) {
        uint8_t longest = 0;
        for (size_t slot = 0; slot < DISTINCT_SLOTS; slot++)
            if (is_recent(d, slot, now_ms) && d->reg[slot][i] > longest) longest = d->reg[slot][i];
        sum += ldexp(1, -longest);
        empty += longest == 0;
    }
    double estimate = alpha * m * m / sum;
    if (estimate <= 2.5 * m && empty > 0) estimate = m * log(m / (double)empty);
    return llround(estimate);
}
