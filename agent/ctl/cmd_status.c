#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/format.h"
#include "ctl/table.h"
#include "dray/json.h"
#include "dray/times.h"

/* By the agent's clock, which may know better than the machine's. */
static int64_t age_s(const cJSON *root, const char *rfc3339)
{
	const char *now = text_of(root, "now");
	int64_t at_ms, its_now_ms;

	return time_parse(rfc3339, strlen(rfc3339), &at_ms) &&
			       time_parse(now, strlen(now), &its_now_ms)
		       ? (its_now_ms - at_ms) / 1000
		       : 0;
}

static void print_head(const struct ctl *ctl, const cJSON *root)
{
	char age[FORMAT_MAX];

	format_age(age_s(root, text_of(root, "started_at")), age);
	print_colored(ctl, COLOR_HEAD, text_of(root, "site"));
	(void)fputs("  ", stdout);
	print_colored(ctl, color_of_state(text_of(root, "state")), text_of(root, "state"));
	(void)printf("  up %s  drayd %s\n", age, text_of(root, "version"));
}

static void print_floor(const struct ctl *ctl, const cJSON *root)
{
	const cJSON *broker = json_get(root, "broker");
	const cJSON *store = json_get(root, "store");
	bool is_up = cJSON_IsTrue(json_get(broker, "connected"));
	char used[FORMAT_MAX];
	char bound[FORMAT_MAX];

	(void)fputs("broker  ", stdout);
	print_colored(ctl, is_up ? COLOR_GOOD : COLOR_BAD, is_up ? "connected" : "not connected");
	if (text_of(broker, "reason")[0])
		(void)printf(": %s", text_of(broker, "reason"));
	format_size(number_of(store, "bytes"), used);
	format_size(number_of(store, "max_bytes"), bound);
	(void)printf("\nstore   %s of %s\n", used, bound);
}

/* Said only when something is wrong with it. */
static void print_clock(const struct ctl *ctl, const cJSON *root)
{
	const cJSON *clock = json_get(root, "clock");
	char since[FORMAT_MAX];

	if (!cJSON_IsFalse(json_get(clock, "trusted")))
		return;
	format_age(age_s(root, text_of(clock, "doubted_since")), since);
	(void)fputs("clock   ", stdout);
	print_colored(ctl, COLOR_BAD, "not trusted");
	(void)printf(
		" for %s: the machine says %s, dray goes by %s until a time server is reached\n",
		since, text_of(clock, "machine"), text_of(root, "now"));
}

static void put_counts(struct table *table, const char *name, const cJSON *counts)
{
	table_text(table, name, COLOR_NONE);
	table_count(table, number_of(counts, "stored"), COLOR_NONE);
	table_count(table, number_of(counts, "duplicate"), COLOR_NONE);
	table_count(table, number_of(counts, "rejected"), COLOR_WARN);
	table_count(table, number_of(counts, "unrouted"), COLOR_WARN);
}

static void print_events(const struct ctl *ctl, const cJSON *events)
{
	static const char *const heads[] = { "IN", ">STORED", ">DUPLICATE", ">REJECTED",
		">UNROUTED", NULL };
	struct table *table = table_new(heads);

	put_counts(table, "today", json_get(events, "today"));
	put_counts(table, "ever", events);
	(void)putchar('\n');
	table_print(ctl, table);
	table_free(table);
}

static void print_destinations(const struct ctl *ctl, const cJSON *destinations)
{
	static const char *const heads[] = { "OUT", "STATE", ">READY", ">IN FLIGHT", ">WAITING",
		">PARKED", ">SUSPECT", ">EXCEPTION", ">OLDEST", "WHY", NULL };
	struct table *table = table_new(heads);
	const cJSON *row;

	cJSON_ArrayForEach (row, destinations) {
		table_text(table, text_of(row, "name"), COLOR_NONE);
		put_state(table, row);
		table_count(table, number_of(row, "ready"), COLOR_NONE);
		table_count(table, number_of(row, "claimed"), COLOR_NONE);
		table_count(table, number_of(row, "waiting"), COLOR_WARN);
		table_count(table, number_of(row, "parked"), COLOR_NONE);
		table_count(table, number_of(row, "suspect"), COLOR_WARN);
		table_count(table, number_of(row, "exception"), COLOR_BAD);
		table_age(table, json_get(row, "oldest_s"));
		table_text(table, text_of(row, "reason"), COLOR_NONE);
	}
	(void)putchar('\n');
	table_print(ctl, table);
	table_free(table);
}

static void print_exceptions(const struct ctl *ctl, const cJSON *exceptions)
{
	int64_t n = number_of(exceptions, "open");
	const char *before = ": ";
	const cJSON *kind;

	(void)putchar('\n');
	if (n == 0) {
		print_colored(ctl, COLOR_GOOD, "no open exceptions\n");
		return;
	}
	(void)printf("%" PRId64 " open exception%s", n, n == 1 ? "" : "s");
	cJSON_ArrayForEach (kind, json_get(exceptions, "by_kind")) {
		(void)printf("%s%.0f %s", before, kind->valuedouble, kind->string);
		before = ", ";
	}
	(void)puts("  (drayctl exceptions list)");
}

static int run(struct ctl *ctl)
{
	struct answer answer;
	int code = ask(ctl, "/v1/status", NULL, 0, &answer);

	if (code == CTL_DONE && ctl->is_json) {
		answer_print(&answer);
	} else if (code == CTL_DONE) {
		use_zone_of(answer.root);
		print_head(ctl, answer.root);
		print_floor(ctl, answer.root);
		print_clock(ctl, answer.root);
		print_events(ctl, json_get(answer.root, "events"));
		print_destinations(ctl, json_get(answer.root, "destinations"));
		print_exceptions(ctl, json_get(answer.root, "exceptions"));
	}
	answer_done(&answer);
	return code;
}

const struct command cmd_status = { .noun = "status",
	.synopsis = "",
	.help = "what is in, what is out, what is stuck and why",
	.run = run };
