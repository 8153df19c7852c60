/*
 * fuzz_output.c - any text as what a program says to any op: refused with the name of what is wrong, or
 * nothing in it can break a request, a line of a log, or a later call. The first byte chooses the op and
 * how many events were asked about.
 */
#include <string.h>
#include <strings.h>

#include "dray/connector.h"
#include "help_fuzz.h"

static void check_line(const char *text, size_t max)
{
	check(strlen(text) <= max);
	for (; *text; text++)
		check((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void check_cut(const char *words, size_t max)
{
	check(strlen(words) <= max);
	check_words(words, strlen(words));
}

static void check_headers(const char *const *headers)
{
	size_t n = 0;

	for (; headers[n]; n++) {
		check(n < CONNECTOR_HEADERS_MAX);
		check_line(headers[n], 64 + 2 + 8192);
		check(strstr(headers[n], ": ") > headers[n]);
		check(strncasecmp(headers[n], "Host:", 5) != 0);
		check(strncasecmp(headers[n], "Content-", 8) != 0 ||
			strncasecmp(headers[n], "Content-Length:", 15) != 0);
	}
}

static void check_send(const struct connector_send *send)
{
	check_line(send->method, 6);
	check_line(send->path, 8192);
	check_line(send->content_type, 256);
	check_headers(send->headers);
	check(strlen(send->body) == send->len);
}

static void check_result(const struct connector_result *result)
{
	check_cut(result->ref, 128);
	check_cut(result->code, 64);
	check_cut(result->reason, 500);
	check_cut(result->field, 500);
	check(result->after_ms >= -1 && result->after_ms <= INT64_C(31) * 86400 * 1000);
	check(!result->emit || (cJSON_IsArray(result->emit) &&
				       cJSON_GetArraySize(result->emit) <= CONNECTOR_EMIT_MAX));
}

static void check_output(const struct connector_output *output, enum connector_op op, size_t n)
{
	check(output->verb != CONNECTOR_ABSENT || op == CONNECTOR_LOOKUP);
	check(output->verb != CONNECTOR_SESSION || op == CONNECTOR_LOGIN);
	check(output->verb != CONNECTOR_RESULTS || op == CONNECTOR_DELIVER);
	check(output->n_results <= n);
	if (output->verb == CONNECTOR_SEND)
		check_send(&output->send);
	check_headers(output->headers);
	check_result(&output->result);
	for (size_t i = 0; i < output->n_results; i++) {
		check_result(&output->results[i]);
		check(id_is_valid(output->results[i].id, strlen(output->results[i].id)));
	}
	if (output->carry)
		check_json(output->carry, strlen(output->carry));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct connector_output *output = NULL;
	struct error err = { 0 };

	if (size == 0)
		return 0;
	enum connector_op op = (enum connector_op)(data[0] % 3);
	size_t n = data[0] / 3 % 8;
	if (connector_read_output((const char *)data + 1, size - 1, op, n, &output, &err) == 0)
		check_output(output, op, n);
	else
		check(err.message[0] != '\0' && !output);
	check_words(err.path, strlen(err.path));
	connector_output_free(output);
	return 0;
}
