/*
 * The checkup: what stands between an account and whoever wants into it, looked at one thing after the other, and the
 * next step for each. Pure: from facts to items.
 */
#ifndef TOCSIN_AWARENESS_CHECKUP_H
#define TOCSIN_AWARENESS_CHECKUP_H

#include <stdbool.h>
#include <stddef.h>

struct checkup_facts {
    bool is_locked_down;     /* the password is known to somebody else */
    size_t passkeys;         /* that count */
    size_t trusted, unused;  /* devices; unused: trusted, and not seen for CHECKUP_UNUSED_DAYS */
    size_t ringing;          /* devices that pushes go to */
    size_t addresses;        /* that alarms go to, without those that were removed */
    size_t unanswered;       /* alarms of the last week */
    size_t backups, overdue; /* overdue: not written for as long as its owner expects */
};
#define CHECKUP_UNUSED_DAYS 90

enum checkup_state { CHECKUP_GOOD, CHECKUP_TODO, CHECKUP_RISK };

struct checkup_item {
    const char *id;
    enum checkup_state state;
    const char *title, *why, *action, *href; /* action, href: empty where there is nothing to do */
};
#define CHECKUP_ITEMS 8

struct checkup {
    int score;                                /* 0 to 100; under 50 while anything is a risk */
    struct checkup_item items[CHECKUP_ITEMS]; /* risks first, then what is to do, then what is good */
};
void checkup_make(const struct checkup_facts *facts, struct checkup *ret);

#endif
