/*
 * What the front may ask of the keeper, and all that others see of it. The keeper trusts no word of the front: it keeps
 * its own record of which proofs it has seen for which attempt, reserves guess budgets before any work, and changes a
 * credential only when that record meets core/actions.def. It can be asked to verify, never to show: the exceptions are
 * digits that a person must read (KEEPER_SHOW_CODE, KEEPER_MAKE_CODE_HERE), which exist only for an attempt, and a new
 * recovery key, once, until KEEPER_SETTLE.
 *
 * Any thread may call. A request that meets a dead or restarting keeper is answered KEEPER_DOWN within 10 s; all
 * requests may be asked again.
 */
/*
 * How answers read, beyond enum keeper_say:
 * - KEEPER_REFUSED: account, action or device differ from the attempt's first message; the attempt has ended or expired
 *   (its third wrong proof or approval ends it); or that proof is none of the action's. The third wrong KEEPER_APPROVE
 *   itself answers KEEPER_REFUSED, the two before KEEPER_WRONG; KEEPER_NONE when no code shown here is alive, and
 *   KEEPER_NOT_PROVED when `by` is not a known device of the account, or is the opener's own.
 * - KEEPER_MAKE_CODE_*: asked again while a code is alive it answers the same digits and spends nothing. Once
 * PROOF_CODE was counted KEEPER_MAKE_CODE_THERE answers KEEPER_NONE; KEEPER_MAKE_CODE_HERE makes new ones, which end a
 * hold.
 * - KEEPER_COMMIT: KEEPER_DOWN leaves open whether the attempt was applied: ask KEEPER_FATE. Any other answer but
 *   KEEPER_RIGHT, and KEEPER_NONE from KEEPER_FATE, is final for all commits of the attempt asked before it, also for
 *   one that is still under way (which then answers KEEPER_DOWN); a commit asked after it may be applied.
 * - KEEPER_BUSY to a proof also says that three others of its attempt are being looked at.
 * - KEEPER_END of a sign_up that was applied and never settled, until a day after its expiry: what it enrolled is
 *   forgotten, so that its address is free again.
 * - KEEPER_PROVE_PASSKEY of a sign_in whose subject is SUBJECT_NO_ADDRESS: when right, `account` of the reply is the
 *   passkey's, and the attempt goes on as that account's, opened by the device in `by`.
 * - KEEPER_COMMIT of add_passkey: secret is a packed registration, `by` the new passkey's id; KEEPER_WEAK says why it
 * was not taken. Of purchase: secret is the payload whose hash is the subject.
 * - KEEPER_UNDO goes by the front's word alone: all it can do is to put an account's own former credential back while
 * the password counts for nothing. What was recovered since (recover_password) stays. KEEPER_RIGHT also where nothing
 * was left to put back.
 * - KEEPER_WEAK does not end the attempt. A commit of what was applied already answers as it did the first time.
 */
#ifndef TOCSIN_KEEPER_CLIENT_H
#define TOCSIN_KEEPER_CLIENT_H

#include "base/secret.h"
#include "core/action.h"
#include "core/ids.h"

enum keeper_ask {
    KEEPER_PROVE_PASSWORD = 1, /* secret: the password as typed */
    KEEPER_PROVE_CODE,         /* secret: digits typed where the attempt runs (shown_there) */
    KEEPER_PROVE_EMAIL_CODE,   /* secret: digits from the mail */
    KEEPER_PROVE_RECOVERY_KEY, /* secret: as typed */
    KEEPER_PROVE_PASSKEY, /* secret: a packed assertion (ceremony.h); `by`: the device that the account will know it as
                           */
    KEEPER_MAKE_CODE_THERE, /* digits for the trusted devices; the answer has them sealed for the courier; only once
                               another proof was right, else KEEPER_NOT_PROVED and none is made */
    KEEPER_SHOW_CODE,       /* the same digits in clear, for a trusted device's page; KEEPER_NONE where none is alive */
    KEEPER_MAKE_CODE_HERE,  /* digits in clear, to be typed on a trusted device */
    KEEPER_APPROVE, /* secret: digits typed on a trusted device; `by` is that device and must be known to the keeper */
    KEEPER_MAKE_EMAIL_CODE, /* digits to a new address, sealed; for what needs other proofs too only after those, else
                               KEEPER_NOT_PROVED */
    KEEPER_CHALLENGE,       /* for a passkey's proof or its making; spent by the first that uses it */
    KEEPER_COMMIT,          /* applies the action's effect once; secret: the new password where the effect sets one */
    KEEPER_SETTLE,          /* the front has recorded what KEEPER_COMMIT did: a new recovery key is not shown again */
    KEEPER_FATE,            /* after a crash: KEEPER_RIGHT when the attempt was applied, KEEPER_NONE when not */
    KEEPER_END,             /* the attempt ended without effect: proofs and codes are forgotten */
    KEEPER_UNDO,            /* puts back what the attempt replaced in the last 7 days, and locks the password */
    KEEPER_LOCK_DOWN,       /* password no longer counts as a proof until it is changed with two other proofs */
    KEEPER_FORGET_DEVICE,   /* `device` is no longer known */
    KEEPER_LINK,            /* secret: the tl_ text; KEEPER_RIGHT when its MAC is ours */
    KEEPER_PING,
    KEEPER_PAIR, /* which database this is: see guard/pair.c */
};

enum keeper_say {
    KEEPER_RIGHT = 1,
    KEEPER_WRONG,      /* wrong proof; the same for unknown accounts, after the same work */
    KEEPER_NONE,       /* nothing there (no code alive, no such attempt) */
    KEEPER_TOO_MANY,   /* a budget is spent; retry_ms */
    KEEPER_NOT_PROVED, /* its own record of proofs does not meet the rule */
    KEEPER_WEAK,       /* password refused; reason says why, in words for a person */
    KEEPER_REFUSED,    /* attempt mismatch, ended, or locked */
    KEEPER_BUSY,       /* the hash queue is full */
    KEEPER_DOWN,       /* no keeper answered; nothing is known */
};

#define KEEPER_PASSWORD_BYTES_MAX 1024 /* 256 code points of UTF-8 */
#define KEEPER_SECRET_BYTES_MAX   8192 /* of any ask: a passkey's ceremony */
#define KEEPER_SEALED_BYTES_MAX   64   /* 8 digits and the box's overhead */
#define CHALLENGE_BYTES           48
#define RECEIPT_TEXT_SIZE         4096
#define RECOVERY_KEY_TEXT_SIZE    48 /* "ABCD-EFGH-…" and NUL */

struct keeper_request {
    enum keeper_ask ask;
    struct account_id account;
    struct attempt_id attempt;
    enum action action;      /* bound to the attempt by the first message about it */
    struct device_id device; /* the device that opened the attempt; zero when unknown */
    struct device_id
        by; /* KEEPER_APPROVE: the approving device. KEEPER_COMMIT of sign_up and sign_in: the device that gets known */
    struct subject subject; /* bound to the attempt by the first message about it */
    int64_t attempt_expires_ms;
    uint8_t code_digits;
    struct str secret; /* borrowed during the call; the client wipes its copy */
};

struct keeper_reply {
    enum keeper_say say;
    unsigned proved;           /* the keeper's record for the attempt: bits of enum proof */
    bool is_budget_just_spent; /* this try spent it: alert once */
    int64_t retry_ms;          /* KEEPER_TOO_MANY: from now */
    int64_t expires_ms;        /* of the code */
    char digits[9];            /* "" when none */
    uint8_t sealed[KEEPER_SEALED_BYTES_MAX];
    size_t sealed_n;
    char recovery_key[RECOVERY_KEY_TEXT_SIZE]; /* KEEPER_COMMIT: sign_up, or when a recovery key was spent */
    struct account_id account;                 /* KEEPER_PROVE_PASSKEY without an address: whose */
    bool is_count_behind;                      /* the passkey's counter did not grow: a copy may be in use */
    uint8_t challenge[CHALLENGE_BYTES];        /* KEEPER_CHALLENGE */
    char receipt[RECEIPT_TEXT_SIZE];           /* KEEPER_COMMIT of purchase */
    struct pair_id pair;                       /* KEEPER_PAIR: the database's own, made once */
    bool holds_credentials;                    /* KEEPER_PAIR: of anybody */
    char reason[200];
};

struct keeper_client;
/* fd is the front's end of the socket pair and stays the caller's. Starts one reader thread. */
enum err keeper_client_new(int fd, struct keeper_client **ret) MUST_CHECK;
void keeper_client_free(struct keeper_client *k);
/* Asks; done runs once, on the client's reader thread, and must be quick (it hands on to the work lane). The reply is
 * wiped after it. */
typedef void keeper_done(void *ctx, const struct keeper_reply *reply);
void keeper_ask(struct keeper_client *k, const struct keeper_request *q, keeper_done *done, void *ctx);
/* Asks and waits. Only for what does not hash a password: never PROVE_PASSWORD or a COMMIT that sets one. */
void keeper_ask_wait(struct keeper_client *k, const struct keeper_request *q, struct keeper_reply *ret);

#endif
