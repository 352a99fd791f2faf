/* The attempts' rows. Each write compares `rev`: two who act at once never both succeed. */
#include "guard/guard_priv.h"

#define COLUMNS                                                                                                        \
    "account_id, id, action, state, rev, token_hash, email, is_real, is_known_device, opener_session, opener_device,"  \
    " new_device, proved, wrong, has_alerted, opened_ms, expires_ms, hold_until_ms, code_until_ms, changed_ms, ip, "   \
    "net,"                                                                                                             \
    " country, place, device, name, device_name, is_disowned, held_alert, subject, detail, until_ms, is_familiar,"     \
    " is_mailed, is_undone, epoch"
#define TYPES "bbiiibtiibbbiiiiiiiitttttttibbtiiiii"

const struct store_stmt ATTEMPT_ADD = {
    .name = "attempt_add",
    .in = TYPES,
    .out = "",
    .sql = "INSERT INTO attempt (" COLUMNS
           ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
           " ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36) ON "
           "CONFLICT (account_id, id) DO NOTHING",
};
const struct store_stmt ATTEMPT_LOAD = { .name = "attempt_load",
                                         .in = "bb",
                                         .out = TYPES,
                                         .sql = "SELECT " COLUMNS " FROM attempt WHERE account_id = ?1 AND id = ?2" };
const struct store_stmt ATTEMPT_WRITE = {
    .name = "attempt_write",
    .in = "bbiibiiiiiiittibtiiib",
    .out = "",
    .sql =
        "UPDATE attempt SET rev = rev + 1, state = ?4, new_device = ?5, proved = ?6, wrong = ?7, has_alerted = ?8,"
        " expires_ms = ?9, hold_until_ms = ?10, code_until_ms = ?11, changed_ms = ?12, name = ?13, device_name = ?14,"
        " is_disowned = ?15, held_alert = ?16, detail = ?17, until_ms = ?18, is_mailed = ?19, is_undone = ?20,"
        " token_hash = ?21"
        " WHERE account_id = ?1 AND id = ?2 AND rev = ?3",
};
const struct store_stmt ATTEMPT_LIST = {
    .name = "attempt_list",
    .in = "bbi",
    .out = TYPES,
    .sql =
        "SELECT " COLUMNS " FROM attempt WHERE account_id = ?1 AND id < ?2 AND is_real = 1 ORDER BY id DESC LIMIT ?3",
};
const struct store_stmt ATTEMPT_RELATED = {
    .name = "attempt_related",
    .in = "btiiii",
    .out = TYPES,
    .sql = "SELECT " COLUMNS " FROM attempt WHERE account_id = ?1 AND net = ?2 AND action = ?3 AND opened_ms >= ?4"
           " AND opened_ms <= ?5 AND is_real = 1 AND (state < 6 OR proved % 2 = 1) ORDER BY opened_ms, id LIMIT ?6",
};
const struct store_stmt ATTEMPT_WAY_IN = {
    .name = "attempt_way_in",
    .in = "bbiii",
    .out = TYPES,
    .sql = "SELECT " COLUMNS " FROM attempt WHERE account_id = ?1 AND new_device = ?2 AND action = ?3 AND state = ?4"
           " AND is_known_device = 0 AND changed_ms > ?5 LIMIT 1",
};
const struct store_stmt ATTEMPT_DONE_BY = {
    .name = "attempt_done_by",
    .in = "bbiiiii",
    .out = TYPES,
    .sql =
        "SELECT " COLUMNS " FROM attempt WHERE account_id = ?1 AND opener_device = ?2 AND state = ?3 AND is_undone = 0"
        " AND opened_ms >= ?4 AND action NOT IN (?5, ?6) ORDER BY changed_ms DESC LIMIT ?7",
};
const struct store_stmt ATTEMPT_OF_SUBJECT = {
    .name = "attempt_of_subject",
    .in = "bibbi",
    .out = TYPES,
    .sql =
        "SELECT " COLUMNS " FROM attempt WHERE account_id = ?1 AND action = ?2 AND subject = ?3 AND opener_device = ?4"
        " AND opened_ms > ?5 ORDER BY opened_ms DESC, id DESC LIMIT 20",
};
const struct store_stmt ATTEMPT_WINDOW = {
    .name = "attempt_window",
    .in = "bibii",
    .out = "bi",
    .sql = "SELECT id, until_ms FROM attempt WHERE account_id = ?1 AND action = ?2 AND subject = ?3 AND state = ?4"
           " AND until_ms > ?5 ORDER BY until_ms DESC LIMIT 1",
};
const struct store_stmt ATTEMPT_CLOSE_WINDOWS = {
    .name = "attempt_close_windows",
    .in = "bibii",
    .out = "",
    .sql = "UPDATE attempt SET rev = rev + 1, until_ms = ?5 WHERE account_id = ?1 AND action = ?2 AND subject = ?3"
           " AND state = ?4 AND until_ms > ?5",
};
const struct store_stmt ATTEMPT_FORGET = {
    .name = "attempt_forget", .in = "b", .out = "", .sql = "DELETE FROM attempt WHERE account_id = ?1"
};
const struct store_stmt CASE_FORGET = {
    .name = "case_forget", .in = "b", .out = "", .sql = "DELETE FROM security_case WHERE account_id = ?1"
};
const struct store_stmt ATTEMPT_DENIALS = {
    .name = "attempt_denials",
    .in = "btii",
    .out = "i",
    .sql = "SELECT count(*) FROM attempt WHERE account_id = ?1 AND net = ?2 AND state = ?3 AND changed_ms > ?4",
};
const struct store_stmt ATTEMPT_OPEN_COUNT = {
    .name = "attempt_open_count",
    .in = "bti",
    .out = "i",
    .sql = "SELECT count(*) FROM attempt WHERE account_id = ?1 AND net = ?2 AND state IN (1, 2, 3, 4)"
           " AND expires_ms > ?3",
};
const struct store_stmt ATTEMPT_DONE_COUNT = {
    .name = "attempt_done_count",
    .in = "bbiiii",
    .out = "i",
    .sql = "SELECT count(*) FROM attempt WHERE account_id = ?1 AND opener_device = ?2 AND state = ?3 AND is_undone = 0"
           " AND opened_ms > ?4 AND action NOT IN (?5, ?6)",
};
const struct store_stmt ATTEMPT_OVERDUE = {
    .name = "attempt_overdue",
    .in = "iii",
    .out = TYPES,
    .sql = "SELECT " COLUMNS
           " FROM attempt WHERE state = ?1 AND CASE WHEN ?1 = 4 THEN changed_ms ELSE expires_ms END <= ?2"
           " ORDER BY expires_ms LIMIT ?3",
};
const struct store_stmt ATTEMPT_PURGE = {
    .name = "attempt_purge",
    .in = "i",
    .out = "",
    .sql = "DELETE FROM attempt WHERE state IN (7, 8) AND is_real = 0 AND expires_ms < ?1"
};
const struct store_stmt CASE_ADD = {
    .name = "case_add",
    .in = "bbbit",
    .out = "",
    .sql = "INSERT INTO security_case (account_id, id, attempt_id, opened_ms, reason) VALUES (?1, ?2, ?3, ?4, ?5)"
           " ON CONFLICT (account_id, id) DO NOTHING",
};
const struct store_stmt CASE_FIND = {
    .name = "case_find",
    .in = "bb",
    .out = "b",
    .sql = "SELECT id FROM security_case WHERE account_id = ?1 AND attempt_id = ?2 ORDER BY opened_ms LIMIT 1",
};

#define RELATED_AT_MOST RELATED_MAX
#define OVERDUE_AT_MOST 100

static struct str z(struct str s) { return s.p ? s : STR(""); }

enum err attempt_add(struct store_tx *tx, const struct attempt *a) {
    int64_t changed = 0;
    enum err r = store_exec(
        tx, &ATTEMPT_ADD,
        S_IN(S_B(a->account.b), S_B(a->id.b), S_I(a->action), S_I(a->state), S_I(a->rev), S_B(a->token_hash),
             S_S(z(a->email)), S_I(a->is_real), S_I(a->is_known), S_B(a->opener_session.b), S_B(a->opener_device.b),
             S_B(a->new_device.b), S_I(a->proved), S_I(a->wrong), S_I(a->has_alerted), S_I(a->opened_ms),
             S_I(a->expires_ms), S_I(a->hold_until_ms), S_I(a->code_until_ms), S_I(a->changed_ms), S_S(z(a->ip)),
             S_S(z(a->net)), S_S(z(a->country)), S_S(z(a->place)), S_S(z(a->from_device)), S_S(z(a->name)),
             S_S(z(a->device_name)), S_I(a->is_disowned), S_B(a->held_alert.b), S_B(a->subject.b), S_S(z(a->detail)),
             S_I(a->until_ms), S_I(a->is_familiar), S_I(a->is_mailed), S_I(a->is_undone), S_I(a->epoch)),
        &changed);
    if (r != OK) return r;
    return changed == 1 ? OK : ERR_CONFLICT;
}

static bool copy_id(uint8_t to[ID_BYTES], struct str from) {
    if (from.n != ID_BYTES) return false;
    memcpy(to, from.p, ID_BYTES);
    return true;
}

/* The texts of the row, into the arena. */
static bool copy_texts(const struct store_val *v, struct arena *arena, struct attempt *a) {
    struct str *const texts[] = { &a->ip, &a->net, &a->country, &a->place, &a->from_device, &a->name, &a->device_name };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = arena_dup(arena, v[20 + i].s);
        if (!texts[i]->p) return false;
    }
    a->email = arena_dup(arena, v[6].s);
    a->detail = arena_dup(arena, v[30].s);
    return a->email.p != NULL && a->detail.p != NULL;
}

static enum err fill(const struct store_val *v, struct arena *arena, struct attempt *a) {
    if (v[2].i < 0 || v[2].i >= ACTION_COUNT || v[3].i < ATTEMPT_OPENED || v[3].i > ATTEMPT_FAILED ||
        v[5].s.n != HASH_BYTES || v[29].s.n != sizeof a->subject)
        return ERR_CORRUPT;
    *a = (struct attempt){ .action = (enum action)v[2].i,
                           .state = (enum attempt_state)v[3].i,
                           .rev = v[4].i,
                           .is_real = v[7].i != 0,
                           .is_known = v[8].i != 0,
                           .proved = (unsigned)v[12].i,
                           .wrong = v[13].i,
                           .has_alerted = v[14].i != 0,
                           .opened_ms = v[15].i,
                           .expires_ms = v[16].i,
                           .hold_until_ms = v[17].i,
                           .code_until_ms = v[18].i,
                           .changed_ms = v[19].i,
                           .is_disowned = v[27].i != 0,
                           .until_ms = v[31].i,
                           .is_familiar = v[32].i != 0,
                           .is_mailed = v[33].i != 0,
                           .is_undone = v[34].i != 0,
                           .epoch = v[35].i };
    memcpy(a->token_hash, v[5].s.p, HASH_BYTES);
    memcpy(a->subject.b, v[29].s.p, sizeof a->subject);
    if (!copy_id(a->account.b, v[0].s) || !copy_id(a->id.b, v[1].s) || !copy_id(a->opener_session.b, v[9].s) ||
        !copy_id(a->opener_device.b, v[10].s) || !copy_id(a->new_device.b, v[11].s) ||
        !copy_id(a->held_alert.b, v[28].s))
        return ERR_CORRUPT;
    return copy_texts(v, arena, a) ? OK : ERR_NOMEM;
}

struct each {
    attempt_fn *fn;
    void *ctx;
    struct arena *arena;
    struct attempt *one;
    bool is_found;
};

static enum err on_row(void *ctx, const struct store_val *v) {
    struct each *e = ctx;
    struct attempt a;
    enum err r = fill(v, e->arena, &a);
    if (r != OK) return r;
    e->is_found = true;
    if (e->one) {
        *e->one = a;
        return OK;
    }
    return e->fn(e->ctx, &a);
}

enum err attempt_load(struct store_tx *tx, struct account_id account, struct attempt_id id, struct arena *arena,
                      struct attempt *ret) {
    struct each e = { .arena = arena, .one = ret };
    enum err r = store_each(tx, &ATTEMPT_LOAD, S_IN(S_B(account.b), S_B(id.b)), on_row, &e);
    if (r != OK) return r;
    return e.is_found ? OK : ERR_NOT_FOUND;
}

enum err attempt_write(struct store_tx *tx, struct attempt *a, int64_t now_ms) {
    int64_t changed = 0;
    enum err r = store_exec(tx, &ATTEMPT_WRITE,
                            S_IN(S_B(a->account.b), S_B(a->id.b), S_I(a->rev), S_I(a->state), S_B(a->new_device.b),
                                 S_I(a->proved), S_I(a->wrong), S_I(a->has_alerted), S_I(a->expires_ms),
                                 S_I(a->hold_until_ms), S_I(a->code_until_ms), S_I(now_ms), S_S(z(a->name)),
                                 S_S(z(a->device_name)), S_I(a->is_disowned), S_B(a->held_alert.b), S_S(z(a->detail)),
                                 S_I(a->until_ms), S_I(a->is_mailed), S_I(a->is_undone), S_B(a->token_hash)),
                            &changed);
    if (r != OK) return r;
    if (changed == 0) return ERR_CONFLICT;
    a->rev++;
    a->changed_ms = now_ms;
    return OK;
}

enum err attempt_list(struct store_tx *tx, const struct guard_page *p, attempt_fn *fn, void *ctx) {
    struct each e = { fn, ctx, p->arena, NULL, false };
    uint8_t newest[ID_BYTES];
    memset(newest, 0xff, sizeof newest);
    return store_each(tx, &ATTEMPT_LIST, S_IN(S_B(p->account.b), S_B(p->before ? p->before : newest), S_I(p->limit)),
                      on_row, &e);
}

enum err attempt_related(struct store_tx *tx, const struct attempt_span *s, struct arena *arena, attempt_fn *fn,
                         void *ctx) {
    struct each e = { fn, ctx, arena, NULL, false };
    return store_each(
        tx, &ATTEMPT_RELATED,
        S_IN(S_B(s->account.b), S_S(z(s->net)), S_I(s->action), S_I(s->from_ms), S_I(s->to_ms), S_I(RELATED_AT_MOST)),
        on_row, &e);
}

enum err attempt_of_subject(struct store_tx *tx, const struct attempt *like, int64_t since_ms, struct arena *arena,
                            struct attempt_found *f) {
    struct each e = { f->fn, f->ctx, arena, NULL, false };
    return store_each(
        tx, &ATTEMPT_OF_SUBJECT,
        S_IN(S_B(like->account.b), S_I(like->action), S_B(like->subject.b), S_B(like->opener_device.b), S_I(since_ms)),
        on_row, &e);
}

enum err attempt_way_in(struct store_tx *tx, const struct attempt *a, int64_t since_ms, struct arena *arena,
                        struct attempt *ret) {
    struct each e = { .arena = arena, .one = ret };
    enum err r = store_each(
        tx, &ATTEMPT_WAY_IN,
        S_IN(S_B(a->account.b), S_B(a->opener_device.b), S_I(ACTION_SIGN_IN), S_I(ATTEMPT_DONE), S_I(since_ms)), on_row,
        &e);
    if (r != OK) return r;
    return e.is_found ? OK : ERR_NOT_FOUND;
}

enum err attempt_done_by(struct store_tx *tx, const struct attempt *in, struct arena *arena, attempt_fn *fn,
                         void *ctx) {
    struct each e = { fn, ctx, arena, NULL, false };
    return store_each(tx, &ATTEMPT_DONE_BY,
                      S_IN(S_B(in->account.b), S_B(in->new_device.b), S_I(ATTEMPT_DONE), S_I(in->opened_ms),
                           S_I(ACTION_PURCHASE), S_I(ACTION_SIGN_IN), S_I(RELATED_AT_MOST)),
                      on_row, &e);
}

static enum err on_window(void *ctx, const struct store_val *v) {
    struct guard_window *window = ctx;
    window->until_ms = v[1].i;
    return copy_id(window->attempt.b, v[0].s) ? OK : ERR_CORRUPT;
}

enum err attempt_window(struct store_tx *tx, const struct attempt *like, int64_t now_ms, struct guard_window *ret) {
    return store_each(
        tx, &ATTEMPT_WINDOW,
        S_IN(S_B(like->account.b), S_I(like->action), S_B(like->subject.b), S_I(ATTEMPT_DONE), S_I(now_ms)), on_window,
        ret);
}

enum err attempt_close_windows(struct store_tx *tx, const struct attempt *like, int64_t now_ms) {
    return store_exec(
        tx, &ATTEMPT_CLOSE_WINDOWS,
        S_IN(S_B(like->account.b), S_I(like->action), S_B(like->subject.b), S_I(ATTEMPT_DONE), S_I(now_ms)), NULL);
}

enum err attempt_forget(struct store_tx *tx, struct account_id account) {
    enum err r = store_exec(tx, &ATTEMPT_FORGET, S_IN(S_B(account.b)), NULL);
    if (r == OK) r = store_exec(tx, &CASE_FORGET, S_IN(S_B(account.b)), NULL);
    return r == OK ? veto_forget(tx, account) : r;
}

static enum err on_numbers(void *ctx, const struct store_val *v) {
    int64_t *out = ctx;
    out[0] = v[0].i;
    return OK;
}

enum err attempt_denials(struct store_tx *tx, struct account_id account, struct str net, int64_t since_ms,
                         int64_t *ret_n) {
    return store_each(tx, &ATTEMPT_DENIALS, S_IN(S_B(account.b), S_S(z(net)), S_I(ATTEMPT_DENIED), S_I(since_ms)),
                      on_numbers, ret_n);
}

enum err attempt_open_count(struct store_tx *tx, struct account_id account, struct str net, int64_t now_ms,
                            int64_t *ret_n) {
    return store_each(tx, &ATTEMPT_OPEN_COUNT, S_IN(S_B(account.b), S_S(z(net)), S_I(now_ms)), on_numbers, ret_n);
}

enum err attempt_done_count(struct store_tx *tx, const struct attempt *like, int64_t since_ms, int64_t *ret_n) {
    return store_each(tx, &ATTEMPT_DONE_COUNT,
                      S_IN(S_B(like->account.b), S_B(like->opener_device.b), S_I(ATTEMPT_DONE), S_I(since_ms),
                           S_I(ACTION_PURCHASE), S_I(ACTION_SIGN_IN)),
                      on_numbers, ret_n);
}

enum err attempt_overdue(struct store_tx *tx, const struct attempt_overdue *o, attempt_fn *fn, void *ctx) {
    struct each e = { fn, ctx, o->arena, NULL, false };
    return store_each(tx, &ATTEMPT_OVERDUE, S_IN(S_I(o->state), S_I(o->before_ms), S_I(OVERDUE_AT_MOST)), on_row, &e);
}

enum err attempt_purge(struct store_tx *tx, int64_t before_ms) {
    return store_exec(tx, &ATTEMPT_PURGE, S_IN(S_I(before_ms)), NULL);
}

enum err case_add(struct store_tx *tx, const struct attempt *a, struct str reason, int64_t now_ms,
                  struct case_id *ret) {
    struct case_id id;
    enum err r;
    id_new_at(now_ms, id.b);
    r = store_exec(tx, &CASE_ADD, S_IN(S_B(a->account.b), S_B(id.b), S_B(a->id.b), S_I(now_ms), S_S(reason)), NULL);
    if (r == OK) *ret = id;
    return r;
}

struct found {
    struct case_id id;
    bool is_found;
};

static enum err on_case(void *ctx, const struct store_val *v) {
    struct found *f = ctx;
    f->is_found = copy_id(f->id.b, v[0].s);
    return f->is_found ? OK : ERR_CORRUPT;
}

enum err case_find(struct store_tx *tx, struct account_id account, struct attempt_id attempt, struct case_id *ret) {
    struct found f = { .is_found = false };
    enum err r = store_each(tx, &CASE_FIND, S_IN(S_B(account.b), S_B(attempt.b)), on_case, &f);
    if (r != OK) return r;
    if (!f.is_found) return ERR_NOT_FOUND;
    *ret = f.id;
    return OK;
}

const struct store_stmt *const guard_statements[] = {
    &ATTEMPT_ADD,
    &ATTEMPT_LOAD,
    &ATTEMPT_WRITE,
    &ATTEMPT_LIST,
    &ATTEMPT_RELATED,
    &ATTEMPT_DENIALS,
    &ATTEMPT_OPEN_COUNT,
    &ATTEMPT_DONE_COUNT,
    &ATTEMPT_OVERDUE,
    &ATTEMPT_PURGE,
    &CASE_ADD,
    &CASE_FIND,
    &ATTEMPT_OF_SUBJECT,
    &ATTEMPT_WAY_IN,
    &ATTEMPT_DONE_BY,
    &ATTEMPT_WINDOW,
    &ATTEMPT_CLOSE_WINDOWS,
    &ATTEMPT_FORGET,
    &CASE_FORGET,
    &VETO_ADD,
    &VETO_DROP,
    &VETO_EACH,
    &VETO_FORGET,
    &VETO_PURGE,
    NULL,
};
