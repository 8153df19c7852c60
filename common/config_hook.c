/* config_hook.c - the rows of a hook's options, and what belongs together */
#include "config_options.h"

#include <string.h>

#include "dray/hook.h"
#include "dray/json.h"

#define OF(member) OPTION_FIELD(struct config_hook, member)
#define ONE(scheme) (1u << CONFIG_HOOK_##scheme)

static const struct option_word schemes[] = {
	{ "standard", CONFIG_HOOK_STANDARD },
	{ "hmac", CONFIG_HOOK_HMAC },
	{ "token", CONFIG_HOOK_TOKEN },
	{ NULL, 0 },
};

static const struct option hook_options[] = {
	{ "adapter", OPTION_TEXT,
		"name of the adapter that makes events of a call; default none: its body is events",
		OF(adapter), .form = &form_name, .min = 1, .max = 64 },
	{ "vars", OPTION_OBJECT, "the adapter's settings for this hook", OF(vars),
		.fallback = "{}" },
	{ "types", OPTION_TYPES, "event types that it may bring; default all", OF(types) },
	{ "on_invalid", OPTION_ENUM, "what becomes of an event that is wrong in itself",
		OF(on_invalid), .fallback = "reject", .words = config_on_invalid_words },
	{ "scheme", OPTION_ENUM, "how a call shows that it comes from the partner", OF(scheme),
		.fallback = "standard", .words = schemes },
	{ "secret", OPTION_SECRET, "shared with the partner: one a line, each of which holds",
		OF(secret), .is_required = true },
	{ "header", OPTION_TEXT,
		"of the signature (hmac; default X-Signature) or the token (token; default Authorization, behind Bearer)",
		OF(header), .form = &form_header, .min = 1, .max = 64 },
	{ "parameter", OPTION_TEXT, "for scheme token: the query parameter that holds it",
		OF(parameter), .form = &form_visible, .min = 1, .max = 64 },
	{ "member", OPTION_TEXT,
		"for scheme token: a JSON Pointer to where the body holds it, * for every element",
		OF(member), .form = &form_visible, .min = 2, .max = 256 },
	{ "hmac", OPTION_SECTION, .help = "for scheme hmac" },
	{ "hmac.hash", OPTION_ENUM, "hash of the signature; default sha256", OF(hmac.hash),
		.words = config_hmac_hashes },
	{ "hmac.encoding", OPTION_ENUM, "how the signature is written; default hex",
		OF(hmac.encoding), .words = config_hmac_encodings },
	{ "hmac.signs", OPTION_TEXT,
		"what is signed: a text with {timestamp}, {method}, {path} (with query) and {body}; default {body}",
		OF(hmac.signs), .form = &form_visible, .min = 6, .max = 128 },
	{ "hmac.prefix", OPTION_TEXT, "before the signature, such as \"sha256=\"; default none",
		OF(hmac.prefix), .form = &form_affix, .max = 64 },
	{ "hmac.timestamp_header", OPTION_TEXT,
		"header of the time that is signed: seconds since 1970, or RFC 3339; default none: it stands in the signature's header",
		OF(hmac.timestamp_header), .form = &form_header, .min = 1, .max = 64 },
	{ "hmac.timestamp_prefix", OPTION_TEXT,
		"before the time that stands in the signature's header; default \"t=\"",
		OF(hmac.timestamp_prefix), .form = &form_visible, .min = 1, .max = 64 },
	{ "tolerance", OPTION_DURATION, "how far the time that is signed may lie from now",
		OF(tolerance_ms), .fallback = "5m", .min = SECOND_MS, .max = DAY_MS },
	{ "rate", OPTION_RATE, "calls at most; default no limit", OF(rate_per_hour), .min = 1,
		.max = INT64_C(100000) * 3600 },
};
const struct option_kind config_hook_kind = { "hook", hook_options, OPTION_COUNT(hook_options),
	sizeof(struct config_hook), "partner" };

/* --- what belongs together ---------------------------------------------------------------------------- */

static const char *const scheme_words[] = { [CONFIG_HOOK_STANDARD] = "standard",
	[CONFIG_HOOK_HMAC] = "hmac",
	[CONFIG_HOOK_TOKEN] = "token" };

/* What a scheme has no use for is refused: whoever wrote it expects something of it. */
static int check_parts(const cJSON *object, const struct config_hook *hook, struct error *err)
{
	static const struct {
		const char *name;
		unsigned schemes;
	} parts[] = {
		{ "header", ONE(HMAC) | ONE(TOKEN) },
		{ "parameter", ONE(TOKEN) },
		{ "member", ONE(TOKEN) },
		{ "hmac", ONE(HMAC) },
		{ "tolerance", ONE(STANDARD) | ONE(HMAC) },
	};

	for (size_t i = 0; i < OPTION_COUNT(parts); i++)
		if (json_get(object, parts[i].name) && !(parts[i].schemes & 1u << hook->scheme))
			return error_set(err, parts[i].name, "is not for scheme %s",
				scheme_words[hook->scheme]);
	return 0;
}

static int complete_hmac(const cJSON *object, struct config_hook *hook, struct error *err)
{
	bool has_time;

	if (config_derive_text(&hook->header, "X-Signature", "", err) ||
		config_derive_text(&hook->hmac.signs, "{body}", "", err) ||
		config_derive_text(&hook->hmac.prefix, "", "", err))
		return -1;
	if (!hook_signs_is_valid(hook->hmac.signs, &has_time))
		return error_set(err, "hmac.signs",
			"must hold {body}, may hold {timestamp}, {method} and {path}, each once at "
			"most, and no other braces");
	if (!has_time && (hook->hmac.timestamp_header || hook->hmac.timestamp_prefix))
		return error_set(err,
			hook->hmac.timestamp_header ? "hmac.timestamp_header"
						    : "hmac.timestamp_prefix",
			"proves nothing where hmac.signs has no {timestamp}");
	if (!has_time && json_get(object, "tolerance"))
		return error_set(err, "tolerance", "needs {timestamp} in hmac.signs");
	if (hook->hmac.timestamp_header && hook->hmac.timestamp_prefix)
		return error_set(err, "hmac.timestamp_prefix",
			"is for a time in the signature's header, not in one of its own");
	if (has_time && !hook->hmac.timestamp_header)
		return config_derive_text(&hook->hmac.timestamp_prefix, "t=", "", err);
	return 0;
}

static int complete_token(struct config_hook *hook, struct error *err)
{
	if ((hook->header != NULL) + (hook->parameter != NULL) + (hook->member != NULL) > 1)
		return error_set(
			err, NULL, "the token is in one place: header, parameter or member");
	if (hook->member && !hook_member_is_valid(hook->member))
		return error_set(err, "member",
			"must be a JSON Pointer with one element * at most, such as "
			"/value/*/clientState");
	if (hook->parameter || hook->member)
		return 0;
	return config_derive_text(&hook->header, "Authorization", "", err);
}

int config_complete_hook(const cJSON *object, struct config_hook *hook, struct error *err)
{
	if (check_parts(object, hook, err))
		return -1;
	switch (hook->scheme) {
	case CONFIG_HOOK_HMAC:
		return complete_hmac(object, hook, err);
	case CONFIG_HOOK_TOKEN:
		return complete_token(hook, err);
	case CONFIG_HOOK_STANDARD:
		break;
	}
	return 0;
}
