/*
 * Landlock by raw system calls (the kernel's own header; ABI 1 is enough and newer ones are used as far as this header
 * knows them), seccomp by libseccomp. The lists below are what the three processes were seen to need; anything else
 * kills the process, which the supervisor logs and heals, because a process that does something new is not ours any
 * more.
 */
#include "tocsind/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const role_names[SANDBOX_ROLE_COUNT] = {
    [SANDBOX_FRONT] = "tocsin-front",
    [SANDBOX_KEEPER] = "tocsin-keeper",
    [SANDBOX_COURIER] = "tocsin-courier",
};

const char *sandbox_role_name(enum sandbox_role role) { return role_names[role]; }

enum err sandbox_drop_user(enum sandbox_role role) {
    const struct passwd *pw;
    if (geteuid() != 0) return OK;
    pw = getpwnam(role_names[role]);
    if (!pw || pw->pw_uid == 0) return ERR_NOT_FOUND;
    if (setgroups(0, NULL) != 0) return ERR_IO;
    if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0) return ERR_IO;
    if (setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0) return ERR_IO;
    return setuid(0) == 0 ? ERR_REFUSED : OK; /* the way back must be closed */
}

#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_WRITE                                                                                                   \
    (ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)
#define ACCESS_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define ACCESS_ALL  ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static enum err landlock_allow(int ruleset, const struct sandbox_path *p) {
    struct landlock_path_beneath_attr rule = { .allowed_access = p->is_writable ? ACCESS_WRITE : ACCESS_READ };
    struct stat st;
    long rc;
    int fd = p->fd >= 0 ? p->fd : open(p->path, O_PATH | O_CLOEXEC);
    if (p->makes_folders) rule.allowed_access |= LANDLOCK_ACCESS_FS_MAKE_DIR;
    if (fd < 0) return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? OK : ERR_IO;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode)) rule.allowed_access &= ACCESS_FILE;
    rule.parent_fd = fd;
    rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    if (p->fd < 0) (void)close(fd);
    return rc == 0 ? OK : ERR_IO;
}

/* A kernel without Landlock leaves seccomp and the user as the walls; that is said in the log by the caller's choice of
 * kernel. */
static enum err landlock_enter(const struct sandbox *s) {
    struct landlock_ruleset_attr attr = { .handled_access_fs = ACCESS_ALL };
    enum err r = OK;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0) return errno == ENOSYS || errno == EOPNOTSUPP ? OK : ERR_IO;
    for (size_t i = 0; i < s->path_n && r == OK; i++) r = landlock_allow(ruleset, &s->paths[i]);
    if (r == OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) r = ERR_IO;
    (void)close(ruleset);
    return r;
}

#define CALL(name) SCMP_SYS(name)

static const int calls_all[] = {
    CALL(read),
    CALL(write),
    CALL(readv),
    CALL(writev),
    CALL(pread64),
    CALL(pwrite64),
    CALL(close),
    CALL(lseek),
    CALL(fstat),
    CALL(newfstatat),
    CALL(stat),
    CALL(lstat),
    CALL(statx),
    CALL(fstatfs),
    CALL(statfs),
    CALL(access),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(openat),
    CALL(open),
    CALL(readlink),
    CALL(readlinkat),
    CALL(getcwd),
    CALL(unlink),
    CALL(unlinkat),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(fsync),
    CALL(fdatasync),
    CALL(fcntl),
    CALL(getdents64),
    CALL(fchmod),
    CALL(mmap),
    CALL(munmap),
    CALL(mprotect),
    CALL(mremap),
    CALL(madvise),
    CALL(brk),
    CALL(mlock),
    CALL(mlock2),
    CALL(munlock),
    CALL(futex),
    CALL(clone),
    CALL(clone3),
    CALL(set_robust_list),
    CALL(rseq),
    CALL(exit),
    CALL(exit_group),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(rt_sigtimedwait),
    CALL(sigaltstack),
    CALL(restart_syscall),
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(nanosleep),
    CALL(gettimeofday),
    CALL(time),
    CALL(getrandom),
    CALL(getpid),
    CALL(gettid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getppid),
    CALL(tgkill),
    CALL(sched_yield),
    CALL(sched_getaffinity),
    CALL(sched_setaffinity),
    CALL(prlimit64),
    CALL(getrlimit),
    CALL(uname),
    CALL(sysinfo),
    CALL(getrusage),
    CALL(membarrier),
    CALL(poll),
    CALL(ppoll),
    CALL(select),
    CALL(pselect6),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_wait),
    CALL(epoll_pwait),
    CALL(eventfd2),
    CALL(pipe2),
    CALL(sendto),
    CALL(recvfrom),
    CALL(sendmsg),
    CALL(recvmsg),
    CALL(dup),
    CALL(dup2),
    CALL(dup3),
    CALL(getcpu),
    CALL(arch_prctl),
};
static const int calls_front[] = {
    CALL(accept4),     CALL(shutdown),   CALL(getsockname), CALL(getpeername), CALL(setsockopt),
    CALL(getsockopt),  CALL(sendfile),   CALL(preadv2),     CALL(mkdirat),     CALL(mkdir),
    CALL(linkat),      CALL(renameat),   CALL(renameat2),   CALL(openat2), /* backups */
    CALL(setpriority), CALL(ioprio_set),                                   /* their scrub */
};
static const int calls_keeper[] = { CALL(setpriority), CALL(getpriority), CALL(sched_setscheduler),
                                    CALL(sched_setattr) };
static const int calls_courier[] = { CALL(renameat), CALL(renameat2), CALL(rename), CALL(linkat) };
static const int calls_sockets[] = {
    CALL(socket),     CALL(socketpair), CALL(connect),  CALL(bind),     CALL(getsockname), CALL(getpeername),
    CALL(setsockopt), CALL(getsockopt), CALL(sendmmsg), CALL(recvmmsg), CALL(shutdown),    CALL(ioctl),
};
#if defined(__SANITIZE_ADDRESS__) || defined(TOCSIN_SANITIZED)
/* What the sanitizers' own runtimes call: to look for leaks at the end they trace the threads. */
#define DUMPABLE 1
static const int calls_sanitizer[] = { CALL(personality), CALL(prctl), CALL(ptrace),           CALL(wait4),
                                       CALL(kill),        CALL(ioctl), CALL(process_vm_readv), CALL(getdents) };
#else
#define DUMPABLE 0
#endif

static int allow(scmp_filter_ctx ctx, const int *calls, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
        if (rc != 0 && rc != -EDOM) return rc; /* EDOM: unknown on this architecture */
    }
    return 0;
}

static int allow_role(scmp_filter_ctx ctx, const struct sandbox *s) {
    int rc = allow(ctx, calls_all, ARRAY_LEN(calls_all));
    switch (s->role) {
    case SANDBOX_FRONT: rc |= allow(ctx, calls_front, ARRAY_LEN(calls_front)); break;
    case SANDBOX_KEEPER: rc |= allow(ctx, calls_keeper, ARRAY_LEN(calls_keeper)); break;
    case SANDBOX_COURIER: rc |= allow(ctx, calls_courier, ARRAY_LEN(calls_courier)); break;
    }
    if (s->may_open_sockets) rc |= allow(ctx, calls_sockets, ARRAY_LEN(calls_sockets));
#if defined(__SANITIZE_ADDRESS__) || defined(TOCSIN_SANITIZED)
    rc |= allow(ctx, calls_sanitizer, ARRAY_LEN(calls_sanitizer));
#endif
    /* Threads may be named; nothing else of prctl. */
    rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    return rc;
}

static enum err seccomp_enter(const struct sandbox *s) {
    enum err r = ERR_UNSUPPORTED;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!ctx) return ERR_UNSUPPORTED;
#ifdef TOCSIN_TEST_CLOCK
    /* A tracer that makes calls fail for a test turns them into number -1, which does nothing. */
    if (seccomp_attr_set(ctx, SCMP_FLTATR_API_TSKIP, 1) == 0) (void)seccomp_rule_add(ctx, SCMP_ACT_ALLOW, -1, 0);
#endif
    if (allow_role(ctx, s) == 0 && seccomp_load(ctx) == 0) r = OK;
    seccomp_release(ctx);
    return r;
}

enum err sandbox_enter(const struct sandbox *s) {
    const struct rlimit none = { 0, 0 };
    enum err r;
    if (setrlimit(RLIMIT_CORE, &none) != 0) return ERR_IO;
    if (prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) != 0) return ERR_IO;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ERR_IO;
    if ((r = landlock_enter(s)) != OK) return r;
    return seccomp_enter(s);
}

static const int calls_never[] = {
    CALL(mount),
    CALL(umount2),
    CALL(pivot_root),
    CALL(chroot),
    CALL(setns),
    CALL(unshare),
    CALL(kexec_load),
    CALL(kexec_file_load),
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(bpf),
    CALL(perf_event_open),
    CALL(userfaultfd),
    CALL(keyctl),
    CALL(add_key),
    CALL(request_key),
    CALL(reboot),
    CALL(swapon),
    CALL(swapoff),
    CALL(acct),
    CALL(settimeofday),
    CALL(clock_settime),
    CALL(process_vm_writev),
    CALL(io_uring_setup),
#if !defined(__SANITIZE_ADDRESS__) && !defined(TOCSIN_SANITIZED)
    CALL(ptrace),
    CALL(process_vm_readv),
#endif
};

enum err sandbox_enter_supervisor(void) {
    const struct rlimit none = { 0, 0 };
    enum err r = ERR_UNSUPPORTED;
    scmp_filter_ctx ctx;
    int rc = 0;
    if (setrlimit(RLIMIT_CORE, &none) != 0) return ERR_IO;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ERR_IO;
    ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (!ctx) return ERR_UNSUPPORTED;
    for (size_t i = 0; i < ARRAY_LEN(calls_never) && rc == 0; i++) {
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), calls_never[i], 0);
        if (rc == -EDOM) rc = 0;
    }
    if (rc == 0 && seccomp_load(ctx) == 0) r = OK;
    seccomp_release(ctx);
    return r;
}
