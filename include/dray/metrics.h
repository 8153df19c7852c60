/*
 * metrics.h - the registry behind /metrics.
 *
 * One declared table of families (metrics.c): name, type, help, label names. A series is found by
 * its label values and made on first use; their number is bounded per family, beyond it the values
 * fold into "other". Labels are never ids.
 *
 * Prometheus text format 0.0.4. Pure: a registry is a value, there is no global.
 */
#ifndef DRAY_METRICS_H
#define DRAY_METRICS_H

#include <stddef.h>

#include "dray/buf.h"

enum metric {
	METRIC_EVENTS_RECEIVED,   /* type, source */
	METRIC_EVENTS_REJECTED,   /* reason */
	METRIC_EVENTS_DUPLICATE,  /* source */
	METRIC_EVENTS_UNROUTED,   /* type */
	METRIC_EVENT_ACK_SECONDS, /* histogram: received to durable */
	METRIC_DELIVERIES,        /* destination, outcome */
	METRIC_ATTEMPTS,          /* destination, outcome */
	METRIC_DELIVERY_SECONDS,  /* histogram, destination: received to accepted */
	METRIC_ATTEMPT_SECONDS,   /* histogram, destination */
	METRIC_BACKLOG,           /* gauge: destination, state */
	METRIC_BACKLOG_OLDEST,    /* gauge: destination */
	METRIC_EXCEPTIONS_OPEN,   /* gauge: kind, severity */
	METRIC_STORE_BYTES,       /* gauge */
	METRIC_STORE_MAX,         /* gauge */
	METRIC_STORE_FREE,        /* gauge */
	METRIC_STORE_WRITTEN,     /* counter */
	METRIC_EVENTS_STRIPPED,   /* counter */
	METRIC_CAPTURE_OPEN,      /* gauge */
	METRIC_COMMIT_SECONDS,    /* histogram */
	METRIC_TURNS_POISONED,
	METRIC_DESTINATION_UP,     /* gauge: destination */
	METRIC_CLOCK_SKEW_SECONDS, /* histogram: received minus sent */
	METRIC_CLOCK_TRUSTED,      /* gauge */
	METRIC_BROKER_CONNECTED,   /* gauge */
	METRIC_ACKS_DROPPED,
	METRIC_BUILD_INFO,       /* gauge 1: version */
	METRIC_CONFIG_REVISION,  /* gauge */
	METRIC_CONFIG_PROBATION, /* gauge */
	METRIC_CONFIG_CHANGES,   /* result */
	METRIC_N
};

struct metrics;

struct metrics *metrics_new(void); /* NULL when memory ran out */
void metrics_free(struct metrics *metrics);

/*
 * `a` and `b` are the values of the family's first and second label; NULL where it has none.
 * Safe with any text: values are escaped when printed. A NULL registry is a no-op.
 */
void metrics_add(
	struct metrics *metrics, enum metric metric, const char *a, const char *b, double n);
void metrics_set(
	struct metrics *metrics, enum metric metric, const char *a, const char *b, double v);
void metrics_observe(struct metrics *metrics, enum metric metric, const char *a, double seconds);
/* Forget a gauge family's series before it is set anew. */
void metrics_clear(struct metrics *metrics, enum metric metric);

/* The sum of a counter's series with these values; NULL: with any. */
double metrics_sum(const struct metrics *metrics, enum metric metric, const char *a, const char *b);

void metrics_print(const struct metrics *metrics, struct buf *out);

#endif
