/* The list of this folder's statements. Each stands beside the function that uses it. */
#include "identity/identity_priv.h"

const struct store_stmt *const identity_statements[] = {
    &SETTING_GET,        &SETTING_ADD,      &ADDRESS_GET,          &ADDRESS_TAKE,       &ADDRESS_GIVE_UP,
    &ACCOUNT_ADD,        &ACCOUNT_GET,      &ACCOUNT_READ,         &ACCOUNT_SET_STATE,  &ACCOUNT_SET_EMAIL,
    &ACCOUNT_LEAVE,      &ACCOUNT_LEAVING,  &CONTACT_ADD,          &CONTACT_BACK,       &CONTACT_REMOVE,
    &CONTACT_DROP,       &CONTACT_EACH,     &PLACE_NOTE,           &PLACE_SINCE,        &PLACE_EACH,
    &DEVICE_ADD,         &DEVICE_GET,       &DEVICE_EACH,          &DEVICE_BY_TOKEN,    &OLD_TOKEN_GET,
    &OLD_TOKEN_ADD,      &OLD_TOKEN_KILL,   &OLD_TOKEN_PRUNE,      &DEVICE_ROTATE,      &DEVICE_RENAME,
    &DEVICE_REVOKE,      &SESSION_ADD,      &SESSION_EACH,         &SESSION_END,        &SESSION_END_OTHERS,
    &SESSION_END_DEVICE, &SESSION_KEEP,     &SESSION_LOAD_ALL,     &SESSION_LOAD_ONE,   &SESSION_PURGE,
    &PUSH_ADD,           &PUSH_REMOVE,      &PUSH_REMOVE_ENDPOINT, &PUSH_REMOVE_DEVICE, &PUSH_EACH,
    &SERVICE_ADD,        &SERVICE_EACH,     &PASSKEY_CREATE,       &PASSKEY_EACH,       &PASSKEY_SET_REMOVED,
    &PASSKEY_DROP,       &FORGET_PASSKEY,   &FORGET_CONTACT,       &FORGET_DEVICE,      &FORGET_OLD_TOKEN,
    &FORGET_SESSION,     &FORGET_PUSH,      &FORGET_PLACE,         &FORGET_ACCOUNT,     &FORGET_ADDRESS,
    &FORGET_ROLE,        &ROLE_ADD,         &ROLE_REMOVE,          &ROLE_GET,           &ACCOUNT_PAGE,
    &SESSION_SEEN,       &BACKUP_TOKEN_SET, &BACKUP_TOKEN_FIND,    &BACKUP_TOKEN_DROP,  NULL,
};
