/* The restores and deletions that somebody must approve. Until an attempt stands behind them, all are refused. */
#include "backup/backup_priv.h"

enum backup_verdict backup_guard_check(struct backup *b, const struct backup_ask *ask) {
    (void)b;
    (void)ask;
    return BACKUP_REFUSE;
}

enum backup_verdict backup_guard_may_delete(struct backup *b, const struct repo_id *repo) {
    (void)repo;
    return b->config->backup_append_only ? BACKUP_REFUSE : BACKUP_ALLOW;
}
