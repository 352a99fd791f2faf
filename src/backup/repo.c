/*
 * What each repository holds. Counted in memory, because a durable row an object would double the cost of an upload;
 * written every few seconds as a difference, so that several fronts may count. Before anything is counted the row is
 * marked, durably; the mark goes with the last writing. A mark that outlives its lease (or, where nobody else writes,
 * this process's start) tells that its front died with numbers in memory: then the objects are counted anew.
 */
#include <stdlib.h>

#include "backup/backup_priv.h"
#include "base/clock.h"

#define SAVE_MS  (10 * MS_PER_S)
#define QUIET_MS (2 * MS_PER_S)
#define LEASE_MS MS_PER_MIN
#define KEPT_MS  (10 * MS_PER_MIN)
#define AT_ONCE  64

const struct store_stmt REPO_MAKE = {
    .name = "repo_make",
    .in = "bbi",
    .out = "",
    .sql = "INSERT INTO backup_repository (account_id, device_id, bytes, files, snapshots, last_write_ms, made_ms, "
           "marks, lease_ms)"
           " VALUES (?1, ?2, 0, 0, 0, 0, ?3, 0, 0) ON CONFLICT (account_id, device_id) DO NOTHING",
};
const struct store_stmt REPO_GET = {
    .name = "repo_get",
    .in = "bb",
    .out = "iiiiii",
    .sql = "SELECT bytes, files, snapshots, last_write_ms, marks, lease_ms FROM backup_repository"
           " WHERE account_id = ?1 AND device_id = ?2",
};
const struct store_stmt REPO_LIST = {
    .name = "repo_list",
    .in = "b",
    .out = "b",
    .sql = "SELECT device_id FROM backup_repository WHERE account_id = ?1 ORDER BY made_ms, device_id",
};
const struct store_stmt REPO_MARK = {
    .name = "repo_mark",
    .in = "bbi",
    .out = "",
    .sql = "UPDATE backup_repository SET marks = marks + 1, lease_ms = ?3 WHERE account_id = ?1 AND device_id = ?2",
};
const struct store_stmt REPO_SAVE = {
    .name = "repo_save",
    .in = "bbiiiiii",
    .out = "",
    .sql = "UPDATE backup_repository SET bytes = bytes + ?3, files = files + ?4, snapshots = snapshots + ?5,"
           " last_write_ms = CASE WHEN last_write_ms < ?6 THEN ?6 ELSE last_write_ms END,"
           " marks = CASE WHEN marks > 0 THEN marks - ?7 ELSE 0 END, lease_ms = ?8"
           " WHERE account_id = ?1 AND device_id = ?2",
};
const struct store_stmt REPO_RECOUNT = {
    .name = "repo_recount",
    .in = "bbiiii",
    .out = "",
    .sql = "UPDATE backup_repository SET bytes = ?3, files = ?4, snapshots = ?5, last_write_ms = ?6, marks = 0"
           " WHERE account_id = ?1 AND device_id = ?2",
};

const struct store_stmt *const backup_statements[] = {
    &REPO_MAKE,       &REPO_GET,     &REPO_LIST,   &REPO_MARK,     &REPO_SAVE,  &REPO_RECOUNT, &READS_ADD,  &READS_GET,
    &WATCH_GET,       &WATCH_EXPECT, &WATCH_TOLD,  &WATCH_OVERDUE, &SCRUB_NEXT, &SCRUB_CLAIM,  &SCRUB_DONE, &LEFT_NEXT,
    &LEFT_REPOSITORY, &LEFT_GROWTH,  &GROWTH_NOTE, &GROWTH_DROP,   &GROWTH_GET, &LEFT_WATCH,   &LEFT_READS, NULL
};

/* ---- in memory ---- */

static struct repo **place_of(struct backup *b, const struct repo_id *id) {
    uint64_t h;
    struct repo **at;
    memcpy(&h, id->device.b, sizeof h);
    at = &b->repos[h % REPO_PLACES];
    while (*at && memcmp(&(*at)->id, id, sizeof *id) != 0) at = &(*at)->next;
    return at;
}

static struct repo *repo_use(struct backup *b, const struct repo_id *id) {
    struct repo **at, *repo;
    (void)pthread_mutex_lock(&b->lock);
    at = place_of(b, id);
    if (!*at && (*at = calloc(1, sizeof **at)) != NULL) {
        (*at)->id = *id;
        (void)pthread_mutex_init(&(*at)->gate, NULL);
    }
    repo = *at;
    if (repo) repo->users++;
    (void)pthread_mutex_unlock(&b->lock);
    return repo;
}

static void repo_leave(struct backup *b, struct repo *repo) {
    (void)pthread_mutex_lock(&b->lock);
    repo->users--;
    (void)pthread_mutex_unlock(&b->lock);
}

static struct counts sum(struct counts a, struct counts b) {
    return (struct counts){ a.bytes + b.bytes, a.files + b.files, a.snapshots + b.snapshots };
}

/* ---- the database; under the gate ---- */

struct row {
    struct backup *b;
    struct repo *repo;
    struct counts counts;
    int64_t last_write_ms, marks, lease_ms;
    bool is_there, ends_mark;
};

static enum err on_row(void *ctx, const struct store_val *v) {
    struct row *row = ctx;
    row->is_there = true;
    row->counts = (struct counts){ v[0].i, v[1].i, v[2].i };
    row->last_write_ms = v[3].i;
    row->marks = v[4].i;
    row->lease_ms = v[5].i;
    return OK;
}

static enum err get_tx(struct store_tx *tx, void *ctx) {
    struct row *row = ctx;
    const struct repo_id *id = &row->repo->id;
    return store_each(tx, &REPO_GET, S_IN(S_B(id->account.b), S_B(id->device.b)), on_row, row);
}

static enum err recount_tx(struct store_tx *tx, void *ctx) {
    const struct row *row = ctx;
    const struct repo_id *id = &row->repo->id;
    return store_exec(tx, &REPO_RECOUNT,
                      S_IN(S_B(id->account.b), S_B(id->device.b), S_I(row->counts.bytes), S_I(row->counts.files),
                           S_I(row->counts.snapshots), S_I(row->last_write_ms)),
                      NULL);
}

static enum err count_type(struct backup *b, const struct repo_id *id, enum blob_type type, struct counts *c) {
    struct blob_list *l = NULL;
    struct blob_entry e;
    enum err r = blobs_list_begin(b->blobs, id, type, &l);
    while (r == OK && (r = blobs_list_next(l, &e)) == OK) {
        c->bytes += e.size;
        c->files++;
        if (type == BLOB_SNAPSHOTS) c->snapshots++;
    }
    blobs_list_end(l);
    return r == ERR_GONE ? OK : r;
}

static enum err repo_recount(struct row *row) {
    struct blob_ref config = { .repo = row->repo->id, .type = BLOB_CONFIG };
    struct counts c = { 0 };
    enum err r = blobs_stat(row->b->blobs, &config, &c.bytes);
    if (r == OK) c.files = 1;
    if (r == ERR_NOT_FOUND) r = OK;
    for (int t = BLOB_DATA; t < BLOB_TYPES && r == OK; t++)
        r = count_type(row->b, &row->repo->id, (enum blob_type)t, &c);
    if (r != OK) return r;
    row->counts = c;
    if (row->last_write_ms < row->lease_ms - LEASE_MS) row->last_write_ms = row->lease_ms - LEASE_MS;
    return store_write(row->b->store, recount_tx, row);
}

static enum err repo_load(struct backup *b, struct repo *repo) {
    struct row row = { .b = b, .repo = repo };
    enum err r;
    if (repo->is_loaded && (b->is_alone || clock_mono_ms() - repo->loaded_ms < SAVE_MS)) return OK;
    if ((r = store_read(b->store, get_tx, &row)) != OK) return r;
    if (!row.is_there) return ERR_NOT_FOUND;
    if (row.marks > 0 && (b->is_alone || row.lease_ms < clock_wall_ms()) && (r = repo_recount(&row)) != OK) return r;
    (void)pthread_mutex_lock(&b->lock);
    repo->known = row.counts;
    if (repo->last_write_ms < row.last_write_ms) repo->last_write_ms = row.last_write_ms;
    (void)pthread_mutex_unlock(&b->lock);
    repo->is_loaded = true;
    repo->loaded_ms = clock_mono_ms();
    return OK;
}

static enum err mark_tx(struct store_tx *tx, void *ctx) {
    const struct row *row = ctx;
    const struct repo_id *id = &row->repo->id;
    return store_exec(tx, &REPO_MARK, S_IN(S_B(id->account.b), S_B(id->device.b), S_I(row->lease_ms)), NULL);
}

static enum err repo_mark(struct backup *b, struct repo *repo) {
    struct row row = { .repo = repo, .lease_ms = clock_wall_ms() + LEASE_MS };
    enum err r = repo->is_marked ? OK : store_write(b->store, mark_tx, &row);
    if (r == OK) repo->is_marked = true;
    return r;
}

/* Loaded, and marked when it is about to change. */
static enum err repo_ready(struct backup *b, struct repo *repo, bool changes) {
    enum err r;
    (void)pthread_mutex_lock(&repo->gate);
    r = repo_load(b, repo);
    if (r == OK && changes) r = repo_mark(b, repo);
    (void)pthread_mutex_unlock(&repo->gate);
    return r;
}

static enum err save_tx(struct store_tx *tx, void *ctx) {
    struct row *row = ctx;
    const struct repo_id *id = &row->repo->id;
    enum err r =
        store_exec(tx, &REPO_SAVE,
                   S_IN(S_B(id->account.b), S_B(id->device.b), S_I(row->counts.bytes), S_I(row->counts.files),
                        S_I(row->counts.snapshots), S_I(row->last_write_ms), S_I(row->ends_mark), S_I(row->lease_ms)),
                   NULL);
    return r == OK ? growth_note(tx, id) : r;
}

/* Writes what has come since; ends the mark when nothing is being written and `is_quiet`. */
static void repo_save(struct backup *b, struct repo *repo, bool is_quiet) {
    struct row row = { .repo = repo, .lease_ms = clock_wall_ms() + LEASE_MS };
    enum err r = OK;
    (void)pthread_mutex_lock(&repo->gate);
    (void)pthread_mutex_lock(&b->lock);
    row.counts = repo->unsaved;
    row.last_write_ms = repo->last_write_ms;
    row.ends_mark = is_quiet && repo->writing == 0;
    (void)pthread_mutex_unlock(&b->lock);
    if (repo->is_marked) r = store_write(b->store, save_tx, &row);
    (void)pthread_mutex_lock(&b->lock);
    repo->saved_ms = clock_mono_ms();
    if (r == OK) {
        struct counts less = { -row.counts.bytes, -row.counts.files, -row.counts.snapshots };
        repo->known = sum(repo->known, row.counts);
        repo->unsaved = sum(repo->unsaved, less);
    }
    (void)pthread_mutex_unlock(&b->lock);
    if (r == OK && row.ends_mark) repo->is_marked = false;
    if (r == ERR_UNCERTAIN) repo->is_loaded = false; /* the lease will end, and then it is counted anew */
    (void)pthread_mutex_unlock(&repo->gate);
}

/* ---- now and then ---- */

static bool is_due(const struct repo *r, int64_t now_ms) {
    bool has_more = r->unsaved.bytes != 0 || r->unsaved.files != 0 || r->changed_ms > r->saved_ms || r->writing > 0;
    if (r->users > 0) return has_more && now_ms - r->saved_ms >= SAVE_MS; /* whether it is marked is theirs to see */
    if (!r->is_marked) return false;
    return now_ms - r->changed_ms >= QUIET_MS || (has_more && now_ms - r->saved_ms >= SAVE_MS);
}

static size_t collect_due(struct backup *b, struct repo *out[AT_ONCE], int64_t now_ms) {
    size_t n = 0;
    (void)pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < REPO_PLACES; i++) {
        for (struct repo **at = &b->repos[i]; *at && n < AT_ONCE;) {
            struct repo *r = *at;
            if (is_due(r, now_ms)) {
                r->users++;
                out[n++] = r;
            }
            if (r->users == 0 && !r->is_marked && now_ms - r->changed_ms > KEPT_MS && watch_is_over(r, now_ms)) {
                *at = r->next;
                (void)pthread_mutex_destroy(&r->gate);
                free(r);
                continue;
            }
            at = &r->next;
        }
    }
    (void)pthread_mutex_unlock(&b->lock);
    return n;
}

void backup_tick(struct backup *b) {
    struct repo *due[AT_ONCE];
    int64_t now_ms = clock_mono_ms();
    size_t n = collect_due(b, due, now_ms);
    for (size_t i = 0; i < n; i++) {
        repo_save(b, due[i], now_ms - due[i]->changed_ms >= QUIET_MS);
        repo_leave(b, due[i]);
    }
    reads_save(b);
    watch_tick(b);
}

void repos_release(struct backup *b) {
    for (size_t i = 0; i < REPO_PLACES; i++) {
        while (b->repos[i]) {
            struct repo *r = b->repos[i];
            if (r->is_marked) repo_save(b, r, true);
            b->repos[i] = r->next;
            (void)pthread_mutex_destroy(&r->gate);
            free(r);
        }
    }
}

/* ---- calls ---- */

static enum err make_tx(struct store_tx *tx, void *ctx) {
    const struct repo_id *id = ctx;
    return store_exec(tx, &REPO_MAKE, S_IN(S_B(id->account.b), S_B(id->device.b), S_I(clock_wall_ms())), NULL);
}

enum err backup_make(struct backup *b, const struct repo_id *repo) {
    struct repo_id id = *repo;
    enum err r = blobs_make(b->blobs, repo);
    return r == OK ? store_write(b->store, make_tx, &id) : r;
}

static enum err reserve(struct backup *b, struct repo *repo, int64_t bytes, bool is_limited) {
    int64_t taken;
    enum err r = OK;
    (void)pthread_mutex_lock(&b->lock);
    taken = repo->known.bytes + repo->unsaved.bytes + repo->reserved;
    if (is_limited && (taken >= b->quota_bytes || bytes > b->quota_bytes - taken)) r = ERR_FULL;
    if (r == OK) {
        repo->writing++;
        repo->reserved += bytes > 0 ? bytes : 0;
    }
    (void)pthread_mutex_unlock(&b->lock);
    return r;
}

static void unreserve(struct backup *b, struct repo *repo, int64_t bytes) {
    (void)pthread_mutex_lock(&b->lock);
    repo->writing--;
    repo->reserved -= bytes > 0 ? bytes : 0;
    (void)pthread_mutex_unlock(&b->lock);
}

enum err backup_reserve(struct backup *b, const struct blob_ref *ref, int64_t bytes) {
    bool is_limited = b->quota_bytes > 0 && ref->type != BLOB_LOCKS; /* a full repository can still be restored */
    struct repo *repo;
    enum err r;
    if (bytes > blob_bytes_max(ref->type)) return ERR_TOO_LARGE;
    if (bytes < 0 && is_limited) return ERR_INPUT;
    repo = repo_use(b, &ref->repo);
    if (!repo) return ERR_NOMEM;
    r = repo_ready(b, repo, false);
    if (r == OK) r = reserve(b, repo, bytes, is_limited);
    if (r == OK && (r = repo_ready(b, repo, true)) != OK) unreserve(b, repo, bytes);
    repo_leave(b, repo);
    return r;
}

static void count(struct backup *b, struct repo *repo, const struct blob_ref *ref, struct counts c) {
    (void)pthread_mutex_lock(&b->lock);
    if (ref->type == BLOB_SNAPSHOTS) c.snapshots = c.files;
    if (c.files < 0) watch_removed(repo, ref, -c.bytes);
    repo->unsaved = sum(repo->unsaved, c);
    repo->changed_ms = clock_mono_ms();
    if (c.files > 0 && ref->type != BLOB_LOCKS) repo->last_write_ms = clock_wall_ms();
    (void)pthread_mutex_unlock(&b->lock);
}

void backup_settle(struct backup *b, const struct blob_ref *ref, int64_t reserved,
                   const struct blob_put_result *result) {
    struct repo *repo = repo_use(b, &ref->repo); /* there since it was reserved: one that is written to stays */
    if (!repo) return;
    if (result && (result->is_new || result->grown != 0))
        count(b, repo, ref, (struct counts){ .bytes = result->grown, .files = result->is_new });
    unreserve(b, repo, reserved);
    repo_leave(b, repo);
}

enum err backup_remove(struct backup *b, const struct blob_ref *ref) {
    struct repo *repo = repo_use(b, &ref->repo);
    int64_t size = 0;
    enum err r;
    if (!repo) return ERR_NOMEM;
    (void)pthread_mutex_lock(&b->lock);
    repo->writing++;
    (void)pthread_mutex_unlock(&b->lock);
    r = repo_ready(b, repo, true);
    if (r == OK) r = blobs_remove(b->blobs, ref, &size);
    if (r == OK) count(b, repo, ref, (struct counts){ .bytes = -size, .files = -1 });
    unreserve(b, repo, 0);
    repo_leave(b, repo);
    return r;
}

/* ---- an account's ---- */

struct devices {
    struct device_id *list;
    size_t n, room;
    struct account_id account;
};

static enum err on_device(void *ctx, const struct store_val *v) {
    struct devices *d = ctx;
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    if (d->n == d->room) {
        size_t room = d->room ? 2 * d->room : 16;
        struct device_id *list = realloc(d->list, room * sizeof *list);
        if (!list) return ERR_NOMEM;
        d->list = list;
        d->room = room;
    }
    memcpy(d->list[d->n++].b, v[0].s.p, ID_BYTES);
    return OK;
}

static enum err list_tx(struct store_tx *tx, void *ctx) {
    struct devices *d = ctx;
    d->n = 0;
    return store_each(tx, &REPO_LIST, S_IN(S_B(d->account.b)), on_device, d);
}

enum err repo_counts(struct backup *b, const struct repo_id *id, struct counts *ret) {
    struct repo *repo = repo_use(b, id);
    enum err r;
    if (!repo) return ERR_NOMEM;
    r = repo_ready(b, repo, false);
    (void)pthread_mutex_lock(&b->lock);
    *ret = sum(repo->known, repo->unsaved);
    if (repo->changed_ms == 0) repo->changed_ms = clock_mono_ms();
    (void)pthread_mutex_unlock(&b->lock);
    repo_leave(b, repo);
    return r;
}

struct growing {
    const struct repo_id *id;
    struct backup_growth *ret;
};

static enum err growth_tx(struct store_tx *tx, void *ctx) {
    const struct growing *g = ctx;
    return growth_get(tx, g->id, g->ret);
}

static enum err summarize(struct backup *b, const struct repo_id *id, struct backup_summary *ret) {
    struct growing growing = { id, &ret->growth };
    struct repo *repo = repo_use(b, id);
    struct counts c;
    enum err r;
    if (!repo) return ERR_NOMEM;
    r = repo_ready(b, repo, false);
    (void)pthread_mutex_lock(&b->lock);
    c = sum(repo->known, repo->unsaved);
    *ret = (struct backup_summary){ id->device, c.bytes, c.files, c.snapshots, repo->last_write_ms, { .n = 0 } };
    if (repo->changed_ms == 0) repo->changed_ms = clock_mono_ms();
    (void)pthread_mutex_unlock(&b->lock);
    repo_leave(b, repo);
    return r == OK ? store_read(b->store, growth_tx, &growing) : r;
}

enum err backup_each(struct backup *b, struct account_id account, backup_fn *fn, void *ctx) {
    struct devices d = { .account = account };
    enum err r = store_read(b->store, list_tx, &d);
    for (size_t i = 0; i < d.n && r == OK; i++) {
        struct repo_id id = { account, d.list[i] };
        struct backup_summary s;
        r = summarize(b, &id, &s);
        if (r == OK) r = fn(ctx, &s);
    }
    free(d.list);
    return r;
}
