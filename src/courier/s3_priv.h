/* Between the files of S3. */
#ifndef TOCSIN_COURIER_S3_PRIV_H
#define TOCSIN_COURIER_S3_PRIV_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "courier/s3.h"
#include "ipc/objects.h"

#define S3_THREADS      8
#define S3_URL_MAX      900  /* endpoint, bucket, prefix and key */
#define S3_TOKEN_MAX    2048 /* a continuation token, an upload id */
#define S3_QUERY_MAX    (3 * S3_TOKEN_MAX + 3 * 600 + 100)
#define S3_PAGE_MAX     ((size_t)8 << 20) /* one page of a list: a thousand keys */
#define S3_ETAG_MAX     80
#define S3_PARTS_MAX    64
#define S3_LARGE_BYTES  ((int64_t)64 << 20) /* above it an object goes in parts */
#define S3_PART_BYTES   ((int64_t)32 << 20)
#define S3_CODE_MAX     60
#define S3_KEYS_A_PAGE  1000
#define S3_LIST_PAGES   100000
#define S3_ACCESS_BYTES 200
#define S3_SECRET_BYTES 513
#define S3_TRY_LEAST_MS 20

/* What all threads share; does not change while they run, but for the last three. */
struct s3 {
    int front_fd, stop_fd;
    char base[500];   /* "https://host:port/bucket" */
    char prefix[200]; /* "" or "prefix/": what keys have before them */
    char sigv4[100], access[S3_ACCESS_BYTES], secret[S3_SECRET_BYTES];
    int64_t silent_ms;
    pthread_t threads[S3_THREADS];
    int started;
    _Atomic bool stop;
    _Atomic int64_t log_at_ms; /* monotonic: no line about the same status before it */
    _Atomic long log_status;
};

struct s3_request {
    const char *method;         /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    const char *key;            /* "": the bucket itself */
    const char *query;          /* "", or canonical: names in order, all encoded, a "=" behind each */
    const char *header;         /* one more, or NULL */
    int file;                   /* what is sent is in it, or what comes goes to it; -1 */
    int64_t at, bytes;          /* sent: from where, how many. Got: 0, the most */
    struct str body;            /* sent, when there is no file */
    uint8_t sha256[HASH_BYTES]; /* of what is sent */
};

/* What came. Texts are cut to what stands here, and hold no control characters. */
struct s3_response {
    long status;
    int64_t length;                         /* as announced; -1: it was not */
    int64_t written;                        /* to the file */
    int64_t range_from, range_to, range_of; /* of Content-Range; -1: none */
    char etag[S3_ETAG_MAX];
    char code[S3_CODE_MAX]; /* S3's own word for what went wrong */
};

/* One a thread. */
struct s3_worker {
    struct s3 *s3;
    CURL *easy;
    int answer_fd;       /* whoever waits has the other end of this pipe */
    int64_t deadline_ms; /* monotonic */
    struct buf text;     /* a body that is no object: a page, an error */
    struct s3_response got;
    /* of the request under way */
    const struct s3_request *request;
    int64_t sent;
    enum err sink;
};

/* ---- s3_request.c ---- */
/*
 * Sends it, up to three times while S3 says that it has trouble of its own, and leaves the answer in w->got and, where
 * no file takes it, w->text. OK: 2xx. ERR_NOT_FOUND: 404 of the object. ERR_CONFLICT: 412. ERR_TOO_LARGE: 416.
 * ERR_UNSUPPORTED: 501. ERR_BUSY, ERR_FULL, ERR_IO as in ipc/objects.h; these are logged.
 */
enum err s3_send(struct s3_worker *w, const struct s3_request *q) MUST_CHECK;
/* "bytes 0-9/100". ERR_INPUT. */
enum err s3_content_range(struct str value, int64_t *ret_from, int64_t *ret_to, int64_t *ret_of) MUST_CHECK;
/* RFC 3986: everything but unreserved characters. ERR_TOO_LARGE. */
enum err s3_encode(struct str text, char *out, size_t size) MUST_CHECK;
void s3_log(struct s3_worker *w, const char *what, const char *reason);

/* ---- s3_xml.c: as much of XML as S3 writes ---- */
/* The text of the first such element, as it stands there; none: STR_NONE. */
struct str s3_xml_value(struct str xml, const char *name);
/* Resolves entities. ERR_INPUT, ERR_TOO_LARGE. */
enum err s3_xml_decode(struct str raw, char *out, size_t size) MUST_CHECK;
struct s3_page {
    bool is_last;
    char token[S3_TOKEN_MAX]; /* what continues it */
};
/* Keys as they stand there: one with an entity in it is none of ours. */
typedef enum err s3_key_fn(void *ctx, struct str key, int64_t size);
/* A page of ListObjectsV2. ERR_INPUT: it is not whole, or not that; or what `fn` returned. */
enum err s3_page_parse(struct str xml, s3_key_fn *fn, void *ctx, struct s3_page *ret) MUST_CHECK;

/* ---- s3_objects.c, s3_parts.c ---- */
void s3_answer(struct s3_worker *w, const struct object_asked *asked, struct object_answer *ret);
/* In parts; then asks whether it stands there whole. */
enum err s3_put_parts(struct s3_worker *w, const char *key, int file, int64_t size) MUST_CHECK;
/* SHA-256 of a part of a file. ERR_IO, ERR_NOMEM. */
enum err s3_hash(int file, int64_t at, int64_t bytes, uint8_t out[HASH_BYTES]) MUST_CHECK;

#endif
