/* What is familiar, and how long the rest waits. */
#include "guard/guard_priv.h"

int64_t policy_hold_ms(const struct guard *g, const struct attempt *a) {
    return config_hold_ms(g->o.config, a->action, a->is_familiar);
}

/* Without a file that tells countries, any place is as good as another. */
static enum err is_place_familiar(struct store_tx *tx, const struct guard *g, const struct whereabouts *x, bool *ret) {
    int64_t since_ms = 0;
    enum err r;
    *ret = !g->o.config->place_database[0];
    if (*ret) return OK;
    r = place_since(tx, x->account, x->country, &since_ms);
    if (r == ERR_NOT_FOUND) return OK;
    if (r == OK) *ret = since_ms == 0 || x->now_ms - since_ms >= g->o.config->policy_familiar_after;
    return r;
}

enum err policy_is_familiar(struct store_tx *tx, const struct guard *g, const struct whereabouts *x,
                            struct arena *arena, bool *ret_is_familiar) {
    struct device d;
    enum err r;
    *ret_is_familiar = false;
    if (id_is_zero(x->device.b)) return OK;
    r = device_get(tx, x->account, x->device, arena, &d);
    if (r == ERR_NOT_FOUND) return OK;
    if (r != OK) return r;
    if (d.trusted_ms == 0 || d.revoked_ms != 0) return OK;
    if (!d.is_first && x->now_ms - d.trusted_ms < g->o.config->policy_familiar_after) return OK;
    return is_place_familiar(tx, g, x, ret_is_familiar);
}
