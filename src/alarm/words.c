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
      "If this isn't you, " NOT_ME
      " now. That signs the device out at once, and takes back what was changed from it." },
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

    { ACTION_RESTORE, ALERT_OPENED, PROOF_NONE, "Someone wants to restore your data",
      "A device has asked for the backup of another of your devices. It has not received anything yet.",
      "If this isn't you, " NOT_ME " now. That stops it." NEVER_READ },
    { ACTION_RESTORE, ALERT_REFUSED, PROOF_NONE, "A restore was refused",
      "Someone asked for the backup of one of your devices and could not prove to be you. They received nothing.",
      "If this isn't you, " NOT_ME " now." },
    { ACTION_RESTORE, ALERT_HELD, PROOF_NONE, "A restore of your data is waiting",
      "The backup of one of your devices is about to be opened to another device. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_RESTORE, ALERT_DONE, PROOF_NONE, "Your data can be restored",
      "The backup of one of your devices is open to another device for 24 hours.",
      "If this isn't you, " NOT_ME " now. That closes it at once." },
    { ACTION_RESTORE, ALERT_DENIED, PROOF_NONE, "A restore was stopped",
      "A restore of your data to another device was stopped. It received nothing.", NOTHING_TO_DO },
    { ACTION_RESTORE, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to restore your data",
      "Someone asked for the backup of one of your devices and was wrong several times. They received nothing.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_CHANGE_EMAIL, ALERT_OPENED, PROOF_NONE, "Someone wants to change your address",
      "Someone who is signed in to your account has started to change its e-mail address. It is not changed yet.",
      "If this isn't you, " NOT_ME " now. That stops it." NEVER_READ },
    { ACTION_CHANGE_EMAIL, ALERT_HELD, PROOF_NONE, "A change of your address is waiting",
      "The e-mail address of your account is about to be changed. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_CHANGE_EMAIL, ALERT_DONE, PROOF_NONE, "Your address was changed",
      "The e-mail address of your account was changed. The old one hears of everything for 7 more days.",
      "If this isn't you, " NOT_ME " now. That brings the old address back and locks your account, and you take it "
      "back with your recovery key and a code." },
    { ACTION_CHANGE_EMAIL, ALERT_DENIED, PROOF_NONE, "A change of your address was stopped",
      "A change of your e-mail address was stopped. It was not changed.", NOTHING_TO_DO },
    { ACTION_CHANGE_EMAIL, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to change your address",
      "Someone who is signed in to your account tried to change its e-mail address and was wrong several times. It was "
      "not changed.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_ADD_CONTACT, ALERT_OPENED, PROOF_NONE, "Someone wants to add an address for alerts",
      "Someone who is signed in to your account has started to add an address that alerts go to. It is not added yet.",
      "If this isn't you, " NOT_ME " now. That stops it." NEVER_READ },
    { ACTION_ADD_CONTACT, ALERT_HELD, PROOF_NONE, "A new address for alerts is waiting",
      "An address that alerts go to is about to be added to your account. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_ADD_CONTACT, ALERT_DONE, PROOF_NONE, "An address for alerts was added",
      "Alerts of your account now go to one more address.",
      "If this isn't you, " NOT_ME
      " now. That removes it and locks your account, and you take it back with your recovery key and a code." },
    { ACTION_ADD_CONTACT, ALERT_DENIED, PROOF_NONE, "A new address for alerts was stopped",
      "A new address for alerts was stopped. It was not added.", NOTHING_TO_DO },
    { ACTION_ADD_CONTACT, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to add an address for alerts",
      "Someone who is signed in to your account tried to add an address for alerts and was wrong several times. It was "
      "not added.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_REMOVE_CONTACT, ALERT_OPENED, PROOF_NONE, "Someone wants to remove an address for alerts",
      "Someone who is signed in to your account has started to remove an address that alerts go to. It is still there.",
      "If this isn't you, " NOT_ME " now. That stops it." NEVER_READ },
    { ACTION_REMOVE_CONTACT, ALERT_HELD, PROOF_NONE, "The removal of an address for alerts is waiting",
      "An address that alerts go to is about to be removed. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_REMOVE_CONTACT, ALERT_DONE, PROOF_NONE, "An address for alerts was removed",
      "An address that alerts went to was removed. It hears of everything for 7 more days.",
      "If this isn't you, " NOT_ME
      " now. That brings it back and locks your account, and you take it back with your recovery key and a code." },
    { ACTION_REMOVE_CONTACT, ALERT_DENIED, PROOF_NONE, "The removal of an address was stopped",
      "The removal of an address for alerts was stopped. It is still there.", NOTHING_TO_DO },
    { ACTION_REMOVE_CONTACT, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to remove an address for alerts",
      "Someone who is signed in to your account tried to remove an address for alerts and was wrong several times. It "
      "is still there.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_NEW_RECOVERY_KEY, ALERT_OPENED, PROOF_NONE, "Someone wants a new recovery key",
      "Someone who is signed in to your account has asked for a new recovery key. The one you have still counts.",
      "If this isn't you, " NOT_ME " now. That stops it." NEVER_READ },
    { ACTION_NEW_RECOVERY_KEY, ALERT_HELD, PROOF_NONE, "A new recovery key is waiting",
      "Your recovery key is about to be replaced. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_NEW_RECOVERY_KEY, ALERT_DONE, PROOF_NONE, "Your recovery key was replaced",
      "Your account has a new recovery key, and the one you had before counts no more.",
      "If this isn't you, " NOT_ME
      " now. That brings the old key back and locks your account, and you take it back with that key and a code." },
    { ACTION_NEW_RECOVERY_KEY, ALERT_DENIED, PROOF_NONE, "A new recovery key was stopped",
      "A new recovery key was stopped. The one you have still counts.", NOTHING_TO_DO },
    { ACTION_NEW_RECOVERY_KEY, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to replace your recovery key",
      "Someone who is signed in to your account tried to replace your recovery key and was wrong several times. The "
      "one you have still counts.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_ADD_PASSKEY, ALERT_HELD, PROOF_NONE, "A new passkey is waiting",
      "A passkey is about to be added to your account. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_ADD_PASSKEY, ALERT_DONE, PROOF_NONE, "A passkey was added",
      "A passkey was added to your account. Whoever has it can sign in with a fingerprint or a device's lock alone.",
      "If this isn't you, " NOT_ME
      " now. That removes it and locks your account, and you take it back with your recovery key and a code." },
    { ACTION_ADD_PASSKEY, ALERT_DENIED, PROOF_NONE, "A new passkey was stopped",
      "A new passkey was stopped. It was not added.", NOTHING_TO_DO },
    { ACTION_ADD_PASSKEY, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to add a passkey",
      "Someone who is signed in to your account tried to add a passkey and was wrong several times. None was added.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_REMOVE_PASSKEY, ALERT_HELD, PROOF_NONE, "The removal of a passkey is waiting",
      "A passkey of your account is about to be removed. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_REMOVE_PASSKEY, ALERT_DONE, PROOF_NONE, "A passkey was removed",
      "A passkey of your account was removed, and nobody can sign in with it any more.",
      "If this isn't you, " NOT_ME
      " now. That brings it back and locks your account, and you take it back with your recovery key and a code." },
    { ACTION_REMOVE_PASSKEY, ALERT_DENIED, PROOF_NONE, "The removal of a passkey was stopped",
      "The removal of a passkey was stopped. It still counts.", NOTHING_TO_DO },
    { ACTION_REMOVE_PASSKEY, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to remove a passkey",
      "Someone who is signed in to your account tried to remove a passkey and was wrong several times. It still "
      "counts.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_REMOVE_DEVICE, ALERT_HELD, PROOF_NONE, "The removal of a device is waiting",
      "A device is about to be removed from your account. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_REMOVE_DEVICE, ALERT_DONE, PROOF_NONE, "A device was removed",
      "A device was removed from your account: it is signed out, and must prove everything anew.",
      "If this isn't you, " NOT_ME
      " now. That locks your account, and you take it back with your recovery key and a code." },
    { ACTION_REMOVE_DEVICE, ALERT_DENIED, PROOF_NONE, "The removal of a device was stopped",
      "The removal of a device was stopped. It is still known.", NOTHING_TO_DO },
    { ACTION_REMOVE_DEVICE, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to remove a device",
      "Someone who is signed in to your account tried to remove a device and was wrong several times. It is still "
      "known.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_PURCHASE, ALERT_REFUSED, PROOF_NONE, "A purchase was refused",
      "Someone who is signed in to your account tried to authorize a purchase and could not prove to be you. Nothing "
      "was bought.",
      "If this isn't you, " NOT_ME " now." },
    { ACTION_PURCHASE, ALERT_HELD, PROOF_NONE, "A purchase is waiting",
      "A purchase is about to be authorized. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_PURCHASE, ALERT_DONE, PROOF_NONE, "A purchase was authorized",
      "A purchase was authorized with one of your passkeys. The amount and the shop are on the page of this alert's "
      "attempt.",
      "If this isn't you, " NOT_ME
      " now. Then call the shop and your bank too: the shop may already hold the receipt." },
    { ACTION_PURCHASE, ALERT_DENIED, PROOF_NONE, "A purchase was stopped",
      "A purchase was stopped. Nothing was bought.", NOTHING_TO_DO },
    { ACTION_PURCHASE, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to buy something",
      "Someone who is signed in to your account tried to authorize a purchase and was wrong several times. Nothing was "
      "bought.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_EXPORT_DATA, ALERT_OPENED, PROOF_NONE, "Someone wants a copy of your data",
      "Someone who is signed in to your account has asked for a copy of all that your account holds here. They don't "
      "have it yet.",
      "If this isn't you, " NOT_ME " now. That stops it." NEVER_READ },
    { ACTION_EXPORT_DATA, ALERT_HELD, PROOF_NONE, "A copy of your data is waiting",
      "A copy of all that your account holds here is about to be handed out. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_EXPORT_DATA, ALERT_DONE, PROOF_NONE, "A copy of your data was made",
      "A copy of all that your account holds here can be fetched for 24 hours.",
      "If this isn't you, " NOT_ME " now. That closes it at once." },
    { ACTION_EXPORT_DATA, ALERT_DENIED, PROOF_NONE, "A copy of your data was stopped",
      "A copy of your data was stopped. Nothing was handed out.", NOTHING_TO_DO },
    { ACTION_EXPORT_DATA, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to copy your data",
      "Someone who is signed in to your account tried to get a copy of your data and was wrong several times. Nothing "
      "was handed out.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_DELETE_ACCOUNT, ALERT_OPENED, PROOF_NONE, "Someone wants to delete your account",
      "Someone who is signed in to your account has started to delete it. It is still there.",
      "If this isn't you, " NOT_ME " now. That stops it." NEVER_READ },
    { ACTION_DELETE_ACCOUNT, ALERT_HELD, PROOF_NONE, "The deletion of your account is waiting",
      "Your account is about to be deleted. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_DELETE_ACCOUNT, ALERT_DONE, PROOF_NONE, "Your account was deleted",
      "Your account was deleted, and every device was signed out. For 7 days it can be brought back.",
      "If this isn't you, " NOT_ME
      " now. That brings it back and locks it, and you take it back with your recovery key and a code." },
    { ACTION_DELETE_ACCOUNT, ALERT_DENIED, PROOF_NONE, "The deletion of your account was stopped",
      "The deletion of your account was stopped. It is still there.", NOTHING_TO_DO },
    { ACTION_DELETE_ACCOUNT, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to delete your account",
      "Someone who is signed in to your account tried to delete it and was wrong several times. It is still there.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_ALLOW_DELETION, ALERT_OPENED, PROOF_NONE, "Someone wants to delete backups",
      "Someone who is signed in to your account has asked to delete from the backup of one of your devices. Nothing "
      "can "
      "be deleted yet.",
      "If this isn't you, " NOT_ME " now. That stops it." NEVER_READ },
    { ACTION_ALLOW_DELETION, ALERT_REFUSED, PROOF_NONE, "Deleting backups was refused",
      "Someone who is signed in to your account asked to delete from the backup of one of your devices and could not "
      "prove to be you. Nothing can be deleted.",
      "If this isn't you, " NOT_ME " now." },
    { ACTION_ALLOW_DELETION, ALERT_HELD, PROOF_NONE, "Deleting backups is waiting",
      "The backup of one of your devices is about to be opened to deletion. It waits, so that you can stop it.",
      "If this isn't you, " NOT_ME " now. That stops it." },
    { ACTION_ALLOW_DELETION, ALERT_DONE, PROOF_NONE, "Backups can be deleted for an hour",
      "For one hour the device can delete from its backup, as restic does with forget and prune.",
      "If this isn't you, " NOT_ME " now. That closes it at once." },
    { ACTION_ALLOW_DELETION, ALERT_DENIED, PROOF_NONE, "Deleting backups was stopped",
      "Somebody's wish to delete from a backup was stopped. Nothing can be deleted.", NOTHING_TO_DO },
    { ACTION_ALLOW_DELETION, ALERT_WRONG_PROOFS, PROOF_NONE, "Failed attempts to delete backups",
      "Someone who is signed in to your account asked to delete from the backup of one of your devices and was wrong "
      "several times. Nothing can be deleted.",
      "If this isn't you, " NOT_ME " now." },

    { ACTION_BACKUP_DELETED, ALERT_DONE, PROOF_NONE, "Much of a backup is being deleted",
      "Half or more of the backup of one of your devices is being deleted, by that device's backup program.",
      "If this isn't you, " NOT_ME " now. That stops it: the program is shut out until that device sets it up again." },
    { ACTION_BACKUP_KEYS_CHANGED, ALERT_DONE, PROOF_NONE, "The passwords of a backup are being changed",
      "A password that opens the backup of one of your devices is being added or removed. Whoever knows one can read "
      "all "
      "that is in it.",
      "If this isn't you, " NOT_ME " now. That shuts that device's backup program out until it is set up again; then "
      "look at the passwords with: restic key list" },
    { ACTION_BACKUP_OVERDUE, ALERT_DONE, PROOF_NONE, "A device has not backed up for long",
      "One of your devices has not backed up for longer than you expect of it. What is new on it would be lost with "
      "it.",
      "Turn that device on and run a backup, or look at its schedule. How long is too long is set on the page of your "
      "devices." },
    { ACTION_BACKUP_DAMAGED, ALERT_DONE, PROOF_NONE, "A backup is damaged",
      "A part of the backup of one of your devices can't be read as it was written. The storage of this server may be "
      "failing; nobody has to be behind it.",
      "Keep a second backup of that device elsewhere, and look at this one with: restic check --read-data" },
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
    if (action_rules[e->action].opener != OPENER_SERVER || e->from.ip.n > 0) {
        buf_add_z(body, "\nWhere: ");
        add_where(body, &e->from);
    }
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
