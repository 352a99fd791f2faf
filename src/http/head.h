/*
 * The head of a request, parsed byte by byte: the same bytes give the same result however they were split. Strict:
 * what RFC 9112 lets a server tolerate is refused here, because tolerance is what desynchronises a chain of proxies.
 * Names are lower-cased in place; everything else is offsets from the head's first byte, so that the head may move.
 */
#ifndef TOCSIN_HTTP_HEAD_H
#define TOCSIN_HTTP_HEAD_H

#include "base/str.h"

#define HEAD_BYTES_MAX   8192
#define HEAD_FIELDS_MAX  64
#define TARGET_BYTES_MAX 4096
#define METHOD_BYTES_MAX 16

enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_PATCH, METHOD_OPTIONS, METHODS };

/* Fields that the server itself looks at, or that are asked for often; found in one step. */
enum known_field {
    FIELD_OTHER,
    FIELD_TE,
    FIELD_HOST,
    FIELD_COOKIE,
    FIELD_EXPECT,
    FIELD_ORIGIN,
    FIELD_UPGRADE,
    FIELD_CONNECTION,
    FIELD_USER_AGENT,
    FIELD_CONTENT_TYPE,
    FIELD_IF_NONE_MATCH,
    FIELD_AUTHORIZATION,
    FIELD_LAST_EVENT_ID,
    FIELD_CONTENT_LENGTH,
    FIELD_SEC_FETCH_SITE,
    FIELD_FORWARDED_FOR,
    FIELD_TRANSFER_ENCODING,
    FIELDS_KNOWN
};

struct head_field {
    uint16_t name, name_n, value, value_n;
    uint16_t known; /* enum known_field */
};

struct head {
    uint16_t at; /* bytes seen */
    uint16_t mark;
    uint8_t state, escape, major, minor;
    uint8_t method; /* enum method */
    uint8_t field_count;
    bool has_query;
    /* what it means, once it is whole */
    bool is_chunked, wants_close, expects_continue;
    uint16_t method_n, target, path_n, target_n;
    int64_t content_length;                    /* -1: none given */
    uint8_t known[FIELDS_KNOWN];               /* 1 + the first field of that name; 0: absent */
    struct head_field fields[HEAD_FIELDS_MAX]; /* only field_count of them mean something */
};

enum head_result { HEAD_MORE, HEAD_DONE, HEAD_REFUSED };

void head_init(struct head *h);
/* `base` holds n bytes since the head's first. HEAD_DONE: the head is h->at bytes. HEAD_REFUSED sets the status. */
enum head_result head_feed(struct head *h, char *base, size_t n, int *ret_status);
enum known_field head_known(struct str lower_name);
const char *head_method_name(enum method m);

#endif
