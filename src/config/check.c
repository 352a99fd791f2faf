/* Checks that need more than one key, or a key's meaning. Each says which key and what would be right. */
#include <arpa/inet.h>

#include "base/clock.h"
#include "config/config_priv.h"

static struct str host_of(struct str origin) {
    struct str rest = str_starts(origin, STR("https://")) ? str_skip(origin, 8) : str_skip(origin, 7), host;
    if (rest.n > 0 && rest.p[0] == '[') {
        (void)str_cut(rest, ']', &host);
        return str_skip(host, 1);
    }
    (void)str_cut(rest, ':', &host);
    return host;
}

static bool is_loopback(struct str host) {
    return str_eq(host, STR("localhost")) || str_eq(host, STR("127.0.0.1")) || str_eq(host, STR("::1"));
}

bool config_origin_is_https(const struct config *c) { return str_starts(str_from(c->server_origin), STR("https://")); }

struct str config_origin_host(const struct config *c) {
    return host_of(str_from(c->server_origin));
}

bool config_is_loopback_http(const struct config *c) {
    return !config_origin_is_https(c) && is_loopback(host_of(str_from(c->server_origin)));
}

/* Scheme, host, optional port; nothing behind. Plain http only for this machine itself. */
static bool origin_is_sound(struct str origin) {
    struct str host = host_of(origin), after;
    bool is_https = str_starts(origin, STR("https://"));
    if (!is_https && !str_starts(origin, STR("http://"))) return false;
    if (host.n == 0) return false;
    for (size_t i = 0; i < host.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-:", host.p[i])) return false;
    after = str_bytes(host.p + host.n, (size_t)(origin.p + origin.n - (host.p + host.n)));
    if (after.n > 0 && after.p[0] == ']') after = str_skip(after, 1);
    if (after.n > 0) {
        int64_t port;
        if (after.p[0] != ':' || str_to_i64(str_skip(after, 1), 65535, &port) != OK || port == 0) return false;
    }
    return is_https || is_loopback(host);
}

static bool listen_is_sound(struct str s) {
    struct str host, port_text;
    char z[64];
    unsigned char bin[16];
    int64_t port;
    if (s.n == 0) return false;
    if (s.p[0] == '[') {
        port_text = str_cut(str_skip(s, 1), ']', &host);
        if (port_text.n == 0 || port_text.p[0] != ':') return false;
        port_text = str_skip(port_text, 1);
    } else {
        port_text = str_cut(s, ':', &host);
    }
    if (str_to_z(host, z, sizeof z) != OK || str_to_i64(port_text, 65535, &port) != OK || port == 0) return false;
    return inet_pton(s.p[0] == '[' ? AF_INET6 : AF_INET, z, bin) == 1;
}

static enum err check_words(const struct config *c, const char *name, struct config_problem *p) {
    static const char *const levels[] = { "debug", "info", "warn", "error" };
    bool has_level = false;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) has_level |= strcmp(c->log_level, levels[i]) == 0;
    if (!has_level)
        return config_refuse(p, ERR_CONFIG, "%s: [log] level: debug, info, warn or error, not \"%s\"", name,
                             c->log_level);
    if (strcmp(c->policy_profile, "default") != 0 && strcmp(c->policy_profile, "nist") != 0)
        return config_refuse(p, ERR_CONFIG, "%s: [policy] profile: default or nist, not \"%s\"", name,
                             c->policy_profile);
    if (c->policy_session_idle > 0 && c->policy_session_idle < MS_PER_MIN)
        return config_refuse(p, ERR_CONFIG, "%s: [policy] session_idle: 0s, or at least 1m", name);
    if (c->push_contact[0] && !str_starts(str_from(c->push_contact), STR("mailto:")) &&
        !str_starts(str_from(c->push_contact), STR("https://")))
        return config_refuse(p, ERR_CONFIG, "%s: [push] contact: mailto:… or https://…, not \"%s\"", name,
                             c->push_contact);
    if (!c->data_directory[0]) return config_refuse(p, ERR_CONFIG, "%s: [data] directory: empty", name);
    return OK;
}

static enum err check_mail(const struct config *c, const char *name, struct config_problem *p) {
    struct str smtp = str_from(c->mail_smtp);
    if (smtp.n > 0 && !str_starts(smtp, STR("smtp://")) && !str_starts(smtp, STR("smtps://")))
        return config_refuse(p, ERR_CONFIG, "%s: [mail] smtp: smtp://HOST:PORT or smtps://HOST:PORT, not \"%s\"", name,
                             c->mail_smtp);
    if (c->mail_user[0] && !c->mail_password_file[0])
        return config_refuse(p, ERR_CONFIG, "%s: [mail] user is set, but password_file is not", name);
    if (!strchr(c->mail_from, '@'))
        return config_refuse(p, ERR_CONFIG, "%s: [mail] from: NAME <ADDRESS> or ADDRESS, not \"%s\"", name,
                             c->mail_from);
    return OK;
}

bool config_store_is_s3(const struct config *c) { return str_starts(str_from(c->backup_store), STR("s3://")); }

struct str config_s3_place(const struct config *c, struct str *ret_bucket) {
    return str_cut(str_skip(str_from(c->backup_store), 5), '/', ret_bucket);
}

static bool has_only(struct str s, const char *allowed) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == 0 || !strchr(allowed, s.p[i])) return false;
    return true;
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* What needs no encoding, neither in a path nor in a signature. */
static bool store_is_sound(const struct config *c) {
    struct str bucket, rest = config_s3_place(c, &bucket), part;
    if (bucket.n < 3 || bucket.n > 63 || !has_only(bucket, LOWER DIGITS ".-")) return false;
    if (bucket.p[0] == '.' || bucket.p[0] == '-') return false;
    if (bucket.p + bucket.n != c->backup_store + strlen(c->backup_store) && rest.n == 0) return false;
    while (rest.n > 0) {
        bool is_end = !memchr(rest.p, '/', rest.n);
        rest = str_cut(rest, '/', &part);
        if (part.n == 0 || str_eq(part, STR(".")) || str_eq(part, STR("..")) || (!is_end && rest.n == 0)) return false;
        if (!has_only(part, LOWER UPPER DIGITS "._-")) return false;
    }
    return true;
}

static bool endpoint_is_sound(struct str s) {
    struct str host = host_of(s), port = str_skip(s, (size_t)(host.p + host.n - s.p));
    int64_t number;
    if (!str_starts(s, STR("https://")) && !str_starts(s, STR("http://"))) return false;
    if (host.n == 0 || !has_only(host, LOWER DIGITS ".-:")) return false;
    if (port.n > 0 && port.p[0] == ']') port = str_skip(port, 1);
    if (port.n == 0) return true;
    return port.p[0] == ':' && str_to_i64(str_skip(port, 1), 65535, &number) == OK && number > 0;
}

static enum err check_s3(const struct config *c, const char *name, struct config_problem *p) {
    if (!store_is_sound(c))
        return config_refuse(p, ERR_CONFIG, "%s: [backup] store: s3://BUCKET or s3://BUCKET/PREFIX, not \"%s\"", name,
                             c->backup_store);
    if (c->backup_s3_endpoint[0] && !endpoint_is_sound(str_from(c->backup_s3_endpoint)))
        return config_refuse(p, ERR_CONFIG, "%s: [backup] s3_endpoint: https://HOST:PORT without a path, not \"%s\"",
                             name, c->backup_s3_endpoint);
    if (!c->backup_s3_region[0] || !has_only(str_from(c->backup_s3_region), LOWER UPPER DIGITS "_-"))
        return config_refuse(p, ERR_CONFIG, "%s: [backup] s3_region: letters, digits and -, not \"%s\"", name,
                             c->backup_s3_region);
    if (!c->backup_s3_access_key[0] || !has_only(str_from(c->backup_s3_access_key), LOWER UPPER DIGITS "._:@+=-"))
        return config_refuse(p, ERR_CONFIG, "%s: [backup] s3_access_key: the id of a key, not \"%s\"", name,
                             c->backup_s3_access_key);
    if (!c->backup_s3_secret_key_file[0])
        return config_refuse(p, ERR_CONFIG, "%s: [backup] store is in S3, but s3_secret_key_file is not set", name);
    return OK;
}

static enum err check_backup(const struct config *c, const char *name, struct config_problem *p) {
    if (strcmp(c->backup_store, "directory") == 0) return OK;
    if (config_store_is_s3(c)) return check_s3(c, name, p);
    return config_refuse(p, ERR_CONFIG, "%s: [backup] store: directory or s3://BUCKET/PREFIX, not \"%s\"", name,
                         c->backup_store);
}

static enum err check_databases(const struct config *c, const char *name, struct config_problem *p) {
    const char *const urls[] = { c->data_database, c->data_keeper_database };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct str u = str_from(urls[i]);
        if (u.n > 0 && !str_starts(u, STR("postgresql://")) && !str_starts(u, STR("postgres://")))
            return config_refuse(p, ERR_CONFIG, "%s: [data] %s: empty, or postgresql://…", name,
                                 i ? "keeper_database" : "database");
    }
    if (urls[0][0] && strcmp(urls[0], urls[1]) == 0)
        return config_refuse(
            p, ERR_CONFIG,
            "%s: [data] database and keeper_database are the same; credentials need a database of their own", name);
    return OK;
}

enum err config_check(const struct config *c, const char *name, struct config_problem *ret_problem) {
    enum err r;
    if (!origin_is_sound(str_from(c->server_origin)))
        return config_refuse(
            ret_problem, ERR_CONFIG,
            "%s: [server] origin: https://HOST without a path (http:// only for localhost), not \"%s\"", name,
            c->server_origin);
    if (!listen_is_sound(str_from(c->server_listen)))
        return config_refuse(ret_problem, ERR_CONFIG, "%s: [server] listen: ADDRESS:PORT, not \"%s\"", name,
                             c->server_listen);
    if (c->metrics_listen[0] && !listen_is_sound(str_from(c->metrics_listen)))
        return config_refuse(ret_problem, ERR_CONFIG, "%s: [metrics] listen: ADDRESS:PORT or empty, not \"%s\"", name,
                             c->metrics_listen);
    if ((r = check_words(c, name, ret_problem)) != OK) return r;
    if ((r = check_mail(c, name, ret_problem)) != OK) return r;
    if ((r = check_backup(c, name, ret_problem)) != OK) return r;
    return check_databases(c, name, ret_problem);
}
