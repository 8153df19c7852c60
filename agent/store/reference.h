/*
 * reference.h - reference data: what the site knows of its items and units, later of its documents.
 *
 * A row is (kind, id) with its body, a JSON object as it was imported. What it is found by lies in
 * `alias` rows (scheme, code), made from the body by whoever imports it and replaced with it. Nothing
 * here reads a body.
 *
 *   item   gtin 09506000134352 ─► SKU-1, pack "12"      sku OLD-1 ─► SKU-1
 *          supplier_item ACME/A-77 ─► SKU-1             pack SKU-1/CS ─► SKU-1, pack "12"
 *   unit   unit Stk ─► H87
 *
 * After a salvage a row comes back with its aliases unless it was imported anew in the meantime.
 */
#ifndef DRAY_STORE_REFERENCE_H
#define DRAY_STORE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct store_alias {
	const char *scheme, *code;
	const char *pack; /* NULL: none */
};

struct store_reference {
	const char *kind, *id;
	const char *source; /* who said it: "import", later a poller's name */
	int64_t seen_at_ms;
	const char *body; /* JSON object */
	size_t len;
	const struct store_alias *aliases; /* all it is found by; replaces those it had */
	size_t n_aliases;
};

/*
 * Store a row and its aliases, or replace them. An alias that belongs to another row of the kind
 * moves here (the last word counts); *ret_taken, if not NULL, says how many did.
 * 0, or -1: the store failed.
 */
int store_put_reference(
	struct store *store, const struct store_reference *reference, unsigned *ret_taken);
/* 1 there was one, 0 none, -1 the store failed. */
int store_delete_reference(struct store *store, const char *kind, const char *id);

struct store_reference_row {
	const char *kind, *id, *source;
	int64_t seen_at_ms;
	const char *body;
	size_t len;
};
typedef int (*store_reference_fn)(void *ctx, const struct store_reference_row *row);
/* 1 found, 0 none, -1 error. */
int store_get_reference(
	struct store *store, const char *kind, const char *id, store_reference_fn fn, void *ctx);
/*
 * In the order of kind and id, bytewise, behind (`after_kind`, `after_id`); `fn` returns non-zero to stop.
 *
 * kind        NULL: all kinds.
 * after_kind  of no meaning where `kind` is given; "" from the first.
 * limit       at most so many rows, >= 1.
 * Returns     0, or -1 on a read error.
 */
int store_list_reference(struct store *store, const char *kind, const char *after_kind,
	const char *after_id, unsigned limit, store_reference_fn fn, void *ctx);
/* Rows of a kind, as committed or in this turn. Not a scan: 1 at least one, 0 none, -1 error. */
int store_has_reference(struct store *store, const char *kind);

struct store_alias_row {
	const char *id, *pack; /* pack "" none */
};
typedef int (*store_alias_fn)(void *ctx, const struct store_alias_row *row);
/* 1 found, 0 none, -1 error. */
int store_find_alias(struct store *store, const char *kind, const char *scheme, const char *code,
	store_alias_fn fn, void *ctx);

/*
 * Rises whenever reference data may read otherwise than before: written, taken back with its turn,
 * another database, brought back by a salvage. For who keeps answers.
 */
uint64_t store_reference_changes(const struct store *store);

#endif
