/*
 * Recovery keys: 128 bits as 28 characters of Crockford base32, the last 12 bits a checksum, in groups of 4. Read back
 * with blanks, hyphens, any case, O for 0, I and L for 1.
 */
#ifndef TOCSIN_KEEPER_RECOVERY_H
#define TOCSIN_KEEPER_RECOVERY_H

#include "base/str.h"
#include "keeper/client.h"

#define RECOVERY_KEY_BYTES 16

void recovery_key_text(const uint8_t key[RECOVERY_KEY_BYTES], char out[RECOVERY_KEY_TEXT_SIZE]);
enum err recovery_key_parse(struct str typed, uint8_t ret_key[RECOVERY_KEY_BYTES]) MUST_CHECK; /* ERR_INPUT */

#endif
