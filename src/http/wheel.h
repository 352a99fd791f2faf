/*
 * Deadlines of one loop: a wheel of lists, so that setting one costs nothing that grows with the connections. A
 * deadline that moves later stays where it is and is looked at again when its turn comes.
 */
#ifndef TOCSIN_HTTP_WHEEL_H
#define TOCSIN_HTTP_WHEEL_H

#include "base/str.h"

#define WHEEL_TICK_BITS 6 /* 64 ms */
#define WHEEL_SLOTS     2048

struct wheel_entry { /* inside its owner; zeroed is unset */
    struct wheel_entry *next, **from;
    int64_t due_ms; /* what counts */
    int64_t tick;   /* where it is linked */
};

struct wheel {
    int64_t tick; /* the last one that was run */
    uint64_t used[WHEEL_SLOTS / 64];
    struct wheel_entry *slots[WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, int64_t now_ms);
void wheel_set(struct wheel *w, struct wheel_entry *e, int64_t due_ms);
void wheel_drop(struct wheel *w, struct wheel_entry *e);
/* An entry that is due, unlinked; NULL when there is none now. */
struct wheel_entry *wheel_next_due(struct wheel *w, int64_t now_ms);
/* How long nothing can be due; -1 when nothing is set. */
int wheel_wait_ms(const struct wheel *w, int64_t now_ms);

#endif
