/*
 * help_delivery_ask.c - what the other side answers, and what became of it.
 */
#include "help_delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/deliver_internal.h"

/* Whose timer is the first; NULL: none is set. */
static struct destination *find_timer(struct house *house)
{
	struct destination *destination, *first = NULL;

	TAILQ_FOREACH (destination, &house->deliver->destinations, link)
		if (destination->timer_mono_ms > 0 &&
			(!first || destination->timer_mono_ms < first->timer_mono_ms))
			first = destination;
	return first;
}

unsigned house_pass(struct house *house, int64_t ms)
{
	struct destination *first;
	int64_t end_ms = house->now_ms + ms;
	unsigned n = 0;

	while ((first = find_timer(house)) && house->boot_at_ms + first->timer_mono_ms <= end_ms) {
		if (house->boot_at_ms + first->timer_mono_ms > house->now_ms)
			house->now_ms = house->boot_at_ms + first->timer_mono_ms;
		first->timer_mono_ms = 0;
		house_rest(house);
		n++;
	}
	house->now_ms = end_ms;
	return n;
}

/* --- answers -------------------------------------------------------------------------------------- */

unsigned house_out(const struct house *house)
{
	unsigned n = 0;

	for (size_t i = 0; i < ERRANDS_MAX; i++)
		n += house->errands[i].is_out;
	return n;
}

struct errand *house_find(struct house *house, const char *id)
{
	char quoted[128];

	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", id);
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		if (house->errands[i].is_out && strstr(house->errands[i].body, quoted))
			return &house->errands[i];
	return NULL;
}

static void give(struct errand *errand, const struct courier_answer *answer)
{
	assert_non_null(errand);
	assert_true(errand->is_out);
	errand->is_out = false;
	errand->done(errand->ctx, answer);
}

struct errand *house_only(struct house *house)
{
	struct errand *only = NULL;

	assert_int_equal(house_out(house), 1);
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		if (house->errands[i].is_out)
			only = &house->errands[i];
	return only;
}

void house_answer(struct house *house, struct errand *errand, int status, const char *body)
{
	house_answer_with(house, errand, status, NULL, 0, body);
}

void house_answer_with(struct house *house, struct errand *errand, int status,
	const struct connector_header *headers, size_t n_headers, const char *body)
{
	give(errand, &(struct courier_answer){ .transport = TRANSPORT_ANSWERED,
			     .status = status,
			     .headers = headers,
			     .n_headers = n_headers,
			     .body = body,
			     .len = strlen(body),
			     .error = "" });
	house_rest(house);
}

void house_answer_repeat(struct house *house, struct errand *errand, int status)
{
	give(errand, &(struct courier_answer){ .transport = TRANSPORT_ANSWERED,
			     .status = status,
			     .body = "",
			     .is_repeat = true,
			     .error = "" });
	house_rest(house);
}

void house_answer_later(struct errand *errand, int status, const char *retry_after)
{
	give(errand, &(struct courier_answer){ .transport = TRANSPORT_ANSWERED,
			     .status = status,
			     .body = "",
			     .headers = &(struct connector_header){ "retry-after", retry_after },
			     .n_headers = retry_after ? 1 : 0,
			     .error = "" });
}

void house_fail(struct house *house, struct errand *errand, enum outcome_transport transport)
{
	give(errand, &(struct courier_answer){
			     .transport = transport, .body = "", .error = "the line is dead" });
	house_rest(house);
}

void house_answer_all(struct house *house, int status)
{
	while (house_out(house) > 0) {
		for (size_t i = 0; i < ERRANDS_MAX; i++)
			if (house->errands[i].is_out)
				house_answer_later(&house->errands[i], status, NULL);
		house_rest(house);
	}
}

/* --- looking -------------------------------------------------------------------------------------- */

struct look {
	int64_t seq;
	enum delivery_state state;
	unsigned attempts, looks, n;
};

static int on_delivery(void *ctx, const struct store_delivery_row *row)
{
	struct look *look = ctx;

	if (row->destination != 1)
		return 0;
	look->seq = row->seq;
	look->state = row->state;
	look->attempts = row->attempts;
	look->looks = row->looks;
	return 1;
}

static int on_event(void *ctx, const struct store_event_row *row)
{
	*(int64_t *)ctx = row->seq;
	return 1;
}

static struct look look_at(struct house *house, const char *id)
{
	struct look look = { 0 };
	int64_t seq = 0;

	assert_int_equal(store_get_event(house->store, 0, id, on_event, &seq), 1);
	assert_int_equal(store_list_event_deliveries(house->store, seq, on_delivery, &look), 0);
	return look;
}

enum delivery_state house_state(struct house *house, const char *id)
{
	return look_at(house, id).state;
}

unsigned house_attempts(struct house *house, const char *id)
{
	return look_at(house, id).attempts;
}

unsigned house_looks(struct house *house, const char *id)
{
	return look_at(house, id).looks;
}

static int on_code(void *ctx, const struct store_exception_row *row)
{
	assert_true(snprintf(ctx, 64, "%s", row->code) < 64);
	return 1;
}

const char *house_code(struct house *house)
{
	const struct store_exception_filter filter = { .limit = 1 };
	static char code[64];
	int64_t cursor;

	code[0] = '\0';
	assert_int_equal(store_list_exceptions(house->store, &filter, on_code, code, &cursor), 0);
	return code;
}

static int on_exception(void *ctx, const struct store_exception_row *row)
{
	(void)row;
	(*(unsigned *)ctx)++;
	return 0;
}

unsigned house_exceptions(struct house *house, const char *kind)
{
	const struct store_exception_filter filter = { .kind = kind, .limit = 100 };
	int64_t cursor;
	unsigned n = 0;

	assert_int_equal(
		store_list_exceptions(house->store, &filter, on_exception, &n, &cursor), 0);
	return n;
}

void house_retry(struct house *house, const char *id, const char *kind)
{
	const struct store_settlement settlement = {
		.to = DELIVERY_READY,
		.is_proven = strcmp(kind, "unknown") == 0,
		.now_ms = house_steady(house),
	};

	assert_int_equal(store_settle(house->store, 1, look_at(house, id).seq, &settlement), 0);
	deliver_poke(house->deliver, 1);
}

int64_t house_depth(struct house *house, enum delivery_state state)
{
	return store_depth(house->store, 1, state);
}
