/* What front and courier say about objects: what is sound passes with its descriptors, and each field's bounds hold. */
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/objects.h"

static struct object_ask ask_of(enum object_op op, const char *key) {
    struct object_ask a = { .h = { .bytes = sizeof a, .type = (uint16_t)op, .version = IPC_VERSION, .request = 7 } };
    memcpy(a.key, key, strlen(key));
    a.key_n = (uint16_t)strlen(key);
    a.wait_ms = 1000;
    return a;
}

static enum err check(const struct object_ask *a) {
    return object_ask_check(a, sizeof *a, object_op_has_file(a->h.type) ? 2 : 1);
}

static void takes_what_is_sound(void **state) {
    struct object_ask a = ask_of(OBJECT_PUT, "Aa0_-/data/ab/abc");
    (void)state;
    a.size = OBJECT_SIZE_MAX;
    a.is_once = 1;
    a.sha256[31] = 1;
    assert_int_equal(check(&a), OK);
    a = ask_of(OBJECT_LIST, "a/b/");
    assert_int_equal(check(&a), OK);
    a = ask_of(OBJECT_STAT, "a");
    assert_int_equal(check(&a), OK);
    a = ask_of(OBJECT_DELETE, "a/b");
    assert_int_equal(check(&a), OK);
    a = ask_of(OBJECT_GET, "a/b");
    a.size = 100;
    assert_int_equal(check(&a), OK);
    a.has_range = 1;
    a.from = -1;
    assert_int_equal(check(&a), OK);
    a.from = 5;
    a.to = 5;
    assert_int_equal(check(&a), OK);
    a.to = -1;
    assert_int_equal(check(&a), OK);
}

static void refuses_keys(void **state) {
    static const char *const bad[] = { "", "/a", "a//b", "a/", "a.b", "../a", "a b", "a%2f", "a\n", "\xc3\xa4" };
    struct object_ask a;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        a = ask_of(OBJECT_STAT, bad[i]);
        assert_int_equal(check(&a), ERR_INPUT);
    }
    a = ask_of(OBJECT_LIST, "a/b"); /* a list's ends in a slash */
    assert_int_equal(check(&a), ERR_INPUT);
    a = ask_of(OBJECT_STAT, "ab");
    a.key_n = 1; /* and nothing stands behind it */
    assert_int_equal(check(&a), ERR_INPUT);
    a.key_n = OBJECT_KEY_MAX + 1;
    assert_int_equal(check(&a), ERR_INPUT);
    a = ask_of(OBJECT_STAT, "");
    memset(a.key, 'a', sizeof a.key);
    a.key_n = OBJECT_KEY_MAX;
    assert_int_equal(check(&a), OK);
}

static void refuses_fields(void **state) {
    struct object_ask a;
    (void)state;
#define REFUSES(op, change)                                                                                            \
    a = ask_of((op), (op) == OBJECT_LIST ? "a/" : "a");                                                                \
    assert_int_equal(check(&a), OK);                                                                                   \
    a.change;                                                                                                          \
    assert_int_equal(check(&a), ERR_INPUT)
    REFUSES(OBJECT_PUT, size = -1);
    REFUSES(OBJECT_PUT, size = OBJECT_SIZE_MAX + 1);
    REFUSES(OBJECT_PUT, is_once = 2);
    REFUSES(OBJECT_PUT, has_range = 1);
    REFUSES(OBJECT_PUT, to = 1);
    REFUSES(OBJECT_GET, is_once = 1);
    REFUSES(OBJECT_GET, has_range = 2);
    REFUSES(OBJECT_GET, from = 1);
    REFUSES(OBJECT_GET, sha256[0] = 1);
    REFUSES(OBJECT_STAT, size = 1);
    REFUSES(OBJECT_LIST, size = 1);
    REFUSES(OBJECT_DELETE, wait_ms = 0);
    REFUSES(OBJECT_DELETE, wait_ms = OBJECT_WAIT_MS_MAX + 1);
    REFUSES(OBJECT_DELETE, h.version = IPC_VERSION + 1);
    REFUSES(OBJECT_DELETE, h.bytes = 1);
    REFUSES(OBJECT_DELETE, h.type = OBJECT_LIST + 1);
    REFUSES(OBJECT_DELETE, h.type = OBJECT_PUT - 1);
#undef REFUSES
    a = ask_of(OBJECT_GET, "a");
    a.has_range = 1;
    a.from = -2;
    assert_int_equal(check(&a), ERR_INPUT);
    a.from = 5;
    a.to = 4;
    assert_int_equal(check(&a), ERR_INPUT);
    a.from = a.to = -1;
    assert_int_equal(check(&a), ERR_INPUT);
    a = ask_of(OBJECT_STAT, "a");
    assert_int_equal(object_ask_check(&a, sizeof a - 1, 1), ERR_INPUT);
    assert_int_equal(object_ask_check(&a, sizeof a, 2), ERR_INPUT); /* a file too many */
    a = ask_of(OBJECT_PUT, "a");
    assert_int_equal(object_ask_check(&a, sizeof a, 1), ERR_INPUT); /* and one too few */
}

static enum err answer_of(const struct object_ask *a, int result, int64_t size, int64_t from, int64_t length) {
    const struct object_answer r = {
        .h = { .bytes = sizeof r, .type = OBJECT_ANSWER, .version = IPC_VERSION, .request = 7 },
        .result = result,
        .size = size,
        .from = from,
        .length = length,
    };
    return object_answer_check(&r, sizeof r, a);
}

static void judges_answers(void **state) {
    struct object_ask a = ask_of(OBJECT_GET, "a");
    (void)state;
    a.size = 100;
    assert_int_equal(answer_of(&a, OK, 100, 0, 100), OK);
    assert_int_equal(answer_of(&a, OK, 0, 0, 0), OK);
    assert_int_equal(answer_of(&a, OK, 101, 0, 101), ERR_INPUT); /* more than was asked for */
    assert_int_equal(answer_of(&a, OK, 100, 0, 99), ERR_INPUT);  /* not all */
    assert_int_equal(answer_of(&a, OK, 100, 1, 99), ERR_INPUT);
    assert_int_equal(answer_of(&a, OK, -1, 0, -1), ERR_INPUT);
    assert_int_equal(answer_of(&a, ERR_TOO_LARGE, 100, 0, 0), ERR_INPUT);
    a.has_range = 1;
    a.to = 9;
    assert_int_equal(answer_of(&a, OK, 1000, 0, 10), OK);
    assert_int_equal(answer_of(&a, OK, 1000, 0, 0), ERR_INPUT);
    assert_int_equal(answer_of(&a, OK, 1000, 999, 2), ERR_INPUT);
    assert_int_equal(answer_of(&a, OK, 1000, INT64_MAX, 1), ERR_INPUT);
    assert_int_equal(answer_of(&a, ERR_TOO_LARGE, 100, 0, 0), OK);
    assert_int_equal(answer_of(&a, ERR_NOT_FOUND, 0, 0, 0), OK);
    assert_int_equal(answer_of(&a, ERR_NOT_FOUND, 1, 0, 0), ERR_INPUT);
    assert_int_equal(answer_of(&a, ERR_CONFLICT, 0, 0, 0), ERR_INPUT);
    assert_int_equal(answer_of(&a, ERR_DATABASE, 0, 0, 0), ERR_INPUT);
    assert_int_equal(answer_of(&a, 1, 0, 0, 0), ERR_INPUT);
    a = ask_of(OBJECT_PUT, "a");
    assert_int_equal(answer_of(&a, OK, 0, 0, 0), OK);
    assert_int_equal(answer_of(&a, OK, 5, 0, 0), ERR_INPUT);
    assert_int_equal(answer_of(&a, ERR_NOT_FOUND, 0, 0, 0), ERR_INPUT); /* what was put can't be missing */
    assert_int_equal(answer_of(&a, ERR_CONFLICT, 0, 0, 0), ERR_INPUT);
    a.is_once = 1;
    assert_int_equal(answer_of(&a, ERR_CONFLICT, 0, 0, 0), OK);
    a = ask_of(OBJECT_LIST, "a/");
    assert_int_equal(answer_of(&a, OK, 3, 0, 30), OK);
    assert_int_equal(answer_of(&a, OK, 3, 1, 30), ERR_INPUT);
    assert_int_equal(answer_of(&a, ERR_BUSY, 0, 0, 0), OK);
    assert_int_equal(answer_of(&a, ERR_FULL, 0, 0, 0), OK);
    assert_int_equal(answer_of(&a, ERR_IO, 0, 0, 1), ERR_INPUT);
    a.h.request = 8; /* of another ask */
    assert_int_equal(answer_of(&a, OK, 3, 0, 30), ERR_INPUT);
}

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static void carries_descriptors(void **state) {
    struct object_ask a = ask_of(OBJECT_GET, "a/b");
    struct object_asked got;
    int pair[2], pipes[2], before, after;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(object_ask_receive(pair[1], &got), ERR_BUSY);
    before = dup(0);
    (void)close(before);
    assert_int_equal(object_ask_send(pair[0], &a, pipes[1], pipes[0]), OK);
    assert_int_equal(object_ask_receive(pair[1], &got), OK);
    assert_memory_equal(&got.ask, &a, sizeof a);
    assert_true(is_open(got.answer_fd) && is_open(got.file_fd));
    assert_int_equal(write(got.answer_fd, "x", 1), 1);
    (void)close(got.answer_fd);
    (void)close(got.file_fd);
    a = ask_of(OBJECT_STAT, "a/b");
    assert_int_equal(object_ask_send(pair[0], &a, pipes[1], -1), OK);
    assert_int_equal(object_ask_receive(pair[1], &got), OK);
    assert_int_equal(got.file_fd, -1);
    (void)close(got.answer_fd);
    a.key_n = 0; /* what is refused leaves nothing open */
    assert_int_equal(object_ask_send(pair[0], &a, pipes[1], pipes[0]), OK);
    assert_int_equal(object_ask_receive(pair[1], &got), ERR_INPUT);
    assert_int_equal(send(pair[0], "short", 5, 0), 5);
    assert_int_equal(object_ask_receive(pair[1], &got), ERR_INPUT);
    after = dup(0);
    (void)close(after);
    assert_int_equal(after, before);
    (void)close(pair[0]);
    assert_int_equal(object_ask_receive(pair[1], &got), ERR_CLOSED);
    (void)close(pair[1]);
}

/* The socket is the queue: it is bounded, and says so. */
static void says_when_it_is_full(void **state) {
    struct object_ask a = ask_of(OBJECT_STAT, "a");
    int pair[2], pipes[2], n = 0;
    enum err r = OK;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    while (n < 100000 && (r = object_ask_send(pair[0], &a, pipes[1], -1)) == OK) n++;
    assert_int_equal(r, ERR_BUSY);
    assert_true(n > 16);
    (void)close(pair[1]);
    assert_int_equal(object_ask_send(pair[0], &a, pipes[1], -1), ERR_CLOSED);
    (void)close(pair[0]);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_sound), cmocka_unit_test(refuses_keys),
        cmocka_unit_test(refuses_fields),      cmocka_unit_test(judges_answers),
        cmocka_unit_test(carries_descriptors), cmocka_unit_test(says_when_it_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
