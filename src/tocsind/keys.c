/* Asking for the keys, reading the files that the configuration names, and sharing all of it out. */
#include "tocsind/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"

/* By a program of its own, tocsin-keys: whoever holds every key for years should not hold the cryptography too. */
static pid_t ask(const char *folder, int keys_fd, bool has_credentials, int *ret_fd) {
    char path[4200];
    char *argv[] = { (char *)(uintptr_t) "tocsin-keys",
                     has_credentials ? (char *)(uintptr_t)KEYS_ARG_CREDENTIALS : NULL, NULL };
    posix_spawn_file_actions_t act;
    int ends[2];
    pid_t pid = -1;
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    (void)snprintf(path, sizeof path, "%s/tocsin-keys", folder);
    if (posix_spawn_file_actions_init(&act) == 0) {
        if (posix_spawn_file_actions_adddup2(&act, ends[1], KEYS_FD_ANSWER) != 0 ||
            posix_spawn_file_actions_adddup2(&act, keys_fd, KEYS_FD_FOLDER) != 0 ||
            posix_spawn(&pid, path, &act, NULL, argv, environ) != 0)
            pid = -1;
        (void)posix_spawn_file_actions_destroy(&act);
    }
    (void)close(ends[1]);
    *ret_fd = ends[0];
    if (pid < 0) (void)close(ends[0]);
    return pid;
}

static bool read_whole(int fd, void *out, size_t n) {
    size_t have = 0;
    while (have < n) {
        ssize_t got = read(fd, (char *)out + have, n - have);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        have += (size_t)got;
    }
    return true;
}

enum err keys_load(const char *folder, const struct data *data, struct child_keys *ret_keys,
                   struct config_problem *ret_problem) {
    static struct keys_answer a;
    int fd;
    bool is_whole;
    enum err r = ERR_IO;
    pid_t pid = ask(folder, data->keys_fd, data->has_credentials, &fd);
    if (pid < 0) return config_refuse(ret_problem, ERR_IO, "%s/tocsin-keys: %s", folder, strerror(errno));
    is_whole = read_whole(fd, &a, sizeof a);
    (void)close(fd);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    if (is_whole) {
        r = a.result;
        *ret_problem = a.problem;
        *ret_keys = a.keys;
    } else {
        (void)config_refuse(ret_problem, ERR_IO, "%s/tocsin-keys ended without an answer", folder);
    }
    bytes_wipe(&a, sizeof a);
    return r;
}

#define FILE_SIZE 512

/* One line, without its end. An empty path reads nothing. */
static enum err read_line(const char *what, const char *path, char out[FILE_SIZE], uint16_t *ret_n,
                          struct config_problem *ret_problem) {
    ssize_t n;
    int fd;
    if (!path[0]) return OK;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return config_refuse(ret_problem, ERR_IO, "%s %s: %s", what, path, strerror(errno));
    n = read(fd, out, FILE_SIZE);
    (void)close(fd);
    if (n < 0 || n == FILE_SIZE)
        return config_refuse(ret_problem, ERR_TOO_LARGE, "%s %s: unreadable, or over 511 bytes", what, path);
    while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r')) n--;
    *ret_n = (uint16_t)n;
    return OK;
}

static enum err check_private(const char *what, const char *path, struct config_problem *ret_problem) {
    struct stat st;
    if (stat(path, &st) != 0) return config_refuse(ret_problem, ERR_IO, "%s %s: %s", what, path, strerror(errno));
    if ((st.st_mode & 077) == 0) return OK;
    return config_refuse(ret_problem, ERR_REFUSED, "%s %s: others may read it; chmod 600 it", what, path);
}

static enum err read_s3_secret(const struct config *c, struct child_keys *keys, struct config_problem *ret_problem) {
    static const char what[] = "[backup] s3_secret_key_file";
    const char *path = c->backup_s3_secret_key_file;
    enum err r = config_store_is_s3(c) ? check_private(what, path, ret_problem) : OK;
    if (r != OK || !config_store_is_s3(c)) return r;
    r = read_line(what, path, keys->s3_secret_key, &keys->s3_secret_key_n, ret_problem);
    if (r == OK && keys->s3_secret_key_n == 0) return config_refuse(ret_problem, ERR_INPUT, "%s %s: empty", what, path);
    return r;
}

enum err keys_read_files(const struct config *c, struct child_keys *keys, struct config_problem *ret_problem) {
    enum err r = read_line("[mail] password_file", c->mail_password_file, keys->smtp_password, &keys->smtp_password_n,
                           ret_problem);
    return r == OK ? read_s3_secret(c, keys, ret_problem) : r;
}

void keys_for(enum sandbox_role role, const struct child_keys *all, struct child_keys *ret_keys) {
    memset(ret_keys, 0, sizeof *ret_keys);
    ret_keys->listener_count = all->listener_count;
    ret_keys->is_embedded = all->is_embedded;
    switch (role) {
    case SANDBOX_FRONT:
        memcpy(ret_keys->vapid_public, all->vapid_public, sizeof all->vapid_public);
        memcpy(ret_keys->receipt_public, all->receipt_public, sizeof all->receipt_public);
        return;
    case SANDBOX_KEEPER:
        memcpy(ret_keys->pepper, all->pepper, sizeof all->pepper);
        memcpy(ret_keys->link_key, all->link_key, sizeof all->link_key);
        memcpy(ret_keys->receipt_scalar, all->receipt_scalar, sizeof all->receipt_scalar);
        memcpy(ret_keys->box_public, all->box_public, sizeof all->box_public);
        return;
    case SANDBOX_COURIER:
        memcpy(ret_keys->link_key, all->link_key, sizeof all->link_key);
        memcpy(ret_keys->vapid_scalar, all->vapid_scalar, sizeof all->vapid_scalar);
        memcpy(ret_keys->vapid_public, all->vapid_public, sizeof all->vapid_public);
        memcpy(ret_keys->box_public, all->box_public, sizeof all->box_public);
        memcpy(ret_keys->box_secret, all->box_secret, sizeof all->box_secret);
        memcpy(ret_keys->smtp_password, all->smtp_password, sizeof all->smtp_password);
        ret_keys->smtp_password_n = all->smtp_password_n;
        memcpy(ret_keys->s3_secret_key, all->s3_secret_key, sizeof all->s3_secret_key);
        ret_keys->s3_secret_key_n = all->s3_secret_key_n;
        return;
    }
}
