/*
 * Another device's object on its way, piece by piece: before each it is asked again whether that restore is still
 * allowed, so that "it wasn't me" cuts what is under way, however slowly a thief reads. What is given out is counted.
 */
#include "api/backup_guarded.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/call.h"
#include "base/log.h"

struct guarded {
    struct backup *backup;
    struct backup_ask ask;
    struct blob_got got;
    int64_t at, left;
};

static const struct origin nowhere; /* it opens nothing */

static enum http_piece from_file(struct guarded *g, struct buf *out) {
    size_t want = (uint64_t)g->left < HTTP_PIECE_BYTES ? (size_t)g->left : HTTP_PIECE_BYTES;
    ssize_t n = 0;
    if (buf_reserve(out, want) != OK) return HTTP_PIECE_CUT;
    do { n = pread(g->got.fd, out->p + out->n, want, g->at); } while (n < 0 && errno == EINTR);
    if (n < 0 || (n == 0 && want > 0)) {
        log_err(ERR_IO, "backup");
        return HTTP_PIECE_CUT;
    }
    out->n += (size_t)n;
    g->at += n;
    g->left -= n;
    return g->left > 0 ? HTTP_PIECE_MORE : HTTP_PIECE_LAST;
}

static enum http_piece from_body(struct guarded *g, struct buf *out) {
    bool is_last = false;
    enum err r = blobs_body_next(g->got.body, out, &is_last);
    if (r != OK) log_err(r, "backup");
    if (r != OK) return HTTP_PIECE_CUT;
    return is_last ? HTTP_PIECE_LAST : HTTP_PIECE_MORE;
}

static enum http_piece next(void *ctx, struct buf *out) {
    struct guarded *g = ctx;
    size_t had = out->n;
    struct attempt_id restore;
    enum http_piece is;
    if (backup_guard_check(g->backup, &g->ask, &restore) != BACKUP_ALLOW) return HTTP_PIECE_CUT;
    is = g->got.fd >= 0 ? from_file(g, out) : from_body(g, out);
    backup_reads_add(g->backup, g->ask.repo.account, restore, (int64_t)(out->n - had), 0);
    return is;
}

static void end(void *ctx) {
    struct guarded *g = ctx;
    if (g->got.fd >= 0) (void)close(g->got.fd);
    blobs_body_close(g->got.body);
    free(g);
}

void backup_guarded_reply(struct http_request *req, int status, const struct backup_passage *p,
                          const struct blob_got *got) {
    struct guarded *g = calloc(1, sizeof *g);
    if (!g) {
        if (got->fd >= 0) (void)close(got->fd);
        blobs_body_close(got->body);
        fail_err(req, ERR_NOMEM);
        return;
    }
    *g = (struct guarded){ .backup = p->backup,
                           .ask = { .repo = p->repo, .asker = p->asker, .from = &nowhere },
                           .got = *got,
                           .at = got->from,
                           .left = got->length };
    http_reply_source(req, status, BACKUP_OCTETS, &(struct http_source){ got->length, next, end, g });
}
