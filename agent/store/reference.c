/*
 * reference.c - reference data and what it is found by.
 */
#include "store/reference.h"

#include "store/store_internal.h"

uint64_t store_reference_changes(const struct store *store)
{
	return store->n_reference_changes;
}

static int delete_aliases(struct store *store, const char *kind, const char *id)
{
	struct query query = query_start(store, ALIAS_DELETE);
	query_text(&query, kind);
	query_text(&query, id);
	return query_run(&query);
}

/* 1 it belongs to another row, 0 it doesn't, -1 the store failed. */
static int is_taken(struct store *store, const struct store_reference *reference,
	const struct store_alias *alias)
{
	int64_t one = 0;
	struct query query = query_start(store, ALIAS_TAKEN);
	query_text(&query, alias->scheme);
	query_text(&query, alias->code);
	query_text(&query, reference->kind);
	query_text(&query, reference->id);
	return query_number(&query, &one);
}

static int put_alias(struct store *store, const struct store_reference *reference,
	const struct store_alias *alias)
{
	struct query query = query_start(store, ALIAS_PUT);
	query_text(&query, alias->scheme);
	query_text(&query, alias->code);
	query_text(&query, reference->kind);
	query_text(&query, reference->id);
	query_text_or_null(&query, alias->pack);
	return query_run(&query);
}

static int put_row(struct store *store, const struct store_reference *reference)
{
	struct query query = query_start(store, REFERENCE_PUT);
	query_text(&query, reference->kind);
	query_text(&query, reference->id);
	query_text(&query, reference->source);
	query_int(&query, reference->seen_at_ms);
	query_text_len(&query, reference->body, reference->len);
	return query_run(&query);
}

int store_put_reference(
	struct store *store, const struct store_reference *reference, unsigned *ret_taken)
{
	unsigned n_taken = 0;
	if (store_begin_write(store) < 0)
		return -1;
	store->n_reference_changes++;
	if (put_row(store, reference) < 0 ||
		delete_aliases(store, reference->kind, reference->id) < 0)
		return -1;
	for (size_t i = 0; i < reference->n_aliases; i++) {
		int taken = is_taken(store, reference, &reference->aliases[i]);
		if (taken < 0 || put_alias(store, reference, &reference->aliases[i]) < 0)
			return -1;
		n_taken += (unsigned)taken;
	}
	if (ret_taken != NULL)
		*ret_taken = n_taken;
	return 0;
}

int store_delete_reference(struct store *store, const char *kind, const char *id)
{
	int64_t one = 0;
	if (store_begin_write(store) < 0)
		return -1;
	store->n_reference_changes++;
	struct query query = query_start(store, REFERENCE_DELETE);
	query_text(&query, kind);
	query_text(&query, id);
	int found = query_number(&query, &one);
	return found <= 0 ? found : delete_aliases(store, kind, id) < 0 ? -1 : 1;
}

static int hand_row(const struct query *query, store_reference_fn fn, void *ctx)
{
	size_t len = 0;
	struct store_reference_row row = {
		.kind = row_text(query, 0),
		.id = row_text(query, 1),
		.source = row_text(query, 2),
		.seen_at_ms = row_int(query, 3),
		.body = row_bytes(query, 4, &len),
	};
	row.len = len;
	return fn(ctx, &row);
}

int store_get_reference(
	struct store *store, const char *kind, const char *id, store_reference_fn fn, void *ctx)
{
	struct query query = query_start(store, REFERENCE_GET);
	query_text(&query, kind);
	query_text(&query, id);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	(void)hand_row(&query, fn, ctx);
	query_end(&query);
	return 1;
}

int store_list_reference(struct store *store, const char *kind, const char *after_kind,
	const char *after_id, unsigned limit, store_reference_fn fn, void *ctx)
{
	struct query query = query_start(store, kind ? REFERENCE_LIST_KIND : REFERENCE_LIST);
	query_text(&query, kind ? kind : after_kind);
	query_text(&query, after_id);
	query_int(&query, limit);
	int more;
	while ((more = query_step(&query)) > 0) {
		if (hand_row(&query, fn, ctx) != 0) {
			query_end(&query);
			return 0;
		}
	}
	return more;
}

int store_has_reference(struct store *store, const char *kind)
{
	int64_t one = 0;
	struct query query = query_start(store, REFERENCE_HAS);
	query_text(&query, kind);
	return query_number(&query, &one);
}

int store_find_alias(struct store *store, const char *kind, const char *scheme, const char *code,
	store_alias_fn fn, void *ctx)
{
	struct query query = query_start(store, ALIAS_FIND);
	query_text(&query, scheme);
	query_text(&query, code);
	query_text(&query, kind);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	(void)fn(ctx, &(struct store_alias_row){ row_text(&query, 0), row_text(&query, 1) });
	query_end(&query);
	return 1;
}
