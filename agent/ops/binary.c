#include "ops/binary.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dray/cloudevent.h"
#include "dray/cloudevent_header.h"

#define ATTRIBUTES_MAX 64
#define MEMBERS_MAX 200000 /* JSON values in the data */
#define PREFIX "ce-"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

/* Names and values, decoded, behind each other in `text`; its pointers hold once all are there. */
struct attributes {
	struct cloudevent_attribute list[ATTRIBUTES_MAX];
	size_t names[ATTRIBUTES_MAX], values[ATTRIBUTES_MAX]; /* where they begin in text */
	size_t n;
	struct buf text;
};

static bool is_attribute(const struct evkeyval *header)
{
	return strncasecmp(header->key, PREFIX, PREFIX_LEN) == 0;
}

static void put_lower(struct buf *out, const char *name)
{
	for (; *name; name++)
		buf_putc(out, (char)(*name >= 'A' && *name <= 'Z' ? *name + ('a' - 'A') : *name));
	buf_putc(out, '\0');
}

/* False: the call is answered. */
static bool add(struct call *call, const struct evkeyval *header, struct attributes *all)
{
	if (all->n == ATTRIBUTES_MAX) {
		call_problem(call, 400, "more than %d attributes", ATTRIBUTES_MAX);
		return false;
	}
	all->names[all->n] = all->text.len;
	put_lower(&all->text, header->key + PREFIX_LEN);
	all->values[all->n] = all->text.len;
	if (!cloudevent_header_decode(header->value, &all->text)) {
		call_problem(call, 400,
			"%.64s: a quoted string without an end, or with a NUL in it", header->key);
		return false;
	}
	buf_putc(&all->text, '\0');
	all->n++;
	return true;
}

static bool read_attributes(struct call *call, struct attributes *all)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(call->request);
	const struct evkeyval *header;

	TAILQ_FOREACH (header, headers, next)
		if (is_attribute(header) && !add(call, header, all))
			return false;
	if (buf_failed(&all->text)) {
		call_problem(call, 500, "no memory for the attributes");
		return false;
	}
	for (size_t i = 0; i < all->n; i++)
		all->list[i] = (struct cloudevent_attribute){ all->text.data + all->names[i],
			all->text.data + all->values[i] };
	return true;
}

static enum binary_fate join(struct call *call, const struct attributes *all, struct buf *out,
	char ret_id[ID_MAX + 1], struct problem *ret_problem)
{
	const struct event_limits *limits = &call->ops->config->limits;
	const struct json_limits bounds = {
		.max_bytes = limits->max_bytes,
		.max_depth = limits->max_depth,
		.max_members = MEMBERS_MAX,
	};
	struct cloudevent cloudevent = { .attributes = all->list,
		.n = all->n,
		.content_type = call_header(call, "Content-Type") };
	struct buf scratch = BUF_INIT;
	const char *id;
	int rc;

	cloudevent.data = call_body(call, &cloudevent.len);
	if (!cloudevent.data) {
		call_problem(call, 500, "no memory for the body");
		return BINARY_ANSWERED;
	}
	rc = cloudevent_join(&cloudevent, &bounds, &scratch, out, ret_problem);
	buf_done(&scratch);
	id = cloudevent_get(&cloudevent, "id");
	(void)snprintf(ret_id, ID_MAX + 1, "%s", id_is_valid(id, strlen(id)) ? id : "");
	return rc == 0 ? BINARY_JOINED : BINARY_REFUSED;
}

bool binary_is(const struct call *call)
{
	const char *version = call_header(call, PREFIX "specversion");
	const struct cloudevent_attribute attribute = { "specversion", version };
	const struct cloudevent cloudevent = {
		.attributes = &attribute, .n = 1, .content_type = call_header(call, "Content-Type")
	};

	return version && cloudevent_is_binary(&cloudevent);
}

enum binary_fate binary_join(
	struct call *call, struct buf *out, char ret_id[ID_MAX + 1], struct problem *ret_problem)
{
	struct attributes all = { .n = 0, .text = BUF_INIT };
	enum binary_fate fate = BINARY_ANSWERED;

	if (read_attributes(call, &all))
		fate = join(call, &all, out, ret_id, ret_problem);
	buf_done(&all.text);
	return fate;
}
