/* The most used passwords, made at build time from a word list: NUL-ended words in byte order, and where each begins.
 */
#ifndef TOCSIN_CORE_COMMON_PASSWORDS_H
#define TOCSIN_CORE_COMMON_PASSWORDS_H

#include <stddef.h>
#include <stdint.h>

extern const size_t common_count;
extern const char common_text[];
extern const uint16_t common_at[];

#endif
