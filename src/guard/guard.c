/* Dispatch, and the tick that finishes what a crash left and expires what is over. */
#include "guard/guard_priv.h"

#include <stdlib.h>

#define ATTENDED_MS (5 * MS_PER_S)  /* a commit younger than this has somebody who asks */
#define VETO_MS     (30 * MS_PER_S) /* and an answer, which asks the keeper more than once */
#define KEPT_MS     (7 * MS_PER_DAY)
#define TICK_BYTES  (8 * 1024 * 1024)

static const struct verb {
    void (*run)(struct work *w);
    enum asker asker;
} verbs[] = {
    [GUARD_OPEN] = { verb_open, ASKER_ANYONE },
    [GUARD_SHOW] = { verb_show, ASKER_EITHER },
    [GUARD_LIST] = { verb_list, ASKER_OWNER },
    [GUARD_PROVE] = { verb_prove, ASKER_TOKEN },
    [GUARD_CODE_THERE] = { verb_code_there, ASKER_TOKEN },
    [GUARD_CODE_SHOW] = { verb_code_show, ASKER_OWNER },
    [GUARD_CODE_HERE] = { verb_code_here, ASKER_TOKEN },
    [GUARD_CHALLENGE] = { verb_challenge, ASKER_TOKEN },
    [GUARD_APPROVE] = { verb_approve, ASKER_OWNER },
    [GUARD_COMMIT] = { verb_commit, ASKER_TOKEN },
    [GUARD_DENY] = { verb_deny, ASKER_OWNER },
    [GUARD_ANSWER] = { verb_answer, ASKER_ANYONE },
    [GUARD_LINK_SHOW] = { verb_link_show, ASKER_ANYONE },
    [GUARD_SEEN] = { verb_seen, ASKER_ANYONE },
};

enum err guard_new(const struct guard_options *o, struct guard **ret) {
    struct guard *g = calloc(1, sizeof *g);
    if (!g) return ERR_NOMEM;
    g->o = *o;
    *ret = g;
    return OK;
}

void guard_free(struct guard *g) { free(g); }

void guard_run(struct guard *g, struct guard_call *call) {
    struct work *w = arena_alloc(call->arena, sizeof *w);
    if (!w) {
        call->answer.say = GUARD_BROKEN;
        call->done(call);
        return;
    }
    w->call = call;
    w->g = g;
    w->now_ms = clock_wall_ms();
    call->guard = g;
    call->state = w;
    w->asker = verbs[call->verb].asker;
    verbs[call->verb].run(w);
}

/* ---- the tick ---- */

struct ticking {
    struct guard *g;
    struct work *w; /* one work at a time; its call only lends its arena and its answer */
    struct attempt *list;
    size_t n, max;
    enum attempt_state state;
    int64_t before_ms;
};

static enum err on_overdue(void *ctx, const struct attempt *a) {
    struct ticking *t = ctx;
    if (t->n < t->max) t->list[t->n++] = *a;
    return OK;
}

static enum err overdue_tx(struct store_tx *tx, void *ctx) {
    struct ticking *t = ctx;
    t->n = 0;
    return attempt_overdue(tx, &(struct attempt_overdue){ t->state, t->before_ms, t->w->call->arena }, on_overdue, t);
}

static enum err expire_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum err r = attempt_load(tx, w->a.account, w->a.id, w->call->arena, &w->a);
    if (r != OK) return r;
    if (attempt_state_is_final(w->a.state) || w->a.state == ATTEMPT_COMMITTING || w->a.expires_ms > w->now_ms)
        return OK;
    return move(tx, w, EV_EXPIRE);
}

static enum err back_tx(struct store_tx *tx, void *ctx) {
    struct work *w = ctx;
    enum err r = attempt_load(tx, w->a.account, w->a.id, w->call->arena, &w->a);
    if (r != OK) return r;
    if (w->a.state != ATTEMPT_COMMITTING || w->a.rev != w->asked_rev) return OK; /* somebody asks again */
    return record_back(tx, w, w->reply.say == KEEPER_NONE ? EV_NOT_APPLIED : EV_FAIL);
}

/* What became of it? Only the keeper knows. */
static void finish_commit(struct work *w) {
    bool is_over = w->a.expires_ms <= w->now_ms;
    enum effect effect = action_rules[w->a.action].effect;
    bool is_admission = effect == EFFECT_ENROLL || effect == EFFECT_ADMIT;
    w->asked_rev = w->a.rev;
    prepare_ask(w, KEEPER_FATE);
    keeper_ask_wait(w->g->o.keeper, &w->ask, &w->reply);
    if (w->reply.say == KEEPER_RIGHT && !is_admission) {
        if (write_done(w) == OK && !makes_key(&w->a)) tell_settled(w); /* the key was shown to nobody yet */
        return;
    }
    if (w->reply.say == KEEPER_RIGHT && !is_over) return; /* its session belongs to whoever asks again */
    if (w->reply.say != KEEPER_RIGHT && w->reply.say != KEEPER_NONE && w->reply.say != KEEPER_REFUSED)
        return; /* the next tick */
    if (write_work(w, back_tx) == OK && attempt_state_is_final(w->a.state)) tell_undone(w);
}

static void expire(struct work *w) {
    if (write_work(w, expire_tx) == OK) tell_keeper(w, KEEPER_END, &w->a);
}

static void tick_state(struct ticking *t, enum attempt_state state, int64_t before_ms, void (*fn)(struct work *w)) {
    t->state = state;
    t->before_ms = before_ms;
    if (store_read(t->g->o.store, overdue_tx, t) != OK) return; /* the next tick */
    for (size_t i = 0; i < t->n; i++) {
        t->w->a = t->list[i];
        t->w->has_attempt = true;
        t->w->told = t->w->a.account;
        fn(t->w);
    }
    arena_reset(t->w->call->arena);
}

/* ---- "not me" that was begun ---- */

struct vetoing {
    struct veto_span span;
    struct veto list[VETOES_AT_MOST];
    size_t n;
};

static enum err on_veto(void *ctx, const struct veto *v) {
    struct vetoing *t = ctx;
    if (t->n < ARRAY_LEN(t->list)) t->list[t->n++] = *v;
    return OK;
}

static enum err vetoes_tx(struct store_tx *tx, void *ctx) {
    struct vetoing *t = ctx;
    t->n = 0;
    return veto_each(tx, &t->span, on_veto, t);
}

static void finish_vetoes(struct work *w, int64_t before_ms) {
    struct vetoing t = { .span = { w->g->vetoes_from, before_ms, w->call->arena } };
    struct veto_place next = { 0 }; /* from the first one on again */
    bool is_cut = false;
    if (store_read(w->g->o.store, vetoes_tx, &t) != OK) return; /* the next tick */
    for (size_t i = 0; i < t.n && !is_cut; i++)
        is_cut = veto_finish(w, &t.list[i]) == ERR_IO; /* what else it was, a later tick tries again */
    if (t.n == VETOES_AT_MOST) next = (struct veto_place){ t.list[t.n - 1].at_ms, t.list[t.n - 1].alert };
    if (!is_cut) w->g->vetoes_from = next;
    arena_reset(w->call->arena);
}

static enum err purge_tx(struct store_tx *tx, void *ctx) {
    int64_t now_ms = *(int64_t *)ctx;
    enum err r = attempt_purge(tx, now_ms - KEPT_MS);
    if (r == OK) r = veto_purge(tx, now_ms - KEPT_MS);
    return r == OK ? identity_purge(tx, now_ms) : r;
}

/* ---- accounts whose week is over ---- */

struct leaving {
    struct store_tx *tx;
    int64_t now_ms;
    struct account_id list[20];
    size_t n;
};

static enum err on_leaving(void *ctx, struct account_id id) {
    struct leaving *l = ctx;
    if (l->n < ARRAY_LEN(l->list)) l->list[l->n++] = id;
    return OK;
}

static enum err leave_tx(struct store_tx *tx, void *ctx) {
    struct leaving *l = ctx;
    enum err r;
    l->n = 0;
    r = account_each_leaving(tx, l->now_ms, on_leaving, l);
    for (size_t i = 0; i < l->n && r == OK; i++) {
        const struct account_id id = l->list[i];
        r = ledger_append(tx,
                          &(struct ledger_entry){
                              .event = LEDGER_ACCOUNT_DELETED, .account = id, .subject = id.b, .at_ms = l->now_ms });
        if (r == OK) r = attempt_forget(tx, id);
        if (r == OK) r = alarm_forget(tx, id);
        if (r == OK) r = account_forget(tx, id);
    }
    return r;
}

static void forget_those_who_left(struct guard *g, int64_t now_ms) {
    struct leaving l = { .now_ms = now_ms };
    if (store_write(g->o.store, leave_tx, &l) != OK) return; /* the next hour does it */
    for (size_t i = 0; i < l.n && g->o.sessions_changed; i++) g->o.sessions_changed(g->o.ctx, l.list[i]);
}

void guard_tick(struct guard *g, int64_t now_ms) {
    struct arena *arena = arena_new(TICK_BYTES);
    struct attempt *list = calloc(100, sizeof *list);
    struct guard_call call = { .arena = arena };
    struct work *w = calloc(1, sizeof *w);
    struct ticking t = { .g = g, .w = w, .list = list, .max = 100 };
    if (arena && list && w) {
        w->call = &call;
        w->g = g;
        w->now_ms = now_ms;
        tick_state(&t, ATTEMPT_COMMITTING, g->has_ticked ? now_ms - ATTENDED_MS : now_ms, finish_commit);
        finish_vetoes(w, g->has_ticked ? now_ms - VETO_MS : now_ms);
        g->has_ticked = true; /* what stood there at the start, nobody of this process attends to */
        tick_state(&t, ATTEMPT_OPENED, now_ms, expire);
        tick_state(&t, ATTEMPT_PROVED, now_ms, expire);
        tick_state(&t, ATTEMPT_HELD, now_ms, expire);
        if (clock_mono_ms() >= g->purge_at_ms) {
            g->purge_at_ms = clock_mono_ms() + MS_PER_HOUR;
            (void)!store_write(g->o.store, purge_tx, &now_ms); /* housekeeping; the next hour does it */
            forget_those_who_left(g, now_ms);
        }
    }
    free(w);
    free(list);
    arena_free(arena);
}
