/*
 * Passkeys: the challenges that attempts give out, their proofs, and the credentials themselves. A challenge is made of
 * a nonce that is kept with the attempt and of what the attempt is about, so that a signature over it is one for this
 * payload and no other; it is spent by the first proof that uses it.
 */
#ifndef TOCSIN_KEEPER_PASSKEY_H
#define TOCSIN_KEEPER_PASSKEY_H

#include "keeper/record.h"

#define PASSKEYS_MOST 20

enum err ask_challenge(struct store_tx *tx, void *step) MUST_CHECK;
enum err prove_passkey(struct store_tx *tx, void *step) MUST_CHECK;

/* Verifies what the browser made and keeps it under the id in the ask's `by`. *ret_is_taken false: the reply says why.
 */
enum err passkey_add(struct store_tx *tx, struct step *s, struct record *rec, bool *ret_is_taken) MUST_CHECK;
enum err passkey_remove(struct store_tx *tx, const struct step *s, const struct record *rec) MUST_CHECK;
/* Is the passkey by which the attempt was proved still the account's? */
enum err passkey_is_there(struct store_tx *tx, const struct step *s, const struct passkey_id *id, bool *ret) MUST_CHECK;
/* Takes back what the attempt added or removed since that time. */
enum err passkey_undo(struct store_tx *tx, const struct step *s, int64_t since_ms) MUST_CHECK;

#endif
