/*
 * GET /exports/{id}: what the account holds, as a ZIP, for the owner's session and for a day after its attempt was
 * done. Made when it is fetched and kept nowhere. One at a time: each may take some 64 MiB.
 */
#include <stdatomic.h>

#include "api/export.h"
#include "api/resources.h"
#include "base/clock.h"

#define FILES_BYTES_MAX ((size_t)30 << 20) /* one file */
#define ZIP_BYTES_MAX   ((size_t)80 << 20)

static atomic_flag is_busy = ATOMIC_FLAG_INIT;

static void add_list(struct buf *out, const char *name, const struct export_list *list) {
    buf_addf(out, "\"%s\":[", name);
    buf_add(out, buf_str(&list->json));
    buf_addf(out, "],\n\"%s_complete\":%s", name, list->is_cut ? "false" : "true");
}

static void write_account(const struct export *x, struct buf *out) {
    static const char *const names[] = { "contacts",           "devices",  "passkeys", "sessions",
                                         "push_subscriptions", "countries" };
    char now[CLOCK_TEXT_SIZE];
    clock_text(x->now_ms, now);
    buf_addf(out, "{\"exported_at\":\"%s\",\n\"account\":", now);
    buf_add(out, buf_str(&x->head));
    for (int i = EXPORT_CONTACTS; i <= EXPORT_PLACES; i++) {
        buf_add_z(out, ",\n");
        add_list(out, names[i], &x->lists[i]);
    }
    buf_add_z(out, "}\n");
}

static void write_list(const struct export *x, enum export_list_is list, struct buf *out) {
    static const char *const names[] = {
        [EXPORT_ALERTS] = "alerts", [EXPORT_ATTEMPTS] = "attempts", [EXPORT_HISTORY] = "history"
    };
    buf_add_z(out, "{");
    add_list(out, names[list], &x->lists[list]);
    buf_add_z(out, "}\n");
}

static enum err make_zip(const struct export *x, struct buf *out) {
    static const char *const names[] = { "index.html", "account.json", "alerts.json", "attempts.json", "history.json" };
    struct buf texts[ARRAY_LEN(names)];
    struct export_file files[ARRAY_LEN(names)];
    enum err r = OK;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) buf_init(&texts[i], FILES_BYTES_MAX);
    export_page(x, &texts[0]);
    write_account(x, &texts[1]);
    for (int i = EXPORT_ALERTS; i <= EXPORT_HISTORY; i++)
        write_list(x, (enum export_list_is)i, &texts[2 + i - EXPORT_ALERTS]);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        files[i] = (struct export_file){ names[i], buf_str(&texts[i]) };
        if (buf_err(&texts[i]) != OK) r = buf_err(&texts[i]);
    }
    if (r == OK) r = export_zip(files, ARRAY_LEN(files), x->now_ms, out);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) buf_release(&texts[i]);
    return r;
}

static enum err make(struct api_call *c, struct buf *out) {
    struct export *x = NULL;
    enum err r = export_new(c->api, &x);
    if (r != OK) return r;
    x->account = c->caller.session.account;
    x->attempt = c->g.attempt;
    r = store_read(c->api->store, export_collect, x);
    if (r == OK) r = make_zip(x, out);
    export_free(x);
    return r;
}

void exports_fetch(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    struct buf out;
    enum err r = ERR_BUSY;
    if (!c || !param_id(req, "id", c->g.attempt.b)) return;
    buf_init(&out, ZIP_BYTES_MAX);
    if (!atomic_flag_test_and_set(&is_busy)) {
        r = make(c, &out);
        atomic_flag_clear(&is_busy);
    }
    if (r == OK) {
        http_add_header(req, "Content-Disposition", STR("attachment; filename=\"tocsin-export.zip\""));
        http_reply(req, 200, "application/zip", buf_str(&out));
    } else {
        fail_err(req, r);
    }
    buf_release(&out);
}
