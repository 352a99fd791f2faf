/* The pages' routes. A page for those who are signed in sends others to sign in first. */
#include "web/web.h"

#include "web/assets.h"
#include "web/web_priv.h"

static void reply_asset(struct http_request *req, const char *path_wanted) {
    struct str wanted = str_from(path_wanted);
    for (const struct web_asset *a = web_assets; a->path; a++)
        if (str_eq(str_from(a->path), wanted)) {
            http_reply_static(req, a->content_type, str_bytes(a->bytes, a->n), a->etag, "no-cache");
            return;
        }
    http_reply_problem(req, 404, "not_found", "There is no such page.");
}

void web_missing(struct http_request *req, void *app) {
    struct str accept = http_header(req, "accept");
    const struct web_asset *a = web_assets;
    (void)app;
    while (a->path && !str_eq(str_from(a->path), STR("page:missing"))) a++;
    if (a->path && accept.p && memmem(accept.p, accept.n, "text/html", 9) && !str_starts(http_path(req), STR("/api/")))
        http_reply(req, 404, a->content_type, str_bytes(a->bytes, a->n));
    else
        http_reply_problem(req, 404, "not_found", "There is nothing at this address.");
}

static void asset(struct http_request *req, void *app) {
    const char *path = arena_fmt(http_arena(req), "%.*s", STR_FMT(http_path(req)));
    (void)app;
    reply_asset(req, path && path[0] == '/' ? path : "");
}

static void go(struct http_request *req, const char *to) {
    http_add_header(req, "Location", str_from(to));
    http_reply(req, 303, "text/plain", STR(""));
}

static void page_welcome(struct http_request *req, void *app) {
    struct api_call *c = call_begin(req, app);
    if (!c) return;
    if (c->caller.has_session)
        go(req, "/home");
    else
        reply_asset(req, "page:welcome");
}

static void for_signed_in(struct http_request *req, struct api *api, const char *page) {
    struct api_call *c = call_begin(req, api);
    const char *to;
    if (!c) return;
    to = arena_fmt(http_arena(req), "/sign-in?return=%.*s", STR_FMT(http_path(req)));
    if (c->caller.has_session)
        reply_asset(req, page);
    else
        go(req, to ? to : "/sign-in");
}

static void page_home(struct http_request *req, void *app) { for_signed_in(req, app, "page:home"); }
static void page_alerts(struct http_request *req, void *app) { for_signed_in(req, app, "page:alerts"); }
static void page_security(struct http_request *req, void *app) { for_signed_in(req, app, "page:security"); }
static void page_backups(struct http_request *req, void *app) { for_signed_in(req, app, "page:backups"); }
static void page_checkup(struct http_request *req, void *app) { for_signed_in(req, app, "page:checkup"); }
static void page_purchase(struct http_request *req, void *app) { for_signed_in(req, app, "page:purchase"); }
static void page_change_password(struct http_request *req, void *app) {
    for_signed_in(req, app, "page:change-password");
}

/* For everybody: digits that were pushed to a device are shown there without a session, or a locked account had no way
 * back. */
static void page_code(struct http_request *req, void *app) {
    uint8_t id[ID_BYTES];
    (void)app;
    if (param_id(req, "attempt", id)) reply_asset(req, "page:code");
}

/* ---- back to where a person came from ---- */

static bool is_below(struct str place, struct str origin) {
    if (origin.n == 0 || !str_starts(place, origin)) return false;
    return place.n == origin.n || place.p[origin.n] == '/';
}

bool web_may_return(const struct config *config, struct str place) {
    struct str rest = str_from(config->server_return_origins), word;
    if (place.n == 0 || place.n > RETURN_BYTES_MAX) return false;
    for (size_t i = 0; i < place.n; i++)
        if (place.p[i] < 0x21 || place.p[i] > 0x7e || place.p[i] == '\\') return false;
    if (place.p[0] == '/') return place.n == 1 || place.p[1] != '/';
    if (is_below(place, str_from(config->server_origin))) return true;
    while (rest.n > 0) {
        rest = str_cut(rest, ' ', &word);
        if (is_below(place, word)) return true;
    }
    return false;
}

/* After a sign-in: to a page of ours, or to an origin that the configuration names. */
static void page_go(struct http_request *req, void *app) {
    const struct api *api = app;
    const char *to = NULL;
    struct str place;
    if (http_query(req, "return", &place) == OK && web_may_return(api->config, place))
        to = arena_fmt(http_arena(req), "%.*s", STR_FMT(place));
    go(req, to ? to : "/home");
}

static void page_sign_up(struct http_request *req, void *app) {
    (void)app;
    reply_asset(req, "page:sign-up");
}
static void page_sign_in(struct http_request *req, void *app) {
    (void)app;
    reply_asset(req, "page:sign-in");
}
static void page_recover(struct http_request *req, void *app) {
    (void)app;
    reply_asset(req, "page:recover");
}
static void page_waiting(struct http_request *req, void *app) {
    (void)app;
    reply_asset(req, "page:waiting");
}
static void page_offline(struct http_request *req, void *app) {
    (void)app;
    reply_asset(req, "page:offline");
}
static void page_problems(struct http_request *req, void *app) {
    (void)app;
    reply_asset(req, "page:problems");
}
static void page_learn(struct http_request *req, void *app) {
    (void)app;
    reply_asset(req, "page:learn");
}
static void favicon(struct http_request *req, void *app) {
    (void)app;
    reply_asset(req, "/img/bell.svg");
}
static void page_devices(struct http_request *req, void *app) {
    (void)app;
    go(req, "/security#devices");
}

const struct http_route web_routes[] = {
    { "GET", "/", HTTP_WORK, page_welcome, 0 },
    { "GET", "/home", HTTP_WORK, page_home, 0 },
    { "GET", "/alerts", HTTP_WORK, page_alerts, 0 },
    { "GET", "/security", HTTP_WORK, page_security, 0 },
    { "GET", "/backups", HTTP_WORK, page_backups, 0 },
    { "GET", "/checkup", HTTP_WORK, page_checkup, 0 },
    { "GET", "/learn", HTTP_FAST, page_learn, 0 },
    { "GET", "/purchase", HTTP_WORK, page_purchase, 0 },
    { "GET", "/change-password", HTTP_WORK, page_change_password, 0 },
    { "GET", "/code/{attempt}", HTTP_FAST, page_code, 0 },
    { "GET", "/go", HTTP_FAST, page_go, 0 },
    { "GET", "/sign-up", HTTP_FAST, page_sign_up, 0 },
    { "GET", "/sign-in", HTTP_FAST, page_sign_in, 0 },
    { "GET", "/recover", HTTP_FAST, page_recover, 0 },
    { "GET", "/waiting", HTTP_FAST, page_waiting, 0 },
    { "GET", "/offline", HTTP_FAST, page_offline, 0 },
    { "GET", "/devices", HTTP_FAST, page_devices, 0 },
    { "GET", "/problems", HTTP_FAST, page_problems, 0 },
    { "GET", "/problems/{code}", HTTP_FAST, page_problems, 0 },
    { "GET", "/a/{link}", HTTP_WORK, alert_page_show, 0 },
    { "POST", "/a/{link}", HTTP_WORK, alert_page_answer, 4096 },
    { "GET", "/css/{file}", HTTP_FAST, asset, 0 },
    { "GET", "/js/{file}", HTTP_FAST, asset, 0 },
    { "GET", "/img/{file}", HTTP_FAST, asset, 0 },
    { "GET", "/favicon.ico", HTTP_FAST, favicon, 0 },
    { "GET", "/sw.js", HTTP_FAST, asset, 0 },
    { "GET", "/manifest.webmanifest", HTTP_FAST, asset, 0 },
    { NULL, NULL, HTTP_FAST, NULL, 0 },
};
