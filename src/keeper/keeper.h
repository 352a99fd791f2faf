/* The keeper process: everything behind keeper/client.h. Runs until its life line closes or SIGTERM. */
#ifndef TOCSIN_KEEPER_KEEPER_H
#define TOCSIN_KEEPER_KEEPER_H

#include "base/crypto.h"
#include "config/config.h"
#include "store/store.h"

struct keeper_options {
    const struct config *config;
    struct store *store;               /* the keeper's own database, open */
    int front_fd;                      /* SOCK_SEQPACKET */
    const uint8_t *pepper;             /* KEY_BYTES; in locked memory */
    const uint8_t *link_key;           /* KEY_BYTES */
    const uint8_t *receipt_scalar;     /* P256_SCALAR_BYTES; NULL: one that nobody knows */
    const uint8_t *courier_box_public; /* BOX_PUBLIC_BYTES */
    const volatile int *stop;          /* becomes non-zero on SIGTERM */
};
extern const struct store_stmt *const keeper_statements[];
enum err keeper_run(const struct keeper_options *o) MUST_CHECK;

#endif
