#include "cases.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cases_parts.h"
#include "dray/connector.h"
#include "dray/json.h"
#include "mapper.h"

/* One case while it runs. Texts of a carry are JSON; NULL: none. */
struct trial {
	const struct connector_folder *folder;
	struct mapper_run *run;
	const cJSON *spec;
	struct connector *connector;
	struct connector_event events[CASES_EVENTS_MAX];
	size_t n_events;
	enum connector_op op;
	char *carry;        /* the delivery's */
	char *lookup_carry; /* while it looks: the engine keeps it in memory only */
	struct buf *diff;
};

/* --- what goes in ------------------------------------------------------------------------------------------- */

static char *print(const cJSON *value)
{
	struct buf out = BUF_INIT;
	char *text;

	json_print(value, &out);
	text = buf_take(&out, NULL);
	buf_done(&out);
	return text;
}

static int make_connector(struct trial *trial, struct error *err)
{
	const struct connector_source source = {
		.declaration = trial->folder->declaration,
		.program = trial->folder->program,
		.program_len = trial->folder->program_len,
		.vars = json_get(trial->spec, "vars"),
		.is_batched = trial->n_events > 1,
	};
	uint8_t digest[ID_DIGEST_BYTES];
	struct buf text = BUF_INIT;
	int status = connector_revision_text(&source, &text, digest, err);

	if (status == 0)
		status = connector_parse(text.data, text.len, &trial->connector, err);
	buf_done(&text);
	return status;
}

static int make_events(struct trial *trial)
{
	const cJSON *event;

	cJSON_ArrayForEach (event, json_get(trial->spec, "events")) {
		char *text = print(event);
		if (!text)
			return -1;
		trial->events[trial->n_events++] =
			(struct connector_event){ .body = text, .len = strlen(text) };
	}
	return 0;
}

static void trial_done(struct trial *trial)
{
	for (size_t i = 0; i < trial->n_events; i++)
		free((char *)trial->events[i].body);
	free(trial->carry);
	free(trial->lookup_carry);
	connector_free(trial->connector);
}

struct answer {
	struct connector_response response;
	struct connector_header headers[CASES_HEADERS_MAX];
	char *body;
};

/* A string is the text of a body that is no JSON. */
static char *print_body(const cJSON *body)
{
	if (!body || cJSON_IsNull(body))
		return strdup("");
	return cJSON_IsString(body) ? strdup(body->valuestring) : print(body);
}

static int make_answer(const cJSON *response, struct answer *ret)
{
	cJSON *header;

	*ret = (struct answer){ .body = print_body(json_get(response, "body")) };
	if (!ret->body)
		return -1;
	cJSON_ArrayForEach (header, json_get(response, "headers")) {
		for (char *at = header->string; *at; at++)
			*at = (char)tolower((unsigned char)*at);
		ret->headers[ret->response.n_headers++] =
			(struct connector_header){ header->string, header->valuestring };
	}
	ret->response.status = json_get(response, "status")->valueint;
	ret->response.headers = ret->headers;
	ret->response.body = ret->body;
	ret->response.len = strlen(ret->body);
	return 0;
}

static const char *text_or(const cJSON *object, const char *name, const char *otherwise)
{
	const char *text = json_get_string(object, name);

	return text ? text : otherwise;
}

static int put_input(struct trial *trial, const cJSON *response, struct buf *out)
{
	const cJSON *credentials = json_get(trial->spec, "credentials");
	bool is_login = trial->op == CONNECTOR_LOGIN;
	struct answer answer = { 0 };
	int64_t serial = 1;

	if (response && make_answer(response, &answer))
		return -1;
	(void)json_get_integer(trial->spec, "serial", 1, INT64_C(1) << 53, &serial);
	connector_put_input(trial->connector,
		&(struct connector_input){
			.op = trial->op,
			.events = trial->events,
			.n_events = is_login ? 0 : trial->n_events,
			.key = is_login ? NULL : text_or(trial->spec, "key", CASES_KEY),
			.serial = trial->connector->has_serial && !is_login ? serial : 0,
			.carry = trial->op == CONNECTOR_LOOKUP ? trial->lookup_carry : trial->carry,
			.response = response ? &answer.response : NULL,
			.site = text_or(trial->spec, "site", CASES_SITE),
			.username = is_login ? text_or(credentials, "username", "user") : NULL,
			.password = is_login ? text_or(credentials, "password", "password") : NULL,
		},
		out);
	free(answer.body);
	return buf_failed(out) ? -1 : 0;
}

/* --- what comes out ------------------------------------------------------------------------------------------- */

static void strip_nulls(cJSON *object)
{
	cJSON *member, *next;

	for (member = cJSON_IsObject(object) ? object->child : NULL; member; member = next) {
		next = member->next;
		if (cJSON_IsNull(member))
			cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
	}
}

/* A member that is null is as good as none: of the output, of its verbs, of a batch's results. */
static void normalise(cJSON *output)
{
	cJSON *member, *result;

	strip_nulls(output);
	cJSON_ArrayForEach (member, output) {
		if (strcmp(member->string, "carry") != 0)
			strip_nulls(member);
	}
	cJSON_ArrayForEach (result, json_get(output, "results")) {
		strip_nulls(result);
		cJSON_ArrayForEach (member, result) {
			strip_nulls(member);
		}
	}
}

/* Members of a send that the case doesn't name are not compared. */
static void keep_named(cJSON *send, const cJSON *expected)
{
	cJSON *member, *next;

	if (!cJSON_IsObject(expected))
		return;
	for (member = cJSON_IsObject(send) ? send->child : NULL; member; member = next) {
		next = member->next;
		if (!json_get(expected, member->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(send, member));
	}
}

/* Takes `expect` and `actual`. Appends what differs. */
static int put_difference(cJSON *expect, cJSON *actual, struct buf *diff)
{
	int status;

	normalise(expect);
	normalise(actual);
	keep_named(json_get(actual, "send"), json_get(expect, "send"));
	status = cases_put_difference(expect, actual, diff);
	cJSON_Delete(expect);
	cJSON_Delete(actual);
	return status;
}

static int keep_carry(struct trial *trial, const struct connector_output *output)
{
	char **carry = trial->op == CONNECTOR_LOOKUP ? &trial->lookup_carry : &trial->carry;
	char *copy;

	if (!output->carry)
		return 0;
	copy = strdup(output->carry);
	if (!copy)
		return -1;
	free(*carry);
	*carry = copy;
	return 0;
}

/* The engine would refuse it, whatever the case says. 0, or -1 when memory ran out. */
static int put_flaw(struct trial *trial, const char *text, size_t len)
{
	struct connector_output *output = NULL;
	struct error err = { 0 };
	char words[sizeof(err.path) + sizeof(err.message) + 2];
	int status = 0;

	if (connector_read_output(text, len, trial->op, trial->n_events, &output, &err) < 0)
		buf_printf(trial->diff, "the engine would not take this output: %s\n",
			error_text(&err, words, sizeof(words)));
	else
		status = keep_carry(trial, output);
	connector_output_free(output);
	return status;
}

static int compare(struct trial *trial, enum mapper_outcome outcome, const struct buf *text,
	const cJSON *expect)
{
	cJSON *wanted = cJSON_Duplicate(expect, true), *came = NULL;

	if (!wanted)
		return -1;
	switch (outcome) {
	case MAPPER_OUTPUT:
		came = cases_parse_output(text->data, text->len);
		if (!came)
			buf_puts(trial->diff,
				"the engine would not take this output: its nesting or "
				"size is beyond the bounds\n");
		else if (put_difference(wanted, came, trial->diff))
			return -1;
		else
			return put_flaw(trial, text->data, text->len);
		break;
	case MAPPER_NOTHING:
		return put_difference(wanted, cJSON_CreateNull(), trial->diff);
	default:
		buf_printf(trial->diff, "the program failed: %s\n", text->data);
		break;
	}
	cJSON_Delete(wanted);
	return 0;
}

/* --- steps ---------------------------------------------------------------------------------------------------------- */

static enum connector_op read_op(const cJSON *object, enum connector_op otherwise)
{
	const char *op = json_get_string(object, "op");

	if (!op)
		return otherwise;
	if (strcmp(op, "lookup") == 0)
		return CONNECTOR_LOOKUP;
	return strcmp(op, "login") == 0 ? CONNECTOR_LOGIN : CONNECTOR_DELIVER;
}

/* A lookup begins with the delivery's carry. */
static int begin_op(struct trial *trial, enum connector_op op)
{
	trial->op = op;
	if (op != CONNECTOR_LOOKUP)
		return 0;
	free(trial->lookup_carry);
	trial->lookup_carry = trial->carry ? strdup(trial->carry) : NULL;
	return trial->carry && !trial->lookup_carry ? -1 : 0;
}

static int run_step(struct trial *trial, const cJSON *step)
{
	struct buf input = BUF_INIT, output = BUF_INIT;
	enum mapper_outcome outcome;
	int status = -1;

	if (json_get(step, "op") && begin_op(trial, read_op(step, trial->op)))
		return -1;
	buf_puts(&output, "");
	if (put_input(trial, json_get(step, "response"), &input) == 0) {
		outcome = mapper_run_call(trial->run, trial->connector->program,
			trial->connector->program_len, input.data, input.len, &output);
		if (!buf_failed(&output))
			status = compare(trial, outcome, &output, json_get(step, "expect"));
	}
	buf_done(&input);
	buf_done(&output);
	return status;
}

static const char *op_word(enum connector_op op)
{
	static const char *const words[] = { [CONNECTOR_DELIVER] = "deliver",
		[CONNECTOR_LOOKUP] = "lookup",
		[CONNECTOR_LOGIN] = "login" };

	return words[op];
}

/* Up to the first step that fails: what comes behind hangs on it. */
static int run_steps(struct trial *trial, struct buf *out)
{
	const cJSON *step;
	int number = 0;

	cJSON_ArrayForEach (step, json_get(trial->spec, "steps")) {
		number++;
		if (run_step(trial, step))
			return -1;
		if (trial->diff->len == 0)
			continue;
		buf_printf(out, "step %d (%s):\n", number, op_word(trial->op));
		buf_put(out, trial->diff->data, trial->diff->len);
		break;
	}
	return 0;
}

static int begin(struct trial *trial, struct buf *out)
{
	const cJSON *carry = json_get(trial->spec, "carry");
	struct error err = { 0 };
	char words[sizeof(err.path) + sizeof(err.message) + 2];

	if (make_events(trial))
		return -1;
	if (carry && !cJSON_IsNull(carry) && !(trial->carry = print(carry)))
		return -1;
	if (make_connector(trial, &err)) {
		buf_printf(out, "%s\n", error_text(&err, words, sizeof(words)));
		return 0;
	}
	return begin_op(trial, read_op(trial->spec, CONNECTOR_DELIVER));
}

/* `out` is the diff. 0, or -1 when memory ran out. */
static int run_case(const struct connector_folder *folder, struct mapper_run *run,
	const cJSON *spec, struct buf *out)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	struct buf diff = BUF_INIT;
	int status = -1;

	if (!trial)
		return -1;
	*trial = (struct trial){ .folder = folder, .run = run, .spec = spec, .diff = &diff };
	if (begin(trial, out) == 0)
		status = out->len > 0 || !trial->connector ? 0 : run_steps(trial, out);
	if (buf_failed(&diff) || buf_failed(out))
		status = -1;
	buf_done(&diff);
	trial_done(trial);
	free(trial);
	return status;
}

int cases_run(const struct connector_folder *folder, struct mapper_run *run, cases_fn fn, void *ctx,
	struct error *err)
{
	cJSON *cases;
	int failed = -1;

	if (connector_folder_cases(folder, &cases, err))
		return -1;
	if (!cases)
		return error_set(err, folder->path, "there is no cases.json in this folder");
	if (!folder->program)
		error_fill(err, folder->path,
			"has no program: what it sends is declared, and needs no cases");
	else if (cases_check(cases, err) == 0)
		failed = cases_run_all(folder, run, cases, run_case, fn, ctx, err);
	cJSON_Delete(cases);
	return failed;
}
