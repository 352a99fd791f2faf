/* Starts this very executable as "test keeper …", because a fork of a process with threads could run nothing else. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/log.h"

static volatile int stop;

static void on_term(int signal) {
    (void)signal;
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

struct keeper_child { /* what a keeper needs to know, in one argument */
    struct config config;
    uint8_t pepper[KEY_BYTES], link_key[KEY_BYTES], box_public[BOX_PUBLIC_BYTES];
    char database[300];
};

static int be_keeper(int fd, int setup_fd) {
    static struct keeper_child child;
    static const struct store_stmt *const *const statements[] = { keeper_statements, NULL };
    struct store *store;
    struct store_problem problem = { "" };
    struct sigaction act = { .sa_handler = on_term };
    if (read(setup_fd, &child, sizeof child) != (ssize_t)sizeof child) return 3;
    close(setup_fd);
    sigaction(SIGTERM, &act, NULL);
    clock_init();
    if (crypto_init() != OK) return 4;
    log_open("keeper", STDERR_FILENO, LOG_LEVEL_ERROR);
    const struct store_options so = {
        .database = child.database, .migrations = "keeper", .statements = statements, .connections = 8
    };
    if (store_open(&so, &store, &problem) != OK) {
        fprintf(stderr, "%s\n", problem.text);
        return 5;
    }
    enum err r = keeper_run(&(struct keeper_options){ .config = &child.config,
                                                      .store = store,
                                                      .front_fd = fd,
                                                      .pepper = child.pepper,
                                                      .link_key = child.link_key,
                                                      .courier_box_public = child.box_public,
                                                      .stop = &stop });
    store_close(store);
    return r == OK ? 0 : 6;
}

void process_maybe_be_keeper(int argc, char **argv) {
    int64_t fd, setup_fd;
    if (argc != 4 || strcmp(argv[1], "keeper") != 0) return;
    if (str_to_i64(str_from(argv[2]), 1000, &fd) != OK || str_to_i64(str_from(argv[3]), 1000, &setup_fd) != OK) exit(2);
    exit(be_keeper((int)fd, (int)setup_fd));
}

static int setup_pipe(const struct process *p) {
    static struct keeper_child child;
    int fd[2];
    child.config = p->w->config;
    memcpy(child.pepper, p->w->pepper, sizeof child.pepper);
    memcpy(child.link_key, p->w->link_key, sizeof child.link_key);
    memcpy(child.box_public, p->w->box_public, sizeof child.box_public);
    snprintf(child.database, sizeof child.database, "%s", p->w->database);
    assert_true(sizeof child < 65536); /* so that the pipe takes it whole */
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], &child, sizeof child), sizeof child);
    close(fd[1]);
    return fd[0];
}

void process_start(struct process *p) {
    char fd_text[20], setup_text[20], self[] = "/proc/self/exe", word[] = "keeper";
    int setup_fd = setup_pipe(p);
    snprintf(fd_text, sizeof fd_text, "%d", p->keeper_fd);
    snprintf(setup_text, sizeof setup_text, "%d", setup_fd);
    char *const argv[] = { self, word, fd_text, setup_text, NULL };
    p->pid = fork();
    if (p->pid == 0) {
        execv(self, argv);
        _exit(99);
    }
    assert_true(p->pid > 0);
    close(setup_fd);
}

void process_open(struct process *p, struct world *w) {
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
    assert_int_equal(fcntl(fd[0], F_SETFD, FD_CLOEXEC), 0);
    *p = (struct process){ .w = w, .front_fd = fd[0], .keeper_fd = fd[1] };
    process_start(p);
}

static int wait_for(struct process *p) {
    int status = 0;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {}
    p->pid = 0;
    return status;
}

void process_kill(struct process *p) {
    kill(p->pid, SIGKILL);
    (void)wait_for(p);
}

int process_stop(struct process *p) {
    kill(p->pid, SIGTERM);
    int status = wait_for(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

bool process_is_alive(struct process *p) {
    int status;
    return p->pid > 0 && waitpid(p->pid, &status, WNOHANG) == 0;
}

void process_close(struct process *p) {
    if (p->pid > 0) assert_int_equal(process_stop(p), 0);
    close(p->front_fd);
    close(p->keeper_fd);
}
