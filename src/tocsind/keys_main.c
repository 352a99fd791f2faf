/*
 * tocsin-keys: makes the keys at the first start, reads them at each, works out the public halves, writes all of it to
 * its supervisor and ends. Files are raw bytes, written beside and renamed, so that a half-written key is never read.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/secret.h"
#include "tocsind/keys.h"

static enum err key_write(int dir, const char *name, const uint8_t *key, size_t n, struct config_problem *p) {
    char fresh[64];
    int fd;
    (void)snprintf(fresh, sizeof fresh, "%s.new", name);
    fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return config_refuse(p, ERR_IO, "keys/%s: can't be written: %s", fresh, strerror(errno));
    if (write(fd, key, n) != (ssize_t)n || fsync(fd) != 0) {
        (void)close(fd);
        return config_refuse(p, ERR_IO, "keys/%s: can't be written: %s", fresh, strerror(errno));
    }
    (void)close(fd);
    if (renameat(dir, fresh, dir, name) != 0 || fsync(dir) != 0)
        return config_refuse(p, ERR_IO, "keys/%s: can't be put in place: %s", name, strerror(errno));
    return OK;
}

/* ERR_NOT_FOUND when there is none. */
static enum err key_read(int dir, const char *name, uint8_t *key, size_t n, struct config_problem *p) {
    struct stat st;
    ssize_t got;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return ERR_NOT_FOUND;
    if (fd < 0) return config_refuse(p, ERR_IO, "keys/%s: can't be read: %s", name, strerror(errno));
    if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0) {
        (void)close(fd);
        return config_refuse(p, ERR_CORRUPT, "keys/%s: others may read it; chmod 600 it, and think about who did",
                             name);
    }
    got = read(fd, key, n);
    (void)close(fd);
    if (got != (ssize_t)n || st.st_size != (off_t)n)
        return config_refuse(p, ERR_CORRUPT, "keys/%s: has %lld bytes, not %zu; restore it from a backup", name,
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
        if (p256_generate(&key) != OK) return config_refuse(p, ERR_CRYPTO, "keys/%s: can't be made", name);
        p256_scalar(key, scalar);
        r = key_write(dir, name, scalar, P256_SCALAR_BYTES, p);
    } else if (r == OK && p256_from_scalar(scalar, &key) != OK) {
        return config_refuse(p, ERR_CORRUPT, "keys/%s: not a P-256 key; restore it from a backup", name);
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

static enum err get_all(int keys_fd, bool has_credentials, struct child_keys *ret_keys,
                        struct config_problem *ret_problem) {
    enum err r = key_read(keys_fd, "pepper.key", ret_keys->pepper, sizeof ret_keys->pepper, ret_problem);
    if (r == ERR_NOT_FOUND && has_credentials)
        return config_refuse(
            ret_problem, ERR_REFUSED,
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

int main(int argc, char **argv) {
    static struct keys_answer a;
    bool has_credentials = argc == 2 && strcmp(argv[1], KEYS_ARG_CREDENTIALS) == 0;
    bool is_told;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || crypto_init() != OK) return 1;
    a.result = get_all(KEYS_FD_FOLDER, has_credentials, &a.keys, &a.problem);
    is_told = write(KEYS_FD_ANSWER, &a, sizeof a) == (ssize_t)sizeof a; /* less than a pipe holds */
    bytes_wipe(&a, sizeof a);
    return is_told ? 0 : 1;
}
