#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/adaptation.h"
#include "ctl/attempt.h"
#include "dray/event.h"
#include "dray/json.h"
#include "mapper/cases.h"

#define FILE_MAX ((size_t)1 << 20)
#define EVENTS_MAX 1000

static int take_destination(const struct ctl *ctl, struct attempt *attempt)
{
	const char *name = ctl->values[OPTION_DESTINATION];
	const struct config *config = attempt->config;

	if (!name)
		return CTL_DONE;
	for (size_t i = 0; i < config->n_destinations; i++) {
		if (strcmp(config->destinations[i].name, name) == 0)
			attempt->destination = &config->destinations[i];
	}
	if (attempt->destination)
		return CTL_DONE;
	(void)fprintf(stderr, "drayctl: the configuration has no destination %s\n", name);
	return CTL_NO;
}

static int read_options(const struct ctl *ctl, struct attempt *attempt)
{
	int code = CTL_DONE;

	if (ctl->values[OPTION_DESTINATION] || ctl->values[OPTION_CONFIG])
		code = load_config(ctl, &attempt->config);
	if (code == CTL_DONE && attempt->config)
		code = take_destination(ctl, attempt);
	if (code != CTL_DONE)
		return code;
	attempt->site = ctl->values[OPTION_SITE] ? ctl->values[OPTION_SITE]
			: attempt->config        ? attempt->config->site
						 : CASES_SITE;
	attempt->zone = attempt->config ? attempt->config->timezone : CASES_ZONE;
	attempt->vars = attempt->destination ? cJSON_Duplicate(attempt->destination->vars, true)
					     : cJSON_CreateObject();
	return put_vars(ctl, attempt->vars);
}

/* --- events ---------------------------------------------------------------------------------------------------- */

static cJSON *parse_file(const char *name)
{
	static const struct json_limits limits = {
		.max_bytes = FILE_MAX, .max_depth = 40, .max_members = 100000, .comments = true
	};
	struct buf text = BUF_INIT, scratch = BUF_INIT;
	struct json_error flaw;
	cJSON *root = NULL;

	if (read_input(name, FILE_MAX, &text) == CTL_DONE) {
		root = json_parse(text.data, text.len, &limits, &scratch, &flaw);
		if (!root)
			(void)fprintf(stderr, "drayctl: %s:%u:%u: %s\n", name, flaw.line,
				flaw.column, flaw.message);
	}
	buf_done(&text);
	buf_done(&scratch);
	return root;
}

/* Takes `object`: short form or canonical, made what the agent would store. */
static int add_event(struct attempt *attempt, cJSON *object)
{
	static const struct event_limits limits = {
		.max_bytes = FILE_MAX, .max_depth = 32, .max_lines = 500
	};
	const bool has_device = json_get(object, "device");
	const struct event_context context = {
		.site = attempt->site,
		.topic_device = has_device ? NULL : "",
		.received_at_ms = now_ms(),
		.index = attempt->n_events,
		.limits = &limits,
	};
	struct problem problem;
	struct event event;
	struct buf text = BUF_INIT;
	size_t len;

	if (event_parse(object, &context, &event, &problem) < 0) {
		(void)fprintf(stderr, "drayctl: event %zu: %s: %s\n", attempt->n_events + 1,
			problem.field, problem.message);
		return CTL_NO;
	}
	event_render(&event, &text);
	id_idempotency_key(attempt->site,
		attempt->destination ? attempt->destination->name : attempt->folder.path,
		event.source, event.id, 1, attempt->keys[attempt->n_events]);
	event_done(&event);
	attempt->events[attempt->n_events].body = buf_take(&text, &len);
	attempt->events[attempt->n_events].len = len;
	buf_done(&text);
	if (!attempt->events[attempt->n_events].body)
		return CTL_NO;
	attempt->n_events++;
	return CTL_DONE;
}

static int read_events(const struct ctl *ctl, struct attempt *attempt)
{
	cJSON *root = parse_file(ctl->values[OPTION_EVENT]);
	int n = cJSON_IsArray(root) ? cJSON_GetArraySize(root) : 1;
	int code = root ? CTL_DONE : CTL_NO;

	if (code == CTL_DONE && (n < 1 || n > EVENTS_MAX)) {
		(void)fprintf(stderr, "drayctl: %s: must hold 1 to %d events\n",
			ctl->values[OPTION_EVENT], EVENTS_MAX);
		code = CTL_NO;
	}
	attempt->events = calloc((size_t)n + 1, sizeof(*attempt->events));
	attempt->keys = calloc((size_t)n + 1, sizeof(*attempt->keys));
	if (!attempt->events || !attempt->keys)
		code = CTL_NO;
	if (!cJSON_IsArray(root) && code == CTL_DONE) {
		code = add_event(attempt, root);
		root = NULL;
	}
	while (code == CTL_DONE && root && root->child)
		code = add_event(attempt, cJSON_DetachItemFromArray(root, 0));
	cJSON_Delete(root);
	return code;
}

/* --- the command ------------------------------------------------------------------------------------------------- */

static int check_connector(const struct ctl *ctl, const struct attempt *attempt)
{
	const char *uses = attempt->destination ? attempt->destination->connector : NULL;

	if (!uses || strchr(ctl->args[0], '/') || strcmp(uses, ctl->args[0]) == 0)
		return CTL_DONE;
	(void)fprintf(stderr,
		"drayctl: destination %s uses connector %s; name that one, or a folder to try in its "
		"place\n",
		attempt->destination->name, uses);
	return CTL_USAGE;
}

static void attempt_done(struct attempt *attempt)
{
	for (size_t i = 0; i < attempt->n_events; i++)
		free((char *)attempt->events[i].body);
	free(attempt->events);
	free(attempt->keys);
	cJSON_Delete(attempt->vars);
	connector_folder_done(&attempt->folder);
	config_free(attempt->config);
}

static int run(struct ctl *ctl)
{
	struct attempt attempt = { .ctl = ctl };
	int code;

	if (!ctl->values[OPTION_EVENT] == !ctl->values[OPTION_MESSAGE]) {
		(void)fputs(
			"drayctl: either --event FILE says which event to try, or --message FILE "
			"which message; - reads it from here\n",
			stderr);
		return CTL_USAGE;
	}
	if (ctl->values[OPTION_MESSAGE])
		return adaptation_show(ctl);
	code = read_options(ctl, &attempt);
	if (code == CTL_DONE)
		code = check_connector(ctl, &attempt);
	if (code == CTL_DONE)
		code = open_connector(ctl, ctl->args[0], &attempt.folder);
	if (code == CTL_DONE)
		code = read_events(ctl, &attempt);
	if (code == CTL_DONE)
		code = attempt_make(&attempt);
	attempt_done(&attempt);
	return code;
}

const struct command cmd_connector_try = { .noun = "connector",
	.verb = "try",
	.synopsis = "NAME|FOLDER --event FILE|- | --message FILE|- [--topic TOPIC] "
		    "[--header 'NAME: VALUE']… [--source NAME] [--var NAME=VALUE]… "
		    "[--site NAME] [--destination NAME] [--config FILE]",
	.help = "show the request that an event would make, or the events that a message would; "
		"nothing is sent",
	.takes = TAKES(OPTION_EVENT) | TAKES(OPTION_VAR) | TAKES(OPTION_SITE) |
		 TAKES(OPTION_DESTINATION) | TAKES(OPTION_CONFIG) | TAKES(OPTION_MESSAGE) |
		 TAKES(OPTION_TOPIC) | TAKES(OPTION_HEADER) | TAKES(OPTION_SOURCE),
	.min_args = 1,
	.max_args = 1,
	.run = run };
