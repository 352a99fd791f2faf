/* A log of names and sizes, 48 bytes each. It is not forced to the disk: each record says whether it is whole. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/blobs_priv.h"

#define NAME_BYTES      32
#define LOG_BYTES_MAX   ((off_t)24 << 20) /* half a million; more are looked at one by one */
#define RECORDS_AT_ONCE 1024

struct record {
    uint8_t name[NAME_BYTES];
    uint64_t size, check;
};

struct sizes {
    struct record *records;
    size_t n, place_count; /* a power of two, at least twice n */
    uint32_t *places;      /* 1 + the record's place; 0: empty */
};

static uint64_t part(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t check_of(const struct record *r) {
    uint64_t h = 0x9e3779b97f4a7c15U ^ r->size;
    for (size_t i = 0; i < NAME_BYTES; i += 8) h = (h ^ part(r->name + i)) * 0xbf58476d1ce4e5b9U;
    return h ^ (h >> 31);
}

static uint8_t digit(char c) { return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10); }

static void name_pack(const char *name, uint8_t out[NAME_BYTES]) {
    for (size_t i = 0; i < NAME_BYTES; i++) out[i] = (uint8_t)(digit(name[2 * i]) << 4 | digit(name[2 * i + 1]));
}

static uint32_t *place_of(const struct sizes *s, const uint8_t name[NAME_BYTES]) {
    size_t i = (size_t)part(name + 8) & (s->place_count - 1);
    while (s->places[i] != 0 && memcmp(s->records[s->places[i] - 1].name, name, NAME_BYTES) != 0)
        i = (i + 1) & (s->place_count - 1);
    return &s->places[i];
}

static bool fill(struct sizes *s, int fd, size_t bytes) {
    size_t had = 0;
    s->records = malloc(bytes);
    if (!s->records) return false;
    while (had < bytes) {
        ssize_t n = read(fd, (char *)s->records + had, bytes - had);
        if (n <= 0) break;
        had += (size_t)n;
    }
    s->n = had / sizeof *s->records;
    for (s->place_count = 16; s->place_count < 2 * s->n;) s->place_count *= 2;
    s->places = calloc(s->place_count, sizeof *s->places);
    return s->places != NULL;
}

struct sizes *sizes_read(int folder_fd) {
    struct sizes *s = calloc(1, sizeof *s);
    struct stat st;
    int fd = openat(folder_fd, SIZES_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is_fine = s && fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= LOG_BYTES_MAX &&
                   fill(s, fd, (size_t)st.st_size);
    if (fd >= 0) (void)close(fd);
    if (!is_fine) {
        sizes_free(s);
        return NULL;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct record *r = &s->records[i];
        if (r->check == check_of(r)) *place_of(s, r->name) = (uint32_t)i + 1;
    }
    return s;
}

bool sizes_find(const struct sizes *s, const char *name, int64_t *ret_size) {
    uint8_t packed[NAME_BYTES];
    uint32_t at;
    if (!s) return false;
    name_pack(name, packed);
    at = *place_of(s, packed);
    if (at != 0) *ret_size = (int64_t)s->records[at - 1].size;
    return at != 0;
}

size_t sizes_count(const struct sizes *s) { return s ? s->n : 0; }

void sizes_free(struct sizes *s) {
    if (!s) return;
    free(s->records);
    free(s->places);
    free(s);
}

void sizes_note(int folder_fd, const struct blob_entry *entries, size_t n) {
    struct record some[RECORDS_AT_ONCE];
    int fd = openat(folder_fd, SIZES_FILE, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    ssize_t sent = 0;
    if (fd < 0) return;
    while (n > 0 && sent >= 0) {
        size_t now = n < RECORDS_AT_ONCE ? n : RECORDS_AT_ONCE;
        for (size_t i = 0; i < now; i++) {
            name_pack(entries[i].name, some[i].name);
            some[i].size = (uint64_t)entries[i].size;
            some[i].check = check_of(&some[i]);
        }
        sent = write(fd, some, now * sizeof some[0]);
        if (sent % (ssize_t)sizeof some[0] > 0) sent = -1; /* a full disk: what follows would not be aligned */
        entries += now;
        n -= now;
    }
    (void)close(fd);
    if (sent < 0) (void)unlinkat(folder_fd, SIZES_FILE, 0);
}
