/* The configuration as text again: for the children, for `tocsin config show`, and as the manual page. */
#include "config/config_priv.h"

#define LINE_VALUE_MAX 150 /* longer lists are continued on indented lines */

static bool is_wanted(const char *section, const char *const *sections) {
    if (!sections) return true;
    for (; *sections; sections++)
        if (strcmp(*sections, section) == 0) return true;
    return false;
}

static void write_span(struct buf *out, int64_t ms) {
    static const struct {
        int64_t ms;
        char unit;
    } units[] = { { 86400000, 'd' }, { 3600000, 'h' }, { 60000, 'm' }, { 1000, 's' } };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (ms % units[i].ms != 0 || (ms == 0 && units[i].unit != 's')) continue;
        buf_add_i64(out, ms / units[i].ms);
        buf_add_c(out, units[i].unit);
        return;
    }
}

static void write_text(struct buf *out, struct str value) {
    struct str word;
    size_t on_line = 0;
    if (value.n <= LINE_VALUE_MAX) {
        buf_add(out, value);
        return;
    }
    while (value.n > 0) {
        value = str_cut(value, ' ', &word);
        if (on_line > 0 && on_line + word.n > LINE_VALUE_MAX) {
            buf_add_z(out, "\n  ");
            on_line = 0;
        } else if (on_line > 0) {
            buf_add_c(out, ' ');
        }
        buf_add(out, word);
        on_line += word.n + 1;
    }
}

static void write_value(const struct config *c, const struct config_entry *e, struct buf *out) {
    const char *at = (const char *)c + e->offset;
    switch (e->kind) {
    case CONFIG_TEXT: write_text(out, str_from(at)); return;
    case CONFIG_FLAG: buf_add_z(out, *(const bool *)(const void *)at ? "true" : "false"); return;
    case CONFIG_NUMBER: buf_add_i64(out, *(const int64_t *)(const void *)at); return;
    case CONFIG_SPAN: write_span(out, *(const int64_t *)(const void *)at); return;
    }
}

static void write_actions(const struct config *c, struct buf *out) {
    for (int a = 0; a < ACTION_COUNT; a++) {
        const struct config_action *x = &c->action[a];
        if (x->hold_ms < 0 && x->hold_familiar_ms < 0 && x->proofs < 0) continue;
        buf_addf(out, "[policy.%s]\n", action_rules[a].name);
        if (x->hold_ms >= 0) {
            buf_add_z(out, "hold = ");
            write_span(out, x->hold_ms);
            buf_add_c(out, '\n');
        }
        if (x->hold_familiar_ms >= 0) {
            buf_add_z(out, "hold_familiar = ");
            write_span(out, x->hold_familiar_ms);
            buf_add_c(out, '\n');
        }
        if (x->proofs >= 0) buf_addf(out, "proofs = %lld\n", (long long)x->proofs);
    }
}

void config_write(const struct config *c, const char *const *sections, struct buf *out) {
    const char *section = "";
    for (size_t i = 0; i < config_entry_count; i++) {
        const struct config_entry *e = &config_entries[i];
        if (!is_wanted(e->section, sections)) continue;
        if (strcmp(section, e->section) != 0) buf_addf(out, "[%s]\n", e->section);
        section = e->section;
        buf_addf(out, "%s = ", e->key);
        write_value(c, e, out);
        buf_add_c(out, '\n');
    }
    if (is_wanted("policy", sections)) write_actions(c, out);
}

bool config_take(struct config *to, const struct config *from, const char *const *sections) {
    bool is_changed = false;
    for (size_t i = 0; i < config_entry_count; i++) {
        const struct config_entry *e = &config_entries[i];
        char *a = (char *)to + e->offset;
        const char *b = (const char *)from + e->offset;
        size_t n = sizeof(int64_t);
        if (e->kind == CONFIG_TEXT) n = (size_t)e->most + 1;
        if (e->kind == CONFIG_FLAG) n = sizeof(bool);
        if (!is_wanted(e->section, sections)) continue;
        is_changed |= memcmp(a, b, n) != 0;
        memcpy(a, b, n);
    }
    return is_changed;
}

static void man_default(const struct config_entry *e, struct buf *out) {
    switch (e->kind) {
    case CONFIG_TEXT: buf_add_z(out, e->text_default[0] ? e->text_default : "(empty)"); return;
    case CONFIG_FLAG: buf_add_z(out, e->number_default ? "true" : "false"); return;
    case CONFIG_NUMBER:
        buf_addf(out, "%lld; from %lld to %lld", (long long)e->number_default, (long long)e->least, (long long)e->most);
        return;
    case CONFIG_SPAN: write_span(out, e->number_default); return;
    }
}

void config_write_man(struct buf *out) {
    const char *section = "";
    buf_add_z(
        out,
        ".\\\" Generated from src/config/config.def by tocsind --man; do not edit.\n"
        ".TH TOCSIN.CONF 5 2026-11-24 tocsin \"File formats\"\n.SH NAME\ntocsin.conf \\- settings of tocsind\n"
        ".SH DESCRIPTION\nSections in brackets, one\n.I key = value\na line, comments after ; or #. A list goes on "
        "in an indented line.\nAn unknown section or key, a key given twice or a bad value stops the start, "
        "with file, line and reason.\nWithout a file the defaults serve http://localhost:8420 from ./var.\n");
    for (size_t i = 0; i < config_entry_count; i++) {
        const struct config_entry *e = &config_entries[i];
        if (strcmp(section, e->section) != 0) buf_addf(out, ".SH [%s]\n", e->section);
        section = e->section;
        buf_addf(out, ".TP\n.B %s\n%s Default: ", e->key, e->doc);
        man_default(e, out);
        buf_add_z(out, ".\n");
    }
    buf_add_z(out, ".SH [policy.ACTION]\nOne section an action (");
    for (int a = 0; a < ACTION_COUNT; a++)
        if (action_rules[a].opener != OPENER_SERVER) buf_addf(out, "%s%s", a ? ", " : "", action_rules[a].name);
    buf_add_z(out, ").\n.TP\n.B hold\nHow long a change from an unfamiliar device or place waits.\n"
                   ".TP\n.B hold_familiar\nThe same for a familiar device.\n"
                   ".TP\n.B proofs\n2 or 3: how many proofs it needs; never fewer than the contract asks.\n"
                   ".SH SEE ALSO\n.BR tocsind (8),\n.BR tocsin (1)\n");
}
