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

void clock_text(int64_t wall_ms, char out[CLOCK_TEXT_SIZE]) {
    time_t s = (time_t)(wall_ms / 1000);
    int ms = (int)(wall_ms % 1000);
    struct tm t;
    if (ms < 0) {
        ms += 1000;
        s--;
    }
    if (!gmtime_r(&s, &t) || t.tm_year < -1900 || t.tm_year > 8099) {
        (void)memcpy(out, "0000-01-01T00:00:00.000Z", CLOCK_TEXT_SIZE);
        return;
    }
    (void)strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S.", &t);
    out[20] = (char)('0' + ms / 100);
    out[21] = (char)('0' + ms / 10 % 10);
    out[22] = (char)('0' + ms % 10);
    out[23] = 'Z';
    out[24] = 0;
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
    struct tm t = { 0 }, back;
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
    at = timegm(&t);
    if (!gmtime_r(&at, &back) || back.tm_mday != t.tm_mday || back.tm_hour != t.tm_hour || back.tm_min != t.tm_min)
        return ERR_INPUT;
    *ret_wall_ms = (int64_t)at * 1000 + ms;
    return OK;
}
