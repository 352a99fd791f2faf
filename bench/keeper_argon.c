/*
 * How much of the machine's Argon2id the keeper delivers: crypto_pwhash alone on every core, against right passwords
 * proved over the real socket, with budgets, record and durable SQLite around each. Alternating rounds of one run.
 *
 *     keeper_argon [SECONDS A ROUND] [DIRECTORY]
 *     keeper_argon raw [SECONDS] [THREADS]        crypto_pwhash alone, as one number
 *
 * Exit status 1 when the keeper is under 0.9 of the raw rate.
 */
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/secret.h"
#include "config/config.h"
#include "keeper/client.h"
#include "keeper/keeper.h"

#define ACCOUNTS    64
#define OUTSTANDING 48
#define ROUNDS      3
#define PASSWORD    "correct horse battery staple"

static volatile int stop;
static struct config config;
static uint8_t pepper[KEY_BYTES], link_key[KEY_BYTES], box_public[BOX_PUBLIC_BYTES], box_secret[BOX_SECRET_BYTES];

static void on_term(int signal) {
    (void)signal;
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

static void need(bool is_so, const char *what) {
    if (is_so) return;
    fprintf(stderr, "keeper_argon: %s\n", what);
    exit(2);
}

static int be_keeper(int fd, const char *path) {
    static const struct store_stmt *const *const statements[] = { keeper_statements, NULL };
    struct sigaction act = { .sa_handler = on_term };
    struct store *store;
    struct store_problem problem = { "" };
    sigaction(SIGTERM, &act, NULL);
    const struct store_options so = {
        .database = path, .migrations = "keeper", .statements = statements, .connections = 4
    };
    need(store_open(&so, &store, &problem) == OK, problem.text);
    enum err r = keeper_run(&(struct keeper_options){ .config = &config,
                                                      .store = store,
                                                      .front_fd = fd,
                                                      .pepper = pepper,
                                                      .link_key = link_key,
                                                      .courier_box_public = box_public,
                                                      .stop = &stop });
    store_close(store);
    return r == OK ? 0 : 1;
}

/* --- raw --- */

struct raw {
    pthread_t thread;
    int64_t until_ms, count;
};

static void *raw_main(void *arg) {
    struct raw *raw = arg;
    uint8_t out[32], salt[16] = { 1 };
    /* As the keeper's hashing threads: or whatever else runs here would be counted against one side only. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), 10);
    while (clock_mono_ms() < raw->until_ms) {
        need(crypto_pwhash(out, sizeof out, PASSWORD, sizeof PASSWORD - 1, salt,
                           (unsigned long long)config.keeper_hash_passes, (size_t)config.keeper_hash_memory_kib * 1024,
                           crypto_pwhash_ALG_ARGON2ID13) == 0,
             "crypto_pwhash failed");
        raw->count++;
    }
    return NULL;
}

static double raw_rate(int64_t ms, long cores) {
    struct raw raw[256];
    int64_t start_ms = clock_mono_ms(), count = 0;
    if (cores > 256) cores = 256;
    for (long i = 0; i < cores; i++) {
        raw[i] = (struct raw){ .until_ms = start_ms + ms };
        need(pthread_create(&raw[i].thread, NULL, raw_main, &raw[i]) == 0, "no thread");
    }
    for (long i = 0; i < cores; i++) {
        pthread_join(raw[i].thread, NULL);
        count += raw[i].count;
    }
    return (double)count * 1000 / (double)(clock_mono_ms() - start_ms);
}

/* --- keeper --- */

struct account {
    struct account_id id;
    struct device_id device;
};

struct load {
    struct keeper_client *k;
    struct account account[ACCOUNTS];
    pthread_mutex_t lock;
    pthread_cond_t has_changed;
    int outstanding;
    size_t next;
    int64_t right, other;
};

/* What was asked before the keeper's hello is answered as lost. */
static void wait_until_up(struct keeper_client *k) {
    struct keeper_reply reply = { .say = KEEPER_DOWN };
    for (int i = 0; i < 100 && reply.say != KEEPER_RIGHT; i++)
        keeper_ask_wait(k, &(struct keeper_request){ .ask = KEEPER_PING }, &reply);
    need(reply.say == KEEPER_RIGHT, "the keeper does not come up");
}

static void enroll(struct keeper_client *k, struct account *a) {
    struct keeper_reply reply;
    char digits[9] = "";
    struct keeper_request q = { .ask = KEEPER_MAKE_EMAIL_CODE, .action = ACTION_SIGN_UP, .code_digits = 6 };
    id_new(a->id.b);
    id_new(a->device.b);
    id_new(q.attempt.b);
    q.account = a->id;
    keeper_ask_wait(k, &q, &reply);
    need(reply.say == KEEPER_RIGHT, "no e-mail code");
    need(crypto_unseal(str_bytes(reply.sealed, reply.sealed_n), box_public, box_secret, (uint8_t *)digits) == OK,
         "the code does not open");
    q.ask = KEEPER_PROVE_EMAIL_CODE;
    q.secret = str_from(digits);
    keeper_ask_wait(k, &q, &reply);
    need(reply.say == KEEPER_RIGHT, "e-mail code refused");
    q.ask = KEEPER_COMMIT;
    q.by = a->device;
    q.secret = STR(PASSWORD);
    keeper_ask_wait(k, &q, &reply); /* hashes: this is a bench, and has time */
    need(reply.say == KEEPER_RIGHT, "sign-up refused");
}

static void proved(void *ctx, const struct keeper_reply *reply) {
    struct load *l = ctx;
    pthread_mutex_lock(&l->lock);
    if (reply->say == KEEPER_RIGHT)
        l->right++;
    else
        l->other++;
    l->outstanding--;
    pthread_cond_signal(&l->has_changed);
    pthread_mutex_unlock(&l->lock);
}

static void prove_one(struct load *l) {
    const struct account *a = &l->account[l->next++ % ACCOUNTS];
    struct keeper_request q = { .ask = KEEPER_PROVE_PASSWORD,
                                .action = ACTION_SIGN_IN,
                                .account = a->id,
                                .device = a->device,
                                .secret = STR(PASSWORD) };
    id_new(q.attempt.b);
    keeper_ask(l->k, &q, proved, l);
}

static double keeper_rate(struct load *l, int64_t ms) {
    int64_t start_ms = clock_mono_ms();
    l->right = l->other = 0;
    while (clock_mono_ms() - start_ms < ms) {
        pthread_mutex_lock(&l->lock);
        while (l->outstanding >= OUTSTANDING) pthread_cond_wait(&l->has_changed, &l->lock);
        l->outstanding++;
        pthread_mutex_unlock(&l->lock);
        prove_one(l);
    }
    pthread_mutex_lock(&l->lock);
    while (l->outstanding > 0) pthread_cond_wait(&l->has_changed, &l->lock);
    double rate = (double)l->right * 1000 / (double)(clock_mono_ms() - start_ms);
    int64_t other = l->other;
    pthread_mutex_unlock(&l->lock);
    need(other == 0, "some proofs were not right");
    return rate;
}

static double median(double *v) {
    for (int i = 0; i < ROUNDS; i++)
        for (int j = i + 1; j < ROUNDS; j++)
            if (v[j] < v[i]) {
                double t = v[i];
                v[i] = v[j];
                v[j] = t;
            }
    return v[ROUNDS / 2];
}

static double compare(struct load *l, int64_t ms) {
    double raw[ROUNDS], keeper[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        raw[i] = raw_rate(ms, sysconf(_SC_NPROCESSORS_ONLN));
        keeper[i] = keeper_rate(l, ms);
        printf("round %d: crypto_pwhash alone %.1f/s, proved by the keeper %.1f/s\n", i + 1, raw[i], keeper[i]);
    }
    double ratio = median(keeper) / median(raw);
    printf("keeper_argon: Argon2id %lld KiB, %lld passes, %ld cores: raw %.1f/s, keeper %.1f/s, ratio %.3f\n",
           (long long)config.keeper_hash_memory_kib, (long long)config.keeper_hash_passes,
           sysconf(_SC_NPROCESSORS_ONLN), median(raw), median(keeper), ratio);
    return ratio;
}

static void remove_files(const char *directory, const char *path) {
    static const char *const ends[] = { "", "-wal", "-shm" };
    char name[400];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name); /* not all are there */
    }
    (void)rmdir(directory);
}

int main(int argc, char **argv) {
    static struct load load = { .lock = PTHREAD_MUTEX_INITIALIZER, .has_changed = PTHREAD_COND_INITIALIZER };
    char directory[200], path[300];
    int64_t seconds = 5;
    int fd[2], status = 0;
    bool is_raw = argc > 1 && strcmp(argv[1], "raw") == 0;
    argc -= is_raw;
    argv += is_raw;
    if (argc > 1) need(str_to_i64(str_from(argv[1]), 600, &seconds) == OK && seconds > 0, "seconds: 1 to 600");
    clock_init();
    need(crypto_init() == OK, "no cryptography");
    config_defaults(&config);
    if (is_raw) {
        int64_t threads = sysconf(_SC_NPROCESSORS_ONLN);
        if (argc > 2) need(str_to_i64(str_from(argv[2]), 256, &threads) == OK && threads > 0, "threads: 1 to 256");
        printf("%.2f\n", raw_rate(seconds * 1000, threads));
        return 0;
    }
    crypto_random(pepper, sizeof pepper);
    crypto_random(link_key, sizeof link_key);
    crypto_seal_keypair(box_public, box_secret);
    snprintf(directory, sizeof directory, "%s/keeper-argon-XXXXXX", argc > 2 ? argv[2] : "/var/tmp");
    need(mkdtemp(directory) != NULL, "no directory for the database");
    snprintf(path, sizeof path, "%s/keeper.db", directory);
    need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == 0, "no socket pair");
    pid_t pid = fork();
    need(pid >= 0, "no process");
    if (pid == 0) {
        close(fd[0]);
        _exit(be_keeper(fd[1], path));
    }
    close(fd[1]);
    need(keeper_client_new(fd[0], &load.k) == OK, "no client");
    wait_until_up(load.k);
    for (int i = 0; i < ACCOUNTS; i++) enroll(load.k, &load.account[i]);
    double ratio = compare(&load, seconds * 1000);
    keeper_client_free(load.k);
    kill(pid, SIGTERM);
    need(waitpid(pid, &status, 0) == pid && status == 0, "the keeper did not end well");
    remove_files(directory, path);
    return ratio >= 0.9 ? 0 : 1;
}
