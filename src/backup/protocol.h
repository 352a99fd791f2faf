/*
 * What the requests of restic's REST protocol say: paths below a repository, ranges, and the credential. All of it
 * comes from outside and is judged here, byte by byte; nothing is guessed and nothing is repaired.
 */
#ifndef TOCSIN_BACKUP_PROTOCOL_H
#define TOCSIN_BACKUP_PROTOCOL_H

#include "backup/blobs.h"
#include "core/token.h"

enum rest_kind { REST_REPOSITORY, REST_CONFIG, REST_LIST, REST_OBJECT };

struct rest_path {
    enum rest_kind kind;
    enum blob_type type;
    char name[BLOB_NAME_CHARS + 1];
};
/* "", "config", "data/", "data/NAME". ERR_NOT_FOUND for anything else. */
enum err rest_path_parse(struct str path, struct rest_path *ret) MUST_CHECK;

/* "bytes=FROM-", "bytes=FROM-TO", "bytes=-LAST". What can't be used (also several ranges) counts as not given, as RFC
 * 9110 §14.2 wants it. */
void rest_range_parse(struct str header, struct blob_range *ret);

/* "Basic BASE64(DEVICE:tb_…)". The token's text is never kept: only what it names, and its hash. ERR_INPUT. */
struct rest_credential {
    struct account_id account;
    struct device_id device;
    uint8_t token_hash[HASH_BYTES];
};
enum err rest_credential_parse(struct str header, struct rest_credential *ret) MUST_CHECK;

#endif
