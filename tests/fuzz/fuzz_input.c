/*
 * fuzz_input.c - any bytes as an answer's body and, each line one, as its headers: what a program is
 * asked is JSON that the scanner takes as it stands.
 */
#include <string.h>

#include "dray/connector.h"
#include "dray/json.h"
#include "help_fuzz.h"

#define HEADERS 8

static char vars[] = "{\"company\":\"ACME\"}";

static void check_input(const struct connector_input *input)
{
	static const struct json_limits limits = { 16 << 20, 64, 1000000, false };
	const struct connector connector = { .vars = vars };
	struct buf out = BUF_INIT, scanned = BUF_INIT;

	connector_put_input(&connector, input, &out);
	check(!buf_failed(&out));
	check(json_scan(out.data, out.len, &limits, &scanned, NULL, NULL) == JSON_FINE);
	check(strcmp(out.data, scanned.data) == 0);
	buf_done(&out);
	buf_done(&scanned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "location", "etag", "warning" };
	const char *body = memchr(data, '\0', size);
	size_t head_len = body ? (size_t)(body - (const char *)data) : size;
	char *head = malloc(head_len + 1), *line, *rest;
	struct connector_header headers[HEADERS];
	struct connector_response response = { .status = 200, .headers = headers };
	struct connector_input input = {
		.op = CONNECTOR_DELIVER, .key = "k", .site = "s", .response = &response
	};

	check(head != NULL);
	memcpy(head, data, head_len);
	head[head_len] = '\0';
	rest = head;
	while (response.n_headers < HEADERS && (line = strsep(&rest, "\n"))) {
		headers[response.n_headers] =
			(struct connector_header){ names[response.n_headers % 3], line };
		response.n_headers++;
	}
	response.body = body ? body + 1 : "";
	response.len = body ? size - head_len - 1 : 0;
	check_input(&input);
	input = (struct connector_input){
		.op = CONNECTOR_LOGIN, .site = "s", .username = head, .password = head
	};
	check_input(&input);
	free(head);
	return 0;
}
