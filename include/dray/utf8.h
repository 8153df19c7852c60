/*
 * utf8.h - characters in UTF-8, as RFC 3629 defines them: no overlong form, no surrogate, nothing
 * above U+10FFFF.
 *
 * Pure.
 */
#ifndef DRAY_UTF8_H
#define DRAY_UTF8_H

#include <stddef.h>

/*
 * Bytes of the character that a text begins with.
 *
 * left     bytes of the text, >= 1.
 * Returns  1 to 4, or 0 when there is none. NUL is a character of one byte.
 */
size_t utf8_length(const void *text, size_t left);

/* What is left of a text of `len` bytes when a character that a bound has cut goes whole. */
size_t utf8_whole(const char *text, size_t len);

#endif
