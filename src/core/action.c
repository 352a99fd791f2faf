/* The tables of actions, proofs, states and kinds, made from actions.def. */
#include "core/action.h"

#include "base/clock.h"

#define NEEDS(n, set, alone)                                                                                           \
    { .count = (n), .of = (set), .sufficient = (alone) }
#define ALL_THREE    (PROOF_PASSWORD | PROOF_CODE | PROOF_RECOVERY_KEY)
#define NO_PROOFS    NEEDS(0, 0, 0) /* never met */
#define TWO_OF_THREE NEEDS(2, ALL_THREE, PROOF_PASSKEY)
#define TWO_AND_ADDRESS                                                                                                \
    { .count = 2, .of = ALL_THREE, .sufficient = PROOF_PASSKEY, .also = PROOF_EMAIL_CODE }
const struct action_rule action_rules[ACTION_COUNT] = {
#define ACTION(caps, wire, who, what_about, needs, needs_known, alerts, life_minutes, hold_minutes, what)              \
    [ACTION_##caps] = { .name = (wire),                                                                                \
                        .opener = (who),                                                                               \
                        .takes = (what_about),                                                                         \
                        .need = needs,                                                                                 \
                        .need_known = needs_known,                                                                     \
                        .alert_on = (alerts),                                                                          \
                        .life_ms = (life_minutes)*MS_PER_MIN,                                                          \
                        .hold_ms = (hold_minutes)*MS_PER_MIN,                                                          \
                        .effect = (what) },
#include "core/actions.def"
#undef ACTION
};

enum err action_parse(struct str name, enum action *ret_action) {
    for (int a = 0; a < ACTION_COUNT; a++) {
        if (!str_eq(str_from(action_rules[a].name), name)) continue;
        *ret_action = (enum action)a;
        return OK;
    }
    return ERR_INPUT;
}

bool need_is_met_so_far(struct need need, unsigned proved) {
    if ((proved & need.sufficient) != 0) return true;
    return need.count > 0 && __builtin_popcount(proved & need.of) >= need.count;
}

bool need_is_met(struct need need, unsigned proved) {
    return need_is_met_so_far(need, proved) && (proved & need.also) == need.also;
}

static const struct {
    enum proof proof;
    const char *name;
} proofs[PROOF_COUNT] = {
    { PROOF_PASSWORD, "password" },         { PROOF_CODE, "code" },
    { PROOF_RECOVERY_KEY, "recovery_key" }, { PROOF_PASSKEY, "passkey" },
    { PROOF_EMAIL_CODE, "email_code" },
};

const char *proof_name(enum proof p) {
    for (size_t i = 0; i < PROOF_COUNT; i++)
        if (proofs[i].proof == p) return proofs[i].name;
    return "";
}

enum err proof_parse(struct str name, enum proof *ret_proof) {
    for (size_t i = 0; i < PROOF_COUNT; i++) {
        if (!str_eq(str_from(proofs[i].name), name)) continue;
        *ret_proof = proofs[i].proof;
        return OK;
    }
    return ERR_INPUT;
}

const char *attempt_state_name(enum attempt_state s) {
    switch (s) {
    case ATTEMPT_OPENED: return "opened";
    case ATTEMPT_PROVED:
    case ATTEMPT_COMMITTING: return "proved";
    case ATTEMPT_HELD: return "held";
    case ATTEMPT_DONE: return "done";
    case ATTEMPT_DENIED: return "denied";
    case ATTEMPT_EXPIRED: return "expired";
    case ATTEMPT_FAILED: return "failed";
    }
    return "failed";
}

bool attempt_state_is_final(enum attempt_state s) {
    return s == ATTEMPT_DONE || s == ATTEMPT_DENIED || s == ATTEMPT_EXPIRED || s == ATTEMPT_FAILED;
}

const char *alert_kind_name(enum alert_kind k) {
    switch (k) {
    case ALERT_OPENED: return "opened";
    case ALERT_REFUSED: return "refused";
    case ALERT_HELD: return "held";
    case ALERT_DONE: return "done";
    case ALERT_DENIED: return "denied";
    case ALERT_WRONG_PROOFS: return "wrong_proofs";
    }
    return "refused";
}
