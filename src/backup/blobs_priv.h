/* What a store of objects must do; blobs.c hands on to it. */
#ifndef TOCSIN_BACKUP_BLOBS_PRIV_H
#define TOCSIN_BACKUP_BLOBS_PRIV_H

#include "backup/blobs.h"
#include "base/crypto.h"

struct blobs_calls {
    void (*close)(struct blobs *b);
    enum err (*make)(struct blobs *b, const struct repo_id *repo);
    enum err (*put_begin)(struct blobs *b, const struct blob_ref *ref, int64_t length, struct blob_put **ret);
    enum err (*put_add)(struct blob_put *p, struct str bytes);
    /* The bytes are right: makes them stand under their name. Frees nothing. */
    enum err (*put_commit)(struct blob_put *p, bool *ret_is_new);
    void (*put_free)(struct blob_put *p); /* with all that was not committed */
    enum err (*get)(struct blobs *b, const struct blob_ref *ref, const struct blob_range *range, struct blob_got *ret);
    enum err (*get_near)(struct blobs *b, const struct blob_ref *ref, const struct blob_range *range,
                         struct blob_got *ret); /* NULL: it always waits */
    enum err (*stat)(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size);
    enum err (*remove)(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size);
    enum err (*list_begin)(struct blobs *b, const struct repo_id *repo, enum blob_type type, struct blob_list **ret);
    enum err (*list_next)(struct blob_list *l, struct blob_entry *ret);
    void (*list_end)(struct blob_list *l);
};

/* Each store's own structures begin with these. */
struct blobs {
    const struct blobs_calls *calls;
};
struct blob_put {
    struct blobs *blobs;
    struct blob_ref ref;
    struct sha256_run *hash;
    int64_t announced, bytes;
    int64_t healed;             /* set by put_commit: how much larger it is than the damaged one whose place it took */
    uint8_t digest[HASH_BYTES]; /* once it is whole */
};
struct blob_list {
    struct blobs *blobs;
};

/*
 * tree_sizes.c: what stat would say of each object of a folder, kept in a file of that folder, because a million stats
 * take longer than a list may. An object never changes its size, so that what stands there can be missing and not
 * wrong; whether an object is there is for the folder to say.
 */
#define SIZES_FILE ".sizes"
struct sizes;
struct sizes *sizes_read(int folder_fd); /* NULL: nothing is known */
bool sizes_find(const struct sizes *s, const char *name, int64_t *ret_size);
size_t sizes_count(const struct sizes *s);
void sizes_free(struct sizes *s);
/* Adds some. What does not get there costs a stat later on, and no more. */
void sizes_note(int folder_fd, const struct blob_entry *entries, size_t n);

/* tree.c: for both stores, files that an object is written to. */
enum err file_add(int fd, struct str bytes) MUST_CHECK;
/* So that a full disk is known before anything was sent. -1: the length is not known. ERR_FULL. */
enum err file_reserve(int fd, int64_t length) MUST_CHECK;

/* tree_list.c */
struct tree {
    struct blobs blobs;
    int folder;
    bool has_unnamed; /* the file system makes files without a name */
};
enum err tree_err(int error);
void tree_folder(const struct repo_id *repo, enum blob_type type, int fan, char out[BLOB_KEY_BYTES_MAX]);
enum err tree_list_begin(struct blobs *b, const struct repo_id *repo, enum blob_type type,
                         struct blob_list **ret) MUST_CHECK;
enum err tree_list_next(struct blob_list *l, struct blob_entry *ret) MUST_CHECK;
void tree_list_end(struct blob_list *l);

#endif
