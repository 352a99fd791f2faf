/*
 * The inside of the keeper: one job an ask, carried by at most three steps: a transaction (begin), a hash, a
 * transaction (finish). Steps know no threads and no socket: run.c moves jobs between its threads, tests and fuzzers
 * call job_serve.
 */
#ifndef TOCSIN_KEEPER_KEEPER_PRIV_H
#define TOCSIN_KEEPER_KEEPER_PRIV_H

#include "base/arena.h"
#include "keeper/budget.h"
#include "keeper/keeper.h"
#include "keeper/keys.h"
#include "keeper/messages.h"
#include "keeper/password.h"

#define WRONG_PROOFS_MOST    3
#define WRONG_APPROVALS_MOST 3
#define JOB_ARENA_BYTES      65536

struct keeper {
    const struct config *config;
    struct store *store;
    struct keys *keys;
    const uint8_t *link_key;
    const uint8_t *courier_box_public;
    struct p256_key *receipt_key;
    struct password_hash dummy; /* what is hashed against when there is nothing to hash against */
};
/* Derives keys; does not open or close the store. */
enum err keeper_new(const struct keeper_options *o, struct keeper **ret) MUST_CHECK;
void keeper_free(struct keeper *k);
/* The cost of one hash as configured now. */
struct password_cost keeper_cost(const struct keeper *k);

/* What begin hands to hash, and hash to finish. */
struct hash_work {
    bool has_stored, is_barred, is_right, is_abandoned, has_made;
    struct password_hash stored, made;
    int64_t rev;   /* of the password that was verified */
    int64_t fence; /* of the attempt, when its commit began */
    struct budget_try budget_try;
};

struct job {
    struct job *next;
    struct keeper_message_ask q;
    struct keeper_message_reply r;
    struct hash_work work;
    bool needs_hash, needs_finish;
    bool has_hash_place;
    int64_t deadline_mono_ms; /* nobody waits for the answer after it */
};

/* One run of a transaction. */
struct step {
    struct keeper *k;
    struct job *j;
    struct arena *arena;
    int64_t now_ms;
};

struct ask_rule {
    store_fn *begin; /* ctx is a struct step; sets the reply, or job.needs_hash */
    /* Slow work without a database: sets the reply, or job.needs_finish. */
    void (*hash)(struct keeper *k, struct job *j);
    store_fn *finish;
    bool may_hash; /* takes a place in the hash queue */
};
extern const struct ask_rule ask_rules[KEEPER_ASK_COUNT];

/* The three steps. Each leaves a whole reply in j->r unless it says that the next one is needed. */
void job_begin(struct keeper *k, struct job *j, struct arena *arena, int64_t now_ms);
void job_hash(struct keeper *k, struct job *j);
void job_finish(struct keeper *k, struct job *j, struct arena *arena, int64_t now_ms);
/* All steps at once, on this thread. */
void job_serve(struct keeper *k, struct job *j, struct arena *arena, int64_t now_ms);
/* It is not begun, because there is no room or no time. A commit's KEEPER_BUSY would say that it is not applied, and
 * one asked before may still be under way: it answers KEEPER_DOWN. */
void job_refuse(struct job *j);
void job_wipe(struct job *j);
static inline void job_say(struct job *j, enum keeper_say say) { j->r.say = (uint8_t)say; }

/* prove.c */
enum err prove_password_begin(struct store_tx *tx, void *ctx) MUST_CHECK;
void prove_password_hash(struct keeper *k, struct job *j);
enum err prove_password_finish(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err prove_code(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err prove_email_code(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err prove_recovery_key(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err prove_approve(struct store_tx *tx, void *ctx) MUST_CHECK;
/* code_ask.c */
enum err ask_code_there(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err ask_code_here(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err ask_code_email(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err ask_code_show(struct store_tx *tx, void *ctx) MUST_CHECK;
/* commit.c */
enum err commit_begin(struct store_tx *tx, void *ctx) MUST_CHECK;
void commit_hash(struct keeper *k, struct job *j);
enum err commit_finish(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err commit_settle(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err commit_fate(struct store_tx *tx, void *ctx) MUST_CHECK;
enum err commit_end(struct store_tx *tx, void *ctx) MUST_CHECK;
/* purge.c: forgets what is over. A few thousand rows a call. */
enum err keeper_purge(struct keeper *k, int64_t now_ms) MUST_CHECK;

#endif
