#include "cli/terminal.h"

#include <assert.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <termios.h>
#include <unictype.h>
#include <unistd.h>
#include <unistr.h>

#include "base/clock.h"

#define TEXT_BYTES_MAX (256 * 1024)
#define LINE_BYTES_MAX 1024
#define COLUMNS        78

static bool is_utf8_terminal;

void terminal_begin(void) {
    (void)setlocale(LC_CTYPE, "");
    is_utf8_terminal = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool terminal_is_seen(void) { return isatty(STDOUT_FILENO) == 1; }

/* ---- out ---- */

/* Characters that are seen as themselves, and move nothing but the next one's place. */
static bool is_plain(ucs4_t c) {
    const uint32_t odd = UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Co |
                         UC_CATEGORY_MASK_Cn | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp;
    return !uc_is_general_category_withtable(c, odd);
}

void terminal_escape(struct buf *out, struct str s, bool is_utf8) {
    for (size_t i = 0; i < s.n;) {
        ucs4_t c = 0xfffd;
        int n = u8_mbtoucr(&c, (const uint8_t *)s.p + i, s.n - i);
        if (n <= 0) {
            buf_addf(out, "\\x%02x", (unsigned)(uint8_t)s.p[i++]);
            continue;
        }
        if (is_plain(c) && (is_utf8 || c < 0x80))
            buf_add(out, (struct str){ s.p + i, (size_t)n });
        else if (c < 0x80)
            buf_addf(out, "\\x%02x", (unsigned)c);
        else
            buf_addf(out, "\\u{%x}", (unsigned)c);
        i += (size_t)n;
    }
}

static void write_out(FILE *out, struct buf *b) {
    if (buf_err(b) != OK) (void)fputs("(too long to show)", out);
    if (buf_err(b) == OK && b->n > 0) (void)fwrite(b->p, 1, b->n, out);
    (void)fflush(out);
    buf_release(b);
}

static void format(struct buf *b, const char *fmt, va_list ap) {
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            buf_add_c(b, *fmt);
            continue;
        }
        fmt++;
        assert(*fmt == 's' || *fmt == 'd' || *fmt == '%');
        if (*fmt == 's') terminal_escape(b, str_from(va_arg(ap, const char *)), is_utf8_terminal);
        if (*fmt == 'd') buf_add_i64(b, va_arg(ap, int));
        if (*fmt == '%') buf_add_c(b, '%');
    }
}

void say(FILE *out, const char *fmt, ...) {
    struct buf b;
    va_list ap;
    buf_init(&b, TEXT_BYTES_MAX);
    va_start(ap, fmt);
    format(&b, fmt, ap);
    va_end(ap);
    write_out(out, &b);
}

void complain(const char *fmt, ...) {
    struct buf b;
    va_list ap;
    buf_init(&b, TEXT_BYTES_MAX);
    buf_add_z(&b, "tocsin: ");
    va_start(ap, fmt);
    format(&b, fmt, ap);
    va_end(ap);
    buf_add_c(&b, '\n');
    write_out(stderr, &b);
}

/* Characters, not bytes: what was escaped is UTF-8. */
static int width_of(struct str s) {
    int n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((uint8_t)s.p[i] & 0xc0) != 0x80;
    return n;
}

void say_padded(FILE *out, const char *text, int width) {
    struct buf b;
    buf_init(&b, TEXT_BYTES_MAX);
    terminal_escape(&b, str_from(text), is_utf8_terminal);
    for (int n = width_of(buf_str(&b)); n < width; n++) buf_add_c(&b, ' ');
    buf_add_c(&b, ' ');
    write_out(out, &b);
}

void say_wrapped(FILE *out, const char *indent, const char *text) {
    struct buf line;
    struct str rest = str_from(text), word;
    buf_init(&line, TEXT_BYTES_MAX);
    while (rest.n > 0) {
        struct buf shown;
        rest = str_cut(rest, ' ', &word);
        if (word.n == 0) continue;
        buf_init(&shown, TEXT_BYTES_MAX);
        terminal_escape(&shown, word, is_utf8_terminal);
        if (line.n > 0 && width_of(buf_str(&line)) + 1 + width_of(buf_str(&shown)) > COLUMNS) {
            buf_add_c(&line, '\n');
            (void)fwrite(line.p, 1, line.n, out);
            buf_reset(&line);
        }
        buf_add_z(&line, line.n == 0 ? indent : " ");
        buf_add(&line, buf_str(&shown));
        buf_release(&shown);
    }
    if (line.n > 0) buf_add_c(&line, '\n');
    write_out(out, &line);
}

void say_time(FILE *out, const char *rfc3339) {
    int64_t ms;
    time_t seconds;
    struct tm local;
    char text[40];
    if (clock_parse(str_from(rfc3339), &ms) != OK) {
        say(out, "%s", rfc3339);
        return;
    }
    seconds = (time_t)(ms / 1000);
    if (!localtime_r(&seconds, &local) || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local) == 0) return;
    say(out, "%s", text);
}

const char *text_of(const json_t *o, const char *member) {
    const char *z = json_string_value(json_object_get(o, member));
    return z ? z : "";
}

/* ---- in ---- */

static volatile sig_atomic_t caught;

static void on_signal(int number) { caught = number; }

/* Waits for a byte; signals come in only here, so that none falls between a look at `caught` and the wait. */
static bool is_readable(const sigset_t *open) {
    struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
    int n;
    do n = ppoll(&in, 1, NULL, open);
    while (n < 0 && errno == EINTR && !caught);
    return n > 0 && !caught;
}

/* One line, byte by byte, so that nothing of it stays in a buffer of stdio. `open`: NULL, or the signals let in. */
static enum err read_line(char *out, size_t size, size_t *ret_n, const sigset_t *open) {
    size_t n = 0;
    for (;;) {
        char c;
        ssize_t got = is_readable(open) ? read(STDIN_FILENO, &c, 1) : -1;
        if (got < 0 || (got == 0 && n == 0)) return ERR_CLOSED;
        if (got == 0 || c == '\n') break;
        if (n == size) return ERR_TOO_LARGE;
        out[n++] = c;
    }
    if (n > 0 && out[n - 1] == '\r') n--;
    *ret_n = n;
    return OK;
}

enum err ask_line(const char *prompt, char *out, size_t size) {
    char line[LINE_BYTES_MAX];
    size_t n = 0;
    enum err r;
    say(stderr, "%s", prompt);
    if ((r = read_line(line, sizeof line, &n, NULL)) != OK) return r;
    return str_to_z(str_trim(str_bytes(line, n)), out, size);
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

struct watched {
    struct sigaction had[ARRAY_LEN(signals)];
    sigset_t open; /* as it was before */
};

static void catch_signals(struct watched *w) {
    const struct sigaction catch = { .sa_handler = on_signal };
    sigset_t closed;
    caught = 0;
    (void)sigemptyset(&closed);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) (void)sigaddset(&closed, signals[i]);
    (void)sigprocmask(SIG_BLOCK, &closed, &w->open);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) (void)sigaction(signals[i], &catch, &w->had[i]);
}

static void leave_signals(const struct watched *w) {
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) (void)sigaction(signals[i], &w->had[i], NULL);
    if (caught) (void)raise(caught); /* now with its own effect */
    caught = 0;
    (void)sigprocmask(SIG_SETMASK, &w->open, NULL);
}

enum err ask_secret(const char *prompt, struct secret *ret) {
    struct watched w;
    struct termios old, quiet;
    char line[LINE_BYTES_MAX];
    size_t n = 0;
    bool is_terminal = tcgetattr(STDIN_FILENO, &old) == 0;
    enum err r;
    catch_signals(&w);
    if (is_terminal) {
        quiet = old;
        quiet.c_lflag &= (tcflag_t)~ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    say(stderr, "%s", prompt); /* only now: what is typed from here on is not shown */
    r = read_line(line, sizeof line, &n, &w.open);
    if (is_terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &old);
        say(stderr, "\n");
    }
    if (r == OK) r = secret_from_str(ret, str_bytes(line, n));
    bytes_wipe(line, sizeof line);
    leave_signals(&w);
    return r;
}
