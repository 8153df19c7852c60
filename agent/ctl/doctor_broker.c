/*
 * doctor_broker.c - is the broker reached, and would it lose anything?
 *
 * What it grants, the agent knows. What it is set to, its configuration says, where it runs on this machine.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/broker_files.h"
#include "ctl/doctor.h"
#include "ctl/machine.h"
#include "dray/broker_account.h"
#include "dray/json.h"
#include "file.h"

static void look_at_connection(struct doctor *doctor)
{
	const struct config_mqtt *mqtt = &doctor->config->mqtt;
	const cJSON *broker = json_get(doctor->status, "broker");
	const char *version = text_of(broker, "version");

	if (!doctor->status && can_connect(mqtt->host, (int)mqtt->port))
		found(doctor, "broker", FINDING_OK, "", "somebody listens at %s:%d", mqtt->host,
			(int)mqtt->port);
	else if (!doctor->status)
		found(doctor, "broker", FINDING_WRONG, "systemctl status mosquitto",
			"nobody listens at %s:%d", mqtt->host, (int)mqtt->port);
	else if (!cJSON_IsTrue(json_get(broker, "connected")))
		found(doctor, "broker", FINDING_WRONG,
			"systemctl status mosquitto; /var/log/mosquitto/mosquitto.log",
			"drayd doesn't reach it at %s:%d: %s", mqtt->host, (int)mqtt->port,
			text_of(broker, "reason"));
	else
		found(doctor, "broker", FINDING_OK, "", "drayd is connected to %s:%d, MQTT %s%s%s",
			mqtt->host, (int)mqtt->port, text_of(broker, "mqtt"),
			version[0] ? ", " : "", version);
	if (text_of(broker, "flaw")[0])
		found(doctor, "broker", FINDING_WRONG, "change that in the broker's configuration",
			"%s", text_of(broker, "flaw"));
}

static void on_flaw(void *ctx, const struct broker_flaw *flaw)
{
	char advice[256];

	(void)snprintf(advice, sizeof(advice), "%s: %s",
		flaw->place ? "write instead" : "add to conf.d", flaw->instead);
	found(ctx, "broker", flaw->loses ? FINDING_WRONG : FINDING_WARNING, advice, "%s: %s %s: %s",
		flaw->place ? flaw->place : "not set, Mosquitto's default", flaw->name, flaw->value,
		flaw->why);
}

/* Of the ACL that setup writes: a source that is new is not heard until it is written again. */
static void look_at_acl(struct doctor *doctor, const struct broker_files *files)
{
	struct buf text = BUF_INIT;
	int failed;

	if (!files->acl_file.path[0])
		return;
	failed = file_read(files->acl_file.path, MACHINE_FILE_MAX, &text);
	if (failed)
		found(doctor, "broker", failed == EACCES ? FINDING_WARNING : FINDING_WRONG,
			failed == EACCES ? "run this as root" : "drayctl device setup",
			"%s: %s: %s", files->acl_file.place, files->acl_file.path,
			strerror(failed));
	else if (strstr(text.data, "# dray begin") &&
		 !broker_acl_is_current(text.data, doctor->config))
		found(doctor, "broker", FINDING_WRONG, "drayctl device setup",
			"%s is not what the configuration needs: drayd may not hear all its sources",
			files->acl_file.path);
	buf_done(&text);
}

static void look_at_files(struct doctor *doctor, const struct broker_files *files)
{
	const struct broker_needs needs = { .message_bytes =
						    (int64_t)doctor->config->limits.max_bytes,
		.session_expiry_ms = doctor->config->mqtt.session_expiry_ms };
	int before = cJSON_GetArraySize(doctor->rows);

	broker_settings_judge(&files->settings, &needs, on_flaw, doctor);
	look_at_acl(doctor, files);
	if (cJSON_GetArraySize(doctor->rows) == before)
		found(doctor, "broker", FINDING_OK, "", "%s: nothing there would lose an event",
			broker_folder(doctor->ctl));
	for (int i = 0; i < files->n_certs; i++)
		look_at_certificate(doctor, "broker's certfile", files->certs[i].path, false);
}

static bool is_here(const char *host)
{
	return strcmp(host, "localhost") == 0 || config_is_loopback(host);
}

void look_at_broker(struct doctor *doctor)
{
	static struct broker_files files; /* too large for a stack */
	char failed[PATH_MAX];
	int code;

	look_at_connection(doctor);
	if (!is_here(doctor->config->mqtt.host) && !doctor->ctl->values[OPTION_MOSQUITTO])
		return;
	code = broker_files_read(broker_folder(doctor->ctl), &files, failed);
	if (code == 0)
		look_at_files(doctor, &files);
	else
		found(doctor, "broker", FINDING_WARNING,
			code == EACCES
				? "run this as root"
				: "another broker? Hold it against /usr/share/dray/mosquitto/dray.conf",
			"%s: %s: whether it would lose events is not known", failed,
			strerror(code));
}
