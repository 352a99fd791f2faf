/* A copy of a SQLite database that others write to, by SQLite's online backup: one snapshot, readers and writers go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "store/store_priv.h"

#define BUSY_MS 5000

static enum err refuse(struct store_problem *p, const char *path, const char *why) {
    return store_fail(ERR_DATABASE, p, "%s: %s", path, why);
}

/* One file that needs nothing beside it: no journal of the running database's kind. */
static int finish(sqlite3 *to) { return sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL); }

static enum err copy(sqlite3 *from, sqlite3 *to, const char *file, struct store_problem *p) {
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc;
    if (!b) return refuse(p, file, sqlite3_errmsg(to));
    rc = sqlite3_backup_step(b, -1);
    if (rc == SQLITE_DONE) rc = SQLITE_OK;
    if (sqlite3_backup_finish(b) != SQLITE_OK && rc == SQLITE_OK) rc = SQLITE_ERROR;
    if (rc == SQLITE_OK) rc = finish(to);
    return rc == SQLITE_OK ? OK : refuse(p, file, sqlite3_errstr(rc));
}

static enum err sync_file(const char *file, struct store_problem *p) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) (void)close(fd);
    return is_synced ? OK : refuse(p, file, strerror(errno));
}

enum err store_backup(const char *database, const char *file, struct store_problem *ret_problem) {
    sqlite3 *from = NULL, *to = NULL;
    enum err r = OK;
    (void)unlink(file); /* what an earlier run left half-made */
    if (sqlite3_open_v2(database, &from, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        r = refuse(ret_problem, database, sqlite3_errmsg(from));
    if (r == OK && sqlite3_open_v2(file, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        r = refuse(ret_problem, file, sqlite3_errmsg(to));
    if (r == OK) {
        (void)sqlite3_busy_timeout(from, BUSY_MS);
        r = copy(from, to, file, ret_problem);
    }
    (void)sqlite3_close(from);
    if (sqlite3_close(to) != SQLITE_OK && r == OK) r = refuse(ret_problem, file, "can't be closed");
    if (r == OK) r = sync_file(file, ret_problem);
    if (r != OK) (void)unlink(file);
    return r;
}
