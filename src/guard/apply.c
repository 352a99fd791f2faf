/* What follows from an action once the keeper has applied it: one function each, in the transaction that says "done".
 */
#include "guard/guard_priv.h"

#include "base/enc.h"
#include "keeper/ceremony.h"

#define WINDOW_MS   (24 * MS_PER_HOUR) /* in which a restored device may read, and an export be fetched */
#define DELETION_MS MS_PER_HOUR
#define LEAVE_MS    (7 * MS_PER_DAY)

static enum err start_session(struct store_tx *tx, struct work *w, const struct account *acc) {
    struct guard_result *res = &w->call->answer.result;
    uint8_t hash[HASH_BYTES];
    struct session s = { .account = acc->id,
                         .device = w->a.new_device,
                         .epoch = acc->epoch,
                         .created_ms = w->now_ms,
                         .expires_ms = w->now_ms + w->g->o.config->policy_session_hours * MS_PER_HOUR,
                         .proofs = w->a.proved };
    enum err r;
    id_new(s.id.b);
    token_new(TOKEN_SESSION, acc->id, res->session_token, hash);
    if ((r = session_create(tx, &s, hash)) != OK) return r;
    res->session = s;
    res->has_session = true;
    w->has_sessions = true;
    return history(tx, w, LEDGER_SESSION_STARTED, s.id.b);
}

static enum err add_device(struct store_tx *tx, struct work *w, bool is_first) {
    struct guard_result *res = &w->call->answer.result;
    uint8_t hash[HASH_BYTES];
    struct device d = { .id = w->a.new_device,
                        .name = w->a.device_name.n ? w->a.device_name : w->a.from_device,
                        .platform = w->a.from_device,
                        .place = w->a.place,
                        .trusted_ms = w->now_ms,
                        .first_seen_ms = w->now_ms,
                        .last_seen_ms = w->now_ms,
                        .is_first = is_first };
    enum err r;
    token_new(TOKEN_DEVICE, w->a.account, res->device_token, hash);
    if ((r = device_create(tx, w->a.account, &d, hash)) != OK) return r;
    res->device = d.id;
    res->device_name = d.name;
    res->has_device = true;
    return history(tx, w, LEDGER_DEVICE_ADDED, d.id.b);
}

static enum err rotate_device(struct store_tx *tx, struct work *w) {
    struct guard_result *res = &w->call->answer.result;
    uint8_t hash[HASH_BYTES];
    struct device d;
    enum err r = device_get(tx, w->a.account, w->a.opener_device, w->call->arena, &d);
    if (r != OK) return r == ERR_NOT_FOUND ? ERR_REFUSED : r;
    if (d.revoked_ms != 0) return ERR_REFUSED;
    d.platform = w->a.from_device;
    d.place = w->a.place;
    d.last_seen_ms = w->now_ms;
    token_new(TOKEN_DEVICE, w->a.account, res->device_token, hash);
    if ((r = device_rotate(tx, w->a.account, &d, hash, false)) != OK) return r;
    res->device = d.id;
    res->device_name = d.name;
    res->has_device = true;
    return OK;
}

static enum err done_sign_up(struct store_tx *tx, struct work *w) {
    struct account acc = { .id = w->a.account,
                           .email = w->a.email,
                           .name = w->a.name,
                           .state = ACCOUNT_NORMAL,
                           .epoch = 1,
                           .created_ms = w->now_ms };
    enum err r = account_create(tx, &acc);
    if (r != OK) return r == ERR_CONFLICT ? ERR_REFUSED : r;
    w->a.is_real = true;
    if ((r = history(tx, w, LEDGER_ACCOUNT_CREATED, w->a.id.b)) != OK) return r;
    if ((r = add_device(tx, w, true)) != OK) return r;
    if ((r = place_note(tx, w->a.account, w->a.country, 0)) != OK) return r;
    if ((r = start_session(tx, w, &acc)) != OK) return r;
    w->call->answer.result.has_account = true;
    w->call->answer.result.account_email = acc.email;
    w->call->answer.result.account_name = acc.name;
    return OK;
}

static enum err done_sign_in(struct store_tx *tx, struct work *w) {
    struct account acc;
    enum err r = account_lock_row(tx, w->a.account, w->call->arena, &acc);
    if (r != OK) return r == ERR_NOT_FOUND ? ERR_REFUSED : r;
    if (acc.state == ACCOUNT_LEAVING_SOON) return ERR_REFUSED;
    if (acc.state == ACCOUNT_LOCKED_DOWN && !w->a.is_known) return ERR_REFUSED;
    if ((r = place_note(tx, w->a.account, w->a.country, w->now_ms)) != OK) return r;
    r = w->a.is_known ? rotate_device(tx, w) : add_device(tx, w, false);
    if (r != OK || (r = start_session(tx, w, &acc)) != OK) return r;
    return w->a.is_known ? OK : raise_alert(tx, w, ALERT_DONE);
}

static enum err done_change(struct store_tx *tx, struct work *w) {
    enum err r = session_end_others(tx, w->a.account, &w->a.opener_session);
    w->has_sessions = true;
    if (r == OK) r = account_set_state(tx, w->a.account, ACCOUNT_NORMAL, false);
    if (r == OK) r = history(tx, w, LEDGER_SESSION_ENDED, w->a.id.b);
    return r == OK ? raise_alert(tx, w, ALERT_DONE) : r;
}

static enum err done_recover(struct store_tx *tx, struct work *w) {
    enum err r = account_set_state(tx, w->a.account, ACCOUNT_NORMAL, true);
    w->has_sessions = true;
    if (r == OK) r = session_end_others(tx, w->a.account, NULL);
    if (r == OK) r = history(tx, w, LEDGER_ACCOUNT_RECOVERED, w->a.id.b);
    return r == OK ? raise_alert(tx, w, ALERT_DONE) : r;
}

/* The old address is told for a week more, and stays the account's alone, so that this can be taken back. */
static enum err done_change_email(struct store_tx *tx, struct work *w) {
    struct account acc;
    enum err r = account_lock_row(tx, w->a.account, w->call->arena, &acc);
    if (r != OK) return r == ERR_NOT_FOUND ? ERR_REFUSED : r;
    w->a.detail = acc.email;
    w->has_sessions = true;
    r = address_take(tx, w->a.email, acc.id, w->now_ms);
    if (r != OK) return r == ERR_CONFLICT ? ERR_REFUSED : r;
    if ((r = address_give_up(tx, acc.email, acc.id, w->now_ms + ADDRESS_KEPT_MS)) != OK) return r;
    if ((r = account_set_email(tx, acc.id, w->a.email)) != OK) return r;
    r = contact_remove(tx, acc.id, acc.email, w->now_ms);
    if (r == OK || r == ERR_NOT_FOUND) r = contact_add(tx, acc.id, w->a.email, w->now_ms);
    if (r == OK) r = history(tx, w, LEDGER_EMAIL_CHANGED, w->a.id.b);
    return r == OK ? raise_alert(tx, w, ALERT_DONE) : r;
}

static enum err done_add_contact(struct store_tx *tx, struct work *w) {
    enum err r = contact_add(tx, w->a.account, w->a.email, w->now_ms);
    if (r == OK) r = history(tx, w, LEDGER_CONTACT_ADDED, w->a.id.b);
    return r == OK ? raise_alert(tx, w, ALERT_DONE) : r;
}

static enum err done_remove_contact(struct store_tx *tx, struct work *w) {
    struct account acc;
    enum err r = account_lock_row(tx, w->a.account, w->call->arena, &acc);
    if (r == OK && str_eq(acc.email, w->a.email)) return ERR_REFUSED; /* it has become the account's own meanwhile */
    if (r == OK) r = contact_remove(tx, w->a.account, w->a.email, w->now_ms);
    if (r != OK) return r == ERR_NOT_FOUND ? ERR_REFUSED : r;
    r = history(tx, w, LEDGER_CONTACT_REMOVED, w->a.id.b);
    return r == OK ? raise_alert(tx, w, ALERT_DONE) : r;
}

static enum err done_remove_device(struct store_tx *tx, struct work *w) {
    struct device_id device;
    enum err r;
    memcpy(device.b, w->a.subject.b, ID_BYTES);
    r = device_revoke(tx, w->a.account, device, w->now_ms);
    if (r != OK && r != ERR_NOT_FOUND) return r; /* forgotten meanwhile is forgotten */
    w->has_sessions = true;
    r = history(tx, w, LEDGER_DEVICE_FORGOTTEN, device.b);
    return r == OK ? raise_alert(tx, w, ALERT_DONE) : r;
}

/* Its id was made when the commit began, and its credential id was kept with the attempt. */
static enum err done_add_passkey(struct store_tx *tx, struct work *w) {
    struct guard_result *res = &w->call->answer.result;
    uint8_t id[CREDENTIAL_ID_BYTES_MAX];
    size_t n = 0;
    struct passkey p = { .name = w->a.name.n > 0 ? w->a.name : w->a.from_device, .made_ms = w->now_ms };
    enum err r = dec_b64url(w->a.detail, id, sizeof id, &n);
    if (r != OK) return ERR_CORRUPT;
    memcpy(p.id.b, w->a.new_device.b, ID_BYTES);
    p.credential_id = str_bytes(id, n);
    if ((r = passkey_create(tx, w->a.account, &p)) != OK) return r;
    res->has_passkey = true;
    res->passkey = p.id;
    res->passkey_name = p.name;
    res->passkey_made_ms = p.made_ms;
    return raise_alert(tx, w, ALERT_DONE);
}

static enum err done_remove_passkey(struct store_tx *tx, struct work *w) {
    struct passkey_id id;
    enum err r;
    memcpy(id.b, w->a.subject.b, ID_BYTES);
    r = passkey_set_removed(tx, w->a.account, id, w->now_ms);
    return r == OK || r == ERR_NOT_FOUND ? raise_alert(tx, w, ALERT_DONE) : r;
}

static enum err done_restore(struct store_tx *tx, struct work *w) {
    w->a.until_ms = w->call->answer.result.window_ends_ms = w->now_ms + WINDOW_MS;
    return raise_alert(tx, w, ALERT_DONE);
}

static enum err done_allow_deletion(struct store_tx *tx, struct work *w) {
    w->a.until_ms = w->call->answer.result.window_ends_ms = w->now_ms + DELETION_MS;
    return raise_alert(tx, w, ALERT_DONE);
}

static enum err done_export(struct store_tx *tx, struct work *w) {
    w->a.until_ms = w->call->answer.result.export_ends_ms = w->now_ms + WINDOW_MS;
    return raise_alert(tx, w, ALERT_DONE);
}

/* Nobody signs in from here on; in a week it is forgotten, unless its owner says before that it was not them. */
static enum err done_delete(struct store_tx *tx, struct work *w) {
    struct account acc;
    enum err r = account_lock_row(tx, w->a.account, w->call->arena, &acc);
    if (r != OK) return r == ERR_NOT_FOUND ? ERR_REFUSED : r;
    w->has_sessions = true;
    if ((r = account_leave(tx, acc.id, w->now_ms + LEAVE_MS)) != OK) return r;
    if ((r = address_give_up(tx, acc.email, acc.id, w->now_ms + LEAVE_MS)) != OK) return r;
    if ((r = session_end_others(tx, acc.id, NULL)) != OK) return r;
    if ((r = history(tx, w, LEDGER_ACCOUNT_LEAVING, w->a.id.b)) != OK) return r;
    return raise_alert(tx, w, ALERT_DONE);
}

static enum err done_told(struct store_tx *tx, struct work *w) { return raise_alert(tx, w, ALERT_DONE); }

static enum err (*const dones[ACTION_COUNT])(struct store_tx *tx, struct work *w) = {
    [ACTION_SIGN_UP] = done_sign_up,
    [ACTION_SIGN_IN] = done_sign_in,
    [ACTION_CHANGE_PASSWORD] = done_change,
    [ACTION_RECOVER_PASSWORD] = done_recover,
    [ACTION_RESTORE] = done_restore,
    [ACTION_CHANGE_EMAIL] = done_change_email,
    [ACTION_ADD_CONTACT] = done_add_contact,
    [ACTION_REMOVE_CONTACT] = done_remove_contact,
    [ACTION_NEW_RECOVERY_KEY] = done_told,
    [ACTION_ADD_PASSKEY] = done_add_passkey,
    [ACTION_REMOVE_PASSKEY] = done_remove_passkey,
    [ACTION_REMOVE_DEVICE] = done_remove_device,
    [ACTION_PURCHASE] = done_told,
    [ACTION_EXPORT_DATA] = done_export,
    [ACTION_DELETE_ACCOUNT] = done_delete,
    [ACTION_ALLOW_DELETION] = done_allow_deletion,
};

enum err apply_done(struct store_tx *tx, struct work *w) {
    if (w->a.is_disowned) return raise_alert(tx, w, ALERT_DONE); /* it happened, and the account stays locked */
    return dones[w->a.action] ? dones[w->a.action](tx, w) : ERR_REFUSED;
}
