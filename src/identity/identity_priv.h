/* Between the files of identity. */
#ifndef TOCSIN_IDENTITY_IDENTITY_PRIV_H
#define TOCSIN_IDENTITY_IDENTITY_PRIV_H

#include "identity/identity.h"

/* Tells the other nodes that sessions or devices of the account changed. */
enum err identity_tell(struct store_tx *tx, struct account_id id) MUST_CHECK;

extern const struct store_stmt SETTING_GET, SETTING_ADD, ADDRESS_GET, ADDRESS_ADD, ACCOUNT_ADD, ACCOUNT_GET,
    ACCOUNT_READ, ACCOUNT_SET_STATE, CONTACT_ADD, CONTACT_EACH;
extern const struct store_stmt DEVICE_ADD, DEVICE_GET, DEVICE_EACH, DEVICE_BY_TOKEN, OLD_TOKEN_GET, OLD_TOKEN_ADD,
    OLD_TOKEN_KILL, OLD_TOKEN_PRUNE, DEVICE_ROTATE, DEVICE_RENAME, DEVICE_REVOKE;
extern const struct store_stmt SESSION_ADD, SESSION_EACH, SESSION_END, SESSION_END_OTHERS, SESSION_END_DEVICE,
    SESSION_KEEP, SESSION_LOAD_ALL, SESSION_LOAD_ONE, SESSION_PURGE;
extern const struct store_stmt PUSH_ADD, PUSH_REMOVE, PUSH_REMOVE_ENDPOINT, PUSH_REMOVE_DEVICE, PUSH_EACH;
extern const struct store_stmt SERVICE_ADD, SERVICE_EACH;

#endif
