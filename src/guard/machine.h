/* The attempt as a pure machine: state and event in, move out. What is not in the table is refused. */
#ifndef TOCSIN_GUARD_MACHINE_H
#define TOCSIN_GUARD_MACHINE_H

#include "core/action.h"
#include "ledger/ledger.h"

enum event {
    EV_PROOF = 1,   /* a right proof, more are needed */
    EV_PROOFS_MET,  /* a right proof, and it is enough */
    EV_WRONG,       /* a wrong one */
    EV_WRONG_LAST,  /* the wrong one that ends it */
    EV_NEEDS_HOLD,  /* commit asked, the policy wants it to wait */
    EV_COMMIT,      /* commit asked: the saga begins */
    EV_APPLIED,     /* the keeper has applied it */
    EV_NOT_APPLIED, /* the keeper has not, and may be asked again */
    EV_UNPROVED,    /* the keeper's record does not meet the rule */
    EV_FAIL,        /* it can't be done any more */
    EV_DENY,        /* the owner, or the keeper after wrong approvals */
    EV_STOP,        /* the owner, while an admission is being committed */
    EV_EXPIRE,
    EV_COUNT,
};

struct move {
    enum attempt_state to;
    enum ledger_event event; /* what the history says */
};

/* ERR_REFUSED when the table has no such edge. */
enum err machine_step(enum attempt_state from, enum event ev, struct move *ret_move) MUST_CHECK;

#endif
