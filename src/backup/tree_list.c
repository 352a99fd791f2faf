/* Lists a type folder by folder. What an earlier crash left half written goes, a day later. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup/blobs_priv.h"
#include "base/clock.h"

#define FANS         256
#define UNKNOWN_MAX  1024
#define LEFT_AFTER_S (24 * 3600)

struct tree_list {
    struct blob_list l;
    int root, next_fan;
    struct repo_id repo;
    enum blob_type type;
    DIR *dir; /* the folder in hand */
    struct sizes *sizes;
    size_t seen;
    struct blob_entry unknown[UNKNOWN_MAX]; /* what the sizes did not tell */
    size_t unknown_n;
};

enum err tree_list_begin(struct blobs *b, const struct repo_id *repo, enum blob_type type, struct blob_list **ret) {
    struct tree_list *l = calloc(1, sizeof *l);
    if (!l) return ERR_NOMEM;
    l->root = ((struct tree *)(void *)b)->folder;
    l->repo = *repo;
    l->type = type;
    *ret = &l->l;
    return OK;
}

static void unknown_note(struct tree_list *l) {
    if (l->unknown_n > 0) sizes_note(dirfd(l->dir), l->unknown, l->unknown_n);
    l->unknown_n = 0;
}

static void folder_close(struct tree_list *l) {
    if (!l->dir) return;
    unknown_note(l);
    if (sizes_count(l->sizes) > 2 * l->seen + 1024) (void)unlinkat(dirfd(l->dir), SIZES_FILE, 0); /* most are gone */
    sizes_free(l->sizes);
    (void)closedir(l->dir);
    l->sizes = NULL;
    l->dir = NULL;
    l->seen = 0;
}

/* ERR_GONE: there are no more. ERR_NOT_FOUND: this one is not there. */
static enum err folder_open(struct tree_list *l) {
    char path[BLOB_KEY_BYTES_MAX];
    int fd;
    if (l->next_fan == (l->type == BLOB_DATA ? FANS : 1)) return ERR_GONE;
    tree_folder(&l->repo, l->type, l->next_fan++, path);
    fd = openat(l->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return tree_err(errno);
    l->dir = fdopendir(fd);
    if (!l->dir) {
        (void)close(fd);
        return ERR_NOMEM;
    }
    l->sizes = sizes_read(fd);
    return OK;
}

static void sweep(struct tree_list *l, const char *name) {
    struct stat st;
    if (strncmp(name, ".part-", 6) != 0 || fstatat(dirfd(l->dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (st.st_mtim.tv_sec < clock_wall_ms() / MS_PER_S - LEFT_AFTER_S) (void)unlinkat(dirfd(l->dir), name, 0);
}

static enum err entry_fill(struct tree_list *l, const char *name, struct blob_entry *ret) {
    struct stat st;
    if (blob_name_parse(str_from(name), ret->name) != OK) {
        sweep(l, name);
        return ERR_NOT_FOUND;
    }
    l->seen++;
    if (sizes_find(l->sizes, name, &ret->size)) return OK;
    if (fstatat(dirfd(l->dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0) return tree_err(errno); /* gone just now */
    if (!S_ISREG(st.st_mode)) return ERR_NOT_FOUND;
    ret->size = st.st_size;
    l->unknown[l->unknown_n++] = *ret;
    if (l->unknown_n == UNKNOWN_MAX) unknown_note(l);
    return OK;
}

enum err tree_list_next(struct blob_list *list, struct blob_entry *ret) {
    struct tree_list *l = (struct tree_list *)(void *)list;
    enum err r = ERR_NOT_FOUND;
    while (r == ERR_NOT_FOUND) {
        struct dirent *e;
        if (!l->dir) {
            r = folder_open(l);
            if (r == OK) r = ERR_NOT_FOUND;
            continue;
        }
        errno = 0;
        e = readdir(l->dir);
        if (e)
            r = entry_fill(l, e->d_name, ret);
        else if (errno != 0)
            r = tree_err(errno);
        else
            folder_close(l);
    }
    return r;
}

void tree_list_end(struct blob_list *list) {
    struct tree_list *l = (struct tree_list *)(void *)list;
    l->unknown_n = l->dir ? l->unknown_n : 0;
    folder_close(l);
    free(l);
}
