/* Push endpoints come from clients: at connect time, whatever the name said, the address must be a public one. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "courier/courier_priv.h"

struct net4 {
    uint32_t net;
    int bits;
};

static const struct net4 closed4[] = {
    { 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },  { 0xa9fe0000, 16 },
    { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0000200, 24 }, { 0xc0586300, 24 }, { 0xc0a80000, 16 },
    { 0xc6120000, 15 }, { 0xc6336400, 24 }, { 0xcb007100, 24 }, { 0xe0000000, 4 },  { 0xf0000000, 4 },
};

static bool is_public4(uint32_t a) {
    for (size_t i = 0; i < ARRAY_LEN(closed4); i++)
        if (((a ^ closed4[i].net) >> (32 - closed4[i].bits)) == 0) return false;
    return true;
}

static uint32_t read4(const uint8_t *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool is_public6(const uint8_t *b) {
    static const uint8_t zero[12], mapped[12] = { [10] = 0xff, [11] = 0xff }, nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0) return is_public4(read4(b + 12));
    if (memcmp(b, zero, 12) == 0) return false;                        /* ::, ::1, compatible */
    if (b[0] == 0x20 && b[1] == 0x02) return is_public4(read4(b + 2)); /* 6to4 */
    if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) return false;
    if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0) return false; /* Teredo */
    return (b[0] & 0xe0) == 0x20;                                             /* global unicast only */
}

bool address_is_public(const struct sockaddr *sa) {
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        return is_public4(ntohl(in.sin_addr.s_addr));
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, sa, sizeof in);
        return is_public6(in.sin6_addr.s6_addr);
    }
    return false;
}
