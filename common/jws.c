#include "dray/jws.h"

#include <string.h>

#include "dray/encode.h"

/* RFC 8410 section 10.1: SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 33 bytes }. */
static const uint8_t spki_head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03,
	0x21, 0x00 };

static int parse_key(const char *text, size_t len, uint8_t out[JWS_KEY_BYTES], struct error *err)
{
	uint8_t bytes[sizeof(spki_head) + JWS_KEY_BYTES];
	size_t n;

	if (decode_base64(text, len, bytes, sizeof(bytes), &n)) {
		if (n == JWS_KEY_BYTES) {
			memcpy(out, bytes, JWS_KEY_BYTES);
			return 0;
		}
		if (n == sizeof(bytes) && memcmp(bytes, spki_head, sizeof(spki_head)) == 0) {
			memcpy(out, bytes + sizeof(spki_head), JWS_KEY_BYTES);
			return 0;
		}
	}
	return error_set(err, "public_key",
		"\"%.*s\" is no Ed25519 public key: base64 of its 32 bytes, or what "
		"`openssl pkey -pubout` prints between its lines",
		(int)(len < 64 ? len : 64), text);
}

int jws_parse_keys(const char *text, struct jws_keys *ret, struct error *err)
{
	struct jws_keys keys = { .n = 0 };

	for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (keys.n == JWS_KEYS_MAX)
			return error_set(
				err, "public_key", "holds more than %d keys", JWS_KEYS_MAX);
		if (parse_key(at, len, keys.key[keys.n], err) < 0)
			return -1;
		keys.n++;
		at += len;
	}
	if (keys.n == 0)
		return error_set(err, "public_key", "is empty");
	*ret = keys;
	return 0;
}
