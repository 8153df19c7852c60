/*
 * session.c - a log-in that the connector describes: its program gives the request, then
 * from the answer the headers that carry the session (guide "Writing a connector", op login).
 */
#include <stdlib.h>
#include <string.h>

#include "credential/credential_internal.h"
#include "mapper/mapper.h"

#define REQUESTS_MAX 8
#define WHO "the log-in"

static void on_output(void *ctx, enum mapper_outcome outcome, const char *text, size_t len);

/* --- asking the program ---------------------------------------------------------------------------- */

static void ask_program(struct credential *credential, const struct connector_response *response)
{
	const struct credential_options *options = &credential->options;
	struct credential_fetch *fetch = &credential->fetch;
	const struct connector_input input = {
		.op = CONNECTOR_LOGIN,
		.carry = fetch->carry,
		.response = response,
		.site = options->site,
		.username = credential->auth->username,
		.password = credential->own.secret,
	};
	struct buf text = BUF_INIT;

	if (!options->program) {
		credential_fail(credential, true, "the connector has no program that logs in");
		return;
	}
	/* All at once, as far as can be told: a buffer that grows leaves copies behind. */
	if (buf_reserve(&text, 16384 + 2 * (response ? response->len : 0)))
		connector_put_input(options->connector, &input, &text);
	if (!buf_failed(&text))
		fetch->call =
			mapper_call(options->program, text.data, text.len, on_output, credential);
	buf_wipe(&text);
	buf_done(&text);
	if (!fetch->call)
		credential_fail(credential, false, WHO " could not be prepared: out of memory");
}

void session_begin(struct credential *credential)
{
	ask_program(credential, NULL);
}

void session_answer(struct credential *credential, const struct courier_answer *answer)
{
	const struct connector_response response = {
		.status = answer->status,
		.headers = answer->headers,
		.n_headers = answer->n_headers,
		.body = answer->body,
		.len = answer->len,
	};
	struct credential_fetch *fetch = &credential->fetch;

	fetch->status = answer->status;
	connector_read_refusal(answer->body, answer->len, fetch->words, sizeof(fetch->words));
	if (answer->transport != TRANSPORT_ANSWERED)
		(void)credential_is_answered(credential, answer, WHO, fetch->words);
	else
		ask_program(credential, &response);
}

/* --- what it says ---------------------------------------------------------------------------------- */

static void put_line(struct buf *out, const char *line)
{
	buf_put(out, line, strlen(line) + 1);
}

static void send_request(struct credential *credential, const struct connector_output *output)
{
	const struct connector_send *send = &output->send;
	struct credential_fetch *fetch = &credential->fetch;
	struct buf url = BUF_INIT;

	if (fetch->n_requests == REQUESTS_MAX) {
		credential_fail(credential, true, WHO " takes more than %d requests", REQUESTS_MAX);
		return;
	}
	if (!connector_is_url_path(send->path)) {
		credential_fail(credential, true,
			WHO " sends to a path that does not begin with /, or is not "
			    "percent-encoded");
		return;
	}
	if (output->carry) {
		free(fetch->carry);
		fetch->carry = strdup(output->carry);
	}
	buf_wipe(&fetch->headers);
	buf_wipe(&fetch->body);
	if (send->len > 0) {
		buf_puts(&fetch->headers, "Content-Type: ");
		put_line(&fetch->headers, send->content_type);
	}
	for (const char *const *header = send->headers; *header; header++)
		put_line(&fetch->headers, *header);
	if (buf_reserve(&fetch->body, send->len))
		buf_put(&fetch->body, send->body, send->len);
	buf_puts(&url, credential->options.destination->url);
	buf_puts(&url, send->path);
	if (buf_failed(&url) || (output->carry && !fetch->carry))
		credential_fail(credential, false, WHO " could not be prepared: out of memory");
	else
		credential_send(credential, send->method, url.data);
	buf_done(&url);
}

static void take_session(struct credential *credential, const struct connector_output *output)
{
	struct credential_parts *made = &credential->fetch.made;

	for (const char *const *header = output->headers; *header; header++)
		/* One is left for a CSRF token. */
		if (made->n == CREDENTIAL_HEADERS_MAX - 1 ||
			credential_put_header(made, strdup(*header)) != 0) {
			credential_fail(credential, true,
				"a session may have at most %d headers, and memory for them",
				CREDENTIAL_HEADERS_MAX - 1);
			return;
		}
	credential->fetch.lifetime_ms = output->lifetime_ms;
	credential_go_on(credential);
}

static void obey(struct credential *credential, const struct connector_output *output)
{
	const struct connector_result *result = &output->result;
	const char *reason = result->reason[0] ? result->reason : "the connector does not say why";

	switch (output->verb) {
	case CONNECTOR_SEND:
		send_request(credential, output);
		break;
	case CONNECTOR_SESSION:
		take_session(credential, output);
		break;
	case CONNECTOR_RETRY:
		if (result->after_ms > credential->failure.asked_ms)
			credential->failure.asked_ms = result->after_ms;
		credential_fail(credential, false, WHO " failed: %s", reason);
		break;
	case CONNECTOR_DONE:
	case CONNECTOR_RESULTS:
	case CONNECTOR_ABSENT:
	case CONNECTOR_REJECT:
	case CONNECTOR_UNKNOWN:
	case CONNECTOR_HOLD:
		credential_fail(credential, true, WHO " was refused: %s", reason);
		break;
	}
}

static void read_output(struct credential *credential, const char *text, size_t len)
{
	struct connector_output *output = NULL;
	struct error err = { 0 };
	char words[sizeof(struct error)];

	if (connector_read_output(text, len, CONNECTOR_LOGIN, 0, &output, &err) != 0)
		credential_fail(credential, true, "the connector's answer to a log-in: %s",
			error_text(&err, words, sizeof(words)));
	else
		obey(credential, output);
	connector_output_free(output);
}

/* The default: what a status means. */
static void judge_status(struct credential *credential)
{
	const struct credential_fetch *fetch = &credential->fetch;
	const struct courier_answer answer = {
		.transport = TRANSPORT_ANSWERED,
		.status = fetch->status,
		.error = "",
	};

	if (fetch->n_requests == 0)
		credential_fail(credential, true, "the connector says nothing to a log-in");
	else if (credential_is_answered(credential, &answer, WHO, fetch->words))
		credential_fail(credential, true,
			WHO " answered %d, the connector makes no session of it", fetch->status);
}

static void on_output(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	struct credential *credential = ctx;

	credential->fetch.call = NULL;
	switch (outcome) {
	case MAPPER_OUTPUT:
		read_output(credential, text, len);
		break;
	case MAPPER_NOTHING:
		judge_status(credential);
		break;
	case MAPPER_FAILED:
	case MAPPER_OVERRAN:
	case MAPPER_HELD:
		credential_fail(credential, true, "the connector's log-in failed: %s", text);
		break;
	}
}
