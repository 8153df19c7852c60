#include "restore.h"

#include <stdio.h>
#include <unistd.h>

#include "config/config_file.h"
#include "config/declared.h"
#include "dray/config.h"
#include "lock.h"
#include "config/places.h"
#include "store/store.h"

static int restore(
	const char *state_dir, const char *backup, char ret_kept[PATH_MAX], struct error *err)
{
	char path[PATH_MAX];
	int fd, status;

	if (snprintf(path, sizeof(path), "%s/dray.db", state_dir) >= (int)sizeof(path))
		return error_set(err, "state_dir", "path is too long");
	fd = lock_take(state_dir, err);
	if (fd < 0)
		return -1;
	status = store_restore(path, backup, ret_kept, err);
	(void)close(fd);
	return status;
}

int restore_run(
	const char *config_path, const char *backup, char ret_kept[PATH_MAX], struct error *err)
{
	struct places places = { 0 };
	struct declared declared = { .dirs = places.connector_dirs };
	struct config *config;
	int status;

	if (places_find(config_path, &places, err) < 0)
		return -1;
	status = config_file_load(places.config_path, declared_find, &declared, &config, err);
	declared_done(&declared);
	if (status < 0)
		return -1;
	status = restore(config->state_dir, backup, ret_kept, err);
	config_free(config);
	return status;
}
