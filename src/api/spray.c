/* Distinct accounts are a sketch of fixed size, so that a flood of addresses costs no memory. */
#include "api/spray.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/distinct.h"
#include "base/log.h"
#include "base/metrics.h"

#define PROOFS_HELP "Wrong proofs, by kind."

static struct metric wrong[] = {
    { .name = "tocsin_wrong_proofs_total", .help = PROOFS_HELP, .type = "counter", .labels = "kind=\"password\"" },
    { .name = "tocsin_wrong_proofs_total", .help = PROOFS_HELP, .type = "counter", .labels = "kind=\"code\"" },
    { .name = "tocsin_wrong_proofs_total", .help = PROOFS_HELP, .type = "counter", .labels = "kind=\"recovery_key\"" },
    { .name = "tocsin_wrong_proofs_total", .help = PROOFS_HELP, .type = "counter", .labels = "kind=\"passkey\"" },
    { .name = "tocsin_wrong_proofs_total", .help = PROOFS_HELP, .type = "counter", .labels = "kind=\"email_code\"" },
};
static struct metric failed = { .name = "tocsin_failed_sign_ins_total",
                                .help = "Sign-ins that ended with their third wrong proof.",
                                .type = "counter" };
static struct metric spent = { .name = "tocsin_budgets_spent_total",
                               .help = "Guess budgets that were used up.",
                               .type = "counter" };
static struct metric refused = { .name = "tocsin_too_many_tries_total",
                                 .help = "Calls refused because a budget is spent.",
                                 .type = "counter" };
static struct metric wrong_hour = { .name = "tocsin_wrong_proofs_hour",
                                    .help = "Wrong proofs within the last hour.",
                                    .type = "gauge" };
static struct metric accounts_hour = { .name = "tocsin_guessed_accounts_hour",
                                       .help = "Accounts with a wrong proof within the last hour, about.",
                                       .type = "gauge" };

static struct {
    pthread_mutex_t lock;
    struct distinct seen;
    int64_t accounts_most, warned_ms;
} spray = { .lock = PTHREAD_MUTEX_INITIALIZER };

void spray_start(int64_t accounts_most) {
    distinct_init(&spray.seen);
    spray.accounts_most = accounts_most;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) metric_register(&wrong[i]);
    metric_register(&failed);
    metric_register(&spent);
    metric_register(&refused);
    metric_register(&wrong_hour);
    metric_register(&accounts_hour);
}

/* True once an hour while too many are guessed at. */
static bool note_account(struct account_id account, int64_t now_ms, int64_t *ret_accounts, int64_t *ret_wrong) {
    bool is_due = false;
    (void)pthread_mutex_lock(&spray.lock);
    distinct_add(&spray.seen, str_bytes(account.b, ID_BYTES), now_ms);
    int64_t age_ms = now_ms - spray.warned_ms;
    if (age_ms >= MS_PER_HOUR || age_ms < 0) {
        *ret_accounts = distinct_count(&spray.seen, now_ms);
        *ret_wrong = distinct_added(&spray.seen, now_ms);
        is_due = *ret_accounts > spray.accounts_most;
        if (is_due) spray.warned_ms = now_ms;
    }
    (void)pthread_mutex_unlock(&spray.lock);
    return is_due;
}

static void note_wrong(const struct guard_call *g) {
    int64_t accounts = 0, proofs = 0;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (g->proof == (enum proof)(1U << i)) metric_add(&wrong[i], 1);
    if (g->answer.attempt.action == ACTION_SIGN_IN && g->answer.attempt.state == ATTEMPT_FAILED) metric_add(&failed, 1);
    if (note_account(g->answer.attempt.account, clock_wall_ms(), &accounts, &proofs))
        log_event(LOG_LEVEL_WARN, "excess_rate_limit_exceeded", LOG_Z("scope", "all accounts"),
                  LOG_I("guessed_accounts", accounts), LOG_I("wrong_proofs", proofs), LOG_I("minutes", 60));
}

void spray_note(const struct guard_call *g) {
    if (g->answer.is_budget_spent) metric_add(&spent, 1);
    if (g->answer.say == GUARD_TOO_MANY) metric_add(&refused, 1);
    if (g->verb == GUARD_PROVE && g->answer.say == GUARD_WRONG_PROOF) note_wrong(g);
}

void spray_refresh(void) {
    int64_t now_ms = clock_wall_ms();
    (void)pthread_mutex_lock(&spray.lock);
    metric_set(&wrong_hour, distinct_added(&spray.seen, now_ms));
    metric_set(&accounts_hour, distinct_count(&spray.seen, now_ms));
    (void)pthread_mutex_unlock(&spray.lock);
}
