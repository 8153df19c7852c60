/*
 * connector.h - all that is special about an outside system: it decides, and never acts.
 *
 * A connector is a folder (guide "Writing a connector"): connector.json, a jq program if it needs
 * one, cases.json, README. Without a program the request is declared:
 *
 *   {"name":"rest","version":1,
 *    "request":{"method":"POST","path":"{path}","topic":"{topic}","content_type":"application/json",
 *               "batch_content_type":"application/json"}}
 *
 * `{name}` in path and topic is the destination's vars.name, "" when absent. With a batch of more than
 * one possible the body is always an array of canonical events, else the one canonical event as it
 * is stored, byte for byte.
 *
 * With a program the mapper is asked: connector_put_input() makes what it is asked,
 * connector_read_output() reads what it says. The members of connector.json that are options of a
 * destination are what a destination begins with (config.h, config_apply_connectors()).
 *
 * A revision is what a rendering depends on beside the events: connector.json, the program, vars,
 * and the shape of the key. It is pinned to a delivery when it is first claimed.
 *
 * Pure.
 */
#ifndef DRAY_CONNECTOR_H
#define DRAY_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/error.h"
#include "dray/ids.h"

/* --- what is pinned -------------------------------------------------------------------------------- */

struct connector {
	char *name;
	bool is_batched; /* the body is an array */
	bool has_serial; /* the input holds a number that no other delivery has */
	struct id_shape key;
	/* declared; with a program what an empty request says: "POST", "", "", "application/json" */
	char *method; /* POST, PUT, PATCH */
	char *path;   /* vars put in */
	char *topic;  /* the same, for kind mqtt */
	char *content_type;
	char *batch_content_type;
	/* or a program */
	char *program; /* NULL: declared */
	size_t program_len;
	char *vars; /* JSON text, declared defaults put in */
};

struct connector_event {
	const char *body; /* canonical event */
	size_t len;
};

/* What a revision is made of. */
struct connector_source {
	const cJSON *declaration; /* connector.json */
	const char *program;      /* NULL: none */
	size_t program_len;
	const cJSON *vars; /* the destination's; NULL none */
	bool is_batched;
	struct id_shape key;
};

/*
 * Join them to a revision's text (members sorted), and give its digest. Checks vars against what
 * connector.json declares: an unknown one, a required one that is missing are errors, with the path
 * "vars.NAME"; what is wrong with the declaration itself has a path that begins with "connector".
 */
int connector_revision_text(const struct connector_source *source, struct buf *out,
	uint8_t ret_digest[ID_DIGEST_BYTES], struct error *err);
/* text: a revision's, of this or of an earlier version. */
int connector_parse(const char *text, size_t len, struct connector **ret, struct error *err);
void connector_free(struct connector *connector);

/* --- declared: no program --------------------------------------------------------------------------- */

/* Render the body of a request. `n` >= 1; n > 1 only when is_batched. */
void connector_render(const struct connector *connector, const struct connector_event *events,
	size_t n, struct buf *out_body);

/* The reference in a 2xx body: its `ref` or `id`, string or number; "" when there is none. */
void connector_read_ref(const char *body, size_t len, char *out, size_t size);

/*
 * What a stranger wrote, fit for a line on a terminal: control characters and runs of white space
 * become one space, what is not UTF-8 a question mark; cut between characters. `out` may be `text`.
 */
void connector_clean(const char *text, size_t len, char *out, size_t size);

/* Words of a refusal, for people: problem+json's detail or title, `message`, `error`, else text. */
void connector_read_refusal(const char *body, size_t len, char *out, size_t size);

/* --- a program's input ------------------------------------------------------------------------------- */

enum connector_op { CONNECTOR_DELIVER, CONNECTOR_LOOKUP, CONNECTOR_LOGIN };

struct connector_header {
	const char *name; /* lower case */
	const char *value;
};

struct connector_response {
	int status;
	const struct connector_header *headers;
	size_t n_headers;
	const char *body;
	size_t len;
};

struct connector_input {
	enum connector_op op;
	const struct connector_event *events;
	size_t n_events;
	const char *key;                           /* shaped; NULL for login */
	int64_t serial;                            /* 0: none */
	const char *carry;                         /* JSON text; NULL none */
	const struct connector_response *response; /* NULL none */
	const char *site;
	const char *username, *password; /* op login; NULL none */
};

/*
 * Append the input as one JSON text that the bounded scanner would take. A body that isn't JSON, or is
 * beyond 4 MiB, 60 levels or 100,000 values, becomes a string of at most 4 MiB; bytes that are no UTF-8
 * become U+FFFD. Of the headers the first 128, and 64 KiB, are told. Texts of events and carry are put
 * as they are: both passed the scanner when they came.
 *
 * buf_failed(out) when memory ran out.
 */
void connector_put_input(
	const struct connector *connector, const struct connector_input *input, struct buf *out);

/* --- a program's output ------------------------------------------------------------------------------ */

enum connector_verb {
	CONNECTOR_SEND,
	CONNECTOR_DONE,
	CONNECTOR_RESULTS,
	CONNECTOR_RETRY,
	CONNECTOR_REJECT,
	CONNECTOR_UNKNOWN,
	CONNECTOR_ABSENT,
	CONNECTOR_HOLD,
	CONNECTOR_SESSION,
};

#define CONNECTOR_HEADERS_MAX 24
#define CONNECTOR_EMIT_MAX 100
#define CONNECTOR_AFTER_MAX_S (31 * 86400)

/*
 * All texts below live in the output; "" where there is none, unless NULL is said. What stands in a
 * line holds no control character; words (ref, code, reason, field) are cut, and fit for a terminal.
 */
struct connector_send {
	const char *method;
	const char *
		path; /* at most 8 KiB; query put in, percent-encoded. What it may hold beside is the
			   * courier's to check: it is a path, a topic or a file's name */
	const char *content_type;
	const char *headers[CONNECTOR_HEADERS_MAX + 1]; /* "Name: value", NULL ends */
	const char *body;                               /* at most 4 MiB */
	size_t len;
};

struct connector_result {
	enum connector_verb verb; /* of a batch's event: DONE RETRY REJECT UNKNOWN */
	const char *id;           /* of the event; "" outside of results */
	const char *ref;          /* at most 128 bytes */
	const char *code;         /* 64 */
	const char *reason;       /* 500; of reject: its message */
	const char *field;        /* 500; a JSON Pointer, as the program says */
	int64_t after_ms;         /* 0 to CONNECTOR_AFTER_MAX_S; -1: not said */
	const cJSON *emit; /* array of at most CONNECTOR_EMIT_MAX objects with a type, or NULL */
};

struct connector_output {
	enum connector_verb verb;
	struct connector_send send;       /* SEND */
	struct connector_result result;   /* all others but RESULTS and SESSION */
	struct connector_result *results; /* RESULTS, in the program's order */
	size_t n_results;
	const char *carry; /* JSON text, at most 64 KiB; NULL: not said */
	const char *headers[CONNECTOR_HEADERS_MAX + 1]; /* SESSION */
	int64_t lifetime_ms;                            /* SESSION; at most 366 days; 0: not said */
};

/*
 * Read an output. What is said where it has no business (absent to a delivery, more results than
 * events, a header that is the engine's, a member that is not known) is an error whose path names the
 * member: "send.headers.Host", "results[3].id". A member that is null is as good as none.
 *
 * text, len  as the mapper gave it, need not be NUL-terminated; at most 4 MiB.
 * n_events   of the input.
 * Returns    0, or -1 with *err filled. Free with connector_output_free(), NULL is a no-op.
 */
int connector_read_output(const char *text, size_t len, enum connector_op op, size_t n_events,
	struct connector_output **ret, struct error *err);
void connector_output_free(struct connector_output *output);

/*
 * May it stand behind the url of a destination: "", or what begins with / or ?, in visible ASCII? Then
 * the host stays what it is, and one event's text can't make a URL that nobody understands, which would
 * look as if the destination could not be reached.
 */
bool connector_is_url_path(const char *path);

#endif
