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
    bool is_lock;
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
    if (r != OK || !a->is_lock) return r;
    if ((r = account_set_state(tx, id, ACCOUNT_LOCKED_DOWN, true)) != OK) return r;
    a->acc.state = ACCOUNT_LOCKED_DOWN;
    if ((r = session_end_others(tx, id, NULL)) != OK) return r;
    return guard_note(tx, id, NOTE_LOCKED_BY_OPERATOR, id.b);
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
                        json_sprintf("%s\t%.*s\t%s\tsince %s", id, STR_FMT(a.acc.email),
                                     a.acc.state == ACCOUNT_LOCKED_DOWN ? "locked_down" : "normal", since));
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
    (void)api;
    (void)in;
    return no("an account is unlocked by its owner, with recovery key and code, at /recover");
}

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
} commands[] = { { "service add", command_service_add },
                 { "account show", command_account_show },
                 { "account lock", command_account_lock },
                 { "account unlock", command_account_unlock },
                 { "config show", command_config_show } };

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
