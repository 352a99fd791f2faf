/* The courier process: claims deliveries from the front (alarm/outbox.h), sends them by SMTP and Web Push. */
#ifndef TOCSIN_COURIER_COURIER_H
#define TOCSIN_COURIER_COURIER_H

#include "base/crypto.h"
#include "config/config.h"

struct courier_options {
    const struct config *config;
    int front_fd;                /* SOCK_SEQPACKET */
    const uint8_t *link_key;     /* KEY_BYTES */
    const uint8_t *vapid_scalar; /* P256_SCALAR_BYTES */
    const uint8_t *box_public, *box_secret;
    struct str smtp_password; /* may be empty */
    int objects_fd;           /* where the front asks for objects in S3; -1: they do not lie there */
    struct str s3_secret_key;
    int mail_directory_fd; /* where mail is written as files when no SMTP server is configured; else -1 */
    const volatile int *stop;
};
enum err courier_run(const struct courier_options *o) MUST_CHECK;

#endif
