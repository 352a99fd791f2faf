/*
 * One table, made from config.def, drives parsing, writing back and the manual page. inih reads the lines; what it
 * would pass over in silence (lines cut at its 200 bytes, a repeated key) is caught in the reader and in the key
 * handler here.
 */
#include "config/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config_priv.h"

#define LINE_BYTES_MAX 198 /* inih's INI_MAX_LINE, less line end and NUL */
#define FILE_BYTES_MAX (64 * 1024)

const struct config_entry config_entries[] = {
#define TEXT(s, k, def, max, d)                                                                                        \
    { .section = #s,                                                                                                   \
      .key = #k,                                                                                                       \
      .kind = CONFIG_TEXT,                                                                                             \
      .offset = offsetof(struct config, s##_##k),                                                                      \
      .text_default = (def),                                                                                           \
      .most = (max),                                                                                                   \
      .doc = (d) },
#define NUMBER(s, k, def, lo, hi, d)                                                                                   \
    { .section = #s,                                                                                                   \
      .key = #k,                                                                                                       \
      .kind = CONFIG_NUMBER,                                                                                           \
      .offset = offsetof(struct config, s##_##k),                                                                      \
      .number_default = (def),                                                                                         \
      .least = (lo),                                                                                                   \
      .most = (hi),                                                                                                    \
      .doc = (d) },
#define FLAG(s, k, def, d)                                                                                             \
    { .section = #s,                                                                                                   \
      .key = #k,                                                                                                       \
      .kind = CONFIG_FLAG,                                                                                             \
      .offset = offsetof(struct config, s##_##k),                                                                      \
      .number_default = (def),                                                                                         \
      .doc = (d) },
#define SPAN(s, k, def, lo, hi, d)                                                                                     \
    { .section = #s,                                                                                                   \
      .key = #k,                                                                                                       \
      .kind = CONFIG_SPAN,                                                                                             \
      .offset = offsetof(struct config, s##_##k),                                                                      \
      .number_default = (def),                                                                                         \
      .least = (lo),                                                                                                   \
      .most = (hi),                                                                                                    \
      .doc = (d) },
#include "config/config.def"
#undef TEXT
#undef NUMBER
#undef FLAG
#undef SPAN
};
const size_t config_entry_count = ARRAY_LEN(config_entries);

struct parse {
    struct config *config;
    const char *name;
    struct str rest; /* what inih has not read yet */
    int line;
    bool is_continuation, is_bad;
    int line_of[ARRAY_LEN(config_entries)]; /* where it was given; 0: it was not */
    bool is_action_given[ACTION_COUNT][3];
    struct config_problem *problem;
};

static char *text_of(const struct config *c, const struct config_entry *e) { return (char *)(uintptr_t)c + e->offset; }

static int64_t *number_of(const struct config *c, const struct config_entry *e) {
    return (int64_t *)(void *)((char *)(uintptr_t)c + e->offset);
}

static bool *flag_of(const struct config *c, const struct config_entry *e) {
    return (bool *)(void *)((char *)(uintptr_t)c + e->offset);
}

enum err config_refuse(struct config_problem *p, enum err r, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(p->text, sizeof p->text, fmt, ap);
    va_end(ap);
    return r;
}

void config_defaults(struct config *c) {
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < config_entry_count; i++) {
        const struct config_entry *e = &config_entries[i];
        if (e->kind == CONFIG_TEXT) {
            (void)snprintf(text_of(c, e), (size_t)e->most + 1, "%s", e->text_default);
        } else if (e->kind == CONFIG_FLAG) {
            *flag_of(c, e) = e->number_default != 0;
        } else {
            *number_of(c, e) = e->number_default;
        }
    }
    for (int a = 0; a < ACTION_COUNT; a++)
        c->action[a] = (struct config_action){ .hold_ms = -1, .hold_familiar_ms = -1, .proofs = -1 };
    c->is_embedded = true;
}

/* Always 0, which tells inih that the line is bad; the first problem stands. */
static int PRINTF_LIKE(2, 3) refuse(struct parse *p, const char *fmt, ...) {
    va_list ap;
    int n;
    if (p->is_bad) return 0;
    p->is_bad = true;
    n = snprintf(p->problem->text, sizeof p->problem->text, "%s:%d: ", p->name, p->line);
    if (n < 0 || (size_t)n >= sizeof p->problem->text) return 0;
    va_start(ap, fmt);
    (void)vsnprintf(p->problem->text + n, sizeof p->problem->text - (size_t)n, fmt, ap);
    va_end(ap);
    return 0;
}

enum err config_span_parse(struct str s, int64_t *ret_ms) {
    static const struct {
        char unit;
        int64_t ms;
    } units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
    int64_t n;
    if (s.n < 2) return ERR_INPUT;
    if (str_to_i64((struct str){ s.p, s.n - 1 }, 1000000000, &n) != OK) return ERR_INPUT;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].unit != s.p[s.n - 1]) continue;
        *ret_ms = n * units[i].ms;
        return OK;
    }
    return ERR_INPUT;
}

static int set_text(struct parse *p, const struct config_entry *e, const char *value) {
    char *at = text_of(p->config, e);
    size_t had = p->is_continuation ? strlen(at) : 0, n = strlen(value);
    if (had + (had ? 1 : 0) + n > (size_t)e->most)
        return refuse(p, "[%s] %s: longer than %lld bytes", e->section, e->key, (long long)e->most);
    if (!str_is_utf8(str_from(value))) return refuse(p, "[%s] %s: not UTF-8", e->section, e->key);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] < 0x20) return refuse(p, "[%s] %s: control character", e->section, e->key);
    if (had) at[had++] = ' ';
    memcpy(at + had, value, n + 1);
    return 1;
}

static int set_entry(struct parse *p, const struct config_entry *e, const char *value) {
    int64_t n = 0;
    size_t i = (size_t)(e - config_entries);
    if (p->line_of[i] && !p->is_continuation) return refuse(p, "[%s] %s: given twice", e->section, e->key);
    p->line_of[i] = p->line;
    switch (e->kind) {
    case CONFIG_TEXT: return set_text(p, e, value);
    case CONFIG_FLAG:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return refuse(p, "[%s] %s: true or false, not \"%s\"", e->section, e->key, value);
        *flag_of(p->config, e) = value[0] == 't';
        return 1;
    case CONFIG_NUMBER:
        if (str_to_i64(str_from(value), e->most, &n) != OK || n < e->least)
            return refuse(p, "[%s] %s: a number from %lld to %lld, not \"%s\"", e->section, e->key, (long long)e->least,
                          (long long)e->most, value);
        *number_of(p->config, e) = n;
        return 1;
    case CONFIG_SPAN:
        if (config_span_parse(str_from(value), &n) != OK || n < e->least || n > e->most)
            return refuse(p, "[%s] %s: a duration like 90s, 10m, 1h or 7d, at most %lldd, not \"%s\"", e->section,
                          e->key, (long long)(e->most / 86400000), value);
        *number_of(p->config, e) = n;
        return 1;
    }
    return 0;
}

static int set_action(struct parse *p, const char *action_name, const char *key, const char *value) {
    static const char *const keys[] = { "hold", "hold_familiar", "proofs" };
    enum action action;
    int64_t n = 0;
    if (action_parse(str_from(action_name), &action) != OK || action_rules[action].opener == OPENER_SERVER)
        return refuse(p, "[policy.%s]: no such action", action_name);
    if (action == ACTION_SIGN_UP) return refuse(p, "[policy.sign_up]: there is nobody yet to be asked or told");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(key, keys[i]) != 0) continue;
        if (p->is_action_given[action][i]) return refuse(p, "[policy.%s] %s: given twice", action_name, key);
        p->is_action_given[action][i] = true;
        if (i == 2) {
            if (str_to_i64(str_from(value), 3, &n) != OK || n < 2)
                return refuse(p, "[policy.%s] proofs: 2 or 3, not \"%s\"", action_name, value);
            p->config->action[action].proofs = n;
            return 1;
        }
        if (config_span_parse(str_from(value), &n) != OK || n > 90LL * 86400000)
            return refuse(p, "[policy.%s] %s: a duration like 90s, 10m, 1h or 7d, at most 90d, not \"%s\"", action_name,
                          key, value);
        *(i == 0 ? &p->config->action[action].hold_ms : &p->config->action[action].hold_familiar_ms) = n;
        return 1;
    }
    return refuse(p, "[policy.%s] %s: unknown key (hold, hold_familiar, proofs)", action_name, key);
}

static int on_key(void *user, const char *section, const char *key, const char *value) {
    struct parse *p = user;
    bool has_section = false;
    if (p->is_bad) return 0;
    if (strncmp(section, "policy.", 7) == 0) return set_action(p, section + 7, key, value);
    for (size_t i = 0; i < config_entry_count; i++) {
        const struct config_entry *e = &config_entries[i];
        if (strcmp(e->section, section) != 0) continue;
        has_section = true;
        if (strcmp(e->key, key) == 0) return set_entry(p, e, value);
    }
    if (!has_section)
        return section[0] ? refuse(p, "[%s]: unknown section", section)
                          : refuse(p, "%s: stands before any section", key);
    return refuse(p, "[%s] %s: unknown key", section, key);
}

/* inih's fgets: hands out one line, and sees what inih does not. */
static char *next_line(char *out, int size, void *stream) {
    struct parse *p = stream;
    struct str line;
    if (p->rest.n == 0 || p->is_bad) return NULL;
    p->line++;
    p->rest = str_cut(p->rest, '\n', &line);
    if (line.n > LINE_BYTES_MAX || line.n + 2 > (size_t)size) {
        (void)refuse(p, "line of over %d bytes (continue a list on the next line, indented)", LINE_BYTES_MAX);
        return NULL;
    }
    if (memchr(line.p, 0, line.n)) {
        (void)refuse(p, "NUL byte");
        return NULL;
    }
    p->is_continuation = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
    memcpy(out, line.p, line.n);
    out[line.n] = '\n';
    out[line.n + 1] = 0;
    return out;
}

enum err config_parse(struct config *c, const char *name, struct str text, struct config_problem *ret_problem) {
    struct parse p = { .config = c, .name = name, .rest = text, .problem = ret_problem };
    int bad_line;
    if (text.n > FILE_BYTES_MAX) {
        (void)snprintf(ret_problem->text, sizeof ret_problem->text, "%s: over %d bytes", name, FILE_BYTES_MAX);
        return ERR_CONFIG;
    }
    config_defaults(c);
    c->is_embedded = false;
    bad_line = ini_parse_stream(next_line, &p, on_key, &p);
    if (bad_line != 0 && !p.is_bad) {
        p.line = bad_line;
        (void)refuse(&p, "neither [section] nor key = value");
    }
    if (p.is_bad) return ERR_CONFIG;
    enum err r = config_check(c, name, ret_problem);
    return r == OK ? config_profile(c, name, p.line_of, ret_problem) : r;
}

enum err config_read(struct config *c, const char *path, struct config_problem *ret_problem) {
    char *text = NULL;
    ssize_t n;
    enum err r = ERR_CONFIG;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)snprintf(ret_problem->text, sizeof ret_problem->text, "%s: can't be read: %s", path, strerror(errno));
        return ERR_CONFIG;
    }
    text = malloc(FILE_BYTES_MAX + 1);
    n = text ? read(fd, text, FILE_BYTES_MAX + 1) : -1;
    if (n < 0)
        (void)snprintf(ret_problem->text, sizeof ret_problem->text, "%s: can't be read: %s", path, strerror(errno));
    else
        r = config_parse(c, path, str_bytes(text, (size_t)n), ret_problem);
    free(text);
    (void)close(fd);
    return r;
}

int64_t config_hold_ms(const struct config *c, enum action action, bool is_familiar) {
    const struct config_action *a = &c->action[action];
    if (is_familiar) return a->hold_familiar_ms > 0 ? a->hold_familiar_ms : 0;
    return a->hold_ms >= 0 ? a->hold_ms : action_rules[action].hold_ms;
}

int64_t config_held_ms(const struct config *c, enum action action) {
    int64_t unfamiliar_ms = config_hold_ms(c, action, false), familiar_ms = config_hold_ms(c, action, true);
    int64_t hold_ms = unfamiliar_ms > familiar_ms ? unfamiliar_ms : familiar_ms;
    return hold_ms > 0 ? hold_ms + MS_PER_DAY : 0;
}

struct need config_need(const struct config *c, enum action action) {
    struct need need = action_rules[action].need;
    int64_t asked = c->action[action].proofs;
    if (need.count >= 2 && asked > need.count && asked <= __builtin_popcount(need.of)) need.count = (uint8_t)asked;
    return need;
}
