/*
 * Bearer tokens (API §1): a two-letter kind, '_', then base64url of the account id (16 bytes; it shards) and 32 random
 * bytes. The server stores only crypto_token_hash of the text. Links in alerts (tl_) have account id, alert id and a
 * 32-byte MAC.
 */
#ifndef TOCSIN_CORE_TOKEN_H
#define TOCSIN_CORE_TOKEN_H

#include "base/crypto.h"
#include "core/ids.h"

enum token_kind { TOKEN_SESSION, TOKEN_ATTEMPT, TOKEN_DEVICE, TOKEN_BACKUP, TOKEN_SERVICE };

#define TOKEN_TEXT_SIZE (3 + 64 + 1) /* "ts_" + 64 characters + NUL */
#define LINK_TEXT_SIZE  (3 + 86 + 1) /* "tl_" + 86 characters + NUL */

/* A new token for the account. Wipe `out` when done. */
void token_new(enum token_kind kind, struct account_id account, char out[TOKEN_TEXT_SIZE],
               uint8_t ret_hash[HASH_BYTES]);
/* Checks the shape and reads the account out of it; no look-up. ERR_INPUT. */
enum err token_parse(enum token_kind kind, struct str text, struct account_id *ret_account,
                     uint8_t ret_hash[HASH_BYTES]) MUST_CHECK;

/* Links: MAC(link key, "tocsin link 1", account || alert). Made by the courier at delivery, verified by the keeper. */
void link_make(const uint8_t key[KEY_BYTES], struct account_id account, struct alert_id alert,
               char out[LINK_TEXT_SIZE]);
enum err link_parse(struct str text, struct account_id *ret_account, struct alert_id *ret_alert,
                    uint8_t ret_mac[HASH_BYTES]) MUST_CHECK;
bool link_mac_is_right(const uint8_t key[KEY_BYTES], struct account_id account, struct alert_id alert,
                       const uint8_t mac[HASH_BYTES]);

#endif
