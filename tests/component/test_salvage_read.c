/*
 * What is read out of a broken database: all that the damage did not hit, and nothing else.
 *
 * What a page held is asked of the sound file by SQLite's dbstat, which knows nothing of salvage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "help_wreck.h"
#include "store/store.h"

#define PAGE 4096
#define EVENTS 180

static int set_up(void **state)
{
	struct wreck *wreck = calloc(1, sizeof(*wreck));
	assert_non_null(wreck);
	wreck_init(wreck, EVENTS);
	*state = wreck;
	return 0;
}

static int tear_down(void **state)
{
	wreck_done(*state);
	free(*state);
	return 0;
}

static void test_a_sound_file_comes_back_whole(void **state)
{
	struct wreck *wreck = *state;
	struct wreck_yield yield;
	wreck_restore(wreck);
	wreck_read(wreck, &yield);
	assert_int_equal(yield.events, EVENTS);
	assert_int_equal(yield.events_lost, 0);
	assert_int_equal(yield.doubts, 0);
	assert_int_equal(yield.false_doubts, 0);
	assert_int_equal(yield.n_chunks, EVENTS / SALVAGE_CHUNK_EVENTS + 1);
	assert_int_equal(yield.last.last_seq, EVENTS);
	assert_true(yield.last.has_tally);
	assert_false(yield.last.is_behind);
	assert_false(yield.last.is_unreadable);
	assert_true(yield.other_rows > EVENTS / 2);
}

/* --- one page ------------------------------------------------------------------------------------------- */

enum pattern { ZEROS, ONES, NOISE, COPY, PATTERNS };

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void read_page(struct wreck *wreck, uint32_t page, uint8_t bytes[PAGE])
{
	FILE *file = fopen(wreck->sound, "rb");
	assert_non_null(file);
	assert_int_equal(fseek(file, (long)(page - 1) * PAGE, SEEK_SET), 0);
	assert_int_equal(fread(bytes, 1, PAGE, file), PAGE);
	(void)fclose(file);
}

/* The last page that a long row overflows to: it names no next one. */
static bool is_end_of_row(struct wreck *wreck, uint32_t page)
{
	char sql[128];
	uint8_t bytes[PAGE];
	(void)snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM temp.page WHERE pagetype = 'overflow' AND pageno = %u", page);
	read_page(wreck, page, bytes);
	return wreck_ask(wreck, sql) == 1 && memcmp(bytes, "\0\0\0", 4) == 0;
}

static bool is_small_table(struct wreck *wreck, uint32_t page)
{
	char sql[160];
	(void)snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM temp.page WHERE pageno = %u"
		" AND name IN ('sequence', 'tally', 'counter', 'cursor')",
		page);
	return wreck_ask(wreck, sql) == 1;
}

/*
 * What can't be noticed, since there are no checksums: the end of one long row in the place of
 * another's, where the two texts happen to fit; and rows of an index in a small table that has as
 * many columns of the same types.
 */
static uint32_t pick_other(struct wreck *wreck, uint32_t page, uint32_t *seed)
{
	if (is_small_table(wreck, page))
		return 1;
	for (;;) {
		uint32_t other = 1 + next_random(seed) % wreck->n_pages;
		if (!is_end_of_row(wreck, page) || !is_end_of_row(wreck, other))
			return other;
	}
}

static void ruin_page(struct wreck *wreck, uint32_t page, enum pattern pattern, uint32_t *seed)
{
	uint8_t bytes[PAGE];
	memset(bytes, pattern == ONES ? 0xff : 0, sizeof(bytes));
	if (pattern == NOISE) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)next_random(seed);
	}
	if (pattern == COPY)
		read_page(wreck, pick_other(wreck, page, seed), bytes);
	wreck_write(wreck, (int64_t)(page - 1) * PAGE, bytes, PAGE);
}

/* --- what may be missing --------------------------------------------------------------------------------- */

struct toll {
	int events;     /* that may be lost */
	int deliveries; /* that may be in doubt */
	int others;     /* rows of other tables that may be lost */
};

static int64_t ask(struct wreck *wreck, uint32_t page, const char *sql)
{
	char text[512];
	(void)snprintf(text, sizeof(text),
		"WITH hit AS (SELECT * FROM temp.page WHERE pageno = %u) %s", page, sql);
	return wreck_ask(wreck, text);
}

/*
 * Rows in the page and below it; a row that overflows into it. A page of no table read costs nothing,
 * be it the schema's or the header's.
 *
 * is_alone  the rest of the file is sound: then an inner page of a tree whose keys are numbers costs
 *           only the rows that are in it.
 */
static void add_toll(struct wreck *wreck, uint32_t page, bool is_alone, struct toll *toll)
{
	static const char below[] = "SELECT coalesce(sum(s.ncell), 0) FROM hit JOIN temp.page AS s"
				    " ON s.name = hit.name AND substr(s.path, 1, length(hit.path))"
				    " = hit.path WHERE s.pagetype <> 'overflow' AND (s.pagetype ="
				    " 'leaf' OR hit.name NOT IN ('event', 'exception', 'audit',"
				    " 'connector_revision'))";
	static const char inner[] =
		"SELECT coalesce(sum(CASE WHEN name IN ('delivery', 'attempt') THEN ncell ELSE 0"
		" END), -1) FROM hit WHERE pagetype = 'internal' AND name IN ('event', 'delivery',"
		" 'attempt', 'exception', 'audit')";
	static const char is_read[] =
		"SELECT count(*) FROM hit WHERE hit.name IN (SELECT name FROM sqlite_schema"
		" WHERE type = 'table')";
	if (ask(wreck, page, is_read) == 0)
		return;
	int rows = ask(wreck, page, "SELECT count(*) FROM hit WHERE pagetype = 'overflow'") == 1
			   ? 1
			   : (int)ask(wreck, page, below);
	if (is_alone && ask(wreck, page, inner) >= 0)
		rows = (int)ask(wreck, page, inner);
	if (ask(wreck, page, "SELECT count(*) FROM hit WHERE name = 'event'") == 1)
		toll->events += rows;
	else if (ask(wreck, page, "SELECT count(*) FROM hit WHERE name = 'delivery'") == 1)
		toll->deliveries += rows + !is_alone; /* likewise */
	else
		toll->others += rows + 1; /* and what separates it from another ruined one */
}

static void check_toll(struct wreck *wreck, const struct wreck_yield *sound,
	const struct toll *toll, const char *what)
{
	struct wreck_yield yield;
	wreck_read(wreck, &yield);
	int lost = sound->events - yield.events;
	if (lost > toll->events)
		fail_msg("%s: %d events are lost, %d were hit", what, lost, toll->events);
	if (yield.events_lost < lost && yield.last.last_seq == EVENTS)
		fail_msg("%s: %d events are lost, %lld are said to be", what, lost,
			(long long)yield.events_lost);
	if (yield.doubts > toll->deliveries)
		fail_msg("%s: %d deliveries are in doubt, %d were hit", what, yield.doubts,
			toll->deliveries);
	if (toll->deliveries == 0)
		assert_int_equal(yield.false_doubts, 0);
	if (sound->other_rows - yield.other_rows > toll->others + (lost || yield.doubts))
		fail_msg("%s: %d other rows are lost, %d were hit", what,
			sound->other_rows - yield.other_rows, toll->others);
}

static void read_sound(struct wreck *wreck, struct wreck_yield *ret)
{
	wreck_restore(wreck);
	wreck_read(wreck, ret);
	assert_int_equal(ret->events, EVENTS);
}

/* --- tests ------------------------------------------------------------------------------------------------- */

static void test_one_ruined_page_costs_what_it_held(void **state)
{
	static const char *const words[PATTERNS] = { "zeros", "ones", "noise", "a copy" };
	struct wreck *wreck = *state;
	struct wreck_yield sound;
	uint32_t seed = 1;
	char what[64];
	read_sound(wreck, &sound);
	for (uint32_t page = 1; page <= wreck->n_pages; page++) {
		struct toll toll = { 0 };
		add_toll(wreck, page, true, &toll);
		for (enum pattern pattern = 0; pattern < PATTERNS; pattern++) {
			wreck_restore(wreck);
			ruin_page(wreck, page, pattern, &seed);
			(void)snprintf(what, sizeof(what), "page %u, %s", page, words[pattern]);
			check_toll(wreck, &sound, &toll, what);
		}
	}
}

static void copy_page(struct wreck *wreck, uint32_t from, uint32_t to)
{
	uint8_t bytes[PAGE];
	read_page(wreck, from, bytes);
	wreck_write(wreck, (int64_t)(to - 1) * PAGE, bytes, PAGE);
}

/* Each page of the same kind is as good a page: only its place is wrong. */
static void test_a_page_in_anothers_place_is_noticed(void **state)
{
	/* Not the last page of a long row: nothing but what is in it could tell. */
	static const char *const kinds[] = {
		"name = 'event' AND pagetype = 'overflow' AND EXISTS (SELECT 1 FROM temp.page AS n"
		" WHERE n.name = 'event' AND n.path > temp.page.path AND substr(n.path, 1,"
		" instr(n.path, '+')) = substr(temp.page.path, 1, instr(temp.page.path, '+')))",
		"name = 'event' AND pagetype = 'leaf'", "name = 'delivery' AND pagetype = 'leaf'"
	};
	struct wreck *wreck = *state;
	struct wreck_yield sound;
	char what[512];
	read_sound(wreck, &sound);
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		(void)snprintf(
			what, sizeof(what), "SELECT count(*) FROM temp.page WHERE %s", kinds[kind]);
		int64_t n = wreck_ask(wreck, what);
		assert_true(n > 2);
		for (int64_t i = 0; i < n; i++) {
			uint32_t pages[2];
			struct toll toll = { 0 };
			for (int side = 0; side < 2; side++) {
				(void)snprintf(what, sizeof(what),
					"SELECT pageno FROM temp.page WHERE %s ORDER BY path LIMIT 1"
					" OFFSET %d",
					kinds[kind], (int)((i + side * (n / 2)) % n));
				pages[side] = (uint32_t)wreck_ask(wreck, what);
			}
			add_toll(wreck, pages[1], true, &toll);
			wreck_restore(wreck);
			copy_page(wreck, pages[0], pages[1]);
			(void)snprintf(what, sizeof(what), "page %u in the place of %u", pages[0],
				pages[1]);
			check_toll(wreck, &sound, &toll, what);
		}
	}
}

/* A page that SQLite finds nothing wrong with: a few bytes in the text of a row are others. */
static void test_an_event_whose_body_is_not_its_own_is_no_event(void **state)
{
	static const char *const wrong[] = { "X", "\"", "\0", "\xff" };
	struct wreck *wreck = *state;
	struct wreck_yield yield;
	uint8_t bytes[PAGE];
	int n = 0;
	for (uint32_t page = 33; page <= wreck->n_pages; page++) {
		read_page(wreck, page, bytes);
		const uint8_t *id = memmem(bytes, sizeof(bytes), "\"id\":\"e-", 8);
		if (id == NULL || id + 9 >= bytes + sizeof(bytes))
			continue;
		int64_t at = (int64_t)(page - 1) * PAGE + (id - bytes) + 8;
		wreck_restore(wreck);
		wreck_write(wreck, at, wrong[n++ % 4], 1);
		wreck_read(wreck, &yield);
		assert_int_equal(yield.events, EVENTS - 1);
		assert_int_equal(yield.events_lost, 1);
	}
	assert_true(n > 10);
}

/* All that is at the front of the file but the page map: the header, the schema and every root. */
static void test_without_the_roots_events_and_deliveries_come_back(void **state)
{
	struct wreck *wreck = *state;
	struct wreck_yield yield;
	uint32_t seed = 3;
	wreck_restore(wreck);
	for (uint32_t page = 1; page <= 34; page++) {
		if (page != 2)
			ruin_page(wreck, page, NOISE, &seed);
	}
	wreck_read(wreck, &yield);
	assert_int_equal(yield.events, EVENTS);
	assert_in_range(yield.doubts, 1, 5);
}

/* Of a destination that gets every third event the row that was in the root can't be named exactly. */
static void test_deliveries_that_a_destroyed_root_held_are_in_doubt(void **state)
{
	struct wreck wreck;
	struct wreck_yield yield;
	uint32_t seed = 1;
	(void)state;
	wreck_init(&wreck, 600);
	uint32_t root = (uint32_t)wreck_ask(
		&wreck, "SELECT pageno FROM temp.page WHERE name = 'delivery' AND path = '/'");
	int held = (int)wreck_ask(
		&wreck, "SELECT ncell FROM temp.page WHERE name = 'delivery' AND path = '/'");
	assert_true(held > 5);
	ruin_page(&wreck, root, ZEROS, &seed);
	wreck_read(&wreck, &yield);
	assert_int_equal(yield.events, 600);
	assert_in_range(yield.doubts, held, 2 * held);
	assert_in_range(yield.false_doubts, 1, 3 * held);

	/* With a page below it gone as well: those of that page, wherever it was. */
	for (int i = 0; i <= held; i++) {
		char leaf[128];
		(void)snprintf(leaf, sizeof(leaf),
			"SELECT pageno FROM temp.page WHERE name = 'delivery' AND pagetype = 'leaf'"
			" ORDER BY path LIMIT 1 OFFSET %d",
			i);
		wreck_restore(&wreck);
		ruin_page(&wreck, root, ZEROS, &seed);
		ruin_page(&wreck, (uint32_t)wreck_ask(&wreck, leaf), ZEROS, &seed);
		wreck_read(&wreck, &yield);
		assert_int_equal(yield.events, 600);
	}
	wreck_done(&wreck);
}

static void test_two_ruined_pages_cost_what_they_held(void **state)
{
	struct wreck *wreck = *state;
	struct wreck_yield sound;
	char what[64];
	uint32_t n_runs = getenv("DRAY_LONG") ? 5000 : 30;
	read_sound(wreck, &sound);
	for (uint32_t run = 1; run <= n_runs; run++) {
		uint32_t seed = run * 2654435761u;
		struct toll toll = { 0 };
		wreck_restore(wreck);
		for (int i = 0; i < 2; i++) {
			uint32_t page = 1 + next_random(&seed) % wreck->n_pages;
			add_toll(wreck, page, false, &toll);
			ruin_page(wreck, page, next_random(&seed) % PATTERNS, &seed);
		}
		(void)snprintf(what, sizeof(what), "two pages, seed %u", run);
		check_toll(wreck, &sound, &toll, what);
	}
}

static void test_a_truncated_file_costs_what_is_cut_off(void **state)
{
	struct wreck *wreck = *state;
	struct wreck_yield sound;
	struct toll toll = { 0 };
	char what[64];
	read_sound(wreck, &sound);
	for (uint32_t n_left = wreck->n_pages - 1; n_left >= 1; n_left--) {
		add_toll(wreck, n_left + 1, false, &toll);
		wreck_restore(wreck);
		wreck_truncate(wreck, (int64_t)n_left * PAGE - (n_left % 3 ? 0 : 100));
		if (n_left % 3 == 0)
			add_toll(wreck, n_left, false, &toll);
		(void)snprintf(what, sizeof(what), "%u pages left", n_left);
		check_toll(wreck, &sound, &toll, what);
	}
}

static void test_a_file_of_noise_is_unreadable_and_says_so(void **state)
{
	struct wreck *wreck = *state;
	struct wreck_yield yield;
	uint32_t seed = 7;
	wreck_restore(wreck);
	for (uint32_t page = 1; page <= wreck->n_pages; page++)
		ruin_page(wreck, page, NOISE, &seed);
	wreck_read(wreck, &yield);
	assert_int_equal(yield.events, 0);
	assert_true(yield.last.is_unreadable);
	assert_true(yield.last.is_last);
	wreck_truncate(wreck, 0);
	wreck_read(wreck, &yield);
	assert_true(yield.last.is_unreadable);
}

/* --- the write-ahead log --------------------------------------------------------------------------------- */

static void test_what_is_only_in_the_wal_comes_back(void **state)
{
	struct wreck *wreck = *state;
	struct wreck_yield yield;
	wreck_restore_live(wreck);
	wreck_read(wreck, &yield);
	assert_int_equal(yield.events, EVENTS);
	assert_int_equal(yield.doubts, 0);
	assert_false(yield.last.is_behind);
	assert_true(yield.last.has_tally);
}

/* Each frame in turn: events are as they were or not there, and it is said what may be missing. */
static void test_a_wal_damaged_in_the_middle_is_read_to_its_end(void **state)
{
	struct wreck *wreck = *state;
	struct wreck_yield yield;
	uint8_t noise[PAGE];
	memset(noise, 0x5a, sizeof(noise));
	wreck_restore_live(wreck);
	wreck->may_be_older = true;
	int64_t frame_bytes = PAGE + 24;
	int lost_most = 0;
	for (int64_t frame = 40; frame < 100; frame += 3) {
		wreck_restore_live(wreck);
		wreck_write_wal(wreck, 32 + frame * frame_bytes + 24, noise, sizeof(noise));
		wreck_read(wreck, &yield);
		assert_true(yield.last.is_behind);
		assert_in_range(yield.last.behind_at_ms, 0, 1795000000500 + EVENTS * 1000);
		int lost = EVENTS - yield.events;
		lost_most = lost > lost_most ? lost : lost_most;
	}
	wreck->may_be_older = false;
	/* A lost page that was written anew later on is no loss; one of the last state is. */
	assert_in_range(lost_most, 0, EVENTS / 2);
}

static void test_root_pages_are_the_same_in_every_file(void **state)
{
	struct wreck *wreck = *state;
	char sql[160];
	char path[96];
	(void)snprintf(path, sizeof(path), "%s/fresh.db", wreck->dir);
	const struct store_options options = { .path = path };
	struct store *store;
	assert_int_equal(store_open(&options, &store, NULL), 0);
	store_close(store);
	(void)snprintf(sql, sizeof(sql), "ATTACH '%s' AS fresh", path);
	assert_int_equal(sqlite3_exec(wreck->db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_true(wreck_ask(wreck, "SELECT count(*) FROM fresh.sqlite_schema") > 20);
	assert_int_equal(
		wreck_ask(wreck,
			"SELECT count(*) FROM (SELECT name, rootpage FROM main.sqlite_schema"
			" EXCEPT SELECT name, rootpage FROM fresh.sqlite_schema)"),
		0);
	assert_int_equal(sqlite3_exec(wreck->db, "DETACH fresh", NULL, NULL, NULL), SQLITE_OK);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_sound_file_comes_back_whole),
		cmocka_unit_test(test_one_ruined_page_costs_what_it_held),
		cmocka_unit_test(test_a_page_in_anothers_place_is_noticed),
		cmocka_unit_test(test_an_event_whose_body_is_not_its_own_is_no_event),
		cmocka_unit_test(test_without_the_roots_events_and_deliveries_come_back),
		cmocka_unit_test(test_deliveries_that_a_destroyed_root_held_are_in_doubt),
		cmocka_unit_test(test_two_ruined_pages_cost_what_they_held),
		cmocka_unit_test(test_a_truncated_file_costs_what_is_cut_off),
		cmocka_unit_test(test_what_is_only_in_the_wal_comes_back),
		cmocka_unit_test(test_a_wal_damaged_in_the_middle_is_read_to_its_end),
		cmocka_unit_test(test_root_pages_are_the_same_in_every_file),
		cmocka_unit_test(test_a_file_of_noise_is_unreadable_and_says_so),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
