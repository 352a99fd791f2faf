/* tocsin-front: wires the internet's side together. Everything here is opened before the first foreign byte is read. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ledger/ledger.h"
#include "tocsind/child.h"
#include "web/web.h"

#define DRAIN_MS     9000
#define PAIR_WAIT_MS 9000

struct front {
    struct child child;
    struct api api;
    struct http_server *metrics_server;
    struct http_route *routes;
    pthread_t ticker;
    bool has_ticker;
    struct keeper_reply pair; /* the keeper's word for which database it has; whole once it has answered */
    atomic_bool has_pair;
    bool is_paired; /* the ticker's, once it runs */
};

static const struct store_stmt *const *const statements[] = { identity_statements, ledger_statements, alarm_statements,
                                                              guard_statements,    backup_statements, NULL };

/* ---- what guard and the outbox desk tell ---- */

static void rows_written(void *ctx) { outbox_desk_wake(((struct front *)ctx)->api.desk); }

static void alert_changed(void *ctx, struct account_id account, struct alert_id alert) {
    live_alert(((struct front *)ctx)->api.live, account, alert);
}

static void code_asked(void *ctx, struct account_id account, struct attempt_id attempt) {
    live_code(((struct front *)ctx)->api.live, account, attempt);
}

static void sessions_changed(void *ctx, struct account_id account) {
    struct api *api = &((struct front *)ctx)->api;
    enum err r = session_table_refresh(api->sessions, api->store, account, clock_wall_ms());
    if (r != OK) log_err(r, "session table");
    backup_forget(api->backup, account);
    live_recheck(api->live, account);
}

static struct metric sent = {
    .name = "tocsin_deliveries_total", .help = "Deliveries by result.", .type = "counter", .labels = "result=\"sent\""
};
static struct metric failed = {
    .name = "tocsin_deliveries_total", .help = "Deliveries by result.", .type = "counter", .labels = "result=\"failed\""
};

static enum err delivery_recorded(void *ctx, struct store_tx *tx, const struct outbox_settled *s) {
    static const char *const channels[] = { "", "email", "push", "webhook", "live" };
    char detail[100];
    int n = snprintf(detail, sizeof detail, "{\"channel\":\"%s\",\"status\":%d}", channels[s->channel], s->status);
    (void)ctx;
    metric_add(s->is_sent ? &sent : &failed, 1);
    return ledger_append(tx,
                         &(struct ledger_entry){ .event = s->is_sent ? LEDGER_DELIVERY_SENT : LEDGER_DELIVERY_FAILED,
                                                 .account = s->account,
                                                 .subject = s->row.b,
                                                 .at_ms = s->at_ms,
                                                 .detail = str_bytes(detail, n > 0 ? (size_t)n : 0) });
}

static enum err unsubscribed(void *ctx, struct store_tx *tx, struct account_id account, struct push_id push) {
    enum err r = push_remove(tx, account, push);
    (void)ctx;
    return r == ERR_NOT_FOUND ? OK : r;
}

/* Word from other nodes: "" and NULL when some may have been missed. */
static void heard(void *ctx, const char *channel, const char *payload) {
    struct front *f = ctx;
    struct account_id account;
    (void)channel;
    if (!payload || id_parse(str_from(payload), account.b) != OK) return; /* what is old is read again by itself */
    sessions_changed(f, account);
}

static void note_sessions(struct front *f) {
    enum err r = session_table_flush(f->api.sessions, f->api.store);
    if (r != OK) log_err(r, "session use");
}

/* ---- the keeper's database ---- */

static const struct timespec wink = { .tv_nsec = 10000000 };

static void pair_told(void *ctx, const struct keeper_reply *reply) {
    struct front *f = ctx;
    f->pair = *reply;
    f->has_pair = true;
}

/* Waits for the keeper's answer; ERR_BUSY: there was none. */
static enum err check_pair_once(struct front *f) {
    struct store_problem problem = { "" };
    enum err r;
    f->has_pair = false;
    keeper_ask(f->api.keeper, &(struct keeper_request){ .ask = KEEPER_PAIR }, pair_told, f);
    while (!f->has_pair && !f->child.stop) (void)nanosleep(&wink, NULL);
    r = f->has_pair ? guard_pair(f->api.guard, &f->pair, &problem) : ERR_BUSY;
    if (r == ERR_CORRUPT)
        log_event(LOG_LEVEL_ERROR, "sys_startup_fail", LOG_Z("reason", problem.text), LOG_Z("error", err_name(r)));
    return r;
}

/*
 * Before anything is served. A keeper that stays silent is waited for only so long: sessions are checked without it,
 * and the ticker goes on asking.
 */
static enum err check_pair(struct front *f) {
    int64_t until_ms = clock_mono_ms() + PAIR_WAIT_MS;
    enum err r = check_pair_once(f);
    while (r == ERR_BUSY && !f->child.stop && clock_mono_ms() < until_ms) {
        (void)nanosleep(&wink, NULL); /* it has only just begun, or has much to do */
        r = check_pair_once(f);
    }
    f->is_paired = r == OK;
    return r == ERR_BUSY ? OK : r;
}

static void check_pair_later(struct front *f) {
    enum err r = f->is_paired ? OK : check_pair_once(f);
    f->is_paired = r == OK;
    if (r == ERR_CORRUPT) child_fail(&f->child, r);
}

static void *tick(void *arg) {
    struct front *f = arg;
    const struct timespec second = { .tv_sec = 1 };
    while (!f->child.stop) {
        check_pair_later(f);
        guard_tick(f->api.guard, clock_wall_ms());
        note_sessions(f);
        backup_tick(f->api.backup);
        (void)nanosleep(&second, NULL);
    }
    return NULL;
}

/* ---- opening ---- */

static enum err open_store(struct front *f) {
    struct store_problem problem = { "" };
    enum err r = store_open(&(struct store_options){ .database = f->child.database,
                                                     .migrations = "main",
                                                     .statements = statements,
                                                     .connections = (int)f->child.config.data_connections },
                            &f->api.store, &problem);
    if (r != OK)
        log_event(LOG_LEVEL_ERROR, "sys_startup_fail", LOG_Z("reason", problem.text), LOG_Z("error", err_name(r)));
    return r;
}

static enum err open_sessions(struct front *f) {
    static const char *const channels[] = { "tocsin_account", NULL };
    enum err r =
        session_table_new(!store_is_postgres(f->api.store), f->child.config.policy_session_idle, &f->api.sessions);
    if (r == OK) r = session_table_load(f->api.sessions, f->api.store, clock_wall_ms());
    if (r == OK) r = services_load(&f->api);
    return r == OK ? store_listen(f->api.store, channels, heard, f) : r;
}

/* A file that the configuration names and that can't be read: no new start heals that. */
static enum err refuse_file(enum err r, const char *reason, const char *path) {
    if (r == OK || r == ERR_NOMEM) return r;
    log_event(LOG_LEVEL_ERROR, "sys_startup_fail", LOG_Z("reason", reason), LOG_Z("path", path),
              LOG_Z("error", err_name(r)));
    return ERR_CORRUPT;
}

static enum err open_places(struct front *f) {
    const char *path = f->child.config.place_database;
    return refuse_file(path[0] ? places_open(path, &f->api.places) : OK, "[place] database can't be read as mmdb",
                       path);
}

static enum err open_breached(struct front *f) {
    const char *path = f->child.config.policy_breached_passwords;
    return refuse_file(path[0] ? breached_open(path, &f->api.breached) : OK,
                       "[policy] breached_passwords can't be read as lines of SHA-1:COUNT in order", path);
}

static void object_damaged(void *ctx, const char *key) {
    (void)ctx;
    log_event(LOG_LEVEL_ERROR, "sys_backup_damaged", LOG_Z("object", key));
}

static enum err open_backup(struct front *f) {
    return backup_new(&(struct backup_options){ .store = f->api.store,
                                                .guard = f->api.guard,
                                                .damaged = object_damaged,
                                                .config = &f->child.config,
                                                .folder_fd = f->child.backup_fd,
                                                .courier_fd = CHILD_FD_OBJECTS,
                                                .stop = &f->child.stop },
                      &f->api.backup);
}

static enum err open_guard(struct front *f) {
    enum err r = keeper_client_new(CHILD_FD_KEEPER, &f->api.keeper);
    if (r != OK) return r;
    return guard_new(&(struct guard_options){ .store = f->api.store,
                                              .keeper = f->api.keeper,
                                              .config = &f->child.config,
                                              .breached = f->api.breached,
                                              .rows_written = rows_written,
                                              .alert_changed = alert_changed,
                                              .code_asked = code_asked,
                                              .sessions_changed = sessions_changed,
                                              .ctx = f },
                     &f->api.guard);
}

static enum err open_desk(struct front *f) {
    return outbox_desk_start(&(struct outbox_desk_options){ .store = f->api.store,
                                                            .courier_fd = CHILD_FD_COURIER,
                                                            .changed = alert_changed,
                                                            .unsubscribed = unsubscribed,
                                                            .recorded = delivery_recorded,
                                                            .ctx = f },
                             &f->api.desk);
}

/* The contract's routes and the pages', in one list. */
static enum err merge_routes(struct front *f) {
    size_t a = 0, w = 0;
    while (api_routes[a].method) a++;
    while (web_routes[w].method) w++;
    f->routes = calloc(a + w + 1, sizeof *f->routes);
    if (!f->routes) return ERR_NOMEM;
    memcpy(f->routes, api_routes, a * sizeof *f->routes);
    memcpy(f->routes + a, web_routes, w * sizeof *f->routes);
    return OK;
}

static const char **headers_for(const struct config *c) {
    static const char *headers[16];
    size_t n = 0;
    for (size_t i = 0; api_headers[i]; i++)
        if (i != api_header_https || config_origin_is_https(c)) headers[n++] = api_headers[i];
    headers[n] = NULL;
    return headers;
}

static enum err open_http(struct front *f) {
    static int listeners[256];
    const struct config *c = &f->child.config;
    uint32_t n = f->child.keys->listener_count;
    enum err r = merge_routes(f);
    if (r != OK) return r;
    for (uint32_t i = 0; i < n && i < ARRAY_LEN(listeners); i++) listeners[i] = CHILD_FD_LISTEN + (int)i;
    return http_server_new(
        &(struct http_options){ .listeners = listeners,
                                .listener_count = (int)n,
                                .work_threads = (int)c->server_work_threads,
                                .queue_max = (int)c->server_queue,
                                .connections_max = (int)c->server_connections,
                                .connections_per_address_max = (int)c->server_connections_per_address,
                                .pin_to_cores = n > 1,
                                .trusted_proxies = c->server_trusted_proxies,
                                .routes = f->routes,
                                .app = &f->api,
                                .missing = web_missing,
                                .ahead = sessions_ahead,
                                .headers = headers_for(c) },
        &f->api.server);
}

static enum err open_metrics(struct front *f) {
    static const int listener[] = { CHILD_FD_METRICS };
    if (!f->child.config.metrics_listen[0]) return OK;
    return http_server_new(&(struct http_options){ .listeners = listener,
                                                   .listener_count = 1,
                                                   .work_threads = 1,
                                                   .queue_max = 16,
                                                   .connections_max = 64,
                                                   .connections_per_address_max = 64,
                                                   .routes = metrics_routes,
                                                   .app = &f->api,
                                                   .headers = api_headers },
                           &f->metrics_server);
}

static enum err open_all(struct front *f) {
    enum err r;
    f->api.config = &f->child.config;
    f->api.receipt_public = f->child.keys->receipt_public;
    f->api.vapid_public = f->child.keys->vapid_public;
    f->api.mail_fd = f->child.mail_fd;
    api_metrics_register(&f->child.config);
    metric_register(&sent);
    metric_register(&failed);
    if ((r = open_places(f)) != OK) return r;
    if ((r = open_breached(f)) != OK) return r;
    if ((r = open_store(f)) != OK) return r;
    if ((r = open_guard(f)) != OK) return r;
    if ((r = check_pair(f)) != OK) {
        store_close(f->api.store); /* nothing of it lies beside what is put back */
        return r;
    }
    if ((r = open_sessions(f)) != OK) return r;
    if ((r = live_new(&f->api, &f->api.live)) != OK) return r;
    if ((r = open_http(f)) != OK) return r;
    if ((r = open_desk(f)) != OK) return r;
    if ((r = open_backup(f)) != OK) return r;
    if ((r = open_metrics(f)) != OK) return r;
    if ((r = control_start(&f->api, CHILD_FD_CONTROL)) != OK) return r;
    if (pthread_create(&f->ticker, NULL, tick, f) != 0) return ERR_NOMEM;
    f->has_ticker = true;
    if (f->metrics_server && (r = http_server_start(f->metrics_server)) != OK) return r;
    return http_server_start(f->api.server);
}

static void serve(struct front *f) {
    const struct timespec moment = { .tv_nsec = 50000000 };
    child_ready();
    while (!f->child.stop) (void)nanosleep(&moment, NULL);
    log_event(LOG_LEVEL_INFO, "sys_shutdown", LOG_Z("step", "drain"));
    http_server_drain(f->api.server, DRAIN_MS);
    if (f->metrics_server) http_server_drain(f->metrics_server, 100);
    if (f->has_ticker) (void)pthread_join(f->ticker, NULL);
    note_sessions(f);
    outbox_desk_stop(f->api.desk);
    backup_free(f->api.backup);
    store_close(f->api.store);
}

int main(void) {
    static struct front f;
    enum err r = child_begin(SANDBOX_FRONT, &f.child);
    if (r != OK) return 1;
    r = open_all(&f);
    if (r != OK) {
        log_err(r, "start of the front");
        child_fail(&f.child, r);
    }
    serve(&f);
    child_end(&f.child);
    return 0;
}
