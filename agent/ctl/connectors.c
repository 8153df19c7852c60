/* connectors.c - connectors as they lie on this machine. */
#include "ctl/ctl.h"

#include <limits.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config_file.h"
#include "ctl/machine.h"
#include "config/declared.h"
#include "dray/config.h"
#include "mapper/connector_folder.h"
#include "mapper/mapper_run.h"

#define INSTALLED "/usr/share/dray/connectors"

const char *config_path(const struct ctl *ctl)
{
	return ctl->values[OPTION_CONFIG] ? ctl->values[OPTION_CONFIG] : CTL_CONFIG;
}

void find_connector_dirs(const struct ctl *ctl, struct connector_dirs *ret)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[len > 0 ? len : 0] = '\0';
	(void)snprintf(ret->texts[2], sizeof(ret->texts[2]), "%.4000s/connectors", dirname(path));
	(void)snprintf(path, sizeof(path), "%s", config_path(ctl));
	(void)snprintf(ret->texts[0], sizeof(ret->texts[0]), "%.4000s/connectors", dirname(path));
	(void)snprintf(ret->texts[1], sizeof(ret->texts[1]), "%s", INSTALLED);
	for (int i = 0; i < CTL_CONNECTOR_DIRS; i++)
		ret->list[i] = ret->texts[i];
	ret->list[CTL_CONNECTOR_DIRS] = NULL;
}

static int complain(const struct error *err)
{
	char words[sizeof(err->path) + sizeof(err->message) + 2];

	(void)fprintf(stderr, "drayctl: %s\n", error_text(err, words, sizeof(words)));
	return CTL_NO;
}

static int complain_of_none(const struct ctl *ctl, const char *which)
{
	struct connector_dirs dirs;

	if (strchr(which, '/')) {
		(void)fprintf(stderr,
			"drayctl: %s: there is no connector.json in this folder, and no "
			"adapter.json\n",
			which);
		return CTL_NO;
	}
	find_connector_dirs(ctl, &dirs);
	(void)fprintf(stderr,
		"drayctl: there is no connector \"%s\", and no adapter; looked in %s, %s and %s\n",
		which, dirs.texts[0], dirs.texts[1], dirs.texts[2]);
	return CTL_NO;
}

/* 1 and *ret, 0 there is no such side, -1 with *err filled. */
static int look(const struct ctl *ctl, const char *which, bool is_in, struct connector_folder *ret,
	struct error *err)
{
	struct connector_dirs dirs;
	int status;

	if (strchr(which, '/'))
		return is_in ? adapter_folder_look(which, ret, err)
			     : connector_folder_look(which, ret, err);
	find_connector_dirs(ctl, &dirs);
	status = is_in ? adapter_folder_find(which, dirs.list, ret, err)
		       : connector_folder_find(which, dirs.list, ret, err);
	if (status == 0)
		return 1;
	return strcmp(err->path, is_in ? "adapter" : "connector") == 0 ? 0 : -1;
}

static int check_connector(const struct connector_folder *folder, struct error *err)
{
	if (config_check_declaration(folder->declaration, err) == 0)
		return 0;
	error_prefix(err, "connector.json");
	return -1;
}

int open_sides(const struct ctl *ctl, const char *which, struct sides *ret)
{
	struct error err = { 0 };
	int out, in = 0;

	*ret = (struct sides){ 0 };
	out = look(ctl, which, false, &ret->out, &err);
	if (out > 0)
		out = check_connector(&ret->out, &err) < 0 ? -1 : 1;
	if (out >= 0)
		in = look(ctl, which, true, &ret->in, &err);
	if (out >= 0 && in >= 0 && out + in > 0)
		return CTL_DONE;
	sides_done(ret);
	return out == 0 && in == 0 ? complain_of_none(ctl, which) : complain(&err);
}

void sides_done(struct sides *sides)
{
	connector_folder_done(&sides->out);
	connector_folder_done(&sides->in);
}

/* The side that is asked for, of a folder that may only have the other one. */
static int open_side(
	const struct ctl *ctl, const char *which, bool is_in, struct connector_folder *ret)
{
	struct sides sides;
	int code = open_sides(ctl, which, &sides);
	struct connector_folder *wanted = is_in ? &sides.in : &sides.out;

	if (code != CTL_DONE)
		return code;
	if (!wanted->path) {
		(void)fprintf(stderr, "drayctl: %s: %s\n", which,
			is_in ? "this is no adapter, but a connector: try it with --event"
			      : "this is no connector, but an adapter: try it with --message");
		sides_done(&sides);
		return CTL_NO;
	}
	*ret = *wanted;
	*wanted = (struct connector_folder){ 0 };
	sides_done(&sides);
	return CTL_DONE;
}

int open_connector(const struct ctl *ctl, const char *which, struct connector_folder *ret)
{
	return open_side(ctl, which, false, ret);
}

int open_adapter(const struct ctl *ctl, const char *which, struct connector_folder *ret)
{
	return open_side(ctl, which, true, ret);
}

int load_config(const struct ctl *ctl, struct config **ret)
{
	struct connector_dirs dirs;
	struct declared declared = { .dirs = dirs.list };
	struct error err = { 0 };
	int status;

	find_connector_dirs(ctl, &dirs);
	status = config_file_load(config_path(ctl), declared_find, &declared, ret, &err);
	declared_done(&declared);
	return status < 0 ? complain(&err) : CTL_DONE;
}

/* "NAME=VALUE"; a value that begins with { or [ is JSON. */
static int put_var(cJSON *vars, const char *given)
{
	size_t len = strcspn(given, "=");
	char name[128];
	cJSON *value;

	if (!given[len] || len == 0 || len >= sizeof(name)) {
		(void)fprintf(stderr, "drayctl: --var %s: must be NAME=VALUE\n", given);
		return CTL_USAGE;
	}
	memcpy(name, given, len);
	name[len] = '\0';
	given += len + 1;
	value = *given == '{' || *given == '[' ? cJSON_ParseWithOpts(given, NULL, true)
					       : cJSON_CreateString(given);
	if (!value) {
		(void)fprintf(stderr, "drayctl: --var %s: the value is no JSON\n", name);
		return CTL_USAGE;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(vars, name);
	return cJSON_AddItemToObject(vars, name, value) ? CTL_DONE : CTL_NO;
}

int put_vars(const struct ctl *ctl, cJSON *vars)
{
	int code = CTL_DONE;

	for (int i = 0; i < ctl->n_vars && code == CTL_DONE; i++)
		code = put_var(vars, ctl->vars[i]);
	return code;
}

struct mapper_run *start_mapper(const char *zone)
{
	struct error err = { 0 };
	char path[PATH_MAX];
	struct mapper_run *run;

	mapper_find(path, sizeof(path));
	run = mapper_run_new(path, zone, &err);
	if (!run)
		(void)complain(&err);
	return run;
}
