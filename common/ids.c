/*
 * ids.c - see ids.h
 *
 * SHA-256 by the plain functions: they need no allocation, no look-up by name and cannot fail.
 * EVP would look the algorithm up for every event, and a cached look-up would be global state.
 */
#define OPENSSL_API_COMPAT 0x10101000L
#include "dray/ids.h"

#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#define NAME_LENGTH_MAX 64

static void format_uuid(uint8_t bytes[16], unsigned version, char out[ID_UUID_MAX])
{
	static const char hex[] = "0123456789abcdef";
	char *p = out;

	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | version << 4);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[bytes[i] >> 4];
		*p++ = hex[bytes[i] & 15];
	}
	*p = '\0';
}

void id_uuid7(int64_t now_ms, const uint8_t entropy[10], char out[ID_UUID_MAX])
{
	uint8_t bytes[16];

	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t)((uint64_t)now_ms >> (40 - 8 * i));
	memcpy(bytes + 6, entropy, 10);
	format_uuid(bytes, 7, out);
}

void id_digest(const void *bytes, size_t len, uint8_t out[ID_DIGEST_BYTES])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, bytes, len);
	SHA256_Final(out, &ctx);
}

void id_derive(const struct id_part *parts, size_t n, char out[ID_UUID_MAX])
{
	SHA256_CTX ctx;
	uint8_t digest[ID_DIGEST_BYTES];

	SHA256_Init(&ctx);
	for (size_t i = 0; i < n; i++) {
		uint8_t length[8];

		for (int b = 0; b < 8; b++)
			length[b] = (uint8_t)((uint64_t)parts[i].len >> (56 - 8 * b));
		SHA256_Update(&ctx, length, sizeof(length));
		SHA256_Update(&ctx, parts[i].bytes, parts[i].len);
	}
	SHA256_Final(digest, &ctx);
	format_uuid(digest, 8, out);
}

void id_idempotency_key(const char *site, const char *destination, const char *source,
	const char *id, int64_t revision, char out[ID_UUID_MAX])
{
	char number[24];
	int len = snprintf(number, sizeof(number), "%lld", (long long)revision);
	struct id_part parts[] = {
		{ "idempotency key", 15 },
		{ site, strlen(site) },
		{ destination, strlen(destination) },
		{ source, strlen(source) },
		{ id, strlen(id) },
		{ number, len > 0 ? (size_t)len : 0 },
	};

	id_derive(parts, sizeof(parts) / sizeof(*parts), out);
}

/* --- shapes ---------------------------------------------------------------------------------------- */

#define UUID_BYTES 16
#define SHAPED_MAX 128 /* a UUID and a digest in any format: at most 39 and 78 characters */

static unsigned read_nibble(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10) & 15;
}

static void read_uuid(const char *key, uint8_t out[UUID_BYTES])
{
	size_t n = 0;

	memset(out, 0, UUID_BYTES);
	for (; *key && n < (size_t)2 * UUID_BYTES; key++) {
		if (*key == '-')
			continue;
		out[n / 2] = (uint8_t)((unsigned)out[n / 2] << 4 | read_nibble(*key));
		n++;
	}
}

/* Behind the last byte there are zeros. */
static unsigned bit_of(const uint8_t *bytes, size_t n, size_t bit)
{
	return bit < n * 8 ? (unsigned)bytes[bit / 8] >> (7 - bit % 8) & 1u : 0;
}

/* `bits` at a time from the first on; zeros fill the last character (RFC 4648 section 6). */
static size_t put_bits(const uint8_t *bytes, size_t n, unsigned bits, char *out)
{
	const char *alphabet = bits == 4 ? "0123456789abcdef" : "abcdefghijklmnopqrstuvwxyz234567";
	size_t length = (n * 8 + bits - 1) / bits;

	for (size_t i = 0; i < length; i++) {
		unsigned value = 0;

		for (size_t bit = i * bits; bit < (i + 1) * bits; bit++)
			value = value << 1 | bit_of(bytes, n, bit);
		out[i] = alphabet[value];
	}
	return length;
}

/* The bytes as one number, zeros in front: as many digits as the largest of them has. */
static size_t put_digits(const uint8_t *bytes, size_t n, char *out)
{
	size_t length = n == UUID_BYTES ? 39 : 78;
	uint8_t rest[ID_DIGEST_BYTES];

	memcpy(rest, bytes, n);
	for (size_t at = length; at-- > 0;) {
		unsigned carry = 0;

		for (size_t i = 0; i < n; i++) {
			carry = carry << 8 | rest[i];
			rest[i] = (uint8_t)(carry / 10);
			carry %= 10;
		}
		out[at] = (char)('0' + carry);
	}
	return length;
}

static size_t put_format(enum id_format format, const uint8_t *bytes, size_t n, char *out)
{
	if (format == ID_FORMAT_DIGITS)
		return put_digits(bytes, n, out);
	return put_bits(bytes, n, format == ID_FORMAT_ALNUM ? 5 : 4, out);
}

void id_shape_key(const struct id_shape *shape, const char key[ID_UUID_MAX], char out[ID_KEY_MAX])
{
	uint8_t bytes[ID_DIGEST_BYTES];
	char text[SHAPED_MAX];
	const char *from = text;
	size_t natural = strlen(key), length;

	memcpy(text, key, natural + 1);
	if (shape->format != ID_FORMAT_UUID) {
		read_uuid(key, bytes);
		natural = put_format(shape->format, bytes, UUID_BYTES, text);
	}
	id_digest(key, strlen(key), bytes);
	(void)put_format(shape->format, bytes, sizeof(bytes), text + natural);
	length = shape->length ? shape->length : natural;
	/* The first digits of a number tell less than its last. */
	if (shape->format == ID_FORMAT_DIGITS && length < natural)
		from += natural - length;
	if (shape->is_quoted)
		*out++ = '"';
	memcpy(out, from, length);
	out += length;
	if (shape->is_quoted)
		*out++ = '"';
	*out = '\0';
}

bool id_is_valid(const char *id, size_t len)
{
	if (len < 1 || len > ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (id[i] < 0x21 || id[i] > 0x7e)
			return false;
	return true;
}

static bool is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

bool id_is_name(const char *name, size_t len)
{
	if (len < 1 || len > NAME_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]))
			return false;
	return true;
}
