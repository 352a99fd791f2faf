/* /devices and /contacts. Removing a device is an attempt, and comes with the other guarded actions. */
#include "api/resources.h"
#include "base/clock.h"

#define DEVICES_MOST 500 /* whose backups are spoken of */

struct listing {
    struct api_call *c;
    json_t *list;
    struct device_id ids[DEVICES_MOST];
    size_t n;
};

static enum err on_device(void *ctx, const struct device *d) {
    struct listing *l = ctx;
    json_t *o = json_device(d);
    if (l->n < ARRAY_LEN(l->ids)) l->ids[l->n++] = d->id;
    (void)json_object_set_new(o, "current", json_boolean(id_eq(d->id.b, l->c->caller.session.device.b)));
    (void)json_array_append_new(l->list, o);
    return OK;
}

/* How long its backup may stay away before its owner is told. */
static enum err add_expected(struct store_tx *tx, const struct repo_id *repo, json_t *o) {
    int64_t days = 0;
    enum err r = backup_expected(tx, repo, &days);
    if (r == OK) (void)json_object_set_new(o, "backup_expected_days", json_integer((json_int_t)days));
    return r;
}

static enum err devices_tx(struct store_tx *tx, void *ctx) {
    struct listing *l = ctx;
    enum err r;
    (void)json_array_clear(l->list);
    l->n = 0;
    r = device_each(tx, l->c->caller.session.account, l->c->g.arena, on_device, l);
    for (size_t i = 0; i < l->n && r == OK; i++)
        r = add_expected(tx, &(struct repo_id){ l->c->caller.session.account, l->ids[i] }, json_array_get(l->list, i));
    return r;
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
    int64_t days; /* -1: as they were */
    struct device device;
    int64_t days_now;
};

static enum err rename_tx(struct store_tx *tx, void *ctx) {
    struct renaming *n = ctx;
    struct account_id account = n->c->caller.session.account;
    const struct repo_id repo = { account, n->id };
    enum err r = n->name.p ? device_rename(tx, account, n->id, n->name) : OK;
    if (r == OK && n->name.p) r = guard_note(tx, account, NOTE_DEVICE_RENAMED, n->id.b);
    if (r == OK) r = device_get(tx, account, n->id, n->c->g.arena, &n->device);
    if (r == OK && n->days >= 0) r = backup_expect(tx, &repo, n->days);
    if (r == OK && n->days >= 0) r = guard_note(tx, account, NOTE_BACKUP_EXPECTED, n->id.b);
    return r == OK ? backup_expected(tx, &repo, &n->days_now) : r;
}

static bool read_days(struct http_request *req, json_t *body, int64_t *ret_days) {
    const json_t *days = json_object_get(body, "backup_expected_days");
    json_int_t n = json_integer_value(days);
    *ret_days = -1;
    if (!days) return true;
    *ret_days = n;
    if (json_is_integer(days) && n >= 0 && n <= BACKUP_EXPECTED_DAYS_MAX) return true;
    bad_request(req, "\"backup_expected_days\" is a number from 0 (never tell) to 3650.");
    return false;
}

void devices_rename(struct http_request *req, void *app) {
    static const char *const allowed[] = { "name", "backup_expected_days", NULL };
    struct api_call *c = call_begin_session(req, app);
    json_t *body = c ? http_json(req) : NULL;
    struct renaming n = { .c = c };
    json_t *device;
    enum err r;
    if (!body || !http_json_members(req, body, allowed) || !member_text(req, body, "name", NAME_BYTES_MAX * 2, &n.name))
        return;
    if (n.name.p && (name_check(n.name, &n.name) != OK || n.name.n == 0)) {
        bad_request(req, "That name can't be used.");
        return;
    }
    if (!read_days(req, body, &n.days) || !param_id(req, "id", n.id.b)) return;
    r = store_write(c->api->store, rename_tx, &n);
    if (r == OK) r = session_table_refresh(c->api->sessions, c->api->store, c->caller.session.account, clock_wall_ms());
    if (r != OK) {
        fail_err(req, r);
        return;
    }
    device = json_device(&n.device);
    (void)json_object_set_new(device, "backup_expected_days", json_integer((json_int_t)n.days_now));
    http_reply_json(req, 200, json_pack("{s:o}", "device", device));
}
