/*
 * Another device's object on its way, part by part: before each it is asked again whether that restore is still
 * allowed, so that "it wasn't me" cuts what is under way, however slowly a thief reads. What is given out is counted.
 */
#include "api/backup_guarded.h"

#include <stdlib.h>
#include <unistd.h>

#include "api/call.h"

struct guarded {
    struct backup_passage p;
    int64_t bytes, requests; /* not counted yet */
};

static const struct origin nowhere; /* it opens nothing */

static enum http_gate_says ask(void *ctx, bool may_wait) {
    struct guarded *g = ctx;
    const struct backup_ask a = { .repo = g->p.repo, .asker = g->p.asker, .from = &nowhere };
    if (may_wait)
        return backup_guard_check(g->p.backup, &a, &g->p.restore) == BACKUP_ALLOW ? HTTP_GATE_OPEN : HTTP_GATE_CLOSED;
    return backup_guard_remembers(g->p.backup, &a, false, &g->p.restore) ? HTTP_GATE_OPEN : HTTP_GATE_UNSURE;
}

static void passed(void *ctx, int64_t bytes) {
    struct guarded *g = ctx;
    g->bytes += bytes;
    if (backup_reads_try_add(g->p.backup, g->p.repo.account, g->p.restore, g->bytes, g->requests))
        g->bytes = g->requests = 0;
}

static void end(void *ctx) {
    struct guarded *g = ctx;
    if (g->bytes + g->requests > 0)
        backup_reads_add(g->p.backup, g->p.repo.account, g->p.restore, g->bytes, g->requests); /* a moment's lock */
    free(g);
}

bool backup_guarded_reply(struct http_request *req, int status, const struct backup_passage *p,
                          const struct blob_got *got) {
    struct guarded *g = calloc(1, sizeof *g);
    const struct http_file file = { got->fd, got->from, got->length, { ask, passed, end, g } };
    if (!g && p->is_near) return false;
    if (!g) {
        (void)close(got->fd);
        fail_err(req, ERR_NOMEM);
        return true;
    }
    *g = (struct guarded){ .p = *p, .requests = 1 };
    if (!p->is_near)
        http_reply_file(req, status, BACKUP_OCTETS, file);
    else if (!http_reply_file_near(req, status, BACKUP_OCTETS, &file)) {
        free(g);
        return false;
    }
    return true;
}
