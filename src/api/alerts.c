/* /alerts: list, stream, answer, seen. */
#include "api/resources.h"
#include "base/clock.h"

struct listing {
    struct api_call *c;
    json_t *list;
    int n;
    struct alert_id last;
};

static enum err on_alert(void *ctx, const struct alert *a) {
    struct listing *l = ctx;
    if (l->n++ == l->c->g.limit) return OK; /* one more than asked: there is a next page */
    l->last = a->id;
    (void)json_array_append_new(l->list, json_alert(a));
    return OK;
}

static enum err list_tx(struct store_tx *tx, void *ctx) {
    struct listing *l = ctx;
    const struct guard_call *g = &l->c->g;
    struct alert_id before;
    memcpy(before.b, g->before.b, ID_BYTES);
    l->n = 0;
    (void)json_array_clear(l->list);
    return alert_each(tx,
                      &(struct alert_page){ .account = l->c->caller.session.account,
                                            .before = g->has_before ? &before : NULL,
                                            .limit = g->limit + 1,
                                            .arena = g->arena },
                      on_alert, l);
}

void alerts_list(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    struct listing l = { .c = c };
    enum err r;
    if (!c || !query_page(req, c->g.before.b, &c->g.has_before, &c->g.limit)) return;
    l.list = json_array();
    r = store_read(c->api->store, list_tx, &l);
    if (r != OK) {
        json_decref(l.list);
        fail_err(req, r);
        return;
    }
    http_reply_json(
        req, 200, json_pack("{s:o,s:o}", "alerts", l.list, "next", l.n > c->g.limit ? json_id(l.last.b) : json_null()));
}

static void reply_answered(struct http_request *req, struct api_call *c) {
    const struct guard_answer *a = &c->g.answer;
    json_t *o =
        json_pack("{s:o,s:{s:s}}", "alert", json_alert(&a->alert), "account", "state",
                  a->account_state == ACCOUNT_NORMAL ? "normal" : "locked_down"); /* leaving, it opens to nobody */
    if (a->has_case) (void)json_object_set_new(o, "case", json_pack("{s:o}", "id", json_id(a->case_id.b)));
    http_reply_json(req, 200, o);
}

static bool read_answer(struct http_request *req, struct api_call *c, json_t *body) {
    struct str answer;
    if (!member_text(req, body, "answer", 20, &answer) || !member_text(req, body, "note", 1000, &c->g.note))
        return false;
    if (!member_flag(req, body, "tell_security_team", &c->g.tell_security_team)) return false;
    c->g.is_me = str_eq(answer, STR("me"));
    if (c->g.is_me || str_eq(answer, STR("not_me"))) return true;
    bad_request(req, "\"answer\" is me or not_me.");
    return false;
}

void alerts_answer(struct http_request *req, void *app) {
    static const char *const allowed[] = { "answer", "tell_security_team", "note", NULL };
    struct api_call *c = call_begin_session(req, app);
    json_t *body = c ? http_json(req) : NULL;
    if (!body || !http_json_members(req, body, allowed) || !read_answer(req, c, body)) return;
    if (!param_id(req, "id", c->g.alert.b)) return;
    c->g.has_alert = true;
    c->g.verb = GUARD_ANSWER;
    call_run(req, c, reply_answered);
}

static bool read_link(struct http_request *req, struct api_call *c, json_t *body) {
    if (!member_text(req, body, "link", 200, &c->g.link)) return false;
    if (c->g.link.n > 0) return true;
    bad_request(req, "\"link\" is missing.");
    return false;
}

void alerts_answer_link(struct http_request *req, void *app) {
    static const char *const allowed[] = { "link", "answer", "tell_security_team", "note", NULL };
    struct api_call *c = call_begin(req, app);
    json_t *body = c ? http_json(req) : NULL;
    if (!body || !http_json_members(req, body, allowed) || !read_link(req, c, body) || !read_answer(req, c, body))
        return;
    c->g.verb = GUARD_ANSWER;
    call_run(req, c, reply_answered);
}

static void reply_seen(struct http_request *req, struct api_call *c) {
    (void)c;
    http_reply(req, 204, "text/plain", STR(""));
}

void alerts_seen(struct http_request *req, void *app) {
    static const char *const allowed[] = { "link", NULL };
    struct api_call *c = call_begin(req, app);
    json_t *body = c ? http_json(req) : NULL;
    if (!body || !http_json_members(req, body, allowed) || !read_link(req, c, body)) return;
    c->g.verb = GUARD_SEEN;
    call_run(req, c, reply_seen);
}
