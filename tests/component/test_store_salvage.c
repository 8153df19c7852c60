/*
 * What a broken database held comes back as it was, or in doubt: each rule for rows, keys, counts,
 * events sent again meanwhile, and a salvage that is cut short at any point.
 *
 * The reading thread is played here: it copies rows of the database that was set aside, which is
 * sound, and does to them what a test asks for.
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

#include "help_faulty_vfs.h"
#include "help_store.h"
#include "store/store_internal.h"

#define ERP 1
#define TMS 2
#define NOW 500000

/* --- the reader ---------------------------------------------------------------------------------- */

static struct {
	int64_t slice_events;
	const char *damage; /* SQL on each chunk, or NULL */
	bool is_behind, has_tally;
	int64_t events_lost; /* told with the last chunk */
	unsigned n_started;
} plan;

struct salvage {
	char path[ASIDE_PATH_MAX], chunk_path[ASIDE_PATH_MAX];
	int64_t after_seq;
	struct salvage_chunk chunk;
	bool is_ready;
};

static void run(sqlite3 *db, const char *format, ...)
{
	char sql[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	char *message = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

static void write_chunk(struct salvage *salvage)
{
	static const char *const last_tables[] = { "sequence", "tally", "counter", "cursor",
		"exception", "audit", "reference", "alias", "progress", "config_revision" };
	struct error err;
	sqlite3 *db;
	char sql[256];
	(void)unlink(salvage->chunk_path);
	assert_int_equal(sqlite3_open(salvage->chunk_path, &db), SQLITE_OK);
	assert_int_equal(schema_migrate(db, schema_texts, schema_version, &err), 0);
	run(db, "CREATE TABLE lost (seq INTEGER, source TEXT, id TEXT)");
	run(db, "ATTACH '%s' AS old", salvage->path);
	(void)snprintf(sql, sizeof(sql),
		"SELECT coalesce(max(seq), 0) FROM (SELECT seq FROM old.event"
		" WHERE seq > %lld ORDER BY seq LIMIT %lld)",
		(long long)salvage->after_seq, (long long)plan.slice_events);
	int64_t to_seq = ask(db, sql);
	int64_t last_seq = ask(db, "SELECT coalesce(max(seq), 0) FROM old.event");
	salvage->chunk = (struct salvage_chunk){
		.to_seq = to_seq,
		.is_last = to_seq == last_seq || to_seq == 0,
		.last_seq = last_seq,
		.is_behind = plan.is_behind,
		.has_tally = plan.has_tally,
	};
	for (size_t i = 0; i < 3; i++)
		run(db, "INSERT INTO main.%s SELECT * FROM old.%s WHERE seq > %lld AND seq <= %lld",
			(const char *[]){ "event", "delivery", "attempt" }[i],
			(const char *[]){ "event", "delivery", "attempt" }[i],
			(long long)salvage->after_seq, (long long)to_seq);
	run(db, "INSERT INTO main.destination SELECT * FROM old.destination");
	run(db, "INSERT INTO main.connector_revision SELECT * FROM old.connector_revision");
	for (size_t i = 0; salvage->chunk.is_last && i < sizeof(last_tables) / sizeof(char *); i++)
		if (plan.has_tally || strcmp(last_tables[i], "tally") != 0)
			run(db, "INSERT INTO main.%s SELECT * FROM old.%s", last_tables[i],
				last_tables[i]);
	if (plan.damage)
		run(db, "%s", plan.damage);
	salvage->chunk.events_lost = salvage->chunk.is_last ? plan.events_lost : 0;
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	salvage->is_ready = true;
}

int salvage_start(const struct salvage_options *options, struct salvage **ret, struct error *err)
{
	struct salvage *salvage = calloc(1, sizeof(*salvage));
	(void)err;
	assert_non_null(salvage);
	assert_null(options->source);
	(void)snprintf(salvage->path, sizeof(salvage->path), "%s", options->path);
	(void)snprintf(salvage->chunk_path, sizeof(salvage->chunk_path), "%s", options->chunk_path);
	salvage->after_seq = options->after_seq;
	plan.n_started++;
	write_chunk(salvage);
	*ret = salvage;
	return 0;
}

bool salvage_chunk(struct salvage *salvage, struct salvage_chunk *ret)
{
	*ret = salvage->chunk;
	return salvage->is_ready;
}

void salvage_next(struct salvage *salvage)
{
	assert_false(salvage->chunk.is_last);
	salvage->after_seq = salvage->chunk.to_seq;
	write_chunk(salvage);
}

void salvage_stop(struct salvage *salvage)
{
	if (salvage)
		(void)unlink(salvage->chunk_path);
	free(salvage);
}

bool wal_is_damaged(const char *path)
{
	(void)path;
	return false;
}

bool wal_has_frames(const char *path)
{
	(void)path;
	return false;
}

/* --- a shed whose store breaks --------------------------------------------------------------------- */

static int setup(void **state)
{
	struct shed *shed = calloc(1, sizeof(*shed));
	assert_non_null(shed);
	plan.slice_events = 3;
	plan.damage = NULL;
	plan.is_behind = false;
	plan.has_tally = true;
	plan.events_lost = 0;
	plan.n_started = 0;
	assert_int_equal(faulty_vfs_register(), 0);
	shed_init(shed, FAULTY_VFS);
	assert_int_equal(store_destination_id(shed->store, "erp"), ERP);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	shed_commit(shed);
	*state = shed;
	return 0;
}

static int teardown(void **state)
{
	faulty_vfs_disarm();
	shed_done(*state);
	free(*state);
	return 0;
}

static void break_store(struct shed *shed)
{
	struct error err = { 0 };
	(void)store_break(shed->store, "a test broke it");
	store_abandon(shed->store);
	if (store_replace(shed->store, &err) < 0)
		fail_msg("%s", err.message);
	assert_null(store_broken(shed->store));
	assert_true(store_is_salvaging(shed->store));
}

/* The one configured route: all to the ERP under the key "torn". */
static int route(void *ctx, const struct store_event_row *event, store_target_fn fn, void *fn_ctx)
{
	(void)ctx;
	(void)event;
	return fn(fn_ctx, &(struct store_target){ .destination = "erp", .key = "torn", .lane = 1 });
}

static int salvage_slice(struct shed *shed)
{
	const struct store_salvaging with = {
		.now_ms = NOW, .due_at_ms = NOW + 1000, .route = route
	};
	int status = store_salvage(shed->store, &with);
	if (status >= 0 && store_commit(shed->store) == 0)
		return status;
	store_abandon(shed->store);
	return -1;
}

static const char miscounted_depth[] =
	"SELECT count(*) FROM (SELECT destination, state, sum(n) AS n FROM ("
	" SELECT destination, state, n FROM depth UNION ALL"
	" SELECT destination, state, -count(*) FROM delivery GROUP BY 1, 2"
	") GROUP BY 1, 2) WHERE n <> 0";
/* Of each key the first is not parked, and each other is, in doubt, or an exception. */
static const char misplaced[] =
	"SELECT count(*) FROM delivery AS d WHERE held_key IS NOT NULL AND"
	" (state = 4) = (seq = (SELECT min(seq) FROM delivery WHERE destination = d.destination"
	" AND held_key = d.held_key)) AND state NOT IN (5, 6)";
static const char unbalanced[] =
	"SELECT count(*) FROM (SELECT destination, sum(n) AS n FROM (SELECT destination, CASE outcome"
	" WHEN 'routed' THEN n WHEN 'done' THEN -n WHEN 'discarded' THEN -n WHEN 'lost' THEN -n"
	" ELSE 0 END AS n FROM tally UNION ALL SELECT destination, -n FROM depth WHERE state < 7)"
	" WHERE destination > 0 GROUP BY 1) WHERE n <> 0";

static void check_sums(struct shed *shed)
{
	assert_int_equal(shed_ask(shed, miscounted_depth), 0);
	assert_int_equal(shed_ask(shed, misplaced), 0);
	assert_int_equal(shed_ask(shed, unbalanced), 0);
}

static void salvage_all(struct shed *shed)
{
	unsigned n = 0;
	while (store_is_salvaging(shed->store)) {
		assert_true(salvage_slice(shed) >= 0);
		assert_true(++n < 1000);
	}
	check_sums(shed);
}

static struct store_salvage_view view_of(struct shed *shed)
{
	struct store_salvage_view view;
	store_get_salvage(shed->store, &view);
	return view;
}

static void make_exception(struct shed *shed, int64_t seq, int destination)
{
	const struct store_exception exception = {
		.kind = "rejected",
		.severity = "normal",
		.code = "422",
		.reason = "no such item",
		.field = "",
		.seq = seq,
		.destination = destination,
		.origin = "handhelds",
		.device = "d1",
		.opened_at_ms = 1,
		.due_at_ms = 2,
	};
	assert_true(store_open_exception(shed->store, &exception, NULL) > 0);
}

/* --- states ---------------------------------------------------------------------------------------- */

static void settle_proven(struct shed *shed, int64_t seq, enum delivery_state to)
{
	const struct store_settlement settlement = {
		.to = to, .due_at_ms = 90000, .is_proven = true, .now_ms = 60000
	};
	assert_int_equal(store_settle(shed->store, ERP, seq, &settlement), 0);
}

static void test_each_delivery_comes_back_as_it_was_or_in_doubt(void **state)
{
	struct shed *shed = *state;
	int64_t ready = shed_put(shed, 1, ERP, "");
	int64_t waiting = shed_put(shed, 2, ERP, "");
	int64_t waiting_in_doubt = shed_put(shed, 3, ERP, "");
	int64_t claimed = shed_put(shed, 4, ERP, "");
	int64_t exception = shed_put(shed, 5, ERP, "");
	int64_t done = shed_put(shed, 6, ERP, "");
	int64_t discarded = shed_put(shed, 7, ERP, "");
	int64_t first = shed_put(shed, 8, ERP, "PO-1");
	int64_t parked = shed_put(shed, 9, ERP, "PO-1");
	shed_claim(shed, ERP, waiting);
	settle_proven(shed, waiting, DELIVERY_WAITING);
	shed_claim(shed, ERP, waiting_in_doubt);
	shed_settle(shed, ERP, waiting_in_doubt, DELIVERY_WAITING);
	shed_claim(shed, ERP, claimed);
	shed_claim(shed, ERP, exception);
	shed_settle(shed, ERP, exception, DELIVERY_EXCEPTION);
	make_exception(shed, exception, ERP);
	shed_claim(shed, ERP, done);
	shed_settle(shed, ERP, done, DELIVERY_DONE);
	shed_claim(shed, ERP, discarded);
	shed_settle(shed, ERP, discarded, DELIVERY_EXCEPTION);
	shed_settle(shed, ERP, discarded, DELIVERY_DISCARDED);
	shed_commit(shed);

	break_store(shed);
	assert_int_equal(shed_state(shed, ERP, ready), 0);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, ready), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, waiting), DELIVERY_WAITING);
	assert_int_equal(shed_state(shed, ERP, waiting_in_doubt), DELIVERY_SUSPECT);
	assert_int_equal(shed_state(shed, ERP, claimed), DELIVERY_SUSPECT);
	assert_int_equal(shed_state(shed, ERP, exception), DELIVERY_EXCEPTION);
	assert_int_equal(shed_state(shed, ERP, done), DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, discarded), DELIVERY_DISCARDED);
	assert_int_equal(shed_state(shed, ERP, first), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, parked), DELIVERY_PARKED);
	/* What a repeat needs is kept. */
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE state = 5 AND"
					" attempts = 1 AND claimed_at_ms = 50000 AND"
					" doubt_at_ms = 50000 AND due_at_ms IS NULL"),
		2);
	assert_int_equal(view_of(shed).state, STORE_SALVAGE_DONE);
	assert_int_equal(view_of(shed).events, 9);
	assert_int_equal(view_of(shed).deliveries, 7);
	assert_int_equal(view_of(shed).in_doubt, 2);
	assert_int_equal(view_of(shed).events_lost + view_of(shed).deliveries_lost, 0);
	assert_non_null(strstr(view_of(shed).file, ".salvaged-1"));
	assert_int_equal(access(view_of(shed).file, F_OK), 0);
}

static void test_a_batch_in_doubt_comes_back_whole(void **state)
{
	struct shed *shed = *state;
	for (int n = 1; n <= 8; n++) {
		int64_t seq = shed_put(shed, n, ERP, n % 2 ? "PO-odd" : "");
		if (n == 1 || n % 2 == 0)
			assert_int_equal(store_claim(shed->store, ERP, seq, 1, 0, 50000), 0);
	}
	shed_commit(shed);
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE state = 5 AND"
					" batch = 1 AND attempts = 1"),
		5);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE state = 4"), 3);
}

static void test_a_database_that_lost_commits_is_all_doubt(void **state)
{
	struct shed *shed = *state;
	int64_t done = shed_put(shed, 1, ERP, "");
	shed_claim(shed, ERP, done);
	shed_settle(shed, ERP, done, DELIVERY_DONE);
	for (int n = 2; n <= 5; n++)
		(void)shed_put(shed, n, ERP, "PO-1");
	shed_commit(shed);
	break_store(shed);
	plan.is_behind = true;
	/* The reader had begun already. */
	shed_reopen(shed);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, done), DELIVERY_DONE);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE state = 5 AND"
					" doubt_at_ms >= 2000"),
		4);
	assert_int_equal(view_of(shed).in_doubt, 4);
}

static void test_a_delivery_whose_row_is_gone_is_made_from_its_event(void **state)
{
	struct shed *shed = *state;
	int64_t first = shed_put(shed, 1, ERP, "torn");
	int64_t second = shed_put(shed, 2, ERP, "torn");
	int64_t other = shed_put(shed, 3, TMS, "");
	shed_claim(shed, ERP, first);
	shed_settle(shed, ERP, first, DELIVERY_DONE);
	shed_commit(shed);
	plan.damage = "UPDATE delivery SET state = 0, held_key = NULL WHERE destination = 1;"
		      "DELETE FROM destination WHERE id = 2";
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, first), DELIVERY_SUSPECT);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_SUSPECT);
	assert_int_equal(shed_state(shed, ERP, other), DELIVERY_SUSPECT);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE held_key = 'torn' AND"
					" doubt_at_ms = seq * 1000"),
		3);
	assert_int_equal(view_of(shed).deliveries_torn, 3);

	/* Behind another one it waits for it; once it is proven to be needed. */
	shed_settle(shed, ERP, second, DELIVERY_READY);
	shed_settle(shed, ERP, first, DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_PARKED);
	shed_claim(shed, ERP, first);
	shed_settle(shed, ERP, first, DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_READY);
	shed_commit(shed);
}

/* --- keys ------------------------------------------------------------------------------------------ */

static void test_older_deliveries_go_before_those_that_came_since(void **state)
{
	struct shed *shed = *state;
	int64_t old_first = shed_put(shed, 1, ERP, "PO-1");
	int64_t old_second = shed_put(shed, 2, ERP, "PO-1");
	int64_t held = shed_put(shed, 3, ERP, "PO-2");
	shed_claim(shed, ERP, held);
	shed_settle(shed, ERP, held, DELIVERY_EXCEPTION);
	shed_commit(shed);
	break_store(shed);
	int64_t new_first = shed_put(shed, 11, ERP, "PO-1");
	int64_t new_second = shed_put(shed, 12, ERP, "PO-1");
	int64_t new_held = shed_put(shed, 13, ERP, "PO-2");
	int64_t new_alone = shed_put(shed, 14, ERP, "PO-3");
	shed_commit(shed);
	assert_true(new_first > 1000000000000);
	assert_int_equal(shed_state(shed, ERP, new_first), DELIVERY_READY);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, old_first), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, old_second), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, new_first), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, new_second), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, new_held), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, new_alone), DELIVERY_READY);

	const int64_t order[] = { old_first, old_second, new_first, new_second };
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		assert_int_equal(shed_state(shed, ERP, order[i]), DELIVERY_READY);
		shed_claim(shed, ERP, order[i]);
		shed_settle(shed, ERP, order[i], DELIVERY_DONE);
	}
	shed_settle(shed, ERP, held, DELIVERY_DISCARDED);
	assert_int_equal(shed_state(shed, ERP, new_held), DELIVERY_READY);
	shed_commit(shed);
	check_sums(shed);
}

static void test_a_parked_delivery_whose_holder_is_lost_becomes_ready(void **state)
{
	struct shed *shed = *state;
	(void)shed_put(shed, 1, ERP, "PO-1");
	int64_t second = shed_put(shed, 2, ERP, "PO-1");
	int64_t third = shed_put(shed, 3, ERP, "PO-1");
	shed_commit(shed);
	plan.damage = "DELETE FROM event WHERE seq = 1; DELETE FROM delivery WHERE seq = 1";
	plan.events_lost = 1;
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, third), DELIVERY_PARKED);
	/* It is told, and the ledger closes with it. */
	assert_int_equal(view_of(shed).events_lost, 1);
	assert_int_equal(view_of(shed).deliveries_lost, 1);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'lost'"), 1);
}

/* --- sent again ------------------------------------------------------------------------------------ */

static void test_an_event_that_was_sent_again_is_there_once_and_in_its_old_place(void **state)
{
	struct shed *shed = *state;
	int64_t first = shed_put(shed, 1, ERP, "PO-1");
	int64_t second = shed_put(shed, 2, ERP, "PO-1");
	int64_t done = shed_put(shed, 3, ERP, "PO-1x");
	shed_claim(shed, ERP, done);
	shed_settle(shed, ERP, done, DELIVERY_DONE);
	shed_commit(shed);
	break_store(shed);
	int64_t again_second = shed_put(shed, 2, ERP, "PO-1");
	int64_t again_done = shed_put(shed, 3, ERP, "PO-1x");
	int64_t behind_done = shed_put(shed, 4, ERP, "PO-1x");
	int64_t newer = shed_put(shed, 5, ERP, "PO-1");
	shed_commit(shed);
	assert_int_equal(shed_state(shed, ERP, behind_done), DELIVERY_PARKED);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, again_second), 0);
	assert_int_equal(shed_state(shed, ERP, again_done), 0);
	assert_int_equal(shed_state(shed, ERP, first), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, newer), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, done), DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, behind_done), DELIVERY_READY);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM event"), 5);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'stored'"), 5);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'routed'"), 5);
}

static void test_other_content_under_an_old_id_goes_to_a_person(void **state)
{
	struct shed *shed = *state;
	int64_t old = shed_put(shed, 1, ERP, "");
	shed_commit(shed);
	plan.damage = "UPDATE event SET digest = zeroblob(32)";
	break_store(shed);
	(void)shed_put(shed, 1, ERP, "");
	shed_commit(shed);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, old), DELIVERY_READY);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception WHERE kind = 'id_conflict'"
					" AND seq = 1 AND raw = CAST('e1' AS BLOB)"),
		1);
}

static void test_one_that_was_acted_upon_stays(void **state)
{
	struct shed *shed = *state;
	int64_t old = shed_put(shed, 1, ERP, "");
	shed_commit(shed);
	break_store(shed);
	int64_t again = shed_put(shed, 1, ERP, "");
	shed_claim(shed, ERP, again);
	shed_commit(shed);
	while (store_is_salvaging(shed->store))
		assert_true(salvage_slice(shed) >= 0);
	assert_int_equal(shed_state(shed, ERP, again), DELIVERY_CLAIMED);
	assert_int_equal(shed_state(shed, ERP, old), 0);
}

/* --- numbers --------------------------------------------------------------------------------------- */

static void test_numbers_go_on_above_and_names_stay(void **state)
{
	struct shed *shed = *state;
	static const uint8_t digest[ID_DIGEST_BYTES] = { 7 };
	int64_t seq = shed_put(shed, 1, TMS, "");
	int revision = store_connector_revision(shed->store, "rest", "{}", 2, digest, 5);
	assert_int_equal(store_claim(shed->store, TMS, seq, 0, revision, 50000), 0);
	assert_int_equal(store_destination_pause(shed->store, TMS, true), 0);
	make_exception(shed, 0, TMS);
	assert_int_equal(store_audit(shed->store, 1, "uid:0", "old", "x", ""), 0);
	shed_commit(shed);
	break_store(shed);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	assert_true(store_destination_is_paused(shed->store, TMS));
	static const uint8_t other[ID_DIGEST_BYTES] = { 8 };
	(void)store_connector_revision(shed->store, "rest", "[]", 2, other, 5);
	assert_int_equal(store_audit(shed->store, 2, "uid:0", "new", "x", ""), 0);
	make_exception(shed, shed_put_event(shed, 2), 0);
	shed_commit(shed);
	salvage_all(shed);
	shed_reopen(shed);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	assert_true(store_destination_is_paused(shed->store, TMS));
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery AS d JOIN connector_revision"
					" AS r ON r.id = d.connector_revision WHERE r.text = '{}'"),
		1);
	/* The old exception has its number, the new one is above; so is the work item of the end. */
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception WHERE id = 1"), 1);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception WHERE id > 1000000"), 2);
	assert_int_equal(shed_ask(shed, "SELECT what = 'old' FROM audit WHERE id = 1"), 1);
	assert_int_equal(shed_ask(shed, "SELECT what = 'new' FROM audit WHERE id = 2"), 1);
	assert_true(shed_put_event(shed, 3) > 1000000000000);
	shed_commit(shed);

	/* And once more. */
	(void)shed_ask(shed, "SELECT 1");
	break_store(shed);
	assert_true(shed_put_event(shed, 4) > 2000000000000);
	shed_commit(shed);
	salvage_all(shed);
	assert_int_equal(view_of(shed).events, 3);
}

static void test_the_tally_is_made_from_the_rows_where_it_is_lost(void **state)
{
	struct shed *shed = *state;
	for (int n = 1; n <= 6; n++) {
		int64_t seq = shed_put(shed, n, ERP, "");
		if (n > 3)
			continue;
		shed_claim(shed, ERP, seq);
		shed_settle(shed, ERP, seq, DELIVERY_DONE);
	}
	shed_commit(shed);
	plan.has_tally = false;
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'stored'"), 6);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'routed'"), 6);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'done'"), 3);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM tally WHERE outcome = 'lost'"), 0);
}

static int on_work(void *ctx, const struct store_exception_row *row)
{
	*(bool *)ctx =
		strcmp(row->kind, "store") == 0 && strcmp(row->code, "salvaged") == 0 &&
		strcmp(row->severity, "critical") == 0 && strstr(row->reason, "a test broke it") &&
		strstr(row->reason, "salvaged-1") && strstr(row->reason, "4 events are back");
	return 0;
}

static void test_the_end_is_a_work_item_with_the_counts_in_words(void **state)
{
	struct shed *shed = *state;
	bool is_told = false;
	for (int n = 1; n <= 4; n++)
		(void)shed_put(shed, n, ERP, "");
	shed_commit(shed);
	break_store(shed);
	assert_int_equal(view_of(shed).exception, 0);
	salvage_all(shed);
	assert_int_equal(
		store_get_exception(shed->store, view_of(shed).exception, on_work, &is_told), 1);
	assert_true(is_told);
	shed_reopen(shed);
	assert_int_equal(view_of(shed).state, STORE_SALVAGE_DONE);
	assert_int_equal(view_of(shed).events, 4);
}

/* --- cut short ------------------------------------------------------------------------------------- */

#define BACK 12

/* Some of everything, and some of it sent again while the salvage runs. */
static void fill(struct shed *shed)
{
	for (int n = 1; n <= BACK; n++) {
		int64_t seq = shed_put(shed, n, n % 4 ? ERP : TMS, n % 3 ? "PO-1" : "");
		if (n % 3 == 0)
			shed_claim(shed, n % 4 ? ERP : TMS, seq);
		if (n % 6 == 0)
			shed_settle(shed, n % 4 ? ERP : TMS, seq, DELIVERY_DONE);
		assert_int_equal(store_audit(shed->store, n, "uid:0", "did", "x", ""), 0);
		make_exception(shed, seq, ERP);
	}
	shed_commit(shed);
}

static void send_again(struct shed *shed)
{
	for (int n = BACK - 2; n <= BACK + 2; n++)
		(void)shed_put(shed, n, ERP, "PO-1");
	shed_commit(shed);
}

/* All that must be the same however the salvage went: one number. */
static int64_t fingerprint(struct shed *shed)
{
	return shed_ask(shed,
		"SELECT (SELECT sum(seq * 7919 + state * 31 + attempts + destination) FROM delivery)"
		" + (SELECT sum(seq * 13) FROM event) + (SELECT sum(n * destination) FROM tally)"
		" + (SELECT sum(n) FROM tally WHERE outcome = 'stored') * 1000003"
		" + (SELECT count(*) FROM exception) * 17 + (SELECT sum(id) FROM audit) * 19");
}

static int64_t fingerprint_of_a_smooth_one(void)
{
	void *state;
	assert_int_equal(setup(&state), 0);
	struct shed *shed = state;
	fill(shed);
	break_store(shed);
	send_again(shed);
	salvage_all(shed);
	int64_t print = fingerprint(shed);
	assert_int_equal(view_of(shed).events, BACK);
	(void)teardown(&state);
	return print;
}

static void test_a_salvage_goes_on_where_the_last_commit_left_it(void **state)
{
	struct shed *shed = *state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	unsigned n_slices = 0;
	fill(shed);
	break_store(shed);
	send_again(shed);
	while (store_is_salvaging(shed->store)) {
		shed_reopen(shed);
		assert_true(salvage_slice(shed) >= 0);
		n_slices++;
	}
	check_sums(shed);
	assert_int_equal(n_slices, BACK / plan.slice_events);
	assert_int_equal(plan.n_started, n_slices + 1 + 1); /* the smooth one's as well */
	assert_int_equal(fingerprint(shed), smooth);
	assert_int_equal(view_of(shed).events, BACK);
}

/* Returns false when the nth call did not come. */
static bool fail_at(unsigned calls, unsigned nth, int code, int64_t smooth)
{
	void *state;
	unsigned n = 0;
	assert_int_equal(setup(&state), 0);
	struct shed *shed = state;
	fill(shed);
	break_store(shed);
	send_again(shed);
	faulty_vfs_arm(calls, nth, code, false);
	while (store_is_salvaging(shed->store)) {
		(void)salvage_slice(shed);
		assert_true(++n < 100);
	}
	bool has_failed = faulty_vfs_failures() > 0;
	faulty_vfs_disarm();
	check_sums(shed);
	assert_int_equal(fingerprint(shed), smooth);
	assert_int_equal(view_of(shed).events, BACK);
	(void)teardown(&state);
	return has_failed;
}

static void test_a_slice_that_fails_is_merged_again_and_once(void **state)
{
	(void)state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	unsigned n = 1;
	while (fail_at(FAULTY_WRITE, n, SQLITE_FULL, smooth))
		n++;
	assert_true(n > 8);
}

/* Replacing fails at any point, and is tried again. */
static bool fail_replacing_at(unsigned nth, bool is_start, int64_t smooth)
{
	void *state;
	struct error err;
	unsigned n = 0;
	assert_int_equal(setup(&state), 0);
	struct shed *shed = state;
	fill(shed);
	(void)store_break(shed->store, "a test broke it");
	store_abandon(shed->store);
	faulty_vfs_arm(FAULTY_WRITE | FAULTY_OPEN, nth, 0, false);
	int status = store_replace(shed->store, &err);
	bool has_failed = faulty_vfs_failures() > 0;
	faulty_vfs_disarm();
	/* Before it succeeds all is refused, or drayd ends and starts anew. */
	if (status < 0) {
		int64_t seq;
		assert_non_null(store_broken(shed->store));
		assert_int_equal(shed_try_event(shed, 99, &seq), STORE_FAILED);
		assert_int_equal(store_commit(shed->store), -1);
		store_abandon(shed->store);
		store_checkpoint_tail(shed->store);
		store_sizes(shed->store, &(struct store_sizes){ 0 });
		assert_true(store_is_poisoned(shed->store));
		if (is_start)
			shed_reopen(shed);
		else
			assert_int_equal(store_replace(shed->store, &err), 0);
	}
	assert_int_equal(store_destination_id(shed->store, "erp"), ERP);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	send_again(shed);
	while (store_is_salvaging(shed->store)) {
		assert_true(salvage_slice(shed) >= 0);
		assert_true(++n < 100);
	}
	check_sums(shed);
	assert_int_equal(fingerprint(shed), smooth);
	(void)teardown(&state);
	return has_failed;
}

static void test_replacing_that_fails_is_tried_again(void **state)
{
	(void)state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	unsigned n = 1;
	while (fail_replacing_at(n, false, smooth))
		n++;
	assert_true(n > 8);
}

static void test_replacing_that_fails_goes_on_at_the_next_start(void **state)
{
	(void)state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	unsigned n = 1;
	while (fail_replacing_at(n, true, smooth))
		n++;
	assert_true(n > 8);
}

static void test_a_database_that_breaks_during_a_salvage_is_salvaged_first(void **state)
{
	struct shed *shed = *state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	fill(shed);
	break_store(shed);
	assert_true(salvage_slice(shed) >= 0);
	send_again(shed);
	assert_true(salvage_slice(shed) >= 0);
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM event"), BACK + 2);
	(void)smooth;
	assert_int_equal(
		shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'stored'"), BACK + 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_delivery_comes_back_as_it_was_or_in_doubt),
		TEST(test_a_batch_in_doubt_comes_back_whole),
		TEST(test_a_database_that_lost_commits_is_all_doubt),
		TEST(test_a_delivery_whose_row_is_gone_is_made_from_its_event),
		TEST(test_older_deliveries_go_before_those_that_came_since),
		TEST(test_a_parked_delivery_whose_holder_is_lost_becomes_ready),
		TEST(test_an_event_that_was_sent_again_is_there_once_and_in_its_old_place),
		TEST(test_other_content_under_an_old_id_goes_to_a_person),
		TEST(test_one_that_was_acted_upon_stays),
		TEST(test_numbers_go_on_above_and_names_stay),
		TEST(test_the_tally_is_made_from_the_rows_where_it_is_lost),
		TEST(test_the_end_is_a_work_item_with_the_counts_in_words),
		TEST(test_a_salvage_goes_on_where_the_last_commit_left_it),
		cmocka_unit_test(test_a_slice_that_fails_is_merged_again_and_once),
		cmocka_unit_test(test_replacing_that_fails_is_tried_again),
		cmocka_unit_test(test_replacing_that_fails_goes_on_at_the_next_start),
		TEST(test_a_database_that_breaks_during_a_salvage_is_salvaged_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
