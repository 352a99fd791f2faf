/* Roles of accounts, and the operator's list of accounts. */
#include "identity/identity_priv.h"

const struct store_stmt ROLE_ADD = {
    .name = "role_add",
    .in = "bti",
    .out = "",
    .sql = "INSERT INTO account_role (account_id, role, since_ms) VALUES (?1, ?2, ?3)"
           " ON CONFLICT (account_id, role) DO NOTHING",
};
const struct store_stmt ROLE_REMOVE = {
    .name = "role_remove",
    .in = "bt",
    .out = "",
    .sql = "DELETE FROM account_role WHERE account_id = ?1 AND role = ?2",
};
const struct store_stmt ROLE_GET = {
    .name = "role_get",
    .in = "bt",
    .out = "i",
    .sql = "SELECT since_ms FROM account_role WHERE account_id = ?1 AND role = ?2",
};
const struct store_stmt ACCOUNT_PAGE = {
    .name = "account_page",
    .in = "bi",
    .out = "bttiii",
    .sql = "SELECT account_id, email, name, state, epoch, created_ms FROM account WHERE account_id > ?1"
           " ORDER BY account_id LIMIT ?2",
};

bool role_is_known(struct str role) { return str_eq(role, STR(ROLE_SECURITY)); }

enum err role_set(struct store_tx *tx, const struct role_change *c) {
    int64_t changed = 0;
    enum err r;
    if (c->is_given)
        r = store_exec(tx, &ROLE_ADD, S_IN(S_B(c->account.b), S_S(c->role), S_I(c->now_ms)), &changed);
    else
        r = store_exec(tx, &ROLE_REMOVE, S_IN(S_B(c->account.b), S_S(c->role)), &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_CONFLICT;
}

static enum err on_role(void *ctx, const struct store_val *v) {
    (void)v;
    *(bool *)ctx = true;
    return OK;
}

enum err role_has(struct store_tx *tx, struct account_id account, struct str role, bool *ret_has) {
    bool has = false;
    enum err r = store_each(tx, &ROLE_GET, S_IN(S_B(account.b), S_S(role)), on_role, &has);
    if (r == OK) *ret_has = has;
    return r;
}

struct listing {
    account_row_fn *fn;
    void *ctx;
};

static enum err on_account(void *ctx, const struct store_val *v) {
    const struct listing *l = ctx;
    struct account a = { .email = v[1].s, .name = v[2].s, .epoch = v[4].i, .created_ms = v[5].i };
    if (v[0].s.n != ID_BYTES || v[3].i < ACCOUNT_NORMAL || v[3].i > ACCOUNT_LEAVING_SOON) return ERR_CORRUPT;
    memcpy(a.id.b, v[0].s.p, ID_BYTES);
    a.state = (enum account_state)v[3].i;
    return l->fn(l->ctx, &a);
}

enum err account_page(struct store_tx *tx, struct account_id after, int limit, account_row_fn *fn, void *ctx) {
    struct listing l = { fn, ctx };
    return store_each(tx, &ACCOUNT_PAGE, S_IN(S_B(after.b), S_I(limit)), on_account, &l);
}
