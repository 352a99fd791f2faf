/*
 * The budgets' SQL. A row's text is a run of equally long stamps, oldest first, at most as many as the limit: the try
 * is allowed while there is room, or the oldest has left the window. Text, because both engines can cut and join it
 * inside the one statement that decides. A stamp far in the future was made by a clock that has been set back since; it
 * counts for nothing.
 */
#include "keeper/budget.h"

#include "base/clock.h"
#include "base/crypto.h"

#define TIME_CHARS 13

const struct budget_rule budget_rules[BUDGET_FACTOR_COUNT] = {
    [BUDGET_PASSWORD] = { .limit = 10, .window_ms = MS_PER_HOUR, .wait_most_ms = MS_PER_DAY },
    [BUDGET_CODE_MADE_HOUR] = { .limit = 5, .window_ms = MS_PER_HOUR },
    [BUDGET_CODE_MADE_DAY] = { .limit = 20, .window_ms = MS_PER_DAY },
    [BUDGET_CODE_WRONG] = { .limit = 5, .window_ms = MS_PER_DAY, .closes = true },
    [BUDGET_HERE_MADE_HOUR] = { .limit = 5, .window_ms = MS_PER_HOUR },
    [BUDGET_HERE_MADE_DAY] = { .limit = 20, .window_ms = MS_PER_DAY },
    [BUDGET_EMAIL_MADE] = { .limit = 5, .window_ms = MS_PER_HOUR },
    [BUDGET_RECOVERY_KEY] = { .limit = 10, .window_ms = MS_PER_DAY },
    [BUDGET_EMAIL_MADE_DAY] = { .limit = 20, .window_ms = MS_PER_DAY },
};

extern const struct store_stmt BUDGET_TAKE, BUDGET_GIVE_BACK, BUDGET_LOAD, BUDGET_TOLD;
extern const struct store_stmt BUDGET_REOPEN;
extern const struct store_stmt FAILURE_ADD, FAILURE_TAKE_BACK, FAILURE_LOAD, FAILURE_END, FAILURE_CLEAR;

/* ?6 the length of a full row, ?7 and ?8 the window's start and the latest believable time, as text and number. */
const struct store_stmt BUDGET_TAKE = {
    .name = "keeper_budget_take",
    .in = "bibtiitti",
    .out = "",
    .sql = "INSERT INTO budget (account_id, factor, bucket, stamps, touched_ms, told_ms, closed_until_ms)"
           " VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)"
           " ON CONFLICT (account_id, factor, bucket) DO UPDATE SET touched_ms = ?5,"
           " stamps = CASE WHEN length(budget.stamps) < ?6 THEN budget.stamps || ?4"
           " ELSE substr(budget.stamps, 22) || ?4 END"
           " WHERE (budget.closed_until_ms <= ?5 OR budget.closed_until_ms > ?9)"
           " AND (length(budget.stamps) < ?6 OR substr(budget.stamps, 1, 13) <= ?7"
           " OR substr(budget.stamps, 1, 13) > ?8)",
};
const struct store_stmt BUDGET_GIVE_BACK = {
    .name = "keeper_budget_give_back",
    .in = "bibti",
    .out = "",
    .sql = "UPDATE budget SET stamps = replace(stamps, ?4, ''),"
           " closed_until_ms = CASE WHEN ?5 = 1 THEN 0 ELSE closed_until_ms END"
           " WHERE account_id = ?1 AND factor = ?2 AND bucket = ?3",
};
const struct store_stmt BUDGET_REOPEN = {
    .name = "keeper_budget_reopen",
    .in = "bi",
    .out = "",
    .sql = "UPDATE budget SET closed_until_ms = 0 WHERE account_id = ?1 AND factor = ?2 AND closed_until_ms > 0",
};
const struct store_stmt BUDGET_LOAD = {
    .name = "keeper_budget_load",
    .in = "bib",
    .out = "tii",
    .sql = "SELECT stamps, told_ms, closed_until_ms FROM budget WHERE account_id = ?1 AND factor = ?2 AND bucket = ?3",
};
const struct store_stmt BUDGET_TOLD = {
    .name = "keeper_budget_told",
    .in = "bibii",
    .out = "",
    .sql = "UPDATE budget SET told_ms = ?4, closed_until_ms = ?5"
           " WHERE account_id = ?1 AND factor = ?2 AND bucket = ?3",
};
const struct store_stmt FAILURE_ADD = {
    .name = "keeper_failure_add",
    .in = "bibi",
    .out = "",
    .sql = "INSERT INTO failure (account_id, factor, bucket, in_a_row, touched_ms) VALUES (?1, ?2, ?3, 1, ?4)"
           " ON CONFLICT (account_id, factor, bucket)"
           " DO UPDATE SET in_a_row = failure.in_a_row + 1, touched_ms = ?4",
};
const struct store_stmt FAILURE_TAKE_BACK = {
    .name = "keeper_failure_take_back",
    .in = "bib",
    .out = "",
    .sql = "UPDATE failure SET in_a_row = in_a_row - 1"
           " WHERE account_id = ?1 AND factor = ?2 AND bucket = ?3 AND in_a_row > 0",
};
const struct store_stmt FAILURE_LOAD = {
    .name = "keeper_failure_load",
    .in = "bib",
    .out = "i",
    .sql = "SELECT in_a_row FROM failure WHERE account_id = ?1 AND factor = ?2 AND bucket = ?3",
};
const struct store_stmt FAILURE_END = {
    .name = "keeper_failure_end",
    .in = "bib",
    .out = "",
    .sql = "DELETE FROM failure WHERE account_id = ?1 AND factor = ?2 AND bucket = ?3",
};
const struct store_stmt FAILURE_CLEAR = {
    .name = "keeper_failure_clear",
    .in = "bi",
    .out = "",
    .sql = "DELETE FROM failure WHERE account_id = ?1 AND factor = ?2",
};

static void time_text(int64_t ms, char out[TIME_CHARS + 1]) {
    const int64_t most = 9999999999999;
    snprintf(out, TIME_CHARS + 1, "%013lld", (long long)(ms < 0 ? 0 : ms > most ? most : ms));
}

void budget_try_init(struct budget_try *t, struct account_id account, enum budget_factor factor, int64_t now_ms) {
    uint32_t unique;
    char when[TIME_CHARS + 1];
    *t = (struct budget_try){ .account = account, .factor = factor, .now_ms = now_ms };
    crypto_random(&unique, sizeof unique);
    time_text(now_ms, when);
    snprintf(t->stamp, sizeof t->stamp, "%s.%06x;", when, unique & 0xffffffu);
}

struct budget_row {
    int count; /* of stamps that lie in the window */
    int64_t oldest_ms, told_ms, closed_until_ms;
    bool is_there;
};

/* The farthest end of a wait that can be believed. */
static int64_t horizon_ms(const struct budget_try *t) {
    const struct budget_rule *rule = &budget_rules[t->factor];
    return rule->wait_most_ms > rule->window_ms ? rule->wait_most_ms : rule->window_ms;
}

static bool is_in_window(int64_t at_ms, const struct budget_try *t) {
    int64_t window_ms = budget_rules[t->factor].window_ms;
    return at_ms > t->now_ms - window_ms && at_ms <= t->now_ms + window_ms;
}

static enum err read_stamps(struct str stamps, const struct budget_try *t, struct budget_row *row) {
    if (stamps.n % BUDGET_STAMP_CHARS != 0) return ERR_CORRUPT;
    for (; stamps.n > 0; stamps = str_skip(stamps, BUDGET_STAMP_CHARS)) {
        int64_t at_ms;
        if (str_to_i64((struct str){ stamps.p, TIME_CHARS }, 9999999999999, &at_ms) != OK) return ERR_CORRUPT;
        if (!is_in_window(at_ms, t)) continue;
        if (row->count++ == 0) row->oldest_ms = at_ms;
    }
    return OK;
}

static enum err load(struct store_tx *tx, const struct budget_try *t, struct arena *arena, struct budget_row *ret) {
    struct store_val col[3];
    *ret = (struct budget_row){ 0 };
    enum err r = store_one(tx, &BUDGET_LOAD, S_IN(S_B(t->account.b), S_I(t->factor), S_B(t->bucket.b)), arena, col);
    if (r == ERR_NOT_FOUND) return OK;
    if (r != OK) return r;
    ret->is_there = true;
    ret->told_ms = col[1].i;
    ret->closed_until_ms = col[2].i;
    return read_stamps(col[0].s, t, ret);
}

static int64_t retry_after(const struct budget_row *row, const struct budget_try *t) {
    const struct budget_rule *rule = &budget_rules[t->factor];
    int64_t left_ms = 0, closed_ms = row->closed_until_ms - t->now_ms;
    if (row->count >= rule->limit) left_ms = row->oldest_ms + rule->window_ms - t->now_ms;
    if (closed_ms > left_ms && closed_ms <= horizon_ms(t)) left_ms = closed_ms;
    return left_ms < 0 ? 0 : left_ms;
}

enum err budget_retry_ms(struct store_tx *tx, const struct budget_try *t, struct arena *arena, int64_t *ret_retry_ms) {
    struct budget_row row;
    enum err r = load(tx, t, arena, &row);
    if (r == OK) *ret_retry_ms = retry_after(&row, t);
    return r;
}

enum err budget_take(struct store_tx *tx, const struct budget_try *t, struct arena *arena, bool *ret_is_taken,
                     int64_t *ret_retry_ms) {
    const struct budget_rule *rule = &budget_rules[t->factor];
    int64_t changed = 0, retry_ms = 0;
    char oldest[TIME_CHARS + 1], latest[TIME_CHARS + 1];
    time_text(t->now_ms - rule->window_ms, oldest);
    time_text(t->now_ms + rule->window_ms, latest);
    enum err r = store_exec(tx, &BUDGET_TAKE,
                            S_IN(S_B(t->account.b), S_I(t->factor), S_B(t->bucket.b), S_Z(t->stamp), S_I(t->now_ms),
                                 S_I(rule->limit * BUDGET_STAMP_CHARS), S_Z(oldest), S_Z(latest),
                                 S_I(t->now_ms + horizon_ms(t))),
                            &changed);
    if (r == OK && changed == 0) r = budget_retry_ms(tx, t, arena, &retry_ms);
    if (r != OK) return r;
    *ret_is_taken = changed > 0;
    *ret_retry_ms = changed > 0 || retry_ms >= MS_PER_S ? retry_ms : MS_PER_S;
    return OK;
}

static enum err give_back(struct store_tx *tx, const struct budget_try *t, bool reopens) {
    return store_exec(tx, &BUDGET_GIVE_BACK,
                      S_IN(S_B(t->account.b), S_I(t->factor), S_B(t->bucket.b), S_Z(t->stamp), S_I(reopens ? 1 : 0)),
                      NULL);
}

enum err budget_give_back(struct store_tx *tx, const struct budget_try *t) { return give_back(tx, t, false); }

enum err budget_right(struct store_tx *tx, const struct budget_try *t) {
    enum err r = give_back(tx, t, true);
    return r == OK ? store_exec(tx, &FAILURE_END, S_IN(S_B(t->account.b), S_I(t->factor), S_B(t->bucket.b)), NULL) : r;
}

int64_t budget_wait_ms(enum budget_factor factor, int64_t in_a_row) {
    const struct budget_rule *rule = &budget_rules[factor];
    int64_t rounds = in_a_row / rule->limit, wait_ms = rule->window_ms;
    if (rule->wait_most_ms == 0 || rounds < 2 || in_a_row % rule->limit != 0) return 0;
    while (--rounds > 0 && wait_ms < rule->wait_most_ms) wait_ms *= 2;
    return wait_ms < rule->wait_most_ms ? wait_ms : rule->wait_most_ms;
}

enum err budget_note_spent(struct store_tx *tx, const struct budget_try *t, struct arena *arena,
                           bool *ret_is_just_spent) {
    const struct budget_rule *rule = &budget_rules[t->factor];
    struct budget_row row;
    enum err r = load(tx, t, arena, &row);
    if (r != OK) return r;
    bool is_spent = row.is_there && row.count >= rule->limit;
    bool was_told = is_in_window(row.told_ms, t);
    int64_t wait_ms = budget_wait_ms(t->factor, t->in_a_row);
    *ret_is_just_spent = (is_spent && !was_told) || wait_ms > 0 || t->in_a_row == FAILURES_MOST;
    if (is_spent && rule->closes) wait_ms = rule->window_ms;
    if (!*ret_is_just_spent && wait_ms == 0) return OK;
    int64_t told_ms = *ret_is_just_spent ? t->now_ms : row.told_ms;
    int64_t closed_until_ms = wait_ms > 0 ? t->now_ms + wait_ms : row.closed_until_ms;
    return store_exec(tx, &BUDGET_TOLD,
                      S_IN(S_B(t->account.b), S_I(t->factor), S_B(t->bucket.b), S_I(told_ms), S_I(closed_until_ms)),
                      NULL);
}

enum err failure_is_disabled(struct store_tx *tx, const struct budget_try *t, struct arena *arena,
                             bool *ret_is_disabled) {
    struct store_val col[1];
    enum err r = store_one(tx, &FAILURE_LOAD, S_IN(S_B(t->account.b), S_I(t->factor), S_B(t->bucket.b)), arena, col);
    if (r != OK && r != ERR_NOT_FOUND) return r;
    *ret_is_disabled = r == OK && col[0].i >= FAILURES_MOST;
    return OK;
}

enum err failure_add(struct store_tx *tx, struct budget_try *t, struct arena *arena, bool *ret_is_disabled) {
    const struct store_val in[] = { S_B(t->account.b), S_I(t->factor), S_B(t->bucket.b), S_I(t->now_ms) };
    struct store_val col[1];
    enum err r = store_exec(tx, &FAILURE_ADD, in, NULL);
    if (r == OK) r = store_one(tx, &FAILURE_LOAD, in, arena, col);
    if (r != OK) return r;
    t->in_a_row = col[0].i;
    *ret_is_disabled = t->in_a_row > FAILURES_MOST;
    return OK;
}

enum err failure_take_back(struct store_tx *tx, const struct budget_try *t) {
    return store_exec(tx, &FAILURE_TAKE_BACK, S_IN(S_B(t->account.b), S_I(t->factor), S_B(t->bucket.b)), NULL);
}

enum err failure_clear(struct store_tx *tx, struct account_id account, enum budget_factor factor) {
    const struct store_val in[] = { S_B(account.b), S_I(factor) };
    enum err r = store_exec(tx, &FAILURE_CLEAR, in, NULL);
    return r == OK && budget_rules[factor].wait_most_ms > 0 ? store_exec(tx, &BUDGET_REOPEN, in, NULL) : r;
}
