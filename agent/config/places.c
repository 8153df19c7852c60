#include "config/places.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mapper/mapper.h"

/* A file that is not there has a folder: whoever reads it says that it is missing. */
static int find_config(const char *config_path, char out[PATH_MAX], struct error *err)
{
	char copy[PATH_MAX], name[PATH_MAX];
	size_t len;

	if (realpath(config_path, out))
		return 0;
	if (errno != ENOENT || snprintf(copy, sizeof(copy), "%s", config_path) >= PATH_MAX ||
		snprintf(name, sizeof(name), "%s", config_path) >= PATH_MAX ||
		!realpath(dirname(copy), out))
		return error_set(err, config_path, "%s", strerror(errno));
	len = strlen(out);
	return snprintf(out + len, PATH_MAX - len, "/%s", basename(name)) < (int)(PATH_MAX - len)
		       ? 0
		       : error_set(err, config_path, "path is too long");
}

int places_find(const char *config_path, struct places *ret, struct error *err)
{
	char program[PATH_MAX], copy[PATH_MAX];
	ssize_t len;

	if (find_config(config_path, ret->config_path, err) < 0)
		return -1;
	(void)snprintf(copy, sizeof(copy), "%s", ret->config_path);
	(void)snprintf(ret->config_dir, sizeof(ret->config_dir), "%s", dirname(copy));
	len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[len > 0 ? len : 0] = '\0';
	if (snprintf(ret->site_connectors, PATH_MAX, "%s/connectors", ret->config_dir) >=
			PATH_MAX ||
		snprintf(ret->build_connectors, PATH_MAX, "%s/connectors", dirname(program)) >=
			PATH_MAX)
		return error_set(err, config_path, "path is too long");
	ret->connector_dirs[0] = ret->site_connectors;
	ret->connector_dirs[1] = "/usr/share/dray/connectors";
	ret->connector_dirs[2] = ret->build_connectors;
	mapper_find(ret->mapper, sizeof(ret->mapper));
	ret->secrets.credentials = getenv("CREDENTIALS_DIRECTORY");
	ret->secrets.beside = ret->config_dir;
	return 0;
}

static int check_readable(const char *path, const char *where, struct error *err)
{
	return !path || access(path, R_OK) == 0
		       ? 0
		       : error_set(err, where, "%s can't be read: %s", path, strerror(errno));
}

static int check_tls(const struct places *places, const struct config_tls *tls, const char *where,
	struct error *err)
{
	char key[PATH_MAX];

	if (check_readable(tls->ca, "tls.ca", err) < 0 ||
		check_readable(tls->cert, "tls.cert", err) < 0)
		goto fail;
	if (!tls->key.file)
		return 0;
	if (secret_path(&places->secrets, &tls->key, key, sizeof(key), err) == 0 &&
		check_readable(key, "tls.key", err) == 0)
		return 0;
fail:
	error_prefix(err, where);
	return -1;
}

int places_check(const struct places *places, const struct config *config, struct error *err)
{
	char where[128];

	if (config->mqtt.has_tls && check_tls(places, &config->mqtt.tls, "mqtt", err) < 0)
		return -1;
	if (config->fleet.has_tls && check_tls(places, &config->fleet.tls, "fleet", err) < 0)
		return -1;
	for (size_t i = 0; i < config->n_destinations; i++) {
		const struct config_destination *destination = &config->destinations[i];

		(void)snprintf(where, sizeof(where), "destinations.%s", destination->name);
		if (destination->has_tls && check_tls(places, &destination->tls, where, err) < 0)
			return -1;
	}
	return 0;
}
