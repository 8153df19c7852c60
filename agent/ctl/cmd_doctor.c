/*
 * cmd_doctor.c - what is wrong with this machine's dray and what to do, also while the agent is down.
 */
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_file.h"
#include "ctl/device.h"
#include "ctl/doctor.h"
#include "ctl/machine.h"
#include "config/declared.h"
#include "dray/error.h"

static const char *const words[] = {
	[FINDING_OK] = "ok", [FINDING_WARNING] = "warning", [FINDING_WRONG] = "wrong"
};

void found(struct doctor *doctor, const char *check, enum finding finding, const char *advice,
	const char *format, ...)
{
	cJSON *row = cJSON_CreateObject();
	char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)cJSON_AddStringToObject(row, "check", check);
	(void)cJSON_AddStringToObject(row, "result", words[finding]);
	(void)cJSON_AddStringToObject(row, "text", text);
	(void)cJSON_AddStringToObject(row, "do", advice);
	(void)cJSON_AddItemToArray(doctor->rows, row);
	if (finding > doctor->worst)
		doctor->worst = finding;
}

/* --- the agent, and the configuration as it would read it ----------------------------------------------- */

static void look_at_agent(struct doctor *doctor)
{
	struct answer answer;
	const char *version;

	if (!ask_quietly(doctor->ctl, "/v1/status", &answer)) {
		found(doctor, "agent", FINDING_WRONG,
			access(doctor->ctl->socket, F_OK) == 0 &&
					access(doctor->ctl->socket, W_OK) != 0
				? "run this as root, or as a member of the socket's group"
				: "systemctl status drayd; journalctl -u drayd says why",
			"nobody answers at %s", doctor->ctl->socket);
		answer_done(&answer);
		return;
	}
	doctor->status = answer.root;
	answer.root = NULL;
	answer_done(&answer);
	version = text_of(doctor->status, "version");
	if (strcmp(version, DRAY_VERSION) == 0)
		found(doctor, "agent", FINDING_OK, "", "drayd %s answers", version);
	else
		found(doctor, "agent", FINDING_WARNING, "systemctl restart drayd",
			"drayd %s runs, but %s is installed", version, DRAY_VERSION);
}

static void find_drayd(char *out, size_t size)
{
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[len > 0 ? len : 0] = '\0';
	(void)snprintf(out, size, "%s/drayd", dirname(program));
	if (access(out, X_OK) != 0)
		(void)snprintf(out, size, "/usr/sbin/drayd");
}

/* What systemd gives the agent from there, drayd --check is to find as well. */
static void give_credentials(const struct doctor *doctor)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/credentials", doctor->config_dir);
	if (access(path, X_OK) == 0)
		(void)setenv("CREDENTIALS_DIRECTORY", path, 0);
}

/* All that can be known of it without the agent, is drayd --check's to know. */
static void look_at_configuration(struct doctor *doctor)
{
	const char *path = config_path(doctor->ctl);
	struct buf said = BUF_INIT;
	char drayd[PATH_MAX];
	size_t len;
	int status;

	find_drayd(drayd, sizeof(drayd));
	give_credentials(doctor);
	const char *const argv[] = { drayd, "--config", path, "--check", NULL };
	status = program_run(argv, &said);
	len = said.data ? strcspn(said.data, "\n") : 0;
	if (status == 0)
		found(doctor, "configuration", FINDING_OK, "", "%s: drayd --check finds nothing",
			path);
	else if (status == 127)
		found(doctor, "configuration", FINDING_WRONG, "install the package dray again",
			"there is no %s", drayd);
	else
		found(doctor, "configuration", FINDING_WRONG,
			geteuid() == 0
				? "mend that; drayd --check says when it is fine"
				: "mend that, or run this as root if it is only not yours to read",
			"%.*s", (int)len, said.data ? said.data : "drayd --check fails");
	buf_done(&said);
}

static void read_configuration(struct doctor *doctor)
{
	struct connector_dirs dirs;
	struct declared declared = { .dirs = dirs.list };
	struct error err = { 0 };
	char copy[PATH_MAX];

	(void)snprintf(copy, sizeof(copy), "%s", config_path(doctor->ctl));
	(void)snprintf(doctor->config_dir, sizeof(doctor->config_dir), "%s", dirname(copy));
	find_connector_dirs(doctor->ctl, &dirs);
	(void)config_file_load(
		config_path(doctor->ctl), declared_find, &declared, &doctor->config, &err);
	declared_done(&declared);
}

/* --- the command ---------------------------------------------------------------------------------------- */

static void print(const struct doctor *doctor)
{
	static const enum color colors[] = { COLOR_GOOD, COLOR_WARN, COLOR_BAD };
	const cJSON *row;
	char cell[64];

	cJSON_ArrayForEach (row, doctor->rows) {
		const char *result = text_of(row, "result");
		int at = strcmp(result, "ok") == 0 ? 0 : strcmp(result, "wrong") == 0 ? 2 : 1;

		(void)snprintf(cell, sizeof(cell), "%-9s", result);
		print_colored(doctor->ctl, colors[at], cell);
		(void)printf("%-14s %s\n", text_of(row, "check"), text_of(row, "text"));
		if (text_of(row, "do")[0])
			(void)printf("%-24s-> %s\n", "", text_of(row, "do"));
	}
}

static int run(struct ctl *ctl)
{
	struct doctor doctor = { .ctl = ctl, .rows = cJSON_CreateArray() };
	cJSON *answer;

	read_configuration(&doctor);
	if (doctor.config && !ctl->has_socket)
		ctl->socket = doctor.config->control.socket;
	look_at_agent(&doctor);
	look_at_configuration(&doctor);
	if (doctor.config) {
		look_at_disk(&doctor);
		look_at_database(&doctor);
		look_at_permissions(&doctor);
		look_at_broker(&doctor);
		look_at_certificates(&doctor);
		look_at_mapper(&doctor);
	}
	look_at_clock(&doctor);
	if (ctl->is_json) {
		answer = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(answer, "result", words[doctor.worst]);
		(void)cJSON_AddItemToObject(answer, "checks", doctor.rows);
		print_json(answer);
	} else {
		print(&doctor);
		cJSON_Delete(doctor.rows);
	}
	cJSON_Delete(doctor.status);
	config_free(doctor.config);
	return doctor.worst == FINDING_WRONG ? CTL_NO : CTL_DONE;
}

const struct command cmd_doctor = { .noun = "doctor",
	.synopsis = "[--mosquitto FOLDER] [--config FILE]",
	.help = "what is wrong with this machine's dray, and what to do; also while drayd is down",
	.takes = TAKES(OPTION_MOSQUITTO) | TAKES(OPTION_CONFIG),
	.run = run };
