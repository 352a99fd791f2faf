/* Lists in both versions of the protocol. A list that fails midway is cut, never closed as if it were whole. */
#include "api/backup_list.h"

#include <stdlib.h>

#include "api/call.h"
#include "base/log.h"

#define V1_TYPE       "application/vnd.x.restic.rest.v1"
#define V2_TYPE       "application/vnd.x.restic.rest.v2"
#define PIECE_ENTRIES 2500 /* of about 100 bytes */

struct listing {
    struct blob_list *list;
    bool is_v2, has_first;
};

static void entry_add(struct buf *out, const struct blob_entry *e, bool is_v2, bool is_first) {
    if (!is_first) buf_add_c(out, ',');
    buf_add_z(out, is_v2 ? "{\"name\":\"" : "\"");
    buf_add(out, str_bytes(e->name, BLOB_NAME_CHARS));
    buf_add_c(out, '"');
    if (!is_v2) return;
    buf_add_z(out, ",\"size\":");
    buf_add_i64(out, e->size);
    buf_add_c(out, '}');
}

static enum http_piece next(void *ctx, struct buf *out) {
    struct listing *l = ctx;
    struct blob_entry e;
    enum err r = OK;
    for (int i = 0; i < PIECE_ENTRIES && (r = blobs_list_next(l->list, &e)) == OK; i++) {
        if (!l->has_first) buf_add_c(out, '[');
        entry_add(out, &e, l->is_v2, !l->has_first);
        l->has_first = true;
    }
    if (r == OK) return HTTP_PIECE_MORE;
    if (r != ERR_GONE) {
        log_err(r, "list of a backup");
        return HTTP_PIECE_CUT;
    }
    buf_add_z(out, l->has_first ? "]" : "[]");
    return HTTP_PIECE_LAST;
}

static void end(void *ctx) {
    struct listing *l = ctx;
    blobs_list_end(l->list);
    free(l);
}

static bool wants_v2(struct str accept) {
    while (accept.n > 0) {
        struct str one, type;
        accept = str_cut(accept, ',', &one);
        (void)str_cut(one, ';', &type);
        if (str_eq(str_trim(type), STR(V2_TYPE))) return true;
    }
    return false;
}

void backup_list_reply(struct http_request *req, struct backup *b, const struct repo_id *repo, enum blob_type type) {
    struct listing *l = calloc(1, sizeof *l);
    struct http_source source = { .length = -1, .next = next, .end = end, .ctx = l };
    enum err r = l ? blobs_list_begin(backup_blobs(b), repo, type, &l->list) : ERR_NOMEM;
    if (r != OK) {
        free(l);
        fail_err(req, r);
        return;
    }
    l->is_v2 = wants_v2(http_header(req, "accept"));
    http_reply_source(req, 200, l->is_v2 ? V2_TYPE : V1_TYPE, &source);
}
