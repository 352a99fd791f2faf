/* The words and lines of scenarios, for the runner and for tests that make their sentences themselves. */
#include "runner.h"

#include <stdarg.h>
#include <stdlib.h>

_Noreturn void scene_fail(const struct scene *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: (%s) ", s->file, s->line, s->house.is_postgres ? "PostgreSQL" : "SQLite");
    (void)vfprintf(stderr, fmt, ap);
    fprintf(stderr, "; the last answer was %s%s%s\n", say_name(s->last.say), s->last.reason[0] ? ": " : "",
            s->last.reason);
    va_end(ap);
    house_close((struct house *)&s->house);
    fake_clock_end();
    exit(1);
}

/* ---- words ---- */

const char *word_at(const struct scene *s, size_t i) {
    if (i >= s->word_n) scene_fail(s, "a word is missing after \"%s\"", s->word[s->word_n - 1]);
    return s->word[i];
}

bool word_is(const struct scene *s, size_t i, const char *text) {
    return i < s->word_n && strcmp(s->word[i], text) == 0;
}

const char *word_after(const struct scene *s, const char *key) {
    for (size_t i = 1; i < s->word_n; i++)
        if (strcmp(s->word[i], key) == 0) return word_at(s, i + 1);
    return NULL;
}

int64_t span_of(const struct scene *s, const char *word) {
    static const struct {
        char unit;
        int64_t ms;
    } units[] = { { 's', MS_PER_S }, { 'm', MS_PER_MIN }, { 'h', MS_PER_HOUR }, { 'd', MS_PER_DAY } };
    size_t n = strlen(word);
    int64_t count;
    for (size_t i = 0; n > 1 && i < ARRAY_LEN(units); i++)
        if (word[n - 1] == units[i].unit && str_to_i64(str_bytes(word, n - 1), 100000, &count) == OK)
            return count * units[i].ms;
    scene_fail(s, "\"%s\" is no span of time", word);
}

struct person *person_named(struct scene *s, const char *name) {
    for (size_t i = 0; i < s->person_n; i++)
        if (strcmp(s->people[i].name, name) == 0) return &s->people[i];
    scene_fail(s, "nobody is called \"%s\"", name);
}

struct client *client_named(struct scene *s, const char *name) {
    for (size_t i = 0; i < s->client_n; i++)
        if (strcmp(s->clients[i].name, name) == 0) return &s->clients[i];
    scene_fail(s, "no device is called \"%s\"", name);
}

enum action action_named(const struct scene *s, const char *name) {
    enum action a;
    if (action_parse(str_from(name), &a) == OK) return a;
    scene_fail(s, "there is no action \"%s\"", name);
}

enum alert_kind kind_named(const struct scene *s, const char *name) {
    for (int k = ALERT_OPENED; k <= ALERT_WRONG_PROOFS; k++)
        if (strcmp(alert_kind_name((enum alert_kind)k), name) == 0) return (enum alert_kind)k;
    scene_fail(s, "there is no kind of alert \"%s\"", name);
}

const char *say_name(enum guard_say say) {
    static const char *const names[] = { "none",    "ok",      "held",         "wrong_proof", "too_many",    "busy",
                                         "expired", "denied",  "conflict",     "not_proved",  "weak",        "breached",
                                         "locked",  "missing", "unauthorized", "forbidden",   "bad_request", "broken" };
    return (size_t)say < ARRAY_LEN(names) ? names[say] : "?";
}

/* ---- lines ---- */

/* Splits a sentence in place. */
static void split(struct scene *s, char *text) {
    s->word_n = 0;
    while (*text) {
        while (*text == ' ' || *text == '\t') text++;
        if (!*text) return;
        if (s->word_n == WORDS_MAX) scene_fail(s, "too many words");
        char end = *text == '"' ? '"' : ' ';
        if (end == '"') text++;
        s->word[s->word_n++] = text;
        while (*text && *text != end) text++;
        if (end == '"' && !*text) scene_fail(s, "a quote is not closed");
        if (*text) *text++ = 0;
    }
}

static void play_sentence(struct scene *s, char *text) {
    split(s, text);
    if (s->word_n == 0) return;
    fake_clock_add(10); /* nothing happens at the same moment as something else */
    if (strcmp(s->word[0], "expect") == 0)
        expect(s);
    else if (!act(s))
        scene_fail(s, "\"%s\" is no verb", s->word[0]);
}

static void play_sentences(struct scene *s, char *line) {
    bool is_quoted = false;
    char *start = line;
    for (char *at = line; *at; at++) {
        if (*at == '"') is_quoted = !is_quoted;
        if (is_quoted || (*at != ';' && *at != '#')) continue;
        bool is_comment = *at == '#';
        *at = 0;
        if (is_comment) break;
        play_sentence(s, start);
        start = at + 1;
    }
    play_sentence(s, start);
}

/* "repeat N: …" plays the line's sentences so often. */
void scene_play(struct scene *s, char *line) {
    int64_t times = 1;
    char *colon = strchr(line, ':'), copy[LINE_MAX_BYTES];
    if (strncmp(line, "repeat ", 7) == 0) {
        if (!colon || str_to_i64(str_bytes(line + 7, (size_t)(colon - line - 7)), 1000000, &times) != OK)
            scene_fail(s, "repeat how often?");
        line = colon + 1;
    }
    for (; times > 0; times--) {
        snprintf(copy, sizeof copy, "%s", line);
        play_sentences(s, copy);
    }
}
