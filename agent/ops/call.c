/*
 * call.c - one HTTP request: what it says, and its answer.
 */
#include "ops/room.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "clock.h"
#include "dray/json.h"
#include "dray/times.h"
#include "log.h"
#include "ops/writer.h"
#include "store/store.h"
#include "turn.h"

static const char *status_phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 202:
		return "Accepted";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 413:
		return "Content Too Large";
	case 415:
		return "Unsupported Media Type";
	case 422:
		return "Unprocessable Content";
	case 429:
		return "Too Many Requests";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

int64_t call_now_ms(const struct call *call)
{
	return clock_steady_ms(call->ops->with.clock);
}

int64_t call_wall_ms(const struct call *call)
{
	return clock_wall_ms(call->ops->with.clock);
}

int64_t call_clock_doubted_at_ms(const struct call *call)
{
	const struct timeline *timeline = call->ops->with.clock->timeline;

	return timeline ? timeline->doubted_at_ms : 0;
}

void call_write_stamp(struct call *call, const char *name, int64_t at_ms)
{
	write_time(&call->body, name, at_ms > 0 ? clock_wall_of(call->ops->with.clock, at_ms) : 0);
}

void call_write_age(struct call *call, const char *name, int64_t at_ms)
{
	if (at_ms > 0)
		write_int(&call->body, name, clock_age(call->ops->with.clock, at_ms) / 1000);
	else
		write_null(&call->body, name);
}

/* --- answers ---------------------------------------------------------------------------------- */

void call_answer(struct call *call, int status)
{
	call->is_answered = true;
	call->status = status;
	if (buf_failed(&call->body))
		call_problem(call, 500, "no memory for the answer");
}

/* What is said beside the words. */
struct about {
	const char *reason; /* NULL none */
	int64_t line;       /* 0 none */
	const char *field;  /* NULL or "" none */
};

static void put_problem(struct call *call, int status, const struct about *about,
	const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void put_problem(
	struct call *call, int status, const struct about *about, const char *format, va_list args)
{
	char detail[512];

	(void)vsnprintf(detail, sizeof(detail), format, args);
	call->is_answered = true;
	call->status = status;
	call->content_type = "application/problem+json";
	buf_reset(&call->body);
	write_open(&call->body, NULL, '{');
	write_text(&call->body, "title", status_phrase(status));
	write_int(&call->body, "status", status);
	write_set_text(&call->body, "reason", about->reason);
	if (about->line > 0)
		write_int(&call->body, "line", about->line);
	write_set_text(&call->body, "field", about->field);
	write_text(&call->body, "detail", detail);
	write_close(&call->body, '}');
}

void call_problem(struct call *call, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_problem(call, status, &(struct about){ 0 }, format, args);
	va_end(args);
}

void call_refuse(struct call *call, int status, const char *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_problem(call, status, &(struct about){ .reason = reason }, format, args);
	va_end(args);
}

void call_refuse_line(
	struct call *call, int status, int64_t line, const char *field, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_problem(call, status, &(struct about){ .line = line, .field = field }, format, args);
	va_end(args);
}

void call_store_failed(struct call *call)
{
	struct store *store = call->ops->with.store;

	if (store_is_poisoned(store))
		call_problem(call, 503, "nothing was changed: %s; try again", store_failure(store));
	else
		call_problem(call, 500, "cannot read the store: %s", store_failure(store));
}

static void add_header(struct evhttp_request *request, const char *name, const char *value)
{
	if (evhttp_add_header(evhttp_request_get_output_headers(request), name, value) != 0)
		LOG_WARNING("cannot add a header to a reply", LOG_S("header", name));
}

void call_put_header(struct call *call, const char *name, const char *value)
{
	if (call->request)
		add_header(call->request, name, value);
}

void call_on_left(struct call *call)
{
	/* A request that was taken off its connection is ours to free; else evhttp does it. */
	if (call->request && !evhttp_request_get_connection(call->request))
		evhttp_request_free(call->request);
	call->request = NULL;
	call->guest = NULL;
}

void call_wait(struct call *call)
{
	TAILQ_REMOVE(&call->ops->outbox, call, link);
	TAILQ_INSERT_TAIL(&call->ops->waiting, call, link);
	call->is_waiting = true;
}

void call_resume(struct call *call)
{
	TAILQ_REMOVE(&call->ops->waiting, call, link);
	TAILQ_INSERT_TAIL(&call->ops->outbox, call, link);
	call->is_waiting = false;
	turn_wake(call->ops->with.turn);
}

static void add_headers(struct call *call, struct evhttp_request *request)
{
	add_header(request, "Content-Type", call->content_type);
	add_header(request, "Cache-Control", "no-store");
	if ((call->status == 429 || call->status == 503) &&
		!evhttp_find_header(evhttp_request_get_output_headers(request), "Retry-After"))
		add_header(request, "Retry-After", "1");
	if (guest_is_dismissed(call->guest))
		add_header(request, "Connection", "close");
}

void call_finish(struct call *call)
{
	struct evhttp_request *request = call->request;
	struct evbuffer *body;

	if (request) {
		body = evbuffer_new();
		if (body && evbuffer_add(body, call->body.data, call->body.len) != 0) {
			evbuffer_free(body);
			body = NULL;
		}
		add_headers(call, request);
		guest_told(call->guest, request);
		evhttp_send_reply(request, body ? call->status : 500,
			status_phrase(body ? call->status : 500), body);
		if (body)
			evbuffer_free(body);
	}
	call_free(call);
}

void call_free(struct call *call)
{
	struct call_list *list = call->is_waiting ? &call->ops->waiting : &call->ops->outbox;

	TAILQ_REMOVE(list, call, link);
	if (call->guest)
		guest_forget(call->guest);
	evhttp_clear_headers(&call->query);
	buf_done(&call->body);
	free(call->again);
	free(call);
}

/* --- what was asked --------------------------------------------------------------------------- */

const char *call_query(const struct call *call, const char *name)
{
	const char *value = evhttp_find_header(&call->query, name);

	return value && value[0] ? value : NULL;
}

static bool parse_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	char *end;
	intmax_t value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoimax(text, &end, 10);
	if (errno != 0 || *end != '\0' || value < min || value > max)
		return false;
	*ret = value;
	return true;
}

bool call_parse_id(const char *text, int64_t *ret)
{
	return parse_number(text, 1, INT64_MAX, ret);
}

bool call_query_number(struct call *call, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	const char *text = call_query(call, name);

	if (!text || parse_number(text, min, max, ret))
		return true;
	call_problem(call, 400, "%s: must be a whole number from %" PRId64 " to %" PRId64, name,
		min, max);
	return false;
}

bool call_query_time(struct call *call, const char *name, int64_t *ret_at_ms)
{
	return call_read_time(call, name, call_query(call, name), ret_at_ms);
}

bool call_read_time(struct call *call, const char *name, const char *text, int64_t *ret_at_ms)
{
	int64_t back_ms;

	if (!text)
		return true;
	if (time_parse(text, strlen(text), ret_at_ms)) {
		*ret_at_ms = clock_stamp_of(call->ops->with.clock, *ret_at_ms);
		return true;
	}
	if (config_parse_duration(text, &back_ms) && back_ms >= 0) {
		*ret_at_ms = clock_stamp_of(call->ops->with.clock, call_wall_ms(call) - back_ms);
		return true;
	}
	call_problem(call, 400,
		"%s: must be a time with zone (2026-11-21T15:04:05Z) or an age (90s, 15m, 2h, 3d)",
		name);
	return false;
}

bool call_query_page(struct call *call, unsigned *ret_limit, int64_t *ret_cursor)
{
	int64_t limit = OPS_PAGE_DEFAULT;

	*ret_cursor = 0;
	if (!call_query_number(call, "limit", 1, OPS_PAGE_MAX, &limit) ||
		!call_query_number(call, "cursor", 0, INT64_MAX, ret_cursor))
		return false;
	*ret_limit = (unsigned)limit;
	return true;
}

bool call_destination(struct call *call, const char *name, int *ret_id)
{
	struct store *store = call->ops->with.store;

	*ret_id = 0;
	if (!name)
		return true;
	/* store_destination_id() would make a number for a name that nobody knows. */
	for (int id = 1; id <= store_destination_count(store); id++) {
		const char *known = store_destination_name(store, id);

		if (known && strcmp(known, name) == 0) {
			*ret_id = id;
			return true;
		}
	}
	call_problem(call, 404, "there is no destination %.64s", name);
	return false;
}

const char *call_header(const struct call *call, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(call->request), name);
}

const char *call_body(const struct call *call, size_t *ret_len)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(call->request);

	*ret_len = evbuffer_get_length(input);
	return *ret_len > 0 ? (const char *)evbuffer_pullup(input, -1) : "";
}

struct cJSON *call_object(struct call *call)
{
	static const struct json_limits limits = {
		.max_bytes = 64 * 1024, .max_depth = 8, .max_members = 256
	};
	struct buf scratch = BUF_INIT;
	struct json_error flaw = { .message = "no memory" };
	cJSON *object = NULL;
	const char *body;
	size_t len;

	body = call_body(call, &len);
	if (!body || len == 0)
		object = cJSON_CreateObject();
	else
		object = json_parse(body, len, &limits, &scratch, &flaw);
	buf_done(&scratch);
	if (object && cJSON_IsObject(object))
		return object;
	if (object)
		call_problem(call, 400, "the body must be a JSON object");
	else
		call_problem(call, 400, "the body is not JSON: %s", flaw.message);
	cJSON_Delete(object);
	return NULL;
}
