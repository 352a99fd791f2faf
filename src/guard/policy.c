/* What the operator's policy adds to the table. A hold counts only where the policy names one. */
#include "guard/guard_priv.h"

int64_t policy_hold_ms(const struct guard *g, const struct attempt *a) {
    int64_t hold_ms =
        a->is_known ? g->o.config->action[a->action].hold_familiar_ms : g->o.config->action[a->action].hold_ms;
    return hold_ms > 0 ? hold_ms : 0;
}
