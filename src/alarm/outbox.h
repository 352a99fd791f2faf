/*
 * What front and courier say to each other about deliveries. The courier owns no database: it claims due rows with a
 * lease, delivers them, and tells what became of each; the front's outbox thread does the SQL. All layouts are fixed
 * (see ipc/ipc.h).
 *
 * A delivery carries everything the courier needs and nothing more: where to, and words. It holds no live token: the
 * link is derived at delivery from account and alert, codes are sealed for the courier. At least once: Message-ID, push
 * topic and notification tag come from the row, so that a repeat shows once.
 */
#ifndef TOCSIN_ALARM_OUTBOX_H
#define TOCSIN_ALARM_OUTBOX_H

#include "core/action.h"
#include "core/ids.h"
#include "ipc/ipc.h"

enum outbox_channel { OUTBOX_EMAIL = 1, OUTBOX_PUSH = 2, OUTBOX_WEBHOOK = 3, OUTBOX_LIVE = 4 };

enum outbox_letter {                        /* what is written, for layout and link */
                     LETTER_ALERT = 1,      /* an alert: has a link */
                     LETTER_CODE,           /* push: digits for a trusted device, sealed; link to the approval page */
                     LETTER_EMAIL_CODE,     /* mail: digits that show an address is one's own, sealed; no link */
                     LETTER_ADDRESS_IN_USE, /* mail: somebody tried to sign up with your address */
                     LETTER_TEST,           /* push: the test button */
                     LETTER_CASE,           /* mail to the security team */
};

enum outbox_type {                    /* ipc types, 100 … */
                   OUTBOX_WAKE = 100, /* front → courier: rows are due */
                   OUTBOX_CLAIM,      /* courier → front: up to `most` rows, please */
                   OUTBOX_DELIVERY,   /* front → courier: one row (answers OUTBOX_CLAIM; the last has `is_last`) */
                   OUTBOX_NOTHING,    /* front → courier: nothing due; next due in due_ms (-1: none) */
                   OUTBOX_OUTCOME,    /* courier → front: what became of one try */
                   OUTBOX_RECORDED,   /* front → courier: the outcome is durable (request repeated) */
};

struct outbox_claim {
    struct ipc_header h;
    uint16_t most; /* 1 … 64 */
} __attribute__((packed));

#define OUTBOX_TO_MAX     1024 /* e-mail address or push endpoint */
#define OUTBOX_TITLE_MAX  200
#define OUTBOX_BODY_MAX   2000 /* plain text, LF line ends */
#define OUTBOX_SEALED_MAX 64

struct outbox_delivery {
    struct ipc_header h;
    struct account_id account;
    struct row_id row;
    struct alert_id alert; /* zero: no link */
    uint8_t channel, letter, action, kind;
    uint8_t is_last, is_urgent;
    uint32_t tries;                 /* before this one */
    int64_t written_ms, expires_ms; /* not worth delivering after */
    uint16_t to_n, title_n, body_n, sealed_n;
    char to[OUTBOX_TO_MAX];
    uint8_t push_p256dh[65], push_auth[16];
    char title[OUTBOX_TITLE_MAX]; /* fixed words and our own parse only */
    char body[OUTBOX_BODY_MAX];
    uint8_t sealed[OUTBOX_SEALED_MAX];
} __attribute__((packed));

enum outbox_result {
    RESULT_SENT = 1,     /* accepted by the next hop */
    RESULT_RETRY,        /* try again, not before retry_ms from now */
    RESULT_FAILED,       /* never (5xx, expired, refused address) */
    RESULT_UNSUBSCRIBED, /* push 404 or 410: delete the subscription */
};

struct outbox_outcome {
    struct ipc_header h;
    struct account_id account;
    struct row_id row;
    uint8_t result;
    uint16_t status;  /* HTTP or SMTP status; 0: no answer */
    int64_t retry_ms; /* the courier's wish (Retry-After); the front takes the larger of it and its own back-off */
} __attribute__((packed));

struct outbox_nothing {
    struct ipc_header h;
    int64_t due_ms;
} __attribute__((packed));

/* ERR_INPUT unless the message is exactly one of the above and every field in its bounds. */
enum err outbox_check(const void *message, size_t n) MUST_CHECK;

#endif
