/*
 * /backup/{device}/…: restic's REST protocol, both versions. The device of the credential reads and writes its own
 * repository; whatever else is asked goes to backup/guarded.c. restic shows the reason phrase of a refusal and nothing
 * else of it, so what to do stands there.
 */
#include <unistd.h>

#include "api/backup_guarded.h"
#include "api/backup_list.h"
#include "api/resources.h"
#include "base/log.h"

#define REFUSED_REASON "Restore not approved: approve it in tocsin on a device of yours, then run this again"
#define APPEND_REASON  "Backups are append-only here: allow deletion for this device in tocsin, then run this again"

struct rest_call {
    struct api *api;
    struct http_request *req;
    struct rest_credential who;
    struct rest_path path;
    struct repo_id repo;
    bool is_own;
    struct attempt_id restore; /* where it is not */
};

static void refuse(struct http_request *req, int status, const char *code, const char *reason) {
    http_set_reason(req, reason);
    http_reply_problem(req, status, code, reason);
}

static void refuse_method(struct http_request *req, const char *allow) {
    http_add_header(req, "Allow", str_from(allow));
    http_reply_problem(req, 405, "method_not_allowed", "This part of a repository does not take that method.");
}

/* A failure of the store of objects or of the database. */
static void fail(struct http_request *req, enum err r) {
    switch ((int)r) {
    case ERR_NOT_FOUND: http_reply_problem(req, 404, "not_found", "There is no such object."); return;
    case ERR_FULL: refuse(req, 507, "full", "No room left for backups here"); return;
    case ERR_TOO_LARGE: http_reply_problem(req, 413, "too_large", "No object of a repository is that large."); return;
    case ERR_CONFLICT: refuse(req, 403, "forbidden", "There is another config already"); return;
    case ERR_IO:
    case ERR_CORRUPT:
        log_err(r, "backup");
        refuse(req, 500, "internal", "The storage of the backups failed");
        return;
    default: fail_err(req, r);
    }
}

/* ---- who asks for what ---- */

static bool read_credential(struct rest_call *c) {
    enum err r = rest_credential_parse(http_header(c->req, "authorization"), &c->who);
    if (r == OK) r = backup_knows(c->api->backup, &c->who);
    if (r == OK) return true;
    if (r != ERR_INPUT && r != ERR_NOT_FOUND) {
        fail(c->req, r);
        return false;
    }
    http_add_header(c->req, "WWW-Authenticate", STR("Basic realm=\"tocsin backup\", charset=\"UTF-8\""));
    http_reply_problem(c->req, 401, "unauthorized", "A device id and its backup token are needed.");
    return false;
}

static bool is_safe(const struct http_request *req) {
    return str_eq(http_method(req), STR("GET")) || str_eq(http_method(req), STR("HEAD"));
}

static bool is_reading(const struct rest_call *c) { return is_safe(c->req); }

static bool is_lock(const struct rest_call *c) { return c->path.kind == REST_OBJECT && c->path.type == BLOB_LOCKS; }

/* Another device of the same account reads, or locks while it does. */
static enum backup_verdict ask_guard(struct rest_call *c) {
    struct backup_ask ask = { .repo = c->repo, .asker = c->who.device, .opens = is_reading(c) };
    struct origin from;
    origin_make(c->api->places, http_peer(c->req), http_header(c->req, "user-agent"), &from);
    ask.from = &from;
    return backup_guard_check(c->api->backup, &ask, &c->restore);
}

static bool may_enter(struct rest_call *c) {
    enum backup_verdict v = is_reading(c) || is_lock(c) ? ask_guard(c) : BACKUP_REFUSE;
    if (v == BACKUP_ALLOW) return true;
    if (v == BACKUP_UNKNOWN)
        fail_err(c->req, ERR_DATABASE);
    else if (is_reading(c))
        refuse(c->req, 403, "restore_not_approved", REFUSED_REASON);
    else
        refuse(c->req, 403, "forbidden", "This is another device's repository");
    return false;
}

static bool is_let_in(struct rest_call *c) {
    const struct backup_ask ask = { .repo = c->repo, .asker = c->who.device };
    return (is_reading(c) || is_lock(c)) && backup_guard_remembers(c->api->backup, &ask, true, &c->restore);
}

/* False: answered. */
static bool rest_begin(struct http_request *req, struct api *api, struct rest_call *c) {
    enum err r;
    *c = (struct rest_call){ .api = api, .req = req };
    if (!read_credential(c)) return false;
    c->repo.account = c->who.account;
    if (id_parse(http_param(req, "device"), c->repo.device.b) != OK ||
        rest_path_parse(http_param(req, "path"), &c->path) != OK) {
        http_reply_problem(req, 404, "not_found", "There is nothing at this address.");
        return false;
    }
    c->is_own = id_eq(c->repo.device.b, c->who.device.b);
    if (c->is_own || is_let_in(c)) return true;
    r = backup_has_device(api->backup, &c->repo);
    if (r == OK) return may_enter(c);
    fail(req, r);
    return false;
}

static struct blob_ref ref_of(const struct rest_call *c) {
    struct blob_ref ref = { .repo = c->repo, .type = c->path.type };
    memcpy(ref.name, c->path.name, sizeof ref.name);
    return ref;
}

/* ---- reading ---- */

static void note_request(const struct rest_call *c) {
    if (!c->is_own) backup_reads_add(c->api->backup, c->repo.account, c->restore, 0, 1);
}

/* False, of a near one alone: it must be handed over, and `got` is still the caller's. */
static bool reply_object(struct rest_call *c, const struct blob_got *got, bool is_part, bool is_near) {
    struct http_request *req = c->req;
    const struct http_file file = { .fd = got->fd, .offset = got->at, .length = got->length };
    int status = is_part ? 206 : 200;
    http_add_header(req, "Accept-Ranges", STR("bytes"));
    if (is_part) {
        const char *range = arena_fmt(http_arena(req), "bytes %lld-%lld/%lld", (long long)got->from,
                                      (long long)(got->from + got->length - 1), (long long)got->size);
        http_add_header(req, "Content-Range", str_from(range ? range : "bytes */*"));
    }
    if (!c->is_own) {
        const struct backup_passage p = { c->api->backup, c->repo, c->who.device, c->restore, is_near };
        return backup_guarded_reply(req, status, &p, got);
    }
    if (is_near) return http_reply_file_near(req, status, BACKUP_OCTETS, &file);
    http_reply_file(req, status, BACKUP_OCTETS, file);
    return true;
}

static void get_object(struct rest_call *c) {
    struct blob_ref ref = ref_of(c);
    struct blob_range range = { 0 };
    struct blob_got got;
    enum err r;
    rest_range_parse(http_header(c->req, "range"), &range);
    r = blobs_get(backup_blobs(c->api->backup), &ref, &range, &got);
    if (r == ERR_TOO_LARGE) {
        const char *size = arena_fmt(http_arena(c->req), "bytes */%lld", (long long)got.size);
        http_add_header(c->req, "Content-Range", str_from(size ? size : "bytes */*"));
        http_reply_problem(c->req, 416, "bad_request", "That part begins past the end.");
    } else if (r != OK) {
        fail(c->req, r);
    } else {
        (void)reply_object(c, &got, range.is_given, false);
    }
}

/* HEAD: its length, without opening it. */
static void head_object(struct rest_call *c) {
    struct blob_ref ref = ref_of(c);
    int64_t size = 0;
    enum err r = blobs_stat(backup_blobs(c->api->backup), &ref, &size);
    if (r != OK) {
        fail(c->req, r);
        return;
    }
    note_request(c);
    http_add_header(c->req, "Accept-Ranges", STR("bytes"));
    http_reply_source(c->req, 200, BACKUP_OCTETS, &(struct http_source){ .length = size });
}

static void read_any(struct http_request *req, void *app) {
    struct rest_call c;
    if (!rest_begin(req, app, &c)) return;
    switch (c.path.kind) {
    case REST_REPOSITORY: refuse_method(req, "POST, DELETE"); return;
    case REST_LIST:
        note_request(&c);
        backup_list_reply(req, c.api->backup, &c.repo, c.path.type);
        return;
    case REST_CONFIG:
    case REST_OBJECT:
        if (str_eq(http_method(req), STR("HEAD")))
            head_object(&c);
        else
            get_object(&c);
    }
}

/* An object whose reader was let in a moment ago. */
static bool near_begin(struct http_request *req, struct api *api, struct rest_call *c) {
    *c = (struct rest_call){ .api = api, .req = req };
    if (rest_credential_parse(http_header(req, "authorization"), &c->who) != OK || !backup_knew(api->backup, &c->who) ||
        id_parse(http_param(req, "device"), c->repo.device.b) != OK ||
        rest_path_parse(http_param(req, "path"), &c->path) != OK)
        return false;
    c->repo.account = c->who.account;
    c->is_own = id_eq(c->repo.device.b, c->who.device.b);
    if (c->path.kind != REST_CONFIG && c->path.kind != REST_OBJECT) return false;
    if (c->is_own) return true;
    return backup_guard_remembers(api->backup, &(struct backup_ask){ .repo = c->repo, .asker = c->who.device }, false,
                                  &c->restore);
}

/*
 * On the loop: answers what memory can answer (credential, permission, file), which saves the way to a work thread and
 * back. Whatever needs more than that, or is to be refused, goes there.
 */
void backup_read(struct http_request *req, void *app) {
    struct rest_call c;
    struct blob_range range = { 0 };
    struct blob_got got = { .fd = -1 };
    if (near_begin(req, app, &c)) {
        struct blob_ref ref = ref_of(&c);
        bool is_head = str_eq(http_method(req), STR("HEAD"));
        if (!is_head) rest_range_parse(http_header(req, "range"), &range);
        if ((c.is_own || !is_head) && blobs_get_near(backup_blobs(c.api->backup), &ref, &range, &got) == OK &&
            reply_object(&c, &got, range.is_given, true))
            return;
        if (got.fd >= 0) (void)close(got.fd);
    }
    http_hand_over(req, read_any);
}

/* ---- writing ---- */

struct upload {
    struct backup *backup;
    struct blob_ref ref;
    struct blob_put *put;
    int64_t reserved;
};

static void upload_fail(struct http_request *req, struct upload *u, enum err r) {
    blobs_put_drop(&u->put);
    backup_settle(u->backup, &u->ref, u->reserved, NULL);
    if (r == ERR_INPUT)
        http_reply_problem(req, 400, "bad_request", "The bytes are not those of that name.");
    else if (r != OK)
        fail(req, r);
}

static void upload_take(struct http_request *req, void *ctx, struct str bytes, enum http_piece is) {
    struct upload *u = ctx;
    struct blob_put_result result = { 0 };
    enum err r;
    if (is == HTTP_PIECE_CUT) {
        upload_fail(req, u, OK); /* the server answers, where anybody is left */
        return;
    }
    r = blobs_put_add(u->put, bytes);
    if (r == OK && is == HTTP_PIECE_MORE) return;
    if (r == OK) r = blobs_put_end(&u->put, &result);
    if (r != OK) {
        upload_fail(req, u, r);
        return;
    }
    backup_settle(u->backup, &u->ref, u->reserved, &result);
    http_reply(req, 200, BACKUP_OCTETS, STR(""));
}

/* An owner hears of some changes before they happen. False: answered. */
static bool warn(struct rest_call *c, bool is_removal) {
    struct backup_change change = { .ref = ref_of(c), .is_removal = is_removal };
    struct origin from;
    enum err r;
    if (c->path.type == BLOB_LOCKS || (!is_removal && c->path.type != BLOB_KEYS)) return true;
    origin_make(c->api->places, http_peer(c->req), http_header(c->req, "user-agent"), &from);
    change.from = &from;
    r = backup_warn(c->api->backup, &change);
    if (r == OK) return true;
    fail(c->req, r);
    return false;
}

static void put_object(struct rest_call *c) {
    struct upload *u = arena_alloc(http_arena(c->req), sizeof *u);
    enum err r;
    if (!u) {
        fail(c->req, ERR_NOMEM);
        return;
    }
    if (!warn(c, false)) return;
    *u = (struct upload){ .backup = c->api->backup, .ref = ref_of(c), .reserved = http_body_bytes(c->req) };
    r = backup_reserve(u->backup, &u->ref, u->reserved);
    if (r == ERR_INPUT) {
        http_reply_problem(c->req, 411, "bad_request", "There is a quota: say the length first.");
        return;
    }
    if (r != OK) {
        fail(c->req, r);
        return;
    }
    r = blobs_put_begin(backup_blobs(u->backup), &u->ref, u->reserved, &u->put);
    if (r == OK)
        http_body_begin(c->req, upload_take, u);
    else
        upload_fail(c->req, u, r);
}

static void create(struct rest_call *c) {
    struct str value;
    enum err r = http_query(c->req, "create", &value);
    if (r == OK && !str_eq(value, STR("true"))) r = ERR_INPUT;
    if (r != OK) {
        http_reply_problem(c->req, 400, "bad_request", "A repository is made with ?create=true.");
        return;
    }
    r = backup_make(c->api->backup, &c->repo);
    if (r == OK)
        http_reply(c->req, 200, BACKUP_OCTETS, STR(""));
    else
        fail(c->req, r);
}

void backup_write(struct http_request *req, void *app) {
    struct rest_call c;
    if (!rest_begin(req, app, &c)) return;
    switch (c.path.kind) {
    case REST_REPOSITORY: create(&c); return;
    case REST_LIST: refuse_method(req, "GET, HEAD"); return;
    case REST_CONFIG:
    case REST_OBJECT: put_object(&c);
    }
}

static bool may_delete(struct rest_call *c) {
    enum backup_verdict v = BACKUP_ALLOW;
    if (c->path.kind != REST_OBJECT || c->path.type != BLOB_LOCKS)
        v = backup_guard_may_delete(c->api->backup, &c->repo);
    if (v == BACKUP_ALLOW) return true;
    if (v == BACKUP_UNKNOWN)
        fail_err(c->req, ERR_DATABASE);
    else
        refuse(c->req, 403, "forbidden", APPEND_REASON);
    return false;
}

void backup_delete(struct http_request *req, void *app) {
    struct rest_call c;
    struct blob_ref ref;
    enum err r;
    if (!rest_begin(req, app, &c)) return;
    if (c.path.kind == REST_LIST) {
        refuse_method(req, "GET, HEAD");
        return;
    }
    if (!may_delete(&c)) return;
    if (c.path.kind == REST_REPOSITORY) {
        http_reply_problem(req, 501, "bad_request", "A whole repository can't be deleted here.");
        return;
    }
    if (!warn(&c, true)) return;
    ref = ref_of(&c);
    r = backup_remove(c.api->backup, &ref);
    if (r == OK || r == ERR_NOT_FOUND) /* a repeated delete is done already */
        http_reply(req, 200, BACKUP_OCTETS, STR(""));
    else
        fail(req, r);
}
