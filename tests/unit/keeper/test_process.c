/* The keeper as the front meets it: over the socket, many asks at once, killed and started again, full, and gone. */
#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define PARALLEL 50

static const char WRONG[] = "not the right one at all";

struct tally {
    pthread_mutex_t lock;
    pthread_cond_t has_changed;
    int answered, by_say[KEEPER_DOWN + 1], spent;
    int64_t last_ms;
};

static void tally_init(struct tally *t) {
    *t = (struct tally){ .lock = PTHREAD_MUTEX_INITIALIZER, .has_changed = PTHREAD_COND_INITIALIZER };
}

static void tally_done(void *ctx, const struct keeper_reply *reply) {
    struct tally *t = ctx;
    pthread_mutex_lock(&t->lock);
    t->answered++;
    t->by_say[reply->say]++;
    t->spent += reply->is_budget_just_spent;
    t->last_ms = clock_mono_ms();
    pthread_cond_signal(&t->has_changed);
    pthread_mutex_unlock(&t->lock);
}

static void tally_wait(struct tally *t, int n) {
    pthread_mutex_lock(&t->lock);
    while (t->answered < n) pthread_cond_wait(&t->has_changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

static enum keeper_say ask_over(struct keeper_client *k, const struct play *p, enum keeper_ask what,
                                const char *secret) {
    struct keeper_request q = play_ask(p, what, secret);
    struct keeper_reply reply;
    keeper_ask_wait(k, &q, &reply);
    return reply.say;
}

/* Asks until the keeper is up; it may say DOWN meanwhile. */
static void wait_until_up(struct keeper_client *k) {
    struct keeper_request ping = { .ask = KEEPER_PING };
    struct keeper_reply reply = { .say = KEEPER_DOWN };
    for (int i = 0; i < 100 && reply.say != KEEPER_RIGHT; i++) keeper_ask_wait(k, &ping, &reply);
    assert_int_equal(reply.say, KEEPER_RIGHT);
}

static struct keeper_client *client_of(struct process *p) {
    struct keeper_client *k;
    assert_int_equal(keeper_client_new(p->front_fd, &k), OK);
    wait_until_up(k);
    return k;
}

static void test_over_the_socket(void **state) {
    struct world *w = *state;
    struct process p;
    char key[RECOVERY_KEY_TEXT_SIZE];
    struct device_id device;
    struct account_id account = enroll(w, &device, key);
    process_open(&p, w);
    struct keeper_client *k = client_of(&p);
    struct play in = play_new(account, ACTION_CHANGE_PASSWORD, device);
    struct keeper_reply reply;
    assert_int_equal(ask_over(k, &in, KEEPER_PROVE_PASSWORD, WRONG), KEEPER_WRONG);
    assert_int_equal(ask_over(k, &in, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask_over(k, &in, KEEPER_PROVE_RECOVERY_KEY, key), KEEPER_RIGHT);
    struct keeper_request q = play_ask(&in, KEEPER_MAKE_CODE_HERE, NULL);
    keeper_ask_wait(k, &q, &reply);
    assert_int_equal(reply.say, KEEPER_RIGHT);
    assert_int_equal(strlen(reply.digits), 4);
    assert_int_equal(reply.proved, 0);
    assert_int_equal(ask_over(k, &in, KEEPER_COMMIT, "12345678"), KEEPER_WEAK);
    q = play_ask(&in, KEEPER_COMMIT, OTHER_PASSWORD);
    keeper_ask_wait(k, &q, &reply);
    assert_int_equal(reply.say, KEEPER_RIGHT);
    assert_int_equal(reply.proved, PROOF_PASSWORD | PROOF_RECOVERY_KEY);
    assert_int_equal(strlen(reply.recovery_key), 34);
    q = play_ask(&in, KEEPER_PROVE_PASSWORD, NULL);
    memset(&q.account, 0, sizeof q.account); /* what can't be asked is refused by the client itself */
    keeper_ask_wait(k, &q, &reply);
    assert_int_equal(reply.say, KEEPER_REFUSED);
    keeper_client_free(k);
    assert_int_equal(process_stop(&p), 0);
    process_close(&p);
}

static void guess_at_once(struct keeper_client *k, struct account_id account, const char *password, struct tally *t) {
    tally_init(t);
    for (int i = 0; i < PARALLEL; i++) {
        struct play p = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
        struct keeper_request q = play_ask(&p, KEEPER_PROVE_PASSWORD, password);
        keeper_ask(k, &q, tally_done, t);
    }
    tally_wait(t, PARALLEL);
}

static void test_parallel_guesses(void **state) {
    struct world *w = *state;
    struct process p;
    struct tally t;
    struct account_id account = enroll(w, NULL, NULL), nobody;
    id_new(nobody.b);
    process_open(&p, w);
    struct keeper_client *k = client_of(&p);
    guess_at_once(k, account, GOOD_PASSWORD, &t); /* right ones cost nothing once they are answered */
    assert_int_equal(t.by_say[KEEPER_RIGHT] + t.by_say[KEEPER_TOO_MANY], PARALLEL);
    assert_true(t.by_say[KEEPER_RIGHT] >= 10);
    guess_at_once(k, account, WRONG, &t);
    assert_int_equal(t.by_say[KEEPER_WRONG], 10);
    assert_int_equal(t.by_say[KEEPER_TOO_MANY], PARALLEL - 10);
    assert_int_equal(t.spent, 1); /* told once */
    guess_at_once(k, nobody, WRONG, &t);
    assert_int_equal(t.by_say[KEEPER_WRONG], 10);
    assert_int_equal(t.by_say[KEEPER_TOO_MANY], PARALLEL - 10);
    assert_int_equal(t.spent, 1);
    keeper_client_free(k);
    process_close(&p);
}

static void test_parallel_in_one_attempt(void **state) {
    struct world *w = *state;
    struct process p;
    struct tally t;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    process_open(&p, w);
    struct keeper_client *k = client_of(&p);
    struct play one = play_new(account, ACTION_SIGN_IN, device);
    struct keeper_request q = play_ask(&one, KEEPER_PROVE_PASSWORD, WRONG);
    tally_init(&t);
    for (int i = 0; i < PARALLEL; i++) keeper_ask(k, &q, tally_done, &t);
    tally_wait(&t, PARALLEL);
    assert_int_equal(t.by_say[KEEPER_WRONG], 3);
    assert_int_equal(t.by_say[KEEPER_REFUSED] + t.by_say[KEEPER_BUSY], PARALLEL - 3);
    assert_int_equal(ask_over(k, &one, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_REFUSED);
    keeper_client_free(k);
    process_close(&p);
}

/* Killed in the middle of guesses, again and again: a reservation survives, so that a crash never gives a try back. */
static void test_killed_while_guessing(void **state) {
    struct world *w = *state;
    struct process p;
    struct tally t;
    int wrong = 0;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    process_open(&p, w);
    struct keeper_client *k = client_of(&p);
    for (int round = 0; round < 4; round++) {
        tally_init(&t);
        for (int i = 0; i < 6; i++) {
            struct play in = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
            struct keeper_request q = play_ask(&in, KEEPER_PROVE_PASSWORD, WRONG);
            keeper_ask(k, &q, tally_done, &t);
        }
        poll(NULL, 0, round * 3);
        process_kill(&p);
        process_start(&p);
        tally_wait(&t, 6); /* the hello answers what the dead one left */
        assert_int_equal(t.by_say[KEEPER_WRONG] + t.by_say[KEEPER_DOWN] + t.by_say[KEEPER_TOO_MANY], 6);
        wrong += t.by_say[KEEPER_WRONG];
        wait_until_up(k);
    }
    guess_at_once(k, account, WRONG, &t);
    assert_true(wrong + t.by_say[KEEPER_WRONG] <= 10);
    assert_int_equal(t.by_say[KEEPER_WRONG] + t.by_say[KEEPER_TOO_MANY], PARALLEL);
    struct play in = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
    assert_int_equal(ask_over(k, &in, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_TOO_MANY);
    in = play_new(account, ACTION_SIGN_IN, device);
    assert_int_equal(ask_over(k, &in, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    keeper_client_free(k);
    process_close(&p);
}

/* Killed around a commit: afterwards it was applied whole, or not at all, and asking its fate says which. */
static void test_killed_while_committing(void **state) {
    struct world *w = *state;
    struct process p;
    struct device_id device;
    struct account_id account = enroll(w, &device, NULL);
    const char *now = GOOD_PASSWORD, *next = OTHER_PASSWORD;
    int applied = 0;
    process_open(&p, w);
    struct keeper_client *k = client_of(&p);
    for (int round = 0; round < 5; round++) { /* as many codes as an hour has */
        struct keeper_reply shown;
        struct tally t;
        struct play c = play_new(account, ACTION_CHANGE_PASSWORD, device);
        assert_int_equal(ask_over(k, &c, KEEPER_PROVE_PASSWORD, now), KEEPER_RIGHT);
        struct keeper_request q = play_ask(&c, KEEPER_MAKE_CODE_THERE, NULL);
        keeper_ask_wait(k, &q, &shown);
        assert_int_equal(shown.say, KEEPER_RIGHT);
        q = play_ask(&c, KEEPER_SHOW_CODE, NULL);
        keeper_ask_wait(k, &q, &shown);
        assert_int_equal(ask_over(k, &c, KEEPER_PROVE_CODE, shown.digits), KEEPER_RIGHT);
        tally_init(&t);
        q = play_ask(&c, KEEPER_COMMIT, next);
        keeper_ask(k, &q, tally_done, &t);
        if (round % 3) poll(NULL, 0, round % 3);
        process_kill(&p);
        process_start(&p);
        tally_wait(&t, 1);
        wait_until_up(k);
        enum keeper_say fate = ask_over(k, &c, KEEPER_FATE, NULL);
        assert_true(fate == KEEPER_RIGHT || fate == KEEPER_NONE);
        if (t.by_say[KEEPER_RIGHT]) assert_int_equal(fate, KEEPER_RIGHT);
        if (fate == KEEPER_RIGHT) {
            const char *was = now;
            now = next;
            next = was;
            applied++;
        }
        struct play in = play_new(account, ACTION_SIGN_IN, device);
        assert_int_equal(ask_over(k, &in, KEEPER_PROVE_PASSWORD, next), KEEPER_WRONG);
        assert_int_equal(ask_over(k, &in, KEEPER_PROVE_PASSWORD, now), KEEPER_RIGHT);
    }
    assert_int_equal(world_number(w, &SUM_REVS), 2 + applied);
    keeper_client_free(k);
    process_close(&p);
}

#define NODES 2

struct nodes {
    struct process p[NODES];
    struct keeper_client *k[NODES];
};

static void nodes_open(struct nodes *n, struct world *w) {
    for (int i = 0; i < NODES; i++) {
        process_open(&n->p[i], w);
        n->k[i] = client_of(&n->p[i]);
    }
}

static void nodes_close(struct nodes *n) {
    for (int i = 0; i < NODES; i++) {
        keeper_client_free(n->k[i]);
        process_close(&n->p[i]);
    }
}

/* An attempt to sign up that has proved the address. */
static struct play signing_up(struct world *w, struct account_id account) {
    struct play p = play_new(account, ACTION_SIGN_UP, DEVICE_NONE);
    char digits[9];
    assert_int_equal(ask(w, &p, KEEPER_MAKE_EMAIL_CODE, NULL), KEEPER_RIGHT);
    world_unseal(w, digits);
    assert_int_equal(ask(w, &p, KEEPER_PROVE_EMAIL_CODE, digits), KEEPER_RIGHT);
    return p;
}

/* More servers give no more guesses, and let nobody enroll over another. */
static void test_two_nodes(void **state) {
    struct world *w = *state;
    struct nodes n;
    struct tally t;
    struct account_id account = enroll(w, NULL, NULL);
    if (!w->is_postgres) return; /* SQLite serves one keeper */
    nodes_open(&n, w);
    tally_init(&t);
    for (int i = 0; i < PARALLEL; i++) {
        struct play p = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
        struct keeper_request q = play_ask(&p, KEEPER_PROVE_PASSWORD, WRONG);
        keeper_ask(n.k[i % NODES], &q, tally_done, &t);
    }
    tally_wait(&t, PARALLEL);
    assert_int_equal(t.by_say[KEEPER_WRONG], 10);
    assert_int_equal(t.by_say[KEEPER_TOO_MANY], PARALLEL - 10);
    assert_int_equal(t.spent, 1);
    for (int round = 0; round < 10; round++) {
        struct account_id fresh;
        id_new(fresh.b);
        struct play p[NODES] = { signing_up(w, fresh), signing_up(w, fresh) };
        tally_init(&t);
        for (int i = 0; i < NODES; i++) {
            struct keeper_request q = play_ask(&p[i], KEEPER_COMMIT, i ? GOOD_PASSWORD : OTHER_PASSWORD);
            keeper_ask(n.k[i], &q, tally_done, &t);
        }
        tally_wait(&t, NODES);
        assert_int_equal(t.by_say[KEEPER_RIGHT], 1);
        assert_int_equal(t.by_say[KEEPER_REFUSED] + t.by_say[KEEPER_DOWN], 1);
    }
    assert_int_equal(world_number(w, &COUNT_CREDENTIALS), 22);
    assert_int_equal(world_number(w, &SUM_REVS), 22);
    nodes_close(&n);
}

static void test_full_queue(void **state) {
    struct world *w = *state;
    struct process p;
    struct tally t;
    w->config.keeper_hash_memory_kib = 131072; /* slow enough to pile up */
    w->config.keeper_hash_threads = 1;
    w->config.keeper_queue = 2;
    process_open(&p, w);
    struct keeper_client *k = client_of(&p);
    tally_init(&t);
    for (int i = 0; i < PARALLEL; i++) {
        struct account_id account;
        id_new(account.b);
        struct play in = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
        struct keeper_request q = play_ask(&in, KEEPER_PROVE_PASSWORD, WRONG);
        keeper_ask(k, &q, tally_done, &t);
    }
    tally_wait(&t, PARALLEL - 3);
    assert_true(t.by_say[KEEPER_BUSY] >= PARALLEL - 8); /* a few may have been hashed meanwhile */
    /* Quick asks go past the queue. */
    wait_until_up(k);
    tally_wait(&t, PARALLEL);
    assert_int_equal(t.by_say[KEEPER_BUSY] + t.by_say[KEEPER_WRONG], PARALLEL);
    assert_true(t.by_say[KEEPER_WRONG] >= 3);
    keeper_client_free(k);
    process_close(&p);
}

static void test_drains(void **state) {
    struct world *w = *state;
    struct process p;
    struct tally t;
    struct account_id account = enroll(w, NULL, NULL);
    w->config.keeper_hash_memory_kib = 65536;
    w->config.keeper_hash_threads = 1;
    process_open(&p, w);
    struct keeper_client *k = client_of(&p);
    tally_init(&t);
    for (int i = 0; i < 10; i++) {
        struct play in = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
        struct keeper_request q = play_ask(&in, KEEPER_PROVE_PASSWORD, WRONG);
        keeper_ask(k, &q, tally_done, &t);
    }
    tally_wait(&t, 1);
    assert_int_equal(process_stop(&p), 0);
    tally_wait(&t, 10); /* every one was answered before it ended */
    assert_int_equal(t.by_say[KEEPER_DOWN], 0);
    /* What was not hashed was given back. */
    int left = 10 - t.by_say[KEEPER_WRONG];
    for (int i = 0; i < left; i++) {
        struct play in = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
        assert_int_equal(ask(w, &in, KEEPER_PROVE_PASSWORD, WRONG), KEEPER_WRONG);
    }
    struct play in = play_new(account, ACTION_SIGN_IN, DEVICE_NONE);
    assert_int_equal(ask(w, &in, KEEPER_PROVE_PASSWORD, WRONG), KEEPER_TOO_MANY);
    keeper_client_free(k);
    process_close(&p);
}

/* --- the client alone --- */

static void test_nobody_there(void **state) {
    (void)state;
    int fd[2];
    struct keeper_client *k;
    struct keeper_request ping = { .ask = KEEPER_PING };
    struct keeper_reply reply;
    struct tally t;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
    assert_int_equal(keeper_client_new(fd[0], &k), OK);
    int64_t before_ms = clock_mono_ms();
    keeper_ask_wait(k, &ping, &reply); /* nobody reads */
    assert_int_equal(reply.say, KEEPER_DOWN);
    assert_true(clock_mono_ms() - before_ms >= 9900);
    tally_init(&t);
    keeper_ask(k, &ping, tally_done, &t);
    close(fd[1]);
    tally_wait(&t, 1); /* the end of the socket answers what waits … */
    assert_int_equal(t.by_say[KEEPER_DOWN], 1);
    keeper_ask_wait(k, &ping, &reply); /* … and what comes after it */
    assert_int_equal(reply.say, KEEPER_DOWN);
    keeper_client_free(k);
    close(fd[0]);
}

static void test_free_answers(void **state) {
    (void)state;
    int fd[2];
    struct keeper_client *k;
    struct keeper_request ping = { .ask = KEEPER_PING };
    struct tally t;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
    assert_int_equal(keeper_client_new(fd[0], &k), OK);
    tally_init(&t);
    for (int i = 0; i < 5; i++) keeper_ask(k, &ping, tally_done, &t);
    keeper_client_free(k);
    assert_int_equal(t.by_say[KEEPER_DOWN], 5);
    close(fd[0]);
    close(fd[1]);
}

static void test_full_socket(void **state) {
    (void)state;
    int fd[2];
    struct keeper_client *k;
    struct keeper_request ping = { .ask = KEEPER_PING };
    struct tally t;
    bool is_busy = false;
    int asked = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
    assert_int_equal(keeper_client_new(fd[0], &k), OK);
    tally_init(&t);
    for (; asked < 5000 && !is_busy; asked++) {
        keeper_ask(k, &ping, tally_done, &t);
        pthread_mutex_lock(&t.lock);
        is_busy = t.by_say[KEEPER_BUSY] > 0;
        pthread_mutex_unlock(&t.lock);
    }
    tally_wait(&t, 1);
    assert_true(t.by_say[KEEPER_BUSY] >= 1);
    keeper_client_free(k);
    assert_int_equal(t.answered, asked);
    close(fd[0]);
    close(fd[1]);
}

static void send_reply(int fd, uint64_t request, enum keeper_say say, size_t n) {
    struct keeper_message_reply m = { .say = (uint8_t)say };
    m.h = (struct ipc_header){
        .bytes = (uint32_t)n, .type = KEEPER_TYPE_REPLY, .version = IPC_VERSION, .request = request
    };
    assert_int_equal(send(fd, &m, n, 0), n);
}

/* Answers to nobody, twice, unsound ones: none reaches a caller. The right one does, once. */
static void test_odd_replies(void **state) {
    (void)state;
    int fd[2];
    struct keeper_client *k;
    struct keeper_request ping = { .ask = KEEPER_PING };
    struct tally t;
    uint8_t buffer[IPC_MESSAGE_MAX];
    struct keeper_message_ask asked;
    size_t n = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
    assert_int_equal(keeper_client_new(fd[0], &k), OK);
    tally_init(&t);
    keeper_ask(k, &ping, tally_done, &t);
    assert_int_equal(ipc_receive(fd[1], buffer, &n, 1000), OK);
    assert_int_equal(n, sizeof asked);
    memcpy(&asked, buffer, sizeof asked);
    send_reply(fd[1], asked.h.request + 1, KEEPER_RIGHT, sizeof(struct keeper_message_reply));
    send_reply(fd[1], asked.h.request, KEEPER_RIGHT, sizeof(struct keeper_message_reply) - 1);
    send_reply(fd[1], asked.h.request, KEEPER_DOWN + 1, sizeof(struct keeper_message_reply));
    assert_int_equal(send(fd[1], "x", 1, 0), 1);
    assert_int_equal(send(fd[1], "", 0, 0), 0);
    poll(NULL, 0, 100);
    pthread_mutex_lock(&t.lock);
    assert_int_equal(t.answered, 0);
    pthread_mutex_unlock(&t.lock);
    send_reply(fd[1], asked.h.request, KEEPER_RIGHT, sizeof(struct keeper_message_reply));
    send_reply(fd[1], asked.h.request, KEEPER_WRONG, sizeof(struct keeper_message_reply));
    tally_wait(&t, 1);
    keeper_client_free(k);
    assert_int_equal(t.answered, 1);
    assert_int_equal(t.by_say[KEEPER_RIGHT], 1);
    close(fd[0]);
    close(fd[1]);
}

int main(int argc, char **argv) {
    process_maybe_be_keeper(argc, argv);
    const struct CMUnitTest client[] = {
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_free_answers),
        cmocka_unit_test(test_full_socket),
        cmocka_unit_test(test_odd_replies),
    };
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_over_the_socket),
        WORLD_TEST(test_parallel_guesses),
        WORLD_TEST(test_parallel_in_one_attempt),
        WORLD_TEST(test_killed_while_guessing),
        WORLD_TEST(test_killed_while_committing),
        WORLD_TEST(test_two_nodes),
        WORLD_TEST(test_full_queue),
        WORLD_TEST(test_drains),
    };
    clock_init();
    if (crypto_init() != OK) return 1;
    return run_on_both("keeper process", tests, ARRAY_LEN(tests)) +
           _cmocka_run_group_tests("keeper client", client, ARRAY_LEN(client), NULL, NULL);
}
