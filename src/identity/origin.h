/*
 * Where a request came from, in our own words: nothing a caller wrote survives. Place from an mmdb file when
 * configured, device from a short classifier of the user agent ("Firefox on Linux", "Safari on iPhone", "an unknown
 * program").
 */
#ifndef TOCSIN_IDENTITY_ORIGIN_H
#define TOCSIN_IDENTITY_ORIGIN_H

#include "base/str.h"

struct origin {
    char ip[46];
    char net[50];    /* IPv4 /24 or IPv6 /48, as text: what alerts collapse by */
    char country[4]; /* ISO 3166 alpha-2, or "" */
    char place[96];  /* "Lyon, France", "France", "" when unknown */
    char device[96];
};

struct places; /* an open mmdb file, or NULL when none is configured */
enum err places_open(const char *path, struct places **ret) MUST_CHECK; /* ERR_NOT_FOUND, ERR_CORRUPT */
void places_close(struct places *p);

void agent_words(struct str user_agent, char out[96]);
void origin_make(struct places *p, struct str ip, struct str user_agent, struct origin *ret);

#endif
