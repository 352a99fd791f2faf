/* One row a thing: how to see its state, how much it counts, and the words for each state. */
#include "awareness/checkup.h"

#include <string.h>

#include "base/err.h"

#define RISK_SCORE_MOST 49

static enum checkup_state password(const struct checkup_facts *f) {
    return f->is_locked_down ? CHECKUP_RISK : CHECKUP_GOOD;
}

static enum checkup_state answers(const struct checkup_facts *f) {
    return f->unanswered > 0 ? CHECKUP_RISK : CHECKUP_GOOD;
}

static enum checkup_state passkey(const struct checkup_facts *f) {
    return f->passkeys > 0 ? CHECKUP_GOOD : CHECKUP_TODO;
}

/* The way back takes a code from a trusted device, or a passkey, which is synced to more than one as a rule. */
static enum checkup_state devices(const struct checkup_facts *f) {
    if (f->trusted >= 2) return CHECKUP_GOOD;
    return f->passkeys > 0 ? CHECKUP_TODO : CHECKUP_RISK;
}

static enum checkup_state alarms(const struct checkup_facts *f) { return f->ringing > 0 ? CHECKUP_GOOD : CHECKUP_TODO; }

static enum checkup_state address(const struct checkup_facts *f) {
    return f->addresses >= 2 ? CHECKUP_GOOD : CHECKUP_TODO;
}

static enum checkup_state backup(const struct checkup_facts *f) {
    if (f->backups == 0) return CHECKUP_TODO;
    return f->overdue > 0 ? CHECKUP_RISK : CHECKUP_GOOD;
}

static enum checkup_state unused(const struct checkup_facts *f) { return f->unused > 0 ? CHECKUP_TODO : CHECKUP_GOOD; }

struct words {
    const char *title, *why, *action;
};

static const struct row {
    const char *id, *href;
    int weight;
    enum checkup_state (*state)(const struct checkup_facts *f);
    struct words good, todo, risk;
} rows[CHECKUP_ITEMS] = {
    { "password", "/change-password", 10, password,
      .good = { "Nobody else is known to have your password", "If an alarm says otherwise, change it that day.", "" },
      .risk = { "Somebody else knows your password",
                "You said that a sign-in wasn't you, and it had the right password. Until you choose a new one, the "
                "old "
                "one opens nothing.",
                "Choose a new password" } },
    { "answers", "/home", 10, answers,
      .good = { "Every alarm is answered", "An answer stops what wasn't you, and keeps the list short enough to read.",
                "" },
      .risk = { "An alarm waits for your answer",
                "If it wasn't you, saying so stops it and takes back what was done. It works for a week.",
                "Look at it" } },
    { "devices", "/security#devices", 20, devices,
      .good = { "You trust more than one device", "If one is lost, another shows the code that lets you back in.", "" },
      .todo = { "Sign in on a second device",
                "If you lose the only one, your passkey is the one way back that is left.", "See your devices" },
      .risk = { "Only one device can let you back in",
                "The way back takes your recovery key and a code from a device that you trust. Lose the only one, and "
                "the account is lost. Sign in on another one, or add a passkey.",
                "See your devices" } },
    { "backup", "/backups", 5, backup,
      .good = { "Your devices are backed up", "A copy that nobody can delete in one go is what is left after a thief.",
                "" },
      .todo = { "Back up a device", "A copy that nobody can delete in one go is what is left after a thief, or a fall.",
                "See how" },
      .risk = { "A backup is overdue", "That device has not been backed up for longer than you said.",
                "See your backups" } },
    { "passkey", "/security#passkeys", 25, passkey,
      .good = { "You have a passkey", "It works on the real page only, so no fake one can get it out of you.", "" },
      .todo = { "Add a passkey",
                "Your fingerprint or your device's lock, in place of all that can be typed into a fake page.",
                "Add a passkey" } },
    { "alarms", "/home#h-push", 15, alarms,
      .good = { "Alarms ring on a device of yours", "A mail can be read too late, and a thief may read it first.", "" },
      .todo = { "Let alarms ring on this device", "A mail can be read too late, and a thief may read it first.",
                "Turn alarms on" } },
    { "address", "/security#contacts", 10, address,
      .good = { "Alarms go to a second address", "Whoever reads your mail can't keep them from you.", "" },
      .todo = { "Add a second address for alarms",
                "Whoever gets into your mailbox could delete them there. Take another of yours, or a person you trust.",
                "Add an address" } },
    { "unused", "/security#devices", 5, unused,
      .good = { "You use every device that you trust", "One that lies in a drawer, or was sold, would be a way in.",
                "" },
      .todo = { "Remove a device that you no longer use",
                "One of them was not seen for three months. Lost, lent or sold, it would be a way in.",
                "See your devices" } },
};

static const struct words *words_of(const struct row *row, enum checkup_state state) {
    switch (state) {
    case CHECKUP_GOOD: return &row->good;
    case CHECKUP_TODO: return &row->todo;
    case CHECKUP_RISK: return &row->risk;
    }
    return &row->good;
}

void checkup_make(const struct checkup_facts *facts, struct checkup *ret) {
    static const enum checkup_state order[] = { CHECKUP_RISK, CHECKUP_TODO, CHECKUP_GOOD };
    bool has_risk = false;
    size_t n = 0;
    memset(ret, 0, sizeof *ret);
    for (size_t o = 0; o < ARRAY_LEN(order); o++)
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            const struct row *row = &rows[i];
            enum checkup_state state = row->state(facts);
            const struct words *w = words_of(row, state);
            if (state != order[o]) continue;
            ret->items[n++] = (struct checkup_item){ row->id, state, w->title, w->why, w->action, row->href };
            if (state == CHECKUP_GOOD) ret->score += row->weight;
            has_risk = has_risk || state == CHECKUP_RISK;
        }
    if (has_risk && ret->score > RISK_SCORE_MOST) ret->score = RISK_SCORE_MOST;
}
