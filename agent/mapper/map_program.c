#include "map_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jq.h>

#include "mapper/prelude.h" /* made of prelude.jq */
#include "wire.h"

struct map_program {
	char *text; /* prelude and program */
	jq_state *jq;
	struct buf flaw; /* why it doesn't compile */
};

static void (*no_memory)(void *ctx);

void map_program_on_no_memory(void (*handler)(void *ctx))
{
	no_memory = handler;
	jv_nomem_handler(handler, NULL);
}

struct map_program *map_program_new(const char *text, size_t len)
{
	struct map_program *program = calloc(1, sizeof(*program));

	if (!program)
		return NULL;
	program->text = malloc(sizeof(prelude) + len);
	if (!program->text) {
		free(program);
		return NULL;
	}
	memcpy(program->text, prelude, sizeof(prelude) - 1);
	memcpy(program->text + sizeof(prelude) - 1, text, len);
	program->text[sizeof(prelude) - 1 + len] = '\0';
	return program;
}

void map_program_free(struct map_program *program)
{
	if (!program)
		return;
	map_program_drop(program);
	buf_done(&program->flaw);
	free(program->text);
	free(program);
}

void map_program_drop(struct map_program *program)
{
	if (program->jq)
		jq_teardown(&program->jq);
	program->jq = NULL;
}

bool map_program_is_compiled(const struct map_program *program)
{
	return program->jq;
}

/* --- compiling ----------------------------------------------------------------------------------------- */

/* "jq: error: foo/0 is not defined at <top-level>, line 2:" and the line: the words alone. */
static void put_flaw(struct buf *out, const char *words)
{
	static const char head[] = "jq: error: ", place[] = " at <top-level>",
			  guess[] = " (Unix shell quoting issues?)";
	size_t len;
	const char *at;

	if (strncmp(words, head, sizeof(head) - 1) != 0)
		return; /* the count of errors, at the end */
	words += sizeof(head) - 1;
	len = strcspn(words, "\n");
	while (len > 0 && (words[len - 1] == ':' || words[len - 1] == ' '))
		len--;
	if (out->len > 0)
		buf_puts(out, "; ");
	for (at = words; at < words + len;) {
		if (strncmp(at, place, sizeof(place) - 1) == 0)
			at += sizeof(place) - 1;
		else if (strncmp(at, guess, sizeof(guess) - 1) == 0)
			at += sizeof(guess) - 1;
		else
			buf_putc(out, *at++);
	}
}

static void on_flaw(void *ctx, jv message)
{
	if (jv_get_kind(message) == JV_KIND_STRING)
		put_flaw(ctx, jv_string_value(message));
	jv_free(message);
}

static void ignore(void *ctx, jv message)
{
	(void)ctx;
	jv_free(message);
}

int map_program_compile(struct map_program *program, struct buf *why)
{
	if (program->jq)
		return 0;
	if (program->flaw.len == 0) {
		program->jq = jq_init();
		if (!program->jq) {
			buf_puts(why, "out of memory");
			return -1;
		}
		jq_set_nomem_handler(program->jq, no_memory, NULL); /* jq_next() sets its own */
		jq_set_error_cb(program->jq, on_flaw, &program->flaw);
		if (jq_compile_args(program->jq, program->text, jv_object())) {
			jq_set_error_cb(program->jq, ignore, NULL);
			return 0;
		}
		map_program_drop(program);
		if (program->flaw.len == 0)
			buf_puts(&program->flaw, "it doesn't compile");
	}
	buf_puts(why, "the program doesn't compile: ");
	buf_put(why, program->flaw.data, program->flaw.len);
	return -1;
}

/* --- running --------------------------------------------------------------------------------------------- */

/* Takes an invalid value that carries a message. */
static void put_error(struct buf *out, jv invalid)
{
	jv message = jv_invalid_get_msg(invalid);

	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	buf_put(out, jv_string_value(message), (size_t)jv_string_length_bytes(jv_copy(message)));
	jv_free(message);
}

static enum mapper_outcome put_output(struct buf *out, jv value)
{
	jv text = jv_dump_string(value, 0);
	size_t len = (size_t)jv_string_length_bytes(jv_copy(text));

	if (len <= MAPPER_OUTPUT_MAX)
		buf_put(out, jv_string_value(text), len);
	else
		buf_printf(out, "the output is larger than %zu MiB", MAPPER_OUTPUT_MAX >> 20);
	jv_free(text);
	return len <= MAPPER_OUTPUT_MAX ? MAPPER_OUTPUT : MAPPER_FAILED;
}

/* Takes `first`, a valid output. There must be no other, and no error behind it. */
static enum mapper_outcome put_only(jq_state *jq, jv first, struct buf *out)
{
	jv second = jq_next(jq);

	if (!jv_is_valid(second) && !jv_invalid_has_msg(jv_copy(second))) {
		jv_free(second);
		return put_output(out, first);
	}
	jv_free(first);
	if (jv_is_valid(second)) {
		jv_free(second);
		buf_puts(out, "the program gave more than one output");
	} else {
		put_error(out, second);
	}
	return MAPPER_FAILED;
}

static enum mapper_outcome put_result(jq_state *jq, struct buf *out)
{
	jv first = jq_next(jq);

	if (jv_is_valid(first))
		return put_only(jq, first, out);
	if (!jv_invalid_has_msg(jv_copy(first))) {
		jv_free(first);
		return MAPPER_NOTHING;
	}
	put_error(out, first);
	return MAPPER_FAILED;
}

/* Words for people may be cut; never within a character. */
static void cut_words(struct buf *out)
{
	size_t len = WIRE_WORDS_MAX;

	if (out->len <= len)
		return;
	while (len > 0 && ((unsigned char)out->data[len] & 0xc0) == 0x80)
		len--;
	out->len = len;
	out->data[len] = '\0';
}

/* Of a program that compiles. */
static enum mapper_outcome run(jq_state *jq, const char *input, int len, struct buf *out)
{
	jv value = len > 0 ? jv_parse_sized(input, len) : jv_invalid();

	if (jv_is_valid(value)) {
		jq_start(jq, value, 0);
		return put_result(jq, out);
	}
	if (jv_invalid_has_msg(jv_copy(value))) {
		put_error(out, value);
	} else {
		jv_free(value);
		buf_puts(out, MAPPER_NO_INPUT);
	}
	return MAPPER_FAILED;
}

enum mapper_outcome map_program_run(
	struct map_program *program, const char *input, size_t len, struct buf *out)
{
	enum mapper_outcome outcome = MAPPER_FAILED;

	buf_reset(out);
	if (len > INT32_MAX)
		buf_puts(out, "the input is too large");
	else if (map_program_compile(program, out) == 0)
		outcome = run(program->jq, input, (int)len, out);
	if (outcome == MAPPER_FAILED)
		cut_words(out);
	return outcome;
}
