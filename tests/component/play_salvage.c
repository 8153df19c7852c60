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
#include "play_salvage.h"
#include "store/store_internal.h"

#define NOW 500000

/* --- the reader ---------------------------------------------------------------------------------- */

struct salvage_plan plan;

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
	(void)sqlite3_close(options->source); /* what the file has is enough */
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

/* --- a shed whose store breaks --------------------------------------------------------------------- */

int salvage_setup(void **state)
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

int salvage_teardown(void **state)
{
	faulty_vfs_disarm();
	shed_done(*state);
	free(*state);
	return 0;
}

void break_store(struct shed *shed)
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

int salvage_slice(struct shed *shed)
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

void check_sums(struct shed *shed)
{
	assert_int_equal(shed_ask(shed, miscounted_depth), 0);
	assert_int_equal(shed_ask(shed, misplaced), 0);
	assert_int_equal(shed_ask(shed, unbalanced), 0);
}

void salvage_all(struct shed *shed)
{
	unsigned n = 0;
	while (store_is_salvaging(shed->store)) {
		assert_true(salvage_slice(shed) >= 0);
		assert_true(++n < 1000);
	}
	check_sums(shed);
}

struct store_salvage_view salvage_view(struct shed *shed)
{
	struct store_salvage_view view;
	store_get_salvage(shed->store, &view);
	return view;
}

void make_exception(struct shed *shed, int64_t seq, int destination)
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
