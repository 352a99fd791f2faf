/* Alerts and their outbox rows, written in the transaction of what they report. */
#include "alarm/alarm.h"

#include "alarm/alarm_priv.h"
#include "base/clock.h"

#define COLLAPSE_MS     (15 * MS_PER_MIN)
#define REPEAT_DELAY_MS (2 * MS_PER_MIN)
#define ALERT_USEFUL_MS (7 * MS_PER_DAY) /* as long as its link works */

#define ALERT_COLUMNS                                                                                                  \
    "id, attempt_id, action, kind, at_ms, last_ms, count, ip, net, place, device, is_known_device, answer, "           \
    "answered_ms, proved, note"
#define ALERT_TYPES "bbiiiiittttitiit"

const struct store_stmt ALERT_ADD = {
    .name = "alert_add",
    .in = "bbbiiittttii",
    .out = "",
    .sql = "INSERT INTO alert (account_id, id, attempt_id, action, kind, at_ms, last_ms, count, ip, net, place, device,"
           " is_known_device, answer, answered_ms, note, proved) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 1, ?7, ?8, ?9, "
           "?10, ?11, '', 0, '', ?12)"
           " ON CONFLICT (account_id, id) DO NOTHING",
};
const struct store_stmt ALERT_LIVE = {
    .name = "alert_live",
    .in = "biitii",
    .out = "bi",
    .sql = "SELECT id, count FROM alert WHERE account_id = ?1 AND action = ?2 AND kind = ?3 AND net = ?4 AND at_ms > ?5"
           " AND at_ms < ?6 AND answer = '' ORDER BY at_ms DESC LIMIT 1",
};
const struct store_stmt ALERT_COUNT_UP = {
    .name = "alert_count_up",
    .in = "bbi",
    .out = "",
    .sql = "UPDATE alert SET count = count + 1, last_ms = CASE WHEN last_ms < ?3 THEN ?3 ELSE last_ms END"
           " WHERE account_id = ?1 AND id = ?2",
};
const struct store_stmt ALERT_EACH = {
    .name = "alert_each",
    .in = "bbi",
    .out = ALERT_TYPES,
    .sql = "SELECT " ALERT_COLUMNS " FROM alert WHERE account_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
};
const struct store_stmt ALERT_GET = { .name = "alert_get",
                                      .in = "bb",
                                      .out = ALERT_TYPES,
                                      .sql = "SELECT " ALERT_COLUMNS " FROM alert WHERE account_id = ?1 AND id = ?2" };
const struct store_stmt ALERT_ANSWER = {
    .name = "alert_answer",
    .in = "bbtti",
    .out = "",
    .sql = "UPDATE alert SET answer = ?3, note = ?4, answered_ms = ?5 WHERE account_id = ?1 AND id = ?2",
};
const struct store_stmt OUTBOX_ADD = {
    .name = "outbox_add",
    .in = "bbbiiiittbbbttbiii",
    .out = "",
    .sql = "INSERT INTO outbox (account_id, id, alert_id, channel, letter, action, kind, label, recipient, p256dh, "
           "auth, push_id,"
           " title, body, sealed, state, written_ms, expires_ms, due_ms, tries, at_ms, seen_ms)"
           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 1, ?16, ?17, ?18, 0, ?16, 0)"
           " ON CONFLICT (account_id, id) DO NOTHING",
};
const struct store_stmt ALERT_WITHDRAW = {
    .name = "alert_withdraw", .in = "bb", .out = "", .sql = "DELETE FROM alert WHERE account_id = ?1 AND id = ?2"
};
const struct store_stmt OUTBOX_WITHDRAW = { .name = "outbox_withdraw",
                                            .in = "bb",
                                            .out = "",
                                            .sql = "DELETE FROM outbox WHERE account_id = ?1 AND alert_id = ?2" };
const struct store_stmt OUTBOX_OF_ALERT = {
    .name = "outbox_of_alert",
    .in = "bb",
    .out = "itiii",
    .sql = "SELECT channel, label, state, at_ms, tries FROM outbox WHERE account_id = ?1 AND alert_id = ?2 ORDER BY id",
};
/* What was never tried was not seen, and must still go out; what is under way becomes "seen" once it is known as sent.
 */
const struct store_stmt OUTBOX_SET_SEEN = {
    .name = "outbox_set_seen",
    .in = "bbii",
    .out = "",
    .sql = "UPDATE outbox SET seen_ms = ?4, at_ms = CASE WHEN state = 2 THEN ?4 ELSE at_ms END,"
           " state = CASE WHEN state = 2 THEN 4 ELSE state END WHERE account_id = ?1 AND alert_id = ?2 AND channel = ?3"
           " AND seen_ms = 0 AND tries > 0 AND state IN (1, 2)",
};
const struct store_stmt OUTBOX_LIVE_ADD = {
    .name = "outbox_live_add",
    .in = "bbbtbib",
    .out = "",
    .sql = "INSERT INTO outbox (account_id, id, alert_id, channel, letter, action, kind, label, recipient, p256dh, "
           "auth, push_id,"
           " title, body, sealed, state, written_ms, expires_ms, due_ms, tries, at_ms, seen_ms)"
           " SELECT account_id, ?3, id, 4, 1, action, kind, ?4, '', ?5, ?5, ?7, '', '', ?5, 4, ?6, ?6, ?6, 1, "
           "?6, ?6"
           " FROM alert WHERE account_id = ?1 AND id = ?2 ON CONFLICT DO NOTHING",
};

static struct str or_empty(struct str s) { return s.p ? s : STR(""); }

struct row {
    struct account_id account;
    struct alert_id alert; /* zero: none */
    enum outbox_letter letter;
    enum action action;
    int kind; /* 0: no alert */
    struct str title, body, sealed;
    int64_t at_ms, expires_ms, due_ms;
};

static enum err add_row(struct store_tx *tx, const struct row *row, const struct alarm_to *to) {
    struct row_id id;
    int64_t changed = 0;
    enum err r;
    id_new_at(row->at_ms, id.b);
    r = store_exec(tx, &OUTBOX_ADD,
                   S_IN(S_B(row->account.b), S_B(id.b), S_B(row->alert.b), S_I(to->channel), S_I(row->letter),
                        S_I(row->action), S_I(row->kind), S_S(or_empty(to->label)), S_S(or_empty(to->to)),
                        S_S(str_bytes(to->p256dh, to->p256dh ? 65 : 0)), S_S(str_bytes(to->auth, to->auth ? 16 : 0)),
                        S_B(to->push.b), S_S(or_empty(row->title)), S_S(or_empty(row->body)),
                        S_S(or_empty(row->sealed)), S_I(row->at_ms), S_I(row->expires_ms), S_I(row->due_ms)),
                   &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_CONFLICT;
}

struct live {
    struct alert_id id;
    int64_t count;
    bool is_found;
};

static enum err on_live(void *ctx, const struct store_val *v) {
    struct live *l = ctx;
    if (v[0].s.n != ID_BYTES) return ERR_CORRUPT;
    memcpy(l->id.b, v[0].s.p, ID_BYTES);
    l->count = v[1].i;
    l->is_found = true;
    return OK;
}

static enum err write_rows(struct store_tx *tx, const struct alarm_event *e, struct alert_id alert, bool is_repeat) {
    struct buf title, body;
    enum err r;
    buf_init(&title, OUTBOX_TITLE_MAX);
    buf_init(&body, OUTBOX_BODY_MAX);
    if (is_repeat) buf_add_z(&title, "Again: ");
    alarm_words(e, &title, &body);
    r = buf_err(&title) != OK ? buf_err(&title) : buf_err(&body);
    for (size_t i = 0; i < e->to_n && r == OK; i++)
        r = add_row(tx,
                    &(struct row){ .account = e->account,
                                   .alert = alert,
                                   .letter = LETTER_ALERT,
                                   .action = e->action,
                                   .kind = (int)e->kind,
                                   .title = buf_str(&title),
                                   .body = buf_str(&body),
                                   .at_ms = e->at_ms,
                                   .expires_ms = e->at_ms + ALERT_USEFUL_MS,
                                   .due_ms = is_repeat ? e->at_ms + REPEAT_DELAY_MS : e->at_ms },
                    &e->to[i]);
    buf_release(&title);
    buf_release(&body);
    return r;
}

static enum err raise_new(struct store_tx *tx, const struct alarm_event *e, struct alert_id *ret_alert) {
    struct alert_id id;
    int64_t changed = 0;
    enum err r;
    id_new_at(e->at_ms, id.b);
    r = store_exec(tx, &ALERT_ADD,
                   S_IN(S_B(e->account.b), S_B(id.b), S_B(e->attempt.b), S_I(e->action), S_I(e->kind), S_I(e->at_ms),
                        S_S(or_empty(e->from.ip)), S_S(or_empty(e->from.net)), S_S(or_empty(e->from.place)),
                        S_S(or_empty(e->from.device)), S_I(e->from.is_known_device), S_I(e->proved)),
                   &changed);
    if (r == OK && changed == 0) r = ERR_CONFLICT;
    if (r == OK) r = write_rows(tx, e, id, false);
    if (r == OK) *ret_alert = id;
    return r;
}

static enum err find_live(struct store_tx *tx, const struct alarm_event *e, struct live *l) {
    return store_each(tx, &ALERT_LIVE,
                      S_IN(S_B(e->account.b), S_I(e->action), S_I(e->kind), S_S(or_empty(e->from.net)),
                           S_I(e->at_ms - COLLAPSE_MS), S_I(e->at_ms + COLLAPSE_MS)),
                      on_live, l);
}

enum err alarm_raise(struct store_tx *tx, const struct alarm_event *e, struct alert_id *ret_alert) {
    struct live live = { .is_found = false };
    enum err r = find_live(tx, e, &live);
    if (r != OK) return r;
    if (!live.is_found) return raise_new(tx, e, ret_alert);
    if ((r = store_exec(tx, &ALERT_COUNT_UP, S_IN(S_B(e->account.b), S_B(live.id.b), S_I(e->at_ms)), NULL)) != OK)
        return r;
    if (live.count == 1 && (r = write_rows(tx, e, live.id, true)) != OK) return r;
    *ret_alert = live.id;
    return OK;
}

enum err alarm_raise_in_vain(struct store_tx *tx, const struct alarm_event *e) {
    struct live live = { .is_found = false };
    struct alert_id id;
    enum err r;
    if ((r = find_live(tx, e, &live)) != OK || (r = raise_new(tx, e, &id)) != OK) return r;
    if ((r = store_exec(tx, &OUTBOX_WITHDRAW, S_IN(S_B(e->account.b), S_B(id.b)), NULL)) != OK) return r;
    return store_exec(tx, &ALERT_WITHDRAW, S_IN(S_B(e->account.b), S_B(id.b)), NULL);
}

enum err alarm_write_letter(struct store_tx *tx, const struct alarm_letter *l) {
    return add_row(tx,
                   &(struct row){ .account = l->account,
                                  .letter = l->letter,
                                  .action = l->action,
                                  .title = l->title,
                                  .body = l->body,
                                  .sealed = l->sealed,
                                  .at_ms = l->at_ms,
                                  .expires_ms = l->expires_ms,
                                  .due_ms = l->at_ms },
                   &l->to);
}

enum err alert_set_live(struct store_tx *tx, struct account_id account, struct alert_id id, int64_t now_ms) {
    static const struct push_id none;
    struct row_id row;
    id_new_at(now_ms, row.b);
    return store_exec(
        tx, &OUTBOX_LIVE_ADD,
        S_IN(S_B(account.b), S_B(id.b), S_B(row.b), S_Z("open pages"), S_S(STR("")), S_I(now_ms), S_B(none.b)), NULL);
}

/* ---- reading ---- */

struct deliveries {
    struct arena *arena;
    struct alert_delivery list[64];
    size_t n;
    bool is_reached;
};

static enum err on_delivery(void *ctx, const struct store_val *v) {
    static const char *const states[] = { "", "waiting", "sent", "failed", "seen" };
    struct deliveries *d = ctx;
    if (v[0].i < OUTBOX_EMAIL || v[0].i > OUTBOX_LIVE || v[2].i < 1 || v[2].i > 4) return ERR_CORRUPT;
    /* An open page may be the thief's own, so it reaches nobody for sure. */
    if (v[0].i != OUTBOX_LIVE && (v[2].i == OUTBOX_SENT || v[2].i == OUTBOX_SEEN)) d->is_reached = true;
    if (d->n == ARRAY_LEN(d->list)) return OK;
    d->list[d->n++] = (struct alert_delivery){ .channel = (enum outbox_channel)v[0].i,
                                               .to = arena_dup(d->arena, v[1].s),
                                               .state = str_from(states[v[2].i]),
                                               .at_ms = v[3].i,
                                               .tries = v[4].i };
    return d->list[d->n - 1].to.p ? OK : ERR_NOMEM;
}

static enum err read_deliveries(struct store_tx *tx, struct account_id account, struct alert_id id,
                                struct deliveries *d) {
    d->n = 0;
    return store_each(tx, &OUTBOX_OF_ALERT, S_IN(S_B(account.b), S_B(id.b)), on_delivery, d);
}

enum err alert_was_delivered(struct store_tx *tx, struct account_id account, struct alert_id id, struct arena *a,
                             bool *ret) {
    struct deliveries d = { .arena = a };
    enum err r = read_deliveries(tx, account, id, &d);
    if (r == OK) *ret = d.is_reached;
    return r;
}

static enum err fill_alert(const struct store_val *v, struct arena *a, struct alert *ret) {
    if (v[0].s.n != ID_BYTES || v[1].s.n != ID_BYTES || v[2].i < 0 || v[2].i >= ACTION_COUNT || v[3].i < ALERT_OPENED ||
        v[3].i > ALERT_WRONG_PROOFS)
        return ERR_CORRUPT;
    *ret = (struct alert){ .action = (enum action)v[2].i,
                           .kind = (enum alert_kind)v[3].i,
                           .at_ms = v[4].i,
                           .last_ms = v[5].i,
                           .count = v[6].i,
                           .ip = arena_dup(a, v[7].s),
                           .net = arena_dup(a, v[8].s),
                           .place = arena_dup(a, v[9].s),
                           .device = arena_dup(a, v[10].s),
                           .is_known_device = v[11].i != 0,
                           .answer = arena_dup(a, v[12].s),
                           .answered_ms = v[13].i,
                           .proved = (unsigned)v[14].i,
                           .note = arena_dup(a, v[15].s) };
    memcpy(ret->id.b, v[0].s.p, ID_BYTES);
    memcpy(ret->attempt.b, v[1].s.p, ID_BYTES);
    return ret->ip.p && ret->net.p && ret->place.p && ret->device.p && ret->answer.p && ret->note.p ? OK : ERR_NOMEM;
}

/* Words are made from the facts each time, so that they never drift apart. */
static enum err add_words(struct account_id account, struct arena *a, struct alert *alert) {
    const struct alarm_event e = { .account = account,
                                   .action = alert->action,
                                   .kind = alert->kind,
                                   .proved = alert->proved,
                                   .at_ms = alert->at_ms,
                                   .from = { .ip = alert->ip,
                                             .net = alert->net,
                                             .place = alert->place,
                                             .device = alert->device,
                                             .is_known_device = alert->is_known_device } };
    struct buf title, body;
    enum err r;
    buf_init(&title, OUTBOX_TITLE_MAX);
    buf_init(&body, OUTBOX_BODY_MAX);
    alarm_words(&e, &title, &body);
    if (alert->count > 1) alarm_words_count(alert->count, alert->last_ms, &body);
    r = buf_err(&title) != OK ? buf_err(&title) : buf_err(&body);
    if (r == OK) {
        alert->title = arena_dup(a, buf_str(&title));
        alert->body = arena_dup(a, buf_str(&body));
        if (!alert->title.p || !alert->body.p) r = ERR_NOMEM;
    }
    buf_release(&title);
    buf_release(&body);
    return r;
}

static enum err complete(struct store_tx *tx, struct account_id account, struct arena *a, struct alert *alert) {
    struct deliveries d = { .arena = a };
    struct alert_delivery *list;
    enum err r = read_deliveries(tx, account, alert->id, &d);
    if (r != OK) return r;
    list = arena_alloc(a, (d.n ? d.n : 1) * sizeof *list);
    if (!list) return ERR_NOMEM;
    memcpy(list, d.list, d.n * sizeof *list);
    alert->deliveries = list;
    alert->delivery_n = d.n;
    return add_words(account, a, alert);
}

struct page {
    struct arena *arena;
    struct alert *list;
    int n, max;
};

static enum err on_alert(void *ctx, const struct store_val *v) {
    struct page *p = ctx;
    if (p->n == p->max) return OK;
    return fill_alert(v, p->arena, &p->list[p->n++]);
}

enum err alert_each(struct store_tx *tx, const struct alert_page *q, alert_fn *fn, void *ctx) {
    struct alert_id last;
    struct page p = { .arena = q->arena,
                      .max = q->limit,
                      .list = arena_alloc(q->arena, (size_t)q->limit * sizeof(struct alert)) };
    enum err r;
    if (!p.list) return ERR_NOMEM;
    memset(last.b, 0xff, ID_BYTES);
    if (q->before) last = *q->before;
    r = store_each(tx, &ALERT_EACH, S_IN(S_B(q->account.b), S_B(last.b), S_I(q->limit)), on_alert, &p);
    for (int i = 0; i < p.n && r == OK; i++) {
        r = complete(tx, q->account, q->arena, &p.list[i]);
        if (r == OK) r = fn(ctx, &p.list[i]);
    }
    return r;
}

enum err alert_get(struct store_tx *tx, struct account_id account, struct alert_id id, struct arena *a,
                   struct alert *ret) {
    struct page p = { .arena = a, .max = 1, .list = ret };
    enum err r = store_each(tx, &ALERT_GET, S_IN(S_B(account.b), S_B(id.b)), on_alert, &p);
    if (r != OK) return r;
    return p.n == 1 ? complete(tx, account, a, ret) : ERR_NOT_FOUND;
}

enum err alert_set_answer(struct store_tx *tx, const struct alert_answer *a) {
    int64_t changed = 0;
    enum err r = store_exec(
        tx, &ALERT_ANSWER, S_IN(S_B(a->account.b), S_B(a->id.b), S_S(a->answer), S_S(or_empty(a->note)), S_I(a->at_ms)),
        &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_NOT_FOUND;
}

enum err alert_set_seen(struct store_tx *tx, struct account_id account, struct alert_id id, enum outbox_channel channel,
                        int64_t now_ms) {
    return store_exec(tx, &OUTBOX_SET_SEEN, S_IN(S_B(account.b), S_B(id.b), S_I(channel), S_I(now_ms)), NULL);
}

const struct store_stmt ALERT_FORGET = {
    .name = "alert_forget", .in = "b", .out = "", .sql = "DELETE FROM alert WHERE account_id = ?1"
};
const struct store_stmt OUTBOX_FORGET = {
    .name = "outbox_forget", .in = "b", .out = "", .sql = "DELETE FROM outbox WHERE account_id = ?1"
};

enum err alarm_forget(struct store_tx *tx, struct account_id account) {
    enum err r = store_exec(tx, &ALERT_FORGET, S_IN(S_B(account.b)), NULL);
    return r == OK ? store_exec(tx, &OUTBOX_FORGET, S_IN(S_B(account.b)), NULL) : r;
}

const struct store_stmt *const alarm_statements[] = {
    &ALERT_ADD,       &ALERT_LIVE,   &ALERT_COUNT_UP,  &ALERT_EACH,      &ALERT_GET,
    &ALERT_ANSWER,    &OUTBOX_ADD,   &OUTBOX_OF_ALERT, &OUTBOX_SET_SEEN, &OUTBOX_LIVE_ADD,
    &OUTBOX_DUE,      &OUTBOX_LEASE, &OUTBOX_NEXT_DUE, &OUTBOX_SETTLE,   &OUTBOX_READ,
    &OUTBOX_RESET,    &OUTBOX_PURGE, &ALERT_FORGET,    &OUTBOX_FORGET,   &ALERT_WITHDRAW,
    &OUTBOX_WITHDRAW, NULL,
};
