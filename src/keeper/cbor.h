/*
 * A strict reader of CTAP2 canonical CBOR (CTAP 2.1 section 8, RFC 8949), as far as WebAuthn needs it: integers, byte
 * and text strings, arrays, maps, true, false and null; definite lengths and shortest forms only. Tags, floats, other
 * simple values, duplicate keys, and keys that are neither integers nor texts are refused; the order of keys is not
 * looked at, because not all authenticators sort them. It allocates nothing: items are spans of the input.
 *
 * cbor_measure looks once at all that an item holds. The rest expect a span that it measured; given another they refuse
 * or answer ERR_NOT_FOUND, but never read outside the span.
 */
#ifndef TOCSIN_KEEPER_CBOR_H
#define TOCSIN_KEEPER_CBOR_H

#include "base/str.h"

#define CBOR_BYTES_MAX 8192
#define CBOR_DEPTH_MAX 4  /* CTAP2's own limit */
#define CBOR_ITEMS_MAX 32 /* members of one array or map */

/* How long the first item is. ERR_INPUT; ERR_TOO_LARGE over one of the limits above. */
enum err cbor_measure(struct str in, size_t *ret_bytes) MUST_CHECK;
/* The same for an item that must be all of `in`. */
enum err cbor_check(struct str in) MUST_CHECK;

bool cbor_is_map(struct str item);
/* ERR_INPUT when the item is of another type. */
enum err cbor_int(struct str item, int64_t *ret) MUST_CHECK;
enum err cbor_bytes(struct str item, struct str *ret) MUST_CHECK;
enum err cbor_text(struct str item, struct str *ret) MUST_CHECK;
enum err cbor_count(struct str item, size_t *ret_members) MUST_CHECK; /* of an array or map */
/* The value at a key; the value at a place. ERR_INPUT (no map, no array), ERR_NOT_FOUND. */
enum err cbor_at_key(struct str map, const char *key, struct str *ret_value) MUST_CHECK;
enum err cbor_at_label(struct str map, int64_t label, struct str *ret_value) MUST_CHECK;
enum err cbor_at(struct str array, size_t index, struct str *ret_value) MUST_CHECK;

#endif
