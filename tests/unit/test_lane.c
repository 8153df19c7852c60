#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dray/lane.h"

struct row {
	bool has[CONFIG_LANE_N];
	unsigned slots;
	unsigned share[CONFIG_LANE_N];
};

static void test_lanes_share_six_three_one(void **state)
{
	static const struct row rows[] = {
		{ { true, true, true }, 10, { 6, 3, 1 } },
		{ { true, true, true }, 100, { 60, 30, 10 } },
		{ { true, false, true }, 7, { 6, 0, 1 } },
		{ { false, true, true }, 4, { 0, 3, 1 } },
		{ { false, false, true }, 8, { 0, 0, 8 } },
		{ { false, false, false }, 8, { 0, 0, 0 } },
		{ { true, true, true }, 0, { 0, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned cursor = 0, share[CONFIG_LANE_N];

		lane_share(&cursor, rows[i].slots, rows[i].has, share);
		for (int lane = 0; lane < CONFIG_LANE_N; lane++)
			assert_int_equal(share[lane], rows[i].share[lane]);
	}
}

static void test_one_slot_at_a_time_starves_no_lane(void **state)
{
	static const bool has[CONFIG_LANE_N] = { true, true, true };
	unsigned cursor = UINT32_MAX - 4, sum[CONFIG_LANE_N] = { 0 }, share[CONFIG_LANE_N];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		lane_share(&cursor, 1, has, share);
		for (int lane = 0; lane < CONFIG_LANE_N; lane++)
			sum[lane] += share[lane];
	}
	assert_in_range(sum[CONFIG_LANE_CRITICAL], 590, 610);
	assert_in_range(sum[CONFIG_LANE_NORMAL], 290, 310);
	assert_in_range(sum[CONFIG_LANE_BULK], 90, 110);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lanes_share_six_three_one),
		cmocka_unit_test(test_one_slot_at_a_time_starves_no_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
