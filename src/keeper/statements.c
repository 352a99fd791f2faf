/* The list of this folder's statements. Each stands beside the function that uses it. */
#include "keeper/keeper.h"

#define STATEMENTS(X)                                                                                                  \
    X(RECORD_LOAD)                                                                                                     \
    X(RECORD_INSERT)                                                                                                   \
    X(RECORD_WRITE)                                                                                                    \
    X(CREDENTIAL_LOAD)                                                                                                 \
    X(CREDENTIAL_FIRST)                                                                                                \
    X(CREDENTIAL_PUT)                                                                                                  \
    X(CREDENTIAL_PUT_BACK)                                                                                             \
    X(CREDENTIAL_REHASH)                                                                                               \
    X(CREDENTIAL_LOCK)                                                                                                 \
    X(CREDENTIAL_FORGET)                                                                                               \
    X(KNOWN_DEVICE_FORGET)                                                                                             \
    X(KNOWN_DEVICE_FIND)                                                                                               \
    X(KNOWN_DEVICE_ADD)                                                                                                \
    X(KNOWN_DEVICE_DROP)                                                                                               \
    X(CODE_LOAD)                                                                                                       \
    X(CODE_PUT)                                                                                                        \
    X(CODE_USE)                                                                                                        \
    X(CODE_DROP)                                                                                                       \
    X(BUDGET_TAKE)                                                                                                     \
    X(BUDGET_GIVE_BACK)                                                                                                \
    X(BUDGET_LOAD)                                                                                                     \
    X(BUDGET_TOLD)                                                                                                     \
    X(BUDGET_REOPEN)                                                                                                   \
    X(FAILURE_ADD)                                                                                                     \
    X(FAILURE_TAKE_BACK)                                                                                               \
    X(FAILURE_LOAD)                                                                                                    \
    X(FAILURE_END)                                                                                                     \
    X(FAILURE_CLEAR)                                                                                                   \
    X(PAST_KEEP)                                                                                                       \
    X(PAST_LEAVE)                                                                                                      \
    X(PAST_OF)                                                                                                         \
    X(PAST_LATER)                                                                                                      \
    X(PAST_DROP)                                                                                                       \
    X(PAIR_ADD)                                                                                                        \
    X(PAIR_GET)                                                                                                        \
    X(PAIR_HOLDS)                                                                                                      \
    X(RECORD_DROP_SALTS)                                                                                               \
    X(PURGE_SALTS)                                                                                                     \
    X(PAST_STAY)                                                                                                       \
    X(PAST_PURGE)                                                                                                      \
    X(LEFT_CREDENTIALS)                                                                                                \
    X(LEFT_DEVICES)                                                                                                    \
    X(LEFT_FAILURES)                                                                                                   \
    X(LEFT_PASSKEYS)                                                                                                   \
    X(PASSKEY_PURGE)                                                                                                   \
    X(PASSKEY_ADD)                                                                                                     \
    X(PASSKEY_COUNT)                                                                                                   \
    X(PASSKEY_BY_CREDENTIAL)                                                                                           \
    X(PASSKEY_LIVES)                                                                                                   \
    X(PASSKEY_USED)                                                                                                    \
    X(PASSKEY_REMOVE)                                                                                                  \
    X(PASSKEY_UNDO_ADD)                                                                                                \
    X(PASSKEY_UNDO_REMOVE)                                                                                             \
    X(RECORD_MOVE)                                                                                                     \
    X(PURGE_ATTEMPTS)                                                                                                  \
    X(PURGE_SETTLED)                                                                                                   \
    X(PURGE_APPLIED)                                                                                                   \
    X(PURGE_CODES)                                                                                                     \
    X(PURGE_BUDGETS)                                                                                                   \
    X(PURGE_FAILURES)

#define DECLARE(name) extern const struct store_stmt name;
STATEMENTS(DECLARE)
#define ADDRESS(name) &name,
const struct store_stmt *const keeper_statements[] = { STATEMENTS(ADDRESS) NULL };
