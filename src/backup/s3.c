/*
 * Objects in S3, which the courier speaks to (ipc/objects.h). What is put is spooled to a file without a name, hashed
 * on its way, and sent when it is whole; what is got comes into one and is hashed before a byte of it is given. So no
 * half an object is ever seen, on neither side, and OK means that S3 said so. Few asks are under way at a time: an S3
 * that hangs must not take the threads that sign people in.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/blobs_priv.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "ipc/objects.h"

#define ASKS_MAX     16    /* twice what the courier does at a time */
#define SENDS        3     /* of one ask, when the courier ends meanwhile */
#define RATE_LEAST   65536 /* bytes a second that an object takes at the most */
#define LIST_WAIT_MS (15 * MS_PER_MIN)
#define LOOK_MS      250
#define END_MS       (5 * MS_PER_S) /* once the process is told to end */
#define PIECE_BYTES  (256 * 1024)
#define LINES_BYTES  65536

struct s3_store {
    struct blobs blobs;
    int folder, courier_fd, asks_max;
    int64_t silent_ms;
    const volatile int *stop;
    pthread_mutex_t lock;
    int asks;         /* under the lock */
    uint64_t request; /* likewise */
};

struct s3_put {
    struct blob_put p;
    int fd;
};

struct s3_list {
    struct blob_list l;
    enum blob_type type;
    int fd;
    size_t n, at;
    char lines[LINES_BYTES];
};

static struct s3_store *store_of(struct blobs *b) { return (struct s3_store *)(void *)b; }

/* ---- asking the courier ---- */

static bool slot_take(struct s3_store *s, uint64_t *ret_request) {
    bool has;
    (void)pthread_mutex_lock(&s->lock);
    has = s->asks < s->asks_max;
    if (has) s->asks++;
    *ret_request = ++s->request;
    (void)pthread_mutex_unlock(&s->lock);
    return has;
}

static void slot_give(struct s3_store *s) {
    (void)pthread_mutex_lock(&s->lock);
    s->asks--;
    (void)pthread_mutex_unlock(&s->lock);
}

/* ERR_CLOSED: that courier is gone. ERR_TIMEOUT. */
static enum err wait_for(const struct s3_store *s, int fd, const struct object_ask *ask, struct object_answer *ret) {
    int64_t until_ms = clock_mono_ms() + 2 * ask->wait_ms + 5 * MS_PER_S; /* it may stand in the queue for as long */
    bool is_ending = false;
    ssize_t n;
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int ready = poll(&p, 1, LOOK_MS);
        int64_t now_ms = clock_mono_ms();
        if (ready > 0) break;
        if (ready < 0 && errno != EINTR) return ERR_IO;
        if (s->stop && *s->stop && !is_ending) {
            is_ending = true;
            if (until_ms > now_ms + END_MS) until_ms = now_ms + END_MS;
        }
        if (now_ms > until_ms) return ERR_TIMEOUT;
    }
    do { n = read(fd, ret, sizeof *ret); } while (n < 0 && errno == EINTR);
    if (n <= 0) return n == 0 ? ERR_CLOSED : ERR_IO;
    return object_answer_check(ret, (size_t)n, ask) == OK ? OK : ERR_IO;
}

static enum err ask_once(const struct s3_store *s, const struct object_ask *ask, int file, struct object_answer *ret) {
    int fds[2];
    enum err r;
    if (pipe2(fds, O_CLOEXEC) != 0) return errno == EMFILE || errno == ENFILE ? ERR_BUSY : ERR_IO;
    r = object_ask_send(s->courier_fd, ask, fds[1], file);
    (void)close(fds[1]);
    if (r == OK) r = wait_for(s, fds[0], ask, ret);
    (void)close(fds[0]);
    return r;
}

/* The answer's result; `ret` is zero unless there is something in it. */
static enum err ask(struct s3_store *s, struct object_ask *ask, int file, struct object_answer *ret) {
    struct object_answer answer = { .result = OK };
    uint64_t request;
    enum err r = ERR_CLOSED;
    if (!slot_take(s, &request)) return ERR_BUSY;
    ask->h.request = request;
    for (int i = 0; i < SENDS && r == ERR_CLOSED; i++) r = ask_once(s, ask, file, &answer);
    slot_give(s);
    if (r == OK && ret) *ret = answer;
    if (r == OK) return (enum err)answer.result;
    return r == ERR_CLOSED || r == ERR_TIMEOUT ? ERR_BUSY : r;
}

static struct object_ask ask_of(const struct s3_store *s, enum object_op op, const char *key, int64_t bytes) {
    struct object_ask a = { .h = { .bytes = sizeof a, .type = (uint16_t)op, .version = IPC_VERSION } };
    size_t n = strlen(key);
    memcpy(a.key, key, n);
    a.key_n = (uint16_t)n;
    a.size = bytes;
    a.wait_ms = op == OBJECT_LIST ? LIST_WAIT_MS : 2 * s->silent_ms + bytes * MS_PER_S / RATE_LEAST;
    if (a.wait_ms > OBJECT_WAIT_MS_MAX) a.wait_ms = OBJECT_WAIT_MS_MAX;
    return a;
}

/* ---- files without a name ---- */

static enum err spool_open(const struct s3_store *s, int *ret_fd) {
    char name[] = ".spool-0123456789abcdef";
    uint8_t random[8];
    *ret_fd = openat(s->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*ret_fd >= 0) return OK;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return tree_err(errno);
    crypto_random(random, sizeof random);
    (void)enc_hex(random, sizeof random, name + 7);
    *ret_fd = openat(s->folder, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (*ret_fd < 0) return tree_err(errno);
    (void)unlinkat(s->folder, name, 0);
    return OK;
}

static enum err spool_hash(int fd, char hex[2 * HASH_BYTES + 1]) {
    struct sha256_run *run = sha256_new();
    char *piece = malloc(PIECE_BYTES);
    uint8_t hash[HASH_BYTES];
    enum err r = run && piece ? OK : ERR_NOMEM;
    int64_t at = 0;
    while (r == OK) {
        ssize_t n = pread(fd, piece, PIECE_BYTES, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) r = ERR_IO;
        if (n <= 0) break;
        sha256_add(run, str_bytes(piece, (size_t)n));
        at += n;
    }
    sha256_end(run, hash);
    free(piece);
    if (r == OK) (void)enc_hex(hash, sizeof hash, hex);
    return r;
}

/* ---- reading ---- */

/* All of what the answer says is there, and without a range it is what the name says. */
static enum err check_got(const struct blob_ref *ref, const struct object_ask *ask, const struct object_answer *answer,
                          int fd) {
    char hex[2 * HASH_BYTES + 1];
    struct stat st;
    enum err r;
    if (fstat(fd, &st) != 0 || st.st_size != answer->length) return ERR_IO;
    if (ask->has_range || ref->type == BLOB_CONFIG) return OK;
    if ((r = spool_hash(fd, hex)) != OK) return r;
    return memcmp(hex, ref->name, BLOB_NAME_CHARS) == 0 ? OK : ERR_CORRUPT;
}

/* What S3 says that it sent must be the part that was asked for. */
static enum err check_range(const struct blob_range *range, const struct object_answer *answer) {
    int64_t from, length;
    if (blob_range_resolve(range, answer->size, &from, &length) != OK) return ERR_IO;
    return from == answer->from && length == answer->length ? OK : ERR_IO;
}

static enum err s3_get(struct blobs *b, const struct blob_ref *ref, const struct blob_range *range,
                       struct blob_got *ret) {
    struct s3_store *s = store_of(b);
    char key[BLOB_KEY_BYTES_MAX];
    struct object_answer answer = { .size = 0 };
    struct object_ask a;
    int fd = -1;
    enum err r;
    blob_key(ref, key);
    a = ask_of(s, OBJECT_GET, key, blob_bytes_max(ref->type));
    if (range->is_given) {
        a.has_range = 1;
        a.from = range->from;
        a.to = range->to;
    }
    if ((r = spool_open(s, &fd)) != OK) return r;
    r = ask(s, &a, fd, &answer);
    if (r == OK || r == ERR_TOO_LARGE) ret->size = answer.size;
    if (r == OK) r = check_range(range, &answer);
    if (r == OK) r = check_got(ref, &a, &answer, fd);
    if (r != OK) {
        (void)close(fd);
        return r;
    }
    ret->from = answer.from;
    ret->length = answer.length;
    ret->fd = fd;
    return OK;
}

static enum err s3_stat(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size) {
    struct s3_store *s = store_of(b);
    char key[BLOB_KEY_BYTES_MAX];
    struct object_answer answer = { .size = 0 };
    struct object_ask a;
    enum err r;
    blob_key(ref, key);
    a = ask_of(s, OBJECT_STAT, key, 0);
    r = ask(s, &a, -1, &answer);
    if (r == OK) *ret_size = answer.size;
    return r;
}

/* ---- writing ---- */

static enum err s3_make(struct blobs *b, const struct repo_id *repo) {
    (void)b; /* there are no folders in S3; the database knows which repositories there are */
    (void)repo;
    return OK;
}

static void s3_put_free(struct blob_put *put) {
    struct s3_put *p = (struct s3_put *)(void *)put;
    if (p->fd >= 0) (void)close(p->fd);
    free(p);
}

static enum err s3_put_begin(struct blobs *b, const struct blob_ref *ref, int64_t length, struct blob_put **ret) {
    struct s3_put *p = calloc(1, sizeof *p);
    enum err r;
    (void)ref;
    if (!p) return ERR_NOMEM;
    p->fd = -1;
    r = spool_open(store_of(b), &p->fd);
    if (r == OK) r = file_reserve(p->fd, length);
    if (r == OK)
        *ret = &p->p;
    else
        s3_put_free(&p->p);
    return r;
}

static enum err s3_put_add(struct blob_put *put, struct str bytes) {
    return file_add(((struct s3_put *)(void *)put)->fd, bytes);
}

static enum err send_object(struct s3_store *s, const struct s3_put *p, bool is_once) {
    char key[BLOB_KEY_BYTES_MAX];
    struct object_ask a;
    blob_key(&p->p.ref, key);
    a = ask_of(s, OBJECT_PUT, key, p->p.bytes);
    a.is_once = is_once;
    memcpy(a.sha256, p->p.digest, sizeof a.sha256);
    return ask(s, &a, p->fd, NULL);
}

/* OK: the config that is there is this one. */
static enum err config_compare(struct blobs *b, const struct s3_put *p) {
    const struct blob_range whole = { .is_given = false };
    struct blob_got got = { .fd = -1 };
    char hex[2 * HASH_BYTES + 1], want[2 * HASH_BYTES + 1];
    enum err r = s3_get(b, &p->p.ref, &whole, &got);
    if (r == OK) r = spool_hash(got.fd, hex);
    if (got.fd >= 0) (void)close(got.fd);
    if (r != OK) return r == ERR_NOT_FOUND ? ERR_IO : r;
    (void)enc_hex(p->p.digest, sizeof p->p.digest, want);
    return memcmp(hex, want, sizeof want) == 0 ? OK : ERR_CONFLICT;
}

/*
 * Put on the condition that there is none, and read back: stores of before 2024 know no conditions, and the one of two
 * that came second there must hear of it.
 */
static enum err commit_config(struct blobs *b, const struct s3_put *p, bool is_there) {
    enum err r = is_there ? OK : send_object(store_of(b), p, true);
    return r == OK || r == ERR_CONFLICT ? config_compare(b, p) : r;
}

/* What is there already is replaced: it may be damaged, and to compare it would cost what to send it costs. */
static enum err s3_put_commit(struct blob_put *put, bool *ret_is_new) {
    const struct s3_put *p = (const struct s3_put *)(const void *)put;
    int64_t size = -1;
    enum err r = s3_stat(put->blobs, &put->ref, &size);
    bool is_there = r == OK;
    if (r != OK && r != ERR_NOT_FOUND) return r;
    if (put->ref.type == BLOB_CONFIG)
        r = commit_config(put->blobs, p, is_there);
    else
        r = send_object(store_of(put->blobs), p, false);
    if (r != OK) return r;
    *ret_is_new = !is_there;
    if (is_there) put->healed = put->bytes - size;
    return OK;
}

static enum err s3_remove(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size) {
    struct s3_store *s = store_of(b);
    char key[BLOB_KEY_BYTES_MAX];
    struct object_ask a;
    enum err r = s3_stat(b, ref, ret_size);
    if (r != OK) return r;
    blob_key(ref, key);
    a = ask_of(s, OBJECT_DELETE, key, 0);
    return ask(s, &a, -1, NULL);
}

/* ---- listing: all names come into a file first, so that memory is the same for any number ---- */

static void s3_list_end(struct blob_list *list) {
    struct s3_list *l = (struct s3_list *)(void *)list;
    if (l->fd >= 0) (void)close(l->fd);
    free(l);
}

static enum err s3_list_begin(struct blobs *b, const struct repo_id *repo, enum blob_type type,
                              struct blob_list **ret) {
    struct s3_store *s = store_of(b);
    struct s3_list *l = calloc(1, sizeof *l);
    struct object_answer answer = { .length = 0 };
    char folder[BLOB_KEY_BYTES_MAX], key[BLOB_KEY_BYTES_MAX + 1];
    struct object_ask a;
    struct stat st;
    enum err r;
    if (!l) return ERR_NOMEM;
    l->fd = -1;
    l->type = type;
    tree_folder(repo, type, -1, folder);
    (void)snprintf(key, sizeof key, "%s/", folder);
    a = ask_of(s, OBJECT_LIST, key, 0);
    r = spool_open(s, &l->fd);
    if (r == OK) r = ask(s, &a, l->fd, &answer);
    if (r == OK && (fstat(l->fd, &st) != 0 || st.st_size != answer.length || lseek(l->fd, 0, SEEK_SET) != 0))
        r = ERR_IO;
    if (r == OK)
        *ret = &l->l;
    else
        s3_list_end(&l->l);
    return r;
}

/* ERR_GONE: no more. ERR_IO: half a line. */
static enum err line_next(struct s3_list *l, struct str *ret) {
    for (;;) {
        char *end = l->at < l->n ? memchr(l->lines + l->at, '\n', l->n - l->at) : NULL;
        ssize_t n;
        if (end) {
            *ret = str_bytes(l->lines + l->at, (size_t)(end - (l->lines + l->at)));
            l->at += ret->n + 1;
            return OK;
        }
        memmove(l->lines, l->lines + l->at, l->n - l->at);
        l->n -= l->at;
        l->at = 0;
        if (l->n == sizeof l->lines) return ERR_IO;
        n = read(l->fd, l->lines + l->n, sizeof l->lines - l->n);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0 && l->n == 0 ? ERR_GONE : ERR_IO;
        l->n += (size_t)n;
    }
}

/* ERR_NOT_FOUND: a name that we never gave. Data stands in folders of the first two digits of its names. */
static enum err entry_parse(enum blob_type type, struct str line, struct blob_entry *ret) {
    struct str name, size = str_cut(line, ' ', &name);
    if (str_to_i64(size, INT64_MAX, &ret->size) != OK) return ERR_IO;
    if (type == BLOB_DATA) {
        if (name.n < 3 || name.p[2] != '/' || name.n != BLOB_NAME_CHARS + 3 || memcmp(name.p, name.p + 3, 2) != 0)
            return ERR_NOT_FOUND;
        name = str_skip(name, 3);
    }
    return blob_name_parse(name, ret->name) == OK ? OK : ERR_NOT_FOUND;
}

static enum err s3_list_next(struct blob_list *list, struct blob_entry *ret) {
    struct s3_list *l = (struct s3_list *)(void *)list;
    struct str line;
    enum err r = ERR_NOT_FOUND;
    while (r == ERR_NOT_FOUND)
        if ((r = line_next(l, &line)) == OK) r = entry_parse(l->type, line, ret);
    return r;
}

/* ---- opening ---- */

static void s3_close(struct blobs *b) {
    struct s3_store *s = store_of(b);
    (void)close(s->folder);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

enum err blobs_open_s3(const struct blobs_s3 *o, struct blobs **ret) {
    static const struct blobs_calls calls = {
        .close = s3_close,
        .make = s3_make,
        .put_begin = s3_put_begin,
        .put_add = s3_put_add,
        .put_commit = s3_put_commit,
        .put_free = s3_put_free,
        .get = s3_get,
        .stat = s3_stat,
        .remove = s3_remove,
        .list_begin = s3_list_begin,
        .list_next = s3_list_next,
        .list_end = s3_list_end,
    };
    struct s3_store *s = calloc(1, sizeof *s);
    if (!s || pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return ERR_NOMEM;
    }
    s->blobs.calls = &calls;
    s->folder = o->folder_fd;
    s->courier_fd = o->courier_fd;
    s->asks_max = o->threads / 2 < 1 ? 1 : o->threads / 2 > ASKS_MAX ? ASKS_MAX : (int)(o->threads / 2);
    s->silent_ms = o->silent_ms;
    s->stop = o->stop;
    *ret = &s->blobs;
    return OK;
}
