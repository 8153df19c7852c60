/*
 * From every schema that has been shipped to this one, and on to an invented one behind it, with the
 * power cut at every call to the disk: a file is of one schema or the next, whole, and everything
 * unfinished is in it.
 */
#include <stdarg.h>
#include <setjmp.h>
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

#define UNFINISHED 300
#define TEXTS_MAX 64

/* Of schema 1, which every file that holds anything has been. */
static const char fill[] =
	"BEGIN;"
	"INSERT INTO destination (id, name) VALUES (1, 'erp');"
	"WITH RECURSIVE n (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < 300)"
	" INSERT INTO event (seq, source, id, type, device, origin, occurred_at_ms, received_at_ms,"
	"  digest, body) SELECT seq, '/dc/d1', 'e' || seq, 'receipt', 'd1', 'handhelds', seq, seq,"
	"  x'00', '{}' FROM n;"
	"INSERT INTO delivery (destination, seq, state, lane, batch, attempts, due_at_ms, claimed_at_ms,"
	"  held_key)"
	" SELECT 1, seq, 1 + seq % 6, 1, nullif(seq - seq % 7, 0), seq % 5,"
	"  iif(seq % 6 = 2, 90000, NULL), nullif(seq % 6, 1), 'k' || seq FROM event;"
	"INSERT INTO depth SELECT destination, state, count(*) FROM delivery GROUP BY 1, 2;"
	"COMMIT";
static const char count_kept[] =
	"SELECT count(*) FROM delivery JOIN event USING (seq) WHERE settled_at_ms IS NULL"
	" AND state = 1 + seq % 6 AND batch IS nullif(seq - seq % 7, 0) AND held_key = 'k' || seq"
	" AND claimed_at_ms IS nullif(seq % 6, 1) AND id = 'e' || seq"
	" AND (attempts = seq % 5 OR attempts = 1000 + seq % 5)";

/* What stood in doubt is still looked at first, though nobody has said when. */
static const char count_in_doubt[] = "SELECT count(*) FROM delivery INDEXED BY delivery_look"
				     " WHERE destination = 1 AND look_at_ms = 0 AND state = 5";

/* Twice, or without its mark, it would show. */
static const char invented[] = "ALTER TABLE delivery ADD COLUMN mark TEXT;"
			       "UPDATE delivery SET attempts = attempts + 1000, mark = 'm' || seq";
static const char count_marked[] = "SELECT count(*) FROM delivery WHERE attempts = 1000 + seq % 5"
				   " AND mark = 'm' || seq";

static const char is_broken[] = "SELECT count(*) FROM pragma_integrity_check"
				" WHERE integrity_check <> 'ok'";

static sqlite3 *open_file(const struct shed *shed)
{
	sqlite3 *db = NULL;
	(void)sqlite3_open_v2(shed->path, &db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, shed->vfs);
	return db;
}

/* 0 or -1, as far as it came. */
static int migrate_file(const struct shed *shed, const char *const *texts, int n)
{
	struct error err = { 0 };
	sqlite3 *db = open_file(shed);
	int status = -1;
	if (db != NULL && schema_configure(db) == SQLITE_OK)
		status = schema_migrate(db, texts, n, &err);
	(void)sqlite3_close(db);
	return status;
}

static void run_sql(const struct shed *shed, const char *sql)
{
	sqlite3 *db = open_file(shed);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A file as the program with that schema left it. */
static void make_old_file(struct shed *shed, int version)
{
	shed_init(shed, FAULTY_VFS);
	store_close(shed->store);
	shed->store = NULL;
	assert_int_equal(unlink(shed->path), 0);
	if (version == 0)
		return;
	assert_int_equal(migrate_file(shed, schema_texts, 1), 0);
	run_sql(shed, fill);
	assert_int_equal(migrate_file(shed, schema_texts, version), 0);
}

static void check_kept(struct shed *shed, int from)
{
	assert_int_equal(shed_ask(shed, is_broken), 0);
	if (from > 0)
		assert_int_equal(shed_ask(shed, count_kept), UNFINISHED);
}

/* Returns false when there was no nth call to cut at. */
static bool cut_migration(int from, unsigned nth, const char *const *texts, int n)
{
	struct shed shed;
	make_old_file(&shed, from);
	faulty_vfs_arm(FAULTY_ANY, nth, 0, true);
	(void)migrate_file(&shed, texts, n);
	bool was_cut = faulty_vfs_failures() > 0;
	faulty_vfs_disarm();

	int64_t version = shed_ask(&shed, "PRAGMA user_version");
	assert_in_range(version, from, n);
	if (version > 0)
		check_kept(&shed, from);
	assert_int_equal(migrate_file(&shed, texts, n), 0);
	assert_int_equal(shed_ask(&shed, "PRAGMA user_version"), n);
	check_kept(&shed, from);
	assert_int_equal(shed_ask(&shed, count_marked), from > 0 ? UNFINISHED : 0);
	if (from == 1)
		assert_int_equal(shed_ask(&shed, count_in_doubt), UNFINISHED / 6);
	shed_done(&shed);
	return was_cut;
}

static void test_a_power_cut_leaves_one_schema_or_the_next(void **state)
{
	(void)state;
	const char *texts[TEXTS_MAX];
	assert_true(schema_version < TEXTS_MAX);
	memcpy(texts, schema_texts, (size_t)schema_version * sizeof(texts[0]));
	texts[schema_version] = invented;
	for (int from = 0; from <= schema_version; from++) {
		unsigned nth = 1;
		while (cut_migration(from, nth, texts, schema_version + 1))
			nth++;
		/* Else nothing was tested. */
		assert_true(nth > 20);
	}
}

static int64_t depth_of(const struct shed *shed, enum delivery_state state)
{
	return store_depth(shed->store, 1, state);
}

static bool cut_open(int from, unsigned nth)
{
	struct shed shed;
	struct store_options options;
	struct error err = { 0 };
	make_old_file(&shed, from);
	shed_open_options(&shed, &options);
	faulty_vfs_arm(FAULTY_ANY, nth, 0, true);
	(void)store_open(&options, &shed.store, &err);
	bool was_cut = faulty_vfs_failures() > 0;
	store_close(shed.store);
	shed.store = NULL;
	faulty_vfs_disarm();

	shed_reopen(&shed);
	check_kept(&shed, from);
	for (enum delivery_state state = DELIVERY_READY; from > 0 && state <= DELIVERY_EXCEPTION;
		state++)
		assert_int_equal(depth_of(&shed, state), UNFINISHED / 6);
	assert_int_equal(store_destination_id(shed.store, "erp"), 1);
	(void)shed_put(&shed, 2000, 1, "PO-2");
	shed_commit(&shed);
	shed_done(&shed);
	return was_cut;
}

static void test_a_start_that_was_cut_off_is_made_good_by_the_next(void **state)
{
	(void)state;
	for (int from = 0; from <= schema_version; from++) {
		unsigned nth = 1;
		while (cut_open(from, nth))
			nth++;
		assert_true(nth > 10);
	}
}

static int register_vfs(void **state)
{
	(void)state;
	return faulty_vfs_register();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_power_cut_leaves_one_schema_or_the_next),
		cmocka_unit_test(test_a_start_that_was_cut_off_is_made_good_by_the_next),
	};
	return cmocka_run_group_tests(tests, register_vfs, NULL);
}
