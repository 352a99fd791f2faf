/*
 * Messages between the processes: one SOCK_SEQPACKET datagram each, a fixed layout a type: a packed header and a packed
 * body whose size is exactly sizeof the type's struct. Every variable part is a bounded array with its length beside
 * it. ipc_check refuses anything else before a field is read: wrong size, unknown type, length over its bound, enum out
 * of range, bytes after the length not zero.
 */
#ifndef TOCSIN_IPC_IPC_H
#define TOCSIN_IPC_IPC_H

#include "base/err.h"
#include "base/str.h"

#define IPC_MESSAGE_MAX 65536
#define IPC_VERSION     1

struct ipc_header {
    uint32_t bytes; /* of the whole message, header included; must equal what was received */
    uint16_t type;
    uint16_t version;
    uint64_t request; /* chosen by the asker, repeated in the answer; 0 for a message that asks nothing */
} __attribute__((packed));

/* Sends all or nothing. ERR_BUSY (would block and is_blocking is false), ERR_CLOSED, ERR_IO. */
enum err ipc_send(int fd, const void *message, size_t n, bool is_blocking) MUST_CHECK;
/* Receives one message into `buffer` (IPC_MESSAGE_MAX bytes). ERR_CLOSED at end, ERR_INPUT when truncated or its header
 * is not sound, ERR_TIMEOUT after timeout_ms (-1: none). */
enum err ipc_receive(int fd, void *buffer, size_t *ret_n, int64_t timeout_ms) MUST_CHECK;

#endif
