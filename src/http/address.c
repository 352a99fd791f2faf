/* Address arithmetic and the connection counters. */
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/crypto.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool is_v4(const struct address *a) { return memcmp(a->bytes, mapped, sizeof mapped) == 0; }

static struct address from_v4(const struct in_addr *v4) {
    struct address a;
    memcpy(a.bytes, mapped, sizeof mapped);
    memcpy(a.bytes + sizeof mapped, v4, 4);
    return a;
}

struct address address_of(const struct sockaddr_storage *from) {
    struct address a = { { 0 } };
    if (from->ss_family == AF_INET) return from_v4(&((const struct sockaddr_in *)(const void *)from)->sin_addr);
    if (from->ss_family == AF_INET6)
        memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, sizeof a.bytes);
    return a;
}

enum err address_parse(struct str text, struct address *ret) {
    char z[ADDRESS_TEXT_SIZE];
    struct in_addr v4;
    struct in6_addr v6;
    if (str_to_z(text, z, sizeof z) != OK) return ERR_INPUT;
    if (inet_pton(AF_INET, z, &v4) == 1) {
        *ret = from_v4(&v4);
        return OK;
    }
    if (inet_pton(AF_INET6, z, &v6) != 1) return ERR_INPUT;
    memcpy(ret->bytes, &v6, sizeof ret->bytes);
    return OK;
}

void address_text(const struct address *a, char out[ADDRESS_TEXT_SIZE]) {
    const char *text = is_v4(a) ? inet_ntop(AF_INET, a->bytes + sizeof mapped, out, ADDRESS_TEXT_SIZE)
                                : inet_ntop(AF_INET6, a->bytes, out, ADDRESS_TEXT_SIZE);
    if (!text) out[0] = 0;
}

static enum err network_parse(struct str text, struct network *ret) {
    struct str host;
    struct str bits = str_cut(text, '/', &host);
    int64_t n;
    if (address_parse(host, &ret->address) != OK) return ERR_CONFIG;
    ret->bits = 128;
    if (host.n == text.n) return OK;
    if (str_to_i64(bits, is_v4(&ret->address) ? 32 : 128, &n) != OK) return ERR_CONFIG;
    ret->bits = (uint8_t)(is_v4(&ret->address) ? n + 96 : n);
    return OK;
}

enum err networks_parse(const char *text, struct networks *ret) {
    struct str left = str_trim(str_from(text));
    ret->n = 0;
    while (left.n > 0) {
        struct str one;
        left = str_trim(str_cut(left, ' ', &one));
        if (ret->n == NETWORKS_MAX || network_parse(one, &ret->list[ret->n]) != OK) return ERR_CONFIG;
        ret->n++;
    }
    return OK;
}

static bool network_holds(const struct network *w, const struct address *a) {
    size_t whole = w->bits / 8;
    unsigned rest = w->bits % 8;
    unsigned differ;
    if (memcmp(w->address.bytes, a->bytes, whole) != 0) return false;
    if (rest == 0) return true;
    differ = (unsigned)(w->address.bytes[whole] ^ a->bytes[whole]);
    return differ >> (8 - rest) == 0;
}

bool networks_hold(const struct networks *all, const struct address *a) {
    for (size_t i = 0; i < all->n; i++)
        if (network_holds(&all->list[i], a)) return true;
    return false;
}

void counters_init(struct counters *c) { crypto_random(c->keys, sizeof c->keys); }

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static _Atomic int32_t *place(struct counters *c, const struct address *a, int which) {
    uint64_t half;
    memcpy(&half, is_v4(a) ? a->bytes + 8 : a->bytes, sizeof half);
    return &c->counts[which][mix(mix(half ^ c->keys[which]) + c->keys[which]) % COUNTER_PLACES];
}

bool counters_take(struct counters *c, const struct address *a, int max) {
    int32_t first = atomic_fetch_add_explicit(place(c, a, 0), 1, memory_order_relaxed);
    int32_t second = atomic_fetch_add_explicit(place(c, a, 1), 1, memory_order_relaxed);
    if (first < max || second < max) return true;
    counters_give(c, a);
    return false;
}

void counters_give(struct counters *c, const struct address *a) {
    atomic_fetch_sub_explicit(place(c, a, 0), 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(place(c, a, 1), 1, memory_order_relaxed);
}
