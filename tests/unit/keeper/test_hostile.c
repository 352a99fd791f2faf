/*
 * A front that was taken over. It knows every id, has everything that ever passed over the socket for its own account,
 * and sends what it likes: noise, cut and bent messages, its old ones again, its own with other names in them. It must
 * neither change a credential nor read a secret of an account that gave it no proof. TOCSIN_HOSTILE_MESSAGES sets how
 * many messages it sends (200,000), TOCSIN_HOSTILE_SEED which.
 */
#include "process.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/secret.h"

#define ATTEMPTS      64
#define DEVICES       4
#define SECRETS       12
#define KEPT          512
#define OUTSTANDING   400
#define SILENCE_MS    5000
#define SOUND_PERCENT 8

struct side { /* an account, and what the hostile front knows of it */
    struct account_id account;
    struct device_id device;
    char key[RECOVERY_KEY_TEXT_SIZE];
};

struct asked { /* by request number, so that each reply is judged by its question */
    uint64_t request;
    uint8_t type;
    bool is_of_victim;
    struct play play;
};

struct hostile {
    struct world *w;
    struct process p;
    uint64_t random;
    struct side victim, own;
    struct account_id nobody;
    struct attempt_id attempts[ATTEMPTS];
    struct device_id devices[DEVICES];
    char secrets[SECRETS][KEEPER_PASSWORD_BYTES_MAX];
    struct keeper_message_ask kept[KEPT];
    size_t kept_n;
    struct asked asked[1 << 19]; /* more than are ever asked: no number comes again */
    uint64_t request;
    struct play learned; /* the attempt whose digits it read last */
    char learned_digits[9];
    int eager; /* asks that go on with it before anything else */
    int64_t sent, replies, outstanding, by_say[KEEPER_DOWN + 1], faked_codes, own_commits;
};

static uint32_t dice(struct hostile *h, uint32_t sides) {
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return (uint32_t)(h->random >> 32) % sides;
}

static int64_t setting(const char *name, int64_t otherwise) {
    int64_t value;
    const char *text = getenv(name);
    return text && str_to_i64(str_from(text), INT64_MAX / 2, &value) == OK ? value : otherwise;
}

static void set_secrets(struct hostile *h) {
    static const char *const known[] = { "",  "0000",     "1234",        "not the right one at all", "password", "\xff",
                                         "x", "00000000", OTHER_PASSWORD };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) snprintf(h->secrets[i], sizeof h->secrets[i], "%s", known[i]);
    /* Of its own account it knows all, of the victim's nothing: so GOOD_PASSWORD is the victim's alone. */
    snprintf(h->secrets[9], sizeof h->secrets[9], "%s", h->own.key);
    memset(h->secrets[10], 'a', sizeof h->secrets[10] - 1);
}

/* Its own account gets a password that differs from the victim's. */
static void change_own_password(struct hostile *h) {
    char digits[9];
    struct play c = play_new(h->own.account, ACTION_CHANGE_PASSWORD, h->own.device);
    assert_int_equal(ask(h->w, &c, KEEPER_PROVE_PASSWORD, GOOD_PASSWORD), KEEPER_RIGHT);
    assert_int_equal(ask(h->w, &c, KEEPER_MAKE_CODE_THERE, NULL), KEEPER_RIGHT);
    world_unseal(h->w, digits);
    assert_int_equal(ask(h->w, &c, KEEPER_PROVE_CODE, digits), KEEPER_RIGHT);
    assert_int_equal(ask(h->w, &c, KEEPER_COMMIT, OTHER_PASSWORD), KEEPER_RIGHT);
}

static void prepare(struct hostile *h, struct world *w) {
    memset(h, 0, sizeof *h);
    h->w = w;
    h->random = (uint64_t)setting("TOCSIN_HOSTILE_SEED", clock_wall_ms()) | 1;
    printf("TOCSIN_HOSTILE_SEED=%llu\n", (unsigned long long)h->random);
    h->victim.account = enroll(w, &h->victim.device, h->victim.key);
    h->own.account = enroll(w, &h->own.device, h->own.key);
    change_own_password(h);
    id_new(h->nobody.b);
    for (size_t i = 0; i < ATTEMPTS; i++) id_new(h->attempts[i].b);
    h->devices[1] = h->victim.device;
    h->devices[2] = h->own.device;
    id_new(h->devices[3].b);
    set_secrets(h);
    crypto_random(&h->request, sizeof h->request);
}

static bool is_digits(const char *s) { return *s && strspn(s, "0123456789") == strlen(s); }

/* Goes on with an attempt whose digits it was shown: approves it in the name of the owner's device, and commits it. */
static void press_on(struct hostile *h, struct keeper_request *q, bool is_sound) {
    static const enum keeper_ask next[] = { KEEPER_APPROVE,         KEEPER_APPROVE,       KEEPER_COMMIT,
                                            KEEPER_PROVE_CODE,      KEEPER_SHOW_CODE,     KEEPER_COMMIT,
                                            KEEPER_MAKE_CODE_THERE, KEEPER_PROVE_PASSWORD };
    bool is_victims = id_eq(h->learned.account.b, h->victim.account.b);
    q->ask = next[dice(h, ARRAY_LEN(next))];
    if (is_sound && h->eager > 0) {
        h->eager--;
        q->ask = KEEPER_APPROVE;
    }
    q->account = h->learned.account;
    q->attempt = h->learned.attempt;
    q->action = h->learned.action;
    q->device = h->learned.device;
    q->by = is_victims ? h->victim.device : h->own.device;
    if (q->ask == KEEPER_COMMIT && dice(h, 2)) q->by = h->devices[3];
}

/* A message that is sound in itself, with names put together at will. */
static void forge(struct hostile *h, struct keeper_message_ask *m, bool is_sound) {
    struct account_id accounts[] = { h->victim.account, h->victim.account, h->own.account, h->nobody };
    struct keeper_request q = { .ask = (enum keeper_ask)(1 + dice(h, KEEPER_ASK_COUNT - 1)),
                                .account = accounts[dice(h, ARRAY_LEN(accounts))],
                                .attempt = h->attempts[dice(h, ATTEMPTS)],
                                .action = (enum action)dice(h, ACTION_COUNT),
                                .device = h->devices[dice(h, DEVICES)],
                                .by = h->devices[dice(h, DEVICES)],
                                .code_digits = (uint8_t)(4 + dice(h, 5)) };
    const char *secret = h->secrets[dice(h, SECRETS)];
    if (h->learned_digits[0] && ((is_sound && h->eager > 0) || dice(h, 3) == 0)) press_on(h, &q, is_sound);
    /* What only makes accounts safer comes seldom, or nothing would be left to attack. */
    if (q.ask == KEEPER_LOCK_DOWN && dice(h, 5000)) q.ask = KEEPER_PROVE_PASSWORD;
    if (q.ask == KEEPER_FORGET_DEVICE && dice(h, 500)) q.ask = KEEPER_MAKE_CODE_HERE;
    if (q.ask == KEEPER_MAKE_CODE_HERE) q.device = h->devices[3]; /* whose codes the owner's device may approve */
    if (q.ask == KEEPER_APPROVE && dice(h, 4)) secret = h->learned_digits;
    if (q.ask == KEEPER_COMMIT && dice(h, 2)) secret = OTHER_PASSWORD;
    if (id_eq(q.account.b, h->own.account.b)) {
        if (q.ask == KEEPER_PROVE_PASSWORD && dice(h, 20)) secret = OTHER_PASSWORD;
        if (q.ask == KEEPER_PROVE_RECOVERY_KEY && dice(h, 20)) secret = h->own.key;
    }
    /* A six-digit code that is guessed is a proof; in millions of messages some would be. */
    if (q.ask == KEEPER_PROVE_EMAIL_CODE && is_digits(secret)) secret = "12345x";
    if (keeper_ask_shapes[q.ask].secret_bytes_max > 0) q.secret = str_from(secret);
    if (dice(h, 3) == 0) q.attempt_expires_ms = clock_wall_ms() + (int64_t)dice(h, 100000) - 10000;
    if (dice(h, 10) == 0) id_new(h->attempts[dice(h, ATTEMPTS)].b);
    keeper_fill_ask(m, &q, ++h->request);
}

static void bend(struct hostile *h, struct keeper_message_ask *m) {
    uint8_t *b = (uint8_t *)m;
    for (uint32_t i = 0, n = 1 + dice(h, 6); i < n; i++)
        b[dice(h, dice(h, 2) ? 100 : sizeof *m)] = (uint8_t)dice(h, 256);
}

static void note(struct hostile *h, const void *message, size_t n) {
    struct keeper_message_ask m;
    if (n != sizeof m || keeper_check_ask(message, n) != OK) return;
    memcpy(&m, message, n);
    h->asked[m.h.request % ARRAY_LEN(h->asked)] = (struct asked){
        .request = m.h.request,
        .type = (uint8_t)m.h.type,
        .is_of_victim = id_eq(m.account.b, h->victim.account.b),
        .play = { m.account, m.attempt, m.device, (enum action)m.action },
    };
    h->outstanding++;
}

static size_t next_message(struct hostile *h, uint8_t *out) {
    struct keeper_message_ask m;
    bool is_sound = dice(h, 100) < SOUND_PERCENT;
    if (!is_sound && dice(h, 3) == 0) { /* noise of any length */
        size_t n = dice(h, 2) ? dice(h, 64) : dice(h, sizeof m + 8);
        for (size_t i = 0; i < n; i++) out[i] = (uint8_t)dice(h, 256);
        return n;
    }
    if (h->kept_n > 100 && h->eager == 0 && dice(h, 3) == 0)
        m = h->kept[dice(h, (uint32_t)h->kept_n)]; /* again, in any order */
    else
        forge(h, &m, is_sound);
    if (is_sound) h->kept[h->kept_n < KEPT ? h->kept_n++ : dice(h, KEPT)] = m;
    /* The same number twice is part of the game; one so old that its question is forgotten is not. */
    if (!is_sound || dice(h, 2) || h->request - m.h.request > ARRAY_LEN(h->asked) / 2) m.h.request = ++h->request;
    memcpy(out, &m, sizeof m);
    if (is_sound) return sizeof m;
    if (dice(h, 3) == 0) return dice(h, sizeof m); /* cut */
    bend(h, (struct keeper_message_ask *)out);
    memcpy(out + offsetof(struct ipc_header, request), &m.h.request, sizeof m.h.request);
    return sizeof m;
}

static bool may_hold_digits(const struct asked *a) {
    if (a->type == KEEPER_MAKE_CODE_HERE) return true;
    return a->type == KEEPER_SHOW_CODE && !a->is_of_victim; /* needs another proof first, and it has none */
}

static void judge(struct hostile *h, const struct keeper_message_reply *m) {
    const struct asked *a = &h->asked[m->h.request % ARRAY_LEN(h->asked)];
    assert_int_equal(a->request, m->h.request);
    h->by_say[m->say]++;
    bool is_right = m->say == KEEPER_RIGHT;
    if (m->say == KEEPER_DOWN) assert_int_equal(a->type, KEEPER_COMMIT); /* refused, where a lane is full */
    if (m->digits[0]) assert_true(is_right && may_hold_digits(a));
    if (m->digits[0]) {
        h->learned = a->play;
        h->eager = 4;
        memcpy(h->learned_digits, m->digits, sizeof h->learned_digits);
    }
    if (is_right && a->type == KEEPER_COMMIT) h->own_commits++;
    if (is_right && a->type == KEEPER_APPROVE && a->is_of_victim) h->faked_codes++;
    if (m->recovery_key[0] && id_eq(a->play.account.b, h->own.account.b))
        memcpy(h->own.key, m->recovery_key, sizeof h->own.key);
    if (m->recovery_key[0]) assert_true(is_right && a->type == KEEPER_COMMIT && !a->is_of_victim);
    if (m->sealed_n) assert_true(is_right && (a->type == KEEPER_MAKE_CODE_THERE || a->type == KEEPER_MAKE_EMAIL_CODE));
    if (!a->is_of_victim || !is_right) return;
    assert_int_not_equal(a->type, KEEPER_PROVE_PASSWORD);
    assert_int_not_equal(a->type, KEEPER_PROVE_RECOVERY_KEY);
    assert_int_not_equal(a->type, KEEPER_PROVE_CODE);
    assert_int_not_equal(a->type, KEEPER_PROVE_EMAIL_CODE);
    assert_int_not_equal(a->type, KEEPER_MAKE_CODE_THERE);
    assert_int_not_equal(a->type, KEEPER_COMMIT);
    assert_int_not_equal(a->type, KEEPER_FATE);
    assert_int_not_equal(a->type, KEEPER_SETTLE);
    assert_int_equal(m->proved & ~(unsigned)PROOF_CODE, 0); /* the one it may fake: shown here, approved by itself */
}

static bool take_reply(struct hostile *h, int64_t wait_ms) {
    uint8_t buffer[IPC_MESSAGE_MAX];
    size_t n = 0;
    enum err r = ipc_receive(h->p.front_fd, buffer, &n, wait_ms);
    if (r == ERR_TIMEOUT) return false;
    assert_int_equal(r, OK);
    assert_int_equal(keeper_check_reply(buffer, n), OK);
    if (n != sizeof(struct keeper_message_reply)) return true; /* the hello */
    judge(h, (const struct keeper_message_reply *)buffer);
    h->replies++;
    h->outstanding--;
    return true;
}

static void send_one(struct hostile *h) {
    uint8_t out[sizeof(struct keeper_message_ask) + 64];
    size_t n = next_message(h, out);
    note(h, out, n);
    for (;;) {
        if (send(h->p.front_fd, out, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n) break;
        if (!process_is_alive(&h->p)) fail_msg("the keeper died after %lld messages", (long long)h->sent);
        if (!take_reply(h, 0)) poll(&(struct pollfd){ .fd = h->p.front_fd, .events = POLLIN | POLLOUT }, 1, 100);
    }
    h->sent++;
}

/* The rows themselves: the victim's password and key are those of the beginning. */
struct look {
    struct hostile *h;
    struct credential password, key;
    bool is_device_known;
};

static enum err look_at_victim(struct store_tx *tx, void *ctx) {
    struct look *l = ctx;
    struct job j = { 0 };
    struct step s = { l->h->w->keeper, &j, l->h->w->arena, l->h->w->now_ms };
    j.q.account = l->h->victim.account;
    enum err r = credential_load(tx, &s, CREDENTIAL_PASSWORD, &l->password);
    if (r == OK) r = credential_load(tx, &s, CREDENTIAL_RECOVERY_KEY, &l->key);
    return r == OK ? known_device_find(tx, &s, l->h->devices[3], &l->is_device_known) : r;
}

static void check_victim(struct hostile *h, const struct look *before) {
    struct look now = { .h = h };
    struct world *w = h->w;
    assert_int_equal(store_write(w->store, look_at_victim, &now), OK);
    assert_memory_equal(&now.password.hash, &before->password.hash, sizeof now.password.hash);
    assert_memory_equal(&now.key.hash, &before->key.hash, sizeof now.key.hash);
    assert_int_equal(now.password.rev, before->password.rev);
    assert_int_equal(now.key.rev, before->key.rev);
    assert_false(now.is_device_known); /* nobody else was let in */
    w->now_ms = clock_wall_ms() + 3 * MS_PER_DAY;
    struct play p = play_new(h->victim.account, ACTION_RECOVER_PASSWORD, DEVICE_NONE);
    /* It may have spent the budget, or a hundred in a row: both are denial of service, and heal by other proofs. */
    enum keeper_say say = ask(w, &p, KEEPER_PROVE_RECOVERY_KEY, h->victim.key);
    assert_true(say == KEEPER_RIGHT || say == KEEPER_WRONG);
    assert_int_equal(world_number(w, &COUNT_CREDENTIALS), 4);
}

/* One whole fake, before anything else: shown here, approved by itself. It is one proof, and opens nothing. */
static void fake_an_approval(struct hostile *h) {
    static const enum keeper_ask asks[] = { KEEPER_MAKE_CODE_HERE, KEEPER_APPROVE, KEEPER_MAKE_CODE_THERE,
                                            KEEPER_COMMIT };
    struct play p = { h->victim.account, h->attempts[0], h->devices[3], ACTION_SIGN_IN };
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        struct keeper_message_ask m;
        struct keeper_request q = play_ask(&p, asks[i], h->learned_digits);
        q.by = asks[i] == KEEPER_COMMIT ? h->devices[3] : h->victim.device;
        if (asks[i] != KEEPER_APPROVE) q.secret = STR_NONE;
        keeper_fill_ask(&m, &q, ++h->request);
        note(h, &m, sizeof m);
        assert_int_equal(send(h->p.front_fd, &m, sizeof m, 0), sizeof m);
        while (h->outstanding > 0) assert_true(take_reply(h, SILENCE_MS));
    }
    assert_int_equal(h->faked_codes, 1);
    assert_int_equal(h->by_say[KEEPER_RIGHT], 2);
    assert_int_equal(h->by_say[KEEPER_NOT_PROVED], 2);
}

static void test_hostile_front(void **state) {
    static struct hostile h;
    struct world *w = *state;
    int64_t most = setting("TOCSIN_HOSTILE_MESSAGES", w->is_postgres ? 20000 : 200000);
    prepare(&h, w);
    struct look before = { .h = &h };
    assert_int_equal(store_write(w->store, look_at_victim, &before), OK);
    process_open(&h.p, w);
    fake_an_approval(&h);
    while (h.sent < most) {
        send_one(&h);
        while (take_reply(&h, 0)) {}
        while (h.outstanding > OUTSTANDING && take_reply(&h, SILENCE_MS)) {}
    }
    while (h.outstanding > 0 && take_reply(&h, SILENCE_MS)) {}
    assert_int_equal(h.outstanding, 0); /* each sound ask is answered once */
    assert_true(process_is_alive(&h.p));
    printf("%lld messages, %lld answered: right %lld, wrong %lld, none %lld, too many %lld, not proved %lld, weak %lld,"
           " refused %lld, busy %lld, down %lld\n",
           (long long)h.sent, (long long)h.replies, (long long)h.by_say[1], (long long)h.by_say[2],
           (long long)h.by_say[3], (long long)h.by_say[4], (long long)h.by_say[5], (long long)h.by_say[6],
           (long long)h.by_say[7], (long long)h.by_say[8], (long long)h.by_say[9]);
    for (int say = KEEPER_RIGHT; say <= KEEPER_REFUSED; say++)
        if (say != KEEPER_WEAK) assert_true(h.by_say[say] > 0); /* it came that far */
    printf("%lld codes approved in the victim's name, %lld commits of its own\n", (long long)h.faked_codes,
           (long long)h.own_commits);
    process_close(&h.p);
    check_victim(&h, &before);
}

int main(int argc, char **argv) {
    process_maybe_be_keeper(argc, argv);
    const struct CMUnitTest tests[] = { WORLD_TEST(test_hostile_front) };
    clock_init();
    if (crypto_init() != OK) return 1;
    return run_on_both("hostile front", tests, ARRAY_LEN(tests));
}
