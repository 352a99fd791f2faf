/*
 * The bytes of one datagram, as each end of the keeper's socket takes them: the transport's check, then the message's.
 * What they let through must have every field in its bounds; reading past any of it is the sanitizer's to see.
 */
#include <sys/socket.h>

#include "base/clock.h"
#include "keeper/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int fd[2] = { -1, -1 };

static void check_ask(const void *message, size_t n) {
    struct keeper_message_ask m;
    if (keeper_check_ask(message, n) != OK) return;
    memcpy(&m, message, n);
    if (n != sizeof m || m.secret_n > sizeof m.secret || m.action >= ACTION_COUNT) abort();
    if (m.h.type == 0 || m.h.type >= KEEPER_ASK_COUNT || m.code_digits > 8) abort();
    for (size_t i = m.secret_n; i < sizeof m.secret; i++)
        if (m.secret[i]) abort();
}

static void check_reply(const void *message, size_t n) {
    struct keeper_message_reply m;
    if (keeper_check_reply(message, n) != OK || n != sizeof m) return;
    memcpy(&m, message, n);
    if (strnlen(m.digits, sizeof m.digits) == sizeof m.digits) abort();
    if (strnlen(m.reason, sizeof m.reason) == sizeof m.reason) abort();
    if (m.sealed_n > sizeof m.sealed || m.say < KEEPER_RIGHT || m.say > KEEPER_DOWN) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static uint8_t buffer[IPC_MESSAGE_MAX];
    size_t got = 0;
    if (fd[0] < 0) {
        clock_init();
        if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) != 0) abort();
    }
    if (n > IPC_MESSAGE_MAX || send(fd[0], data, n, MSG_DONTWAIT) != (ssize_t)n) return 0;
    if (ipc_receive(fd[1], buffer, &got, 0) != OK) return 0;
    if (got != n || memcmp(buffer, data, n) != 0) abort();
    uint8_t *exact = malloc(n); /* so that one byte too far is seen */
    if (!exact) return 0;
    memcpy(exact, buffer, n);
    check_ask(exact, n);
    check_reply(exact, n);
    free(exact);
    return 0;
}
