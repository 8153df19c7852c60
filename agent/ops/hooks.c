#include "ops/hooks.h"

#include <stdlib.h>
#include <string.h>

struct hooks {
	size_t n;
	struct hook of[];
};

static int read_hook(const struct config_hook *config, const struct secret_dirs *dirs,
	int64_t now_mono_ms, struct hook *ret, struct error *err)
{
	char *text = secret_read(dirs, &config->secret, err);
	struct error why = { 0 };
	int status;

	if (!text)
		return -1;
	status = hook_secrets_read(config->scheme, text, &ret->secrets, &why);
	secret_free(text);
	if (status != 0)
		return error_set(
			err, NULL, "the file %.100s: %.120s", config->secret.file, why.message);
	ret->config = config;
	bucket_init(&ret->bucket, config->rate_per_hour, now_mono_ms);
	return 0;
}

struct hooks *hooks_read(const struct config *config, const struct secret_dirs *dirs,
	int64_t now_mono_ms, struct error *err)
{
	size_t n = config->listen.n_hooks;
	struct hooks *hooks = calloc(1, sizeof(*hooks) + n * sizeof(hooks->of[0]));

	if (!hooks) {
		error_fill(err, "listen.hooks", "no memory");
		return NULL;
	}
	for (; hooks->n < n; hooks->n++) {
		const struct config_hook *hook = &config->listen.hooks[hooks->n];

		if (read_hook(hook, dirs, now_mono_ms, &hooks->of[hooks->n], err) == 0)
			continue;
		error_prefix(err, "secret");
		error_prefix(err, hook->name);
		error_prefix(err, "listen.hooks");
		hooks_free(hooks);
		return NULL;
	}
	return hooks;
}

void hooks_free(struct hooks *hooks)
{
	for (size_t i = 0; hooks && i < hooks->n; i++)
		hook_secrets_wipe(&hooks->of[i].secrets);
	free(hooks);
}

struct hook *hooks_find(struct hooks *hooks, const char *name)
{
	for (size_t i = 0; i < hooks->n; i++)
		if (strcmp(hooks->of[i].config->name, name) == 0)
			return &hooks->of[i];
	return NULL;
}
