/* A folder for a test, and objects made of a seed. */
#ifndef TOCSIN_TESTS_BACKUP_FOLDER_H
#define TOCSIN_TESTS_BACKUP_FOLDER_H

#include "backup/blobs.h"

struct folder {
    char path[64];
};
int folder_make(struct folder *f); /* its descriptor */
void folder_remove(struct folder *f);

#define OBJECT_BYTES_MAX (3 * 1024 * 1024)
/* n bytes of a seed that begin with a page, borrowed until the next call, and their name. */
struct str object_make(unsigned seed, size_t n, char ret_name[BLOB_NAME_CHARS + 1]);
/* Puts them in pieces of `step` bytes. */
enum err object_put(struct blobs *b, const struct blob_ref *ref, struct str bytes, size_t step);

#endif
