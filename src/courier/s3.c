/*
 * The threads. Each waits at the front's socket, which is their queue, takes one ask at a time and keeps a connection
 * of its own to S3.
 */
#include "courier/s3.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "courier/s3_priv.h"

static void serve_one(struct s3_worker *w, const struct object_asked *a) {
    struct pollfd asker = { .fd = a->answer_fd };
    struct object_answer answer;
    w->answer_fd = a->answer_fd;
    w->deadline_ms = clock_mono_ms() + a->ask.wait_ms;
    if (poll(&asker, 1, 0) > 0 && (asker.revents & (POLLERR | POLLNVAL))) return; /* of a front that is gone */
    s3_answer(w, a, &answer);
    if (atomic_load(&w->s3->stop)) return; /* no answer: it is asked again */
    while (write(a->answer_fd, &answer, sizeof answer) < 0 && errno == EINTR) continue;
}

static void *serve(void *arg) {
    struct s3_worker w = { .s3 = arg, .answer_fd = -1 };
    struct s3 *s = w.s3;
    buf_init(&w.text, S3_PAGE_MAX);
    w.easy = curl_easy_init();
    while (w.easy && !atomic_load(&s->stop)) {
        struct pollfd fds[] = { { .fd = s->front_fd, .events = POLLIN }, { .fd = s->stop_fd, .events = POLLIN } };
        struct object_asked a;
        enum err r;
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR) break;
        if (fds[1].revents) break;
        r = object_ask_receive(s->front_fd, &a);
        if (r == ERR_BUSY) continue; /* another thread was faster */
        if (r == ERR_INPUT) log_err(r, "an ask of the front");
        if (r == ERR_CLOSED || r == ERR_IO) break;
        if (r != OK) continue;
        serve_one(&w, &a);
        (void)close(a.answer_fd);
        if (a.file_fd >= 0) (void)close(a.file_fd);
    }
    if (w.easy) curl_easy_cleanup(w.easy);
    buf_release(&w.text);
    return NULL;
}

static enum err settle(struct s3 *s, const struct s3_options *o) {
    const struct config *c = o->config;
    struct str bucket, prefix = config_s3_place(c, &bucket);
    const char *slash = prefix.n > 0 ? "/" : "";
    char endpoint[250];
    if (c->backup_s3_endpoint[0])
        (void)snprintf(endpoint, sizeof endpoint, "%s", c->backup_s3_endpoint);
    else
        (void)snprintf(endpoint, sizeof endpoint, "https://s3.%s.amazonaws.com", c->backup_s3_region);
    s->front_fd = o->front_fd;
    s->silent_ms = c->backup_s3_timeout;
    (void)snprintf(s->prefix, sizeof s->prefix, "%.*s%s", STR_FMT(prefix), slash);
    (void)snprintf(s->base, sizeof s->base, "%s/%.*s", endpoint, STR_FMT(bucket));
    (void)snprintf(s->sigv4, sizeof s->sigv4, "aws:amz:%s:s3", c->backup_s3_region);
    (void)snprintf(s->access, sizeof s->access, "%s", c->backup_s3_access_key);
    return str_to_z(o->secret_key, s->secret, sizeof s->secret);
}

enum err s3_start(const struct s3_options *o, struct s3 **ret) {
    struct s3 *s = calloc(1, sizeof *s);
    enum err r;
    if (!s) return ERR_NOMEM;
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = s->stop_fd >= 0 ? settle(s, o) : ERR_NOMEM;
    while (r == OK && s->started < S3_THREADS)
        if (pthread_create(&s->threads[s->started], NULL, serve, s) == 0)
            s->started++;
        else
            r = ERR_NOMEM;
    if (r == OK)
        *ret = s;
    else
        s3_stop(s);
    return r;
}

void s3_stop(struct s3 *s) {
    const uint64_t one = 1;
    if (!s) return;
    atomic_store(&s->stop, true);
    if (s->stop_fd >= 0) {
        (void)!write(s->stop_fd, &one, sizeof one); /* a counter that is 0 takes it */
        for (int i = 0; i < s->started; i++) (void)pthread_join(s->threads[i], NULL);
        (void)close(s->stop_fd);
    }
    bytes_wipe(s, sizeof *s);
    free(s);
}
