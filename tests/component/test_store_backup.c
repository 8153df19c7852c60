/* Backups made while the store is written to, and what becomes of one that is restored. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "help_store.h"
#include "store/store_internal.h"

#define ERP 1
#define BACKED_UP_AT INT64_C(5000000)
#define DATABASE INT64_C(1000000000000) /* seqs that each one has */
#define MILLION 1000000

struct shelf {
	struct shed shed;
	char file[160], kept[ASIDE_PATH_MAX];
};

static int set_up(void **state)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));
	assert_non_null(shelf);
	shed_init(&shelf->shed, NULL);
	(void)snprintf(shelf->file, sizeof(shelf->file), "%s/backup", shelf->shed.dir);
	assert_int_equal(store_destination_id(shelf->shed.store, "erp"), ERP);
	shed_commit(&shelf->shed);
	*state = shelf;
	return 0;
}

static int tear_down(void **state)
{
	struct shelf *shelf = *state;
	shed_done(&shelf->shed);
	free(shelf);
	return 0;
}

static struct store_backup *begin(struct shelf *shelf)
{
	struct store_backup *backup = NULL;
	struct error err = { 0 };
	if (store_backup_begin(shelf->shed.store, shelf->file, BACKED_UP_AT, &backup, &err) < 0)
		fail_msg("%s", err.message);
	shed_commit(&shelf->shed);
	return backup;
}

static void finish(struct store_backup *backup)
{
	struct error err = { 0 };
	int more;
	while ((more = store_backup_step(backup, 1, &err)) > 0)
		;
	if (more < 0)
		fail_msg("%s", err.message);
	store_backup_free(backup);
}

static void make_backup(struct shelf *shelf)
{
	finish(begin(shelf));
}

static int64_t ask_file(const char *path, const char *sql)
{
	struct shed shed = { 0 };
	int len = snprintf(shed.path, sizeof(shed.path), "%s", path);
	assert_true(len > 0 && len < (int)sizeof(shed.path));
	return shed_ask(&shed, sql);
}

static void stop(struct shelf *shelf)
{
	store_close(shelf->shed.store);
	shelf->shed.store = NULL;
}

/* The agent stopped, and started again. */
static void restore(struct shelf *shelf)
{
	struct error err = { 0 };
	stop(shelf);
	if (store_restore(shelf->shed.path, shelf->file, shelf->kept, &err) < 0)
		fail_msg("%s: %s", err.path, err.message);
	shed_reopen(&shelf->shed);
}

/* How many slices. */
static int mark_all(struct shelf *shelf, unsigned rows)
{
	for (int n = 1;; n++) {
		int ended = store_doubt_restored(shelf->shed.store, rows, 70000, 80000);
		assert_true(ended >= 0);
		assert_true(store_is_restored(shelf->shed.store));
		shed_commit(&shelf->shed);
		if (ended > 0)
			return n;
	}
}

struct seen {
	int64_t seq, doubt_at_ms, serial;
	enum delivery_state state;
};

static int on_row(void *ctx, const struct store_delivery_row *row)
{
	*(struct seen *)ctx = (struct seen){ row->seq, row->doubt_at_ms, row->serial, row->state };
	return 0;
}

static struct seen see(struct shelf *shelf, int64_t seq)
{
	struct seen seen = { .seq = 0 };
	assert_int_equal(store_list_event_deliveries(shelf->shed.store, seq, on_row, &seen), 0);
	assert_int_equal(seen.seq, seq);
	return seen;
}

/* --- making one ------------------------------------------------------------------------------------ */

static void test_a_backup_has_what_was_written_while_it_was_made(void **state)
{
	struct shelf *shelf = *state;
	struct shed *shed = &shelf->shed;
	struct error err = { 0 };
	struct stat about;
	int n = 1;
	for (; n <= 300; n++)
		(void)shed_put(shed, n, ERP, "");
	shed_commit(shed);
	struct store_backup *backup = begin(shelf);
	struct store_backup_view view = { .is_syncing = false };
	while (store_backup_step(backup, 1, &err) > 0) {
		store_backup_look(backup, &view);
		if (view.is_syncing) /* it may have its name before one hears of it */
			continue;
		assert_int_not_equal(access(shelf->file, F_OK), 0);
		(void)shed_put(shed, n, ERP, "");
		shed_claim(shed, ERP, n - 300);
		shed_settle(shed, ERP, n - 300, DELIVERY_DONE);
		n++;
		/* In the midst of a turn nothing is copied. */
		assert_int_equal(store_backup_step(backup, 1000, &err), 1);
		shed_commit(shed);
		store_checkpoint_tail(shed->store);
	}
	store_backup_free(backup);
	assert_true(n > 330);
	assert_int_equal(ask_file(shelf->file, "SELECT count(*) FROM pragma_integrity_check"
					       " WHERE integrity_check <> 'ok'"),
		0);
	/* As of one commit: what was claimed is settled, and counted. */
	assert_int_equal(ask_file(shelf->file, "SELECT count(*) FROM event"), n - 1);
	assert_int_equal(
		ask_file(shelf->file, "SELECT count(*) FROM delivery WHERE state = 7"), n - 301);
	assert_int_equal(ask_file(shelf->file, "SELECT n FROM depth WHERE state = 1"), 300);
	assert_int_equal(stat(shelf->file, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
}

static void test_a_slice_copies_no_more_than_asked(void **state)
{
	struct shelf *shelf = *state;
	struct store_backup_view view;
	struct error err = { 0 };
	for (int n = 1; n <= 300; n++)
		(void)shed_put(&shelf->shed, n, ERP, "");
	shed_commit(&shelf->shed);
	struct store_backup *backup = begin(shelf);
	assert_int_equal(store_backup_step(backup, 7, &err), 1);
	store_backup_look(backup, &view);
	assert_true(view.pages > 20);
	assert_int_equal(view.left, view.pages - 7);
	assert_string_equal(view.path, shelf->file);
	finish(backup);
}

static void test_a_rolled_back_turn_is_not_in_the_backup(void **state)
{
	struct shelf *shelf = *state;
	struct error err = { 0 };
	for (int n = 1; n <= 300; n++)
		(void)shed_put(&shelf->shed, n, ERP, "");
	shed_commit(&shelf->shed);
	struct store_backup *backup = begin(shelf);
	assert_int_equal(store_backup_step(backup, 20, &err), 1);
	for (int n = 301; n <= 2000; n++) /* more than stays in memory */
		(void)shed_put(&shelf->shed, n, ERP, "");
	store_abandon(shelf->shed.store);
	finish(backup);
	assert_int_equal(ask_file(shelf->file, "SELECT count(*) FROM event"), 300);
	assert_int_equal(ask_file(shelf->file, "SELECT count(*) FROM delivery"), 300);
}

static void refuse(struct shelf *shelf, const char *path, const char *why)
{
	struct store_backup *backup = NULL;
	struct error err = { 0 };
	assert_int_equal(store_backup_begin(shelf->shed.store, path, 1, &backup, &err), -1);
	if (strstr(err.message, why) == NULL)
		fail_msg("%s, not: %s", err.message, why);
}

static void test_what_cannot_be_backed_up_is_refused_and_nothing_is_left(void **state)
{
	struct shelf *shelf = *state;
	char path[200];
	refuse(shelf, "backup", "absolute");
	refuse(shelf, "/nowhere/at/all", "No such file");
	refuse(shelf, shelf->shed.path, "own name");
	struct store_backup *backup = begin(shelf);
	(void)snprintf(path, sizeof(path), "%s2", shelf->file);
	refuse(shelf, path, "still being made");
	store_backup_free(backup); /* given up: nothing of it stays */
	(void)snprintf(path, sizeof(path), "%s.part", shelf->file);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_not_equal(access(shelf->file, F_OK), 0);
	make_backup(shelf);
}

static void test_a_file_that_was_made_meanwhile_stays(void **state)
{
	struct shelf *shelf = *state;
	struct error err = { 0 };
	int more;
	struct store_backup *backup = begin(shelf);
	FILE *other = fopen(shelf->file, "w");
	assert_non_null(other);
	(void)fputs("mine", other);
	assert_int_equal(fclose(other), 0);
	while ((more = store_backup_step(backup, 10, &err)) > 0)
		;
	assert_int_equal(more, -1);
	assert_non_null(strstr(err.message, "exists"));
	store_backup_free(backup);
	struct stat about;
	assert_int_equal(stat(shelf->file, &about), 0);
	assert_int_equal(about.st_size, 4);
}

static void test_a_backup_of_a_database_that_breaks_says_so(void **state)
{
	struct shelf *shelf = *state;
	struct error err = { 0 };
	struct store_backup *backup = begin(shelf);
	assert_int_equal(store_backup_step(backup, 1, &err), 1);
	(void)store_break(shelf->shed.store, "in a test");
	assert_int_equal(store_replace(shelf->shed.store, &err), 0);
	assert_int_equal(store_backup_step(backup, 1, &err), -1);
	assert_non_null(strstr(err.message, "broke"));
	store_backup_free(backup);
	assert_int_not_equal(access(shelf->file, F_OK), 0);
}

/* --- putting one back -------------------------------------------------------------------------------- */

static void test_a_restored_store_is_as_it_was_and_all_unfinished_is_in_doubt(void **state)
{
	struct shelf *shelf = *state;
	struct shed *shed = &shelf->shed;
	int64_t done = shed_put(shed, 1, ERP, "");
	int64_t ready = shed_put(shed, 2, ERP, "PO-1");
	int64_t parked = shed_put(shed, 3, ERP, "PO-1");
	int64_t claimed = shed_put(shed, 4, ERP, "");
	int64_t waiting = shed_put(shed, 5, ERP, "");
	int64_t exception = shed_put(shed, 6, ERP, "");
	const struct store_settlement refused = { .to = DELIVERY_EXCEPTION, .is_proven = true };
	const struct store_settlement busy = {
		.to = DELIVERY_WAITING, .due_at_ms = 90000, .is_proven = true
	};
	shed_claim(shed, ERP, done);
	shed_settle(shed, ERP, done, DELIVERY_DONE);
	shed_claim(shed, ERP, claimed);
	shed_claim(shed, ERP, waiting);
	assert_int_equal(store_settle(shed->store, ERP, waiting, &busy), 0);
	shed_claim(shed, ERP, exception);
	assert_int_equal(store_settle(shed->store, ERP, exception, &refused), 0);
	shed_commit(shed);
	make_backup(shelf);
	shed_claim(shed, ERP, ready);
	shed_settle(shed, ERP, ready, DELIVERY_DONE);
	int64_t later = shed_put(shed, 7, ERP, "");
	shed_commit(shed);

	restore(shelf);
	assert_true(store_is_restored(shed->store));
	assert_int_equal(shed_state(shed, ERP, later), 0);
	int64_t fresh = shed_put(shed, 8, ERP, ""); /* capture goes on meanwhile */
	shed_commit(shed);
	(void)mark_all(shelf, 2);
	assert_false(store_is_restored(shed->store));
	assert_int_equal(see(shelf, done).doubt_at_ms, 50000);
	assert_int_equal(see(shelf, ready).doubt_at_ms, BACKED_UP_AT);
	assert_int_equal(see(shelf, ready).state, DELIVERY_READY);
	assert_int_equal(see(shelf, parked).doubt_at_ms, BACKED_UP_AT);
	assert_int_equal(see(shelf, parked).state, DELIVERY_PARKED);
	assert_int_equal(see(shelf, claimed).doubt_at_ms, 50000); /* it was in doubt before */
	assert_int_equal(see(shelf, claimed).state, DELIVERY_CLAIMED);
	assert_int_equal(see(shelf, waiting).doubt_at_ms, BACKED_UP_AT);
	assert_int_equal(see(shelf, exception).doubt_at_ms, BACKED_UP_AT);
	assert_int_equal(see(shelf, fresh).doubt_at_ms, 0);
	struct store_restore_view view;
	store_get_restore(shed->store, &view);
	assert_int_equal(view.from_at_ms, BACKED_UP_AT);
	assert_int_equal(view.deliveries, 4);
	assert_true(view.restored_at_ms > 0 && view.exception > 0);
}

static void test_what_was_there_is_kept_and_numbers_go_on_above_it(void **state)
{
	struct shelf *shelf = *state;
	struct shed *shed = &shelf->shed;
	assert_int_equal(store_give_serial(shed->store, ERP, shed_put(shed, 1, ERP, "")), 1);
	shed_commit(shed);
	make_backup(shelf);
	assert_int_equal(store_give_serial(shed->store, ERP, shed_put(shed, 2, ERP, "")), 2);
	shed_commit(shed);
	for (int k = 1; k <= 2; k++) { /* as often as one likes */
		restore(shelf);
		assert_int_equal(ask_file(shelf->kept, "SELECT count(*) FROM event"), 2);
		int64_t seq = shed_put(shed, 3, ERP, "");
		assert_int_equal(seq, k * DATABASE + 1);
		assert_int_equal(store_give_serial(shed->store, ERP, seq),
			k == 1 ? MILLION + 2 : 2 * MILLION + 1);
		shed_commit(shed);
		(void)mark_all(shelf, 100);
		struct store_restore_view view;
		store_get_restore(shed->store, &view);
		assert_int_equal(view.exception, k * MILLION + 1);
	}
}

static void test_the_doubt_is_younger_than_nothing_that_the_file_knows_of(void **state)
{
	struct shelf *shelf = *state;
	struct store_restore_view view;
	(void)shed_put(&shelf->shed, 7, ERP, ""); /* received at 7000 */
	shed_commit(&shelf->shed);
	stop(shelf);
	/* Copied by hand: nobody noted the time. */
	assert_int_equal(rename(shelf->shed.path, shelf->file), 0);
	shed_reopen(&shelf->shed);
	restore(shelf);
	store_get_restore(shelf->shed.store, &view);
	assert_int_equal(view.from_at_ms, 7000);
}

static void test_marking_that_is_cut_short_goes_on_with_the_next_start(void **state)
{
	struct shelf *shelf = *state;
	struct shed *shed = &shelf->shed;
	for (int n = 1; n <= 20; n++)
		(void)shed_put(shed, n, ERP, "");
	shed_commit(shed);
	make_backup(shelf);
	restore(shelf);
	assert_int_equal(store_doubt_restored(shed->store, 5, 70000, 80000), 0);
	shed_commit(shed);
	assert_int_equal(store_doubt_restored(shed->store, 5, 70000, 80000), 0);
	store_abandon(shed->store);
	shed_reopen(shed);
	assert_true(store_is_restored(shed->store));
	(void)mark_all(shelf, 5);
	assert_int_equal(
		shed_ask(shed, "SELECT count(*) FROM delivery WHERE doubt_at_ms IS NULL"), 0);
	struct store_restore_view view;
	store_get_restore(shed->store, &view);
	assert_int_equal(view.deliveries, 20);
	shed_reopen(shed);
	assert_false(store_is_restored(shed->store));
}

/* --- bad days -------------------------------------------------------------------------------------- */

static void refuse_restore(struct shelf *shelf, const char *why)
{
	struct error err = { 0 };
	int64_t before = shed_ask(&shelf->shed, "SELECT count(*) FROM event");
	stop(shelf);
	assert_int_equal(store_restore(shelf->shed.path, shelf->file, shelf->kept, &err), -1);
	if (strstr(err.message, why) == NULL)
		fail_msg("%s, not: %s", err.message, why);
	shed_reopen(&shelf->shed);
	assert_int_equal(shelf->shed.store->number, 0);
	assert_int_equal(shed_ask(&shelf->shed, "SELECT count(*) FROM event"), before);
}

static void write_at(const char *path, long at, const char *bytes, size_t len)
{
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void test_what_is_no_sound_backup_is_refused_and_changes_nothing(void **state)
{
	struct shelf *shelf = *state;
	static const char noise[4096] = "no page of a database";
	for (int n = 1; n <= 50; n++)
		(void)shed_put(&shelf->shed, n, ERP, "");
	shed_commit(&shelf->shed);
	refuse_restore(shelf, "No such file");
	make_backup(shelf);
	write_at(shelf->file, 4096 * 6, noise, sizeof(noise));
	refuse_restore(shelf, "damaged");
	write_at(shelf->file, 0, noise, sizeof(noise));
	refuse_restore(shelf, "not a database");
	assert_int_equal(truncate(shelf->file, 0), 0);
	refuse_restore(shelf, "no database of drayd");
	assert_int_equal(unlink(shelf->file), 0);
	make_backup(shelf);
	(void)ask_file(shelf->file, "PRAGMA journal_mode = DELETE");
	sqlite3 *db;
	assert_int_equal(sqlite3_open(shelf->file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	refuse_restore(shelf, "schema 99");
}

static void test_a_backup_of_an_older_schema_is_brought_to_this_one(void **state)
{
	struct shelf *shelf = *state;
	struct error err = { 0 };
	sqlite3 *db;
	assert_int_equal(sqlite3_open(shelf->file, &db), SQLITE_OK);
	assert_int_equal(schema_configure(db), SQLITE_OK);
	assert_int_equal(schema_migrate(db, schema_texts, 1, &err), 0);
	assert_int_equal(
		sqlite3_exec(db,
			"INSERT INTO destination (id, name) VALUES (1, 'erp');"
			"INSERT INTO event (seq, source, id, type, device, origin, occurred_at_ms,"
			" received_at_ms, digest, body) VALUES (9, 's', 'e9', 'receipt', 'd', 'o',"
			" 1, 8000, x'00', '{}');"
			"INSERT INTO delivery (destination, seq, state, lane) VALUES (1, 9, 1, 1);"
			"INSERT INTO depth VALUES (1, 1, 1)",
			NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	restore(shelf);
	(void)mark_all(shelf, 10);
	assert_int_equal(see(shelf, 9).doubt_at_ms, 8000);
	assert_int_equal(store_give_serial(shelf->shed.store, ERP, 9), MILLION + 1);
	shed_commit(&shelf->shed);
}

/* A power cut between any two of the steps: the next start ends them. */
static void test_a_restore_that_was_cut_short_is_ended_by_the_next_start(void **state)
{
	struct shelf *shelf = *state;
	struct shed *shed = &shelf->shed;
	char restoring[200], kept[200], replacing[200], replaced[200], copy[200];
	(void)shed_put(shed, 1, ERP, "");
	shed_commit(shed);
	make_backup(shelf);
	for (int k = 1; k <= 4; k++) {
		struct error err = { 0 };
		stop(shelf);
		(void)snprintf(restoring, sizeof(restoring), "%s.restoring-%d", shed->path, k);
		(void)snprintf(kept, sizeof(kept), "%s.before-restore-%d", shed->path, k);
		(void)snprintf(replacing, sizeof(replacing), "%s.replacing-%d", shed->path, k);
		(void)snprintf(replaced, sizeof(replaced), "%s.replaced-%d", shed->path, k);
		(void)snprintf(copy, sizeof(copy), "%s.restore", shed->path);
		assert_int_equal(store_restore(shed->path, shelf->file, shelf->kept, &err), 0);
		/* Taken back, from the last step on. */
		assert_int_equal(rename(replaced, replacing), 0);
		if (k <= 3)
			assert_int_equal(rename(shed->path, restoring), 0);
		if (k <= 2)
			assert_int_equal(rename(kept, shed->path), 0);
		if (k <= 1)
			assert_int_equal(unlink(replacing), 0);
		shed_reopen(shed);
		assert_true(store_is_restored(shed->store));
		assert_int_equal(shed->store->number, k);
		assert_int_equal(access(kept, F_OK), 0);
		assert_int_equal(access(replaced, F_OK), 0);
		assert_int_equal(shed_put(shed, 100 + k, ERP, ""), k * DATABASE + 1);
		shed_commit(shed);
	}
}

/* Of what was restored not all has its doubt when the disk breaks: what comes back is in doubt. */
static void test_a_database_that_breaks_while_it_is_marked_comes_back_in_doubt(void **state)
{
	struct shelf *shelf = *state;
	struct error err = { 0 };
	int64_t seq = shed_put(&shelf->shed, 1, ERP, "");
	shed_commit(&shelf->shed);
	make_backup(shelf);
	restore(shelf);
	(void)store_break(shelf->shed.store, "in a test");
	assert_int_equal(store_replace(shelf->shed.store, &err), 0);
	const struct store_salvaging with = { .now_ms = 70000, .due_at_ms = 80000 };
	while (store_is_salvaging(shelf->shed.store)) {
		assert_true(store_salvage(shelf->shed.store, &with) >= 0);
		shed_commit(&shelf->shed);
		(void)usleep(1000);
	}
	assert_int_equal(see(shelf, seq).state, DELIVERY_SUSPECT);
	assert_true(see(shelf, seq).doubt_at_ms > 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_backup_has_what_was_written_while_it_was_made),
		T(test_a_slice_copies_no_more_than_asked),
		T(test_a_rolled_back_turn_is_not_in_the_backup),
		T(test_what_cannot_be_backed_up_is_refused_and_nothing_is_left),
		T(test_a_file_that_was_made_meanwhile_stays),
		T(test_a_backup_of_a_database_that_breaks_says_so),
		T(test_a_restored_store_is_as_it_was_and_all_unfinished_is_in_doubt),
		T(test_what_was_there_is_kept_and_numbers_go_on_above_it),
		T(test_the_doubt_is_younger_than_nothing_that_the_file_knows_of),
		T(test_marking_that_is_cut_short_goes_on_with_the_next_start),
		T(test_what_is_no_sound_backup_is_refused_and_changes_nothing),
		T(test_a_backup_of_an_older_schema_is_brought_to_this_one),
		T(test_a_restore_that_was_cut_short_is_ended_by_the_next_start),
		T(test_a_database_that_breaks_while_it_is_marked_comes_back_in_doubt),
	};
	return cmocka_run_group_tests_name("store_backup", tests, NULL, NULL);
}
