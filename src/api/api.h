/*
 * The HTTP contract: one file a resource. Handlers read members and caller, call guard or identity, and answer; no
 * decision is made here.
 */
#ifndef TOCSIN_API_API_H
#define TOCSIN_API_API_H

#include "alarm/alarm.h"
#include "backup/backup.h"
#include "config/config.h"
#include "guard/guard.h"
#include "http/http.h"
#include "identity/session_table.h"

struct live; /* open pages that listen for alerts */

struct api {
    const struct config *config;
    struct store *store;
    struct guard *guard;
    struct keeper_client *keeper;
    struct session_table *sessions;
    struct outbox_desk *desk;
    struct live *live;
    struct places *places;
    struct breached *breached; /* NULL: no list */
    struct backup *backup;
    struct http_server *server;    /* set before it starts */
    struct services *services;     /* programs that may check sessions */
    const uint8_t *vapid_public;   /* P256_POINT_BYTES */
    const uint8_t *receipt_public; /* likewise; published */
    int mail_fd;                   /* the embedded mode's mail folder, or -1 */
};

extern const struct http_route api_routes[];     /* ended by method == NULL */
extern const struct http_route metrics_routes[]; /* of the separate listener */
extern const char *const api_headers[];          /* security headers of every answer; the last is for https alone */
extern const size_t api_header_https;            /* its index */

void api_metrics_register(const struct config *config);

http_ahead sessions_ahead; /* for http_options: the sessions that the next requests name are fetched together */

/* ---- live.c ---- */
enum err live_new(struct api *api, struct live **ret) MUST_CHECK;
void live_free(struct live *l);
/* Reads the alert and sends it to the account's open pages. Any thread. */
void live_alert(struct live *l, struct account_id account, struct alert_id alert);
void live_code(struct live *l, struct account_id account, struct attempt_id attempt);
/* Ends the streams whose session is gone. */
void live_recheck(struct live *l, struct account_id account);

/* ---- services.c ---- */
enum err services_load(struct api *api) MUST_CHECK;

/* ---- control.c: the command line's side ---- */
enum err control_start(struct api *api, int listen_fd) MUST_CHECK;

#endif
