/* What people and thieves do in a scenario. */
#include <unistd.h>

#include "runner.h"

/* ---- calls ---- */

static bool is_session_alive(struct scene *s, const struct client *c);

static struct guard_caller caller_of(struct scene *s, struct client *c, const struct try *t) {
    struct guard_caller caller = { .from = c->from };
    caller.has_session = c->has_session && is_session_alive(s, c);
    caller.session = c->session;
    caller.is_trusted = caller.has_session;
    caller.attempt_token = t ? str_from(t->token) : STR_NONE;
    caller.device_token = c->has_device ? str_from(c->token) : STR_NONE;
    return caller;
}

static void call(struct scene *s, struct guard_call *call, const struct guard_caller *caller, enum house_fate fate) {
    arena_reset(s->arena);
    call->arena = s->arena;
    call->caller = caller;
    house_run(&s->house, call, fate);
    s->last = call->answer;
}

static struct try *try_now(struct scene *s) {
    if (!s->now) scene_fail(s, "no attempt was opened yet");
    return s->now;
}

/* Of the current attempt, by its token from the device that opened it. */
static void call_by_token(struct scene *s, struct guard_call *c, enum house_fate fate) {
    const struct try *t = try_now(s);
    struct guard_caller caller = caller_of(s, t->client, t);
    caller.has_session = false;
    c->attempt = t->id;
    call(s, c, &caller, fate);
}

/* Of the current attempt, by a device's session; "with token" shows the attempt's token beside it. */
static void call_by_session(struct scene *s, struct guard_call *c) {
    const struct try *t = try_now(s);
    struct client *by = client_named(s, word_after(s, "by") ? word_after(s, "by") : t->client->name);
    bool has_token = word_after(s, "with") != NULL;
    const struct guard_caller caller = caller_of(s, by, has_token ? t : NULL);
    c->attempt = t->id;
    call(s, c, &caller, HOUSE_LIVES);
}

struct session_query {
    const struct client *c;
    struct session_span span;
    bool is_found;
};

static enum err on_session(void *ctx, const struct session *session, const struct device *d) {
    struct session_query *q = ctx;
    (void)d;
    q->is_found |= id_eq(session->id.b, q->c->session.id.b);
    return OK;
}

static enum err find_session(struct store_tx *tx, void *ctx) {
    struct session_query *q = ctx;
    return session_each(tx, &q->span, on_session, q);
}

static bool is_session_alive(struct scene *s, const struct client *c) {
    struct arena *arena = arena_new(256 * 1024);
    struct session_query q = { c, { c->session.account, clock_wall_ms(), arena }, false };
    enum err r = store_read(s->house.store, find_session, &q);
    arena_free(arena);
    if (r != OK) scene_fail(s, "sessions: %s", err_name(r));
    return q.is_found;
}

/* ---- who is there ---- */

static void act_person(struct scene *s) {
    struct person *p = &s->people[s->person_n++];
    const char *name = word_at(s, 1);
    if (s->person_n > PEOPLE_MAX) scene_fail(s, "too many people");
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->email, sizeof p->email, "%s@example.org", name);
    snprintf(p->password, sizeof p->password, "%s has a long first password", name);
}

static void act_device(struct scene *s) {
    struct client *c = &s->clients[s->client_n++];
    const char *ip = word_after(s, "from");
    if (s->client_n > DEVICES_MAX) scene_fail(s, "too many devices");
    snprintf(c->name, sizeof c->name, "%s", word_at(s, 1));
    origin_make(NULL, str_from(ip ? ip : "192.0.2.1"),
                STR("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"), &c->from);
    if (word_after(s, "in")) snprintf(c->from.country, sizeof c->from.country, "%s", word_after(s, "in"));
}

/* From here on countries are told apart: as with an mmdb file, which these devices need not be looked up in. */
static void act_places(struct scene *s) {
    snprintf(s->house.kept.config.place_database, sizeof s->house.kept.config.place_database, "countries.mmdb");
}

/* A thief's copy of what a browser keeps. */
static void act_copy(struct scene *s) {
    const struct client *from = client_named(s, word_at(s, 1));
    struct client *to = client_named(s, word_after(s, "to") ? word_after(s, "to") : "");
    memcpy(to->token, from->token, sizeof to->token);
    to->session = from->session;
    to->device = from->device;
    to->has_session = from->has_session;
    to->has_device = from->has_device;
}

static void act_forget(struct scene *s) {
    struct client *c = client_named(s, word_at(s, 1));
    c->has_session = c->has_device = false;
}

struct subscribing {
    struct account_id account;
    struct push_subscription p;
};

static enum err subscribe(struct store_tx *tx, void *ctx) {
    const struct subscribing *x = ctx;
    return push_add(tx, x->account, &x->p);
}

static void act_push(struct scene *s) {
    const struct client *c = client_named(s, word_at(s, 1));
    char endpoint[80];
    struct subscribing x = { .account = c->session.account };
    snprintf(endpoint, sizeof endpoint, "https://push.example/%s", c->name);
    id_new(x.p.id.b);
    x.p.device = c->device;
    x.p.endpoint = str_from(endpoint);
    x.p.added_ms = clock_wall_ms();
    if (!c->has_session || store_write(s->house.store, subscribe, &x) != OK) scene_fail(s, "push was not added");
}

/* ---- attempts ---- */

/* about ADDRESS, or about DEVICE */
static void set_about(struct scene *s, struct guard_call *g) {
    const char *about = word_after(s, "about");
    if (!about) return;
    if (strchr(about, '@'))
        g->email = str_from(about);
    else
        memcpy(g->target, client_named(s, about)->device.b, ID_BYTES);
}

static void act_attempt(struct scene *s) {
    struct client *c = client_named(s, word_after(s, "by") ? word_after(s, "by") : "");
    struct person *p = person_named(s, word_after(s, "for") ? word_after(s, "for") : "");
    struct try *t = &s->tries[s->try_n];
    struct guard_call g = { .verb = GUARD_OPEN, .action = action_named(s, word_at(s, 1)), .email = str_from(p->email) };
    const struct guard_caller caller = caller_of(s, c, NULL);
    if (s->try_n == TRIES_MAX) scene_fail(s, "too many attempts");
    set_about(s, &g);
    call(s, &g, &caller, HOUSE_LIVES);
    if (g.answer.say != GUARD_OK) return;
    *t = (struct try){
        .id = g.answer.attempt.id, .account = g.answer.attempt.account, .action = g.action, .person = p, .client = c
    };
    snprintf(t->name, sizeof t->name, "%s", word_after(s, "as") ? word_after(s, "as") : word_at(s, 1));
    memcpy(t->token, g.answer.attempt_token, sizeof t->token);
    s->try_n++;
    s->now = t;
}

/* Many at once, as a flood does. */
static void act_flood(struct scene *s) {
    int64_t n;
    if (str_to_i64(str_from(word_at(s, 2)), 1000, &n) != OK) scene_fail(s, "how many?");
    for (int64_t i = 0; i < n; i++) {
        act_attempt(s);
        fake_clock_add(1);
    }
}

static void act_with(struct scene *s) {
    for (size_t i = s->try_n; i > 0; i--) {
        if (strcmp(s->tries[i - 1].name, word_at(s, 1)) != 0) continue;
        s->now = &s->tries[i - 1];
        return;
    }
    scene_fail(s, "no attempt is called \"%s\"", word_at(s, 1));
}

/* ---- proofs ---- */

struct letter {
    enum outbox_letter letter;
    const char *to;
};

static bool is_letter(struct scene *s, const struct store_val *v, const void *ctx) {
    const struct letter *want = ctx;
    (void)s;
    return v[2].i == (int64_t)want->letter && (!want->to || str_eq(v[3].s, str_from(want->to)));
}

/* The digits as they were mailed or pushed, or as a page showed them. */
static void read_digits(struct scene *s, struct try *t, enum proof proof) {
    struct letter want = { proof == PROOF_EMAIL_CODE ? LETTER_EMAIL_CODE : LETTER_CODE,
                           proof == PROOF_EMAIL_CODE && t->action == ACTION_SIGN_UP ? t->person->email : NULL };
    if (t->digits[0] && proof == PROOF_CODE) return;
    if (!outbox_find(s, is_letter, &want, t->digits, NULL)) scene_fail(s, "no digits were sent");
}

static void secret_for(struct scene *s, struct try *t, enum proof proof, char out[100]) {
    const char *how = s->word_n > 2 ? word_at(s, 2) : "right";
    bool is_right = strcmp(how, "right") == 0, is_wrong = strcmp(how, "wrong") == 0;
    bool is_code = proof == PROOF_CODE || proof == PROOF_EMAIL_CODE;
    out[0] = 0;
    if (!is_right && !is_wrong) { /* of recovery keys also "first": that of the sign-up */
        snprintf(out, 100, "%s", strcmp(how, "first") == 0 ? t->person->first_key : how);
        return;
    }
    if (is_code && (is_right || t->digits[0] || proof == PROOF_EMAIL_CODE)) read_digits(s, t, proof);
    if (proof == PROOF_PASSWORD) snprintf(out, 100, "%s%s", t->person->password, is_right ? "" : "!");
    if (proof == PROOF_RECOVERY_KEY)
        snprintf(out, 100, "%s", is_right ? t->person->recovery_key : "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG");
    if (!is_code) return;
    snprintf(out, 100, "%s", t->digits[0] ? t->digits : "0000");
    if (is_wrong) out[0] = out[0] == '9' ? '0' : (char)(out[0] + 1);
}

static enum house_fate fate_of(struct scene *s, size_t at) {
    static const struct {
        const char *words;
        enum house_fate fate;
    } fates[] = { { "front-crashes", HOUSE_FRONT_CRASHES },
                  { "keeper-crashes", HOUSE_KEEPER_CRASHES },
                  { "ask-is-lost", HOUSE_ASK_IS_LOST },
                  { "write-is-lost", HOUSE_WRITE_IS_LOST } };
    for (size_t w = at; w < s->word_n; w++)
        for (size_t i = 0; i < ARRAY_LEN(fates); i++)
            if (word_is(s, w, fates[i].words)) return fates[i].fate;
    return HOUSE_LIVES;
}

static void act_prove(struct scene *s) {
    struct guard_call g = { .verb = GUARD_PROVE };
    char secret[100];
    if (proof_parse(str_from(word_at(s, 1)), &g.proof) != OK) scene_fail(s, "no such proof");
    secret_for(s, try_now(s), g.proof, secret);
    g.secret = str_from(secret);
    call_by_token(s, &g, fate_of(s, 3));
}

static void act_code(struct scene *s) {
    struct guard_call g = { .verb = GUARD_CODE_THERE };
    struct try *t = try_now(s);
    if (word_is(s, 1, "here")) g.verb = GUARD_CODE_HERE;
    if (word_is(s, 1, "show")) g.verb = GUARD_CODE_SHOW;
    if (g.verb == GUARD_CODE_SHOW)
        call_by_session(s, &g);
    else
        call_by_token(s, &g, HOUSE_LIVES);
    if (g.verb == GUARD_CODE_THERE) t->digits[0] = 0;
    if (g.answer.digits[0]) memcpy(t->digits, g.answer.digits, sizeof t->digits);
}

static void act_approve(struct scene *s) {
    struct guard_call g = { .verb = GUARD_APPROVE };
    char digits[9];
    memcpy(digits, try_now(s)->digits, sizeof digits);
    if (word_is(s, 1, "wrong")) digits[0] = digits[0] == '9' ? '0' : (char)(digits[0] + 1);
    g.secret = str_from(digits);
    call_by_session(s, &g);
}

static void act_deny(struct scene *s) {
    struct guard_call g = { .verb = GUARD_DENY };
    call_by_session(s, &g);
}

/* ---- commit ---- */

static void absorb(struct try *t, const struct guard_result *res, const char *password) {
    struct client *c = t->client;
    if (password && password != t->person->password)
        snprintf(t->person->password, sizeof t->person->password, "%s", password);
    if (res->recovery_key[0]) memcpy(t->person->recovery_key, res->recovery_key, sizeof t->person->recovery_key);
    if (res->has_account) {
        memcpy(t->person->first_key, res->recovery_key, sizeof t->person->first_key);
        t->person->account = res->session.account;
        t->person->has_account = true;
    }
    if (res->has_session) c->session = res->session;
    if (res->has_device) {
        memcpy(c->token, res->device_token, sizeof c->token);
        c->device = res->device;
    }
    c->has_session |= res->has_session;
    c->has_device |= res->has_device;
}

static void act_show(struct scene *s) {
    struct guard_call g = { .verb = GUARD_SHOW };
    if (word_after(s, "by"))
        call_by_session(s, &g);
    else
        call_by_token(s, &g, HOUSE_LIVES);
    absorb(try_now(s), &g.answer.result, NULL);
}

static void act_commit(struct scene *s) {
    struct guard_call g = { .verb = GUARD_COMMIT, .name = STR("A Name"), .device_name = STR("a device") };
    struct try *t = try_now(s);
    bool is_given = s->word_n > 1 && !strstr(s->word[1], "-crashes") && !strstr(s->word[1], "-is-lost");
    const char *password = is_given ? s->word[1] : NULL;
    if (!password && t->action == ACTION_SIGN_UP) password = t->person->password;
    g.password = str_from(password);
    call_by_token(s, &g, fate_of(s, 1));
    if (g.answer.say == GUARD_OK) absorb(t, &g.answer.result, password);
}

/* ---- alerts ---- */

static bool is_alive(struct scene *s, const char *by) { return strcmp(by, "link") != 0 && client_named(s, by); }

/* VERB … by CLIENT|link ACTION KIND of PERSON */
static void call_about_alert(struct scene *s, struct guard_call *g, size_t at) {
    const char *by = word_at(s, at);
    const struct person *p = person_named(s, word_after(s, "of") ? word_after(s, "of") : "");
    struct guard_caller caller = { .has_session = false };
    struct alert alert;
    char link[LINK_TEXT_SIZE];
    if (!alert_find(s, p, action_named(s, word_at(s, at + 1)), kind_named(s, word_at(s, at + 2)), &alert))
        scene_fail(s, "there is no such alert");
    if (is_alive(s, by)) caller = caller_of(s, client_named(s, by), NULL);
    g->alert = alert.id;
    g->has_alert = strcmp(by, "link") == 0 ? false : !word_after(s, "beside");
    link_make(s->house.kept.link_key, p->account, alert.id, link);
    if (word_is(s, s->word_n - 1, "forged")) link[40] = link[40] == 'A' ? 'B' : 'A';
    if (!g->has_alert) g->link = str_from(link);
    call(s, g, &caller, fate_of(s, at));
}

static void act_answer(struct scene *s) {
    struct guard_call g = { .verb = GUARD_ANSWER, .is_me = word_is(s, 1, "me"), .note = STR("a note") };
    g.tell_security_team = word_after(s, "tell") != NULL;
    call_about_alert(s, &g, 3);
}

static void act_look(struct scene *s) {
    for (int i = 0; i < 100; i++) {
        struct guard_call g = { .verb = GUARD_LINK_SHOW };
        call_about_alert(s, &g, 1);
    }
}

static void act_seen(struct scene *s) {
    struct guard_call g = { .verb = GUARD_SEEN };
    call_about_alert(s, &g, 1);
}

struct delivering {
    struct account_id account;
    struct alert_id alert;
};

static enum err deliver(struct store_tx *tx, void *ctx) {
    const struct delivering *d = ctx;
    return store_exec(tx, &OUTBOX_DELIVERED, S_IN(S_B(d->account.b), S_B(d->alert.b)), NULL);
}

/* delivered ACTION KIND of PERSON: the mail has reached them */
static void act_delivered(struct scene *s) {
    const struct person *p = person_named(s, word_after(s, "of") ? word_after(s, "of") : "");
    struct alert alert;
    if (!alert_find(s, p, action_named(s, word_at(s, 1)), kind_named(s, word_at(s, 2)), &alert))
        scene_fail(s, "there is no such alert");
    if (store_write(s->house.store, deliver, &(struct delivering){ p->account, alert.id }) != OK)
        scene_fail(s, "the delivery was not written");
}

/* ---- time and trouble ---- */

static void act_tick(struct scene *s) { guard_tick(s->house.guard, clock_wall_ms()); }

static void act_wait(struct scene *s) {
    fake_clock_add(span_of(s, word_at(s, 1)));
    if (!word_is(s, 2, "unticked")) act_tick(s);
}

static void restart_keeper(struct scene *s) {
    process_kill(&s->house.keeper);
    process_start(&s->house.keeper);
    house_wait_for_keeper(&s->house);
}

static void act_restart(struct scene *s) {
    if (word_is(s, 1, "keeper")) {
        restart_keeper(s);
        return;
    }
    house_stop_front(&s->house);
    house_start_front(&s->house);
}

static void act_changes(struct scene *s) {
    if (str_to_i64(str_from(word_at(s, 1)), 3900, &s->house.kept.config.policy_device_changes) != OK)
        scene_fail(s, "how many changes?");
}

static void act_hold(struct scene *s) {
    struct config_action *a = &s->house.kept.config.action[action_named(s, word_at(s, 1))];
    a->hold_ms = a->hold_familiar_ms = span_of(s, word_at(s, 2));
    restart_keeper(s); /* it reads the policy too */
}

static enum guard_say say_of_window(enum err r, const struct guard_window *window) {
    if (r != OK) return GUARD_NOT_FOUND;
    return window->until_ms > 0 ? GUARD_OK : GUARD_FORBIDDEN;
}

/* reads CLIENT of CLIENT [looking]: the backup server asks for it; looking, it opens nothing */
static void act_reads(struct scene *s) {
    struct client *c = client_named(s, word_at(s, 1)), *from = client_named(s, word_at(s, 3));
    const struct guard_restore x = { .account = from->session.account,
                                     .device = c->device,
                                     .from = from->device,
                                     .where = &c->from,
                                     .opens_nothing = s->word_n > 4 && word_is(s, 4, "looking") };
    struct guard_window window = { .until_ms = 0 };
    enum err r = guard_restore_may(s->house.guard, &x, &window);
    s->last = (struct guard_answer){ .say = say_of_window(r, &window) };
}

/* deletes CLIENT: the backup server asks whether it may */
static void act_deletes(struct scene *s) {
    const struct client *c = client_named(s, word_at(s, 1));
    struct guard_window window = { .until_ms = 0 };
    enum err r = guard_deletion_may(s->house.guard, c->session.account, c->device, &window);
    s->last = (struct guard_answer){ .say = say_of_window(r, &window) };
}

/* reports ACTION of CLIENT [from CLIENT]: the server has to tell something of its backup */
static void act_reports(struct scene *s) {
    const struct client *c = client_named(s, word_at(s, 3));
    const char *from = word_after(s, "from");
    const struct guard_report x = { .account = c->session.account,
                                    .device = c->device,
                                    .action = action_named(s, word_at(s, 1)),
                                    .where = from ? &client_named(s, from)->from : NULL };
    enum err r = guard_report(s->house.guard, &x);
    enum guard_say say = r == OK ? GUARD_OK : r == ERR_GONE ? GUARD_EXPIRED : GUARD_NOT_FOUND;
    s->last = (struct guard_answer){ .say = say };
}

struct token {
    const struct client *c;
    bool is_made;
};

static enum err token_tx(struct store_tx *tx, void *ctx) {
    struct token *t = ctx;
    uint8_t hash[HASH_BYTES];
    struct device_id found;
    enum err r;
    memset(hash, 7, sizeof hash);
    memcpy(hash, t->c->device.b, ID_BYTES);
    if (t->is_made) return backup_token_set(tx, t->c->session.account, t->c->device, clock_wall_ms(), hash);
    r = backup_token_find(tx, t->c->session.account, hash, &found);
    return r;
}

/* token CLIENT: its backup program gets one. backs CLIENT: that one still counts */
static void act_token(struct scene *s) {
    struct token t = { client_named(s, word_at(s, 1)), word_is(s, 0, "token") };
    enum err r = store_write(s->house.store, token_tx, &t);
    s->last = (struct guard_answer){ .say = r == OK ? GUARD_OK : GUARD_UNAUTHORIZED };
}

static void act_team(struct scene *s) {
    snprintf(s->house.kept.config.mail_security_team, sizeof s->house.kept.config.mail_security_team, "%s",
             word_at(s, 1));
}

/* Somebody who is there and has what the story needs: signed up on the device. */
static void act_member(struct scene *s) {
    char *const words[WORDS_MAX] = { s->word[0], s->word[1], s->word[2], s->word[3] };
    char sign_up[] = "sign_up", by[] = "by", dash_for[] = "for", email_code[] = "email_code";
    if (s->word_n != 4) scene_fail(s, "member PERSON on DEVICE");
    s->word_n = 2;
    act_person(s);
    char *const attempt[] = { words[0], sign_up, by, words[3], dash_for, words[1] };
    memcpy(s->word, attempt, sizeof attempt);
    s->word_n = ARRAY_LEN(attempt);
    act_attempt(s);
    s->word[1] = email_code;
    s->word_n = 2;
    act_prove(s);
    s->word_n = 1;
    act_commit(s);
    if (s->last.say != GUARD_OK) scene_fail(s, "signing up failed");
}

bool act(struct scene *s) {
    static const struct {
        const char *verb;
        void (*fn)(struct scene *s);
    } acts[] = {
        { "person", act_person },       { "device", act_device },   { "member", act_member },
        { "copy", act_copy },           { "forget", act_forget },   { "push", act_push },
        { "attempt", act_attempt },     { "flood", act_flood },     { "with", act_with },
        { "prove", act_prove },         { "code", act_code },       { "approve", act_approve },
        { "deny", act_deny },           { "show", act_show },       { "commit", act_commit },
        { "answer", act_answer },       { "look", act_look },       { "seen", act_seen },
        { "tick", act_tick },           { "wait", act_wait },       { "restart", act_restart },
        { "hold", act_hold },           { "changes", act_changes }, { "team", act_team },
        { "delivered", act_delivered }, { "places", act_places },   { "read", outbox_read_all },
        { "reads", act_reads },         { "deletes", act_deletes }, { "reports", act_reports },
        { "token", act_token },         { "backs", act_token },
    };
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        if (!word_is(s, 0, acts[i].verb)) continue;
        acts[i].fn(s);
        return true;
    }
    return false;
}
