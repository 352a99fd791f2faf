/* Opening, and whose credential it is. */
#include <unistd.h>

#include "backup/backup_priv.h"
#include "base/clock.h"
#include "base/secret.h"

#define KNOWN_MS MS_PER_S
#define GIB      ((int64_t)1 << 30)

static enum err open_blobs(const struct backup_options *o, struct blobs **ret) {
    enum err r;
    if (!config_store_is_s3(o->config)) return blobs_open_tree(o->folder_fd, ret);
    r = blobs_open_s3(&(struct blobs_s3){ .folder_fd = o->folder_fd,
                                          .courier_fd = o->courier_fd,
                                          .threads = o->config->server_work_threads,
                                          .silent_ms = o->config->backup_s3_timeout,
                                          .stop = o->stop },
                      ret);
    if (r != OK) (void)close(o->folder_fd);
    return r;
}

enum err backup_new(const struct backup_options *o, struct backup **ret) {
    struct backup *b = calloc(1, sizeof *b);
    enum err r;
    if (!b || pthread_mutex_init(&b->lock, NULL) != 0) {
        free(b);
        return ERR_NOMEM;
    }
    b->store = o->store;
    b->guard = o->guard;
    b->config = o->config;
    b->quota_bytes = o->config->backup_quota_gib * GIB;
    b->is_alone = !store_is_postgres(o->store);
    r = open_blobs(o, &b->blobs);
    if (r == OK) r = scrub_start(b, o);
    if (r == OK)
        *ret = b;
    else
        backup_free(b);
    return r;
}

void backup_free(struct backup *b) {
    if (!b) return;
    scrub_stop(b->scrub);
    reads_release(b);
    repos_release(b);
    blobs_close(b->blobs);
    (void)pthread_mutex_destroy(&b->lock);
    bytes_wipe(b->known, sizeof b->known);
    free(b);
}

struct blobs *backup_blobs(struct backup *b) {
    return b->blobs;
}

/* ---- credentials ---- */

static struct known *place_of(struct backup *b, const struct rest_credential *c) {
    uint64_t h;
    memcpy(&h, c->token_hash, sizeof h);
    return &b->known[h % KNOWN_PLACES];
}

static bool was_right(struct backup *b, const struct rest_credential *c, int64_t *ret_forgets) {
    const struct known *k = place_of(b, c);
    bool is_right;
    (void)pthread_mutex_lock(&b->lock);
    *ret_forgets = b->forgets;
    is_right = k->until_ms > clock_mono_ms() && bytes_eq_secret(&k->credential, c, sizeof *c);
    (void)pthread_mutex_unlock(&b->lock);
    return is_right;
}

bool backup_knew(struct backup *b, const struct rest_credential *c) {
    const struct known *k = place_of(b, c);
    bool was;
    if (pthread_mutex_trylock(&b->lock) != 0) return false;
    was = k->until_ms > clock_mono_ms() && bytes_eq_secret(&k->credential, c, sizeof *c);
    (void)pthread_mutex_unlock(&b->lock);
    return was;
}

void backup_forget(struct backup *b, struct account_id account) {
    if (!b) return;
    (void)pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < KNOWN_PLACES; i++)
        if (id_eq(b->known[i].credential.account.b, account.b)) b->known[i].until_ms = 0;
    for (size_t i = 0; i < PASSED_PLACES; i++)
        if (id_eq(b->passed[i].repo.account.b, account.b)) b->passed[i].seen_until_ms = 0;
    b->forgets++;
    (void)pthread_mutex_unlock(&b->lock);
}

struct finding {
    const struct rest_credential *credential;
    struct device_id device;
};

static enum err find_tx(struct store_tx *tx, void *ctx) {
    struct finding *f = ctx;
    return backup_token_find(tx, f->credential->account, f->credential->token_hash, &f->device);
}

enum err backup_knows(struct backup *b, const struct rest_credential *c) {
    struct finding f = { .credential = c };
    int64_t now_ms = clock_mono_ms(); /* before it is read: what ends meanwhile is not remembered for longer */
    struct known *k = place_of(b, c);
    int64_t forgets;
    enum err r;
    if (was_right(b, c, &forgets)) return OK;
    if ((r = store_read(b->store, find_tx, &f)) != OK) return r;
    if (!id_eq(f.device.b, c->device.b)) return ERR_NOT_FOUND;
    (void)pthread_mutex_lock(&b->lock);
    if (b->forgets == forgets) *k = (struct known){ .credential = *c, .until_ms = now_ms + KNOWN_MS };
    (void)pthread_mutex_unlock(&b->lock);
    return OK;
}

struct asking {
    const struct repo_id *repo;
    struct arena *arena;
};

static enum err device_tx(struct store_tx *tx, void *ctx) {
    const struct asking *a = ctx;
    struct device d;
    return device_get(tx, a->repo->account, a->repo->device, a->arena, &d);
}

enum err backup_has_device(struct backup *b, const struct repo_id *repo) {
    struct asking a = { .repo = repo, .arena = arena_new(16384) };
    enum err r = a.arena ? store_read(b->store, device_tx, &a) : ERR_NOMEM;
    arena_free(a.arena);
    return r;
}
