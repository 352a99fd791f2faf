/*
 * What front and keeper say to each other, byte by byte. Types 1..99 are theirs; an ask's type is its number in enum
 * keeper_ask. One layout for all asks and one for all replies: the cost of the unused bytes is nothing beside one hash,
 * and one check is easier to get right than seventeen.
 */
#ifndef TOCSIN_KEEPER_MESSAGES_H
#define TOCSIN_KEEPER_MESSAGES_H

#include "ipc/ipc.h"
#include "keeper/client.h"

#define KEEPER_ASK_COUNT (KEEPER_PAIR + 1)

enum keeper_type { /* besides the asks */
                   KEEPER_TYPE_REPLY = 80,
                   KEEPER_TYPE_HELLO = 90, /* keeper → front, once at start: what was asked before may be lost */
};

struct keeper_message_ask {
    struct ipc_header h;
    struct account_id account;
    struct attempt_id attempt;
    struct device_id device;
    struct device_id by;
    struct subject subject;
    int64_t attempt_expires_ms; /* 0: as long as the action's table says */
    uint8_t action;
    uint8_t code_digits;
    uint8_t is_too_long; /* the secret was over its bound and is not here: never right, never good enough */
    uint16_t secret_n;
    uint8_t secret[KEEPER_SECRET_BYTES_MAX];
} __attribute__((packed));

struct keeper_message_reply {
    struct ipc_header h;
    uint8_t say;
    uint8_t proved;
    uint8_t is_budget_just_spent;
    int64_t retry_ms;
    int64_t expires_ms;
    char digits[9];                            /* NUL-padded */
    char recovery_key[RECOVERY_KEY_TEXT_SIZE]; /* NUL-padded */
    char reason[200];                          /* NUL-padded */
    uint8_t sealed_n;
    uint8_t sealed[KEEPER_SEALED_BYTES_MAX];
    struct account_id account;
    uint8_t is_count_behind;
    uint8_t challenge[CHALLENGE_BYTES];
    char receipt[RECEIPT_TEXT_SIZE]; /* NUL-padded */
    struct pair_id pair;
    uint8_t holds_credentials;
} __attribute__((packed));

struct keeper_message_hello {
    struct ipc_header h;
} __attribute__((packed));

/* What an ask must carry to be one. The keeper's table of what to do stands in ask.c. */
struct keeper_ask_shape {
    bool needs_account, needs_attempt, needs_digits, needs_device;
    uint16_t secret_bytes_max; /* 0: none */
};
extern const struct keeper_ask_shape keeper_ask_shapes[KEEPER_ASK_COUNT];

/* An ask as a message; a secret over its bound is left out and marked. Wipe it when sent. */
void keeper_fill_ask(struct keeper_message_ask *m, const struct keeper_request *q, uint64_t request);
/* ERR_INPUT unless the message (its header already checked by ipc_receive) is one, every field in its bounds. */
enum err keeper_check_ask(const void *message, size_t n) MUST_CHECK;
enum err keeper_check_reply(const void *message, size_t n) MUST_CHECK; /* a reply or a hello */

#endif
