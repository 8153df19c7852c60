/*
 * fuzz_cloudevent.c - lines of "name: value", an empty line, data: what is joined the scanner takes, and
 * it says of each attribute what was said; what isn't has a reason in words. "content-type" is what
 * the protocol says itself.
 */
#include <stdlib.h>
#include <string.h>

#include "dray/cloudevent.h"
#include "help_fuzz.h"

#define ATTRIBUTES_MAX 32

static const struct json_limits limits = { 1 << 16, 32, 10000, false };

/* Takes one line of `text`, NUL-terminated by it. NULL: an empty one, or the end. */
static char *take_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!*line || end == line) {
		*text = end ? end + 1 : line;
		return NULL;
	}
	if (end)
		*end = '\0';
	*text = end ? end + 1 : line + strlen(line);
	return line;
}

static void check_joined(const struct cloudevent *cloudevent, const struct buf *out)
{
	static const struct json_limits wide = { 1 << 20, 64, 20000, false };
	struct buf scratch = BUF_INIT;
	cJSON *tree = json_parse(out->data, out->len, &wide, &scratch, NULL);

	check(cJSON_IsObject(tree));
	for (size_t i = 0; i < cloudevent->n; i++) {
		const char *said = json_get_string(tree, cloudevent->attributes[i].name);
		check(said && strcmp(said, cloudevent->attributes[i].value) == 0);
	}
	cJSON_Delete(tree);
	buf_done(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cloudevent_attribute attributes[ATTRIBUTES_MAX];
	struct cloudevent cloudevent = { .attributes = attributes };
	struct buf scratch = BUF_INIT, out = BUF_INIT;
	struct problem problem = { 0 };
	char *text = malloc(size + 1), *at = text, *line;

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	while (cloudevent.n < ATTRIBUTES_MAX && (line = take_line(&at))) {
		char *value = strstr(line, ": ");
		if (!value)
			continue;
		*value = '\0';
		value += 2;
		if (strcmp(line, "content-type") == 0)
			cloudevent.content_type = value;
		else
			attributes[cloudevent.n++] = (struct cloudevent_attribute){ line, value };
	}
	cloudevent.data = at;
	cloudevent.len = size - (size_t)(at - text);
	(void)cloudevent_is_binary(&cloudevent);
	if (cloudevent_join(&cloudevent, &limits, &scratch, &out, &problem) == 0)
		check_joined(&cloudevent, &out);
	else
		check(problem.reason != REASON_NONE && problem.message[0]);
	buf_done(&scratch);
	buf_done(&out);
	free(text);
	return 0;
}
