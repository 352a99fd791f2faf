/* The beginning of a child, in the one order that is safe: read what was handed over, drop, close, sandbox, threads. */
#include "tocsind/child.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/secret.h"

#define CONFIG_BYTES_MAX (128 * 1024)
#define END_WITHIN_S     2

static struct child *the_child; /* for the signal handler and the life line */

static void on_term(int signal_number) {
    (void)signal_number;
    the_child->stop = 1;
}

static void set_signals(void) {
    struct sigaction term = { .sa_handler = on_term }, ignore = { .sa_handler = SIG_IGN };
    (void)sigaction(SIGTERM, &term, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGINT, &ignore, NULL); /* a terminal's ^C is the supervisor's to handle */
    (void)sigaction(SIGHUP, &ignore, NULL);
}

static enum err read_config(struct child *c) {
    struct config_problem problem;
    enum err r = ERR_IO;
    char *text = malloc(CONFIG_BYTES_MAX);
    ssize_t n = text ? pread(CHILD_FD_CONFIG, text, CONFIG_BYTES_MAX, 0) : -1;
    if (n > 0) r = config_parse(&c->config, "config", str_bytes(text, (size_t)n), &problem);
    if (r == ERR_CONFIG) log_event(LOG_LEVEL_ERROR, "sys_startup_fail", LOG_Z("reason", problem.text));
    free(text);
    (void)close(CHILD_FD_CONFIG);
    return r;
}

static enum err read_keys(struct child *c) {
    char *at;
    size_t had = 0;
    c->keys = sodium_malloc(sizeof *c->keys);
    if (!c->keys) return ERR_NOMEM;
    at = (char *)c->keys;
    while (had < sizeof *c->keys) {
        ssize_t n = read(CHILD_FD_KEYS, at + had, sizeof *c->keys - had);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return ERR_IO;
        had += (size_t)n;
    }
    (void)close(CHILD_FD_KEYS);
    c->config.is_embedded = c->keys->is_embedded != 0;
    if (c->keys->smtp_password_n > sizeof c->keys->smtp_password) return ERR_INPUT;
    return c->keys->s3_secret_key_n <= sizeof c->keys->s3_secret_key ? OK : ERR_INPUT;
}

static void close_above(int last) {
    if (close_range((unsigned)last + 1, ~0U, 0) == 0) return;
    for (int fd = last + 1; fd < 65536; fd++) (void)close(fd);
}

static void close_foreign(enum sandbox_role role, const struct child *c) {
    switch (role) {
    case SANDBOX_FRONT: close_above(CHILD_FD_LISTEN + (int)c->keys->listener_count - 1); return;
    case SANDBOX_KEEPER: close_above(CHILD_FD_KEEPER); return;
    case SANDBOX_COURIER: close_above(CHILD_FD_OBJECTS); return;
    }
}

/* Each role stands in its own folder, entered before the user is dropped. */
static enum err enter_folder(enum sandbox_role role, struct child *c) {
    static const char *const folders[SANDBOX_ROLE_COUNT] = { "front", "keeper", "mail" };
    c->mail_fd = c->backup_fd = -1;
    if (chdir(c->config.data_directory) != 0) return ERR_IO;
    if (role == SANDBOX_FRONT && c->config.is_embedded) c->mail_fd = open("mail", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (role == SANDBOX_FRONT) {
        c->backup_fd = open("backup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (c->backup_fd < 0) return ERR_IO;
    }
    if (chdir(folders[role]) != 0) return ERR_IO;
    if (role == SANDBOX_COURIER && c->config.mail_smtp[0] == 0)
        c->mail_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return OK;
}

static enum err enter_sandbox(enum sandbox_role role, struct child *c) {
    const char *url = role == SANDBOX_FRONT ? c->config.data_database : c->config.data_keeper_database;
    bool has_postgres = role != SANDBOX_COURIER && url[0];
    bool needs_network = has_postgres || role == SANDBOX_COURIER;
    struct sandbox_path paths[24];
    static const char *const network_files[] = { "/etc/resolv.conf",
                                                 "/etc/hosts",
                                                 "/etc/host.conf",
                                                 "/etc/nsswitch.conf",
                                                 "/etc/gai.conf",
                                                 "/etc/services",
                                                 "/etc/ssl",
                                                 "/usr/share/ca-certificates",
                                                 "/usr/lib",
                                                 "/lib",
                                                 "/run/systemd/resolve",
                                                 "/etc/ld.so.cache",
                                                 "/etc/passwd" };
    size_t n = 0;
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum err r;
    if (here < 0) return ERR_IO;
    paths[n++] = (struct sandbox_path){ .fd = here, .is_writable = true };
    if (c->mail_fd >= 0) paths[n++] = (struct sandbox_path){ .fd = c->mail_fd, .is_writable = role == SANDBOX_COURIER };
    if (c->backup_fd >= 0)
        paths[n++] = (struct sandbox_path){ .fd = c->backup_fd, .is_writable = true, .makes_folders = true };
    if (role == SANDBOX_FRONT && c->config.place_database[0])
        paths[n++] = (struct sandbox_path){ .fd = -1, .path = c->config.place_database };
    if (role == SANDBOX_FRONT && c->config.policy_breached_passwords[0])
        paths[n++] = (struct sandbox_path){ .fd = -1, .path = c->config.policy_breached_passwords };
    paths[n++] = (struct sandbox_path){ .fd = -1, .path = "/proc/self" };
    paths[n++] = (struct sandbox_path){ .fd = -1, .path = "/sys/fs/cgroup" };
    paths[n++] = (struct sandbox_path){ .fd = -1, .path = "/sys/devices/system/cpu" };
    for (size_t i = 0; needs_network && i < ARRAY_LEN(network_files); i++)
        paths[n++] = (struct sandbox_path){ .fd = -1, .path = network_files[i] };
    if (has_postgres) (void)dlopen("libpq.so.5", RTLD_NOW); /* before the sandbox closes; store/ says so if it failed */
    r = sandbox_enter(
        &(struct sandbox){ .role = role, .paths = paths, .path_n = n, .may_open_sockets = needs_network });
    (void)close(here);
    return r;
}

/* A new log descriptor from the supervisor, after rotation. */
static void take_log(struct msghdr *m) {
    struct cmsghdr *head = CMSG_FIRSTHDR(m);
    int fd;
    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) return;
    memcpy(&fd, CMSG_DATA(head), sizeof fd);
    (void)dup2(fd, STDERR_FILENO);
    (void)close(fd);
}

static bool life_goes_on(void) {
    char byte = 0;
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    ssize_t n = recvmsg(CHILD_FD_LIFE, &m, MSG_CMSG_CLOEXEC);
    if (n < 0) return errno == EINTR;
    if (n == 0) return false;
    if (byte == LIFE_LOG_FD) take_log(&m);
    return true;
}

static void *watch_life(void *arg) {
    struct child *c = arg;
    const struct timespec grace = { .tv_sec = END_WITHIN_S - 1, .tv_nsec = 800000000 };
    while (life_goes_on()) continue;
    c->stop = 1;
    (void)nanosleep(&grace, NULL);
    _exit(3);
}

static enum err start_life_line(struct child *c) {
    pthread_t thread;
    pthread_attr_t attr;
    int rc;
    if (pthread_attr_init(&attr) != 0) return ERR_NOMEM;
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attr, 128 * 1024);
    rc = pthread_create(&thread, &attr, watch_life, c);
    (void)pthread_attr_destroy(&attr);
    return rc == 0 ? OK : ERR_NOMEM;
}

static enum log_level level_of(const char *name) {
    static const char *const names[] = { "debug", "info", "warn", "error" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0) return (enum log_level)i;
    return LOG_LEVEL_INFO;
}

static enum err begin(enum sandbox_role role, struct child *c, const char **ret_step) {
    enum err r;
    *ret_step = "configuration";
    if ((r = read_config(c)) != OK) return r;
    *ret_step = "keys";
    if ((r = read_keys(c)) != OK) return r;
    log_open(sandbox_role_name(role), STDERR_FILENO, level_of(c->config.log_level));
    close_foreign(role, c);
    *ret_step = "data folder";
    if ((r = enter_folder(role, c)) != OK) return r;
    *ret_step = "user";
    if ((r = sandbox_drop_user(role)) != OK) return r;
    *ret_step = "sandbox";
    if ((r = enter_sandbox(role, c)) != OK) return r;
    *ret_step = "life line";
    return start_life_line(c);
}

enum err child_begin(enum sandbox_role role, struct child *c) {
    const char *step = "start";
    enum err r;
    memset(c, 0, sizeof *c);
    the_child = c;
    log_open(sandbox_role_name(role), STDERR_FILENO, LOG_LEVEL_INFO);
    clock_init();
    if ((r = crypto_init()) == OK) r = begin(role, c, &step);
    if (r != OK) {
        log_event(LOG_LEVEL_ERROR, "sys_startup_fail", LOG_Z("step", step), LOG_Z("error", err_name(r)),
                  LOG_Z("text", err_text(r)));
        return r;
    }
    set_signals();
    if (role == SANDBOX_FRONT) c->database = c->config.data_database[0] ? c->config.data_database : "./main.db";
    if (role == SANDBOX_KEEPER)
        c->database = c->config.data_keeper_database[0] ? c->config.data_keeper_database : "./keeper.db";
    return OK;
}

void child_ready(void) {
    const char byte = LIFE_READY;
    (void)send(CHILD_FD_LIFE, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* a supervisor that is gone needs no word */
}

void child_end(struct child *c) {
    if (c->keys) sodium_free(c->keys);
    c->keys = NULL;
}

void child_fail(struct child *c, enum err r) {
    child_end(c);
    _exit(r == ERR_CORRUPT || r == ERR_NEWER ? CHILD_EXIT_REFUSED : 1); /* nothing between has a say in the status */
}
