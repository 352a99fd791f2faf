/*
 * A small application over http/http.h: a route for each thing that a server must do. Used in-process by the unit
 * tests, and as a program (http_test_server) by the system tests and benches.
 */
#ifndef TOCSIN_TESTS_HTTP_SAMPLE_H
#define TOCSIN_TESTS_HTTP_SAMPLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/http.h"

#define SAMPLE_LOOPS_MAX 4
#define SAMPLE_LARGE     400000 /* bytes of GET /static/large */

struct sample {
    struct http_server *server;
    int listeners[SAMPLE_LOOPS_MAX];
    int port;
    /* what handlers saw */
    _Atomic int handled, resumed, streams_closed, sleeping;
    _Atomic int sleep_ms;   /* of GET /slow; 0 ends those under way */
    _Atomic int takers;     /* bodies and sources that were begun and have not ended */
    _Atomic int cut;        /* bodies that were cut */
    _Atomic int asked, let; /* of gates: that had to be asked where it may wait, and how often they still open there */
    _Atomic int64_t passed; /* bytes through gates */
    _Atomic int shown;      /* heads that were shown ahead */
    const char *file;       /* of GET /file/{from}/{length} */
    pthread_mutex_t lock;
    bool has_ticket, has_stream;
    struct http_ticket ticket, stream;
};

/* Fills what a test leaves zero, makes the listeners on 127.0.0.1 and starts. port 0: any. */
enum err sample_start(struct sample *s, struct http_options o, int loops, int port) MUST_CHECK;
void sample_stop(struct sample *s);
/* Waits up to 5 s for a request to be suspended, and takes its ticket. */
bool sample_take_ticket(struct sample *s, struct http_ticket *ret);
bool sample_take_stream(struct sample *s, struct http_ticket *ret);
http_continue sample_answer; /* for http_resume: 200 "resumed"; ctx is the sample */

#endif
