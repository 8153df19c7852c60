/* The store as others see it: schema, events, exceptions, counting, purging. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "help_store.h"
#include "store/store_internal.h"

#define ERP 1

/* --- schema -------------------------------------------------------------------------------------- */

static void test_a_new_file_has_the_schema_and_is_private(void **state)
{
	struct shed *shed = *state;
	struct stat about;
	assert_int_equal(stat(shed->path, &about), 0);
	assert_int_equal(about.st_mode & 0007, 0);
	assert_int_equal(shed_ask(shed, "PRAGMA user_version"), schema_version);
	assert_int_equal(shed_ask(shed, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM pragma_journal_mode"
					" WHERE journal_mode = 'wal'"),
		1);
}

static int64_t ask_running(struct shed *shed, const char *sql)
{
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_prepare_v2(shed->store->db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t answer = sqlite3_column_int64(stmt, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return answer;
}

/* Settings of the connection, not of the file: only the store's own connection can tell. */
static void test_a_commit_is_on_disk_when_it_returns(void **state)
{
	struct shed *shed = *state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask_running(shed, "PRAGMA synchronous"), 2);
		assert_int_equal(
			ask_running(shed, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"),
			1);
		shed_reopen(shed);
	}
}

static void alter(struct shed *shed, const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(shed->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_a_newer_schema_is_refused_in_words(void **state)
{
	struct shed *shed = *state;
	struct store_options options;
	struct store *other = NULL;
	struct error err = { 0 };
	alter(shed, "PRAGMA user_version = 99");
	shed_open_options(shed, &options);
	assert_int_equal(store_open(&options, &other, &err), -1);
	assert_null(other);
	assert_non_null(strstr(err.message, "schema 99"));
}

/* --- events -------------------------------------------------------------------------------------- */

static const uint8_t digest_a[ID_DIGEST_BYTES] = { 1 };
static const uint8_t digest_b[ID_DIGEST_BYTES] = { 2 };

static struct store_event full_event(void)
{
	return (struct store_event){
		.source = "/dc/tc52",
		.id = "one",
		.type = "pick",
		.device = "tc52",
		.document = "sales_order/SO-88",
		.correlation = "SO-88",
		.origin = "handhelds",
		.occurred_at_ms = 10,
		.sent_at_ms = 11,
		.received_at_ms = 12,
		.sequence = 7,
		.digest = digest_a,
		.body = "{\"id\":\"one\"}",
		.len = 12,
		.raw = "\x00\xff",
		.raw_len = 2,
	};
}

static int check_full(void *ctx, const struct store_event_row *row)
{
	assert_int_equal(row->revision, 1);
	assert_string_equal(row->source, "/dc/tc52");
	assert_string_equal(row->id, "one");
	assert_string_equal(row->type, "pick");
	assert_string_equal(row->device, "tc52");
	assert_string_equal(row->document, "sales_order/SO-88");
	assert_string_equal(row->correlation, "SO-88");
	assert_string_equal(row->origin, "handhelds");
	assert_int_equal(row->occurred_at_ms, 10);
	assert_int_equal(row->sent_at_ms, 11);
	assert_int_equal(row->received_at_ms, 12);
	assert_int_equal(row->len, 12);
	assert_memory_equal(row->body, "{\"id\":\"one\"}", 12);
	assert_int_equal(row->raw_len, 2);
	assert_memory_equal(row->raw, "\x00\xff", 2);
	*(int64_t *)ctx = row->seq;
	return 0;
}

static void test_an_event_comes_back_as_it_was_put(void **state)
{
	struct shed *shed = *state;
	struct store_event event = full_event();
	int64_t seq = 0;
	int64_t found = 0;
	assert_int_equal(store_put_event(shed->store, &event, &seq), STORE_STORED);
	shed_commit(shed);
	assert_int_equal(store_get_event(shed->store, 0, "one", check_full, &found), 1);
	assert_int_equal(found, seq);
	assert_int_equal(store_get_event(shed->store, seq, NULL, check_full, &found), 1);
	assert_int_equal(store_get_event(shed->store, 0, "two", check_full, &found), 0);
}

static int take_correlation(void *ctx, const struct store_event_row *row)
{
	(void)snprintf(ctx, 64, "%s", row->correlation);
	return 0;
}

static void test_a_correlation_is_kept_whether_derivable_or_not(void **state)
{
	static const struct {
		const char *document, *correlation;
	} cases[] = { { "sales_order/SO-1", "SO-1" }, { "sales_order/SO-1", "W-9" },
		{ "sales_order/SO-1", "" }, { "", "W-9" }, { "", "" }, { "SH-1", "SH-1" } };
	struct shed *shed = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_event event = full_event();
		char id[16];
		char got[64];
		int64_t seq;
		(void)snprintf(id, sizeof(id), "c%zu", i);
		event.id = id;
		event.document = cases[i].document;
		event.correlation = cases[i].correlation;
		assert_int_equal(store_put_event(shed->store, &event, &seq), STORE_STORED);
		assert_int_equal(store_get_event(shed->store, seq, NULL, take_correlation, got), 1);
		assert_string_equal(got, cases[i].correlation);
	}
}

static void test_the_same_content_again_is_a_duplicate_and_other_content_a_conflict(void **state)
{
	struct shed *shed = *state;
	struct store_event event = full_event();
	int64_t first = 0;
	int64_t seq = 0;
	assert_int_equal(store_put_event(shed->store, &event, &first), STORE_STORED);
	event.sent_at_ms = 99;
	assert_int_equal(store_put_event(shed->store, &event, &seq), STORE_DUPLICATE);
	assert_int_equal(seq, first);
	event.digest = digest_b;
	assert_int_equal(store_put_event(shed->store, &event, &seq), STORE_CONFLICT);
	assert_int_equal(seq, first);
	event.source = "/dc/other";
	assert_int_equal(store_put_event(shed->store, &event, &seq), STORE_STORED);
	assert_int_equal(seq, first + 1);
	assert_false(store_is_poisoned(shed->store));
}

static int collect_seqs(void *ctx, const struct store_event_row *row)
{
	int64_t *list = ctx;
	list[++list[0]] = row->seq;
	return 0;
}

static void test_a_list_of_events_goes_on_at_its_cursor(void **state)
{
	struct shed *shed = *state;
	int64_t cursor = 0;
	int64_t list[32] = { 0 };
	for (int n = 1; n <= 9; n++)
		(void)shed_put_event(shed, n);
	struct store_event_filter filter = { .device = "d0", .limit = 2 };
	do {
		filter.before_seq = cursor;
		assert_int_equal(
			store_list_events(shed->store, &filter, collect_seqs, list, &cursor), 0);
	} while (cursor != 0);
	assert_int_equal(list[0], 3);
	assert_int_equal(list[1], 9);
	assert_int_equal(list[2], 6);
	assert_int_equal(list[3], 3);

	list[0] = 0;
	filter = (struct store_event_filter){ .id = "e4", .limit = 10 };
	assert_int_equal(store_list_events(shed->store, &filter, collect_seqs, list, &cursor), 0);
	assert_int_equal(list[0], 1);
	filter = (struct store_event_filter){
		.document = "purchase_order/PO-1", .since_ms = 3000, .until_ms = 5000, .limit = 10
	};
	assert_int_equal(store_list_events(shed->store, &filter, collect_seqs, list, &cursor), 0);
	assert_int_equal(list[0], 3);
}

/* --- counting ------------------------------------------------------------------------------------ */

static int add_n(void *ctx, const struct store_tally_row *row)
{
	if (strcmp(row->outcome, "rejected") == 0 && strcmp(row->detail, "bad_json") == 0)
		*(int64_t *)ctx += row->n;
	return 0;
}

static void test_more_kinds_of_counts_than_the_turn_can_hold_are_all_counted(void **state)
{
	struct shed *shed = *state;
	int64_t n = 0;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3 * TALLY_CELLS; i++) {
			char device[16];
			(void)snprintf(device, sizeof(device), "d%d", i);
			assert_int_equal(store_count(shed->store, 1000, "s", device, "receipt", 0,
						 "rejected", "bad_json"),
				0);
		}
		shed_commit(shed);
	}
	assert_int_equal(store_sum_tally(shed->store, STORE_TALLY_METRICS, 0, add_n, &n), 0);
	assert_int_equal(n, 6 * TALLY_CELLS);
}

static int check_sequence(void *ctx, const char *source, int64_t first, int64_t last, int64_t seen)
{
	assert_string_equal(source, "/dc/tc52");
	assert_int_equal(first, 3);
	assert_int_equal(last, 9);
	assert_int_equal(seen, 3);
	++*(int *)ctx;
	return 0;
}

static void test_gaps_in_a_sequence_can_be_named(void **state)
{
	static const int64_t numbers[] = { 7, 3, 9 };
	struct shed *shed = *state;
	int n = 0;
	for (size_t i = 0; i < 3; i++) {
		struct store_event event = full_event();
		char id[16];
		int64_t seq;
		(void)snprintf(id, sizeof(id), "s%zu", i);
		event.id = id;
		event.sequence = numbers[i];
		assert_int_equal(store_put_event(shed->store, &event, &seq), STORE_STORED);
		assert_int_equal(store_put_event(shed->store, &event, &seq), STORE_DUPLICATE);
	}
	assert_int_equal(store_list_sequences(shed->store, check_sequence, &n), 0);
	assert_int_equal(n, 1);
}

/* --- exceptions ---------------------------------------------------------------------------------- */

static void count_all(void *ctx, const char *kind, const char *severity, int64_t n)
{
	(void)kind;
	(void)severity;
	*(int64_t *)ctx += n;
}

static int64_t n_open(struct shed *shed)
{
	int64_t n = 0;
	store_count_open(shed->store, count_all, &n);
	return n;
}

static int64_t open_one(struct shed *shed, const char *kind, int64_t seq, int destination,
	const char *raw, bool *ret_is_new)
{
	const struct store_exception exception = {
		.kind = kind,
		.severity = "normal",
		.code = "bad_json",
		.reason = "it can't be read",
		.field = "",
		.seq = seq,
		.destination = destination,
		.origin = "handhelds",
		.device = "",
		.raw = raw,
		.raw_len = raw ? strlen(raw) : 0,
		.opened_at_ms = 100,
		.due_at_ms = 200,
	};
	int64_t id = store_open_exception(shed->store, &exception, ret_is_new);
	assert_true(id > 0);
	return id;
}

static int take_repeats(void *ctx, const struct store_exception_row *row)
{
	*(int64_t *)ctx = row->repeats;
	return 0;
}

static void test_the_same_garbage_raises_a_number_until_it_is_resolved(void **state)
{
	struct shed *shed = *state;
	bool is_new = false;
	int64_t repeats = 0;
	int64_t id = open_one(shed, "unparsable", 0, 0, "{garbage", &is_new);
	assert_true(is_new);
	assert_int_equal(open_one(shed, "unparsable", 0, 0, "{garbage", &is_new), id);
	assert_false(is_new);
	assert_int_not_equal(open_one(shed, "unparsable", 0, 0, "{other", NULL), id);
	assert_int_equal(store_get_exception(shed->store, id, take_repeats, &repeats), 1);
	assert_int_equal(repeats, 1);
	shed_commit(shed);
	assert_int_equal(n_open(shed), 2);

	assert_int_equal(store_resolve_exception(shed->store, id, "discarded", 300), 0);
	assert_int_equal(store_resolve_exception(shed->store, id, "discarded", 300), 0);
	shed_commit(shed);
	assert_int_equal(n_open(shed), 1);
	assert_int_not_equal(open_one(shed, "unparsable", 0, 0, "{garbage", &is_new), id);
	assert_true(is_new);
	shed_commit(shed);
	shed_reopen(shed);
	assert_int_equal(n_open(shed), 2);
}

struct told_row {
	char code[32], reason[64], field[32], device[32];
	int64_t repeats;
};

static int take_words(void *ctx, const struct store_exception_row *row)
{
	struct told_row *told = ctx;
	(void)snprintf(told->code, sizeof(told->code), "%s", row->code);
	(void)snprintf(told->reason, sizeof(told->reason), "%s", row->reason);
	(void)snprintf(told->field, sizeof(told->field), "%s", row->field);
	(void)snprintf(told->device, sizeof(told->device), "%s", row->device);
	told->repeats = row->repeats;
	return 0;
}

static void test_the_same_message_again_tells_what_is_wrong_with_it_today(void **state)
{
	static const char raw[] = "{\"type\":\"receipt\"}";
	struct shed *shed = *state;
	struct store_exception exception = {
		.kind = "invalid",
		.severity = "normal",
		.code = "field_missing",
		.reason = "time is missing",
		.field = "/time",
		.origin = "gate/7/tags",
		.device = "",
		.raw = raw,
		.raw_len = strlen(raw),
		.opened_at_ms = 100,
		.due_at_ms = 200,
	};
	struct told_row told;
	int64_t id = store_open_exception(shed->store, &exception, NULL);
	exception.code = "item_unknown";
	exception.reason = "there is no item SKU-9";
	exception.field = "";
	exception.device = "G-7";
	assert_int_equal(store_open_exception(shed->store, &exception, NULL), id);
	exception.device = "";
	assert_int_equal(store_open_exception(shed->store, &exception, NULL), id);
	shed_commit(shed);
	assert_int_equal(store_get_exception(shed->store, id, take_words, &told), 1);
	assert_string_equal(told.code, "item_unknown");
	assert_string_equal(told.reason, "there is no item SKU-9");
	assert_string_equal(told.field, "");
	assert_string_equal(told.device, "G-7"); /* who it was is not forgotten */
	assert_int_equal(told.repeats, 2);
}

static void test_a_hold_is_resolved_by_its_destination(void **state)
{
	struct shed *shed = *state;
	(void)open_one(shed, "hold", 0, ERP, NULL, NULL);
	(void)open_one(shed, "hold", 0, ERP + 1, NULL, NULL);
	assert_int_equal(store_resolve_hold(shed->store, ERP, "a probe passed", 300), 0);
	assert_int_equal(store_resolve_hold(shed->store, ERP, "a probe passed", 300), 0);
	shed_commit(shed);
	assert_int_equal(n_open(shed), 1);
}

static int count_row(void *ctx, const struct store_exception_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

static void test_exceptions_are_listed_by_kind_and_with_the_resolved_on_request(void **state)
{
	struct shed *shed = *state;
	int n = 0;
	int64_t cursor;
	int64_t id = open_one(shed, "rejected", 1, ERP, NULL, NULL);
	(void)open_one(shed, "rejected", 2, ERP, NULL, NULL);
	(void)open_one(shed, "unparsable", 0, 0, "x", NULL);
	assert_int_equal(store_resolve_exception(shed->store, id, "retried", 300), 0);
	struct store_exception_filter filter = { .kind = "rejected", .limit = 10 };
	assert_int_equal(store_list_exceptions(shed->store, &filter, count_row, &n, &cursor), 0);
	assert_int_equal(n, 1);
	filter.with_resolved = true;
	assert_int_equal(store_list_exceptions(shed->store, &filter, count_row, &n, &cursor), 0);
	assert_int_equal(n, 3);
}

/* --- names --------------------------------------------------------------------------------------- */

static void test_names_and_revisions_keep_their_numbers_over_a_poisoned_turn(void **state)
{
	struct shed *shed = *state;
	size_t len = 0;
	int tms = store_destination_id(shed->store, "tms");
	int revision = store_connector_revision(shed->store, "rest", "{\"v\":1}", 7, digest_a, 100);
	assert_int_equal(store_destination_pause(shed->store, ERP, true), 0);
	store_abandon(shed->store);
	assert_false(store_destination_is_paused(shed->store, ERP));
	assert_int_equal(store_destination_id(shed->store, "tms"), tms);
	assert_int_equal(
		store_connector_revision(shed->store, "rest", "{\"v\":1}", 7, digest_a, 100),
		revision);
	(void)shed_put(shed, 1, tms, "");
	shed_commit(shed);
	shed_reopen(shed);
	assert_string_equal(store_destination_name(shed->store, tms), "tms");
	char *text = store_connector_text(shed->store, revision, &len);
	assert_non_null(text);
	assert_string_equal(text, "{\"v\":1}");
	free(text);
	assert_int_equal(
		store_connector_revision(shed->store, "rest", "{\"v\":1}", 7, digest_a, 100),
		revision);
	assert_int_not_equal(
		store_connector_revision(shed->store, "rest", "{\"v\":2}", 7, digest_b, 100),
		revision);
}

static void test_a_pause_survives_a_restart(void **state)
{
	struct shed *shed = *state;
	assert_int_equal(store_destination_pause(shed->store, ERP, true), 0);
	shed_commit(shed);
	shed_reopen(shed);
	assert_true(store_destination_is_paused(shed->store, ERP));
}

/* --- purging ------------------------------------------------------------------------------------- */

static void finish(struct shed *shed, int64_t seq)
{
	shed_claim(shed, ERP, seq);
	shed_settle(shed, ERP, seq, DELIVERY_DONE);
}

static void test_purge_keeps_what_is_unfinished_or_needs_a_person(void **state)
{
	struct shed *shed = *state;
	bool more = false;
	int64_t done = shed_put(shed, 1, ERP, "");
	int64_t ready = shed_put(shed, 2, ERP, "");
	int64_t asked = shed_put(shed, 3, ERP, "");
	int64_t young = shed_put(shed, 50, ERP, "");
	finish(shed, done);
	finish(shed, asked);
	finish(shed, young);
	assert_int_equal(
		store_put_attempt(shed->store, ERP, done, 1, 5, 5, "retry", 503, "busy"), 0);
	int64_t exception = open_one(shed, "discrepancy", asked, 0, NULL, NULL);
	shed_commit(shed);

	int n = store_purge(shed->store, 10000, 100, &more);
	assert_int_equal(n, 1);
	assert_false(more);
	shed_commit(shed);
	assert_int_equal(shed_state(shed, ERP, done), 0);
	assert_int_equal(shed_state(shed, ERP, ready), DELIVERY_READY);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM attempt"), 0);
	assert_int_equal(store_depth(shed->store, ERP, DELIVERY_DONE), 2);

	assert_int_equal(store_resolve_exception(shed->store, exception, "seen", 300), 0);
	assert_int_equal(store_purge(shed->store, 10000, 100, &more), 1);
	shed_commit(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception"), 0);
	assert_int_equal(shed_state(shed, ERP, young), DELIVERY_DONE);
}

static void test_purge_goes_in_slices_and_visits_what_stays_once_a_round(void **state)
{
	struct shed *shed = *state;
	bool more = true;
	int n_purged = 0;
	int n_slices = 0;
	for (int n = 1; n <= 30; n++) {
		int64_t seq = shed_put(shed, n, ERP, "");
		if (n % 3 != 0)
			finish(shed, seq);
	}
	shed_commit(shed);
	for (; more; n_slices++) {
		int n = store_purge(shed->store, 1000000, 7, &more);
		assert_in_range(n, 0, 7);
		n_purged += n;
		shed_commit(shed);
	}
	assert_int_equal(n_purged, 20);
	assert_int_equal(n_slices, 5);
}

static void test_a_seq_is_never_given_twice(void **state)
{
	struct shed *shed = *state;
	bool more;
	int64_t last = 0;
	for (int n = 1; n <= 5; n++)
		last = shed_put_event(shed, n);
	shed_commit(shed);
	assert_int_equal(store_purge(shed->store, 1000000, 100, &more), 5);
	shed_commit(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM event"), 0);
	shed_reopen(shed);
	assert_int_equal(shed_put_event(shed, 6), last + 1);
}

/* --- audit --------------------------------------------------------------------------------------- */

static void test_each_line_of_the_audit_trail_hangs_on_the_one_before(void **state)
{
	struct shed *shed = *state;
	assert_int_equal(
		store_audit(shed->store, 1, "uid:1000", "destination.pause", "erp", "why"), 0);
	assert_int_equal(
		store_audit(shed->store, 1, "uid:1000", "destination.pause", "erp", "why"), 0);
	shed_commit(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(DISTINCT hash) FROM audit"), 2);
	assert_int_equal(shed_ask(shed, "SELECT length(hash) FROM audit"), ID_DIGEST_BYTES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shed_set_up, shed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_new_file_has_the_schema_and_is_private),
		TEST(test_a_commit_is_on_disk_when_it_returns),
		TEST(test_a_newer_schema_is_refused_in_words),
		TEST(test_an_event_comes_back_as_it_was_put),
		TEST(test_a_correlation_is_kept_whether_derivable_or_not),
		TEST(test_the_same_content_again_is_a_duplicate_and_other_content_a_conflict),
		TEST(test_a_list_of_events_goes_on_at_its_cursor),
		TEST(test_more_kinds_of_counts_than_the_turn_can_hold_are_all_counted),
		TEST(test_gaps_in_a_sequence_can_be_named),
		TEST(test_the_same_garbage_raises_a_number_until_it_is_resolved),
		TEST(test_the_same_message_again_tells_what_is_wrong_with_it_today),
		TEST(test_a_hold_is_resolved_by_its_destination),
		TEST(test_exceptions_are_listed_by_kind_and_with_the_resolved_on_request),
		TEST(test_names_and_revisions_keep_their_numbers_over_a_poisoned_turn),
		TEST(test_a_pause_survives_a_restart),
		TEST(test_purge_keeps_what_is_unfinished_or_needs_a_person),
		TEST(test_purge_goes_in_slices_and_visits_what_stays_once_a_round),
		TEST(test_a_seq_is_never_given_twice),
		TEST(test_each_line_of_the_audit_trail_hangs_on_the_one_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
