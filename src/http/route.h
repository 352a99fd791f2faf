/*
 * Finds the route of a path: patterns are cut at their slashes into a tree whose edges lie in one hash table, so that a
 * look-up costs one probe a segment however many routes there are. Built once, then only read.
 */
#ifndef TOCSIN_HTTP_ROUTE_H
#define TOCSIN_HTTP_ROUTE_H

#include "http/head.h"
#include "http/http.h"

#define ROUTE_PARAMS_MAX   8
#define ROUTE_SEGMENTS_MAX 16

struct route_node; /* one path: its routes by method, and what 405 says */
struct route_table;

struct route_match {
    const struct route_node *node;
    struct str params[ROUTE_PARAMS_MAX]; /* as in the path, not decoded */
    size_t param_count;
};

/* ERR_CONFIG: a pattern that is malformed, of an unknown method, or there twice. The routes are borrowed. */
enum err route_table_new(const struct http_route *routes, struct route_table **ret) MUST_CHECK;
void route_table_free(struct route_table *t);
/* False: 404. Within a path, literals come before {name}, and {name} before {rest...}. */
bool route_find(const struct route_table *t, struct str path, struct route_match *ret);
const struct http_route *route_of(const struct route_node *n, enum method m); /* NULL: 405 */
struct str route_allow(const struct route_node *n);                           /* "GET, HEAD, POST" */
/* The place of {name} in the pattern; -1 when it has none. */
int route_param_index(const char *pattern, const char *name);

#endif
