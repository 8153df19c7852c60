#include "mapper_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

struct mapper_run {
	struct event_base *base;
	struct mapper *mapper;
	struct mapper_program *program; /* the last: cases ask the same one again */
};

struct answer {
	bool is_there;
	enum mapper_outcome outcome;
	struct buf *out;
};

struct mapper_run *mapper_run_new(const char *path, const char *zone, struct error *err)
{
	const struct mapper_options options = { .path = path, .zone = zone };
	struct mapper_run *run;

	if (access(path, X_OK) != 0) {
		error_fill(err, path, "can't be run: %s", strerror(errno));
		return NULL;
	}
	run = calloc(1, sizeof(*run));
	if (run) {
		run->base = event_base_new();
		run->mapper = run->base ? mapper_new(run->base, &options) : NULL;
	}
	if (run && run->mapper)
		return run;
	error_fill(err, path, "out of memory");
	mapper_run_free(run);
	return NULL;
}

void mapper_run_free(struct mapper_run *run)
{
	if (!run)
		return;
	mapper_program_unref(run->program);
	mapper_free(run->mapper);
	if (run->base)
		event_base_free(run->base);
	free(run);
}

static void on_done(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	struct answer *answer = ctx;

	answer->is_there = true;
	answer->outcome = outcome;
	buf_put(answer->out, text, len);
}

static enum mapper_outcome fail(struct buf *out, const char *words)
{
	buf_reset(out);
	buf_puts(out, words);
	return MAPPER_FAILED;
}

enum mapper_outcome mapper_run_call(struct mapper_run *run, const char *program, size_t program_len,
	const char *input, size_t len, struct buf *out)
{
	struct mapper_program *now = mapper_program_new(run->mapper, program, program_len);
	struct answer answer = { .out = out };

	buf_reset(out);
	if (!now)
		return fail(out, "out of memory");
	mapper_program_unref(run->program);
	run->program = now;
	if (!mapper_call(now, input, len, on_done, &answer))
		return fail(out, "out of memory");
	while (!answer.is_there) {
		if (event_base_loop(run->base, EVLOOP_ONCE) != 0)
			return fail(out, "the event loop failed");
	}
	return buf_failed(out) ? fail(out, "out of memory") : answer.outcome;
}

int mapper_run_compile(
	struct mapper_run *run, const char *program, size_t program_len, struct buf *out)
{
	enum mapper_outcome outcome;

	do
		outcome = mapper_run_call(run, program, program_len, "", 0, out);
	while (outcome == MAPPER_OVERRAN);
	return out->data && strcmp(out->data, MAPPER_NO_INPUT) == 0 ? 0 : -1;
}
