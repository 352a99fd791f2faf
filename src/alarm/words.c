/*
 * The words of every alert. Fixed texts, and our own words for place and device: nothing that a caller wrote. Each says
 * what happened, when, where, and one thing to do.
 */
#include <time.h>

#include "alarm/alarm_priv.h"

struct text {
    enum action action;
    enum alert_kind kind;
    const char *title, *what, *advice;
};

#define IF_NOT_YOU    "If this wasn't you, open the link and press \"It wasn't me\"."
#define NOTHING_TO_DO "If this was you, there is nothing to do."

static const struct text texts[] = {
    { ACTION_SIGN_IN, ALERT_OPENED, "Someone knows your password",
      "Someone entered your correct password on a device that you have not used before. They are not in yet: a second "
      "proof is "
      "still missing.",
      "If this isn't you, open the link now and press \"It wasn't me\": that stops it, and your password stops working "
      "until you "
      "choose a new one. Never give a code to anyone who asks for it." },
    { ACTION_SIGN_IN, ALERT_DONE, "New sign-in on a new device",
      "Someone signed in to your account on a device that was not used before.",
      "If this wasn't you, open the link now and press \"It wasn't me\": that signs the device out at once." },
    { ACTION_SIGN_IN, ALERT_WRONG_PROOFS, "Failed attempts to sign in",
      "Someone tried to sign in to your account and failed several times.",
      "They are not in. If this wasn't you, open the link and press \"It wasn't me\"." },
    { ACTION_SIGN_IN, ALERT_REFUSED, "A copied device tried to sign in",
      "Someone used an old copy of the cookie by which we know one of your devices. That device is not known any more "
      "and must "
      "sign in with two proofs.",
      "If one of your devices was lost, repaired or lent, change your password. " IF_NOT_YOU },
    { ACTION_SIGN_IN, ALERT_DENIED, "A sign-in was stopped",
      "A sign-in to your account was stopped before it was done.", NOTHING_TO_DO },
    { ACTION_CHANGE_PASSWORD, ALERT_OPENED, "Someone wants to change your password",
      "Someone who is signed in to your account started to change its password. It is not changed yet.",
      "If this isn't you, open the link now and press \"It wasn't me\": that stops it." },
    { ACTION_CHANGE_PASSWORD, ALERT_REFUSED, "A password change was refused",
      "Someone tried to change your password and could not prove to be you. It was not changed.", IF_NOT_YOU },
    { ACTION_CHANGE_PASSWORD, ALERT_HELD, "A password change is waiting",
      "Your password is about to be changed. It waits, so that you can stop it.",
      "If this isn't you, open the link now and press \"It wasn't me\": that stops it." },
    { ACTION_CHANGE_PASSWORD, ALERT_DONE, "Your password was changed",
      "The password of your account was changed. All other devices were signed out.",
      "If this wasn't you, open the link now and press \"It wasn't me\": that locks your account, and you take it back "
      "with your "
      "recovery key and a code." },
    { ACTION_CHANGE_PASSWORD, ALERT_DENIED, "A password change was stopped",
      "A change of your password was stopped. It was not changed.", NOTHING_TO_DO },
    { ACTION_RECOVER_PASSWORD, ALERT_OPENED, "Someone says they forgot your password",
      "Someone started to recover your account. Nothing is changed yet: it needs your recovery key and a code from one "
      "of your "
      "devices.",
      "If this isn't you, open the link and press \"It wasn't me\". Never give your recovery key or a code to "
      "anyone." },
    { ACTION_RECOVER_PASSWORD, ALERT_REFUSED, "A recovery of your account failed",
      "Someone tried to recover your account and could not prove to be you. Nothing was changed.", IF_NOT_YOU },
    { ACTION_RECOVER_PASSWORD, ALERT_HELD, "A recovery of your account is waiting",
      "Your password is about to be replaced by a recovery. It waits, so that you can stop it.",
      "If this isn't you, open the link now and press \"It wasn't me\": that stops it." },
    { ACTION_RECOVER_PASSWORD, ALERT_DONE, "Your account was recovered",
      "Your password was replaced with your recovery key and a code. All devices were signed out, and a new recovery "
      "key was made.",
      "If this wasn't you, open the link now and press \"It wasn't me\": that locks your account." },
    { ACTION_RECOVER_PASSWORD, ALERT_DENIED, "A recovery was stopped",
      "A recovery of your account was stopped. Nothing was changed.", NOTHING_TO_DO },
};

/* For an action and kind that the table does not name: true, if plain. */
static const struct text other = { .title = "Something happened in your account",
                                   .what = "Something that deserves your attention happened in your account.",
                                   .advice = IF_NOT_YOU };

static const struct text *text_of(enum action action, enum alert_kind kind) {
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].action == action && texts[i].kind == kind) return &texts[i];
    return &other;
}

static void add_when(struct buf *b, int64_t at_ms) {
    static const char *const months[] = { "January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December" };
    time_t s = (time_t)(at_ms / 1000);
    struct tm t;
    if (!gmtime_r(&s, &t)) return;
    buf_addf(b, "%d %s %d, %02d:%02d UTC", t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min);
}

void alarm_words(const struct alarm_event *e, struct buf *title, struct buf *body) {
    const struct text *t = text_of(e->action, e->kind);
    buf_add_z(title, t->title);
    buf_add_z(body, t->what);
    buf_add_z(body, "\n\nWhen: ");
    add_when(body, e->at_ms);
    buf_add_z(body, "\nWhere: ");
    if (e->from.place.n > 0)
        buf_addf(body, "%.*s (%.*s)", STR_FMT(e->from.place), STR_FMT(e->from.ip));
    else if (e->from.ip.n > 0)
        buf_add(body, e->from.ip);
    else
        buf_add_z(body, "unknown");
    buf_add_z(body, "\nDevice: ");
    buf_add(body, e->from.device.n > 0 ? e->from.device : STR("unknown"));
    buf_add_z(body, e->from.is_known_device ? ", known to your account" : ", new to your account");
    buf_add_z(body, "\n\n");
    buf_add_z(body, t->advice);
}
