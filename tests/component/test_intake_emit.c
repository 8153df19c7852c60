/*
 * What answers bring: through the same door as everything, under ids that the same answer gives again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/intake.h"
#include "clock.h"
#include "deliver/deliver.h"
#include "dray/metrics.h"
#include "store/store.h"

#define NOW_MS INT64_C(1763733845301)
#define PARENT                                                                           \
	"{\"id\":\"p-1\",\"source\":\"/dc/tc52\",\"time\":\"2026-11-21T14:04:05.123Z\"," \
	"\"correlationid\":\"SO-88\",\"traceparent\":"                                   \
	"\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\",\"data\":{}}"
#define BOOKED "{\"type\":\"shipment.booked\",\"data\":{\"shipment\":\"SH-1\",\"ref\":\"R-1\"}}"

static char dir[64];
static struct config *config;
static struct metrics *metrics;
static struct store *store;
static struct intake *intake;

/* The last event that was stored. */
static struct {
	char id[64], source[64], type[64], device[64], correlation[64], body[2048];
	int64_t seq;
} last;

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("%s", what);
}

static int set_up(void **state)
{
	cJSON *root = cJSON_Parse("{\"site\":\"dc\"}");
	char path[96];
	struct error err = { 0 };

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/dray-emit-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/dray.db", dir);
	assert_int_equal(config_build(root, &config, &err), 0);
	cJSON_Delete(root);
	metrics = metrics_new();
	assert_int_equal(store_open(&(struct store_options){ .path = path,
					    .max_bytes = (int64_t)1 << 30,
					    .on_fatal = on_fatal },
				 &store, &err),
		0);
	intake = intake_new(store, NULL, metrics, clock_system());
	assert_non_null(intake);
	assert_int_equal(intake_configure(intake, config), 0);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	intake_free(intake);
	store_close(store);
	metrics_free(metrics);
	config_free(config);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
	return 0;
}

static int on_event(void *ctx, const struct store_event_row *row)
{
	int *n = ctx;

	if (++*n > 1)
		return 0;
	last.seq = row->seq;
	(void)snprintf(last.id, sizeof(last.id), "%s", row->id);
	(void)snprintf(last.source, sizeof(last.source), "%s", row->source);
	(void)snprintf(last.type, sizeof(last.type), "%s", row->type);
	(void)snprintf(last.device, sizeof(last.device), "%s", row->device);
	(void)snprintf(last.correlation, sizeof(last.correlation), "%s", row->correlation);
	return 0;
}

static int on_body(void *ctx, const struct store_event_row *row)
{
	(void)ctx;
	(void)snprintf(last.body, sizeof(last.body), "%.*s", (int)row->len, row->body);
	return 0;
}

/* How many events there are. */
static int events(void)
{
	const struct store_event_filter filter = { .limit = 100 };
	int64_t cursor;
	int n = 0;

	assert_int_equal(store_list_events(store, &filter, on_event, &n, &cursor), 0);
	if (n > 0)
		assert_int_equal(store_get_event(store, last.seq, NULL, on_body, NULL), 1);
	return n;
}

static int count_one(void *ctx, const struct store_exception_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

static int exceptions(const char *kind)
{
	const struct store_exception_filter filter = { .kind = kind, .limit = 100 };
	int64_t cursor;
	int n = 0;

	assert_int_equal(store_list_exceptions(store, &filter, count_one, &n, &cursor), 0);
	return n;
}

static void emit(const char *parent, const char *text, unsigned index)
{
	const struct deliver_emit told = {
		.destination = "tms",
		.parent_seq = 7,
		.parent_source = "/dc/tc52",
		.parent_id = "p-1",
		.parent_body = parent,
		.parent_len = strlen(parent),
		.index = index,
		.text = text,
		.len = strlen(text),
	};

	assert_int_equal(intake_emit(intake, &told, NOW_MS), 0);
	assert_int_equal(store_commit(store), 0);
	intake_committed(intake);
}

static void test_an_answers_event_is_stored_as_its_destinations(void **state)
{
	(void)state;
	emit(PARENT, BOOKED, 0);
	assert_int_equal(events(), 1);
	assert_string_equal(last.type, "shipment.booked");
	assert_string_equal(last.source, "/dc/tms");
	assert_string_equal(last.device, "tms");
	assert_string_equal(last.correlation, "SO-88");
	assert_int_equal(strlen(last.id), 36);
	assert_non_null(strstr(last.body, "\"time\":\"2026-11-21T14:04:05.123Z\""));
	assert_non_null(strstr(last.body, "\"draychain\":\"1\""));
	assert_non_null(strstr(last.body, "\"traceparent\":\"00-4bf92f35"));
	assert_non_null(strstr(last.body, "\"shipment\":\"SH-1\""));
}

static void test_the_same_answer_again_is_the_same_event(void **state)
{
	(void)state;
	emit(PARENT, BOOKED, 0);
	emit(PARENT, BOOKED, 0);
	assert_int_equal(events(), 1);
	assert_int_equal(exceptions(NULL), 0);
	emit(PARENT, BOOKED, 1);
	assert_int_equal(events(), 2);
}

/* Whoever wrote the program can't speak for others. */
static void test_an_answers_event_can_not_choose_who_it_is(void **state)
{
	(void)state;
	emit(PARENT,
		"{\"type\":\"document.posted\",\"id\":\"mine\",\"source\":\"/dc/tc52\",\"site\":\"x\","
		"\"device\":\"tc52\",\"draychain\":\"0\",\"data\":{}}",
		0);
	assert_int_equal(events(), 1);
	assert_string_not_equal(last.id, "mine");
	assert_string_equal(last.source, "/dc/tms");
	assert_string_equal(last.device, "tms");
	assert_non_null(strstr(last.body, "\"draychain\":\"1\""));
}

static void test_what_it_says_itself_stays(void **state)
{
	(void)state;
	emit(PARENT,
		"{\"type\":\"document.posted\",\"time\":\"2026-11-22T00:00:00Z\","
		"\"correlationid\":\"C-9\",\"data\":{\"ref\":\"R\"}}",
		0);
	assert_int_equal(events(), 1);
	assert_string_equal(last.correlation, "C-9");
	assert_non_null(strstr(last.body, "\"time\":\"2026-11-22T00:00:00.000Z\""));
}

static void test_an_event_that_is_unsound_is_an_exception(void **state)
{
	(void)state;
	emit(PARENT, "{\"type\":\"no.such.type\",\"data\":{}}", 0);
	assert_int_equal(events(), 0);
	assert_int_equal(exceptions("invalid"), 1);
}

static void test_an_endless_chain_of_answers_is_a_loop(void **state)
{
	char parent[1024];
	int hops = 0;

	(void)state;
	(void)snprintf(parent, sizeof(parent), "%s", PARENT);
	while (exceptions("loop") == 0 && hops < 20) {
		emit(parent, BOOKED, (unsigned)hops);
		hops++;
		assert_int_equal(events(), hops < 9 ? hops : 8);
		(void)snprintf(parent, sizeof(parent), "%.1000s", last.body);
	}
	assert_int_equal(hops, 9);
	assert_non_null(strstr(last.body, "\"draychain\":\"8\""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_answers_event_is_stored_as_its_destinations),
		TEST(test_the_same_answer_again_is_the_same_event),
		TEST(test_an_answers_event_can_not_choose_who_it_is),
		TEST(test_what_it_says_itself_stays),
		TEST(test_an_event_that_is_unsound_is_an_exception),
		TEST(test_an_endless_chain_of_answers_is_a_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
