/* The sample application as a program: prints its port, serves until SIGTERM, drains. For the system tests and benches.
 */
#include <signal.h>
#include <unistd.h>

#include "sample.h"

/* http_test_server [PORT [pin [TRUSTED-PROXIES]]] */
int main(int argc, char **argv) {
    struct sample s;
    struct http_options o = { .work_threads = 4, .connections_max = 16000 };
    int64_t port = 0;
    sigset_t ends;
    int signal_seen;
    if (argc > 1 && str_to_i64(str_from(argv[1]), 65535, &port) != OK) return 2;
    o.pin_to_cores = argc > 2 && strcmp(argv[2], "pin") == 0;
    o.trusted_proxies = argc > 3 ? argv[3] : NULL;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    if (sample_start(&s, o, 1, (int)port) != OK) return 1;
    printf("%d\n", s.port);
    (void)fflush(stdout);
    (void)sigwait(&ends, &signal_seen);
    http_server_drain(s.server, 10000);
    sample_stop(&s);
    return 0;
}
