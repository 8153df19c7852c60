#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/format.h"
#include "ctl/table.h"
#include "dray/json.h"

static void print_destinations(const struct ctl *ctl, const cJSON *rows)
{
	static const char *const heads[] = { "DESTINATION", ">ROUTED", ">DELIVERED", ">PENDING",
		">EXCEPTIONS", ">DISCARDED", ">LOST", ">BALANCE", NULL };
	struct table *table = table_new(heads);
	const cJSON *row;

	cJSON_ArrayForEach (row, rows) {
		table_text(table, text_of(row, "destination"), COLOR_NONE);
		table_count(table, number_of(row, "routed"), COLOR_NONE);
		table_count(table, number_of(row, "delivered"), COLOR_GOOD);
		table_count(table, number_of(row, "pending"), COLOR_WARN);
		table_count(table, number_of(row, "exceptions"), COLOR_BAD);
		table_count(table, number_of(row, "discarded"), COLOR_NONE);
		table_count(table, number_of(row, "lost"), COLOR_BAD);
		if (number_of(row, "balance") == 0)
			table_text(table, "0", COLOR_GOOD);
		else
			table_count(table, number_of(row, "balance"), COLOR_BAD);
	}
	(void)putchar('\n');
	table_print(ctl, table);
	table_free(table);
}

static int64_t sum_members(const cJSON *object)
{
	const cJSON *member;
	double sum = 0;

	cJSON_ArrayForEach (member, object)
		sum += member->valuedouble;
	return (int64_t)sum;
}

static void print_devices(const struct ctl *ctl, const cJSON *rows)
{
	static const char *const heads[] = { "DEVICE", ">STORED", ">DUPLICATES", ">REJECTED",
		">DELIVERED", NULL };
	struct table *table;
	const cJSON *row;

	if (cJSON_GetArraySize(rows) == 0)
		return;
	table = table_new(heads);
	cJSON_ArrayForEach (row, rows) {
		table_text(table, text_of(row, "device"), COLOR_NONE);
		table_count(table, number_of(row, "stored"), COLOR_NONE);
		table_count(table, number_of(row, "duplicates"), COLOR_NONE);
		table_count(table, number_of(row, "rejected"), COLOR_WARN);
		table_count(table, sum_members(json_get(row, "delivered")), COLOR_GOOD);
	}
	(void)putchar('\n');
	table_print(ctl, table);
	table_free(table);
}

static void print_gaps(const struct ctl *ctl, const cJSON *rows)
{
	static const char *const heads[] = { "GAP IN", ">FIRST", ">LAST", ">SEEN", ">MISSING",
		NULL };
	struct table *table;
	const cJSON *row;

	if (cJSON_GetArraySize(rows) == 0)
		return;
	table = table_new(heads);
	cJSON_ArrayForEach (row, rows) {
		table_text(table, text_of(row, "source"), COLOR_NONE);
		table_count(table, number_of(row, "first"), COLOR_NONE);
		table_count(table, number_of(row, "last"), COLOR_NONE);
		table_count(table, number_of(row, "seen"), COLOR_NONE);
		table_count(table, number_of(row, "missing"), COLOR_BAD);
	}
	(void)putchar('\n');
	table_print(ctl, table);
	table_free(table);
}

static void print_ledger(const struct ctl *ctl, const cJSON *root)
{
	char accepted[FORMAT_MAX];
	char duplicates[FORMAT_MAX];
	char rejected[FORMAT_MAX];
	bool is_closed = cJSON_IsTrue(json_get(root, "closed"));

	format_count(number_of(root, "accepted"), accepted);
	format_count(number_of(root, "duplicates"), duplicates);
	format_count(number_of(root, "rejected"), rejected);
	(void)printf("%s accepted, %s duplicates, %s rejected\n", accepted, duplicates, rejected);
	print_destinations(ctl, json_get(root, "by_destination"));
	print_devices(ctl, json_get(root, "by_device"));
	if (cJSON_IsTrue(json_get(root, "devices_cut")))
		(void)puts("more devices are not shown");
	print_gaps(ctl, json_get(root, "gaps"));
	(void)putchar('\n');
	print_colored(ctl, is_closed ? COLOR_GOOD : COLOR_BAD,
		is_closed
			? "the ledger closes: routed = delivered + pending + exceptions + "
			  "discarded + lost\n"
			: "THE LEDGER DOES NOT CLOSE: see BALANCE; keep the log and the database\n");
}

static int run(struct ctl *ctl)
{
	struct answer answer;
	int code = ask(ctl, "/v1/ledger", NULL, 0, &answer);

	if (code == CTL_DONE && ctl->is_json)
		answer_print(&answer);
	else if (code == CTL_DONE)
		print_ledger(ctl, answer.root);
	if (code == CTL_DONE && !cJSON_IsTrue(json_get(answer.root, "closed")))
		code = CTL_NO;
	answer_done(&answer);
	return code;
}

const struct command cmd_ledger = { .noun = "ledger",
	.synopsis = "",
	.help = "does it add up, by destination and device",
	.run = run };
