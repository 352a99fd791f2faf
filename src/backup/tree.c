/*
 * Objects as files, in restic's own layout. A file is written without a name, hashed on its way, forced to the disk,
 * and only then linked under its name, so that a crash leaves nothing behind and nobody ever sees half an object. Where
 * a file system makes no files without a name (NFS), it has one of its own until then.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backup/blobs_priv.h"
#include "base/enc.h"

#define LARGE_BYTES_MIN ((int64_t)1 << 20)
#define PART_SIZE       24 /* ".part-" and 16 digits */
#define COMPARE_BYTES   16384
#define DIRECT_BYTES    4096 /* what O_DIRECT's places, lengths and memory are multiples of, on any disk */

struct tree_put {
    struct blob_put p;
    int fd, folder;
    char part[PART_SIZE]; /* its name until it is whole; empty: it has none */
};

enum err tree_err(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT: return ERR_FULL;
    case EMFILE:
    case ENFILE: return ERR_BUSY;
    case ENOMEM: return ERR_NOMEM;
    default: return ERR_IO;
    }
}

static struct tree *tree_of(struct blobs *b) { return (struct tree *)(void *)b; }

void tree_folder(const struct repo_id *repo, enum blob_type type, int fan, char out[BLOB_KEY_BYTES_MAX]) {
    char account[ID_TEXT_SIZE], device[ID_TEXT_SIZE];
    id_text(repo->account.b, account);
    id_text(repo->device.b, device);
    if (type == BLOB_CONFIG)
        (void)snprintf(out, BLOB_KEY_BYTES_MAX, "%s/%s", account, device);
    else if (type == BLOB_DATA && fan >= 0)
        (void)snprintf(out, BLOB_KEY_BYTES_MAX, "%s/%s/data/%02x", account, device, (unsigned)fan);
    else
        (void)snprintf(out, BLOB_KEY_BYTES_MAX, "%s/%s/%s", account, device, blob_type_name(type));
}

/* ---- folders ---- */

static enum err folder_sync(int root, const char *path) {
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err r = fd >= 0 && fsync(fd) == 0 ? OK : tree_err(errno);
    if (fd >= 0) (void)close(fd);
    return r;
}

/* Makes a folder, and its name in the one above it durable. */
static enum err folder_make(int root, const char *path) {
    char above[BLOB_KEY_BYTES_MAX];
    char *slash;
    if (mkdirat(root, path, 0700) != 0 && errno != EEXIST) return tree_err(errno);
    (void)snprintf(above, sizeof above, "%s", path);
    slash = strrchr(above, '/');
    if (slash) *slash = 0;
    return folder_sync(root, slash ? above : ".");
}

static enum err tree_make(struct blobs *b, const struct repo_id *repo) {
    int root = tree_of(b)->folder;
    char path[BLOB_KEY_BYTES_MAX];
    enum err r;
    id_text(repo->account.b, path);
    r = folder_make(root, path);
    for (int t = BLOB_CONFIG; t < BLOB_TYPES && r == OK; t++) {
        tree_folder(repo, (enum blob_type)t, -1, path);
        r = folder_make(root, path);
    }
    return r;
}

/* The folder that an object stands in; those of data are made when they are first wanted. */
static enum err folder_open(int root, const struct blob_ref *ref, int *ret_fd) {
    char path[BLOB_KEY_BYTES_MAX];
    enum err r = OK;
    blob_key(ref, path);
    *strrchr(path, '/') = 0;
    *ret_fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd >= 0) return OK;
    if (errno != ENOENT || ref->type != BLOB_DATA) return tree_err(errno);
    if ((r = folder_make(root, path)) != OK) return r;
    *ret_fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd >= 0 ? OK : tree_err(errno);
}

/* ---- writing ---- */

static void put_free(struct blob_put *put) {
    struct tree_put *p = (struct tree_put *)(void *)put;
    if (p->part[0]) (void)unlinkat(p->folder, p->part, 0);
    if (p->fd >= 0) (void)close(p->fd);
    if (p->folder >= 0) (void)close(p->folder);
    free(p);
}

static void part_name(char out[PART_SIZE]) {
    uint8_t random[8];
    crypto_random(random, sizeof random);
    memcpy(out, ".part-", 6);
    (void)enc_hex(random, sizeof random, out + 6);
}

static enum err put_open(struct tree *t, struct tree_put *p) {
    if (t->has_unnamed) {
        p->fd = openat(p->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (p->fd >= 0) return OK;
        if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return tree_err(errno);
    }
    part_name(p->part);
    p->fd = openat(p->folder, p->part, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (p->fd >= 0) return OK;
    p->part[0] = 0;
    return tree_err(errno);
}

enum err file_reserve(int fd, int64_t length) {
    if (length < LARGE_BYTES_MIN || fallocate(fd, 0, 0, length) == 0) return OK;
    return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : OK;
}

static enum err tree_put_begin(struct blobs *b, const struct blob_ref *ref, int64_t length, struct blob_put **ret) {
    struct tree_put *p = calloc(1, sizeof *p);
    enum err r;
    if (!p) return ERR_NOMEM;
    p->fd = p->folder = -1;
    r = folder_open(tree_of(b)->folder, ref, &p->folder);
    if (r == OK) r = put_open(tree_of(b), p);
    if (r == OK) r = file_reserve(p->fd, length);
    if (r == OK)
        *ret = &p->p;
    else
        put_free(&p->p);
    return r;
}

/* Whether it was the other way before. */
static bool direct_set(int fd, bool is_wanted) {
    int had = fcntl(fd, F_GETFL), flags = is_wanted ? had | O_DIRECT : had & ~O_DIRECT;
    return had >= 0 && flags != had && fcntl(fd, F_SETFL, flags) == 0;
}

enum err file_add(int fd, struct str bytes) {
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && (errno == EINTR || (errno == EINVAL && direct_set(fd, false)))) continue;
        if (n <= 0) return n < 0 ? tree_err(errno) : ERR_IO;
        bytes = str_skip(bytes, (size_t)n);
    }
    return OK;
}

/*
 * Large objects go around the page cache: few are read soon, what others have there stays, a copy is saved, and fsync
 * has nothing left to wait for. The rest that is no multiple, and file systems that can't, go through it.
 */
static enum err tree_put_add(struct blob_put *put, struct str bytes) {
    const struct tree_put *p = (const struct tree_put *)(const void *)put;
    bool is_even = bytes.n % DIRECT_BYTES == 0 && (uintptr_t)bytes.p % DIRECT_BYTES == 0;
    (void)direct_set(p->fd, is_even && put->announced >= LARGE_BYTES_MIN);
    return file_add(p->fd, bytes);
}

static int put_link(const struct tree_put *p, const char *name) {
    char self[40];
    if (p->part[0]) return linkat(p->folder, p->part, p->folder, name, 0);
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", p->fd);
    return linkat(AT_FDCWD, self, p->folder, name, AT_SYMLINK_FOLLOW);
}

static bool is_same_file(int a, int b, int64_t size) {
    char of_a[COMPARE_BYTES], of_b[COMPARE_BYTES];
    for (int64_t at = 0; at < size;) {
        ssize_t n = pread(a, of_a, sizeof of_a, at);
        if (n <= 0 || pread(b, of_b, (size_t)n, at) != n || memcmp(of_a, of_b, (size_t)n) != 0) return false;
        at += n;
    }
    return true;
}

/* Whether what stands under the name is the same to the byte. *ret_size: its size; -1: there is none any more. */
static bool is_there_already(const struct tree_put *p, const char *name, int64_t *ret_size) {
    int fd = openat(p->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st = { 0 };
    bool is_same;
    *ret_size = fd >= 0 || errno != ENOENT ? 0 : -1;
    is_same = fd >= 0 && fstat(fd, &st) == 0 && st.st_size == p->p.bytes && is_same_file(fd, p->fd, st.st_size);
    if (fd >= 0) *ret_size = st.st_size;
    if (fd >= 0) (void)close(fd);
    return is_same;
}

/* Puts it in the place of what stands there. */
static enum err put_replace(struct tree_put *p, const char *name) {
    char part[PART_SIZE];
    enum err r = OK;
    if (!p->part[0]) {
        part_name(part);
        if (put_link(p, part) != 0) return tree_err(errno);
        memcpy(p->part, part, sizeof part);
    }
    if (renameat(p->folder, p->part, p->folder, name) != 0) r = tree_err(errno);
    if (r == OK) p->part[0] = 0;
    return r;
}

/* What is there already is looked at, because a disk may have damaged it: sending an object again heals it. */
static enum err put_again(struct tree_put *p, const char *name, bool *ret_is_new) {
    int64_t size;
    enum err r;
    (void)direct_set(p->fd, false); /* it is compared byte by byte */
    if (is_there_already(p, name, &size)) return OK;
    if (p->p.ref.type == BLOB_CONFIG) return ERR_CONFLICT;
    if ((r = put_replace(p, name)) != OK) return r;
    *ret_is_new = size < 0;
    p->p.healed = size < 0 ? 0 : p->p.bytes - size;
    return OK;
}

static enum err tree_put_commit(struct blob_put *put, bool *ret_is_new) {
    struct tree_put *p = (struct tree_put *)(void *)put;
    const char *name = put->ref.type == BLOB_CONFIG ? "config" : put->ref.name;
    enum err r;
    if (fsync(p->fd) != 0) return tree_err(errno);
    *ret_is_new = put_link(p, name) == 0;
    if (!*ret_is_new && errno != EEXIST) return tree_err(errno);
    if (!*ret_is_new && (r = put_again(p, name, ret_is_new)) != OK) return r;
    if (put->ref.type != BLOB_CONFIG && (*ret_is_new || put->healed != 0)) {
        struct blob_entry e = { .size = put->bytes };
        memcpy(e.name, name, sizeof e.name);
        sizes_note(p->folder, &e, 1);
    }
    return fsync(p->folder) == 0 ? OK : tree_err(errno);
}

/* ---- reading and removing ---- */

/* The part of an open file that is wanted; without it, it is closed. */
static enum err got_fill(int fd, int64_t size, const struct blob_range *range, struct blob_got *ret) {
    enum err r;
    ret->size = size;
    r = blob_range_resolve(range, size, &ret->from, &ret->length);
    ret->at = ret->from;
    if (r == OK)
        ret->fd = fd;
    else
        (void)close(fd);
    return r;
}

static enum err damaged(enum err r) { return r == ERR_IO ? ERR_CORRUPT : r; }

static enum err tree_get(struct blobs *b, const struct blob_ref *ref, const struct blob_range *range,
                         struct blob_got *ret) {
    char path[BLOB_KEY_BYTES_MAX];
    struct stat st;
    enum err r = OK;
    int fd;
    blob_key(ref, path);
    fd = openat(tree_of(b)->folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return damaged(tree_err(errno));
    if (fstat(fd, &st) != 0) r = damaged(tree_err(errno));
    if (r == OK && !S_ISREG(st.st_mode)) r = ERR_NOT_FOUND;
    if (r == OK) return got_fill(fd, st.st_size, range, ret);
    (void)close(fd);
    return r;
}

/* What the kernel has in memory of names and sizes. Time stamps of reads would be written, and could wait for that. */
static enum err tree_get_near(struct blobs *b, const struct blob_ref *ref, const struct blob_range *range,
                              struct blob_got *ret) {
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOATIME, .resolve = RESOLVE_CACHED };
    char path[BLOB_KEY_BYTES_MAX];
    struct statx st = { 0 };
    int fd;
    blob_key(ref, path);
    fd = (int)syscall(SYS_openat2, tree_of(b)->folder, path, &how, sizeof how);
    if (fd < 0) return ERR_BUSY;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, &st) == 0 && S_ISREG(st.stx_mode))
        return got_fill(fd, (int64_t)st.stx_size, range, ret);
    (void)close(fd);
    return ERR_BUSY;
}

static enum err tree_stat(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size) {
    char path[BLOB_KEY_BYTES_MAX];
    struct stat st;
    blob_key(ref, path);
    if (fstatat(tree_of(b)->folder, path, &st, AT_SYMLINK_NOFOLLOW) != 0) return tree_err(errno);
    if (!S_ISREG(st.st_mode)) return ERR_NOT_FOUND;
    *ret_size = st.st_size;
    return OK;
}

/* Not forced to the disk: what a loss of power brings back is whole, and is removed again. */
static enum err tree_remove(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size) {
    char path[BLOB_KEY_BYTES_MAX];
    enum err r = tree_stat(b, ref, ret_size);
    if (r != OK) return r;
    blob_key(ref, path);
    return unlinkat(tree_of(b)->folder, path, 0) == 0 ? OK : tree_err(errno);
}

static void tree_close(struct blobs *b) {
    (void)close(tree_of(b)->folder);
    free(b);
}

enum err blobs_open_tree(int folder_fd, struct blobs **ret) {
    static const struct blobs_calls calls = {
        .close = tree_close,
        .make = tree_make,
        .put_begin = tree_put_begin,
        .put_add = tree_put_add,
        .put_commit = tree_put_commit,
        .put_free = put_free,
        .get = tree_get,
        .get_near = tree_get_near,
        .stat = tree_stat,
        .remove = tree_remove,
        .list_begin = tree_list_begin,
        .list_next = tree_list_next,
        .list_end = tree_list_end,
    };
    struct tree *t = calloc(1, sizeof *t);
    if (!t) return ERR_NOMEM;
    t->blobs.calls = &calls;
    t->folder = folder_fd;
    t->has_unnamed = true;
    *ret = &t->blobs;
    return OK;
}
