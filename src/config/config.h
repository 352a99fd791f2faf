/*
 * The configuration: one INI file, read once by the supervisor and handed as text to its children. An unknown section
 * or key, a repeated key or a bad value is refused with file, line and reason. [policy.ACTION] sections give hold,
 * hold_familiar, proofs.
 */
#ifndef TOCSIN_CONFIG_CONFIG_H
#define TOCSIN_CONFIG_CONFIG_H

#include "base/buf.h"
#include "core/action.h"

struct config_action { /* -1: not given, the table's own counts */
    int64_t hold_ms, hold_familiar_ms, proofs;
};

struct config {
#define TEXT(section, key, def, max, doc)           char section##_##key[(max) + 1];
#define NUMBER(section, key, def, least, most, doc) int64_t section##_##key;
#define FLAG(section, key, def, doc)                bool section##_##key;
#define SPAN(section, key, def, least, most, doc)   int64_t section##_##key;
#include "config/config.def"
#undef TEXT
#undef NUMBER
#undef FLAG
#undef SPAN
    struct config_action action[ACTION_COUNT];
    bool is_embedded; /* no file was given: ./var, mail as files, /dev/mail */
};

struct config_problem { /* "tocsin.conf:12: [mail] smpt: unknown key" */
    char text[600];
};

/* Says what is wrong, and returns `r`. */
enum err config_refuse(struct config_problem *p, enum err r, const char *fmt, ...) PRINTF_LIKE(3, 4);
void config_defaults(struct config *c);
/* Parses `text`; `name` is for messages. ERR_CONFIG fills *ret_problem. Cross-checks too (two databases equal, bad
 * origin …). */
enum err config_parse(struct config *c, const char *name, struct str text,
                      struct config_problem *ret_problem) MUST_CHECK;
enum err config_read(struct config *c, const char *path, struct config_problem *ret_problem) MUST_CHECK;
/* The whole configuration as INI that config_parse reads back; only the named sections when `sections` is not NULL. */
void config_write(const struct config *c, const char *const *sections, struct buf *out);
/* Copies the named sections' values from one to the other; true when anything differed. */
bool config_take(struct config *to, const struct config *from, const char *const *sections);
void config_write_man(struct buf *out); /* man/tocsin.conf.5 */

/* How long the policy, or else the table, holds it: what a familiar device opened, and anything else. */
int64_t config_hold_ms(const struct config *c, enum action action, bool is_familiar);
/* What it needs, with the more that the policy asks for: never fewer proofs than the table, never more than there are.
 */
struct need config_need(const struct config *c, enum action action);
/* How much longer an attempt may live because the policy can hold it: the longer hold and a day; 0 where it holds none.
 */
int64_t config_held_ms(const struct config *c, enum action action);

/* Whether backups lie in S3; where there: *ret_bucket, and the prefix without slashes around it, perhaps empty. */
bool config_store_is_s3(const struct config *c);
struct str config_s3_place(const struct config *c, struct str *ret_bucket);

/* Origin helpers: scheme is https? host without port? "https://a.example" → true, "a.example". */
bool config_origin_is_https(const struct config *c);
struct str config_origin_host(const struct config *c);
bool config_is_loopback_http(const struct config *c);

#endif
