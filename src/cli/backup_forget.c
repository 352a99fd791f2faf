/*
 * tocsin backup forget: old snapshots, and what only they needed, go. The server keeps what was backed up from whoever
 * gets hold of this device, so that it takes an attempt: proofs, the alarm, and where this device is new a hold.
 */
#include "cli/attempt.h"
#include "cli/backup.h"
#include "cli/terminal.h"

static int open_window(struct owner *o) {
    struct attempt a;
    json_t *result = NULL;
    int status = attempt_open(o->client, json_pack("{s:s,s:s}", "action", "allow_deletion", "device", o->login.device),
                              secret_str(&o->login.session), &a);
    if (status != STATUS_DONE) return status;
    status = attempt_prove(&a);
    if (status == STATUS_DONE) status = attempt_commit(&a, json_object(), &result);
    if (status == STATUS_DONE) {
        say(stdout, "This device may delete from its backup until ");
        say_time(stdout, text_of(result, "window_ends_at"));
        say(stdout, ".\n");
    }
    json_decref(result);
    attempt_release(&a);
    return status;
}

/* What is kept where nothing else is said: a week of days, five weeks, a year of months. */
static const char *const kept[] = { "--keep-daily", "7", "--keep-weekly", "5", "--keep-monthly", "12" };

int backup_forget_run(struct cli *cli, int argc, char **argv) {
    struct owner o;
    struct backup b = { .repository = { NULL, 0 } };
    struct restic r = { &b.repository, &b.password, { "forget", "--prune" }, false };
    bool has_more = argc > 1 && strcmp(argv[1], "--") == 0;
    size_t n = 2;
    int status = STATUS_NO;
    if ((argc > 1 && !has_more) || argc > RESTIC_ARGUMENTS_MAX - 4) return usage_of(cli);
    for (int i = 2; i < argc; i++) r.arguments[n++] = argv[i];
    for (size_t i = 0; argc <= 2 && i < ARRAY_LEN(kept); i++) r.arguments[n++] = kept[i];
    if (owner_begin(&o) && backup_load(&b)) status = open_window(&o);
    if (status == STATUS_DONE && restic_run(&r) != 0) status = STATUS_NO;
    backup_release(&b);
    owner_release(&o);
    return status;
}
