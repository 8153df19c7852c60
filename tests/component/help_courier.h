/*
 * help_courier.h - reading a request as its courier gets it.
 */
#ifndef DRAY_HELP_COURIER_H
#define DRAY_HELP_COURIER_H

#include <string.h>
#include <strings.h>

#include "courier/courier.h"

/* The value of a header; NULL when the request has none by this name. */
static inline const char *courier_find(const struct courier_request *request, const char *name)
{
	size_t len = strlen(name);

	for (const char *const *header = request->headers; header && *header; header++)
		if (strncasecmp(*header, name, len) == 0 && strncmp(*header + len, ": ", 2) == 0)
			return *header + len + 2;
	return NULL;
}

#endif
