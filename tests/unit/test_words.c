/* Lists of words in one text. */
#include "dray/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_a_list_has_its_words_and_no_part_of_one(void **state)
{
	static const struct {
		const char *words, *word;
		bool has;
	} rows[] = {
		{ " pick ship ", "pick", true },
		{ " pick ship ", "ship", true },
		{ " pick ship ", "shi", false },
		{ " pick ship ", "hip", false },
		{ " pick ship ", "ships", false },
		{ " pick ship ", "Ship", false },
		{ " pick shipment ", "ship", false },
		{ " reship ship ", "ship", true },
		{ " pick ship ", "pick ship", false },
		{ " pick ship ", "", false },
		{ " pick ship ", " ", false },
		{ "pick", "pick", true },
		{ "  pick   ship", "ship", true },
		{ "", "pick", false },
		{ "", "", false },
		{ "   ", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			words_has(rows[i].words, rows[i].word, strlen(rows[i].word)), rows[i].has);
}

static void test_a_word_may_stand_in_a_longer_text(void **state)
{
	(void)state;
	assert_true(words_has(" pick ship ", "shipment", 4));
	assert_false(words_has(" pick ship ", "ship", 3));
}

static void test_the_words_come_one_behind_the_other(void **state)
{
	static const char words[] = "  a  bc d";
	static const struct {
		size_t at, len;
	} rows[] = { { 2, 1 }, { 5, 2 }, { 8, 1 } };
	size_t i = 0, len;

	(void)state;
	for (const char *at = words; (at = words_next(at, &len)); at += len, i++) {
		assert_true(i < sizeof(rows) / sizeof(rows[0]));
		assert_int_equal(at - words, rows[i].at);
		assert_int_equal(len, rows[i].len);
	}
	assert_int_equal(i, sizeof(rows) / sizeof(rows[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_list_has_its_words_and_no_part_of_one),
		cmocka_unit_test(test_a_word_may_stand_in_a_longer_text),
		cmocka_unit_test(test_the_words_come_one_behind_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
