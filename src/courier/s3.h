/*
 * Objects in S3, for the front (ipc/objects.h): threads that take its asks and answer them. Requests are signed by
 * libcurl (AWS Signature Version 4) with the payload's own SHA-256, go to the one configured endpoint by path-style
 * addresses, follow no redirect and use no proxy. Every answer of S3 is bounded, and none is believed that is shorter
 * than it said.
 */
#ifndef TOCSIN_COURIER_S3_H
#define TOCSIN_COURIER_S3_H

#include "config/config.h"

struct s3;
struct s3_options {
    const struct config *config; /* [backup] store is s3://… */
    int front_fd;                /* SOCK_SEQPACKET */
    struct str secret_key;
};
/* Starts the threads; libcurl is initialised already. ERR_NOMEM. */
enum err s3_start(const struct s3_options *o, struct s3 **ret) MUST_CHECK;
void s3_stop(struct s3 *s); /* ends what is under way, waits for the threads, wipes the key; NULL is fine */

#endif
