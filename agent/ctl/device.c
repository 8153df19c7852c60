#include "ctl/device.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "ctl/machine.h"
#include "dray/broker_account.h"
#include "dray/certificate.h"
#include "file.h"

#define KEEPALIVE_S 60
#define SESSION_EXPIRY_S (7 * 24 * 3600)

static int open_accounts(const char *mosquitto, bool must_be, struct enrolment *ret)
{
	char *path = ret->files.password_file.path;
	char folder[PATH_MAX];
	int failed;

	if (!path[0] && must_be) {
		(void)fputs(
			"drayctl: the broker has no password_file: drayctl device setup first\n",
			stderr);
		return CTL_NO;
	}
	if (!path[0]) /* what setup is about to name may be there from before */
		(void)snprintf(path, PATH_MAX, "%.4000s/dray.passwd", mosquitto);
	(void)snprintf(folder, sizeof(folder), "%s", path);
	ret->lock = folder_lock(dirname(folder));
	if (ret->lock < 0)
		return file_complain(path, errno);
	failed = file_read(path, MACHINE_FILE_MAX, &ret->passwords);
	return failed && (failed != ENOENT || must_be) ? file_complain(path, failed) : CTL_DONE;
}

int enrolment_open(const struct ctl *ctl, bool must_be, struct enrolment *ret)
{
	char failed[PATH_MAX];
	int code, error_number;

	*ret = (struct enrolment){ .lock = -1 };
	code = load_config(ctl, &ret->config);
	if (code != CTL_DONE)
		return code;
	error_number = broker_files_read(broker_folder(ctl), &ret->files, failed);
	if (error_number == ENOENT) {
		(void)fprintf(stderr,
			"drayctl: there is no %s: install Mosquitto on this machine, or say "
			"--mosquitto FOLDER\n",
			failed);
		return CTL_NO;
	}
	return error_number ? file_complain(failed, error_number)
			    : open_accounts(broker_folder(ctl), must_be, ret);
}

void enrolment_done(struct enrolment *enrolment)
{
	config_free(enrolment->config);
	buf_done(&enrolment->passwords);
	if (enrolment->lock >= 0)
		(void)close(enrolment->lock);
}

int enrolment_put(
	struct enrolment *enrolment, const char *path, const char *name, const char *password)
{
	const char *before = enrolment->passwords.data ? enrolment->passwords.data : "";
	uint8_t salt[BROKER_SALT_BYTES];
	struct buf text = BUF_INIT;
	int failed = EIO;

	if (getentropy(salt, sizeof(salt)) == 0 &&
		broker_account_put(before, name, password, salt, now_ms(), &text) == 0)
		failed = file_replace(path, &text, 0640, BROKER_GROUP);
	buf_done(&text);
	return failed ? file_complain(path, failed) : CTL_DONE;
}

int make_password(char *out, size_t size)
{
	uint8_t entropy[BROKER_PASSWORD_BYTES];
	char password[BROKER_PASSWORD_MAX];

	if (getentropy(entropy, sizeof(entropy)) != 0)
		return -1;
	broker_password(entropy, password);
	(void)snprintf(out, size, "%s", password);
	return 0;
}

/* --- what a device is to be told ------------------------------------------------------------------------ */

/* By the name in the broker's certificate: it is the one that the device will check. */
static void find_host(const struct broker_files *files, char out[CERTIFICATE_NAME_MAX])
{
	struct certificate certificate = { 0 };
	struct buf pem = BUF_INIT;

	if (files->n_certs > 0 && file_read(files->certs[0].path, MACHINE_FILE_MAX, &pem) == 0)
		(void)certificate_read(pem.data, pem.len, &certificate);
	buf_done(&pem);
	if (certificate.name[0])
		(void)snprintf(out, CERTIFICATE_NAME_MAX, "%s", certificate.name);
	else
		(void)gethostname(out, CERTIFICATE_NAME_MAX - 1);
}

/* The CA that setup made; a site with another knows it. */
static void add_ca(const struct ctl *ctl, cJSON *root)
{
	struct buf pem = BUF_INIT;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/ca_certificates/dray-ca.crt", broker_folder(ctl));
	if (file_read(path, MACHINE_FILE_MAX, &pem) == 0) {
		(void)cJSON_AddStringToObject(root, "ca_file", path);
		(void)cJSON_AddStringToObject(root, "ca", pem.data);
	}
	buf_done(&pem);
}

static void add_topic(
	cJSON *list, const struct config *config, const char *format, const char *name)
{
	struct buf topic = BUF_INIT;

	buf_printf(&topic, "%s/%s/", config->mqtt.root, config->site);
	buf_printf(&topic, "%s%s", format, name);
	if (!buf_failed(&topic))
		(void)cJSON_AddItemToArray(list, cJSON_CreateString(topic.data));
	buf_done(&topic);
}

static void add_topics(cJSON *root, const struct config *config, const char *name)
{
	cJSON *publish = cJSON_AddArrayToObject(root, "publish");
	cJSON *subscribe = cJSON_AddArrayToObject(root, "subscribe");

	if (strcmp(name, BROKER_USER_FLEET) == 0) {
		add_topic(publish, config, "config/desired", "");
		add_topic(subscribe, config, "config/reported", "");
		add_topic(subscribe, config, "status", "");
		add_topic(subscribe, config, "alert/#", "");
	} else {
		add_topic(publish, config, "event/{type}/", name);
		add_topic(subscribe, config, "ack/", name);
		add_topic(subscribe, config, "work/#", "");
		add_topic(subscribe, config, "status", "");
	}
}

cJSON *describe_account(const struct ctl *ctl, const struct enrolment *enrolment, const char *name,
	const char *password)
{
	const struct broker_files *files = &enrolment->files;
	char host[CERTIFICATE_NAME_MAX] = "";
	cJSON *root = cJSON_CreateObject();

	find_host(files, host);
	(void)cJSON_AddStringToObject(root, "host", host);
	(void)cJSON_AddNumberToObject(root, "port",
		files->tls_port          ? files->tls_port
		: files->n_listeners > 0 ? files->listeners[0].port
					 : 1883);
	(void)cJSON_AddBoolToObject(root, "tls", files->tls_port != 0);
	if (files->tls_port)
		add_ca(ctl, root);
	(void)cJSON_AddStringToObject(root, "username", name);
	(void)cJSON_AddStringToObject(root, "password", password);
	(void)cJSON_AddStringToObject(root, "client_id", name);
	add_topics(root, enrolment->config, name);
	(void)cJSON_AddNumberToObject(root, "qos", 1);
	(void)cJSON_AddNumberToObject(root, "keepalive_s", KEEPALIVE_S);
	(void)cJSON_AddBoolToObject(root, "clean_start", false);
	(void)cJSON_AddNumberToObject(root, "session_expiry_s", SESSION_EXPIRY_S);
	return root;
}

void print_json(cJSON *root)
{
	char *text = cJSON_PrintUnformatted(root);

	(void)puts(text ? text : "null");
	cJSON_free(text);
	cJSON_Delete(root);
}
