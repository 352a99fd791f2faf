/*
 * One vocabulary of failure for the whole program. A verdict (right or wrong proof) is not an error:
 * it has its own type where it is given.
 */
#ifndef TOCSIN_BASE_ERR_H
#define TOCSIN_BASE_ERR_H

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a)           (sizeof(a) / sizeof((a)[0]))

enum err {
#define X(name, number, text) name = (number),
#include "base/err.def"
#undef X
};

const char *err_name(enum err e); /* "ERR_BUSY" */
const char *err_text(enum err e); /* the sentence in err.def */

#endif
