/*
 * Both ends of the socket pairs stay open here, so that a child that comes back finds its peer where it was; what
 * was under way is told apart by the keeper's hello and by leases. A child that ends is started again: at once the
 * first time, then with a growing pause while it keeps ending within a second. A child that refuses what is stored
 * before the first readiness ends the start, as it would refuse it again.
 */
#include "tocsind/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "tocsind/keys.h"
#include "tocsind/sandbox.h"

#define PAUSE_FIRST_MS      50
#define PAUSE_DOUBLINGS_MAX 6
#define QUICK_DEATH_MS      1000
#define FRONT_DRAIN_MS      10000
#define OTHERS_END_MS       3000

struct kid {
    enum sandbox_role role;
    pid_t pid;   /* 0: not running */
    int life_fd; /* ours, -1 when not running */
    bool is_ready;
    int quick_deaths;
    int64_t started_ms, start_at_ms; /* monotonic */
};

struct supervisor {
    const struct supervise_options *o;
    struct kid kids[SANDBOX_ROLE_COUNT];
    int keeper_pair[2], courier_pair[2]; /* [0]: the front's end */
    int objects_pair[2];                 /* likewise; -1: backups do not lie in S3 */
    int signal_fd;
    int64_t ending_ms; /* 0: running; else when SIGTERM came */
    bool has_told;     /* the first readiness was said */
    bool is_refused;   /* before that, a child refused what is stored */
};

static struct child_keys *keys_of(const struct supervisor *s, enum sandbox_role role, struct child_keys *out) {
    keys_for(role, s->o->keys, out);
    return out;
}

/* A pipe with the role's keys in it, ready to be read; -1 on failure. The block is far smaller than a pipe's buffer. */
static int keys_pipe(const struct supervisor *s, enum sandbox_role role) {
    struct child_keys keys;
    int fds[2];
    ssize_t n;
    if (pipe2(fds, O_CLOEXEC) != 0) return -1;
    n = write(fds[1], keys_of(s, role, &keys), sizeof keys);
    bytes_wipe(&keys, sizeof keys);
    (void)close(fds[1]);
    if (n == (ssize_t)sizeof keys) return fds[0];
    (void)close(fds[0]);
    return -1;
}

/* The configuration without the other databases' passwords. */
static int config_memfd(const struct supervisor *s, enum sandbox_role role) {
    struct config c = *s->o->config;
    struct buf text;
    int fd = memfd_create("config", MFD_CLOEXEC);
    bool is_written;
    if (fd < 0) return -1;
    if (role != SANDBOX_FRONT) c.data_database[0] = 0;
    if (role != SANDBOX_KEEPER) c.data_keeper_database[0] = 0;
    if (role != SANDBOX_COURIER) (void)snprintf(c.backup_s3_access_key, sizeof c.backup_s3_access_key, "-");
    buf_init(&text, 256 * 1024);
    config_write(&c, NULL, &text);
    is_written = buf_err(&text) == OK && write(fd, text.p, text.n) == (ssize_t)text.n;
    buf_release(&text);
    if (is_written) return fd;
    (void)close(fd);
    return -1;
}

struct placing {
    int from, to;
};

static size_t plan_fds(const struct supervisor *s, enum sandbox_role role, struct placing *p) {
    size_t n = 0;
    switch (role) {
    case SANDBOX_FRONT:
        p[n++] = (struct placing){ s->keeper_pair[0], CHILD_FD_KEEPER };
        p[n++] = (struct placing){ s->courier_pair[0], CHILD_FD_COURIER };
        p[n++] = (struct placing){ s->objects_pair[0], CHILD_FD_OBJECTS };
        p[n++] = (struct placing){ s->o->data->control_fd, CHILD_FD_CONTROL };
        p[n++] = (struct placing){ s->o->metrics_fd, CHILD_FD_METRICS };
        for (uint32_t i = 0; i < s->o->keys->listener_count; i++)
            p[n++] = (struct placing){ s->o->listeners[i], CHILD_FD_LISTEN + (int)i };
        return n;
    case SANDBOX_KEEPER: p[n++] = (struct placing){ s->keeper_pair[1], CHILD_FD_KEEPER }; return n;
    case SANDBOX_COURIER:
        p[n++] = (struct placing){ s->courier_pair[1], CHILD_FD_COURIER };
        p[n++] = (struct placing){ s->objects_pair[1], CHILD_FD_OBJECTS };
        return n;
    }
    return n;
}

/* In the forked child: first all out of the way, then each to its number. */
static bool place_fds(struct placing *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (p[i].from < 0) continue;
        p[i].from = fcntl(p[i].from, F_DUPFD_CLOEXEC, 1000);
        if (p[i].from < 0) return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i].from < 0)
            (void)close(p[i].to);
        else if (dup2(p[i].from, p[i].to) < 0)
            return false;
    }
    return true;
}

static void raise_limits(enum sandbox_role role) {
    struct rlimit l;
    if (role == SANDBOX_FRONT && getrlimit(RLIMIT_NOFILE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
    if (role == SANDBOX_KEEPER && getrlimit(RLIMIT_MEMLOCK, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_MEMLOCK, &l);
    }
}

static _Noreturn void become(const struct supervisor *s, enum sandbox_role role, struct placing *p, size_t n) {
    char path[4200];
    char *argv[] = { (char *)(uintptr_t)sandbox_role_name(role), NULL };
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    raise_limits(role);
    if (place_fds(p, n)) {
        (void)snprintf(path, sizeof path, "%s/%s", s->o->folder, sandbox_role_name(role));
        (void)execv(path, argv);
    }
    _exit(127);
}

static enum err start(struct supervisor *s, struct kid *k) {
    struct placing p[CHILD_FD_LISTEN + 257];
    size_t n = plan_fds(s, k->role, p);
    int life[2] = { -1, -1 };
    enum err r = ERR_IO;
    int keys = keys_pipe(s, k->role), config = config_memfd(s, k->role);
    k->start_at_ms = clock_mono_ms() + PAUSE_FIRST_MS; /* when forking itself fails */
    if (keys < 0 || config < 0) goto out;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, life) != 0) goto out;
    p[n++] = (struct placing){ config, CHILD_FD_CONFIG };
    p[n++] = (struct placing){ keys, CHILD_FD_KEYS };
    p[n++] = (struct placing){ life[1], CHILD_FD_LIFE };
    k->pid = fork();
    if (k->pid == 0) become(s, k->role, p, n);
    if (k->pid < 0) goto out;
    k->life_fd = life[0];
    life[0] = -1;
    k->is_ready = false;
    k->started_ms = clock_mono_ms();
    r = OK;
out:
    if (r != OK) {
        k->pid = 0;
        log_err(r, "start of a process");
    }
    if (life[0] >= 0) (void)close(life[0]);
    if (life[1] >= 0) (void)close(life[1]);
    if (keys >= 0) (void)close(keys);
    if (config >= 0) (void)close(config);
    return r;
}

static void plan_restart(struct supervisor *s, struct kid *k, int status) {
    int64_t now_ms = clock_mono_ms();
    bool is_quick = now_ms - k->started_ms < QUICK_DEATH_MS;
    if (k->life_fd >= 0) (void)close(k->life_fd);
    k->pid = 0;
    k->life_fd = -1;
    k->quick_deaths = is_quick ? k->quick_deaths + 1 : 0;
    k->start_at_ms = now_ms;
    if (k->quick_deaths > 0) {
        int doublings = k->quick_deaths - 1 > PAUSE_DOUBLINGS_MAX ? PAUSE_DOUBLINGS_MAX : k->quick_deaths - 1;
        k->start_at_ms += (int64_t)PAUSE_FIRST_MS << doublings;
    }
    log_event(s->ending_ms ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, s->ending_ms ? "sys_shutdown" : "sys_crash",
              LOG_Z("child", sandbox_role_name(k->role)), LOG_I("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
              LOG_I("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
              LOG_I("restart_in_ms", s->ending_ms ? -1 : k->start_at_ms - now_ms));
}

static void reap(struct supervisor *s) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < SANDBOX_ROLE_COUNT; i++)
            if (s->kids[i].pid == pid) {
                s->is_refused |= !s->has_told && WIFEXITED(status) && WEXITSTATUS(status) == CHILD_EXIT_REFUSED;
                plan_restart(s, &s->kids[i], status);
            }
}

static void send_log_fd(int life_fd) {
    char byte = LIFE_LOG_FD;
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    const int fd = STDERR_FILENO;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    (void)sendmsg(life_fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void reopen_log(struct supervisor *s) {
    const char *path = s->o->config->log_file;
    int fd;
    if (!path[0]) return;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        log_err(ERR_IO, "log file can't be reopened");
        return;
    }
    (void)dup2(fd, STDERR_FILENO);
    (void)close(fd);
    for (size_t i = 0; i < SANDBOX_ROLE_COUNT; i++)
        if (s->kids[i].life_fd >= 0) send_log_fd(s->kids[i].life_fd);
}

static void begin_ending(struct supervisor *s) {
    s->ending_ms = clock_mono_ms();
    if (s->kids[SANDBOX_FRONT].pid > 0) (void)kill(s->kids[SANDBOX_FRONT].pid, SIGTERM);
}

/* What can change while running is what the courier alone reads: it is restarted with it, and loses nothing. */
static void reload(struct supervisor *s) {
    static const char *const live[] = { "mail", "push", NULL };
    struct config fresh;
    struct config_problem problem;
    struct kid *courier = &s->kids[SANDBOX_COURIER];
    reopen_log(s);
    if (!s->o->config_path) return;
    if (config_read(&fresh, s->o->config_path, &problem) != OK) {
        log_event(LOG_LEVEL_ERROR, "config_reload_fail", LOG_Z("reason", problem.text));
        return;
    }
    if (!config_take(s->o->config, &fresh, live)) return;
    if (courier->pid > 0) (void)kill(courier->pid, SIGTERM);
    log_event(LOG_LEVEL_INFO, "config_reload", LOG_Z("sections", "mail, push"));
}

static void on_signal(struct supervisor *s) {
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) reap(s);
        if (s->is_refused && s->ending_ms == 0) begin_ending(s);
        if (info.ssi_signo == SIGHUP) reload(s);
        if ((info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) && s->ending_ms == 0) {
            log_event(LOG_LEVEL_INFO, "sys_shutdown", LOG_I("signal", info.ssi_signo));
            begin_ending(s);
        }
    }
}

static void tell_ready(struct supervisor *s) {
    for (size_t i = 0; i < SANDBOX_ROLE_COUNT; i++)
        if (!s->kids[i].is_ready) return;
    if (s->has_told) return;
    s->has_told = true;
    log_event(LOG_LEVEL_INFO, "sys_startup", LOG_Z("origin", s->o->config->server_origin),
              LOG_Z("version", TOCSIN_VERSION));
    if (s->o->config->is_embedded)
        (void)printf("tocsin is up.\n  Open   %s\n  Mail   %s/dev/mail   (nothing is really sent)\n  Data   %s\n  Stop "
                     "  Ctrl-C\n",
                     s->o->config->server_origin, s->o->config->server_origin, s->o->config->data_directory);
    else
        (void)printf("tocsin is up: %s\n", s->o->config->server_origin);
    (void)fflush(stdout);
}

static void on_life(struct supervisor *s, struct kid *k) {
    char byte;
    ssize_t n = recv(k->life_fd, &byte, 1, MSG_DONTWAIT);
    if (n <= 0) { /* it ends; SIGCHLD tells the rest */
        if (n == 0) {
            (void)close(k->life_fd);
            k->life_fd = -1;
        }
        return;
    }
    if (byte != LIFE_READY) return;
    k->is_ready = true;
    log_event(LOG_LEVEL_INFO, "sys_child_ready", LOG_Z("child", sandbox_role_name(k->role)),
              LOG_I("ms", clock_mono_ms() - k->started_ms));
    tell_ready(s);
}

/* How long poll may sleep: until the next planned start, or a second. */
static int tend(struct supervisor *s) {
    int64_t now_ms = clock_mono_ms(), sleep_ms = 1000;
    for (size_t i = 0; i < SANDBOX_ROLE_COUNT && s->ending_ms == 0; i++) {
        struct kid *k = &s->kids[i];
        if (k->pid > 0) continue;
        if (k->start_at_ms <= now_ms && start(s, k) == OK) continue;
        if (k->start_at_ms - now_ms < sleep_ms) sleep_ms = k->start_at_ms - now_ms;
    }
    return sleep_ms < 1 ? 1 : (int)sleep_ms;
}

/* Front first, with time to finish what runs; then the others; then by force. True when all have ended. */
static bool wind_down(struct supervisor *s) {
    int64_t passed_ms = clock_mono_ms() - s->ending_ms;
    struct kid *front = &s->kids[SANDBOX_FRONT];
    bool is_over = true;
    if (front->pid > 0 && passed_ms > FRONT_DRAIN_MS) (void)kill(front->pid, SIGKILL);
    for (size_t i = 0; i < SANDBOX_ROLE_COUNT; i++) {
        struct kid *k = &s->kids[i];
        if (k->pid <= 0) continue;
        is_over = false;
        if (k == front || front->pid > 0) continue;
        (void)kill(k->pid, passed_ms > FRONT_DRAIN_MS + OTHERS_END_MS ? SIGKILL : SIGTERM);
    }
    return is_over;
}

static enum err open_supervisor(struct supervisor *s) {
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
    sigset_t mask;
    (void)sigemptyset(&mask);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) (void)sigaddset(&mask, signals[i]);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) != 0) return ERR_IO;
    s->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0) return ERR_IO;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->keeper_pair) != 0) return ERR_IO;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->courier_pair) != 0) return ERR_IO;
    s->objects_pair[0] = s->objects_pair[1] = -1;
    if (config_store_is_s3(s->o->config) && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->objects_pair) != 0)
        return ERR_IO;
    for (int i = 0; i < SANDBOX_ROLE_COUNT; i++)
        s->kids[i] = (struct kid){ .role = (enum sandbox_role)i, .life_fd = -1 };
    return OK;
}

enum err supervise_run(const struct supervise_options *o) {
    struct supervisor s = { .o = o };
    enum err r = open_supervisor(&s);
    if (r != OK) return r;
    for (;;) {
        struct pollfd fds[1 + SANDBOX_ROLE_COUNT] = { { .fd = s.signal_fd, .events = POLLIN } };
        int sleep_ms = tend(&s);
        if (s.ending_ms != 0 && wind_down(&s)) return s.is_refused ? ERR_REFUSED : OK;
        for (size_t i = 0; i < SANDBOX_ROLE_COUNT; i++)
            fds[1 + i] = (struct pollfd){ .fd = s.kids[i].life_fd, .events = POLLIN };
        if (poll(fds, ARRAY_LEN(fds), s.ending_ms ? 20 : sleep_ms) < 0 && errno != EINTR) return ERR_IO;
        for (size_t i = 0; i < SANDBOX_ROLE_COUNT; i++)
            if (fds[1 + i].fd >= 0 && fds[1 + i].revents) on_life(&s, &s.kids[i]);
        on_signal(&s);
    }
}
