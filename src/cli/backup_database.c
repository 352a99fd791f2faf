/*
 * tocsin backup-database FILE: a copy of both databases while the server runs, made here and not in the server, whose
 * processes can write nowhere but in their own folders. The main one comes first: the keeper's is then never the older,
 * and an attempt that stands between the two is finished after a restore as after a crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/terminal.h"
#include "store/store.h"

#define PATH_BYTES_MAX 4096

struct copy {
    const char *what, *database; /* what: for messages; database: [data]'s, empty for SQLite in the folder */
    char from[PATH_BYTES_MAX], to[PATH_BYTES_MAX], part[PATH_BYTES_MAX];
};

static bool fill(struct copy *c, const struct config *config, const char *file, bool is_keeper) {
    int n, m, k;
    c->what = is_keeper ? "keeper_database" : "database";
    c->database = is_keeper ? config->data_keeper_database : config->data_database;
    n = snprintf(c->from, sizeof c->from, "%s/%s", config->data_directory,
                 is_keeper ? "keeper/keeper.db" : "front/main.db");
    m = snprintf(c->to, sizeof c->to, "%s%s", file, is_keeper ? ".keeper" : "");
    k = snprintf(c->part, sizeof c->part, "%s%s.part", file, is_keeper ? ".keeper" : "");
    if (n < 0 || m < 0 || k < 0 || n >= PATH_BYTES_MAX || k >= PATH_BYTES_MAX) {
        complain("that path is too long");
        return false;
    }
    return true;
}

/* False, and said: a server that is not SQLite, nothing to read, or a file that would be overwritten. */
static bool is_possible(const struct copy *c) {
    struct stat st;
    if (c->database[0]) {
        complain("[data] %s is PostgreSQL, which has its own way: pg_dump --format=custom --file=%s DATABASE", c->what,
                 c->to);
        return false;
    }
    if (access(c->from, R_OK) != 0) {
        complain("%s: %s (root may, or the one user of a server that was not started as root)", c->from,
                 strerror(errno));
        return false;
    }
    if (lstat(c->to, &st) != 0 && errno == ENOENT) return true;
    complain("%s is there already; nothing is overwritten", c->to);
    return false;
}

static bool run_copy(const struct copy *c) {
    struct store_problem problem = { "" };
    if (store_backup(c->from, c->part, &problem) == OK) return true;
    complain("%s", problem.text);
    return false;
}

/* The names appear only once both copies are whole and on the disk. */
static bool put_in_place(const struct copy *c) {
    char folder[PATH_BYTES_MAX];
    char *slash;
    int fd;
    if (renameat2(AT_FDCWD, c->part, AT_FDCWD, c->to, RENAME_NOREPLACE) != 0) {
        complain("%s: %s", c->to, strerror(errno));
        return false;
    }
    (void)snprintf(folder, sizeof folder, "%s", c->to);
    slash = strrchr(folder, '/');
    if (slash) slash[slash == folder ? 1 : 0] = 0;
    fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) complain("%s: its folder could not be synced", c->to);
    if (fd >= 0) (void)close(fd);
    return true;
}

int backup_database_run(struct cli *cli, int argc, char **argv) {
    static struct copy main_copy, keeper_copy;
    bool is_done;
    if (argc != 2 || !argv[1][0]) return usage_of(cli);
    if (!fill(&main_copy, cli->config, argv[1], false) || !fill(&keeper_copy, cli->config, argv[1], true))
        return STATUS_NO;
    if (!is_possible(&main_copy) || !is_possible(&keeper_copy)) return STATUS_NO;
    (void)umask(077);
    is_done = run_copy(&main_copy) && run_copy(&keeper_copy) && put_in_place(&main_copy) && put_in_place(&keeper_copy);
    (void)unlink(main_copy.part);
    (void)unlink(keeper_copy.part);
    if (!is_done) return STATUS_NO;
    say(stdout, "%s and %s are whole. To use them they need %s/keys, too: keep those apart.\n", main_copy.to,
        keeper_copy.to, cli->config->data_directory);
    return STATUS_DONE;
}
