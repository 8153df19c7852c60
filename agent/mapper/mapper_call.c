/*
 * mapper_call.c - programs, calls, strikes: see mapper.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "mapper_internal.h"
#include "wire.h"

#define STRIKES_MAX 3

/* --- a call's places -------------------------------------------------------------------------------------- */

static struct mapper_calls *list_of(struct mapper *mapper, enum mapper_place place)
{
	if (place == CALL_QUEUED)
		return &mapper->queued;
	return place == CALL_SENT ? &mapper->sent : &mapper->finished;
}

static void take_out(struct mapper_call *call)
{
	struct mapper *mapper = call->program->mapper;

	TAILQ_REMOVE(list_of(mapper, call->place), call, entry);
	if (call->place == CALL_SENT)
		mapper->sent_bytes -= call->len;
}

static void put_in(struct mapper_call *call, enum mapper_place place)
{
	struct mapper *mapper = call->program->mapper;

	call->place = place;
	TAILQ_INSERT_TAIL(list_of(mapper, place), call, entry);
	if (place == CALL_SENT)
		mapper->sent_bytes += call->len;
}

void mapper_call_move(struct mapper_call *call, enum mapper_place place)
{
	take_out(call);
	put_in(call, place);
}

void mapper_call_finish(struct mapper_call *call, enum mapper_outcome outcome, const char *words)
{
	call->outcome = outcome;
	(void)snprintf(call->words, sizeof(call->words), "%s", words);
	mapper_call_move(call, CALL_FINISHED);
	if (call->program->probe == call)
		call->program->probe = NULL;
}

static void release_call(struct mapper_call *call)
{
	if (call->program->probe == call)
		call->program->probe = NULL;
	mapper_program_unref(call->program);
	free(call->input);
	free(call);
}

void mapper_call_free(struct mapper_call *call)
{
	take_out(call);
	release_call(call);
}

/* It is in no list. */
static void tell(
	struct mapper_call *call, enum mapper_outcome outcome, const char *text, size_t len)
{
	if (call->done)
		call->done(call->ctx, outcome, text, len);
	release_call(call);
}

void mapper_call_end(
	struct mapper_call *call, enum mapper_outcome outcome, const char *text, size_t len)
{
	take_out(call);
	tell(call, outcome, text, len);
}

/* Those that were finished before: a caller that asks again is told in another round of the loop. */
void mapper_tell_finished(struct mapper *mapper)
{
	struct mapper_call *call;
	size_t n = 0;

	TAILQ_FOREACH (call, &mapper->finished, entry)
		n++;
	for (; n > 0 && (call = TAILQ_FIRST(&mapper->finished)); n--) {
		TAILQ_REMOVE(&mapper->finished, call, entry);
		tell(call, call->outcome, call->words, strlen(call->words));
	}
}

/* --- strikes ------------------------------------------------------------------------------------------------- */

static void on_held_long_enough(evutil_socket_t fd, short what, void *ctx)
{
	struct mapper_program *program = ctx;

	(void)fd;
	(void)what;
	program->may_probe = true;
}

static void put_held(const struct mapper_program *program, char words[MAPPER_WORDS_BYTES])
{
	(void)snprintf(words, MAPPER_WORDS_BYTES,
		"the program is held after %d strikes, the last: %.160s", STRIKES_MAX,
		program->words);
}

static void hold(struct mapper_program *program)
{
	struct mapper *mapper = program->mapper;
	const struct timeval after = clock_wait(mapper->hold_ms);
	struct mapper_call *call, *next;
	char words[MAPPER_WORDS_BYTES];

	program->is_held = true;
	program->may_probe = false;
	(void)event_add(program->hold_timer, &after);
	put_held(program, words);
	for (call = TAILQ_FIRST(&mapper->queued); call; call = next) {
		next = TAILQ_NEXT(call, entry);
		if (call->program == program)
			mapper_call_finish(call, MAPPER_HELD, words);
	}
}

void mapper_call_blame(struct mapper_call *call, const char *words)
{
	struct mapper_program *program = call->program;

	(void)snprintf(program->words, sizeof(program->words), "%s", words);
	if (++program->strikes >= STRIKES_MAX)
		hold(program);
	mapper_call_end(call, MAPPER_OVERRAN, words, strlen(words));
}

void mapper_program_release(struct mapper_program *program)
{
	if (!program->is_held)
		return;
	program->is_held = false;
	program->strikes = 0;
	(void)event_del(program->hold_timer);
}

void mapper_hold_queued(struct mapper *mapper, const char *words)
{
	struct mapper_call *call;

	while ((call = TAILQ_FIRST(&mapper->queued)))
		mapper_call_finish(call, MAPPER_HELD, words);
}

/* --- programs ------------------------------------------------------------------------------------------------- */

static struct mapper_program *find(struct mapper *mapper, const char *text, size_t len)
{
	struct mapper_program *program;

	TAILQ_FOREACH (program, &mapper->programs, entry) {
		if (program->len == len && memcmp(program->text, text, len) == 0)
			return program;
	}
	return NULL;
}

static void free_program(struct mapper_program *program)
{
	if (program->hold_timer)
		event_free(program->hold_timer);
	free(program->text);
	free(program);
}

struct mapper_program *mapper_program_new(struct mapper *mapper, const char *text, size_t len)
{
	struct mapper_program *program = find(mapper, text, len);

	if (program)
		return mapper_program_ref(program);
	program = calloc(1, sizeof(*program));
	if (!program)
		return NULL;
	program->text = malloc(len + 1);
	program->hold_timer = evtimer_new(mapper->base, on_held_long_enough, program);
	if (!program->text || !program->hold_timer) {
		free_program(program);
		return NULL;
	}
	memcpy(program->text, text, len);
	program->text[len] = '\0';
	program->len = len;
	program->mapper = mapper;
	program->refs = 1;
	program->number = ++mapper->last_program;
	TAILQ_INSERT_TAIL(&mapper->programs, program, entry);
	return program;
}

struct mapper_program *mapper_program_ref(struct mapper_program *program)
{
	program->refs++;
	return program;
}

void mapper_program_unref(struct mapper_program *program)
{
	if (!program || --program->refs > 0)
		return;
	mapper_forget(program->mapper, program);
	TAILQ_REMOVE(&program->mapper->programs, program, entry);
	free_program(program);
}

/* --- asking ---------------------------------------------------------------------------------------------------- */

static struct mapper_call *new_call(struct mapper_program *program, const char *input, size_t len,
	mapper_done_fn done, void *ctx)
{
	struct mapper_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->input = malloc(len + 1);
	if (!call->input) {
		free(call);
		return NULL;
	}
	memcpy(call->input, input, len);
	call->len = len;
	call->program = mapper_program_ref(program);
	call->number = ++program->mapper->last_call;
	call->done = done;
	call->ctx = ctx;
	return call;
}

/* Why a call ends before it is sent; NULL when it is sent. */
static const char *refuse(
	struct mapper_call *call, char words[MAPPER_WORDS_BYTES], enum mapper_outcome *ret_outcome)
{
	struct mapper_program *program = call->program;

	*ret_outcome = MAPPER_FAILED;
	if (call->len > WIRE_INPUT_MAX)
		return "the input is larger than 16 MiB";
	if (program->len > WIRE_PROGRAM_MAX)
		return "the program is larger than 256 KiB";
	*ret_outcome = MAPPER_HELD;
	if (program->mapper->state == MAPPER_RESTING)
		return program->mapper->words;
	if (!program->is_held)
		return NULL;
	if (program->may_probe && !program->probe) {
		program->probe = call;
		return NULL;
	}
	put_held(program, words);
	return words;
}

struct mapper_call *mapper_call(struct mapper_program *program, const char *input, size_t len,
	mapper_done_fn done, void *ctx)
{
	struct mapper_call *call = new_call(program, input, len, done, ctx);
	char words[MAPPER_WORDS_BYTES];
	enum mapper_outcome outcome;
	const char *refusal;

	if (!call)
		return NULL;
	refusal = refuse(call, words, &outcome);
	put_in(call, CALL_QUEUED);
	if (refusal)
		mapper_call_finish(call, outcome, refusal);
	mapper_attend(program->mapper);
	return call;
}

void mapper_call_cancel(struct mapper_call *call)
{
	if (call->place == CALL_SENT)
		call->done = NULL; /* the child will answer it all the same */
	else
		mapper_call_free(call);
}
