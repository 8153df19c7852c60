#include "mapper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "clock.h"
#include "mapper_internal.h"
#include "wire.h"

#define TICKS 8    /* that a bound is told to */
#define STARVED 10 /* bounds that pass for a child that others keep from running */
#define START_MS 10000
#define REAP_FIRST_MS 1
#define REAP_MAX_MS 64
#define REST_FIRST_MS 100
#define REST_MAX_MS 60000
#define SENT_BYTES_MAX ((size_t)1 << 20) /* one call alone may have more */
#define READ_BYTES ((size_t)64 << 10)

static void set_timer(struct mapper *mapper, int64_t ms)
{
	const struct timeval after = clock_wait(ms);

	(void)event_add(mapper->timer, &after);
}

static void wake(struct mapper *mapper)
{
	event_active(mapper->wake, 0, 0);
}

/* --- the end of a child ------------------------------------------------------------------------------------- */

static void drop_event(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

/* What was sent is queued again, before what was queued. Cancelled ones need no answer now. */
static void requeue(struct mapper *mapper)
{
	struct mapper_program *program;
	struct mapper_call *call;

	while ((call = TAILQ_LAST(&mapper->sent, mapper_calls))) {
		if (!call->done) {
			mapper_call_free(call);
			continue;
		}
		TAILQ_REMOVE(&mapper->sent, call, entry);
		mapper->sent_bytes -= call->len;
		call->place = CALL_QUEUED;
		TAILQ_INSERT_HEAD(&mapper->queued, call, entry);
	}
	TAILQ_FOREACH (program, &mapper->programs, entry)
		program->is_known = false;
}

/* The child can't be had: nobody's input is at fault, so calls are held, not failed. */
static void rest(struct mapper *mapper)
{
	int64_t ms = REST_FIRST_MS;

	for (unsigned i = 0; i < mapper->failed_starts && ms < REST_MAX_MS; i++)
		ms *= 2;
	mapper->failed_starts++;
	mapper->state = MAPPER_RESTING;
	set_timer(mapper, ms < REST_MAX_MS ? ms : REST_MAX_MS);
	mapper_hold_queued(mapper, mapper->words);
	wake(mapper);
}

/* It is reaped. */
static void conclude(struct mapper *mapper)
{
	struct mapper_call *oldest = mapper->is_blamed ? TAILQ_FIRST(&mapper->sent) : NULL;
	char words[MAPPER_WORDS_BYTES];

	if (oldest)
		mapper_call_move(oldest, CALL_FINISHED); /* it is not sent again */
	requeue(mapper);
	mapper->state = MAPPER_ABSENT;
	if (!mapper->is_blamed)
		rest(mapper);
	wake(mapper);
	(void)snprintf(words, sizeof(words), "%s", mapper->words);
	if (oldest)
		mapper_call_blame(oldest, words);
}

static void look_whether_gone(struct mapper *mapper)
{
	char death[64] = "";

	if (!mapper_child_reap(&mapper->child, death, sizeof(death))) {
		mapper->wait_ms = mapper->wait_ms ? mapper->wait_ms * 2 : REAP_FIRST_MS;
		if (mapper->wait_ms > REAP_MAX_MS)
			mapper->wait_ms = REAP_MAX_MS;
		set_timer(mapper, mapper->wait_ms);
		return;
	}
	if (!mapper->words[0])
		(void)snprintf(mapper->words, sizeof(mapper->words), "%s", death);
	conclude(mapper);
}

/* `words` say why; "" when it died by itself, or isn't needed any more. */
static void end_child(struct mapper *mapper, const char *words)
{
	(void)snprintf(mapper->words, sizeof(mapper->words), "%s", words);
	mapper->is_blamed = mapper->state == MAPPER_RUNNING;
	mapper->state = MAPPER_ENDING;
	mapper->wait_ms = 0;
	drop_event(&mapper->readable);
	drop_event(&mapper->writable);
	(void)event_del(mapper->timer);
	buf_done(&mapper->in);
	buf_done(&mapper->out);
	mapper->out_at = 0;
	mapper_child_end(&mapper->child);
	look_whether_gone(mapper);
}

/* No call is at fault. */
static void give_up(struct mapper *mapper)
{
	mapper->state = MAPPER_STARTING;
	end_child(mapper, "the mapper is out of memory");
}

/* --- telling the child ---------------------------------------------------------------------------------------- */

static void flush(struct mapper *mapper)
{
	struct buf *out = &mapper->out;

	while (mapper->out_at < out->len) {
		ssize_t n = send(mapper->child.fd, out->data + mapper->out_at,
			out->len - mapper->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* A socket that is broken is readable too: its end is seen there. */
			if (errno == EAGAIN)
				(void)event_add(mapper->writable, NULL);
			return;
		}
		mapper->out_at += (size_t)n;
	}
	mapper->out_at = 0;
	buf_reset(out);
	if (out->cap > SENT_BYTES_MAX)
		buf_done(out);
}

static void put_call(struct mapper *mapper, struct mapper_call *call)
{
	struct mapper_program *program = call->program;
	struct wire_head head = {
		.kind = WIRE_PROGRAM, .program = program->number, .len = (uint32_t)program->len
	};

	if (!program->is_known)
		wire_put(&mapper->out, &head, program->text);
	program->is_known = true;
	head.kind = WIRE_CALL;
	head.call = call->number;
	head.len = (uint32_t)call->len;
	wire_put(&mapper->out, &head, call->input);
}

/* From now on the bound of the oldest call runs. */
static void begin_bound(struct mapper *mapper)
{
	mapper->ticks = 0;
	mapper->cpu_ms = mapper_child_cpu_ms(&mapper->child);
}

static void send_calls(struct mapper *mapper)
{
	struct mapper_call *call;

	while ((call = TAILQ_FIRST(&mapper->queued))) {
		bool is_first = TAILQ_EMPTY(&mapper->sent);

		if (!is_first && mapper->sent_bytes + call->len > SENT_BYTES_MAX)
			break;
		put_call(mapper, call);
		mapper_call_move(call, CALL_SENT);
		if (is_first) {
			begin_bound(mapper);
			if (!evtimer_pending(mapper->timer, NULL))
				set_timer(mapper, (mapper->bound_ms + TICKS - 1) / TICKS);
		}
	}
	if (!buf_failed(&mapper->out))
		flush(mapper);
	else
		wake(mapper);
}

void mapper_forget(struct mapper *mapper, struct mapper_program *program)
{
	const struct wire_head head = { .kind = WIRE_FORGET, .program = program->number };

	if (mapper->state == MAPPER_RUNNING && program->is_known)
		wire_put(&mapper->out, &head, NULL); /* it leaves with the next call */
}

/* --- what the child says ----------------------------------------------------------------------------------------- */

static bool on_start(struct mapper *mapper, const struct wire_head *head, const char *text)
{
	if (head->kind == WIRE_READY && mapper->state == MAPPER_STARTING) {
		mapper->state = MAPPER_RUNNING;
		mapper->failed_starts = 0;
		(void)event_del(mapper->timer);
		return true;
	}
	end_child(mapper, head->kind == WIRE_UNFIT && mapper->state == MAPPER_STARTING
				  ? text
				  : "dray-map spoke out of turn");
	return false;
}

/* False when the child is ended. */
static bool on_frame(struct mapper *mapper, const struct wire_head *head, const char *text)
{
	static const enum mapper_outcome outcomes[] = { [WIRE_OUTPUT] = MAPPER_OUTPUT,
		[WIRE_NOTHING] = MAPPER_NOTHING,
		[WIRE_FAILED] = MAPPER_FAILED };
	struct mapper_call *call = TAILQ_FIRST(&mapper->sent);

	if (head->kind == WIRE_READY || head->kind == WIRE_UNFIT ||
		mapper->state == MAPPER_STARTING)
		return on_start(mapper, head, text);
	if (!call || head->call != call->number) {
		end_child(mapper, "dray-map answered what it was not asked");
		return false;
	}
	if (head->kind == WIRE_OVERRAN) {
		end_child(mapper, head->len > 0 ? text : "it overran");
		return false;
	}
	begin_bound(mapper);
	mapper_program_release(call->program);
	mapper_call_end(call, outcomes[head->kind], text, head->len);
	return true;
}

/* The byte behind a text is the next frame's: it is lent for the NUL. */
static bool read_frames(struct mapper *mapper)
{
	struct buf *in = &mapper->in;
	struct wire_head head;
	size_t at = 0;
	int status;

	while ((status = wire_read(in->data + at, in->len - at, WIRE_FROM_CHILD, &head)) > 0) {
		char *text = in->data + at + WIRE_HEAD_BYTES, lent = text[head.len];

		text[head.len] = '\0';
		if (!on_frame(mapper, &head, text))
			return false;
		text[head.len] = lent;
		at += WIRE_HEAD_BYTES + head.len;
	}
	if (status < 0) {
		end_child(mapper, "dray-map spoke no words that are known");
		return false;
	}
	memmove(in->data, in->data + at, in->len - at);
	in->len -= at;
	if (in->len == 0 && in->cap > 4 * READ_BYTES)
		buf_done(in);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct mapper *mapper = ctx;
	char *room = buf_reserve(&mapper->in, READ_BYTES);
	ssize_t n;

	(void)what;
	if (!room) {
		give_up(mapper);
		return;
	}
	n = recv(fd, room, READ_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		end_child(mapper, "");
		return;
	}
	mapper->in.len += (size_t)n;
	if (!read_frames(mapper))
		return;
	if (mapper->is_stale)
		wake(mapper);
	else
		send_calls(mapper);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	flush(ctx);
}

/* --- its life ------------------------------------------------------------------------------------------------------ */

static void spawn(struct mapper *mapper)
{
	struct error err = { 0 };

	mapper->is_stale = false;
	if (mapper_child_spawn(mapper->path, mapper->zone, &mapper->child, &err) < 0) {
		(void)error_text(&err, mapper->words, sizeof(mapper->words));
		rest(mapper);
		return;
	}
	mapper->state = MAPPER_STARTING;
	mapper->readable = event_new(
		mapper->base, mapper->child.fd, EV_READ | EV_PERSIST, on_readable, mapper);
	mapper->writable = event_new(mapper->base, mapper->child.fd, EV_WRITE, on_writable, mapper);
	if (!mapper->readable || !mapper->writable || event_add(mapper->readable, NULL) != 0)
		give_up(mapper);
	else
		set_timer(mapper, START_MS);
}

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
	struct mapper *mapper = ctx;

	(void)fd;
	(void)what;
	mapper_tell_finished(mapper);
	if (buf_failed(&mapper->out))
		give_up(mapper);
	else if (mapper->state == MAPPER_ABSENT && !TAILQ_EMPTY(&mapper->queued))
		spawn(mapper);
	else if (mapper->state == MAPPER_RUNNING && !mapper->is_stale)
		send_calls(mapper);
	else if (mapper->state == MAPPER_RUNNING && TAILQ_EMPTY(&mapper->sent))
		end_child(mapper, "");
}

/*
 * Counted in ticks of the loop: one that was held up itself proves nothing against the child. Nor does a
 * child that had not half of the bound in processor time: other work on the machine kept it from running.
 */
static bool has_overrun(struct mapper *mapper)
{
	if (++mapper->ticks <= TICKS)
		return false;
	return mapper_child_cpu_ms(&mapper->child) - mapper->cpu_ms >= mapper->bound_ms / 2 ||
	       mapper->ticks > STARVED * TICKS;
}

static void on_tick(struct mapper *mapper)
{
	char words[MAPPER_WORDS_BYTES];

	if (TAILQ_EMPTY(&mapper->sent))
		return;
	if (!has_overrun(mapper)) {
		set_timer(mapper, (mapper->bound_ms + TICKS - 1) / TICKS);
		return;
	}
	(void)snprintf(words, sizeof(words), "the program ran for longer than %lld ms",
		(long long)mapper->bound_ms);
	end_child(mapper, words);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct mapper *mapper = ctx;

	(void)fd;
	(void)what;
	switch (mapper->state) {
	case MAPPER_STARTING:
		end_child(mapper, "dray-map was not ready in time");
		break;
	case MAPPER_RUNNING:
		on_tick(mapper);
		break;
	case MAPPER_ENDING:
		look_whether_gone(mapper);
		break;
	case MAPPER_RESTING:
		mapper->state = MAPPER_ABSENT;
		break;
	case MAPPER_ABSENT:
		break;
	}
}

/* When nothing is under way it leaves at once: the child works while the turn commits. */
void mapper_attend(struct mapper *mapper)
{
	if (mapper->state == MAPPER_RUNNING && !mapper->is_stale && TAILQ_EMPTY(&mapper->sent))
		send_calls(mapper);
	if (!TAILQ_EMPTY(&mapper->finished) || !TAILQ_EMPTY(&mapper->queued))
		wake(mapper);
}

struct mapper *mapper_new(struct event_base *base, const struct mapper_options *options)
{
	struct mapper *mapper = calloc(1, sizeof(*mapper));

	if (!mapper)
		return NULL;
	TAILQ_INIT(&mapper->programs);
	TAILQ_INIT(&mapper->queued);
	TAILQ_INIT(&mapper->sent);
	TAILQ_INIT(&mapper->finished);
	mapper->base = base;
	mapper->child.fd = -1;
	mapper->bound_ms = options->bound_ms > 0 ? options->bound_ms : MAPPER_BOUND_MS;
	mapper->hold_ms = options->hold_ms > 0 ? options->hold_ms : MAPPER_HOLD_MS;
	mapper->path = strdup(options->path);
	mapper->zone = strdup(options->zone);
	mapper->timer = evtimer_new(base, on_timer, mapper);
	mapper->wake = event_new(base, -1, 0, on_wake, mapper);
	if (!mapper->path || !mapper->zone || !mapper->timer || !mapper->wake) {
		mapper_free(mapper);
		return NULL;
	}
	return mapper;
}

static void free_calls(struct mapper_calls *calls)
{
	struct mapper_call *call;

	while ((call = TAILQ_FIRST(calls)))
		mapper_call_free(call);
}

void mapper_free(struct mapper *mapper)
{
	if (!mapper)
		return;
	mapper->state = MAPPER_ABSENT;
	drop_event(&mapper->readable);
	drop_event(&mapper->writable);
	drop_event(&mapper->timer);
	drop_event(&mapper->wake);
	mapper_child_done(&mapper->child);
	free_calls(&mapper->queued);
	free_calls(&mapper->sent);
	free_calls(&mapper->finished);
	buf_done(&mapper->in);
	buf_done(&mapper->out);
	free(mapper->path);
	free(mapper->zone);
	free(mapper);
}

int mapper_set_zone(struct mapper *mapper, const char *zone)
{
	char *copy;

	if (strcmp(mapper->zone, zone) == 0)
		return 0;
	copy = strdup(zone);
	if (!copy)
		return -1;
	free(mapper->zone);
	mapper->zone = copy;
	mapper->is_stale = mapper->state != MAPPER_ABSENT;
	wake(mapper);
	return 0;
}
