/*
 * pace.c - the oracle's part about when: nothing leaves that may not yet, nothing waits that may, and
 * each lane has its share.
 */
#include <string.h>

#include "day.h"
#include "loop.h"

#define IDLE_MS 6500 /* after a poisoned turn nothing is claimed for up to 5 s */

/* --- does it leave in time? ------------------------------------------------------------------------- */

/* Since when nothing has been in the way of a delivery that was never sent. */
static int64_t free_since_ms(struct cloud *cloud)
{
	int64_t from_ms = cloud->free_since_ms;

	if (!cloud->terms.is_there || store_destination_is_paused(day.store, cloud->id) ||
		day.is_resting || day.is_draining || day.is_failing || cloud->n_out > 0 ||
		store_is_refusing(day.store))
		from_ms = loop_now_ms();
	cloud->free_since_ms = from_ms;
	return from_ms > cloud->asked_until_ms ? from_ms : cloud->asked_until_ms;
}

/* Of those that wait for nobody but, perhaps, company. */
static const struct item *find_late(struct cloud *cloud, int64_t before_ms)
{
	for (unsigned i = 1; i <= day.n_items; i++) {
		const struct fate *fate = fate_of(&day.items[i], cloud);

		if (day.items[i].seq > 0 && !day.items[i].is_put && fate->is_routed &&
			fate->n_started == 0 && !fate->was_claimed && fate->ending == OPEN &&
			day.items[i].stored_at_ms < before_ms && is_keyless(&day.items[i], cloud))
			return &day.items[i];
	}
	return NULL;
}

void watch_idle(void)
{
	for (unsigned i = 0; i < day.n_clouds; i++) {
		struct cloud *cloud = &day.clouds[i];
		int64_t from_ms = free_since_ms(cloud), now_ms = loop_now_ms();
		int64_t patience_ms = IDLE_MS + cloud->terms.linger_ms + cloud->probe_ms;
		const struct item *late = NULL;

		if (cloud->n_fresh[0] + cloud->n_fresh[1] + cloud->n_fresh[2] > 0 &&
			now_ms > from_ms + patience_ms)
			late = find_late(cloud, now_ms - patience_ms);
		if (late)
			people_show_unfinished();
		CHECK(!late, "%s may go to %s since %lld ms, and waits", late->id, cloud->name,
			(long long)(now_ms - from_ms));
	}
}

void watch_touch(struct cloud *cloud)
{
	cloud->free_since_ms = loop_now_ms();
}

/* --- may it leave now? ---------------------------------------------------------------------------- */

/* In millionths: full is a second's worth, or one. */
static void watch_rate(struct cloud *cloud)
{
	int64_t rate = cloud->terms.rate_per_hour, now_ms = loop_now_ms();
	int64_t full = rate * 1000000 / 3600 > 1000000 ? rate * 1000000 / 3600 : 1000000;

	if (rate == 0)
		return;
	if (cloud->tokens_at_ms < 0)
		cloud->tokens = full;
	else
		cloud->tokens += (now_ms - cloud->tokens_at_ms) * rate * 1000 / 3600;
	if (cloud->tokens > full)
		cloud->tokens = full;
	cloud->tokens_at_ms = now_ms;
	cloud->tokens -= 1000000;
	/* A commit may lie between taking the token and sending. */
	CHECK(cloud->tokens > -1000000 - COMMIT_MS * rate * 1000 / 3600,
		"%s is asked faster than %lld times an hour", cloud->name, (long long)rate);
}

void watch_window(struct request *request)
{
	struct cloud *cloud = request->cloud;
	int64_t now_ms = loop_now_ms();

	CHECK(cloud->terms.is_there, "%s is not in the configuration", cloud->name);
	CHECK(!store_destination_is_paused(day.store, cloud->id), "%s is paused", cloud->name);
	CHECK(!day.is_resting, "nothing is to be claimed while it rests");
	CHECK(!day.is_draining, "nothing is to be claimed before the end");
	CHECK(cloud->n_out < cloud->terms.concurrency, "%u requests to %s are out already",
		cloud->n_out, cloud->name);
	CHECK(now_ms >= cloud->not_before_ms, "%s asked for %lld ms more", cloud->name,
		(long long)(cloud->not_before_ms - now_ms));
	watch_rate(cloud);
	if (!cloud->is_open)
		return;
	request->is_probe = true;
	for (unsigned i = 0; i < REQUESTS_MAX; i++)
		CHECK(!day.requests[i].is_used || day.requests[i].cloud != cloud ||
				!day.requests[i].done || !day.requests[i].is_probe ||
				&day.requests[i] == request,
			"%s fails, and a second request leaves before the first is answered",
			cloud->name);
	CHECK(now_ms >= cloud->probe_from_ms, "%s fails, and is asked again %lld ms too early",
		cloud->name, (long long)(cloud->probe_from_ms - now_ms));
}

/* Six, three and one of ten; a turn shares out as many as fit, and a poisoned one's are gone. */
void watch_lanes(struct request *request)
{
	static const unsigned gaps[LANES] = { 3, 5, 10 };
	struct cloud *cloud = request->cloud;
	unsigned lane = fate_of(&day.items[request->members[0]], cloud)->lane;

	for (unsigned i = 0; i < LANES; i++) {
		bool waits = cloud->n_fresh[i] > 0 && i != lane && cloud->terms.linger_ms == 0 &&
			     !cloud->is_held;

		cloud->passed_over[i] = waits ? cloud->passed_over[i] + 1 : 0;
		CHECK(cloud->passed_over[i] <= gaps[i] + 3 * cloud->terms.concurrency,
			"lane %u of %s is passed over %u times", i, cloud->name,
			cloud->passed_over[i]);
	}
}
