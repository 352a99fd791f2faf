/*
 * The profile nist: NIST SP 800-63B-4 at level AAL2. A key that the file gives must be as strict as the profile; one
 * that it does not give gets the profile's value.
 */
#include "base/clock.h"
#include "config/config_priv.h"

struct demand {
    const char *section, *key;
    int64_t value, least, most;
    const char *why;
};

static const struct demand nist[] = {
    { "policy", "code_digits", 6, 6, 8, "at least 6 (SP 800-63B-4, 3.1.3)" },
    { "policy", "password_length", 15, 15, 64,
      "at least 15, because a known device asks for the password alone (SP 800-63B-4, 3.1.1)" },
    { "policy", "session_hours", 24, 1, 24, "at most 24 (SP 800-63B-4, 2.2.3)" },
    { "policy", "session_idle", MS_PER_HOUR, MS_PER_MIN, MS_PER_HOUR, "at most 1h, and not 0s (SP 800-63B-4, 2.2.3)" },
};

static size_t entry_of(const struct demand *d) {
    size_t i = 0;
    while (strcmp(config_entries[i].section, d->section) != 0 || strcmp(config_entries[i].key, d->key) != 0) i++;
    return i;
}

static enum err meet(struct config *c, const char *name, const struct demand *d, int line, struct config_problem *p) {
    int64_t *value = (int64_t *)(void *)((char *)c + config_entries[entry_of(d)].offset);
    if (line == 0) *value = d->value;
    if (*value >= d->least && *value <= d->most) return OK;
    (void)snprintf(p->text, sizeof p->text, "%s:%d: [%s] %s: with profile = nist %s", name, line, d->section, d->key,
                   d->why);
    return ERR_CONFIG;
}

enum err config_profile(struct config *c, const char *name, const int *lines, struct config_problem *ret_problem) {
    if (strcmp(c->policy_profile, "nist") != 0) return OK;
    for (size_t i = 0; i < ARRAY_LEN(nist); i++) {
        enum err r = meet(c, name, &nist[i], lines[entry_of(&nist[i])], ret_problem);
        if (r != OK) return r;
    }
    return OK;
}
