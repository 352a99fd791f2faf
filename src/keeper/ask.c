/* What the keeper does for each ask, in one table, and how a job goes through its steps. */
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "core/token.h"
#include "keeper/pair.h"
#include "keeper/passkey.h"

static enum err lock_down(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    job_say(s->j, KEEPER_RIGHT);
    return credential_lock(tx, s);
}

static enum err forget_device(struct store_tx *tx, void *ctx) {
    struct step *s = ctx;
    job_say(s->j, KEEPER_RIGHT);
    return known_device_drop(tx, s, s->j->q.device);
}

const struct ask_rule ask_rules[KEEPER_ASK_COUNT] = {
    [KEEPER_PROVE_PASSWORD] = { prove_password_begin, prove_password_hash, prove_password_finish, true },
    [KEEPER_PROVE_CODE] = { .begin = prove_code },
    [KEEPER_PROVE_EMAIL_CODE] = { .begin = prove_email_code },
    [KEEPER_PROVE_RECOVERY_KEY] = { .begin = prove_recovery_key },
    [KEEPER_PROVE_PASSKEY] = { .begin = prove_passkey },
    [KEEPER_MAKE_CODE_THERE] = { .begin = ask_code_there },
    [KEEPER_SHOW_CODE] = { .begin = ask_code_show },
    [KEEPER_MAKE_CODE_HERE] = { .begin = ask_code_here },
    [KEEPER_APPROVE] = { .begin = prove_approve },
    [KEEPER_MAKE_EMAIL_CODE] = { .begin = ask_code_email },
    [KEEPER_CHALLENGE] = { .begin = ask_challenge },
    [KEEPER_COMMIT] = { commit_begin, commit_hash, commit_finish, true },
    [KEEPER_SETTLE] = { .begin = commit_settle },
    [KEEPER_FATE] = { .begin = commit_fate },
    [KEEPER_END] = { .begin = commit_end },
    [KEEPER_UNDO] = { .begin = past_undo },
    [KEEPER_LOCK_DOWN] = { .begin = lock_down },
    [KEEPER_FORGET_DEVICE] = { .begin = forget_device },
    [KEEPER_LINK] = { 0 }, /* no database: see begin_bare */
    [KEEPER_PING] = { 0 },
    [KEEPER_PAIR] = { .begin = pair_tell },
};

static enum keeper_say check_link(const struct keeper *k, const struct job *j) {
    struct account_id account;
    struct alert_id alert;
    uint8_t mac[HASH_BYTES];
    if (link_parse(str_bytes(j->q.secret, j->q.secret_n), &account, &alert, mac) != OK) return KEEPER_WRONG;
    bool is_right = link_mac_is_right(k->link_key, account, alert, mac);
    bytes_wipe(mac, sizeof mac);
    return is_right ? KEEPER_RIGHT : KEEPER_WRONG;
}

static void begin_bare(struct keeper *k, struct job *j) {
    if (j->q.h.type == KEEPER_LINK)
        job_say(j, check_link(k, j));
    else
        job_say(j, store_ping(k->store) == OK ? KEEPER_RIGHT : KEEPER_DOWN);
}

static void reply_reset(struct job *j) {
    bytes_wipe(&j->r, sizeof j->r);
    j->r.h = (struct ipc_header){
        .bytes = sizeof j->r, .type = KEEPER_TYPE_REPLY, .version = IPC_VERSION, .request = j->q.h.request
    };
    job_say(j, KEEPER_DOWN);
    j->needs_hash = j->needs_finish = false;
}

void job_refuse(struct job *j) {
    reply_reset(j);
    if (j->q.h.type != KEEPER_COMMIT) job_say(j, KEEPER_BUSY);
}

struct run {
    struct step step;
    store_fn *fn;
};

/* The store may run it again: each run starts from a blank reply. */
static enum err run_once(struct store_tx *tx, void *ctx) {
    struct run *run = ctx;
    reply_reset(run->step.j);
    arena_reset(run->step.arena);
    return run->fn(tx, &run->step);
}

static void log_failure(enum err e) {
    static _Atomic int64_t last_ms;
    int64_t now_ms = clock_mono_ms(), before_ms = last_ms;
    if (before_ms != 0 && now_ms - before_ms < MS_PER_S) return; /* a dead database fails every ask */
    last_ms = now_ms;
    log_err(e, "keeper database");
}

/*
 * What may be lost with the power: that a guess is about to be looked at, because nobody has learned from it before its
 * end is durable; that a password was right, because it is shown again; that a known device was let in, because it is
 * known.
 */
static bool is_relaxed(const struct run *run) {
    const struct job *j = run->step.j;
    if (run->fn == prove_password_begin) return true;
    if (run->fn == prove_password_finish) return j->work.is_right;
    return run->fn == commit_begin && j->q.action == ACTION_SIGN_IN && id_eq(j->q.device.b, j->q.by.b);
}

static void run_transaction(struct run *run, struct store *store) {
    enum err r = is_relaxed(run) ? store_write_relaxed(store, run_once, run) : store_write(store, run_once, run);
    arena_reset(run->step.arena);
    if (r == OK) return;
    reply_reset(run->step.j); /* nothing half-made leaves */
    if (r == ERR_BUSY)
        job_say(run->step.j, KEEPER_BUSY);
    else
        log_failure(r);
}

void job_begin(struct keeper *k, struct job *j, struct arena *arena, int64_t now_ms) {
    const struct ask_rule *rule = &ask_rules[j->q.h.type];
    reply_reset(j);
    if (!rule->begin) {
        begin_bare(k, j);
        return;
    }
    run_transaction(&(struct run){ { k, j, arena, now_ms }, rule->begin }, k->store);
}

void job_hash(struct keeper *k, struct job *j) {
    j->needs_hash = j->needs_finish = false;
    ask_rules[j->q.h.type].hash(k, j);
    bytes_wipe(j->q.secret, sizeof j->q.secret);
}

void job_finish(struct keeper *k, struct job *j, struct arena *arena, int64_t now_ms) {
    run_transaction(&(struct run){ { k, j, arena, now_ms }, ask_rules[j->q.h.type].finish }, k->store);
}

void job_serve(struct keeper *k, struct job *j, struct arena *arena, int64_t now_ms) {
    job_begin(k, j, arena, now_ms);
    if (j->needs_hash) job_hash(k, j);
    if (j->needs_finish) job_finish(k, j, arena, now_ms);
}

void job_wipe(struct job *j) { bytes_wipe(j, sizeof *j); }
