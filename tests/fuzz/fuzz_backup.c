/*
 * A path below a repository, a Range header and a credential, one after the other, each ended by a line feed. What is
 * let through must be what it claims: a path writes back to the same text, and a part lies within its object.
 */
#include "backup/protocol.h"
#include "base/enc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_path(struct str text) {
    struct rest_path p;
    char back[100] = "", key[BLOB_KEY_BYTES_MAX];
    struct blob_ref ref = { .type = BLOB_DATA };
    if (rest_path_parse(text, &p) != OK) return;
    if (p.type >= BLOB_TYPES || (p.kind == REST_CONFIG) != str_eq(text, STR("config"))) abort();
    if (p.kind == REST_CONFIG) return;
    if (p.kind != REST_REPOSITORY) (void)snprintf(back, sizeof back, "%s/%s", blob_type_name(p.type), p.name);
    if (!str_eq(str_from(back), text)) abort();
    if (p.kind != REST_OBJECT) return;
    if (strlen(p.name) != BLOB_NAME_CHARS || strspn(p.name, "0123456789abcdef") != BLOB_NAME_CHARS) abort();
    memcpy(ref.name, p.name, sizeof ref.name);
    ref.type = p.type;
    blob_key(&ref, key);
    if (strstr(key, "..") || strlen(key) + 1 >= sizeof key) abort();
}

static void check_range(struct str text) {
    static const int64_t sizes[] = { 0, 1, 1000, INT64_MAX };
    struct blob_range r;
    rest_range_parse(text, &r);
    if (!r.is_given && (r.from != 0 || r.to != 0)) abort();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        int64_t from, length;
        if (blob_range_resolve(&r, sizes[i], &from, &length) != OK) continue;
        if (from < 0 || length < 0 || length > sizes[i] - from) abort();
        if (r.is_given && length == 0) abort();
        if (!r.is_given && length != sizes[i]) abort();
    }
}

static void check_credential(struct str text) {
    struct rest_credential c;
    if (rest_credential_parse(text, &c) != OK) return;
    if (text.n < 6 || !str_eq_nocase(str_bytes(text.p, 6), STR("basic "))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static bool is_ready;
    struct str path, range, credential;
    if (!is_ready && crypto_init() != OK) abort();
    is_ready = true;
    credential = str_cut(str_cut(str_bytes(data, n), '\n', &path), '\n', &range);
    check_path(path);
    check_range(range);
    check_credential(credential);
    return 0;
}
