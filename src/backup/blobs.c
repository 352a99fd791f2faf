/* Names, ranges, and the way to the store in use. Hashing stands here, so that no store can forget it. */
#include "backup/blobs_priv.h"
#include "base/enc.h"

static const char *const type_names[BLOB_TYPES] = { "config", "data", "index", "keys", "locks", "snapshots" };

const char *blob_type_name(enum blob_type t) { return type_names[t]; }

int64_t blob_bytes_max(enum blob_type t) {
    bool is_small = t == BLOB_CONFIG || t == BLOB_KEYS || t == BLOB_LOCKS;
    return is_small ? (int64_t)1 << 20 : BLOB_BYTES_MAX;
}

/* Without a branch a digit: lists judge millions of names. */
enum err blob_name_parse(struct str text, char ret_name[BLOB_NAME_CHARS + 1]) {
    static const uint8_t is_digit[256] = { ['0' ... '9'] = 1, ['a' ... 'f'] = 1 };
    unsigned digits = 0;
    if (text.n != BLOB_NAME_CHARS) return ERR_INPUT;
    for (size_t i = 0; i < BLOB_NAME_CHARS; i++) digits += is_digit[(unsigned char)text.p[i]];
    if (digits != BLOB_NAME_CHARS) return ERR_INPUT;
    memcpy(ret_name, text.p, BLOB_NAME_CHARS);
    ret_name[BLOB_NAME_CHARS] = 0;
    return OK;
}

void blob_key(const struct blob_ref *ref, char out[BLOB_KEY_BYTES_MAX]) {
    char account[ID_TEXT_SIZE], device[ID_TEXT_SIZE];
    id_text(ref->repo.account.b, account);
    id_text(ref->repo.device.b, device);
    if (ref->type == BLOB_CONFIG)
        (void)snprintf(out, BLOB_KEY_BYTES_MAX, "%s/%s/config", account, device);
    else if (ref->type == BLOB_DATA)
        (void)snprintf(out, BLOB_KEY_BYTES_MAX, "%s/%s/data/%.2s/%s", account, device, ref->name, ref->name);
    else
        (void)snprintf(out, BLOB_KEY_BYTES_MAX, "%s/%s/%s/%s", account, device, type_names[ref->type], ref->name);
}

enum err blob_range_resolve(const struct blob_range *range, int64_t size, int64_t *ret_from, int64_t *ret_length) {
    int64_t from = 0, to = size - 1;
    if (range->is_given && range->from < 0) {
        from = range->to < size ? size - range->to : 0;
    } else if (range->is_given) {
        from = range->from;
        if (range->to >= 0 && range->to < to) to = range->to;
    }
    if (range->is_given && from >= size) return ERR_TOO_LARGE;
    *ret_from = from;
    *ret_length = to - from + 1;
    return OK;
}

void blobs_close(struct blobs *b) {
    if (b) b->calls->close(b);
}
enum err blobs_make(struct blobs *b, const struct repo_id *repo) { return b->calls->make(b, repo); }

enum err blobs_put_begin(struct blobs *b, const struct blob_ref *ref, int64_t length, struct blob_put **ret) {
    struct blob_put *p = NULL;
    enum err r = b->calls->put_begin(b, ref, length, &p);
    if (r != OK) return r;
    p->blobs = b;
    p->ref = *ref;
    p->announced = length;
    p->bytes = p->healed = 0;
    p->hash = sha256_new();
    *ret = p;
    if (p->hash) return OK;
    blobs_put_drop(ret);
    return ERR_NOMEM;
}

enum err blobs_put_add(struct blob_put *p, struct str bytes) {
    if ((int64_t)bytes.n > blob_bytes_max(p->ref.type) - p->bytes) return ERR_TOO_LARGE;
    p->bytes += (int64_t)bytes.n;
    sha256_add(p->hash, bytes);
    return p->blobs->calls->put_add(p, bytes);
}

static bool is_named_right(const struct blob_put *p) {
    char hex[2 * HASH_BYTES + 1];
    if (p->ref.type == BLOB_CONFIG) return true;
    (void)enc_hex(p->digest, HASH_BYTES, hex);
    return memcmp(hex, p->ref.name, BLOB_NAME_CHARS) == 0;
}

enum err blobs_put_end(struct blob_put **put, struct blob_put_result *ret) {
    struct blob_put *p = *put;
    struct blob_put_result result = { .bytes = p->bytes };
    enum err r = ERR_INPUT;
    sha256_end(p->hash, p->digest);
    p->hash = NULL;
    if (is_named_right(p) && (p->announced < 0 || p->announced == p->bytes))
        r = p->blobs->calls->put_commit(p, &result.is_new);
    result.grown = result.is_new ? p->bytes : p->healed;
    if (r == OK) *ret = result;
    blobs_put_drop(put);
    return r;
}

void blobs_put_drop(struct blob_put **put) {
    struct blob_put *p = *put;
    *put = NULL;
    if (!p) return;
    sha256_end(p->hash, NULL);
    p->blobs->calls->put_free(p);
}

enum err blobs_get(struct blobs *b, const struct blob_ref *ref, const struct blob_range *range, struct blob_got *ret) {
    *ret = (struct blob_got){ .fd = -1 };
    return b->calls->get(b, ref, range, ret);
}
enum err blobs_get_near(struct blobs *b, const struct blob_ref *ref, const struct blob_range *range,
                        struct blob_got *ret) {
    *ret = (struct blob_got){ .fd = -1 };
    return b->calls->get_near ? b->calls->get_near(b, ref, range, ret) : ERR_BUSY;
}
enum err blobs_stat(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size) {
    return b->calls->stat(b, ref, ret_size);
}
enum err blobs_remove(struct blobs *b, const struct blob_ref *ref, int64_t *ret_size) {
    return b->calls->remove(b, ref, ret_size);
}
enum err blobs_list_begin(struct blobs *b, const struct repo_id *repo, enum blob_type type, struct blob_list **ret) {
    enum err r = b->calls->list_begin(b, repo, type, ret);
    if (r == OK) (*ret)->blobs = b;
    return r;
}
enum err blobs_list_next(struct blob_list *l, struct blob_entry *ret) { return l->blobs->calls->list_next(l, ret); }
void blobs_list_end(struct blob_list *l) {
    if (l) l->blobs->calls->list_end(l);
}
