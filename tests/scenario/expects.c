/* What a scenario looks for: the last answer, rows of both sides, and what nobody was told yet. */
#include "runner.h"

/* ---- alerts ---- */

struct alert_query {
    const struct person *p;
    alert_fn *fn;
    void *ctx;
    struct arena *arena;
};

static enum err read_alerts(struct store_tx *tx, void *ctx) {
    struct alert_query *q = ctx;
    return alert_each(tx, &(struct alert_page){ q->p->account, NULL, 100, q->arena }, q->fn, q->ctx);
}

static void each_alert(struct scene *s, const struct person *p, alert_fn *fn, void *ctx) {
    struct arena *arena = arena_new(4 * 1024 * 1024);
    struct alert_query q = { p, fn, ctx, arena };
    enum err r = store_read(s->house.store, read_alerts, &q);
    arena_free(arena);
    if (r != OK) scene_fail(s, "alerts: %s", err_name(r));
}

struct wanted {
    struct scene *s;
    enum action action;
    enum alert_kind kind;
    bool is_new_only, is_any, is_found;
    struct alert alert; /* its texts are gone; ids and numbers stay */
};

static int64_t *seen_count(struct scene *s, struct alert_id id) {
    for (size_t i = 0; i < s->alert_n; i++)
        if (id_eq(s->alerts[i].id.b, id.b)) return &s->alerts[i].count;
    if (s->alert_n == SEEN_MAX) scene_fail(s, "too many alerts");
    s->alerts[s->alert_n] = (struct seen_alert){ .id = id };
    return &s->alerts[s->alert_n++].count;
}

static enum err on_alert(void *ctx, const struct alert *a) {
    struct wanted *w = ctx;
    bool is_right = w->is_any || (a->action == w->action && a->kind == w->kind);
    if (w->is_found || !is_right) return OK;
    if (w->is_new_only && a->count <= *seen_count(w->s, a->id)) return OK;
    w->is_found = true;
    w->alert = *a;
    return OK;
}

bool alert_find(struct scene *s, const struct person *p, enum action action, enum alert_kind kind, struct alert *ret) {
    struct wanted w = { .s = s, .action = action, .kind = kind };
    each_alert(s, p, on_alert, &w);
    *ret = w.alert;
    return w.is_found;
}

static int64_t number_after(struct scene *s, const char *key, int64_t otherwise) {
    const char *word = word_after(s, key);
    int64_t n = otherwise;
    if (word && str_to_i64(str_from(word), 1000000, &n) != OK) scene_fail(s, "\"%s\" is no number", word);
    return n;
}

/* expect alert ACTION KIND of PERSON [count N] */
static void expect_alert(struct scene *s) {
    struct wanted w = {
        .s = s, .action = action_named(s, word_at(s, 2)), .kind = kind_named(s, word_at(s, 3)), .is_new_only = true
    };
    each_alert(s, person_named(s, word_after(s, "of") ? word_after(s, "of") : ""), on_alert, &w);
    if (!w.is_found) scene_fail(s, "there was no new alert");
    int64_t count = number_after(s, "count", w.alert.count);
    if (count != w.alert.count) scene_fail(s, "the alert counts %lld", (long long)w.alert.count);
    *seen_count(s, w.alert.id) = w.alert.count;
}

static void expect_no_alert(struct scene *s) {
    struct wanted w = { .s = s, .is_any = true, .is_new_only = true };
    each_alert(s, person_named(s, word_after(s, "of") ? word_after(s, "of") : ""), on_alert, &w);
    if (w.is_found)
        scene_fail(s, "there was an alert: %s %s", action_rules[w.alert.action].name, alert_kind_name(w.alert.kind));
}

/* ---- outbox ---- */

struct outbox_query {
    struct scene *s;
    row_is *is;
    const void *ctx;
    bool is_found;
    struct row_id row;
    uint8_t sealed[KEEPER_SEALED_BYTES_MAX];
    size_t sealed_n;
};

static enum err on_row(void *ctx, const struct store_val *v) {
    struct outbox_query *q = ctx;
    if (!q->is(q->s, v, q->ctx)) return OK;
    q->is_found = true; /* the last one is the newest */
    memcpy(q->row.b, v[0].s.p, ID_BYTES);
    q->sealed_n = v[6].s.n;
    if (q->sealed_n > 0) memcpy(q->sealed, v[6].s.p, q->sealed_n);
    return OK;
}

static enum err read_outbox(struct store_tx *tx, void *ctx) { return store_each(tx, &OUTBOX_ROWS, NULL, on_row, ctx); }

bool outbox_find(struct scene *s, row_is *is, const void *ctx, char ret_digits[9], struct row_id *ret_row) {
    struct outbox_query q = { .s = s, .is = is, .ctx = ctx };
    enum err r = store_read(s->house.store, read_outbox, &q);
    if (r != OK) scene_fail(s, "outbox: %s", err_name(r));
    if (!q.is_found) return false;
    if (ret_row) *ret_row = q.row;
    if (!ret_digits) return true;
    memset(ret_digits, 0, 9);
    if (q.sealed_n < BOX_OVERHEAD_BYTES || q.sealed_n > BOX_OVERHEAD_BYTES + 8 ||
        crypto_unseal(str_bytes(q.sealed, q.sealed_n), s->house.kept.box_public, s->house.kept.box_secret,
                      (uint8_t *)ret_digits) != OK)
        scene_fail(s, "the digits can't be opened");
    return true;
}

struct wanted_row {
    enum outbox_channel channel;
    const char *to, *title; /* NULL: any */
};

static bool has_text(struct str in, const char *text) { return memmem(in.p, in.n, text, strlen(text)) != NULL; }

static bool is_wanted_row(struct scene *s, const struct store_val *v, const void *ctx) {
    const struct wanted_row *w = ctx;
    if (v[1].i != (int64_t)w->channel) return false;
    for (size_t i = 0; i < s->row_n; i++)
        if (memcmp(s->rows[i].b, v[0].s.p, ID_BYTES) == 0) return false;
    return has_text(v[3].s, w->to) && (!w->title || has_text(v[4].s, w->title) || has_text(v[5].s, w->title));
}

static void expect_row(struct scene *s, enum outbox_channel channel, size_t at, bool is_wanted) {
    struct wanted_row w = { .channel = channel, .to = word_after(s, "to") ? word_after(s, "to") : "" };
    struct row_id row;
    w.title = at < s->word_n && strcmp(s->word[at], "to") != 0 ? s->word[at] : NULL;
    bool is_found = outbox_find(s, is_wanted_row, &w, NULL, &row);
    if (is_found != is_wanted) scene_fail(s, is_found ? "there was something in the outbox" : "nothing in the outbox");
    if (!is_found) return;
    if (s->row_n == SEEN_MAX) scene_fail(s, "too many rows");
    s->rows[s->row_n++] = row;
}

static enum err note_row(void *ctx, const struct store_val *v) {
    struct scene *s = ctx;
    if (s->row_n == SEEN_MAX) return ERR_TOO_LARGE;
    memcpy(s->rows[s->row_n++].b, v[0].s.p, ID_BYTES);
    return OK;
}

static enum err note_rows(struct store_tx *tx, void *ctx) { return store_each(tx, &OUTBOX_ROWS, NULL, note_row, ctx); }

void outbox_read_all(struct scene *s) {
    s->row_n = 0;
    enum err r = store_read(s->house.store, note_rows, s);
    if (r != OK) scene_fail(s, "outbox: %s", err_name(r));
}

/* expect mail "part of the title or text" to PERSON; the letters of codes have no title */
static void expect_mail(struct scene *s) { expect_row(s, OUTBOX_EMAIL, 2, true); }
static void expect_push(struct scene *s) { expect_row(s, OUTBOX_PUSH, 2, true); }

static void expect_no(struct scene *s) {
    if (word_is(s, 2, "alert"))
        expect_no_alert(s);
    else if (word_is(s, 2, "mail"))
        expect_row(s, OUTBOX_EMAIL, 3, false);
    else if (word_is(s, 2, "push"))
        expect_row(s, OUTBOX_PUSH, 3, false);
    else
        scene_fail(s, "no what?");
}

/* ---- states ---- */

static void expect_state(struct scene *s) {
    static const char *const names[] = { "none", "opened", "proved",  "held",  "committing",
                                         "done", "denied", "expired", "failed" };
    if (!s->now) scene_fail(s, "no attempt was opened yet");
    int64_t state = house_number(&s->house, &ATTEMPT_STATE, S_IN(S_B(s->now->account.b), S_B(s->now->id.b)));
    const char *name = state > 0 && (size_t)state < ARRAY_LEN(names) ? names[state] : "none";
    if (strcmp(name, word_at(s, 2)) != 0) scene_fail(s, "the attempt is %s", name);
}

/* As the last answer showed it. */
static void expect_proved(struct scene *s) {
    unsigned want = 0;
    for (size_t i = 2; i < s->word_n; i++) {
        enum proof p;
        if (proof_parse(str_from(s->word[i]), &p) != OK) scene_fail(s, "no such proof");
        want |= p;
    }
    if (s->last.attempt.proved != want) scene_fail(s, "proved is %u", s->last.attempt.proved);
}

static void expect_needs(struct scene *s) {
    if (s->last.attempt.need.count != number_after(s, "needs", -1))
        scene_fail(s, "it needs %d", s->last.attempt.need.count);
}

struct account_query {
    const struct person *p;
    const struct client *c;
    struct arena *arena;
    struct account acc;
    struct device device;
    bool is_alive;
};

static enum err read_account(struct store_tx *tx, void *ctx) {
    struct account_query *q = ctx;
    return account_get(tx, q->p->account, q->arena, &q->acc);
}

static void expect_account(struct scene *s) {
    struct arena *arena = arena_new(64 * 1024);
    struct account_query q = { .p = person_named(s, word_at(s, 2)), .arena = arena };
    enum err r = store_read(s->house.store, read_account, &q);
    enum account_state state = q.acc.state;
    arena_free(arena);
    if (r != OK) scene_fail(s, "account: %s", err_name(r));
    const char *const names[] = { "", "normal", "locked", "leaving" };
    if (strcmp(names[state], word_at(s, 3)) != 0) scene_fail(s, "the account is %s", names[state]);
}

static enum err on_session(void *ctx, const struct session *session, const struct device *d) {
    struct account_query *q = ctx;
    (void)d;
    q->is_alive |= id_eq(session->id.b, q->c->session.id.b);
    return OK;
}

static enum err read_session(struct store_tx *tx, void *ctx) {
    struct account_query *q = ctx;
    q->is_alive = false;
    return session_each(tx, &(struct session_span){ q->c->session.account, clock_wall_ms(), q->arena, 0 }, on_session,
                        q);
}

/* expect session CLIENT alive|ended */
static void expect_session(struct scene *s) {
    struct arena *arena = arena_new(64 * 1024);
    struct account_query q = { .c = client_named(s, word_at(s, 2)), .arena = arena };
    enum err r = store_read(s->house.store, read_session, &q);
    arena_free(arena);
    if (r != OK) scene_fail(s, "sessions: %s", err_name(r));
    if (q.is_alive != word_is(s, 3, "alive")) scene_fail(s, "the session is %s", q.is_alive ? "alive" : "ended");
}

static enum err read_device(struct store_tx *tx, void *ctx) {
    struct account_query *q = ctx;
    return device_get(tx, q->c->session.account, q->c->device, q->arena, &q->device);
}

/* expect device CLIENT trusted|revoked */
static void expect_device(struct scene *s) {
    struct arena *arena = arena_new(64 * 1024);
    struct account_query q = { .c = client_named(s, word_at(s, 2)), .arena = arena };
    enum err r = store_read(s->house.store, read_device, &q);
    bool is_trusted = q.device.revoked_ms == 0 && q.device.trusted_ms != 0;
    arena_free(arena);
    if (r != OK) scene_fail(s, "device: %s", err_name(r));
    if (is_trusted != word_is(s, 3, "trusted")) scene_fail(s, "the device is %s", is_trusted ? "trusted" : "not");
}

/* expect history EVENT of PERSON count N */
static void expect_history(struct scene *s) {
    static const char *const names[] = {
#define EVENT(caps, name) name,
#include "core/events.def"
#undef EVENT
    };
    const struct person *p = person_named(s, word_after(s, "of") ? word_after(s, "of") : "");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], word_at(s, 2)) != 0) continue;
        int64_t n = house_number(&s->house, &HISTORY_COUNT, S_IN(S_B(p->account.b), S_I(i)));
        int64_t want = number_after(s, "count", -1);
        if (want < 0 ? n < 1 : n != want) scene_fail(s, "it stands there %lld times", (long long)n);
        return;
    }
    scene_fail(s, "there is no event \"%s\"", word_at(s, 2));
}

static void expect_cases(struct scene *s) {
    const struct person *p = person_named(s, word_after(s, "of") ? word_after(s, "of") : "");
    int64_t n = house_number(&s->house, &CASE_COUNT, S_IN(S_B(p->account.b)));
    if (n != number_after(s, "cases", -1)) scene_fail(s, "there are %lld cases", (long long)n);
}

static void expect_result(struct scene *s) {
    const struct guard_result *res = &s->last.result;
    bool has_key = res->recovery_key[0] != 0;
    const char *is = res->has_session ? (has_key ? "session+key" : "session") : has_key ? "key" : "nothing";
    if (strcmp(is, word_at(s, 2)) != 0) scene_fail(s, "the result is %s", is);
}

struct contact_query {
    const struct person *p;
    const char *email;
    struct arena *arena;
    struct account acc;
    bool is_live, is_told;
};

static enum err on_contact(void *ctx, const struct contact *c) {
    struct contact_query *q = ctx;
    if (!str_eq(c->email, str_from(q->email))) return OK;
    q->is_told = true;
    q->is_live |= c->removed_ms == 0;
    return OK;
}

static enum err find_contact(struct store_tx *tx, void *ctx) {
    struct contact_query *q = ctx;
    enum err r = contact_each(tx, q->p->account, clock_wall_ms(), on_contact, q);
    return r == OK ? account_get(tx, q->p->account, q->arena, &q->acc) : r;
}

/* contact PERSON ADDRESS live|told|none|own */
static void expect_contact(struct scene *s) {
    struct contact_query q = { .p = person_named(s, word_at(s, 2)), .email = word_at(s, 3), .arena = s->arena };
    const char *want = word_at(s, 4), *is = "none";
    if (store_read(s->house.store, find_contact, &q) != OK) scene_fail(s, "the contacts can't be read");
    if (q.is_told) is = "told";
    if (q.is_live) is = "live";
    if (strcmp(want, "own") == 0 && q.is_live && str_eq(q.acc.email, str_from(q.email))) is = "own";
    if (strcmp(is, want) != 0) scene_fail(s, "%s is %s", q.email, is);
}

/* gone PERSON: nothing of the account is left */
static void expect_gone(struct scene *s) {
    struct contact_query q = { .p = person_named(s, word_at(s, 2)), .email = "", .arena = s->arena };
    if (store_read(s->house.store, find_contact, &q) != ERR_NOT_FOUND) scene_fail(s, "the account is there");
}

static void expect_known(struct scene *s) {
    if (s->last.attempt.is_known_device != word_is(s, 2, "device")) scene_fail(s, "the device is the other thing");
}

void expect(struct scene *s) {
    static const struct {
        const char *what;
        void (*fn)(struct scene *s);
    } expects[] = {
        { "alert", expect_alert },   { "no", expect_no },           { "mail", expect_mail },
        { "push", expect_push },     { "state", expect_state },     { "proved", expect_proved },
        { "needs", expect_needs },   { "account", expect_account }, { "session", expect_session },
        { "device", expect_device }, { "history", expect_history }, { "cases", expect_cases },
        { "result", expect_result }, { "known", expect_known },     { "contact", expect_contact },
        { "gone", expect_gone },
    };
    const char *what = word_at(s, 1);
    for (size_t i = 0; i < ARRAY_LEN(expects); i++) {
        if (strcmp(expects[i].what, what) != 0) continue;
        expects[i].fn(s);
        return;
    }
    for (int say = 0; say <= GUARD_BROKEN; say++) {
        if (strcmp(say_name((enum guard_say)say), what) != 0) continue;
        if (s->last.say != (enum guard_say)say) scene_fail(s, "not %s", what);
        return;
    }
    scene_fail(s, "expect what? \"%s\"", what);
}
