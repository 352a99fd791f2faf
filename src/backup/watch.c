/*
 * What an owner is told of a backup without having asked: that much of it is deleted, that the passwords that open it
 * change, that it has not come for long. Deletions are counted in memory, for a day: the window in which they are
 * allowed is an hour. Half of the bytes, or of the snapshots, is much.
 */
#include "backup/backup_priv.h"
#include "base/clock.h"

#define AT_ONCE  64
#define LOOK_MS  MS_PER_HOUR
#define DUE_MOST 100
#define DAYS     "COALESCE(w.expected_days, 14)" /* BACKUP_EXPECTED_DAYS */
#define DAYS_MS  DAYS " * 86400000"

const struct store_stmt WATCH_GET = {
    .name = "watch_get",
    .in = "bb",
    .out = "i",
    .sql = "SELECT expected_days FROM backup_watch WHERE account_id = ?1 AND device_id = ?2",
};
const struct store_stmt WATCH_EXPECT = {
    .name = "watch_expect",
    .in = "bbi",
    .out = "",
    .sql = "INSERT INTO backup_watch (account_id, device_id, expected_days, told_ms, checked_ms, lease_ms)"
           " VALUES (?1, ?2, ?3, 0, 0, 0)"
           " ON CONFLICT (account_id, device_id) DO UPDATE SET expected_days = excluded.expected_days",
};
const struct store_stmt WATCH_TOLD = {
    .name = "watch_told",
    .in = "bbii",
    .out = "",
    .sql = "INSERT INTO backup_watch (account_id, device_id, expected_days, told_ms, checked_ms, lease_ms)"
           " VALUES (?1, ?2, ?3, ?4, 0, 0)"
           " ON CONFLICT (account_id, device_id) DO UPDATE SET told_ms = excluded.told_ms",
};
/* Told again when as much time has gone by once more. */
const struct store_stmt WATCH_OVERDUE = {
    .name = "watch_overdue",
    .in = "ii",
    .out = "bb",
    .sql = "SELECT r.account_id, r.device_id FROM backup_repository r LEFT JOIN backup_watch w"
           " ON w.account_id = r.account_id AND w.device_id = r.device_id WHERE r.last_write_ms > 0 AND " DAYS
           " > 0 AND r.last_write_ms + " DAYS_MS " <= ?1 AND COALESCE(w.told_ms, 0) + " DAYS_MS " <= ?1 LIMIT ?2",
};

enum err watch_report(struct backup *b, const struct repo_id *repo, enum action action, const struct origin *from) {
    const struct guard_report report = { repo->account, repo->device, action, from };
    return b->guard ? guard_report(b->guard, &report) : OK;
}

/* ---- deletions ---- */

void watch_removed(struct repo *repo, const struct blob_ref *ref, int64_t bytes) {
    int64_t now_ms = clock_mono_ms();
    if (ref->type != BLOB_DATA && ref->type != BLOB_SNAPSHOTS) return;
    if (watch_is_over(repo, now_ms)) {
        repo->had = (struct counts){ repo->known.bytes + repo->unsaved.bytes, 0,
                                     repo->known.snapshots + repo->unsaved.snapshots };
        repo->gone = (struct counts){ .bytes = 0 };
        repo->gone_since_ms = now_ms;
        repo->is_told = false;
    }
    repo->gone.bytes += bytes;
    if (ref->type == BLOB_SNAPSHOTS) repo->gone.snapshots++;
}

bool watch_is_over(const struct repo *repo, int64_t now_ms) {
    return repo->gone_since_ms == 0 || now_ms - repo->gone_since_ms >= MS_PER_DAY;
}

static bool is_much(const struct counts *had, const struct counts *gone) {
    bool all = gone->snapshots > 0 && gone->snapshots >= had->snapshots;
    return all || (gone->snapshots >= 2 && gone->snapshots >= had->snapshots - gone->snapshots) ||
           (gone->bytes > 0 && gone->bytes >= had->bytes - gone->bytes);
}

static struct repo *repo_of(struct backup *b, const struct repo_id *id) {
    uint64_t h;
    struct repo *r;
    memcpy(&h, id->device.b, sizeof h);
    r = b->repos[h % REPO_PLACES];
    while (r && memcmp(&r->id, id, sizeof *id) != 0) r = r->next;
    return r;
}

static void set_told(struct backup *b, const struct repo_id *id) {
    struct repo *r;
    (void)pthread_mutex_lock(&b->lock);
    if ((r = repo_of(b, id)) != NULL) r->is_told = true;
    (void)pthread_mutex_unlock(&b->lock);
}

/* This removal with those before it. */
static bool will_be_much(struct backup *b, const struct blob_ref *ref, const struct counts *now) {
    struct counts had = *now, gone = { .bytes = 0 };
    bool is_told = false;
    struct repo *r;
    (void)pthread_mutex_lock(&b->lock);
    r = repo_of(b, &ref->repo);
    if (r && !watch_is_over(r, clock_mono_ms())) {
        had = r->had;
        gone = r->gone;
        is_told = r->is_told;
    }
    (void)pthread_mutex_unlock(&b->lock);
    if (ref->type == BLOB_SNAPSHOTS) gone.snapshots++;
    return !is_told && is_much(&had, &gone);
}

static enum err warn_of_removal(struct backup *b, const struct backup_change *c) {
    struct counts now;
    enum err r = repo_counts(b, &c->ref.repo, &now);
    if (r != OK) return r;
    if (!will_be_much(b, &c->ref, &now)) return OK;
    r = watch_report(b, &c->ref.repo, ACTION_BACKUP_DELETED, c->from);
    if (r == OK) set_told(b, &c->ref.repo);
    return r;
}

/* Where the last removal of all was the one too many. */
static void tell_deletions(struct backup *b) {
    struct repo_id ids[AT_ONCE];
    int64_t now_ms = clock_mono_ms();
    size_t n = 0;
    (void)pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < REPO_PLACES; i++)
        for (const struct repo *r = b->repos[i]; r && n < AT_ONCE; r = r->next)
            if (!watch_is_over(r, now_ms) && !r->is_told && is_much(&r->had, &r->gone)) ids[n++] = r->id;
    (void)pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < n; i++) {
        enum err r = watch_report(b, &ids[i], ACTION_BACKUP_DELETED, NULL);
        if (r == OK || r == ERR_NOT_FOUND) set_told(b, &ids[i]);
    }
}

/* ---- keys ---- */

static enum err has_other_key(struct backup *b, const struct blob_ref *ref, bool *ret_has) {
    struct blob_list *l = NULL;
    struct blob_entry e;
    enum err r = blobs_list_begin(b->blobs, &ref->repo, BLOB_KEYS, &l);
    *ret_has = false;
    while (r == OK && !*ret_has && (r = blobs_list_next(l, &e)) == OK) *ret_has = strcmp(e.name, ref->name) != 0;
    blobs_list_end(l);
    return r == ERR_GONE ? OK : r;
}

enum err backup_warn(struct backup *b, const struct backup_change *c) {
    bool is_change = c->is_removal;
    enum err r = OK;
    if (c->ref.type == BLOB_LOCKS || c->ref.type == BLOB_INDEX) return OK;
    if (c->ref.type == BLOB_KEYS) {
        if (!is_change) r = has_other_key(b, &c->ref, &is_change);
        return r == OK && is_change ? watch_report(b, &c->ref.repo, ACTION_BACKUP_KEYS_CHANGED, c->from) : r;
    }
    if (!c->is_removal) return OK;
    if (c->ref.type == BLOB_CONFIG) return watch_report(b, &c->ref.repo, ACTION_BACKUP_DELETED, c->from);
    return warn_of_removal(b, c);
}

/* ---- what is expected ---- */

static enum err on_days(void *ctx, const struct store_val *v) {
    *(int64_t *)ctx = v[0].i;
    return OK;
}

enum err backup_expected(struct store_tx *tx, const struct repo_id *repo, int64_t *ret_days) {
    int64_t days = BACKUP_EXPECTED_DAYS;
    enum err r = store_each(tx, &WATCH_GET, S_IN(S_B(repo->account.b), S_B(repo->device.b)), on_days, &days);
    if (r == OK) *ret_days = days;
    return r;
}

enum err backup_expect(struct store_tx *tx, const struct repo_id *repo, int64_t days) {
    return store_exec(tx, &WATCH_EXPECT, S_IN(S_B(repo->account.b), S_B(repo->device.b), S_I(days)), NULL);
}

struct due {
    struct repo_id list[DUE_MOST];
    size_t n, at;
    int64_t now_ms;
};

static enum err on_due(void *ctx, const struct store_val *v) {
    struct due *d = ctx;
    struct repo_id *id = &d->list[d->n];
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES || d->n == DUE_MOST) return ERR_CORRUPT;
    memcpy(id->account.b, v[0].s.p, ID_BYTES);
    memcpy(id->device.b, v[1].s.p, ID_BYTES);
    d->n++;
    return OK;
}

static enum err due_tx(struct store_tx *tx, void *ctx) {
    struct due *d = ctx;
    d->n = 0;
    return store_each(tx, &WATCH_OVERDUE, S_IN(S_I(d->now_ms), S_I(DUE_MOST)), on_due, d);
}

static enum err told_tx(struct store_tx *tx, void *ctx) {
    const struct due *d = ctx;
    const struct repo_id *id = &d->list[d->at];
    return store_exec(tx, &WATCH_TOLD,
                      S_IN(S_B(id->account.b), S_B(id->device.b), S_I(BACKUP_EXPECTED_DAYS), S_I(d->now_ms)), NULL);
}

/* A crash between the two tells it again at most a day later. */
static bool tell_overdue(struct backup *b, int64_t now_ms) {
    struct due d = { .now_ms = now_ms };
    enum err r = store_read(b->store, due_tx, &d);
    for (d.at = 0; d.at < d.n && r == OK; d.at++) {
        r = watch_report(b, &d.list[d.at], ACTION_BACKUP_OVERDUE, NULL);
        if (r == OK || r == ERR_GONE || r == ERR_NOT_FOUND) r = store_write(b->store, told_tx, &d);
    }
    return r == OK && d.n < DUE_MOST;
}

void watch_tick(struct backup *b) {
    int64_t now_ms = clock_wall_ms();
    tell_deletions(b);
    if (b->overdue_at_ms - LOOK_MS <= now_ms && now_ms < b->overdue_at_ms) return;
    if (tell_overdue(b, now_ms)) b->overdue_at_ms = now_ms + LOOK_MS;
}
