/*
 * Reference data in the store: rows, what they are found by, and what a failed turn, a restart and a
 * salvage leave of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "help_faulty_vfs.h"
#include "help_store.h"
#include "play_salvage.h"
#include "store/reference.h"
#include "store/store_internal.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, shed_set_up, shed_tear_down)
#define SALVAGE(name) cmocka_unit_test_setup_teardown(name, salvage_setup, salvage_teardown)

/* An item with a GTIN, which may be NULL. Returns how many codes moved. */
static unsigned put_item(struct shed *shed, const char *id, const char *gtin, const char *pack)
{
	const struct store_alias alias = { "gtin", gtin, pack };
	char body[64];
	unsigned n_moved = 99;
	struct store_reference row = { .kind = "item",
		.id = id,
		.source = "import",
		.seen_at_ms = 1000,
		.body = body,
		.aliases = &alias,
		.n_aliases = gtin != NULL };

	row.len = (size_t)snprintf(body, sizeof(body), "{\"id\":\"%s\"}", id);
	assert_int_equal(store_put_reference(shed->store, &row, &n_moved), 0);
	return n_moved;
}

static int on_alias(void *ctx, const struct store_alias_row *row)
{
	(void)snprintf(ctx, 64, "%s %s", row->id, row->pack);
	return 0;
}

/* "ID PACK" of what a GTIN means; "" nothing. */
static const char *owner_of(struct shed *shed, const char *gtin)
{
	static char text[64];

	text[0] = '\0';
	assert_true(store_find_alias(shed->store, "item", "gtin", gtin, on_alias, text) >= 0);
	return text;
}

static int on_row(void *ctx, const struct store_reference_row *row)
{
	char *text = ctx;
	size_t len = strlen(text);

	(void)snprintf(text + len, 256 - len, "%s/%s ", row->kind, row->id);
	return 0;
}

static const char *list(struct shed *shed, const char *kind, const char *after_kind,
	const char *after, unsigned limit)
{
	static char text[256];

	text[0] = '\0';
	assert_int_equal(
		store_list_reference(shed->store, kind, after_kind, after, limit, on_row, text), 0);
	return text;
}

static void put_other(struct shed *shed, const char *kind, const char *id)
{
	const struct store_reference row = {
		.kind = kind, .id = id, .source = "import", .body = "{}", .len = 2
	};

	assert_int_equal(store_put_reference(shed->store, &row, NULL), 0);
}

static void test_a_row_is_replaced_with_all_that_it_was_found_by(void **state)
{
	struct shed *shed = *state;

	assert_int_equal(store_has_reference(shed->store, "item"), 0);
	assert_int_equal(put_item(shed, "A", "1", "12"), 0);
	assert_int_equal(store_has_reference(shed->store, "item"), 1);
	assert_int_equal(store_has_reference(shed->store, "unit"), 0);
	assert_string_equal(owner_of(shed, "1"), "A 12");
	assert_int_equal(put_item(shed, "A", "2", NULL), 0);
	assert_string_equal(owner_of(shed, "1"), "");
	assert_string_equal(owner_of(shed, "2"), "A ");
	shed_commit(shed);
	shed_reopen(shed);
	assert_string_equal(owner_of(shed, "2"), "A ");
	assert_string_equal(list(shed, NULL, "", "", 9), "item/A ");
}

static void test_a_code_moves_to_the_row_that_names_it_last(void **state)
{
	struct shed *shed = *state;

	assert_int_equal(put_item(shed, "A", "1", NULL), 0);
	assert_int_equal(put_item(shed, "A", "1", NULL), 0);
	assert_int_equal(put_item(shed, "B", "1", "6"), 1);
	assert_string_equal(owner_of(shed, "1"), "B 6");
	/* What A doesn't have any more does not go with it. */
	assert_int_equal(store_delete_reference(shed->store, "item", "A"), 1);
	assert_string_equal(owner_of(shed, "1"), "B 6");
	assert_int_equal(store_delete_reference(shed->store, "item", "A"), 0);
	assert_int_equal(store_delete_reference(shed->store, "item", "B"), 1);
	assert_string_equal(owner_of(shed, "1"), "");
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM alias"), 0);
}

static void test_a_list_goes_on_behind_its_last_row(void **state)
{
	struct shed *shed = *state;

	put_other(shed, "unit", "H87");
	put_other(shed, "item", "b");
	put_other(shed, "item", "a/1");
	put_other(shed, "asn", "7");
	assert_string_equal(list(shed, NULL, "", "", 9), "asn/7 item/a/1 item/b unit/H87 ");
	assert_string_equal(list(shed, NULL, "", "", 2), "asn/7 item/a/1 ");
	assert_string_equal(list(shed, NULL, "item", "a/1", 9), "item/b unit/H87 ");
	assert_string_equal(list(shed, "item", "", "", 9), "item/a/1 item/b ");
	assert_string_equal(list(shed, "item", "item", "a/1", 9), "item/b ");
	assert_string_equal(list(shed, "item", "item", "b", 9), "");
}

static void test_a_turn_that_fails_takes_all_of_it_back(void **state)
{
	struct shed *shed = *state;
	uint64_t before;

	put_item(shed, "A", "1", NULL);
	shed_commit(shed);
	put_item(shed, "B", "1", NULL);
	assert_int_equal(store_delete_reference(shed->store, "item", "A"), 1);
	before = store_reference_changes(shed->store);
	assert_int_equal(store_claim(shed->store, 1, 999999, 0, 0, 1), -1);
	store_abandon(shed->store);
	assert_true(store_reference_changes(shed->store) > before);
	assert_string_equal(owner_of(shed, "1"), "A ");
	assert_string_equal(list(shed, NULL, "", "", 9), "item/A ");
}

static void test_every_change_is_told_and_a_look_is_none(void **state)
{
	struct shed *shed = *state;
	uint64_t before = store_reference_changes(shed->store);

	put_item(shed, "A", "1", NULL);
	assert_true(store_reference_changes(shed->store) > before);
	shed_commit(shed);
	before = store_reference_changes(shed->store);
	(void)owner_of(shed, "1");
	(void)list(shed, NULL, "", "", 9);
	assert_int_equal(store_reference_changes(shed->store), before);
	assert_int_equal(store_delete_reference(shed->store, "item", "A"), 1);
	assert_true(store_reference_changes(shed->store) > before);
}

static void test_a_failing_disk_poisons(void **state)
{
	struct shed *shed = *state;
	const struct store_reference row = {
		.kind = "item", .id = "A", .source = "import", .body = "{}", .len = 2
	};

	store_close(shed->store);
	shed->store = NULL;
	shed->vfs = FAULTY_VFS;
	assert_int_equal(faulty_vfs_register(), SQLITE_OK);
	shed_reopen(shed);
	faulty_vfs_arm(FAULTY_WRITE, 1, SQLITE_FULL, true);
	assert_true(
		store_put_reference(shed->store, &row, NULL) < 0 || store_commit(shed->store) < 0);
	faulty_vfs_disarm();
	assert_true(store_is_poisoned(shed->store));
	assert_int_equal(store_put_reference(shed->store, &row, NULL), -1);
	assert_int_equal(store_delete_reference(shed->store, "item", "A"), -1);
	store_abandon(shed->store);
	assert_string_equal(list(shed, NULL, "", "", 9), "");
}

static void test_a_salvage_brings_back_rows_and_what_they_are_found_by(void **state)
{
	struct shed *shed = *state;
	uint64_t before;

	put_item(shed, "A", "1", "12");
	put_item(shed, "B", "2", NULL);
	put_item(shed, "C", "3", NULL);
	shed_commit(shed);
	before = store_reference_changes(shed->store);
	break_store(shed);
	assert_true(store_reference_changes(shed->store) > before);
	assert_string_equal(owner_of(shed, "1"), "");
	/* Imported anew in the meantime: B under another code, and C's code moved to D. */
	put_item(shed, "B", "4", NULL);
	put_item(shed, "D", "3", NULL);
	shed_commit(shed);
	before = store_reference_changes(shed->store);
	salvage_all(shed);
	assert_true(store_reference_changes(shed->store) > before);
	assert_string_equal(list(shed, NULL, "", "", 9), "item/A item/B item/C item/D ");
	assert_string_equal(owner_of(shed, "1"), "A 12");
	assert_string_equal(owner_of(shed, "2"), "");
	assert_string_equal(owner_of(shed, "3"), "D ");
	assert_string_equal(owner_of(shed, "4"), "B ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_row_is_replaced_with_all_that_it_was_found_by),
		TEST(test_a_code_moves_to_the_row_that_names_it_last),
		TEST(test_a_list_goes_on_behind_its_last_row),
		TEST(test_a_turn_that_fails_takes_all_of_it_back),
		TEST(test_every_change_is_told_and_a_look_is_none),
		TEST(test_a_failing_disk_poisons),
		SALVAGE(test_a_salvage_brings_back_rows_and_what_they_are_found_by),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
