/*
 * What an owner takes along, while it is gathered: lists of JSON objects, each kept as text and as rows of the page,
 * newest first and each up to its limit, 64 MiB in all. Strings of people reach the page by buf_add_html alone.
 */
#ifndef TOCSIN_API_EXPORT_H
#define TOCSIN_API_EXPORT_H

#include "api/call.h"

enum export_list_is {
    EXPORT_CONTACTS,
    EXPORT_DEVICES,
    EXPORT_PASSKEYS,
    EXPORT_SESSIONS,
    EXPORT_PUSH,
    EXPORT_PLACES,
    EXPORT_ALERTS,
    EXPORT_ATTEMPTS,
    EXPORT_HISTORY,
    EXPORT_LISTS,
};

struct export_list {
    struct buf json, rows;
    size_t n;
    bool is_cut; /* there was more than the limit takes */
};

struct export {
    struct api *api;
    struct account_id account;
    struct attempt_id attempt;
    int64_t now_ms;
    struct arena *arena;
    struct buf head; /* "account": {…}, as JSON */
    struct buf head_rows;
    struct export_list lists[EXPORT_LISTS];
};

enum err export_new(struct api *api, struct export **ret) MUST_CHECK;
void export_free(struct export *x);
/* In one transaction. ERR_NOT_FOUND: there is no such export, or its time is over. */
enum err export_collect(struct store_tx *tx, void *export) MUST_CHECK;
/* Takes `owned`. False: the limit is reached, nothing more fits. */
bool export_add(struct export *x, enum export_list_is list, json_t *owned);

/* ---- export_page.c ---- */
void export_row(struct buf *out, enum export_list_is list, json_t *o); /* one <tr> */
void export_facts(struct buf *out, json_t *o);                         /* a name and its value, a row each */
void export_page(const struct export *x, struct buf *out);

/* ---- export_zip.c ---- */
struct export_file {
    const char *name;
    struct str bytes; /* borrowed until it is done */
};
/* A ZIP in memory; `out` must have room for it. ERR_NOMEM, ERR_IO. */
enum err export_zip(const struct export_file *files, size_t n, int64_t now_ms, struct buf *out) MUST_CHECK;

#endif
