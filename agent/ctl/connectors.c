/* connectors.c - connectors as they lie on this machine. */
#include "ctl/ctl.h"

#include <limits.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dray/config.h"
#include "mapper/cases.h"
#include "mapper/connector_folder.h"
#include "mapper/mapper_run.h"

#define DEFAULT_CONFIG "/etc/dray/dray.json"
#define INSTALLED "/usr/share/dray/connectors"

void find_connector_dirs(const struct ctl *ctl, struct connector_dirs *ret)
{
	const char *config = ctl->values[OPTION_CONFIG];
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[len > 0 ? len : 0] = '\0';
	(void)snprintf(ret->texts[2], sizeof(ret->texts[2]), "%.4000s/connectors", dirname(path));
	(void)snprintf(path, sizeof(path), "%s", config ? config : DEFAULT_CONFIG);
	(void)snprintf(ret->texts[0], sizeof(ret->texts[0]), "%.4000s/connectors", dirname(path));
	(void)snprintf(ret->texts[1], sizeof(ret->texts[1]), "%s", INSTALLED);
	for (int i = 0; i < CTL_CONNECTOR_DIRS; i++)
		ret->list[i] = ret->texts[i];
	ret->list[CTL_CONNECTOR_DIRS] = NULL;
}

int open_connector(const struct ctl *ctl, const char *which, struct connector_folder *ret)
{
	struct connector_dirs dirs;
	struct error err = { 0 };
	char words[sizeof(err.path) + sizeof(err.message) + 2];
	int status;

	if (strchr(which, '/')) {
		status = connector_folder_read(which, ret, &err);
	} else {
		find_connector_dirs(ctl, &dirs);
		status = connector_folder_find(which, dirs.list, ret, &err);
	}
	if (status == 0) {
		status = config_check_declaration(ret->declaration, &err);
		if (status == 0)
			return CTL_DONE;
		error_prefix(&err, "connector.json");
		connector_folder_done(ret);
	}
	(void)fprintf(stderr, "drayctl: %s\n", error_text(&err, words, sizeof(words)));
	return CTL_NO;
}

struct mapper_run *start_mapper(const char *zone)
{
	struct error err = { 0 };
	char path[PATH_MAX], words[sizeof(err.path) + sizeof(err.message) + 2];
	struct mapper_run *run;

	mapper_find(path, sizeof(path));
	run = mapper_run_new(path, zone, &err);
	if (!run)
		(void)fprintf(stderr, "drayctl: %s\n", error_text(&err, words, sizeof(words)));
	return run;
}
