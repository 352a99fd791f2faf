/*
 * What the front asks of the courier about objects in S3: the courier alone has the network and the keys. One message
 * an ask, with descriptors (SCM_RIGHTS): the writing end of a pipe that takes the one answer, and for all but STAT and
 * DELETE a file: the bytes to put, or an empty one for what is got or listed. Several threads of the courier receive
 * from one socket; the socket is the queue. The end of the pipe without an answer: that courier is gone, ask again.
 * Every ask may be repeated.
 *
 * Keys are ours: [A-Za-z0-9_-] between single slashes. The courier puts bucket and prefix before them, so that no ask
 * reaches anything else.
 */
#ifndef TOCSIN_IPC_OBJECTS_H
#define TOCSIN_IPC_OBJECTS_H

#include "ipc/ipc.h"

#define OBJECT_KEY_MAX  200
#define OBJECT_SIZE_MAX ((int64_t)1 << 30) /* of one object; more is never put nor got */
#define OBJECT_HASH     32
#define OBJECT_FDS_MAX  2

enum object_op {                   /* ipc types, 200 … */
                 OBJECT_PUT = 200, /* the file's bytes under the key */
                 OBJECT_GET,       /* the object's bytes, or a part, into the file */
                 OBJECT_STAT,      /* its size */
                 OBJECT_DELETE,    /* also of what is not there */
                 OBJECT_LIST,      /* "NAME SIZE\n" for each key that begins with this one, which ends in a slash;
                                      NAME is the rest of the key */
                 OBJECT_ANSWER = 210,
};

struct object_ask {
    struct ipc_header h; /* type: enum object_op */
    uint8_t is_once;     /* PUT: only where there is none (ERR_CONFLICT) */
    uint8_t has_range;   /* GET: a part; from, to */
    uint16_t key_n;
    char key[OBJECT_KEY_MAX];
    int64_t size;                /* PUT: of the file. GET: the most that is taken. Else 0 */
    int64_t from, to;            /* GET: -1, n: the last n bytes; a, -1: from a on; a, b: both included. Else 0 */
    uint8_t sha256[OBJECT_HASH]; /* PUT: of the file. Else zeros */
    int64_t wait_ms;             /* the answer comes within it; 1 … OBJECT_WAIT_MS_MAX */
} __attribute__((packed));
#define OBJECT_WAIT_MS_MAX ((int64_t)24 * 3600 * 1000)

/*
 * result: OK; ERR_NOT_FOUND (GET, STAT); ERR_CONFLICT (PUT with is_once); ERR_TOO_LARGE (GET: the part begins past the
 * end, `size` says where that is); ERR_BUSY (S3 asks for patience, can't be reached or is too slow); ERR_FULL (it, or
 * the disk of the file, has no room); ERR_IO (all else).
 */
struct object_answer {
    struct ipc_header h;
    int32_t result;
    int64_t size;         /* GET, STAT: of the whole object. LIST: how many. Else 0 */
    int64_t from, length; /* GET: the part that is in the file now. LIST: from 0, its bytes. Else 0 */
} __attribute__((packed));

/* ERR_INPUT unless every field is in its bounds. `fds`: how many descriptors came with it. */
enum err object_ask_check(const void *message, size_t n, size_t fds) MUST_CHECK;
/* Whether it can be the answer to this ask. */
enum err object_answer_check(const void *message, size_t n, const struct object_ask *ask) MUST_CHECK;
bool object_op_has_file(unsigned op);

/* Descriptors are the caller's still. ERR_BUSY: the socket is full. ERR_CLOSED, ERR_IO. */
enum err object_ask_send(int fd, const struct object_ask *ask, int answer_fd, int file_fd) MUST_CHECK;
/*
 * What waits there, without waiting; the descriptors are the caller's, -1 where there is none. ERR_BUSY: nothing.
 * ERR_INPUT: what came was not sound, and is closed. ERR_CLOSED, ERR_IO.
 */
struct object_asked {
    struct object_ask ask;
    int answer_fd, file_fd;
};
enum err object_ask_receive(int fd, struct object_asked *ret) MUST_CHECK;

#endif
