/*
 * A strict reader of one small JSON object (RFC 8259) for those who may not link a whole JSON library: the keeper reads
 * clientDataJSON with it, JWS its headers. It allocates nothing: members are spans of the text, which must outlive
 * them.
 *
 * Refused (ERR_INPUT): anything but one object, bytes that are not UTF-8, a byte order mark, NUL, lone surrogates,
 * members with the same name (at every level, compared after unescaping). ERR_TOO_LARGE: over JOBJECT_BYTES_MAX,
 * JOBJECT_MEMBERS_MAX in one object, or JOBJECT_DEPTH_MAX.
 */
#ifndef TOCSIN_BASE_JOBJECT_H
#define TOCSIN_BASE_JOBJECT_H

#include "base/buf.h"

#define JOBJECT_BYTES_MAX   4096
#define JOBJECT_MEMBERS_MAX 24
#define JOBJECT_DEPTH_MAX   6

enum jkind {
    JKIND_NONE = 0,
    JKIND_STRING,
    JKIND_NUMBER,
    JKIND_TRUE,
    JKIND_FALSE,
    JKIND_NULL,
    JKIND_ARRAY,
    JKIND_OBJECT
};

struct jmember {
    struct str name;  /* escaped, without its quotes */
    struct str value; /* as it stands; a string without its quotes */
    enum jkind kind;
};

struct jobject {
    size_t n;
    struct jmember member[JOBJECT_MEMBERS_MAX];
};

enum err jobject_read(struct str text, struct jobject *ret) MUST_CHECK;
enum jkind jobject_kind(const struct jobject *o, const char *name); /* JKIND_NONE where it has no such member */
/* Is the member a string, and after unescaping exactly this? */
bool jobject_is(const struct jobject *o, const char *name, struct str text);
/* Adds the unescaped string. ERR_NOT_FOUND when the member is absent or no string; the buffer's own failures. */
enum err jobject_text(const struct jobject *o, const char *name, struct buf *to) MUST_CHECK;

#endif
