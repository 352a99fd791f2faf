/* Between the files of backup. */
#ifndef TOCSIN_BACKUP_BACKUP_PRIV_H
#define TOCSIN_BACKUP_BACKUP_PRIV_H

#include <pthread.h>

#include "backup/backup.h"

struct counts {
    int64_t bytes, files, snapshots;
};

/* What is known of one repository. `gate` is held around the database; the numbers are under the backup's lock. */
struct repo {
    struct repo *next;
    struct repo_id id;
    pthread_mutex_t gate;
    bool is_loaded, is_marked;    /* under the gate */
    int users, writing;           /* calls, and reservations, that are under way */
    int64_t reserved;             /* bytes of those */
    struct counts known, unsaved; /* as in the database; and what has come since */
    int64_t last_write_ms;
    int64_t changed_ms, saved_ms, loaded_ms; /* monotonic */
    /* watch.c: what was removed within a day, and what there was before; under the backup's lock */
    struct counts had, gone;
    int64_t gone_since_ms; /* monotonic; 0: nothing */
    bool is_told;
};

#define REPO_PLACES   1024
#define KNOWN_PLACES  1024
#define PASSED_PLACES 256

struct known {
    struct rest_credential credential;
    int64_t until_ms; /* monotonic */
};

/* A restore that is done, seen a moment ago. */
struct passed {
    struct repo_id repo;
    struct device_id asker;
    struct guard_window window;
    int64_t seen_until_ms; /* monotonic */
};

struct reads {
    struct reads *next;
    struct account_id account;
    struct attempt_id restore;
    struct backup_reads unsaved;
};

struct scrub;

struct backup {
    struct store *store;
    struct guard *guard;
    const struct config *config;
    struct blobs *blobs;
    int64_t quota_bytes; /* 0: none */
    bool is_alone;       /* no other process writes to this database */
    pthread_mutex_t lock;
    struct repo *repos[REPO_PLACES];
    struct known known[KNOWN_PLACES]; /* credentials that were right a moment ago */
    struct passed passed[PASSED_PLACES];
    int64_t forgets; /* what was read before one of these is not remembered */
    struct reads *reads;
    int64_t overdue_at_ms; /* wall; the tick's own */
    struct scrub *scrub;
};

extern const struct store_stmt REPO_MAKE, REPO_GET, REPO_LIST, REPO_MARK, REPO_SAVE, REPO_RECOUNT;

extern const struct store_stmt READS_ADD, READS_GET, WATCH_GET, WATCH_EXPECT, WATCH_TOLD, WATCH_OVERDUE, SCRUB_NEXT,
    SCRUB_CLAIM, SCRUB_DONE;

/* Frees all of them, after writing what was counted. */
void repos_release(struct backup *b);
/* The numbers as they are now; ERR_NOT_FOUND: no such repository. */
enum err repo_counts(struct backup *b, const struct repo_id *id, struct counts *ret) MUST_CHECK;

/* growth.c; in the caller's transaction */
enum err growth_note(struct store_tx *tx, const struct repo_id *id) MUST_CHECK;
enum err growth_get(struct store_tx *tx, const struct repo_id *id, struct backup_growth *ret) MUST_CHECK;
extern const struct store_stmt GROWTH_NOTE, GROWTH_DROP, GROWTH_GET;

/* reads.c */
void reads_save(struct backup *b);
void reads_release(struct backup *b);

/* watch.c */
enum err watch_report(struct backup *b, const struct repo_id *repo, enum action action,
                      const struct origin *from) MUST_CHECK;
void watch_removed(struct repo *repo, const struct blob_ref *ref, int64_t bytes); /* under the lock */
bool watch_is_over(const struct repo *repo, int64_t now_ms);                      /* likewise: nothing to keep */
void watch_tick(struct backup *b);

/* left.c: forgets the backups of accounts that are gone. Slow; on the scrub's thread. */
void left_forget(struct backup *b);
extern const struct store_stmt LEFT_NEXT, LEFT_REPOSITORY, LEFT_GROWTH, LEFT_WATCH, LEFT_READS;

/* scrub.c */
enum err scrub_start(struct backup *b, const struct backup_options *o) MUST_CHECK;
void scrub_stop(struct scrub *s); /* waits for its thread; NULL is fine */

#endif
