/* Keys derived from the pepper, one a use, in locked memory for as long as the process lives. */
#ifndef TOCSIN_KEEPER_KEYS_H
#define TOCSIN_KEEPER_KEYS_H

#include "base/crypto.h"

#define PEPPER_ID_BYTES 8

struct keys {
    uint8_t password[KEY_BYTES];        /* passwords are keyed with it before they are hashed */
    uint8_t code[KEY_BYTES];            /* seals digits in the database */
    uint8_t recovery_store[KEY_BYTES];  /* recovery keys are stored under it */
    uint8_t recovery_make[KEY_BYTES];   /* recovery keys are made with it and a salt that is forgotten */
    uint8_t pepper_id[PEPPER_ID_BYTES]; /* tells which pepper a row was made with, and nothing about it */
};

enum err keys_new(const uint8_t pepper[KEY_BYTES], struct keys **ret) MUST_CHECK; /* ERR_NOMEM */
void keys_free(struct keys *k);

#endif
