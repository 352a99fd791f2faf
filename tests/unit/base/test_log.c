/* Log lines and metrics, read back as what they claim to be. */
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metrics.h"

/* All that was written to fd since the last call, as text; the caller frees it. */
static char *read_all(int fd) {
    struct stat st;
    char *text;
    assert_int_equal(fstat(fd, &st), 0);
    text = calloc(1, (size_t)st.st_size + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)st.st_size, 0), st.st_size);
    assert_int_equal(ftruncate(fd, 0), 0);
    return text;
}

static int temporary(void) {
    char path[] = "/tmp/tocsin-log.XXXXXX";
    int fd = mkostemp(path, O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    (void)unlink(path);
    return fd;
}

static json_t *line_of(int fd) {
    char *text = read_all(fd);
    json_error_t e;
    json_t *line;
    size_t n = strlen(text);
    assert_true(n > 0 && n <= 8192 && text[n - 1] == '\n' && strchr(text, '\n') == text + n - 1);
    line = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (!line) fail_msg("%s in %s", e.text, text);
    free(text);
    return line;
}

static const char *field(const json_t *line, const char *name) {
    const char *text = json_string_value(json_object_get(line, name));
    assert_non_null(text);
    return text;
}

static void writes_one_object_a_line(void **state) {
    int fd = temporary();
    json_t *line;
    (void)state;
    log_open("tocsin-test", fd, LOG_LEVEL_INFO);
    log_request_id_set(STR("r1"));
    log_event(LOG_LEVEL_WARN, "authn_login_fail", LOG_Z("why", "say \"no\"\n\x1b[2J\xc2\x9b"),
              LOG_I("count", INT64_MIN), LOG_S("bytes", str_bytes("a\0b\xff", 4)));
    log_request_id_set(STR_NONE);
    line = line_of(fd);
    assert_string_equal(field(line, "process"), "tocsin-test");
    assert_string_equal(field(line, "level"), "warn");
    assert_string_equal(field(line, "event"), "authn_login_fail");
    assert_string_equal(field(line, "request_id"), "r1");
    assert_string_equal(field(line, "why"), "say \"no\"\n\x1b[2J\xc2\x9b");
    assert_true(json_integer_value(json_object_get(line, "count")) == INT64_MIN);
    assert_int_equal(json_string_length(json_object_get(line, "bytes")), 4);
    assert_int_equal(json_integer_value(json_object_get(line, "pid")), getpid());
    assert_int_equal(strlen(field(line, "time")), 24);
    json_decref(line);
    log_event(LOG_LEVEL_INFO, "plain", LOG_I("one", 1));
    line = line_of(fd);
    assert_null(json_object_get(line, "request_id"));
    json_decref(line);
    (void)close(fd);
}

static void has_no_control_character_in_it(void **state) {
    int fd = temporary();
    char *text;
    (void)state;
    log_open("tocsin-test", fd, LOG_LEVEL_INFO);
    log_event(LOG_LEVEL_INFO, "x", LOG_Z("v", "\r\nfake line\x1b]0;title\x07\x7f\xc2\x85\xc2\x9b"));
    text = read_all(fd);
    for (size_t i = 0; text[i + 1]; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)) fail_msg("control at %zu", i);
    }
    free(text);
    (void)close(fd);
}

static void says_errors_in_words(void **state) {
    int fd = temporary();
    json_t *line;
    (void)state;
    log_open("tocsin-test", fd, LOG_LEVEL_INFO);
    log_err(ERR_FULL, "store");
    line = line_of(fd);
    assert_string_equal(field(line, "error"), "ERR_FULL");
    assert_string_equal(field(line, "text"), "no room on the disk");
    json_decref(line);
    assert_string_equal(err_name((enum err)7), "ERR_?");
    assert_string_equal(err_text((enum err)7), "unknown error");
    (void)close(fd);
}

static void keeps_quiet_below_its_level(void **state) {
    int fd = temporary();
    char *text;
    (void)state;
    log_open("tocsin-test", fd, LOG_LEVEL_WARN);
    log_event(LOG_LEVEL_DEBUG, "x", LOG_I("a", 1));
    log_event(LOG_LEVEL_INFO, "x", LOG_I("a", 1));
    text = read_all(fd);
    assert_string_equal(text, "");
    free(text);
    (void)close(fd);
}

/* What a caller sends may shorten a line but never suppress it. */
static void loses_no_event_to_long_fields(void **state) {
    static char control[3000], wide[3000];
    int fd = temporary();
    json_t *line;
    (void)state;
    memset(control, 1, sizeof control); /* six characters each */
    for (size_t i = 0; i < sizeof wide; i++) wide[i] = "x\xc3\xa9"[i == 0 ? 0 : 1 + (i + 1) % 2];
    log_open("tocsin-test", fd, LOG_LEVEL_INFO);
    log_event(LOG_LEVEL_INFO, "authn_login_fail", LOG_S("a", str_bytes(control, sizeof control)),
              LOG_S("b", str_bytes(control, sizeof control)), LOG_S("w", str_bytes(wide, 2999)), LOG_I("n", 5));
    line = line_of(fd);
    assert_string_equal(field(line, "event"), "authn_login_fail");
    assert_int_equal(json_string_length(json_object_get(line, "a")), 1024);
    assert_null(json_object_get(line, "b"));
    assert_int_equal(json_string_length(json_object_get(line, "w")), 1023); /* not half a character */
    assert_int_equal(json_integer_value(json_object_get(line, "n")), 5);
    assert_true(json_is_true(json_object_get(line, "cut")));
    json_decref(line);
    (void)close(fd);
}

static void gives_the_journal_its_priority(void **state) {
    int fd = temporary(), other = temporary();
    struct stat st;
    char stream[64], *text;
    (void)state;
    assert_int_equal(fstat(fd, &st), 0);
    (void)snprintf(stream, sizeof stream, "%lu:%lu", (unsigned long)st.st_dev, (unsigned long)st.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_open("tocsin-test", fd, LOG_LEVEL_INFO);
    log_event(LOG_LEVEL_ERROR, "x", LOG_I("a", 1));
    text = read_all(fd);
    assert_memory_equal(text, "<3>{", 4);
    free(text);
    log_use_fd(other); /* a file is no journal */
    log_event(LOG_LEVEL_ERROR, "x", LOG_I("a", 1));
    text = read_all(other);
    assert_memory_equal(text, "{", 1);
    free(text);
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    (void)close(fd);
    (void)close(other);
}

static void *write_lines(void *arg) {
    log_request_id_set(str_from(arg));
    for (int i = 0; i < 500; i++) log_event(LOG_LEVEL_INFO, "line", LOG_Z("who", (const char *)arg), LOG_I("i", i));
    return NULL;
}

static void lines_of_threads_never_mix(void **state) {
    static char names[4][8] = { "one", "two", "three", "four" };
    pthread_t threads[4];
    int fd = temporary(), n = 0;
    char *text, *save = NULL;
    (void)state;
    log_open("tocsin-test", fd, LOG_LEVEL_INFO);
    for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
    for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    text = read_all(fd);
    for (char *at = strtok_r(text, "\n", &save); at; at = strtok_r(NULL, "\n", &save), n++) {
        json_t *line = json_loads(at, 0, NULL);
        assert_non_null(line);
        assert_string_equal(field(line, "who"), field(line, "request_id"));
        json_decref(line);
    }
    assert_int_equal(n, 2000);
    free(text);
    (void)close(fd);
}

static void writes_metrics(void **state) {
    static struct metric mail = { .name = "t_total", .help = "Things.", .type = "counter", .labels = "way=\"mail\"" };
    static struct metric push = { .name = "t_total", .help = "Things.", .type = "counter", .labels = "way=\"push\"" };
    static struct metric now = { .name = "t_now", .help = "Now.", .type = "gauge" };
    static struct metric_times took = { .name = "t_seconds", .help = "Took." };
    struct buf b;
    (void)state;
    metric_register(&mail);
    metric_register(&push);
    metric_register(&now);
    metric_register(&mail); /* twice is harmless */
    metric_times_register(&took);
    metric_times_register(&took);
    metric_add(&mail, 2);
    metric_add(&mail, 3);
    metric_set(&now, -4);
    metric_times_add(&took, 500);
    metric_times_add(&took, 501);
    metric_times_add(&took, 1234567890123); /* a sum must keep its microseconds, or rates of it are wrong */
    buf_init(&b, 10000);
    metrics_write(&b);
    assert_int_equal(buf_err(&b), OK);
    buf_add_c(&b, 0);
    assert_non_null(strstr(b.p, "# HELP t_total Things.\n# TYPE t_total counter\nt_total{way=\"mail\"} 5\n"
                                "t_total{way=\"push\"} 0\n# HELP t_now Now.\n# TYPE t_now gauge\nt_now -4\n"));
    assert_non_null(strstr(b.p, "# TYPE t_seconds histogram\nt_seconds_bucket{le=\"0.0005\"} 1\n"
                                "t_seconds_bucket{le=\"0.001\"} 2\n"));
    assert_non_null(strstr(b.p, "t_seconds_bucket{le=\"10\"} 2\nt_seconds_bucket{le=\"+Inf\"} 3\n"
                                "t_seconds_sum 1234567.891124\nt_seconds_count 3\n"));
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_one_object_a_line),      cmocka_unit_test(has_no_control_character_in_it),
        cmocka_unit_test(says_errors_in_words),          cmocka_unit_test(keeps_quiet_below_its_level),
        cmocka_unit_test(loses_no_event_to_long_fields), cmocka_unit_test(gives_the_journal_its_priority),
        cmocka_unit_test(lines_of_threads_never_mix),    cmocka_unit_test(writes_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
