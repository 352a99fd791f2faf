/*
 * Plays a scenario: a text file, one sentence a line or several with ';', '#' begins a comment, quotes keep blanks
 * together. On SQLite, and on PostgreSQL where TOCSIN_TEST_POSTGRES names one. See README.md for the sentences.
 */
#include "runner.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES 600

const struct store_stmt *const crash_statements[] = { NULL };

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
    static const char *const names[] = { "none",    "ok",           "held",      "wrong_proof", "too_many", "busy",
                                         "expired", "denied",       "conflict",  "not_proved",  "weak",     "locked",
                                         "missing", "unauthorized", "forbidden", "bad_request", "broken" };
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
static void play_line(struct scene *s, char *line) {
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

static int play(const char *file, bool is_postgres) {
    static struct scene s;
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(file, "r");
    if (!f) {
        fprintf(stderr, "%s can't be read\n", file);
        return 2;
    }
    memset(&s, 0, sizeof s);
    s.file = file;
    s.arena = arena_new(8 * 1024 * 1024);
    house_open(&s.house, is_postgres);
    while (fgets(line, sizeof line, f)) {
        s.line++;
        line[strcspn(line, "\n")] = 0;
        play_line(&s, line);
    }
    fclose(f);
    house_close(&s.house);
    arena_free(s.arena);
    return 0;
}

int main(int argc, char **argv) {
    process_maybe_be_keeper(argc, argv);
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE.tst\n", argv[0]);
        return 2;
    }
    fake_clock_begin();
    int failed = play(argv[1], false);
    if (failed == 0 && world_postgres()) failed = play(argv[1], true);
    if (failed == 0 && !world_postgres()) printf("skipped on PostgreSQL: TOCSIN_TEST_POSTGRES is not set\n");
    fake_clock_end();
    return failed;
}
