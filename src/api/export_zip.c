/* The files of an export as one ZIP, made by libzip in memory: nothing of it touches a disk. */
#include <zip.h>

#include "api/export.h"

static enum err add_file(zip_t *z, const struct export_file *f, int64_t now_ms) {
    zip_source_t *s = zip_source_buffer(z, f->bytes.p, f->bytes.n, 0);
    zip_int64_t at;
    if (!s) return ERR_NOMEM;
    at = zip_file_add(z, f->name, s, ZIP_FL_ENC_UTF_8);
    if (at < 0) {
        zip_source_free(s);
        return ERR_NOMEM;
    }
    return zip_file_set_mtime(z, (zip_uint64_t)at, (time_t)(now_ms / 1000), 0) == 0 ? OK : ERR_NOMEM;
}

static enum err read_all(zip_source_t *s, struct buf *out) {
    zip_stat_t st;
    zip_int64_t n = -1;
    if (zip_source_stat(s, &st) != 0 || !(st.valid & ZIP_STAT_SIZE) || st.size > out->max) return ERR_IO;
    if (zip_source_open(s) != 0) return ERR_IO;
    if (buf_reserve(out, (size_t)st.size) == OK) n = zip_source_read(s, out->p, st.size);
    (void)zip_source_close(s); /* it was only read */
    if (n < 0 || (zip_uint64_t)n != st.size) return ERR_IO;
    out->n = (size_t)n;
    return OK;
}

enum err export_zip(const struct export_file *files, size_t n, int64_t now_ms, struct buf *out) {
    zip_error_t error;
    zip_source_t *whole = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *z;
    enum err r = OK;
    if (!whole) return ERR_NOMEM;
    zip_source_keep(whole); /* closing the archive lets go of it once */
    z = zip_open_from_source(whole, ZIP_TRUNCATE, &error);
    if (!z) {
        zip_source_free(whole);
        zip_source_free(whole);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n && r == OK; i++) r = add_file(z, &files[i], now_ms);
    if (r == OK && zip_close(z) == 0)
        r = read_all(whole, out);
    else {
        zip_discard(z);
        r = r == OK ? ERR_NOMEM : r;
    }
    zip_source_free(whole);
    return r;
}
