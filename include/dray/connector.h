/*
 * connector.h - all that is special about an outside system: it decides, and never acts.
 *
 * A connector is a folder: connector.json, a jq program if it needs one, cases.json, README. This
 * is the declared part, for connectors that decide nothing (rest, cloudevents): method, path and
 * content types. With a batch of more than one possible the body is always an array of canonical
 * events, else the one canonical event as it is stored, byte for byte.
 *
 *   {"name":"rest","version":1,
 *    "request":{"method":"POST","path":"{path}","content_type":"application/json",
 *               "batch_content_type":"application/json"}}
 *
 * `{name}` in the path is the destination's vars.name, "" when absent. The path is appended to the
 * destination's url.
 *
 * A revision is the connector's text together with the destination's vars: what a first rendering
 * depends on beside the events. It is pinned to a delivery when it is first claimed.
 *
 * Pure.
 */
#ifndef DRAY_CONNECTOR_H
#define DRAY_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/error.h"
#include "dray/ids.h"

struct connector {
	char *name;
	char *method; /* POST or PUT */
	char *path;   /* vars put in */
	char *content_type;
	char *batch_content_type;
	bool is_batched; /* the body is an array */
};

struct connector_event {
	const char *body; /* canonical event */
	size_t len;
};

/*
 * text        the pinned revision: {"connector":{…connector.json…},"vars":{…},"batched":bool}, as
 *             connector_revision_text() makes it.
 */
int connector_parse(const char *text, size_t len, struct connector **ret, struct error *err);
void connector_free(struct connector *connector);

/* Join connector.json and vars to a revision's text (members sorted), and give its digest. */
int connector_revision_text(const cJSON *declaration, const cJSON *vars, bool is_batched,
	struct buf *out, uint8_t ret_digest[ID_DIGEST_BYTES], struct error *err);

/* Render the body of a request. `n` >= 1; n > 1 only when is_batched. */
void connector_render(const struct connector *connector, const struct connector_event *events,
	size_t n, struct buf *out_body);

/* The reference in a 2xx body: its `ref` or `id`, string or number; "" when there is none. */
void connector_read_ref(const char *body, size_t len, char *out, size_t size);

/* Words of a refusal, for people: problem+json's detail or title, `message`, `error`, else text. */
void connector_read_refusal(const char *body, size_t len, char *out, size_t size);

#endif
