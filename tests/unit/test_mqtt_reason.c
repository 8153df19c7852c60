#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dray/mqtt_reason.h"

struct row {
	int reason, status;
};

static void test_an_answer_to_a_publish_has_a_status(void **state)
{
	static const struct row rows[] = {
		{ 0x00, 200 },
		{ 0x10, 200 },
		{ 0x80, 500 },
		{ 0x83, 500 },
		{ 0x87, 403 },
		{ 0x90, 400 },
		{ 0x91, 500 },
		{ 0x95, 413 },
		{ 0x97, 429 },
		{ 0x99, 400 },
		{ 0x9B, 405 },
		{ 0xFF, 500 },
		{ -1, 500 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(mqtt_reason_publish_status(rows[i].reason), rows[i].status);
}

static void test_a_refused_connection_is_our_fault_or_a_bad_moment(void **state)
{
	static const struct row rows[] = {
		{ 1, 0 }, /* protocol: another version is tried */
		{ 2, 403 }, { 3, 0 }, { 4, 401 }, { 5, 403 }, { 0x84, 0 }, { 0x85, 403 },
		{ 0x86, 401 }, { 0x87, 403 }, { 0x88, 0 }, /* unavailable */
		{ 0x89, 0 },                               /* busy */
		{ 0x8A, 403 }, { 0x8C, 401 }, { 0x97, 0 }, /* quota */
		{ 0x9C, 0 },                               /* another server for now */
		{ 0x9D, 301 }, { 0x9F, 0 },                /* too many connections */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(mqtt_reason_connect_status(rows[i].reason), rows[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_to_a_publish_has_a_status),
		cmocka_unit_test(test_a_refused_connection_is_our_fault_or_a_bad_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
