/* How much each restore has read. A row a restore, written once a second: a row a request would cost more than the
 * read. */
#include "backup/backup_priv.h"
#include "base/clock.h"

#include <stdlib.h>

const struct store_stmt READS_ADD = {
    .name = "reads_add",
    .in = "bbiii",
    .out = "",
    .sql = "INSERT INTO backup_read (account_id, attempt_id, bytes, requests, last_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
           " ON CONFLICT (account_id, attempt_id) DO UPDATE SET bytes = backup_read.bytes + excluded.bytes,"
           " requests = backup_read.requests + excluded.requests, last_ms = excluded.last_ms",
};
const struct store_stmt READS_GET = {
    .name = "reads_get",
    .in = "bb",
    .out = "iii",
    .sql = "SELECT bytes, requests, last_ms FROM backup_read WHERE account_id = ?1 AND attempt_id = ?2",
};

static struct reads *reads_of(struct backup *b, struct account_id account, struct attempt_id restore) {
    struct reads *r = b->reads;
    while (r && !(id_eq(r->account.b, account.b) && id_eq(r->restore.b, restore.b))) r = r->next;
    return r;
}

/* Under the lock. */
static void add(struct backup *b, struct account_id account, struct attempt_id restore, int64_t bytes,
                int64_t requests) {
    struct reads *r = reads_of(b, account, restore);
    if (!r && (r = calloc(1, sizeof *r)) != NULL) {
        *r = (struct reads){ .next = b->reads, .account = account, .restore = restore };
        b->reads = r;
    }
    if (r) {
        r->unsaved.bytes += bytes;
        r->unsaved.requests += requests;
        r->unsaved.last_ms = clock_wall_ms();
    }
}

void backup_reads_add(struct backup *b, struct account_id account, struct attempt_id restore, int64_t bytes,
                      int64_t requests) {
    (void)pthread_mutex_lock(&b->lock);
    add(b, account, restore, bytes, requests);
    (void)pthread_mutex_unlock(&b->lock);
}

bool backup_reads_try_add(struct backup *b, struct account_id account, struct attempt_id restore, int64_t bytes,
                          int64_t requests) {
    if (pthread_mutex_trylock(&b->lock) != 0) return false;
    add(b, account, restore, bytes, requests);
    (void)pthread_mutex_unlock(&b->lock);
    return true;
}

static enum err on_reads(void *ctx, const struct store_val *v) {
    *(struct backup_reads *)ctx = (struct backup_reads){ v[0].i, v[1].i, v[2].i };
    return OK;
}

enum err backup_reads_get(struct store_tx *tx, struct account_id account, struct attempt_id restore,
                          struct backup_reads *ret) {
    struct backup_reads reads = { .bytes = 0 };
    enum err r = store_each(tx, &READS_GET, S_IN(S_B(account.b), S_B(restore.b)), on_reads, &reads);
    if (r == OK) *ret = reads;
    return r;
}

static enum err save_tx(struct store_tx *tx, void *ctx) {
    enum err r = OK;
    for (const struct reads *x = ctx; x && r == OK; x = x->next)
        r = store_exec(tx, &READS_ADD,
                       S_IN(S_B(x->account.b), S_B(x->restore.b), S_I(x->unsaved.bytes), S_I(x->unsaved.requests),
                            S_I(x->unsaved.last_ms)),
                       NULL);
    return r;
}

static struct reads *take(struct backup *b) {
    struct reads *list;
    (void)pthread_mutex_lock(&b->lock);
    list = b->reads;
    b->reads = NULL;
    (void)pthread_mutex_unlock(&b->lock);
    return list;
}

static void give_back(struct backup *b, struct reads *list) {
    (void)pthread_mutex_lock(&b->lock);
    while (list) {
        struct reads *x = list, *there = reads_of(b, x->account, x->restore);
        list = x->next;
        if (there) {
            there->unsaved.bytes += x->unsaved.bytes;
            there->unsaved.requests += x->unsaved.requests;
            free(x);
            continue;
        }
        x->next = b->reads;
        b->reads = x;
    }
    (void)pthread_mutex_unlock(&b->lock);
}

static void drop(struct reads *list) {
    while (list) {
        struct reads *x = list;
        list = x->next;
        free(x);
    }
}

/* An uncertain one is dropped: a reader is counted once rather than twice. */
void reads_save(struct backup *b) {
    struct reads *list = take(b);
    enum err r = list ? store_write(b->store, save_tx, list) : OK;
    if (r != OK && r != ERR_UNCERTAIN)
        give_back(b, list);
    else
        drop(list);
}

void reads_release(struct backup *b) {
    reads_save(b);
    drop(take(b)); /* the database took no more */
}
