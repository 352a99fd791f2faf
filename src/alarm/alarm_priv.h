/* Between the files of the alarm. */
#ifndef TOCSIN_ALARM_ALARM_PRIV_H
#define TOCSIN_ALARM_ALARM_PRIV_H

#include "alarm/alarm.h"

enum outbox_state { OUTBOX_WAITING = 1, OUTBOX_SENT, OUTBOX_FAILED, OUTBOX_SEEN };

extern const struct store_stmt ALERT_ADD, ALERT_LIVE, ALERT_COUNT_UP, ALERT_EACH, ALERT_GET, ALERT_ANSWER;
extern const struct store_stmt OUTBOX_ADD, OUTBOX_REPEAT, OUTBOX_OF_ALERT, OUTBOX_SET_SEEN, OUTBOX_LIVE_ADD;
extern const struct store_stmt OUTBOX_DUE, OUTBOX_LEASE, OUTBOX_NEXT_DUE, OUTBOX_READ, OUTBOX_SETTLE, OUTBOX_RESET,
    OUTBOX_PURGE;

#endif
