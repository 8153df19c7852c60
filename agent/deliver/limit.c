#include "limit.h"

#include <stdlib.h>
#include <string.h>

#include "deliver_internal.h"

static bool is_of(const struct limit *limit, const char *account)
{
	return account ? limit->account && strcmp(limit->account, account) == 0 : !limit->account;
}

static struct limit *limit_new(struct deliver *deliver, const char *account)
{
	struct limit *limit = calloc(1, sizeof(*limit));

	if (!limit)
		return NULL;
	limit->deliver = deliver;
	limit->users = 1;
	limit->rate_per_hour = -1;
	TAILQ_INIT(&limit->members);
	if (account) {
		limit->account = strdup(account);
		if (!limit->account) {
			free(limit);
			return NULL;
		}
	}
	TAILQ_INSERT_TAIL(&deliver->limits, limit, link);
	return limit;
}

struct limit *limit_find(
	struct deliver *deliver, const struct destination *destination, const char *account)
{
	struct limit *limit;

	if (destination->limit && is_of(destination->limit, account))
		return limit_ref(destination->limit);
	TAILQ_FOREACH (limit, &deliver->limits, link)
		if (account && is_of(limit, account))
			return limit_ref(limit);
	return limit_new(deliver, account);
}

void limit_join(
	struct limit *limit, struct destination *destination, const struct config_destination *is)
{
	limit->concurrency = is->concurrency;
	if (limit->rate_per_hour != is->rate_per_hour) {
		limit->rate_per_hour = is->rate_per_hour;
		bucket_init(&limit->bucket, is->rate_per_hour, deliver_mono(limit->deliver));
	}
	if (destination->limit == limit) {
		limit_unref(limit);
		return;
	}
	limit_leave(destination);
	destination->limit = limit;
	TAILQ_INSERT_TAIL(&limit->members, destination, limit_link);
}

void limit_leave(struct destination *destination)
{
	struct limit *limit = destination->limit;

	if (!limit)
		return;
	destination->limit = NULL;
	TAILQ_REMOVE(&limit->members, destination, limit_link);
	limit_unref(limit);
}

struct limit *limit_ref(struct limit *limit)
{
	limit->users++;
	return limit;
}

void limit_unref(struct limit *limit)
{
	if (!limit || --limit->users > 0)
		return;
	TAILQ_REMOVE(&limit->deliver->limits, limit, link);
	free(limit->account);
	free(limit);
}

bool limit_is_shared(const struct limit *limit)
{
	const struct destination *first = TAILQ_FIRST(&limit->members);

	return first && TAILQ_NEXT(first, limit_link);
}

unsigned limit_free(struct limit *limit, int64_t now_mono_ms)
{
	int64_t n = limit->concurrency - (int64_t)limit->in_flight;
	int64_t tokens = bucket_available(&limit->bucket, now_mono_ms) - (int64_t)limit->fresh;

	if (n > tokens)
		n = tokens;
	return n > 0 ? (unsigned)n : 0;
}

void limit_pass_on(struct limit *limit, struct destination *destination)
{
	TAILQ_REMOVE(&limit->members, destination, limit_link);
	TAILQ_INSERT_TAIL(&limit->members, destination, limit_link);
}
