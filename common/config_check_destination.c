/* config_check_destination.c - what two options of a destination, or more, have to do with each other */
#include "config_options.h"

#include <string.h>

#include "dray/json.h"

#define ONE(type) (1u << CONFIG_AUTH_##type)

static const char *const kind_words[CONFIG_KIND_N] = { "http", "mqtt", "sftp" };
static const char *const auth_words[] = { [CONFIG_AUTH_NONE] = "none",
	[CONFIG_AUTH_BASIC] = "basic",
	[CONFIG_AUTH_BEARER] = "bearer",
	[CONFIG_AUTH_API_KEY] = "api_key",
	[CONFIG_AUTH_OAUTH2] = "oauth2",
	[CONFIG_AUTH_HMAC] = "hmac",
	[CONFIG_AUTH_SESSION] = "session",
	[CONFIG_AUTH_KEY] = "key" };
#define AUTH_TYPES (sizeof(auth_words) / sizeof(auth_words[0]))

static bool is_set(const cJSON *object, const char *path)
{
	const cJSON *value = json_dotted(object, path);

	return value && !cJSON_IsNull(value);
}

/* "basic, session or key", for an error. */
static void list_types(unsigned types, char *out, size_t size)
{
	struct buf list = BUF_INIT;

	for (size_t i = 0; i < AUTH_TYPES; i++) {
		if (!(types & 1u << i))
			continue;
		types &= ~(1u << i);
		buf_puts(&list, !list.len ? "" : types ? ", " : " or ");
		buf_puts(&list, auth_words[i]);
	}
	(void)text_join(out, size, buf_failed(&list) ? "others" : list.data);
	buf_done(&list);
}

/* --- credentials ------------------------------------------------------------------------------------ */

/* What a type of credentials needs is required, and what it has no use for is refused. */
static const struct part {
	const char *path;
	unsigned types, required;
} parts[] = {
	{ "auth.username", ONE(BASIC) | ONE(SESSION) | ONE(KEY), ONE(BASIC) | ONE(KEY) },
	{ "auth.password", ONE(BASIC) | ONE(SESSION), ONE(BASIC) },
	{ "auth.token", ONE(BEARER), ONE(BEARER) },
	{ "auth.key", ONE(API_KEY) | ONE(HMAC) | ONE(KEY), ONE(API_KEY) | ONE(HMAC) | ONE(KEY) },
	{ "auth.header", ONE(API_KEY) | ONE(HMAC), 0 },
	{ "auth.token_url", ONE(OAUTH2), ONE(OAUTH2) },
	{ "auth.client_id", ONE(OAUTH2), ONE(OAUTH2) },
	{ "auth.client_secret", ONE(OAUTH2), ONE(OAUTH2) },
	{ "auth.scope", ONE(OAUTH2), 0 },
	{ "auth.audience", ONE(OAUTH2), 0 },
	{ "auth.client", ONE(OAUTH2), 0 },
	{ "auth.expiry_skew", ONE(OAUTH2) | ONE(SESSION), 0 },
	{ "auth.hmac", ONE(HMAC), 0 },
};

static int check_part(
	const cJSON *object, const struct part *part, enum config_auth_type type, struct error *err)
{
	char types[64];
	bool is_there = is_set(object, part->path);

	if (is_there && !(part->types & 1u << type)) {
		list_types(part->types, types, sizeof(types));
		return error_set(err, part->path, "is for auth.type %s only, not for %s", types,
			auth_words[type]);
	}
	if (!is_there && part->required & 1u << type)
		return error_set(err, part->path, "required for auth.type %s", auth_words[type]);
	return 0;
}

static int check_auth(
	const cJSON *object, const struct config_destination *destination, struct error *err)
{
	static const unsigned types[CONFIG_KIND_N] = {
		[CONFIG_KIND_HTTP] = ~ONE(KEY),
		[CONFIG_KIND_MQTT] = ONE(NONE) | ONE(BASIC),
		[CONFIG_KIND_SFTP] = ONE(BASIC) | ONE(KEY),
	};
	enum config_auth_type type = destination->auth.type;
	char list[96];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (check_part(object, &parts[i], type, err))
			return -1;
	if (types[destination->kind] & 1u << type)
		return 0;
	list_types(types[destination->kind], list, sizeof(list));
	return error_set(err, "auth.type", "must be %s for kind %s, not %s", list,
		kind_words[destination->kind], auth_words[type]);
}

/* What belongs to one kind of destination. */
static int check_auth_kind(
	const cJSON *object, const struct config_destination *destination, struct error *err)
{
	static const char *const of_http[] = { "auth.csrf", "auth.cookies", "answers" };
	bool is_sftp = destination->kind == CONFIG_KIND_SFTP;

	for (size_t i = 0; i < sizeof(of_http) / sizeof(of_http[0]); i++)
		if (destination->kind != CONFIG_KIND_HTTP && is_set(object, of_http[i]))
			return error_set(err, of_http[i], "is for kind http only, not for %s",
				kind_words[destination->kind]);
	if (!is_sftp && destination->auth.host_key)
		return error_set(err, "auth.host_key", "is for kind sftp only, not for %s",
			kind_words[destination->kind]);
	if (is_set(object, "auth.csrf") && !destination->auth.csrf.path)
		return error_set(err, "auth.csrf.path", "required in auth.csrf");
	return 0;
}

static int check_hmac(const struct config_auth *auth, struct error *err)
{
	if (auth->type == CONFIG_AUTH_HMAC && auth->hmac.signs != CONFIG_HMAC_BODY &&
		!auth->hmac.timestamp_header)
		return error_set(err, "auth.hmac.timestamp_header",
			"required where the timestamp is signed: the other side must know it");
	return 0;
}

/* Defaults of what only some types have: with a fallback they would stand in every printed default. */
static int complete_auth(const cJSON *object, struct config_auth *auth, struct error *err)
{
	const char *header = auth->type == CONFIG_AUTH_API_KEY ? "X-API-Key" : "X-Signature";
	bool has_header = auth->type == CONFIG_AUTH_API_KEY || auth->type == CONFIG_AUTH_HMAC;

	if (!is_set(object, "auth.cookies"))
		auth->keeps_cookies = auth->csrf.path != NULL;
	if (!is_set(object, "auth.expiry_skew"))
		auth->expiry_skew_ms = 30 * SECOND_MS;
	if ((has_header && config_derive_text(&auth->header, header, "", err)) ||
		config_derive_text(&auth->csrf.header, "X-CSRF-Token", "", err) ||
		config_derive_text(&auth->hmac.prefix, "", "", err))
		return -1;
	return config_derive_text(&auth->hmac.separator, ".", "", err);
}

/* --- address ------------------------------------------------------------------------------------------ */

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static int check_scheme(const struct config_destination *destination, struct error *err)
{
	static const struct {
		const char *plain, *tls, *words;
	} schemes[CONFIG_KIND_N] = {
		[CONFIG_KIND_HTTP] = { "http://", "https://", "http:// or https://" },
		[CONFIG_KIND_MQTT] = { "mqtt://", "mqtts://", "mqtt:// or mqtts://" },
		[CONFIG_KIND_SFTP] = { "sftp://", "sftp://", "sftp://" },
	};
	enum config_kind kind = destination->kind;
	bool is_tls = begins_with(destination->url, schemes[kind].tls);

	if (!is_tls && !begins_with(destination->url, schemes[kind].plain))
		return error_set(err, "url", "must begin with %s for kind %s", schemes[kind].words,
			kind_words[kind]);
	if (destination->has_tls && kind == CONFIG_KIND_SFTP)
		return error_set(err, "tls", "is not for kind sftp: see auth.host_key");
	if (destination->has_tls && !is_tls)
		return error_set(err, "tls", "needs an %s url", schemes[kind].tls);
	return 0;
}

static int check_url(const struct config_destination *destination, struct error *err)
{
	const char *path = json_get_string(destination->vars, "path");
	const char *behind = strstr(destination->url, "://") + 3;
	const char *query = strchr(destination->url, '?');

	if (check_scheme(destination, err))
		return -1;
	if (destination->kind != CONFIG_KIND_HTTP && query)
		return error_set(err, "url", "must have no query for kind %s",
			kind_words[destination->kind]);
	behind += strcspn(behind, "/");
	if (destination->kind == CONFIG_KIND_MQTT && *behind && strcmp(behind, "/") != 0)
		return error_set(err, "url",
			"must end behind the host and port for kind mqtt: the topic is the "
			"connector's, see vars");
	if (path && *path && query)
		return error_set(err, "url",
			"has a query, so vars.path can't be appended; put the query into "
			"vars.path");
	return 0;
}

/* --- doubt -------------------------------------------------------------------------------------------- */

static void complete_idempotency(const cJSON *object, struct config_destination *destination)
{
	if (!is_set(object, "idempotency.mode") && destination->kind != CONFIG_KIND_HTTP)
		destination->idempotency = CONFIG_IDEMPOTENCY_NATURAL;
	if (!is_set(object, "idempotency.lifetime") &&
		destination->idempotency == CONFIG_IDEMPOTENCY_HEADER)
		destination->idempotency_lifetime_ms = DAY_MS;
}

static int check_idempotency(const struct config_destination *destination, struct error *err)
{
	enum config_idempotency mode = destination->idempotency;
	const struct id_shape *shape = &destination->idempotency_shape;

	if (destination->kind != CONFIG_KIND_HTTP && mode == CONFIG_IDEMPOTENCY_HEADER)
		return error_set(err, "idempotency.mode",
			"\"header\" is for kind http: %s has none", kind_words[destination->kind]);
	if (destination->kind != CONFIG_KIND_HTTP && mode == CONFIG_IDEMPOTENCY_LOOKUP)
		return error_set(err, "idempotency.mode",
			"\"lookup\" is for kind http: %s can't be asked",
			kind_words[destination->kind]);
	if (shape->format == ID_FORMAT_UUID && shape->length > 0)
		return error_set(err, "idempotency.length",
			"is for idempotency.format hex, alnum or digits: a uuid has 36 characters");
	if (shape->is_quoted && mode != CONFIG_IDEMPOTENCY_HEADER)
		return error_set(err, "idempotency.quoted", "is for idempotency.mode header");
	if (destination->resend_on_doubt && mode != CONFIG_IDEMPOTENCY_NONE)
		return error_set(err, "on_doubt",
			"\"resend\" is for idempotency.mode none: with a key doubt is sent again "
			"anyway, and a lookup asks");
	return 0;
}

static int check_limits(const struct config_destination *destination, struct error *err)
{
	if (destination->retry_max_ms < destination->retry_base_ms)
		return error_set(err, "retry.max", "must not be less than retry.base");
	if (destination->batch_max > 1 && destination->idempotency == CONFIG_IDEMPOTENCY_NONE)
		return error_set(err, "batch.max",
			"must be 1 with idempotency.mode none: a batch in doubt could not be told "
			"from one that was applied; use natural where each record carries its key");
	if (destination->batch_max > 1 && destination->idempotency == CONFIG_IDEMPOTENCY_LOOKUP)
		return error_set(err, "batch.max",
			"must be 1 with idempotency.mode lookup: a batch is not looked up; use "
			"natural where each record carries its key");
	if (destination->answers_remaining && !destination->answers_reset)
		return error_set(err, "answers.reset", "required beside answers.remaining");
	return 0;
}

int config_complete_destination(
	const cJSON *object, struct config_destination *destination, struct error *err)
{
	complete_idempotency(object, destination);
	if (check_auth(object, destination, err) || check_auth_kind(object, destination, err) ||
		check_hmac(&destination->auth, err) || config_check_tls(&destination->tls, err) ||
		check_url(destination, err) || check_idempotency(destination, err) ||
		check_limits(destination, err))
		return -1;
	return complete_auth(object, &destination->auth, err);
}
