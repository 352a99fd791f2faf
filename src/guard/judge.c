/*
 * A new password, before anything is begun with it: also by what the person's name and address, the server's own and
 * the stolen ones make of it, which the keeper does not know.
 */
#include "guard/guard_priv.h"

struct person {
    const struct work *w;
    struct account acc;
};

static enum err person_tx(struct store_tx *tx, void *ctx) {
    struct person *p = ctx;
    return account_get(tx, p->w->a.account, p->w->call->arena, &p->acc);
}

enum guard_say judge_password(struct work *w) {
    struct person p = { .w = w, .acc = { .email = STR(""), .name = STR("") } };
    struct password_judgement j;
    /* An address without an account is judged by what was typed, and takes as long. */
    (void)!store_read(w->g->o.store, person_tx, &p);
    const struct str about[] = { w->a.email,    p.acc.email,   p.acc.name,
                                 w->call->name, STR("tocsin"), config_origin_host(w->g->o.config) };
    const struct password_rules rules = { .points_least = w->g->o.config->policy_password_length,
                                          .breached = w->g->o.breached,
                                          .about = about,
                                          .about_n = ARRAY_LEN(about) };
    password_judge(w->call->password, &rules, &j);
    (void)snprintf(w->call->answer.reason, sizeof w->call->answer.reason, "%s", j.reason);
    switch (j.verdict) {
    case PASSWORD_ACCEPTED: return GUARD_OK;
    case PASSWORD_WEAK: return GUARD_WEAK_PASSWORD;
    case PASSWORD_BREACHED: return GUARD_BREACHED_PASSWORD;
    }
    return GUARD_BROKEN;
}
