/* Between the files of base's crypto. */
#ifndef TOCSIN_BASE_CRYPTO_PRIV_H
#define TOCSIN_BASE_CRYPTO_PRIV_H

#include "base/err.h"

enum err p256_init(void) MUST_CHECK;      /* fetches the curve's parameters once */
enum err signature_init(void) MUST_CHECK; /* likewise for RSA and Ed25519 */

#endif
