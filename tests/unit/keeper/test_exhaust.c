/*
 * Every action × every set of proofs × known device or not × locked or not × each policy, against a table that is
 * written by hand from the contract and reads nothing of core/actions.def: what the keeper commits, and what it leaves
 * alone.
 */
#include "world.h"

#define SETS 32

/* P password, C code, R recovery key, K passkey, E e-mail code: the least that is enough. "P*" only on a known device.
 */
static const struct wanted {
    const char *action;
    const char *enough[5];
    const char *strict[3]; /* where the policy asks for three */
} contract[] = {
    { "sign_up", { "E" }, { "E" } },
    { "sign_in", { "PC", "PR", "CR", "K", "P*" }, { "PCR", "K", "P*" } },
    { "change_password", { "PC", "PR", "CR", "K" }, { "PCR", "K" } },
    { "recover_password", { "CR", "K" }, { "CR", "K" } },
    { "restore", { "PC", "PR", "CR", "K" }, { "PCR", "K" } },
    { "change_email", { "PCE", "PRE", "CRE", "KE" }, { "PCRE", "KE" } },
    { "add_contact", { "PCE", "PRE", "CRE", "KE" }, { "PCRE", "KE" } },
    { "remove_contact", { "PC", "PR", "CR", "K" }, { "PCR", "K" } },
    { "new_recovery_key", { "PC", "K" }, { "PC", "K" } },
    { "add_passkey", { "PC", "PR", "CR", "K" }, { "PCR", "K" } },
    { "remove_passkey", { "PC", "PR", "CR", "K" }, { "PCR", "K" } },
    { "remove_device", { "PC", "PR", "CR", "K" }, { "PCR", "K" } },
    { "purchase", { "K" }, { "K" } },
    { "export_data", { "PC", "PR", "CR", "K" }, { "PCR", "K" } },
    { "delete_account", { "PC", "PR", "CR", "K" }, { "PCR", "K" } },
    { "allow_deletion", { "PC", "PR", "CR", "K" }, { "PCR", "K" } },
    { "backup_deleted", { NULL }, { NULL } }, /* nobody's to do, by whatever proofs */
    { "backup_keys_changed", { NULL }, { NULL } },
    { "backup_overdue", { NULL }, { NULL } },
    { "backup_damaged", { NULL }, { NULL } },
};

struct circumstances {
    bool is_known, is_locked, is_strict;
};

static unsigned set_of(const char *letters) {
    static const char order[] = "PCRKE"; /* as enum proof counts */
    unsigned set = 0;
    for (; *letters && *letters != '*'; letters++) set |= 1U << (strchr(order, *letters) - order);
    return set;
}

static bool is_enough(const struct wanted *want, unsigned set, const struct circumstances *at) {
    const char *const *ways = at->is_strict ? want->strict : want->enough;
    size_t n = at->is_strict ? ARRAY_LEN(want->strict) : ARRAY_LEN(want->enough);
    if (at->is_locked) set &= ~set_of("P"); /* the password no longer counts */
    for (size_t i = 0; i < n && ways[i]; i++) {
        bool is_for_known = strchr(ways[i], '*') != NULL;
        if ((!is_for_known || at->is_known) && (set & set_of(ways[i])) == set_of(ways[i])) return true;
    }
    return false;
}

struct cast {
    struct account_id account;
    struct device_id laptop, phone; /* both known */
    struct passkey_id passkey;
    int64_t effects; /* what stood in the database when all was ready */
};

static void admit(struct world *w, const struct cast *c, struct device_id device) {
    struct keeper_request q = { .ask = KEEPER_COMMIT, .account = c->account, .action = ACTION_SIGN_IN, .by = device };
    id_new(q.attempt.b);
    world_forge(w, &q, SETS - 1, c->passkey);
    assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
}

/* From here on nothing may change but by an attempt that was proved. */
static void settle(struct world *w, struct cast *c, bool is_locked) {
    if (is_locked)
        assert_int_equal(world_ask(w, &(struct keeper_request){ .ask = KEEPER_LOCK_DOWN, .account = c->account }),
                         KEEPER_RIGHT);
    c->effects = world_number(w, &ALL_EFFECTS);
}

static struct cast cast_new(struct world *w, bool is_locked) {
    struct cast c;
    c.account = enroll(w, &c.laptop, NULL);
    id_new(c.phone.b);
    c.passkey = world_forge_passkey(w, c.account);
    admit(w, &c, c.phone);
    settle(w, &c, is_locked);
    return c;
}

static struct keeper_request commit_of(const struct cast *c, enum action action, bool is_known) {
    struct keeper_request q = { .ask = KEEPER_COMMIT,
                                .account = c->account,
                                .action = action,
                                .device = is_known ? c->laptop : DEVICE_NONE,
                                .by = is_known ? c->laptop : DEVICE_NONE };
    id_new(q.attempt.b);
    if (action == ACTION_SIGN_UP) id_new(q.account.b);
    if (action == ACTION_REMOVE_DEVICE) memcpy(q.subject.b, c->phone.b, ID_BYTES);
    if (action == ACTION_REMOVE_PASSKEY) memcpy(q.subject.b, c->passkey.b, ID_BYTES);
    if (action == ACTION_SIGN_UP || action == ACTION_CHANGE_PASSWORD || action == ACTION_RECOVER_PASSWORD)
        q.secret = STR(OTHER_PASSWORD);
    if (action == ACTION_PURCHASE) {
        q.secret = STR("{\"amount\":\"1.00\"}");
        crypto_sha256(q.secret, q.subject.b);
    }
    if (!is_known && (action == ACTION_SIGN_IN || action == ACTION_SIGN_UP)) id_new(q.by.b);
    return q;
}

/* One set: what is enough is applied, and anything else changes nothing at all. */
static bool try_set(struct world *w, const struct cast *c, const struct circumstances *at, const struct wanted *want,
                    unsigned set) {
    enum action action;
    assert_int_equal(action_parse(str_from(want->action), &action), OK);
    struct keeper_request q = commit_of(c, action, at->is_known);
    world_forge(w, &q, set, c->passkey);
    enum keeper_say say = world_ask(w, &q);
    bool is_applied = say == KEEPER_RIGHT;
    if (action == ACTION_ADD_PASSKEY && say == KEEPER_WEAK) is_applied = true; /* proved; no credential came with it */
    if (is_applied != is_enough(want, set, at) || (!is_applied && say != KEEPER_NOT_PROVED))
        fail_msg("%s with set %u (known %d, locked %d, strict %d) was answered %d", want->action, set, at->is_known,
                 at->is_locked, at->is_strict, say);
    if (say != KEEPER_RIGHT) assert_int_equal(world_number(w, &ALL_EFFECTS), c->effects);
    return say == KEEPER_RIGHT;
}

static void every_set_of_every_action(void **state) {
    struct world *w = *state;
    assert_int_equal(ARRAY_LEN(contract), ACTION_COUNT);
    for (unsigned i = 0; i < 8; i++) {
        const struct circumstances at = { i & 1, i & 2, i & 4 };
        for (int a = 0; a < ACTION_COUNT; a++) w->config.action[a].proofs = at.is_strict ? 3 : -1;
        struct cast c = cast_new(w, at.is_locked);
        for (size_t a = 0; a < ARRAY_LEN(contract); a++)
            for (unsigned set = 0; set < SETS; set++) {
                if (!try_set(w, &c, &at, &contract[a], set)) continue;
                if (strncmp(contract[a].action, "remove_", 7) == 0)
                    c = cast_new(w, false); /* phone or passkey is gone */
                settle(w, &c, at.is_locked);
            }
    }
}

/* A proof that was seen before its credential was replaced, or its passkey removed, is none. */
static void what_was_replaced_counts_no_more(void **state) {
    struct world *w = *state;
    for (unsigned set = 0; set < SETS; set++) {
        struct cast c = cast_new(w, false);
        struct keeper_request q = commit_of(&c, ACTION_EXPORT_DATA, false);
        struct keeper_request change = commit_of(&c, ACTION_CHANGE_PASSWORD, true);
        struct keeper_request key = commit_of(&c, ACTION_NEW_RECOVERY_KEY, true);
        struct keeper_request removal = commit_of(&c, ACTION_REMOVE_PASSKEY, true);
        world_forge(w, &q, set, c.passkey);
        world_forge(w, &change, set_of("K"), c.passkey);
        world_forge(w, &key, set_of("K"), c.passkey);
        world_forge(w, &removal, set_of("K"), c.passkey);
        assert_int_equal(world_ask(w, &change), KEEPER_RIGHT);
        assert_int_equal(world_ask(w, &key), KEEPER_RIGHT);
        assert_int_equal(world_ask(w, &removal), KEEPER_RIGHT);
        assert_int_equal(world_ask(w, &q), KEEPER_NOT_PROVED);
        assert_int_equal(w->reply.proved, set & set_of("CE"));
    }
}

/* What no message was ever about can't be committed, nor what has ended, nor one attempt's proofs under another name.
 */
static void proofs_stay_with_their_attempt(void **state) {
    struct world *w = *state;
    struct cast c = cast_new(w, false), other = cast_new(w, false);
    for (int a = 0; a < ACTION_COUNT; a++) {
        struct keeper_request right = commit_of(&c, (enum action)a, false), q = right;
        assert_int_equal(world_ask(w, &right), KEEPER_NOT_PROVED);
        world_forge(w, &right, SETS - 1, c.passkey);
        id_new(q.attempt.b);
        assert_int_equal(world_ask(w, &q), KEEPER_NOT_PROVED);
        q = right;
        q.account = other.account;
        assert_int_equal(world_ask(w, &q), KEEPER_NOT_PROVED);
        q = right;
        q.device = c.phone;
        assert_int_equal(world_ask(w, &q), KEEPER_REFUSED);
        q = right;
        q.subject.b[31] ^= 1;
        assert_int_equal(world_ask(w, &q), KEEPER_REFUSED);
        q = right;
        q.action = (enum action)((a + 1) % ACTION_COUNT);
        assert_int_equal(world_ask(w, &q), KEEPER_REFUSED);
        q = right;
        q.ask = KEEPER_END;
        assert_int_equal(world_ask(w, &q), KEEPER_RIGHT);
        assert_int_equal(world_ask(w, &right), KEEPER_REFUSED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { WORLD_TEST(every_set_of_every_action),
                                        WORLD_TEST(what_was_replaced_counts_no_more),
                                        WORLD_TEST(proofs_stay_with_their_attempt) };
    return run_on_both("every set of proofs", tests, ARRAY_LEN(tests));
}
