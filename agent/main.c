/*
 * drayd: the edge agent. Options here, the rooms in agent.c.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent.h"
#include "dray/config.h"
#include "dray/event_schema.h"
#include "harden.h"
#include "names.h"
#include "restore.h"
#include "trees.h"

#define DEFAULT_CONFIG "/etc/dray/dray.json"

static const char usage[] =
	"Usage: drayd [--config FILE] [--check | --restore BACKUP]\n"
	"\n"
	"  -c, --config FILE     configuration (default " DEFAULT_CONFIG
	"); conf.d beside it is merged\n"
	"      --check           check the configuration, say what is wrong, and exit\n"
	"      --restore BACKUP  put a backup in the place of the database, drayd being stopped\n"
	"      --print-defaults  print a complete configuration with every default\n"
	"      --print-schema[=TYPE]\n"
	"                        print the configuration's JSON Schema, or that of an event's type\n"
	"      --version         print the version\n"
	"  -h, --help            print this\n";

enum { OPTION_CHECK = 256, OPTION_RESTORE, OPTION_DEFAULTS, OPTION_SCHEMA, OPTION_VERSION };

static int put_out(struct buf *out)
{
	bool is_fine = !buf_failed(out) && fwrite(out->data, 1, out->len, stdout) == out->len &&
		       fflush(stdout) == 0;

	buf_done(out);
	return is_fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print(void (*fill)(struct buf *out))
{
	struct buf out = BUF_INIT;

	fill(&out);
	return put_out(&out);
}

static int print_event_schema(const char *type)
{
	struct buf out = BUF_INIT;

	if (!event_schema_print(type, &out)) {
		(void)fprintf(stderr, "drayd: there is no event type \"%s\"\n", type);
		return EXIT_FAILURE;
	}
	return put_out(&out);
}

static int say_error(const struct error *err)
{
	char text[512];

	(void)fprintf(stderr, "drayd: %s\n", error_text(err, text, sizeof(text)));
	return EXIT_FAILURE;
}

static int check(const char *config_path)
{
	struct error err = { 0 };

	if (agent_check(config_path, &err) < 0)
		return say_error(&err);
	(void)printf("%s: configuration is fine\n", config_path);
	return EXIT_SUCCESS;
}

static int restore(const char *config_path, const char *backup)
{
	struct error err = { 0 };
	char kept[PATH_MAX];

	(void)umask(027);
	if (restore_run(config_path, backup, kept, &err) < 0)
		return say_error(&err);
	(void)printf(
		"%s is restored: what it holds as unfinished is in doubt, and is looked at when "
		"drayd starts\n",
		backup);
	if (kept[0])
		(void)printf("what was there is kept as %s\n", kept);
	return EXIT_SUCCESS;
}

/* A SIGHUP that comes before the loop listens would end drayd: it waits until then. */
static void hold_reloads(bool is_held)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigprocmask(is_held ? SIG_BLOCK : SIG_UNBLOCK, &signals, NULL);
}

static int run(const char *config_path)
{
	struct agent *agent;
	struct error err = { 0 };
	int rc;

	hold_reloads(true);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a write that fails */
	(void)umask(027);
	harden_calls();
	if (agent_new(config_path, &agent, &err) < 0)
		return say_error(&err);
	hold_reloads(false);
	rc = agent_run(agent);
	agent_free(agent);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int drayd_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, OPTION_CHECK },
		{ "restore", required_argument, NULL, OPTION_RESTORE },
		{ "print-defaults", no_argument, NULL, OPTION_DEFAULTS },
		{ "print-schema", optional_argument, NULL, OPTION_SCHEMA },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config_path = DEFAULT_CONFIG;
	const char *backup = NULL;
	bool is_check = false;
	int option;

	harden_memory();
	trees_init();
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			config_path = optarg;
			break;
		case OPTION_CHECK:
			is_check = true;
			break;
		case OPTION_RESTORE:
			backup = optarg;
			break;
		case OPTION_DEFAULTS:
			return print(config_print_defaults);
		case OPTION_SCHEMA:
			return optarg ? print_event_schema(optarg) : print(config_print_schema);
		case OPTION_VERSION:
			return printf("drayd %s\n", DRAY_VERSION) < 0;
		case 'h':
			return fputs(usage, stdout) < 0;
		default:
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc || (backup && is_check)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (backup)
		return restore(config_path, backup);
	return is_check ? check(config_path) : run(config_path);
}
