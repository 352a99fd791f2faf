#include "cli/home.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/memory.h"
#include "cli/terminal.h"

#define LOGIN_FILE "login.json"

/* The folder above ours, as the XDG base directory specification says: a path that is not absolute does not count. */
static bool parent_path(char *out, size_t size) {
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n = -1;
    if (xdg && xdg[0] == '/')
        n = snprintf(out, size, "%s", xdg);
    else if (home && home[0] == '/')
        n = snprintf(out, size, "%s/.config", home);
    return n > 0 && (size_t)n < size;
}

bool home_path(char *out, size_t size) {
    char parent[HOME_PATH_MAX];
    int n;
    if (!parent_path(parent, sizeof parent)) return false;
    n = snprintf(out, size, "%s/tocsin", parent);
    return n > 0 && (size_t)n < size;
}

/* Ours, and nobody else's to read. */
static bool is_private(int fd, const char *what) {
    struct stat st;
    if (fstat(fd, &st) != 0) return false;
    if (st.st_uid == geteuid() && (st.st_mode & 077) == 0) return true;
    complain("%s belongs to another or can be read by others: it is not used (chmod go-rwx)", what);
    return false;
}

int home_open(void) {
    char parent[HOME_PATH_MAX], path[HOME_PATH_MAX];
    int fd;
    if (!parent_path(parent, sizeof parent) || !home_path(path, sizeof path)) {
        complain("neither XDG_CONFIG_HOME nor HOME says where to keep things");
        return -1;
    }
    if ((mkdir(parent, 0700) != 0 && errno != EEXIST) || (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        complain("%s: %s", path, strerror(errno));
        return -1;
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) complain("%s: %s", path, strerror(errno));
    if (fd >= 0 && !is_private(fd, path)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

enum err home_read(int home, const char *name, struct secret *ret) {
    char bytes[SECRET_BYTES_MAX + 1];
    ssize_t n;
    enum err r;
    int fd = openat(home, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return ERR_NOT_FOUND;
    if (fd < 0) {
        complain("%s: %s", name, strerror(errno));
        return ERR_IO;
    }
    if (!is_private(fd, name)) {
        (void)close(fd);
        return ERR_REFUSED;
    }
    n = read(fd, bytes, sizeof bytes);
    (void)close(fd);
    r = n < 0 ? ERR_IO : secret_from_str(ret, str_bytes(bytes, (size_t)n));
    bytes_wipe(bytes, sizeof bytes);
    if (r != OK) complain("%s: %s", name, err_text(r));
    return r;
}

static bool write_all(int fd, struct str bytes) {
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes = str_skip(bytes, (size_t)n);
    }
    return fsync(fd) == 0;
}

enum err home_write(int home, const char *name, struct str bytes) {
    char part[80];
    bool is_written;
    int fd;
    (void)snprintf(part, sizeof part, ".%s.%ld", name, (long)getpid());
    (void)unlinkat(home, part, 0);
    fd = openat(home, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    is_written = fd >= 0 && write_all(fd, bytes);
    if (fd >= 0 && close(fd) != 0) is_written = false;
    if (is_written && renameat(home, part, home, name) == 0 && fsync(home) == 0) return OK;
    complain("%s can't be written: %s", name, strerror(errno));
    (void)unlinkat(home, part, 0);
    return ERR_IO;
}

enum err home_remove(int home, const char *name) {
    if (unlinkat(home, name, 0) == 0 || errno == ENOENT) return OK;
    complain("%s can't be removed: %s", name, strerror(errno));
    return ERR_IO;
}

/* ---- who is signed in ---- */

void login_release(struct login *l) {
    secret_release(&l->session);
    secret_release(&l->device_token);
}

static enum err take(const json_t *o, struct login *l) {
    enum err r;
    if ((r = str_to_z(str_from(text_of(o, "server")), l->server, sizeof l->server)) != OK) return r;
    if ((r = str_to_z(str_from(text_of(o, "email")), l->email, sizeof l->email)) != OK) return r;
    if ((r = str_to_z(str_from(text_of(o, "device")), l->device, sizeof l->device)) != OK) return r;
    if ((r = secret_from_str(&l->session, str_from(text_of(o, "session")))) != OK) return r;
    if ((r = secret_from_str(&l->device_token, str_from(text_of(o, "device_token")))) != OK) return r;
    return l->server[0] && l->email[0] ? OK : ERR_INPUT;
}

enum err login_load(struct login *ret) {
    struct login l = { .server = "" };
    struct secret file;
    json_t *o = NULL;
    enum err r = ERR_IO;
    int home = home_open();
    secret_init(&file);
    if (home >= 0) r = home_read(home, LOGIN_FILE, &file);
    if (r == OK) {
        o = json_loadb((const char *)file.p, file.n, JSON_REJECT_DUPLICATES, NULL);
        r = o ? take(o, &l) : ERR_INPUT;
        if (r != OK) complain(LOGIN_FILE " is damaged: remove it and sign in again");
    }
    if (r == OK)
        *ret = l;
    else
        login_release(&l);
    json_decref(o);
    secret_release(&file);
    if (home >= 0) (void)close(home);
    return r;
}

static json_t *secret_json(const struct secret *s) { return json_stringn(s->p ? (const char *)s->p : "", s->n); }

enum err login_save(const struct login *l) {
    json_t *o = json_pack("{s:s,s:s,s:s,s:o,s:o}", "server", l->server, "email", l->email, "device", l->device,
                          "session", secret_json(&l->session), "device_token", secret_json(&l->device_token));
    char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
    enum err r = ERR_IO;
    int home = text ? home_open() : -1;
    if (home >= 0) r = home_write(home, LOGIN_FILE, str_from(text));
    if (home >= 0) (void)close(home);
    memory_free(text);
    json_decref(o);
    return r;
}

enum err login_forget(void) {
    enum err r = ERR_IO;
    int home = home_open();
    if (home >= 0) r = home_remove(home, LOGIN_FILE);
    if (home >= 0) (void)close(home);
    return r;
}

bool login_need(struct login *ret) {
    enum err r = login_load(ret);
    if (r == OK && ret->session.n > 0) return true;
    if (r == OK) login_release(ret);
    if (r == OK || r == ERR_NOT_FOUND) complain("nobody is signed in here: tocsin login EMAIL");
    return false;
}
