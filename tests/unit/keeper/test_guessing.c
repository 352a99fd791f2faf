/*
 * docs/guessing.md against the keeper itself: attackers who make every guess as soon as it is taken play simulated days
 * and years, and what they get must be what the document's tables say, row by row, with the arithmetic that stands
 * there. GUESSING_MD is its path.
 */
#include <math.h>

#include "world.h"

#define ROWS_MAX   16
#define LABEL_MAX  120
#define YEAR_MS    (365 * MS_PER_DAY)
#define STRATEGIES 12

static const char WRONG[] = "not the right one at all";
static const char NO_KEY[] = "0000-0000-0000-0000-0000-0000-0000";

/* One who guesses, and perhaps an owner whose own sign-ins end the failures in a row. */
struct attack {
    struct world *w;
    struct account_id account;
    struct device_id device;
    int64_t began_ms, owner_due_ms;
    int in_a_row, day, year;
    size_t digits;
    char key[RECOVERY_KEY_TEXT_SIZE];
    bool has_helpful_owner;
    struct play attempt; /* of the code that is alive */
    char code[9];
    int code_wrong;
};

typedef enum keeper_say guess_fn(struct attack *a, bool is_right);

static enum keeper_say guess_password(struct attack *a, bool is_right) {
    struct play p = play_new(a->account, ACTION_SIGN_IN, a->device);
    return ask(a->w, &p, KEEPER_PROVE_PASSWORD, is_right ? GOOD_PASSWORD : WRONG);
}

static enum keeper_say guess_key(struct attack *a, bool is_right) {
    struct play p = play_new(a->account, ACTION_RECOVER_PASSWORD, a->device);
    return ask(a->w, &p, KEEPER_PROVE_RECOVERY_KEY, is_right ? a->key : NO_KEY);
}

static enum keeper_say make_code(struct attack *a) {
    a->attempt = play_new(a->account, ACTION_SIGN_IN, a->device);
    a->code_wrong = 0;
    assert_int_equal(ask(a->w, &a->attempt, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    struct keeper_request q = play_ask(&a->attempt, KEEPER_MAKE_CODE_THERE, NULL);
    q.code_digits = (uint8_t)a->digits;
    enum keeper_say say = world_ask(a->w, &q);
    if (say == KEEPER_RIGHT) world_unseal(a->w, a->code);
    return say;
}

/* With the password in hand; three at each code, because the third ends the attempt. */
static enum keeper_say guess_code(struct attack *a, bool is_right) {
    char typed[9];
    if (a->code_wrong == 0 || a->code_wrong == 3 || is_right) {
        enum keeper_say say = make_code(a);
        if (say != KEEPER_RIGHT) return say;
    }
    memcpy(typed, a->code, sizeof typed);
    if (!is_right) typed[0] = typed[0] == '9' ? '0' : (char)(typed[0] + 1);
    a->code_wrong++;
    enum keeper_say say = ask(a->w, &a->attempt, KEEPER_PROVE_CODE, typed);
    if (say != KEEPER_WRONG) a->code_wrong = 0; /* it lives minutes; the next opening is hours away */
    return say;
}

/* The owner comes first whenever the door opens after their day is over. */
static void let_owner_in(struct attack *a, guess_fn *guess) {
    if (!a->has_helpful_owner || a->w->now_ms < a->owner_due_ms) return;
    if (guess(a, true) != KEEPER_RIGHT) return;
    a->code_wrong = 0;
    a->in_a_row = 0;
    a->owner_due_ms += MS_PER_DAY;
}

static void count_guess(struct attack *a) {
    int64_t age_ms = a->w->now_ms - a->began_ms;
    a->day += age_ms < MS_PER_DAY;
    a->year += age_ms < YEAR_MS;
    a->in_a_row++;
}

/* After the hundredth in a row nothing is gained any more: the right one is refused too. */
static bool is_over(struct attack *a, guess_fn *guess) {
    if (a->in_a_row < FAILURES_MOST) return false;
    a->w->now_ms += MS_PER_DAY;
    enum keeper_say say = guess(a, true);
    assert_true(say == KEEPER_WRONG || say == KEEPER_TOO_MANY);
    return true;
}

/* wait_ms: between guesses that were taken. */
static void play(struct attack *a, guess_fn *guess, int64_t wait_ms, int64_t until_ms) {
    a->began_ms = a->w->now_ms;
    a->owner_due_ms = a->began_ms + MS_PER_DAY;
    while (a->w->now_ms - a->began_ms < until_ms) {
        let_owner_in(a, guess);
        enum keeper_say say = guess(a, false);
        assert_true(say == KEEPER_WRONG || say == KEEPER_TOO_MANY);
        if (say == KEEPER_WRONG) count_guess(a);
        if (say == KEEPER_WRONG && is_over(a, guess)) return;
        a->w->now_ms += say == KEEPER_WRONG ? wait_ms : a->w->reply.retry_ms;
    }
}

static struct attack attack_new(struct world *w) {
    struct attack a = { .w = w, .digits = 4 };
    a.account = enroll(w, NULL, a.key);
    return a;
}

/* ---- the document ---- */

struct row {
    char label[LABEL_MAX];
    double day, year, space, day_odds, year_odds;
};

static double number(const char *cell) {
    char plain[60];
    size_t n = 0;
    for (; *cell && n + 1 < sizeof plain; cell++)
        if (*cell != ',' && *cell != ' ' && *cell != '`') plain[n++] = *cell;
    plain[n] = 0;
    const char *from = strncmp(plain, "1in", 3) == 0 ? plain + 3 : plain;
    char *end;
    double x = strtod(from, &end);
    return *end == '^' ? pow(x, strtod(end + 1, NULL)) : x;
}

static size_t cut(char *line, char *cells[8]) {
    size_t n = 0;
    for (char *at = strtok_r(line, "|", &line); at && n < 8; at = strtok_r(NULL, "|", &line)) {
        while (*at == ' ') at++;
        for (size_t len = strlen(at); len > 0 && at[len - 1] == ' '; len--) at[len - 1] = 0;
        cells[n++] = at;
    }
    return n;
}

typedef void row_fn(void *ctx, char *cells[8]);

/* The rows of the table after that mark; its two rows of heading are none. */
static size_t each_row(const char *mark, size_t cell_n, row_fn *fn, void *ctx) {
    FILE *f = fopen(GUESSING_MD, "r");
    char line[600], *cells[8];
    size_t lines = 0;
    bool is_in = false;
    if (!f) fail_msg("%s can't be read", GUESSING_MD);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, mark) == 0) is_in = true;
        if (line[0] == 0) is_in = false;
        if (!is_in || line[0] != '|' || ++lines <= 2) continue;
        assert_int_equal(cut(line, cells), cell_n);
        fn(ctx, cells);
    }
    fclose(f);
    return lines < 2 ? 0 : lines - 2;
}

struct table {
    struct row rows[ROWS_MAX];
    size_t n;
};

static void take_row(void *ctx, char *cells[8]) {
    struct table *t = ctx;
    assert_true(t->n < ROWS_MAX);
    struct row *r = &t->rows[t->n++];
    snprintf(r->label, LABEL_MAX, "%s", cells[0]);
    r->day = number(cells[1]);
    r->year = number(cells[2]);
    r->space = number(cells[3]);
    r->day_odds = number(cells[4]);
    r->year_odds = number(cells[5]);
}

static void read_table(struct table *t) {
    t->n = 0;
    (void)each_row("<!-- tested -->", 6, take_row, t);
}

static const struct row *row_named(const struct table *t, const char *label) {
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].label, label) == 0) return &t->rows[i];
    fail_msg("%s has no row \"%s\"", GUESSING_MD, label);
    return NULL;
}

static bool is_close(double a, double b) { return fabs(a - b) <= 0.02 * fabs(b); }

/* ---- the rows ---- */

struct played {
    const char *label;
    guess_fn *guess;
    double space;
    size_t digits;
    bool has_helpful_owner, is_known_device;
};

static const struct played all[] = {
    { .label = "a password, from unknown devices", .guess = guess_password, .space = 1e8 },
    { .label = "the same, and the owner signs in from one each day",
      .guess = guess_password,
      .space = 1e8,
      .has_helpful_owner = true },
    { .label = "a password, on a stolen known device", .guess = guess_password, .space = 1e8, .is_known_device = true },
    { .label = "a code of 4 digits, password in hand", .guess = guess_code, .space = 1e4, .digits = 4 },
    { .label = "the same, and the owner uses a code each day",
      .guess = guess_code,
      .space = 1e4,
      .digits = 4,
      .has_helpful_owner = true },
    { .label = "a code of 6 digits, password in hand", .guess = guess_code, .space = 1e6, .digits = 6 },
    { .label = "the same with 6 digits, and the owner uses a code each day",
      .guess = guess_code,
      .space = 1e6,
      .digits = 6,
      .has_helpful_owner = true },
    { .label = "a recovery key", .guess = guess_key, .space = 3.402823669209385e38 },
};

static void check_row(struct world *w, const struct row *said, const struct played *p) {
    struct attack a = attack_new(w);
    if (p->digits) a.digits = p->digits;
    a.has_helpful_owner = p->has_helpful_owner;
    if (p->is_known_device) a.account = enroll(w, &a.device, a.key);
    play(&a, p->guess, 0, YEAR_MS);
    if (a.day != (int)said->day || a.year != (int)said->year || !is_close(said->space, p->space) ||
        !is_close(said->day_odds, p->space / a.day) || !is_close(said->year_odds, p->space / a.year))
        fail_msg("| %s | %d | %d | %.3g | 1 in %.3g | 1 in %.3g |", p->label, a.day, a.year, p->space, p->space / a.day,
                 p->space / a.year);
}

static void test_rows(void **state) {
    static struct table t;
    struct world *w = *state;
    read_table(&t);
    assert_int_equal(t.n, ARRAY_LEN(all));
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (w->is_postgres && all[i].has_helpful_owner) continue; /* the same statements, and minutes of them */
        check_row(w, row_named(&t, all[i].label), &all[i]);
    }
}

static int64_t span_of(const char *cell) {
    if (strcmp(cell, "-") == 0) return 0;
    return (int64_t)strtol(cell, NULL, 10) * MS_PER_HOUR;
}

static void check_number(void *ctx, char *cells[8]) {
    static const struct {
        const char *label;
        enum budget_factor factor;
    } names[] = { { "wrong passwords", BUDGET_PASSWORD },
                  { "wrong recovery keys", BUDGET_RECOVERY_KEY },
                  { "wrong codes, then `shown_there` is closed for 24 hours", BUDGET_CODE_WRONG },
                  { "codes made for `shown_there`, an hour", BUDGET_CODE_MADE_HOUR },
                  { "codes made for `shown_there`, a day", BUDGET_CODE_MADE_DAY },
                  { "codes made for `shown_here`, an hour", BUDGET_HERE_MADE_HOUR },
                  { "codes made for `shown_here`, a day", BUDGET_HERE_MADE_DAY },
                  { "mailed codes, an hour", BUDGET_EMAIL_MADE },
                  { "mailed codes, a day", BUDGET_EMAIL_MADE_DAY } };
    size_t i = 0;
    (void)ctx;
    while (i < ARRAY_LEN(names) && strcmp(names[i].label, cells[0]) != 0) i++;
    if (i == ARRAY_LEN(names)) fail_msg("no budget is called \"%s\"", cells[0]);
    const struct budget_rule *rule = &budget_rules[names[i].factor];
    assert_int_equal(rule->limit, strtol(cells[1], NULL, 10));
    assert_int_equal(rule->window_ms, span_of(cells[2]));
    assert_int_equal(rule->wait_most_ms, span_of(cells[3]));
}

static void test_numbers(void **state) {
    (void)state;
    assert_int_equal(each_row("<!-- numbers -->", 4, check_number, NULL), BUDGET_FACTOR_COUNT - 1);
    assert_int_equal(FAILURES_MOST, 100);
}

struct spray {
    double odds[4];
    size_t at;
};

static void check_spray(void *ctx, char *cells[8]) {
    struct spray *s = ctx;
    assert_true(s->at < ARRAY_LEN(s->odds));
    double odds = s->odds[s->at++];
    assert_true(is_close(number(cells[1]), odds));
    assert_true(is_close(number(cells[2]), 1e6 / odds));
}

/* A product of the table before: the password, or who has chosen badly, or none; and then the code. */
static void test_spray(void **state) {
    static struct table t;
    (void)state;
    read_table(&t);
    double password = row_named(&t, all[0].label)->year_odds;
    double four = row_named(&t, all[3].label)->year_odds, six = row_named(&t, all[5].label)->year_odds;
    struct spray s = { .odds = { password * four, 1e4 * four, four, six } };
    assert_int_equal(each_row("<!-- spray -->", 3, check_spray, &s), ARRAY_LEN(s.odds));
}

/* Nobody gets more by being slow, or by coming in bursts. */
static void test_no_strategy_is_better(void **state) {
    static struct table t;
    struct world *w = *state;
    read_table(&t);
    const struct row *said = row_named(&t, all[0].label);
    for (int i = 1; i <= STRATEGIES; i++) {
        struct attack a = attack_new(w);
        play(&a, guess_password, i * 97 * MS_PER_S, YEAR_MS);
        assert_true(a.day <= (int)said->day);
        assert_true(a.year <= (int)said->year);
    }
}

/* 20 mails a day, three tries each: what it takes to sign up with somebody else's address. */
static void test_email_codes(void **state) {
    struct world *w = *state;
    struct account_id account;
    int tries = 0;
    id_new(account.b);
    for (int64_t end_ms = w->now_ms + MS_PER_DAY; w->now_ms < end_ms;) {
        struct play p = play_new(account, ACTION_SIGN_UP, DEVICE_NONE);
        if (ask(w, &p, KEEPER_MAKE_EMAIL_CODE, NULL) == KEEPER_TOO_MANY) {
            w->now_ms += w->reply.retry_ms;
            continue;
        }
        for (int i = 0; i < 4; i++) tries += ask(w, &p, KEEPER_PROVE_EMAIL_CODE, "no code") == KEEPER_WRONG;
    }
    assert_int_equal(tries, 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_numbers),     WORLD_TEST(test_spray),
        WORLD_TEST(test_rows),        WORLD_TEST(test_no_strategy_is_better),
        WORLD_TEST(test_email_codes),
    };
    return run_on_both("guessing", tests, ARRAY_LEN(tests));
}
