/* Between the files of the PostgreSQL engine: a connection, and the one way of asking over it. */
#ifndef TOCSIN_STORE_POSTGRES_PRIV_H
#define TOCSIN_STORE_POSTGRES_PRIV_H

#include <libpq-fe.h>
#include <pthread.h>

#include "store/store_priv.h"

/* Those of libpq that are used, by their own names. postgres_load fills them; before that nothing of it is called. */
#define LIBPQ(X)                                                                                                       \
    X(PQclear)                                                                                                         \
    X(PQcmdTuples)                                                                                                     \
    X(PQconnectdbParams)                                                                                               \
    X(PQconsumeInput)                                                                                                  \
    X(PQenterPipelineMode)                                                                                             \
    X(PQerrorMessage)                                                                                                  \
    X(PQescapeIdentifier)                                                                                              \
    X(PQexec)                                                                                                          \
    X(PQexitPipelineMode)                                                                                              \
    X(PQfinish)                                                                                                        \
    X(PQfreemem)                                                                                                       \
    X(PQgetResult)                                                                                                     \
    X(PQgetisnull)                                                                                                     \
    X(PQgetlength)                                                                                                     \
    X(PQgetvalue)                                                                                                      \
    X(PQisBusy)                                                                                                        \
    X(PQnotifies)                                                                                                      \
    X(PQntuples)                                                                                                       \
    X(PQpipelineSync)                                                                                                  \
    X(PQresultErrorField)                                                                                              \
    X(PQresultStatus)                                                                                                  \
    X(PQsendPrepare)                                                                                                   \
    X(PQsendQuery)                                                                                                     \
    X(PQsendQueryParams)                                                                                               \
    X(PQsendQueryPrepared)                                                                                             \
    X(PQsetNoticeReceiver)                                                                                             \
    X(PQsocket)                                                                                                        \
    X(PQstatus)                                                                                                        \
    X(PQtransactionStatus)
struct libpq {
#define X(name) __typeof__(name) *name;
    LIBPQ(X)
#undef X
};
extern struct libpq libpq;
enum err postgres_load(void) MUST_CHECK; /* ERR_UNSUPPORTED: the library is not there, or is another */

struct conn {
    PGconn *pg;
    bool *is_prepared;   /* by statement index */
    const char *waiting; /* a BEGIN that goes out together with the first statement; NULL: it has */
    char sqlstate[6];    /* of the last failure; "" when the connection itself failed */
    struct conn *next;
};

struct postgres_store {
    struct store *store;
    char *url;
    struct conn *conns, *free;
    int conn_n;
    pthread_mutex_t lock;
    pthread_cond_t freed;

    pthread_t listener;
    bool has_listener;
    _Atomic bool is_closing;
    const char *const *channels;
    store_heard_fn *heard;
    void *heard_ctx;
};

PGconn *postgres_dial(const char *url);
bool postgres_is_alive(const struct conn *c);
void postgres_hang_up(struct conn *c);
/* The result's verdict, and the state of a failure into c; the caller clears the result. */
enum err postgres_verdict(struct conn *c, const PGresult *res) MUST_CHECK;
/* Plain SQL without values or rows. A silent server is given up after CLIENT_WAIT_MS: the connection is closed. */
enum err postgres_run(struct conn *c, const char *sql) MUST_CHECK;
enum err postgres_prepare(const struct store *s, struct conn *c, size_t index) MUST_CHECK;

enum err postgres_exec(struct store_tx *tx, size_t index, const struct store_val *in, int64_t *ret_changed) MUST_CHECK;
enum err postgres_each(struct store_tx *tx, size_t index, const struct store_val *in, store_row_fn *row,
                       void *ctx) MUST_CHECK;
enum err postgres_notify(struct store_tx *tx, const char *channel, const char *payload) MUST_CHECK;
enum err postgres_ping(struct store_tx *tx) MUST_CHECK;
enum err postgres_listen(struct store *s, const char *const *channels, store_heard_fn *fn, void *ctx) MUST_CHECK;

#endif
