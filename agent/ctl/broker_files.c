#include "ctl/broker_files.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/machine.h"
#include "file.h"

const char *broker_folder(const struct ctl *ctl)
{
	const char *folder = ctl->values[OPTION_MOSQUITTO];

	return folder ? folder : BROKER_FOLDER;
}

static int read_text(const char *path, struct broker_files *ret, char failed[PATH_MAX]);

static void keep(struct broker_file *file, const char *path, const char *place)
{
	(void)snprintf(file->path, sizeof(file->path), "%s", path);
	(void)snprintf(file->place, sizeof(file->place), "%s", place);
}

static void take_listener(struct broker_files *ret, const char *value, const char *place)
{
	if (ret->n_listeners == BROKER_LISTENERS_MAX)
		return;
	ret->listeners[ret->n_listeners].port = (int)strtol(value, NULL, 10);
	(void)snprintf(ret->listeners[ret->n_listeners++].place, BROKER_PLACE_MAX, "%s", place);
}

static void take_cert(struct broker_files *ret, const char *value, const char *place)
{
	if (ret->n_certs < BROKER_CERTS_MAX)
		keep(&ret->certs[ret->n_certs++], value, place);
	if (ret->tls_port == 0 && ret->n_listeners > 0)
		ret->tls_port = ret->listeners[ret->n_listeners - 1].port;
}

static void take_line(
	struct broker_files *ret, const char *name, const char *value, const char *place)
{
	broker_settings_take(&ret->settings, name, value, place);
	if (strcmp(name, "password_file") == 0)
		keep(&ret->password_file, value, place);
	else if (strcmp(name, "acl_file") == 0)
		keep(&ret->acl_file, value, place);
	else if (strcmp(name, "pid_file") == 0)
		keep(&ret->pid_file, value, place);
	else if (strcmp(name, "certfile") == 0)
		take_cert(ret, value, place);
	else if (strcmp(name, "listener") == 0 || strcmp(name, "port") == 0)
		take_listener(ret, value, place);
}

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_folder(const char *folder, struct broker_files *ret, char failed[PATH_MAX])
{
	struct dirent **entries;
	char path[PATH_MAX];
	int n = scandir(folder, &entries, is_conf, compare_names), code = 0;

	if (n < 0) {
		(void)snprintf(failed, PATH_MAX, "%s", folder);
		return errno;
	}
	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (code == 0)
			code = read_text(path, ret, failed);
		free(entries[i]);
	}
	free(entries);
	return code;
}

/* What an included file includes is not looked at: Mosquitto's own nests to ten, nobody's does. */
static int take_text(
	char *text, const char *path, bool is_main, struct broker_files *ret, char failed[PATH_MAX])
{
	char place[BROKER_PLACE_MAX], *line, *name, *value;
	int code = 0;

	for (unsigned number = 1; (line = strsep(&text, "\n")) != NULL && code == 0; number++) {
		if (!broker_settings_split(line, &name, &value))
			continue;
		(void)snprintf(place, sizeof(place), "%.480s:%u", path, number);
		if (is_main && strcmp(name, "include_dir") == 0) {
			ret->includes = true;
			code = read_folder(value, ret, failed);
		} else {
			take_line(ret, name, value, place);
		}
	}
	return code;
}

static int read_one(const char *path, bool is_main, struct broker_files *ret, char failed[PATH_MAX])
{
	struct buf text = BUF_INIT;
	int code = file_read(path, MACHINE_FILE_MAX, &text);

	if (code != 0)
		(void)snprintf(failed, PATH_MAX, "%s", path);
	else
		code = take_text(text.data, path, is_main, ret, failed);
	buf_done(&text);
	return code;
}

static int read_text(const char *path, struct broker_files *ret, char failed[PATH_MAX])
{
	return read_one(path, false, ret, failed);
}

int broker_files_read(const char *folder, struct broker_files *ret, char failed[PATH_MAX])
{
	char path[PATH_MAX];

	*ret = (struct broker_files){ 0 };
	(void)snprintf(path, sizeof(path), "%s/mosquitto.conf", folder);
	return read_one(path, true, ret, failed);
}

/* Is it that program's number still, and not another's by now? */
static bool is_mosquitto(long pid)
{
	struct buf name = BUF_INIT;
	char path[64];
	bool is_it;

	(void)snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	is_it = file_read(path, MACHINE_FILE_MAX, &name) == 0 &&
		strcmp(name.data, "mosquitto\n") == 0;
	buf_done(&name);
	return is_it;
}

bool broker_reload(const struct broker_files *files)
{
	struct buf text = BUF_INIT;
	long pid = 0;

	if (files->pid_file.path[0] &&
		file_read(files->pid_file.path, MACHINE_FILE_MAX, &text) == 0)
		pid = strtol(text.data, NULL, 10);
	buf_done(&text);
	return pid > 1 && is_mosquitto(pid) && kill((pid_t)pid, SIGHUP) == 0;
}
