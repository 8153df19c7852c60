/*
 * cloudevent.h - a CloudEvent in binary mode: attributes beside the payload, joined to the one object
 * that structured mode sends.
 *
 * Attributes come from MQTT 5 user properties, by their names, or from HTTP headers, without "ce-";
 * the content type is the protocol's own. A message is in binary mode when it has an attribute
 * `specversion` and its content type does not begin with "application/cloudevents".
 * Source: CloudEvents 1.0.2, section 3.1 of its protocol bindings for MQTT and for HTTP.
 *
 * What the attributes and data say is checked by event_parse(), as in structured mode; here, that they
 * can be joined.
 *
 * Pure.
 */
#ifndef DRAY_CLOUDEVENT_H
#define DRAY_CLOUDEVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/buf.h"
#include "dray/json.h"
#include "dray/problem.h"

#define CLOUDEVENT_NAME_MAX 20

/* `value` is decoded: HTTP writes what is beyond ASCII in percent signs. */
struct cloudevent_attribute {
	const char *name, *value;
};

struct cloudevent {
	const struct cloudevent_attribute *attributes;
	size_t n;
	const char *content_type; /* NULL: none was said, the data is JSON */
	const void *data;
	size_t len;  /* 0: there is no data */
	bool is_cut; /* there were more attributes: it can't be joined */
};

bool cloudevent_is_binary(const struct cloudevent *cloudevent);

/* The attribute's value; "" when there is none. For a refusal. */
const char *cloudevent_get(const struct cloudevent *cloudevent, const char *name);

/*
 * Join them.
 *
 * limits   of the data, which is one JSON value when the content type is JSON or absent. Any other
 *          stands in `data_base64`, which event_parse() refuses by its content type.
 * scratch  may be reused.
 * out      the object is appended; as the bounded scanner takes it.
 * Returns  0, or -1 with *ret_problem filled: attributes that are not all there; a name that is not 1 to 20 of a-z and 0-9, or stands
 *          twice, or is `data` or `datacontenttype`; a value that is not UTF-8; data that is not one
 *          JSON value. Then all that came is appended, to be kept: attributes as texts, twice where
 *          they stood twice, and the data in `data_base64`.
 */
int cloudevent_join(const struct cloudevent *cloudevent, const struct json_limits *limits,
	struct buf *scratch, struct buf *out, struct problem *ret_problem);

#endif
