/*
 * check.c - see check.h
 */
#include "store/salvage/check.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "dray/ids.h"
#include "dray/json.h"
#include "dray/utf8.h"
#include "store/store.h"

#define TIME_MIN_MS INT64_C(-62135596800000) /* the begin of year 1 */
#define COUNT_MAX INT64_C(1000000000000000)
#define TIME_MAX_MS INT64_C(253402300799999) /* the end of 9999 */

static bool is_text(const unsigned char *text, size_t len)
{
	const unsigned char *end = text + len;
	for (size_t n; text < end; text += n) {
		n = utf8_length(text, (size_t)(end - text));
		if (n == 0 || *text == '\0')
			return false;
	}
	return true;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name);
	size_t end_len = strlen(end);
	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

static bool is_sane_number(const char *name, int64_t value)
{
	if (ends_with(name, "at_ms"))
		return value >= TIME_MIN_MS && value <= TIME_MAX_MS;
	/* Of the tally: days that are told apart no longer, and what was taken back. */
	if (strcmp(name, "day") == 0 || strcmp(name, "n") == 0)
		return value >= -COUNT_MAX && value <= COUNT_MAX;
	return value >= 0;
}

static bool is_sane_blob(const char *name, int len)
{
	bool is_digest = strcmp(name, "digest") == 0 || strcmp(name, "hash") == 0;
	return !is_digest || len == ID_DIGEST_BYTES;
}

static bool is_sane_column(sqlite3_stmt *stmt, int column)
{
	const char *name = sqlite3_column_name(stmt, column);
	if (name == NULL)
		return false;
	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		return is_sane_number(name, sqlite3_column_int64(stmt, column));
	case SQLITE_TEXT: {
		const unsigned char *text = sqlite3_column_text(stmt, column);
		return text != NULL && is_text(text, (size_t)sqlite3_column_bytes(stmt, column));
	}
	case SQLITE_BLOB:
		return is_sane_blob(name, sqlite3_column_bytes(stmt, column));
	case SQLITE_NULL:
		return true;
	default:
		return false;
	}
}

bool salvage_row_is_sane(sqlite3_stmt *stmt)
{
	for (int column = 0; column < sqlite3_column_count(stmt); column++) {
		if (!is_sane_column(stmt, column))
			return false;
	}
	return true;
}

/* --- by name -------------------------------------------------------------------------------------------- */

static int find_column(sqlite3_stmt *stmt, const char *name)
{
	for (int column = 0; column < sqlite3_column_count(stmt); column++) {
		const char *its = sqlite3_column_name(stmt, column);
		if (its != NULL && strcmp(its, name) == 0)
			return column;
	}
	return -1;
}

static int64_t number_of(sqlite3_stmt *stmt, const char *name)
{
	int column = find_column(stmt, name);
	return column < 0 ? 0 : sqlite3_column_int64(stmt, column);
}

static const char *text_of(sqlite3_stmt *stmt, const char *name)
{
	int column = find_column(stmt, name);
	const char *text = column < 0 ? NULL : (const char *)sqlite3_column_text(stmt, column);
	return text ? text : "";
}

static bool is_null(sqlite3_stmt *stmt, const char *name)
{
	int column = find_column(stmt, name);
	return column < 0 || sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

/* --- events --------------------------------------------------------------------------------------------- */

static bool is_member(const cJSON *body, const char *name, const char *text)
{
	const char *its = json_get_string(body, name);
	return its != NULL && strcmp(its, text) == 0;
}

/* What capture stores is an object; nothing else is looked into. */
static bool is_own_body(sqlite3_stmt *stmt)
{
	static const struct json_limits limits = {
		.max_bytes = 64 << 20, .max_depth = 64, .max_members = 4 << 20
	};
	int column = find_column(stmt, "body");
	const char *body = column < 0 ? NULL : (const char *)sqlite3_column_text(stmt, column);
	if (body == NULL || body[0] != '{')
		return true;
	struct buf scratch = BUF_INIT;
	cJSON *tree = json_parse(
		body, (size_t)sqlite3_column_bytes(stmt, column), &limits, &scratch, NULL);
	bool is_own = is_member(tree, "id", text_of(stmt, "id")) &&
		      is_member(tree, "source", text_of(stmt, "source")) &&
		      is_member(tree, "type", text_of(stmt, "type"));
	cJSON_Delete(tree);
	buf_done(&scratch);
	return is_own;
}

bool salvage_event_is_sane(sqlite3_stmt *stmt)
{
	const char *id = text_of(stmt, "id");
	return salvage_row_is_sane(stmt) && number_of(stmt, "seq") > 0 &&
	       number_of(stmt, "revision") > 0 && id_is_valid(id, strlen(id)) &&
	       text_of(stmt, "type")[0] != '\0' && is_own_body(stmt);
}

/* --- deliveries ------------------------------------------------------------------------------------------ */

bool salvage_delivery_is_sane(sqlite3_stmt *stmt)
{
	int64_t state = number_of(stmt, "state");
	int64_t batch = number_of(stmt, "batch");
	if (!salvage_row_is_sane(stmt) || state < DELIVERY_READY || state > DELIVERY_DISCARDED)
		return false;
	bool is_finished = state > DELIVERY_EXCEPTION;
	return !is_null(stmt, "lane") && number_of(stmt, "lane") <= 2 &&
	       is_null(stmt, "settled_at_ms") == !is_finished &&
	       is_null(stmt, "due_at_ms") == (state != DELIVERY_WAITING) &&
	       (state == DELIVERY_SUSPECT || is_null(stmt, "look_at_ms")) &&
	       (!is_finished || is_null(stmt, "held_key")) && batch <= number_of(stmt, "seq") &&
	       (state != DELIVERY_CLAIMED || number_of(stmt, "attempts") > 0);
}
