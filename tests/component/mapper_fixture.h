/*
 * mapper_fixture.h - a mapper, its loop, and an answer that is waited for.
 */
#ifndef DRAY_MAPPER_FIXTURE_H
#define DRAY_MAPPER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clock.h"
#include "mapper/mapper.h"

#define BOUND_MS 300        /* where it is overrun */
#define HOLD_MS 1500        /* what is held is asked within it, on however slow a machine */
#define LONG_BOUND_MS 20000 /* where it isn't, on however slow a machine */
#define PATIENCE_MS 120000  /* for what never comes; a machine may be busy */

struct answer {
	unsigned n; /* times it came */
	enum mapper_outcome outcome;
	char text[256];
	size_t len;
	unsigned order; /* among all */
	int64_t at_ms;
};

static struct event_base *base;
static struct mapper *mapper;
static unsigned n_answers;

static inline int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void on_done(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	struct answer *answer = ctx;

	assert_int_equal(text[len], '\0');
	answer->n++;
	answer->outcome = outcome;
	(void)snprintf(answer->text, sizeof(answer->text), "%s", text);
	answer->len = len;
	answer->order = ++n_answers;
	answer->at_ms = now_ms();
}

/* Turn the loop until so many answers have come, never for longer than a test may take. */
static inline void turn_until_at_least(unsigned n)
{
	const struct timeval look = { .tv_usec = 20000 };
	const int64_t until = now_ms() + PATIENCE_MS;

	while (n_answers < n && now_ms() < until) {
		assert_int_equal(event_base_loopexit(base, &look), 0);
		assert_int_equal(event_base_dispatch(base) < 0, 0);
	}
	assert_true(n_answers >= n);
}

static inline void turn_until(unsigned n)
{
	turn_until_at_least(n);
	assert_int_equal(n_answers, n);
}

static inline void turn_for(int64_t ms)
{
	const struct timeval after = clock_wait(ms);

	assert_int_equal(event_base_loopexit(base, &after), 0);
	assert_int_equal(event_base_dispatch(base) < 0, 0);
}

static inline struct mapper_program *program_of(const char *text)
{
	struct mapper_program *program = mapper_program_new(mapper, text, strlen(text));

	assert_non_null(program);
	return program;
}

static inline struct mapper_call *call(
	struct mapper_program *program, const char *input, struct answer *answer)
{
	struct mapper_call *ret;

	memset(answer, 0, sizeof(*answer));
	ret = mapper_call(program, input, strlen(input), on_done, answer);
	assert_non_null(ret);
	assert_int_equal(answer->n, 0); /* never from within */
	return ret;
}

static inline struct answer ask(struct mapper_program *program, const char *input)
{
	struct answer answer;

	(void)call(program, input, &answer);
	turn_until(n_answers + 1);
	assert_int_equal(answer.n, 1);
	return answer;
}

static inline struct answer ask_text(const char *text, const char *input)
{
	struct mapper_program *program = program_of(text);
	struct answer answer = ask(program, input);

	mapper_program_unref(program);
	return answer;
}

static inline void expect(struct answer answer, enum mapper_outcome outcome, const char *words)
{
	if (answer.outcome != outcome || !strstr(answer.text, words))
		fail_msg("outcome %d: %s", (int)answer.outcome, answer.text);
}

static inline void start_bounded(const char *path, int64_t bound_ms)
{
	const struct mapper_options options = {
		.path = path, .zone = "Europe/Berlin", .bound_ms = bound_ms, .hold_ms = HOLD_MS
	};

	base = event_base_new();
	assert_non_null(base);
	mapper = mapper_new(base, &options);
	assert_non_null(mapper);
	n_answers = 0;
}

static inline void start(const char *path)
{
	start_bounded(path, BOUND_MS);
}

static inline int setup(void **state)
{
	(void)state;
	start_bounded(DRAY_MAP, LONG_BOUND_MS);
	return 0;
}

static inline int setup_short(void **state)
{
	(void)state;
	start(DRAY_MAP);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	mapper_free(mapper);
	event_base_free(base);
	return 0;
}

#define with_child(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define with_short(test) cmocka_unit_test_setup_teardown(test, setup_short, teardown)
#define with_own(test) cmocka_unit_test_teardown(test, teardown)

#endif
