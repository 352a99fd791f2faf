/*
 * The backups of devices: who may touch which repository, what each holds, and where its objects lie (blobs.h).
 * A repository belongs to one device of one account; both stand in every call.
 */
#ifndef TOCSIN_BACKUP_BACKUP_H
#define TOCSIN_BACKUP_BACKUP_H

#include "backup/blobs.h"
#include "backup/protocol.h"
#include "config/config.h"
#include "guard/guard.h"
#include "identity/identity.h"
#include "identity/origin.h"
#include "store/store.h"

extern const struct store_stmt *const backup_statements[];

struct backup;
struct backup_options {
    struct store *store;
    struct guard *guard; /* NULL: everything that needs it is refused, and nobody is told anything */
    const struct config *config;
    int folder_fd;  /* of the folder tree, or of what is on its way to S3 and from it; taken, also on failure */
    int courier_fd; /* who asks S3, where [backup] store says so; borrowed */
    const volatile int *stop; /* non-zero: the process ends, and S3 is not waited for. May be NULL */
    /* An object that is not what its name says was found; for the operator. On the thread that looks for them. */
    void (*damaged)(void *ctx, const char *key);
    void *ctx;
};
enum err backup_new(const struct backup_options *o, struct backup **ret) MUST_CHECK; /* ERR_CONFIG, ERR_NOMEM */
void backup_free(struct backup *b); /* writes what was counted; NULL is fine */
struct blobs *backup_blobs(struct backup *b);
/* Once a second: writes what was counted, and tells what is overdue. */
void backup_tick(struct backup *b);

/* ---- who ---- */
/*
 * Whether the credential is that of a device that is not removed: OK or ERR_NOT_FOUND. It is remembered for a second,
 * so that a revocation holds after that everywhere, and at once where backup_forget is called.
 */
enum err backup_knows(struct backup *b, const struct rest_credential *c) MUST_CHECK;
/* Whether it was found right within the second. Waits for nothing; false also where that can't be told at once. */
bool backup_knew(struct backup *b, const struct rest_credential *c);
void backup_forget(struct backup *b, struct account_id account);
/* Whether the account has that device; also when it was removed: its backup is still there. */
enum err backup_has_device(struct backup *b, const struct repo_id *repo) MUST_CHECK;

/* ---- guarded.c: what needs more than the own credential ---- */
enum backup_verdict { BACKUP_REFUSE = 0, BACKUP_ALLOW, BACKUP_UNKNOWN };
struct backup_ask {
    struct repo_id repo;       /* whose */
    struct device_id asker;    /* another device of the same account */
    const struct origin *from; /* where the request came from */
    bool opens;                /* a read: it opens the attempt where none is open. A lock's write does not */
};
/*
 * A yes is remembered for a second, so that a restore's many requests cost one look-up a second; what ends it holds
 * after that everywhere, and at once where backup_forget is called. *ret_attempt: the restore that is done, with a yes.
 */
enum backup_verdict backup_guard_check(struct backup *b, const struct backup_ask *ask, struct attempt_id *ret_attempt);
/* Whether it is remembered. Touches no database; with may_wait false it waits for nothing, and may forget. */
bool backup_guard_remembers(struct backup *b, const struct backup_ask *ask, bool may_wait,
                            struct attempt_id *ret_attempt);
/* Whether a device may delete snapshots, packs, indexes, keys and the config of its own repository now. */
enum backup_verdict backup_guard_may_delete(struct backup *b, const struct repo_id *repo);

/* ---- reads.c: how much a restore has read. Counted in memory, written every second ---- */
struct backup_reads {
    int64_t bytes, requests, last_ms; /* bytes: of objects; what was given to the connection */
};
void backup_reads_add(struct backup *b, struct account_id account, struct attempt_id restore, int64_t bytes,
                      int64_t requests);
/* Without waiting: false, and nothing is counted, where that can't be done at once. */
bool backup_reads_try_add(struct backup *b, struct account_id account, struct attempt_id restore, int64_t bytes,
                          int64_t requests);
/* Zero where nothing was read. In the caller's transaction. */
enum err backup_reads_get(struct store_tx *tx, struct account_id account, struct attempt_id restore,
                          struct backup_reads *ret) MUST_CHECK;

/* ---- watch.c: the alarms that nobody's attempt rings ---- */
/*
 * Before an object is written (not yet committed) or removed: rings where that is one change too many, and only then
 * returns OK. A failure: nothing may be changed.
 */
struct backup_change {
    struct blob_ref ref;
    bool is_removal;
    const struct origin *from;
};
enum err backup_warn(struct backup *b, const struct backup_change *c) MUST_CHECK;

#define BACKUP_EXPECTED_DAYS     14
#define BACKUP_EXPECTED_DAYS_MAX 3650
/* Days without a backup after which the owner of a device that once had one is told; 0: never. In the caller's
 * transaction. */
enum err backup_expect(struct store_tx *tx, const struct repo_id *repo, int64_t days) MUST_CHECK;
enum err backup_expected(struct store_tx *tx, const struct repo_id *repo, int64_t *ret_days) MUST_CHECK;

/* ---- what a repository holds ---- */
enum err backup_make(struct backup *b, const struct repo_id *repo) MUST_CHECK;
/*
 * Before an object of `bytes` (-1: not known) is written; then one of the two that follow. ERR_FULL: over the quota.
 * ERR_INPUT: there is a quota, so its size must be said. ERR_TOO_LARGE: no object of that type is so large.
 * ERR_NOT_FOUND: no such repository.
 */
enum err backup_reserve(struct backup *b, const struct blob_ref *ref, int64_t bytes) MUST_CHECK;
/* `result` is NULL when nothing was written. */
void backup_settle(struct backup *b, const struct blob_ref *ref, int64_t reserved,
                   const struct blob_put_result *result);
/* Removes and counts. */
enum err backup_remove(struct backup *b, const struct blob_ref *ref) MUST_CHECK;

#define BACKUP_GROWTH_DAYS 90
struct backup_growth { /* oldest first; a day without a change has none */
    size_t n;
    struct backup_day {
        int64_t at_ms, bytes; /* the day's begin, and what was there at its end (today: lately) */
    } days[BACKUP_GROWTH_DAYS];
};
struct backup_summary {
    struct device_id device;
    int64_t bytes, files, snapshots, last_write_ms;
    struct backup_growth growth;
};
typedef enum err backup_fn(void *ctx, const struct backup_summary *s);
enum err backup_each(struct backup *b, struct account_id account, backup_fn *fn, void *ctx) MUST_CHECK;

#endif
