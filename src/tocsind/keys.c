/* Making, reading and sharing out the keys. Files are raw bytes, written beside and renamed, so that a half-written key
 * is never read. */
#include "tocsind/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/secret.h"

static enum err PRINTF_LIKE(3, 4) fail(enum err r, struct config_problem *p, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(p->text, sizeof p->text, fmt, ap);
    va_end(ap);
    return r;
}

static enum err key_write(int dir, const char *name, const uint8_t *key, size_t n, struct config_problem *p) {
    char fresh[64];
    int fd;
    (void)snprintf(fresh, sizeof fresh, "%s.new", name);
    fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return fail(ERR_IO, p, "keys/%s: can't be written: %s", fresh, strerror(errno));
    if (write(fd, key, n) != (ssize_t)n || fsync(fd) != 0) {
        (void)close(fd);
        return fail(ERR_IO, p, "keys/%s: can't be written: %s", fresh, strerror(errno));
    }
    (void)close(fd);
    if (renameat(dir, fresh, dir, name) != 0 || fsync(dir) != 0)
        return fail(ERR_IO, p, "keys/%s: can't be put in place: %s", name, strerror(errno));
    return OK;
}

/* ERR_NOT_FOUND when there is none. */
static enum err key_read(int dir, const char *name, uint8_t *key, size_t n, struct config_problem *p) {
    struct stat st;
    ssize_t got;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return ERR_NOT_FOUND;
    if (fd < 0) return fail(ERR_IO, p, "keys/%s: can't be read: %s", name, strerror(errno));
    if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0) {
        (void)close(fd);
        return fail(ERR_CORRUPT, p, "keys/%s: others may read it; chmod 600 it, and think about who did", name);
    }
    got = read(fd, key, n);
    (void)close(fd);
    if (got != (ssize_t)n || st.st_size != (off_t)n)
        return fail(ERR_CORRUPT, p, "keys/%s: has %lld bytes, not %zu; restore it from a backup", name,
                    (long long)st.st_size, n);
    return OK;
}

static enum err key_get(int dir, const char *name, uint8_t *key, size_t n, struct config_problem *p) {
    enum err r = key_read(dir, name, key, n, p);
    if (r != ERR_NOT_FOUND) return r;
    crypto_random(key, n);
    return key_write(dir, name, key, n, p);
}

static enum err p256_get(int dir, const char *name, uint8_t scalar[P256_SCALAR_BYTES],
                         uint8_t ret_public[P256_POINT_BYTES], struct config_problem *p) {
    struct p256_key *key = NULL;
    enum err r = key_read(dir, name, scalar, P256_SCALAR_BYTES, p);
    if (r == ERR_NOT_FOUND) {
        if (p256_generate(&key) != OK) return fail(ERR_CRYPTO, p, "keys/%s: can't be made", name);
        p256_scalar(key, scalar);
        r = key_write(dir, name, scalar, P256_SCALAR_BYTES, p);
    } else if (r == OK && p256_from_scalar(scalar, &key) != OK) {
        return fail(ERR_CORRUPT, p, "keys/%s: not a P-256 key; restore it from a backup", name);
    }
    if (key) p256_public(key, ret_public);
    p256_free(key);
    return r;
}

static enum err box_get(int dir, struct child_keys *k, struct config_problem *p) {
    uint8_t both[BOX_PUBLIC_BYTES + BOX_SECRET_BYTES];
    enum err r = key_read(dir, "box.key", both, sizeof both, p);
    if (r == ERR_NOT_FOUND) {
        crypto_seal_keypair(both, both + BOX_PUBLIC_BYTES);
        r = key_write(dir, "box.key", both, sizeof both, p);
    }
    memcpy(k->box_public, both, BOX_PUBLIC_BYTES);
    memcpy(k->box_secret, both + BOX_PUBLIC_BYTES, BOX_SECRET_BYTES);
    bytes_wipe(both, sizeof both);
    return r;
}

enum err keys_load(int keys_fd, bool has_credentials, struct child_keys *ret_keys, struct config_problem *ret_problem) {
    enum err r = key_read(keys_fd, "pepper.key", ret_keys->pepper, sizeof ret_keys->pepper, ret_problem);
    if (r == ERR_NOT_FOUND && has_credentials)
        return fail(
            ERR_REFUSED, ret_problem,
            "keys/pepper.key is missing, but there are credentials made with it; restore the file from a backup");
    if (r == ERR_NOT_FOUND) r = key_get(keys_fd, "pepper.key", ret_keys->pepper, sizeof ret_keys->pepper, ret_problem);
    if (r != OK) return r;
    if ((r = key_get(keys_fd, "link.key", ret_keys->link_key, sizeof ret_keys->link_key, ret_problem)) != OK) return r;
    r = p256_get(keys_fd, "vapid.key", ret_keys->vapid_scalar, ret_keys->vapid_public, ret_problem);
    if (r != OK) return r;
    r = p256_get(keys_fd, "receipt.key", ret_keys->receipt_scalar, ret_keys->receipt_public, ret_problem);
    if (r != OK) return r;
    return box_get(keys_fd, ret_keys, ret_problem);
}

#define FILE_SIZE 512

/* One line, without its end. An empty path reads nothing. */
static enum err read_line(const char *what, const char *path, char out[FILE_SIZE], uint16_t *ret_n,
                          struct config_problem *ret_problem) {
    ssize_t n;
    int fd;
    if (!path[0]) return OK;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(ERR_IO, ret_problem, "%s %s: %s", what, path, strerror(errno));
    n = read(fd, out, FILE_SIZE);
    (void)close(fd);
    if (n < 0 || n == FILE_SIZE)
        return fail(ERR_TOO_LARGE, ret_problem, "%s %s: unreadable, or over 511 bytes", what, path);
    while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r')) n--;
    *ret_n = (uint16_t)n;
    return OK;
}

static enum err check_private(const char *what, const char *path, struct config_problem *ret_problem) {
    struct stat st;
    if (stat(path, &st) != 0) return fail(ERR_IO, ret_problem, "%s %s: %s", what, path, strerror(errno));
    if ((st.st_mode & 077) == 0) return OK;
    return fail(ERR_REFUSED, ret_problem, "%s %s: others may read it; chmod 600 it", what, path);
}

static enum err read_s3_secret(const struct config *c, struct child_keys *keys, struct config_problem *ret_problem) {
    static const char what[] = "[backup] s3_secret_key_file";
    const char *path = c->backup_s3_secret_key_file;
    enum err r = config_store_is_s3(c) ? check_private(what, path, ret_problem) : OK;
    if (r != OK || !config_store_is_s3(c)) return r;
    r = read_line(what, path, keys->s3_secret_key, &keys->s3_secret_key_n, ret_problem);
    if (r == OK && keys->s3_secret_key_n == 0) return fail(ERR_INPUT, ret_problem, "%s %s: empty", what, path);
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
