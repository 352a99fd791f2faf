/*
 * /dev/mail: what the embedded mode would have sent. Only there, and only for this machine itself. The files are our
 * own, but are shown as plain text all the same.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/resources.h"

#define MAILS_MAX      200
#define MAIL_BYTES_MAX (256 * 1024)

struct mail {
    char name[128];
    int64_t at_ms;
};

static bool is_allowed(struct http_request *req, const struct api *api) {
    struct str peer = http_peer(req);
    bool is_local = str_starts(peer, STR("127.")) || str_eq(peer, STR("::1")) || str_starts(peer, STR("::ffff:127."));
    if (api->config->is_embedded && api->mail_fd >= 0 && is_local) return true;
    http_reply_problem(req, 404, "not_found", "There is no such thing.");
    return false;
}

static int newest_first(const void *a, const void *b) {
    const struct mail *x = a, *y = b;
    if (x->at_ms != y->at_ms) return x->at_ms < y->at_ms ? 1 : -1;
    return strcmp(y->name, x->name);
}

static size_t list_mails(int folder, struct mail *list) {
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    size_t n = 0;
    if (!d) {
        if (fd >= 0) (void)close(fd);
        return 0;
    }
    while ((e = readdir(d)) != NULL && n < MAILS_MAX) {
        struct stat st;
        if (!str_ends(str_from(e->d_name), STR(".eml")) || strlen(e->d_name) >= sizeof list[n].name) continue;
        if (fstatat(folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) continue;
        if (str_to_z(str_from(e->d_name), list[n].name, sizeof list[n].name) != OK) continue;
        list[n++].at_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    }
    (void)closedir(d);
    qsort(list, n, sizeof *list, newest_first);
    return n;
}

static enum err read_mail(int folder, const char *name, struct arena *a, struct str *ret) {
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *text = arena_alloc(a, MAIL_BYTES_MAX);
    size_t n = 0;
    ssize_t got = 0;
    if (fd < 0 || !text) {
        if (fd >= 0) (void)close(fd);
        return ERR_NOT_FOUND;
    }
    while (n < MAIL_BYTES_MAX && (got = read(fd, text + n, MAIL_BYTES_MAX - n)) > 0) n += (size_t)got;
    (void)close(fd);
    *ret = str_bytes(text, n);
    return OK;
}

/* The value of a header of ours, as it stands. */
static struct str header_of(struct str mail, const char *name) {
    struct str line, key = str_from(name);
    while (mail.n > 0) {
        mail = str_cut(mail, '\n', &line);
        line = str_trim(line);
        if (line.n == 0) break;
        if (line.n > key.n && str_eq_nocase(str_bytes(line.p, key.n), key) && line.p[key.n] == ':')
            return str_trim(str_skip(line, key.n + 1));
    }
    return STR("");
}

/* The text/plain part, decoded: base64 or quoted-printable, as the courier writes them. */
static struct str plain_part(struct str mail) {
    const char *at = memmem(mail.p, mail.n, "text/plain", 10);
    struct str rest = at ? str_bytes(at, (size_t)(mail.p + mail.n - at)) : mail;
    const char *body = memmem(rest.p, rest.n, "\r\n\r\n", 4);
    const char *end;
    if (!body) return STR("");
    rest = str_bytes(body + 4, (size_t)(rest.p + rest.n - body - 4));
    end = memmem(rest.p, rest.n, "\r\n--", 4);
    return end ? str_bytes(rest.p, (size_t)(end - rest.p)) : rest;
}

static int hex_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_decoded(struct buf *out, struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r') continue;
        if (s.p[i] != '=') {
            buf_add_c(out, s.p[i]);
            continue;
        }
        if (i + 2 < s.n && hex_of(s.p[i + 1]) >= 0 && hex_of(s.p[i + 2]) >= 0) {
            buf_add_c(out, (char)(hex_of(s.p[i + 1]) << 4 | hex_of(s.p[i + 2])));
            i += 2;
        } else if (i + 2 < s.n && s.p[i + 1] == '\r') {
            i += 2; /* soft line end */
        } else if (i + 1 < s.n && s.p[i + 1] == '\n') {
            i += 1;
        }
    }
}

static void begin_page(struct buf *out, const char *title) {
    buf_addf(out,
             "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title>"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
             "<link rel=\"stylesheet\" href=\"/css/tocsin.css\"></head><body><main class=\"page\"><h1>%s</h1>",
             title, title);
}

static void end_page(struct http_request *req, struct buf *out) {
    buf_add_z(out, "</main></body></html>");
    if (buf_err(out) == OK)
        http_reply(req, 200, "text/html; charset=utf-8", buf_str(out));
    else
        fail_err(req, buf_err(out));
    buf_release(out);
}

static void list_json(struct http_request *req, const struct api *api, const struct mail *list, size_t n) {
    json_t *o = json_array();
    for (size_t i = 0; i < n; i++) {
        struct str mail = STR("");
        struct buf text;
        if (read_mail(api->mail_fd, list[i].name, http_arena(req), &mail) != OK) continue;
        buf_init(&text, MAIL_BYTES_MAX);
        add_decoded(&text, plain_part(mail));
        (void)json_array_append_new(o, json_pack("{s:s,s:o,s:o,s:o,s:o}", "name", list[i].name, "at",
                                                 json_time(list[i].at_ms), "to", json_str(header_of(mail, "To")),
                                                 "subject", json_str(header_of(mail, "Subject")), "text",
                                                 json_str(buf_str(&text))));
        buf_release(&text);
    }
    http_reply_json(req, 200, json_pack("{s:o}", "mails", o));
}

void devmail_list(struct http_request *req, void *app) {
    const struct api *api = app;
    struct str accept = http_header(req, "accept");
    struct mail *list;
    struct buf out;
    size_t n;
    if (!is_allowed(req, api)) return;
    list = arena_alloc(http_arena(req), MAILS_MAX * sizeof *list);
    n = list ? list_mails(api->mail_fd, list) : 0;
    if (accept.p && memmem(accept.p, accept.n, "application/json", 16)) {
        list_json(req, api, list, n > 20 ? 20 : n);
        return;
    }
    buf_init(&out, 1024 * 1024);
    begin_page(&out, "Mail");
    buf_add_z(&out, n ? "<p>What would have been sent, newest first.</p><ul class=\"list\">"
                      : "<p>No mail yet.</p><ul class=\"list\">");
    for (size_t i = 0; i < n; i++) {
        struct str mail = STR("");
        if (i < 50) (void)!read_mail(api->mail_fd, list[i].name, http_arena(req), &mail);
        buf_addf(&out, "<li><a href=\"/dev/mail/%s\">", list[i].name);
        buf_add_html(&out, header_of(mail, "Subject").n ? header_of(mail, "Subject") : STR("(mail)"));
        buf_add_z(&out, "</a> to ");
        buf_add_html(&out, header_of(mail, "To"));
        buf_add_z(&out, "</li>");
    }
    buf_add_z(&out, "</ul>");
    end_page(req, &out);
}

/* Our own origin's links become links; everything else is text. */
static void add_linked(struct buf *out, struct str text, const char *origin) {
    size_t origin_n = strlen(origin);
    while (text.n > 0) {
        const char *at = memmem(text.p, text.n, origin, origin_n);
        size_t before = at ? (size_t)(at - text.p) : text.n, n = 0;
        buf_add_html(out, str_bytes(text.p, before));
        text = str_skip(text, before);
        if (text.n == 0) return;
        while (n < text.n && text.p[n] > 0x20 && !strchr("<>\"'", text.p[n])) n++;
        buf_add_z(out, "<a href=\"");
        buf_add_html(out, str_bytes(text.p, n));
        buf_add_z(out, "\">");
        buf_add_html(out, str_bytes(text.p, n));
        buf_add_z(out, "</a>");
        text = str_skip(text, n);
    }
}

void devmail_show(struct http_request *req, void *app) {
    const struct api *api = app;
    struct str name = http_param(req, "name"), mail;
    char z[128];
    struct buf out, text;
    if (!is_allowed(req, api)) return;
    if (str_to_z(name, z, sizeof z) != OK || strchr(z, '/') || z[0] == '.' || !str_ends(name, STR(".eml")) ||
        read_mail(api->mail_fd, z, http_arena(req), &mail) != OK) {
        http_reply_problem(req, 404, "not_found", "There is no such mail.");
        return;
    }
    buf_init(&text, MAIL_BYTES_MAX);
    add_decoded(&text, plain_part(mail));
    buf_init(&out, 1024 * 1024);
    begin_page(&out, "Mail");
    buf_add_z(&out, "<p><strong>");
    buf_add_html(&out, header_of(mail, "Subject"));
    buf_add_z(&out, "</strong><br>to ");
    buf_add_html(&out, header_of(mail, "To"));
    buf_add_z(&out, "</p><pre class=\"mail\">");
    add_linked(&out, buf_str(&text), api->config->server_origin);
    buf_add_z(&out, "</pre><p><a href=\"/dev/mail\">All mail</a></p>");
    buf_release(&text);
    end_page(req, &out);
}
