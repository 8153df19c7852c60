/* What the intake is told of items and units, and that it never hears of what is past. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "capture/items.h"
#include "dray/reference.h"
#include "help_store.h"
#include "play_salvage.h"
#include "store/reference.h"

struct house {
	struct shed *shed;
	struct items *items;
	const struct reference *ask;
};

static struct house house;

static int set_up(void **state)
{
	assert_int_equal(shed_set_up(state), 0);
	house.shed = *state;
	house.items = items_new(house.shed->store);
	assert_non_null(house.items);
	house.ask = items_reference(house.items);
	return 0;
}

static int tear_down(void **state)
{
	items_free(house.items);
	return shed_tear_down(state);
}

static void put(const char *kind, const char *id, const char *body,
	const struct store_alias *aliases, size_t n)
{
	const struct store_reference row = { .kind = kind,
		.id = id,
		.source = "import",
		.body = body,
		.len = strlen(body),
		.aliases = aliases,
		.n_aliases = n };

	assert_int_equal(store_put_reference(house.shed->store, &row, NULL), 0);
}

static void put_item(const char *id, const char *scheme, const char *code, const char *pack)
{
	const struct store_alias alias = { scheme, code, pack };

	put("item", id, "{\"uom\":\"EA\"}", &alias, 1);
}

/* "SKU UOM PACK"; "" there is none. */
static const char *find(const char *scheme, const char *code)
{
	static char text[128];
	struct reference_item item;
	int found = house.ask->find_item(house.ask->ctx, scheme, code, &item);

	assert_true(found >= 0);
	text[0] = '\0';
	if (found)
		(void)snprintf(text, sizeof(text), "%s %s %s", item.sku, item.uom, item.pack);
	return text;
}

static void test_an_item_is_found_by_whatever_it_is_called(void **state)
{
	static const struct store_alias aliases[] = { { "gtin", "09506000134352", NULL },
		{ "gtin", "19506000134359", "12" }, { "sku", "OLD-1", NULL },
		{ "supplier_item", "ACME/A-77", NULL }, { "pack", "SKU-1/CS", "12" } };
	char pack[DECIMAL_TEXT_MAX];

	(void)state;
	assert_false(house.ask->has_items(house.ask->ctx));
	put("item", "SKU-1", "{\"uom\":\"EA\"}", aliases, 5);
	put("item", "SKU-2", "{}", NULL, 0);
	assert_true(house.ask->has_items(house.ask->ctx));
	for (int i = 0; i < 2; i++) { /* from the store, then from what is kept */
		assert_string_equal(find("sku", "SKU-1"), "SKU-1 EA ");
		assert_string_equal(find("sku", "OLD-1"), "SKU-1 EA ");
		assert_string_equal(find("gtin", "09506000134352"), "SKU-1 EA ");
		assert_string_equal(find("gtin", "19506000134359"), "SKU-1 EA 12");
		assert_string_equal(find("supplier_item", "ACME/A-77"), "SKU-1 EA ");
		assert_string_equal(find("supplier_item", "A-77"), "");
		assert_string_equal(find("sku", "SKU-2"), "SKU-2  ");
		assert_string_equal(find("gtin", "SKU-1"), "");
		assert_int_equal(house.ask->find_pack(house.ask->ctx, "SKU-1", "CS", pack), 1);
		assert_string_equal(pack, "12");
		assert_int_equal(house.ask->find_pack(house.ask->ctx, "SKU-1", "PX", pack), 0);
		assert_int_equal(house.ask->find_pack(house.ask->ctx, "SKU-2", "CS", pack), 0);
	}
}

static void test_an_items_own_number_goes_before_another_ones_old_code(void **state)
{
	(void)state;
	put_item("A", "sku", "B", NULL);
	assert_string_equal(find("sku", "B"), "A EA ");
	put_item("B", "gtin", "1", NULL);
	assert_string_equal(find("sku", "B"), "B EA ");
}

static void test_a_local_name_gives_its_code(void **state)
{
	static const struct store_alias name = { "unit",
		"St\xc3\xbc"
		"ck",
		NULL };
	char code[REFERENCE_UOM_MAX] = "untouched";

	(void)state;
	assert_int_equal(house.ask->find_unit(house.ask->ctx, name.code, code), 0);
	assert_string_equal(code, "untouched");
	put("unit", "H87", "{}", &name, 1);
	assert_int_equal(house.ask->find_unit(house.ask->ctx, name.code, code), 1);
	assert_string_equal(code, "H87");
	assert_false(house.ask->has_items(house.ask->ctx));
}

static void test_what_is_kept_is_forgotten_when_it_changes(void **state)
{
	(void)state;
	put_item("A", "gtin", "1", NULL);
	shed_commit(house.shed);
	assert_string_equal(find("gtin", "1"), "A EA ");
	assert_string_equal(find("gtin", "2"), "");
	put_item("B", "gtin", "1", "6");
	assert_string_equal(find("gtin", "1"), "B EA 6");
	put_item("C", "gtin", "2", NULL);
	assert_string_equal(find("gtin", "2"), "C EA ");
	assert_int_equal(store_delete_reference(house.shed->store, "item", "C"), 1);
	assert_string_equal(find("gtin", "2"), "");
}

static void test_what_a_failed_turn_said_was_never_so(void **state)
{
	(void)state;
	put_item("A", "gtin", "1", NULL);
	assert_string_equal(find("gtin", "1"), "A EA ");
	assert_true(house.ask->has_items(house.ask->ctx));
	assert_int_equal(store_claim(house.shed->store, 1, 999999, 0, 0, 1), -1);
	store_abandon(house.shed->store);
	assert_string_equal(find("gtin", "1"), "");
	assert_false(house.ask->has_items(house.ask->ctx));
}

static void test_no_item_is_unknown_while_a_broken_database_is_read(void **state)
{
	struct shed *shed = *state;

	house.shed = shed;
	house.items = items_new(shed->store);
	house.ask = items_reference(house.items);
	put_item("A", "gtin", "1", NULL);
	shed_commit(shed);
	break_store(shed);
	put_item("B", "gtin", "2", NULL);
	shed_commit(shed);
	assert_false(house.ask->has_items(house.ask->ctx));
	salvage_all(shed);
	assert_true(house.ask->has_items(house.ask->ctx));
	assert_string_equal(find("gtin", "1"), "A EA ");
	items_free(house.items);
}

static void test_no_local_name_is_unknown_while_a_broken_database_is_read(void **state)
{
	static const struct store_alias name = { "unit", "Stk", NULL };
	struct shed *shed = *state;
	char code[REFERENCE_UOM_MAX] = "";

	house.shed = shed;
	house.items = items_new(shed->store);
	house.ask = items_reference(house.items);
	put("unit", "H87", "{}", &name, 1);
	shed_commit(shed);
	break_store(shed);
	assert_int_equal(house.ask->find_unit(house.ask->ctx, "Bund", code), -1);
	assert_int_equal(house.ask->find_unit(house.ask->ctx, "KGM", code), 0);
	assert_int_equal(house.ask->find_unit(house.ask->ctx, "Hectogram", code), 0);
	salvage_all(shed);
	assert_int_equal(house.ask->find_unit(house.ask->ctx, "Bund", code), 0);
	assert_int_equal(house.ask->find_unit(house.ask->ctx, "Stk", code), 1);
	assert_string_equal(code, "H87");
	items_free(house.items);
}

/* More codes than are kept, and codes longer than are kept. */
static void test_every_answer_is_its_own(void **state)
{
	char id[16], code[220], wanted[32];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(id, sizeof(id), "S-%d", i);
		(void)snprintf(code, sizeof(code), "%0*d", i % 2 ? 13 : 190, i);
		put_item(id, "gtin", code, NULL);
	}
	shed_commit(house.shed);
	for (int i = 0; i < 6000; i++) {
		(void)snprintf(wanted, sizeof(wanted), "S-%d EA ", i % 3000);
		(void)snprintf(code, sizeof(code), "%0*d", i % 2 ? 13 : 190, i % 3000);
		assert_string_equal(find("gtin", code), wanted);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_item_is_found_by_whatever_it_is_called),
		TEST(test_an_items_own_number_goes_before_another_ones_old_code),
		TEST(test_a_local_name_gives_its_code),
		TEST(test_what_is_kept_is_forgotten_when_it_changes),
		TEST(test_what_a_failed_turn_said_was_never_so),
		cmocka_unit_test_setup_teardown(
			test_no_item_is_unknown_while_a_broken_database_is_read, salvage_setup,
			salvage_teardown),
		cmocka_unit_test_setup_teardown(
			test_no_local_name_is_unknown_while_a_broken_database_is_read,
			salvage_setup, salvage_teardown),
		TEST(test_every_answer_is_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
