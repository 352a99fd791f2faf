/*
 * A scenario as it runs: its people, the devices they (and thieves) use, the attempts they open, and what was seen of
 * mail, push and alerts so far. runner.c reads the lines, acts.c does them, expects.c looks.
 */
#ifndef TOCSIN_TESTS_SCENARIO_RUNNER_H
#define TOCSIN_TESTS_SCENARIO_RUNNER_H

#include "house.h"

#define LINE_MAX_BYTES 600
#define WORDS_MAX      16
#define PEOPLE_MAX     8
#define DEVICES_MAX    12
#define TRIES_MAX      1000
#define SEEN_MAX       600

struct person {
    char name[20], email[80], password[80], recovery_key[RECOVERY_KEY_TEXT_SIZE], first_key[RECOVERY_KEY_TEXT_SIZE];
    struct account_id account;
    bool has_account;
};

struct client {
    char name[20], token[TOKEN_TEXT_SIZE];
    struct origin from;
    struct session session;
    struct device_id device;
    bool has_session, has_device;
};

struct try {
    char name[20], token[TOKEN_TEXT_SIZE], digits[9];
    struct attempt_id id;
    struct account_id account;
    enum action action;
    struct person *person;
    struct client *client;
};

struct seen_alert {
    struct alert_id id;
    int64_t count;
};

struct scene {
    struct house house;
    const char *file;
    int line;
    char *word[WORDS_MAX];
    size_t word_n;
    struct person people[PEOPLE_MAX];
    struct client clients[DEVICES_MAX];
    struct try tries[TRIES_MAX];
    size_t person_n, client_n, try_n;
    struct try *now; /* the attempt that lines speak of */
    struct seen_alert alerts[SEEN_MAX];
    size_t alert_n;
    struct row_id rows[SEEN_MAX]; /* mail and push that lines have spoken of */
    size_t row_n;
    struct arena *arena; /* of the last call's answer */
    struct guard_answer last;
};

/* One line: sentences between ';'. */
void scene_play(struct scene *s, char *line);
/* Ends the run with the scenario's file and line. */
_Noreturn void scene_fail(const struct scene *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *word_at(const struct scene *s, size_t i); /* fails when there is none */
/* The word after `key`, or NULL. */
const char *word_after(const struct scene *s, const char *key);
bool word_is(const struct scene *s, size_t i, const char *text);
int64_t span_of(const struct scene *s, const char *word); /* 90s, 31m, 2h, 7d */

struct person *person_named(struct scene *s, const char *name);
struct client *client_named(struct scene *s, const char *name);
enum action action_named(const struct scene *s, const char *name);
enum alert_kind kind_named(const struct scene *s, const char *name);
const char *say_name(enum guard_say say);

/* The newest alert of that kind, whether seen or not. */
bool alert_find(struct scene *s, const struct person *p, enum action action, enum alert_kind kind, struct alert *ret);

typedef bool row_is(struct scene *s, const struct store_val *v, const void *ctx);
/* The newest outbox row that `is` accepts; its sealed digits are opened into *ret_digits when that is not NULL. */
bool outbox_find(struct scene *s, row_is *is, const void *ctx, char ret_digits[9], struct row_id *ret_row);

void outbox_read_all(struct scene *s); /* all that is there counts as seen */

bool act(struct scene *s); /* false: no such verb */
void expect(struct scene *s);

#endif
