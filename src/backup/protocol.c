/* Parsers of the REST protocol's requests. */
#include "backup/protocol.h"

#include "base/enc.h"
#include "base/secret.h"

#define CREDENTIAL_BYTES_MAX 200

enum err rest_path_parse(struct str path, struct rest_path *ret) {
    struct rest_path p = { .kind = REST_OBJECT };
    struct str type, name;
    if (path.n == 0) {
        *ret = (struct rest_path){ .kind = REST_REPOSITORY };
        return OK;
    }
    if (str_eq(path, STR("config"))) {
        *ret = (struct rest_path){ .kind = REST_CONFIG, .type = BLOB_CONFIG };
        return OK;
    }
    name = str_cut(path, '/', &type);
    if (type.n == path.n) return ERR_NOT_FOUND;
    for (p.type = BLOB_DATA; p.type < BLOB_TYPES; p.type++)
        if (str_eq(type, str_from(blob_type_name(p.type)))) break;
    if (p.type == BLOB_TYPES) return ERR_NOT_FOUND;
    if (name.n == 0) p.kind = REST_LIST;
    if (name.n > 0 && blob_name_parse(name, p.name) != OK) return ERR_NOT_FOUND;
    *ret = p;
    return OK;
}

void rest_range_parse(struct str header, struct blob_range *ret) {
    struct blob_range range = { .is_given = true, .from = -1, .to = -1 };
    struct str first, last;
    *ret = (struct blob_range){ 0 };
    if (!str_starts(header, STR("bytes="))) return;
    header = str_skip(header, 6);
    last = str_cut(header, '-', &first);
    if (first.n == header.n) return;
    if (first.n > 0 && str_to_i64(first, INT64_MAX - 1, &range.from) != OK) return;
    if (last.n > 0 && str_to_i64(last, INT64_MAX - 1, &range.to) != OK) return;
    if (first.n == 0 && last.n == 0) return;
    if (first.n > 0 && last.n > 0 && range.to < range.from) return;
    *ret = range;
}

static enum err parse(struct str text, struct rest_credential *ret) {
    struct rest_credential c;
    struct str device, token = str_cut(text, ':', &device);
    if (id_parse(device, c.device.b) != OK) return ERR_INPUT;
    if (token_parse(TOKEN_BACKUP, token, &c.account, c.token_hash) != OK) return ERR_INPUT;
    *ret = c;
    return OK;
}

enum err rest_credential_parse(struct str header, struct rest_credential *ret) {
    char text[CREDENTIAL_BYTES_MAX];
    size_t n = 0;
    enum err r = ERR_INPUT;
    if (header.n <= 6 || !str_eq_nocase(str_bytes(header.p, 6), STR("basic "))) return ERR_INPUT;
    if (dec_b64(str_trim(str_skip(header, 6)), text, sizeof text, &n) == OK) r = parse(str_bytes(text, n), ret);
    bytes_wipe(text, sizeof text);
    return r;
}
