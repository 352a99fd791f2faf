/* /push: the key, and the subscriptions of this account's devices. */
#include "api/resources.h"
#include "base/clock.h"
#include "base/enc.h"

#define ENDPOINT_BYTES_MAX 1000
#define SUBSCRIPTIONS_MAX  50
#define OF_DEVICE_MAX      10

void push_key(struct http_request *req, void *app) {
    const struct api *api = app;
    char text[B64URL_LEN(P256_POINT_BYTES) + 1], body[160];
    int n;
    (void)enc_b64url(api->vapid_public, P256_POINT_BYTES, text);
    n = snprintf(body, sizeof body, "{\"public_key\":\"%s\"}", text);
    http_reply(req, 200, "application/json", str_bytes(body, (size_t)n));
}

/* https to anywhere; plain http only where the operator allows private networks (tests). No user part, no fragment, no
 * odd bytes. */
static bool endpoint_is_sound(struct str e, const struct config *config) {
    struct str rest;
    if (str_starts(e, STR("https://")))
        rest = str_skip(e, 8);
    else if (config->push_allow_private_networks && str_starts(e, STR("http://")))
        rest = str_skip(e, 7);
    else
        return false;
    if (rest.n < 4) return false;
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] <= 0x20 || rest.p[i] > 0x7e || strchr("\"<>\\^`{|}#@", rest.p[i])) return false;
    return true;
}

static bool key_is_sound(const uint8_t point[P256_POINT_BYTES]) {
    struct p256_key *k = NULL;
    uint8_t shared[32];
    bool is_sound = p256_generate(&k) == OK && p256_ecdh(k, str_bytes(point, P256_POINT_BYTES), shared) == OK;
    p256_free(k);
    return is_sound;
}

static bool read_keys(struct http_request *req, json_t *keys, struct push_subscription *p) {
    static const char *const allowed[] = { "p256dh", "auth", NULL };
    struct str p256dh, auth;
    size_t n = 0;
    if (!json_is_object(keys)) {
        bad_request(req, "\"subscription\" needs \"keys\".");
        return false;
    }
    if (!http_json_members(req, keys, allowed) || !member_text(req, keys, "p256dh", 100, &p256dh) ||
        !member_text(req, keys, "auth", 30, &auth))
        return false;
    if (dec_b64url(auth, p->auth, sizeof p->auth, &n) != OK || n != sizeof p->auth) {
        bad_request(req, "\"auth\" must be 16 bytes.");
        return false;
    }
    if (dec_b64url(p256dh, p->p256dh, sizeof p->p256dh, &n) != OK || n != sizeof p->p256dh ||
        !key_is_sound(p->p256dh)) {
        bad_request(req, "\"p256dh\" must be a point of P-256.");
        return false;
    }
    return true;
}

static bool read_subscription(struct http_request *req, const struct api *api, json_t *body,
                              struct push_subscription *p) {
    static const char *const allowed[] = { "subscription", NULL };
    static const char *const inner[] = { "endpoint", "keys", "expirationTime", NULL };
    json_t *s = json_object_get(body, "subscription");
    if (!http_json_members(req, body, allowed)) return false;
    if (!json_is_object(s)) {
        bad_request(req, "\"subscription\" is missing.");
        return false;
    }
    if (!http_json_members(req, s, inner) || !member_text(req, s, "endpoint", ENDPOINT_BYTES_MAX, &p->endpoint))
        return false;
    if (!endpoint_is_sound(p->endpoint, api->config)) {
        bad_request(req, "\"endpoint\" must be an https address.");
        return false;
    }
    return read_keys(req, json_object_get(s, "keys"), p);
}

struct adding {
    struct account_id account;
    struct push_subscription p;
    struct arena *arena;
    size_t n, of_device;
};

static enum err on_counted(void *ctx, const struct push_subscription *p) {
    struct adding *a = ctx;
    if (str_eq(p->endpoint, a->p.endpoint)) return OK; /* it is replaced */
    a->n++;
    a->of_device += id_eq(p->device.b, a->p.device.b);
    return OK;
}

static enum err add_tx(struct store_tx *tx, void *ctx) {
    struct adding *a = ctx;
    enum err r;
    a->n = a->of_device = 0;
    if ((r = push_each(tx, a->account, a->arena, on_counted, a)) != OK) return r;
    if (a->n >= SUBSCRIPTIONS_MAX || a->of_device >= OF_DEVICE_MAX) return ERR_TOO_LARGE;
    if ((r = push_add(tx, a->account, &a->p)) != OK) return r;
    return guard_note(tx, a->account, NOTE_PUSH_ADDED, a->p.id.b);
}

void push_subscribe(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    json_t *body = c ? http_json(req) : NULL;
    struct adding a = { .n = 0 };
    enum err r;
    if (!body || !read_subscription(req, c->api, body, &a.p)) return;
    a.account = c->caller.session.account;
    a.arena = c->g.arena;
    a.p.device = c->caller.session.device;
    a.p.added_ms = clock_wall_ms();
    id_new(a.p.id.b);
    r = store_write(c->api->store, add_tx, &a);
    if (r == ERR_TOO_LARGE) {
        http_reply_problem(req, 409, "conflict", "This account has as many push subscriptions as it may have.");
        return;
    }
    if (r != OK) {
        fail_err(req, r);
        return;
    }
    http_reply_json(req, 201, json_pack("{s:o}", "id", json_id(a.p.id.b)));
}

struct listing {
    struct api_call *c;
    json_t *list;
};

static enum err on_listed(void *ctx, const struct push_subscription *p) {
    struct listing *l = ctx;
    json_t *o = json_push(p);
    (void)json_object_set_new(o, "current", json_boolean(id_eq(p->device.b, l->c->caller.session.device.b)));
    (void)json_array_append_new(l->list, o);
    return OK;
}

static enum err list_tx(struct store_tx *tx, void *ctx) {
    struct listing *l = ctx;
    (void)json_array_clear(l->list);
    return push_each(tx, l->c->caller.session.account, l->c->g.arena, on_listed, l);
}

void push_list(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    struct listing l = { .c = c };
    enum err r;
    if (!c) return;
    l.list = json_array();
    r = store_read(c->api->store, list_tx, &l);
    if (r == OK) {
        http_reply_json(req, 200, json_pack("{s:o}", "subscriptions", l.list));
        return;
    }
    json_decref(l.list);
    fail_err(req, r);
}

struct one {
    struct api_call *c;
    struct push_id id;
    bool is_found;
};

static enum err remove_tx(struct store_tx *tx, void *ctx) {
    struct one *o = ctx;
    enum err r = push_remove(tx, o->c->caller.session.account, o->id);
    return r == OK ? guard_note(tx, o->c->caller.session.account, NOTE_PUSH_REMOVED, o->id.b) : r;
}

void push_unsubscribe(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    struct one o = { .c = c };
    enum err r;
    if (!c || !param_id(req, "id", o.id.b)) return;
    r = store_write(c->api->store, remove_tx, &o);
    if (r == OK)
        http_reply(req, 204, "text/plain", STR(""));
    else
        fail_err(req, r);
}

struct testing {
    struct one *o;
    struct store_tx *tx;
};

static enum err on_test(void *ctx, const struct push_subscription *p) {
    struct testing *t = ctx;
    int64_t now_ms = clock_wall_ms();
    if (!id_eq(p->id.b, t->o->id.b)) return OK;
    t->o->is_found = true;
    return alarm_write_letter(t->tx, &(struct alarm_letter){ .account = t->o->c->caller.session.account,
                                                             .letter = LETTER_TEST,
                                                             .to = { .channel = OUTBOX_PUSH,
                                                                     .to = p->endpoint,
                                                                     .label = STR("test"),
                                                                     .p256dh = p->p256dh,
                                                                     .auth = p->auth,
                                                                     .push = p->id },
                                                             .title = STR("Alarms reach this device"),
                                                             .body = STR("This is only a test. Nothing happened."),
                                                             .at_ms = now_ms,
                                                             .expires_ms = now_ms + 5 * MS_PER_MIN });
}

static enum err test_tx(struct store_tx *tx, void *ctx) {
    struct testing t = { .o = ctx, .tx = tx };
    enum err r;
    t.o->is_found = false;
    r = push_each(tx, t.o->c->caller.session.account, t.o->c->g.arena, on_test, &t);
    return r == OK && !t.o->is_found ? ERR_NOT_FOUND : r;
}

void push_test(struct http_request *req, void *app) {
    static const char *const allowed[] = { NULL };
    struct api_call *c = call_begin_session(req, app);
    json_t *body = c ? http_json(req) : NULL;
    struct one o = { .c = c };
    enum err r;
    if (!body || !http_json_members(req, body, allowed) || !param_id(req, "id", o.id.b)) return;
    r = store_write(c->api->store, test_tx, &o);
    if (r != OK) {
        fail_err(req, r);
        return;
    }
    outbox_desk_wake(c->api->desk);
    http_reply(req, 202, "application/json", STR("{}"));
}
