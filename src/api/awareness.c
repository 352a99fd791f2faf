/* /password/strength: the judge of new passwords, asked beforehand. /checkup: what is good, and the next step. */
#include <stdatomic.h>

#include "api/resources.h"
#include "awareness/advice.h"
#include "awareness/checkup.h"
#include "base/clock.h"
#include "core/password.h"

/* ---- a password while it is typed ---- */

#define PASSWORD_BYTES 1024
#define HINT_BYTES     256
#define JUDGING_MOST   4 /* at a time: one takes up to 10 ms, and nobody needs to be known to ask for it */
#define HINTS_MAX      16
#define ABOUT_MAX      (HINTS_MAX + 4)

struct about {
    struct str words[ABOUT_MAX];
    size_t n;
};

static void know(struct about *a, struct str word) {
    if (a->n < ARRAY_LEN(a->words)) a->words[a->n++] = word;
}

/* False: answered 400. */
static bool read_hints(struct http_request *req, json_t *body, struct about *ret) {
    const json_t *hints = json_object_get(body, "hints"), *hint;
    size_t i;
    if (!hints) return true;
    bool is_sound = json_is_array(hints) && json_array_size(hints) <= HINTS_MAX;
    for (i = 0; is_sound && i < json_array_size(hints); i++) {
        hint = json_array_get(hints, i);
        is_sound = json_is_string(hint) && json_string_length(hint) <= HINT_BYTES;
        if (is_sound) know(ret, str_bytes(json_string_value(hint), json_string_length(hint)));
    }
    if (!is_sound) bad_request(req, "\"hints\" are at most 16 texts of at most 256 bytes.");
    return is_sound;
}

static json_t *json_suggestions(const struct advice *a) {
    json_t *list = json_array();
    for (size_t i = 0; i < a->n; i++) (void)json_array_append_new(list, json_string(a->suggestions[i]));
    return list;
}

static void reply_strength(struct http_request *req, const struct password_judgement *j) {
    struct advice a;
    advise(j, &a);
    http_reply_json(req, 200,
                    json_pack("{s:i,s:f,s:I,s:s,s:o,s:b}", "score", j->score, "guesses_log10", j->guesses_log10,
                              "breached", (json_int_t)j->breached, "warning", a.warning, "suggestions",
                              json_suggestions(&a), "accepted", j->verdict == PASSWORD_ACCEPTED));
}

struct known {
    struct api_call *c;
    struct account acc;
};

static enum err known_tx(struct store_tx *tx, void *ctx) {
    struct known *k = ctx;
    return account_get(tx, k->c->caller.session.account, k->c->g.arena, &k->acc);
}

/* As a commit judges it: see guard/judge.c. */
static enum err know_always(struct api_call *c, struct about *about) {
    struct known k = { .c = c, .acc = { .email = STR(""), .name = STR("") } };
    enum err r = c->caller.has_session ? store_read(c->api->store, known_tx, &k) : OK;
    know(about, STR("tocsin"));
    know(about, config_origin_host(c->api->config));
    know(about, k.acc.email);
    know(about, k.acc.name);
    return r;
}

/* False: others are under way. */
static bool judged(struct str password, const struct password_rules *rules, struct password_judgement *ret) {
    static atomic_int judging;
    bool may = atomic_fetch_add(&judging, 1) < JUDGING_MOST;
    if (may) password_judge(password, rules, ret);
    (void)atomic_fetch_sub(&judging, 1);
    return may;
}

void password_strength(struct http_request *req, void *app) {
    static const char *const allowed[] = { "password", "hints", NULL };
    struct api_call *c = call_begin(req, app);
    json_t *body = c ? http_json(req) : NULL;
    struct str password = STR("");
    struct about about = { .n = 0 };
    struct password_judgement j;
    enum err r;
    if (!body || !http_json_members(req, body, allowed)) return;
    if ((r = know_always(c, &about)) != OK) { /* first: hints must not crowd them out */
        fail_err(req, r);
        return;
    }
    if (!member_text(req, body, "password", PASSWORD_BYTES * 2, &password) || !read_hints(req, body, &about)) return;
    if (!json_is_string(json_object_get(body, "password"))) {
        bad_request(req, "\"password\" is missing.");
        return;
    }
    const struct password_rules rules = { .points_least = c->api->config->policy_password_length,
                                          .breached = c->api->breached,
                                          .about = about.words,
                                          .about_n = about.n };
    if (!judged(password, &rules, &j)) {
        call_refuse(req, &(struct guard_answer){ .say = GUARD_BUSY });
        return;
    }
    reply_strength(req, &j);
}

/* ---- the checkup ---- */

#define ALERTS_LOOKED_AT 100
#define BACKUPS_MOST     500

struct looking {
    struct api_call *c;
    int64_t now_ms;
    struct checkup_facts facts;
    struct written {
        struct device_id device;
        int64_t at_ms;
    } backups[BACKUPS_MOST];
    size_t backup_n;
};

static enum err on_backup(void *ctx, const struct backup_summary *s) {
    struct looking *l = ctx;
    if (l->backup_n < ARRAY_LEN(l->backups))
        l->backups[l->backup_n++] = (struct written){ s->device, s->last_write_ms };
    return OK;
}

static enum err on_passkey(void *ctx, const struct passkey *p) {
    (void)p;
    ((struct looking *)ctx)->facts.passkeys++;
    return OK;
}

static enum err on_device(void *ctx, const struct device *d) {
    struct looking *l = ctx;
    if (d->has_push) l->facts.ringing++;
    if (d->trusted_ms == 0) return OK;
    l->facts.trusted++;
    if (d->last_seen_ms < l->now_ms - CHECKUP_UNUSED_DAYS * MS_PER_DAY) l->facts.unused++;
    return OK;
}

static enum err on_contact(void *ctx, const struct contact *k) {
    if (k->removed_ms == 0) ((struct looking *)ctx)->facts.addresses++;
    return OK;
}

/* As a page shows it as news: see web/assets/js/news.js. */
static enum err on_alert(void *ctx, const struct alert *a) {
    struct looking *l = ctx;
    bool is_news = a->answer.n == 0 && a->kind != ALERT_DENIED && a->at_ms > l->now_ms - 7 * MS_PER_DAY;
    if (is_news) l->facts.unanswered++;
    return OK;
}

static enum err count_overdue(struct store_tx *tx, struct looking *l) {
    enum err r = OK;
    l->facts.backups = l->backup_n;
    for (size_t i = 0; i < l->backup_n && r == OK; i++) {
        const struct repo_id repo = { l->c->caller.session.account, l->backups[i].device };
        int64_t days = 0;
        r = backup_expected(tx, &repo, &days);
        if (r == OK && days > 0 && l->backups[i].at_ms < l->now_ms - days * MS_PER_DAY) l->facts.overdue++;
    }
    return r;
}

static enum err look_tx(struct store_tx *tx, void *ctx) {
    struct looking *l = ctx;
    struct account_id account = l->c->caller.session.account;
    struct arena *arena = l->c->g.arena;
    struct account acc;
    const struct alert_page page = { .account = account, .limit = ALERTS_LOOKED_AT, .arena = arena };
    enum err r;
    memset(&l->facts, 0, sizeof l->facts);
    if ((r = account_get(tx, account, arena, &acc)) != OK) return r;
    l->facts.is_locked_down = acc.state == ACCOUNT_LOCKED_DOWN;
    if ((r = passkey_each(tx, account, on_passkey, l)) != OK) return r;
    if ((r = device_each(tx, account, arena, on_device, l)) != OK) return r;
    if ((r = contact_each(tx, account, l->now_ms, on_contact, l)) != OK) return r;
    if ((r = alert_each(tx, &page, on_alert, l)) != OK) return r;
    return count_overdue(tx, l);
}

static json_t *json_item(const struct checkup_item *i) {
    static const char *const states[] = { [CHECKUP_GOOD] = "good", [CHECKUP_TODO] = "todo", [CHECKUP_RISK] = "risk" };
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "id", i->id, "state", states[i->state], "title", i->title, "why",
                     i->why, "do", i->action, "href", i->href);
}

static void reply_checkup(struct http_request *req, const struct checkup_facts *facts) {
    struct checkup made;
    json_t *items = json_array();
    checkup_make(facts, &made);
    for (size_t i = 0; i < ARRAY_LEN(made.items); i++) (void)json_array_append_new(items, json_item(&made.items[i]));
    http_reply_json(req, 200, json_pack("{s:i,s:o}", "score", made.score, "items", items));
}

void checkup_show(struct http_request *req, void *app) {
    struct api_call *c = call_begin_session(req, app);
    struct looking *l = c ? arena_alloc(c->g.arena, sizeof *l) : NULL;
    enum err r = ERR_NOMEM;
    if (!c) return;
    if (l) {
        memset(l, 0, sizeof *l);
        l->c = c;
        l->now_ms = clock_wall_ms();
        r = backup_each(c->api->backup, c->caller.session.account, on_backup, l);
    }
    if (r == OK) r = store_read(c->api->store, look_tx, l);
    if (r == OK)
        reply_checkup(req, &l->facts);
    else
        fail_err(req, r);
}
