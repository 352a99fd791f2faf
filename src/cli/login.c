/* tocsin login: a sign_in attempt. Its device token makes the next login from here a known device's. */
#include <getopt.h>
#include <unistd.h>

#include "cli/attempt.h"
#include "cli/cli.h"
#include "cli/terminal.h"

#define NAME_BYTES 200

struct options {
    const char *server, *name, *email;
};

static bool read_options(int argc, char **argv, struct options *o) {
    static const struct option names[] = { { "server", required_argument, NULL, 's' },
                                           { "name", required_argument, NULL, 'n' },
                                           { NULL, 0, NULL, 0 } };
    int letter;
    optind = 0;
    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (letter == 's') o->server = optarg;
        if (letter == 'n') o->name = optarg;
        if (letter == '?') return false;
    }
    if (argc - optind != 1) return false;
    o->email = argv[optind];
    return strlen(o->email) <= LOGIN_EMAIL_MAX && (!o->name || strlen(o->name) <= NAME_BYTES);
}

/*
 * Who was signed in here before, for its device token. Another account has its own folder: its token would be lost, and
 * with it that this machine is known. False: said.
 */
static bool read_before(const struct cli *cli, const struct options *o, struct login *l) {
    char server[ORIGIN_BYTES_MAX + 1];
    enum err r = login_load(l);
    if (r != OK && r != ERR_NOT_FOUND) return false;
    if (!origin_check(o->server ? o->server : (r == OK ? l->server : cli->config->server_origin), server,
                      sizeof server))
        return false;
    if (r == OK && (strcmp(server, l->server) != 0 || !str_eq_nocase(str_from(o->email), str_from(l->email)))) {
        complain("this folder is %s's, at %s: `tocsin logout --forget` first, or set XDG_CONFIG_HOME to another folder",
                 l->email, l->server);
        return false;
    }
    return str_to_z(str_from(server), l->server, sizeof l->server) == OK &&
           str_to_z(str_from(o->email), l->email, sizeof l->email) == OK;
}

static enum err take_token(const json_t *o, struct secret *s) {
    enum err r = secret_from_str(s, str_from(text_of(o, "token")));
    return r == OK && s->n == 0 ? ERR_INPUT : r;
}

/* The new tokens are kept before anything is said of them: the old device token ends with the new one's first use. */
static int keep(const json_t *result, struct login *l) {
    const json_t *session = json_object_get(result, "session"), *device = json_object_get(result, "device");
    if (!is_id(text_of(device, "id")) || take_token(session, &l->session) != OK ||
        take_token(device, &l->device_token) != OK ||
        str_to_z(str_from(text_of(device, "id")), l->device, sizeof l->device) != OK) {
        complain("the server does not answer as a tocsin server does");
        return STATUS_NO;
    }
    if (login_save(l) != OK) return STATUS_NO;
    say(stdout, "Signed in at %s as %s; this device is \"%s\" (%s), until ", l->server, l->email,
        text_of(device, "name"), l->device);
    say_time(stdout, text_of(session, "expires_at"));
    say(stdout, ".\n");
    return STATUS_DONE;
}

static int sign_in(struct client *client, struct login *l, const char *name) {
    json_t *opening = json_pack("{s:s,s:s}", "action", "sign_in", "email", l->email), *result = NULL;
    struct attempt a;
    int status;
    if (l->device_token.n > 0)
        (void)json_object_set_new(opening, "device_token",
                                  json_stringn((const char *)l->device_token.p, l->device_token.n));
    status = attempt_open(client, opening, STR(""), &a);
    if (status != STATUS_DONE) return status;
    status = attempt_prove(&a);
    if (status == STATUS_DONE) status = attempt_commit(&a, json_pack("{s:{s:s}}", "device", "name", name), &result);
    if (status == STATUS_DONE) status = keep(result, l);
    json_decref(result);
    attempt_release(&a);
    return status;
}

int login_run(struct cli *cli, int argc, char **argv) {
    struct options o = { NULL, NULL, NULL };
    struct login l = { .server = "" };
    char host[65] = "a terminal";
    struct client *client = NULL;
    int status = STATUS_NO;
    if (!read_options(argc, argv, &o)) return usage_of(cli);
    if (gethostname(host, sizeof host - 1) != 0 || !host[0]) (void)snprintf(host, sizeof host, "a terminal");
    if (read_before(cli, &o, &l)) client = client_new(l.server);
    if (client) status = sign_in(client, &l, o.name ? o.name : host);
    client_free(client);
    login_release(&l);
    return status;
}
