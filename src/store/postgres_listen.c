/* Words from other nodes: one connection that listens, dialled again whenever it is lost. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "store/postgres_priv.h"

static bool listen_all(PGconn *pg, const char *const *channels) {
    for (size_t i = 0; channels[i]; i++) {
        char *name = libpq.PQescapeIdentifier(pg, channels[i], strlen(channels[i]));
        char sql[200];
        PGresult *res;
        bool is_good;
        (void)snprintf(sql, sizeof sql, "LISTEN %s", name ? name : "\"\"");
        libpq.PQfreemem(name);
        res = libpq.PQexec(pg, sql);
        is_good = libpq.PQresultStatus(res) == PGRES_COMMAND_OK;
        libpq.PQclear(res);
        if (!is_good) return false;
    }
    return true;
}

static void hear(struct postgres_store *d, PGconn *pg) {
    while (!d->is_closing && libpq.PQstatus(pg) == CONNECTION_OK) {
        struct pollfd p = { .fd = libpq.PQsocket(pg), .events = POLLIN };
        PGnotify *n;
        (void)poll(&p, 1, 500);
        if (libpq.PQconsumeInput(pg) != 1) return;
        while ((n = libpq.PQnotifies(pg)) != NULL) {
            d->heard(d->heard_ctx, n->relname, n->extra);
            libpq.PQfreemem(n);
        }
    }
}

static void *listen_loop(void *arg) {
    struct postgres_store *d = arg;
    bool has_missed = false;
    while (!d->is_closing) {
        PGconn *pg = postgres_dial(d->url);
        if (libpq.PQstatus(pg) == CONNECTION_OK && listen_all(pg, d->channels)) {
            if (has_missed) d->heard(d->heard_ctx, "", NULL);
            hear(d, pg);
        }
        has_missed = true;
        libpq.PQfinish(pg);
        for (int i = 0; i < 5 && !d->is_closing; i++) (void)usleep(100000);
    }
    return NULL;
}

enum err postgres_listen(struct store *s, const char *const *channels, store_heard_fn *fn, void *ctx) {
    struct postgres_store *d = s->data;
    if (d->has_listener) return ERR_CONFLICT;
    d->channels = channels;
    d->heard = fn;
    d->heard_ctx = ctx;
    if (pthread_create(&d->listener, NULL, listen_loop, d) != 0) return ERR_NOMEM;
    d->has_listener = true;
    return OK;
}
