/* Who calls, and the way of a call to guard and back. The request is suspended while the keeper works; nobody waits for
 * it. */
#include "api/call.h"
#include "api/spray.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

/* ---- reading ---- */

struct str bearer_of(const struct http_request *req) {
    struct str h = http_header(req, "authorization");
    if (h.n > 7 && str_eq_nocase(str_bytes(h.p, 7), STR("bearer "))) return str_trim(str_skip(h, 7));
    return STR_NONE;
}

struct str cookie_session(const struct http_request *req, const struct api *api) {
    return http_cookie(req, config_origin_is_https(api->config) ? "__Host-tocsin_session" : "tocsin_session");
}

struct str cookie_device(const struct http_request *req, const struct api *api) {
    return http_cookie(req, config_origin_is_https(api->config) ? "__Host-tocsin_device" : "tocsin_device");
}

bool request_is_own(const struct http_request *req, const struct api *api) {
    struct str origin = http_header(req, "origin"), site = http_header(req, "sec-fetch-site");
    if (origin.p) return str_eq(origin, str_from(api->config->server_origin));
    return site.p && str_eq(site, STR("same-origin"));
}

struct session_reader *reader_of(struct api *api) {
    static _Thread_local struct session_reader *mine;
    if (!mine) mine = session_reader_new(api->sessions);
    return mine;
}

bool session_of(struct api *api, struct str token, struct session *ret, bool *ret_is_trusted) {
    const struct session_entry *e = NULL;
    struct session_reader *reader = reader_of(api);
    struct account_id account;
    uint8_t hash[HASH_BYTES];
    enum session_is is;
    int64_t now_ms = clock_wall_ms();
    if (!reader || token.n == 0) return false;
    is = session_find(reader, token, now_ms, &e);
    if (is == SESSION_STALE) {
        session_reader_quiescent(reader);
        if (token_parse(TOKEN_SESSION, token, &account, hash) != OK) return false;
        if (session_table_refresh(api->sessions, api->store, account, now_ms) != OK) return false;
        is = session_find(reader, token, now_ms, &e);
    }
    if (is == SESSION_ALIVE) {
        *ret = e->session;
        *ret_is_trusted = e->is_trusted;
    }
    session_reader_quiescent(reader);
    return is == SESSION_ALIVE;
}

static bool changes_something(const struct http_request *req) {
    return !str_eq(http_method(req), STR("GET")) && !str_eq(http_method(req), STR("HEAD"));
}

static bool is_json(const struct http_request *req) {
    struct str type = http_header(req, "content-type"), head;
    if (str_eq(http_method(req), STR("DELETE")) && http_body(req).n == 0) return true;
    (void)str_cut(type, ';', &head);
    return str_eq_nocase(str_trim(head), STR("application/json"));
}

static bool read_caller(struct http_request *req, struct api_call *c) {
    struct guard_caller *caller = &c->caller;
    struct str bearer = bearer_of(req), cookie = cookie_session(req, c->api), session = STR_NONE;
    bool is_safe = !changes_something(req) || (request_is_own(req, c->api) && is_json(req));
    if (str_starts(bearer, STR("ta_"))) caller->attempt_token = bearer;
    if (str_starts(bearer, STR("ts_"))) session = bearer;
    if (cookie.n > 0 && session.n == 0) {
        if (!is_safe && caller->attempt_token.n == 0) return false;
        if (is_safe) session = cookie;
    }
    caller->has_session = session_of(c->api, session, &caller->session, &caller->is_trusted);
    if (is_safe) caller->device_token = cookie_device(req, c->api);
    c->is_browser = request_is_own(req, c->api);
    return true;
}

static struct api_call *make_call(struct http_request *req, struct api *api) {
    struct api_call *c = arena_alloc(http_arena(req), sizeof *c);
    if (!c) {
        http_reply_problem(req, 503, "busy", "Out of memory for this request.");
        return NULL;
    }
    c->api = api;
    c->server = http_server_of(req);
    c->g.caller = &c->caller;
    c->g.arena = http_arena(req);
    origin_make(api->places, http_peer(req), http_header(req, "user-agent"), &c->caller.from);
    return c;
}

struct api_call *call_begin(struct http_request *req, struct api *api) {
    struct api_call *c = make_call(req, api);
    if (!c || read_caller(req, c)) return c;
    http_reply_problem(req, 403, "cross_site",
                       "A call that uses cookies and changes something must come from tocsin's own pages, as JSON.");
    return NULL;
}

struct api_call *call_begin_form(struct http_request *req, struct api *api) {
    struct api_call *c = make_call(req, api);
    if (!c || !request_is_own(req, api)) return c;
    c->is_browser = true;
    c->caller.has_session = session_of(api, cookie_session(req, api), &c->caller.session, &c->caller.is_trusted);
    return c;
}

struct api_call *call_begin_session(struct http_request *req, struct api *api) {
    struct api_call *c = call_begin(req, api);
    if (!c || c->caller.has_session) return c;
    http_reply_problem(req, 401, "unauthorized", "Sign in first.");
    return NULL;
}

/* ---- guard and back ---- */

static const struct refusal {
    enum guard_say say;
    int status;
    const char *code, *detail;
} refusals[] = {
    { GUARD_WRONG_PROOF, 403, "wrong_proof", "That is not right." },
    { GUARD_TOO_MANY, 429, "too_many_tries", "Too many tries. Wait a while." },
    { GUARD_BUSY, 503, "busy", "Too much to do right now. Try again in a moment." },
    { GUARD_EXPIRED, 410, "expired", "This has ended. Start again." },
    { GUARD_DENIED, 403, "denied", "This was stopped by the account's owner." },
    { GUARD_CONFLICT, 409, "conflict", "This was done already, or something else came first." },
    { GUARD_NOT_PROVED, 409, "not_proved", "More proofs are needed first." },
    { GUARD_WEAK_PASSWORD, 422, "weak_password", "That password is too easy to guess." },
    { GUARD_BREACHED_PASSWORD, 422, "breached_password", "That password was found among stolen ones." },
    { GUARD_LOCKED_DOWN, 403, "locked_down",
      "This account is locked down. Recover it with your recovery key and a code." },
    { GUARD_NOT_FOUND, 404, "not_found", "There is no such thing." },
    { GUARD_UNAUTHORIZED, 401, "unauthorized", "A valid token is needed." },
    { GUARD_FORBIDDEN, 403, "forbidden", "Not from this device." },
    { GUARD_BAD_REQUEST, 400, "bad_request", "That can't be used here." },
    { GUARD_BROKEN, 503, "busy", "This could not be done right now. Nothing was changed. Try again in a moment." },
};

void call_refuse(struct http_request *req, const struct guard_answer *a) {
    const struct refusal *f = &refusals[ARRAY_LEN(refusals) - 1];
    char seconds[24];
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (refusals[i].say == a->say) f = &refusals[i];
    if (f->status == 429 || f->status == 503) {
        int64_t s = a->retry_ms > 0 ? (a->retry_ms + 999) / 1000 : 1;
        (void)snprintf(seconds, sizeof seconds, "%lld", (long long)s);
        http_add_header(req, "Retry-After", str_from(seconds));
    }
    http_reply_problem(req, f->status, f->code, a->reason[0] ? a->reason : f->detail);
}

/* Of what is done; another action's own name stands beside "attempt_done". */
static const char *const done_events[ACTION_COUNT] = {
    [ACTION_SIGN_UP] = "user_created",
    [ACTION_SIGN_IN] = "authn_login_success",
    [ACTION_CHANGE_PASSWORD] = "authn_password_change",
    [ACTION_RECOVER_PASSWORD] = "authn_password_change",
    [ACTION_ADD_PASSKEY] = "authn_token_created",
    [ACTION_REMOVE_PASSKEY] = "authn_token_revoked",
    [ACTION_CHANGE_EMAIL] = "user_updated",
    [ACTION_DELETE_ACCOUNT] = "user_archived",
};

/* What happened, in the vocabulary that log readers know. NULL: nothing worth a line. */
static const char *event_of(const struct guard_call *g) {
    enum guard_say say = g->answer.say;
    if (say == GUARD_TOO_MANY) return "excess_rate_limit_exceeded";
    if (say == GUARD_WRONG_PROOF) return "authn_login_fail";
    if (say == GUARD_FORBIDDEN) return "authz_fail";
    if (say != GUARD_OK) return NULL;
    if (g->verb == GUARD_ANSWER) return g->is_me ? "alert_answered_me" : "alert_answered_not_me";
    if (g->verb == GUARD_DENY) return "attempt_denied";
    if (g->verb != GUARD_COMMIT) return NULL;
    return done_events[g->answer.attempt.action] ? done_events[g->answer.attempt.action] : "attempt_done";
}

static void log_done(struct http_request *req, const struct guard_call *g) {
    const char *event = event_of(g);
    char attempt[ID_TEXT_SIZE], account[ID_TEXT_SIZE];
    if (!event) return;
    id_text(g->answer.attempt.id.b, attempt);
    id_text(g->answer.attempt.account.b, account);
    log_request_id_set(http_request_id(req));
    log_event(LOG_LEVEL_INFO, event, LOG_Z("account", account), LOG_Z("attempt", attempt),
              LOG_Z("action", action_rules[g->answer.attempt.action].name),
              LOG_Z("proof", g->verb == GUARD_PROVE ? proof_name(g->proof) : ""), LOG_Z("ip", g->caller->from.ip));
    log_request_id_set(STR(""));
}

static void on_done(struct http_request *req, void *ctx) {
    struct api_call *c = ctx;
    enum guard_say say = c->g.answer.say;
    log_done(req, &c->g);
    spray_note(&c->g);
    if (say == GUARD_OK || say == GUARD_HELD)
        c->reply(req, c);
    else if (c->refuse)
        c->refuse(req, c);
    else
        call_refuse(req, &c->g.answer);
}

static void done(struct guard_call *g) {
    struct api_call *c = g->ctx;
    http_resume(c->server, c->ticket, on_done, c);
}

static void on_step(struct http_request *req, void *ctx) {
    struct api_call *c = ctx;
    c->ticket = http_suspend(req);
    c->step(&c->g);
}

static void resume(struct guard_call *g, void (*step)(struct guard_call *)) {
    struct api_call *c = g->ctx;
    c->step = step;
    http_resume(c->server, c->ticket, on_step, c);
}

void call_run(struct http_request *req, struct api_call *c, api_reply *reply) {
    struct guard *guard = c->api->guard;
    c->reply = reply;
    c->g.resume = resume;
    c->g.done = done;
    c->g.ctx = c;
    c->ticket = http_suspend(req);
    guard_run(guard, &c->g);
}

/* ---- cookies ---- */

static void set_cookie(struct http_request *req, const struct api *api, const char *name, const char *value,
                       int64_t seconds) {
    bool is_https = config_origin_is_https(api->config);
    const char *text =
        arena_fmt(http_arena(req), "%s%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%lld%s", is_https ? "__Host-" : "",
                  name, value, (long long)seconds, is_https ? "; Secure" : "");
    if (text) http_add_header(req, "Set-Cookie", str_from(text));
}

#define DEVICE_COOKIE_S ((int64_t)400 * 86400) /* what browsers keep at most */

void set_cookies(struct http_request *req, const struct api *api, const struct guard_result *res) {
    int64_t seconds = (res->session.expires_ms - clock_wall_ms()) / 1000;
    if (res->has_session) set_cookie(req, api, "tocsin_session", res->session_token, seconds);
    if (res->has_device) set_cookie(req, api, "tocsin_device", res->device_token, DEVICE_COOKIE_S);
}

void clear_session_cookie(struct http_request *req, const struct api *api) {
    set_cookie(req, api, "tocsin_session", "", 0);
}

/* ---- members and parameters ---- */

void bad_request(struct http_request *req, const char *detail) { http_reply_problem(req, 400, "bad_request", detail); }

bool member_text(struct http_request *req, json_t *body, const char *name, size_t max, struct str *ret) {
    json_t *v = json_object_get(body, name);
    *ret = STR_NONE;
    if (!v || json_is_null(v)) return true;
    if (json_is_string(v) && json_string_length(v) <= max) {
        *ret = str_bytes(json_string_value(v), json_string_length(v));
        return true;
    }
    bad_request(req, arena_fmt(http_arena(req), "\"%s\" must be text of at most %zu bytes.", name, max));
    return false;
}

bool member_flag(struct http_request *req, json_t *body, const char *name, bool *ret) {
    json_t *v = json_object_get(body, name);
    *ret = json_is_true(v);
    if (!v || json_is_boolean(v)) return true;
    bad_request(req, arena_fmt(http_arena(req), "\"%s\" must be true or false.", name));
    return false;
}

bool param_id(struct http_request *req, const char *name, uint8_t ret_id[ID_BYTES]) {
    if (id_parse(http_param(req, name), ret_id) == OK) return true;
    http_reply_problem(req, 404, "not_found", "There is no such thing.");
    return false;
}

bool query_page(struct http_request *req, uint8_t ret_before[ID_BYTES], bool *ret_has_before, int *ret_limit) {
    struct str text;
    int64_t n = 20;
    enum err r = http_query(req, "limit", &text);
    if (r == ERR_INPUT || (r == OK && text.n > 0 && (str_to_i64(text, 100, &n) != OK || n < 1))) {
        bad_request(req, "limit must be a number from 1 to 100.");
        return false;
    }
    *ret_limit = (int)n;
    r = http_query(req, "before", &text);
    *ret_has_before = r == OK && text.n > 0;
    if (r == ERR_INPUT || (*ret_has_before && id_parse(text, ret_before) != OK)) {
        bad_request(req, "before must be an id.");
        return false;
    }
    return true;
}

void fail_err(struct http_request *req, enum err r) {
    struct guard_answer a = { .say = GUARD_BROKEN };
    if (r == ERR_NOT_FOUND) a.say = GUARD_NOT_FOUND;
    if (r == ERR_BUSY) a.say = GUARD_BUSY;
    if (r == ERR_CONFLICT) a.say = GUARD_CONFLICT;
    if (a.say == GUARD_BROKEN) log_err(r, "request");
    call_refuse(req, &a);
}
