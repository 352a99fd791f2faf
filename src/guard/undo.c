/*
 * Taking back what is done. For a week "it wasn't me" puts back what a change replaced: the keeper its credentials, the
 * front addresses and contacts. The account is locked with it, so that nothing that comes back opens anything by
 * itself.
 */
#include "guard/guard_priv.h"

#define UNDO_MS (7 * MS_PER_DAY)

static bool changes_addresses(enum action a) {
    return a == ACTION_CHANGE_EMAIL || a == ACTION_ADD_CONTACT || a == ACTION_REMOVE_CONTACT;
}

static bool changes_credentials(const struct attempt *a) {
    if ((a->proved & PROOF_RECOVERY_KEY) != 0)
        return true; /* it was spent, and whoever spent it was shown the new one */
    switch (action_rules[a->action].effect) {
    case EFFECT_SET_PASSWORD:
    case EFFECT_NEW_RECOVERY_KEY:
    case EFFECT_ADD_PASSKEY:
    case EFFECT_REMOVE_PASSKEY:
    case EFFECT_LEAVE: return true;
    case EFFECT_ENROLL:
    case EFFECT_ADMIT:
    case EFFECT_FORGET_DEVICE:
    case EFFECT_RECEIPT:
    case EFFECT_PERMIT: return false;
    }
    return false;
}

bool is_undoable(const struct attempt *a, int64_t now_ms) {
    if (a->state != ATTEMPT_DONE || a->action == ACTION_SIGN_UP || a->is_undone) return false;
    return now_ms - a->changed_ms < UNDO_MS && (changes_addresses(a->action) || changes_credentials(a));
}

bool undo_at_keeper(struct work *w, const struct attempt *a) {
    struct keeper_reply reply;
    keeper_ask_wait(w->g->o.keeper,
                    &(struct keeper_request){ .ask = KEEPER_UNDO,
                                              .account = a->account,
                                              .attempt = a->id,
                                              .action = a->action,
                                              .device = a->opener_device,
                                              .subject = a->subject },
                    &reply);
    return reply.say == KEEPER_RIGHT;
}

static enum err undo_email(struct store_tx *tx, struct work *w) {
    struct account acc;
    enum err r = account_lock_row(tx, w->a.account, w->call->arena, &acc);
    if (r != OK) return r;
    if (str_eq(acc.email, w->a.detail)) return OK;
    r = address_take(tx, w->a.detail, acc.id, w->now_ms);
    if (r != OK) return r == ERR_CONFLICT ? OK : r; /* it was given away since: not within a week */
    if ((r = address_give_up(tx, acc.email, acc.id, w->now_ms)) != OK) return r;
    if ((r = account_set_email(tx, acc.id, w->a.detail)) != OK) return r;
    if ((r = contact_drop(tx, acc.id, acc.email)) != OK || (r = contact_drop(tx, acc.id, w->a.email)) != OK) return r;
    return contact_add(tx, acc.id, w->a.detail, w->now_ms);
}

static enum err undo_delete(struct store_tx *tx, struct work *w) {
    struct account acc;
    enum err r = account_lock_row(tx, w->a.account, w->call->arena, &acc);
    if (r != OK || acc.state != ACCOUNT_LEAVING_SOON) return r;
    if ((r = account_return(tx, &acc, w->now_ms)) != OK) return r;
    return history(tx, w, LEDGER_ACCOUNT_RETURNED, w->a.id.b);
}

static enum err undo_passkey(struct store_tx *tx, struct work *w) {
    bool is_added = w->a.action == ACTION_ADD_PASSKEY;
    struct passkey_id id;
    enum err r;
    memcpy(id.b, is_added ? w->a.new_device.b : w->a.subject.b, ID_BYTES);
    if (is_added) return passkey_drop(tx, w->a.account, id);
    r = passkey_set_removed(tx, w->a.account, id, 0);
    return r == ERR_NOT_FOUND ? OK : r;
}

/* By action; what is not here ends with the lock-down. */
static enum err undo_effect(struct store_tx *tx, struct work *w) {
    if (w->a.action == ACTION_CHANGE_EMAIL) return undo_email(tx, w);
    if (w->a.action == ACTION_ADD_CONTACT) return contact_drop(tx, w->a.account, w->a.email);
    if (w->a.action == ACTION_REMOVE_CONTACT) return contact_add(tx, w->a.account, w->a.email, w->now_ms);
    if (w->a.action == ACTION_DELETE_ACCOUNT) return undo_delete(tx, w);
    if (w->a.action == ACTION_ADD_PASSKEY || w->a.action == ACTION_REMOVE_PASSKEY) return undo_passkey(tx, w);
    return OK;
}

/* Whoever has that device's token deleted backups, or let somebody else read them: it opens nothing more. */
static enum err undo_backup(struct store_tx *tx, struct work *w) {
    struct attempt window = w->a;
    enum err r = drop_backup_token(tx, w);
    window.action = ACTION_ALLOW_DELETION;
    return r == OK ? attempt_close_windows(tx, &window, w->now_ms) : r;
}

enum err undo_done(struct store_tx *tx, struct work *w) {
    bool closes_window = w->a.until_ms > w->now_ms;
    enum err r = is_undoable(&w->a, w->now_ms) ? undo_effect(tx, w) : OK;
    if (r != OK) return r;
    if (closes_window) {
        enum ledger_event closed =
            w->a.action == ACTION_ALLOW_DELETION ? LEDGER_DELETION_WINDOW_CLOSED : LEDGER_RESTORE_WINDOW_CLOSED;
        w->a.until_ms = w->now_ms;
        if ((r = history(tx, w, closed, w->a.id.b)) != OK) return r;
    }
    if (w->a.action == ACTION_RESTORE && (r = drop_backup_token(tx, w)) != OK) return r;
    if ((w->a.action == ACTION_BACKUP_DELETED || w->a.action == ACTION_BACKUP_KEYS_CHANGED) &&
        (r = undo_backup(tx, w)) != OK)
        return r;
    w->a.is_undone = true;
    if ((r = attempt_write(tx, &w->a, w->a.changed_ms)) != OK) return r;
    return history(tx, w, LEDGER_ATTEMPT_UNDONE, w->a.id.b);
}
