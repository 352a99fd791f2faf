/*
 * 10,000 idle connections: what each costs the server in resident memory, and whether the server still answers. The
 * server is a process of its own, so that the clients' descriptors and memory are not counted.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "client.h"
#include "sample.h"

#define CONNECTIONS    10000
#define BYTES_EACH_MAX 8192
#define DESCRIPTORS    (CONNECTIONS + 200)
#define SLOW_HEADS     2000

static void serve(int to_parent) {
    static struct sample s;
    struct http_options o = { .connections_max = CONNECTIONS + 100, .connections_per_address_max = CONNECTIONS + 100 };
    sigset_t ends;
    int seen;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    if (sample_start(&s, o, 1, 0) != OK || write(to_parent, &s.port, sizeof s.port) != sizeof s.port) _exit(1);
    (void)sigwait(&ends, &seen);
    sample_stop(&s);
    _exit(0);
}

static int64_t resident_bytes(pid_t pid) {
    char path[64];
    char line[256] = "";
    long pages = 0;
    FILE *f;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    f = fopen(path, "r");
    assert_non_null(f);
    if (fgets(line, sizeof line, f)) pages = strtol(strchr(line, ' '), NULL, 10);
    (void)fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static void answers(int port) {
    struct buf answer;
    buf_init(&answer, 1 << 20);
    assert_int_equal(client_ask(port, "GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &answer), 200);
    buf_release(&answer);
}

/* Each has had an answer, and then half of them begin something and stop. */
static void test_idle(void **state) {
    static int fds[CONNECTIONS];
    struct rlimit limit;
    int64_t before, after;
    int pipes[2];
    int port, status;
    pid_t pid;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < DESCRIPTORS) skip();
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) serve(pipes[1]);
    assert_int_equal(read(pipes[0], &port, sizeof port), sizeof port);
    answers(port);
    before = resident_bytes(pid);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct buf answer;
        buf_init(&answer, 1 << 20);
        fds[i] = client_connect(port);
        assert_true(fds[i] >= 0 && client_send(fds[i], STR("GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")));
        assert_true(client_read_answers(fds[i], &answer, 1, 5000));
        buf_release(&answer);
    }
    after = resident_bytes(pid);
    print_message("%ld bytes for each of %d idle connections\n", (long)((after - before) / CONNECTIONS), CONNECTIONS);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_in_range((after - before) / CONNECTIONS, 0, BYTES_EACH_MAX);
#endif
    answers(port);
    for (size_t i = 0; i < SLOW_HEADS; i++) assert_true(client_send(fds[i], STR("GET /fast HTTP/1.1\r\nX: y\r\n")));
    answers(port);
    after = resident_bytes(pid);
    print_message("%ld bytes each when %d of them have begun a head\n", (long)((after - before) / CONNECTIONS),
                  SLOW_HEADS);
    for (size_t i = 0; i < CONNECTIONS; i++) (void)close(fds[i]);
    answers(port);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_idle) };
    clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
