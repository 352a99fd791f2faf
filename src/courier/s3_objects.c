/* What each ask of the front means in requests. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "courier/s3_priv.h"

#define HASH_PIECE  ((size_t)128 * 1024)
#define LINES_BYTES 65536
#define SIZE_DIGITS 20

enum err s3_hash(int file, int64_t at, int64_t bytes, uint8_t out[HASH_BYTES]) {
    struct sha256_run *run = sha256_new();
    char *piece = malloc(HASH_PIECE);
    enum err r = run && piece ? OK : ERR_NOMEM;
    while (r == OK && bytes > 0) {
        ssize_t n = pread(file, piece, bytes < (int64_t)HASH_PIECE ? (size_t)bytes : HASH_PIECE, at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            r = ERR_IO;
            continue;
        }
        sha256_add(run, str_bytes(piece, (size_t)n));
        at += n;
        bytes -= n;
    }
    sha256_end(run, out);
    free(piece);
    return r;
}

/* As in struct object_answer. */
struct result {
    int64_t size, from, length;
};

/* ---- putting ---- */

static enum err put_whole(struct s3_worker *w, const char *key, const struct object_asked *a) {
    struct s3_request q = {
        .method = "PUT",
        .key = key,
        .query = "",
        .header = a->ask.is_once ? "If-None-Match: *" : NULL,
        .file = a->file_fd,
        .bytes = a->ask.size,
    };
    enum err r;
    memcpy(q.sha256, a->ask.sha256, sizeof q.sha256);
    r = s3_send(w, &q);
    if (r != ERR_UNSUPPORTED || !q.header) return r;
    q.header = NULL; /* a store that knows no conditions: the front looked before, and looks behind */
    return s3_send(w, &q);
}

static enum err put(struct s3_worker *w, const char *key, const struct object_asked *a) {
    struct stat st;
    if (fstat(a->file_fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != a->ask.size) return ERR_IO;
    if (a->ask.size > S3_LARGE_BYTES && !a->ask.is_once) return s3_put_parts(w, key, a->file_fd, a->ask.size);
    return put_whole(w, key, a);
}

/* ---- getting ---- */

static const struct s3_request without_body = {
    .query = "",
    .file = -1,
    .sha256 = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 },
};

static enum err stat_object(struct s3_worker *w, const char *key, int64_t *ret_size) {
    struct s3_request q = without_body;
    enum err r;
    q.method = "HEAD";
    q.key = key;
    r = s3_send(w, &q);
    if (r == OK && w->got.length < 0) {
        s3_log(w, "HEAD", "S3 did not say how large it is");
        return ERR_IO;
    }
    if (r == OK) *ret_size = w->got.length;
    return r;
}

static const char *range_header(const struct object_ask *ask, char out[80]) {
    if (!ask->has_range) return NULL;
    if (ask->from < 0)
        (void)snprintf(out, 80, "Range: bytes=-%lld", (long long)ask->to);
    else if (ask->to < 0)
        (void)snprintf(out, 80, "Range: bytes=%lld-", (long long)ask->from);
    else
        (void)snprintf(out, 80, "Range: bytes=%lld-%lld", (long long)ask->from, (long long)ask->to);
    return out;
}

/* What came is as long as it was said to be, and the part that was asked for. */
static enum err check_got(struct s3_worker *w, const struct object_ask *ask, struct result *ret) {
    const struct s3_response *g = &w->got;
    const char *reason = NULL;
    if (g->length < 0 || g->length != g->written)
        reason = "what S3 sent is not as long as it said";
    else if (ask->has_range && (g->status != 206 || g->range_of < 0 || g->range_to - g->range_from + 1 != g->written))
        reason = "S3 sent another part than it was asked for";
    else if (!ask->has_range && g->status != 200)
        reason = "S3 sent a part, and was asked for all";
    if (reason) {
        s3_log(w, "GET", reason);
        return ERR_IO;
    }
    ret->size = ask->has_range ? g->range_of : g->written;
    ret->from = ask->has_range ? g->range_from : 0;
    ret->length = g->written;
    return OK;
}

static enum err get(struct s3_worker *w, const char *key, const struct object_asked *a, struct result *ret) {
    struct s3_request q = without_body;
    char range[80];
    struct stat st;
    enum err r;
    if (fstat(a->file_fd, &st) != 0 || !S_ISREG(st.st_mode)) return ERR_IO;
    q.method = "GET";
    q.key = key;
    q.header = range_header(&a->ask, range);
    q.file = a->file_fd;
    q.bytes = a->ask.size;
    r = s3_send(w, &q);
    if (r == ERR_TOO_LARGE && a->ask.has_range) {
        r = stat_object(w, key, &ret->size);
        return r == OK ? ERR_TOO_LARGE : r;
    }
    if (r == OK) r = check_got(w, &a->ask, ret);
    if (r == OK && ftruncate(a->file_fd, ret->length) != 0) r = ERR_IO; /* a try before this one wrote more */
    return r;
}

static enum err delete (struct s3_worker *w, const char *key) {
    struct s3_request q = without_body; enum err r; q.method = "DELETE"; q.key = key; r = s3_send(w, &q);
    return r == ERR_NOT_FOUND ? OK : r;
}

/* ---- listing ---- */

struct listing {
    struct str prefix; /* of all keys that are meant; what follows is the name */
    int file;
    int64_t at, count;
    size_t n;
    char lines[LINES_BYTES];
};

static enum err lines_flush(struct listing *l) {
    for (size_t done = 0; done < l->n;) {
        ssize_t n = pwrite(l->file, l->lines + done, l->n - done, l->at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 && (errno == ENOSPC || errno == EDQUOT) ? ERR_FULL : ERR_IO;
        done += (size_t)n;
        l->at += n;
    }
    l->n = 0;
    return OK;
}

/* Names that we never gave are passed over; the front judges the rest. */
static enum err on_key(void *ctx, struct str key, int64_t size) {
    struct listing *l = ctx;
    struct str name = str_skip(key, l->prefix.n);
    enum err r;
    if (!str_starts(key, l->prefix) || name.n == 0 || name.n > OBJECT_KEY_MAX) return OK;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '&') return OK;
    if (l->n + name.n + SIZE_DIGITS + 2 > sizeof l->lines && (r = lines_flush(l)) != OK) return r;
    memcpy(l->lines + l->n, name.p, name.n);
    l->n += name.n;
    l->n += (size_t)snprintf(l->lines + l->n, SIZE_DIGITS + 3, " %lld\n", (long long)size);
    l->count++;
    return OK;
}

static enum err list_query(struct str prefix, const char *token, char out[S3_QUERY_MAX]) {
    char encoded[3 * 600], encoded_token[3 * S3_TOKEN_MAX];
    if (s3_encode(prefix, encoded, sizeof encoded) != OK ||
        s3_encode(str_from(token), encoded_token, sizeof encoded_token) != OK)
        return ERR_TOO_LARGE;
    (void)snprintf(out, S3_QUERY_MAX, "%s%s%slist-type=2&max-keys=%d&prefix=%s", token[0] ? "continuation-token=" : "",
                   encoded_token, token[0] ? "&" : "", S3_KEYS_A_PAGE, encoded);
    return OK;
}

static enum err list_page(struct s3_worker *w, struct listing *l, struct s3_page *page) {
    char query[S3_QUERY_MAX], before[S3_TOKEN_MAX];
    struct s3_request q = without_body;
    enum err r = list_query(l->prefix, page->token, query);
    if (r != OK) return ERR_IO;
    (void)snprintf(before, sizeof before, "%s", page->token);
    q.method = "GET";
    q.key = "";
    q.query = query;
    r = s3_send(w, &q);
    if (r == OK) r = s3_page_parse(buf_str(&w->text), on_key, l, page);
    if (r == OK && !page->is_last && strcmp(before, page->token) == 0) r = ERR_INPUT; /* it would never end */
    if (r != ERR_INPUT) return r;
    s3_log(w, "list", "what S3 sent is not a whole page of a list");
    return ERR_IO;
}

static enum err list(struct s3_worker *w, const char *key, const struct object_asked *a, struct result *ret) {
    char prefix[400];
    struct listing *l = calloc(1, sizeof *l);
    struct s3_page *page = calloc(1, sizeof *page);
    struct stat st;
    enum err r = l && page ? OK : ERR_NOMEM;
    if (r == OK && (fstat(a->file_fd, &st) != 0 || !S_ISREG(st.st_mode) || ftruncate(a->file_fd, 0) != 0)) r = ERR_IO;
    if (r == OK) {
        (void)snprintf(prefix, sizeof prefix, "%s%s", w->s3->prefix, key);
        l->prefix = str_from(prefix);
        l->file = a->file_fd;
    }
    for (int i = 0; r == OK && !page->is_last; i++) r = i < S3_LIST_PAGES ? list_page(w, l, page) : ERR_IO;
    if (r == OK) r = lines_flush(l);
    if (r == OK) {
        ret->size = l->count;
        ret->length = l->at;
    }
    free(page);
    free(l);
    return r;
}

/* ---- all of them ---- */

static enum err carry_out(struct s3_worker *w, const struct object_asked *a, struct result *ret) {
    char key[OBJECT_KEY_MAX + 1];
    memcpy(key, a->ask.key, a->ask.key_n);
    key[a->ask.key_n] = 0;
    switch (a->ask.h.type) {
    case OBJECT_PUT: return put(w, key, a);
    case OBJECT_GET: return get(w, key, a, ret);
    case OBJECT_STAT: return stat_object(w, key, &ret->size);
    case OBJECT_DELETE: return delete (w, key);
    case OBJECT_LIST: return list(w, key, a, ret);
    default: return ERR_IO;
    }
}

/* What S3 answered to something that can't be answered so is a failure of S3. */
static enum err as_told(enum err r, const struct object_ask *ask) {
    static const enum err told[] = { OK, ERR_BUSY, ERR_FULL, ERR_IO };
    bool reads = ask->h.type == OBJECT_GET || ask->h.type == OBJECT_STAT;
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        if (r == told[i]) return r;
    if (r == ERR_NOT_FOUND && reads) return r;
    if (r == ERR_CONFLICT && ask->is_once) return r;
    if (r == ERR_TOO_LARGE && ask->has_range) return r;
    return r == ERR_NOMEM ? ERR_BUSY : ERR_IO;
}

void s3_answer(struct s3_worker *w, const struct object_asked *asked, struct object_answer *ret) {
    struct object_answer a = { .h = { .bytes = sizeof a, .type = OBJECT_ANSWER, .version = IPC_VERSION } };
    struct result got = { .size = 0 };
    a.h.request = asked->ask.h.request;
    a.result = as_told(carry_out(w, asked, &got), &asked->ask);
    if (a.result == OK || a.result == ERR_TOO_LARGE) a.size = got.size;
    if (a.result == OK) a.from = got.from;
    if (a.result == OK) a.length = got.length;
    *ret = a;
}
