/* Programs that may check sessions: a handful of token hashes, in memory. */
#ifndef TOCSIN_API_SERVICES_H
#define TOCSIN_API_SERVICES_H

#include "api/api.h"

struct services;
bool services_know(const struct services *s, struct str token); /* fast lane */

#endif
