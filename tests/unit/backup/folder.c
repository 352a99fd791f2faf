/* Folders and objects for the tests. */
#include "folder.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/enc.h"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

int folder_make(struct folder *f) {
    (void)snprintf(f->path, sizeof f->path, "/tmp/tocsin-backup.XXXXXX");
    if (!mkdtemp(f->path)) abort();
    return open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void folder_remove(struct folder *f) {
    if (nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) abort();
}

struct str object_make(unsigned seed, size_t n, char ret_name[BLOB_NAME_CHARS + 1]) {
    static _Alignas(4096) char bytes[OBJECT_BYTES_MAX];
    uint8_t hash[HASH_BYTES];
    for (size_t i = 0; i < n; i++) bytes[i] = (char)((seed = seed * 1664525U + 1013904223U) >> 24);
    crypto_sha256(str_bytes(bytes, n), hash);
    (void)enc_hex(hash, sizeof hash, ret_name);
    return str_bytes(bytes, n);
}

enum err object_put(struct blobs *b, const struct blob_ref *ref, struct str bytes, size_t step) {
    struct blob_put *p = NULL;
    struct blob_put_result result;
    enum err r = blobs_put_begin(b, ref, (int64_t)bytes.n, &p);
    while (r == OK && bytes.n > 0) {
        size_t n = bytes.n < step ? bytes.n : step;
        r = blobs_put_add(p, str_bytes(bytes.p, n));
        bytes = str_skip(bytes, n);
    }
    if (r == OK) return blobs_put_end(&p, &result);
    blobs_put_drop(&p);
    return r;
}
