/*
 * ids.h - names of things: UUIDv7 for what dray makes, derived ids for what must come out the same
 * twice. Pure: time and entropy are handed in.
 */
#ifndef DRAY_IDS_H
#define DRAY_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_UUID_MAX 37     /* 36 characters and a NUL */
#define ID_MAX 128         /* an event's id: 1 to 128 visible ASCII characters */
#define ID_DIGEST_BYTES 32 /* SHA-256 */

/* A UUIDv7 (RFC 9562 section 5.7) of `now_ms` and 10 bytes of entropy. */
void id_uuid7(int64_t now_ms, const uint8_t entropy[10], char out[ID_UUID_MAX]);

/* SHA-256. */
void id_digest(const void *bytes, size_t len, uint8_t out[ID_DIGEST_BYTES]);

/*
 * A UUIDv8 (RFC 9562 section 5.8) of the SHA-256 over `n` parts, each preceded by its length so
 * that ("ab","c") and ("a","bc") differ. For an event that came without an id, an emitted event,
 * an idempotency key.
 */
struct id_part {
	const void *bytes;
	size_t len;
};
void id_derive(const struct id_part *parts, size_t n, char out[ID_UUID_MAX]);

/*
 * The idempotency key of one event at one destination: a bare lower-case UUID, the same over
 * retries, restarts and replays, different for two sources that chose the same id.
 */
void id_idempotency_key(const char *site, const char *destination, const char *source,
	const char *id, int64_t revision, char out[ID_UUID_MAX]);

/* How a destination wants its key: configuration idempotency.format, .length, .quoted. */
enum id_format {
	ID_FORMAT_UUID,  /* as it is */
	ID_FORMAT_HEX,   /* lower case */
	ID_FORMAT_ALNUM, /* base 32 of RFC 4648, lower case */
	ID_FORMAT_DIGITS,
};
struct id_shape {
	enum id_format format;
	unsigned length; /* characters, 0: all of them (36, 32, 26, 39); else 8 to 64 */
	bool is_quoted;  /* a structured field's string, RFC 8941 section 3.3.3 */
};
#define ID_KEY_MAX 72
/*
 * Shape a key. Where a length asks for more than a UUID's 128 bits, the key's SHA-256 in the same
 * format is appended (of format uuid: in hex). A shorter one keeps the first characters, of digits
 * the last: the first ones tell less. The quotes are not part of `length`.
 */
void id_shape_key(const struct id_shape *shape, const char key[ID_UUID_MAX], char out[ID_KEY_MAX]);

/* 1 to 128 visible ASCII characters (0x21..0x7e). */
bool id_is_valid(const char *id, size_t len);
/* A site or device name: 1 to 64 of A-Z a-z 0-9 . _ - */
bool id_is_name(const char *name, size_t len);

#endif
