/* A binary search over bytes: from the middle of what is left to the next line's beginning, until one line is left. */
#include "core/breached.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/secret.h"

#define HEX_BYTES      (2 * SHA1_BYTES)
#define LINE_BYTES_MAX 64 /* hash, colon, a count of up to 19 digits, CR and LF */

struct breached {
    int fd;
    off_t size;
};

struct line {
    char hash[HEX_BYTES];
    int64_t count;
    off_t at, end; /* its first byte, and the next line's */
};

static bool is_upper_hex(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'A' && s[i] <= 'F'))) return false;
    return true;
}

static enum err parse(struct str text, struct line *ret) {
    int64_t count = 0;
    if (text.n > 0 && text.p[text.n - 1] == '\r') text.n--;
    if (text.n < HEX_BYTES + 2 || text.n > HEX_BYTES + 1 + 18) return ERR_CORRUPT;
    if (!is_upper_hex(text.p, HEX_BYTES) || text.p[HEX_BYTES] != ':') return ERR_CORRUPT;
    for (size_t i = HEX_BYTES + 1; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return ERR_CORRUPT;
        count = count * 10 + (text.p[i] - '0');
    }
    memcpy(ret->hash, text.p, HEX_BYTES);
    ret->count = count;
    return OK;
}

/* The line that holds byte `at`. A line is never longer than the window on either side of it. */
static enum err line_at(const struct breached *b, off_t at, struct line *ret) {
    char window[2 * LINE_BYTES_MAX];
    off_t from = at > LINE_BYTES_MAX ? at - LINE_BYTES_MAX : 0;
    ssize_t n;
    do n = pread(b->fd, window, sizeof window, from);
    while (n < 0 && errno == EINTR);
    if (n < 0) return ERR_IO;
    if (n <= at - from) return ERR_CORRUPT; /* shorter than it was */
    size_t here = (size_t)(at - from), first = here, last = here;
    while (first > 0 && window[first - 1] != '\n') first--;
    if (first == 0 && from > 0) return ERR_CORRUPT;
    while (last < (size_t)n && window[last] != '\n') last++;
    if (last == (size_t)n && from + n < b->size) return ERR_CORRUPT;
    ret->at = from + (off_t)first;
    ret->end = from + (off_t)last + 1;
    return parse((struct str){ window + first, last - first }, ret);
}

static enum err check(const struct breached *b) {
    struct line first, middle, last;
    enum err r;
    if ((r = line_at(b, 0, &first)) != OK) return r;
    if ((r = line_at(b, b->size / 2, &middle)) != OK) return r;
    if ((r = line_at(b, b->size - 1, &last)) != OK) return r;
    bool is_ordered = memcmp(first.hash, middle.hash, HEX_BYTES) <= 0 && memcmp(middle.hash, last.hash, HEX_BYTES) <= 0;
    return is_ordered ? OK : ERR_CORRUPT;
}

enum err breached_open(const char *path, struct breached **ret) {
    struct stat st;
    struct breached *b = calloc(1, sizeof *b);
    enum err r = OK;
    if (!b) return ERR_NOMEM;
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (b->fd < 0 || fstat(b->fd, &st) != 0 || !S_ISREG(st.st_mode)) r = ERR_IO;
    if (r == OK) {
        b->size = st.st_size;
        r = b->size > 0 ? check(b) : ERR_INPUT;
    }
    if (r == OK) {
        *ret = b;
        return OK;
    }
    breached_close(b);
    return r == ERR_CORRUPT ? ERR_INPUT : r;
}

void breached_close(struct breached *b) {
    if (!b) return;
    if (b->fd >= 0) (void)close(b->fd);
    free(b);
}

static void hash_text(struct str nfc, char out[HEX_BYTES]) {
    static const char digits[] = "0123456789ABCDEF";
    uint8_t hash[SHA1_BYTES];
    crypto_sha1(nfc, hash);
    for (size_t i = 0; i < SHA1_BYTES; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    bytes_wipe(hash, sizeof hash);
}

enum err breached_count(const struct breached *b, struct str nfc, int64_t *ret) {
    char wanted[HEX_BYTES];
    off_t low = 0, high = b ? b->size : 0;
    struct line line = { .count = 0 };
    enum err r = OK;
    *ret = 0;
    if (b) hash_text(nfc, wanted);
    while (r == OK && low < high) {
        r = line_at(b, low + (high - low) / 2, &line);
        int order = r == OK ? memcmp(line.hash, wanted, HEX_BYTES) : 0;
        if (r == OK && order == 0) {
            *ret = line.count;
            break;
        }
        if (order < 0)
            low = line.end;
        else
            high = line.at;
    }
    bytes_wipe(wanted, sizeof wanted);
    return r;
}
