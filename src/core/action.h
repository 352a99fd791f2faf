/* The words of the attempt that all processes share: actions, proofs, states, alert kinds. See actions.def, events.def.
 */
#ifndef TOCSIN_CORE_ACTION_H
#define TOCSIN_CORE_ACTION_H

#include "base/str.h"

enum proof { /* bits; stored as an integer */
             PROOF_NONE = 0,
             PROOF_PASSWORD = 1,
             PROOF_CODE = 2,
             PROOF_RECOVERY_KEY = 4,
             PROOF_PASSKEY = 8,
             PROOF_EMAIL_CODE = 16,
};
#define PROOF_COUNT 5

enum opener { OPENER_ANYONE, OPENER_SESSION, OPENER_SERVER };

/* What an attempt is about, given when it is opened; the keeper binds it (API §2). */
enum takes {
    TAKES_NOTHING,
    TAKES_EMAIL,
    TAKES_FROM_DEVICE, /* whose backup is to be read */
    TAKES_DEVICE,
    TAKES_PASSKEY,
    TAKES_PAYLOAD, /* of a purchase */
};

enum alert_on {
    ALERT_ON_NOTHING = 0,
    ALERT_ON_OPENED = 1,
    ALERT_ON_FIRST_PROOF = 2, /* the first right proof, from an unknown device */
    ALERT_ON_REFUSED = 4,     /* each refusal that ends it */
    ALERT_ON_DONE = 8,        /* for sign_in: only from an unknown device */
};

enum effect {                      /* what the keeper does when it commits the attempt */
              EFFECT_ENROLL,       /* first password and recovery key of a new account */
              EFFECT_ADMIT,        /* the device becomes known */
              EFFECT_SET_PASSWORD, /* replaces the password, ends its lock-down */
              EFFECT_NEW_RECOVERY_KEY,
              EFFECT_ADD_PASSKEY,
              EFFECT_REMOVE_PASSKEY,
              EFFECT_FORGET_DEVICE, /* the device of the subject is no longer known */
              EFFECT_RECEIPT,       /* signs what was bought */
              EFFECT_LEAVE,         /* all credentials are forgotten a week later */
              EFFECT_PERMIT,        /* nothing of the keeper's changes; the front may go on */
};

struct need {
    uint8_t count;      /* how many of `of` */
    uint8_t of;         /* bits of enum proof */
    uint8_t sufficient; /* any one of these alone is enough */
    uint8_t also;       /* each of these is needed besides: a new address must be shown to be one's own */
};

enum action {
#define ACTION(caps, ...) ACTION_##caps,
#include "core/actions.def"
#undef ACTION
    ACTION_COUNT
};

struct action_rule {
    const char *name;
    enum opener opener;
    enum takes takes;
    struct need need, need_known;
    unsigned alert_on; /* bits of enum alert_on; a hold always alerts */
    int64_t life_ms, hold_ms;
    enum effect effect;
};
extern const struct action_rule action_rules[ACTION_COUNT];

enum err action_parse(struct str name, enum action *ret_action) MUST_CHECK; /* ERR_INPUT */
/* True when the proofs meet the need. The one place that says so, for front and keeper alike. */
bool need_is_met(struct need need, unsigned proved);
/* The same but for `also`: what must come first. */
bool need_is_met_so_far(struct need need, unsigned proved);
const char *proof_name(enum proof p); /* one bit: "password" … */
enum err proof_parse(struct str name, enum proof *ret_proof) MUST_CHECK;

enum attempt_state {
    ATTEMPT_OPENED = 1,
    ATTEMPT_PROVED,
    ATTEMPT_HELD,
    ATTEMPT_COMMITTING, /* durable mark of the saga; shown outside as "proved" */
    ATTEMPT_DONE,
    ATTEMPT_DENIED,
    ATTEMPT_EXPIRED,
    ATTEMPT_FAILED,
};
const char *attempt_state_name(enum attempt_state s); /* the wire name */
bool attempt_state_is_final(enum attempt_state s);

enum alert_kind { ALERT_OPENED = 1, ALERT_REFUSED, ALERT_HELD, ALERT_DONE, ALERT_DENIED, ALERT_WRONG_PROOFS };
const char *alert_kind_name(enum alert_kind k);

#endif
