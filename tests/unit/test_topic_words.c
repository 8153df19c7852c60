/* What a topic says of the events on it. */
#include "dray/topic_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_a_topic_says_whose_it_is_or_nothing(void **state)
{
	static const struct {
		const char *topic;
		bool is_read, is_of_events;
	} rows[] = {
		{ "dray/v1/dc/event/receipt/tc52", true, true },
		{ "dray/v1/dc/event/po.created/A_b.9-", true, true },
		{ "dray/v1/dc/event", false, true },
		{ "dray/v1/dc/event/", false, true },
		{ "dray/v1/dc/event/receipt", false, true },
		{ "dray/v1/dc/event/receipt/", false, true },
		{ "dray/v1/dc/event/receipt/tc52/more", false, true },
		{ "dray/v1/dc/event/receipt/tc 52", false, true },
		{ "dray/v1//event/receipt/tc52", false, true },
		{ "dray/v1/d c/event/receipt/tc52", false, true },
		{ "dray/v1/dc/events/receipt/tc52", false, false },
		{ "dray/v1/dc/ack/tc52", false, false },
		{ "dray/v1/dc", false, false },
		{ "dray/v1/", false, false },
		{ "dray/v1", false, false },
		{ "dray/v11/dc/event/receipt/tc52", false, false },
		{ "gate/7/event/tags", false, false },
		{ "", false, false },
	};
	struct topic_words words;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(topic_read("dray/v1", rows[i].topic, &words), rows[i].is_read);
		assert_int_equal(
			topic_is_of_events("dray/v1", rows[i].topic), rows[i].is_of_events);
	}
	assert_true(topic_read("dray/v1", rows[1].topic, &words));
	assert_string_equal(words.site, "dc");
	assert_string_equal(words.type, "po.created");
	assert_string_equal(words.device, "A_b.9-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_topic_says_whose_it_is_or_nothing),
	};

	return cmocka_run_group_tests_name("topic_words", tests, NULL, NULL);
}
