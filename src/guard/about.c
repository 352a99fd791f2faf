/* What an attempt is about: checked when it is opened, and bound by front and keeper alike. */
#include "guard/guard_priv.h"

struct finding {
    struct str email;
    bool is_found;
};

static enum err on_contact(void *ctx, const struct contact *c) {
    struct finding *f = ctx;
    f->is_found |= c->removed_ms == 0 && str_eq(c->email, f->email);
    return OK;
}

static enum err find_contact(struct store_tx *tx, struct work *w, bool *ret_is_contact) {
    struct finding f = { .email = w->a.email };
    enum err r = contact_each(tx, w->a.account, w->now_ms, on_contact, &f);
    if (r == OK) *ret_is_contact = f.is_found;
    return r;
}

/* Whether somebody else has the address is not said here: its owner is told by mail, and nobody else. */
static enum err bind_email(struct store_tx *tx, struct work *w, const struct account *acc) {
    bool is_contact = false, is_own = str_eq(acc->email, w->a.email);
    enum err r = find_contact(tx, w, &is_contact);
    if (r != OK) return r;
    if (w->a.action == ACTION_CHANGE_EMAIL && is_own) return ERR_REFUSED;
    if (w->a.action == ACTION_ADD_CONTACT && is_contact) return ERR_REFUSED;
    if (w->a.action == ACTION_REMOVE_CONTACT && is_own) return ERR_REFUSED;
    if (w->a.action == ACTION_REMOVE_CONTACT && !is_contact) return ERR_NOT_FOUND;
    crypto_sha256(w->a.email, w->a.subject.b);
    return OK;
}

/* A backup outlives its device's removal: somebody who lost a device wants its data on the next one. */
static enum err bind_device(struct store_tx *tx, struct work *w, bool is_source) {
    struct device_id id;
    struct device d;
    enum err r;
    memcpy(id.b, w->call->target, ID_BYTES);
    if ((r = device_get(tx, w->a.account, id, w->call->arena, &d)) != OK) return r;
    if (!is_source && d.revoked_ms != 0) return ERR_NOT_FOUND;
    if (is_source && id_eq(id.b, w->a.opener_device.b)) return ERR_REFUSED; /* it reads its own without asking */
    memcpy(w->a.subject.b, id.b, ID_BYTES);
    return OK;
}

struct seeking {
    const uint8_t *id;
    bool is_found;
};

static enum err on_passkey(void *ctx, const struct passkey *p) {
    struct seeking *s = ctx;
    s->is_found |= id_eq(p->id.b, s->id);
    return OK;
}

static enum err bind_passkey(struct store_tx *tx, struct work *w) {
    struct seeking s = { .id = w->call->target };
    enum err r = passkey_each(tx, w->a.account, on_passkey, &s);
    if (r != OK) return r;
    if (!s.is_found) return ERR_NOT_FOUND;
    memcpy(w->a.subject.b, s.id, ID_BYTES);
    return OK;
}

static enum err bind_payload(struct work *w) {
    w->a.detail = w->call->payload;
    crypto_sha256(w->a.detail, w->a.subject.b);
    return OK;
}

enum err about_bind(struct store_tx *tx, struct work *w) {
    struct account acc;
    enum err r;
    if (action_rules[w->a.action].opener != OPENER_SESSION) return OK;
    if ((r = account_get(tx, w->a.account, w->call->arena, &acc)) != OK) return r;
    w->a.epoch = acc.epoch;
    switch (action_rules[w->a.action].takes) {
    case TAKES_NOTHING: return OK;
    case TAKES_EMAIL: return bind_email(tx, w, &acc);
    case TAKES_FROM_DEVICE: return bind_device(tx, w, true);
    case TAKES_DEVICE: return bind_device(tx, w, false);
    case TAKES_PASSKEY: return bind_passkey(tx, w);
    case TAKES_PAYLOAD: return bind_payload(w);
    }
    return ERR_INPUT;
}
