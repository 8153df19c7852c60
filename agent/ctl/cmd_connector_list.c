#include "ctl/ctl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/table.h"
#include "dray/adapter_contract.h"
#include "dray/config.h"
#include "dray/json.h"
#include "mapper/connector_folder.h"

/* The two sides of a folder. */
struct side {
	const char *direction, *word;
	int (*find)(const char *name, const char *const *dirs, struct connector_folder *ret,
		struct error *err);
	int (*read_cases)(const struct connector_folder *folder, cJSON **ret, struct error *err);
	int (*check)(const cJSON *declaration, struct error *err);
};
static const struct side sides[] = {
	{ "out", "connector", connector_folder_find, connector_folder_cases,
		config_check_declaration },
	{ "in", "adapter", adapter_folder_find, adapter_folder_cases, adapter_check_declaration },
};

static bool is_listed(const cJSON *rows, const char *name, const struct side *side)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, rows) {
		if (strcmp(text_of(row, "name"), name) == 0 &&
			strcmp(text_of(row, "direction"), side->direction) == 0)
			return true;
	}
	return false;
}

static void put_read(cJSON *row, const struct connector_folder *folder, const struct side *side)
{
	cJSON *cases = NULL;
	struct error err = { 0 };
	const char *title = json_get_string(folder->declaration, "title");
	const cJSON *version = json_get(folder->declaration, "version");

	(void)cJSON_AddItemToObject(
		row, "version", version ? cJSON_Duplicate(version, true) : cJSON_CreateNull());
	(void)cJSON_AddStringToObject(row, "title", title ? title : "");
	(void)cJSON_AddStringToObject(row, "kind", folder->program ? "program" : "declared");
	if (side->read_cases(folder, &cases, &err) < 0 ||
		side->check(folder->declaration, &err) < 0)
		(void)cJSON_AddStringToObject(row, "flaw", err.message);
	(void)cJSON_AddNumberToObject(row, "cases", cJSON_GetArraySize(cases));
	cJSON_Delete(cases);
}

/* A folder without that side has no row of it. */
static void add_side(cJSON *rows, const char *dir, const char *name, const struct side *side)
{
	const char *const dirs[] = { dir, NULL };
	struct connector_folder folder = { 0 };
	struct error err = { 0 };
	char path[4096];
	cJSON *row;

	if (is_listed(rows, name, side) ||
		snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return;
	if (side->find(name, dirs, &folder, &err) < 0 && strcmp(err.path, side->word) == 0)
		return;
	row = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(row, "name", name);
	(void)cJSON_AddStringToObject(row, "direction", side->direction);
	(void)cJSON_AddStringToObject(row, "folder", path);
	if (folder.declaration)
		put_read(row, &folder, side);
	else
		(void)cJSON_AddStringToObject(row, "flaw", err.message);
	(void)cJSON_AddItemToArray(rows, row);
	connector_folder_done(&folder);
}

static void add_folder(cJSON *rows, const char *dir, const char *name)
{
	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
		add_side(rows, dir, name, &sides[i]);
}

static void add_dir(cJSON *rows, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		add_folder(rows, dir, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static void print_rows(const struct ctl *ctl, const cJSON *rows)
{
	static const char *const heads[] = { "NAME", "DIRECTION", ">VERSION", "KIND", ">CASES",
		"TITLE", "FOLDER", "FLAW", NULL };
	struct table *table = table_new(heads);
	const cJSON *row;
	char version[24];

	cJSON_ArrayForEach (row, rows) {
		(void)snprintf(
			version, sizeof(version), "%lld", (long long)number_of(row, "version"));
		table_text(table, text_of(row, "name"), COLOR_NONE);
		table_text(table, text_of(row, "direction"), COLOR_NONE);
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
	.help = "the connectors (out) and adapters (in) on this machine",
	.takes = TAKES(OPTION_CONFIG),
	.run = run };
