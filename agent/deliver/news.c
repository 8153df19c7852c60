/*
 * news.c - what this turn will have made true: gathered while it is written, told once a commit
 * holds it, forgotten when the turn is poisoned.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver_internal.h"
#include "log.h"

static int grow(struct news *news)
{
	size_t cap = news->cap ? 2 * news->cap : 64;
	struct news_item *items;

	if (news->n < news->cap)
		return 0;
	items = reallocarray(news->items, cap, sizeof(*items));
	if (!items)
		return -1;
	news->items = items;
	news->cap = cap;
	return 0;
}

static size_t keep(struct news *news, const char *text)
{
	size_t offset = news->texts.len;

	buf_put(&news->texts, text, strlen(text) + 1);
	return offset;
}

static void add(struct claim *claim, const struct member *member, const char *kind,
	const char *severity, const char *ref, const char *reason)
{
	struct news *news = &claim->deliver->news;
	struct news_item item = {
		.destination = claim->destination,
		.seq = member->seq,
		.waited_ms = clock_age(claim->deliver->options.clock, member->received_at_ms),
		.kind = kind,
		.severity = severity,
		.source = keep(news, claim_text(claim, member->source)),
		.id = keep(news, claim_text(claim, member->id)),
		.type = keep(news, claim_text(claim, member->type)),
		.device = keep(news, claim_text(claim, member->device)),
		.ref = keep(news, ref),
		.reason = keep(news, reason),
	};

	/* Short of memory people hear less; what was delivered stands in the store all the same. */
	if (buf_failed(&news->texts) || grow(news) != 0)
		return;
	news->items[news->n++] = item;
}

void news_add_delivery(struct claim *claim, const struct member *member, const char *ref)
{
	add(claim, member, "", "", ref, "");
}

void news_add_exception(struct claim *claim, const struct member *member, const char *kind,
	const char *severity, const char *reason)
{
	add(claim, member, kind, severity, "", reason);
}

static void tell_item(const struct deliver *deliver, const struct news_item *item)
{
	const struct deliver_options *options = &deliver->options;
	const char *name = item->destination->name, *texts = deliver->news.texts.data;
	const struct deliver_news told = {
		.destination = name,
		.seq = item->seq,
		.source = texts + item->source,
		.id = texts + item->id,
		.type = texts + item->type,
		.device = texts + item->device,
		.is_exception = item->kind[0] != '\0',
		.kind = item->kind,
		.severity = item->severity,
		.ref = texts + item->ref,
		.reason = texts + item->reason,
	};

	metrics_add(options->metrics, METRIC_DELIVERIES, name,
		told.is_exception ? "exception" : "done", 1);
	if (told.is_exception)
		LOG_WARNING("delivery became an exception", LOG_S("destination", name),
			LOG_S("kind", told.kind), LOG_S("id", told.id), LOG_I("seq", told.seq),
			LOG_S("reason", told.reason));
	else
		metrics_observe(options->metrics, METRIC_DELIVERY_SECONDS, name,
			(double)item->waited_ms / 1000);
	if (options->on_news)
		options->on_news(options->ctx, &told);
}

void news_tell(struct deliver *deliver)
{
	for (size_t i = 0; i < deliver->news.n; i++)
		tell_item(deliver, &deliver->news.items[i]);
	news_reset(&deliver->news);
}

void news_reset(struct news *news)
{
	news->n = 0;
	buf_reset(&news->texts);
}

void news_done(struct news *news)
{
	free(news->items);
	buf_done(&news->texts);
	*news = (struct news){ 0 };
}
