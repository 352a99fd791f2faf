/* Large objects in parts, so that what fails near the end costs one part. Nothing is there before all are. */
#include <stdio.h>

#include "courier/s3_priv.h"

#define BODY_MAX 16384

struct parts {
    struct s3_worker *w;
    const char *key;
    char id[3 * S3_TOKEN_MAX]; /* of the upload; as it stands in a query */
    int n;
    char etags[S3_PARTS_MAX][S3_ETAG_MAX];
};

static enum err refuse(struct parts *p, const char *reason) {
    s3_log(p->w, "parts", reason);
    return ERR_IO;
}

/* An empty body's hash, or that of what is sent. */
static enum err send_text(struct parts *p, const char *method, const char *query, struct str body) {
    struct s3_request q = {
        .method = method, .key = p->key, .query = query, .file = -1, .bytes = (int64_t)body.n, .body = body
    };
    crypto_sha256(body, q.sha256);
    return s3_send(p->w, &q);
}

static enum err begin(struct parts *p) {
    char id[S3_TOKEN_MAX];
    enum err r = send_text(p, "POST", "uploads=", STR(""));
    if (r != OK) return r;
    if (s3_xml_decode(s3_xml_value(buf_str(&p->w->text), "UploadId"), id, sizeof id) != OK || !id[0])
        return refuse(p, "S3 gave an upload no id");
    return s3_encode(str_from(id), p->id, sizeof p->id) == OK ? OK : refuse(p, "S3 gave an upload no id");
}

static enum err send_part(struct parts *p, int file, int64_t at, int64_t bytes) {
    char query[S3_QUERY_MAX];
    struct s3_request q = { .method = "PUT", .key = p->key, .query = query, .file = file, .at = at, .bytes = bytes };
    enum err r = s3_hash(file, at, bytes, q.sha256);
    (void)snprintf(query, sizeof query, "partNumber=%d&uploadId=%s", p->n + 1, p->id);
    if (r == OK) r = s3_send(p->w, &q);
    if (r != OK) return r;
    if (!p->w->got.etag[0]) return refuse(p, "S3 gave a part no tag");
    memcpy(p->etags[p->n++], p->w->got.etag, S3_ETAG_MAX);
    return OK;
}

static void add_escaped(struct buf *b, const char *z) {
    for (; *z; z++) {
        if (*z == '"')
            buf_add_z(b, "&quot;");
        else if (*z == '&')
            buf_add_z(b, "&amp;");
        else if (*z == '<')
            buf_add_z(b, "&lt;");
        else
            buf_add_c(b, *z);
    }
}

/* A 200 may still hold an error: it is sent before the work is done. */
static enum err complete(struct parts *p) {
    char query[S3_QUERY_MAX];
    struct buf body;
    enum err r;
    buf_init(&body, BODY_MAX);
    buf_add_z(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (int i = 0; i < p->n; i++) {
        buf_addf(&body, "<Part><PartNumber>%d</PartNumber><ETag>", i + 1);
        add_escaped(&body, p->etags[i]);
        buf_add_z(&body, "</ETag></Part>");
    }
    buf_add_z(&body, "</CompleteMultipartUpload>");
    (void)snprintf(query, sizeof query, "uploadId=%s", p->id);
    r = buf_err(&body) == OK ? send_text(p, "POST", query, buf_str(&body)) : ERR_NOMEM;
    buf_release(&body);
    if (r == OK && s3_xml_value(buf_str(&p->w->text), "ETag").n == 0)
        return refuse(p, "S3 did not put the parts together");
    return r;
}

static void abandon(struct parts *p) {
    char query[S3_QUERY_MAX];
    (void)snprintf(query, sizeof query, "uploadId=%s", p->id);
    if (p->id[0]) (void)!send_text(p, "DELETE", query, STR("")); /* a rule of the bucket's lifecycle ends what stays */
}

/* An answer may have been lost: whether it stands there is what counts. */
static enum err confirm(struct parts *p, int64_t size, enum err completed) {
    enum err r;
    if (completed != OK && completed != ERR_NOT_FOUND) return completed;
    r = send_text(p, "HEAD", "", STR(""));
    if (r == OK && p->w->got.length != size) return refuse(p, "S3 holds another size than it was sent");
    return r == ERR_NOT_FOUND ? refuse(p, "S3 lost what it was sent") : r;
}

enum err s3_put_parts(struct s3_worker *w, const char *key, int file, int64_t size) {
    struct parts *p = calloc(1, sizeof *p);
    int64_t part = S3_PART_BYTES;
    enum err r = p ? OK : ERR_NOMEM;
    if (r != OK) return r;
    p->w = w;
    p->key = key;
    r = begin(p);
    for (int64_t at = 0; r == OK && at < size; at += part)
        r = send_part(p, file, at, size - at < part ? size - at : part);
    if (r == OK) r = confirm(p, size, complete(p));
    if (r != OK) abandon(p);
    free(p);
    return r;
}
