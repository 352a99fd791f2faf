/*
 * Where the objects of backups lie: a folder tree on this machine, or S3. One interface of a few calls; whatever is
 * behind it, an object is there whole or not at all, its name is the SHA-256 of its bytes (but for `config`, of which
 * a repository has one), and what was acknowledged is durable. Names come from blob_name_parse alone, so that no path
 * ever comes from outside. Any thread may call; calls wait for the disk or the network.
 *
 * Errors of all calls: ERR_NOT_FOUND, ERR_FULL (no room: disk, quota of the file system), ERR_IO (the disk or S3
 * failed; nothing was changed or it is not known), ERR_BUSY (S3 asks for patience, is too slow or out of reach, or too
 * much is asked of it at a time), ERR_NOMEM.
 */
#ifndef TOCSIN_BACKUP_BLOBS_H
#define TOCSIN_BACKUP_BLOBS_H

#include "base/buf.h"
#include "core/ids.h"

#define BLOB_NAME_CHARS    64
#define BLOB_BYTES_MAX     ((int64_t)512 << 20) /* restic's packs are at most 128 MiB and a little */
#define BLOB_KEY_BYTES_MAX 200                  /* "ACCOUNT/DEVICE/data/ab/NAME" */

enum blob_type { BLOB_CONFIG, BLOB_DATA, BLOB_INDEX, BLOB_KEYS, BLOB_LOCKS, BLOB_SNAPSHOTS, BLOB_TYPES };

const char *blob_type_name(enum blob_type t); /* "data" */
int64_t blob_bytes_max(enum blob_type t);     /* of one object */

struct repo_id {
    struct account_id account;
    struct device_id device;
};

struct blob_ref {
    struct repo_id repo;
    enum blob_type type;
    char name[BLOB_NAME_CHARS + 1]; /* empty for BLOB_CONFIG */
};

/* Exactly 64 digits 0-9 a-f. ERR_INPUT. */
enum err blob_name_parse(struct str text, char ret_name[BLOB_NAME_CHARS + 1]) MUST_CHECK;
/* Where it stands: restic's own layout below ACCOUNT/DEVICE/, so that an operator can read a tree with restic alone. */
void blob_key(const struct blob_ref *ref, char out[BLOB_KEY_BYTES_MAX]);

struct blobs;

enum err blobs_open_tree(int folder_fd, struct blobs **ret) MUST_CHECK; /* takes an open folder, and closes it */
struct blobs_s3 {
    int folder_fd;            /* of files without a name, on their way; taken when it returns OK */
    int courier_fd;           /* who asks S3: ipc/objects.h. Borrowed */
    int64_t threads;          /* that may call: half of them may wait for S3 at a time */
    int64_t silent_ms;        /* [backup] s3_timeout */
    const volatile int *stop; /* non-zero: calls end within 5 s. May be NULL */
};
enum err blobs_open_s3(const struct blobs_s3 *o, struct blobs **ret) MUST_CHECK; /* ERR_NOMEM */
void blobs_close(struct blobs *b);                                               /* NULL is fine */

/* Makes the repository's folders where there are folders and they are not there yet. Durable. */
enum err blobs_make(struct blobs *b, const struct repo_id *repo) MUST_CHECK;

struct blob_put;
/* Begins an object of `length` bytes (-1: not known). ERR_NOT_FOUND: no such repository. ERR_FULL where that is known
 * already. */
enum err blobs_put_begin(struct blobs *b, const struct blob_ref *ref, int64_t length, struct blob_put **ret) MUST_CHECK;
enum err blobs_put_add(struct blob_put *p, struct str bytes) MUST_CHECK;
struct blob_put_result {
    int64_t bytes;
    bool is_new;   /* false: an object of that name was there */
    int64_t grown; /* bytes more than before: all of a new one; of one that was damaged and is healed, what it lacked */
};
/*
 * Ends it: durable when OK, and right: one of that name that is not the same to the byte is replaced. ERR_INPUT: the
 * bytes are not those of the name, or not as many as were announced. ERR_CONFLICT: another config is there. The put is
 * gone in any case.
 */
enum err blobs_put_end(struct blob_put **p, struct blob_put_result *ret) MUST_CHECK;
void blobs_put_drop(struct blob_put **p); /* nothing of it stays; NULL inside is fine */

/* A part of an object, as asked for by a Range header. */
struct blob_range {
    bool is_given;
    int64_t from; /* -1: the last `to` bytes */
    int64_t to;   /* the last byte's place; -1: to the end */
};
/* What it means for an object of `size` bytes; an end beyond is clipped. ERR_TOO_LARGE: it begins past the end. */
enum err blob_range_resolve(const struct blob_range *range, int64_t size, int64_t *ret_from,
                            int64_t *ret_length) MUST_CHECK;

struct blob_got {
    int64_t size;         /* of the object */
    int64_t from, length; /* of the part */
    int64_t at;           /* where the part begins in the file */
    int fd;               /* the caller's */
};
/*
 * ERR_TOO_LARGE: the range begins past the end; ret->size is set. ERR_CORRUPT: it is there, and can't be read or is not
 * what its name says (a tree is read later, and does not know yet; nor is a part of an object judged).
 */
enum err blobs_get(struct blobs *b, const struct blob_ref *ref, const struct blob_range *range,
                   struct blob_got *ret) MUST_CHECK;
/* The same without waiting for disk or network: ERR_BUSY where it can't be. */
enum err blobs_get_near(struct blobs *b, const struct blob_ref *ref, const struct blob_range *range,
                        struct blob_got *ret) MUST_CHECK;
enum err blobs_stat(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size) MUST_CHECK;
/* ERR_NOT_FOUND when it was not there. ret_size: what it was. */
enum err blobs_remove(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size) MUST_CHECK;

/* All objects of a type, in no order, with constant memory. A repository that is not there has none. */
struct blob_list;
struct blob_entry {
    char name[BLOB_NAME_CHARS + 1];
    int64_t size;
};
enum err blobs_list_begin(struct blobs *b, const struct repo_id *repo, enum blob_type type,
                          struct blob_list **ret) MUST_CHECK;
/* ERR_GONE: that was all. */
enum err blobs_list_next(struct blob_list *l, struct blob_entry *ret) MUST_CHECK;
void blobs_list_end(struct blob_list *l); /* NULL is fine */

#endif
