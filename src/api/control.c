/* The command line's side: one JSON object a line in, one out, over a Unix socket that only root and our own user may
 * use. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/resources.h"
#include "base/clock.h"
#include "base/log.h"

#define LINE_BYTES_MAX 4096
#define PAGE_ACCOUNTS  200

struct control {
    struct api *api;
    int fd;
};

typedef json_t *command_fn(struct api *api, json_t *in);

static json_t *no(const char *why) { return json_pack("{s:b,s:s}", "ok", 0, "error", why); }

/* ---- service add NAME ---- */

struct service_add {
    struct str name;
    char token[TOKEN_TEXT_SIZE];
};

static enum err service_tx(struct store_tx *tx, void *ctx) {
    struct service_add *s = ctx;
    return service_create(tx, s->name, clock_wall_ms(), s->token);
}

static json_t *command_service_add(struct api *api, json_t *in) {
    struct service_add s = { .name = str_from(json_string_value(json_object_get(in, "name"))) };
    json_t *out;
    enum err r;
    if (s.name.n == 0 || name_check(s.name, &s.name) != OK) return no("a name of at most 64 characters is needed");
    r = store_write(api->store, service_tx, &s);
    if (r == ERR_CONFLICT) return no("there is a service of that name already");
    if (r == OK) r = services_load(api);
    if (r != OK) return no(err_text(r));
    out = json_pack("{s:b,s:s}", "ok", 1, "output", s.token);
    bytes_wipe(s.token, sizeof s.token);
    return out;
}

/* ---- account show|lock EMAIL ---- */

struct account_work {
    struct api *api;
    struct str typed;
    struct arena *arena;
    struct account acc;
    bool is_lock, is_security;
};

static enum err account_tx(struct store_tx *tx, void *ctx) {
    struct account_work *a = ctx;
    struct str email;
    struct address_found found = { .is = ADDRESS_FREE };
    struct account_id id;
    enum err r = email_normalize(a->typed, a->arena, &email);
    if (r == OK) r = address_find(tx, email, clock_wall_ms(), a->arena, &found);
    if (r == OK && found.is != ADDRESS_TAKEN) r = ERR_NOT_FOUND;
    id = found.account;
    if (r == OK) r = account_get(tx, id, a->arena, &a->acc);
    if (r == OK) r = role_has(tx, id, STR(ROLE_SECURITY), &a->is_security);
    if (r != OK || !a->is_lock) return r;
    if ((r = account_set_state(tx, id, ACCOUNT_LOCKED_DOWN, true)) != OK) return r;
    a->acc.state = ACCOUNT_LOCKED_DOWN;
    if ((r = session_end_others(tx, id, NULL)) != OK) return r;
    return guard_note(tx, id, NOTE_LOCKED_BY_OPERATOR, id.b);
}

static const char *state_name(enum account_state state) {
    switch (state) {
    case ACCOUNT_NORMAL: return "normal";
    case ACCOUNT_LOCKED_DOWN: return "locked_down";
    case ACCOUNT_LEAVING_SOON: return "leaving"; /* it is to be deleted, and can still be taken back */
    }
    return "";
}

static bool lock_keeper(struct api *api, struct account_id id) {
    struct keeper_reply reply;
    keeper_ask_wait(api->keeper, &(struct keeper_request){ .ask = KEEPER_LOCK_DOWN, .account = id }, &reply);
    return reply.say == KEEPER_RIGHT;
}

static json_t *account_run(struct api *api, json_t *in, bool is_lock) {
    struct account_work a = { .api = api,
                              .typed = str_from(json_string_value(json_object_get(in, "email"))),
                              .arena = arena_new(65536) };
    char id[ID_TEXT_SIZE], since[CLOCK_TEXT_SIZE];
    json_t *out;
    enum err r = a.arena ? store_write(api->store, account_tx, &a)
                         : ERR_NOMEM; /* first only looks, so that the keeper locks first */
    if (r == OK && is_lock) {
        if (!lock_keeper(api, a.acc.id)) r = ERR_TIMEOUT;
        a.is_lock = true;
        if (r == OK) r = store_write(api->store, account_tx, &a);
        if (r == OK) r = session_table_refresh(api->sessions, api->store, a.acc.id, clock_wall_ms());
        if (r == OK) live_recheck(api->live, a.acc.id);
    }
    if (r == OK) {
        id_text(a.acc.id.b, id);
        clock_text(a.acc.created_ms, since);
        out = json_pack("{s:b,s:o}", "ok", 1, "output",
                        json_sprintf("%s\t%.*s\t%s\tsince %s%s", id, STR_FMT(a.acc.email), state_name(a.acc.state),
                                     since, a.is_security ? "\t" ROLE_SECURITY : ""));
    } else {
        out = no(r == ERR_NOT_FOUND || r == ERR_INPUT ? "there is no account of that address" : err_text(r));
    }
    arena_free(a.arena);
    return out;
}

static json_t *command_account_show(struct api *api, json_t *in) { return account_run(api, in, false); }

static json_t *command_account_lock(struct api *api, json_t *in) { return account_run(api, in, true); }

/* No way back in is weaker than the front door: the owner recovers with two proofs. */
static json_t *command_account_unlock(struct api *api, json_t *in) {
    char why[600];
    (void)in;
    (void)snprintf(why, sizeof why,
                   "nobody but its owner unlocks an account, and nobody can skip the proofs for them: ask them to open "
                   "%s/recover and to show their recovery key and a code from a device that they trust",
                   api->config->server_origin);
    return no(why);
}

/* ---- account list ---- */

struct account_listing {
    struct account_id after, ids[PAGE_ACCOUNTS];
    json_t *list;
    size_t n;
};

static enum err on_account(void *ctx, const struct account *a) {
    struct account_listing *l = ctx;
    char since[CLOCK_TEXT_SIZE];
    clock_text(a->created_ms, since);
    l->ids[l->n++] = a->id;
    (void)json_array_append_new(l->list, json_pack("{s:o,s:o,s:s,s:s}", "id", json_id(a->id.b), "email",
                                                   json_str(a->email), "state", state_name(a->state), "since", since));
    return OK;
}

static enum err list_tx(struct store_tx *tx, void *ctx) {
    struct account_listing *l = ctx;
    enum err r;
    l->n = 0;
    (void)json_array_clear(l->list);
    r = account_page(tx, l->after, PAGE_ACCOUNTS, on_account, l);
    for (size_t i = 0; i < l->n && r == OK; i++) {
        bool is_security = false;
        r = role_has(tx, l->ids[i], STR(ROLE_SECURITY), &is_security);
        if (is_security) (void)json_object_set_new(json_array_get(l->list, i), "roles", json_string(ROLE_SECURITY));
    }
    return r;
}

/* A page of accounts after the one that "after" names; "next" names the last where there may be more. */
static json_t *command_account_list(struct api *api, json_t *in) {
    struct account_listing l = { .n = 0 };
    struct str after = str_from(json_string_value(json_object_get(in, "after")));
    enum err r;
    if (after.n > 0 && id_parse(after, l.after.b) != OK) return no("bad request");
    l.list = json_array();
    r = store_read(api->store, list_tx, &l);
    if (r != OK) {
        json_decref(l.list);
        return no(err_text(r));
    }
    return json_pack("{s:b,s:o,s:o}", "ok", 1, "accounts", l.list, "next",
                     l.n == PAGE_ACCOUNTS ? json_id(l.ids[l.n - 1].b) : json_null());
}

/* ---- role add|remove EMAIL ROLE ---- */

struct role_work {
    struct account_work account;
    struct role_change change;
};

static enum err role_tx(struct store_tx *tx, void *ctx) {
    struct role_work *w = ctx;
    enum err r = account_tx(tx, &w->account);
    if (r != OK) return r;
    w->change.account = w->account.acc.id;
    if ((r = role_set(tx, &w->change)) != OK) return r;
    return guard_note(tx, w->change.account, w->change.is_given ? NOTE_ROLE_GIVEN : NOTE_ROLE_TAKEN,
                      w->change.account.b);
}

static void log_role(const struct role_work *w) {
    char id[ID_TEXT_SIZE];
    id_text(w->change.account.b, id);
    log_event(LOG_LEVEL_WARN, "privilege_permissions_changed", LOG_Z("account", id), LOG_S("role", w->change.role),
              LOG_Z("change", w->change.is_given ? "given" : "taken"));
}

static json_t *role_run(struct api *api, json_t *in, bool is_given) {
    struct role_work w = { .account = { .api = api,
                                        .typed = str_from(json_string_value(json_object_get(in, "email"))),
                                        .arena = arena_new(65536) },
                           .change = { .role = str_from(json_string_value(json_object_get(in, "role"))),
                                       .is_given = is_given,
                                       .now_ms = clock_wall_ms() } };
    json_t *out;
    enum err r = w.account.arena ? ERR_UNSUPPORTED : ERR_NOMEM;
    if (w.account.arena && role_is_known(w.change.role)) r = store_write(api->store, role_tx, &w);
    if (r == OK) {
        log_role(&w);
        out = json_pack("{s:b,s:o}", "ok", 1, "output",
                        json_sprintf("%.*s %s the role %.*s", STR_FMT(w.account.acc.email),
                                     is_given ? "now has" : "no longer has", STR_FMT(w.change.role)));
    } else if (r == ERR_CONFLICT) {
        out = no(is_given ? "that account has this role already" : "that account does not have this role");
    } else if (r == ERR_UNSUPPORTED) {
        out = no("there is one role: security");
    } else {
        out = no(r == ERR_NOT_FOUND || r == ERR_INPUT ? "there is no account of that address" : err_text(r));
    }
    arena_free(w.account.arena);
    return out;
}

static json_t *command_role_add(struct api *api, json_t *in) { return role_run(api, in, true); }

static json_t *command_role_remove(struct api *api, json_t *in) { return role_run(api, in, false); }

static json_t *command_config_show(struct api *api, json_t *in) {
    struct config c = *api->config;
    struct buf out;
    json_t *o;
    (void)in;
    if (c.data_database[0]) (void)snprintf(c.data_database, sizeof c.data_database, "postgresql://…");
    buf_init(&out, 128 * 1024);
    config_write(&c, NULL, &out);
    o = json_pack("{s:b,s:o}", "ok", 1, "output", json_str(buf_str(&out)));
    buf_release(&out);
    return o;
}

static const struct {
    const char *name;
    command_fn *fn;
} commands[] = { { "service add", command_service_add },       { "account list", command_account_list },
                 { "account show", command_account_show },     { "account lock", command_account_lock },
                 { "account unlock", command_account_unlock }, { "role add", command_role_add },
                 { "role remove", command_role_remove },       { "config show", command_config_show } };

static json_t *run_command(struct api *api, json_t *in) {
    const char *name = json_string_value(json_object_get(in, "command"));
    for (size_t i = 0; name && i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0) return commands[i].fn(api, in);
    return no("unknown command");
}

static bool peer_is_trusted(int fd) {
    struct ucred cred;
    socklen_t n = sizeof cred;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0) return false;
    return cred.uid == 0 || cred.uid == geteuid();
}

static void serve_one(struct api *api, int fd) {
    char line[LINE_BYTES_MAX];
    ssize_t n = recv(fd, line, sizeof line, 0);
    json_t *in = n > 0 ? json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    json_t *out = in ? run_command(api, in) : no("bad request");
    char *text = json_dumps(out, JSON_COMPACT);
    if (text && send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) log_err(ERR_IO, "control socket");
    free(text);
    json_decref(in);
    json_decref(out);
}

static void *control_loop(void *arg) {
    struct control *c = arg;
    const struct timeval wait = { .tv_sec = 2 };
    for (;;) {
        int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            (void)usleep(100000);
            continue;
        }
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        if (peer_is_trusted(fd)) serve_one(c->api, fd);
        (void)close(fd);
    }
    return NULL;
}

enum err control_start(struct api *api, int listen_fd) {
    struct control *c = calloc(1, sizeof *c);
    pthread_t thread;
    if (!c) return ERR_NOMEM;
    *c = (struct control){ api, listen_fd };
    if (pthread_create(&thread, NULL, control_loop, c) != 0) {
        free(c);
        return ERR_NOMEM;
    }
    (void)pthread_detach(thread);
    return OK;
}
