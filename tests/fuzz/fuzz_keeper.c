/*
 * The keeper's whole dispatcher on a real database: the input is a play of asks by a front that knows every name and
 * its own account's secrets. A victim enrolls first; whatever follows, its password and recovery key stay its own, no
 * device is let in to it, and no reply holds what its ask may not be told. Eight bytes an ask; an odd first byte lets
 * the rest of the input in as one raw message.
 */
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "keeper/code.h"
#include "keeper/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ASK_BYTES     8
#define RUNS_PER_FILE 3000
#define PASSWORD      "correct horse battery staple"

enum { VICTIM, OWN, NOBODY, ACCOUNTS };

struct side {
    struct account_id account;
    struct device_id device;
    char key[RECOVERY_KEY_TEXT_SIZE];
};

static struct {
    struct config config;
    struct store *store;
    struct keeper *keeper;
    struct arena *arena;
    uint8_t pepper[KEY_BYTES], link_key[KEY_BYTES], box_public[BOX_PUBLIC_BYTES], box_secret[BOX_SECRET_BYTES];
    char directory[64], path[100];
    int runs;
    int64_t now_ms;
    struct side side[ACCOUNTS];
    struct attempt_id attempts[4];
    char digits[9]; /* the last that were shown */
    struct job job;
} f;

static void need(bool is_so) {
    if (!is_so) abort();
}

static void remove_files(void) {
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[120];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof path, "%s%s", f.path, ends[i]);
        (void)unlink(path); /* not all are there */
    }
    (void)rmdir(f.directory);
}

static void open_all(void) {
    static const struct store_stmt *const *const statements[] = { keeper_statements, NULL };
    struct store_problem problem;
    snprintf(f.directory, sizeof f.directory, "%s/fuzz-keeper-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    need(mkdtemp(f.directory) != NULL);
    snprintf(f.path, sizeof f.path, "%s/keeper.db", f.directory);
    need(store_open(
             &(struct store_options){
                 .database = f.path, .migrations = "keeper", .statements = statements, .connections = 1 },
             &f.store, &problem) == OK);
    const struct keeper_options o = { .config = &f.config,
                                      .store = f.store,
                                      .front_fd = -1,
                                      .pepper = f.pepper,
                                      .link_key = f.link_key,
                                      .courier_box_public = f.box_public };
    need(keeper_new(&o, &f.keeper) == OK);
}

static void close_all(void) {
    keeper_free(f.keeper);
    store_close(f.store);
    remove_files();
}

static void start_once(void) {
    clock_init();
    need(crypto_init() == OK);
    config_defaults(&f.config);
    f.config.keeper_hash_memory_kib = 8;
    f.config.keeper_hash_passes = 1;
    f.now_ms = clock_wall_ms();
    f.arena = arena_new(JOB_ARENA_BYTES);
    need(f.arena != NULL);
    crypto_seal_keypair(f.box_public, f.box_secret);
    open_all();
    need(atexit(close_all) == 0);
}

static enum keeper_say serve(const struct keeper_request *q) {
    static uint64_t request;
    bytes_wipe(&f.job, sizeof f.job);
    keeper_fill_ask(&f.job.q, q, ++request);
    if (keeper_check_ask(&f.job.q, sizeof f.job.q) != OK) return 0;
    job_serve(f.keeper, &f.job, f.arena, f.now_ms);
    need(keeper_check_reply(&f.job.r, sizeof f.job.r) == OK);
    need(f.job.r.say != KEEPER_DOWN);
    return (enum keeper_say)f.job.r.say;
}

static void enroll(struct side *s) {
    struct keeper_request q = { .ask = KEEPER_MAKE_EMAIL_CODE, .action = ACTION_SIGN_UP };
    char digits[9] = "";
    id_new(s->account.b);
    id_new(s->device.b);
    id_new(q.attempt.b);
    q.account = s->account;
    need(serve(&q) == KEEPER_RIGHT);
    need(crypto_unseal(str_bytes(f.job.r.sealed, f.job.r.sealed_n), f.box_public, f.box_secret, (uint8_t *)digits) ==
         OK);
    q.ask = KEEPER_PROVE_EMAIL_CODE;
    q.secret = str_from(digits);
    need(serve(&q) == KEEPER_RIGHT);
    q.ask = KEEPER_COMMIT;
    q.by = s->device;
    q.secret = STR(PASSWORD);
    need(serve(&q) == KEEPER_RIGHT);
    memcpy(s->key, f.job.r.recovery_key, sizeof s->key);
}

struct look {
    struct credential password, key;
    bool is_stranger_known;
    struct device_id stranger;
};

static enum err look_at_victim(struct store_tx *tx, void *ctx) {
    struct look *l = ctx;
    struct step s = { f.keeper, &f.job, f.arena, f.now_ms };
    f.job.q.account = f.side[VICTIM].account;
    enum err r = credential_load(tx, &s, CREDENTIAL_PASSWORD, &l->password);
    if (r == OK) r = credential_load(tx, &s, CREDENTIAL_RECOVERY_KEY, &l->key);
    return r == OK ? known_device_find(tx, &s, l->stranger, &l->is_stranger_known) : r;
}

static struct look look(void) {
    struct look l = { .stranger = f.side[NOBODY].device };
    need(store_write(f.store, look_at_victim, &l) == OK);
    return l;
}

static struct str secret_for(uint8_t choice) {
    switch (choice % 8) {
    case 0: return str_from(f.digits);
    case 1: return str_from(f.side[OWN].key);
    case 2: return STR("another password, quite different");
    case 3: return STR("0000");
    case 4: return STR("\xff\xfe");
    case 5: return STR_NONE;
    case 6: return STR("tl_AAAA");
    default: return STR("not the one");
    }
}

/* The victim's password is nobody else's: only its own account's may be proved with it. */
static struct str secret_of(const struct keeper_request *q, uint8_t choice) {
    bool is_own = id_eq(q->account.b, f.side[OWN].account.b);
    if (is_own && q->ask == KEEPER_PROVE_PASSWORD && choice & 1) return STR(PASSWORD);
    return q->ask == KEEPER_PROVE_EMAIL_CODE ? STR("12345x") : secret_for(choice); /* no lucky guess of six digits */
}

static void judge(const struct keeper_request *q) {
    const struct keeper_message_reply *m = &f.job.r;
    bool is_right = m->say == KEEPER_RIGHT, is_victim = id_eq(q->account.b, f.side[VICTIM].account.b);
    if (m->digits[0]) need(is_right && (q->ask == KEEPER_MAKE_CODE_HERE || (q->ask == KEEPER_SHOW_CODE && !is_victim)));
    if (m->recovery_key[0]) need(is_right && q->ask == KEEPER_COMMIT && !is_victim);
    if (m->sealed_n) need(is_right && (q->ask == KEEPER_MAKE_CODE_THERE || q->ask == KEEPER_MAKE_EMAIL_CODE));
    if (is_victim) need((m->proved & ~(unsigned)PROOF_CODE) == 0);
    if (is_victim) need(!is_right || q->ask != KEEPER_COMMIT);
    if (m->digits[0]) memcpy(f.digits, m->digits, sizeof f.digits);
    if (m->recovery_key[0]) memcpy(f.side[OWN].key, m->recovery_key, sizeof f.side[OWN].key);
}

static void play(const uint8_t b[ASK_BYTES]) {
    struct keeper_request q = { .ask = (enum keeper_ask)(1 + b[0] % KEEPER_PING),
                                .account = f.side[b[1] % ACCOUNTS].account,
                                .attempt = f.attempts[b[2] % ARRAY_LEN(f.attempts)],
                                .action = (enum action)(b[3] % ACTION_COUNT),
                                .code_digits = (uint8_t)(4 + b[6] % 5) };
    if (b[4] % 4) q.device = f.side[b[4] % 4 - 1].device;
    if (b[5] % 4) q.by = f.side[b[5] % 4 - 1].device;
    if (b[6] >= 250) q.attempt_expires_ms = f.now_ms + b[6];
    if (keeper_ask_shapes[q.ask].secret_bytes_max > 0) q.secret = secret_of(&q, b[7]);
    if (serve(&q) == 0) return;
    judge(&q);
    if (b[7] >= 240) f.now_ms += (int64_t)(b[7] - 239) * 5 * MS_PER_MIN;
}

static void play_raw(const uint8_t *data, size_t n) {
    if (keeper_check_ask(data, n) != OK) return;
    bytes_wipe(&f.job, sizeof f.job);
    memcpy(&f.job.q, data, sizeof f.job.q);
    job_serve(f.keeper, &f.job, f.arena, f.now_ms);
    need(keeper_check_reply(&f.job.r, sizeof f.job.r) == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (!f.arena) start_once();
    if (++f.runs % RUNS_PER_FILE == 0) { /* or the database grows without end */
        close_all();
        open_all();
    }
    enroll(&f.side[VICTIM]);
    enroll(&f.side[OWN]);
    id_new(f.side[NOBODY].account.b);
    id_new(f.side[NOBODY].device.b);
    for (size_t i = 0; i < ARRAY_LEN(f.attempts); i++) id_new(f.attempts[i].b);
    memset(f.digits, 0, sizeof f.digits);
    struct look before = look();
    if (n > 0 && data[0] & 1)
        play_raw(data + 1, n - 1);
    else
        for (size_t at = 1; at + ASK_BYTES <= n && at < 80 * ASK_BYTES; at += ASK_BYTES) play(data + at);
    struct look after = look();
    need(memcmp(&before.password.hash, &after.password.hash, sizeof before.password.hash) == 0);
    need(memcmp(&before.key.hash, &after.key.hash, sizeof before.key.hash) == 0);
    need(before.password.rev == after.password.rev && before.key.rev == after.key.rev);
    need(!after.is_stranger_known);
    return 0;
}
