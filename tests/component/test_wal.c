/*
 * Damage in a WAL and what a power cut leaves of one are told apart, in logs that SQLite itself has
 * written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/salvage/salvage.h"
#include "store/salvage/view.h"
#include "store/wal.h"

#define FRAMES_MAX 512

/* A WAL in memory, as it stands after some transactions, and where those end. */
struct log {
	char dir[64];
	char db_path[96], wal_path[100], copy_path[100];
	sqlite3 *db;
	uint8_t *bytes;
	size_t len;
	unsigned n_frames;              /* that SQLite reads */
	bool is_commit[FRAMES_MAX + 1]; /* by number, from 1 */
	unsigned last_begin;            /* first frame of the last transaction */
};

static void run(struct log *log, const char *sql)
{
	char *message = NULL;
	if (sqlite3_exec(log->db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

static uint32_t get_big(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint8_t *frame_at(const struct log *log, unsigned number)
{
	return log->bytes + WAL_HEADER_BYTES + (size_t)(number - 1) * WAL_FRAME_BYTES;
}

/* What SQLite reads of it, by SQLite's own count. */
static void load(struct log *log)
{
	int n_frames = 0;
	assert_int_equal(sqlite3_wal_checkpoint_v2(
				 log->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_frames, NULL),
		SQLITE_OK);
	assert_in_range(n_frames, 1, FRAMES_MAX);
	FILE *file = fopen(log->wal_path, "rb");
	assert_non_null(file);
	free(log->bytes);
	log->bytes = malloc((FRAMES_MAX + 1) * WAL_FRAME_BYTES);
	assert_non_null(log->bytes);
	log->len = fread(log->bytes, 1, FRAMES_MAX * WAL_FRAME_BYTES, file);
	(void)fclose(file);
	log->n_frames = (unsigned)n_frames;
	log->last_begin = 1;
	for (unsigned i = 1; i <= log->n_frames; i++) {
		log->is_commit[i] = get_big(frame_at(log, i) + 4) != 0;
		if (log->is_commit[i] && i < log->n_frames)
			log->last_begin = i + 1;
	}
	assert_true(log->is_commit[log->n_frames]);
}

static bool is_damaged(const struct log *log, size_t len)
{
	FILE *file = fopen(log->copy_path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(log->bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	return wal_is_damaged(log->copy_path);
}

static void write_rows(struct log *log, int n, int bytes)
{
	char sql[160];
	(void)snprintf(sql, sizeof(sql),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		" INSERT INTO t (b) SELECT randomblob(%d) FROM n",
		n, bytes);
	run(log, sql);
}

static int set_up(void **state)
{
	struct log *log = calloc(1, sizeof(*log));
	assert_non_null(log);
	(void)snprintf(log->dir, sizeof(log->dir), "/tmp/dray-wal-XXXXXX");
	assert_non_null(mkdtemp(log->dir));
	(void)snprintf(log->db_path, sizeof(log->db_path), "%s/t.db", log->dir);
	(void)snprintf(log->wal_path, sizeof(log->wal_path), "%s-wal", log->db_path);
	(void)snprintf(log->copy_path, sizeof(log->copy_path), "%s/copy-wal", log->dir);
	assert_int_equal(sqlite3_open(log->db_path, &log->db), SQLITE_OK);
	run(log, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)");
	*state = log;
	return 0;
}

static int tear_down(void **state)
{
	struct log *log = *state;
	assert_int_equal(sqlite3_close(log->db), SQLITE_OK);
	(void)unlink(log->db_path);
	(void)unlink(log->wal_path);
	(void)unlink(log->copy_path);
	assert_int_equal(rmdir(log->dir), 0);
	free(log->bytes);
	free(log);
	return 0;
}

/* Transactions of one to seven frames. */
static void write_some(struct log *log)
{
	for (int i = 0; i < 12; i++)
		write_rows(log, 1 + i % 4, i % 3 == 0 ? 9000 : 700);
	write_rows(log, 3, 3000);
	load(log);
	assert_true(log->last_begin < log->n_frames);
}

/* --- damage ---------------------------------------------------------------------------------------------- */

/* A proof is a whole commit frame, from `first` on, that a transaction follows. */
static bool is_proof_left(const struct log *log, unsigned first)
{
	for (unsigned i = first; i < log->n_frames; i++) {
		if (log->is_commit[i])
			return true;
	}
	return false;
}

static void test_a_flipped_bit_is_damage_where_a_transaction_begins_behind_it(void **state)
{
	struct log *log = *state;
	write_some(log);
	assert_false(is_damaged(log, log->len));
	for (unsigned i = 1; i <= log->n_frames; i++) {
		uint8_t *page = frame_at(log, i) + WAL_FRAME_HEAD_BYTES;
		page[(i * 97) % WAL_PAGE_BYTES] ^= 0x10;
		if (is_damaged(log, log->len) != is_proof_left(log, i + 1))
			fail_msg("frame %u of %u, the last transaction begins with %u", i,
				log->n_frames, log->last_begin);
		page[(i * 97) % WAL_PAGE_BYTES] ^= 0x10;
	}
}

static void test_a_frame_of_noise_is_damage_where_a_transaction_begins_behind_it(void **state)
{
	static const int fills[] = { 0, 0xff, 0x5a };
	struct log *log = *state;
	uint8_t before[WAL_FRAME_BYTES];
	write_some(log);
	for (unsigned i = 1; i <= log->n_frames; i++) {
		memcpy(before, frame_at(log, i), sizeof(before));
		for (size_t fill = 0; fill < sizeof(fills) / sizeof(fills[0]); fill++) {
			memset(frame_at(log, i), fills[fill], WAL_FRAME_BYTES);
			assert_int_equal(is_damaged(log, log->len),
				is_proof_left(log, i + 2)); /* the next one fits nothing */
		}
		memcpy(frame_at(log, i), before, sizeof(before));
	}
}

static void test_a_header_that_does_not_fit_is_damage(void **state)
{
	struct log *log = *state;
	write_some(log);
	for (size_t i = 0; i < WAL_HEADER_BYTES; i++) {
		log->bytes[i] ^= 0x40;
		assert_true(is_damaged(log, log->len));
		log->bytes[i] ^= 0x40;
	}
	memset(log->bytes, 0, WAL_HEADER_BYTES);
	assert_true(is_damaged(log, log->len));
	assert_false(is_damaged(log, WAL_HEADER_BYTES + WAL_FRAME_BYTES - 1));
	assert_false(is_damaged(log, 0));
}

/* --- what a power cut leaves ------------------------------------------------------------------------------- */

static void test_a_tail_cut_at_any_byte_is_no_damage(void **state)
{
	struct log *log = *state;
	write_some(log);
	size_t end = WAL_HEADER_BYTES + (size_t)log->n_frames * WAL_FRAME_BYTES;
	assert_false(is_damaged(log, end));
	for (size_t len = end; len >= end - WAL_FRAME_BYTES; len--) {
		assert_int_equal(truncate(log->copy_path, (off_t)len), 0);
		assert_false(wal_is_damaged(log->copy_path));
	}
	for (unsigned i = log->last_begin; i <= log->n_frames; i++)
		assert_false(
			is_damaged(log, WAL_HEADER_BYTES + (size_t)i * WAL_FRAME_BYTES - 1000));
}

/* Pages reach the disk in any order, or don't. */
static void test_a_last_transaction_with_holes_is_no_damage(void **state)
{
	struct log *log = *state;
	write_some(log);
	unsigned n = log->n_frames - log->last_begin + 1;
	size_t bytes = (size_t)n * WAL_FRAME_BYTES;
	uint8_t *before = malloc(bytes);
	assert_non_null(before);
	memcpy(before, frame_at(log, log->last_begin), bytes);
	for (unsigned mask = 0; mask < 1u << n; mask++) {
		for (unsigned i = 0; i < n; i++) {
			if (mask & 1u << i)
				memset(frame_at(log, log->last_begin + i), 0, WAL_FRAME_BYTES);
		}
		assert_false(is_damaged(log, log->len));
		memcpy(frame_at(log, log->last_begin), before, bytes);
	}
	free(before);
}

static void test_frames_of_an_older_round_behind_the_end_are_no_damage(void **state)
{
	struct log *log = *state;
	write_some(log);
	unsigned n_old = log->n_frames;
	write_rows(log, 1, 500); /* the WAL starts over: all of it was moved */
	write_rows(log, 4, 500);
	write_rows(log, 2, 5000);
	load(log);
	assert_true(log->n_frames < n_old);
	assert_true(log->len > WAL_HEADER_BYTES + (size_t)log->n_frames * WAL_FRAME_BYTES);
	assert_false(is_damaged(log, log->len));
	for (unsigned i = 1; i <= n_old; i++) {
		frame_at(log, i)[100] ^= 1;
		assert_int_equal(is_damaged(log, log->len), is_proof_left(log, i + 1));
		frame_at(log, i)[100] ^= 1;
	}
}

static void test_what_a_rolled_back_transaction_left_is_no_damage(void **state)
{
	struct log *log = *state;
	write_rows(log, 2, 3000);
	write_rows(log, 1, 500);
	run(log, "PRAGMA cache_size = 4; BEGIN");
	write_rows(log, 40, 3000); /* more than the cache holds: it is written before the commit */
	run(log, "ROLLBACK");
	write_rows(log, 1, 500);
	load(log);
	assert_true(log->len > WAL_HEADER_BYTES + (size_t)log->n_frames * WAL_FRAME_BYTES);
	assert_false(is_damaged(log, log->len));
	frame_at(log, log->n_frames)[200] ^= 1;
	assert_false(is_damaged(log, log->len));
	frame_at(log, log->n_frames)[200] ^= 1;
	frame_at(log, 1)[200] ^= 1;
	assert_true(is_damaged(log, log->len));
}

/* The first cut leaves the end of a transaction, with its commit frame, whole; after the start a
 * shorter one is written over its beginning, and is cut too. */
static void test_two_power_cuts_are_no_damage(void **state)
{
	struct log *log = *state;
	write_some(log);
	unsigned begin = log->last_begin;
	unsigned n_first = log->n_frames;
	memset(frame_at(log, begin), 0, WAL_FRAME_BYTES);
	assert_int_equal(sqlite3_close(log->db), SQLITE_OK);
	FILE *file = fopen(log->wal_path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(log->bytes, 1, log->len, file), log->len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(sqlite3_open(log->db_path, &log->db), SQLITE_OK);
	run(log, "PRAGMA wal_autocheckpoint = 0");
	write_rows(log, 1, 500);
	load(log);
	assert_in_range(log->n_frames, begin, n_first - 1);
	assert_false(is_damaged(log, log->len));
	for (unsigned i = begin; i <= log->n_frames; i++) {
		frame_at(log, i)[300] ^= 1;
		assert_false(is_damaged(log, log->len));
		frame_at(log, i)[300] ^= 1;
	}
}

/* --- what is read of it -------------------------------------------------------------------------------------- */

static void test_every_whole_frame_of_a_damaged_log_is_read(void **state)
{
	struct log *log = *state;
	char copy_db[96];
	struct error err;
	uint8_t page[WAL_PAGE_BYTES];
	write_some(log);
	memcpy(copy_db, log->copy_path, strlen(log->copy_path) - 4);
	copy_db[strlen(log->copy_path) - 4] = '\0';
	FILE *file = fopen(copy_db, "wb"); /* a database of no page: all is in the WAL */
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	for (unsigned gone = 1; is_proof_left(log, gone + 1); gone++) {
		frame_at(log, gone)[WAL_FRAME_HEAD_BYTES + 5] ^= 1;
		assert_true(is_damaged(log, log->len));
		struct view *all;
		struct view *before;
		assert_int_equal(view_open(copy_db, VIEW_ALL, &all, &err), 0);
		assert_int_equal(view_open(copy_db, VIEW_BEFORE_DAMAGE, &before, &err), 0);
		for (unsigned number = 1; number <= 40; number++) {
			const uint8_t *newest = NULL;
			const uint8_t *newest_before = NULL;
			unsigned committed = 0;
			for (unsigned i = 1; i < gone; i++)
				committed = log->is_commit[i] ? i : committed;
			for (unsigned i = 1; i <= log->n_frames; i++) {
				if (i == gone || get_big(frame_at(log, i)) != number)
					continue;
				newest = frame_at(log, i) + WAL_FRAME_HEAD_BYTES;
				if (i <= committed)
					newest_before = newest;
			}
			int read = view_read_page(all, number, page);
			assert_int_equal(read, newest ? 0 : -1);
			if (newest)
				assert_memory_equal(page, newest, sizeof(page));
			read = view_read_page(before, number, page);
			assert_int_equal(read, newest_before ? 0 : -1);
			if (newest_before)
				assert_memory_equal(page, newest_before, sizeof(page));
		}
		view_close(all);
		view_close(before);
		frame_at(log, gone)[WAL_FRAME_HEAD_BYTES + 5] ^= 1;
	}
	(void)unlink(copy_db);
}

static void test_without_a_header_all_but_the_first_frame_is_read(void **state)
{
	struct log *log = *state;
	struct wal_walk walk;
	struct wal_frame frame;
	write_some(log);
	memset(log->bytes, 0xff, WAL_HEADER_BYTES);
	wal_walk_start(&walk, log->bytes);
	for (unsigned i = 1; i <= log->n_frames; i++) {
		wal_walk_frame(&walk, frame_at(log, i), &frame);
		assert_int_equal(frame.is_whole, i > 1);
		assert_true(frame.is_beyond);
	}
	assert_true(walk.is_damaged);
}

int main(void)
{
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LOG_TEST(test_a_flipped_bit_is_damage_where_a_transaction_begins_behind_it),
		LOG_TEST(test_a_frame_of_noise_is_damage_where_a_transaction_begins_behind_it),
		LOG_TEST(test_a_header_that_does_not_fit_is_damage),
		LOG_TEST(test_a_tail_cut_at_any_byte_is_no_damage),
		LOG_TEST(test_a_last_transaction_with_holes_is_no_damage),
		LOG_TEST(test_frames_of_an_older_round_behind_the_end_are_no_damage),
		LOG_TEST(test_what_a_rolled_back_transaction_left_is_no_damage),
		LOG_TEST(test_two_power_cuts_are_no_damage),
		LOG_TEST(test_every_whole_frame_of_a_damaged_log_is_read),
		LOG_TEST(test_without_a_header_all_but_the_first_frame_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
