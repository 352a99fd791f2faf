/*
 * tocsin restore: a device's backup, brought to this one. Another device's needs a restore attempt: proofs, the alarm,
 * and where this device is new a hold, all before the server gives out a byte.
 */
#include <getopt.h>
#include <unistd.h>

#include "cli/attempt.h"
#include "cli/backup.h"
#include "cli/terminal.h"

struct options {
    const char *from, *target, *snapshot;
};

static bool read_options(int argc, char **argv, struct options *o) {
    static const struct option names[] = { { "from", required_argument, NULL, 'f' },
                                           { "target", required_argument, NULL, 't' },
                                           { "snapshot", required_argument, NULL, 's' },
                                           { NULL, 0, NULL, 0 } };
    int letter;
    optind = 0;
    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (letter == 'f') o->from = optarg;
        if (letter == 't') o->target = optarg;
        if (letter == 's') o->snapshot = optarg;
        if (letter == '?') return false;
    }
    return o->from && optind == argc && o->snapshot[0] != '-';
}

/*
 * The id of a device that is named by id or by name. One that is not listed may still be an id: of a device that was
 * removed. The server knows. False, and said: none, or more than one.
 */
static bool find_device(struct owner *o, const char *named, char *out, size_t size) {
    json_t *body = NULL, *d;
    size_t i, found = 0;
    if (owner_call(o, "GET", "/devices", NULL, &body) != STATUS_DONE) return false;
    json_array_foreach(json_object_get(body, "devices"), i, d) {
        bool is_id_of = strcmp(text_of(d, "id"), named) == 0;
        if (!is_id_of && strcmp(text_of(d, "name"), named) != 0) continue;
        found = is_id_of ? 1 : found + 1;
        if (str_to_z(str_from(text_of(d, "id")), out, size) != OK) found = 0;
        if (is_id_of) break;
    }
    json_decref(body);
    if (found == 0 && is_id(named) && str_to_z(str_from(named), out, size) == OK) return true;
    if (found == 1 && is_id(out)) return true;
    complain(found > 1 ? "more than one device has the name %s: use its id (tocsin devices)"
                       : "the account has no device %s (tocsin devices)",
             named);
    return false;
}

/* The same address with the other device's folder at its end: rest:ORIGIN/backup/DEVICE/. */
static enum err address_of(const struct secret *own, const char *from, struct secret *ret) {
    struct str s = secret_str(own);
    struct buf b;
    enum err r;
    if (str_ends(s, STR("/"))) s.n--;
    while (s.n > 0 && s.p[s.n - 1] != '/') s.n--;
    buf_init(&b, SECRET_BYTES_MAX);
    buf_add(&b, s);
    buf_addf(&b, "%s/", from);
    r = buf_err(&b);
    if (r == OK) r = secret_from_str(ret, buf_str(&b));
    buf_release(&b);
    return r;
}

static int get_leave(struct owner *o, const char *from) {
    struct attempt a;
    json_t *result = NULL;
    int status = attempt_open(o->client, json_pack("{s:s,s:s}", "action", "restore", "from_device", from),
                              secret_str(&o->login.session), &a);
    if (status != STATUS_DONE) return status;
    status = attempt_prove(&a);
    if (status == STATUS_DONE) status = attempt_commit(&a, json_object(), &result);
    if (status == STATUS_DONE) {
        say(stdout, "This device may read that backup until ");
        say_time(stdout, text_of(result, "window_ends_at"));
        say(stdout, ".\n");
    }
    json_decref(result);
    attempt_release(&a);
    return status;
}

static int run_restic(const struct backup *b, const struct options *o) {
    const struct restic r = {
        &b->repository, &b->password, { "restore", o->snapshot, "--target", o->target, NULL }, false
    };
    return restic_run(&r) == 0 ? STATUS_DONE : STATUS_NO;
}

/* A new token may be the end of the one before, so it is kept for this device's own backup, too. */
static int get_token(struct owner *o, struct secret *ret) {
    int home = -1, status = backup_token(o, ret);
    if (status != STATUS_DONE) return status;
    home = home_open();
    if (home < 0 || home_write(home, REPOSITORY_FILE, secret_str(ret)) != OK) status = STATUS_NO;
    if (home >= 0) (void)close(home);
    return status;
}

/* Another device's: a token of this device, that one's folder, and the password that was kept when it was made. */
static int restore_other(struct owner *o, const char *from, const struct options *options) {
    struct backup b = { .repository = { NULL, 0 } };
    struct secret own;
    int status;
    secret_init(&own);
    status = get_leave(o, from);
    if (status == STATUS_DONE) status = get_token(o, &own);
    if (status == STATUS_DONE && address_of(&own, from, &b.repository) != OK) status = STATUS_NO;
    if (status == STATUS_DONE &&
        (ask_secret("Password of that backup (you kept it when it was made): ", &b.password) != OK ||
         b.password.n == 0)) {
        complain("no password was typed");
        status = STATUS_NO;
    }
    if (status == STATUS_DONE) status = run_restic(&b, options);
    secret_release(&own);
    backup_release(&b);
    return status;
}

static int restore_own(const struct options *options) {
    struct backup b = { .repository = { NULL, 0 } };
    int status = backup_load(&b) ? run_restic(&b, options) : STATUS_NO;
    backup_release(&b);
    return status;
}

int restore_run(struct cli *cli, int argc, char **argv) {
    struct options options = { .target = "restored", .snapshot = "latest" };
    char from[ID_BYTES_MAX + 1] = "";
    struct owner o;
    int status = STATUS_NO;
    if (!read_options(argc, argv, &options)) return usage_of(cli);
    if (owner_begin(&o) && find_device(&o, options.from, from, sizeof from))
        status = strcmp(from, o.login.device) == 0 ? restore_own(&options) : restore_other(&o, from, &options);
    owner_release(&o);
    return status;
}
