/*
 * Objects over HTTP/1.1 by several connections at once, each with one request in flight, for bench/backup.py:
 *
 *   objects read  PORT CONNECTIONS SECONDS HEAD            the same request again and again
 *   objects write PORT CONNECTIONS SECONDS HEAD SIZE SEED  HEAD's one "%s" becomes the name: the SHA-256 of the body
 *   objects fetch PORT CONNECTIONS 0 HEAD FOLDER           each file of FOLDER once; HEAD's "%s" becomes its path there
 *   objects send  PORT CONNECTIONS 0 HEAD FOLDER           the same, sent; the head ends with the length
 *   objects disk  FOLDER CONNECTIONS SECONDS SIZE          no server: a file, fsync, a name, fsync of its folder of 256
 *   objects fill  FOLDER 1 0 COUNT                         no server: so many names below FOLDER/data, of sparse files
 *
 * Bodies differ in eight bytes and their names are made before the clock starts, so that the client costs little.
 * Prints "rate=R p50_us=A p99_us=B bytes=N"; anything but an answer of 2xx ends it with a failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/enc.h"

#define HEAD_MAX      4096
#define IN_BYTES      (1 << 20)
#define NAME_SIZE     (2 * HASH_BYTES + 1)
#define PREPARE_BYTES (3LL << 30) /* hashed beforehand, at most */
#define NAMES_MAX     400000
#define SAMPLES_MAX   2000000
#define PEERS_MAX     256
#define FANS          256

#define PATH_MAX_HERE 256

enum work { WORK_READ, WORK_WRITE, WORK_FETCH, WORK_SEND, WORK_DISK, WORK_FILL, WORKS };
static const char *const works[WORKS] = { "read", "write", "fetch", "send", "disk", "fill" };

struct file {
    char path[PATH_MAX_HERE]; /* below the folder */
    size_t size;
};

struct bench {
    enum work work;
    uint16_t port;
    int folder, connections;
    double seconds;
    const char *head;
    size_t size;
    char *tail; /* of every body, after its first eight bytes */
    uint64_t seed;
    char (*names)[NAME_SIZE];
    size_t name_count; /* of names, or of files */
    struct file *files;
    _Atomic size_t next;
    uint64_t end_ns;
    _Atomic size_t sample_count;
    uint32_t *samples; /* microseconds */
    _Atomic uint64_t bytes;
};

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void prepare(struct bench *b) {
    size_t most = (size_t)(PREPARE_BYTES / (long long)b->size);
    size_t wanted = (size_t)(b->seconds * 40000) + (size_t)b->connections;
    b->name_count = most < wanted ? most : wanted;
    if (b->name_count > NAMES_MAX) b->name_count = NAMES_MAX;
    b->tail = malloc(b->size);
    b->names = calloc(b->name_count, sizeof *b->names);
    if (!b->tail || !b->names || b->size < sizeof b->seed) fail("malloc");
    crypto_random(b->tail, b->size);
    for (size_t i = 0; b->work == WORK_WRITE && i < b->name_count; i++) {
        uint64_t first = b->seed << 32 | i;
        uint8_t hash[HASH_BYTES];
        struct sha256_run *run = sha256_new();
        sha256_add(run, str_bytes(&first, sizeof first));
        sha256_add(run, str_bytes(b->tail, b->size - sizeof first));
        sha256_end(run, hash);
        (void)enc_hex(hash, HASH_BYTES, b->names[i]);
    }
}

static int peer_open(const struct bench *b) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(b->port), .sin_addr.s_addr = htonl(0x7f000001) };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_all(int fd, struct iovec *v, int n) {
    while (n > 0) {
        ssize_t sent = writev(fd, v, n);
        if (sent < 0) fail("send");
        while (n > 0 && (size_t)sent >= v->iov_len) {
            sent -= (ssize_t)v->iov_len;
            v++;
            n--;
        }
        if (n > 0) {
            v->iov_base = (char *)v->iov_base + sent;
            v->iov_len -= (size_t)sent;
        }
    }
}

/* One answer; returns the bytes of its body. */
static size_t answer_read(int fd, char *in) {
    size_t n = 0, length;
    const char *end = NULL, *line;
    while (!end) {
        ssize_t got = recv(fd, in + n, IN_BYTES - 1 - n, 0);
        if (got <= 0) fail("recv");
        n += (size_t)got;
        in[n] = 0;
        end = memmem(in, n, "\r\n\r\n", 4);
    }
    line = strcasestr(in, "\r\ncontent-length:");
    length = line && line < end ? (size_t)strtoull(line + 17, NULL, 10) : 0;
    if (in[9] != '2') {
        (void)fprintf(stderr, "%.*s\n", (int)(end - in), in);
        exit(1);
    }
    for (size_t left = length - (n - (size_t)(end + 4 - in)); left > 0;) {
        ssize_t got = recv(fd, in, left < IN_BYTES ? left : IN_BYTES, 0);
        if (got <= 0) fail("recv");
        left -= (size_t)got;
    }
    return length;
}

static void write_one(struct bench *b, int fd, char *in, size_t i) {
    char head[HEAD_MAX];
    uint64_t first = b->seed << 32 | i;
    const char *name_at = strstr(b->head, "%s");
    int n = snprintf(head, sizeof head, "%.*s%s%s", (int)(name_at - b->head), b->head, b->names[i], name_at + 2);
    struct iovec v[3] = { { head, (size_t)n }, { &first, sizeof first }, { b->tail, b->size - sizeof first } };
    send_all(fd, v, 3);
    (void)answer_read(fd, in);
}

static size_t read_one(const struct bench *b, int fd, char *in) {
    struct iovec v = { (void *)(uintptr_t)b->head, strlen(b->head) };
    send_all(fd, &v, 1);
    return answer_read(fd, in);
}

static void send_file(const struct bench *b, int fd, char *in, const struct file *f) {
    char head[HEAD_MAX];
    const char *path_at = strstr(b->head, "%s");
    int file = openat(b->folder, f->path, O_RDONLY | O_CLOEXEC);
    int n = snprintf(head, sizeof head, "%.*s%s%sContent-Length: %zu\r\n\r\n", (int)(path_at - b->head), b->head,
                     f->path, path_at + 2, f->size);
    struct iovec v = { head, (size_t)n };
    if (file < 0) fail(f->path);
    send_all(fd, &v, 1);
    for (size_t left = f->size; left > 0;) {
        ssize_t sent = sendfile(fd, file, NULL, left);
        if (sent <= 0) fail("sendfile");
        left -= (size_t)sent;
    }
    (void)close(file);
    (void)answer_read(fd, in);
}

static void fetch_file(const struct bench *b, int fd, char *in, const struct file *f) {
    char head[HEAD_MAX];
    const char *path_at = strstr(b->head, "%s");
    int n = snprintf(head, sizeof head, "%.*s%s%s\r\n", (int)(path_at - b->head), b->head, f->path, path_at + 2);
    struct iovec v = { head, (size_t)n };
    send_all(fd, &v, 1);
    if (answer_read(fd, in) != f->size) fail(f->path);
}

/* What the server does for each, without the server. */
static void disk_one(const struct bench *b, size_t i) {
    char fan[8], name[32], self[40];
    int folder, fd;
    (void)snprintf(fan, sizeof fan, "%02x", (unsigned)(i % FANS));
    (void)snprintf(name, sizeof name, "%zu", i);
    folder = openat(b->folder, fan, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = folder >= 0 ? openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || write(fd, b->tail, b->size) != (ssize_t)b->size || fsync(fd) != 0) fail("write");
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, self, folder, name, AT_SYMLINK_FOLLOW) != 0 || fsync(folder) != 0) fail("linkat");
    (void)close(fd);
    (void)close(folder);
}

static void *peer_run(void *arg) {
    struct bench *b = arg;
    char *in = malloc(IN_BYTES);
    int fd = b->work == WORK_DISK ? -1 : peer_open(b);
    if (!in) fail("malloc");
    for (uint64_t began = now_ns(); began < b->end_ns;) {
        size_t i = b->work == WORK_READ ? 0 : atomic_fetch_add(&b->next, 1), body = b->size;
        uint64_t ended;
        if (b->work != WORK_READ && i >= b->name_count) break;
        if (b->files) body = b->files[i].size;
        if (b->work == WORK_READ)
            body = read_one(b, fd, in);
        else if (b->work == WORK_SEND)
            send_file(b, fd, in, &b->files[i]);
        else if (b->work == WORK_FETCH)
            fetch_file(b, fd, in, &b->files[i]);
        else if (b->work == WORK_WRITE)
            write_one(b, fd, in, i);
        else
            disk_one(b, i);
        ended = now_ns();
        i = atomic_fetch_add(&b->sample_count, 1);
        if (i < SAMPLES_MAX) b->samples[i] = (uint32_t)((ended - began) / 1000);
        atomic_fetch_add(&b->bytes, body);
        began = ended;
    }
    if (fd >= 0) (void)close(fd);
    free(in);
    return NULL;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void run(struct bench *b) {
    pthread_t threads[PEERS_MAX];
    uint64_t began = now_ns();
    size_t n;
    double took;
    b->samples = calloc(SAMPLES_MAX, sizeof *b->samples);
    if (!b->samples || b->connections < 1 || b->connections > PEERS_MAX) fail("connections");
    b->end_ns = began + (uint64_t)(b->seconds * 1e9);
    for (int i = 0; i < b->connections; i++)
        if (pthread_create(&threads[i], NULL, peer_run, b) != 0) fail("pthread_create");
    for (int i = 0; i < b->connections; i++) (void)pthread_join(threads[i], NULL);
    took = (double)(now_ns() - began) / 1e9;
    n = atomic_load(&b->sample_count);
    if (n > SAMPLES_MAX) n = SAMPLES_MAX;
    if (n == 0) fail("nothing was answered");
    qsort(b->samples, n, sizeof *b->samples, by_value);
    (void)printf("rate=%.1f p50_us=%u p99_us=%u bytes=%llu\n", (double)atomic_load(&b->sample_count) / took,
                 b->samples[n / 2], b->samples[n * 99 / 100], (unsigned long long)atomic_load(&b->bytes));
}

static void list_files(struct bench *b, char *folder) {
    char *const roots[] = { folder, NULL };
    size_t skip = strlen(folder) + 1;
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    b->files = calloc(NAMES_MAX, sizeof *b->files);
    if (!fts || !b->files) fail(folder);
    for (FTSENT *e; (e = fts_read(fts)) && b->name_count < NAMES_MAX;) {
        struct file *f = &b->files[b->name_count];
        if (e->fts_info != FTS_F) continue;
        (void)snprintf(f->path, sizeof f->path, "%s", e->fts_path + skip);
        f->size = (size_t)e->fts_statp->st_size;
        b->name_count++;
    }
    (void)fts_close(fts);
    b->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    b->seconds = 3600; /* all of them */
}

static void folders_make(int folder, const char *above) {
    char path[64];
    if (*above && mkdirat(folder, above, 0700) != 0 && errno != EEXIST) fail("mkdir");
    for (int i = 0; i < FANS; i++) {
        (void)snprintf(path, sizeof path, "%s%02x", above, (unsigned)i);
        if (mkdirat(folder, path, 0700) != 0 && errno != EEXIST) fail("mkdir");
    }
}

/* Names as the server would give, and sizes as of packs, but no bytes: whoever only lists never knows. */
static void fill(int folder, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        char path[96], hex[NAME_SIZE];
        uint8_t hash[HASH_BYTES];
        int fd;
        crypto_sha256(str_bytes(&i, sizeof i), hash);
        (void)enc_hex(hash, HASH_BYTES, hex);
        (void)snprintf(path, sizeof path, "data/%.2s/%s", hex, hex);
        fd = openat(folder, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0 || ftruncate(fd, (off_t)(1 + i * 7919 % 16777216)) != 0) fail("fill");
        (void)close(fd);
    }
}

int main(int argc, char **argv) {
    struct bench b = { .folder = -1 };
    int work = 0;
    if (argc < 6 || crypto_init() != OK) return 2;
    while (work < WORKS && strcmp(argv[1], works[work]) != 0) work++;
    b.work = (enum work)work;
    b.connections = (int)strtol(argv[3], NULL, 10);
    b.seconds = strtod(argv[4], NULL);
    if (b.work == WORK_DISK || b.work == WORK_FILL) {
        b.size = (size_t)strtoull(argv[5], NULL, 10);
        b.folder = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        folders_make(b.folder, b.work == WORK_FILL ? "data/" : "");
    } else {
        b.port = (uint16_t)strtol(argv[2], NULL, 10);
        b.head = argv[5];
    }
    if (b.work == WORK_FILL) {
        fill(b.folder, b.size);
        return 0;
    }
    if (b.work == WORK_WRITE && argc == 8) {
        b.size = (size_t)strtoull(argv[6], NULL, 10);
        b.seed = strtoull(argv[7], NULL, 10);
    }
    if (b.work == WORK_FETCH || b.work == WORK_SEND)
        list_files(&b, argv[argc - 1]);
    else if (b.work != WORK_READ)
        prepare(&b);
    run(&b);
    return 0;
}
