/*
 * query.c - running a prepared statement: bind, step, read; see store_internal.h
 */
#include <string.h>

#include "store/store_internal.h"

struct query query_start(struct store *store, enum statement id)
{
	int rc = SQLITE_OK;
	if (store->statements[id] == NULL && store->db != NULL)
		rc = sqlite3_prepare_v2(
			store->db, statement_texts[id].sql, -1, &store->statements[id], NULL);
	else if (store->db == NULL)
		rc = SQLITE_MISUSE; /* broken, and not replaced yet */
	return (struct query){ .store = store, .stmt = store->statements[id], .id = id, .rc = rc };
}

static void note_bind(struct query *query, int rc)
{
	if (query->rc == SQLITE_OK)
		query->rc = rc;
}

void query_int(struct query *query, int64_t value)
{
	note_bind(query, sqlite3_bind_int64(query->stmt, ++query->n_bound, value));
}

void query_int_or_null(struct query *query, int64_t value, int64_t null)
{
	if (value == null)
		note_bind(query, sqlite3_bind_null(query->stmt, ++query->n_bound));
	else
		query_int(query, value);
}

void query_text(struct query *query, const char *text)
{
	query_text_len(query, text ? text : "", text ? strlen(text) : 0);
}

void query_text_or_null(struct query *query, const char *text)
{
	if (text == NULL || text[0] == '\0')
		note_bind(query, sqlite3_bind_null(query->stmt, ++query->n_bound));
	else
		query_text(query, text);
}

void query_text_len(struct query *query, const char *text, size_t len)
{
	note_bind(query, sqlite3_bind_text64(query->stmt, ++query->n_bound, text, len,
				 SQLITE_STATIC, SQLITE_UTF8));
}

void query_blob(struct query *query, const void *bytes, size_t len)
{
	note_bind(query,
		sqlite3_bind_blob64(query->stmt, ++query->n_bound, bytes, len, SQLITE_STATIC));
}

int query_step(struct query *query)
{
	int rc = query->rc == SQLITE_OK ? sqlite3_step(query->stmt) : query->rc;
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE) {
		query_end(query);
		return 0;
	}
	(void)store_fail(query->store, query->id, rc);
	query_end(query);
	return -1;
}

void query_end(struct query *query)
{
	/* It repeats the error of the last step, which was looked at there. */
	(void)sqlite3_reset(query->stmt);
}

int query_run(struct query *query)
{
	int more;
	while ((more = query_step(query)) > 0)
		;
	return more;
}

int query_number(struct query *query, int64_t *ret)
{
	int found = query_step(query);
	if (found <= 0)
		return found;
	bool is_null = sqlite3_column_type(query->stmt, 0) == SQLITE_NULL;
	if (!is_null)
		*ret = row_int(query, 0);
	query_end(query);
	return is_null ? 0 : 1;
}

int64_t row_int(const struct query *query, int column)
{
	return sqlite3_column_int64(query->stmt, column);
}

const char *row_text(const struct query *query, int column)
{
	const char *text = (const char *)sqlite3_column_text(query->stmt, column);
	return text ? text : "";
}

const void *row_bytes(const struct query *query, int column, size_t *ret_len)
{
	const void *bytes = sqlite3_column_blob(query->stmt, column);
	*ret_len = (size_t)sqlite3_column_bytes(query->stmt, column);
	if (bytes == NULL && sqlite3_column_type(query->stmt, column) != SQLITE_NULL)
		return "";
	return bytes;
}
