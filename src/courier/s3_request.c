/*
 * One request, as often as it takes. libcurl signs: it takes our x-amz-content-sha256 into the signature, and query and
 * headers as they are, so that both are canonical already here; "Expect:" would be signed and not sent, and is left to
 * libcurl. What is sent can be sent again, from the start: it lies in a file or in memory.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "courier/s3_priv.h"

#define TRIES        3
#define PAUSE_MS     100
#define CONNECT_S    10L
#define SPEED_LEAST  8192L /* bytes a second; slower than that for the time of s3_timeout is an end */
#define ERROR_MAX    65536
#define LOG_EVERY_MS 10000

enum err s3_encode(struct str text, char *out, size_t size) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (size < 4 || n > size - 4) return ERR_TOO_LARGE;
        if (memchr(unreserved, text.p[i], sizeof unreserved - 1))
            out[n++] = text.p[i];
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned char)text.p[i]);
    }
    if (n >= size) return ERR_TOO_LARGE;
    out[n] = 0;
    return OK;
}

enum err s3_content_range(struct str value, int64_t *ret_from, int64_t *ret_to, int64_t *ret_of) {
    struct str from, to, rest;
    int64_t a, b, of;
    value = str_trim(value);
    if (!str_starts(value, STR("bytes "))) return ERR_INPUT;
    rest = str_cut(str_cut(str_skip(value, 6), '-', &from), '/', &to);
    if (str_to_i64(from, INT64_MAX, &a) != OK || str_to_i64(to, INT64_MAX, &b) != OK ||
        str_to_i64(rest, INT64_MAX, &of) != OK)
        return ERR_INPUT;
    if (a > b || b >= of) return ERR_INPUT;
    *ret_from = a;
    *ret_to = b;
    *ret_of = of;
    return OK;
}

/* ---- what libcurl calls ---- */

static size_t on_read(char *p, size_t size, size_t count, void *ctx) {
    struct s3_worker *w = ctx;
    const struct s3_request *q = w->request;
    int64_t left = q->bytes - w->sent;
    size_t want = size * count;
    ssize_t n;
    if ((int64_t)want > left) want = (size_t)left;
    if (want == 0) return 0;
    if (q->file < 0) {
        memcpy(p, q->body.p + w->sent, want);
        w->sent += (int64_t)want;
        return want;
    }
    do { n = pread(q->file, p, want, q->at + w->sent); } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        w->sink = ERR_IO; /* our own disk, or the file is shorter than was said */
        return CURL_READFUNC_ABORT;
    }
    w->sent += n;
    return (size_t)n;
}

/* A connection that was kept and is gone is tried anew by libcurl. */
static int on_seek(void *ctx, curl_off_t at, int from) {
    struct s3_worker *w = ctx;
    if (from != SEEK_SET || at < 0 || at > w->request->bytes) return CURL_SEEKFUNC_FAIL;
    w->sent = at;
    return CURL_SEEKFUNC_OK;
}

static size_t to_file(struct s3_worker *w, const char *p, size_t n) {
    if ((int64_t)n > w->request->bytes - w->got.written) {
        w->sink = ERR_IO; /* more than any such object has */
        return 0;
    }
    for (size_t at = 0; at < n;) {
        ssize_t some = pwrite(w->request->file, p + at, n - at, w->got.written);
        if (some < 0 && errno == EINTR) continue;
        if (some <= 0) {
            w->sink = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
            return 0;
        }
        at += (size_t)some;
        w->got.written += some;
    }
    return n;
}

static bool goes_to_file(const struct s3_worker *w, long status) {
    return w->request->file >= 0 && strcmp(w->request->method, "GET") == 0 && status / 100 == 2;
}

static size_t on_body(char *p, size_t size, size_t count, void *ctx) {
    struct s3_worker *w = ctx;
    size_t n = size * count, room;
    long status = 0;
    (void)curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
    if (goes_to_file(w, status)) return to_file(w, p, n);
    room = status / 100 == 2 ? S3_PAGE_MAX : ERROR_MAX;
    if (n > room - w->text.n) {
        w->sink = ERR_IO;
        return 0;
    }
    buf_add(&w->text, str_bytes(p, n));
    if (buf_err(&w->text) != OK) return 0;
    return n;
}

static size_t on_header(char *p, size_t size, size_t count, void *ctx) {
    struct s3_worker *w = ctx;
    struct str line = str_bytes(p, size * count), name, value;
    while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r')) line.n--;
    if (str_starts(line, STR("HTTP/"))) { /* another head: of 100 Continue, or of a try anew */
        w->got.etag[0] = 0;
        w->got.range_from = w->got.range_to = w->got.range_of = -1;
        return size * count;
    }
    value = str_trim(str_cut(line, ':', &name));
    if (str_eq_nocase(name, STR("etag")) && s3_xml_decode(value, w->got.etag, sizeof w->got.etag) != OK)
        w->got.etag[0] = 0;
    if (str_eq_nocase(name, STR("content-range")) &&
        s3_content_range(value, &w->got.range_from, &w->got.range_to, &w->got.range_of) != OK)
        w->got.range_from = w->got.range_to = w->got.range_of = -1;
    return size * count;
}

/* Nobody waits any more: the other end of the answer's pipe is closed. */
static bool is_forsaken(const struct s3_worker *w) {
    struct pollfd p = { .fd = w->answer_fd };
    return atomic_load(&w->s3->stop) || (poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLNVAL)) != 0);
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return is_forsaken(ctx) ? 1 : 0;
}

/* ---- one try ---- */

static enum err set_headers(struct s3_worker *w, const struct s3_request *q, struct curl_slist **ret) {
    char line[128] = "x-amz-content-sha256: ";
    struct curl_slist *list;
    (void)enc_hex(q->sha256, HASH_BYTES, line + strlen(line));
    *ret = curl_slist_append(NULL, line);
    list = *ret && q->header ? curl_slist_append(*ret, q->header) : *ret;
    if (list && strcmp(q->method, "PUT") != 0 && q->bytes > 0 && q->file < 0)
        list = curl_slist_append(list, "Content-Type: application/xml");
    (void)curl_easy_setopt(w->easy, CURLOPT_HTTPHEADER, *ret);
    return list ? OK : ERR_NOMEM;
}

static void set_method(struct s3_worker *w, const struct s3_request *q) {
    if (strcmp(q->method, "HEAD") == 0) {
        (void)curl_easy_setopt(w->easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(q->method, "PUT") == 0 || strcmp(q->method, "POST") == 0) {
        (void)curl_easy_setopt(w->easy, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(w->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->bytes);
        (void)curl_easy_setopt(w->easy, CURLOPT_READFUNCTION, on_read);
        (void)curl_easy_setopt(w->easy, CURLOPT_READDATA, w);
        (void)curl_easy_setopt(w->easy, CURLOPT_SEEKFUNCTION, on_seek);
        (void)curl_easy_setopt(w->easy, CURLOPT_SEEKDATA, w);
        (void)curl_easy_setopt(w->easy, CURLOPT_CUSTOMREQUEST, q->method);
    } else {
        (void)curl_easy_setopt(w->easy, CURLOPT_CUSTOMREQUEST, q->method);
    }
}

static void set_common(struct s3_worker *w, int64_t left_ms) {
    const struct s3 *s = w->s3;
    (void)curl_easy_setopt(w->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(w->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(w->easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(w->easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(w->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(w->easy, CURLOPT_AWS_SIGV4, s->sigv4);
    (void)curl_easy_setopt(w->easy, CURLOPT_USERNAME, s->access);
    (void)curl_easy_setopt(w->easy, CURLOPT_PASSWORD, s->secret);
    (void)curl_easy_setopt(w->easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(w->easy, CURLOPT_TIMEOUT_MS, (long)(left_ms < LONG_MAX ? left_ms : LONG_MAX));
    (void)curl_easy_setopt(w->easy, CURLOPT_LOW_SPEED_LIMIT, SPEED_LEAST);
    (void)curl_easy_setopt(w->easy, CURLOPT_LOW_SPEED_TIME, (long)((s->silent_ms + 999) / 1000));
    (void)curl_easy_setopt(w->easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(w->easy, CURLOPT_WRITEDATA, w);
    (void)curl_easy_setopt(w->easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(w->easy, CURLOPT_HEADERDATA, w);
    (void)curl_easy_setopt(w->easy, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(w->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(w->easy, CURLOPT_XFERINFODATA, w);
}

static void begin(struct s3_worker *w, const struct s3_request *q) {
    w->request = q;
    w->sent = 0;
    w->sink = OK;
    w->got = (struct s3_response){ .length = -1, .range_from = -1, .range_to = -1, .range_of = -1 };
    buf_reset(&w->text);
}

static CURLcode try_once(struct s3_worker *w, const struct s3_request *q, int64_t left_ms) {
    char url[S3_URL_MAX + S3_QUERY_MAX];
    struct curl_slist *headers = NULL;
    curl_off_t length = -1;
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    begin(w, q);
    (void)snprintf(url, sizeof url, "%s/%s%s%s%s", w->s3->base, q->key[0] ? w->s3->prefix : "", q->key,
                   q->query[0] ? "?" : "", q->query);
    curl_easy_reset(w->easy); /* its connections stay */
    set_common(w, left_ms);
    set_method(w, q);
    (void)curl_easy_setopt(w->easy, CURLOPT_URL, url);
    if (set_headers(w, q, &headers) == OK) rc = curl_easy_perform(w->easy);
    (void)curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &w->got.status);
    (void)curl_easy_getinfo(w->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    w->got.length = length;
    (void)curl_easy_setopt(w->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return rc;
}

/* ---- what it means ---- */

static bool rc_may_pass(CURLcode rc) {
    static const CURLcode passing[] = { CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_GOT_NOTHING,
                                        CURLE_SEND_ERROR,           CURLE_RECV_ERROR,      CURLE_PARTIAL_FILE };
    for (size_t i = 0; i < ARRAY_LEN(passing); i++)
        if (rc == passing[i]) return true;
    return false;
}

static bool status_may_pass(long status) {
    static const long passing[] = { 408, 409, 429, 500, 502, 503, 504 };
    for (size_t i = 0; i < ARRAY_LEN(passing); i++)
        if (status == passing[i]) return true;
    return false;
}

static enum err err_of(const struct s3_worker *w, CURLcode rc) {
    const struct s3_response *g = &w->got;
    bool is_put = strcmp(w->request->method, "PUT") == 0, is_bucket = strcmp(g->code, "NoSuchBucket") == 0;
    if (w->sink != OK) return w->sink;
    if (rc == CURLE_OPERATION_TIMEDOUT || rc == CURLE_COULDNT_CONNECT || rc == CURLE_ABORTED_BY_CALLBACK)
        return ERR_BUSY;
    if (rc != CURLE_OK) return ERR_IO;
    if (g->status / 100 == 2) return OK;
    switch (g->status) {
    case 404: return is_put || is_bucket || w->request->key[0] == 0 ? ERR_IO : ERR_NOT_FOUND;
    case 412: return ERR_CONFLICT;
    case 416: return ERR_TOO_LARGE;
    case 501: return ERR_UNSUPPORTED;
    case 408:
    case 409:
    case 429:
    case 503: return ERR_BUSY;
    case 507: return ERR_FULL;
    default: return ERR_IO;
    }
}

/* S3's word for it, as far as it is one. */
static void note_code(struct s3_worker *w) {
    struct str code = w->got.status / 100 == 2 ? STR_NONE : s3_xml_value(buf_str(&w->text), "Code");
    if (s3_xml_decode(code, w->got.code, sizeof w->got.code) != OK) w->got.code[0] = 0;
}

void s3_log(struct s3_worker *w, const char *what, const char *reason) {
    int64_t now_ms = clock_mono_ms();
    if (atomic_exchange(&w->s3->log_status, w->got.status) == w->got.status && now_ms < atomic_load(&w->s3->log_at_ms))
        return;
    atomic_store(&w->s3->log_at_ms, now_ms + LOG_EVERY_MS);
    log_event(LOG_LEVEL_ERROR, "backup_store_fail", LOG_Z("store", w->s3->base), LOG_Z("request", what),
              LOG_Z("reason", reason), LOG_I("status", w->got.status), LOG_Z("code", w->got.code));
}

static void log_failure(struct s3_worker *w, CURLcode rc) {
    const char *reason = "S3 refused";
    if (is_forsaken(w)) return;
    if (rc != CURLE_OK)
        reason = w->sink == ERR_FULL ? "no room for the answer on this machine" : curl_easy_strerror(rc);
    if (rc == CURLE_OK && w->got.status == 403) reason = "S3 refused the key";
    if (rc == CURLE_OK && w->got.status >= 500) reason = "S3 failed";
    s3_log(w, w->request->method, reason);
}

static bool may_try_again(const struct s3_worker *w, CURLcode rc) {
    if (w->sink != OK || is_forsaken(w)) return false;
    return rc == CURLE_OK ? status_may_pass(w->got.status) : rc_may_pass(rc);
}

static void pause_before(int try) {
    uint8_t random;
    int64_t ms = PAUSE_MS << (2 * (try - 1));
    crypto_random(&random, sizeof random);
    ms += ms * random / 512;
    (void)nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

enum err s3_send(struct s3_worker *w, const struct s3_request *q) {
    CURLcode rc = CURLE_OPERATION_TIMEDOUT;
    enum err r;
    begin(w, q);
    for (int i = 0; i < TRIES; i++) {
        int64_t left_ms = w->deadline_ms - clock_mono_ms();
        if (left_ms < S3_TRY_LEAST_MS) break;
        if (i > 0) pause_before(i);
        rc = try_once(w, q, left_ms);
        note_code(w);
        if (!may_try_again(w, rc)) break;
    }
    r = err_of(w, rc);
    if (r == ERR_BUSY || r == ERR_FULL || r == ERR_IO) log_failure(w, rc);
    return r;
}
