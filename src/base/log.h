/*
 * Logs: one JSON object a line to a descriptor (stderr, a file, or the journal when it holds stderr), with time,
 * process, level, event and the caller's fields. Control characters are escaped; values over 1 KiB are cut, and fields
 * past 8 KiB of a line are left out ("cut":true). Secrets never come here. Event names follow the OWASP logging
 * vocabulary where it has one (authn_login_fail, sys_startup, …).
 */
#ifndef TOCSIN_BASE_LOG_H
#define TOCSIN_BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
    const char *name;
    struct str text; /* used when text.p is not NULL */
    int64_t number;  /* otherwise */
};
#define LOG_S(k, v)                                                                                                    \
    { .name = (k), .text = (v) }
#define LOG_Z(k, v)                                                                                                    \
    { .name = (k), .text = str_from(v) }
#define LOG_I(k, v)                                                                                                    \
    { .name = (k), .number = (int64_t)(v) }

void log_open(const char *process, int fd, enum log_level least); /* fd is borrowed */
/* Reopens the file at the descriptor after rotation (SIGHUP); thread-safe. */
void log_use_fd(int fd);
void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n);
#define log_event(level, event, ...)                                                                                   \
    do {                                                                                                               \
        const struct log_field log_f_[] = { __VA_ARGS__ };                                                             \
        log_fields((level), (event), log_f_, ARRAY_LEN(log_f_));                                                       \
    } while (0)
void log_err(enum err e, const char *what); /* event "error", with the error's name and text */

/* A request id carried by the thread into each line it logs; empty string for none. */
void log_request_id_set(struct str id);

#endif
