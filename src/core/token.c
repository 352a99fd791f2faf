/* Bearer tokens and links: made, cut apart, compared. */
#include "core/token.h"

#include "base/enc.h"
#include "base/secret.h"

#define TOKEN_RANDOM_BYTES 32

static const char prefixes[][4] = { [TOKEN_SESSION] = "ts_",
                                    [TOKEN_ATTEMPT] = "ta_",
                                    [TOKEN_DEVICE] = "td_",
                                    [TOKEN_BACKUP] = "tb_",
                                    [TOKEN_SERVICE] = "tv_" };

void token_new(enum token_kind kind, struct account_id account, char out[TOKEN_TEXT_SIZE],
               uint8_t ret_hash[HASH_BYTES]) {
    uint8_t bytes[ID_BYTES + TOKEN_RANDOM_BYTES];
    memcpy(bytes, account.b, ID_BYTES);
    crypto_random(bytes + ID_BYTES, TOKEN_RANDOM_BYTES);
    memcpy(out, prefixes[kind], 3);
    (void)enc_b64url(bytes, sizeof bytes, out + 3);
    crypto_token_hash(str_bytes(out, TOKEN_TEXT_SIZE - 1), ret_hash);
    bytes_wipe(bytes, sizeof bytes);
}

enum err token_parse(enum token_kind kind, struct str text, struct account_id *ret_account,
                     uint8_t ret_hash[HASH_BYTES]) {
    uint8_t bytes[ID_BYTES + TOKEN_RANDOM_BYTES];
    size_t n = 0;
    enum err r = ERR_INPUT;
    if (text.n != TOKEN_TEXT_SIZE - 1 || memcmp(text.p, prefixes[kind], 3) != 0) return ERR_INPUT;
    if (dec_b64url(str_skip(text, 3), bytes, sizeof bytes, &n) == OK && n == sizeof bytes) {
        memcpy(ret_account->b, bytes, ID_BYTES);
        crypto_token_hash(text, ret_hash);
        r = OK;
    }
    bytes_wipe(bytes, sizeof bytes);
    return r;
}

static void link_mac(const uint8_t key[KEY_BYTES], struct account_id account, struct alert_id alert,
                     uint8_t out[HASH_BYTES]) {
    uint8_t both[2 * ID_BYTES];
    memcpy(both, account.b, ID_BYTES);
    memcpy(both + ID_BYTES, alert.b, ID_BYTES);
    crypto_mac(key, "tocsin link 1", str_bytes(both, sizeof both), out);
}

void link_make(const uint8_t key[KEY_BYTES], struct account_id account, struct alert_id alert,
               char out[LINK_TEXT_SIZE]) {
    uint8_t bytes[2 * ID_BYTES + HASH_BYTES];
    memcpy(bytes, account.b, ID_BYTES);
    memcpy(bytes + ID_BYTES, alert.b, ID_BYTES);
    link_mac(key, account, alert, bytes + 2 * ID_BYTES);
    memcpy(out, "tl_", 3);
    (void)enc_b64url(bytes, sizeof bytes, out + 3);
    bytes_wipe(bytes, sizeof bytes);
}

enum err link_parse(struct str text, struct account_id *ret_account, struct alert_id *ret_alert,
                    uint8_t ret_mac[HASH_BYTES]) {
    uint8_t bytes[2 * ID_BYTES + HASH_BYTES];
    size_t n = 0;
    if (text.n != LINK_TEXT_SIZE - 1 || memcmp(text.p, "tl_", 3) != 0) return ERR_INPUT;
    if (dec_b64url(str_skip(text, 3), bytes, sizeof bytes, &n) != OK || n != sizeof bytes) return ERR_INPUT;
    memcpy(ret_account->b, bytes, ID_BYTES);
    memcpy(ret_alert->b, bytes + ID_BYTES, ID_BYTES);
    memcpy(ret_mac, bytes + 2 * ID_BYTES, HASH_BYTES);
    bytes_wipe(bytes, sizeof bytes);
    return OK;
}

bool link_mac_is_right(const uint8_t key[KEY_BYTES], struct account_id account, struct alert_id alert,
                       const uint8_t mac[HASH_BYTES]) {
    uint8_t mine[HASH_BYTES];
    bool is_right;
    link_mac(key, account, alert, mine);
    is_right = bytes_eq_secret(mine, mac, HASH_BYTES);
    bytes_wipe(mine, sizeof mine);
    return is_right;
}
