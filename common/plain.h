/*
 * plain.h - the bytes of a string that need no second look, eight at a time.
 */
#ifndef DRAY_PLAIN_H
#define DRAY_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PLAIN_EVERY(byte) (0x0101010101010101ULL * (byte))
#define PLAIN_HAS_ZERO(word) (((word)-PLAIN_EVERY(0x01)) & ~(word)&PLAIN_EVERY(0x80))

static inline bool plain_is_byte(char c)
{
	return (unsigned char)(c - 0x20) < 0x60 && c != '"' && c != '\\';
}

/* The first byte that is not ASCII, or is '"', '\\' or a control character; `end` when none is. */
static inline const char *plain_skip(const char *p, const char *end)
{
	while (end - p >= 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		if ((PLAIN_HAS_ZERO(word ^ PLAIN_EVERY('"')) |
			    PLAIN_HAS_ZERO(word ^ PLAIN_EVERY('\\')) |
			    ((word - PLAIN_EVERY(0x20)) & PLAIN_EVERY(0x80)) |
			    (word & PLAIN_EVERY(0x80))) != 0)
			break;
		p += 8;
	}
	while (p < end && plain_is_byte(*p))
		p++;
	return p;
}

#endif
