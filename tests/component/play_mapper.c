#include "play_mapper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <cmocka.h>

#include "dray/json.h"

#define KNOWN_MAX 64

static struct {
	const char *text;
	mapper_play_fn fn;
} known[KNOWN_MAX];

struct mapper_program {
	struct mapper *mapper;
	mapper_play_fn fn;
	unsigned users;
};

struct mapper_call {
	TAILQ_ENTRY(mapper_call) link;
	struct mapper_program *program;
	char *input;
	mapper_done_fn done;
	void *ctx;
};
TAILQ_HEAD(calls, mapper_call);

struct mapper {
	struct calls calls;
	unsigned n_programs;
	bool is_held;
};

void mapper_know(const char *text, mapper_play_fn fn)
{
	for (size_t i = 0; i < KNOWN_MAX; i++)
		if (!known[i].text || strcmp(known[i].text, text) == 0) {
			known[i].text = text;
			known[i].fn = fn;
			return;
		}
	fail_msg("more programs than there is room for");
}

struct mapper *mapper_new(struct event_base *base, const struct mapper_options *options)
{
	struct mapper *mapper = calloc(1, sizeof(*mapper));

	(void)base;
	(void)options;
	assert_non_null(mapper);
	TAILQ_INIT(&mapper->calls);
	return mapper;
}

static void end_call(struct mapper *mapper, struct mapper_call *call)
{
	TAILQ_REMOVE(&mapper->calls, call, link);
	mapper_program_unref(call->program);
	free(call->input);
	free(call);
}

void mapper_free(struct mapper *mapper)
{
	if (!mapper)
		return;
	while (!TAILQ_EMPTY(&mapper->calls))
		end_call(mapper, TAILQ_FIRST(&mapper->calls));
	assert_int_equal(mapper->n_programs, 0);
	free(mapper);
}

struct mapper_program *mapper_program_new(struct mapper *mapper, const char *text, size_t len)
{
	for (size_t i = 0; i < KNOWN_MAX && known[i].text; i++) {
		struct mapper_program *program;

		if (strlen(known[i].text) != len || memcmp(known[i].text, text, len) != 0)
			continue;
		program = calloc(1, sizeof(*program));
		assert_non_null(program);
		*program = (struct mapper_program){ mapper, known[i].fn, 1 };
		mapper->n_programs++;
		return program;
	}
	fail_msg("nobody knows the program \"%.*s\"", (int)len, text);
	return NULL;
}

struct mapper_program *mapper_program_ref(struct mapper_program *program)
{
	program->users++;
	return program;
}

void mapper_program_unref(struct mapper_program *program)
{
	if (!program || --program->users > 0)
		return;
	program->mapper->n_programs--;
	free(program);
}

struct mapper_call *mapper_call(struct mapper_program *program, const char *input, size_t len,
	mapper_done_fn done, void *ctx)
{
	struct mapper_call *call = calloc(1, sizeof(*call));

	assert_non_null(call);
	*call = (struct mapper_call){ .program = mapper_program_ref(program),
		.input = strndup(input, len),
		.done = done,
		.ctx = ctx };
	assert_non_null(call->input);
	TAILQ_INSERT_TAIL(&program->mapper->calls, call, link);
	return call;
}

void mapper_call_cancel(struct mapper_call *call)
{
	end_call(call->program->mapper, call);
}

static void answer(struct mapper *mapper, struct mapper_call *call)
{
	static const struct json_limits limits = {
		.max_bytes = (size_t)64 << 20, .max_depth = 128, .max_members = 1000000
	};
	enum mapper_outcome outcome = MAPPER_HELD;
	struct buf scanned = BUF_INIT, out = BUF_INIT;
	struct json_error flaw = { 0 };
	/* The real one takes no other text. */
	cJSON *input = json_parse(call->input, strlen(call->input), &limits, &scanned, &flaw);
	mapper_done_fn done = call->done;
	void *ctx = call->ctx;

	if (!input)
		fail_msg("the input is no JSON: %s: %s", flaw.message, call->input);
	if (mapper->is_held)
		buf_puts(&out, "is held after three strikes");
	else
		outcome = call->program->fn(input, &out);
	end_call(mapper, call);
	done(ctx, outcome, out.len > 0 ? out.data : "", out.len);
	cJSON_Delete(input);
	buf_done(&scanned);
	buf_done(&out);
}

unsigned mapper_waiting(const struct mapper *mapper)
{
	const struct mapper_call *call;
	unsigned n = 0;

	TAILQ_FOREACH (call, &mapper->calls, link)
		n++;
	return n;
}

unsigned mapper_play(struct mapper *mapper)
{
	unsigned n = mapper_waiting(mapper);

	for (unsigned i = 0; i < n; i++)
		answer(mapper, TAILQ_FIRST(&mapper->calls));
	return n;
}

void mapper_hold(struct mapper *mapper, bool is_held)
{
	mapper->is_held = is_held;
}
