/* Making, starting, draining and freeing a server. */
#include <signal.h>

#include "base/clock.h"
#include "http/http_priv.h"

#define HEADERS_BYTES_MAX 8192

static int64_t or_default(int64_t value, int64_t fallback) { return value > 0 ? value : fallback; }

static enum err headers_join(struct http_server *s) {
    buf_init(&s->headers, HEADERS_BYTES_MAX);
    for (const char *const *line = s->o.headers; line && *line; line++) {
        if (strpbrk(*line, "\r\n") || !strchr(*line, ':')) return ERR_CONFIG;
        buf_add_z(&s->headers, *line);
        buf_add_z(&s->headers, "\r\n");
    }
    return buf_err(&s->headers);
}

static bool options_are_fine(const struct http_options *o) {
    return o->listeners && o->listener_count > 0 && o->listener_count <= LOOPS_MAX && o->work_threads > 0 &&
           o->queue_max >= 0 && o->connections_max > 0 && (uint32_t)o->connections_max < SLOTS_MAX && o->routes &&
           o->connections_per_address_max >= 0;
}

static enum err server_fill(struct http_server *s) {
    enum err r;
    s->work.last = &s->work.first;
    if (pthread_mutex_init(&s->work.lock, NULL) != 0 || pthread_cond_init(&s->work.has_ended, NULL) != 0)
        return ERR_NOMEM;
    s->loops = aligned_alloc(64, (size_t)s->o.listener_count * sizeof *s->loops);
    if (!s->loops) return ERR_NOMEM;
    memset(s->loops, 0, (size_t)s->o.listener_count * sizeof *s->loops);
    for (int i = 0; i < s->o.listener_count; i++) s->loops[i].epoll = s->loops[i].event = -1;
    counters_init(&s->counters);
    if ((r = networks_parse(s->o.trusted_proxies, &s->trusted)) != OK) return r;
    if ((r = route_table_new(s->o.routes, &s->routes)) != OK) return r;
    if ((r = headers_join(s)) != OK) return r;
    for (int i = 0; i < s->o.listener_count; i++)
        if ((r = loop_init(&s->loops[i], s, (unsigned)i)) != OK) return r;
    return OK;
}

enum err http_server_new(const struct http_options *o, struct http_server **ret) {
    struct http_server *s;
    enum err r;
    if (!options_are_fine(o)) return ERR_CONFIG;
    json_use_wiping_memory();
    s = aligned_alloc(64, sizeof *s);
    if (!s) return ERR_NOMEM;
    memset(s, 0, sizeof *s);
    s->o = *o;
    s->missing = (struct http_route){ "GET", "/", HTTP_FAST, o->missing, 0 };
    s->o.head_ms = or_default(o->head_ms, 10 * MS_PER_S);
    s->o.body_ms = or_default(o->body_ms, 30 * MS_PER_S);
    s->o.idle_ms = or_default(o->idle_ms, 75 * MS_PER_S);
    s->o.whole_ms = or_default(o->whole_ms, 120 * MS_PER_S);
    s->o.body_rate_min = or_default(o->body_rate_min, 256);
    if ((r = server_fill(s)) != OK) {
        http_server_free(s);
        return r;
    }
    *ret = s;
    return OK;
}

static enum err threads_start(struct http_server *s) {
    enum err r = work_start(&s->work, s->o.work_threads, s->o.queue_max);
    for (int i = 0; r == OK && i < s->o.listener_count; i++) {
        if (pthread_create(&s->loops[i].thread, NULL, loop_run, &s->loops[i]) != 0) return ERR_IO;
        s->loops[i].is_started = true;
    }
    return r;
}

enum err http_server_start(struct http_server *s) {
    sigset_t all, before;
    enum err r;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's; ours inherit this */
    r = threads_start(s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

void http_server_drain(struct http_server *s, int64_t most_ms) {
    s->drain_by_ms = clock_mono_ms() + most_ms;
    atomic_store(&s->drains, true);
    for (int i = 0; i < s->o.listener_count; i++) {
        if (!s->loops[i].is_started) continue;
        loop_wake(&s->loops[i]);
        (void)pthread_join(s->loops[i].thread, NULL);
        s->loops[i].is_started = false;
    }
    s->is_stuck = !work_stop(&s->work, s->drain_by_ms);
}

void http_server_free(struct http_server *s) {
    if (!s) return;
    if (s->loops) http_server_drain(s, 0);
    if (s->is_stuck) return; /* a handler still runs in it; the process is about to end */
    for (int i = 0; s->loops && i < s->o.listener_count; i++) loop_release(&s->loops[i]);
    route_table_free(s->routes);
    buf_release(&s->headers);
    free(s->work.workers);
    (void)pthread_cond_destroy(&s->work.has_ended);
    (void)pthread_mutex_destroy(&s->work.lock);
    free(s->loops);
    free(s);
}
