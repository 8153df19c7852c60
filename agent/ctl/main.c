/*
 * main.c - reads the options, finds the command, runs it.
 */
#include "ctl/ctl.h"
#include "names.h"

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "harden.h"

#define DEFAULT_SOCKET "/run/dray/control.sock"

static const struct command *const commands[] = {
	&cmd_status,
	&cmd_queue,
	&cmd_events_list,
	&cmd_events_show,
	&cmd_events_send,
	&cmd_destinations_list,
	&cmd_destinations_pause,
	&cmd_destinations_resume,
	&cmd_exceptions_list,
	&cmd_exceptions_show,
	&cmd_exceptions_retry,
	&cmd_exceptions_discard,
	&cmd_replay,
	&cmd_ledger,
	&cmd_backup,
	&cmd_config_check,
	&cmd_config_show,
	&cmd_config_diff,
	&cmd_config_apply,
	&cmd_config_rollback,
	&cmd_config_history,
	&cmd_config_sign,
	&cmd_reference_list,
	&cmd_reference_show,
	&cmd_reference_import,
	&cmd_reference_export,
	&cmd_reference_remove,
	&cmd_connector_list,
	&cmd_connector_test,
	&cmd_connector_try,
	&cmd_device_setup,
	&cmd_device_add,
	&cmd_device_remove,
	&cmd_device_list,
	&cmd_doctor,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

enum { FLAG_SOCKET = OPTION_N, FLAG_JSON, FLAG_HELP, FLAG_VERSION };

static const struct option options[] = {
	{ "id", required_argument, NULL, OPTION_ID },
	{ "document", required_argument, NULL, OPTION_DOCUMENT },
	{ "device", required_argument, NULL, OPTION_DEVICE },
	{ "type", required_argument, NULL, OPTION_TYPE },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "until", required_argument, NULL, OPTION_UNTIL },
	{ "limit", required_argument, NULL, OPTION_LIMIT },
	{ "cursor", required_argument, NULL, OPTION_CURSOR },
	{ "kind", required_argument, NULL, OPTION_KIND },
	{ "severity", required_argument, NULL, OPTION_SEVERITY },
	{ "destination", required_argument, NULL, OPTION_DESTINATION },
	{ "why", required_argument, NULL, OPTION_WHY },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "site", required_argument, NULL, OPTION_SITE },
	{ "event", required_argument, NULL, OPTION_EVENT },
	{ "format", required_argument, NULL, OPTION_FORMAT },
	{ "var", required_argument, NULL, OPTION_VAR },
	{ "message", required_argument, NULL, OPTION_MESSAGE },
	{ "topic", required_argument, NULL, OPTION_TOPIC },
	{ "header", required_argument, NULL, OPTION_HEADER },
	{ "source", required_argument, NULL, OPTION_SOURCE },
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "revision", required_argument, NULL, OPTION_REVISION },
	{ "password-file", required_argument, NULL, OPTION_PASSWORD_FILE },
	{ "mosquitto", required_argument, NULL, OPTION_MOSQUITTO },
	{ "host", required_argument, NULL, OPTION_HOST },
	{ "all", no_argument, NULL, OPTION_ALL },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "replace", no_argument, NULL, OPTION_REPLACE },
	{ "wait", no_argument, NULL, OPTION_WAIT },
	{ "effective", no_argument, NULL, OPTION_EFFECTIVE },
	{ "desired", no_argument, NULL, OPTION_DESIRED },
	{ "files", no_argument, NULL, OPTION_FILES },
	{ "print-public-key", no_argument, NULL, OPTION_PRINT_PUBLIC_KEY },
	{ "socket", required_argument, NULL, FLAG_SOCKET },
	{ "json", no_argument, NULL, FLAG_JSON },
	{ "help", no_argument, NULL, FLAG_HELP },
	{ "version", no_argument, NULL, FLAG_VERSION },
	{ 0 },
};

const char *option_name(enum ctl_option option)
{
	return options[option].name;
}

static void print_command(FILE *to, const struct command *command)
{
	char line[320];

	(void)snprintf(line, sizeof(line), "%s%s%s%s%s", command->noun, command->verb ? " " : "",
		command->verb ? command->verb : "", command->synopsis[0] ? " " : "",
		command->synopsis);
	if (strlen(line) <= 40)
		(void)fprintf(to, "  %-40s  %s\n", line, command->help);
	else
		(void)fprintf(to, "  %s\n  %-40s  %s\n", line, "", command->help);
}

/* All commands, or those of one noun. */
static void print_help(FILE *to, const char *noun)
{
	(void)fputs("usage: drayctl [--socket FILE] [--json] COMMAND\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		if (!noun || strcmp(commands[i]->noun, noun) == 0)
			print_command(to, commands[i]);
	(void)fputs(
		"\n"
		"  --socket FILE  the agent's control socket (" DEFAULT_SOCKET ")\n"
		"  --json         the agent's own answer, for programs\n"
		"  TIME is a time with its zone (2026-11-21T15:04:05Z) or an age (90s, 15m, 2h)\n"
		"\n"
		"exit status: 0 done, 1 the answer is no, 2 usage, 3 the agent can't be reached,\n"
		"4 refused\n",
		to);
}

static const struct command *find_command(int n, char **words, int *ret_used)
{
	for (size_t i = 0; i < COMMANDS && n > 0; i++) {
		const struct command *command = commands[i];

		if (strcmp(command->noun, words[0]) != 0)
			continue;
		if (command->verb && (n < 2 || strcmp(command->verb, words[1]) != 0))
			continue;
		*ret_used = command->verb ? 2 : 1;
		return command;
	}
	return NULL;
}

static bool is_noun(const char *word)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->noun, word) == 0)
			return true;
	return false;
}

/* 0, or CTL_USAGE after a line on stderr. */
static int check(const struct ctl *ctl, const struct command *command)
{
	for (int option = 0; option < OPTION_N; option++) {
		if (ctl->values[option] && !(command->takes & TAKES(option))) {
			(void)fprintf(stderr, "drayctl: %s%s%s takes no --%s\n", command->noun,
				command->verb ? " " : "", command->verb ? command->verb : "",
				option_name((enum ctl_option)option));
			return CTL_USAGE;
		}
	}
	if (ctl->n_args < command->min_args || ctl->n_args > command->max_args) {
		(void)fprintf(stderr, "usage: drayctl %s%s%s %s\n", command->noun,
			command->verb ? " " : "", command->verb ? command->verb : "",
			command->synopsis);
		return CTL_USAGE;
	}
	return 0;
}

static int keep_one_more(const char *list[CTL_MANY_MAX + 1], int *n, const char *name)
{
	if (*n == CTL_MANY_MAX) {
		(void)fprintf(stderr, "drayctl: too many --%s\n", name);
		return -1;
	}
	list[(*n)++] = optarg;
	return 0;
}

/* -1: go on; else the exit code. */
static int read_options(struct ctl *ctl, int argc, char **argv, bool *ret_help)
{
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case FLAG_SOCKET:
			ctl->socket = optarg;
			ctl->has_socket = true;
			break;
		case FLAG_JSON:
			ctl->is_json = true;
			break;
		case FLAG_HELP:
		case 'h':
			*ret_help = true;
			break;
		case FLAG_VERSION:
			(void)puts("drayctl " DRAY_VERSION);
			return CTL_DONE;
		case '?':
			return CTL_USAGE;
		case OPTION_VAR:
			if (keep_one_more(ctl->vars, &ctl->n_vars, "var") < 0)
				return CTL_USAGE;
			ctl->values[option] = optarg;
			break;
		case OPTION_HEADER:
			if (keep_one_more(ctl->headers, &ctl->n_headers, "header") < 0)
				return CTL_USAGE;
			ctl->values[option] = optarg;
			break;
		default:
			ctl->values[option] = optarg ? optarg : "true";
		}
	}
	return -1;
}

static int run(struct ctl *ctl, int n, char **words)
{
	const struct command *command;
	int used;

	command = find_command(n, words, &used);
	if (!command) {
		if (n == 0 || is_noun(words[0]))
			print_help(stderr, n > 0 ? words[0] : NULL);
		else
			(void)fprintf(stderr,
				"drayctl: there is no command %s; drayctl --help lists them\n",
				words[0]);
		return CTL_USAGE;
	}
	ctl->n_args = n - used;
	ctl->args = words + used;
	if (check(ctl, command) != 0)
		return CTL_USAGE;
	return command->run(ctl);
}

int drayctl_main(int argc, char **argv)
{
	struct ctl ctl = { .socket = DEFAULT_SOCKET };
	const char *no_color = getenv("NO_COLOR");
	bool wants_help = false;
	int code;

	harden_memory();
	(void)setlocale(LC_ALL, "");
	ctl.has_color = isatty(STDOUT_FILENO) && !(no_color && no_color[0]);
	code = read_options(&ctl, argc, argv, &wants_help);
	if (code >= 0)
		return code;
	if (wants_help) {
		print_help(stdout, optind < argc && is_noun(argv[optind]) ? argv[optind] : NULL);
		return CTL_DONE;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		(void)fputs("drayctl: libcurl cannot start\n", stderr);
		return CTL_UNREACHED;
	}
	code = run(&ctl, argc - optind, argv + optind);
	curl_global_cleanup();
	/* A table that did not reach its reader was not shown. */
	if (fflush(stdout) != 0 && code == CTL_DONE)
		code = CTL_NO;
	return code;
}
