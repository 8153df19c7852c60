/*
 * cmd_reference_list.c - reference data as a table, one record whole, and removing some.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/format.h"
#include "ctl/reference_file.h"
#include "ctl/table.h"
#include "dray/json.h"
#include "dray/units.h"

#define TAKEN (TAKES(OPTION_KIND) | TAKES(OPTION_LIMIT) | TAKES(OPTION_CURSOR))
#define ARGS_MAX 1000

/* Append "TEXT", with a comma in front of all but the first. */
static void put_next(struct buf *out, const char *text)
{
	if (out->len > 0)
		buf_puts(out, ", ");
	buf_puts(out, text);
}

/* "CS 12, PX 480" */
static void put_packs(struct buf *out, const cJSON *body)
{
	const cJSON *pack;

	cJSON_ArrayForEach (pack, json_get(body, "packs")) {
		put_next(out, pack->string);
		buf_printf(out, " %s", cJSON_IsString(pack) ? pack->valuestring : "?");
	}
}

/* "A, B": the texts of a list. */
static void put_texts(struct buf *out, const cJSON *list)
{
	const cJSON *element;

	cJSON_ArrayForEach (element, list) {
		if (cJSON_IsString(element))
			put_next(out, element->valuestring);
	}
}

/* "09506000134352, 19506000134359 (12), ACME/A-77, B-9, OLD-1" */
static void put_codes(struct buf *out, const cJSON *body)
{
	const cJSON *gtins = json_get(body, "gtins"), *sellers = json_get(body, "supplier_items");
	const cJSON *element;

	put_texts(out, gtins);
	cJSON_ArrayForEach (element, gtins) {
		if (!cJSON_IsObject(element))
			continue;
		put_next(out, text_of(element, "gtin"));
		if (text_of(element, "pack")[0])
			buf_printf(out, " (%s)", text_of(element, "pack"));
	}
	cJSON_ArrayForEach (element, sellers) {
		if (!cJSON_IsObject(element))
			continue;
		put_next(out, text_of(element, "supplier"));
		buf_printf(out, "/%s", text_of(element, "item"));
	}
	put_texts(out, sellers);
	put_texts(out, json_get(body, "codes"));
	put_texts(out, json_get(body, "names"));
}

/* A unit is called by its own name. */
static const char *name_of(struct unit_names *units, const cJSON *row, const cJSON *body)
{
	bool is_unit = strcmp(text_of(row, "kind"), "unit") == 0;
	const char *name = is_unit ? unit_name(units, text_of(row, "id")) : text_of(body, "name");

	return name ? name : "";
}

static void put_cell(struct table *table, struct buf *text)
{
	table_text(table, text->len > 0 && !buf_failed(text) ? text->data : "", COLOR_NONE);
	buf_reset(text);
}

static void print_rows(const struct ctl *ctl, struct unit_names *units, const cJSON *rows)
{
	static const char *const heads[] = { "KIND", "ID", "NAME", "UNIT", "PACKS", "FOUND BY",
		"SEEN", NULL };
	struct table *table = table_new(heads);
	struct buf text = BUF_INIT;
	char seen[FORMAT_MAX];
	const cJSON *row;

	cJSON_ArrayForEach (row, rows) {
		const cJSON *body = json_get(row, "body");

		table_text(table, text_of(row, "kind"), COLOR_DIM);
		table_text(table, text_of(row, "id"), COLOR_NONE);
		table_text(table, name_of(units, row, body), COLOR_NONE);
		table_text(table, text_of(body, "uom"), COLOR_NONE);
		put_packs(&text, body);
		put_cell(table, &text);
		put_codes(&text, body);
		put_cell(table, &text);
		format_time(text_of(row, "seen_at"), now_ms(), seen);
		table_text(table, seen, COLOR_NONE);
	}
	table_print(ctl, table);
	table_free(table);
	buf_done(&text);
}

/* A cursor holds an id: in quotes for a shell, and nothing that could steer the terminal. */
static void print_more(const char *cursor)
{
	char cell[512];

	if (!cursor[0])
		return;
	format_cell(cursor, sizeof(cell) / 2, cell, sizeof(cell));
	(void)printf("\nthere is more: add --cursor '%s'\n", cell);
}

static int print_page(const struct ctl *ctl, const cJSON *page)
{
	struct unit_names *units = unit_names_new();

	if (!units) {
		(void)fputs("drayctl: out of memory\n", stderr);
		return CTL_NO;
	}
	use_site_zone(ctl);
	print_rows(ctl, units, json_get(page, "items"));
	print_more(text_of(page, "cursor"));
	unit_names_free(units);
	return CTL_DONE;
}

static int run_listing(struct ctl *ctl)
{
	struct buf path = BUF_INIT;
	struct answer answer = { 0 };
	int code = CTL_NO;

	buf_puts(&path, "/v1/reference");
	path_put_options(&path, ctl, TAKEN);
	if (!buf_failed(&path))
		code = ask(ctl, path.data, NULL, 0, &answer);
	if (code == CTL_DONE && ctl->is_json)
		answer_print(&answer);
	if (code == CTL_DONE && cJSON_GetArraySize(json_get(answer.root, "items")) == 0) {
		(void)fputs("drayctl: no reference data found\n", stderr);
		code = CTL_NO;
	} else if (code == CTL_DONE && !ctl->is_json) {
		code = print_page(ctl, answer.root);
	}
	answer_done(&answer);
	buf_done(&path);
	return code;
}

static void print_member(struct table *table, const cJSON *member)
{
	struct buf text = BUF_INIT;

	if (cJSON_IsString(member))
		buf_puts(&text, member->valuestring);
	else
		json_print(member, &text);
	table_text(table, member->string, COLOR_DIM);
	put_cell(table, &text);
	buf_done(&text);
}

static void print_row(const struct ctl *ctl, const cJSON *row)
{
	static const char *const heads[] = { "REFERENCE", "", NULL };
	struct table *table = table_new(heads);
	char seen[FORMAT_MAX];
	const cJSON *member;

	cJSON_ArrayForEach (member, json_get(row, "body")) {
		print_member(table, member);
	}
	table_text(table, "source", COLOR_DIM);
	table_text(table, text_of(row, "source"), COLOR_NONE);
	format_time(text_of(row, "seen_at"), now_ms(), seen);
	table_text(table, "seen", COLOR_DIM);
	table_text(table, seen, COLOR_NONE);
	table_print(ctl, table);
	table_free(table);
}

static int run_showing(struct ctl *ctl)
{
	struct buf what = BUF_INIT;
	int code = CTL_NO;

	/* run_show() puts the last of the two behind a slash. */
	buf_puts(&what, "reference/");
	path_put(&what, ctl->args[0]);
	ctl->args++;
	if (!buf_failed(&what))
		code = run_show(ctl, what.data, 0, print_row);
	buf_done(&what);
	return code;
}

static int run_removing(struct ctl *ctl)
{
	cJSON *ids = cJSON_CreateStringArray((const char *const *)ctl->args + 1, ctl->n_args - 1);
	int64_t removed = 0;
	int code = ids ? remove_reference(ctl, ctl->args[0], ids, &removed) : CTL_NO;

	cJSON_Delete(ids);
	if (code != CTL_DONE)
		return code;
	(void)printf(ctl->is_json ? "{\"deleted\":%lld}\n" : "%lld removed\n", (long long)removed);
	return removed > 0 ? CTL_DONE : CTL_NO;
}

const struct command cmd_reference_list = { .noun = "reference",
	.verb = "list",
	.synopsis = "[--kind KIND] [--limit N] [--cursor TEXT]",
	.help = "items, units and what else the site knows, by kind and id",
	.takes = TAKEN,
	.run = run_listing };

const struct command cmd_reference_show = { .noun = "reference",
	.verb = "show",
	.synopsis = "KIND ID",
	.help = "one record, whole",
	.min_args = 2,
	.max_args = 2,
	.run = run_showing };

const struct command cmd_reference_remove = { .noun = "reference",
	.verb = "remove",
	.synopsis = "KIND ID...",
	.help = "forget records, and what they are found by",
	.min_args = 2,
	.max_args = ARGS_MAX,
	.run = run_removing };
