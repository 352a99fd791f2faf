/*
 * A keeper to test against: a fresh database on SQLite or PostgreSQL, its own time, and one call that asks and answers
 * on this thread. Each group of tests runs once an engine.
 */
#ifndef TOCSIN_TESTS_KEEPER_WORLD_H
#define TOCSIN_TESTS_KEEPER_WORLD_H

#include <cmocka.h>

#include "base/clock.h"
#include "core/token.h"
#include "keeper/code.h"
#include "keeper/recovery.h"

#define DEVICE_NONE ((struct device_id){ { 0 } })

struct world {
    struct config config;
    struct store *store;
    struct keeper *keeper;
    struct arena *arena;
    int64_t now_ms;
    uint8_t pepper[KEY_BYTES], link_key[KEY_BYTES], box_public[BOX_PUBLIC_BYTES], box_secret[BOX_SECRET_BYTES];
    char directory[64], database[300], name[64];
    bool is_postgres;
    struct keeper_message_reply reply; /* the last one */
};

/* An account's attempt, as the front knows it. */
struct play {
    struct account_id account;
    struct attempt_id attempt;
    struct device_id device;
    enum action action;
};

/* A config that hashes in no time. Opens a fresh database; world_close deletes it. */
void world_open(struct world *w, bool is_postgres);
void world_close(struct world *w);
/* Closes and opens store and keeper, as a restart does. */
void world_reopen(struct world *w);
struct keeper_options world_options(struct world *w, int fd, const volatile int *stop);
const char *world_postgres(void); /* TOCSIN_TEST_POSTGRES, or NULL */

struct play play_new(struct account_id account, enum action action, struct device_id device);
struct keeper_request play_ask(const struct play *p, enum keeper_ask ask, const char *secret);

enum keeper_say world_ask(struct world *w, const struct keeper_request *q);
enum keeper_say ask(struct world *w, const struct play *p, enum keeper_ask ask, const char *secret);
/* KEEPER_COMMIT of sign_up and sign_in name a device that gets known; KEEPER_APPROVE the approving one. */
enum keeper_say ask_by(struct world *w, const struct play *p, enum keeper_ask ask, const char *secret,
                       struct device_id by);
/* What is in the last reply's sealed box. */
void world_unseal(struct world *w, char out[9]);

#define GOOD_PASSWORD  "correct horse battery staple"
#define OTHER_PASSWORD "my other zebra drinks coffee"
/* Signs up with GOOD_PASSWORD on a new known device. */
struct account_id enroll(struct world *w, struct device_id *ret_device, char ret_key[RECOVERY_KEY_TEXT_SIZE]);
/* Past the keeper: an attempt's record as if those proofs had been seen, and a passkey of the account. */
void world_forge(struct world *w, const struct keeper_request *q, unsigned proved, struct passkey_id passkey);
struct passkey_id world_forge_passkey(struct world *w, struct account_id account);
/* One number from the database. */
extern const struct store_stmt COUNT_ATTEMPTS, COUNT_CODES, COUNT_BUDGETS, COUNT_FAILURES, COUNT_CREDENTIALS,
    COUNT_DEVICES, ALL_EFFECTS, SUM_REVS, MAX_MEMORY, SUM_SALTS, SUM_LOCKED;
void world_sql(struct world *w, const char *sql); /* past the keeper, as an accident does */
int64_t world_number(struct world *w, const struct store_stmt *st);

/* Runs the tests on SQLite, and on PostgreSQL where there is one. */
int run_on_both(const char *name, const struct CMUnitTest *tests, size_t n);
int world_set_up(void **state);
int world_tear_down(void **state);
#define WORLD_TEST(f)                                                                                                  \
    { #f, f, world_set_up, world_tear_down, NULL }

#endif
