#include "ctl/attempt.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dray/json.h"
#include "mapper/mapper_run.h"

/* What the engine would know of the destination. */
struct terms {
	struct id_shape shape;
	const char *key_header; /* NULL: the key is no header */
	int64_t batch_max;
	const char *url; /* "{url}" when no destination was named */
};

static int complain(const struct error *err)
{
	char words[sizeof(err->path) + sizeof(err->message) + 2];

	(void)fprintf(stderr, "drayctl: %s\n", error_text(err, words, sizeof(words)));
	return CTL_NO;
}

/* --- the destination's terms: as configured, else as connector.json declares -------------------------------- */

static struct id_shape declared_shape(const cJSON *idempotency)
{
	static const char *const formats[] = { [ID_FORMAT_UUID] = "uuid",
		[ID_FORMAT_HEX] = "hex",
		[ID_FORMAT_ALNUM] = "alnum",
		[ID_FORMAT_DIGITS] = "digits" };
	const char *format = json_get_string(idempotency, "format");
	struct id_shape shape = { .is_quoted = cJSON_IsTrue(json_get(idempotency, "quoted")) };
	int64_t length = 0;

	for (size_t i = 0; format && i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(format, formats[i]) == 0)
			shape.format = (enum id_format)i;
	}
	(void)json_get_integer(idempotency, "length", 8, 64, &length);
	shape.length = (unsigned)length;
	return shape;
}

static struct terms declared_terms(const cJSON *declaration)
{
	const cJSON *idempotency = json_get(declaration, "idempotency");
	const char *mode = json_get_string(idempotency, "mode");
	const char *header = json_get_string(idempotency, "header");
	struct terms terms = {
		.shape = declared_shape(idempotency), .batch_max = 1, .url = "{url}"
	};

	if (!mode || strcmp(mode, "header") == 0)
		terms.key_header = header ? header : "Idempotency-Key";
	(void)json_get_integer(json_get(declaration, "batch"), "max", 1, 1000, &terms.batch_max);
	return terms;
}

static struct terms terms_of(const struct attempt *attempt)
{
	const struct config_destination *destination = attempt->destination;

	if (!destination)
		return declared_terms(attempt->folder.declaration);
	return (struct terms){
		.shape = destination->idempotency_shape,
		.key_header = destination->idempotency == CONFIG_IDEMPOTENCY_HEADER
				      ? destination->idempotency_header
				      : NULL,
		.batch_max = destination->batch_max,
		.url = destination->url,
	};
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

/* As it would be sent; a terminal is spared what would move its cursor. */
static void print_text(const char *text, size_t len)
{
	const bool is_terminal = isatty(STDOUT_FILENO);

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		(void)putchar(is_terminal && (c < ' ' || c == 0x7f) && c != '\n' ? '?' : c);
	}
	(void)putchar('\n');
}

static void print_body(const char *body, size_t len)
{
	cJSON *tree = cJSON_ParseWithLengthOpts(body, len + 1, NULL, true);
	char *text = tree ? cJSON_Print(tree) : NULL;

	if (len > 0)
		(void)putchar('\n');
	if (text)
		(void)puts(text);
	else if (len > 0)
		print_text(body, len);
	cJSON_free(text);
	cJSON_Delete(tree);
}

static void print_head(const struct attempt *attempt, const struct terms *terms, const char *method,
	const char *path, const char *content_type)
{
	print_colored(attempt->ctl, COLOR_HEAD, method);
	(void)printf(" %s%s\n", terms->url, path);
	if (content_type[0])
		(void)printf("Content-Type: %s\n", content_type);
}

static void print_send(const struct attempt *attempt, const struct terms *terms, const char *key,
	const struct connector_output *output)
{
	const struct connector_send *send = &output->send;

	print_head(
		attempt, terms, send->method, send->path, send->len > 0 ? send->content_type : "");
	if (terms->key_header)
		(void)printf("%s: %s\n", terms->key_header, key);
	for (const char *const *header = send->headers; *header; header++)
		(void)printf("%s\n", *header);
	print_body(send->body, send->len);
}

static const char *verb_word(enum connector_verb verb)
{
	static const char *const words[] = { [CONNECTOR_SEND] = "send",
		[CONNECTOR_DONE] = "done",
		[CONNECTOR_RESULTS] = "results",
		[CONNECTOR_RETRY] = "retry",
		[CONNECTOR_REJECT] = "reject",
		[CONNECTOR_UNKNOWN] = "unknown",
		[CONNECTOR_ABSENT] = "absent",
		[CONNECTOR_HOLD] = "hold",
		[CONNECTOR_SESSION] = "session" };

	return words[verb];
}

static void print_result(const struct attempt *attempt, const struct connector_result *result)
{
	const char *texts[] = { result->id, result->ref, result->code, result->reason,
		result->field };

	print_colored(attempt->ctl, result->verb == CONNECTOR_DONE ? COLOR_GOOD : COLOR_BAD,
		verb_word(result->verb));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i][0])
			(void)printf(" %s", texts[i]);
	}
	(void)putchar('\n');
}

/* Did it give a request, or is all done? */
static int print_output(const struct attempt *attempt, const struct terms *terms, const char *key,
	const struct connector_output *output)
{
	int code = CTL_DONE;

	if (output->verb == CONNECTOR_SEND) {
		print_send(attempt, terms, key, output);
	} else if (output->verb == CONNECTOR_RESULTS) {
		for (size_t i = 0; i < output->n_results; i++) {
			print_result(attempt, &output->results[i]);
			if (output->results[i].verb != CONNECTOR_DONE)
				code = CTL_NO;
		}
	} else {
		print_result(attempt, &output->result);
		code = output->verb == CONNECTOR_DONE ? CTL_DONE : CTL_NO;
	}
	if (output->carry)
		(void)printf("\ncarry: %s\n", output->carry);
	return code;
}

/* --- making ---------------------------------------------------------------------------------------------------------- */

static int show_text(const struct attempt *attempt, const struct terms *terms, const char *key,
	const struct buf *text, size_t n)
{
	struct connector_output *output;
	struct error err = { 0 };
	int code;

	if (attempt->ctl->is_json) {
		(void)puts(text->data);
		return CTL_DONE;
	}
	if (connector_read_output(text->data, text->len, CONNECTOR_DELIVER, n, &output, &err) < 0) {
		char words[sizeof(err.path) + sizeof(err.message) + 2];

		(void)puts(text->data);
		(void)fprintf(stderr, "drayctl: the engine would not take this output: %s\n",
			error_text(&err, words, sizeof(words)));
		return CTL_NO;
	}
	code = print_output(attempt, terms, key, output);
	connector_output_free(output);
	return code;
}

static int ask_program(const struct attempt *attempt, const struct terms *terms,
	const struct connector *connector, const struct connector_input *input)
{
	struct mapper_run *run = start_mapper(attempt->zone);
	struct buf text = BUF_INIT, out = BUF_INIT;
	int code = CTL_NO;

	if (!run)
		return CTL_NO;
	connector_put_input(connector, input, &text);
	buf_puts(&out, "");
	if (!buf_failed(&text)) {
		enum mapper_outcome outcome = mapper_run_call(
			run, connector->program, connector->program_len, text.data, text.len, &out);
		if (outcome == MAPPER_OUTPUT)
			code = show_text(attempt, terms, input->key, &out, input->n_events);
		else
			(void)fprintf(stderr, "drayctl: the program %s%s\n",
				outcome == MAPPER_NOTHING
					? "gave no output: there is nothing to send"
					: "failed: ",
				out.data);
	}
	buf_done(&text);
	buf_done(&out);
	mapper_run_free(run);
	return code;
}

static int show_declared(const struct attempt *attempt, const struct terms *terms,
	const struct connector *connector, const struct connector_input *input)
{
	bool is_mqtt = attempt->destination && attempt->destination->kind == CONFIG_KIND_MQTT;
	const char *type =
		connector->is_batched ? connector->batch_content_type : connector->content_type;
	struct buf body = BUF_INIT;

	connector_render(connector, input->events, input->n_events, &body);
	if (buf_failed(&body))
		return CTL_NO;
	if (attempt->ctl->is_json) {
		(void)printf("{\"send\":{\"method\":\"%s\",\"path\":\"%s\",\"content_type\":\"%s\","
			     "\"body\":%.*s}}\n",
			connector->method, is_mqtt ? connector->topic : connector->path, type,
			(int)body.len, body.data);
	} else {
		print_head(attempt, terms, is_mqtt ? "PUBLISH" : connector->method,
			is_mqtt ? connector->topic : connector->path, type);
		if (terms->key_header && !is_mqtt)
			(void)printf("%s: %s\n", terms->key_header, input->key);
		print_body(body.data, body.len);
	}
	buf_done(&body);
	return CTL_DONE;
}

/* One request: the events from `first` on. */
static int make_one(const struct attempt *attempt, const struct terms *terms,
	const struct connector *connector, size_t first, size_t n)
{
	char key[ID_KEY_MAX];
	const struct connector_input input = {
		.op = CONNECTOR_DELIVER,
		.events = attempt->events + first,
		.n_events = n,
		.key = key,
		.serial = connector->has_serial ? 1 : 0,
		.site = attempt->site,
	};

	id_shape_key(&terms->shape, attempt->keys[first], key);
	if (first > 0 && !attempt->ctl->is_json)
		(void)puts("");
	return connector->program ? ask_program(attempt, terms, connector, &input)
				  : show_declared(attempt, terms, connector, &input);
}

int attempt_make(const struct attempt *attempt)
{
	const struct terms terms = terms_of(attempt);
	const struct connector_source source = {
		.declaration = attempt->folder.declaration,
		.program = attempt->folder.program,
		.program_len = attempt->folder.program_len,
		.vars = attempt->vars,
		.is_batched = terms.batch_max > 1,
		.key = terms.shape,
	};
	uint8_t digest[ID_DIGEST_BYTES];
	struct connector *connector = NULL;
	struct buf text = BUF_INIT;
	struct error err = { 0 };
	int code = CTL_DONE;

	if (connector_revision_text(&source, &text, digest, &err) < 0 ||
		connector_parse(text.data, text.len, &connector, &err) < 0)
		code = complain(&err);
	for (size_t first = 0, n; connector && first < attempt->n_events; first += n) {
		n = attempt->n_events - first;
		if (n > (size_t)terms.batch_max)
			n = (size_t)terms.batch_max;
		if (make_one(attempt, &terms, connector, first, n) != CTL_DONE)
			code = CTL_NO;
	}
	connector_free(connector);
	buf_done(&text);
	return code;
}
