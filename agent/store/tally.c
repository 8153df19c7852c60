/*
 * tally.c - running counts, so that metrics, status and ledger never scan.
 *
 * A turn counts into a small hash of cells in memory; each cell is one upsert when the turn
 * commits, or earlier when the hash is full. A poisoned turn drops them.
 */
#include <string.h>

#include "dray/times.h"
#include "store/store_internal.h"

static uint32_t hash_text(uint32_t hash, const char *text)
{
	/* FNV-1a; the NUL goes in, so that "ab","c" and "a","bc" differ. */
	do {
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	} while (*text++ != '\0');
	return hash;
}

static uint32_t hash_cell(const struct tally_cell *cell)
{
	uint32_t hash = 2166136261u ^ (uint32_t)cell->day ^ ((uint32_t)cell->destination << 24);
	hash = hash_text(hash, cell->source);
	hash = hash_text(hash, cell->device);
	hash = hash_text(hash, cell->type);
	hash = hash_text(hash, cell->outcome);
	return hash_text(hash, cell->detail);
}

static bool is_same_cell(const struct tally_cell *a, const struct tally_cell *b)
{
	return a->hash == b->hash && a->day == b->day && a->destination == b->destination &&
	       strcmp(a->source, b->source) == 0 && strcmp(a->device, b->device) == 0 &&
	       strcmp(a->type, b->type) == 0 && strcmp(a->outcome, b->outcome) == 0 &&
	       strcmp(a->detail, b->detail) == 0;
}

static int flush_cell(struct store *store, const struct tally_cell *cell)
{
	struct query query = query_start(store, TALLY_ADD);
	query_int(&query, cell->day);
	query_text(&query, cell->source);
	query_text(&query, cell->device);
	query_text(&query, cell->type);
	query_int(&query, cell->destination);
	query_text(&query, cell->outcome);
	query_text(&query, cell->detail);
	query_int(&query, cell->n);
	return query_run(&query);
}

int tally_flush(struct store *store)
{
	for (unsigned i = 0; i < TALLY_CELLS && store->n_tally > 0; i++) {
		struct tally_cell *cell = &store->tally[i];
		if (cell->n == 0)
			continue;
		if (flush_cell(store, cell) < 0)
			return -1;
		cell->n = 0;
		store->n_tally--;
	}
	return 0;
}

void tally_drop(struct store *store)
{
	for (unsigned i = 0; i < TALLY_CELLS; i++)
		store->tally[i].n = 0;
	store->n_tally = 0;
}

static int count_cell(struct store *store, struct tally_cell *wanted)
{
	/* Three quarters full: probes stay short, and there is always a free cell to end one. */
	if (store->n_tally >= TALLY_CELLS / 4 * 3 && tally_flush(store) < 0)
		return -1;
	wanted->hash = hash_cell(wanted);
	unsigned i = wanted->hash % TALLY_CELLS;
	while (store->tally[i].n != 0 && !is_same_cell(&store->tally[i], wanted))
		i = (i + 1) % TALLY_CELLS;
	struct tally_cell *cell = &store->tally[i];
	if (cell->n == 0) {
		*cell = *wanted;
		store->n_tally++;
	}
	cell->n++;
	return 0;
}

void label_copy(char out[LABEL_MAX], const char *text)
{
	size_t len = strnlen(text, LABEL_MAX - 1);
	memcpy(out, text, len);
	out[len] = '\0';
}

void store_set_wall_ahead(struct store *store, int64_t ahead_ms)
{
	store->wall_ahead_ms = ahead_ms;
}

int store_count(struct store *store, int64_t at_ms, const char *source, const char *device,
	const char *type, int destination, const char *outcome, const char *detail)
{
	if (store_begin_write(store) < 0)
		return -1;
	struct tally_cell wanted;
	wanted.day = time_day(at_ms + store->wall_ahead_ms);
	wanted.destination = destination;
	wanted.n = 0;
	label_copy(wanted.source, source);
	label_copy(wanted.device, device);
	label_copy(wanted.type, type);
	label_copy(wanted.outcome, outcome);
	label_copy(wanted.detail, detail);
	return count_cell(store, &wanted);
}

int tally_add(struct store *store, int64_t at_ms, const struct event_labels *labels,
	int destination, const char *outcome)
{
	return store_count(store, at_ms, labels->origin, labels->device, labels->type, destination,
		outcome, "");
}

static void fill_row(const struct query *query, struct store_tally_row *row)
{
	*row = (struct store_tally_row){
		.day = (int32_t)row_int(query, 0),
		.source = row_text(query, 1),
		.device = row_text(query, 2),
		.type = row_text(query, 3),
		.destination = (int)row_int(query, 4),
		.outcome = row_text(query, 5),
		.detail = row_text(query, 6),
		.n = row_int(query, 7),
	};
}

int store_sum_tally(
	struct store *store, enum store_tally_by by, int32_t day, store_tally_fn fn, void *ctx)
{
	static const enum statement statements[] = {
		[STORE_TALLY_METRICS] = TALLY_METRICS,
		[STORE_TALLY_DEVICE] = TALLY_DEVICE,
		[STORE_TALLY_TODAY] = TALLY_TODAY,
	};
	struct query query = query_start(store, statements[by]);
	if (by == STORE_TALLY_TODAY)
		query_int(&query, day);
	int more;
	while ((more = query_step(&query)) > 0) {
		struct store_tally_row row;
		fill_row(&query, &row);
		if (fn(ctx, &row) != 0) {
			query_end(&query);
			return 0;
		}
	}
	return more;
}
