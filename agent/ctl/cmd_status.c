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

static void print_broker(const struct ctl *ctl, const cJSON *root)
{
	const cJSON *broker = json_get(root, "broker");
	bool is_up = cJSON_IsTrue(json_get(broker, "connected"));

	(void)fputs("broker  ", stdout);
	print_colored(ctl, is_up ? COLOR_GOOD : COLOR_BAD, is_up ? "connected" : "not connected");
	if (text_of(broker, "reason")[0])
		(void)printf(": %s", text_of(broker, "reason"));
	if (text_of(broker, "flaw")[0]) {
		(void)fputs("  ", stdout);
		print_colored(ctl, COLOR_BAD, text_of(broker, "flaw"));
	}
	(void)putchar('\n');
}

/* Said while it is tried, or when what was offered last did not become it. */
static void print_config(const struct ctl *ctl, const cJSON *config)
{
	const char *state = text_of(config, "state");
	int64_t revision = number_of(config, "revision");

	if (!state[0] || (strcmp(state, "good") == 0 && revision == 0))
		return;
	(void)fputs("config  ", stdout);
	print_colored(ctl, color_of_state(state), state);
	if (revision > 0)
		(void)printf(", revision %" PRId64 " is in force", revision);
	(void)puts(strcmp(state, "good") == 0 ? "" : "  (drayctl config show)");
}

/* "store   3.9 GiB of 4.0 GiB, 12 GiB free on its disk: …" */
static void print_store(const struct ctl *ctl, const cJSON *store)
{
	const char *level = text_of(store, "level");
	char text[FORMAT_MAX];

	format_size(number_of(store, "bytes"), text);
	(void)printf("store   %s", text);
	format_size(number_of(store, "max_bytes"), text);
	(void)printf(" of %s", text);
	if (number_of(store, "disk_bytes") > 0) {
		format_size(number_of(store, "disk_free_bytes"), text);
		(void)printf(", %s free on its disk", text);
	}
	if (strcmp(level, "ample") != 0) {
		format_time(text_of(store, "since"), now_ms(), text);
		(void)printf(", since %s ", text);
		if (strcmp(level, "none") == 0)
			print_colored(ctl, COLOR_BAD, "capture is closed");
		else
			print_colored(ctl, COLOR_WARN,
				"room is short: delivered events give up their content");
	}
	if (text_of(store, "reason")[0])
		(void)printf(": %s", text_of(store, "reason"));
	(void)putchar('\n');
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

static void print_salvage(const struct ctl *ctl, const cJSON *salvage)
{
	bool is_running = cJSON_IsTrue(json_get(salvage, "deliveries_wait"));

	if (!cJSON_IsObject(salvage))
		return;
	(void)fputs("broken  ", stdout);
	print_colored(ctl, COLOR_BAD, text_of(salvage, "reason"));
	if (is_running && cJSON_IsNumber(json_get(salvage, "percent")))
		(void)printf("; salvaged so far %" PRId64 " %%, deliveries wait for it",
			number_of(salvage, "percent"));
	else if (is_running)
		(void)fputs("; it is being salvaged, deliveries wait for it", stdout);
	(void)printf("\n        %" PRId64 " events and %" PRId64
		     " unfinished deliveries are back, %" PRId64 " of them in doubt; lost: %" PRId64
		     " events, %" PRId64 " deliveries\n",
		number_of(salvage, "events"), number_of(salvage, "deliveries"),
		number_of(salvage, "in_doubt"), number_of(salvage, "events_lost"),
		number_of(salvage, "deliveries_lost"));
	if (cJSON_IsTrue(json_get(salvage, "commits_lost")))
		print_colored(ctl, COLOR_BAD,
			"        the last commits are gone: nobody knows how many events\n");
	if (text_of(salvage, "file")[0])
		(void)printf("        %s\n", text_of(salvage, "file"));
}

static void print_restore(const struct ctl *ctl, const cJSON *restore)
{
	char at[FORMAT_MAX], from[FORMAT_MAX];

	if (!cJSON_IsObject(restore))
		return;
	format_time(text_of(restore, "restored_at"), now_ms(), at);
	format_time(text_of(restore, "backup_of"), now_ms(), from);
	(void)fputs("restored ", stdout);
	print_colored(ctl, COLOR_WARN, at);
	(void)printf(" from a backup of %s: %" PRId64 " unfinished deliveries in doubt", from,
		number_of(restore, "in_doubt"));
	if (cJSON_IsTrue(json_get(restore, "deliveries_wait")))
		(void)puts(" so far, deliveries wait until all are marked");
	else
		(void)printf(", see exception %" PRId64 "\n", number_of(restore, "exception"));
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
		print_broker(ctl, answer.root);
		print_config(ctl, json_get(answer.root, "config"));
		print_store(ctl, json_get(answer.root, "store"));
		print_salvage(ctl, json_get(answer.root, "salvage"));
		print_restore(ctl, json_get(answer.root, "restore"));
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
