/*
 * doctor_permissions.c - may drayd read what it must, and nobody else what he mustn't?
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/doctor.h"
#include "ctl/machine.h"
#include "secret.h"

#define GROUPS_MAX 64
#define OTHERS 0007

struct reader {
	struct doctor *doctor;
	char name[64];
	uid_t uid;
	gid_t groups[GROUPS_MAX];
	int n_groups;
	bool has_flaw;
};

/* Whoever owns the state is whom drayd runs as. */
static bool find_reader(struct reader *reader)
{
	struct stat info;
	const struct passwd *user;

	if (stat(reader->doctor->config->state_dir, &info) != 0 || !(user = getpwuid(info.st_uid)))
		return false;
	(void)snprintf(reader->name, sizeof(reader->name), "%s", user->pw_name);
	reader->uid = user->pw_uid;
	reader->n_groups = GROUPS_MAX;
	if (getgrouplist(user->pw_name, user->pw_gid, reader->groups, &reader->n_groups) < 0)
		reader->n_groups = GROUPS_MAX;
	return true;
}

static bool may_read(const struct reader *reader, const struct stat *info)
{
	if (reader->uid == 0)
		return true;
	if (info->st_uid == reader->uid)
		return info->st_mode & S_IRUSR;
	for (int i = 0; i < reader->n_groups; i++)
		if (info->st_gid == reader->groups[i])
			return info->st_mode & S_IRGRP;
	return info->st_mode & S_IROTH;
}

/* `advice` is a command for the path. */
static void complain(struct reader *reader, enum finding finding, const char *what,
	const char *path, const char *why, const char *advice)
{
	char text[PATH_MAX + 64];

	(void)snprintf(text, sizeof(text), "%s %s", advice, path);
	reader->has_flaw = true;
	found(reader->doctor, "permissions", finding, text, "%s: %s %s", what, path, why);
}

static void check_readable(struct reader *reader, const char *what, const char *path)
{
	char why[128];
	struct stat info;

	if (stat(path, &info) != 0 && errno == EACCES)
		complain(reader, FINDING_WARNING, what, path, "can't be looked at",
			"run this as root to see");
	else if (stat(path, &info) != 0)
		complain(reader, FINDING_WRONG, what, path, "isn't there",
			"make it, or name another:");
	else if (!may_read(reader, &info)) {
		(void)snprintf(why, sizeof(why), "can't be read by %s", reader->name);
		complain(reader, FINDING_WRONG, what, path, why, "chmod 640, chgrp dray:");
	}
}

/* What systemd hands to the agent (LoadCredential) is root's. */
static void check_secret(
	struct reader *reader, const char *what, const struct config_secret *secret)
{
	char credentials[PATH_MAX], path[PATH_MAX];
	const struct secret_dirs dirs = { credentials, reader->doctor->config_dir };
	struct stat info;

	if (!secret->file)
		return;
	(void)snprintf(
		credentials, sizeof(credentials), "%s/credentials", reader->doctor->config_dir);
	if (secret_path(&dirs, secret, path, sizeof(path), NULL) != 0)
		return;
	if (strncmp(path, credentials, strlen(credentials)) != 0)
		check_readable(reader, what, path);
	if (stat(path, &info) == 0 && (info.st_mode & OTHERS))
		complain(reader, FINDING_WRONG, what, path, "is a secret that others can read",
			"chmod o=");
}

static void check_secrets_of(struct reader *reader, const struct config_destination *destination)
{
	const struct config_auth *auth = &destination->auth;

	check_secret(reader, destination->name, &auth->password);
	check_secret(reader, destination->name, &auth->token);
	check_secret(reader, destination->name, &auth->key);
	check_secret(reader, destination->name, &auth->client_secret);
	check_secret(reader, destination->name, &destination->tls.key);
}

static void check_secrets(struct reader *reader, const struct config *config)
{
	check_secret(reader, "mqtt.password", &config->mqtt.password);
	check_secret(reader, "mqtt.tls.key", &config->mqtt.tls.key);
	check_secret(reader, "listen.tls.key", &config->listen.tls.key);
	check_secret(reader, "fleet.token", &config->fleet.token);
	check_secret(reader, "fleet.tls.key", &config->fleet.tls.key);
	for (size_t i = 0; i < config->listen.n_tokens; i++)
		check_secret(reader, "listen.tokens", &config->listen.tokens[i].token);
	for (size_t i = 0; i < config->listen.n_hooks; i++)
		check_secret(reader, "listen.hooks", &config->listen.hooks[i].secret);
	for (size_t i = 0; i < config->n_destinations; i++)
		check_secrets_of(reader, &config->destinations[i]);
}

/* Whoever may write there, may make drayd do anything, or say anything. */
static void check_closed(
	struct reader *reader, const char *what, const char *path, mode_t forbidden)
{
	struct stat info;

	if (stat(path, &info) == 0 && (info.st_mode & forbidden))
		complain(reader, FINDING_WRONG, what, path, "is open to others",
			forbidden == OTHERS ? "chmod o=" : "chmod o-w");
}

void look_at_permissions(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	const char *path = config_path(doctor->ctl);
	struct reader reader = { .doctor = doctor };

	if (!find_reader(&reader))
		return; /* the look at the disk has said so */
	check_readable(&reader, "configuration", path);
	check_closed(&reader, "configuration", path, S_IWOTH);
	check_closed(&reader, "configuration", doctor->config_dir, S_IWOTH);
	check_closed(&reader, "state", config->state_dir, OTHERS);
	check_closed(&reader, "control socket", config->control.socket, OTHERS);
	check_secrets(&reader, config);
	if (!reader.has_flaw)
		found(doctor, "permissions", FINDING_OK, "",
			"configuration, secrets, state and socket are %s's alone", reader.name);
}
