/* Where a request came from, in our own words. The user agent is matched against fixed lists; of the address we keep
 * what we parse. */
#include "identity/origin.h"

#include <arpa/inet.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>

#define AGENT_BYTES_MAX 1024

struct mark {
    const char *needle, *word;
};

/* Order matters: each browser claims to be those below it. */
static const struct mark browsers[] = {
    { "EdgA/", "Edge" },
    { "EdgiOS/", "Edge" },
    { "Edg/", "Edge" },
    { "Edge/", "Edge" },
    { "OPR/", "Opera" },
    { "OPT/", "Opera" },
    { "Opera", "Opera" },
    { "Vivaldi/", "Vivaldi" },
    { "YaBrowser/", "Yandex Browser" },
    { "SamsungBrowser/", "Samsung Internet" },
    { "DuckDuckGo/", "DuckDuckGo" },
    { "Ddg/", "DuckDuckGo" },
    { "Brave/", "Brave" },
    { "UCBrowser/", "UC Browser" },
    { "FxiOS/", "Firefox" },
    { "Focus/", "Firefox Focus" },
    { "SeaMonkey/", "SeaMonkey" },
    { "Firefox/", "Firefox" },
    { "CriOS/", "Chrome" },
    { "HeadlessChrome/", "Chrome" },
    { "Chromium/", "Chromium" },
    { "Epiphany/", "GNOME Web" },
    { "Chrome/", "Chrome" },
    { "MSIE ", "Internet Explorer" },
    { "Trident/", "Internet Explorer" },
    { "Version/", "Safari" },
};
static const struct mark platforms[] = {
    { "iPhone", "iPhone" },
    { "iPad", "iPad" },
    { "iPod", "iPod" },
    { "Windows Phone", "Windows Phone" },
    { "Android TV", "Android TV" },
    { "Android", "Android" },
    { "CrOS", "Chromebook" },
    { "Windows", "Windows" },
    { "Macintosh", "Mac" },
    { "Mac OS X", "Mac" },
    { "FreeBSD", "FreeBSD" },
    { "OpenBSD", "OpenBSD" },
    { "Tizen", "Tizen" },
    { "KAIOS", "KaiOS" },
    { "Linux", "Linux" },
    { "X11", "Unix" },
};
static const struct mark programs[] = {
    { "curl/", "curl" },
    { "Wget/", "Wget" },
    { "restic/", "restic" },
    { "tocsin/", "the tocsin program" },
    { "python-requests", "a Python program" },
    { "Python", "a Python program" },
    { "aiohttp", "a Python program" },
    { "Go-http-client", "a Go program" },
    { "okhttp", "an Android app" },
    { "CFNetwork", "an Apple app" },
    { "Dalvik", "an Android app" },
    { "Java/", "a Java program" },
    { "node", "a Node program" },
    { "axios", "a Node program" },
    { "undici", "a Node program" },
    { "PostmanRuntime", "Postman" },
    { "Dart/", "an app" },
    { "rclone/", "rclone" },
};

static const char *find(const struct mark *marks, size_t n, struct str agent) {
    for (size_t i = 0; i < n; i++)
        if (memmem(agent.p, agent.n, marks[i].needle, strlen(marks[i].needle))) return marks[i].word;
    return NULL;
}

void agent_words(struct str user_agent, char out[96]) {
    const char *browser, *platform, *program;
    if (user_agent.n > AGENT_BYTES_MAX) user_agent.n = AGENT_BYTES_MAX;
    if (user_agent.n == 0) {
        (void)snprintf(out, 96, "an unknown program");
        return;
    }
    browser = find(browsers, ARRAY_LEN(browsers), user_agent);
    platform = find(platforms, ARRAY_LEN(platforms), user_agent);
    program = find(programs, ARRAY_LEN(programs), user_agent);
    if (!str_starts(user_agent, STR("Mozilla/")) && !str_starts(user_agent, STR("Opera/")) && program) {
        (void)snprintf(out, 96, "%s", program);
        return;
    }
    if (browser && platform)
        (void)snprintf(out, 96, "%s on %s", browser, platform);
    else if (browser)
        (void)snprintf(out, 96, "%s", browser);
    else if (platform)
        (void)snprintf(out, 96, "a browser on %s", platform);
    else
        (void)snprintf(out, 96, "an unknown program");
}

/* ---- places ---- */

struct places {
    MMDB_s db;
};

enum err places_open(const char *path, struct places **ret) {
    struct places *p = calloc(1, sizeof *p);
    int rc;
    if (!p) return ERR_NOMEM;
    rc = MMDB_open(path, MMDB_MODE_MMAP, &p->db);
    if (rc == MMDB_SUCCESS) {
        *ret = p;
        return OK;
    }
    free(p);
    return rc == MMDB_FILE_OPEN_ERROR ? ERR_NOT_FOUND : ERR_CORRUPT;
}

void places_close(struct places *p) {
    if (!p) return;
    MMDB_close(&p->db);
    free(p);
}

/* The operator's file is not trusted either: text from it is bounded, and stripped of what is not a letter, blank or
 * mark. */
static bool take_text(MMDB_entry_s *entry, const char *const *path, char *out, size_t size) {
    MMDB_entry_data_s data;
    struct str s;
    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING)
        return false;
    s = str_bytes(data.utf8_string, data.data_size);
    if (s.n == 0 || s.n >= size || !str_is_utf8(s)) return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || strchr("<>&\"\\", s.p[i])) return false;
    return str_to_z(s, out, size) == OK;
}

static void find_place(struct places *p, struct origin *o) {
    static const char *const country_names[] = { "country", "names", "en", NULL };
    static const char *const city_names[] = { "city", "names", "en", NULL };
    static const char *const country_codes[] = { "country", "iso_code", NULL };
    static const char *const flat_code[] = { "country_code", NULL };
    static const char *const flat_city[] = { "city", NULL };
    char country[40] = "", city[40] = "";
    int gai = 0, rc = MMDB_SUCCESS;
    MMDB_lookup_result_s found = MMDB_lookup_string(&p->db, o->ip, &gai, &rc);
    if (gai != 0 || rc != MMDB_SUCCESS || !found.found_entry) return;
    if (!take_text(&found.entry, country_codes, o->country, sizeof o->country))
        (void)take_text(&found.entry, flat_code, o->country, sizeof o->country);
    if (!take_text(&found.entry, country_names, country, sizeof country))
        (void)snprintf(country, sizeof country, "%s", o->country);
    if (!take_text(&found.entry, city_names, city, sizeof city))
        (void)take_text(&found.entry, flat_city, city, sizeof city);
    if (city[0] && country[0])
        (void)snprintf(o->place, sizeof o->place, "%s, %s", city, country);
    else
        (void)snprintf(o->place, sizeof o->place, "%s", country);
}

/* IPv4: its /24. IPv6: its /48; a mapped IPv4 address is read as IPv4. */
static void make_net(struct origin *o) {
    unsigned char b[16];
    char text[46];
    if (inet_pton(AF_INET, o->ip, b) == 1) {
        b[3] = 0;
        (void)snprintf(o->net, sizeof o->net, "%s/24", inet_ntop(AF_INET, b, text, sizeof text));
        return;
    }
    if (inet_pton(AF_INET6, o->ip, b) != 1) return;
    memset(b + 6, 0, 10);
    (void)snprintf(o->net, sizeof o->net, "%s/48", inet_ntop(AF_INET6, b, text, sizeof text));
}

void origin_make(struct places *p, struct str ip, struct str user_agent, struct origin *ret) {
    unsigned char b[16];
    memset(ret, 0, sizeof *ret);
    agent_words(user_agent, ret->device);
    if (str_starts(ip, STR("::ffff:"))) ip = str_skip(ip, 7);
    if (str_to_z(ip, ret->ip, sizeof ret->ip) != OK ||
        (inet_pton(AF_INET, ret->ip, b) != 1 && inet_pton(AF_INET6, ret->ip, b) != 1)) {
        ret->ip[0] = 0;
        return;
    }
    make_net(ret);
    if (p) find_place(p, ret);
}
