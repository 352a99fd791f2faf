/*
 * The alarm: an event becomes an alert, its words, and one outbox row a destination, all in the caller's transaction.
 * Nothing is sent here; the courier is woken after the commit. Words come from fixed texts and struct origin only.
 */
#ifndef TOCSIN_ALARM_ALARM_H
#define TOCSIN_ALARM_ALARM_H

#include "alarm/outbox.h"
#include "base/buf.h"
#include "core/action.h"
#include "core/ids.h"
#include "store/store.h"

extern const struct store_stmt *const alarm_statements[];

struct alarm_from { /* copied from identity/origin.h by guard; siblings don't include each other */
    struct str ip, net, place, device;
    bool is_known_device;
};

struct alarm_to {
    enum outbox_channel channel;
    struct str to;                /* address or endpoint */
    struct str label;             /* what the owner is shown: the address, or our own words for the device */
    const uint8_t *p256dh, *auth; /* push */
    struct push_id push;          /* push: the subscription */
};

struct alarm_event {
    struct account_id account;
    struct attempt_id attempt;
    enum action action;
    enum alert_kind kind;
    unsigned proved; /* bits of enum proof that the attempt had shown */
    int64_t at_ms;
    struct alarm_from from;
    const struct alarm_to *to; /* every destination */
    size_t to_n;
};

/*
 * Writes the alert and its rows; or, when an unanswered alert of the same account, action, kind and network began
 * within 15 minutes, counts it there (live at once; by mail and push at most once more). *ret_alert is the live alert
 * either way. The caller holds the account's row: two at once would make two alerts.
 */
enum err alarm_raise(struct store_tx *tx, const struct alarm_event *e, struct alert_id *ret_alert) MUST_CHECK;

/* For an account that does not exist: takes as long as alarm_raise, leaves no row, and nobody is told. */
enum err alarm_raise_in_vain(struct store_tx *tx, const struct alarm_event *e) MUST_CHECK;

/* A letter that is not an alert: a code (sealed), a test, a case. title/body are used when letter needs words of its
 * own. */
struct alarm_letter {
    struct account_id account;
    enum outbox_letter letter;
    enum action action;
    struct alarm_to to;
    struct str sealed, title, body;
    int64_t at_ms, expires_ms;
};
enum err alarm_write_letter(struct store_tx *tx, const struct alarm_letter *l) MUST_CHECK;

struct alert_delivery {
    enum outbox_channel channel;
    struct str to;
    struct str state;
    int64_t at_ms;
    int64_t tries;
};
struct alert {
    struct alert_id id;
    struct attempt_id attempt;
    enum action action;
    enum alert_kind kind;
    unsigned proved;
    int64_t at_ms, last_ms, count, answered_ms;
    struct str title, body, ip, net, place, device, answer; /* answer: "me", "not_me" or empty */
    struct str note;                                        /* the owner's own words beside it */
    bool is_known_device;
    const struct alert_delivery *deliveries;
    size_t delivery_n;
};
typedef enum err alert_fn(void *ctx, const struct alert *a);
struct alert_page {
    struct account_id account;
    const struct alert_id *before; /* NULL: from the newest */
    int limit;
    struct arena *arena;
};
/* Newest first. */
enum err alert_each(struct store_tx *tx, const struct alert_page *p, alert_fn *fn, void *ctx) MUST_CHECK;
enum err alert_get(struct store_tx *tx, struct account_id account, struct alert_id id, struct arena *a,
                   struct alert *ret) MUST_CHECK;
struct alert_answer {
    struct account_id account;
    struct alert_id id;
    struct str answer, note;
    int64_t at_ms;
};
enum err alert_set_answer(struct store_tx *tx, const struct alert_answer *a) MUST_CHECK;
/* Every row of the channel that was tried becomes "seen", at once or when it is known as sent; the rest still goes out.
 */
enum err alert_set_seen(struct store_tx *tx, struct account_id account, struct alert_id id, enum outbox_channel channel,
                        int64_t now_ms) MUST_CHECK;

/* Notes that a page with this alert was open (channel "live"); once an alert. */
enum err alert_set_live(struct store_tx *tx, struct account_id account, struct alert_id id, int64_t now_ms) MUST_CHECK;
/* True when mail or push of the alert was accepted or seen. An open page does not count: it may be the thief's. */
enum err alert_was_delivered(struct store_tx *tx, struct account_id account, struct alert_id id, struct arena *a,
                             bool *ret) MUST_CHECK;

/* Deletes the account's alerts and rows. */
enum err alarm_forget(struct store_tx *tx, struct account_id account) MUST_CHECK;

/* The words of an alert, for letters, pages and lists. */
void alarm_words(const struct alarm_event *e, struct buf *title, struct buf *body);

/* ---- the outbox thread of the front: SQL behind outbox.h ---- */
struct outbox_settled {
    struct account_id account;
    struct row_id row;
    struct alert_id alert;
    enum outbox_channel channel;
    bool is_sent; /* else failed for good */
    int status;
    int64_t at_ms;
};

struct outbox_desk;
struct outbox_desk_options {
    struct store *store;
    int courier_fd;
    /* after an outcome was recorded for an alert (live update); on the outbox thread */
    void (*changed)(void *ctx, struct account_id account, struct alert_id alert);
    /* push 404 or 410, inside the recording transaction: delete that subscription */
    enum err (*unsubscribed)(void *ctx, struct store_tx *tx, struct account_id account, struct push_id push);
    /* each final outcome, inside the recording transaction: append it to the history */
    enum err (*recorded)(void *ctx, struct store_tx *tx, const struct outbox_settled *s);
    void *ctx;
};
enum err outbox_desk_start(const struct outbox_desk_options *o, struct outbox_desk **ret) MUST_CHECK;
void outbox_desk_wake(struct outbox_desk *d);     /* any thread: rows were committed */
bool outbox_desk_is_alive(struct outbox_desk *d); /* the courier asked within the last 5 s */
void outbox_desk_stop(struct outbox_desk *d);

#endif
