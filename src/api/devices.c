/* /devices and /contacts. Removing a device is an attempt, and comes with the other guarded actions. */
#include "api/resources.h"
#include "base/clock.h"

struct listing {
    struct api_call *c;
    json_t *list;
};

static enum err on_device(void *ctx, const struct device *d) {
    struct listing *l = ctx;
    json_t *o = json_device(d);
    (void)json_object_set_new(o, "current", json_boolean(id_eq(d->id.b, l->c->caller.session.device.b)));
    (void)json_array_append_new(l->list, o);
    return OK;
}

static enum err devices_tx(struct store_tx *tx, void *ctx) {
    struct listing *l = ctx;
    (void)json_array_clear(l->list);
    return device_each(tx, l->c->caller.session.account, l->c->g.arena, on_device, l);
}

static enum err on_contact(void *ctx, const struct contact *c) {
    struct listing *l = ctx;
    (void)json_array_append_new(l->list,
                                json_pack("{s:o,s:o,s:o,s:o}", "id", json_id(c->id.b), "email", json_str(c->email),
                                          "added_at", json_time(c->added_ms), "removed_at", json_time(c->removed_ms)));
    return OK;
}

static enum err contacts_tx(struct store_tx *tx, void *ctx) {
    struct listing *l = ctx;
    (void)json_array_clear(l->list);
    return contact_each(tx, l->c->caller.session.account, clock_wall_ms(), on_contact, l);
}

static void list(struct http_request *req, void *app, store_fn *fn, const char *name) {
    struct api_call *c = call_begin_session(req, app);
    struct listing l = { .c = c };
    enum err r;
    if (!c) return;
    l.list = json_array();
    r = store_read(c->api->store, fn, &l);
    if (r == OK) {
        http_reply_json(req, 200, json_pack("{s:o}", name, l.list));
        return;
    }
    json_decref(l.list);
    fail_err(req, r);
}

void devices_list(struct http_request *req, void *app) { list(req, app, devices_tx, "devices"); }

void contacts_list(struct http_request *req, void *app) { list(req, app, contacts_tx, "contacts"); }

struct renaming {
    struct api_call *c;
    struct device_id id;
    struct str name;
    struct device device;
};

static enum err rename_tx(struct store_tx *tx, void *ctx) {
    struct renaming *n = ctx;
    struct account_id account = n->c->caller.session.account;
    enum err r = n->name.p ? device_rename(tx, account, n->id, n->name) : OK;
    if (r == OK && n->name.p) r = guard_note(tx, account, NOTE_DEVICE_RENAMED, n->id.b);
    return r == OK ? device_get(tx, account, n->id, n->c->g.arena, &n->device) : r;
}

void devices_rename(struct http_request *req, void *app) {
    static const char *const allowed[] = { "name", NULL };
    struct api_call *c = call_begin_session(req, app);
    json_t *body = c ? http_json(req) : NULL;
    struct renaming n = { .c = c };
    enum err r;
    if (!body || !http_json_members(req, body, allowed) || !member_text(req, body, "name", NAME_BYTES_MAX * 2, &n.name))
        return;
    if (n.name.p && (name_check(n.name, &n.name) != OK || n.name.n == 0)) {
        bad_request(req, "That name can't be used.");
        return;
    }
    if (!param_id(req, "id", n.id.b)) return;
    r = store_write(c->api->store, rename_tx, &n);
    if (r == OK) r = session_table_refresh(c->api->sessions, c->api->store, c->caller.session.account, clock_wall_ms());
    if (r == OK)
        http_reply_json(req, 200, json_pack("{s:o}", "device", json_device(&n.device)));
    else
        fail_err(req, r);
}
