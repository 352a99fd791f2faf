/*
 * /a/tl_…: what happened, and the two answers. Works without a script and without a session. Opening it changes
 * nothing, because mail scanners open links; only its POST does.
 */
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/token.h"
#include "web/assets.h"
#include "web/web_priv.h"

#define PAGE_BYTES_MAX (64 * 1024)

static void begin(struct buf *b, struct str title) {
    buf_init(b, PAGE_BYTES_MAX);
    buf_add_z(b, web_shell[0]);
    buf_add_html(b, title);
    buf_add_z(b, web_shell[1]);
}

static void end(struct http_request *req, int status, struct buf *b) {
    buf_add_z(b, web_shell[2]);
    if (buf_err(b) == OK)
        http_reply(req, status, "text/html; charset=utf-8", buf_str(b));
    else
        fail_err(req, buf_err(b));
    buf_release(b);
}

static void add_when(struct buf *b, int64_t at_ms) {
    static const char *const months[] = { "January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December" };
    time_t s = (time_t)(at_ms / 1000);
    char exact[CLOCK_TEXT_SIZE];
    struct tm t;
    if (!gmtime_r(&s, &t)) return;
    clock_text(at_ms, exact);
    buf_addf(b, "<time data-utc datetime=\"%s\">%d %s %d, %02d:%02d UTC</time>", exact, t.tm_mday, months[t.tm_mon],
             t.tm_year + 1900, t.tm_hour, t.tm_min);
}

/* The fixed words, paragraph by paragraph, without the lines that the table below shows. */
static struct str first_paragraph(struct str body) {
    const char *at = memmem(body.p, body.n, "\n\n", 2);
    return at ? str_bytes(body.p, (size_t)(at - body.p)) : body;
}

static void add_facts(struct buf *b, const struct alert *a) {
    buf_add_z(b, "<dl class=\"facts\"><div><dt>When</dt><dd>");
    add_when(b, a->at_ms);
    buf_add_z(b, "</dd></div><div><dt>Where</dt><dd>");
    if (a->place.n) {
        buf_add_html(b, a->place);
        buf_add_z(b, "<br><span class=\"quiet\">");
    } else {
        buf_add_z(b, "<span>");
    }
    buf_add_html(b, a->ip.n ? a->ip : STR("unknown"));
    buf_add_z(b, "</span></dd></div><div><dt>Device</dt><dd>");
    buf_add_html(b, a->device.n ? a->device : STR("unknown"));
    buf_add_z(b, a->is_known_device ? "<br><span class=\"quiet\">known to your account</span>"
                                    : "<br><span class=\"quiet\">new to your account</span>");
    if (a->count > 1) {
        buf_add_z(b, "</dd></div><div><dt>How often</dt><dd>");
        buf_addf(b, "%lld times, last ", (long long)a->count);
        add_when(b, a->last_ms);
    }
    buf_add_z(b, "</dd></div></dl>");
}

/* What "It wasn't me" does, from the alert's own words: the rest of its advice. Empty where they do not say. */
static struct str effect_of(struct str body) {
    const char *at = memmem(body.p, body.n, "\n\nIf this isn't you", 19), *end;
    struct str advice;
    if (!at) return STR("");
    advice = first_paragraph(str_bytes(at + 2, body.n - (size_t)(at + 2 - body.p)));
    end = memmem(advice.p, advice.n, ". ", 2);
    return end ? str_bytes(end + 2, advice.n - (size_t)(end + 2 - advice.p)) : STR("");
}

static void add_form(struct buf *b, const struct alert *a) {
    struct str effect = effect_of(a->body);
    buf_add_z(b, "<form method=\"post\" class=\"card answer\">"
                 "<h2>Was this you?</h2>"
                 "<p>If not, press &ldquo;It wasn't me&rdquo;. ");
    buf_add_html(b, effect.n ? effect : STR("It only ever makes your account safer."));
    buf_add_z(b, "</p>"
                 "<div class=\"buttons\">"
                 "<button class=\"button danger\" name=\"answer\" value=\"not_me\">It wasn't me</button>"
                 "<button class=\"button quiet-button\" name=\"answer\" value=\"me\">It was me</button></div>"
                 "<label class=\"check\"><input type=\"checkbox\" name=\"tell_security_team\" value=\"on\">"
                 "<span>Also tell the security team</span></label>"
                 "<label for=\"note\">Anything they should know? <span class=\"quiet\">(you can leave this empty)"
                 "</span></label>"
                 "<textarea id=\"note\" name=\"note\" rows=\"3\" maxlength=\"300\"></textarea></form>");
}

static void add_answered(struct buf *b, const struct alert *a) {
    bool is_me = str_eq(a->answer, STR("me"));
    buf_add_z(b, is_me ? "<p class=\"notice good\">You said that this was you."
                       : "<p class=\"notice good\">You said that this wasn't you, and we acted on it.");
    buf_add_z(b, is_me ? " If you have changed your mind, press the other button.</p>" : "</p>");
}

static void add_leaving(struct buf *b, const struct guard_answer *a) {
    if (a->account_state != ACCOUNT_LEAVING_SOON) return;
    buf_add_z(b,
              "<p class=\"notice warn\">This account is about to be deleted, a week after that was asked for. If that "
              "was not you either, open our message about the deletion and say so there: then it stays.</p>");
}

static void reply_show(struct http_request *req, struct api_call *c) {
    const struct alert *a = &c->g.answer.alert;
    bool is_locked = c->g.answer.account_state == ACCOUNT_LOCKED_DOWN;
    struct buf b;
    begin(&b, a->title);
    buf_add_z(&b, "<p class=\"eyebrow\">An alarm from your account</p><h1>");
    buf_add_html(&b, a->title);
    buf_add_z(&b, "</h1><p class=\"lead\">");
    buf_add_html(&b, first_paragraph(a->body));
    buf_add_z(&b, "</p>");
    if (a->answer.n) add_answered(&b, a);
    if (is_locked)
        buf_add_z(&b, "<p class=\"notice warn\">This account is locked down. <a href=\"/recover\">Take it back</a> "
                      "with your recovery key and a code from one of your devices.</p>");
    add_leaving(&b, &c->g.answer);
    add_facts(&b, a);
    add_form(&b, a);
    buf_add_z(&b, "<p class=\"quiet\">This page changes nothing until you press a button.</p>");
    end(req, 200, &b);
}

/* ---- refusals ---- */

static void page_of(struct http_request *req, int status, const char *title, const char *text) {
    struct buf b;
    begin(&b, str_from(title));
    buf_addf(&b, "<h1>%s</h1><p class=\"lead\">%s</p>", title, text);
    buf_add_z(&b, "<p><a class=\"button\" href=\"/home\">See the alarms of my account</a></p>"
                  "<p>Can't sign in? <a href=\"/recover\">Recover your account</a>.</p>");
    end(req, status, &b);
}

static void reply_refused(struct http_request *req, struct api_call *c) {
    switch ((int)c->g.answer.say) {
    case GUARD_EXPIRED:
        page_of(req, 410, "This link is too old",
                "Links in our mails work for 7 days. You can still see and answer every alarm when you are signed in.");
        return;
    case GUARD_NOT_FOUND:
    case GUARD_BAD_REQUEST:
        page_of(req, 404, "We don't know this link",
                "Perhaps a part of it was cut off. Open it from the mail once more. If the mail was not from us, do "
                "not worry: nothing happened.");
        return;
    default:
        http_add_header(req, "Retry-After", STR("5"));
        page_of(req, 503, "Please try that again",
                "We could not do this right now. If you have pressed \"It wasn't me\", we go on with it "
                "ourselves. Wait a few seconds and load this page again.");
    }
}

/* ---- the answer ---- */

/* By action, once it was done and is undone. */
static const char *const put_back[ACTION_COUNT] = {
    [ACTION_SIGN_IN] = "What they changed is as it was before. The recovery key that you had counts, and no other.",
    [ACTION_CHANGE_PASSWORD] = "The password that they set is gone.",
    [ACTION_RECOVER_PASSWORD] = "The password that they set is gone.",
    [ACTION_CHANGE_EMAIL] = "Your old address is your account's address again.",
    [ACTION_ADD_CONTACT] = "The address that they added is gone.",
    [ACTION_REMOVE_CONTACT] = "The address that they removed hears of every alarm again.",
    [ACTION_NEW_RECOVERY_KEY] = "The recovery key that you had counts again, and theirs opens nothing.",
    [ACTION_ADD_PASSKEY] = "Their passkey is gone.",
    [ACTION_REMOVE_PASSKEY] = "The passkey that they removed counts again.",
    [ACTION_DELETE_ACCOUNT] = "Your account is not deleted: it is back, with all that it held.",
};

static void add_put_back(struct buf *b, const struct guard_answer *a) {
    const char *words = put_back[a->alert.action];
    if (!a->is_put_back) return;
    buf_addf(b, "<p class=\"notice good\">%s</p>", words ? words : "What was changed is as it was before.");
}

static void add_locked_steps(struct buf *b, const struct guard_answer *a, bool is_here) {
    add_put_back(b, a);
    buf_add_z(b, a->is_put_back ? "<p class=\"lead\">Whoever did this could open your account."
                                : "<p class=\"lead\">Whoever did this had your password.");
    buf_add_z(b, " So the password opens nothing any more, and every device was signed out");
    buf_add_z(b, is_here ? " but this one.</p>" : ".</p>");
    buf_add_z(b, "<h2>What to do now</h2><ol class=\"steps\">"
                 "<li><strong>Choose a new password.</strong> You need your recovery key and a code from one of your "
                 "devices. <a class=\"button\" href=\"/recover\">Take my account back</a></li>"
                 "<li><strong>Change the old password elsewhere</strong> if you used it on other sites too.</li>"
                 "<li><strong>Don't give a code to anyone.</strong> We never ask for it, and neither does anyone "
                 "honest.</li></ol>");
    if (is_here)
        buf_add_z(b, "<p>As you are still signed in here, you can also <a href=\"/change-password\">change your "
                     "password</a> with two other proofs.</p>");
}

/* Stopped, and nothing had to be locked. Whoever has a session still has it: that is the one thing left to do. */
static void add_stopped(struct buf *b, const struct alert *a) {
    bool is_done = a->kind == ALERT_DONE;
    if (action_rules[a->action].opener == OPENER_ANYONE) {
        buf_add_z(
            b, "<p class=\"lead\">Whoever tried this is not in. Your password was not used, and it still works.</p>"
               "<p>If you use the same password elsewhere, or told it to somebody, <a href=\"/change-password\">change "
               "your password</a>.</p>");
        return;
    }
    if (action_rules[a->action].opener == OPENER_SERVER) {
        buf_add_z(b, "<p class=\"lead\">That device's backup program is shut out until it is set up again there.</p>"
                     "<p><a class=\"button\" href=\"/backups\">See my backups</a></p>");
        return;
    }
    if (is_done && a->action == ACTION_PURCHASE)
        buf_add_z(b, "<p class=\"lead\">Now call the shop and your bank: the shop may already hold the receipt.</p>");
    else if (is_done && a->action == ACTION_EXPORT_DATA)
        buf_add_z(b, "<p class=\"lead\">The copy of your data can't be fetched any more.</p>");
    else if (is_done && a->action == ACTION_ALLOW_DELETION)
        buf_add_z(b, "<p class=\"lead\">Nothing more can be deleted from that backup.</p>");
    else if (is_done && a->action == ACTION_RESTORE)
        buf_add_z(b, "<p class=\"lead\">That device reads nothing more of your backup.</p>");
    else
        buf_add_z(b, "<p class=\"lead\">It goes no further.</p>");
    buf_add_z(b, "<p>Whoever did this was signed in to your account. Look where that is, and sign out what you don't "
                 "know.</p><p><a class=\"button\" href=\"/security#sessions\">See who is signed in</a></p>");
}

/* The browser's own session of this very account outlived the lock-down. */
static bool is_still_in(const struct api_call *c, struct str session_token) {
    uint8_t mac[HASH_BYTES];
    struct account_id account;
    struct alert_id alert;
    struct session s;
    bool is_trusted;
    if (!c->caller.has_session || link_parse(c->g.link, &account, &alert, mac) != OK) return false;
    if (!id_eq(account.b, c->caller.session.account.b)) return false;
    return session_of(c->api, session_token, &s, &is_trusted);
}

static void reply_answered(struct http_request *req, struct api_call *c) {
    bool is_locked = c->g.answer.account_state == ACCOUNT_LOCKED_DOWN;
    struct buf b;
    if (c->g.is_me) {
        begin(&b, STR("Thank you"));
        buf_add_z(&b, "<h1>Thank you</h1><p class=\"lead\">Good to know that this was you. There is nothing else to "
                      "do.</p>");
    } else if (is_locked) {
        begin(&b, STR("Your account is locked down"));
        buf_add_z(&b, "<p class=\"eyebrow\">You did the right thing</p><h1>Your account is locked down</h1>");
        add_locked_steps(&b, &c->g.answer, is_still_in(c, cookie_session(req, c->api)));
    } else if (c->g.answer.account_state == ACCOUNT_LEAVING_SOON) {
        begin(&b, STR("It is stopped"));
        buf_add_z(&b,
                  "<p class=\"eyebrow\">You did the right thing</p><h1>It is stopped</h1><p class=\"lead\">Nobody can "
                  "open this account: every device was signed out.</p>");
        add_put_back(&b, &c->g.answer);
        add_leaving(&b, &c->g.answer);
    } else {
        begin(&b, STR("It is stopped"));
        buf_add_z(&b, "<p class=\"eyebrow\">You did the right thing</p><h1>It is stopped</h1>");
        add_stopped(&b, &c->g.answer.alert);
    }
    if (c->g.answer.has_case)
        buf_add_z(&b, "<p class=\"notice good\">The security team knows about it and will look at it.</p>");
    buf_add_z(&b, "<p><a href=\"/home\">See my account</a></p>");
    end(req, 200, &b);
}

static bool is_form(const struct http_request *req) {
    struct str head;
    (void)str_cut(http_header(req, "content-type"), ';', &head);
    return str_eq_nocase(str_trim(head), STR("application/x-www-form-urlencoded"));
}

void alert_page_show(struct http_request *req, void *app) {
    struct api_call *c = call_begin(req, app);
    if (!c) return;
    c->g.verb = GUARD_LINK_SHOW;
    c->g.link = http_param(req, "link");
    c->refuse = reply_refused;
    call_run(req, c, reply_show);
}

void alert_page_answer(struct http_request *req, void *app) {
    struct api_call *c = call_begin_form(req, app);
    struct alert_form f;
    if (!c) return;
    if (!is_form(req)) {
        page_of(req, 415, "That was not the form of this page", "Open the link from the mail and press a button.");
        return;
    }
    if (form_read(http_body(req), http_arena(req), &f) != OK) {
        page_of(req, 400, "We could not read that", "Go back, shorten the note, and press the button again.");
        return;
    }
    c->g.verb = GUARD_ANSWER;
    c->g.link = http_param(req, "link");
    c->g.is_me = f.is_me;
    c->g.tell_security_team = f.tell_security_team;
    c->g.note = f.note;
    c->refuse = reply_refused;
    call_run(req, c, reply_answered);
}
