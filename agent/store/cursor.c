/*
 * cursor.c - named texts: where something has got to.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"

char *store_get_cursor(struct store *store, const char *name)
{
	struct query query = query_start(store, CURSOR_GET);
	query_text(&query, name);
	if (query_step(&query) <= 0)
		return NULL;
	char *value = strdup(row_text(&query, 0));
	query_end(&query);
	return value;
}

int store_put_cursor(struct store *store, const char *name, const char *value, int64_t now_ms)
{
	if (store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, CURSOR_PUT);
	query_text(&query, name);
	query_text(&query, value);
	query_int(&query, now_ms);
	return query_run(&query);
}
