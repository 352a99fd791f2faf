/*
 * Who people are: accounts, addresses, contacts, devices, sessions, push subscriptions. No credentials. All functions
 * run inside the caller's transaction; returned text lives in the given arena. Struct members ending in _ms are wall
 * milliseconds, 0 for "not".
 */
#ifndef TOCSIN_IDENTITY_IDENTITY_H
#define TOCSIN_IDENTITY_IDENTITY_H

#include "core/action.h"
#include "core/ids.h"
#include "core/token.h"
#include "store/store.h"

extern const struct store_stmt *const identity_statements[];

#define EMAIL_BYTES_MAX 254
#define NAME_BYTES_MAX  200 /* a person's or a device's name: 64 code points */
#define WORDS_SIZE      96  /* our own words: a place, a device */

/* LEAVING_SOON: its owner has deleted it, and can take that back for a while. */
enum account_state { ACCOUNT_NORMAL = 1, ACCOUNT_LOCKED_DOWN, ACCOUNT_LEAVING_SOON };

struct account {
    struct account_id id;
    struct str email, name;
    enum account_state state;
    int64_t epoch;
    int64_t created_ms, leaves_ms; /* leaves_ms: when it is forgotten; 0: not */
};

/* Shape check and one spelling for look-ups: domain as lower-case A-label, local part lower-cased ASCII. ERR_INPUT. */
enum err email_normalize(struct str typed, struct arena *a, struct str *ret_email) MUST_CHECK;
/* UTF-8 that can be shown: no control characters, nothing that turns a line around. */
bool text_is_fair(struct str s, size_t points_max);
/* A name a person may give: UTF-8, no control or bidi-override characters, at most 64 code points, trimmed. ERR_INPUT.
 */
enum err name_check(struct str typed, struct str *ret_name) MUST_CHECK;

/* How long a given-up address is kept for its account, and a removed contact still told. */
#define ADDRESS_KEPT_MS (7 * (int64_t)86400000)

enum address_is {
    ADDRESS_FREE = 0,
    ADDRESS_TAKEN,
    ADDRESS_KEPT /* was given up lately: nobody signs in by it, and nobody else may have it */
};
struct address_found {
    enum address_is is;
    struct account_id account;  /* where it is taken; otherwise the stand-in */
    struct account_id stand_in; /* stable, from the database's salt; a new account gets the one of its address */
};
/* The same work for addresses with and without an account. */
enum err address_find(struct store_tx *tx, struct str email, int64_t now_ms, struct arena *a,
                      struct address_found *ret) MUST_CHECK;
enum err address_take(struct store_tx *tx, struct str email, struct account_id account,
                      int64_t now_ms) MUST_CHECK; /* ERR_CONFLICT */
enum err address_give_up(struct store_tx *tx, struct str email, struct account_id account, int64_t until_ms) MUST_CHECK;
enum err account_create(struct store_tx *tx,
                        const struct account *acc) MUST_CHECK; /* with address and first contact; ERR_CONFLICT */
enum err account_get(struct store_tx *tx, struct account_id id, struct arena *a, struct account *ret) MUST_CHECK;
/* The same, and holds the row until the transaction ends: changes of one account come one after the other. */
enum err account_lock_row(struct store_tx *tx, struct account_id id, struct arena *a, struct account *ret) MUST_CHECK;
/* Sets the state and raises the epoch by one when `sign_out` (that ends every session); tells the other nodes. One that
 * is leaving stays so: only account_return ends that. */
enum err account_set_state(struct store_tx *tx, struct account_id id, enum account_state state,
                           bool sign_out) MUST_CHECK;

enum err account_set_email(struct store_tx *tx, struct account_id id, struct str email) MUST_CHECK;
/* Signs everyone out; until leaves_ms account_return takes it back. */
enum err account_leave(struct store_tx *tx, struct account_id id, int64_t leaves_ms) MUST_CHECK;
/* Locked down, with its address. ERR_CONFLICT: that is somebody else's by now. */
enum err account_return(struct store_tx *tx, const struct account *acc, int64_t now_ms) MUST_CHECK;
/* By what the keeper's database and this one know each other. */
struct pair {
    struct pair_id id;
    bool has_id, holds_accounts;
};
enum err pair_read(struct store_tx *tx, struct pair *ret) MUST_CHECK;
enum err pair_set(struct store_tx *tx, struct pair_id id) MUST_CHECK;

typedef enum err account_fn(void *ctx, struct account_id id);
/* Those whose time to leave has come; at most 20. */
enum err account_each_leaving(struct store_tx *tx, int64_t now_ms, account_fn *fn, void *ctx) MUST_CHECK;
/* Deletes every row of the account in this folder's tables. The history keeps what it says, which names nobody. */
enum err account_forget(struct store_tx *tx, struct account_id id) MUST_CHECK;

/* Countries the account was signed in from. The first note stays. ERR_NOT_FOUND. */
enum err place_note(struct store_tx *tx, struct account_id account, struct str country, int64_t since_ms) MUST_CHECK;
enum err place_since(struct store_tx *tx, struct account_id account, struct str country,
                     int64_t *ret_since_ms) MUST_CHECK;
typedef enum err place_fn(void *ctx, struct str country, int64_t since_ms);
enum err place_each(struct store_tx *tx, struct account_id account, place_fn *fn, void *ctx) MUST_CHECK;

struct contact {
    struct contact_id id;
    struct str email;
    int64_t added_ms, removed_ms;
};
typedef enum err contact_fn(void *ctx, const struct contact *c);
/* The addresses alerts go to at `now_ms`, those removed in the last 7 days included. */
enum err contact_each(struct store_tx *tx, struct account_id id, int64_t now_ms, contact_fn *fn, void *ctx) MUST_CHECK;

/* One that was removed comes back as it was. */
enum err contact_add(struct store_tx *tx, struct account_id account, struct str email, int64_t now_ms) MUST_CHECK;
enum err contact_remove(struct store_tx *tx, struct account_id account, struct str email,
                        int64_t now_ms) MUST_CHECK; /* ERR_NOT_FOUND */
/* At once and without a trace: it was never the owner's. */
enum err contact_drop(struct store_tx *tx, struct account_id account, struct str email) MUST_CHECK;

struct device {
    struct device_id id;
    struct str name, platform; /* name: the person's; platform: our words */
    struct str place;          /* last place, our words */
    int64_t trusted_ms, first_seen_ms, last_seen_ms, revoked_ms;
    bool is_first, has_push;
};
typedef enum err device_fn(void *ctx, const struct device *d);
enum err device_create(struct store_tx *tx, struct account_id account, const struct device *d,
                       const uint8_t token_hash[HASH_BYTES]) MUST_CHECK;
enum err device_get(struct store_tx *tx, struct account_id account, struct device_id id, struct arena *a,
                    struct device *ret) MUST_CHECK;
enum err device_each(struct store_tx *tx, struct account_id account, struct arena *a, device_fn *fn,
                     void *ctx) MUST_CHECK;
enum device_token_is { DEVICE_TOKEN_UNKNOWN = 0, DEVICE_TOKEN_CURRENT, DEVICE_TOKEN_PREVIOUS, DEVICE_TOKEN_STOLEN };
/*
 * Which device a token belongs to. A replaced token counts until the new one was seen (DEVICE_TOKEN_PREVIOUS); after
 * that its use is a sign of theft (DEVICE_TOKEN_STOLEN). Records that a current token was seen.
 */
enum err device_by_token(struct store_tx *tx, struct account_id account, const uint8_t token_hash[HASH_BYTES],
                         struct device_id *ret_device, enum device_token_is *ret_is) MUST_CHECK;
/* Replaces the token and notes where and when the device was seen; trusted_ms is set when not yet and `trust`. */
enum err device_rotate(struct store_tx *tx, struct account_id account, const struct device *seen,
                       const uint8_t token_hash[HASH_BYTES], bool trust) MUST_CHECK;
enum err device_rename(struct store_tx *tx, struct account_id account, struct device_id id, struct str name) MUST_CHECK;
enum err device_revoke(struct store_tx *tx, struct account_id account, struct device_id id,
                       int64_t now_ms) MUST_CHECK; /* and its sessions, push, backup token */

struct session {
    struct session_id id;
    struct account_id account;
    struct device_id device;
    int64_t epoch, created_ms, expires_ms;
    unsigned proofs;
};
typedef enum err session_fn(void *ctx, const struct session *s, const struct device *d);
enum err session_create(struct store_tx *tx, const struct session *s, const uint8_t token_hash[HASH_BYTES]) MUST_CHECK;
/* Alive at now_ms: not ended, not expired, epoch equal to the account's. */
struct session_span {
    struct account_id account;
    int64_t now_ms;
    struct arena *arena;
    int64_t seen_since_ms; /* and used since then; 0: whenever */
};
enum err session_each(struct store_tx *tx, const struct session_span *s, session_fn *fn, void *ctx) MUST_CHECK;
enum err session_seen(struct store_tx *tx, const struct session *s, int64_t seen_ms) MUST_CHECK; /* that it was used */
enum err session_end(struct store_tx *tx, struct account_id account,
                     struct session_id id) MUST_CHECK; /* ERR_NOT_FOUND */
/* All of the account but `keep` (NULL: none kept). A kept session stays alive across an epoch change. */
enum err session_end_others(struct store_tx *tx, struct account_id account, const struct session_id *keep) MUST_CHECK;

struct push_subscription {
    struct push_id id;
    struct device_id device;
    struct str endpoint; /* https, at most 1,000 bytes */
    uint8_t p256dh[65], auth[16];
    int64_t added_ms;
};
typedef enum err push_fn(void *ctx, const struct push_subscription *p);
enum err push_add(struct store_tx *tx, struct account_id account,
                  const struct push_subscription *p) MUST_CHECK; /* replaces the same endpoint */
enum err push_remove(struct store_tx *tx, struct account_id account, struct push_id id) MUST_CHECK; /* ERR_NOT_FOUND */
enum err push_each(struct store_tx *tx, struct account_id account, struct arena *a, push_fn *fn,
                   void *ctx) MUST_CHECK; /* of devices not revoked */

struct passkey {
    struct passkey_id id;
    struct str credential_id, name; /* name: the person's */
    int64_t made_ms;
};
typedef enum err passkey_fn(void *ctx, const struct passkey *p); /* what it points to is borrowed */
enum err passkey_create(struct store_tx *tx, struct account_id account, const struct passkey *p) MUST_CHECK;
enum err passkey_each(struct store_tx *tx, struct account_id account, passkey_fn *fn,
                      void *ctx) MUST_CHECK; /* those that count, oldest first */
/* at_ms 0: it counts again. ERR_NOT_FOUND. */
enum err passkey_set_removed(struct store_tx *tx, struct account_id account, struct passkey_id id,
                             int64_t at_ms) MUST_CHECK;
enum err passkey_drop(struct store_tx *tx, struct account_id account, struct passkey_id id) MUST_CHECK;
/* The token of a device's backup program; a new one replaces the old. */
enum err backup_token_set(struct store_tx *tx, struct account_id account, struct device_id device, int64_t now_ms,
                          const uint8_t token_hash[HASH_BYTES]) MUST_CHECK;
/* ERR_NOT_FOUND: no such token, or its device was removed. */
enum err backup_token_find(struct store_tx *tx, struct account_id account, const uint8_t token_hash[HASH_BYTES],
                           struct device_id *ret_device) MUST_CHECK;
enum err backup_token_drop(struct store_tx *tx, struct account_id account, struct device_id device) MUST_CHECK;

/* Programs that may check sessions (tv_ tokens, API §3). ERR_CONFLICT when the name is taken. */
enum err service_create(struct store_tx *tx, struct str name, int64_t now_ms,
                        char ret_token[TOKEN_TEXT_SIZE]) MUST_CHECK;
typedef enum err service_fn(void *ctx, struct str name, const uint8_t token_hash[HASH_BYTES]);
enum err service_each(struct store_tx *tx, service_fn *fn, void *ctx) MUST_CHECK;

/* What an account may do beyond its own affairs; given by the operator alone. */
#define ROLE_SECURITY "security"
struct role_change {
    struct account_id account;
    struct str role; /* one that role_is_known */
    bool is_given;
    int64_t now_ms;
};
bool role_is_known(struct str role);
enum err role_set(struct store_tx *tx, const struct role_change *c) MUST_CHECK; /* ERR_CONFLICT: it was so before */
enum err role_has(struct store_tx *tx, struct account_id account, struct str role, bool *ret_has) MUST_CHECK;

/* At most `limit` accounts in the order of their ids, from the one after `after` on. What fn is given is borrowed. */
typedef enum err account_row_fn(void *ctx, const struct account *a);
enum err account_page(struct store_tx *tx, struct account_id after, int limit, account_row_fn *fn,
                      void *ctx) MUST_CHECK;

/* Rows that time has made void: sessions past their end, tokens replaced long ago. */
enum err identity_purge(struct store_tx *tx, int64_t now_ms) MUST_CHECK;

#endif
