/* config_listen.c - the rows of the TCP listener's tokens, and what belongs together */
#include "config_options.h"

#include <string.h>

#include "dray/json.h"

#define OF_TOKEN(member) OPTION_FIELD(struct config_token, member)

static const struct option_word roles[] = {
	{ "device", CONFIG_ROLE_DEVICE },
	{ "viewer", CONFIG_ROLE_VIEWER },
	{ "operator", CONFIG_ROLE_OPERATOR },
	{ "admin", CONFIG_ROLE_ADMIN },
	{ NULL, 0 },
};
static const struct option token_options[] = {
	{ "role", OPTION_ENUM, "what its bearer may do", OF_TOKEN(role), .is_required = true,
		.words = roles, .sample = "device" },
	{ "token", OPTION_SECRET, "the token itself, at least 16 characters", OF_TOKEN(token),
		.is_required = true },
	{ "device", OPTION_TEXT,
		"for role device: the only one that it may speak for; default any of the site",
		OF_TOKEN(device), .form = &form_name, .min = 1, .max = 64 },
};
const struct option_kind config_token_kind = { "token", token_options, OPTION_COUNT(token_options),
	sizeof(struct config_token), "wms" };

static int check_token(const struct config_token *token, struct error *err)
{
	if (token->device && token->role != CONFIG_ROLE_DEVICE)
		return error_set(err, "device", "is for role device only");
	return 0;
}

static int complete_hooks(const cJSON *hooks, struct config *config, struct error *err)
{
	for (size_t i = 0; i < config->listen.n_hooks; i++) {
		struct config_hook *hook = &config->listen.hooks[i];

		if (config_complete_hook(json_get(hooks, hook->name), hook, err)) {
			error_prefix(err, hook->name);
			error_prefix(err, "listen.hooks");
			return -1;
		}
	}
	return 0;
}

int config_complete_listen(const cJSON *document, struct config *config, struct error *err)
{
	for (size_t i = 0; i < config->listen.n_tokens; i++) {
		if (check_token(&config->listen.tokens[i], err)) {
			error_prefix(err, config->listen.tokens[i].name);
			error_prefix(err, "listen.tokens");
			return -1;
		}
	}
	if (complete_hooks(json_get(json_get(document, "listen"), "hooks"), config, err))
		return -1;
	if (config->listen.has_tls && (!config->listen.tls.cert || !config->listen.tls.key.file))
		return error_set(err, "listen.tls", "needs both cert and key");
	if (config->listen.address && !config_is_loopback(config->listen.address) &&
		(!config->listen.has_tls || config->listen.n_tokens == 0))
		return error_set(err, "listen.address",
			"%s is reached from elsewhere: that needs listen.tls and listen.tokens",
			config->listen.address);
	return 0;
}
