/*
 * cmd_device.c - accounts of devices at the site's Mosquitto: add, remove, list. On its files; drayd need not
 * run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/device.h"
#include "ctl/machine.h"
#include "ctl/table.h"
#include "dray/broker_account.h"
#include "dray/json.h"

#define PASSWORD_SIZE 1100

/* The one line of a file or of standard input. */
static int read_password(const char *path, char out[PASSWORD_SIZE])
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	bool is_one = false;

	if (!file)
		return file_complain(path, errno);
	if (fgets(out, PASSWORD_SIZE, file)) {
		out[strcspn(out, "\n")] = '\0';
		is_one = fgetc(file) == EOF && broker_password_check(out) == 0;
	}
	if (file != stdin)
		(void)fclose(file);
	if (is_one)
		return CTL_DONE;
	(void)fprintf(stderr, "drayctl: %s: a password is one line of 1 to 1024 bytes\n", path);
	return CTL_NO;
}

static int get_password(const struct ctl *ctl, char out[PASSWORD_SIZE])
{
	const char *path = ctl->values[OPTION_PASSWORD_FILE];

	if (path)
		return read_password(path, out);
	return make_password(out, PASSWORD_SIZE) == 0 ? CTL_DONE : file_complain("password", errno);
}

static void print_topics(const char *head, const cJSON *list)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, list)
		(void)printf(
			"  %-15s %s   QoS 1\n", item == list->child ? head : "", item->valuestring);
}

static void print_account(const cJSON *root)
{
	bool has_tls = cJSON_IsTrue(json_get(root, "tls"));
	const char *ca = text_of(root, "ca_file");

	(void)printf(
		"%s may connect. The password is not shown again.\n\n", text_of(root, "username"));
	(void)printf("  %-15s %s\n", "host", text_of(root, "host"));
	(void)printf("  %-15s %lld%s\n", "port", (long long)number_of(root, "port"),
		has_tls ? ", TLS 1.2 or later" : ", without TLS");
	if (has_tls)
		(void)printf("  %-15s %s\n", "trusted CA",
			ca[0] ? ca : "the one that issued the broker's certificate");
	(void)printf("  %-15s %s\n", "username", text_of(root, "username"));
	(void)printf("  %-15s %s\n", "password", text_of(root, "password"));
	(void)printf("  %-15s %s\n", "client id", text_of(root, "client_id"));
	print_topics("publish to", json_get(root, "publish"));
	print_topics("subscribe to", json_get(root, "subscribe"));
	(void)printf("  %-15s %lld s\n", "keepalive", (long long)number_of(root, "keepalive_s"));
	(void)printf("  %-15s clean start off, expiry %lld s (MQTT 5)\n", "session",
		(long long)number_of(root, "session_expiry_s"));
}

/* Mosquitto reads its accounts at a SIGHUP only. */
static void tell_broker(const struct enrolment *enrolment)
{
	if (!broker_reload(&enrolment->files))
		(void)fputs(
			"drayctl: Mosquitto doesn't know yet: it isn't running, or its pid_file says "
			"nothing; when it runs: systemctl reload mosquitto\n",
			stderr);
}

static int add(const struct ctl *ctl, struct enrolment *enrolment, const char *name)
{
	char password[PASSWORD_SIZE];
	const char *flaw = broker_device_flaw(enrolment->config, name);
	cJSON *account;
	int code;

	if (flaw) {
		(void)fprintf(stderr, "drayctl: %s: %s\n", name, flaw);
		return CTL_USAGE;
	}
	if (!ctl->values[OPTION_REPLACE] && broker_account_is_in(enrolment->passwords.data, name)) {
		(void)fprintf(stderr,
			"drayctl: %s is there already; --replace gives it a new password\n", name);
		return CTL_NO;
	}
	code = get_password(ctl, password);
	if (code == CTL_DONE)
		code = enrolment_put(
			enrolment, enrolment->files.password_file.path, name, password);
	if (code == CTL_DONE) {
		account = describe_account(ctl, enrolment, name, password);
		if (ctl->is_json) {
			print_json(account);
		} else {
			print_account(account);
			cJSON_Delete(account);
		}
		tell_broker(enrolment);
	}
	explicit_bzero(password, sizeof(password));
	return code;
}

static int run_add(struct ctl *ctl)
{
	struct enrolment enrolment;
	int code = enrolment_open(ctl, true, &enrolment);

	if (code == CTL_DONE)
		code = add(ctl, &enrolment, ctl->args[0]);
	enrolment_done(&enrolment);
	return code;
}

static int take_out(const struct ctl *ctl, struct enrolment *enrolment, const char *name)
{
	const char *user = enrolment->config->mqtt.username;
	cJSON *answer;
	int code;

	if (!broker_account_is_in(enrolment->passwords.data, name)) {
		(void)fprintf(stderr, "drayctl: there is no %s; drayctl device list\n", name);
		return CTL_NO;
	}
	if (strcmp(name, user ? user : BROKER_USER_DRAYD) == 0) {
		(void)fprintf(stderr, "drayctl: %s is drayd's own account\n", name);
		return CTL_NO;
	}
	code = enrolment_put(enrolment, enrolment->files.password_file.path, name, NULL);
	if (code != CTL_DONE)
		return code;
	if (ctl->is_json) {
		answer = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(answer, "removed", name);
		print_json(answer);
	} else {
		(void)printf(
			"%s may not connect any more; Mosquitto ends its connection when it reads "
			"that\n",
			name);
	}
	tell_broker(enrolment);
	return CTL_DONE;
}

static int run_remove(struct ctl *ctl)
{
	struct enrolment enrolment;
	int code = enrolment_open(ctl, true, &enrolment);

	if (code == CTL_DONE)
		code = take_out(ctl, &enrolment, ctl->args[0]);
	enrolment_done(&enrolment);
	return code;
}

/* "20261122T075000Z" as RFC 3339; "" where it is anything else. */
static void say_added(const struct broker_account *account, char out[32])
{
	const char *at = account->added;

	out[0] = '\0';
	if (account->added_len == 16 && at[8] == 'T' && at[15] == 'Z')
		(void)snprintf(out, 32, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", at, at + 4, at + 6,
			at + 9, at + 11, at + 13);
}

static cJSON *list_accounts(const struct enrolment *enrolment)
{
	const char *user = enrolment->config->mqtt.username;
	const char *at = enrolment->passwords.data;
	cJSON *rows = cJSON_CreateArray();
	struct broker_account account;
	char name[256], added[32];

	while (broker_account_next(&at, &account)) {
		cJSON *row = account.name ? cJSON_CreateObject() : NULL;

		if (!row)
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)account.name_len, account.name);
		say_added(&account, added);
		(void)cJSON_AddStringToObject(row, "name", name);
		(void)cJSON_AddStringToObject(row, "role",
			strcmp(name, user ? user : BROKER_USER_DRAYD) == 0 ? "drayd"
			: strcmp(name, BROKER_USER_FLEET) == 0             ? "fleet"
									   : "device");
		(void)cJSON_AddItemToObject(
			row, "added_at", added[0] ? cJSON_CreateString(added) : cJSON_CreateNull());
		(void)cJSON_AddItemToArray(rows, row);
	}
	return rows;
}

static int list(struct ctl *ctl)
{
	static const char *const heads[] = { "NAME", "ROLE", "ADDED", NULL };
	struct enrolment enrolment;
	int code = enrolment_open(ctl, true, &enrolment);
	struct table *table;
	const cJSON *row;
	cJSON *rows;

	if (code != CTL_DONE)
		goto out;
	rows = list_accounts(&enrolment);
	if (ctl->is_json) {
		print_json(rows);
		goto out;
	}
	table = table_new(heads);
	cJSON_ArrayForEach (row, rows) {
		table_text(table, text_of(row, "name"), COLOR_NONE);
		table_text(table, text_of(row, "role"), COLOR_DIM);
		table_text(table, text_of(row, "added_at")[0] ? text_of(row, "added_at") : "-",
			COLOR_NONE);
	}
	table_print(ctl, table);
	table_free(table);
	cJSON_Delete(rows);
out:
	enrolment_done(&enrolment);
	return code;
}

const struct command cmd_device_add = { .noun = "device",
	.verb = "add",
	.synopsis =
		"NAME [--password-file FILE|-] [--replace] [--mosquitto FOLDER] [--config FILE]",
	.help = "give a device an account at the site's Mosquitto; \"fleet\" is the fleet tool's",
	.takes = TAKES(OPTION_PASSWORD_FILE) | TAKES(OPTION_REPLACE) | TAKES(OPTION_MOSQUITTO) |
		 TAKES(OPTION_CONFIG),
	.min_args = 1,
	.max_args = 1,
	.run = run_add };

const struct command cmd_device_remove = { .noun = "device",
	.verb = "remove",
	.synopsis = "NAME [--mosquitto FOLDER] [--config FILE]",
	.help = "take it away",
	.takes = TAKES(OPTION_MOSQUITTO) | TAKES(OPTION_CONFIG),
	.min_args = 1,
	.max_args = 1,
	.run = run_remove };

const struct command cmd_device_list = { .noun = "device",
	.verb = "list",
	.synopsis = "[--mosquitto FOLDER] [--config FILE]",
	.help = "who has one",
	.takes = TAKES(OPTION_MOSQUITTO) | TAKES(OPTION_CONFIG),
	.run = list };
