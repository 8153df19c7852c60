/*
 * adapter_contract.h - what an adapter declares, what its program is asked, what it may say.
 *
 * adapter.json:
 *   {"name":"zebra-iotc","version":1,"title":"…","payload":"json",
 *    "vars":{"NAME":{"help":"…","default":…} or {"required":true}}}
 *
 * `payload` says what of a message the program is asked with:
 *   json   each JSON value of the message, one call a value (split.h: an array is one value)
 *   text   the message, which must be UTF-8 without NUL
 *   bytes  the message in base64
 *
 * The program's input:
 *   {"payload":…,"topic":"zebra/portal-1/tevents" or null,"headers":{"lower-case":"value"},
 *    "site":"dc-muc-1","source":"portal-rfid","vars":{…},"received":"2026-11-21T14:04:05.301Z"}
 * Its output: an event, an array of events, or nothing. Each is then taken as if it had come by itself.
 *
 * Pure.
 */
#ifndef DRAY_ADAPTER_CONTRACT_H
#define DRAY_ADAPTER_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/connector.h"
#include "dray/error.h"
#include "dray/json.h"
#include "dray/problem.h"

enum adapter_payload { ADAPTER_JSON, ADAPTER_TEXT, ADAPTER_BYTES };

/* Is it a sound adapter.json? 0, or -1 with *err whose path is the member. */
int adapter_check_declaration(const cJSON *declaration, struct error *err);

/* Of a checked declaration. */
enum adapter_payload adapter_payload_of(const cJSON *declaration);

/*
 * The text of `vars` in an input: what the site says, with the declared defaults below it, appended.
 * 0, or -1 with *err: "vars.NAME" is not declared, or missing though required.
 */
int adapter_put_vars(
	const cJSON *declaration, const cJSON *vars, struct buf *out, struct error *err);

/* The bounds of one value of a message, of which `max_bytes` and `max_depth` are the site's; the input
 * stands around it, within the scanner's own bounds. */
struct json_limits adapter_limits(size_t max_bytes, unsigned max_depth);

struct adapter_input {
	enum adapter_payload payload;
	const char *value; /* json: the scanner's text; text: UTF-8; bytes: as they came */
	size_t len;
	const char *topic;                      /* NULL: none */
	const struct connector_header *headers; /* of a webhook's call */
	size_t n_headers;
	const char *site, *source;
	const char *vars; /* of adapter_put_vars() */
	int64_t received_at_ms;
};
/* Append it as one JSON text that the bounded scanner would take. */
void adapter_put_input(const struct adapter_input *input, struct buf *out);

/* Is it UTF-8 without NUL, as payload `text` must be? *ret_at: the byte where it isn't. */
bool adapter_is_text(const char *text, size_t len, size_t *ret_at);

/*
 * Is it an event, or an array of events, and not anything else? `text` is JSON as the mapper gave it.
 * 0, or -1 with *err in words.
 */
int adapter_check_output(const char *text, size_t len, struct error *err);

/* Why no event could be made of a value: "adapter NAME: words", the words, a stranger's, made fit for a
 * small screen. */
void adapter_fill_problem(
	const char *name, enum reason reason, const char *words, struct problem *ret);

#endif
