/*
 * Making and showing codes. While one is alive, asking again gives the same digits: a repeat costs no budget, and sends
 * nobody two different numbers.
 */
#include "base/secret.h"
#include "keeper/code.h"

struct making {
    enum code_way way;
    enum proof proof;
    size_t digits;
    int64_t life_ms;
    enum budget_factor budgets[2]; /* 0: none */
    struct device_id bucket;
};

/* Names no device: all unknown ones together that have shown another proof in their attempt. */
static const struct device_id proved_bucket = { { 1 } };

static enum err reply_code(struct step *s, enum code_way way, const struct code *c) {
    struct keeper_message_reply *m = &s->j->r;
    struct str digits = { c->digits, c->n };
    job_say(s->j, KEEPER_RIGHT);
    m->expires_ms = c->expires_ms;
    if (way == CODE_HERE) {
        memcpy(m->digits, c->digits, c->n);
        return OK;
    }
    m->sealed_n = (uint8_t)(c->n + BOX_OVERHEAD_BYTES);
    return crypto_seal(digits, s->k->courier_box_public, m->sealed);
}

/* Reserves every budget or, when one is spent, none. */
static enum err take_budgets(struct store_tx *tx, struct step *s, const struct making *m, bool *ret_is_taken) {
    struct budget_try t[2];
    bool is_just_spent = false;
    int64_t retry_ms = 0;
    *ret_is_taken = true;
    for (size_t i = 0; i < ARRAY_LEN(t) && m->budgets[i]; i++) {
        budget_try_init(&t[i], s->j->q.account, m->budgets[i], s->now_ms);
        t[i].bucket = m->bucket;
        enum err r = budget_take(tx, &t[i], s->arena, ret_is_taken, &retry_ms);
        if (r == OK && !*ret_is_taken && i > 0) r = budget_give_back(tx, &t[0]);
        if (r == OK && *ret_is_taken) r = budget_note_spent(tx, &t[i], s->arena, &is_just_spent);
        if (r != OK) return r;
        if (!*ret_is_taken) break;
        s->j->r.is_budget_just_spent |= is_just_spent;
    }
    if (*ret_is_taken) return OK;
    job_say(s->j, KEEPER_TOO_MANY);
    s->j->r.is_budget_just_spent = false;
    s->j->r.retry_ms = retry_ms;
    return OK;
}

static enum err make_new(struct store_tx *tx, struct step *s, const struct making *m, const struct record *rec) {
    struct code c = { .is_alive = true, .expires_ms = s->now_ms + m->life_ms };
    bool is_taken = false;
    enum err r = take_budgets(tx, s, m, &is_taken);
    if (r != OK || !is_taken) return r;
    if (c.expires_ms > rec->expires_ms) c.expires_ms = rec->expires_ms;
    code_random(&c, m->digits);
    r = code_make(tx, s, m->way, &c);
    if (r == OK) r = reply_code(s, m->way, &c);
    bytes_wipe(&c, sizeof c);
    return r;
}

static enum err make_or_repeat(struct store_tx *tx, struct step *s, const struct making *m, const struct record *rec) {
    struct code c = { 0 };
    enum err r = code_load(tx, s, m->way, &c);
    if (r == OK && (rec->proved & m->proof) && m->way != CODE_HERE)
        job_say(s->j, KEEPER_NONE); /* proved already: none is needed */
    else if (r == OK)
        r = c.is_alive && !c.is_used ? reply_code(s, m->way, &c) : make_new(tx, s, m, rec);
    bytes_wipe(&c, sizeof c);
    return r;
}

static enum err bind_for(struct store_tx *tx, struct step *s, enum proof proof, struct record *rec, bool *ret_may) {
    enum keeper_say say = 0;
    enum err r = record_bind(tx, s, rec, &say);
    if (r != OK) return r;
    *ret_may = say == 0 && action_wants(rec->action, proof);
    if (!*ret_may) job_say(s->j, KEEPER_REFUSED);
    return OK;
}

/* Closed after too many wrong ones, or disabled after too many in a row. */
static enum err is_there_closed(struct store_tx *tx, struct step *s, bool *ret_is_closed) {
    struct budget_try t;
    int64_t retry_ms = 0;
    bool is_disabled = false;
    budget_try_init(&t, s->j->q.account, BUDGET_CODE_WRONG, s->now_ms);
    enum err r = budget_retry_ms(tx, &t, s->arena, &retry_ms);
    if (r == OK) r = failure_is_disabled(tx, &t, s->arena, &is_disabled);
    if (r != OK) return r;
    *ret_is_closed = retry_ms > 0 || is_disabled;
    if (!*ret_is_closed) return OK;
    job_say(s->j, KEEPER_TOO_MANY);
    s->j->r.retry_ms = retry_ms > 0 ? retry_ms : budget_rules[BUDGET_CODE_WRONG].window_ms;
    return OK;
}

enum err ask_code_there(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    unsigned proved = 0;
    bool may, is_closed = false;
    enum err r = bind_for(tx, s, PROOF_CODE, &rec, &may);
    if (r != OK || !may) return r;
    if ((r = proofs_counting(tx, s, &rec, &proved)) != OK) return r;
    s->j->r.proved = (uint8_t)proved;
    if (!(proved & (PROOF_PASSWORD | PROOF_RECOVERY_KEY | PROOF_PASSKEY))) {
        job_say(s->j, KEEPER_NOT_PROVED);
        return OK;
    }
    if ((r = is_there_closed(tx, s, &is_closed)) != OK || is_closed) return r;
    return make_or_repeat(tx, s,
                          &(struct making){ .way = CODE_THERE,
                                            .proof = PROOF_CODE,
                                            .digits = s->j->q.code_digits,
                                            .life_ms = CODE_LIFE_MS,
                                            .budgets = { BUDGET_CODE_MADE_HOUR, BUDGET_CODE_MADE_DAY } },
                          &rec);
}

/* A stranger who knows an address only must not use up what its owner needs, here or on a new device. */
static enum err here_bucket(struct store_tx *tx, struct step *s, const struct record *rec, struct device_id *ret) {
    unsigned proved = 0;
    enum err r = known_device_bucket(tx, s, rec->device, ret);
    if (r == OK) r = proofs_counting(tx, s, rec, &proved);
    if (r == OK && id_is_zero(ret->b) && proved != 0) *ret = proved_bucket;
    return r;
}

enum err ask_code_here(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    struct device_id bucket = { { 0 } };
    bool may;
    enum err r = bind_for(tx, s, PROOF_CODE, &rec, &may);
    if (r != OK || !may) return r;
    if ((r = here_bucket(tx, s, &rec, &bucket)) != OK) return r;
    return make_or_repeat(tx, s,
                          &(struct making){ .way = CODE_HERE,
                                            .proof = PROOF_CODE,
                                            .digits = s->j->q.code_digits,
                                            .life_ms = CODE_LIFE_MS,
                                            .budgets = { BUDGET_HERE_MADE_HOUR, BUDGET_HERE_MADE_DAY },
                                            .bucket = bucket },
                          &rec);
}

enum err ask_code_email(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    unsigned proved = 0;
    bool may;
    enum err r = bind_for(tx, s, PROOF_EMAIL_CODE, &rec, &may);
    if (r != OK || !may) return r;
    if ((r = proofs_counting(tx, s, &rec, &proved)) != OK) return r;
    s->j->r.proved = (uint8_t)proved;
    if (action_rules[rec.action].need.also && !need_is_met_so_far(config_need(s->k->config, rec.action), proved)) {
        job_say(s->j, KEEPER_NOT_PROVED);
        return OK;
    }
    return make_or_repeat(tx, s,
                          &(struct making){ .way = CODE_EMAIL,
                                            .proof = PROOF_EMAIL_CODE,
                                            .digits = EMAIL_CODE_DIGITS,
                                            .life_ms = EMAIL_CODE_LIFE_MS,
                                            .budgets = { BUDGET_EMAIL_MADE, BUDGET_EMAIL_MADE_DAY } },
                          &rec);
}

enum err ask_code_show(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    struct record rec;
    struct code c = { 0 };
    enum keeper_say say = 0;
    enum err r = record_find(tx, s, &rec, &say);
    if (r != OK) return r;
    if (say == 0 && !record_is_alive(&rec, s->now_ms)) say = KEEPER_NONE;
    if (say) {
        job_say(s->j, say);
        return OK;
    }
    r = code_load(tx, s, CODE_THERE, &c);
    if (r == OK && c.is_alive && !c.is_used)
        r = reply_code(s, CODE_HERE, &c);
    else
        job_say(s->j, KEEPER_NONE);
    bytes_wipe(&c, sizeof c);
    return r;
}
