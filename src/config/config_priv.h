/* The table behind struct config, for this folder. */
#ifndef TOCSIN_CONFIG_CONFIG_PRIV_H
#define TOCSIN_CONFIG_CONFIG_PRIV_H

#include <stddef.h>

#include "config/config.h"

enum config_kind { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_FLAG, CONFIG_SPAN };

struct config_entry {
    const char *section, *key;
    enum config_kind kind;
    size_t offset; /* in struct config */
    const char *text_default;
    int64_t number_default, least, most; /* most: bytes of a text */
    const char *doc;
};
extern const struct config_entry config_entries[];
extern const size_t config_entry_count;

/* What one key can't tell: an origin's shape, two databases that are one, a sender without an address. */
enum err config_check(const struct config *c, const char *name, struct config_problem *ret_problem) MUST_CHECK;
/*
 * What the profile sets where the file does not, and refuses where the file is weaker. lines: where each entry stands
 * in the file, 0 where it does not.
 */
enum err config_profile(struct config *c, const char *name, const int *lines,
                        struct config_problem *ret_problem) MUST_CHECK;
enum err config_span_parse(struct str s, int64_t *ret_ms) MUST_CHECK; /* ERR_INPUT */

#endif
