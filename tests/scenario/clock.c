/*
 * The clock of the scenarios: it stands still until a test moves it, for the front in this process and for the keeper
 * beside it. Linked in place of clock_wall_ms (--wrap); waits go by the real monotonic clock.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "house.h"

#define CLOCK_VARIABLE "TOCSIN_SCENARIO_CLOCK"

int64_t __real_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void);

static _Atomic int64_t *now;
static char path[64];

static _Atomic int64_t *map(const char *file, int flags, int protection) {
    int fd = open(file, flags | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *now, protection, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    return at == MAP_FAILED ? NULL : at;
}

void fake_clock_begin(void) {
    int64_t start_ms = __real_clock_wall_ms();
    snprintf(path, sizeof path, "%s/tocsin-clock-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    int fd = mkstemp(path);
    if (fd < 0 || ftruncate(fd, sizeof *now) != 0) abort();
    close(fd);
    now = map(path, O_RDWR, PROT_READ | PROT_WRITE);
    if (!now || setenv(CLOCK_VARIABLE, path, 1) != 0) abort();
    atomic_store(now, start_ms);
}

void fake_clock_end(void) { (void)unlink(path); }

void fake_clock_add(int64_t ms) { atomic_fetch_add(now, ms); }

int64_t __wrap_clock_wall_ms(void) {
    if (!now) { /* the keeper's process */
        const char *file = getenv(CLOCK_VARIABLE);
        now = file ? map(file, O_RDONLY, PROT_READ) : NULL;
        if (!now) return __real_clock_wall_ms();
    }
    return atomic_load(now);
}
