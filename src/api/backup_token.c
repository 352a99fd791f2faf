/* /devices/{id}/backup-token and /backups: what a device's own session, and the owner, see of backups. */
#include "api/resources.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"

struct making {
    struct account_id account;
    struct device_id device;
    uint8_t hash[HASH_BYTES];
};

static enum err make_tx(struct store_tx *tx, void *ctx) {
    const struct making *m = ctx;
    return backup_token_set(tx, m->account, m->device, clock_wall_ms(), m->hash);
}

static void reply_token(struct http_request *req, const struct api *api, const struct making *m, const char *token) {
    const char *origin = api->config->server_origin, *host = strstr(origin, "://");
    char device[ID_TEXT_SIZE];
    const char *repository;
    id_text(m->device.b, device);
    repository = arena_fmt(http_arena(req), "rest:%.*s://%s:%s@%s/backup/%s/", (int)(host - origin), origin, device,
                           token, host + 3, device);
    if (repository)
        http_reply_json(req, 201, json_pack("{s:s,s:s}", "token", token, "repository", repository));
    else
        fail_err(req, ERR_NOMEM);
}

void backup_token_make(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    struct making m = { 0 };
    char token[TOKEN_TEXT_SIZE];
    enum err r;
    if (!c || !param_id(req, "id", m.device.b)) return;
    if (!id_eq(m.device.b, c->caller.session.device.b)) {
        http_reply_problem(req, 403, "forbidden", "A device gets its backup token itself, and no other for it.");
        return;
    }
    m.account = c->caller.session.account;
    token_new(TOKEN_BACKUP, m.account, token, m.hash);
    r = store_write(c->api->store, make_tx, &m);
    backup_forget(c->api->backup, m.account); /* the one before ends at once */
    if (r == OK)
        reply_token(req, c->api, &m, token);
    else
        fail_err(req, r);
    bytes_wipe(token, sizeof token);
}

static json_t *growth_json(const struct backup_growth *g) {
    json_t *list = json_array();
    for (size_t i = 0; i < g->n; i++)
        (void)json_array_append_new(
            list, json_pack("{s:o,s:I}", "at", json_time(g->days[i].at_ms), "bytes", (json_int_t)g->days[i].bytes));
    return list;
}

static enum err on_backup(void *ctx, const struct backup_summary *s) {
    (void)json_array_append_new(ctx, json_pack("{s:o,s:I,s:I,s:o,s:I,s:o}", "device", json_id(s->device.b), "bytes",
                                               (json_int_t)s->bytes, "files", (json_int_t)s->files, "last_write",
                                               json_time(s->last_write_ms), "snapshots", (json_int_t)s->snapshots,
                                               "growth", growth_json(&s->growth)));
    return OK;
}

void backups_list(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    json_t *list;
    enum err r;
    if (!c) return;
    list = json_array();
    r = backup_each(c->api->backup, c->caller.session.account, on_backup, list);
    if (r == OK) {
        http_reply_json(req, 200, json_pack("{s:o}", "backups", list));
        return;
    }
    json_decref(list);
    fail_err(req, r);
}
