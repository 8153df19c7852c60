#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "dray/metrics.h"

static char *print_all(const struct metrics *metrics)
{
	struct buf out = BUF_INIT;

	metrics_print(metrics, &out);
	char *text = buf_take(&out, NULL);
	assert_non_null(text);
	return text;
}

static void assert_prints(const struct metrics *metrics, const char *line)
{
	char *text = print_all(metrics);

	if (!strstr(text, line))
		print_error("missing: %s\n%s", line, text);
	assert_non_null(strstr(text, line));
	free(text);
}

static void assert_prints_not(const struct metrics *metrics, const char *line)
{
	char *text = print_all(metrics);

	assert_null(strstr(text, line));
	free(text);
}

static int set_up(void **state)
{
	*state = metrics_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	metrics_free(*state);
	return 0;
}

static void test_counters_add_up_by_label_values(void **state)
{
	metrics_add(*state, METRIC_EVENTS_RECEIVED, "receipt", "handhelds", 1);
	metrics_add(*state, METRIC_EVENTS_RECEIVED, "pick", "handhelds", 1);
	metrics_add(*state, METRIC_EVENTS_RECEIVED, "receipt", "handhelds", 2);
	assert_prints(*state, "# TYPE dray_events_received_total counter\n");
	assert_prints(
		*state, "\ndray_events_received_total{type=\"receipt\",source=\"handhelds\"} 3\n");
	assert_prints(
		*state, "\ndray_events_received_total{type=\"pick\",source=\"handhelds\"} 1\n");
}

static void test_families_without_labels_start_at_zero(void **state)
{
	assert_prints(*state, "\ndray_broker_connected 0\n");
	assert_prints(*state, "\ndray_acks_dropped_total 0\n");
	assert_prints(*state, "\ndray_event_ack_seconds_count 0\n");
	assert_prints_not(*state, "\ndray_destination_up");
}

static void test_gauges_are_set_and_cleared(void **state)
{
	metrics_set(*state, METRIC_BACKLOG, "erp", "ready", 12);
	metrics_set(*state, METRIC_BACKLOG, "erp", "ready", 7.25);
	assert_prints(*state, "\ndray_backlog{destination=\"erp\",state=\"ready\"} 7.25\n");
	metrics_clear(*state, METRIC_BACKLOG);
	assert_prints_not(*state, "\ndray_backlog{");
	metrics_set(*state, METRIC_BACKLOG, "tms", "parked", 1);
	assert_prints(*state, "\ndray_backlog{destination=\"tms\",state=\"parked\"} 1\n");
	metrics_clear(*state, METRIC_BROKER_CONNECTED);
	assert_prints(*state, "\ndray_broker_connected 0\n");
}

static void test_histogram_buckets_are_cumulative_and_hold_their_bound(void **state)
{
	metrics_observe(*state, METRIC_EVENT_ACK_SECONDS, NULL, 0.0005);
	metrics_observe(*state, METRIC_EVENT_ACK_SECONDS, NULL, 0.25);
	metrics_observe(*state, METRIC_EVENT_ACK_SECONDS, NULL, 99);
	assert_prints(*state, "\ndray_event_ack_seconds_bucket{le=\"0.0005\"} 1\n");
	assert_prints(*state, "\ndray_event_ack_seconds_bucket{le=\"0.2\"} 1\n");
	assert_prints(*state, "\ndray_event_ack_seconds_bucket{le=\"0.5\"} 2\n");
	assert_prints(*state, "\ndray_event_ack_seconds_bucket{le=\"10\"} 2\n");
	assert_prints(*state, "\ndray_event_ack_seconds_bucket{le=\"+Inf\"} 3\n");
	assert_prints(*state, "\ndray_event_ack_seconds_sum 99.2505\n");
	assert_prints(*state, "\ndray_event_ack_seconds_count 3\n");
}

static void test_labelled_histogram_puts_le_last(void **state)
{
	metrics_observe(*state, METRIC_ATTEMPT_SECONDS, "erp", 0.02);
	assert_prints(
		*state, "\ndray_attempt_seconds_bucket{destination=\"erp\",le=\"0.025\"} 1\n");
	assert_prints(*state, "\ndray_attempt_seconds_count{destination=\"erp\"} 1\n");
}

static void test_label_values_are_escaped(void **state)
{
	metrics_add(*state, METRIC_EVENTS_REJECTED, "a\"b\\c\nd", NULL, 1);
	assert_prints(*state, "\ndray_events_rejected_total{reason=\"a\\\"b\\\\c\\nd\"} 1\n");
}

static void test_series_are_bounded_and_fold_into_other(void **state)
{
	char name[32];

	for (int i = 0; i < 1000; i++) {
		assert_true(snprintf(name, sizeof(name), "type-%d", i) > 0);
		metrics_add(*state, METRIC_EVENTS_RECEIVED, name, "s", 1);
	}
	metrics_add(*state, METRIC_EVENTS_RECEIVED, "type-3", "s", 1);
	char *text = print_all(*state);
	size_t lines = 0;
	for (const char *at = text; (at = strstr(at, "\ndray_events_received_total{")); at++)
		lines++;
	free(text);
	assert_int_equal(lines, 256);
	assert_prints(
		*state, "\ndray_events_received_total{type=\"other\",source=\"other\"} 745\n");
	assert_prints(*state, "\ndray_events_received_total{type=\"type-3\",source=\"s\"} 2\n");
}

static void test_overlong_values_are_cut_to_one_series(void **state)
{
	char a[300], b[300];

	memset(a, 'x', sizeof(a));
	memset(b, 'x', sizeof(b));
	a[299] = b[299] = '\0';
	b[298] = 'y';
	metrics_add(*state, METRIC_EVENTS_UNROUTED, a, NULL, 1);
	metrics_add(*state, METRIC_EVENTS_UNROUTED, b, NULL, 1);
	assert_prints(*state, "x\"} 2\n");
}

static void test_no_registry_is_a_no_op(void **state)
{
	struct buf out = BUF_INIT;
	(void)state;

	metrics_add(NULL, METRIC_ACKS_DROPPED, NULL, NULL, 1);
	metrics_set(NULL, METRIC_STORE_BYTES, NULL, NULL, 1);
	metrics_observe(NULL, METRIC_COMMIT_SECONDS, NULL, 1);
	metrics_clear(NULL, METRIC_BACKLOG);
	metrics_print(NULL, &out);
	metrics_free(NULL);
	assert_int_equal(out.len, 0);
}

static void test_a_family_is_summed_over_the_labels_that_are_not_asked_for(void **state)
{
	struct metrics *metrics = metrics_new();

	(void)state;
	metrics_add(metrics, METRIC_DELIVERIES, "erp", "done", 3);
	metrics_add(metrics, METRIC_DELIVERIES, "tms", "done", 4);
	metrics_add(metrics, METRIC_DELIVERIES, "tms", "exception", 5);
	assert_float_equal(metrics_sum(metrics, METRIC_DELIVERIES, NULL, NULL), 12, 0);
	assert_float_equal(metrics_sum(metrics, METRIC_DELIVERIES, NULL, "done"), 7, 0);
	assert_float_equal(metrics_sum(metrics, METRIC_DELIVERIES, "tms", NULL), 9, 0);
	assert_float_equal(metrics_sum(metrics, METRIC_DELIVERIES, "tms", "done"), 4, 0);
	assert_float_equal(metrics_sum(metrics, METRIC_TURNS_POISONED, NULL, NULL), 0, 0);
	metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_counters_add_up_by_label_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_families_without_labels_start_at_zero, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gauges_are_set_and_cleared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_histogram_buckets_are_cumulative_and_hold_their_bound, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_labelled_histogram_puts_le_last, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_label_values_are_escaped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_series_are_bounded_and_fold_into_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_overlong_values_are_cut_to_one_series, set_up, tear_down),
		cmocka_unit_test(test_a_family_is_summed_over_the_labels_that_are_not_asked_for),
		cmocka_unit_test(test_no_registry_is_a_no_op),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
