/*
 * The attempt: opened, proved, (held), done, or denied, expired, failed (API §2). One pure machine (machine.h), one
 * table (core/actions.def), one entry point. A call runs on a work thread; what needs the keeper goes on when the
 * keeper answers.
 */
#ifndef TOCSIN_GUARD_GUARD_H
#define TOCSIN_GUARD_GUARD_H

#include "alarm/alarm.h"
#include "config/config.h"
#include "core/password.h"
#include "identity/identity.h"
#include "identity/origin.h"
#include "keeper/client.h"
#include "store/store.h"

extern const struct store_stmt *const guard_statements[];

struct guard;

struct guard_options {
    struct store *store;
    struct keeper_client *keeper;
    const struct config *config;
    struct breached *breached; /* stolen passwords; NULL: no list */
    /* After a commit, on the thread that committed: */
    void (*rows_written)(void *ctx); /* outbox rows: wake the courier */
    void (*alert_changed)(void *ctx, struct account_id account, struct alert_id alert); /* show it live */
    void (*code_asked)(void *ctx, struct account_id account,
                       struct attempt_id attempt);                  /* a card on trusted devices' pages */
    void (*sessions_changed)(void *ctx, struct account_id account); /* refresh the session table, before the answer */
    void *ctx;
};
enum err guard_new(const struct guard_options *o, struct guard **ret) MUST_CHECK;
void guard_free(struct guard *g);
/*
 * Does the keeper's database belong to this one? Asked at start, with the reply to KEEPER_PAIR; where both are new they
 * belong together from then on. ERR_BUSY: the keeper did not say; ask it again. ERR_CORRUPT: it does not, and one of
 * the two was lost or mixed up: *ret_problem says what to do, and nothing may be served.
 */
enum err guard_pair(struct guard *g, const struct keeper_reply *reply, struct store_problem *ret_problem) MUST_CHECK;
/* Every second, and at start: finishes `committing` attempts with the keeper, expires what is over. On a work-like
 * thread. */
void guard_tick(struct guard *g, int64_t now_ms);

/* What is done to an account without an attempt, and stands in its history all the same. */
enum guard_note {
    NOTE_SESSION_ENDED = 1,    /* subject: the session */
    NOTE_OTHER_SESSIONS_ENDED, /* subject: the session that stays */
    NOTE_DEVICE_RENAMED,       /* subject: the device */
    NOTE_PUSH_ADDED,           /* subject: the subscription */
    NOTE_PUSH_REMOVED,
    NOTE_LOCKED_BY_OPERATOR, /* subject: the account */
    NOTE_ROLE_GIVEN,         /* subject: the account */
    NOTE_ROLE_TAKEN,
    NOTE_BACKUP_EXPECTED, /* subject: the device */
};
/* Appends it in the caller's transaction. */
enum err guard_note(struct store_tx *tx, struct account_id account, enum guard_note what,
                    const uint8_t subject[ID_BYTES]) MUST_CHECK;

struct guard_caller {
    struct origin from;
    bool has_session; /* a live session was shown */
    struct session session;
    bool is_trusted;          /* the session's device */
    struct str attempt_token; /* "ta_…", or empty */
    struct str device_token;  /* member, or the cookie; or empty */
};

enum guard_verb {
    GUARD_OPEN,       /* action, email (anyone) */
    GUARD_SHOW,       /* attempt */
    GUARD_LIST,       /* the owner's, newest first; before, limit → answer.list */
    GUARD_PROVE,      /* attempt, proof, secret */
    GUARD_CODE_THERE, /* attempt */
    GUARD_CODE_SHOW,  /* attempt; the owner's session on another trusted device */
    GUARD_CODE_HERE,  /* attempt */
    GUARD_CHALLENGE,  /* attempt: what a passkey signs, or what one is made with */
    GUARD_APPROVE,    /* attempt, secret */
    GUARD_COMMIT,     /* attempt, password, name, device_name, credential */
    GUARD_DENY,       /* attempt */
    GUARD_ANSWER,     /* alert by id (session) or by link: is_me, tell_security_team, note */
    GUARD_LINK_SHOW,  /* link: what the alert page shows; changes nothing */
    GUARD_SEEN,       /* link */
};

enum guard_say { /* api/ turns each into a status and a problem code, in one table */
                 GUARD_OK = 1,
                 GUARD_HELD,
                 GUARD_WRONG_PROOF,
                 GUARD_TOO_MANY,
                 GUARD_BUSY,
                 GUARD_EXPIRED,
                 GUARD_DENIED,
                 GUARD_CONFLICT,
                 GUARD_NOT_PROVED,
                 GUARD_WEAK_PASSWORD,
                 GUARD_BREACHED_PASSWORD,
                 GUARD_LOCKED_DOWN,
                 GUARD_NOT_FOUND,
                 GUARD_UNAUTHORIZED,
                 GUARD_FORBIDDEN,
                 GUARD_BAD_REQUEST,
                 GUARD_BROKEN, /* we failed; 503 busy, retry */
};

struct attempt_view {
    struct attempt_id id;
    struct subject subject;
    struct str email, detail; /* what it is about */
    struct account_id account;
    enum action action;
    enum attempt_state state;
    struct need need;
    unsigned proved;
    int64_t opened_ms, expires_ms, hold_until_ms;
    struct str ip, place, device; /* for the owner only */
    int64_t hold_ms; /* how long it will be held, for those who are signed in; 0: not at all, or not said */
    bool is_known_device, is_code_alive, is_owner_view;
    bool is_own_device; /* the caller's device opened it */
};

struct guard_result { /* of a commit; empty strings where not part of it */
    bool has_account, has_session, has_device;
    struct str account_email, account_name;
    struct session session;
    char session_token[TOKEN_TEXT_SIZE], device_token[TOKEN_TEXT_SIZE];
    struct device_id device;
    struct str device_name;
    char recovery_key[RECOVERY_KEY_TEXT_SIZE];
    int64_t window_ends_ms, export_ends_ms; /* 0: none */
    bool has_passkey;
    struct passkey_id passkey;
    struct str passkey_name;
    int64_t passkey_made_ms;
    struct str receipt;
};

struct guard_challenge {
    uint8_t bytes[CHALLENGE_BYTES];
    bool is_creation; /* of a new passkey; then for whom, and the ids of those that are there */
    struct account_id account;
    struct str email, name;
    const struct str *exclude;
    size_t exclude_n;
};

struct guard_answer {
    enum guard_say say;
    int64_t retry_ms;
    char reason[200];
    struct attempt_view attempt;
    char attempt_token[TOKEN_TEXT_SIZE]; /* GUARD_OPEN; GUARD_PROVE where the attempt has become an account's */
    char digits[9];
    int64_t code_expires_ms;
    struct guard_result result;
    struct guard_challenge challenge;
    const struct attempt_view *list;
    size_t list_n;
    bool has_more;
    bool is_budget_spent; /* by this call */
    struct alert alert;   /* GUARD_ANSWER, GUARD_LINK_SHOW */
    enum account_state account_state;
    bool is_put_back; /* GUARD_ANSWER: what was done is undone */
    bool has_case;
    struct case_id case_id;
};

struct guard_call {
    enum guard_verb verb;
    const struct guard_caller *caller; /* it and all strings live until done */
    struct arena *arena;               /* for what the answer points at */
    struct attempt_id attempt;
    struct alert_id alert;
    bool has_alert; /* by id; otherwise by link */
    enum action action;
    enum proof proof;
    struct str email, secret, password, name, device_name, link, note;
    uint8_t target[ID_BYTES]; /* GUARD_OPEN: a device or passkey */
    struct str credential;    /* packed (keeper/ceremony.h): GUARD_COMMIT of add_passkey */
    struct str payload;       /* GUARD_OPEN of a purchase: in canonical form (RFC 8785) */
    bool is_discoverable;     /* GUARD_OPEN of a sign_in: a passkey will say whose it is */
    bool is_me, tell_security_team;
    bool has_before;
    struct attempt_id before;
    int limit;

    /* Runs step(call) later, on a work thread, once. */
    void (*resume)(struct guard_call *call, void (*step)(struct guard_call *call));
    /* Called once, on a work thread, with the answer filled. It may have been called before guard_run returns. */
    void (*done)(struct guard_call *call);
    void *ctx;

    struct guard_answer answer;
    /* guard's own, while it runs */
    struct guard *guard;
    void *state;
};
void guard_run(struct guard *g, struct guard_call *call);

/* One device reads another's backup. */
struct guard_restore {
    struct account_id account;
    struct device_id device, from; /* who reads, whose data */
    const struct origin *where;
    bool opens_nothing; /* only looks */
};
struct guard_window { /* what an attempt that is done lets happen for a while */
    struct attempt_id attempt;
    int64_t until_ms; /* 0: it may not */
};
/*
 * May it? Where it may not, the attempt is opened and the alarm rings, once while one is open and for a day after one
 * was denied. Work lane. ERR_NOT_FOUND: one of the devices is not the account's.
 */
enum err guard_restore_may(struct guard *g, const struct guard_restore *x, struct guard_window *ret) MUST_CHECK;
/* May that device delete from its own repository? Opens nothing. */
enum err guard_deletion_may(struct guard *g, struct account_id account, struct device_id device,
                            struct guard_window *ret) MUST_CHECK;
/* What the server itself has to tell about a device's backup: an attempt that is done as soon as it stands there. */
struct guard_report {
    struct account_id account;
    struct device_id device;
    enum action action;         /* one that nobody else opens */
    const struct origin *where; /* of the request that it was; NULL: nobody's */
};
/*
 * Rings, at most once a day for a device and action; durable when it returns OK, also where it rang before. Work lane.
 * ERR_NOT_FOUND: no such device. ERR_GONE: it was removed, and nothing is expected of it any more.
 */
enum err guard_report(struct guard *g, const struct guard_report *x) MUST_CHECK;
/* What an owner takes along, newest first. */
struct guard_page {
    struct account_id account;
    const uint8_t *before; /* ID_BYTES of the last one seen; NULL: from the newest */
    int limit;
    int64_t now_ms;
    struct arena *arena;
};
typedef enum err guard_attempt_fn(void *ctx, const struct attempt_view *a);
enum err guard_attempts_each(struct guard *g, struct store_tx *tx, const struct guard_page *p, guard_attempt_fn *fn,
                             void *ctx) MUST_CHECK;
struct guard_event { /* lives during the call */
    const uint8_t *id, *subject;
    const char *name;
    int64_t at_ms;
    struct str detail; /* JSON, or empty */
};
typedef enum err guard_event_fn(void *ctx, const struct guard_event *e);
enum err guard_history_each(struct store_tx *tx, const struct guard_page *p, guard_event_fn *fn, void *ctx) MUST_CHECK;
/* Does the data of that export_data attempt still lie open? ERR_NOT_FOUND. */
enum err guard_export_may(struct store_tx *tx, struct account_id account, struct attempt_id attempt,
                          int64_t now_ms) MUST_CHECK;

#endif
