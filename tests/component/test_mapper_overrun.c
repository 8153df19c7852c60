/*
 * Programs that overrun: time, memory, stack; and what three strikes do.
 */
#include "mapper/map_sandbox.h"
#include "mapper_fixture.h"

static void test_an_endless_program_is_ended_and_others_are_answered(void **state)
{
	struct mapper_program *endless = program_of("def f: f; f"), *fine = program_of(". + 1");
	struct answer first, bad, second;
	int64_t began;

	(void)state;
	expect(ask(fine, "1"), MAPPER_OUTPUT, "2");
	began = now_ms();
	(void)call(fine, "2", &first);
	(void)call(endless, "0", &bad);
	(void)call(fine, "3", &second);
	turn_until(n_answers + 3);
	expect(first, MAPPER_OUTPUT, "3");
	expect(bad, MAPPER_OVERRAN, "ran for longer than 300 ms");
	expect(second, MAPPER_OUTPUT, "4");
	assert_true(bad.at_ms - began >= BOUND_MS);
	assert_true(first.order < bad.order && bad.order < second.order);
	mapper_program_unref(endless);
	mapper_program_unref(fine);
}

/* Each has the bound for itself, however many stand before it: the child is busy for far longer. */
static void test_the_bound_is_of_the_oldest_call_not_of_the_queue(void **state)
{
	static struct answer answers[1000];
	const int64_t bound_ms = 1500;
	struct mapper_program *slow;
	int64_t began;
	unsigned n = 0;

	(void)state;
	start_bounded(DRAY_MAP, bound_ms);
	slow = program_of("last(range(30000))"); /* far less than the bound */
	expect(ask(slow, "0"), MAPPER_OUTPUT, "29999");
	n_answers = 0;
	for (began = now_ms(); n < 1000 && now_ms() - began < 2 * bound_ms; n++) {
		(void)call(slow, "0", &answers[n]);
		turn_until_at_least(n > 10 ? n - 10 : 0); /* it never comes to rest */
	}
	assert_true(now_ms() - began >= 2 * bound_ms);
	turn_until(n);
	for (unsigned i = 0; i < n; i++)
		expect(answers[i], MAPPER_OUTPUT, "29999");
	mapper_program_unref(slow);
}

static void test_a_memory_bomb_costs_the_child_alone(void **state)
{
	const char *words = map_sandbox_is_whole() ? "takes more than 64 MiB" : "";

	(void)state;
	start_bounded(DRAY_MAP, map_sandbox_is_whole() ? LONG_BOUND_MS : BOUND_MS);
	expect(ask_text("[range(1e9)] | length", "null"), MAPPER_OVERRAN, words);
	expect(ask_text("reduce range(60) as $i (\"x\"; . + .) | length", "null"), MAPPER_OVERRAN,
		words);
	expect(ask_text(".", "1"), MAPPER_OUTPUT, "1");
}

static void test_deep_recursion_costs_the_child_alone(void **state)
{
	struct answer answer;

	(void)state;
	answer = ask_text("def f: 1 + f; f", "null");
	assert_int_equal(answer.outcome, MAPPER_OVERRAN);
	answer = ask_text("reduce range(3000000) as $i (null; [.])", "null");
	assert_int_equal(answer.outcome, MAPPER_OVERRAN);
	expect(ask_text(".", "1"), MAPPER_OUTPUT, "1");
}

#define FAULTY "if . == 0 then last(range(1e12)) else . end"

static void test_three_strikes_hold_a_program_and_no_other(void **state)
{
	struct mapper_program *faulty = program_of(FAULTY), *fine = program_of(". + 1");
	struct answer bad[5], good;

	(void)state;
	for (int i = 0; i < 5; i++)
		(void)call(faulty, "0", &bad[i]);
	turn_until(5);
	for (int i = 0; i < 3; i++)
		expect(bad[i], MAPPER_OVERRAN, "ran for longer");
	for (int i = 3; i < 5; i++)
		expect(bad[i], MAPPER_HELD,
			"held after 3 strikes, the last: the program ran for longer");
	(void)call(faulty, "1", &bad[0]);
	(void)call(fine, "1", &good);
	turn_until(7);
	expect(bad[0], MAPPER_HELD, "held");
	expect(good, MAPPER_OUTPUT, "2");
	mapper_program_unref(faulty);
	mapper_program_unref(fine);
}

static void test_a_held_program_is_released_by_one_that_comes_back(void **state)
{
	struct mapper_program *faulty = program_of(FAULTY);
	struct answer probe, behind;

	(void)state;
	for (int i = 0; i < 3; i++)
		expect(ask(faulty, "0"), MAPPER_OVERRAN, "");
	turn_for(HOLD_MS + 50);
	(void)call(faulty, "0", &probe);
	(void)call(faulty, "1", &behind);
	turn_until(5);
	expect(behind, MAPPER_HELD, "");
	expect(probe, MAPPER_OVERRAN, "");
	expect(ask(faulty, "1"), MAPPER_HELD, ""); /* held anew */
	turn_for(HOLD_MS + 50);
	expect(ask(faulty, "7"), MAPPER_OUTPUT, "7");
	expect(ask(faulty, "8"), MAPPER_OUTPUT, "8");
	expect(ask(faulty, "0"), MAPPER_OVERRAN, ""); /* the count begins anew */
	expect(ask(faulty, "9"), MAPPER_OUTPUT, "9");
	mapper_program_unref(faulty);
}

static void test_a_cancelled_probe_gives_its_place_to_the_next(void **state)
{
	struct mapper_program *faulty = program_of(FAULTY);
	struct answer never;

	(void)state;
	for (int i = 0; i < 3; i++)
		expect(ask(faulty, "0"), MAPPER_OVERRAN, "");
	turn_for(HOLD_MS + 50);
	mapper_call_cancel(call(faulty, "1", &never));
	expect(ask(faulty, "2"), MAPPER_OUTPUT, "2");
	assert_int_equal(never.n, 0);
	mapper_program_unref(faulty);
}

static void test_forgetting_a_program_releases_it(void **state)
{
	struct mapper_program *faulty = program_of(FAULTY);

	(void)state;
	for (int i = 0; i < 3; i++)
		expect(ask(faulty, "0"), MAPPER_OVERRAN, "");
	expect(ask(faulty, "1"), MAPPER_HELD, "");
	mapper_program_unref(faulty);
	expect(ask_text(FAULTY, "1"), MAPPER_OUTPUT, "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_short(test_an_endless_program_is_ended_and_others_are_answered),
		with_own(test_the_bound_is_of_the_oldest_call_not_of_the_queue),
		with_own(test_a_memory_bomb_costs_the_child_alone),
		with_short(test_deep_recursion_costs_the_child_alone),
		with_short(test_three_strikes_hold_a_program_and_no_other),
		with_short(test_a_held_program_is_released_by_one_that_comes_back),
		with_short(test_a_cancelled_probe_gives_its_place_to_the_next),
		with_short(test_forgetting_a_program_releases_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
