#include "ctl/ctl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/table.h"
#include "dray/json.h"
#include "dray/config.h"
#include "mapper/connector_folder.h"

static bool is_listed(const cJSON *rows, const char *name)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, rows) {
		if (strcmp(text_of(row, "name"), name) == 0)
			return true;
	}
	return false;
}

static void put_read(cJSON *row, const struct connector_folder *folder)
{
	cJSON *cases = NULL;
	struct error err = { 0 };
	const char *title = json_get_string(folder->declaration, "title");
	const cJSON *version = json_get(folder->declaration, "version");

	(void)cJSON_AddItemToObject(
		row, "version", version ? cJSON_Duplicate(version, true) : cJSON_CreateNull());
	(void)cJSON_AddStringToObject(row, "title", title ? title : "");
	(void)cJSON_AddStringToObject(row, "kind", folder->program ? "program" : "declared");
	if (connector_folder_cases(folder, &cases, &err) < 0 ||
		config_check_declaration(folder->declaration, &err) < 0)
		(void)cJSON_AddStringToObject(row, "flaw", err.message);
	(void)cJSON_AddNumberToObject(row, "cases", cJSON_GetArraySize(cases));
	cJSON_Delete(cases);
}

/* A folder without a connector.json is none. */
static void add_row(cJSON *rows, const char *dir, const char *name)
{
	const char *const dirs[] = { dir, NULL };
	struct connector_folder folder = { 0 };
	struct error err = { 0 };
	char path[4096];
	cJSON *row;

	if (name[0] == '.' || is_listed(rows, name) ||
		snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return;
	if (connector_folder_find(name, dirs, &folder, &err) < 0 &&
		strcmp(err.path, "connector") == 0)
		return;
	row = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(row, "name", name);
	(void)cJSON_AddStringToObject(row, "folder", path);
	if (folder.declaration)
		put_read(row, &folder);
	else
		(void)cJSON_AddStringToObject(row, "flaw", err.message);
	(void)cJSON_AddItemToArray(rows, row);
	connector_folder_done(&folder);
}

static void add_dir(cJSON *rows, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		add_row(rows, dir, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static void print_rows(const struct ctl *ctl, const cJSON *rows)
{
	static const char *const heads[] = { "NAME", ">VERSION", "KIND", ">CASES", "TITLE",
		"FOLDER", "FLAW", NULL };
	struct table *table = table_new(heads);
	const cJSON *row;
	char version[24];

	cJSON_ArrayForEach (row, rows) {
		(void)snprintf(
			version, sizeof(version), "%lld", (long long)number_of(row, "version"));
		table_text(table, text_of(row, "name"), COLOR_NONE);
		table_text(table, version, COLOR_NONE);
		table_text(table, text_of(row, "kind"), COLOR_NONE);
		table_count(table, number_of(row, "cases"), COLOR_NONE);
		table_text(table, text_of(row, "title"), COLOR_NONE);
		table_text(table, text_of(row, "folder"), COLOR_DIM);
		table_text(table, text_of(row, "flaw"), COLOR_BAD);
	}
	table_print(ctl, table);
	table_free(table);
}

static int run(struct ctl *ctl)
{
	cJSON *rows = cJSON_CreateArray();
	struct connector_dirs dirs;
	char *text;

	find_connector_dirs(ctl, &dirs);
	for (const char *const *dir = dirs.list; *dir; dir++)
		add_dir(rows, *dir);
	if (ctl->is_json) {
		text = cJSON_PrintUnformatted(rows);
		(void)puts(text ? text : "[]");
		cJSON_free(text);
	} else {
		print_rows(ctl, rows);
	}
	cJSON_Delete(rows);
	return CTL_DONE;
}

const struct command cmd_connector_list = { .noun = "connector",
	.verb = "list",
	.synopsis = "[--config FILE]",
	.help = "the connectors on this machine",
	.takes = TAKES(OPTION_CONFIG),
	.run = run };
