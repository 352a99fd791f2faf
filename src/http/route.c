/* The tree of patterns. Backtracking is bounded by the number of segments, and the patterns are our own. */
#include "http/route.h"

#include "base/buf.h"

#define ALLOW_BYTES_MAX 128

struct route_node {
    struct route_node *param, *rest; /* {name}, {rest...} */
    struct route_node *all;          /* every node of the table, to free them */
    const struct http_route *by_method[METHODS];
    struct buf allow;
    uint32_t id;
};

struct edge {
    const struct route_node *from;
    struct str segment;
    struct route_node *to; /* NULL: an empty place */
};

struct route_table {
    struct route_node *root, *all;
    struct edge *edges;
    size_t edge_count, edge_cap; /* a power of two, at most half full */
    uint32_t node_count;
};

static uint64_t edge_hash(const struct route_node *from, struct str segment) {
    uint64_t h = 0xcbf29ce484222325U + from->id;
    for (size_t i = 0; i < segment.n; i++) h = (h ^ (unsigned char)segment.p[i]) * 0x100000001b3U;
    return h ^ (h >> 29);
}

static struct edge *edge_place(const struct route_table *t, const struct route_node *from, struct str segment) {
    size_t i = edge_hash(from, segment) & (t->edge_cap - 1);
    while (t->edges[i].to && (t->edges[i].from != from || !str_eq(t->edges[i].segment, segment)))
        i = (i + 1) & (t->edge_cap - 1);
    return &t->edges[i];
}

static struct route_node *node_new(struct route_table *t) {
    struct route_node *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    buf_init(&n->allow, ALLOW_BYTES_MAX);
    n->id = t->node_count++;
    n->all = t->all;
    t->all = n;
    return n;
}

static bool is_param(struct str s) { return s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}'; }
static bool is_rest(struct str s) { return is_param(s) && s.n > 5 && memcmp(s.p + s.n - 4, "...}", 4) == 0; }

/* The node that a segment of a pattern leads to, made when it is new. */
static struct route_node *node_below(struct route_table *t, struct route_node *from, struct str segment) {
    struct route_node **slot = is_rest(segment) ? &from->rest : &from->param;
    struct edge *e;
    if (is_param(segment)) {
        if (!*slot) *slot = node_new(t);
        return *slot;
    }
    e = edge_place(t, from, segment);
    if (e->to) return e->to;
    *e = (struct edge){ from, segment, node_new(t) };
    if (e->to) t->edge_count++;
    return e->to;
}

static enum method method_named(const char *name) {
    for (int m = 0; m < METHODS; m++)
        if (str_eq(str_from(head_method_name((enum method)m)), str_from(name))) return (enum method)m;
    return METHODS;
}

static enum err route_add(struct route_table *t, const struct http_route *route) {
    struct route_node *n = t->root;
    struct str left = str_from(route->pattern);
    enum method m = method_named(route->method);
    size_t params = 0;
    if (route->takes_pieces && route->lane != HTTP_WORK) return ERR_CONFIG;
    if (m == METHODS || !route->handler || left.n == 0 || left.p[0] != '/') return ERR_CONFIG;
    for (size_t segments = 0; left.n > 0; segments++) {
        struct str segment;
        bool has_more;
        left = str_skip(left, 1);
        has_more = left.n > 0 && memchr(left.p, '/', left.n) != NULL;
        (void)str_cut(left, '/', &segment);
        left = str_skip(left, segment.n);
        if (segments == ROUTE_SEGMENTS_MAX || (is_rest(segment) && has_more)) return ERR_CONFIG;
        if (is_param(segment) && ++params > ROUTE_PARAMS_MAX) return ERR_CONFIG;
        n = node_below(t, n, segment);
        if (!n) return ERR_NOMEM;
    }
    if (n->by_method[m]) return ERR_CONFIG;
    n->by_method[m] = route;
    return OK;
}

static enum err allow_write(struct route_node *n) {
    for (int m = 0; m < METHODS; m++) {
        bool is_there = n->by_method[m] || (m == METHOD_HEAD && n->by_method[METHOD_GET]);
        if (!is_there) continue;
        if (n->allow.n > 0) buf_add_z(&n->allow, ", ");
        buf_add_z(&n->allow, head_method_name((enum method)m));
    }
    return buf_err(&n->allow);
}

static size_t segments_in_all(const struct http_route *routes) {
    size_t n = 1;
    for (; routes->method; routes++)
        for (const char *p = routes->pattern; *p; p++) n += *p == '/';
    return n;
}

enum err route_table_new(const struct http_route *routes, struct route_table **ret) {
    struct route_table *t = calloc(1, sizeof *t);
    enum err r = ERR_NOMEM;
    if (!t) return ERR_NOMEM;
    t->edge_cap = 16;
    while (t->edge_cap < 2 * segments_in_all(routes)) t->edge_cap *= 2;
    t->edges = calloc(t->edge_cap, sizeof *t->edges);
    t->root = node_new(t);
    if (!t->edges || !t->root) goto out;
    for (r = OK; r == OK && routes->method; routes++) r = route_add(t, routes);
    for (struct route_node *n = t->all; r == OK && n; n = n->all) r = allow_write(n);
    if (r != OK) goto out;
    *ret = t;
    t = NULL;
out:
    route_table_free(t);
    return r;
}

void route_table_free(struct route_table *t) {
    if (!t) return;
    while (t->all) {
        struct route_node *next = t->all->all;
        buf_release(&t->all->allow);
        free(t->all);
        t->all = next;
    }
    free(t->edges);
    free(t);
}

static bool is_end(const struct route_node *n) { return n->allow.n > 0; }

/* `path` is what follows a slash; has_end says that there is no further slash after an empty one. */
static const struct route_node *walk(const struct route_table *t, const struct route_node *n, struct str path,
                                     struct route_match *m, size_t depth) {
    const struct route_node *found = NULL;
    struct str segment;
    bool is_last = path.n == 0 || !memchr(path.p, '/', path.n);
    struct str left = str_cut(path, '/', &segment);
    struct route_node *to = edge_place(t, n, segment)->to;
    size_t count = m->param_count;
    if (depth == ROUTE_SEGMENTS_MAX) return NULL;
    if (to) found = is_last ? (is_end(to) ? to : NULL) : walk(t, to, left, m, depth + 1);
    if (found) return found;
    m->param_count = count;
    if (n->param && segment.n > 0) {
        m->params[m->param_count++] = segment;
        found = is_last ? (is_end(n->param) ? n->param : NULL) : walk(t, n->param, left, m, depth + 1);
        if (found) return found;
        m->param_count = count;
    }
    if (!n->rest) return NULL;
    m->params[m->param_count++] = path;
    return n->rest;
}

bool route_find(const struct route_table *t, struct str path, struct route_match *ret) {
    ret->param_count = 0;
    ret->node = walk(t, t->root, str_skip(path, 1), ret, 0);
    return ret->node != NULL;
}

const struct http_route *route_of(const struct route_node *n, enum method m) {
    const struct http_route *r = n->by_method[m];
    return r || m != METHOD_HEAD ? r : n->by_method[METHOD_GET];
}

struct str route_allow(const struct route_node *n) {
    return buf_str(&n->allow);
}

int route_param_index(const char *pattern, const char *name) {
    size_t n = strlen(name);
    int index = 0;
    for (const char *p = strchr(pattern, '{'); p; p = strchr(p + 1, '{'), index++) {
        if (strncmp(p + 1, name, n) != 0) continue;
        if (p[1 + n] == '}' || strncmp(p + 1 + n, "...}", 4) == 0) return index;
    }
    return -1;
}
