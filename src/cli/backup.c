/*
 * tocsin backup init|run|status (and forget, in its own file): this device's own repository, written by restic and
 * encrypted with a password that is made here and never leaves this machine. Three small files are kept: where to (with
 * the token), the password, and what.
 */
#include <unistd.h>

#include "base/crypto.h"
#include "base/enc.h"
#include "cli/backup.h"
#include "cli/terminal.h"

#define PATHS_FILE     "backup-paths"
#define PASSWORD_BYTES 24

void backup_release(struct backup *b) {
    secret_release(&b->repository);
    secret_release(&b->password);
}

/* ---- init ---- */

int backup_token(struct owner *o, struct secret *ret_repository) {
    json_t *body = NULL;
    char path[200];
    int status;
    (void)snprintf(path, sizeof path, "/devices/%s/backup-token", o->login.device);
    status = owner_call(o, "POST", path, json_object(), &body);
    if (status == STATUS_DONE) {
        const char *repository = text_of(body, "repository");
        if (!str_starts(str_from(repository), STR("rest:")) ||
            secret_from_str(ret_repository, str_from(repository)) != OK) {
            complain("the server does not answer as a tocsin server does");
            status = STATUS_NO;
        }
    }
    json_decref(body);
    return status;
}

static enum err make_password(struct secret *ret) {
    uint8_t bytes[PASSWORD_BYTES];
    char text[B64URL_LEN(PASSWORD_BYTES) + 1];
    enum err r;
    crypto_random(bytes, sizeof bytes);
    r = secret_from_str(ret, str_bytes(text, enc_b64url(bytes, sizeof bytes, text)));
    bytes_wipe(bytes, sizeof bytes);
    bytes_wipe(text, sizeof text);
    return r;
}

/* The password there is: without it what was backed up before could never be read again. */
static enum err read_or_make_password(int home, struct secret *ret) {
    enum err r = home_read(home, PASSWORD_FILE, ret);
    if (r != ERR_NOT_FOUND) return r;
    r = make_password(ret);
    return r == OK ? home_write(home, PASSWORD_FILE, secret_str(ret)) : r;
}

/* What to back up, a path a line; the home folder where none is named. */
static enum err write_paths(int home, int argc, char **argv) {
    struct buf b;
    enum err r;
    buf_init(&b, SECRET_BYTES_MAX);
    for (int i = 1; i < argc; i++) {
        char *whole = realpath(argv[i], NULL);
        if (!whole || strchr(whole, '\n')) {
            complain("%s is not a path that can be backed up", argv[i]);
            free(whole);
            buf_release(&b);
            return ERR_INPUT;
        }
        buf_addf(&b, "%s\n", whole);
        free(whole);
    }
    if (argc == 1) buf_addf(&b, "%s\n", getenv("HOME") ? getenv("HOME") : "/root");
    r = buf_err(&b);
    if (r != OK) complain("those are too many paths");
    if (r == OK) r = home_write(home, PATHS_FILE, buf_str(&b));
    buf_release(&b);
    return r;
}

static void say_keep(void) {
    char folder[HOME_PATH_MAX] = "";
    (void)home_path(folder, sizeof folder);
    say(stdout,
        "\nThe backup is encrypted with the password in %s/" PASSWORD_FILE "\n"
        "Nobody has a second one, and the server can't read your data. Keep a copy of that file away from\n"
        "this computer, now: without it nothing can be restored when this computer is lost.\n",
        folder);
}

static int make_repository(const struct backup *b) {
    const struct restic look = { &b->repository, &b->password, { "cat", "config", NULL }, true };
    const struct restic init = { &b->repository, &b->password, { "init", NULL }, false };
    int rc = restic_run(&look);
    if (rc < 0) return STATUS_NO;
    if (rc == 0) {
        say(stdout, "The repository is there already.\n");
        return STATUS_DONE;
    }
    return restic_run(&init) == 0 ? STATUS_DONE : STATUS_NO;
}

int backup_init_run(struct cli *cli, int argc, char **argv) {
    struct owner o;
    struct backup b = { .repository = { NULL, 0 } };
    int home = -1, status = STATUS_NO;
    (void)cli;
    if (owner_begin(&o)) home = home_open();
    if (home >= 0 && write_paths(home, argc, argv) == OK && read_or_make_password(home, &b.password) == OK)
        status = backup_token(&o, &b.repository);
    if (status == STATUS_DONE && home_write(home, REPOSITORY_FILE, secret_str(&b.repository)) != OK) status = STATUS_NO;
    if (status == STATUS_DONE) status = make_repository(&b);
    if (status == STATUS_DONE) say_keep();
    if (home >= 0) (void)close(home);
    backup_release(&b);
    owner_release(&o);
    return status;
}

/* ---- run and status ---- */

bool backup_load(struct backup *ret) {
    int home = home_open();
    enum err r = ERR_IO;
    if (home >= 0) r = home_read(home, REPOSITORY_FILE, &ret->repository);
    if (r == OK) r = home_read(home, PASSWORD_FILE, &ret->password);
    if (r == ERR_NOT_FOUND) complain("there is no backup of this device yet: tocsin backup init");
    if (home >= 0) (void)close(home);
    return r == OK;
}

/* restic reads an --exclude as a pattern: its own marks are escaped. */
static bool escape_pattern(const char *path, char *out, size_t size) {
    size_t n = 0;
    for (; *path; path++) {
        if (n + 3 > size) return false;
        if (strchr("*?[]\\", *path)) out[n++] = '\\';
        out[n++] = *path;
    }
    out[n] = 0;
    return true;
}

int backup_run_run(struct cli *cli, int argc, char **argv) {
    static char paths[HOME_PATH_MAX * 2], folder[HOME_PATH_MAX], excluded[HOME_PATH_MAX * 2];
    struct backup b = { .repository = { NULL, 0 } };
    struct restic r = { &b.repository, &b.password, { NULL }, false };
    bool has_more = argc > 1 && strcmp(argv[1], "--") == 0;
    size_t n = 0;
    int rc = -1;
    if ((argc > 1 && !has_more) || argc > RESTIC_ARGUMENTS_MAX - 8) return usage_of(cli);
    if (!home_path(folder, sizeof folder) || !escape_pattern(folder, excluded, sizeof excluded)) return STATUS_NO;
    (void)snprintf(paths, sizeof paths, "%s/" PATHS_FILE, folder);
    r.arguments[n++] = "backup";
    r.arguments[n++] = "--files-from-verbatim";
    r.arguments[n++] = paths;
    r.arguments[n++] = "--exclude-caches";
    r.arguments[n++] = "--exclude"; /* this device's tokens and password belong to this device */
    r.arguments[n++] = excluded;
    for (int i = 2; i < argc; i++) r.arguments[n++] = argv[i];
    if (backup_load(&b)) rc = restic_run(&r);
    backup_release(&b);
    if (rc == 3) complain("some files could not be read; the rest is backed up");
    return rc == 0 ? STATUS_DONE : STATUS_NO;
}

static void show_size(const json_t *backup) {
    const char *last = text_of(backup, "last_write");
    json_int_t bytes = json_integer_value(json_object_get(backup, "bytes"));
    say_padded(stdout, text_of(backup, "device"), 22);
    say(stdout, "%d MiB, %d files, last write ", (int)(bytes / (1024 * 1024)),
        (int)json_integer_value(json_object_get(backup, "files")));
    say_time(stdout, last[0] ? last : "never");
    say(stdout, "\n");
}

int backup_status_run(struct cli *cli, int argc, char **argv) {
    struct owner o;
    struct backup b = { .repository = { NULL, 0 } };
    const struct restic snapshots = { &b.repository, &b.password, { "snapshots", "--compact", NULL }, false };
    json_t *body = NULL, *one;
    int status = STATUS_NO;
    size_t i;
    (void)argv;
    if (argc != 1) return usage_of(cli);
    if (owner_begin(&o)) status = owner_call(&o, "GET", "/backups", NULL, &body);
    if (status == STATUS_DONE) json_array_foreach(json_object_get(body, "backups"), i, one) show_size(one);
    if (status == STATUS_DONE) status = backup_load(&b) && restic_run(&snapshots) == 0 ? STATUS_DONE : STATUS_NO;
    json_decref(body);
    backup_release(&b);
    owner_release(&o);
    return status;
}
