/* What the supervisor hands to its children: numbered descriptors and a block of keys. */
#ifndef TOCSIN_TOCSIND_WIRE_H
#define TOCSIN_TOCSIND_WIRE_H

#include "base/crypto.h"

/* One byte on the life line; LIFE_LOG_FD carries a descriptor (SCM_RIGHTS). */
#define LIFE_READY  'R' /* child → supervisor: I serve */
#define LIFE_LOG_FD 'L' /* supervisor → child: log here from now on */

/* A child's exit status: what is stored can't be served, and starting again would not help. */
#define CHILD_EXIT_REFUSED 78

enum child_fd {
    CHILD_FD_CONFIG = 3,   /* memfd: the sections the child may see, as INI */
    CHILD_FD_KEYS = 4,     /* pipe: struct child_keys with only the child's own keys filled; read once, wiped, closed */
    CHILD_FD_LIFE = 5,     /* SEQPACKET to the supervisor; its end means: end within 2 s. child.c handles it */
    CHILD_FD_KEEPER = 6,   /* front: socket to the keeper. keeper: socket to the front */
    CHILD_FD_COURIER = 7,  /* front: socket to the courier. courier: socket to the front */
    CHILD_FD_OBJECTS = 8,  /* the same two, for objects in S3; closed where they do not lie there */
    CHILD_FD_CONTROL = 9,  /* front: listening Unix socket for the command line */
    CHILD_FD_METRICS = 10, /* front: listener of /metrics, or closed */
    CHILD_FD_LISTEN = 11,  /* front: 11, 12, … one listener a loop */
};

struct child_keys {
    uint8_t pepper[KEY_BYTES];                 /* keeper */
    uint8_t link_key[KEY_BYTES];               /* keeper, courier */
    uint8_t receipt_scalar[P256_SCALAR_BYTES]; /* keeper */
    uint8_t receipt_public[P256_POINT_BYTES];  /* front */
    uint8_t vapid_scalar[P256_SCALAR_BYTES];   /* courier */
    uint8_t vapid_public[P256_POINT_BYTES];    /* front, courier */
    uint8_t box_public[BOX_PUBLIC_BYTES];      /* keeper, courier */
    uint8_t box_secret[BOX_SECRET_BYTES];      /* courier */
    uint16_t smtp_password_n;
    char smtp_password[512]; /* courier */
    uint16_t s3_secret_key_n;
    char s3_secret_key[512]; /* courier */
    uint32_t listener_count;
    uint8_t is_embedded; /* no configuration file was given */
};

#endif
