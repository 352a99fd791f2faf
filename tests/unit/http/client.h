/* A blocking client for the tests: raw bytes out, raw bytes in, with a limit of time. */
#ifndef TOCSIN_TESTS_HTTP_CLIENT_H
#define TOCSIN_TESTS_HTTP_CLIENT_H

#include "base/buf.h"

int client_connect(int port);
bool client_send(int fd, struct str bytes); /* false when the peer is gone */
/* Reads until the peer closes. False when it did not within `most_ms`. */
bool client_read_all(int fd, struct buf *out, int most_ms);
/* Reads until `count` answers are there, by their Content-Length (a HEAD's has none: count its body as absent). */
bool client_read_answers(int fd, struct buf *out, int count, int most_ms);
int client_status(struct str answer);
int client_answers_in(struct str bytes); /* whole answers */
bool client_has(struct str bytes, const char *text);
struct str client_body(struct str answer);
/* One request on its own connection; `bytes` should ask for its closing. Returns the status, 0 on failure. */
int client_ask(int port, const char *bytes, struct buf *answer);

#endif
