/*
 * cloud.c - outside systems with temper. What becomes of a request is drawn when it leaves: whether
 * it arrives, when it is applied, what is answered, and whether anybody is told in time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "../help_courier.h"
#include "day.h"
#include "loop.h"

#define SECOND 1000

static const char *const names[CLOUDS] = { "erp", "tms", "wms", "yard" };

void cloud_draw(struct cloud *cloud, unsigned nth)
{
	static const int64_t lifetimes_s[] = { 0, 0, 40, 120, 86400 };

	*cloud = (struct cloud){ .name = names[nth], .id = (int)nth + 1 };
	cloud->mode = draw_percent(60) ? MODE_KEY : draw_percent(60) ? MODE_NONE : MODE_RESEND;
	if (draw_percent(45))
		cloud->mode = draw_percent(30) ? MODE_NATURAL : MODE_LOOKUP;
	cloud->order = "dvn"[draw(3)];
	cloud->passes = draw_percent(40);
	cloud->takes_chains = draw_percent(50);
	cloud->lifetime_ms = cloud->mode == MODE_KEY ? lifetimes_s[draw(5)] * SECOND : 0;
	cloud->timeout_ms = (1 + draw(8)) * SECOND;
	cloud->settle_ms = (5 + draw(25)) * SECOND;
	cloud->probe_ms = (1 + draw(20)) * SECOND;
	cloud->give_up_ms = draw_percent(30) ? (20 + draw(100)) * SECOND : 0;
	cloud->retry_max_ms = (1 + draw(40)) * SECOND;
	cloud->failures = 1 + draw(5);
	if (has_program(cloud))
		program_draw(cloud);
	cloud_draw_terms(cloud);
}

void cloud_draw_terms(struct cloud *cloud)
{
	static const unsigned widths[] = { 1, 1, 2, 4, 8, 16 };
	static const int64_t rates[] = { 0, 0, 0, 5 * 3600, 30 * 60, 36000 * 2 };
	struct terms *terms = &cloud->terms;
	int64_t old_rate = terms->rate_per_hour;
	unsigned old_width = terms->concurrency;

	*terms = (struct terms){ .is_there = true,
		.concurrency = widths[draw(6)],
		.batch_max = 1,
		.path = draw(3),
		.rate_per_hour = rates[draw(6)],
		.max_bytes = 1 << 20 };
	if (cloud->mode == MODE_KEY && draw_percent(45)) {
		terms->batch_max = 2 + draw(MEMBERS_MAX - 1);
		terms->linger_ms = draw_percent(50) ? (1 + draw(5)) * SECOND : 0;
		terms->max_bytes = draw_percent(30) ? 1024 : 1 << 20;
	}
	/* Of a request in steps the next one leaves though fewer may go at once by now. */
	if (has_program(cloud)) {
		terms->concurrency = old_width > 0 ? old_width : terms->concurrency;
		terms->rate_per_hour = 0;
	}
	if (terms->batch_max > cloud->batch_max_ever)
		cloud->batch_max_ever = terms->batch_max;
	if (terms->rate_per_hour != old_rate)
		cloud->tokens_at_ms = -1;
}

void cloud_draw_mood(struct cloud *cloud)
{
	static const enum mood moods[] = { MOOD_FINE, MOOD_FINE, MOOD_FINE, MOOD_FLAKY, MOOD_FLAKY,
		MOOD_FLAKY, MOOD_DOWN, MOOD_DEAF, MOOD_BROKEN, MOOD_BUSY, MOOD_REFUSING };
	static const int refusals[] = { 403, 404, 404, 401, 307, 410, 302 };

	cloud->mood = moods[draw(sizeof(moods) / sizeof(moods[0]))];
	cloud->refusal = refusals[draw(7)];
	trace("mood of %s is %d (%d)", cloud->name, (int)cloud->mood, cloud->refusal);
}

/* --- what it does with a request ------------------------------------------------------------------ */

/* Longer than anything may still be on its way. */
static int64_t memory_ms(const struct cloud *cloud)
{
	return cloud->lifetime_ms + 2 * cloud->timeout_ms + cloud->settle_ms + 240 * SECOND;
}

static bool is_known(const struct request *request)
{
	const struct known_key *key = &day.keys[request->key];
	const struct cloud *cloud = request->cloud;

	return cloud->mode == MODE_KEY && key->is_applied &&
	       (cloud->lifetime_ms == 0 || loop_now_ms() - key->applied_at_ms <= memory_ms(cloud));
}

static const struct item *find_bad(const struct request *request)
{
	for (unsigned i = 0; i < request->n; i++)
		if (day.items[request->members[i]].kind != 'o')
			return &day.items[request->members[i]];
	return NULL;
}

static int process(struct request *request)
{
	const struct cloud *cloud = request->cloud;
	const struct item *bad = find_bad(request);

	if (request->token != day.token)
		return 401;
	if (cloud->mood == MOOD_REFUSING)
		return cloud->refusal;
	if (has_program(cloud))
		return program_process(request);
	if (is_known(request))
		return 200;
	if (bad) {
		(void)snprintf(request->words, sizeof(request->words),
			"{\"message\":\"%s is not wanted\"}", bad->id);
		return bad->kind == 'x' ? 400 : 404;
	}
	watch_apply(request);
	return 200;
}

static void end(struct request *request)
{
	if (request->will_arrive || request->done)
		return;
	event_free(request->arrival);
	event_free(request->answer);
	request->is_used = false;
}

static void on_arrival(evutil_socket_t fd, short what, void *ctx)
{
	struct request *request = ctx;
	int status = process(request);

	(void)fd;
	(void)what;
	request->will_arrive = false;
	trace("#%u is processed by %s: %d", request->nth, request->cloud->name, status);
	if (!request->is_forced) {
		request->transport = TRANSPORT_ANSWERED;
		request->status = status;
	}
	end(request);
}

static void on_answer(evutil_socket_t fd, short what, void *ctx)
{
	struct request *request = ctx;
	courier_done_fn done = request->done;
	const struct connector_header retry_after = { "retry-after", request->retry_after };
	const struct courier_answer answer = {
		.transport = request->transport,
		.status = request->transport == TRANSPORT_ANSWERED ? request->status : 0,
		.body = request->words,
		.len = strlen(request->words),
		.headers = &retry_after,
		.n_headers = request->retry_after[0] ? 1 : 0,
		.error = "it is raining",
		.took_ms = loop_now_ms() - request->started_at_ms,
	};

	(void)fd;
	(void)what;
	if (!done)
		return;
	trace("#%u is answered: transport %d, status %d, retry after '%s'", request->nth,
		(int)answer.transport, answer.status, request->retry_after);
	request->done = NULL;
	watch_answer(request);
	done(request->ctx, &answer);
	end(request);
}

/* --- what is drawn when it leaves ------------------------------------------------------------------ */

static void force(struct request *request, enum outcome_transport transport, int status)
{
	request->is_forced = true;
	request->transport = transport;
	request->status = status;
}

static void ask_to_wait(struct request *request)
{
	int64_t wait_s = draw_percent(97) ? 1 + draw(40) : draw(2) ? 3600 : 3 * 86400;

	request->asked_ms = wait_s * SECOND;
	if (draw_percent(70)) {
		(void)snprintf(request->retry_after, sizeof(request->retry_after), "%lld",
			(long long)wait_s);
		return;
	}
	time_t at_s = (time_t)((wall_ms() + request->asked_ms) / SECOND);
	struct tm at;
	(void)strftime(request->retry_after, sizeof(request->retry_after),
		"%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&at_s, &at));
	request->asked_ms = 0;
	request->asked_at_s = at_s;
}

static void plan_loss(struct request *request, bool is_applied, bool is_late)
{
	request->will_arrive = is_applied || is_late;
	force(request, TRANSPORT_NO_ANSWER, 0);
}

static void plan_trouble(struct request *request)
{
	static const int doubtful[] = { 500, 502, 503, 504, 408 };

	switch (draw(10)) {
	case 0:
	case 1:
		plan_loss(request, true, false);
		break;
	case 2:
		plan_loss(request, false, true);
		break;
	case 3:
		plan_loss(request, false, false);
		break;
	case 4:
		request->will_arrive = false;
		force(request, TRANSPORT_NOT_SENT, 0);
		break;
	case 5: /* it says that it failed, and has done it */
		force(request, TRANSPORT_ANSWERED, doubtful[draw(5)]);
		break;
	case 6:
		request->will_arrive = false;
		force(request, TRANSPORT_ANSWERED, doubtful[draw(5)]);
		if (draw_percent(30))
			ask_to_wait(request);
		break;
	case 7:
		request->will_arrive = false;
		force(request, TRANSPORT_ANSWERED, 429);
		if (draw_percent(60))
			ask_to_wait(request);
		break;
	case 8: /* half of a batch is too much */
		if (request->n < 2)
			break;
		request->will_arrive = false;
		force(request, TRANSPORT_ANSWERED, 413);
		break;
	default:
		break;
	}
}

static void plan(struct request *request)
{
	request->will_arrive = true;
	switch (request->cloud->mood) {
	case MOOD_FLAKY:
		if (draw_percent(60))
			plan_trouble(request);
		break;
	case MOOD_DOWN:
		request->will_arrive = false;
		force(request, TRANSPORT_NOT_SENT, 0);
		break;
	case MOOD_DEAF:
		plan_loss(request, draw_percent(50), draw_percent(30));
		break;
	case MOOD_BROKEN:
		request->will_arrive = draw_percent(20);
		force(request, TRANSPORT_ANSWERED, 500);
		break;
	case MOOD_BUSY:
		request->will_arrive = false;
		force(request, TRANSPORT_ANSWERED, 429);
		if (draw_percent(50))
			ask_to_wait(request);
		break;
	case MOOD_FINE:
	case MOOD_REFUSING:
	case MOODS:
		break;
	}
}

/* A ghost is applied when its sender has long given it up. */
static void set_times(struct request *request, bool is_ghost)
{
	const struct cloud *cloud = request->cloud;
	int64_t timeout_ms = cloud->timeout_ms, now_ms = loop_now_ms();
	int64_t answer_ms = 1 + draw(draw_percent(70) ? 300 : (unsigned)timeout_ms);
	int64_t arrival_ms = draw((unsigned)answer_ms);

	if (request->transport == TRANSPORT_NO_ANSWER && request->is_forced)
		answer_ms = timeout_ms;
	if (is_ghost)
		arrival_ms = timeout_ms + draw((unsigned)(has_program(cloud) ? cloud->ghost_ms
									     : cloud->settle_ms));
	if (request->will_arrive)
		loop_set(request->arrival, now_ms + arrival_ms);
	loop_set(request->answer, now_ms + answer_ms);
}

static struct request *find_free(void)
{
	for (unsigned i = 0; i < REQUESTS_MAX; i++)
		if (!day.requests[i].is_used)
			return &day.requests[i];
	day_fail("more requests at once than any window here allows");
}

static void read_members(struct request *request, const char *body, size_t len)
{
	static const char mark[] = "\"id\":\"";
	const char *end_of_body = body + len;

	while ((body = memmem(body, (size_t)(end_of_body - body), mark, sizeof(mark) - 1))) {
		body += sizeof(mark) - 1;
		CHECK(request->n < MEMBERS_MAX, "a batch of more than %d", MEMBERS_MAX);
		request->members[request->n++] = item_of(body)->number;
	}
	CHECK(request->n > 0, "a request without an event");
}

int cloud_start(void *opened, const struct courier_request *asked, courier_done_fn done, void *ctx)
{
	struct cloud *cloud = opened;
	struct request *request = find_free();
	bool is_ghost;

	*request = (struct request){
		.is_used = true,
		.cloud = cloud,
		.nth = ++day.n_requests,
		.len = asked->len,
		.started_at_ms = loop_now_ms(),
		.done = done,
		.ctx = ctx,
	};
	if (has_program(cloud))
		program_read_request(request, asked);
	else
		read_members(request, asked->body, asked->len);
	CHECK(sscanf(courier_find(asked, "Authorization"), "Bearer t%u", &request->token) == 1,
		"without credentials");
	watch_start(request, asked);
	if (!day.is_evening && draw(300) == 0) {
		trace("#%u cannot be started", request->nth);
		force(request, TRANSPORT_NOT_SENT, 0);
		request->is_unstarted = true;
		watch_answer(request);
		request->is_used = false;
		return -1;
	}
	request->arrival = event_new(NULL, -1, 0, on_arrival, request);
	request->answer = event_new(NULL, -1, 0, on_answer, request);
	plan(request);
	is_ghost = request->will_arrive && request->transport == TRANSPORT_NO_ANSWER &&
		   request->is_forced && draw_percent(50);
	set_times(request, is_ghost);
	return 0;
}

void cloud_forget_senders(void)
{
	for (unsigned i = 0; i < REQUESTS_MAX; i++) {
		struct request *request = &day.requests[i];

		if (!request->is_used || !request->done)
			continue;
		request->done = NULL;
		/* What it had sent may be lost on the way. */
		if (request->will_arrive && draw_percent(30)) {
			(void)event_del(request->arrival);
			request->will_arrive = false;
		}
		end(request);
	}
}

bool cloud_holds(const struct cloud *cloud, const struct item *item)
{
	for (unsigned i = 0; i < REQUESTS_MAX; i++) {
		const struct request *request = &day.requests[i];

		if (!request->is_used || request->cloud != cloud)
			continue;
		for (unsigned j = 0; j < request->n; j++)
			if (request->members[j] == item->number)
				return true;
	}
	return false;
}

void cloud_end_day(void)
{
	for (unsigned i = 0; i < REQUESTS_MAX; i++) {
		struct request *request = &day.requests[i];

		request->done = NULL;
		request->will_arrive = false;
		if (request->is_used)
			end(request);
	}
}
