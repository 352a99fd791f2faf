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
};

#define REPO_PLACES  1024
#define KNOWN_PLACES 1024

struct known {
    struct rest_credential credential;
    int64_t until_ms; /* monotonic */
};

struct backup {
    struct store *store;
    const struct config *config;
    struct blobs *blobs;
    int64_t quota_bytes; /* 0: none */
    bool is_alone;       /* no other process writes to this database */
    pthread_mutex_t lock;
    struct repo *repos[REPO_PLACES];
    struct known known[KNOWN_PLACES]; /* credentials that were right a moment ago */
};

extern const struct store_stmt REPO_MAKE, REPO_GET, REPO_LIST, REPO_MARK, REPO_SAVE, REPO_RECOUNT;

/* Frees all of them, after writing what was counted. */
void repos_release(struct backup *b);

#endif
