/*
 * Every request of malformed.def against a real server on loopback: whole, and split in two at every byte. Each must be
 * answered once with its golden status and closed, and what follows it must never reach a handler.
 */
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "sample.h"

static const struct {
    const char *what;
    int status;
    struct str bytes;
} cases[] = {
#define X(what, status, bytes) { what, status, { bytes, sizeof(bytes) - 1 } },
#include "malformed.def"
#undef X
};

static struct sample sample;

static int set_up(void **state) {
    (void)state;
    return sample_start(&sample, (struct http_options){ 0 }, 1, 0) == OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    sample_stop(&sample);
    return 0;
}

#define FOLLOWER "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n"

/* What is wrong with the server's answer; NULL when nothing. */
static const char *refusal_check(struct str answer, int status) {
    if (client_status(answer) != status) return "another status";
    if (client_answers_in(answer) != 1 || client_has(answer, "}HTTP/")) return "not one answer";
    if (!client_has(answer, "\r\nConnection: close\r\n")) return "no announcement that it closes";
    if (!client_has(answer, "\r\nContent-Type: application/problem+json\r\n")) return "no problem";
    if (!client_has(answer, "\r\nCache-Control: no-store\r\n") || !client_has(answer, "\r\nRequest-Id: "))
        return "lines";
    return NULL;
}

static void try(const char *what, struct str bytes, int status, size_t split) {
    int fd = client_connect(sample.port);
    int handled = atomic_load(&sample.handled);
    const char *wrong;
    struct buf answer;
    buf_init(&answer, 1 << 20);
    assert_true(fd >= 0);
    if (split > 0) {
        (void)client_send(fd, (struct str){ bytes.p, split });
        (void)usleep(60); /* the server reads the first part alone, nearly always; test_head splits without chance */
    }
    (void)client_send(fd, str_skip(bytes, split)); /* may fail: it was refused already */
    (void)client_send(fd, STR(FOLLOWER));
    wrong = client_read_all(fd, &answer, 5000) ? refusal_check(buf_str(&answer), status) : "not closed";
    if (!wrong && atomic_load(&sample.handled) != handled) wrong = "a handler ran";
    if (wrong) fail_msg("%s, split at %zu: %s: %.*s", what, split, wrong, (int)answer.n, answer.p ? answer.p : "");
    buf_release(&answer);
    (void)close(fd);
}

static void test_whole(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) try(cases[i].what, cases[i].bytes, cases[i].status, 0);
}

static void test_split_everywhere(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t at = 1; at < cases[i].bytes.n; at++) try(cases[i].what, cases[i].bytes, cases[i].status, at);
}

/* A head of `fields` fields of `value_bytes` each. */
static void head_write(struct buf *b, size_t target_bytes, size_t fields, size_t value_bytes) {
    buf_init(b, 1 << 20);
    buf_add_z(b, "GET /fast");
    for (size_t i = 0; i < target_bytes; i++) buf_add_c(b, 'x');
    buf_add_z(b, " HTTP/1.1\r\nHost: a\r\n");
    for (size_t i = 0; i < fields; i++) {
        buf_addf(b, "X-%zu: ", i);
        for (size_t k = 0; k < value_bytes; k++) buf_add_c(b, 'v');
        buf_add_z(b, "\r\n");
    }
    buf_add_z(b, "\r\n");
    assert_int_equal(buf_err(b), OK);
}

static void test_too_large(void **state) {
    static const struct {
        const char *what;
        size_t target, fields, value;
        int status;
    } sizes[] = {
        { "20 kB in one field", 0, 1, 20000, 431 },
        { "20 kB in many fields", 0, 60, 333, 431 },
        { "just over 8 KiB", 0, 1, 8192, 431 },
        { "500 fields", 0, 500, 1, 431 },
        { "65 fields", 0, 64, 1, 431 },
        { "a target of 20 kB", 20000, 0, 0, 414 },
        { "a target of 4097 bytes", 4097 - 5, 0, 0, 414 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf b;
        head_write(&b, sizes[i].target, sizes[i].fields, sizes[i].value);
        for (size_t at = 0; at < b.n; at += 997) try(sizes[i].what, buf_str(&b), sizes[i].status, at);
        buf_release(&b);
    }
}

/* The largest that is allowed is answered. */
static void test_just_fits(void **state) {
    static const size_t sizes[][3] = { { 0, 63, 1 }, { 4096 - 5, 0, 0 }, { 0, 1, 8192 - 48 } };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf b;
        struct buf answer;
        int fd = client_connect(sample.port);
        head_write(&b, sizes[i][0], sizes[i][1], sizes[i][2]);
        buf_init(&answer, 1 << 20);
        assert_true(client_send(fd, buf_str(&b)));
        assert_true(client_read_answers(fd, &answer, 1, 5000));
        assert_int_equal(client_status(buf_str(&answer)), sizes[i][0] ? 404 : 200);
        assert_false(client_has(buf_str(&answer), "Connection: close"));
        buf_release(&answer);
        buf_release(&b);
        (void)close(fd);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_split_everywhere),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_just_fits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
