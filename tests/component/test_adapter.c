/*
 * Messages on their way through an adapter: a real store and intake, the mapper's child played.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/adapter.h"
#include "capture/held.h"
#include "clock.h"
#include "dray/json.h"
#include "dray/metrics.h"
#include "play_mapper.h"
#include "store/store_internal.h"

#define PROGRAM "the adapter's program"
#define OTHER "another version of it"

struct house {
	char dir[64];
	struct config *config;
	struct metrics *metrics;
	struct store *store;
	struct intake *intake;
	struct mapper *mapper;
	struct adapters *adapters;
	char told[4096]; /* "id" stored, "!reason" rejected, "." done, joined by spaces */
	int last_status;
	unsigned n_done;
};

static void tell(struct house *house, const char *mark, const char *word)
{
	size_t len = strlen(house->told);

	(void)snprintf(
		house->told + len, sizeof(house->told) - len, "%s%s%s", len ? " " : "", mark, word);
}

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	(void)device;
	if (ack->status == ACK_REJECTED)
		tell(ctx, "!", reason_word(ack->problem.reason));
	else
		tell(ctx, "", ack->id);
}

static void on_done(void *ctx, int status)
{
	struct house *house = ctx;

	house->last_status = status;
	house->n_done++;
	tell(house, ".", "");
}

/* An event of each of the payload's ids; what it is told to do, it does. */
static enum mapper_outcome play(const cJSON *input, struct buf *out)
{
	const cJSON *payload = json_get(input, "payload"), *id;
	const char *does = json_get_string(payload, "does");
	bool is_first = true;

	if (does) {
		buf_puts(out, "it does");
		return strcmp(does, "fail") == 0 ? MAPPER_FAILED : MAPPER_OVERRAN;
	}
	buf_putc(out, '[');
	cJSON_ArrayForEach (id, json_get(payload, "ids")) {
		buf_printf(out,
			"%s{\"id\":\"%s\",\"type\":\"receipt\",\"device\":\"d\",\"time\":"
			"\"2026-11-21T15:04:05Z\",\"data\":{\"document\":{\"type\":\"asn\",\"id\":"
			"\"A\"},\"lines\":[{\"line\":1,\"item\":{\"sku\":\"S\"},\"quantity\":1,"
			"\"uom\":\"EA\"}]}}",
			is_first ? "" : ",", id->valuestring);
		is_first = false;
	}
	buf_putc(out, ']');
	return MAPPER_OUTPUT;
}

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("%s", what);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void put_adapter(const struct house *house, const char *payload, const char *program)
{
	char path[128], text[256];

	(void)snprintf(path, sizeof(path), "%s/gate", house->dir);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/gate/adapter.json", house->dir);
	(void)snprintf(text, sizeof(text),
		"{\"name\":\"gate\",\"version\":1,\"title\":\"G\",\"payload\":\"%s\"}", payload);
	write_text(path, text);
	(void)snprintf(path, sizeof(path), "%s/gate/adapter.jq", house->dir);
	write_text(path, program);
}

static void configure(struct house *house)
{
	const char *const dirs[] = { house->dir, NULL };
	struct error err = { 0 };

	if (adapters_configure(house->adapters, house->config, dirs, &err) < 0)
		fail_msg("%s: %s", err.path, err.message);
}

static int set_up(void **state)
{
	static const char document[] =
		"{\"site\":\"dc\",\"sources\":{\"portal\":{\"adapter\":\"gate\"}}}";
	struct house *house = calloc(1, sizeof(*house));
	struct error err = { 0 };
	cJSON *root = cJSON_Parse(document);
	char path[96];

	assert_non_null(house);
	(void)snprintf(house->dir, sizeof(house->dir), "/tmp/dray-adapter-XXXXXX");
	assert_non_null(mkdtemp(house->dir));
	(void)snprintf(path, sizeof(path), "%s/dray.db", house->dir);
	assert_int_equal(config_build(root, &house->config, &err), 0);
	cJSON_Delete(root);
	house->metrics = metrics_new();
	assert_int_equal(store_open(&(struct store_options){ .path = path,
					    .max_bytes = (int64_t)1 << 30,
					    .on_fatal = on_fatal },
				 &house->store, &err),
		0);
	house->intake = intake_new(house->store, NULL, house->metrics, clock_system());
	assert_int_equal(intake_configure(house->intake, house->config), 0);
	mapper_know(PROGRAM, play);
	mapper_know(OTHER, play);
	house->mapper = mapper_new(NULL, NULL);
	house->adapters = adapters_new(house->intake, house->mapper);
	assert_non_null(house->adapters);
	put_adapter(house, "json", PROGRAM);
	configure(house);
	*state = house;
	return 0;
}

static int tear_down(void **state)
{
	struct house *house = *state;
	char command[128];

	adapters_free(house->adapters);
	mapper_free(house->mapper); /* no program is left */
	intake_free(house->intake);
	store_close(house->store);
	metrics_free(house->metrics);
	config_free(house->config);
	(void)snprintf(command, sizeof(command), "rm -rf %s", house->dir);
	assert_int_equal(system(command), 0);
	free(house);
	return 0;
}

static int take_bytes(struct house *house, const char *payload, size_t len)
{
	return adapter_take(
		house->adapters, &(struct adapter_ask){ .message = { .origin = "portal",
								.topic = "t",
								.payload = payload,
								.len = len,
								.received_at_ms = 1763733845301 },
					 .vars = house->config->sources[0].vars,
					 .on_ack = on_ack,
					 .done = on_done,
					 .ctx = house });
}

static int take(struct house *house, const char *payload)
{
	return take_bytes(house, payload, strlen(payload));
}

static void test_done_comes_once_behind_all_events_of_a_message(void **state)
{
	struct house *house = *state;

	assert_int_equal(take(house, "{\"ids\":[\"a\",\"b\"]}{\"ids\":[\"c\"]}"), 0);
	assert_int_equal(take(house, "{\"ids\":[\"d\"]}"), 0);
	assert_string_equal(house->told, ""); /* never from within */
	assert_int_equal(adapter_waiting(house->adapters), 2);
	assert_int_equal(mapper_play(house->mapper), 3);
	assert_string_equal(house->told, "a b c . d .");
	assert_int_equal(house->last_status, 0);
	assert_int_equal(adapter_waiting(house->adapters), 0);
}

static void test_what_is_refused_at_once_is_not_waited_for(void **state)
{
	struct house *house = *state;
	struct buf large = BUF_INIT;

	assert_int_equal(take(house, "{\"ids\":"), 1);
	assert_string_equal(house->told, "!bad_json");
	assert_int_equal(mapper_waiting(house->mapper), 0);
	for (size_t i = 0; i < house->config->limits.max_bytes; i++)
		buf_puts(&large, "  ");
	assert_int_equal(take(house, large.data), 1);
	assert_string_equal(house->told, "!bad_json !too_large");
	assert_int_equal(adapter_waiting(house->adapters), 0);
	assert_int_equal(house->n_done, 0);
	buf_done(&large);
}

static void test_a_flaw_and_a_failure_refuse_no_other_value(void **state)
{
	struct house *house = *state;

	assert_int_equal(take(house, "{\"ids\":[\"a\"]}{\"a\":1,\"a\":2}{\"does\":\"fail\"}"
				     "{\"does\":\"overrun\"}{\"ids\":[\"b\"]}"),
		0);
	(void)mapper_play(house->mapper);
	assert_string_equal(house->told, "!bad_json a !map_failed !map_failed b .");
	assert_int_equal(house->last_status, 0);
}

static void add_open(void *ctx, const char *kind, const char *severity, int64_t n)
{
	(void)severity;
	assert_string_equal(kind, "unparsable");
	*(int64_t *)ctx += n;
}

static void test_while_the_program_is_held_messages_are_refused_and_kept(void **state)
{
	struct house *house = *state;
	int64_t n_open = 0;

	mapper_hold(house->mapper, true);
	assert_int_equal(take(house, "{\"ids\":[\"a\"]}"), 0);
	(void)mapper_play(house->mapper);
	assert_string_equal(house->told, "!map_failed .");
	assert_int_equal(store_commit(house->store), 0);
	store_count_open(house->store, add_open, &n_open);
	assert_int_equal(n_open, 1);
	mapper_hold(house->mapper, false);
	assert_int_equal(take(house, "{\"ids\":[\"a\"]}"), 0);
	(void)mapper_play(house->mapper);
	assert_string_equal(house->told, "!map_failed . a .");
}

static void test_a_store_that_failed_is_told_and_not_asked_again(void **state)
{
	struct house *house = *state;

	assert_int_equal(take(house, "{\"ids\":[\"a\"]}{\"ids\":[\"b\"]}"), 0);
	house->store->is_poisoned = true;
	(void)mapper_play(house->mapper);
	assert_string_equal(house->told, ".");
	assert_int_equal(house->last_status, -1);
	assert_int_equal(adapter_waiting(house->adapters), 0);
	store_abandon(house->store);
}

static void test_messages_under_way_keep_what_they_were_given_to(void **state)
{
	struct house *house = *state;

	assert_int_equal(take(house, "{\"ids\":[\"a\"]}"), 0);
	put_adapter(house, "text", OTHER);
	configure(house);
	(void)mapper_play(house->mapper);
	assert_string_equal(house->told, "a .");
	assert_int_equal(take_bytes(house, "\xff", 1), 1);
	assert_string_equal(house->told, "a . !bad_utf8");
}

static void test_an_adapter_that_is_gone_changes_nothing(void **state)
{
	struct house *house = *state;
	const char *const dirs[] = { "/nonexistent", NULL };
	struct error err = { 0 };

	assert_int_equal(adapters_configure(house->adapters, house->config, dirs, &err), -1);
	assert_string_equal(err.path, "sources.portal.adapter");
	assert_int_equal(take(house, "{\"ids\":[\"a\"]}"), 0);
	(void)mapper_play(house->mapper);
	assert_string_equal(house->told, "a .");
}

static void test_it_says_when_more_should_wait_outside(void **state)
{
	struct house *house = *state;

	for (int i = 0; i < 255; i++)
		assert_int_equal(take(house, "{}"), 0);
	assert_false(adapter_is_full(house->adapters));
	assert_int_equal(take(house, "{}"), 0);
	assert_true(adapter_is_full(house->adapters));
	assert_int_equal(mapper_play(house->mapper), 256);
	assert_false(adapter_is_full(house->adapters));
	assert_int_equal(house->n_done, 256);
}

static void test_the_end_waits_for_nobody(void **state)
{
	struct house *house = *state;

	assert_int_equal(take(house, "{}{}{}"), 0);
	adapters_free(house->adapters);
	house->adapters = NULL;
	assert_int_equal(mapper_waiting(house->mapper), 0);
	assert_int_equal(house->n_done, 0);
}

/* --- PUBACKs that wait -------------------------------------------------------------------------------- */

static void test_pubacks_wait_for_all_messages_of_their_connection(void **state)
{
	struct held held = { 0 };
	unsigned first = held_begin(&held, 10), second = held_begin(&held, 20);

	(void)state;
	assert_false(held_may_flush(&held));
	held_end(&held, first);
	assert_false(held_may_flush(&held));
	held_end(&held, second);
	assert_true(held_may_flush(&held));
}

static void test_an_answer_to_an_ended_connection_frees_no_puback(void **state)
{
	struct held held = { 0 };
	unsigned before = held_begin(&held, 10), after;

	(void)state;
	held_forget(&held);
	assert_true(held_may_flush(&held));
	after = held_begin(&held, 20);
	held_end(&held, before);
	assert_false(held_may_flush(&held));
	held_end(&held, after);
	assert_true(held_may_flush(&held));
}

static void test_reading_pauses_until_all_are_answered(void **state)
{
	struct held held = { 0 };
	unsigned connection;

	(void)state;
	assert_false(held_pauses(&held, 0, true)); /* nothing of ours waits */
	connection = held_begin(&held, 1000);
	(void)held_begin(&held, 2000);
	assert_false(held_pauses(&held, 1000 + HELD_MAX_MS - 1, false));
	assert_true(held_pauses(&held, 1000 + HELD_MAX_MS, false));
	held_end(&held, connection);
	assert_true(held_pauses(&held, 1000, false)); /* until the last */
	held_end(&held, connection);
	assert_false(held_pauses(&held, 1000 + HELD_MAX_MS, false));
	for (unsigned i = 0; i < HELD_MAX; i++) {
		assert_false(held_pauses(&held, 5000, false));
		(void)held_begin(&held, 5000);
	}
	assert_true(held_pauses(&held, 5000, false));
	held_forget(&held);
	assert_false(held_pauses(&held, 5000, false));
	(void)held_begin(&held, 5000);
	assert_true(held_pauses(&held, 5000, true));
}

/* How many it takes at a time. */
static unsigned fill(struct held *held)
{
	unsigned n = 0;

	for (; !held_pauses(held, 0, false); n++)
		(void)held_begin(held, 0);
	return n;
}

static void answer_all(struct held *held)
{
	while (!held_may_flush(held))
		held_end(held, held->connection);
	assert_false(held_pauses(held, 0, false));
}

static void test_a_connection_lost_in_waiting_takes_fewer_next_time(void **state)
{
	struct held held = { 0 };

	(void)state;
	held_forget(&held);
	assert_int_equal(fill(&held), HELD_MAX);
	held_forget(&held);
	assert_int_equal(fill(&held), HELD_MAX / 4);
	answer_all(&held);
	assert_int_equal(fill(&held), HELD_MAX / 2);
	answer_all(&held);
	assert_int_equal(fill(&held), HELD_MAX);
	for (int i = 0; i < 10; i++) {
		held_forget(&held);
		(void)fill(&held);
	}
	assert_int_equal(held.n, 1);
	answer_all(&held);
	assert_int_equal(fill(&held), 2);
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_done_comes_once_behind_all_events_of_a_message),
		IN_HOUSE(test_what_is_refused_at_once_is_not_waited_for),
		IN_HOUSE(test_a_flaw_and_a_failure_refuse_no_other_value),
		IN_HOUSE(test_while_the_program_is_held_messages_are_refused_and_kept),
		IN_HOUSE(test_a_store_that_failed_is_told_and_not_asked_again),
		IN_HOUSE(test_messages_under_way_keep_what_they_were_given_to),
		IN_HOUSE(test_an_adapter_that_is_gone_changes_nothing),
		IN_HOUSE(test_it_says_when_more_should_wait_outside),
		IN_HOUSE(test_the_end_waits_for_nobody),
		cmocka_unit_test(test_pubacks_wait_for_all_messages_of_their_connection),
		cmocka_unit_test(test_an_answer_to_an_ended_connection_frees_no_puback),
		cmocka_unit_test(test_reading_pauses_until_all_are_answered),
		cmocka_unit_test(test_a_connection_lost_in_waiting_takes_fewer_next_time),
	};

	return cmocka_run_group_tests_name("adapter", tests, NULL, NULL);
}
