/* A password's text, in the one form in which it is judged and hashed. */
#include "core/password.h"

#include <uninorm.h>
#include <unistr.h>

#include "base/secret.h"

enum err password_read(struct str typed, struct password *ret) {
    ret->n = 0;
    if (typed.n == 0) return OK;
    const uint8_t *bytes = (const uint8_t *)typed.p;
    if (typed.n > PASSWORD_NFC_BYTES_MAX / 3 || u8_check(bytes, typed.n) != NULL) return ERR_INPUT;
    size_t n = sizeof ret->b;
    uint8_t *nfc = u8_normalize(UNINORM_NFC, bytes, typed.n, ret->b, &n);
    if (nfc == ret->b) {
        ret->n = n;
        return OK;
    }
    if (nfc) {
        bytes_wipe(nfc, n);
        free(nfc);
    }
    return ERR_INPUT;
}

void password_release(struct password *p) { bytes_wipe(p, sizeof *p); }
