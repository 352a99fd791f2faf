/* What needs more than the own credential: another device's data, and deletions. guard decides; here it is remembered.
 */
#include "backup/backup_priv.h"
#include "base/clock.h"

#define PASSED_MS MS_PER_S

static struct passed *place_of(struct backup *b, const struct backup_ask *ask) {
    uint64_t from, to;
    memcpy(&from, ask->repo.device.b, sizeof from);
    memcpy(&to, ask->asker.b, sizeof to);
    return &b->passed[(from * 31 + to) % PASSED_PLACES];
}

static bool is_of(const struct passed *p, const struct backup_ask *ask) {
    return id_eq(p->repo.account.b, ask->repo.account.b) && id_eq(p->repo.device.b, ask->repo.device.b) &&
           id_eq(p->asker.b, ask->asker.b);
}

bool backup_guard_remembers(struct backup *b, const struct backup_ask *ask, bool may_wait,
                            struct attempt_id *ret_attempt) {
    const struct passed *p = place_of(b, ask);
    int64_t mono_ms = clock_mono_ms(), wall_ms = clock_wall_ms();
    bool does;
    if ((may_wait ? pthread_mutex_lock(&b->lock) : pthread_mutex_trylock(&b->lock)) != 0) return false;
    does = is_of(p, ask) && p->seen_until_ms > mono_ms && p->window.until_ms > wall_ms;
    if (does) *ret_attempt = p->window.attempt;
    (void)pthread_mutex_unlock(&b->lock);
    return does;
}

/* `forgets`: as it stood before the database was read. */
static void remember(struct backup *b, const struct backup_ask *ask, const struct guard_window *window,
                     int64_t forgets) {
    struct passed *p = place_of(b, ask);
    (void)pthread_mutex_lock(&b->lock);
    if (b->forgets == forgets) *p = (struct passed){ ask->repo, ask->asker, *window, clock_mono_ms() + PASSED_MS };
    (void)pthread_mutex_unlock(&b->lock);
}

static int64_t forgets_now(struct backup *b) {
    int64_t n;
    (void)pthread_mutex_lock(&b->lock);
    n = b->forgets;
    (void)pthread_mutex_unlock(&b->lock);
    return n;
}

enum backup_verdict backup_guard_check(struct backup *b, const struct backup_ask *ask, struct attempt_id *ret_attempt) {
    const struct guard_restore x = { .account = ask->repo.account,
                                     .device = ask->asker,
                                     .from = ask->repo.device,
                                     .where = ask->from,
                                     .opens_nothing = !ask->opens };
    struct guard_window window = { .until_ms = 0 };
    int64_t forgets = forgets_now(b);
    enum err r;
    if (!b->guard) return BACKUP_REFUSE;
    if (backup_guard_remembers(b, ask, true, ret_attempt)) return BACKUP_ALLOW;
    r = guard_restore_may(b->guard, &x, &window);
    if (r != OK) return r == ERR_NOT_FOUND ? BACKUP_REFUSE : BACKUP_UNKNOWN;
    if (window.until_ms == 0) return BACKUP_REFUSE;
    remember(b, ask, &window, forgets);
    *ret_attempt = window.attempt;
    return BACKUP_ALLOW;
}

/* Never remembered: a window that is closed is closed everywhere at once. */
enum backup_verdict backup_guard_may_delete(struct backup *b, const struct repo_id *repo) {
    struct guard_window window = { .until_ms = 0 };
    if (!b->config->backup_append_only) return BACKUP_ALLOW;
    if (!b->guard) return BACKUP_REFUSE;
    if (guard_deletion_may(b->guard, repo->account, repo->device, &window) != OK) return BACKUP_UNKNOWN;
    return window.until_ms > 0 ? BACKUP_ALLOW : BACKUP_REFUSE;
}
