/* tocsind: reads the command line, the configuration and the keys, opens the listeners, and supervises. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "tocsind/data.h"
#include "tocsind/keys.h"
#include "tocsind/sandbox.h"
#include "tocsind/supervise.h"

#define LOOPS_MAX 256

static const char usage_text[] = "usage: tocsind [-c FILE] [--check]\n"
                                 "  -c FILE    the configuration; without it: http://localhost:8420 from ./var\n"
                                 "  --check    only check the configuration\n"
                                 "  --man      print tocsin.conf.5\n"
                                 "  --version  print the version\n"
                                 "Exit status: 0 done, 1 it can't start, 2 usage.\n";

struct wish {
    const char *config_path;
    bool is_check, is_man;
};

static int parse_arguments(int argc, char **argv, struct wish *w) {
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 'k' },
        { "man", no_argument, NULL, 'm' },          { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 }
    };
    int letter;
    while ((letter = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (letter) {
        case 'c': w->config_path = optarg; break;
        case 'k': w->is_check = true; break;
        case 'm': w->is_man = true; break;
        case 'v': (void)printf("tocsin %s\n", TOCSIN_VERSION); return 0;
        case 'h': (void)fputs(usage_text, stdout); return 0;
        default: (void)fputs(usage_text, stderr); return 2;
        }
    }
    if (optind == argc) return -1;
    (void)fputs(usage_text, stderr);
    return 2;
}

static int say(const struct config_problem *p) {
    (void)fprintf(stderr, "tocsind: %s\n", p->text);
    return 1;
}

static int print_man(void) {
    struct buf out;
    bool is_whole;
    buf_init(&out, 256 * 1024);
    config_write_man(&out);
    is_whole = buf_err(&out) == OK && fwrite(out.p, 1, out.n, stdout) == out.n;
    buf_release(&out);
    return is_whole ? 0 : 1;
}

static uint32_t loop_count(const struct config *c) {
    cpu_set_t set;
    if (c->server_workers > 0) return (uint32_t)c->server_workers;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return CPU_COUNT(&set) > 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

/* Where our own executable is: the children's stand beside it. */
static enum err own_folder(char out[PATH_MAX]) {
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return ERR_IO;
    self[n] = 0;
    (void)snprintf(out, PATH_MAX, "%s", dirname(self));
    return OK;
}

static enum err open_log(const struct config *c, struct config_problem *p) {
    int fd;
    if (!c->log_file[0]) return OK;
    fd = open(c->log_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        (void)snprintf(p->text, sizeof p->text, "[log] file %s: can't be opened", c->log_file);
        return ERR_IO;
    }
    (void)dup2(fd, STDERR_FILENO);
    (void)close(fd);
    return OK;
}

/* The children of a supervisor that was killed hold its sockets for up to two seconds more: they are waited for. */
static enum err listen_patiently(const char *address, bool is_shared, int *ret_fd, struct config_problem *p) {
    const struct timespec moment = { .tv_nsec = 100000000 };
    enum err r = data_listen(address, is_shared, ret_fd, p);
    for (int i = 0; i < 30 && r != OK && errno == EADDRINUSE; i++) {
        (void)nanosleep(&moment, NULL);
        r = data_listen(address, is_shared, ret_fd, p);
    }
    return r;
}

static enum err open_listeners(const struct config *c, int *listeners, uint32_t n, int *ret_metrics_fd,
                               struct config_problem *p) {
    enum err r = OK;
    *ret_metrics_fd = -1;
    for (uint32_t i = 0; i < n && r == OK; i++) r = listen_patiently(c->server_listen, n > 1, &listeners[i], p);
    if (r == OK && c->metrics_listen[0]) r = listen_patiently(c->metrics_listen, false, ret_metrics_fd, p);
    return r;
}

static enum err load(const struct config *c, const char *folder, struct data *data, struct child_keys *keys,
                     struct config_problem *p) {
    enum err r;
    if ((r = data_open(c, data, p)) != OK) return r;
    if ((r = keys_load(folder, data, keys, p)) != OK) return r;
    keys->is_embedded = c->is_embedded;
    return keys_read_files(c, keys, p);
}

static int serve(struct config *c, const char *config_path) {
    static struct child_keys keys; /* the supervisor's copy; its core dumps are off */
    static int listeners[LOOPS_MAX];
    struct config_problem problem = { "" };
    struct data data;
    char folder[PATH_MAX];
    int metrics_fd = -1;
    enum err r;
    if (own_folder(folder) != OK) return 1;
    if (load(c, folder, &data, &keys, &problem) != OK) return say(&problem);
    keys.listener_count = loop_count(c);
    if (open_listeners(c, listeners, keys.listener_count, &metrics_fd, &problem) != OK) return say(&problem);
    if (open_log(c, &problem) != OK) return say(&problem);
    r = supervise_run(&(struct supervise_options){ .config = c,
                                                   .config_path = config_path,
                                                   .keys = &keys,
                                                   .data = &data,
                                                   .listeners = listeners,
                                                   .metrics_fd = metrics_fd,
                                                   .folder = folder });
    bytes_wipe(&keys, sizeof keys);
    if (r == OK) return 0;
    log_err(r, "supervisor");
    return 1;
}

int main(int argc, char **argv) {
    static struct config config;
    struct config_problem problem;
    struct wish wish = { 0 };
    int status = parse_arguments(argc, argv, &wish);
    if (status >= 0) return status;
    if (wish.is_man) return print_man();
    config_defaults(&config);
    if (wish.config_path && config_read(&config, wish.config_path, &problem) != OK) return say(&problem);
    if (wish.is_check) return 0;
    (void)umask(027);
    clock_init();
    if (sandbox_enter_supervisor() != OK) return 1; /* it holds every key */
    log_open("tocsind", STDERR_FILENO, LOG_LEVEL_INFO);
    return serve(&config, wish.config_path);
}
