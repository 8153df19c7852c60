/* config_listen.c - the rows of the TCP listener's tokens and hooks, and what belongs together */
#include "config_options.h"

#include <string.h>

#define OF_TOKEN(member) OPTION_FIELD(struct config_token, member)
#define OF_HOOK(member) OPTION_FIELD(struct config_hook, member)

static const struct option_word roles[] = {
	{ "device", CONFIG_ROLE_DEVICE },
	{ "viewer", CONFIG_ROLE_VIEWER },
	{ "operator", CONFIG_ROLE_OPERATOR },
	{ "admin", CONFIG_ROLE_ADMIN },
	{ NULL, 0 },
};
static const struct option_word schemes[] = {
	{ "standard", CONFIG_HOOK_STANDARD },
	{ "hmac", CONFIG_HOOK_HMAC },
	{ "token", CONFIG_HOOK_TOKEN },
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

static const struct option hook_options[] = {
	{ "adapter", OPTION_TEXT,
		"name of the adapter that makes events of a call; default none: its body is events",
		OF_HOOK(adapter), .form = &form_name, .min = 1, .max = 64 },
	{ "vars", OPTION_OBJECT, "the adapter's settings for this hook", OF_HOOK(vars),
		.fallback = "{}" },
	{ "on_invalid", OPTION_ENUM, "what becomes of an event that is wrong in itself",
		OF_HOOK(on_invalid), .fallback = "reject", .words = config_on_invalid_words },
	{ "scheme", OPTION_ENUM, "how a call shows that it comes from the partner", OF_HOOK(scheme),
		.fallback = "standard", .words = schemes },
	{ "secret", OPTION_SECRET, "shared with the partner: one a line, each of which holds",
		OF_HOOK(secret), .is_required = true },
	{ "header", OPTION_TEXT,
		"of the signature (hmac; default X-Signature) or the token (token; default Authorization, behind Bearer)",
		OF_HOOK(header), .form = &form_header, .min = 1, .max = 64 },
	{ "parameter", OPTION_TEXT, "for scheme token: the query parameter that holds it",
		OF_HOOK(parameter), .form = &form_visible, .min = 1, .max = 64 },
	{ "member", OPTION_TEXT,
		"for scheme token: a JSON Pointer to where the body holds it, * for every element",
		OF_HOOK(member), .form = &form_visible, .min = 2, .max = 256 },
	{ "hmac", OPTION_SECTION, .help = "for scheme hmac" },
	{ "hmac.hash", OPTION_ENUM, "hash of the signature; default sha256", OF_HOOK(hmac.hash),
		.words = config_hmac_hashes },
	{ "hmac.encoding", OPTION_ENUM, "how the signature is written; default hex",
		OF_HOOK(hmac.encoding), .words = config_hmac_encodings },
	{ "hmac.signs", OPTION_ENUM, "what is signed, in this order; default body",
		OF_HOOK(hmac.signs), .words = config_hmac_signs },
	{ "hmac.prefix", OPTION_TEXT, "before the signature, such as \"sha256=\"; default none",
		OF_HOOK(hmac.prefix), .form = &form_affix, .max = 64 },
	{ "hmac.separator", OPTION_TEXT, "between the parts that are signed; default a full stop",
		OF_HOOK(hmac.separator), .form = &form_affix, .max = 8 },
	{ "hmac.timestamp_header", OPTION_TEXT, "header with the seconds since 1970; default none",
		OF_HOOK(hmac.timestamp_header), .form = &form_header, .min = 1, .max = 64 },
	{ "tolerance", OPTION_DURATION, "how old a signed call may be", OF_HOOK(tolerance_ms),
		.fallback = "5m", .min = SECOND_MS, .max = DAY_MS },
	{ "rate", OPTION_RATE, "calls at most; default no limit", OF_HOOK(rate_per_hour), .min = 1,
		.max = INT64_C(100000) * 3600 },
};
const struct option_kind config_hook_kind = { "hook", hook_options, OPTION_COUNT(hook_options),
	sizeof(struct config_hook), "partner" };

static int check_token(const struct config_token *token, struct error *err)
{
	if (token->device && token->role != CONFIG_ROLE_DEVICE)
		return error_set(err, "device", "is for role device only");
	return 0;
}

int config_complete_listen(struct config *config, struct error *err)
{
	for (size_t i = 0; i < config->listen.n_tokens; i++) {
		if (check_token(&config->listen.tokens[i], err)) {
			error_prefix(err, config->listen.tokens[i].name);
			error_prefix(err, "listen.tokens");
			return -1;
		}
	}
	if (config->listen.has_tls && (!config->listen.tls.cert || !config->listen.tls.key.file))
		return error_set(err, "listen.tls", "needs both cert and key");
	if (config->listen.address && !config_is_loopback(config->listen.address) &&
		(!config->listen.has_tls || config->listen.n_tokens == 0))
		return error_set(err, "listen.address",
			"%s is reached from elsewhere: that needs listen.tls and listen.tokens",
			config->listen.address);
	return 0;
}
