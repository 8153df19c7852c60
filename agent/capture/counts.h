/*
 * counts.h - what a turn counted: metrics once it is committed, forgotten when it is poisoned.
 */
#ifndef DRAY_COUNTS_H
#define DRAY_COUNTS_H

#include <stdint.h>

#include "dray/event.h"
#include "dray/metrics.h"

#define COUNTS_CELLS 256 /* reasons, and types times sources: few */
#define COUNTS_ARRIVALS 4096

struct counts {
	struct {
		enum metric metric;
		char a[EVENT_TYPE_MAX], b[EVENT_NAME_MAX];
		unsigned n;
	} cells[COUNTS_CELLS];
	unsigned n_cells;
	struct {
		int64_t at_mono_us, skew_ms;
	} arrivals[COUNTS_ARRIVALS];
	unsigned n_arrivals;
};

/* One more. Labels "" where the metric has none. What finds no cell is lost until the next start, which
 * counts from the tally. */
void counts_add(struct counts *counts, enum metric metric, const char *a, const char *b);

/*
 * An event is stored.
 *
 * at_mono_us  when its message came.
 * skew_ms     received minus sent; INT64_MIN: not said.
 */
void counts_arrived(struct counts *counts, int64_t at_mono_us, int64_t skew_ms);

void counts_commit(struct counts *counts, struct metrics *metrics, int64_t now_mono_us);
void counts_forget(struct counts *counts);

#endif
