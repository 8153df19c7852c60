#include "ops/rotation.h"

#include <limits.h>
#include <sys/stat.h>

static uint64_t mix(uint64_t stamp, uint64_t value)
{
	return (stamp ^ value) * UINT64_C(0x100000001b3); /* FNV-1a */
}

static uint64_t add_file(
	uint64_t stamp, const struct config_secret *secret, const struct secret_dirs *dirs)
{
	char path[PATH_MAX];
	struct stat info;

	if (secret_path(dirs, secret, path, sizeof(path), NULL) != 0 || stat(path, &info) != 0)
		return mix(stamp, 0);
	stamp = mix(mix(stamp, (uint64_t)info.st_dev), (uint64_t)info.st_ino);
	stamp = mix(mix(stamp, (uint64_t)info.st_size), (uint64_t)info.st_mtim.tv_sec);
	return mix(stamp, (uint64_t)info.st_mtim.tv_nsec);
}

static uint64_t stamp_of(const struct config *config, const struct secret_dirs *dirs)
{
	uint64_t stamp = 0;

	for (size_t i = 0; i < config->listen.n_tokens; i++)
		stamp = add_file(stamp, &config->listen.tokens[i].token, dirs);
	for (size_t i = 0; i < config->listen.n_hooks; i++)
		stamp = add_file(stamp, &config->listen.hooks[i].secret, dirs);
	return stamp;
}

void rotation_begin(struct rotation *rotation, const struct config *config,
	const struct secret_dirs *dirs, int64_t now_mono_ms)
{
	*rotation = (struct rotation){ stamp_of(config, dirs), now_mono_ms };
}

bool rotation_is_due(struct rotation *rotation, const struct config *config,
	const struct secret_dirs *dirs, int64_t now_mono_ms)
{
	uint64_t before = rotation->stamp;

	if (now_mono_ms - rotation->looked_at_mono_ms < ROTATION_EVERY_MS)
		return false;
	rotation_begin(rotation, config, dirs, now_mono_ms);
	return rotation->stamp != before;
}
