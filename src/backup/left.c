/* Backups of accounts that are gone for good: their objects first, then what was kept about them. */
#include "backup/backup_priv.h"

#define AT_ONCE 16 /* repositories a look */

const struct store_stmt LEFT_NEXT = {
    .name = "left_next",
    .in = "",
    .out = "bb",
    .sql = "SELECT r.account_id, r.device_id FROM backup_repository r WHERE NOT EXISTS"
           " (SELECT 1 FROM account a WHERE a.account_id = r.account_id) LIMIT 1",
};
const struct store_stmt LEFT_REPOSITORY = {
    .name = "left_repository",
    .in = "bb",
    .out = "",
    .sql = "DELETE FROM backup_repository WHERE account_id = ?1 AND device_id = ?2",
};
const struct store_stmt LEFT_GROWTH = {
    .name = "left_growth",
    .in = "bb",
    .out = "",
    .sql = "DELETE FROM backup_growth WHERE account_id = ?1 AND device_id = ?2",
};
const struct store_stmt LEFT_WATCH = {
    .name = "left_watch", .in = "b", .out = "", .sql = "DELETE FROM backup_watch WHERE account_id = ?1"
};
const struct store_stmt LEFT_READS = {
    .name = "left_reads", .in = "b", .out = "", .sql = "DELETE FROM backup_read WHERE account_id = ?1"
};

struct leaving {
    struct repo_id repo;
    bool is_found;
};

static enum err on_left(void *ctx, const struct store_val *v) {
    struct leaving *l = ctx;
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(l->repo.account.b, v[0].s.p, ID_BYTES);
    memcpy(l->repo.device.b, v[1].s.p, ID_BYTES);
    l->is_found = true;
    return OK;
}

static enum err next_tx(struct store_tx *tx, void *ctx) {
    struct leaving *l = ctx;
    l->is_found = false;
    return store_each(tx, &LEFT_NEXT, NULL, on_left, l);
}

static enum err drop_tx(struct store_tx *tx, void *ctx) {
    const struct leaving *l = ctx;
    enum err r = store_exec(tx, &LEFT_REPOSITORY, S_IN(S_B(l->repo.account.b), S_B(l->repo.device.b)), NULL);
    if (r == OK) r = store_exec(tx, &LEFT_GROWTH, S_IN(S_B(l->repo.account.b), S_B(l->repo.device.b)), NULL);
    if (r == OK) r = store_exec(tx, &LEFT_WATCH, S_IN(S_B(l->repo.account.b)), NULL);
    return r == OK ? store_exec(tx, &LEFT_READS, S_IN(S_B(l->repo.account.b)), NULL) : r;
}

/* A list that is removed from while it is read may skip some: until one comes back empty. */
static enum err remove_some(struct backup *b, const struct repo_id *repo, enum blob_type type, size_t *ret_n) {
    struct blob_ref ref = { .repo = *repo, .type = type };
    struct blob_list *list = NULL;
    struct blob_entry entry;
    int64_t size;
    enum err r = blobs_list_begin(b->blobs, repo, type, &list);
    *ret_n = 0;
    while (r == OK && (r = blobs_list_next(list, &entry)) == OK) {
        memcpy(ref.name, entry.name, sizeof ref.name);
        r = blobs_remove(b->blobs, &ref, &size);
        if (r == ERR_NOT_FOUND) r = OK;
        ++*ret_n;
    }
    blobs_list_end(list);
    return r == ERR_GONE || r == ERR_NOT_FOUND ? OK : r;
}

static enum err remove_all(struct backup *b, const struct repo_id *repo) {
    static const enum blob_type types[] = { BLOB_KEYS, BLOB_SNAPSHOTS, BLOB_INDEX, BLOB_LOCKS, BLOB_DATA };
    const struct blob_ref config = { .repo = *repo, .type = BLOB_CONFIG };
    enum err r = OK;
    int64_t size;
    size_t n = 1;
    for (size_t i = 0; i < ARRAY_LEN(types) && r == OK; i++)
        for (n = 1; n > 0 && r == OK;) r = remove_some(b, repo, types[i], &n);
    if (r == OK) r = blobs_remove(b->blobs, &config, &size);
    return r == ERR_NOT_FOUND ? OK : r;
}

void left_forget(struct backup *b) {
    struct leaving l = { .is_found = true };
    for (int i = 0; i < AT_ONCE && l.is_found; i++) {
        if (store_read(b->store, next_tx, &l) != OK || !l.is_found) return;
        if (remove_all(b, &l.repo) != OK) return; /* the next look tries again */
        if (store_write(b->store, drop_tx, &l) != OK) return;
    }
}
