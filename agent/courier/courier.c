/*
 * courier.c - what couriers, and those who read their answers, share.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "courier/courier.h"

const char *courier_find_header(const struct courier_answer *answer, const char *name)
{
	for (size_t i = 0; name && i < answer->n_headers; i++)
		if (strcasecmp(answer->headers[i].name, name) == 0)
			return answer->headers[i].value;
	return NULL;
}

int courier_copy_text(const char *text, char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -1 : 0;
}
