/* One line, one write: lines of several threads and processes never mix. */
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define LINE_BYTES_MAX  8192
#define VALUE_BYTES_MAX 1024
#define CLOSING_BYTES   16 /* ,"cut":true}\n */

static struct {
    char process[32];
    _Atomic int fd;
    enum log_level least;
    _Atomic bool is_journal;
} the_log = { .fd = STDERR_FILENO, .least = LOG_LEVEL_INFO };

static _Thread_local char request_id[33];

/* systemd names the device and inode of the journal's stream; lines there begin with their priority. */
static bool fd_is_journal(int fd) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char mine[64];
    if (!stream || fstat(fd, &st) != 0) return false;
    (void)snprintf(mine, sizeof mine, "%lu:%lu", (unsigned long)st.st_dev, (unsigned long)st.st_ino);
    return strcmp(mine, stream) == 0;
}

void log_open(const char *process, int fd, enum log_level least) {
    (void)snprintf(the_log.process, sizeof the_log.process, "%s", process);
    the_log.least = least;
    the_log.is_journal = fd_is_journal(fd);
    atomic_store(&the_log.fd, fd);
}

void log_use_fd(int fd) {
    the_log.is_journal = fd_is_journal(fd);
    atomic_store(&the_log.fd, fd);
}

void log_request_id_set(struct str id) {
    if (str_to_z(id, request_id, sizeof request_id) != OK) request_id[0] = 0;
}

static void add_field(struct buf *b, const struct log_field *f) {
    struct str v = f->text;
    buf_add_c(b, ',');
    buf_add_json(b, str_from(f->name));
    buf_add_c(b, ':');
    if (!v.p) {
        buf_add_i64(b, f->number);
        return;
    }
    if (v.n > VALUE_BYTES_MAX) { /* not within a character */
        v.n = VALUE_BYTES_MAX;
        while (v.n > VALUE_BYTES_MAX - 3 && ((unsigned char)v.p[v.n] & 0xc0U) == 0x80) v.n--;
    }
    if (!str_is_utf8(v)) { /* foreign: keep what is plain */
        char plain[VALUE_BYTES_MAX];
        for (size_t i = 0; i < v.n; i++) plain[i] = (unsigned char)v.p[i] < 0x80 ? v.p[i] : '?';
        buf_add_json(b, (struct str){ plain, v.n });
        return;
    }
    buf_add_json(b, v);
}

/* An event is never lost for the length of its fields: those that find no room are left out, and the line says so. */
static void add_fields(struct buf *b, const struct log_field *fields, size_t n) {
    bool is_cut = false;
    for (size_t i = 0; i < n; i++) {
        struct buf one;
        buf_init(&one, LINE_BYTES_MAX);
        add_field(&one, &fields[i]);
        if (buf_err(&one) == OK && one.n <= LINE_BYTES_MAX - CLOSING_BYTES - b->n)
            buf_add(b, buf_str(&one));
        else
            is_cut = true;
        buf_release(&one);
    }
    buf_add_z(b, is_cut ? ",\"cut\":true}\n" : "}\n");
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n) {
    static const char *const names[] = { "debug", "info", "warn", "error" };
    static const char *const priorities[] = { "<7>", "<6>", "<4>", "<3>" };
    char time[CLOCK_TEXT_SIZE];
    struct buf b;
    if (level < the_log.least) return;
    buf_init(&b, LINE_BYTES_MAX);
    clock_text(clock_wall_ms(), time);
    if (the_log.is_journal) buf_add_z(&b, priorities[level]);
    buf_addf(&b, "{\"time\":\"%s\",\"process\":\"%s\",\"pid\":%ld,\"level\":\"%s\",\"event\":", time, the_log.process,
             (long)getpid(), names[level]);
    buf_add_json(&b, str_from(event));
    if (request_id[0]) add_field(&b, &(struct log_field){ .name = "request_id", .text = str_from(request_id) });
    add_fields(&b, fields, n);
    if (buf_err(&b) == OK && write(atomic_load(&the_log.fd), b.p, b.n) < 0) { /* nowhere left to say so */
    }
    buf_release(&b);
}

void log_err(enum err e, const char *what) {
    log_event(LOG_LEVEL_ERROR, "error", LOG_Z("what", what), LOG_Z("error", err_name(e)), LOG_Z("text", err_text(e)));
}
