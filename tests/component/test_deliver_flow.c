/*
 * Destinations of one account: what they share, and that each has its turn. And the lanes of one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"

#define FLOOD 30
#define MEMBERS 3
#define ONE "\"concurrency\":1"
#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct house house;
static const char *const names[MEMBERS] = { "erp", "tms", "wms" };

static char others[1024];
static unsigned n_answered[MEMBERS];

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	house_others = HOUSE_TMS;
	memset(n_answered, 0, sizeof(n_answered));
	return 0;
}

/* tms and wms are of these accounts, "" none; all have the same limits. */
static const char *say_others(const char *tms, const char *wms, const char *limits)
{
	(void)snprintf(others, sizeof(others),
		"\"tms\":{\"connector\":\"rest\",\"url\":\"http://tms\"%s%s%s,%s},"
		"\"wms\":{\"connector\":\"rest\",\"url\":\"http://wms\"%s%s%s,%s}",
		*tms ? ",\"account\":\"" : "", tms, *tms ? "\"" : "", limits,
		*wms ? ",\"account\":\"" : "", wms, *wms ? "\"" : "", limits);
	return others;
}

static const char *say_erp(const char *account, const char *limits)
{
	static char erp[256];

	(void)snprintf(erp, sizeof(erp), "\"account\":\"%s\",%s", account, limits);
	return erp;
}

/* All three are of account sap. */
static void open_account(const char *limits)
{
	house_others = say_others("sap", "sap", limits);
	house_open(&house, say_erp("sap", limits));
}

static void flood_lane(int member, const char *prefix, enum config_lane lane, int n)
{
	char id[64];

	for (int i = 0; i < n; i++) {
		(void)snprintf(id, sizeof(id), "%s-%s-%d", names[member], prefix, i);
		house_put_to(&house, names[member], id, "", lane);
	}
}

static void flood(int member, int n)
{
	flood_lane(member, "e", CONFIG_LANE_NORMAL, n);
}

static unsigned count_out(int member)
{
	unsigned n = 0;

	for (size_t i = 0; i < ERRANDS_MAX; i++)
		n += house.errands[i].is_out &&
		     strcmp(house.errands[i].destination, names[member]) == 0;
	return n;
}

/* Those that left. */
static unsigned count_begun(int member)
{
	return n_answered[member] + count_out(member);
}

static struct errand *find_out(int member)
{
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		if (house.errands[i].is_out &&
			strcmp(house.errands[i].destination, names[member]) == 0)
			return &house.errands[i];
	return NULL;
}

static void answer(int member, int status)
{
	struct errand *errand = find_out(member);

	assert_non_null(errand);
	n_answered[member]++;
	house_answer(&house, errand, status, "");
	house_rest(&house);
}

/* While they all have something to send. */
static void assert_equal_shares(int n_members, unsigned n_each)
{
	unsigned least = count_begun(0), most = least;

	for (int i = 1; i < n_members; i++) {
		unsigned n = count_begun(i);

		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	if (least < n_each)
		assert_in_range(most - least, 0, 1);
}

/* --- concurrency ---------------------------------------------------------------------------------- */

struct crowd {
	int n_members;
	unsigned concurrency;
};

/* Whose answer comes next; in no order. */
static int choose(const struct crowd *crowd, unsigned round)
{
	for (int i = 0; i < crowd->n_members; i++) {
		int member = (int)((round * 7 + (unsigned)i) % (unsigned)crowd->n_members);

		if (count_out(member) > 0)
			return member;
	}
	return -1;
}

static void run_crowd(const struct crowd *crowd)
{
	char limits[64];
	unsigned n_all = (unsigned)crowd->n_members * FLOOD;

	(void)snprintf(limits, sizeof(limits), "\"concurrency\":%u", crowd->concurrency);
	open_account(limits);
	for (int i = 0; i < crowd->n_members; i++)
		flood(i, FLOOD);
	house_rest(&house);
	for (unsigned round = 0; round < n_all; round++) {
		unsigned left = n_all - round;

		/* No slot stays empty, and none is made. */
		assert_int_equal(
			house_out(&house), left < crowd->concurrency ? left : crowd->concurrency);
		assert_equal_shares(crowd->n_members, FLOOD);
		answer(choose(crowd, round), 200);
	}
	assert_int_equal(house.n_done, n_all);
}

static void test_under_a_flood_all_of_an_account_have_equal_shares_of_its_slots(void **state)
{
	static const struct crowd crowds[] = {
		{ 2, 1 },
		{ 2, 3 },
		{ 2, 4 },
		{ 3, 1 },
		{ 3, 2 },
		{ 3, 5 },
		{ 3, 7 },
	};

	for (size_t i = 0; i < N(crowds); i++) {
		run_crowd(&crowds[i]);
		if (i + 1 < N(crowds))
			(void)close_house(state);
	}
}

static void test_one_that_is_alone_has_all_slots_of_its_account(void **state)
{
	(void)state;
	open_account("\"concurrency\":4");
	flood(2, 6);
	/* In one turn: nothing would wake it for another. */
	house_turn(&house);
	assert_int_equal(count_out(2), 4);
}

static void test_what_waits_for_a_slot_of_its_account_costs_no_looks(void **state)
{
	(void)state;
	open_account("\"concurrency\":1,\"rate\":\"1/s\"");
	flood(0, 1);
	house_rest(&house);
	flood(1, 1);
	house_rest(&house);
	assert_int_equal(house_pass(&house, 60000), 0);
}

static void test_a_slot_that_becomes_free_goes_to_another_of_the_account(void **state)
{
	static const int statuses[] = { 200, 422, 503, 404, 401 };

	for (size_t i = 0; i < N(statuses); i++) {
		open_account("\"concurrency\":1");
		flood(0, 1);
		house_rest(&house);
		flood(1, 1);
		house_rest(&house);
		assert_int_equal(count_out(1), 0);
		answer(0, statuses[i]);
		/* A 401 is tried once more with fresh credentials, and then is another's turn too. */
		if (count_out(1) == 0)
			answer(0, statuses[i]);
		assert_int_equal(count_out(1), 1);
		if (i + 1 < N(statuses))
			(void)close_house(state);
	}
}

static void test_a_probe_waits_for_a_slot_of_its_account(void **state)
{
	(void)state;
	open_account("\"concurrency\":1,\"breaker\":{\"probe\":\"10s\"}");
	flood(0, 1);
	house_rest(&house);
	house_fail(&house, find_out(0), TRANSPORT_NOT_SENT);
	flood(1, 2);
	house_rest(&house);
	assert_int_equal(count_out(1), 1);
	(void)house_pass(&house, 60000);
	assert_int_equal(count_out(0), 0);
	answer(1, 200);
	assert_int_equal(count_out(0), 1);
	assert_int_equal(count_out(1), 0);
	answer(0, 200);
	assert_int_equal(count_out(1), 1);
}

/* Asks where it is what it may have sent. */
static enum mapper_outcome ask(const cJSON *input, struct buf *out)
{
	const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(input, "op"));

	if (cJSON_IsObject(cJSON_GetObjectItem(input, "response")))
		return MAPPER_NOTHING;
	buf_printf(out, "{\"send\":{\"method\":\"%s\",\"path\":\"/orders\"}}",
		strcmp(op, "lookup") == 0 ? "GET" : "POST");
	return MAPPER_OUTPUT;
}

static void test_a_look_waits_for_a_slot_of_its_account(void **state)
{
	(void)state;
	house_connector("asking", "", ask);
	house_others = say_others("sap", "sap", ONE);
	house_open(&house, "\"connector\":\"asking\",\"idempotency\":{\"mode\":\"lookup\"},"
			   "\"settle\":\"10s\",\"account\":\"sap\"," ONE);
	flood(0, 1);
	house_rest(&house);
	house_fail(&house, find_out(0), TRANSPORT_NO_ANSWER);
	flood(1, 2);
	house_rest(&house);
	(void)house_pass(&house, 600000);
	assert_int_equal(count_out(0), 0);
	answer(1, 200);
	assert_string_equal(house_only(&house)->method, "GET");
	assert_int_equal(count_out(0), 1);
}

/* --- rate ----------------------------------------------------------------------------------------- */

static void test_under_a_flood_all_of_an_account_have_equal_shares_of_its_rate(void **state)
{
	for (int n_members = 1; n_members <= MEMBERS; n_members++) {
		open_account("\"concurrency\":32,\"rate\":\"2/s\"");
		for (int i = 0; i < n_members; i++)
			flood(i, FLOOD);
		house_rest(&house);
		/* A second's worth at once, then one each half second, which no one else asks for. */
		for (unsigned n = 2; n <= 22; n++) {
			assert_int_equal(house_out(&house), n);
			assert_equal_shares(n_members, FLOOD);
			(void)house_pass(&house, 500);
		}
		if (n_members < MEMBERS)
			(void)close_house(state);
	}
}

static void make_paused(void)
{
	assert_int_equal(store_destination_pause(house.store, 3, true), 0);
}

static void make_dead(void)
{
	house_fail(&house, find_out(2), TRANSPORT_NOT_SENT);
}

static void make_held(void)
{
	house_answer_later(find_out(2), 403, NULL);
	house_rest(&house);
	/* And so is the probe, with another one. */
	(void)house_pass(&house, 1000);
	house_answer_later(find_out(2), 403, NULL);
}

static void make_patient(void)
{
	house_answer_later(find_out(2), 429, "3600");
}

static void test_one_that_can_not_send_takes_nothing_from_the_others(void **state)
{
	static void (*const troubles[])(void) = { make_paused, make_dead, make_held, make_patient };

	for (size_t i = 0; i < N(troubles); i++) {
		open_account("\"concurrency\":8,\"rate\":\"1/s\",\"breaker\":{\"probe\":\"1h\"},"
			     "\"retry\":{\"base\":\"1h\",\"max\":\"1h\"}");
		flood(2, FLOOD);
		house_rest(&house);
		assert_int_equal(count_out(2), 1);
		troubles[i]();
		house_rest(&house);
		unsigned n_before = house.n_started;
		flood(0, FLOOD);
		flood(1, FLOOD);
		for (int second = 0; second < 20; second++) {
			(void)house_pass(&house, 1000);
			house_rest(&house);
			for (int member = 0; member < 2; member++)
				while (count_out(member) > 0)
					answer(member, 200);
		}
		assert_in_range(n_answered[0] + n_answered[1], 20, 21);
		assert_in_range(n_answered[0], 10, 11);
		assert_int_equal(house.n_started - n_before, n_answered[0] + n_answered[1]);
		if (i + 1 < N(troubles))
			(void)close_house(state);
	}
}

static void test_a_poisoned_turn_takes_neither_slot_nor_token(void **state)
{
	(void)state;
	open_account("\"concurrency\":2,\"rate\":\"2/s\"");
	house_turn(&house);
	flood(0, 2);
	flood(1, 2);
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(house_out(&house), 0);
	/* What was written is lost with it. */
	flood(0, 2);
	flood(1, 2);
	house_wait(&house, 100);
	assert_int_equal(count_out(0), 1);
	assert_int_equal(count_out(1), 1);
}

/* --- reload --------------------------------------------------------------------------------------- */

static void reload(const char *erp, const char *tms)
{
	house_others = say_others(tms, "", ONE);
	assert_int_equal(house_configure(&house, *erp ? say_erp(erp, ONE) : ONE), 0);
	house_rest(&house);
}

static void test_a_reload_that_shares_an_account_bounds_what_leaves_from_then_on(void **state)
{
	(void)state;
	house_others = say_others("", "", ONE);
	house_open(&house, ONE);
	flood(0, 3);
	flood(1, 3);
	house_rest(&house);
	assert_int_equal(house_out(&house), 2);
	reload("sap", "sap");
	/* Both went under limits of their own: a third is the account's first. */
	assert_int_equal(house_out(&house), 3);
	answer(0, 200);
	answer(1, 200);
	while (house_out(&house) > 0) {
		assert_int_equal(house_out(&house), 1);
		answer(count_out(0) > 0 ? 0 : 1, 200);
	}
	assert_int_equal(house.n_done, 6);
}

static void test_a_reload_that_parts_an_account_gives_each_its_own(void **state)
{
	/* What is out counts where it began: whoever is left there waits for it. */
	static const struct {
		const char *erp, *tms;
		unsigned n_tms;
	} rows[] = {
		{ "", "", 1 },
		{ "sap", "", 1 },
		{ "", "sap", 0 },
		{ "sap", "other", 1 },
		{ "other", "sap", 0 },
		{ "one", "two", 1 },
	};

	for (size_t i = 0; i < N(rows); i++) {
		open_account(ONE);
		flood(0, 2);
		flood(1, 2);
		house_rest(&house);
		assert_int_equal(count_out(0), 1);
		assert_int_equal(count_out(1), 0);
		reload(rows[i].erp, rows[i].tms);
		assert_int_equal(count_out(1), rows[i].n_tms);
		answer(0, 200);
		assert_int_equal(count_out(0), 1);
		assert_int_equal(count_out(1), 1);
		answer(1, 200);
		assert_int_equal(count_out(1), 1);
		if (i + 1 < N(rows))
			(void)close_house(state);
	}
}

static void test_what_a_destination_that_is_gone_has_out_counts_until_its_answer(void **state)
{
	static const char only_tms[] = "\"tms\":{\"connector\":\"rest\",\"url\":\"http://tms\","
				       "\"account\":\"sap\"," ONE "}";

	(void)state;
	open_account(ONE);
	flood(2, 2);
	house_rest(&house);
	assert_int_equal(count_out(2), 1);
	house_others = only_tms;
	assert_int_equal(house_configure(&house, say_erp("sap", ONE)), 0);
	flood(0, 1);
	flood(1, 1);
	house_rest(&house);
	assert_int_equal(house_out(&house), 1);
	answer(2, 200);
	assert_int_equal(count_out(2), 0);
	assert_int_equal(house_out(&house), 1);
	answer(0, 200);
	assert_int_equal(count_out(1), 1);
}

static void test_a_reload_that_changes_nothing_gives_no_token(void **state)
{
	static const char limits[] = "\"concurrency\":8,\"rate\":\"1/s\"";

	(void)state;
	open_account(limits);
	flood(0, 3);
	flood(1, 3);
	house_rest(&house);
	assert_int_equal(house_out(&house), 1);
	assert_int_equal(house_configure(&house, say_erp("sap", limits)), 0);
	house_rest(&house);
	assert_int_equal(house_out(&house), 1);
	(void)house_pass(&house, 1000);
	assert_int_equal(house_out(&house), 2);
}

/* --- lanes ---------------------------------------------------------------------------------------- */

static enum config_lane lane_of(const struct errand *errand)
{
	return strstr(errand->body, "-critical-") ? CONFIG_LANE_CRITICAL
	       : strstr(errand->body, "-bulk-")   ? CONFIG_LANE_BULK
						  : CONFIG_LANE_NORMAL;
}

static void flood_lanes(int member)
{
	flood_lane(member, "critical", CONFIG_LANE_CRITICAL, 60);
	flood_lane(member, "normal", CONFIG_LANE_NORMAL, 30);
	flood_lane(member, "bulk", CONFIG_LANE_BULK, 20);
}

static void test_lanes_share_six_three_one_also_where_the_account_is_shared(void **state)
{
	for (int n_members = 1; n_members <= 2; n_members++) {
		unsigned n[CONFIG_LANE_N] = { 0 };

		open_account(ONE);
		for (int i = 0; i < n_members; i++)
			flood_lanes(i);
		house_rest(&house);
		for (int i = 1; i <= 50 * n_members; i++) {
			int member = count_out(0) > 0 ? 0 : 1;

			if (member == 0)
				n[lane_of(find_out(0))]++;
			answer(member, 200);
		}
		assert_int_equal(n[CONFIG_LANE_CRITICAL], 30);
		assert_int_equal(n[CONFIG_LANE_NORMAL], 15);
		assert_int_equal(n[CONFIG_LANE_BULK], 5);
		if (n_members == 1)
			(void)close_house(state);
	}
}

#define T(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_under_a_flood_all_of_an_account_have_equal_shares_of_its_slots),
		T(test_one_that_is_alone_has_all_slots_of_its_account),
		T(test_what_waits_for_a_slot_of_its_account_costs_no_looks),
		T(test_a_slot_that_becomes_free_goes_to_another_of_the_account),
		T(test_a_probe_waits_for_a_slot_of_its_account),
		T(test_a_look_waits_for_a_slot_of_its_account),
		T(test_under_a_flood_all_of_an_account_have_equal_shares_of_its_rate),
		T(test_one_that_can_not_send_takes_nothing_from_the_others),
		T(test_a_poisoned_turn_takes_neither_slot_nor_token),
		T(test_a_reload_that_shares_an_account_bounds_what_leaves_from_then_on),
		T(test_a_reload_that_parts_an_account_gives_each_its_own),
		T(test_what_a_destination_that_is_gone_has_out_counts_until_its_answer),
		T(test_a_reload_that_changes_nothing_gives_no_token),
		T(test_lanes_share_six_three_one_also_where_the_account_is_shared),
	};

	return cmocka_run_group_tests_name("deliver_flow", tests, NULL, NULL);
}
