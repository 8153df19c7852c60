/*
 * api_reference.c - reference data: imported, listed, shown, removed.
 *
 * An import is all or nothing: every record of the call is read before the first is written. So a
 * record doesn't see what another one of its call says: names of units come in a call before the items
 * that use them.
 */
#include "ops/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/json.h"
#include "dray/reference_record.h"
#include "ops/writer.h"
#include "store/reference.h"
#include "store/store.h"

#define RECORDS_MAX 1000 /* of one call, and so of one turn */
#define REMOVED_MAX 200
#define PAGE_BYTES_MAX ((size_t)1024 * 1024) /* a page ends when it is that long */
#define WHY_MAX 500

/* --- importing ------------------------------------------------------------------------------------ */

struct importing {
	struct call *call;
	const char *kind; /* NULL: each record says */
	const char *text;
	size_t len, pos;
	size_t counted; /* bytes whose lines are in `line` */
	int64_t line;   /* of `counted`, as the caller numbers them */
	bool is_array;  /* inside one */
	bool is_dry;
	struct buf scratch;
	struct reference_record *records;
	size_t n;
	unsigned n_moved;
};

static int64_t line_at(struct importing *in, size_t pos)
{
	for (; in->counted < pos; in->counted++)
		in->line += in->text[in->counted] == '\n';
	return in->line;
}

static void skip_space(struct importing *in)
{
	while (in->pos < in->len && strchr(" \t\r\n", in->text[in->pos]) && in->text[in->pos])
		in->pos++;
}

/* False: answered. */
static bool refuse_syntax(struct importing *in, const char *message, size_t at)
{
	int64_t line = line_at(in, at);

	call_refuse_line(
		in->call, 422, line, NULL, "line %" PRId64 ": not JSON: %s", line, message);
	return false;
}

/* False: answered. */
static bool read_record(struct importing *in, cJSON *tree, int64_t line)
{
	struct error err = { 0 };
	struct reference_record *record = &in->records[in->n++];

	switch (reference_record_read(
		tree, in->kind, in->call->ops->with.reference, record, &err)) {
	case REFERENCE_READ:
		return true;
	case REFERENCE_REFUSED:
		call_refuse_line(in->call, 422, line, err.path, "line %" PRId64 ": %s%s%s", line,
			err.path, err.path[0] ? " " : "", err.message);
		return false;
	case REFERENCE_FAILED:
		break;
	}
	call_problem(in->call, 503,
		"nothing was changed: the record of line %" PRId64 " cannot be read now; try again",
		line);
	return false;
}

/* The value at `pos`. False: answered. */
static bool take_value(struct importing *in)
{
	static const struct json_limits limits = {
		.max_bytes = 256 * 1024, .max_depth = 16, .max_members = 20000
	};
	int64_t line = line_at(in, in->pos);
	struct json_error flaw;
	size_t consumed;
	cJSON *tree;
	bool is_fine;

	if (in->n == RECORDS_MAX) {
		call_problem(in->call, 413, "more than %d records: send them in several calls",
			RECORDS_MAX);
		return false;
	}
	if (json_scan(in->text + in->pos, in->len - in->pos, &limits, &in->scratch, &consumed,
		    &flaw) != JSON_FINE)
		return refuse_syntax(in, flaw.message, in->pos + flaw.offset);
	tree = cJSON_ParseWithLength(in->scratch.data, in->scratch.len);
	if (!tree)
		return refuse_syntax(in, "unreadable", in->pos);
	is_fine = read_record(in, tree, line);
	cJSON_Delete(tree);
	in->pos += consumed;
	skip_space(in);
	return is_fine;
}

/* Behind an element of an array. False: answered. */
static bool pass_comma(struct importing *in)
{
	bool is_end = in->pos < in->len && in->text[in->pos] == ']';

	if (!is_end && (in->pos == in->len || in->text[in->pos] != ','))
		return refuse_syntax(in, "a comma or ] is missing", in->pos);
	in->is_array = !is_end;
	in->pos++;
	skip_space(in);
	if (!in->is_array && in->pos < in->len)
		return refuse_syntax(in, "text behind the array", in->pos);
	if (in->is_array && in->pos == in->len)
		return refuse_syntax(in, "the array has no end", in->pos);
	return true;
}

/* False: answered. */
static bool read_records(struct importing *in)
{
	skip_space(in);
	in->is_array = in->pos < in->len && in->text[in->pos] == '[';
	if (in->is_array) {
		in->pos++;
		skip_space(in);
	}
	while (in->pos < in->len && !(in->n == 0 && in->is_array && in->text[in->pos] == ']')) {
		if (!take_value(in) || (in->is_array && !pass_comma(in)))
			return false;
	}
	if (in->n > 0)
		return true;
	call_problem(in->call, 400, "there is no record in the body");
	return false;
}

static int store_record(struct importing *in, const struct reference_record *record)
{
	struct store_alias aliases[REFERENCE_ALIASES_MAX];
	unsigned n_moved = 0;
	const struct store_reference row = {
		.kind = record->kind,
		.id = record->id,
		.source = "import",
		.seen_at_ms = call_now_ms(in->call),
		.body = record->body.data,
		.len = record->body.len,
		.aliases = aliases,
		.n_aliases = record->n_aliases,
	};

	for (size_t i = 0; i < record->n_aliases; i++)
		aliases[i] = (struct store_alias){ record->aliases[i].scheme,
			record->aliases[i].code, record->aliases[i].pack };
	if (store_put_reference(in->call->ops->with.store, &row, &n_moved) < 0)
		return -1;
	in->n_moved += n_moved;
	return 0;
}

static int store_records(struct importing *in)
{
	struct call *call = in->call;
	char object[REFERENCE_KIND_MAX + 16], why[128];

	for (size_t i = 0; i < in->n; i++)
		if (store_record(in, &in->records[i]) < 0)
			return -1;
	(void)snprintf(object, sizeof(object), "reference/%s", in->records[0].kind);
	(void)snprintf(why, sizeof(why), "%zu records from %.48s on, %u codes moved", in->n,
		in->records[0].id, in->n_moved);
	return store_audit(call->ops->with.store, call_wall_ms(call), call->who, "reference.import",
		object, why);
}

static void answer_import(struct importing *in)
{
	struct buf *out = &in->call->body;

	write_open(out, NULL, '{');
	if (in->is_dry)
		write_bool(out, "dry_run", true);
	write_int(out, "records", (int64_t)in->n);
	write_int(out, "stored", in->is_dry ? 0 : (int64_t)in->n);
	write_int(out, "moved", in->n_moved);
	write_close(out, '}');
	call_answer(in->call, 200);
}

/* False: answered. */
static bool read_import_query(struct importing *in)
{
	const char *dry = call_query(in->call, "dry_run");

	in->kind = call_query(in->call, "kind");
	in->line = 1;
	in->is_dry = dry && strcmp(dry, "true") == 0;
	if (!dry || in->is_dry || strcmp(dry, "false") == 0)
		return call_query_number(in->call, "line", 1, INT64_C(1) << 40, &in->line);
	call_problem(in->call, 400, "dry_run: must be true or false");
	return false;
}

void api_import_reference(struct call *call)
{
	const struct room_report *room = call->ops->with.store_room(call->ops->with.ctx);
	struct reference_record *records;
	struct importing in = { .call = call };

	if (room->level == ROOM_NONE) {
		call_refuse(call, 503, "store_full", "nothing is imported now: %s; try again later",
			room->why);
		return;
	}
	if (!read_import_query(&in))
		return;
	in.text = call_body(call, &in.len);
	records = calloc(RECORDS_MAX, sizeof(*records));
	in.records = records;
	if (!in.text || !records)
		call_problem(call, 500, "no memory for the body");
	else if (read_records(&in)) {
		if (!in.is_dry && store_records(&in) < 0)
			call_store_failed(call);
		else
			answer_import(&in);
	}
	for (size_t i = 0; i < in.n; i++)
		reference_record_done(&records[i]);
	free(records);
	buf_done(&in.scratch);
}

/* --- showing -------------------------------------------------------------------------------------- */

struct listing {
	struct call *call;
	unsigned n, limit;
	bool is_cut; /* there may be more behind the last */
	char kind[REFERENCE_KIND_MAX], id[REFERENCE_CODE_MAX]; /* of the last */
};

static void put_row(struct call *call, const struct store_reference_row *row)
{
	struct buf *out = &call->body;

	write_open(out, NULL, '{');
	write_text(out, "kind", row->kind);
	write_text(out, "id", row->id);
	write_text(out, "source", row->source);
	call_write_stamp(call, "seen_at", row->seen_at_ms);
	write_raw(out, "body", row->body, row->len);
	write_close(out, '}');
}

static int on_row(void *ctx, const struct store_reference_row *row)
{
	struct listing *listing = ctx;

	put_row(listing->call, row);
	(void)snprintf(listing->kind, sizeof(listing->kind), "%s", row->kind);
	(void)snprintf(listing->id, sizeof(listing->id), "%s", row->id);
	listing->is_cut =
		++listing->n == listing->limit || listing->call->body.len >= PAGE_BYTES_MAX;
	return listing->is_cut;
}

/* A cursor is KIND/ID of the last row that was shown. False: answered. */
static bool read_cursor(struct call *call, struct listing *listing)
{
	const char *cursor = call_query(call, "cursor");
	size_t kind = cursor ? strcspn(cursor, "/") : 0;

	if (!cursor)
		return true;
	if (kind < sizeof(listing->kind) && cursor[kind] == '/' &&
		strlen(cursor + kind + 1) < sizeof(listing->id)) {
		(void)snprintf(listing->kind, sizeof(listing->kind), "%.*s", (int)kind, cursor);
		(void)snprintf(listing->id, sizeof(listing->id), "%s", cursor + kind + 1);
		return true;
	}
	call_problem(call, 400, "cursor: must be one that a list has given");
	return false;
}

void api_list_reference(struct call *call)
{
	struct listing listing = { .call = call };
	int64_t limit = OPS_PAGE_DEFAULT;
	char cursor[REFERENCE_KIND_MAX + REFERENCE_CODE_MAX];

	if (!call_query_number(call, "limit", 1, OPS_PAGE_MAX, &limit) ||
		!read_cursor(call, &listing))
		return;
	listing.limit = (unsigned)limit;
	write_open(&call->body, NULL, '{');
	write_open(&call->body, "items", '[');
	if (store_list_reference(call->ops->with.store, call_query(call, "kind"), listing.kind,
		    listing.id, listing.limit, on_row, &listing) < 0) {
		call_store_failed(call);
		return;
	}
	(void)snprintf(cursor, sizeof(cursor), "%s/%s", listing.kind, listing.id);
	write_close(&call->body, ']');
	write_text(&call->body, "cursor", listing.is_cut ? cursor : NULL);
	write_close(&call->body, '}');
	call_answer(call, 200);
}

static int on_shown(void *ctx, const struct store_reference_row *row)
{
	put_row(ctx, row);
	return 0;
}

void api_show_reference(struct call *call)
{
	int found = store_get_reference(
		call->ops->with.store, call->parameter, call->second, on_shown, call);

	if (found < 0)
		call_store_failed(call);
	else if (found == 0)
		call_problem(call, 404, "there is no %.32s %.200s", call->parameter, call->second);
	else
		call_answer(call, 200);
}

/* --- removing ------------------------------------------------------------------------------------- */

struct removing {
	struct call *call;
	const char *kind;
	const cJSON *ids;
	int64_t n;
	char why[WHY_MAX];
};

/* False: answered. */
static bool read_ids(struct removing *removing, const cJSON *body)
{
	const cJSON *id;
	int n;

	removing->kind = json_get_string(body, "kind");
	removing->ids = json_get(body, "ids");
	n = cJSON_IsArray(removing->ids) ? cJSON_GetArraySize(removing->ids) : 0;
	if (!removing->kind) {
		call_problem(removing->call, 400, "kind: name one");
		return false;
	}
	cJSON_ArrayForEach (id, removing->ids) {
		if (!cJSON_IsString(id))
			n = 0;
	}
	if (n > 0 && n <= REMOVED_MAX)
		return true;
	call_problem(removing->call, 400, "ids: must be an array of 1 to %d strings", REMOVED_MAX);
	return false;
}

static int remove_all(struct removing *removing)
{
	struct store *store = removing->call->ops->with.store;
	const cJSON *id;

	cJSON_ArrayForEach (id, removing->ids) {
		size_t len = strlen(removing->why);
		int found = store_delete_reference(store, removing->kind, id->valuestring);

		if (found < 0)
			return -1;
		removing->n += found;
		if (found > 0)
			(void)snprintf(removing->why + len, sizeof(removing->why) - len, "%s%s",
				len > 0 ? ", " : "", id->valuestring);
	}
	return 0;
}

void api_delete_reference(struct call *call)
{
	struct removing removing = { .call = call };
	char object[REFERENCE_KIND_MAX + 16];
	cJSON *body = call_object(call);

	if (!body)
		return;
	if (!read_ids(&removing, body))
		goto out;
	(void)snprintf(object, sizeof(object), "reference/%.32s", removing.kind);
	if (remove_all(&removing) < 0 ||
		(removing.n > 0 && store_audit(call->ops->with.store, call_wall_ms(call), call->who,
					   "reference.delete", object, removing.why) < 0)) {
		call_store_failed(call);
		goto out;
	}
	write_open(&call->body, NULL, '{');
	write_int(&call->body, "deleted", removing.n);
	write_close(&call->body, '}');
	call_answer(call, 200);
out:
	cJSON_Delete(body);
}
