/* Random ids and their text. */
#include "core/ids.h"

const struct subject SUBJECT_NO_ADDRESS = { { 1 } };

#include "base/crypto.h"
#include "base/enc.h"

void id_new(uint8_t ret_id[ID_BYTES]) { crypto_random(ret_id, ID_BYTES); }

void id_new_at(int64_t now_ms, uint8_t ret_id[ID_BYTES]) {
    id_new(ret_id);
    for (int i = 0; i < 6; i++) ret_id[i] = (uint8_t)((uint64_t)now_ms >> (40 - 8 * i));
}

void id_text(const uint8_t id[ID_BYTES], char out[ID_TEXT_SIZE]) { (void)enc_b64url(id, ID_BYTES, out); }

enum err id_parse(struct str text, uint8_t ret_id[ID_BYTES]) {
    uint8_t id[ID_BYTES];
    size_t n;
    if (text.n != ID_TEXT_SIZE - 1) return ERR_INPUT;
    if (dec_b64url(text, id, sizeof id, &n) != OK || n != ID_BYTES) return ERR_INPUT;
    memcpy(ret_id, id, ID_BYTES);
    return OK;
}

bool id_is_zero(const uint8_t id[ID_BYTES]) {
    static const uint8_t zero[ID_BYTES];
    return id_eq(id, zero);
}
