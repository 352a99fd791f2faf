/*
 * The page of an export: plain HTML that needs nothing else and runs nothing. It has no text of its own but fixed
 * words; every value goes through one function that escapes.
 */
#include "api/export.h"
#include "base/clock.h"

#define COLUMNS_MAX 7
#define DEPTH_MAX   4

struct column {
    const char *key, *label;
};

static const struct table {
    const char *title, *lead;
    struct column columns[COLUMNS_MAX];
} tables[EXPORT_LISTS] = {
    [EXPORT_CONTACTS] = { "Addresses",
                          "Alerts go to these.",
                          { { "email", "Address" }, { "added_at", "Added" }, { "removed_at", "Removed" } } },
    [EXPORT_DEVICES] = { "Devices",
                         "They are known to your account.",
                         { { "name", "Name" },
                           { "platform", "What it is" },
                           { "trusted", "Trusted" },
                           { "first_seen", "First seen" },
                           { "last_seen", "Last seen" },
                           { "place", "Last place" },
                           { "push", "Alarms by push" } } },
    [EXPORT_PASSKEYS] = { "Passkeys",
                          "Each of these signs you in by itself.",
                          { { "name", "Name" }, { "created_at", "Made" } } },
    [EXPORT_SESSIONS] = { "Sessions",
                          "Signed in at this moment.",
                          { { "device", "Device" },
                            { "created_at", "Since" },
                            { "expires_at", "Until" },
                            { "proofs", "Shown" } } },
    [EXPORT_PUSH] = { "Push",
                      "Where alarms are pushed to.",
                      { { "service", "Service" }, { "device", "Device" }, { "added_at", "Added" } } },
    [EXPORT_PLACES] = { "Countries",
                        "Your account was signed in from these.",
                        { { "country", "Country" }, { "since", "Since" } } },
    [EXPORT_ALERTS] = { "Alerts",
                        "What we told you, newest first.",
                        { { "at", "When" },
                          { "title", "What" },
                          { "from", "From" },
                          { "count", "Times" },
                          { "answer", "Your answer" },
                          { "note", "Your note" },
                          { "deliveries", "Where it went" } } },
    [EXPORT_ATTEMPTS] = { "Attempts",
                          "What was tried lately, newest first.",
                          { { "opened_at", "When" },
                            { "action", "What" },
                            { "state", "How it ended" },
                            { "proved", "Shown" },
                            { "about", "About" },
                            { "from", "From" } } },
    [EXPORT_HISTORY] = { "History",
                         "All that happened, newest first.",
                         { { "at", "When" }, { "event", "What" }, { "detail", "Details" } } },
};

static void add_key(struct buf *out, const char *key) {
    for (; *key; key++) buf_add_html(out, *key == '_' ? STR(" ") : str_bytes(key, 1));
}

static void add_value(struct buf *out, json_t *v, int depth);

static void add_members(struct buf *out, json_t *o, int depth) {
    const char *key, *between = "";
    json_t *v;
    json_object_foreach(o, key, v) {
        buf_add_z(out, between);
        add_key(out, key);
        buf_add_z(out, ": ");
        add_value(out, v, depth + 1);
        between = ", ";
    }
}

static void add_items(struct buf *out, json_t *list, int depth) {
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        buf_add_z(out, i == 0 ? "" : json_is_object(json_array_get(list, i)) ? "; " : ", ");
        add_value(out, json_array_get(list, i), depth + 1);
    }
}

static void add_value(struct buf *out, json_t *v, int depth) {
    if (depth > DEPTH_MAX) return;
    if (json_is_string(v)) buf_add_html(out, str_bytes(json_string_value(v), json_string_length(v)));
    if (json_is_integer(v)) buf_add_i64(out, json_integer_value(v));
    if (json_is_boolean(v)) buf_add_z(out, json_is_true(v) ? "yes" : "no");
    if (json_is_object(v)) add_members(out, v, depth);
    if (json_is_array(v)) add_items(out, v, depth);
}

void export_row(struct buf *out, enum export_list_is list, json_t *o) {
    buf_add_z(out, "<tr>");
    for (size_t i = 0; i < COLUMNS_MAX && tables[list].columns[i].key; i++) {
        buf_add_z(out, "<td>");
        add_value(out, json_object_get(o, tables[list].columns[i].key), 0);
        buf_add_z(out, "</td>");
    }
    buf_add_z(out, "</tr>\n");
}

void export_facts(struct buf *out, json_t *o) {
    const char *key;
    json_t *v;
    json_object_foreach(o, key, v) {
        buf_add_z(out, "<tr><th>");
        add_key(out, key);
        buf_add_z(out, "</th><td>");
        add_value(out, v, 0);
        buf_add_z(out, "</td></tr>\n");
    }
}

static void add_table(struct buf *out, const struct table *t, const struct export_list *list) {
    buf_addf(out, "<h2>%s</h2>\n<p>%s", t->title, t->lead);
    if (list->n == 0) buf_add_z(out, " There are none.");
    if (list->is_cut) buf_add_z(out, " There are more than fit here: these are the newest.");
    buf_add_z(out, "</p>\n");
    if (list->n == 0) return;
    buf_add_z(out, "<table><thead><tr>");
    for (size_t i = 0; i < COLUMNS_MAX && t->columns[i].key; i++) buf_addf(out, "<th>%s</th>", t->columns[i].label);
    buf_add_z(out, "</tr></thead>\n<tbody>\n");
    buf_add(out, buf_str(&list->rows));
    buf_add_z(out, "</tbody></table>\n");
}

void export_page(const struct export *x, struct buf *out) {
    char now[CLOCK_TEXT_SIZE];
    clock_text(x->now_ms, now);
    buf_add_z(
        out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
             "<title>Your data</title>\n<style>body{font:1rem/1.5 sans-serif;margin:2rem;max-width:90rem}"
             "table{border-collapse:collapse}th,td{border:1px solid #999;padding:.3rem .5rem;text-align:left;"
             "vertical-align:top;overflow-wrap:anywhere}</style></head>\n<body>\n<h1>Your data</h1>\n");
    buf_addf(out, "<p>All that your account held on %s. The same stands in the files beside this page, as JSON.</p>\n",
             now);
    buf_add_z(out, "<table><tbody>\n");
    buf_add(out, buf_str(&x->head_rows));
    buf_add_z(out, "</tbody></table>\n");
    for (int i = 0; i < EXPORT_LISTS; i++) add_table(out, &tables[i], &x->lists[i]);
    buf_add_z(out, "</body></html>\n");
}
