#include "cli/client.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/home.h"
#include "cli/memory.h"
#include "cli/terminal.h"

#define CONNECT_S        10L
#define WHOLE_S          60L
#define ANSWER_BYTES_MAX (1024 * 1024)
#define BUSY_TRIES       4
#define BUSY_S_MAX       5
#define URL_BYTES_MAX    1024

struct client {
    char origin[ORIGIN_BYTES_MAX + 1];
    CURL *easy; /* kept for its connection */
};

bool is_id(const char *text) {
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return n >= 1 && n <= ID_BYTES_MAX && text[n] == 0;
}

/* ---- origins ---- */

static bool is_this_machine(const char *host) {
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(host, names[i]) == 0) return true;
    return false;
}

static char *part_of(CURLU *u, CURLUPart part) {
    char *text = NULL;
    return curl_url_get(u, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool compose(CURLU *u, char *out, size_t size) {
    char *scheme = part_of(u, CURLUPART_SCHEME), *host = part_of(u, CURLUPART_HOST), *port = part_of(u, CURLUPART_PORT);
    bool is_right = false;
    int n = -1;
    if (scheme && host)
        is_right = strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && is_this_machine(host));
    if (is_right) n = snprintf(out, size, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return n > 0 && (size_t)n < size;
}

bool origin_check(const char *typed, char *out, size_t size) {
    static const CURLUPart never[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT };
    CURLU *u = curl_url();
    bool is_right = u && strlen(typed) <= ORIGIN_BYTES_MAX && curl_url_set(u, CURLUPART_URL, typed, 0) == CURLUE_OK;
    for (size_t i = 0; is_right && i < ARRAY_LEN(never); i++) {
        char *text = part_of(u, never[i]);
        if (text) is_right = false;
        curl_free(text);
    }
    if (is_right) {
        char *path = part_of(u, CURLUPART_PATH);
        is_right = path && strcmp(path, "/") == 0 && compose(u, out, size);
        curl_free(path);
    }
    curl_url_cleanup(u);
    if (!is_right) complain("%s is not an origin: https://HOST, or http:// only for this machine (localhost)", typed);
    return is_right;
}

/* ---- one call ---- */

struct client *client_new(const char *origin) {
    struct client *c = calloc(1, sizeof *c);
    if (c && str_to_z(str_from(origin), c->origin, sizeof c->origin) == OK && (c->easy = curl_easy_init())) return c;
    client_free(c);
    complain("%s", err_text(ERR_NOMEM));
    return NULL;
}

void client_free(struct client *c) {
    if (!c) return;
    curl_easy_cleanup(c->easy);
    free(c);
}

struct curl_slist *headers_add(struct curl_slist *headers, const char *name, struct str value) {
    char line[SECRET_BYTES_MAX + 100];
    struct curl_slist *longer;
    (void)snprintf(line, sizeof line, "%s%.*s", name, STR_FMT(value));
    longer = curl_slist_append(headers, line);
    bytes_wipe(line, sizeof line);
    if (!longer) headers_free(headers);
    return longer;
}

void headers_free(struct curl_slist *headers) { curl_slist_free_all(headers); /* by memory_free, which wipes */ }

static void set_common(const struct client *c, CURL *easy, const char *path) {
    char url[URL_BYTES_MAX];
    bool is_plain = str_starts(str_from(c->origin), STR("http:"));
    (void)snprintf(url, sizeof url, "%s/api/v1%s", c->origin, path);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https");
    if (is_plain) (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "tocsin/" TOCSIN_VERSION " (Linux)");
}

CURL *client_handle(const struct client *c, const char *path) {
    CURL *easy = curl_easy_init();
    if (easy) set_common(c, easy, path);
    return easy;
}

static size_t on_answer(char *bytes, size_t one, size_t n, void *ctx) {
    struct buf *b = ctx;
    buf_add(b, str_bytes(bytes, one * n));
    return buf_err(b) == OK ? n : 0;
}

static enum err once(struct client *c, const struct question *q, struct curl_slist *headers, const char *body,
                     struct buf *answer) {
    CURLcode rc;
    curl_easy_reset(c->easy);
    set_common(c, c->easy, q->path);
    (void)curl_easy_setopt(c->easy, CURLOPT_TIMEOUT, WHOLE_S);
    (void)curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, q->method);
    (void)curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_answer);
    (void)curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, answer);
    if (body) {
        (void)curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, body);
        (void)curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    }
    buf_reset(answer);
    rc = curl_easy_perform(c->easy);
    if (rc == CURLE_OK) return OK;
    if (buf_err(answer) != OK) {
        complain("%s answered with over %d bytes", c->origin, ANSWER_BYTES_MAX);
        return ERR_TOO_LARGE;
    }
    complain("%s does not answer: %s", c->origin, curl_easy_strerror(rc));
    return ERR_CLOSED;
}

static enum err read_reply(struct client *c, struct buf *answer, struct reply *ret) {
    const char *type = NULL;
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &ret->status);
    (void)curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    if (answer->n == 0) return OK;
    if (type && strstr(type, "json")) ret->body = json_loadb(answer->p, answer->n, JSON_REJECT_DUPLICATES, NULL);
    if (ret->body || ret->status >= 300) return OK;
    complain("%s does not answer as a tocsin server does", c->origin);
    return ERR_INPUT;
}

static bool is_busy(struct client *c, int tries) {
    curl_off_t wait_s = 0;
    long status = 0;
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 503 || tries >= BUSY_TRIES) return false;
    (void)curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &wait_s);
    if (wait_s < 1) wait_s = 1;
    (void)sleep((unsigned)(wait_s > BUSY_S_MAX ? BUSY_S_MAX : wait_s));
    return true;
}

enum err client_ask(struct client *c, const struct question *q, struct reply *ret) {
    struct curl_slist *headers = headers_add(NULL, "Accept: application/json", STR(""));
    char *body = q->body ? json_dumps(q->body, JSON_COMPACT) : NULL;
    struct reply reply = { .status = 0 };
    struct buf answer;
    enum err r = OK;
    buf_init(&answer, ANSWER_BYTES_MAX);
    if (q->body) headers = headers_add(headers, "Content-Type: application/json", STR(""));
    if (q->token.n > 0) headers = headers_add(headers, "Authorization: Bearer ", q->token);
    if (!headers || (q->body && !body)) {
        complain("%s", err_text(ERR_NOMEM));
        r = ERR_NOMEM;
    }
    for (int tries = 1; r == OK; tries++) {
        r = once(c, q, headers, body, &answer);
        if (r != OK || !is_busy(c, tries)) break;
    }
    if (r == OK) r = read_reply(c, &answer, &reply);
    if (r == OK) *ret = reply;
    buf_release(&answer);
    headers_free(headers);
    memory_free(body);
    json_decref(q->body);
    return r;
}

void reply_release(struct reply *r) {
    json_decref(r->body);
    r->body = NULL;
}

int reply_refuse(const struct reply *r) {
    const char *detail = text_of(r->body, "detail"), *title = text_of(r->body, "title");
    if (r->status == 401)
        complain("this session is over: tocsin login EMAIL");
    else if (detail[0] || title[0])
        complain("%s", detail[0] ? detail : title);
    else
        complain("the server refused (%d)", (int)r->status);
    return STATUS_NO;
}

int client_get(struct client *c, const struct question *q, json_t **ret_body) {
    struct reply reply;
    if (client_ask(c, q, &reply) != OK) return STATUS_NO;
    if (reply.status < 200 || reply.status > 299) {
        int status = reply_refuse(&reply);
        reply_release(&reply);
        return status;
    }
    *ret_body = reply.body;
    return STATUS_DONE;
}
