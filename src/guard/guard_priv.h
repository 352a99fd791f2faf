/* Between the files of guard: one call's work, the attempt's row, and the steps that several verbs share. */
#ifndef TOCSIN_GUARD_GUARD_PRIV_H
#define TOCSIN_GUARD_GUARD_PRIV_H

#include "base/clock.h"
#include "guard/guard.h"
#include "guard/machine.h"

#define ALERTS_MAX   8
#define RELATED_MAX  4096 /* more than one network may have open, and one device may do in a week */
#define CODE_LIFE_MS (5 * MS_PER_MIN)
#define RELATED_ROOM 64 /* at first */
#define LINK_LIFE_MS (7 * MS_PER_DAY)
#define WRONG_MAX    3

struct veto_place { /* between two of them */
    int64_t at_ms;
    struct alert_id alert;
};

struct guard {
    struct guard_options o;
    int64_t purge_at_ms;           /* monotonic; the tick's own */
    struct veto_place vetoes_from; /* the tick's own: some that can't be carried out don't keep the others waiting */
    bool has_ticked;
};

struct attempt {
    struct account_id account;
    struct attempt_id id;
    enum action action;
    enum attempt_state state;
    int64_t rev;
    uint8_t token_hash[HASH_BYTES];
    struct str email, ip, net, country, place, from_device, name, device_name;
    struct subject subject;              /* what it is about: an id or a hash; zero: nothing */
    struct str detail;                   /* purchase: the payload. change_email, once done: the former address */
    bool is_real, is_known, has_alerted; /* is_real: the account exists, and this attempt is about it */
    bool is_familiar;                    /* what it asks for is not held */
    bool is_mailed;                      /* the code to the new address was sent */
    bool is_undone;
    bool is_disowned; /* the owner said "not me" when it was too late to stop it */
    struct alert_id held_alert;
    struct session_id opener_session;
    struct device_id opener_device, new_device;
    unsigned proved;
    int64_t epoch;    /* the account's when it was opened */
    int64_t until_ms; /* restore, export_data, allow_deletion: as long as that lies open */
    int64_t wrong, opened_ms, expires_ms, hold_until_ms, code_until_ms, changed_ms;
};

/*
 * Whose call it is. What is the owner's never goes by a token, not even beside a session of somebody else: the token is
 * the stranger's.
 */
enum asker { ASKER_ANYONE, ASKER_TOKEN, ASKER_OWNER, ASKER_EITHER };

/* One call while it runs; lives in the call's arena. */
struct work {
    struct guard_call *call;
    struct guard *g;
    int64_t now_ms;
    enum asker asker;
    struct attempt a;
    bool has_attempt;
    struct keeper_request ask;
    struct keeper_reply reply;
    void (*after_reply)(struct work *w);
    /* what to tell once the transaction is durable; begun anew when it is run again */
    struct alert_id alerts[ALERTS_MAX];
    size_t alert_n;
    bool has_rows, has_sessions, has_code;
    int64_t asked_rev;      /* the row's when the keeper was asked: a later one is somebody else's to finish */
    struct account_id told; /* whose */
    /* answering */
    struct attempt *related;        /* in the call's arena */
    size_t related_n, related_room; /* at most RELATED_MAX */
    bool is_lock_down, is_relocked;
    bool is_direct;          /* the keeper is asked to commit what does not stand at committing yet */
    bool is_relaxed;         /* the next write may be lost with the power, as long as nothing after it stays */
    bool is_taken;           /* sign_up: the address has an account */
    struct account_id named; /* by a passkey, where no address was given */
    struct device_id named_device;
    struct device_id stolen; /* its replaced token was shown */
};

/* ---- attempt_store.c ---- */
enum err attempt_add(struct store_tx *tx, const struct attempt *a) MUST_CHECK;
enum err attempt_load(struct store_tx *tx, struct account_id account, struct attempt_id id, struct arena *arena,
                      struct attempt *ret) MUST_CHECK;
/* Writes what may change, if nobody else did since it was loaded. ERR_CONFLICT. */
enum err attempt_write(struct store_tx *tx, struct attempt *a, int64_t now_ms) MUST_CHECK;
typedef enum err attempt_fn(void *ctx, const struct attempt *a);
enum err attempt_list(struct store_tx *tx, const struct guard_page *p, attempt_fn *fn, void *ctx) MUST_CHECK;
/*
 * Those of the same account, action and network, opened in the span, that still matter: open or done, or ended after
 * the right password was shown. Oldest first.
 */
struct attempt_span {
    struct account_id account;
    enum action action;
    struct str net;
    int64_t from_ms, to_ms;
};
enum err attempt_related(struct store_tx *tx, const struct attempt_span *s, struct arena *arena, attempt_fn *fn,
                         void *ctx) MUST_CHECK;
enum err attempt_denials(struct store_tx *tx, struct account_id account, struct str net, int64_t since_ms,
                         int64_t *ret_n) MUST_CHECK;
enum err attempt_open_count(struct store_tx *tx, struct account_id account, struct str net, int64_t now_ms,
                            int64_t *ret_n) MUST_CHECK;
/* How many that the device of `like` opened since then are done, and can be put back. */
enum err attempt_done_count(struct store_tx *tx, const struct attempt *like, int64_t since_ms,
                            int64_t *ret_n) MUST_CHECK;
struct attempt_overdue {
    enum attempt_state state;
    int64_t before_ms;
    struct arena *arena;
};
enum err attempt_overdue(struct store_tx *tx, const struct attempt_overdue *o, attempt_fn *fn, void *ctx) MUST_CHECK;
struct attempt_found {
    attempt_fn *fn;
    void *ctx;
};
/* Those of the same account, action, subject and opener, newest first. */
enum err attempt_of_subject(struct store_tx *tx, const struct attempt *like, int64_t since_ms, struct arena *arena,
                            struct attempt_found *f) MUST_CHECK;
/* The sign-in since then by which the device that opened `a` came to the account. ERR_NOT_FOUND: none; it was the
 * first, or came before. */
enum err attempt_way_in(struct store_tx *tx, const struct attempt *a, int64_t since_ms, struct arena *arena,
                        struct attempt *ret) MUST_CHECK;
/* What the device that came by the sign-in `in` has opened since then and is done, newest first. Without purchases
 * and sign-ins: they can't be put back, and many of them would crowd out what can. */
enum err attempt_done_by(struct store_tx *tx, const struct attempt *in, struct arena *arena, attempt_fn *fn,
                         void *ctx) MUST_CHECK;
/* The longest open window of the same account, action and subject, whoever opened it; untouched where there is none. */
enum err attempt_window(struct store_tx *tx, const struct attempt *like, int64_t now_ms,
                        struct guard_window *ret) MUST_CHECK;
/* And those are over. */
enum err attempt_close_windows(struct store_tx *tx, const struct attempt *like, int64_t now_ms) MUST_CHECK;
enum err attempt_forget(struct store_tx *tx, struct account_id account) MUST_CHECK; /* its cases too */
enum err attempt_purge(struct store_tx *tx, int64_t before_ms) MUST_CHECK;
enum err case_add(struct store_tx *tx, const struct attempt *a, struct str reason, int64_t now_ms,
                  struct case_id *ret) MUST_CHECK;
enum err case_find(struct store_tx *tx, struct account_id account, struct attempt_id attempt,
                   struct case_id *ret) MUST_CHECK; /* ERR_NOT_FOUND */
extern const struct store_stmt ATTEMPT_ADD, ATTEMPT_LOAD, ATTEMPT_WRITE, ATTEMPT_LIST, ATTEMPT_RELATED, ATTEMPT_DENIALS,
    ATTEMPT_OPEN_COUNT, ATTEMPT_DONE_COUNT, ATTEMPT_OVERDUE, ATTEMPT_PURGE, ATTEMPT_OF_SUBJECT, ATTEMPT_WAY_IN,
    ATTEMPT_WINDOW, ATTEMPT_CLOSE_WINDOWS, ATTEMPT_FORGET, CASE_ADD, CASE_FIND, CASE_FORGET;

/* ---- veto.c: "not me" that is to be carried out ---- */
struct veto {
    struct account_id account;
    struct alert_id alert;
    struct session_id stays; /* it answered from a device that was trusted before; zero: none stays */
    struct device_id stays_on;
    bool tells_team;
    struct str note;
    int64_t at_ms; /* of veto_each */
};
enum err veto_add(struct store_tx *tx, const struct veto *v, int64_t now_ms) MUST_CHECK;
enum err veto_drop(struct store_tx *tx, const struct veto *v, bool *ret_was_there) MUST_CHECK;
typedef enum err veto_fn(void *ctx, const struct veto *v);
#define VETOES_AT_MOST 20
struct veto_span { /* the oldest behind `after` that were written by `by_ms` */
    struct veto_place after;
    int64_t by_ms;
    struct arena *arena; /* where their notes live */
};
enum err veto_each(struct store_tx *tx, const struct veto_span *span, veto_fn *fn,
                   void *ctx) MUST_CHECK; /* VETOES_AT_MOST of them */
enum err veto_forget(struct store_tx *tx, struct account_id account) MUST_CHECK;
enum err veto_purge(struct store_tx *tx, int64_t before_ms) MUST_CHECK;
extern const struct store_stmt VETO_ADD, VETO_DROP, VETO_EACH, VETO_FORGET, VETO_PURGE;

/* ---- answer.c, used by the tick ---- */
/* Carries out what stands written, once. ERR_IO: the keeper did not answer. */
enum err veto_finish(struct work *w, const struct veto *v) MUST_CHECK;

/* ---- common.c ---- */
void finish(struct work *w, enum guard_say say); /* answers; w is gone after it */
enum guard_say say_of_err(enum err r);
enum guard_say say_of_ended(enum attempt_state s); /* 410, 403, 409 */
/* A transaction, run again when another change came first, and after it its words to others. */
enum err write_work(struct work *w, store_fn *fn) MUST_CHECK;
void tell_others(struct work *w);
/* Loads the call's attempt, as the verb's asker may; checks neither state nor time. ERR_CLOSED: no valid token. */
enum err load_for_call(struct store_tx *tx, struct work *w) MUST_CHECK;
enum err load_tx(struct store_tx *tx, void *work) MUST_CHECK; /* the same, as a transaction */
/* Loads and checks; answers and returns false when the call ends here. */
bool begin_call(struct work *w);
/* Nobody is told and nothing is changed by it before it is done: what is lost on the way is asked for again. */
bool is_quiet(const struct work *w);
/* OK when the attempt lives; otherwise ERR_GONE and the say in *ret_say. */
enum err check_alive(const struct work *w, enum guard_say *ret_say) MUST_CHECK;
struct need need_of(const struct guard *g, const struct attempt *a);
void view_of(const struct work *w, const struct attempt *a, bool is_owner, struct attempt_view *ret);
/* Moves w->a by the table, writes row and history. ERR_REFUSED for no such edge. */
enum err move(struct store_tx *tx, struct work *w, enum event ev) MUST_CHECK;
enum err history(struct store_tx *tx, const struct work *w, enum ledger_event ev,
                 const uint8_t subject[ID_BYTES]) MUST_CHECK;
/* Sends w->ask; after its reply `then` runs on a work thread. */
void ask_keeper(struct work *w, void (*then)(struct work *w));
void prepare_ask(struct work *w, enum keeper_ask ask);
void tell_keeper(struct work *w, enum keeper_ask ask, const struct attempt *a); /* nobody waits for the answer */
bool lock_keeper(struct work *w, struct account_id account); /* waits; true once the password counts no more */
void forget_device(struct work *w, struct device_id device);
/* Whoever opened w->a has no more business with backups: its device must ask for a new token, in a session. */
enum err drop_backup_token(struct store_tx *tx, struct work *w) MUST_CHECK;

/* The work of what nobody's call asks for, with an arena of its own; NULL: no memory. aside_end takes either. */
struct work *aside_begin(struct guard_call *call);
void aside_end(struct guard_call *call, struct work *w);

/* ---- alert.c ---- */
enum err raise_alert(struct store_tx *tx, struct work *w, enum alert_kind kind) MUST_CHECK;
enum err mail_letter(struct store_tx *tx, struct work *w, enum outbox_letter letter, struct str sealed) MUST_CHECK;
enum err push_code(struct store_tx *tx, struct work *w) MUST_CHECK;
enum err open_case(struct store_tx *tx, struct work *w, struct str reason, struct case_id *ret) MUST_CHECK;

/* ---- prove.c, used by code.c too ---- */
enum err record_right(struct store_tx *tx, struct work *w) MUST_CHECK;
enum err record_denied(struct store_tx *tx,
                       struct work *w) MUST_CHECK; /* deny, its alert, a case after the third in a day */

enum err record_spent(struct store_tx *tx, struct work *w) MUST_CHECK; /* that a budget was just spent */

/* ---- commit.c, used by the tick ---- */
/* What the keeper has applied, in one transaction. ERR_GONE: the attempt stands elsewhere. ERR_REFUSED: it can't be. */
enum err write_done(struct work *w) MUST_CHECK;
/* Back to where it can be asked again, or to its end; what was disowned is denied. */
enum err record_back(struct store_tx *tx, struct work *w, enum event ev) MUST_CHECK;
/* A new recovery key came of it, which is told to whoever shows the attempt's token, once. */
bool makes_key(const struct attempt *a);
void tell_settled(struct work *w); /* the keeper, that what it applied is recorded */
void tell_undone(struct work *w);  /* the keeper, of what will never be done */

/* Records the keeper's answer to a proof, and answers. */
void proof_replied(struct work *w);

/* ---- passkey.c ---- */
bool prove_without_address(struct work *w);
enum err note_device(struct store_tx *tx, struct work *w) MUST_CHECK;

/* ---- judge.c ---- */
/* GUARD_OK, GUARD_WEAK_PASSWORD or GUARD_BREACHED_PASSWORD; the answer's reason says why. */
enum guard_say judge_password(struct work *w);

/* ---- policy.c ---- */
int64_t policy_hold_ms(const struct guard *g, const struct attempt *a);
/* Trusted long enough, and in a country where the account has been that long; the first device at once. */
struct whereabouts {
    struct account_id account;
    struct device_id device;
    struct str country;
    int64_t now_ms;
};
enum err policy_is_familiar(struct store_tx *tx, const struct guard *g, const struct whereabouts *x,
                            struct arena *arena, bool *ret_is_familiar) MUST_CHECK;

/* ---- about.c ---- */
/* Checks what the attempt is about and binds it. ERR_NOT_FOUND: there is no such thing. ERR_REFUSED: it is so already.
 */
enum err about_bind(struct store_tx *tx, struct work *w) MUST_CHECK;

/* ---- apply.c ---- */
/* What follows from what the keeper has applied. ERR_REFUSED: it can't be any more. */
enum err apply_done(struct store_tx *tx, struct work *w) MUST_CHECK;

/* ---- undo.c ---- */
bool is_undoable(const struct attempt *a, int64_t now_ms);
/* The front's part of taking back what w->a did, after the keeper's. */
enum err undo_done(struct store_tx *tx, struct work *w) MUST_CHECK;
bool undo_at_keeper(struct work *w, const struct attempt *a); /* waits */

/* ---- the verbs ---- */
void verb_open(struct work *w);
void verb_show(struct work *w);
void verb_list(struct work *w);
void verb_prove(struct work *w);
void verb_code_there(struct work *w);
void verb_code_show(struct work *w);
void verb_code_here(struct work *w);
void verb_approve(struct work *w);
void verb_challenge(struct work *w);
void verb_commit(struct work *w);
void verb_deny(struct work *w);
void verb_answer(struct work *w);
void verb_link_show(struct work *w);
void verb_seen(struct work *w);

#endif
