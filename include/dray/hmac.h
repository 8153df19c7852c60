/*
 * hmac.h - a keyed digest (RFC 2104) over SHA-1, SHA-256 or SHA-512. Pure.
 */
#ifndef DRAY_HMAC_H
#define DRAY_HMAC_H

#include <stddef.h>
#include <stdint.h>

#define HMAC_BYTES_MAX 64

enum hmac_hash { HMAC_HASH_SHA256, HMAC_HASH_SHA1, HMAC_HASH_SHA512 };

/* Bytes of the digest in `out` (20, 32, 64), or 0 when it could not be made. */
size_t hmac_digest(enum hmac_hash hash, const void *key, size_t key_len, const void *bytes,
	size_t len, uint8_t out[HMAC_BYTES_MAX]);

#endif
