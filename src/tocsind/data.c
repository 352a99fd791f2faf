/* Folders, lock and sockets of the supervisor. Runs before any child; everything that can be wrong here is said in
 * plain words. */
#include "tocsind/data.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tocsind/sandbox.h"

/* Files left by another user (a first start without root, say) go to the process that must write them. */
static int give_files(int folder, uid_t uid, gid_t gid) {
    struct dirent *e;
    int rc = 0, fd = dup(folder);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0) (void)close(fd);
        return -1;
    }
    while (rc == 0 && (e = readdir(d)) != NULL)
        if (e->d_type == DT_REG) rc = fchownat(folder, e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW);
    (void)closedir(d);
    return rc;
}

static enum err own(int fd, const char *name, const char *user, gid_t gid, struct config_problem *p) {
    const struct passwd *pw = getpwnam(user);
    if (!pw)
        return config_refuse(
            p, ERR_IO,
            "started as root, but there is no system user %s; make the three with: for u in front keeper courier; "
            "do useradd --system --user-group --no-create-home --shell /usr/sbin/nologin tocsin-$u; done",
            user);
    if (gid == 0) gid = pw->pw_gid;
    if (fchown(fd, pw->pw_uid, gid) != 0 || give_files(fd, pw->pw_uid, gid) != 0)
        return config_refuse(p, ERR_IO, "%s: can't be given to %s: %s", name, user, strerror(errno));
    return OK;
}

static enum err make_folder(int base, const char *name, mode_t mode, int *ret_fd, struct config_problem *p) {
    if (mkdirat(base, name, mode) != 0 && errno != EEXIST)
        return config_refuse(p, ERR_IO, "%s: can't be made: %s", name, strerror(errno));
    *ret_fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*ret_fd < 0) return config_refuse(p, ERR_IO, "%s: can't be opened: %s", name, strerror(errno));
    if (geteuid() == 0 && fchmod(*ret_fd, mode) != 0) return config_refuse(p, ERR_IO, "%s: %s", name, strerror(errno));
    return OK;
}

static enum err make_role_folders(struct data *d, struct config_problem *p) {
    static const struct {
        const char *name, *user;
        mode_t mode;
    } folders[] = { { "front", "tocsin-front", 0700 },
                    { "keeper", "tocsin-keeper", 0700 },
                    { "mail", "tocsin-courier", 02750 },
                    { "backup", "tocsin-front", 0700 } };
    const struct passwd *front = geteuid() == 0 ? getpwnam("tocsin-front") : NULL;
    gid_t front_gid = front ? front->pw_gid : 0;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        int fd = -1;
        enum err r = make_folder(d->folder_fd, folders[i].name, folders[i].mode, &fd, p);
        if (r == OK && geteuid() == 0) {
            r = own(fd, folders[i].name, folders[i].user, i == 2 ? front_gid : 0, p);
            if (r == OK) (void)fchmod(fd, folders[i].mode); /* chown drops the set-gid bit */
        }
        if (fd >= 0) (void)close(fd);
        if (r != OK) return r;
    }
    return OK;
}

static enum err lock(struct data *d, const char *directory, struct config_problem *p) {
    d->lock_fd = openat(d->folder_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock_fd < 0) return config_refuse(p, ERR_IO, "%s/lock: %s", directory, strerror(errno));
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0) return OK;
    return config_refuse(p, ERR_IO, "%s is in use by another tocsind; stop that one first, or set [data] directory",
                         directory);
}

static enum err listen_control(struct data *d, const char *directory, struct config_problem *p) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    /* By descriptor, so that a long path fits into sun_path. */
    (void)snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/control.sock", d->folder_fd);
    (void)unlinkat(d->folder_fd, "control.sock", 0);
    d->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (d->control_fd < 0 || bind(d->control_fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        listen(d->control_fd, 16) != 0)
        return config_refuse(p, ERR_IO, "%s/control.sock: %s", directory, strerror(errno));
    return OK;
}

enum err data_open(const struct config *c, struct data *ret, struct config_problem *ret_problem) {
    const char *directory = c->data_directory;
    enum err r;
    *ret = (struct data){ .folder_fd = -1, .keys_fd = -1, .lock_fd = -1, .control_fd = -1 };
    if (mkdir(directory, 0711) != 0 && errno != EEXIST)
        return config_refuse(ret_problem, ERR_IO, "[data] directory %s: can't be made: %s", directory, strerror(errno));
    ret->folder_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret->folder_fd < 0)
        return config_refuse(ret_problem, ERR_IO, "[data] directory %s: can't be opened: %s", directory,
                             strerror(errno));
    if ((r = lock(ret, directory, ret_problem)) != OK) return r;
    if ((r = make_role_folders(ret, ret_problem)) != OK) return r;
    if ((r = make_folder(ret->folder_fd, "keys", 0700, &ret->keys_fd, ret_problem)) != OK) return r;
    ret->has_credentials = faccessat(ret->folder_fd, "keeper/keeper.db", F_OK, 0) == 0;
    return listen_control(ret, directory, ret_problem);
}

static enum err parse_address(const char *text, struct sockaddr_storage *ret_sa, socklen_t *ret_n) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)ret_sa;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)ret_sa;
    const char *colon = strrchr(text, ':');
    char host[64];
    int64_t port;
    struct str h;
    if (!colon || str_to_i64(str_from(colon + 1), 65535, &port) != OK) return ERR_INPUT;
    h = str_bytes(text, (size_t)(colon - text));
    memset(ret_sa, 0, sizeof *ret_sa);
    if (str_starts(h, STR("[")) && str_ends(h, STR("]"))) {
        if (str_to_z(str_bytes(h.p + 1, h.n - 2), host, sizeof host) != OK) return ERR_INPUT;
        *v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
        *ret_n = sizeof *v6;
        return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 ? OK : ERR_INPUT;
    }
    if (str_to_z(h, host, sizeof host) != OK) return ERR_INPUT;
    *v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    *ret_n = sizeof *v4;
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? OK : ERR_INPUT;
}

enum err data_listen(const char *address, bool is_shared, int *ret_fd, struct config_problem *ret_problem) {
    struct sockaddr_storage sa;
    socklen_t n = 0;
    const int on = 1;
    int fd;
    if (parse_address(address, &sa, &n) != OK)
        return config_refuse(ret_problem, ERR_IO, "listen %s: not ADDRESS:PORT", address);
    fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return config_refuse(ret_problem, ERR_IO, "listen %s: %s", address, strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_shared) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (sa.ss_family == AF_INET6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&sa, n) != 0 || listen(fd, 4096) != 0) {
        const int why = errno;
        (void)config_refuse(ret_problem, ERR_IO, "can't listen on %s: %s", address, strerror(why));
        (void)close(fd);
        errno = why;
        return ERR_IO;
    }
    *ret_fd = fd;
    return OK;
}
