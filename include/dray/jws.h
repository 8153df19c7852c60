/*
 * jws.h - a document signed with Ed25519: JSON Web Signature in its flattened JSON form (RFC 7515
 * section 7.2.2) with the algorithm EdDSA (RFC 8037).
 *
 *   {"protected": base64url({"alg":"EdDSA"}), "payload": base64url(document), "signature": base64url(…)}
 *
 * What is signed are bytes, so nothing has to be put into a canonical form. A header that is not
 * protected is not looked at; `crit` and any other algorithm is refused.
 *
 * Pure: the caller reads keys and brings entropy (Ed25519 needs none to sign).
 */
#ifndef DRAY_JWS_H
#define DRAY_JWS_H

#include <stddef.h>
#include <stdint.h>

#include "dray/buf.h"
#include "dray/error.h"

#define JWS_KEY_BYTES 32
#define JWS_KEYS_MAX 4
#define JWS_MAX (1024 * 1024) /* bytes of a signed document */

/* Keys that are trusted; several while one takes the place of another. */
struct jws_keys {
	uint8_t key[JWS_KEYS_MAX][JWS_KEY_BYTES];
	size_t n;
};

/*
 * Public keys as a configuration names them: base64 of either alphabet, one or several with blanks
 * between, each the 32 bytes alone (the `x` of RFC 8037) or the 44 of a SubjectPublicKeyInfo (RFC 8410),
 * which is what stands between the lines of a PEM file. 0, or -1 with *err filled.
 */
int jws_parse_keys(const char *text, struct jws_keys *ret, struct error *err);

/*
 * Check a text that has the form of a JWS, an object with `payload` and `signature`, and take the document out.
 *
 * keys        NULL: nobody is trusted in particular; the payload is taken out unchecked.
 * ret_payload reset first; empty unless 1 is returned.
 * Returns     1; 0 where the text has not that form; -1 with *err filled: `protected` missing, another
 *             algorithm, not base64, signed by nobody known.
 */
int jws_open(const char *text, size_t len, const struct jws_keys *keys, struct buf *ret_payload,
	struct error *err);

/* Sign with the private key's 32 bytes (RFC 8032 section 5.1.5). `out` is appended to. */
int jws_sign(const uint8_t private_key[JWS_KEY_BYTES], const void *payload, size_t len,
	struct buf *out, struct error *err);

/* The public key that belongs to it. 0 or -1. */
int jws_public_key(const uint8_t private_key[JWS_KEY_BYTES], uint8_t out[JWS_KEY_BYTES]);

#endif
