/* The letters of a recovery key. The checksum catches a slip of the pen; it adds and costs no secrecy. */
#include "keeper/recovery.h"

#include "base/crypto.h"
#include "base/secret.h"

#define SYMBOLS      28
#define PACKED_BYTES 18 /* 128 bits of key, 12 of checksum, 4 unused */

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static uint16_t checksum(const uint8_t key[RECOVERY_KEY_BYTES]) {
    uint8_t h[HASH_BYTES];
    crypto_sha256(str_bytes(key, RECOVERY_KEY_BYTES), h);
    uint16_t sum = (uint16_t)(h[0] << 4 | h[1] >> 4);
    bytes_wipe(h, sizeof h);
    return sum;
}

static void pack(const uint8_t key[RECOVERY_KEY_BYTES], uint8_t out[PACKED_BYTES]) {
    uint16_t sum = checksum(key);
    memcpy(out, key, RECOVERY_KEY_BYTES);
    out[16] = (uint8_t)(sum >> 4);
    out[17] = (uint8_t)((sum & 15) << 4);
}

static unsigned symbol_at(const uint8_t *packed, unsigned i) {
    unsigned value = 0;
    for (unsigned bit = i * 5; bit < i * 5 + 5; bit++) value = value << 1 | (packed[bit / 8] >> (7 - bit % 8) & 1u);
    return value;
}

void recovery_key_text(const uint8_t key[RECOVERY_KEY_BYTES], char out[RECOVERY_KEY_TEXT_SIZE]) {
    uint8_t packed[PACKED_BYTES];
    size_t n = 0;
    memset(out, 0, RECOVERY_KEY_TEXT_SIZE);
    pack(key, packed);
    for (unsigned i = 0; i < SYMBOLS; i++) {
        if (i > 0 && i % 4 == 0) out[n++] = '-';
        out[n++] = alphabet[symbol_at(packed, i)];
    }
    bytes_wipe(packed, sizeof packed);
}

static int symbol_value(char c) {
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

static bool is_separator(char c) { return c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n'; }

static enum err unpack(struct str typed, uint8_t packed[PACKED_BYTES]) {
    unsigned symbols = 0;
    memset(packed, 0, PACKED_BYTES);
    for (size_t i = 0; i < typed.n; i++) {
        if (is_separator(typed.p[i])) continue;
        int value = symbol_value(typed.p[i]);
        if (value < 0 || symbols == SYMBOLS) return ERR_INPUT;
        for (unsigned b = 0; b < 5; b++) {
            unsigned bit = symbols * 5 + b;
            packed[bit / 8] |= (uint8_t)(((unsigned)value >> (4 - b) & 1u) << (7 - bit % 8));
        }
        symbols++;
    }
    return symbols == SYMBOLS ? OK : ERR_INPUT;
}

enum err recovery_key_parse(struct str typed, uint8_t ret_key[RECOVERY_KEY_BYTES]) {
    uint8_t packed[PACKED_BYTES], again[PACKED_BYTES];
    enum err r = unpack(typed, packed);
    if (r == OK) {
        pack(packed, again);
        r = bytes_eq_secret(packed, again, PACKED_BYTES) ? OK : ERR_INPUT;
    }
    if (r == OK) memcpy(ret_key, packed, RECOVERY_KEY_BYTES);
    bytes_wipe(packed, sizeof packed);
    bytes_wipe(again, sizeof again);
    return r;
}
