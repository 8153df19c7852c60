#include "ctl/adaptation.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/adapter_contract.h"
#include "dray/config.h"
#include "dray/event.h"
#include "dray/json.h"
#include "dray/split.h"
#include "dray/topic_words.h"
#include "mapper/adapter_cases.h"

#define FILE_MAX ((size_t)1 << 20)
#define MEMBERS_MAX 200000
#define DEFAULT_ROOT "dray/v1"

struct adaptation {
	const struct ctl *ctl;
	struct connector_folder folder;
	struct config *config; /* NULL: none was named */
	const char *site, *source, *root;
	struct event_limits limits;
	bool accepts_invalid;
	const char *types; /* that may come this way; NULL: all */
	struct connector_header headers[CTL_MANY_MAX];
	cJSON *vars;
	struct buf vars_text, message;
	struct topic_words words;
	bool has_words; /* of the topic */
	struct mapper_run *run;
	size_t value; /* that is asked for, in the message */
	size_t n_events;
	cJSON *rows; /* of all values */
	bool is_refused;
};

/* --- what it is tried with ------------------------------------------------------------------------------- */

/* The vars of a source or a hook of that name; NULL: there is none. */
static const cJSON *find_source(struct adaptation *a, const char *name)
{
	const struct config *config = a->config;

	for (size_t i = 0; i < config->n_sources; i++) {
		const struct config_source *source = &config->sources[i];
		if (strcmp(source->name, name) != 0)
			continue;
		a->accepts_invalid = source->on_invalid == CONFIG_INVALID_ACCEPT;
		a->types = source->types;
		return source->vars;
	}
	for (size_t i = 0; i < config->listen.n_hooks; i++) {
		const struct config_hook *hook = &config->listen.hooks[i];
		if (strcmp(hook->name, name) != 0)
			continue;
		a->accepts_invalid = hook->on_invalid == CONFIG_INVALID_ACCEPT;
		a->types = hook->types;
		return hook->vars;
	}
	return NULL;
}

static int read_site(struct adaptation *a)
{
	const struct ctl *ctl = a->ctl;
	const char *name = ctl->values[OPTION_SOURCE];
	const cJSON *vars = NULL;
	int code = CTL_DONE;

	if (name || ctl->values[OPTION_CONFIG])
		code = load_config(ctl, &a->config);
	if (code != CTL_DONE)
		return code;
	if (name && !(vars = find_source(a, name))) {
		(void)fprintf(
			stderr, "drayctl: the configuration has no source or hook %s\n", name);
		return CTL_NO;
	}
	a->limits = a->config ? a->config->limits
			      : (struct event_limits){
					.max_bytes = FILE_MAX, .max_depth = 32, .max_lines = 500
				};
	a->root = a->config ? a->config->mqtt.root : DEFAULT_ROOT;
	a->source = name ? name : ADAPTER_CASES_SOURCE;
	a->site = ctl->values[OPTION_SITE] ? ctl->values[OPTION_SITE]
		  : a->config              ? a->config->site
					   : CASES_SITE;
	a->vars = vars ? cJSON_Duplicate(vars, true) : cJSON_CreateObject();
	return put_vars(ctl, a->vars);
}

/* "Name: value" */
static int read_headers(struct adaptation *a)
{
	for (int i = 0; i < a->ctl->n_headers; i++) {
		const char *given = a->ctl->headers[i];
		size_t len = strcspn(given, ":");
		char *name = given[len] ? strndup(given, len) : NULL;

		if (!name || len == 0) {
			(void)fprintf(stderr, "drayctl: --header %s: must be NAME: VALUE\n", given);
			free(name);
			return CTL_USAGE;
		}
		for (char *at = name; *at; at++)
			*at = (char)tolower((unsigned char)*at);
		given += len + 1;
		a->headers[i] = (struct connector_header){ name, given + strspn(given, " ") };
	}
	return CTL_DONE;
}

static int read_message(struct adaptation *a)
{
	return read_input(a->ctl->values[OPTION_MESSAGE], a->limits.max_bytes, &a->message) ==
			       CTL_DONE
		       ? CTL_DONE
		       : CTL_NO;
}

static int read_vars(struct adaptation *a)
{
	struct error err = { 0 };
	char words[sizeof(err.path) + sizeof(err.message) + 2];

	if (adapter_put_vars(a->folder.declaration, a->vars, &a->vars_text, &err) == 0)
		return CTL_DONE;
	(void)fprintf(stderr, "drayctl: %s\n", error_text(&err, words, sizeof(words)));
	return CTL_NO;
}

/* --- what the agent would say of an event ------------------------------------------------------------------ */

static void print_pretty(const cJSON *value)
{
	char *text = cJSON_Print(value);

	(void)puts(text ? text : "");
	cJSON_free(text);
}

/* Takes `row`. */
static void show(struct adaptation *a, cJSON *row)
{
	const cJSON *event = json_get(row, "event");
	const char *reason = text_of(row, "reason");
	bool is_taken = strcmp(text_of(row, "status"), "taken") == 0;

	if (!a->ctl->is_json && a->n_events > 1)
		(void)putchar('\n');
	if (!a->ctl->is_json) {
		print_colored(
			a->ctl, is_taken ? COLOR_GOOD : COLOR_BAD, is_taken ? "taken" : "rejected");
		if (*reason)
			(void)printf(" %s %s%s%s", reason, text_of(row, "field"),
				*text_of(row, "field") ? " " : "", text_of(row, "message"));
		(void)putchar('\n');
		if (event)
			print_pretty(event);
	}
	a->is_refused |= !is_taken;
	(void)cJSON_AddItemToArray(a->rows, row);
}

static cJSON *row_of(struct adaptation *a, const struct problem *problem, bool is_taken)
{
	cJSON *row = cJSON_CreateObject();

	a->n_events++;
	(void)cJSON_AddNumberToObject(row, "value", (double)a->value);
	(void)cJSON_AddStringToObject(row, "status", is_taken ? "taken" : "rejected");
	if (problem->reason != REASON_NONE) {
		(void)cJSON_AddStringToObject(row, "reason", reason_word(problem->reason));
		(void)cJSON_AddStringToObject(row, "field", problem->field);
		(void)cJSON_AddStringToObject(row, "message", problem->message);
	}
	return row;
}

static void show_problem(struct adaptation *a, enum reason reason, const char *words)
{
	struct problem problem;

	adapter_fill_problem(
		json_get_string(a->folder.declaration, "name"), reason, words, &problem);
	show(a, row_of(a, &problem, false));
}

static void show_flaw(struct adaptation *a, enum reason reason, const char *why, size_t at)
{
	char words[128];

	(void)snprintf(words, sizeof(words), "%s at byte %zu", why, at);
	show_problem(a, reason, words);
}

/* Takes `object`: the event as the adapter gave it. */
static void show_event(struct adaptation *a, cJSON *object, size_t index)
{
	const struct event_context context = {
		.site = a->site,
		.topic_site = a->has_words ? a->words.site : NULL,
		.topic_type = a->has_words ? a->words.type : NULL,
		.topic_device = a->has_words ? a->words.device : NULL,
		.types = a->types,
		.received_at_ms = now_ms(),
		.index = a->value * SPLIT_VALUES_MAX + index,
		.limits = &a->limits,
		.max_skew_ms = a->config ? a->config->max_skew_ms : 0,
		.accepts_invalid = a->accepts_invalid,
	};
	cJSON *given = cJSON_Duplicate(object, true), *row;
	struct problem problem = { .reason = REASON_NONE };
	struct buf text = BUF_INIT;
	struct event event;
	bool is_taken = event_parse(object, &context, &event, &problem) == 0;

	row = row_of(a, &problem, is_taken);
	if (is_taken) {
		event_render(&event, &text);
		event_done(&event);
		cJSON_Delete(given);
		given = cJSON_ParseWithLength(text.data, text.len);
		buf_done(&text);
	}
	(void)cJSON_AddItemToObject(row, "event", given);
	show(a, row);
}

static int on_event(void *ctx, const struct split_part *part, const char *text, size_t len)
{
	cJSON *object = cJSON_ParseWithLength(text, len);

	if (cJSON_IsObject(object)) {
		show_event(ctx, object, part->index);
		return 0;
	}
	cJSON_Delete(object);
	show_problem(ctx, REASON_BAD_JSON, "an event is an object");
	return 0;
}

static int on_flaw(void *ctx, const struct split_part *part, const struct split_flaw *flaw)
{
	(void)part;
	show_flaw(ctx, flaw->reason, flaw->why, flaw->at);
	return 0;
}

static void show_output(struct adaptation *a, const char *text, size_t len)
{
	const struct split_options options = {
		.limits = { a->limits.max_bytes, a->limits.max_depth, MEMBERS_MAX, false },
		.opens_arrays = true,
	};
	const struct split_handlers handlers = { on_event, on_flaw, a };
	struct buf scratch = BUF_INIT;
	struct error err = { 0 };

	if (adapter_check_output(text, len, &err) < 0)
		show_problem(a, REASON_MAP_FAILED, err.message);
	else if (strcmp(text, "[]") != 0)
		(void)split_message(text, len, &options, &scratch, &handlers);
	buf_done(&scratch);
}

/* --- asking the adapter ------------------------------------------------------------------------------------- */

static void ask_program(struct adaptation *a, const char *value, size_t len)
{
	struct buf input = BUF_INIT, output = BUF_INIT;
	enum mapper_outcome outcome;

	buf_puts(&output, "");
	adapter_put_input(
		&(struct adapter_input){ .payload = adapter_payload_of(a->folder.declaration),
			.value = value,
			.len = len,
			.topic = a->ctl->values[OPTION_TOPIC],
			.headers = a->headers,
			.n_headers = (size_t)a->ctl->n_headers,
			.site = a->site,
			.source = a->source,
			.vars = a->vars_text.data,
			.received_at_ms = now_ms() },
		&input);
	if (!buf_failed(&input)) {
		outcome = mapper_run_call(a->run, a->folder.program, a->folder.program_len,
			input.data, input.len, &output);
		if (outcome == MAPPER_OUTPUT)
			show_output(a, output.data, output.len);
		else if (outcome != MAPPER_NOTHING)
			show_problem(a, REASON_MAP_FAILED, output.data);
	}
	buf_done(&input);
	buf_done(&output);
}

static int on_value(void *ctx, const struct split_part *part, const char *text, size_t len)
{
	struct adaptation *a = ctx;

	a->value = part->index;
	ask_program(a, text, len);
	return 0;
}

static void ask_all(struct adaptation *a)
{
	const struct split_options options = { .limits = adapter_limits(
						       a->limits.max_bytes, a->limits.max_depth) };
	const struct split_handlers handlers = { on_value, on_flaw, a };
	enum adapter_payload payload = adapter_payload_of(a->folder.declaration);
	struct buf scratch = BUF_INIT;
	size_t at = 0;

	if (payload == ADAPTER_JSON)
		(void)split_message(a->message.data, a->message.len, &options, &scratch, &handlers);
	else if (payload == ADAPTER_TEXT && !adapter_is_text(a->message.data, a->message.len, &at))
		show_flaw(a, REASON_BAD_UTF8, "the text is not UTF-8", at);
	else
		ask_program(a, a->message.data, a->message.len);
	buf_done(&scratch);
}

/* --- the whole ------------------------------------------------------------------------------------------------ */

static void print_end(const struct adaptation *a)
{
	char *text = a->ctl->is_json ? cJSON_PrintUnformatted(a->rows) : NULL;

	if (a->ctl->is_json)
		(void)puts(text ? text : "[]");
	else if (a->n_events == 0)
		(void)puts("no event: the message says nothing");
	cJSON_free(text);
}

static int make(struct adaptation *a)
{
	const char *topic = a->ctl->values[OPTION_TOPIC];

	a->has_words = topic && topic_read(a->root, topic, &a->words);
	a->rows = cJSON_CreateArray();
	a->run = start_mapper(a->config ? a->config->timezone : CASES_ZONE);
	if (!a->run)
		return CTL_NO;
	ask_all(a);
	print_end(a);
	return a->is_refused ? CTL_NO : CTL_DONE;
}

static void adaptation_done(struct adaptation *a)
{
	for (size_t i = 0; i < CTL_MANY_MAX && a->headers[i].name; i++)
		free((char *)a->headers[i].name);
	mapper_run_free(a->run);
	connector_folder_done(&a->folder);
	config_free(a->config);
	cJSON_Delete(a->vars);
	cJSON_Delete(a->rows);
	buf_done(&a->vars_text);
	buf_done(&a->message);
}

int adaptation_show(const struct ctl *ctl)
{
	struct adaptation a = { .ctl = ctl };
	int code = read_site(&a);

	if (code == CTL_DONE)
		code = read_headers(&a);
	if (code == CTL_DONE)
		code = open_adapter(ctl, ctl->args[0], &a.folder);
	if (code == CTL_DONE)
		code = read_vars(&a);
	if (code == CTL_DONE)
		code = read_message(&a);
	if (code == CTL_DONE)
		code = make(&a);
	adaptation_done(&a);
	return code;
}
