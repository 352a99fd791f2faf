/* The only file that asks the system for the time. */
#include "base/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef TOCSIN_TEST_CLOCK
static const _Atomic int64_t *shift; /* milliseconds, in a file that a test writes */

void clock_init(void) {
    const char *path = getenv("TOCSIN_TEST_CLOCK");
    void *at;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    at = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (at != MAP_FAILED) shift = at;
}

static int64_t shift_ms(void) { return shift ? atomic_load_explicit(shift, memory_order_relaxed) : 0; }
#else
void clock_init(void) {}
static int64_t shift_ms(void) { return 0; }
#endif

static int64_t read_ns(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t); /* these two clocks always exist */
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall_ms(void) { return read_ns(CLOCK_REALTIME) / 1000000 + shift_ms(); }
int64_t clock_mono_ns(void) { return read_ns(CLOCK_MONOTONIC); }
int64_t clock_mono_ms(void) { return clock_mono_ns() / 1000000; }

static void put_digits(char *out, int n, int value) {
    for (; n > 0; value /= 10) out[--n] = (char)('0' + value % 10);
}

void clock_text(int64_t wall_ms, char out[CLOCK_TEXT_SIZE]) {
    time_t s = (time_t)(wall_ms / 1000);
    int ms = (int)(wall_ms % 1000);
    struct tm t;
    if (ms < 0) {
        ms += 1000;
        s--;
    }
    (void)memcpy(out, "0000-01-01T00:00:00.000Z", CLOCK_TEXT_SIZE);
    if (!gmtime_r(&s, &t) || t.tm_year < -1900 || t.tm_year > 8099) return;
    put_digits(out, 4, t.tm_year + 1900);
    put_digits(out + 5, 2, t.tm_mon + 1);
    put_digits(out + 8, 2, t.tm_mday);
    put_digits(out + 11, 2, t.tm_hour);
    put_digits(out + 14, 2, t.tm_min);
    put_digits(out + 17, 2, t.tm_sec);
    put_digits(out + 20, 3, ms);
}

/* n digits from *at, moving it on; -1 when there are not. */
static int digits(struct str *s, size_t n) {
    int64_t v;
    if (s->n < n || str_to_i64((struct str){ s->p, n }, 9999, &v) != OK) return -1;
    *s = str_skip(*s, n);
    return (int)v;
}

static bool mark(struct str *s, char c) {
    if (s->n == 0 || s->p[0] != c) return false;
    *s = str_skip(*s, 1);
    return true;
}

enum err clock_parse(struct str s, int64_t *ret_wall_ms) {
    struct tm t = { 0 }, asked;
    int ms = 0;
    time_t at;
    if ((t.tm_year = digits(&s, 4)) < 0 || !mark(&s, '-')) return ERR_INPUT;
    if ((t.tm_mon = digits(&s, 2)) < 1 || !mark(&s, '-')) return ERR_INPUT;
    if ((t.tm_mday = digits(&s, 2)) < 1 || !mark(&s, 'T')) return ERR_INPUT;
    if ((t.tm_hour = digits(&s, 2)) < 0 || !mark(&s, ':')) return ERR_INPUT;
    if ((t.tm_min = digits(&s, 2)) < 0 || !mark(&s, ':')) return ERR_INPUT;
    if ((t.tm_sec = digits(&s, 2)) < 0) return ERR_INPUT;
    if (mark(&s, '.') && (ms = digits(&s, 3)) < 0) return ERR_INPUT;
    if (!mark(&s, 'Z') || s.n > 0) return ERR_INPUT;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    asked = t;
    at = timegm(&t); /* moves what is out of range: 30 February becomes 2 March */
    if (t.tm_mon != asked.tm_mon || t.tm_mday != asked.tm_mday || t.tm_hour != asked.tm_hour ||
        t.tm_min != asked.tm_min || t.tm_sec != asked.tm_sec)
        return ERR_INPUT;
    *ret_wall_ms = (int64_t)at * 1000 + ms;
    return OK;
}
