/* What the tests of the alarm share: one account's event, and the outbox as it stands. */
#ifndef TOCSIN_TESTS_ALARM_FIXTURE_H
#define TOCSIN_TESTS_ALARM_FIXTURE_H

#include "alarm/alarm_priv.h"
#include "main_store.h"

extern const struct store_stmt *const *const alarm_test_statements[];

#define T0_MS INT64_C(1795530187000)

/* An event with one mail and one push destination, from 192.0.2.0/24. */
struct alarm_event event_new(struct account_id account);
struct alert_id raise_event(struct main_store *m, const struct alarm_event *e);
struct alert get_alert(struct main_store *m, struct account_id account, struct alert_id id);

struct outbox_row {
    struct row_id id;
    struct str title, body;
    int64_t channel, state, due_ms, tries, seen_ms, at_ms, sealed_n, expires_ms;
};
struct outbox_rows {
    struct outbox_row row[200];
    size_t n;
};
/* The account's rows by age. */
struct outbox_rows outbox_of(struct main_store *m, struct account_id account);
/* Sets one column of one row, for states that only time or damage brings about. */
void outbox_age(struct main_store *m, struct account_id account, int64_t due_ms, int64_t at_ms);
void outbox_expire(struct main_store *m, struct account_id account, int64_t expires_ms);
void outbox_clear(struct main_store *m);

#endif
