#include "cli/control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/memory.h"
#include "cli/terminal.h"

#define ANSWER_BYTES_MAX (256 * 1024)

/* By way of the folder's descriptor, so that a long path fits. */
static int dial(const char *directory) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = folder >= 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    (void)snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/control.sock", folder);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        (void)close(fd);
        fd = -1;
    }
    if (folder >= 0) (void)close(folder);
    return fd;
}

static json_t *exchange(int fd, const json_t *question) {
    char *text = json_dumps(question, JSON_COMPACT);
    struct buf answer;
    json_t *out = NULL;
    buf_init(&answer, ANSWER_BYTES_MAX);
    if (text && send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text)) {
        char bytes[4096];
        ssize_t n;
        while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) buf_add(&answer, str_bytes(bytes, (size_t)n));
        bytes_wipe(bytes, sizeof bytes);
        if (buf_err(&answer) == OK && answer.n > 0) out = json_loadb(answer.p, answer.n, 0, NULL);
    }
    memory_free(text);
    buf_release(&answer);
    return out;
}

json_t *control_ask(const struct config *config, json_t *question) {
    json_t *answer = NULL;
    const json_t *ok;
    const char *error;
    int fd = dial(config->data_directory);
    if (fd < 0) {
        complain("no server answers at %s/control.sock: is tocsind running, and are you root or its user?",
                 config->data_directory);
        json_decref(question);
        return NULL;
    }
    answer = exchange(fd, question);
    (void)close(fd);
    json_decref(question);
    ok = json_object_get(answer, "ok");
    if (json_is_true(ok) || json_integer_value(ok) == 1) return answer;
    error = text_of(answer, "error");
    complain("%s", error[0] ? error : "the server did not answer");
    json_decref(answer);
    return NULL;
}
