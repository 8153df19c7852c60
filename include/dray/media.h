/*
 * media.h - what a body is said to be: Content-Type (RFC 9110 section 8.3). Pure.
 */
#ifndef DRAY_MEDIA_H
#define DRAY_MEDIA_H

#include <stdbool.h>

#define MEDIA_TYPE_MAX 128
#define MEDIA_CHARSET_MAX 32

struct media {
	char type[MEDIA_TYPE_MAX];       /* "application/json", in lower case */
	char charset[MEDIA_CHARSET_MAX]; /* in lower case; "" not said */
};

/* False: it can't be read, or is longer than any that we know; *ret is not filled. */
bool media_parse(const char *header, struct media *ret);

#endif
