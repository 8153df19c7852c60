#include "capture/counts.h"

#include <stdio.h>
#include <string.h>

void counts_add(struct counts *counts, enum metric metric, const char *a, const char *b)
{
	unsigned i = 0;

	while (i < counts->n_cells &&
		(counts->cells[i].metric != metric || strcmp(counts->cells[i].a, a) != 0 ||
			strcmp(counts->cells[i].b, b) != 0))
		i++;
	if (i == COUNTS_CELLS)
		return;
	if (i == counts->n_cells) {
		counts->n_cells++;
		counts->cells[i].metric = metric;
		counts->cells[i].n = 0;
		(void)snprintf(counts->cells[i].a, sizeof(counts->cells[i].a), "%s", a);
		(void)snprintf(counts->cells[i].b, sizeof(counts->cells[i].b), "%s", b);
	}
	counts->cells[i].n++;
}

void counts_arrived(struct counts *counts, int64_t at_mono_us, int64_t skew_ms)
{
	if (counts->n_arrivals == COUNTS_ARRIVALS)
		return;
	counts->arrivals[counts->n_arrivals].at_mono_us = at_mono_us;
	counts->arrivals[counts->n_arrivals++].skew_ms = skew_ms;
}

void counts_commit(struct counts *counts, struct metrics *metrics, int64_t now_mono_us)
{
	for (unsigned i = 0; i < counts->n_cells; i++)
		metrics_add(metrics, counts->cells[i].metric, counts->cells[i].a,
			*counts->cells[i].b ? counts->cells[i].b : NULL, counts->cells[i].n);
	for (unsigned i = 0; i < counts->n_arrivals; i++) {
		metrics_observe(metrics, METRIC_EVENT_ACK_SECONDS, NULL,
			(double)(now_mono_us - counts->arrivals[i].at_mono_us) / 1e6);
		if (counts->arrivals[i].skew_ms != INT64_MIN)
			metrics_observe(metrics, METRIC_CLOCK_SKEW_SECONDS, NULL,
				(double)counts->arrivals[i].skew_ms / 1e3);
	}
	counts_forget(counts);
}

void counts_forget(struct counts *counts)
{
	counts->n_cells = 0;
	counts->n_arrivals = 0;
}
