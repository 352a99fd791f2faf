/* Who is told, and of what. Destinations are read in the same transaction that writes the alert. */
#include "guard/guard_priv.h"

#define DESTINATIONS_MAX 64

struct destinations {
    struct work *w;
    struct store_tx *tx;
    struct alarm_to list[DESTINATIONS_MAX];
    size_t n;
};

static enum err on_contact(void *ctx, const struct contact *c) {
    struct destinations *d = ctx;
    struct str email = arena_dup(d->w->call->arena, c->email);
    if (!email.p) return ERR_NOMEM;
    if (d->n < DESTINATIONS_MAX)
        d->list[d->n++] = (struct alarm_to){ .channel = OUTBOX_EMAIL, .to = email, .label = email };
    return OK;
}

/* The owner sees the device by our own words: its name is whatever its user chose, and its user may be the thief. */
static enum err add_push(struct destinations *d, const struct push_subscription *p) {
    struct push_subscription *kept = arena_alloc(d->w->call->arena, sizeof *kept);
    struct device device = { .name = STR("a device") };
    enum err r;
    if (!kept) return ERR_NOMEM;
    if (d->n == DESTINATIONS_MAX) return OK;
    *kept = *p;
    r = device_get(d->tx, d->w->told, p->device, d->w->call->arena, &device);
    if (r != OK && r != ERR_NOT_FOUND) return r;
    d->list[d->n++] = (struct alarm_to){ .channel = OUTBOX_PUSH,
                                         .to = kept->endpoint,
                                         .label = device.platform.n ? device.platform : STR("a device"),
                                         .p256dh = kept->p256dh,
                                         .auth = kept->auth,
                                         .push = kept->id };
    return OK;
}

static enum err on_push(void *ctx, const struct push_subscription *p) { return add_push(ctx, p); }

/* An address without an account has nobody to tell, and the time that takes must not say so. */
static void add_nobody(struct destinations *d) {
    d->list[0] = (struct alarm_to){ .channel = OUTBOX_EMAIL, .to = d->w->a.email, .label = d->w->a.email };
    d->n = 1;
}

enum err raise_alert(struct store_tx *tx, struct work *w, enum alert_kind kind) {
    struct destinations d = { .w = w, .tx = tx };
    struct alarm_event e = { .account = w->a.account,
                             .attempt = w->a.id,
                             .action = w->a.action,
                             .kind = kind,
                             .proved = w->a.proved,
                             .at_ms = w->now_ms,
                             .from = { .ip = w->a.ip,
                                       .net = w->a.net,
                                       .place = w->a.place,
                                       .device = w->a.from_device,
                                       .is_known_device = w->a.is_known } };
    struct alert_id id;
    enum err r;
    w->told = w->a.account;
    if ((r = contact_each(tx, w->a.account, w->now_ms, on_contact, &d)) != OK) return r;
    if ((r = push_each(tx, w->a.account, w->call->arena, on_push, &d)) != OK) return r;
    if (!w->a.is_real) add_nobody(&d);
    e.to = d.list;
    e.to_n = d.n;
    w->has_rows = true;
    if (!w->a.is_real) return alarm_raise_in_vain(tx, &e);
    if ((r = alarm_raise(tx, &e, &id)) != OK) return r;
    if (w->alert_n < ALERTS_MAX) w->alerts[w->alert_n++] = id;
    return history(tx, w, LEDGER_ALERT_WRITTEN, id.b);
}

enum err mail_letter(struct store_tx *tx, struct work *w, enum outbox_letter letter, struct str sealed) {
    const struct alarm_letter l = { .account = w->a.account,
                                    .letter = letter,
                                    .action = w->a.action,
                                    .to = { .channel = OUTBOX_EMAIL, .to = w->a.email, .label = w->a.email },
                                    .sealed = sealed,
                                    .at_ms = w->now_ms,
                                    .expires_ms = w->a.expires_ms };
    w->has_rows = true;
    return alarm_write_letter(tx, &l);
}

/* Codes go to trusted devices, never to the one that asks. */
static enum err on_code_push(void *ctx, const struct push_subscription *p) {
    struct destinations *d = ctx;
    struct device device;
    enum err r = device_get(d->tx, d->w->a.account, p->device, d->w->call->arena, &device);
    if (r == ERR_NOT_FOUND) return OK;
    if (r != OK) return r;
    if (device.trusted_ms == 0 || id_eq(p->device.b, d->w->a.opener_device.b)) return OK;
    return add_push(d, p);
}

enum err push_code(struct store_tx *tx, struct work *w) {
    struct destinations d = { .w = w, .tx = tx };
    enum err r = push_each(tx, w->a.account, w->call->arena, on_code_push, &d);
    for (size_t i = 0; i < d.n && r == OK; i++) {
        char id[ID_TEXT_SIZE];
        struct alarm_letter l = { .account = w->a.account,
                                  .letter = LETTER_CODE,
                                  .action = w->a.action,
                                  .to = d.list[i],
                                  .sealed = str_bytes(w->reply.sealed, w->reply.sealed_n),
                                  .title = STR("A code was asked for"),
                                  .at_ms = w->now_ms,
                                  .expires_ms = w->reply.expires_ms };
        id_text(w->a.id.b, id);
        l.body = str_from(id); /* the page of the code: /code/ID */
        r = alarm_write_letter(tx, &l);
        w->has_rows = true;
    }
    w->has_code = true;
    return r;
}

enum err open_case(struct store_tx *tx, struct work *w, struct str reason, struct case_id *ret) {
    const char *team = w->g->o.config->mail_security_team;
    char id[ID_TEXT_SIZE], *body;
    enum err r = case_find(tx, w->a.account, w->a.id, ret);
    if (r != ERR_NOT_FOUND) return r; /* there is one already, or we broke */
    if ((r = case_add(tx, &w->a, reason, w->now_ms, ret)) != OK) return r;
    if ((r = history(tx, w, LEDGER_CASE_OPENED, ret->b)) != OK) return r;
    if (!team[0]) return OK;
    id_text(ret->b, id);
    body = arena_fmt(w->call->arena, "Case: %s\nWhy: %.*s\nAction: %s\nFrom: %.*s %.*s\nDevice: %.*s\n", id,
                     STR_FMT(reason), action_rules[w->a.action].name, STR_FMT(w->a.ip), STR_FMT(w->a.place),
                     STR_FMT(w->a.from_device));
    if (!body) return ERR_NOMEM;
    w->has_rows = true;
    return alarm_write_letter(
        tx,
        &(struct alarm_letter){ .account = w->a.account,
                                .letter = LETTER_CASE,
                                .action = w->a.action,
                                .to = { .channel = OUTBOX_EMAIL, .to = str_from(team), .label = STR("security team") },
                                .title = STR("A case was opened"),
                                .body = str_from(body),
                                .at_ms = w->now_ms,
                                .expires_ms = w->now_ms + LINK_LIFE_MS });
}
