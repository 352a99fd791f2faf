/*
 * Passwords that were stolen elsewhere, as Have I Been Pwned publishes them: a text file of lines "SHA-1 in upper case
 * hexadecimal:count", in the order of the hashes. It may be larger than memory: it is searched where it lies, in about
 * thirty reads.
 */
#ifndef TOCSIN_CORE_BREACHED_H
#define TOCSIN_CORE_BREACHED_H

#include "base/err.h"
#include "base/str.h"

struct breached; /* any thread may search */
/* ERR_IO: it can't be read. ERR_INPUT: its first, middle or last line is no such line, or they are not in order. */
enum err breached_open(const char *path, struct breached **ret) MUST_CHECK;
void breached_close(struct breached *b);
/* How often the NFC form stands there; 0: not at all, or b is NULL. ERR_IO, ERR_CORRUPT: it was changed in place. */
enum err breached_count(const struct breached *b, struct str nfc, int64_t *ret) MUST_CHECK;

#endif
