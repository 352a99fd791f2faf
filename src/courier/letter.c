/*
 * Mails: text and HTML of the same words, quoted-printable, no remote parts, one button. Nothing of a letter is taken
 * as it came: control characters end up as blanks, markup as text, so that no header and no tag can be smuggled in.
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/enc.h"
#include "courier/courier_priv.h"

#define QP_LINE_MAX 74

void letter_init(struct letter *l, const struct config *c) {
    struct str from = str_from(c->mail_from), address = from, domain;
    const char *open = memrchr(from.p, '<', from.n), *at;
    memset(l, 0, sizeof *l);
    l->origin = c->server_origin;
    (void)snprintf(l->from, sizeof l->from, "%s", c->mail_from);
    if (open) address = str_bytes(open + 1, (size_t)(from.p + from.n - open - 1));
    if (str_ends(address, STR(">"))) address.n--;
    (void)snprintf(l->from_address, sizeof l->from_address, "%.*s", STR_FMT(address));
    at = memrchr(address.p, '@', address.n);
    domain = at ? str_skip(address, (size_t)(at - address.p) + 1) : STR("localhost");
    (void)snprintf(l->domain, sizeof l->domain, "%.*s", STR_FMT(domain));
}

enum err letter_envelope(const struct letter *l, const struct outbox_delivery *d, char out[300]) {
    char row[ID_BYTES * 2 + 1];
    const char *at = strrchr(l->from_address, '@');
    int n;
    (void)enc_hex(d->row.b, ID_BYTES, row);
    if (!at) return ERR_INPUT;
    n = snprintf(out, 300, "%.*s+%s%s", (int)(at - l->from_address), l->from_address, row, at);
    return n > 0 && n < 300 ? OK : ERR_TOO_LARGE;
}

static bool is_plain_ascii(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] > 0x7e) return false;
    return true;
}

/* A header's text: as it is, or as encoded words of at most 45 bytes each (RFC 2047). */
static void add_text_header(struct buf *b, const char *name, struct str value) {
    char word[70];
    buf_addf(b, "%s: ", name);
    if (is_plain_ascii(value) && value.n < 70) {
        buf_add(b, value);
        buf_add_z(b, "\r\n");
        return;
    }
    while (value.n > 0) {
        size_t n = value.n > 42 ? 42 : value.n;
        while (n < value.n && n > 1 && ((unsigned char)value.p[n] & 0xc0) == 0x80) n--; /* never inside a character */
        (void)enc_b64(value.p, n, word);
        buf_addf(b, "=?UTF-8?B?%s?=", word);
        value = str_skip(value, n);
        if (value.n > 0) buf_add_z(b, "\r\n ");
    }
    buf_add_z(b, "\r\n");
}

static void add_qp(struct buf *b, struct str s) {
    static const char hex[] = "0123456789ABCDEF";
    size_t column = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool ends_line = i + 1 == s.n || s.p[i + 1] == '\n';
        bool is_plain = c > 0x20 && c < 0x7f && c != '=' && !(c == '.' && column == 0);
        if (c == '\n') {
            buf_add_z(b, "\r\n");
            column = 0;
            continue;
        }
        if (column >= QP_LINE_MAX - 3) {
            buf_add_z(b, "=\r\n");
            column = 0;
            is_plain = is_plain && c != '.';
        }
        if (is_plain || (c == ' ' && !ends_line)) {
            buf_add_c(b, (char)c);
            column++;
            continue;
        }
        buf_add_c(b, '=');
        buf_add_c(b, hex[c >> 4]);
        buf_add_c(b, hex[c & 15]);
        column += 3;
    }
    buf_add_z(b, "\r\n");
}

/* ---- words ---- */

struct page {
    struct str subject, intro, button;
};

static struct page page_of(const struct letter_words *w) {
    const struct outbox_delivery *d = w->d;
    switch ((enum outbox_letter)d->letter) {
    case LETTER_EMAIL_CODE:
        return (struct page){
            .subject = STR("Your code for tocsin"),
            .intro = STR("Type this code on the page where you are signing up. It is good for one hour. If you are not "
                         "signing up, do nothing: without the code nothing happens.")
        };
    case LETTER_ADDRESS_IN_USE:
        return (struct page){
            .subject = STR("You already have an account"),
            .intro =
                STR("Someone tried to sign up with this address. It has an account already, so nothing was made. If "
                    "this was you, sign in instead, or recover your password if you forgot it. If not, there is "
                    "nothing to do.")
        };
    case LETTER_ALERT:
        return (struct page){ .subject = str_bytes(d->title, d->title_n),
                              .intro = str_bytes(d->body, d->body_n),
                              .button = STR("See what happened and stop it") };
    case LETTER_CODE:
    case LETTER_TEST:
    case LETTER_CASE:
        return (struct page){ .subject = str_bytes(d->title, d->title_n), .intro = str_bytes(d->body, d->body_n) };
    }
    return (struct page){ .subject = STR("A message from tocsin"), .intro = STR("") };
}

static void add_plain(struct buf *b, const struct letter *l, const struct letter_words *w, const struct page *p) {
    if (p->button.n > 0) buf_addf(b, "%.*s\n\n", STR_FMT(p->subject));
    if (w->digits[0]) buf_addf(b, "    %s\n\n", w->digits);
    buf_add(b, p->intro);
    if (w->link[0])
        buf_addf(b, "\n\n%.*s:\n%s\n\nThe link works for seven days, without signing in. Opening it changes nothing.",
                 STR_FMT(p->button), w->link);
    buf_addf(b,
             "\n\n-- \nWe only ever send you to %s. We never ask for your password, a code or your recovery key by "
             "mail or on the phone.",
             l->origin);
}

static const char style[] = "<style>body{margin:0;padding:0;background:#f4f1ea;color:#22201c;font:17px/1.55 "
                            "system-ui,-apple-system,'Segoe UI',sans-serif}"
                            ".c{max-width:560px;margin:0 auto;padding:32px "
                            "24px}.k{background:#fff;border-radius:14px;padding:28px;border:1px solid #e4ddcf}"
                            "h1{font-size:23px;line-height:1.3;margin:0 0 14px}p{margin:0 0 14px}.d{font:600 34px/1.2 "
                            "ui-monospace,monospace;letter-spacing:.2em}"
                            ".b{display:inline-block;background:#9c2b1b;color:#fff;text-decoration:none;font-weight:"
                            "600;padding:14px 22px;border-radius:10px}"
                            ".s{font-size:14px;color:#6b6459}"
                            "@media(prefers-color-scheme:dark){body{background:#191713;color:#efe9dd}.k{background:#"
                            "23201b;border-color:#3a352c}.s{color:#aaa294}"
                            ".b{background:#e0705c;color:#1a1310}}</style>";

/* Blank lines part paragraphs, single ones break. */
static void add_paragraphs(struct buf *b, struct str s) {
    buf_add_z(b, "<p>");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '\n') {
            buf_add_html(b, str_bytes(s.p + i, 1));
            continue;
        }
        if (i + 1 < s.n && s.p[i + 1] == '\n') {
            buf_add_z(b, "</p>\n<p>");
            i++;
        } else {
            buf_add_z(b, "<br>\n");
        }
    }
    buf_add_z(b, "</p>\n");
}

static void add_html(struct buf *b, const struct letter *l, const struct letter_words *w, const struct page *p) {
    buf_add_z(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" "
                 "content=\"light dark\">\n");
    buf_add_z(b, style);
    buf_add_z(b, "</head>\n<body><div class=\"c\"><div class=\"k\">\n<h1>");
    buf_add_html(b, p->subject);
    buf_add_z(b, "</h1>\n");
    if (w->digits[0]) buf_addf(b, "<p class=\"d\">%s</p>\n", w->digits);
    add_paragraphs(b, p->intro);
    if (w->link[0]) {
        buf_add_z(b, "<p><a class=\"b\" href=\"");
        buf_add_html(b, str_from(w->link));
        buf_add_z(b, "\">");
        buf_add_html(b, p->button);
        buf_add_z(b, "</a></p>\n<p class=\"s\">The link works for seven days, without signing in. Opening it changes "
                     "nothing.</p>\n");
    }
    buf_add_z(b, "</div>\n<p class=\"s\">We only ever send you to ");
    buf_add_html(b, str_from(l->origin));
    buf_add_z(b, ". We never ask for your password, a code or your recovery key by mail or on the "
                 "phone.</p>\n</div></body></html>");
}

static void add_date(struct buf *b, int64_t now_ms) {
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t s = (time_t)(now_ms / 1000);
    struct tm t;
    if (!gmtime_r(&s, &t)) return;
    buf_addf(b, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
             t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static void add_part(struct buf *b, const char *boundary, const char *type, struct str text) {
    buf_addf(b, "--%s\r\nContent-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
             boundary, type);
    add_qp(b, text);
}

enum err letter_write(const struct letter *l, const struct letter_words *w, struct buf *out) {
    const struct page p = page_of(w);
    const struct str to = str_bytes(w->d->to, w->d->to_n);
    char row[ID_BYTES * 2 + 1], boundary[ID_BYTES * 2 + 3] = "=_";
    struct buf text, html;
    enum err r;
    for (size_t i = 0; i < to.n; i++)
        if ((unsigned char)to.p[i] <= 0x20 || strchr("<>,;\"", to.p[i])) return ERR_INPUT;
    (void)enc_hex(w->d->row.b, ID_BYTES, row);
    add_date(out, w->now_ms);
    buf_addf(out, "From: %s\r\nTo: %.*s\r\n", l->from, STR_FMT(to));
    add_text_header(out, "Subject", p.subject);
    buf_addf(out,
             "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nMIME-Version: "
             "1.0\r\n"
             "Content-Type: multipart/alternative; boundary=\"=_%s\"\r\n\r\n",
             row, l->domain, row);
    buf_init(&text, MESSAGE_BYTES_MAX);
    buf_init(&html, MESSAGE_BYTES_MAX);
    add_plain(&text, l, w, &p);
    add_html(&html, l, w, &p);
    (void)enc_hex(w->d->row.b, ID_BYTES, boundary + 2);
    add_part(out, boundary, "text/plain", buf_str(&text));
    add_part(out, boundary, "text/html", buf_str(&html));
    buf_addf(out, "--%s--\r\n", boundary);
    r = buf_err(&text) != OK ? buf_err(&text) : buf_err(&html);
    buf_release(&text);
    buf_release(&html);
    return r != OK ? r : buf_err(out);
}
