/* /attempts: open, show, prove, codes, approve, commit, deny, list. */
#include "api/resources.h"

#define SECRET_BYTES 1024

static bool set_attempt(struct http_request *req, struct api_call *c) { return param_id(req, "id", c->g.attempt.b); }

/* ---- what a restore has read: for the owner, beside what guard knows ---- */

struct showing {
    const struct attempt_view *views;
    size_t n;
    json_t *list;
};

static enum err add_read(struct store_tx *tx, const struct attempt_view *a, json_t *o) {
    struct backup_reads reads = { .bytes = 0 };
    enum err r;
    if (!a->is_owner_view || a->action != ACTION_RESTORE) return OK;
    if ((r = backup_reads_get(tx, a->account, a->id, &reads)) != OK) return r;
    (void)json_object_set_new(o, "read",
                              json_pack("{s:I,s:I,s:o}", "bytes", (json_int_t)reads.bytes, "requests",
                                        (json_int_t)reads.requests, "last", json_time(reads.last_ms)));
    return OK;
}

static enum err show_tx(struct store_tx *tx, void *ctx) {
    struct showing *s = ctx;
    enum err r = OK;
    for (size_t i = 0; i < s->n && r == OK; i++) r = add_read(tx, &s->views[i], json_array_get(s->list, i));
    return r;
}

static enum err json_attempts(struct api_call *c, const struct attempt_view *views, size_t n, json_t **ret_list) {
    struct showing s = { views, n, json_array() };
    bool has_restore = false;
    enum err r;
    for (size_t i = 0; i < n; i++) {
        (void)json_array_append_new(s.list, json_attempt(&views[i]));
        has_restore |= views[i].action == ACTION_RESTORE && views[i].is_owner_view;
    }
    r = has_restore ? store_read(c->api->store, show_tx, &s) : OK;
    if (r == OK)
        *ret_list = s.list;
    else
        json_decref(s.list);
    return r;
}

static void reply_attempt(struct http_request *req, struct api_call *c) {
    json_t *list = NULL;
    enum err r = json_attempts(c, &c->g.answer.attempt, 1, &list);
    if (r == OK)
        http_reply_json(req, 200, json_pack("{s:O}", "attempt", json_array_get(list, 0)));
    else
        fail_err(req, r);
    json_decref(list);
}

/* ---- POST /attempts ---- */

static void reply_opened(struct http_request *req, struct api_call *c) {
    http_reply_json(
        req, 201,
        json_pack("{s:o,s:s}", "attempt", json_attempt(&c->g.answer.attempt), "token", c->g.answer.attempt_token));
}

/* The members beside "action", for those who are signed in. */
static const char *const about_members[][3] = {
    [TAKES_NOTHING] = { "action", NULL },
    [TAKES_EMAIL] = { "action", "email", NULL },
    [TAKES_FROM_DEVICE] = { "action", "from_device", NULL },
    [TAKES_DEVICE] = { "action", "device", NULL },
    [TAKES_PASSKEY] = { "action", "passkey", NULL },
    [TAKES_PAYLOAD] = { "action", "payload", NULL },
};

/* An id that can't be one names nothing of the account's. */
static bool read_about(struct http_request *req, struct api_call *c, json_t *body) {
    enum takes takes = action_rules[c->g.action].takes;
    const char *name = about_members[takes][1];
    struct str id;
    if (takes == TAKES_PAYLOAD) return member_payload(req, body, &c->g.payload);
    if (takes != TAKES_FROM_DEVICE && takes != TAKES_DEVICE && takes != TAKES_PASSKEY) return true;
    if (!member_text(req, body, name, 64, &id)) return false;
    if (id.n == 0) {
        bad_request(req, "What it is about is missing.");
        return false;
    }
    if (id_parse(id, c->g.target) != OK) memset(c->g.target, 0, sizeof c->g.target);
    return true;
}

static bool read_opening(struct http_request *req, struct api_call *c, json_t *body) {
    static const char *const anyone[] = { "action", "email", "device_token", NULL };
    static const char *const sign_up[] = { "action", "email", NULL };
    static const char *const discoverable[] = { "action", "discoverable", "device_token", NULL };
    struct str action, device;
    const char *const *allowed = anyone;
    if (!member_text(req, body, "action", 40, &action)) return false;
    if (action_parse(action, &c->g.action) != OK || action_rules[c->g.action].opener == OPENER_SERVER) {
        bad_request(req, "\"action\" is missing or none that is known.");
        return false;
    }
    if (c->g.action == ACTION_SIGN_UP) allowed = sign_up;
    if (c->g.action == ACTION_SIGN_IN && !member_flag(req, body, "discoverable", &c->g.is_discoverable)) return false;
    if (c->g.is_discoverable) allowed = discoverable;
    if (action_rules[c->g.action].opener == OPENER_SESSION) allowed = about_members[action_rules[c->g.action].takes];
    if (!http_json_members(req, body, allowed) || !read_about(req, c, body)) return false;
    if (!member_text(req, body, "email", EMAIL_BYTES_MAX, &c->g.email)) return false;
    if (!member_text(req, body, "device_token", TOKEN_TEXT_SIZE + 64, &device)) return false;
    if (device.n > 0) c->caller.device_token = device;
    return true;
}

void attempts_open(struct http_request *req, void *app) {
    struct api_call *c = call_begin(req, app);
    json_t *body = c ? http_json(req) : NULL;
    if (!body || !read_opening(req, c, body)) return;
    c->g.verb = GUARD_OPEN;
    call_run(req, c, reply_opened);
}

/* ---- what came of it ---- */

/* Fetched with the owner's session: an address that is read over a shoulder gives nothing away. */
static void add_export(json_t *o, const struct api_call *c) {
    char id[ID_TEXT_SIZE];
    id_text(c->g.answer.attempt.id.b, id);
    (void)json_object_set_new(o, "download", json_sprintf("%s/api/v1/exports/%s", c->api->config->server_origin, id));
    (void)json_object_set_new(o, "expires_at", json_time(c->g.answer.result.export_ends_ms));
}

static json_t *json_result(const struct api_call *c) {
    const struct guard_result *res = &c->g.answer.result;
    json_t *o = json_object();
    if (res->window_ends_ms) (void)json_object_set_new(o, "window_ends_at", json_time(res->window_ends_ms));
    if (res->export_ends_ms) add_export(o, c);
    if (res->has_account)
        (void)json_object_set_new(o, "account",
                                  json_pack("{s:o,s:o,s:o}", "id", json_id(res->session.account.b), "email",
                                            json_str(res->account_email), "name", json_str(res->account_name)));
    if (res->has_session)
        (void)json_object_set_new(o, "session",
                                  json_pack("{s:o,s:s,s:o}", "id", json_id(res->session.id.b), "token",
                                            res->session_token, "expires_at", json_time(res->session.expires_ms)));
    if (res->has_device)
        (void)json_object_set_new(o, "device",
                                  json_pack("{s:o,s:s,s:o}", "id", json_id(res->device.b), "token", res->device_token,
                                            "name", json_str(res->device_name)));
    if (res->has_passkey)
        (void)json_object_set_new(o, "passkey", json_passkey(res->passkey.b, res->passkey_name, res->passkey_made_ms));
    if (res->receipt.n > 0) (void)json_object_set_new(o, "receipt", json_str(res->receipt));
    if (res->recovery_key[0]) (void)json_object_set_new(o, "recovery_key", json_string(res->recovery_key));
    return o;
}

/* ---- reading ---- */

static void reply_shown(struct http_request *req, struct api_call *c) {
    const struct guard_result *res = &c->g.answer.result;
    json_t *list = NULL, *result = NULL;
    enum err r = json_attempts(c, &c->g.answer.attempt, 1, &list);
    if (r != OK) {
        fail_err(req, r);
        return;
    }
    if (res->receipt.n > 0 || res->recovery_key[0]) result = json_result(c);
    http_reply_json(req, 200, json_pack("{s:O,s:o*}", "attempt", json_array_get(list, 0), "result", result));
    json_decref(list);
}

void attempts_show(struct http_request *req, void *app) {
    struct api_call *c = call_begin(req, app);
    if (!c || !set_attempt(req, c)) return;
    c->g.verb = GUARD_SHOW;
    call_run(req, c, reply_shown);
}

static void reply_list(struct http_request *req, struct api_call *c) {
    const struct guard_answer *a = &c->g.answer;
    json_t *list = NULL;
    enum err r = json_attempts(c, a->list, a->list_n, &list);
    if (r != OK) {
        fail_err(req, r);
        return;
    }
    http_reply_json(req, 200,
                    json_pack("{s:o,s:o}", "attempts", list, "next",
                              a->has_more ? json_id(a->list[a->list_n - 1].id.b) : json_null()));
}

void attempts_list(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    if (!c || !query_page(req, c->g.before.b, &c->g.has_before, &c->g.limit)) return;
    c->g.verb = GUARD_LIST;
    call_run(req, c, reply_list);
}

/* ---- proofs ---- */

static bool read_passkey(struct http_request *req, struct api_call *c, json_t *body) {
    static const char *const allowed[] = { "kind", "credential", NULL };
    c->g.proof = PROOF_PASSKEY;
    if (!http_json_members(req, body, allowed) || !member_credential(req, body, false, &c->g.secret)) return false;
    if (c->g.secret.n > 0) return true;
    bad_request(req, "The proof itself is missing.");
    return false;
}

static bool read_proof(struct http_request *req, struct api_call *c, json_t *body) {
    static const struct {
        enum proof proof;
        const char *member;
        const char *allowed[3];
    } kinds[] = { { PROOF_PASSWORD, "password", { "kind", "password", NULL } },
                  { PROOF_CODE, "code", { "kind", "code", NULL } },
                  { PROOF_EMAIL_CODE, "code", { "kind", "code", NULL } },
                  { PROOF_RECOVERY_KEY, "recovery_key", { "kind", "recovery_key", NULL } } };
    struct str kind;
    if (!member_text(req, body, "kind", 20, &kind)) return false;
    if (str_eq(kind, STR("passkey"))) return read_passkey(req, c, body);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!str_eq(kind, str_from(proof_name(kinds[i].proof)))) continue;
        c->g.proof = kinds[i].proof;
        if (!http_json_members(req, body, kinds[i].allowed)) return false;
        if (!json_is_string(json_object_get(body, kinds[i].member))) {
            bad_request(req, "The proof itself is missing.");
            return false;
        }
        return member_text(req, body, kinds[i].member, SECRET_BYTES, &c->g.secret);
    }
    bad_request(req, "\"kind\" is missing or none that is known.");
    return false;
}

/* A passkey that named the account: the attempt goes on as the account's, under a token of its own. */
static void reply_proved(struct http_request *req, struct api_call *c) {
    json_t *o = json_pack("{s:o}", "attempt", json_attempt(&c->g.answer.attempt));
    if (c->g.answer.attempt_token[0]) (void)json_object_set_new(o, "token", json_string(c->g.answer.attempt_token));
    http_reply_json(req, 200, o);
}

void attempts_prove(struct http_request *req, void *app) {
    struct api_call *c = call_begin(req, app);
    json_t *body = c ? http_json(req) : NULL;
    if (!body || !read_proof(req, c, body) || !set_attempt(req, c)) return;
    c->g.verb = GUARD_PROVE;
    call_run(req, c, reply_proved);
}

/* ---- codes ---- */

static void reply_code_there(struct http_request *req, struct api_call *c) {
    http_reply_json(req, 202, json_pack("{s:o}", "expires_at", json_time(c->g.answer.code_expires_ms)));
}

static void reply_digits(struct http_request *req, struct api_call *c) {
    http_reply_json(
        req, 200,
        json_pack("{s:s,s:o}", "digits", c->g.answer.digits, "expires_at", json_time(c->g.answer.code_expires_ms)));
}

void attempts_code(struct http_request *req, void *app) {
    static const char *const allowed[] = { "way", NULL };
    struct api_call *c = call_begin(req, app);
    json_t *body = c ? http_json(req) : NULL;
    struct str way;
    bool is_here;
    if (!body || !http_json_members(req, body, allowed) || !member_text(req, body, "way", 20, &way)) return;
    is_here = str_eq(way, STR("shown_here"));
    if (way.n > 0 && !is_here && !str_eq(way, STR("shown_there"))) {
        bad_request(req, "\"way\" is shown_there or shown_here.");
        return;
    }
    if (!set_attempt(req, c)) return;
    c->g.verb = is_here ? GUARD_CODE_HERE : GUARD_CODE_THERE;
    call_run(req, c, is_here ? reply_digits : reply_code_there);
}

void attempts_code_show(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    if (!c || !set_attempt(req, c)) return;
    c->g.verb = GUARD_CODE_SHOW;
    call_run(req, c, reply_digits);
}

void attempts_approve(struct http_request *req, void *app) {
    static const char *const allowed[] = { "digits", NULL };
    struct api_call *c = call_begin_session(req, app);
    json_t *body = c ? http_json(req) : NULL;
    if (!body || !http_json_members(req, body, allowed) || !member_text(req, body, "digits", 20, &c->g.secret)) return;
    if (c->g.secret.n == 0) {
        bad_request(req, "\"digits\" are missing: there is no approval without them.");
        return;
    }
    if (!set_attempt(req, c)) return;
    c->g.verb = GUARD_APPROVE;
    call_run(req, c, reply_attempt);
}

/* ---- commit and deny ---- */

static void reply_commit(struct http_request *req, struct api_call *c) {
    const struct guard_answer *a = &c->g.answer;
    if (a->say == GUARD_HELD) {
        http_reply_json(req, 202, json_pack("{s:o}", "attempt", json_attempt(&a->attempt)));
        return;
    }
    if (c->is_browser) set_cookies(req, c->api, &a->result);
    http_reply_json(req, 200, json_pack("{s:o,s:o}", "attempt", json_attempt(&a->attempt), "result", json_result(c)));
}

static bool read_device(struct http_request *req, struct api_call *c, json_t *body) {
    static const char *const allowed[] = { "name", NULL };
    json_t *device = json_object_get(body, "device");
    if (!device) return true;
    if (!json_is_object(device)) {
        bad_request(req, "\"device\" must be an object with a name.");
        return false;
    }
    return http_json_members(req, device, allowed) &&
           member_text(req, device, "name", NAME_BYTES_MAX * 2, &c->g.device_name);
}

void attempts_commit(struct http_request *req, void *app) {
    static const char *const allowed[] = { "password", "name", "device", "credential", NULL };
    struct api_call *c = call_begin(req, app);
    json_t *body = c ? http_json(req) : NULL;
    if (!body || !http_json_members(req, body, allowed) || !read_device(req, c, body)) return;
    if (!member_text(req, body, "password", 16384, &c->g.password) ||
        !member_text(req, body, "name", NAME_BYTES_MAX * 2, &c->g.name) ||
        !member_credential(req, body, true, &c->g.credential))
        return;
    if (!set_attempt(req, c)) return;
    c->g.verb = GUARD_COMMIT;
    call_run(req, c, reply_commit);
}

void attempts_deny(struct http_request *req, void *app) {
    static const char *const allowed[] = { NULL };
    struct api_call *c = call_begin_session(req, app);
    json_t *body = c ? http_json(req) : NULL;
    if (!body || !http_json_members(req, body, allowed) || !set_attempt(req, c)) return;
    c->g.verb = GUARD_DENY;
    call_run(req, c, reply_attempt);
}
