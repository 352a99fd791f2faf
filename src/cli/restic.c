#include "cli/restic.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/terminal.h"

#define EXIT_NOT_FOUND 127

/* A file without a name that holds the secret; stays open over exec. */
static int secret_file(const struct secret *s) {
    int fd = memfd_create("tocsin", 0);
    if (fd < 0) return -1;
    if (write(fd, s->p, s->n) == (ssize_t)s->n) return fd;
    (void)close(fd);
    return -1;
}

static void name_file(const char *variable, int fd) {
    char path[40];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    (void)setenv(variable, path, 1);
}

/* In the child. */
static void become_restic(const struct restic *r, int repository, int password) {
    const char *argv[RESTIC_ARGUMENTS_MAX + 2] = { "restic" };
    static const char *const others[] = { "RESTIC_REPOSITORY", "RESTIC_PASSWORD", "RESTIC_PASSWORD_COMMAND" };
    int nothing;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) (void)unsetenv(others[i]);
    name_file("RESTIC_REPOSITORY_FILE", repository);
    name_file("RESTIC_PASSWORD_FILE", password);
    memcpy(argv + 1, r->arguments, sizeof r->arguments);
    (void)signal(SIGINT, SIG_DFL);
    if (r->is_quiet && (nothing = open("/dev/null", O_RDWR)) >= 0) {
        (void)dup2(nothing, STDOUT_FILENO);
        (void)dup2(nothing, STDERR_FILENO);
    }
    (void)execvp("restic", (char *const *)(uintptr_t)argv);
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_FOUND - 1);
}

int restic_run(const struct restic *r) {
    int repository = secret_file(r->repository), password = secret_file(r->password), rc = -1, status = -1;
    void (*had)(int) = signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C is restic's, which ends in its own way */
    pid_t pid = repository >= 0 && password >= 0 ? fork() : -1;
    if (pid == 0) become_restic(r, repository, password);
    if (pid < 0) complain("restic can't be started: %s", strerror(errno));
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (pid > 0) rc = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    (void)signal(SIGINT, had);
    if (repository >= 0) (void)close(repository);
    if (password >= 0) (void)close(password);
    if (rc != EXIT_NOT_FOUND) return rc;
    complain("restic is not installed: it makes and reads the backups. On Debian: apt install restic; else "
             "https://restic.net");
    return -1;
}
