/*
 * Every action × every set of proofs × every state × what can happen there, through the real guard and the real keeper,
 * on both databases, against a table that is written by hand from the contract. Nothing is done, nobody let in and
 * nothing released by less than what the table names, whichever way is taken: proofs, approvals, commits, denials,
 * time, the tick, adoption by another session, a lock-down from the command line.
 */
#include "runner.h"

#include <stdarg.h>
#include <stdlib.h>

#define YEAR_MS (365 * MS_PER_DAY)

/* P password, R recovery key, C code, E e-mail code. */
static const struct walk {
    const char *action, *about;
    const char *takes;
    const char *enough[5];
    const char *openers[2]; /* laptop: known and familiar; phone: known, not familiar; thief: neither */
    int hold_h;             /* where it is not familiar */
    bool is_anyones;
} contract[] = {
    { "sign_up", "", "E", { "E" }, { "new" }, 0, true },
    { "sign_in", "", "PRC", { "PR", "PC", "RC" }, { "thief" }, 0, true },
    { "sign_in", "", "PRC", { "P", "RC" }, { "laptop" }, 0, true },
    { "change_password", "", "PRC", { "PR", "PC", "RC" }, { "laptop", "phone" }, 1, false },
    { "recover_password", "", "RC", { "RC" }, { "thief" }, 1, true },
    { "restore", "about tablet", "PRC", { "PR", "PC", "RC" }, { "laptop", "phone" }, 1, false },
    { "change_email", "about NAME@example.net", "PRCE", { "PRE", "PCE", "RCE" }, { "laptop", "phone" }, 1, false },
    { "add_contact", "about NAME@example.net", "PRCE", { "PRE", "PCE", "RCE" }, { "laptop", "phone" }, 1, false },
    { "remove_contact", "about mum@example.net", "PRC", { "PR", "PC", "RC" }, { "laptop", "phone" }, 1, false },
    { "new_recovery_key", "", "PC", { "PC" }, { "laptop", "phone" }, 1, false },
    { "add_passkey", "", "PRC", { "PR", "PC", "RC" }, { "laptop", "phone" }, 1, false },
    { "remove_device", "about tablet", "PRC", { "PR", "PC", "RC" }, { "laptop", "phone" }, 1, false },
    { "allow_deletion", "about tablet", "PRC", { "PR", "PC", "RC" }, { "laptop", "phone" }, 1, false },
    { "export_data", "", "PRC", { "PR", "PC", "RC" }, { "laptop", "phone" }, 1, false },
    { "delete_account", "", "PRC", { "PR", "PC", "RC" }, { "laptop", "phone" }, 168, false },
};

static HOUSE_NUMBER(FRONT_EFFECTS, "SELECT CAST((SELECT count(*) FROM session) * 7919"
                                   " + (SELECT count(*) FROM device WHERE revoked_ms = 0) * 104729"
                                   " + (SELECT count(*) FROM contact WHERE removed_ms = 0) * 1299709"
                                   " + (SELECT coalesce(sum(state), 0) FROM account) * 15485863"
                                   " + (SELECT coalesce(sum(length(email)), 0) FROM account) * 179424673"
                                   " + (SELECT count(*) FROM attempt WHERE state = 5) * 32452843 AS BIGINT)");
static const struct store_stmt FORGET_OUTBOX = {
    .name = "test_forget_outbox", .in = "", .out = "", .sql = "DELETE FROM outbox"
};
static const struct store_stmt ADD_MUM = {
    .name = "test_add_mum",
    .in = "bbi",
    .out = "",
    .sql =
        "INSERT INTO contact (account_id, id, email, added_ms, removed_ms) VALUES (?1, ?2, 'mum@example.net', ?3, 0)",
};
const struct store_stmt *const crash_statements[] = { &FRONT_EFFECTS, &FORGET_OUTBOX, &ADD_MUM, NULL };

struct stage {
    struct scene *s;
    const struct walk *row;
    const char *opener, *approver;
    char name[20];
    unsigned set; /* bits of the letters in row->takes */
    int64_t front, keeper;
};

static void PRINTF_LIKE(2, 3) play(struct stage *g, const char *fmt, ...) {
    char line[600];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    scene_play(g->s, line);
}

/* ---- the table ---- */

static bool has(const struct stage *g, char letter) {
    const char *at = strchr(g->row->takes, letter);
    return at && (g->set & (1U << (at - g->row->takes)));
}

static bool is_enough(const struct stage *g) {
    for (size_t i = 0; i < ARRAY_LEN(g->row->enough) && g->row->enough[i]; i++) {
        bool is_met = true;
        for (const char *c = g->row->enough[i]; *c; c++) is_met &= has(g, *c);
        if (is_met) return true;
    }
    return false;
}

/* Only what can be shown at all: the code to a new address is mailed last. */
static bool can_be_shown(const struct stage *g) { return !has(g, 'E') || strlen(g->row->takes) == 1 || is_enough(g); }

static bool is_held(const struct stage *g) { return g->row->hold_h > 0 && strcmp(g->opener, "laptop") != 0; }

/* ---- the stage ---- */

static enum err forget_outbox(struct store_tx *tx, void *ctx) {
    (void)ctx;
    return store_exec(tx, &FORGET_OUTBOX, NULL, NULL);
}

static enum err add_mum(struct store_tx *tx, void *ctx) {
    struct stage *g = ctx;
    struct contact_id id;
    id_new(id.b);
    return store_exec(tx, &ADD_MUM, S_IN(S_B(person_named(g->s, g->name)->account.b), S_B(id.b), S_I(clock_wall_ms())),
                      NULL);
}

static void remember(struct stage *g) {
    g->front = house_number(&g->s->house, &FRONT_EFFECTS, NULL);
    g->keeper = world_number(&g->s->house.kept, &ALL_EFFECTS);
}

static void nothing_has_changed(struct stage *g) {
    if (g->front != house_number(&g->s->house, &FRONT_EFFECTS, NULL)) scene_fail(g->s, "the front changed something");
    if (g->keeper != world_number(&g->s->house.kept, &ALL_EFFECTS)) scene_fail(g->s, "the keeper changed something");
}

/* Somebody new, with a laptop that is familiar, a phone and a tablet that are not, and a stranger beside them. */
static void set_stage(struct stage *g) {
    static int number;
    struct scene *s = g->s;
    s->person_n = s->client_n = s->try_n = s->alert_n = s->row_n = 0;
    s->now = NULL;
    snprintf(g->name, sizeof g->name, "a%d", ++number);
    if (store_write(s->house.store, forget_outbox, NULL) != OK) scene_fail(s, "the outbox");
    play(g, "device laptop from 192.0.2.1; device phone from 203.0.113.5; device tablet from 203.0.113.9");
    play(g, "device thief from 198.51.100.7; device new from 198.51.100.8; device other from 192.0.2.200");
    if (strcmp(g->row->action, "sign_up") == 0) {
        play(g, "person %s", g->name);
    } else {
        play(g, "member %s on laptop", g->name);
        for (int i = 0; i < 2; i++)
            play(g, "attempt sign_in by %s for %s; prove password; prove recovery_key; commit; expect ok",
                 i ? "tablet" : "phone", g->name);
        if (store_write(s->house.store, add_mum, g) != OK) scene_fail(s, "a contact");
    }
    play(g, "tick");
    remember(g);
}

static void open_attempt(struct stage *g) {
    char about[80] = "", *at;
    fake_clock_add(25 * MS_PER_HOUR); /* every budget is fresh */
    g->s->try_n = 0;
    if (store_write(g->s->house.store, forget_outbox, NULL) != OK) scene_fail(g->s, "the outbox");
    snprintf(about, sizeof about, "%s", g->row->about);
    if ((at = strstr(about, "NAME")) != NULL) snprintf(about, sizeof about, "about %s@example.net", g->name);
    play(g, "attempt %s by %s for %s %s; expect ok; expect state opened", g->row->action, g->opener, g->name, about);
}

static void show_proofs(struct stage *g) {
    if (has(g, 'P')) play(g, "prove password; expect ok");
    if (has(g, 'R')) play(g, "prove recovery_key; expect ok");
    if (has(g, 'C')) play(g, "code here; expect ok; approve right by %s; expect ok", g->approver);
    if (has(g, 'E')) play(g, "prove email_code; expect ok");
    play(g, "expect state %s", is_enough(g) ? "proved" : "opened");
}

static void begin(struct stage *g) {
    open_attempt(g);
    show_proofs(g);
}

static const char *new_password(const struct stage *g) {
    bool sets = strstr(g->row->action, "password") || strcmp(g->row->action, "sign_up") == 0;
    return sets ? "\"a wholly new passphrase\"" : "";
}

static void commit(struct stage *g, const char *say) { play(g, "commit %s; expect %s", new_password(g), say); }

/* ---- what can happen ---- */

/* What is not enough stays not enough, whatever else is tried. */
static void nothing_else_helps(struct stage *g) {
    static const struct {
        char letter;
        const char *proof;
    } kinds[] = { { 'P', "password" }, { 'R', "recovery_key" }, { 'E', "email_code" } };
    bool has_owner = strcmp(g->row->action, "sign_up") != 0;
    begin(g);
    commit(g, "not_proved");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!strchr(g->row->takes, kinds[i].letter))
            play(g, "prove %s 123456; expect bad_request; expect state opened", kinds[i].proof);
    if (!strchr(g->row->takes, 'C')) play(g, "code here; expect bad_request; code there; expect bad_request");
    if (has_owner && !g->row->is_anyones)
        play(g, "code show by %s; expect forbidden; approve wrong by %s; expect forbidden", g->opener, g->opener);
    if (has_owner && !has(g, 'C'))
        play(g, "code show by %s; expect missing; approve wrong by %s; expect wrong_proof", g->approver, g->approver);
    if (has_owner) play(g, "deny by other with token; expect unauthorized");
    play(g, "tick; expect state opened");
    commit(g, "not_proved");
    nothing_has_changed(g);
}

/* Another session of the same device goes on with an open restore, and what was not proved is not proved there either.
 */
static void adoption_proves_nothing(struct stage *g) {
    if (strcmp(g->row->action, "restore") != 0) return;
    begin(g);
    play(g, "attempt restore by %s for %s about tablet as adopted; expect ok", g->opener, g->name);
    commit(g, is_enough(g) ? (is_held(g) ? "held" : "ok") : "not_proved");
    play(g, "with restore; commit; expect unauthorized; reads %s of tablet; expect %s", g->opener,
         is_enough(g) && !is_held(g) ? "ok" : "forbidden");
}

static void time_ends_it(struct stage *g) {
    begin(g);
    fake_clock_add(61 * MS_PER_MIN);
    commit(g, "expired");
    play(g, "prove password; expect expired; code there; expect expired; tick; expect state expired");
    commit(g, "expired");
    nothing_has_changed(g);
}

static void the_owner_stops_it(struct stage *g) {
    if (strcmp(g->row->action, "sign_up") == 0) return; /* nobody's yet */
    begin(g);
    play(g, "deny by %s; expect ok; expect state denied", g->approver);
    commit(g, "denied");
    play(g, "prove recovery_key; expect denied; code here; expect denied; approve right by %s; expect denied",
         g->approver);
    play(g, "tick; expect state denied");
    nothing_has_changed(g);
}

static void three_wrong_ones_end_it(struct stage *g) {
    const char *proof = strchr(g->row->takes, 'R')   ? "recovery_key"
                        : strchr(g->row->takes, 'P') ? "password"
                                                     : "email_code";
    begin(g);
    for (int i = 0; i < 3; i++) play(g, "prove %s wrong-%d; expect wrong_proof", proof, i);
    play(g, "expect state failed; prove password; expect expired");
    commit(g, "expired");
    play(g, "tick; expect state failed");
    nothing_has_changed(g);
}

static void three_wrong_approvals_end_it(struct stage *g) {
    if (!strchr(g->row->takes, 'C') || has(g, 'C')) return;
    begin(g);
    play(g, "code here; expect ok");
    for (int i = 0; i < 3; i++) play(g, "approve wrong by %s; expect wrong_proof", g->approver);
    play(g, "expect state denied");
    commit(g, "denied");
    nothing_has_changed(g);
}

static void nothing_after_the_end(struct stage *g, const char *state) {
    play(g, "expect state %s", state);
    commit(g, "conflict");
    play(g, "prove password; expect conflict; code here; expect conflict; tick; expect state %s", state);
}

/* What is enough: done at once where it is familiar, and otherwise after its hold, and once somebody was told. */
static void it_is_done(struct stage *g) {
    const char *done =
        strcmp(g->row->action, "add_passkey") == 0 ? "bad_request" : "ok"; /* no credential came with it */
    begin(g);
    if (is_held(g)) {
        commit(g, "held");
        commit(g, "held");
        play(g, "expect state held; prove recovery_key wrong-1");
        fake_clock_add(g->row->hold_h * MS_PER_HOUR - MS_PER_MIN);
        play(g, "tick");
        play(g, "delivered %s held of %s", g->row->action, g->name);
        commit(g, "held");
        nothing_has_changed(g);
        fake_clock_add(2 * MS_PER_MIN);
    }
    commit(g, done);
    if (strcmp(done, "ok") == 0) nothing_after_the_end(g, "done");
}

static void a_hold_can_be_stopped(struct stage *g) {
    if (!is_held(g)) return;
    begin(g);
    commit(g, "held");
    fake_clock_add((g->row->hold_h + 1) * MS_PER_HOUR);
    commit(g, "held"); /* nobody was told */
    play(g, "deny by %s; expect ok; expect state denied", g->approver);
    commit(g, "denied");
    begin(g);
    commit(g, "held");
    for (int i = 0; i < 3; i++)
        play(g, "prove %s wrong-%d; expect wrong_proof", strchr(g->row->takes, 'R') ? "recovery_key" : "password", i);
    play(g, "expect state failed");
    commit(g, "expired");
    begin(g);
    commit(g, "held");
    fake_clock_add((g->row->hold_h + 25) * MS_PER_HOUR);
    commit(g, "expired");
    nothing_has_changed(g);
}

/* ---- a lock-down, as the command line makes it ---- */

static enum err lock_account(struct store_tx *tx, void *ctx) {
    struct stage *g = ctx;
    struct account_id id = person_named(g->s, g->name)->account;
    enum err r = account_set_state(tx, id, ACCOUNT_LOCKED_DOWN, true);
    return r == OK ? session_end_others(tx, id, NULL) : r;
}

/* Of what was under way nothing goes on but by two proofs other than the password: a recovery, or on a known device. */
static void a_lock_down_stops_it(struct stage *g) {
    struct keeper_reply reply;
    bool has_two_others = has(g, 'R') && has(g, 'C');
    bool is_known_sign_in = strcmp(g->row->action, "sign_in") == 0 && strcmp(g->opener, "laptop") == 0;
    bool is_way_back =
        is_enough(g) && has_two_others && (is_known_sign_in || strcmp(g->row->action, "recover_password") == 0);
    if (strcmp(g->row->action, "sign_up") == 0) return;
    begin(g);
    keeper_ask_wait(
        g->s->house.client,
        &(struct keeper_request){ .ask = KEEPER_LOCK_DOWN, .account = person_named(g->s, g->name)->account }, &reply);
    if (reply.say != KEEPER_RIGHT || store_write(g->s->house.store, lock_account, g) != OK) scene_fail(g->s, "no lock");
    play(g, "commit %s", new_password(g));
    if ((g->s->last.say == GUARD_OK || g->s->last.say == GUARD_HELD) != is_way_back)
        scene_fail(g->s, "a locked account was opened, or has no way back");
}

static void walk_set(struct stage *g) {
    three_wrong_ones_end_it(g);
    three_wrong_approvals_end_it(g);
    time_ends_it(g);
    the_owner_stops_it(g);
    if (is_enough(g)) {
        a_hold_can_be_stopped(g);
        it_is_done(g);
        set_stage(g);
    } else {
        nothing_else_helps(g);
    }
    adoption_proves_nothing(g);
    if (is_enough(g) && strcmp(g->row->action, "restore") == 0) set_stage(g);
    a_lock_down_stops_it(g);
    set_stage(g);
}

static void walk_all(struct scene *s) {
    for (size_t i = 0; i < ARRAY_LEN(contract); i++)
        for (size_t k = 0; k < 2 && contract[i].openers[k]; k++) {
            struct stage g = { .s = s, .row = &contract[i], .opener = contract[i].openers[k] };
            g.approver = strcmp(g.opener, "laptop") == 0 ? "phone" : "laptop";
            s->file = contract[i].action;
            s->line = 0;
            set_stage(&g);
            for (g.set = 0; g.set < 1U << strlen(g.row->takes); g.set++, s->line++)
                if (can_be_shown(&g)) walk_set(&g);
        }
}

static void run(bool is_postgres) {
    static struct scene s;
    memset(&s, 0, sizeof s);
    s.arena = arena_new(8 * 1024 * 1024);
    house_open(&s.house, is_postgres);
    s.house.kept.config.policy_session_hours = 24 * 365 * 10;
    s.house.kept.config.policy_familiar_after = 10 * YEAR_MS;
    walk_all(&s);
    house_close(&s.house);
    arena_free(s.arena);
}

int main(int argc, char **argv) {
    process_maybe_be_keeper(argc, argv);
    fake_clock_begin();
    run(false);
    if (world_postgres())
        run(true);
    else
        printf("skipped on PostgreSQL: TOCSIN_TEST_POSTGRES is not set\n");
    fake_clock_end();
    return 0;
}
