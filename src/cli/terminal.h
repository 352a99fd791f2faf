/*
 * The person at the terminal. Whatever comes from elsewhere is printed escaped: control characters, invalid UTF-8 and
 * characters that reorder or hide text show as \x1b or \u{202e}; where the locale is not UTF-8, everything but ASCII
 * does.
 */
#ifndef TOCSIN_CLI_TERMINAL_H
#define TOCSIN_CLI_TERMINAL_H

#include <jansson.h>

#include "base/buf.h"
#include "base/secret.h"

void terminal_begin(void);

/* Appends `s` so that no byte of it can steer a terminal. */
void terminal_escape(struct buf *out, struct str s, bool is_utf8);

/* printf with %s, %d and %% alone: each %s is escaped (NULL is empty), so that nothing foreign is ever printed raw. */
void say(FILE *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
void complain(const char *fmt, ...) PRINTF_LIKE(1, 2);   /* "tocsin: …" and a line's end, on stderr */
void say_padded(FILE *out, const char *text, int width); /* at least one blank follows */
/* Escaped, broken at blanks into lines of at most 78 characters, each begun with `indent`. */
void say_wrapped(FILE *out, const char *indent, const char *text);
/* RFC 3339 as local time, "2026-11-24 13:00:05"; what is no time, as it is. */
void say_time(FILE *out, const char *rfc3339);
bool terminal_is_seen(void); /* stdout is a terminal */

/*
 * Asks on stderr and reads one line from stdin, without its end. ask_secret shows nothing while it is typed, and puts
 * the terminal back when a signal ends it. ERR_CLOSED: nothing more to read. ERR_TOO_LARGE.
 */
enum err ask_line(const char *prompt, char *out, size_t size) MUST_CHECK;
enum err ask_secret(const char *prompt, struct secret *ret) MUST_CHECK;

/* A member's text; "" when it is absent or no string. Borrowed. */
const char *text_of(const json_t *o, const char *member);

#endif
