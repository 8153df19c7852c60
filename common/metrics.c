#include "dray/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX 256 /* of one family, "other" included */
#define SLOTS_N 512    /* a power of two, so that the index is never more than half full */
#define LABEL_MAX 128  /* bytes of a label's value that are kept */

enum family_type { COUNTER, GAUGE, HISTOGRAM };

static const double ack_bounds[] = { 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
	1, 2, 5, 10 };
static const double delivery_bounds[] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
	30, 60, 300, 900, 3600, 14400, 86400 };
static const double attempt_bounds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
	2.5, 5, 10, 30, 60 };
static const double commit_bounds[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
	0.05, 0.1, 0.25, 0.5, 1, 2.5, 5 };
/* A handheld's clock may run ahead: received minus sent is negative then. */
static const double skew_bounds[] = { -3600, -300, -60, -10, -5, -1, 0, 1, 5, 10, 60, 300, 3600,
	86400 };

struct family {
	const char *name;
	enum family_type type;
	const char *labels[2];
	const double *bounds;
	size_t n_bounds;
	const char *help;
};

#define BOUNDS(bounds) (bounds), sizeof(bounds) / sizeof((bounds)[0])
#define NO_BOUNDS NULL, 0

static const struct family families[METRIC_N] = {
	[METRIC_EVENTS_RECEIVED] = { "dray_events_received_total", COUNTER, { "type", "source" },
		NO_BOUNDS, "Events that were stored" },
	[METRIC_EVENTS_REJECTED] = { "dray_events_rejected_total", COUNTER, { "reason" }, NO_BOUNDS,
		"Events that were refused at the door" },
	[METRIC_EVENTS_DUPLICATE] = { "dray_events_duplicate_total", COUNTER, { "source" },
		NO_BOUNDS, "Events that had been stored before, same content" },
	[METRIC_EVENTS_UNROUTED] = { "dray_events_unrouted_total", COUNTER, { "type" }, NO_BOUNDS,
		"Stored events that no route sends anywhere" },
	[METRIC_EVENT_ACK_SECONDS] = { "dray_event_ack_seconds", HISTOGRAM, { NULL },
		BOUNDS(ack_bounds), "Time from received to durable" },
	[METRIC_DELIVERIES] = { "dray_deliveries_total", COUNTER, { "destination", "outcome" },
		NO_BOUNDS, "Deliveries that ended: done, exception, discarded" },
	[METRIC_ATTEMPTS] = { "dray_attempts_total", COUNTER, { "destination", "outcome" },
		NO_BOUNDS, "Attempts to deliver: done, retry, unknown, reject, hold" },
	[METRIC_DELIVERY_SECONDS] = { "dray_delivery_seconds", HISTOGRAM, { "destination" },
		BOUNDS(delivery_bounds), "Time from received to accepted by the destination" },
	[METRIC_ATTEMPT_SECONDS] = { "dray_attempt_seconds", HISTOGRAM, { "destination" },
		BOUNDS(attempt_bounds), "Time that one request took" },
	[METRIC_BACKLOG] = { "dray_backlog", GAUGE, { "destination", "state" }, NO_BOUNDS,
		"Deliveries that have not ended, by state" },
	[METRIC_BACKLOG_OLDEST] = { "dray_backlog_oldest_seconds", GAUGE, { "destination" },
		NO_BOUNDS, "Age of the oldest delivery that has not ended" },
	[METRIC_EXCEPTIONS_OPEN] = { "dray_exceptions_open", GAUGE, { "kind", "severity" },
		NO_BOUNDS, "Exceptions that wait for a person" },
	[METRIC_STORE_BYTES] = { "dray_store_bytes", GAUGE, { NULL }, NO_BOUNDS,
		"Bytes in use in the store, its log included" },
	[METRIC_STORE_MAX] = { "dray_store_max_bytes", GAUGE, { NULL }, NO_BOUNDS,
		"Bytes that the store may use, store.max_bytes" },
	[METRIC_STORE_FREE] = { "dray_store_free_bytes", GAUGE, { NULL }, NO_BOUNDS,
		"Bytes that the store may still grow by until capture closes" },
	[METRIC_EVENTS_STRIPPED] = { "dray_events_stripped_total", COUNTER, { NULL }, NO_BOUNDS,
		"Delivered events that gave up their content because room was short" },
	[METRIC_CAPTURE_OPEN] = { "dray_capture_open", GAUGE, { NULL }, NO_BOUNDS,
		"1 while events are taken, 0 while the store has no room for them" },
	[METRIC_STORE_WRITTEN] = { "dray_store_written_bytes_total", COUNTER, { NULL }, NO_BOUNDS,
		"Bytes written to the store's disk" },
	[METRIC_COMMIT_SECONDS] = { "dray_commit_seconds", HISTOGRAM, { NULL },
		BOUNDS(commit_bounds), "Time that a commit took" },
	[METRIC_TURNS_POISONED] = { "dray_turns_poisoned_total", COUNTER, { NULL }, NO_BOUNDS,
		"Turns that were rolled back because of a store error" },
	[METRIC_DESTINATION_UP] = { "dray_destination_up", GAUGE, { "destination" }, NO_BOUNDS,
		"1 while requests may leave for the destination, else 0" },
	[METRIC_CLOCK_SKEW_SECONDS] = { "dray_clock_skew_seconds", HISTOGRAM, { NULL },
		BOUNDS(skew_bounds), "Time of receipt minus the time that the handheld sent" },
	[METRIC_CLOCK_TRUSTED] = { "dray_clock_trusted", GAUGE, { NULL }, NO_BOUNDS,
		"1 while the machine's clock is believed, else 0" },
	[METRIC_BROKER_CONNECTED] = { "dray_broker_connected", GAUGE, { NULL }, NO_BOUNDS,
		"1 while the broker is connected, else 0" },
	[METRIC_ACKS_DROPPED] = { "dray_acks_dropped_total", COUNTER, { NULL }, NO_BOUNDS,
		"Acks not published because too many were outstanding" },
	[METRIC_BUILD_INFO] = { "dray_build_info", GAUGE, { "version" }, NO_BOUNDS,
		"1, with the version that runs" },
	[METRIC_CONFIG_REVISION] = { "dray_config_revision", GAUGE, { NULL }, NO_BOUNDS,
		"Revision of the configuration from afar that is in force, 0 without one" },
	[METRIC_CONFIG_PROBATION] = { "dray_config_probation", GAUGE, { NULL }, NO_BOUNDS,
		"1 while a configuration is on probation" },
	[METRIC_CONFIG_CHANGES] = { "dray_config_changes_total", COUNTER, { "result" }, NO_BOUNDS,
		"Configurations by what became of them: probation, confirmed, rolled_back, refused" },
};

struct series {
	char *values[2];  /* NULL where the family has no such label; owned */
	double value;     /* a histogram's sum */
	uint64_t *counts; /* a histogram's observations, one per bound and one above; owned */
};

struct register_of_family {
	struct series *series; /* in the order of first use */
	size_t n, cap;
	uint16_t *slots; /* series index + 1 by hash; 0: free. NULL until a series has labels */
};

struct metrics {
	struct register_of_family registers[METRIC_N];
};

static uint32_t hash_text(uint32_t hash, const char *text)
{
	for (size_t i = 0; i < LABEL_MAX && text[i]; i++)
		hash = (hash ^ (uint8_t)text[i]) * 16777619u;
	return (hash ^ 0xffu) * 16777619u;
}

static bool is_same(const char *kept, const char *value)
{
	return kept ? strncmp(kept, value, LABEL_MAX) == 0 : true;
}

static uint16_t *find_slot(struct register_of_family *reg, const char *const values[2])
{
	uint32_t at = hash_text(hash_text(2166136261u, values[0]), values[1]) & (SLOTS_N - 1);

	while (reg->slots[at]) {
		const struct series *series = &reg->series[reg->slots[at] - 1];
		if (is_same(series->values[0], values[0]) && is_same(series->values[1], values[1]))
			break;
		at = (at + 1) & (SLOTS_N - 1);
	}
	return &reg->slots[at];
}

static void free_series(struct series *series)
{
	free(series->values[0]);
	free(series->values[1]);
	free(series->counts);
}

static bool fill_series(
	const struct family *family, const char *const values[2], struct series *series)
{
	*series = (struct series){ 0 };
	for (size_t i = 0; i < 2; i++) {
		if (!family->labels[i])
			continue;
		series->values[i] = strndup(values[i], LABEL_MAX);
		if (!series->values[i])
			goto fail;
	}
	if (family->type == HISTOGRAM) {
		series->counts = calloc(family->n_bounds + 1, sizeof(*series->counts));
		if (!series->counts)
			goto fail;
	}
	return true;
fail:
	free_series(series);
	return false;
}

static struct series *append_series(
	struct register_of_family *reg, const struct family *family, const char *const values[2])
{
	if (reg->n == reg->cap) {
		size_t cap = reg->cap ? reg->cap * 2 : 1;
		struct series *grown = realloc(reg->series, cap * sizeof(*grown));
		if (!grown)
			return NULL;
		reg->series = grown;
		reg->cap = cap;
	}
	if (!fill_series(family, values, &reg->series[reg->n]))
		return NULL;
	return &reg->series[reg->n++];
}

/* NULL when memory ran out: a figure is lost, nothing else. */
static struct series *find_series(
	struct metrics *metrics, enum metric metric, const char *a, const char *b)
{
	const struct family *family = &families[metric];
	struct register_of_family *reg = &metrics->registers[metric];
	const char *values[2] = { family->labels[0] && a ? a : "",
		family->labels[1] && b ? b : "" };

	if (!family->labels[0])
		return reg->series;
	if (!reg->slots)
		reg->slots = calloc(SLOTS_N, sizeof(*reg->slots));
	if (!reg->slots)
		return NULL;
	uint16_t *slot = find_slot(reg, values);
	if (!*slot && reg->n >= SERIES_MAX - 1) {
		values[0] = "other";
		values[1] = family->labels[1] ? "other" : "";
		slot = find_slot(reg, values);
	}
	if (*slot)
		return &reg->series[*slot - 1];
	struct series *series = append_series(reg, family, values);
	if (series)
		*slot = (uint16_t)reg->n;
	return series;
}

/* Families without labels have their one series from the start, so that they show as 0. */
static bool make_lone_series(struct metrics *metrics, enum metric metric)
{
	static const char *const no_values[2] = { "", "" };

	if (families[metric].labels[0])
		return true;
	return append_series(&metrics->registers[metric], &families[metric], no_values) != NULL;
}

struct metrics *metrics_new(void)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return NULL;
	for (int metric = 0; metric < METRIC_N; metric++) {
		if (!make_lone_series(metrics, (enum metric)metric)) {
			metrics_free(metrics);
			return NULL;
		}
	}
	return metrics;
}

static void forget_series(struct register_of_family *reg)
{
	for (size_t i = 0; i < reg->n; i++)
		free_series(&reg->series[i]);
	reg->n = 0;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	for (size_t i = 0; i < METRIC_N; i++) {
		forget_series(&metrics->registers[i]);
		free(metrics->registers[i].series);
		free(metrics->registers[i].slots);
	}
	free(metrics);
}

void metrics_add(
	struct metrics *metrics, enum metric metric, const char *a, const char *b, double n)
{
	struct series *series = metrics ? find_series(metrics, metric, a, b) : NULL;

	if (series)
		series->value += n;
}

void metrics_set(
	struct metrics *metrics, enum metric metric, const char *a, const char *b, double v)
{
	struct series *series = metrics ? find_series(metrics, metric, a, b) : NULL;

	if (series)
		series->value = v;
}

void metrics_observe(struct metrics *metrics, enum metric metric, const char *a, double seconds)
{
	const struct family *family = &families[metric];
	struct series *series = metrics ? find_series(metrics, metric, a, NULL) : NULL;
	size_t i = 0;

	if (!series || !series->counts)
		return;
	while (i < family->n_bounds && seconds > family->bounds[i])
		i++;
	series->counts[i]++;
	series->value += seconds;
}

void metrics_clear(struct metrics *metrics, enum metric metric)
{
	if (!metrics || !families[metric].labels[0])
		return;
	struct register_of_family *reg = &metrics->registers[metric];
	forget_series(reg);
	if (reg->slots)
		memset(reg->slots, 0, SLOTS_N * sizeof(*reg->slots));
}

double metrics_sum(const struct metrics *metrics, enum metric metric, const char *a, const char *b)
{
	const struct register_of_family *reg = &metrics->registers[metric];
	double sum = 0;

	for (size_t i = 0; i < reg->n; i++) {
		const struct series *series = &reg->series[i];

		if ((!a || (series->values[0] && is_same(series->values[0], a))) &&
			(!b || (series->values[1] && is_same(series->values[1], b))))
			sum += series->value;
	}
	return sum;
}

static void print_number(struct buf *out, double value)
{
	if (isnan(value))
		buf_puts(out, "NaN");
	else if (isinf(value))
		buf_puts(out, value > 0 ? "+Inf" : "-Inf");
	else if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value)
		buf_printf(out, "%lld", (long long)value);
	else
		buf_printf(out, "%.15g", value);
}

static void print_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			buf_puts(out, "\\n");
		else if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else
			buf_putc(out, *text);
	}
}

/* `bound` NULL: no "le" label. */
static void print_name(struct buf *out, const struct family *family, const struct series *series,
	const char *suffix, const double *bound)
{
	const char *separator = "{";

	buf_puts(out, family->name);
	buf_puts(out, suffix);
	for (size_t i = 0; i < 2 && family->labels[i]; i++) {
		buf_printf(out, "%s%s=\"", separator, family->labels[i]);
		print_escaped(out, series->values[i]);
		buf_putc(out, '"');
		separator = ",";
	}
	if (bound) {
		buf_printf(out, "%sle=\"", separator);
		print_number(out, *bound);
		buf_putc(out, '"');
		separator = ",";
	}
	buf_puts(out, *separator == ',' ? "} " : " ");
}

static void print_histogram(
	struct buf *out, const struct family *family, const struct series *series)
{
	const double above = INFINITY;
	uint64_t total = 0;

	for (size_t i = 0; i <= family->n_bounds; i++) {
		total += series->counts[i];
		print_name(out, family, series, "_bucket",
			i < family->n_bounds ? &family->bounds[i] : &above);
		buf_printf(out, "%llu\n", (unsigned long long)total);
	}
	print_name(out, family, series, "_sum", NULL);
	print_number(out, series->value);
	buf_putc(out, '\n');
	print_name(out, family, series, "_count", NULL);
	buf_printf(out, "%llu\n", (unsigned long long)total);
}

void metrics_print(const struct metrics *metrics, struct buf *out)
{
	static const char *const type_words[] = { "counter", "gauge", "histogram" };

	if (!metrics)
		return;
	for (size_t m = 0; m < METRIC_N; m++) {
		const struct family *family = &families[m];
		const struct register_of_family *reg = &metrics->registers[m];

		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
			family->name, type_words[family->type]);
		for (size_t i = 0; i < reg->n; i++) {
			if (family->type == HISTOGRAM) {
				print_histogram(out, family, &reg->series[i]);
				continue;
			}
			print_name(out, family, &reg->series[i], "", NULL);
			print_number(out, reg->series[i].value);
			buf_putc(out, '\n');
		}
	}
}
