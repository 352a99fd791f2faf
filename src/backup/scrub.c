/*
 * Reads what lies in the store again, slowly, and compares each object with its name, which is its hash. A disk that
 * forgets is found before somebody needs what it forgot. One thread at the lowest priority for processor and disk; a
 * repository that was written to within the hour is left alone, and one that was read whole is left alone for a week.
 */
#include "backup/backup_priv.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/enc.h"

#define PIECE_BYTES (256 * 1024)
#define EVERY_MS    (7 * MS_PER_DAY)
#define QUIET_MS    MS_PER_HOUR
#define LEASE_MS    MS_PER_HOUR
#define LOOK_MS     (10 * MS_PER_MIN)
#define NICE        19
#define NAMED_MOST  20 /* damaged objects of one repository that the operator is told by name */
#define MIB         (1 << 20)

/* The one that was read longest ago. */
const struct store_stmt SCRUB_NEXT = {
    .name = "scrub_next",
    .in = "iii",
    .out = "bb",
    .sql = "SELECT r.account_id, r.device_id FROM backup_repository r LEFT JOIN backup_watch w"
           " ON w.account_id = r.account_id AND w.device_id = r.device_id"
           " WHERE r.last_write_ms > 0 AND r.last_write_ms <= ?1 AND COALESCE(w.checked_ms, 0) <= ?2"
           " AND COALESCE(w.lease_ms, 0) <= ?3 ORDER BY COALESCE(w.checked_ms, 0) LIMIT 1",
};
const struct store_stmt SCRUB_CLAIM = {
    .name = "scrub_claim",
    .in = "bbii",
    .out = "",
    .sql = "INSERT INTO backup_watch (account_id, device_id, expected_days, told_ms, checked_ms, lease_ms)"
           " VALUES (?1, ?2, ?3, 0, 0, ?4) ON CONFLICT (account_id, device_id) DO UPDATE SET lease_ms = "
           "excluded.lease_ms",
};
const struct store_stmt SCRUB_DONE = {
    .name = "scrub_done",
    .in = "bbi",
    .out = "",
    .sql = "UPDATE backup_watch SET checked_ms = ?3, lease_ms = 0 WHERE account_id = ?1 AND device_id = ?2",
};

struct scrub {
    struct backup *b;
    void (*damaged)(void *ctx, const char *key);
    void *ctx;
    int64_t bytes_a_s;
    pthread_t thread;
    _Atomic bool stop;
    unsigned char piece[PIECE_BYTES];
};

struct round {
    struct scrub *s;
    struct repo_id repo;
    bool is_found;
    int64_t at_ms, lease_at_ms; /* lease_at_ms: when it is renewed; monotonic */
    int damaged;
};

static bool rest(struct scrub *s, int64_t ms) {
    while (ms > 0 && !atomic_load(&s->stop)) {
        int64_t part = ms < 100 ? ms : 100;
        (void)nanosleep(&(struct timespec){ .tv_nsec = part * 1000000 }, NULL);
        ms -= part;
    }
    return !atomic_load(&s->stop);
}

/* ---- whose turn it is ---- */

static enum err on_next(void *ctx, const struct store_val *v) {
    struct round *n = ctx;
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(n->repo.account.b, v[0].s.p, ID_BYTES);
    memcpy(n->repo.device.b, v[1].s.p, ID_BYTES);
    n->is_found = true;
    return OK;
}

static enum err claim_tx(struct store_tx *tx, void *ctx) {
    const struct round *n = ctx;
    return store_exec(
        tx, &SCRUB_CLAIM,
        S_IN(S_B(n->repo.account.b), S_B(n->repo.device.b), S_I(BACKUP_EXPECTED_DAYS), S_I(clock_wall_ms() + LEASE_MS)),
        NULL);
}

static enum err next_tx(struct store_tx *tx, void *ctx) {
    struct round *n = ctx;
    enum err r;
    n->is_found = false;
    r = store_each(tx, &SCRUB_NEXT, S_IN(S_I(n->at_ms - QUIET_MS), S_I(n->at_ms - EVERY_MS), S_I(n->at_ms)), on_next,
                   n);
    return r == OK && n->is_found ? claim_tx(tx, n) : r;
}

static enum err done_tx(struct store_tx *tx, void *ctx) {
    const struct round *n = ctx;
    return store_exec(tx, &SCRUB_DONE, S_IN(S_B(n->repo.account.b), S_B(n->repo.device.b), S_I(n->at_ms)), NULL);
}

static void renew(struct round *n) {
    if (clock_mono_ms() < n->lease_at_ms) return;
    n->lease_at_ms = clock_mono_ms() + LEASE_MS / 4;
    (void)!store_write(n->s->b->store, claim_tx, n); /* without it two may read the same; that harms nobody */
}

/* ---- one object ---- */

static enum err hash_file(struct scrub *s, int fd, uint8_t out[HASH_BYTES]) {
    struct sha256_run *run = sha256_new();
    enum err r = run ? OK : ERR_NOMEM;
    while (r == OK) {
        ssize_t n = read(fd, s->piece, sizeof s->piece);
        if (n == 0) break;
        if (n < 0) {
            r = errno == EINTR ? OK : ERR_IO;
            continue;
        }
        sha256_add(run, str_bytes(s->piece, (size_t)n));
        if (!rest(s, (int64_t)n * 1000 / s->bytes_a_s)) r = ERR_CLOSED;
    }
    sha256_end(run, out);
    return r;
}

/* OK also for one that is gone: removing is not damage. ERR_CORRUPT: it is not what its name says. */
static enum err check_object(struct scrub *s, const struct blob_ref *ref) {
    const struct blob_range whole = { .is_given = false };
    struct blob_got got;
    uint8_t hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    enum err r = blobs_get(s->b->blobs, ref, &whole, &got);
    if (r == ERR_NOT_FOUND) return OK;
    if (r != OK) return r; /* S3 that fails is no damage */
    r = hash_file(s, got.fd, hash);
    (void)close(got.fd);
    if (r != OK) return r == ERR_IO ? ERR_CORRUPT : r;
    (void)enc_hex(hash, HASH_BYTES, hex);
    return memcmp(hex, ref->name, BLOB_NAME_CHARS) == 0 ? OK : ERR_CORRUPT;
}

static enum err tell(struct round *n, const struct blob_ref *ref) {
    char key[BLOB_KEY_BYTES_MAX];
    enum err r;
    blob_key(ref, key);
    if (n->damaged++ < NAMED_MOST && n->s->damaged) n->s->damaged(n->s->ctx, key);
    r = n->damaged == 1 ? watch_report(n->s->b, &n->repo, ACTION_BACKUP_DAMAGED, NULL) : OK;
    return r == ERR_NOT_FOUND ? OK : r;
}

static enum err check_type(struct round *n, enum blob_type type) {
    struct blob_ref ref = { .repo = n->repo, .type = type };
    struct blob_list *l = NULL;
    struct blob_entry e;
    enum err r = blobs_list_begin(n->s->b->blobs, &n->repo, type, &l);
    while (r == OK && (r = blobs_list_next(l, &e)) == OK) {
        memcpy(ref.name, e.name, sizeof ref.name);
        renew(n);
        r = check_object(n->s, &ref);
        if (r == ERR_CORRUPT) r = tell(n, &ref);
        if (r == OK && atomic_load(&n->s->stop)) r = ERR_CLOSED;
    }
    blobs_list_end(l);
    return r == ERR_GONE ? OK : r;
}

/* ---- all of them ---- */

/* False: there is nothing to do now, or it failed; its lease keeps a broken one from being tried at once again. */
static bool check_next(struct scrub *s) {
    static const enum blob_type types[] = { BLOB_KEYS, BLOB_SNAPSHOTS, BLOB_INDEX, BLOB_DATA };
    struct round n = { .s = s, .at_ms = clock_wall_ms() };
    enum err r = store_write(s->b->store, next_tx, &n);
    if (r != OK || !n.is_found) return false;
    n.lease_at_ms = clock_mono_ms() + LEASE_MS / 4;
    for (size_t i = 0; i < ARRAY_LEN(types) && r == OK; i++) r = check_type(&n, types[i]);
    if (r == OK) r = store_write(s->b->store, done_tx, &n);
    return r == OK;
}

static void *scrub_main(void *arg) {
    struct scrub *s = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* wishes, both; the rate is the wall */
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, gettid(), IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
    while (rest(s, 0)) {
        left_forget(s->b);
        if (s->bytes_a_s == 0 || !check_next(s)) (void)rest(s, LOOK_MS);
    }
    return NULL;
}

enum err scrub_start(struct backup *b, const struct backup_options *o) {
    struct scrub *s;
    if (o->folder_fd < 0 || !b->guard) return OK;
    if (!(s = calloc(1, sizeof *s))) return ERR_NOMEM;
    s->b = b;
    s->damaged = o->damaged;
    s->ctx = o->ctx;
    s->bytes_a_s = b->config->backup_scrub_mib * MIB;
    if (pthread_create(&s->thread, NULL, scrub_main, s) != 0) {
        free(s);
        return ERR_NOMEM;
    }
    b->scrub = s;
    return OK;
}

void scrub_stop(struct scrub *s) {
    if (!s) return;
    atomic_store(&s->stop, true);
    (void)pthread_join(s->thread, NULL);
    free(s);
}
