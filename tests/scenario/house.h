/*
 * A front without its network: guard over a real main database, beside a real keeper process with a database of its
 * own. Both can be killed and started again; calls are answered on the caller's thread.
 */
#ifndef TOCSIN_TESTS_SCENARIO_HOUSE_H
#define TOCSIN_TESTS_SCENARIO_HOUSE_H

#include "guard/guard.h"
#include "process.h"

struct house {
    struct world kept; /* the keeper's database, keys, and the config of both */
    struct process keeper;
    struct store *store;
    struct keeper_client *client;
    struct guard *guard;
    char database[300], name[64];
    bool is_postgres;
    _Atomic int rows_told, alerts_told, codes_told, sessions_told;
};

void fake_clock_begin(void);
void fake_clock_end(void);
void fake_clock_add(int64_t ms);

/* Fresh databases; house_close deletes them. */
void house_open(struct house *h, bool is_postgres);
void house_close(struct house *h);
/* The front's half alone, as a restart of it does. */
void house_stop_front(struct house *h);
void house_start_front(struct house *h);
void house_wait_for_keeper(struct house *h);
/* What was asked of a dead keeper is lost with the socket's queue. */
void house_lose_asks(struct house *h);

enum house_fate {
    HOUSE_LIVES,
    HOUSE_FRONT_CRASHES,  /* when the keeper has answered: its answer is never recorded */
    HOUSE_KEEPER_CRASHES, /* before it reads the ask, which its successor finds */
    HOUSE_ASK_IS_LOST,    /* likewise, and the successor finds nothing */
    HOUSE_WRITE_IS_LOST,  /* nothing but the call's first write is written, as if it ended there */
};
/* Runs a call to its end. With HOUSE_FRONT_CRASHES call->answer.say stays 0, and the front is started again. */
void house_run(struct house *h, struct guard_call *call, enum house_fate fate);

/* One number from the main database; and the same with bytes (an id) as ?1. */
#define HOUSE_NUMBER(id, text) const struct store_stmt id = { .name = "test_" #id, .in = "", .out = "i", .sql = text }
int64_t house_number(struct house *h, const struct store_stmt *st, const struct store_val *in);

extern const struct store_stmt OUTBOX_ROWS, OUTBOX_DELIVERED, ATTEMPT_STATE, HISTORY_COUNT, CASE_COUNT;
extern const struct store_stmt *const crash_statements[]; /* walk.c's; empty elsewhere */

#endif
