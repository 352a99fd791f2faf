/*
 * The words of every alert. Fixed texts, and our own words for place and device: nothing that a caller wrote. Each says
 * what happened, when, where, on which device, and one thing to do. They are read in a fright: short, true, calm.
 */
#include <time.h>

#include "alarm/alarm_priv.h"

struct text {
    enum action action;
    enum alert_kind kind;
    unsigned proof; /* only when this one was shown; PROOF_NONE: always. The first that fits is taken */
    const char *title, *what, *advice;
};

#define NOT_ME        "open this alert and press \"It wasn't me\""
#define NOT_IN        "They are not in: a second proof is still missing."
#define NEVER_READ    " Never read a code to anyone who asks for it."
#define NOTHING_TO_DO "There is nothing to do. If it keeps happening, change your password."

static const struct text texts[] = {
    { ACTION_SIGN_IN, ALERT_OPENED, PROOF_PASSWORD, "Someone knows your password",
      "Someone entered your correct password on a device that has never been used with your account. " NOT_IN,
      "If this isn't you, " NOT_ME " now. That stops them, and your old password stops working." NEVER_READ },
    { ACTION_SIGN_IN, ALERT_OPENED, PROOF_RECOVERY_KEY, "Someone has your recovery key",
      "Someone entered your recovery key on a device that has never been used with your account. " NOT_IN,
      "If this isn't you, " NOT_ME " now. That stops them." NEVER_READ },
    { ACTION_SIGN_IN, ALERT_OPENED, PROOF_NONE, "Someone is signing in as you",
      "Someone gave a right proof for your account on a device that has never been used with it. " NOT_IN,
      "If this isn't you, " NOT_ME " now. That stops them." NEVER_READ },
    { ACTION_SIGN_IN, ALERT_REFUSED, PROOF_NONE, "A copy of one of your devices turned up",
      "Someone showed an old copy of the cookie by which we know one of your devices. We refused it, and that device "
      "must now sign in with two proofs.",
      "If one of your devices was lost, repaired or lent, change your password. If this isn't you, " NOT_ME "." },
    { ACTION_SIGN_IN, ALERT_HELD, PROOF_NONE, "A sign-in is waiting",
      "Someone gave the right proofs to sign in to your account. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops them." },
    { ACTION_SIGN_IN, ALERT_DONE, PROOF_NONE, "New sign-in on a new device",
      "Someone signed in to your account on a device that has never been used with it.",
      "If this isn't you, " NOT_ME " now. That signs the device out at once." },
    { ACTION_SIGN_IN, ALERT_DENIED, PROOF_NONE, "A sign-in was stopped",
      "A sign-in to your account was stopped. Nobody got in by it.", NOTHING_TO_DO },
    { ACTION_SIGN_IN, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to sign in",
      "Someone tried to sign in to your account and was wrong several times. They are not in.",
      "If this isn't you, " NOT_ME "." },

    { ACTION_CHANGE_PASSWORD, ALERT_OPENED, PROOF_NONE, "Someone wants to change your password",
      "Someone who is signed in to your account has started to change its password. It is not changed yet.",
      "If this isn't you, " NOT_ME " now. That stops it." NEVER_READ },
    { ACTION_CHANGE_PASSWORD, ALERT_REFUSED, PROOF_NONE, "A password change was refused",
      "Someone who is signed in to your account tried to change its password and could not prove to be you. It was not "
      "changed.",
      "If this isn't you, " NOT_ME " now." },
    { ACTION_CHANGE_PASSWORD, ALERT_HELD, PROOF_NONE, "A password change is waiting",
      "Your password is about to be changed. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_CHANGE_PASSWORD, ALERT_DONE, PROOF_NONE, "Your password was changed",
      "The password of your account was changed, and every other device was signed out.",
      "If this isn't you, " NOT_ME " now. That locks your account, and you take it back with your recovery key and a "
      "code." },
    { ACTION_CHANGE_PASSWORD, ALERT_DENIED, PROOF_NONE, "A password change was stopped",
      "A change of your password was stopped. It was not changed.", NOTHING_TO_DO },
    { ACTION_CHANGE_PASSWORD, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to change your password",
      "Someone who is signed in to your account tried to change its password and was wrong several times. It was not "
      "changed.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_RECOVER_PASSWORD, ALERT_OPENED, PROOF_NONE, "Someone says they lost your password",
      "Someone has started to recover your account. Nothing is changed yet: it takes your recovery key and a code from "
      "one of your devices.",
      "If this isn't you, " NOT_ME ". Never give your recovery key or a code to anyone." },
    { ACTION_RECOVER_PASSWORD, ALERT_REFUSED, PROOF_NONE, "A recovery of your account failed",
      "Someone tried to recover your account and could not prove to be you. Nothing was changed.",
      "If this isn't you, " NOT_ME ". Never give your recovery key or a code to anyone." },
    { ACTION_RECOVER_PASSWORD, ALERT_HELD, PROOF_NONE, "A recovery of your account is waiting",
      "Your password is about to be replaced by a recovery. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_RECOVER_PASSWORD, ALERT_DONE, PROOF_NONE, "Your account was recovered",
      "Your password was replaced by a recovery. Every device was signed out, and the recovery key that was used is "
      "spent: there is a new one.",
      "If this isn't you, " NOT_ME " now. That locks your account." },
    { ACTION_RECOVER_PASSWORD, ALERT_DENIED, PROOF_NONE, "A recovery of your account was stopped",
      "A recovery of your account was stopped. Nothing was changed.", NOTHING_TO_DO },
    { ACTION_RECOVER_PASSWORD, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to recover your account",
      "Someone tried to recover your account and was wrong several times. Nothing was changed.",
      "If this isn't you, " NOT_ME ". Never give your recovery key or a code to anyone." },
};

/* For an action and kind that the table does not name: true, if plain. */
static const struct text other = { .title = "Something happened in your account",
                                   .what = "Something that deserves your attention happened in your account.",
                                   .advice = "If this isn't you, " NOT_ME "." };

static const struct text *text_of(const struct alarm_event *e) {
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].action == e->action && texts[i].kind == e->kind &&
            (texts[i].proof == PROOF_NONE || (e->proved & texts[i].proof) != 0))
            return &texts[i];
    return &other;
}

static void add_when(struct buf *b, int64_t at_ms) {
    static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
    static const char *const months[] = { "January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December" };
    time_t s = (time_t)(at_ms / 1000);
    struct tm t;
    if (!gmtime_r(&s, &t)) return;
    buf_addf(b, "%s, %d %s %d, %02d:%02d UTC", days[t.tm_wday], t.tm_mday, months[t.tm_mon], t.tm_year + 1900,
             t.tm_hour, t.tm_min);
}

static void add_where(struct buf *b, const struct alarm_from *f) {
    if (f->place.n > 0 && f->ip.n > 0)
        buf_addf(b, "%.*s (%.*s)", STR_FMT(f->place), STR_FMT(f->ip));
    else if (f->place.n > 0 || f->ip.n > 0)
        buf_add(b, f->place.n > 0 ? f->place : f->ip);
    else
        buf_add_z(b, "unknown");
}

void alarm_words(const struct alarm_event *e, struct buf *title, struct buf *body) {
    const struct text *t = text_of(e);
    buf_add_z(title, t->title);
    buf_add_z(body, t->what);
    buf_add_z(body, "\n\nWhen: ");
    add_when(body, e->at_ms);
    buf_add_z(body, "\nWhere: ");
    add_where(body, &e->from);
    buf_add_z(body, "\nDevice: ");
    buf_add(body, e->from.device.n > 0 ? e->from.device : STR("unknown"));
    buf_add_z(body, e->from.is_known_device ? ", known to your account" : ", new to your account");
    buf_add_z(body, "\n\n");
    buf_add_z(body, t->advice);
}

void alarm_words_count(int64_t count, int64_t last_ms, struct buf *body) {
    buf_addf(body, "\n\nIt has happened %lld times by now, the last time on ", (long long)count);
    add_when(body, last_ms);
    buf_add_c(body, '.');
}
