/*
 * dray-map: runs jq programs for drayd and drayctl, and can do nothing else. See mapper.h.
 *
 *   dray-map ZONE     speaks wire.h on the socket that is its standard input
 *
 * An answer leaves before the next call begins: so the call that the parent waits for is the one that
 * runs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dray/buf.h"
#include "dray/error.h"
#include "map_program.h"
#include "map_sandbox.h"
#include "wire.h"

#define COMPILED_MAX 32 /* at one time: one takes about a megabyte */
#define READ_BYTES ((size_t)64 << 10)

struct known {
	TAILQ_ENTRY(known) entry;
	uint32_t number;
	struct map_program *program;
};

/* The one last used stands first. */
static TAILQ_HEAD(, known) programs = TAILQ_HEAD_INITIALIZER(programs);
static unsigned n_compiled;
static uint32_t current_call;

/* --- talking ------------------------------------------------------------------------------------------------ */

static void write_all(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDIN_FILENO, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(EXIT_FAILURE); /* the parent has gone */
		bytes += n;
		len -= (size_t)n;
	}
}

static void say(enum wire_kind kind, const char *text, size_t len)
{
	const struct wire_head head = { .kind = kind, .call = current_call, .len = (uint32_t)len };
	static struct buf frame;

	buf_reset(&frame);
	wire_put(&frame, &head, text);
	if (buf_failed(&frame))
		_exit(EXIT_FAILURE);
	write_all(frame.data, frame.len);
}

/* libjq calls it where it would abort. There is no memory for anything but these words. */
static void on_no_memory(void *ctx)
{
	static const char words[] = "the program takes more than 64 MiB";
	const struct wire_head head = {
		.kind = WIRE_OVERRAN, .call = current_call, .len = sizeof(words) - 1
	};
	char frame[WIRE_HEAD_BYTES + sizeof(words) - 1];

	(void)ctx;
	wire_put_head(&head, (uint8_t *)frame);
	memcpy(frame + WIRE_HEAD_BYTES, words, sizeof(words) - 1);
	write_all(frame, sizeof(frame));
	_exit(EXIT_FAILURE);
}

/* --- programs ------------------------------------------------------------------------------------------------ */

static struct known *find(uint32_t number)
{
	struct known *known;

	TAILQ_FOREACH (known, &programs, entry) {
		if (known->number == number)
			return known;
	}
	return NULL;
}

static void drop(struct known *known)
{
	if (map_program_is_compiled(known->program))
		n_compiled--;
	map_program_drop(known->program);
}

static void forget(uint32_t number)
{
	struct known *known = find(number);

	if (!known)
		return;
	drop(known);
	TAILQ_REMOVE(&programs, known, entry);
	map_program_free(known->program);
	free(known);
}

static void keep(uint32_t number, const char *text, size_t len)
{
	struct known *known;

	forget(number);
	known = calloc(1, sizeof(*known));
	if (known)
		known->program = map_program_new(text, len);
	if (!known || !known->program)
		_exit(EXIT_FAILURE);
	known->number = number;
	TAILQ_INSERT_TAIL(&programs, known, entry);
}

/* Compile it, and let the one go that was used least lately when there are too many. */
static void compile(struct known *known)
{
	struct known *other, *oldest = NULL;
	struct buf why = BUF_INIT;

	if (n_compiled >= COMPILED_MAX) {
		TAILQ_FOREACH (other, &programs, entry) {
			if (map_program_is_compiled(other->program))
				oldest = other;
		}
		if (oldest)
			drop(oldest);
	}
	if (map_program_compile(known->program, &why) == 0)
		n_compiled++;
	buf_done(&why); /* the run says it again */
	map_sandbox_measure();
}

static void run(const struct wire_head *head, const char *input)
{
	static const enum wire_kind kinds[] = { [MAPPER_OUTPUT] = WIRE_OUTPUT,
		[MAPPER_NOTHING] = WIRE_NOTHING,
		[MAPPER_FAILED] = WIRE_FAILED };
	static struct buf out;
	struct known *known = find(head->program);
	enum mapper_outcome outcome;

	if (!known)
		_exit(EXIT_FAILURE);
	TAILQ_REMOVE(&programs, known, entry);
	TAILQ_INSERT_HEAD(&programs, known, entry);
	current_call = head->call;
	map_sandbox_begin_call();
	if (!map_program_is_compiled(known->program))
		compile(known);
	outcome = map_program_run(known->program, input, head->len, &out);
	if (buf_failed(&out))
		on_no_memory(NULL);
	say(kinds[outcome], out.data, out.len);
	if (out.cap > READ_BYTES)
		buf_done(&out);
}

/* --- the loop --------------------------------------------------------------------------------------------------- */

static void obey(const struct wire_head *head, const char *text)
{
	switch (head->kind) {
	case WIRE_PROGRAM:
		keep(head->program, text, head->len);
		break;
	case WIRE_FORGET:
		forget(head->program);
		break;
	default:
		run(head, text);
		break;
	}
}

/* Obey all frames that are whole. Returns the bytes they took. */
static size_t obey_all(const char *bytes, size_t len)
{
	struct wire_head head;
	size_t at = 0;
	int status;

	while ((status = wire_read(bytes + at, len - at, WIRE_TO_CHILD, &head)) > 0) {
		obey(&head, bytes + at + WIRE_HEAD_BYTES);
		at += WIRE_HEAD_BYTES + head.len;
	}
	if (status < 0)
		_exit(EXIT_FAILURE);
	return at;
}

static void serve(void)
{
	struct buf in = BUF_INIT;

	for (;;) {
		char *room = buf_reserve(&in, READ_BYTES);
		ssize_t n = room ? read(STDIN_FILENO, room, READ_BYTES) : 0;
		size_t taken;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(n == 0 && room ? EXIT_SUCCESS : EXIT_FAILURE);
		in.len += (size_t)n;
		taken = obey_all(in.data, in.len);
		memmove(in.data, in.data + taken, in.len - taken);
		in.len -= taken;
		if (in.len == 0 && in.cap > 4 * READ_BYTES)
			buf_done(&in);
	}
}

int main(int argc, char **argv)
{
	struct error err = { 0 };
	struct stat info;

	if (argc != 2 || fstat(STDIN_FILENO, &info) != 0 || !S_ISSOCK(info.st_mode)) {
		(void)fprintf(stderr, "dray-map is run by drayd and drayctl, not by hand\n");
		return 2;
	}
	/* The zone's file is read now: there will be none. */
	if (setenv("TZ", argv[1], 1) != 0)
		return EXIT_FAILURE;
	tzset();
	map_program_on_no_memory(on_no_memory);
	if (map_sandbox_enter(&err) < 0) {
		say(WIRE_UNFIT, err.message, strlen(err.message));
		return EXIT_FAILURE;
	}
	say(WIRE_READY, NULL, 0);
	serve();
}
