/*
 * JSON bodies: jansson with our limits. Passwords pass through it, so its memory is wiped as it is freed; a block's
 * size is asked of malloc, so that blocks made before the change of functions may be freed after it.
 */
#include <malloc.h>
#include <pthread.h>

#include "base/secret.h"
#include "http/http_priv.h"

#define JSON_DEPTH_MAX 16

static void wiping_free(void *p) {
    if (!p) return;
    bytes_wipe(p, malloc_usable_size(p));
    free(p);
}

static void set_functions(void) { json_set_alloc_funcs(malloc, wiping_free); }

void json_use_wiping_memory(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_functions);
}

/* How deep brackets nest outside of strings; jansson recurses, and its own limit is far higher. */
static bool is_shallow(struct str s) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (in_string && c == '\\') {
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '{' || c == '[')) {
            if (++depth > JSON_DEPTH_MAX) return false;
        } else if (!in_string && (c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

/* application/json, alone or with charset=utf-8. */
static bool is_json_type(struct str type) {
    struct str name;
    struct str parameter = str_trim(str_cut(type, ';', &name));
    if (!str_eq_nocase(str_trim(name), STR("application/json"))) return false;
    return parameter.n == 0 || str_eq_nocase(parameter, STR("charset=utf-8")) ||
           str_eq_nocase(parameter, STR("charset=\"utf-8\""));
}

bool http_is_json(const struct http_request *req) { return is_json_type(request_field(req, FIELD_CONTENT_TYPE)); }

json_t *http_json(struct http_request *req) {
    json_error_t error;
    if (req->json) return req->json;
    if (!http_is_json(req)) {
        http_reply_problem(req, 415, "bad_request", "The body must be application/json.");
        return NULL;
    }
    if (!is_shallow(req->body)) {
        http_reply_problem(req, 400, "bad_request", "The JSON nests too deep.");
        return NULL;
    }
    if (req->body.n > 0) req->json = json_loadb(req->body.p, req->body.n, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(req->json)) return req->json;
    json_decref(req->json);
    req->json = NULL;
    http_reply_problem(req, 400, "bad_request", "The body must be one JSON object.");
    return NULL;
}

static bool is_listed(const char *name, const char *const *allowed) {
    for (; *allowed; allowed++)
        if (strcmp(name, *allowed) == 0) return true;
    return false;
}

bool http_json_members(struct http_request *req, json_t *object, const char *const *allowed) {
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        if (is_listed(name, allowed)) continue;
        http_reply_problem(req, 400, "unknown_member", "The body has a member that this call does not know.");
        return false;
    }
    return true;
}
