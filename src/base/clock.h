/*
 * The only door to the system's time. Wall time is what is stored and shown; monotonic time is for waits.
 * In builds with the option `test_clock`, wall time is shifted by the int64 milliseconds in the file that
 * TOCSIN_TEST_CLOCK names (mapped at clock_init), so that tests move a running server through days.
 */
#ifndef TOCSIN_BASE_CLOCK_H
#define TOCSIN_BASE_CLOCK_H

#include "base/str.h"

#define MS_PER_S        ((int64_t)1000)
#define MS_PER_MIN      (60 * MS_PER_S)
#define MS_PER_HOUR     (60 * MS_PER_MIN)
#define MS_PER_DAY      (24 * MS_PER_HOUR)
#define CLOCK_TEXT_SIZE 25 /* "2026-11-24T12:00:00.000Z" and NUL */

void clock_init(void); /* once per process, before the sandbox closes */
int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_ns(void);
void clock_text(int64_t wall_ms, char out[CLOCK_TEXT_SIZE]); /* RFC 3339, UTC, milliseconds */
enum err clock_parse(struct str s, int64_t *ret_wall_ms) MUST_CHECK;

#endif
