/*
 * What the control API shows, and what it does.
 */
#include "ops_fixture.h"

/* --- what is shown ---------------------------------------------------------------------------------------- */

static void test_pages_go_on_at_the_cursor_and_end(void **state)
{
	struct fixture *f = *state;
	char path[64];

	for (int i = 0; i < 5; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "e-%d", i);
		(void)put_routed(f, id);
	}
	commit(f);
	assert_int_equal(request(f, "GET", "/v1/events?limit=3", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 5);
	assert_int_equal(number_at(f, "items.2.seq"), 3);
	(void)snprintf(
		path, sizeof(path), "/v1/events?limit=3&cursor=%d", (int)number_at(f, "cursor"));
	assert_int_equal(request(f, "GET", path, NULL), 200);
	assert_int_equal(number_at(f, "items.1.seq"), 1);
	assert_int_equal(number_at(f, "items.2.seq"), -1);
	assert_int_equal(number_at(f, "cursor"), -1);

	assert_int_equal(request(f, "GET", "/v1/deliveries?state=ready&limit=4", NULL), 200);
	assert_int_equal(number_at(f, "items.3.seq"), 4);
	(void)snprintf(path, sizeof(path), "/v1/deliveries?state=ready&limit=4&cursor=%lld",
		(long long)number_at(f, "cursor"));
	assert_int_equal(request(f, "GET", path, NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 5);
	assert_int_equal(number_at(f, "cursor"), -1);
}

static void test_an_event_is_shown_with_its_whole_life(void **state)
{
	struct fixture *f = *state;
	int64_t id = put_exception(f, "012345");

	assert_int_equal(
		store_put_attempt(f->store, f->erp, 1, 1, 5, 7, "reject", 422, "unknown item"), 0);
	commit(f);
	assert_int_equal(request(f, "GET", "/v1/events/1", NULL), 200);
	assert_int_equal(number_at(f, "body.data.n"), 1);
	assert_int_equal(number_at(f, "exceptions.0.id"), id);
	assert_int_equal(number_at(f, "attempts.0.status"), 422);
	assert_true(says(f, "\"state\":\"exception\""));
	/* an id of digits is an id as well */
	assert_int_equal(request(f, "GET", "/v1/events/012345", NULL), 200);
	assert_int_equal(number_at(f, "seq"), 1);
}

static void test_an_id_of_several_sources_is_not_guessed(void **state)
{
	struct fixture *f = *state;

	(void)put_event_of(f, "2", "d1", "");
	(void)put_event_of(f, "x", "d1", "");
	(void)put_event_of(f, "x", "d2", "");
	commit(f);
	assert_int_equal(request(f, "GET", "/v1/events/x", NULL), 409);
	assert_true(says(f, "#3 of /dc-test/d2, #2 of /dc-test/d1"));
	assert_int_equal(request(f, "GET", "/v1/events/x?device=d1", NULL), 200);
	assert_int_equal(number_at(f, "seq"), 2);
	assert_int_equal(request(f, "GET", "/v1/events/x?device=d3", NULL), 404);
	/* digits are an id first, then a number; "#2" is a number */
	assert_int_equal(request(f, "GET", "/v1/events/2", NULL), 200);
	assert_int_equal(number_at(f, "seq"), 1);
	assert_int_equal(request(f, "GET", "/v1/events/3", NULL), 200);
	assert_int_equal(number_at(f, "seq"), 3);
	assert_int_equal(request(f, "GET", "/v1/events/%232", NULL), 200);
	assert_int_equal(number_at(f, "seq"), 2);
	assert_int_equal(request(f, "GET", "/v1/events/%23x", NULL), 404);
}

static void test_a_document_is_found_by_its_bare_id(void **state)
{
	static const char *const documents[] = { "purchase_order/PO-1", "sales_order/7",
		"purchase_order/7", "kitting/K-1", "asn/2026/17", "kitting/K-1" };
	struct fixture *f = *state;
	char id[8];

	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		(void)snprintf(id, sizeof(id), "e-%zu", i);
		(void)put_event_of(f, id, "d1", documents[i]);
	}
	commit(f);
	assert_int_equal(request(f, "GET", "/v1/events?document=PO-1", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 1);
	assert_int_equal(number_at(f, "items.1.seq"), -1);
	assert_int_equal(request(f, "GET", "/v1/events?document=purchase_order/7", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 3);
	assert_int_equal(number_at(f, "items.1.seq"), -1);
	assert_int_equal(request(f, "GET", "/v1/events?document=7", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 3);
	assert_int_equal(number_at(f, "items.1.seq"), 2);
	assert_int_equal(number_at(f, "items.2.seq"), -1);
	assert_int_equal(request(f, "GET", "/v1/events?document=2026/17", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 5);
	/* a type that is not among the usual ones, page by page */
	assert_int_equal(request(f, "GET", "/v1/events?document=K-1&limit=1", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 6);
	assert_int_equal(number_at(f, "cursor"), 6);
	assert_int_equal(request(f, "GET", "/v1/events?document=K-1&limit=1&cursor=6", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 4);
	assert_int_equal(request(f, "GET", "/v1/events?document=K-1&id=e-3", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 4);
	assert_int_equal(number_at(f, "items.1.seq"), -1);
	assert_int_equal(request(f, "GET", "/v1/events?document=PO", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), -1);
}

static void test_raw_bytes_that_are_no_text_come_as_base64(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_unparsable(f, "\xff\x00\x01", 3), 1);
	assert_int_equal(put_unparsable(f, "\"gr\xc3\xbc\xc3\x9f\n", 8), 2);
	commit(f);
	assert_int_equal(request(f, "GET", "/v1/exceptions/1", NULL), 200);
	assert_true(says(f, "\"raw_base64\":\"/wAB\""));
	assert_int_equal(request(f, "GET", "/v1/exceptions/2", NULL), 200);
	assert_true(says(f, "\"raw\":\"\\\"gr\xc3\xbc\xc3\x9f\\n\""));
}

static void test_status_queue_ledger_and_metrics_agree(void **state)
{
	struct fixture *f = *state;

	(void)put_routed(f, "a");
	(void)put_exception(f, "b");
	commit(f);
	play.breaker = BREAKER_OPEN;
	assert_int_equal(request(f, "GET", "/v1/status", NULL), 200);
	assert_int_equal(number_at(f, "destinations.0.ready"), 1);
	assert_int_equal(number_at(f, "destinations.0.exception"), 1);
	assert_int_equal(number_at(f, "events.stored"), 2);
	assert_int_equal(number_at(f, "exceptions.by_kind.rejected"), 1);
	assert_true(says(f, "\"unreachable\""));
	assert_int_equal(request(f, "GET", "/v1/queue", NULL), 200);
	assert_int_equal(number_at(f, "items.0.ages.1m"), 2);
	assert_int_equal(request(f, "GET", "/v1/ledger", NULL), 200);
	assert_int_equal(number_at(f, "by_destination.0.routed"), 2);
	assert_int_equal(number_at(f, "by_destination.0.pending"), 1);
	assert_int_equal(number_at(f, "by_destination.0.exceptions"), 1);
	assert_int_equal(number_at(f, "by_device.0.stored"), 2);
	assert_true(says(f, "\"closed\":true"));
	assert_int_equal(request(f, "GET", "/metrics", NULL), 200);
	assert_true(says(f, "dray_backlog{destination=\"erp\",state=\"ready\"} 1"));
	assert_true(says(f, "dray_destination_up{destination=\"erp\"} 0"));
}

static void test_a_throttled_destination_is_down_until_the_time_that_is_shown(void **state)
{
	struct fixture *f = *state;

	play.not_before_at_ms = INT64_C(1795000000000);
	assert_int_equal(request(f, "GET", "/v1/destinations", NULL), 200);
	assert_true(says(f, "\"state\":\"throttled\""));
	assert_true(says(f, "\"not_before_at\":\"2026-11-18T11:06:40.000Z\""));
	assert_int_equal(request(f, "GET", "/v1/queue", NULL), 200);
	assert_true(says(f, "\"state\":\"throttled\""));
	assert_true(says(f, "\"not_before_at\":\"2026-11-18T11:06:40.000Z\""));
	assert_int_equal(request(f, "GET", "/metrics", NULL), 200);
	assert_true(says(f, "dray_destination_up{destination=\"erp\"} 0"));
	play.not_before_at_ms = 0;
	assert_int_equal(request(f, "GET", "/v1/destinations", NULL), 200);
	assert_true(says(f, "\"not_before_at\":null"));
	assert_int_equal(request(f, "GET", "/metrics", NULL), 200);
	assert_true(says(f, "dray_destination_up{destination=\"erp\"} 1"));
}

static void test_not_ready_says_why_and_health_does_not_care(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, "GET", "/readyz", NULL), 200);
	f->broker_up = false;
	assert_int_equal(request(f, "GET", "/readyz", NULL), 503);
	assert_string_equal(body_of(f), "broker: connection refused\n");
	assert_int_equal(request(f, "GET", "/healthz", NULL), 200);
}

static void test_a_long_queue_is_looked_at_up_to_a_bound_and_says_so(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 600; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "e-%d", i);
		(void)put_routed(f, id);
	}
	commit(f);
	assert_int_equal(request(f, "GET", "/v1/queue", NULL), 200);
	assert_int_equal(number_at(f, "items.0.unfinished"), 600);
	assert_int_equal(number_at(f, "items.0.younger"), 100);
	assert_true(says(f, "\"is_cut\":true"));
}

/* --- what is done ------------------------------------------------------------------------------------------ */

static void test_a_pause_is_kept_in_the_store_and_a_resume_pokes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		request(f, "POST", "/v1/destinations/erp/pause", "{\"why\":\"upgrade\"}"), 200);
	assert_true(store_destination_is_paused(f->store, f->erp));
	assert_int_equal(request(f, "POST", "/v1/destinations/erp/pause", NULL), 200);
	assert_true(says(f, "\"changed\":false"));
	assert_int_equal(play.poked, 0);
	assert_int_equal(request(f, "POST", "/v1/destinations/erp/resume", NULL), 200);
	assert_false(store_destination_is_paused(f->store, f->erp));
	assert_int_equal(play.poked, 1);
}

static int on_doubt(void *ctx, const struct store_delivery_row *row)
{
	assert_int_equal(row->state, DELIVERY_READY);
	*(int64_t *)ctx = row->doubt_at_ms;
	return 0;
}

static void test_retrying_what_is_unknown_says_that_it_is_not_there(void **state)
{
	static const char *const kinds[] = { "unknown", "gave_up" };
	struct fixture *f = *state;

	for (int64_t seq = 1; seq <= 2; seq++) {
		int64_t doubt_at_ms = -1;
		char path[64];

		assert_int_equal(put_exception_of(f, kinds[seq - 1], kinds[seq - 1]), seq);
		commit(f);
		(void)snprintf(path, sizeof(path), "/v1/exceptions/%d/retry", (int)seq);
		assert_int_equal(request(f, "POST", path, "{}"), 200);
		assert_int_equal(
			store_list_event_deliveries(f->store, seq, on_doubt, &doubt_at_ms), 0);
		assert_int_equal(doubt_at_ms, seq == 1 ? 0 : 1);
	}
}

static void test_retrying_what_can_be_looked_up_keeps_its_doubt(void **state)
{
	struct fixture *f = *state;
	int64_t doubt_at_ms = 0;

	(void)put_exception_of(f, "a", "unknown");
	commit(f);
	f->destination.idempotency = CONFIG_IDEMPOTENCY_LOOKUP;
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", "{}"), 200);
	assert_int_equal(store_list_event_deliveries(f->store, 1, on_doubt, &doubt_at_ms), 0);
	assert_int_equal(doubt_at_ms, 1);
}

static void test_what_could_double_is_only_sent_again_by_force(void **state)
{
	struct fixture *f = *state;

	(void)put_exception_of(f, "a", "unknown");
	(void)put_exception_of(f, "b", "unknown");
	(void)put_exception(f, "c");
	commit(f);
	f->destination.idempotency = CONFIG_IDEMPOTENCY_NONE;
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", "{}"), 409);
	assert_true(says(f, "could double"));
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", "{\"force\":1}"), 400);
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", "{\"force\":true}"), 200);
	/* past the key's lifetime; a refused one was not applied, and needs no force */
	f->destination.idempotency = CONFIG_IDEMPOTENCY_HEADER;
	f->destination.idempotency_lifetime_ms = 1000;
	assert_int_equal(
		request(f, "POST", "/v1/exceptions/retry", "{\"destination\":\"erp\"}"), 200);
	assert_int_equal(number_at(f, "done"), 1);
	assert_int_equal(number_at(f, "skipped"), 1);
	assert_true(says(f, "could double"));
	assert_int_equal(
		request(f, "POST", "/v1/exceptions/retry", "{\"kind\":\"unknown\",\"force\":true}"),
		200);
	assert_int_equal(number_at(f, "done"), 1);
	assert_int_equal(store_depth(f->store, f->erp, DELIVERY_READY), 3);
}

static void test_a_word_that_no_exception_has_is_a_mistake(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, "GET", "/v1/exceptions?kind=rejcted", NULL), 400);
	assert_true(says(f, "rejected, gave_up"));
	assert_int_equal(request(f, "GET", "/v1/exceptions?severity=high", NULL), 400);
	assert_int_equal(
		request(f, "GET", "/v1/exceptions?kind=hold&severity=critical", NULL), 200);
	assert_int_equal(request(f, "POST", "/v1/exceptions/retry", "{\"kind\":\"x\"}"), 400);
}

static void test_a_retried_exception_is_sent_again_and_only_once(void **state)
{
	struct fixture *f = *state;

	(void)put_exception(f, "a");
	commit(f);
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", "{}"), 200);
	assert_int_equal(store_depth(f->store, f->erp, DELIVERY_READY), 1);
	assert_int_equal(store_depth(f->store, f->erp, DELIVERY_EXCEPTION), 0);
	assert_int_equal(play.poked, 1);
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", "{}"), 409);
	assert_int_equal(request(f, "GET", "/v1/exceptions/1", NULL), 200);
	assert_true(says(f, "\"resolved\""));
	assert_true(says(f, "retried by uid:"));
}

static void test_discarding_needs_a_reason_and_settles_the_delivery(void **state)
{
	struct fixture *f = *state;

	(void)put_exception(f, "a");
	commit(f);
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/discard", "{}"), 400);
	assert_int_equal(
		request(f, "POST", "/v1/exceptions/1/discard", "{\"why\":\"by hand\"}"), 200);
	assert_int_equal(store_depth(f->store, f->erp, DELIVERY_EXCEPTION), 0);
	assert_int_equal(request(f, "GET", "/v1/ledger", NULL), 200);
	assert_int_equal(number_at(f, "by_destination.0.discarded"), 1);
	assert_true(says(f, "\"closed\":true"));
}

static void test_what_is_left_of_no_source_cannot_be_retried_but_discarded(void **state)
{
	struct fixture *f = *state;

	(void)put_unparsable(f, "{", 1);
	commit(f);
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", NULL), 409);
	assert_true(says(f, "no source or hook is there for that now"));
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/discard", "{\"why\":\"x\"}"), 200);
	assert_int_equal(request(f, "GET", "/v1/exceptions", NULL), 200);
	assert_int_equal(number_at(f, "items.0.id"), -1);
	assert_int_equal(request(f, "GET", "/v1/exceptions?all=true", NULL), 200);
	assert_int_equal(number_at(f, "items.0.id"), 1);
}

static void test_what_was_refused_is_taken_again_and_resolved_with_it(void **state)
{
	struct fixture *f = *state;
	struct store_exception kept = { .kind = "unparsable",
		.severity = "normal",
		.reason = "no",
		.origin = "control",
		.raw = "{",
		.raw_len = 1,
		.opened_at_ms = 1 };

	assert_int_equal(store_open_exception(f->store, &kept, NULL), 1);
	kept.kind = "loop"; /* to take that again would go round once more */
	assert_int_equal(store_open_exception(f->store, &kept, NULL), 2);
	commit(f);
	play.status = ACK_STORED;
	play.poisons = true;
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", NULL), 503);
	play.poisons = false;
	assert_int_equal(request(f, "GET", "/v1/exceptions/1", NULL), 200);
	assert_true(says(f, "\"state\":\"open\""));
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", NULL), 200);
	assert_int_equal(number_at(f, "stored"), 1);
	assert_int_equal(request(f, "GET", "/v1/exceptions/1", NULL), 200);
	assert_true(says(f, "\"state\":\"resolved\""));
	assert_int_equal(play.taken, 2);
	assert_int_equal(request(f, "POST", "/v1/exceptions/2/retry", NULL), 409);
	assert_true(says(f, "send it again, then discard"));
	assert_int_equal(play.taken, 2);
}

static void test_a_filter_acts_on_what_fits_and_leaves_the_rest(void **state)
{
	struct fixture *f = *state;

	(void)put_exception(f, "a");
	(void)put_exception(f, "b");
	(void)put_unparsable(f, "{", 1);
	commit(f);
	assert_int_equal(request(f, "POST", "/v1/exceptions/retry", "{}"), 400);
	assert_int_equal(
		request(f, "POST", "/v1/exceptions/retry", "{\"severity\":\"normal\"}"), 200);
	assert_int_equal(number_at(f, "done"), 2);
	assert_int_equal(number_at(f, "skipped"), 1);
	assert_int_equal(number_at(f, "cursor"), -1);
	assert_int_equal(store_depth(f->store, f->erp, DELIVERY_READY), 2);
}

static void test_a_filter_acts_on_a_thousand_and_says_where_to_go_on(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 1005; i++)
		(void)put_unparsable(f, (const char *)&i, sizeof(i));
	commit(f);
	assert_int_equal(request(f, "POST", "/v1/exceptions/discard",
				 "{\"kind\":\"unparsable\",\"why\":\"a broken device\"}"),
		200);
	assert_int_equal(number_at(f, "done"), 1000);
	assert_int_equal(number_at(f, "cursor"), 6);
	assert_int_equal(request(f, "POST", "/v1/exceptions/discard",
				 "{\"kind\":\"unparsable\",\"why\":\"x\",\"cursor\":6}"),
		200);
	assert_int_equal(number_at(f, "done"), 5);
	assert_int_equal(number_at(f, "cursor"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pages_go_on_at_the_cursor_and_end),
		TEST(test_an_event_is_shown_with_its_whole_life),
		TEST(test_an_id_of_several_sources_is_not_guessed),
		TEST(test_a_document_is_found_by_its_bare_id),
		TEST(test_raw_bytes_that_are_no_text_come_as_base64),
		TEST(test_status_queue_ledger_and_metrics_agree),
		TEST(test_a_throttled_destination_is_down_until_the_time_that_is_shown),
		TEST(test_not_ready_says_why_and_health_does_not_care),
		TEST(test_a_long_queue_is_looked_at_up_to_a_bound_and_says_so),
		TEST(test_a_pause_is_kept_in_the_store_and_a_resume_pokes),
		TEST(test_a_retried_exception_is_sent_again_and_only_once),
		TEST(test_retrying_what_is_unknown_says_that_it_is_not_there),
		TEST(test_retrying_what_can_be_looked_up_keeps_its_doubt),
		TEST(test_what_could_double_is_only_sent_again_by_force),
		TEST(test_a_word_that_no_exception_has_is_a_mistake),
		TEST(test_discarding_needs_a_reason_and_settles_the_delivery),
		TEST(test_what_is_left_of_no_source_cannot_be_retried_but_discarded),
		TEST(test_what_was_refused_is_taken_again_and_resolved_with_it),
		TEST(test_a_filter_acts_on_what_fits_and_leaves_the_rest),
		TEST(test_a_filter_acts_on_a_thousand_and_says_where_to_go_on),
	};

	/* As main.c does: a client that has left is not a reason to end. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
