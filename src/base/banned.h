/* Calls that have a safer neighbour in base/. Included by the compiler for every file (-include). */
#ifndef TOCSIN_BASE_BANNED_H
#define TOCSIN_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef alloca
#undef sprintf
#undef vsprintf
#undef alloca
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi atol atoll gmtime localtime ctime   \
    asctime alloca tmpnam mktemp tempnam

#endif
