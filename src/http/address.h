/*
 * Addresses of peers: as text, in trusted networks, and counted. IPv4 is held as its mapped IPv6 form, so that both are
 * one kind.
 */
#ifndef TOCSIN_HTTP_ADDRESS_H
#define TOCSIN_HTTP_ADDRESS_H

#include <stdatomic.h>
#include <sys/socket.h>

#include "base/str.h"

#define ADDRESS_TEXT_SIZE 46
#define NETWORKS_MAX      64

struct address {
    uint8_t bytes[16];
};
struct network {
    struct address address;
    uint8_t bits; /* of 128 */
};
struct networks {
    struct network list[NETWORKS_MAX];
    size_t n;
};

/* All zero for a peer that has no internet address (a Unix socket). */
struct address address_of(const struct sockaddr_storage *from);
enum err address_parse(struct str text, struct address *ret) MUST_CHECK;
void address_text(const struct address *a, char out[ADDRESS_TEXT_SIZE]);

/* Addresses and CIDRs separated by blanks; NULL is none. ERR_CONFIG. */
enum err networks_parse(const char *text, struct networks *ret) MUST_CHECK;
bool networks_hold(const struct networks *all, const struct address *a);

/*
 * How many connections an address (IPv6: its /64) has, over all loops, without a lock: two arrays of counters under two
 * secret hashes; the smaller of the two counts. It can only be too high, and only when both places are shared.
 */
#define COUNTER_PLACES 16384
struct counters {
    uint64_t keys[2];
    _Atomic int32_t counts[2][COUNTER_PLACES];
};
void counters_init(struct counters *c);
/* Counts one more unless `max` are there already. */
bool counters_take(struct counters *c, const struct address *a, int max);
void counters_give(struct counters *c, const struct address *a);

#endif
