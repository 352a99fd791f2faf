/* The hot call and its neighbours. session_show and sessions_check run on the loop: memory only. */
#include "api/resources.h"
#include "api/services.h"
#include "base/clock.h"

static void refuse_session(struct http_request *req) {
    http_reply_problem(req, 401, "unauthorized", "There is no such session. Sign in first.");
}

static struct str token_of(const struct http_request *req, const struct api *api) {
    struct str bearer = bearer_of(req);
    return bearer.n > 0 ? bearer : cookie_session(req, api);
}

/* The database is asked, on the work lane; the table is fresh afterwards. */
static void session_show_slow(struct http_request *req, void *app) {
    const struct session_entry *e = NULL;
    struct session s;
    bool is_trusted;
    if (session_of(app, token_of(req, app), &s, &is_trusted) &&
        session_find(reader_of(app), token_of(req, app), clock_wall_ms(), &e) == SESSION_ALIVE)
        http_reply(req, 200, "application/json", str_bytes(e->json, e->json_n));
    else
        refuse_session(req);
    session_reader_quiescent(reader_of(app));
}

void session_show(struct http_request *req, void *app) {
    struct api *api = app;
    const struct session_entry *e = NULL;
    struct session_reader *reader = reader_of(api);
    enum session_is is = reader ? session_find(reader, token_of(req, api), clock_wall_ms(), &e) : SESSION_UNKNOWN;
    if (is == SESSION_ALIVE)
        http_reply(req, 200, "application/json", str_bytes(e->json, e->json_n));
    else if (is == SESSION_STALE)
        http_hand_over(req, session_show_slow);
    else
        refuse_session(req);
    if (reader) session_reader_quiescent(reader);
}

/* Whatever looks like a session's token in what comes next. */
void sessions_ahead(void *app, const struct str *bytes, size_t n) {
    struct session_reader *reader = reader_of(app);
    struct str tokens[SESSION_AHEAD_MAX];
    size_t found = 0;
    for (size_t i = 0; i < n && found < SESSION_AHEAD_MAX; i++) {
        const char *at = memmem(bytes[i].p, bytes[i].n, "ts_", 3);
        size_t left = at ? bytes[i].n - (size_t)(at - bytes[i].p) : 0;
        if (left >= TOKEN_TEXT_SIZE - 1) tokens[found++] = str_bytes(at, TOKEN_TEXT_SIZE - 1);
    }
    if (reader && found > 1) session_ahead(reader, tokens, found);
}

/* Where a person came from, if the operator has named that place. */
static struct str return_place(struct http_request *req, const struct api *api) {
    struct str proto = http_header(req, "x-forwarded-proto"), host = http_header(req, "x-forwarded-host"),
               uri = http_header(req, "x-forwarded-uri"), rest = str_from(api->config->server_return_origins), word;
    const char *origin;
    if (!http_is_proxied(req) || proto.n == 0 || host.n == 0 || uri.n > 2000) return STR_NONE;
    if (uri.n == 0 || uri.p[0] != '/') return STR_NONE; /* "@evil.example" would change the host */
    origin = arena_fmt(http_arena(req), "%.*s://%.*s", STR_FMT(proto), STR_FMT(host));
    while (origin && rest.n > 0) {
        rest = str_cut(rest, ' ', &word);
        if (word.n > 0 && str_eq(word, str_from(origin)))
            return str_from(arena_fmt(http_arena(req), "%s%.*s", origin, STR_FMT(uri)));
    }
    return STR_NONE;
}

static struct str percent(struct arena *a, struct str s) {
    static const char hex[] = "0123456789ABCDEF", plain[] = "-_.~/:";
    char *out = arena_alloc(a, s.n * 3 + 1);
    size_t n = 0;
    if (!out) return STR_NONE;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_plain =
            (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c != 0 && strchr(plain, c));
        if (is_plain) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    return str_bytes(out, n);
}

static void send_to_sign_in(struct http_request *req, const struct api *api) {
    struct str accept = http_header(req, "accept"), place = return_place(req, api);
    const char *url;
    if (bearer_of(req).n > 0 || !accept.p || !memmem(accept.p, accept.n, "text/html", 9)) {
        refuse_session(req);
        return;
    }
    place = percent(http_arena(req), place);
    url = arena_fmt(http_arena(req), "%s/sign-in%s%.*s", api->config->server_origin, place.n ? "?return=" : "",
                    STR_FMT(place));
    if (url) http_add_header(req, "Location", str_from(url));
    http_reply(req, 302, "text/plain", STR(""));
}

static void verify_slow(struct http_request *req, void *app) {
    struct session s;
    bool is_trusted;
    if (session_of(app, token_of(req, app), &s, &is_trusted))
        session_verify(req, app);
    else
        send_to_sign_in(req, app);
}

void session_verify(struct http_request *req, void *app) {
    struct api *api = app;
    const struct session_entry *e = NULL;
    struct session_reader *reader = reader_of(api);
    char id[ID_TEXT_SIZE];
    enum session_is is = reader ? session_find(reader, token_of(req, api), clock_wall_ms(), &e) : SESSION_UNKNOWN;
    if (is == SESSION_ALIVE) {
        id_text(e->session.account.b, id);
        http_add_header(req, "Remote-User", str_from(id));
        http_add_header(req, "Remote-Email", e->email);
        if (e->name.n > 0) http_add_header(req, "Remote-Name", percent(http_arena(req), e->name));
        http_reply(req, 204, "text/plain", STR(""));
    } else if (is == SESSION_STALE) {
        http_hand_over(req, verify_slow);
    } else {
        send_to_sign_in(req, api);
    }
    if (reader) session_reader_quiescent(reader);
}

/* ---- many at once ---- */

#define CHECK_MAX 64

static bool read_tokens(struct http_request *req, json_t *body, struct str tokens[CHECK_MAX], size_t *ret_n) {
    static const char *const allowed[] = { "tokens", NULL };
    json_t *list = json_object_get(body, "tokens");
    size_t n = json_array_size(list);
    if (!http_json_members(req, body, allowed)) return false;
    if (n < 1 || n > CHECK_MAX) {
        bad_request(req, "\"tokens\" must be a list of 1 to 64.");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        json_t *v = json_array_get(list, i);
        if (!json_is_string(v)) {
            bad_request(req, "\"tokens\" must be a list of texts.");
            return false;
        }
        tokens[i] = str_bytes(json_string_value(v), json_string_length(v));
    }
    *ret_n = n;
    return true;
}

static const char *past_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
    return p;
}

/* The word there, past blanks, or NULL. */
static const char *past_word(const char *p, const char *end, struct str word) {
    p = past_space(p, end);
    return (size_t)(end - p) >= word.n && memcmp(p, word.p, word.n) == 0 ? p + word.n : NULL;
}

static bool is_plain_text(const char *p, size_t n) {
    bool is_plain = true;
    for (size_t i = 0; i < n; i++) is_plain &= p[i] >= ' ' && p[i] < 0x7f && p[i] != '\\';
    return is_plain;
}

/*
 * {"tokens":["…",…]}, nothing else and no escapes: as services write it, thousands of times a second. Then the tokens
 * are slices of the body. Whatever differs is read by the JSON library, which also says what is wrong with it.
 */
static bool slice_tokens(struct str body, struct str tokens[CHECK_MAX], size_t *ret_n) {
    const char *end = body.p + body.n, *p = past_word(body.p, end, STR("{")), *quote, *next;
    size_t n = 0;
    if (p) p = past_word(p, end, STR("\"tokens\""));
    if (p) p = past_word(p, end, STR(":"));
    if (p) p = past_word(p, end, STR("["));
    while (p && n < CHECK_MAX) {
        if (!(p = past_word(p, end, STR("\"")))) return false;
        if (!(quote = memchr(p, '"', (size_t)(end - p))) || !is_plain_text(p, (size_t)(quote - p))) return false;
        tokens[n++] = str_bytes(p, (size_t)(quote - p));
        if (!(next = past_word(quote + 1, end, STR(",")))) {
            *ret_n = n;
            p = past_word(quote + 1, end, STR("]"));
            if (p) p = past_word(p, end, STR("}"));
            return p && past_space(p, end) == end;
        }
        p = next;
    }
    return false;
}

static void reply_checked(struct http_request *req, const struct session_entry *const *entries, size_t n) {
    size_t size = sizeof "{\"results\":[]}" + n;
    char *out, *p;
    for (size_t i = 0; i < n; i++) size += entries[i] ? entries[i]->json_n : 4;
    out = p = arena_alloc(http_arena(req), size);
    if (!out) {
        fail_err(req, ERR_NOMEM);
        return;
    }
    p = mempcpy(p, "{\"results\":[", 12);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) *p++ = ',';
        p = entries[i] ? mempcpy(p, entries[i]->json, entries[i]->json_n) : mempcpy(p, "null", 4);
    }
    p = mempcpy(p, "]}", 2);
    http_reply(req, 200, "application/json", str_bytes(out, (size_t)(p - out)));
}

static void check_slow(struct http_request *req, void *app);

static bool are_all_there(const struct session_entry *const *entries, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!entries[i]) return false;
    return true;
}

/* Where other nodes write too, a token that is not found here is looked for in the database, on the work lane. */
static void check(struct http_request *req, struct api *api, bool may_read) {
    const struct session_entry *entries[CHECK_MAX];
    struct str tokens[CHECK_MAX];
    struct session_reader *reader = reader_of(api);
    size_t n = 0;
    if (!reader || !services_know(api->services, bearer_of(req))) {
        http_reply_problem(req, 401, "unauthorized", "A service token is needed: tocsin service add NAME.");
        return;
    }
    if (!http_is_json(req) || !slice_tokens(http_body(req), tokens, &n)) {
        json_t *body = http_json(req);
        if (!body || !read_tokens(req, body, tokens, &n)) return;
    }
    for (size_t i = 0; may_read && i < n; i++) {
        struct session s;
        bool is_trusted;
        (void)session_of(api, tokens[i], &s, &is_trusted); /* makes the table fresh */
    }
    session_find_many(reader, tokens, n, clock_wall_ms(), entries);
    if (!may_read && store_is_postgres(api->store) && !are_all_there(entries, n))
        http_hand_over(req, check_slow);
    else
        reply_checked(req, entries, n);
    session_reader_quiescent(reader);
}

static void check_slow(struct http_request *req, void *app) { check(req, app, true); }

void sessions_check(struct http_request *req, void *app) { check(req, app, false); }

/* ---- ending and listing ---- */

struct ending {
    struct account_id account;
    struct session_id id;
    bool is_rest; /* all but this one */
};

static enum err end_tx(struct store_tx *tx, void *ctx) {
    struct ending *e = ctx;
    enum err r = e->is_rest ? session_end_others(tx, e->account, &e->id) : session_end(tx, e->account, e->id);
    if (r != OK) return r;
    return guard_note(tx, e->account, e->is_rest ? NOTE_OTHER_SESSIONS_ENDED : NOTE_SESSION_ENDED, e->id.b);
}

static void end(struct http_request *req, struct api_call *c, struct ending *e) {
    enum err r = store_write(c->api->store, end_tx, e);
    if (r == OK) r = session_table_refresh(c->api->sessions, c->api->store, e->account, clock_wall_ms());
    if (r != OK) {
        fail_err(req, r);
        return;
    }
    live_recheck(c->api->live, e->account);
    if (!e->is_rest && id_eq(e->id.b, c->caller.session.id.b)) clear_session_cookie(req, c->api);
    http_reply(req, 204, "text/plain", STR(""));
}

void session_end_own(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    if (c) end(req, c, &(struct ending){ .account = c->caller.session.account, .id = c->caller.session.id });
}

void sessions_end_rest(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    if (c)
        end(req, c,
            &(struct ending){ .account = c->caller.session.account, .id = c->caller.session.id, .is_rest = true });
}

void sessions_end_one(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    struct ending e = { .is_rest = false };
    if (!c || !param_id(req, "id", e.id.b)) return;
    e.account = c->caller.session.account;
    end(req, c, &e);
}

struct listing {
    struct api_call *c;
    json_t *list;
};

static enum err on_session(void *ctx, const struct session *s, const struct device *d) {
    struct listing *l = ctx;
    (void)json_array_append_new(
        l->list,
        json_pack("{s:o,s:o,s:o,s:o,s:{s:o,s:o,s:o,s:b,s:o},s:b}", "id", json_id(s->id.b), "created_at",
                  json_time(s->created_ms), "expires_at", json_time(s->expires_ms), "proofs", json_proofs(s->proofs),
                  "device", "id", json_id(d->id.b), "name", json_str(d->name), "platform", json_str(d->platform),
                  "trusted", d->trusted_ms != 0, "place", d->place.n ? json_str(d->place) : json_null(), "current",
                  id_eq(s->id.b, l->c->caller.session.id.b)));
    return OK;
}

static enum err list_tx(struct store_tx *tx, void *ctx) {
    struct listing *l = ctx;
    int64_t now_ms = clock_wall_ms(), idle_ms = l->c->api->config->policy_session_idle;
    (void)json_array_clear(l->list);
    return session_each(tx,
                        &(struct session_span){ .account = l->c->caller.session.account,
                                                .now_ms = now_ms,
                                                .arena = l->c->g.arena,
                                                .seen_since_ms = idle_ms > 0 ? now_ms - idle_ms : 0 },
                        on_session, l);
}

void sessions_list(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    struct listing l = { .c = c };
    enum err r;
    if (!c) return;
    l.list = json_array();
    r = store_read(c->api->store, list_tx, &l);
    if (r == OK) {
        http_reply_json(req, 200, json_pack("{s:o}", "sessions", l.list));
        return;
    }
    json_decref(l.list);
    fail_err(req, r);
}
