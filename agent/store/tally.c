/*
 * tally.c - running counts, so that metrics, status and ledger never scan.
 *
 * A turn counts into a small hash of cells in memory; each cell is one upsert when the turn
 * commits, or earlier when the hash is full. A poisoned turn drops them.
 *
 * Only the last days are told apart. Older rows are folded into those of one day before all others:
 * sums stay what they are, and the table is as long after years as after a week.
 */
#include <string.h>

#include "dray/times.h"
#include "store/store_internal.h"

#define FOLDED_DAY (-1) /* before any that a clock has shown */

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

static struct query start_cell(
	struct store *store, enum statement id, int32_t day, const struct tally_cell *cell)
{
	struct query query = query_start(store, id);
	query_int(&query, day);
	query_text(&query, cell->source);
	query_text(&query, cell->device);
	query_text(&query, cell->type);
	query_int(&query, cell->destination);
	query_text(&query, cell->outcome);
	query_text(&query, cell->detail);
	return query;
}

static int add_cell(struct store *store, int32_t day, const struct tally_cell *cell)
{
	struct query query = start_cell(store, TALLY_ADD, day, cell);
	query_int(&query, cell->n);
	return query_run(&query);
}

int tally_put(struct store *store, const struct store_tally_row *row)
{
	struct tally_cell cell = { .destination = row->destination, .n = row->n };
	label_copy(cell.source, row->source);
	label_copy(cell.device, row->device);
	label_copy(cell.type, row->type);
	label_copy(cell.outcome, row->outcome);
	label_copy(cell.detail, row->detail);
	return add_cell(store, row->day, &cell);
}

int tally_flush(struct store *store)
{
	for (unsigned i = 0; i < TALLY_CELLS && store->n_tally > 0; i++) {
		struct tally_cell *cell = &store->tally[i];
		if (cell->n == 0)
			continue;
		if (add_cell(store, cell->day, cell) < 0)
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

int tally_take_back(struct store *store, const struct event_labels *labels, int destination,
	const char *outcome)
{
	const struct store_tally_row row = {
		.day = time_day(labels->received_at_ms + store->wall_ahead_ms),
		.source = labels->origin,
		.device = labels->device,
		.type = labels->type,
		.destination = destination,
		.outcome = outcome,
		.detail = "",
		.n = -1,
	};
	return tally_put(store, &row);
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

/* --- folding --------------------------------------------------------------------------------------- */

/* The first row of the oldest day. 1, 0 none, -1. */
static int find_oldest(struct store *store, int32_t before_day, struct tally_cell *ret)
{
	struct store_tally_row row;
	struct query query = query_start(store, TALLY_OLDEST);
	query_int(&query, FOLDED_DAY);
	query_int(&query, before_day);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	fill_row(&query, &row);
	ret->day = row.day;
	ret->destination = row.destination;
	ret->n = row.n;
	label_copy(ret->source, row.source);
	label_copy(ret->device, row.device);
	label_copy(ret->type, row.type);
	label_copy(ret->outcome, row.outcome);
	label_copy(ret->detail, row.detail);
	query_end(&query);
	return 1;
}

static int fold_row(struct store *store, const struct tally_cell *row)
{
	if (store_begin_write(store) < 0 || add_cell(store, FOLDED_DAY, row) < 0)
		return -1;
	struct query query = start_cell(store, TALLY_DELETE, row->day, row);
	return query_run(&query);
}

int store_fold_tally(struct store *store, int32_t before_day, unsigned rows, bool *ret_more)
{
	struct tally_cell row;
	unsigned n = 0;
	int found = 1;
	for (; n < rows && found > 0; n += found > 0) {
		found = find_oldest(store, before_day, &row);
		if (found < 0 || (found > 0 && fold_row(store, &row) < 0))
			return -1;
	}
	*ret_more = found > 0;
	return (int)n;
}
