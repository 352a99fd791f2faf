/* Health, readiness, metrics, the description, and the well-known places. */
#include "api/resources.h"
#include "api/spray.h"
#include "base/clock.h"
#include "base/metrics.h"

extern const char api_openapi_text[]; /* docs/openapi.yaml, embedded */
extern const size_t api_openapi_bytes;

void health(struct http_request *req, void *app) {
    (void)app;
    http_reply(req, 204, "text/plain", STR(""));
}

static const char *missing_part(struct api *api) {
    struct keeper_reply reply;
    if (store_ping(api->store) != OK) return "The database does not answer.";
    keeper_ask_wait(api->keeper, &(struct keeper_request){ .ask = KEEPER_PING }, &reply);
    if (reply.say != KEEPER_RIGHT) return "tocsin-keeper does not answer.";
    return outbox_desk_is_alive(api->desk) ? NULL : "tocsin-courier does not answer.";
}

void ready(struct http_request *req, void *app) {
    const char *missing = missing_part(app);
    if (!missing) {
        http_reply(req, 204, "text/plain", STR(""));
        return;
    }
    http_add_header(req, "Retry-After", STR("1"));
    http_reply_problem(req, 503, "busy", missing);
}

static struct metric sessions_gauge = { .name = "tocsin_sessions",
                                        .help = "Live sessions in memory.",
                                        .type = "gauge" };
static struct metric transactions = { .name = "tocsin_database_transactions_total",
                                      .help = "Transactions of the main database.",
                                      .type = "counter" };
static struct metric commits = { .name = "tocsin_database_commits_total",
                                 .help = "Durable commits of the main database.",
                                 .type = "counter" };

void api_metrics_register(const struct config *config) {
    metric_register(&sessions_gauge);
    metric_register(&transactions);
    metric_register(&commits);
    spray_start(config->metrics_spray_accounts);
}

void metrics(struct http_request *req, void *app) {
    struct api *api = app;
    struct buf out;
    int64_t t = 0, c = 0;
    store_counts(api->store, &t, &c);
    metric_set(&sessions_gauge, session_table_count(api->sessions));
    metric_set(&transactions, t);
    metric_set(&commits, c);
    spray_refresh();
    buf_init(&out, 512 * 1024);
    metrics_write(&out);
    if (buf_err(&out) == OK)
        http_reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&out));
    else
        fail_err(req, buf_err(&out));
    buf_release(&out);
}

void openapi(struct http_request *req, void *app) {
    (void)app;
    http_reply_static(req, "application/yaml", str_bytes(api_openapi_text, api_openapi_bytes), "\"" TOCSIN_VERSION "\"",
                      "no-cache");
}

void change_password_redirect(struct http_request *req, void *app) {
    (void)app;
    http_add_header(req, "Location", STR("/change-password"));
    http_reply(req, 302, "text/plain", STR(""));
}

/* RFC 9116: contact and an end within a year. */
void security_txt(struct http_request *req, void *app) {
    const struct api *api = app;
    const char *team = api->config->mail_security_team;
    char until[CLOCK_TEXT_SIZE];
    const char *text;
    if (!team[0]) {
        http_reply_problem(req, 404, "not_found", "The operator has named no security team.");
        return;
    }
    clock_text(clock_wall_ms() + 180 * MS_PER_DAY, until);
    text = arena_fmt(http_arena(req), "Contact: mailto:%s\nExpires: %s\nCanonical: %s/.well-known/security.txt\n", team,
                     until, api->config->server_origin);
    http_reply(req, 200, "text/plain; charset=utf-8", str_from(text));
}
