/*
 * Calls of the HTTP contract, one at a time, over libcurl. https, or plain http to this machine; no redirects; 10 s to
 * connect, 60 s for the whole; answers of at most 1 MiB. A busy server (503 with Retry-After) is asked again a few
 * times.
 */
#ifndef TOCSIN_CLI_CLIENT_H
#define TOCSIN_CLI_CLIENT_H

#include <curl/curl.h>
#include <jansson.h>

#include "base/secret.h"

struct client;

struct question {
    const char *method, *path; /* below /api/v1 */
    json_t *body;              /* taken; NULL: none */
    struct str token;          /* "" or NULL: none */
};
struct reply {
    long status;
    json_t *body; /* owned; NULL where there was none */
};

/* Writes "scheme://host[:port]". False, and said: not an origin, or plain http to another machine. */
bool origin_check(const char *typed, char *out, size_t size);

/* The server of an origin that was checked. NULL: out of memory. */
struct client *client_new(const char *origin);
void client_free(struct client *c); /* NULL is fine */
/* OK for whatever the server answered. ERR_CLOSED, ERR_TOO_LARGE, ERR_INPUT (no JSON), ERR_NOMEM: said. */
enum err client_ask(struct client *c, const struct question *q, struct reply *ret) MUST_CHECK;
void reply_release(struct reply *r);
/* Says what a problem document says. Returns STATUS_NO. */
int reply_refuse(const struct reply *r);
/* Asks; anything but 200 to 299 is said. On STATUS_DONE *ret_body is the caller's (NULL is possible). */
int client_get(struct client *c, const struct question *q, json_t **ret_body);

/* For a stream: an easy handle set up for the path, and its headers (free with headers_free after the handle). */
CURL *client_handle(const struct client *c, const char *path);
struct curl_slist *headers_add(struct curl_slist *headers, const char *name, struct str value);
void headers_free(struct curl_slist *headers); /* wipes */

/* An id as the contract has them: 1 to 64 of A-Za-z0-9_-. Anything else must not reach a path. */
bool is_id(const char *text);

#endif
