/*
 * connector_parts.h - what the files of common/connector*.c share.
 */
#ifndef DRAY_CONNECTOR_PARTS_H
#define DRAY_CONNECTOR_PARTS_H

#include <stdarg.h>

#include "dray/connector.h"

/* As a JSON string that the bounded scanner takes: what is no character, and NUL, becomes U+FFFD, byte by
 * byte. */
void connector_put_text(const char *text, size_t len, struct buf *out);
/* As an object: the first 128, and 64 KiB; values of one name with ", " between. */
void connector_put_headers(
	const struct connector_header *headers, size_t n_headers, struct buf *out);

/* How a revision's text names them. */
#define CONNECTOR_KEY_FORMATS 4
extern const char *const connector_key_formats[CONNECTOR_KEY_FORMATS];

/* An output, and what its texts live in. */
struct output_kept;
struct output {
	struct connector_output is;
	cJSON *root; /* as the program gave it */
	struct output_kept *kept;
};

/* A copy that lives as long as the output; NULL when memory ran out, or `text` had failed. */
const char *output_keep(struct output *output, const struct buf *text);

/* `object` has no member but those of `names` (NULL ends); null is as good as none. */
int output_check_members(const cJSON *object, const char *const *names, struct error *err);
/* The member, NULL where there is none or where it is null. */
const cJSON *output_get(const cJSON *object, const char *name);

/* connector_send.c: the paths of errors are below `send` and `headers`. */
int output_read_send(
	struct output *output, const cJSON *send, struct connector_send *ret, struct error *err);
/* An object as "Name: value" lines. `is_session`: credentials are what it is for. */
int output_read_headers(struct output *output, const cJSON *headers, bool is_session,
	const char *ret[CONNECTOR_HEADERS_MAX + 1], struct error *err);

#endif
