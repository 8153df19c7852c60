/*
 * cmd_device_setup.c - make this machine's Mosquitto a broker for the site: the two files in its conf.d,
 * certificates, the ACL, and drayd's own account with its secret beside the configuration.
 *
 * What is there stays as it is, so it may be run again at any time: after sources changed, it brings the ACL
 * up to date. Mosquitto is not restarted: whoever else uses it is somebody's business.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/device.h"
#include "ctl/machine.h"
#include "dray/broker_account.h"
#include "file.h"
#include "secret.h"

#define DRAYD_SECRET "mqtt-password"
#define DRAYD_PATCH "mqtt-account.json"
#define ACCESS "conf.d/dray-access.conf"

struct setup {
	const struct ctl *ctl;
	const char *folder; /* Mosquitto's */
	struct enrolment at;
	char config_dir[PATH_MAX - 64];
	cJSON *written; /* paths */
};

static void note(struct setup *setup, const char *path)
{
	(void)cJSON_AddItemToArray(setup->written, cJSON_CreateString(path));
}

static int write_file(struct setup *setup, const char *path, const struct buf *text, mode_t mode,
	const char *group)
{
	int failed = file_replace(path, text, mode, group);

	if (failed)
		return file_complain(path, failed);
	note(setup, path);
	return CTL_DONE;
}

/* --- conf.d --------------------------------------------------------------------------------------------- */

/* A second password_file, a second listener on a port: Mosquitto would not start. */
static int check_other(const struct setup *setup, const char *access)
{
	const struct broker_files *files = &setup->at.files;
	size_t len = strlen(access);
	const char *place = NULL;

	if (files->password_file.place[0] && strncmp(files->password_file.place, access, len) != 0)
		place = files->password_file.place;
	if (files->acl_file.place[0] && strncmp(files->acl_file.place, access, len) != 0)
		place = files->acl_file.place;
	for (int i = 0; i < files->n_listeners; i++)
		if (strncmp(files->listeners[i].place, access, len) != 0)
			place = files->listeners[i].place;
	if (place)
		(void)fprintf(stderr,
			"drayctl: %s: this Mosquitto has a listener or accounts of its own; take that "
			"line out, or set it up by hand (broker.md, \"A broker with accounts of its "
			"own\")\n",
			place);
	else if (!files->includes)
		(void)fprintf(stderr,
			"drayctl: %s/mosquitto.conf reads no other file; add the line: include_dir "
			"%s/conf.d\n",
			setup->folder, setup->folder);
	return place || !files->includes ? CTL_NO : CTL_DONE;
}

/* As it came with dray, with Mosquitto's folder where the usual one stands. */
static int copy_shared(struct setup *setup, const char *name)
{
	char from[PATH_MAX], shared[64], to[PATH_MAX];
	struct buf text = BUF_INIT, placed = BUF_INIT;
	const char *at, *next;
	int code;

	(void)snprintf(to, sizeof(to), "%s/conf.d/%s", setup->folder, name);
	if (access(to, F_OK) == 0)
		return CTL_DONE;
	(void)snprintf(shared, sizeof(shared), "mosquitto/%s", name);
	if (!find_shared(shared, from, sizeof(from)) ||
		file_read(from, MACHINE_FILE_MAX, &text) != 0) {
		buf_done(&text);
		return file_complain(from, ENOENT);
	}
	for (at = text.data; (next = strstr(at, BROKER_FOLDER)) != NULL;
		at = next + strlen(BROKER_FOLDER)) {
		buf_put(&placed, at, (size_t)(next - at));
		buf_puts(&placed, setup->folder);
	}
	buf_puts(&placed, at);
	code = write_file(setup, to, &placed, 0644, NULL);
	buf_done(&text);
	buf_done(&placed);
	return code;
}

static int make_certificates(struct setup *setup)
{
	const char *host = setup->ctl->values[OPTION_HOST];
	char script[PATH_MAX], cert[PATH_MAX], name[256] = "";
	struct buf said = BUF_INIT;
	int status;

	(void)snprintf(cert, sizeof(cert), "%s/certs/dray.crt", setup->folder);
	if (access(cert, F_OK) == 0)
		return CTL_DONE;
	(void)gethostname(name, sizeof(name) - 1);
	if (!find_shared("mosquitto/make-certificates", script, sizeof(script)))
		return file_complain(script, ENOENT);
	const char *const argv[] = { "sh", script, host ? host : name, setup->folder, NULL };
	status = program_run(argv, &said);
	if (status != 0)
		(void)fprintf(stderr,
			"drayctl: %s made no certificate (apt-get install openssl?): %s\n", script,
			said.data ? said.data : "");
	else
		note(setup, cert);
	buf_done(&said);
	return status == 0 ? CTL_DONE : CTL_NO;
}

/* --- accounts ------------------------------------------------------------------------------------------- */

static int write_acl(struct setup *setup)
{
	char path[PATH_MAX];
	struct buf before = BUF_INIT, after = BUF_INIT;
	int failed, code = CTL_DONE;

	(void)snprintf(path, sizeof(path), "%s/dray.acl", setup->folder);
	failed = file_read(path, MACHINE_FILE_MAX, &before);
	if (failed && failed != ENOENT) {
		code = file_complain(path, failed);
	} else if (failed || !broker_acl_is_current(before.data, setup->at.config)) {
		broker_acl_merge(before.data ? before.data : "", setup->at.config, &after);
		code = write_file(setup, path, &after, 0640, BROKER_GROUP);
	}
	buf_done(&before);
	buf_done(&after);
	return code;
}

/* The group that drayd runs with, as far as the configuration says. */
static const char *agent_group(const struct config *config)
{
	return config->control.group ? config->control.group : "dray";
}

/* The secret's text, to be freed with secret_free(); made where there is none. NULL after a line on stderr. */
static char *get_secret(struct setup *setup, const struct config_secret *secret)
{
	char credentials[PATH_MAX], path[PATH_MAX], password[BROKER_PASSWORD_MAX];
	const struct secret_dirs dirs = { credentials, setup->config_dir };
	struct buf text = BUF_INIT;
	struct error err = { 0 };
	int code = CTL_NO;

	(void)snprintf(credentials, sizeof(credentials), "%s/credentials", setup->config_dir);
	if (secret_path(&dirs, secret, path, sizeof(path), &err) == 0 && access(path, F_OK) != 0 &&
		make_password(password, sizeof(password)) == 0) {
		buf_printf(&text, "%s\n", password);
		code = write_file(setup, path, &text, 0640, agent_group(setup->at.config));
		explicit_bzero(password, sizeof(password));
		buf_wipe(&text);
		buf_done(&text);
		if (code != CTL_DONE)
			return NULL;
	}
	char *found = secret_read(&dirs, secret, &err);

	if (!found)
		(void)fprintf(stderr, "drayctl: %s\n", err.message);
	return found;
}

/* Where the configuration names no account, a patch of it does. */
static int write_patch(struct setup *setup)
{
	char path[PATH_MAX];
	struct buf text = BUF_INIT;
	int code;

	if (setup->at.config->mqtt.username)
		return CTL_DONE;
	(void)snprintf(path, sizeof(path), "%s/conf.d", setup->config_dir);
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return file_complain(path, errno);
	(void)snprintf(path, sizeof(path), "%s/conf.d/" DRAYD_PATCH, setup->config_dir);
	buf_puts(&text, "// Made by \"drayctl device setup\": drayd's account at the broker.\n"
			"{ \"mqtt\": { \"username\": \"" BROKER_USER_DRAYD
			"\", \"password\": { \"file\": \"" DRAYD_SECRET "\" } } }\n");
	code = write_file(setup, path, &text, 0640, agent_group(setup->at.config));
	buf_done(&text);
	return code;
}

/* drayd's account with the password of its secret: they can't be told apart from here, so it is written again
 * where the secret is new or the account isn't there. */
static int write_account(struct setup *setup)
{
	struct config_secret none = { .file = (char[]){ DRAYD_SECRET } };
	const struct config_mqtt *mqtt = &setup->at.config->mqtt;
	const char *user = mqtt->username ? mqtt->username : BROKER_USER_DRAYD;
	int n_before = cJSON_GetArraySize(setup->written), code = CTL_DONE;
	const char *path = setup->at.files.password_file.path;
	char *password;

	if (!id_is_name(user, strlen(user))) {
		(void)fprintf(
			stderr, "drayctl: mqtt.username: \"%s\" can't be a name here\n", user);
		return CTL_NO;
	}
	password = get_secret(setup, mqtt->password.file ? &mqtt->password : &none);
	if (!password)
		return CTL_NO;
	if (cJSON_GetArraySize(setup->written) > n_before || !setup->at.passwords.data ||
		!broker_account_is_in(setup->at.passwords.data, user)) {
		code = enrolment_put(&setup->at, path, user, password);
		if (code == CTL_DONE)
			note(setup, path);
	}
	secret_free(password);
	return code;
}

/* --- the command ---------------------------------------------------------------------------------------- */

static const char *const next_steps[] = { "systemctl restart mosquitto", "systemctl restart drayd",
	"drayctl doctor", "drayctl device add NAME" };

static void print(const struct setup *setup)
{
	const cJSON *path;

	cJSON_ArrayForEach (path, setup->written)
		(void)printf("wrote %s\n", path->valuestring);
	if (cJSON_GetArraySize(setup->written) == 0) {
		(void)puts("all is there already");
		return;
	}
	(void)puts("\nnext:");
	for (size_t i = 0; i < sizeof(next_steps) / sizeof(next_steps[0]); i++)
		(void)printf("  %s\n", next_steps[i]);
}

static int set_up(struct setup *setup)
{
	char access_path[PATH_MAX];
	int code;

	(void)snprintf(access_path, sizeof(access_path), "%s/" ACCESS, setup->folder);
	code = check_other(setup, access_path);
	/* What the broker's configuration names is there before it is named. */
	if (code == CTL_DONE)
		code = make_certificates(setup);
	if (code == CTL_DONE)
		code = write_acl(setup);
	if (code == CTL_DONE)
		code = write_account(setup);
	if (code == CTL_DONE)
		code = write_patch(setup);
	if (code == CTL_DONE)
		code = copy_shared(setup, "dray.conf");
	if (code == CTL_DONE)
		code = copy_shared(setup, "dray-access.conf");
	return code;
}

static int run(struct ctl *ctl)
{
	struct setup setup = { .ctl = ctl, .folder = broker_folder(ctl) };
	char copy[PATH_MAX];
	cJSON *answer;
	int code = enrolment_open(ctl, false, &setup.at);

	if (code != CTL_DONE)
		goto out;
	(void)snprintf(copy, sizeof(copy), "%s", config_path(ctl));
	(void)snprintf(setup.config_dir, sizeof(setup.config_dir), "%s", dirname(copy));
	setup.written = cJSON_CreateArray();
	code = set_up(&setup);
	if (code == CTL_DONE && ctl->is_json) {
		answer = cJSON_CreateObject();
		(void)cJSON_AddItemToObject(answer, "written", setup.written);
		print_json(answer);
	} else {
		if (code == CTL_DONE)
			print(&setup);
		cJSON_Delete(setup.written);
	}
	if (code == CTL_DONE)
		(void)broker_reload(
			&setup.at.files); /* accounts and ACL of one that runs by them */
out:
	enrolment_done(&setup.at);
	return code;
}

const struct command cmd_device_setup = { .noun = "device",
	.verb = "setup",
	.synopsis = "[--host NAME] [--mosquitto FOLDER] [--config FILE]",
	.help = "make this machine's Mosquitto a broker for the site: queues, TLS, accounts, ACL",
	.takes = TAKES(OPTION_HOST) | TAKES(OPTION_MOSQUITTO) | TAKES(OPTION_CONFIG),
	.run = run };
