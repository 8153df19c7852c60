#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dray/config.h"
#include "dray/json.h"

static cJSON *parse(const char *text)
{
	cJSON *document = cJSON_Parse(text);

	if (!document)
		print_error("no JSON: %s\n", text);
	assert_non_null(document);
	return document;
}

/* `members` of the one destination. */
static cJSON *document_of(const char *members)
{
	char text[4096];
	int len = snprintf(
		text, sizeof(text), "{\"site\":\"s\",\"destinations\":{\"erp\":{%s}}}", members);

	assert_true(len > 0 && (size_t)len < sizeof(text));
	return parse(text);
}

static struct config *build(const char *members)
{
	struct config *config = NULL;
	struct error err = { 0 };
	cJSON *document = document_of(members);
	int result = config_build(document, &config, &err);

	cJSON_Delete(document);
	if (result)
		print_error("%s\n%s: %s\n", members, err.path, err.message);
	assert_int_equal(result, 0);
	return config;
}

static void assert_document_refused(cJSON *document, const char *path, const char *words)
{
	struct config *config = NULL;
	struct error err = { 0 };
	char below[256];
	int result = config_build(document, &config, &err);

	(void)snprintf(below, sizeof(below), "destinations.erp.%s", path);
	cJSON_Delete(document);
	if (!result || strcmp(err.path, below) != 0 || !strstr(err.message, words))
		print_error("wanted %s: %s\n   got %s: %s\n", below, words, err.path, err.message);
	assert_int_equal(result, -1);
	assert_null(config);
	assert_string_equal(err.path, below);
	assert_non_null(strstr(err.message, words));
}

#define HTTP "\"url\":\"https://h/api\","
#define MQTT "\"kind\":\"mqtt\",\"url\":\"mqtts://broker:8883\","
#define HOST_KEY "\"host_key\":\"0123456789abcdefghijklmnopqrstuvwxyzABCDE+/\""
#define SFTP_AUTH(members) \
	"\"auth\":{\"type\":\"key\",\"username\":\"u\",\"key\":{\"file\":\"k\"}" members "}"
#define SFTP "\"kind\":\"sftp\",\"url\":\"sftp://h/in/\"," SFTP_AUTH("," HOST_KEY)
#define AUTH(type, members) "\"auth\":{\"type\":\"" type "\"" members "}"
#define SECRET(name) ",\"" name "\":{\"file\":\"f\"}"
#define OAUTH2 ",\"token_url\":\"https://h/token\",\"client_id\":\"dray\"" SECRET("client_secret")

static void test_defaults_of_what_only_some_destinations_have(void **state)
{
	struct config *config = build(HTTP "\"timeout\":\"5s\"");
	const struct config_destination *erp = &config->destinations[0];
	(void)state;

	assert_int_equal(erp->kind, CONFIG_KIND_HTTP);
	assert_null(erp->account);
	assert_int_equal(erp->auth.expiry_skew_ms, 30000);
	assert_false(erp->auth.client_in_body);
	assert_int_equal(erp->auth.hmac.hash, CONFIG_HMAC_SHA256);
	assert_int_equal(erp->auth.hmac.encoding, CONFIG_HMAC_HEX);
	assert_int_equal(erp->auth.hmac.signs, CONFIG_HMAC_BODY);
	assert_string_equal(erp->auth.hmac.prefix, "");
	assert_string_equal(erp->auth.hmac.separator, ".");
	assert_null(erp->auth.hmac.timestamp_header);
	assert_null(erp->auth.csrf.path);
	assert_string_equal(erp->auth.csrf.header, "X-CSRF-Token");
	assert_false(erp->auth.keeps_cookies);
	assert_int_equal(erp->looks, 5);
	assert_int_equal(erp->batch_kind, CONFIG_BATCH_PARTIAL);
	assert_int_equal(erp->idempotency_shape.format, ID_FORMAT_UUID);
	assert_int_equal(erp->idempotency_shape.length, 0);
	assert_false(erp->idempotency_shape.is_quoted);
	assert_null(erp->answers_done);
	assert_null(erp->answers_wait);
	config_free(config);
}

static void test_mode_and_lifetime_follow_the_kind(void **state)
{
	static const struct {
		const char *members;
		enum config_idempotency mode;
		int64_t lifetime_ms;
	} rows[] = {
		{ HTTP "\"looks\":1", CONFIG_IDEMPOTENCY_HEADER, 86400000 },
		{ MQTT "\"looks\":1", CONFIG_IDEMPOTENCY_NATURAL, 0 },
		{ SFTP, CONFIG_IDEMPOTENCY_NATURAL, 0 },
		{ HTTP "\"idempotency\":{\"mode\":\"natural\"}", CONFIG_IDEMPOTENCY_NATURAL, 0 },
		{ HTTP "\"idempotency\":{\"mode\":\"lookup\"}", CONFIG_IDEMPOTENCY_LOOKUP, 0 },
		{ HTTP "\"idempotency\":{\"mode\":\"none\"}", CONFIG_IDEMPOTENCY_NONE, 0 },
		{ HTTP "\"idempotency\":{\"mode\":\"header\",\"lifetime\":\"0s\"}",
			CONFIG_IDEMPOTENCY_HEADER, 0 },
		{ HTTP "\"idempotency\":{\"mode\":null,\"lifetime\":null}",
			CONFIG_IDEMPOTENCY_HEADER, 86400000 },
		{ HTTP "\"idempotency\":{\"mode\":\"natural\",\"lifetime\":\"2d\"}",
			CONFIG_IDEMPOTENCY_NATURAL, 2 * 86400000 },
		{ MQTT "\"idempotency\":{\"mode\":\"none\"}", CONFIG_IDEMPOTENCY_NONE, 0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *config = build(rows[i].members);
		assert_int_equal(config->destinations[0].idempotency, rows[i].mode);
		assert_int_equal(
			config->destinations[0].idempotency_lifetime_ms, rows[i].lifetime_ms);
		config_free(config);
	}
}

static void test_every_type_of_credentials_is_read(void **state)
{
	static const struct {
		const char *members;
		enum config_auth_type type;
	} rows[] = {
		{ HTTP AUTH("none", ""), CONFIG_AUTH_NONE },
		{ HTTP AUTH("basic", ",\"username\":\"u\"" SECRET("password")), CONFIG_AUTH_BASIC },
		{ HTTP AUTH("bearer", SECRET("token")), CONFIG_AUTH_BEARER },
		{ HTTP AUTH("api_key", SECRET("key")), CONFIG_AUTH_API_KEY },
		{ HTTP AUTH("oauth2", OAUTH2), CONFIG_AUTH_OAUTH2 },
		{ HTTP AUTH("hmac", SECRET("key")), CONFIG_AUTH_HMAC },
		{ HTTP AUTH("session", ""), CONFIG_AUTH_SESSION },
		{ HTTP AUTH("session",
			  ",\"username\":\"u\",\"expiry_skew\":\"1m\"" SECRET("password")),
			CONFIG_AUTH_SESSION },
		{ MQTT AUTH("basic", ",\"username\":\"u\"" SECRET("password")), CONFIG_AUTH_BASIC },
		{ SFTP, CONFIG_AUTH_KEY },
		{ "\"kind\":\"sftp\",\"url\":\"sftp://h:2222/in\"," AUTH(
			  "basic", ",\"username\":\"u\"," HOST_KEY SECRET("password")),
			CONFIG_AUTH_BASIC },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *config = build(rows[i].members);
		assert_int_equal(config->destinations[0].auth.type, rows[i].type);
		config_free(config);
	}
}

static void test_members_of_credentials_are_read(void **state)
{
	struct config *config = build(HTTP AUTH("oauth2",
		OAUTH2 ",\"scope\":\"a b\",\"audience\":\"x\",\"client\":\"body\","
		       "\"expiry_skew\":\"90s\",\"csrf\":{\"path\":\"/t?x=1\"}"));
	const struct config_auth *auth = &config->destinations[0].auth;
	(void)state;

	assert_string_equal(auth->token_url, "https://h/token");
	assert_string_equal(auth->client_id, "dray");
	assert_string_equal(auth->client_secret.file, "f");
	assert_string_equal(auth->scope, "a b");
	assert_string_equal(auth->audience, "x");
	assert_true(auth->client_in_body);
	assert_int_equal(auth->expiry_skew_ms, 90000);
	assert_string_equal(auth->csrf.path, "/t?x=1");
	assert_string_equal(auth->csrf.header, "X-CSRF-Token");
	assert_true(auth->keeps_cookies);
	config_free(config);
	config = build(HTTP AUTH("hmac",
		SECRET("key") ",\"cookies\":false,\"csrf\":{\"path\":\"/\",\"header\":\"T\"},"
			      "\"hmac\":{\"hash\":\"sha512\",\"encoding\":\"base64\","
			      "\"signs\":\"timestamp_method_path_body\",\"prefix\":\"v1=\","
			      "\"separator\":\"\",\"timestamp_header\":\"X-Time\"}"));
	auth = &config->destinations[0].auth;
	assert_string_equal(auth->header, "X-Signature");
	assert_int_equal(auth->hmac.hash, CONFIG_HMAC_SHA512);
	assert_int_equal(auth->hmac.encoding, CONFIG_HMAC_BASE64);
	assert_int_equal(auth->hmac.signs, CONFIG_HMAC_TIMESTAMP_METHOD_PATH_BODY);
	assert_string_equal(auth->hmac.prefix, "v1=");
	assert_string_equal(auth->hmac.separator, "");
	assert_string_equal(auth->hmac.timestamp_header, "X-Time");
	assert_string_equal(auth->csrf.header, "T");
	assert_false(auth->keeps_cookies);
	config_free(config);
}

static void test_batch_key_and_answers_are_read(void **state)
{
	struct config *config = build(
		HTTP "\"account\":\"sap\",\"looks\":9,\"batch\":{\"max\":50,\"kind\":\"atomic\"},"
		     "\"idempotency\":{\"format\":\"digits\",\"length\":20,\"quoted\":true},"
		     "\"answers\":{\"done\":[409,412],\"wait\":\"X-Retry-After\","
		     "\"remaining\":\"X-Left\",\"reset\":\"X-Reset\"}");
	const struct config_destination *erp = &config->destinations[0];
	(void)state;

	assert_string_equal(erp->account, "sap");
	assert_int_equal(erp->looks, 9);
	assert_int_equal(erp->batch_kind, CONFIG_BATCH_ATOMIC);
	assert_int_equal(erp->idempotency_shape.format, ID_FORMAT_DIGITS);
	assert_int_equal(erp->idempotency_shape.length, 20);
	assert_true(erp->idempotency_shape.is_quoted);
	assert_int_equal(cJSON_GetArraySize(erp->answers_done), 2);
	assert_int_equal(cJSON_GetArrayItem(erp->answers_done, 1)->valueint, 412);
	assert_string_equal(erp->answers_wait, "X-Retry-After");
	assert_string_equal(erp->answers_remaining, "X-Left");
	assert_string_equal(erp->answers_reset, "X-Reset");
	config_free(config);
}

static const struct {
	const char *members, *path, *words;
} bounds[] = {
	{ HTTP "\"kind\":\"ftp\"", "kind", "http, mqtt, sftp" },
	{ HTTP "\"account\":\"a b\"", "account", "" },
	{ HTTP "\"looks\":0", "looks", "" },
	{ HTTP "\"looks\":101", "looks", "" },
	{ HTTP "\"batch\":{\"kind\":\"all\"}", "batch.kind", "partial, ordered, atomic" },
	{ HTTP "\"idempotency\":{\"format\":\"base64\"}", "idempotency.format", "" },
	{ HTTP "\"idempotency\":{\"format\":\"hex\",\"length\":7}", "idempotency.length", "" },
	{ HTTP "\"idempotency\":{\"format\":\"hex\",\"length\":65}", "idempotency.length", "" },
	{ HTTP "\"idempotency\":{\"quoted\":1}", "idempotency.quoted", "" },
	{ HTTP "\"answers\":{\"done\":409}", "answers.done", "a list" },
	{ HTTP "\"answers\":{\"done\":[\"409\"]}", "answers.done", "between 300 and 599" },
	{ HTTP "\"answers\":{\"done\":[299]}", "answers.done", "" },
	{ HTTP "\"answers\":{\"done\":[600]}", "answers.done", "" },
	{ HTTP "\"answers\":{\"done\":[409.5]}", "answers.done", "" },
	{ HTTP "\"answers\":{\"done\":[1e300]}", "answers.done", "" },
	{ HTTP "\"answers\":{\"wait\":\"a b\"}", "answers.wait", "" },
	{ HTTP "\"answers\":{\"remaining\":\"\"}", "answers.remaining", "" },
	{ HTTP "\"answers\":{\"reset\":\"a:\"}", "answers.reset", "" },
	{ HTTP AUTH("oauth2", ",\"token_url\":\"mqtt://h\"" OAUTH2), "auth.token_url", "" },
	{ HTTP AUTH("oauth2", OAUTH2 ",\"client\":\"post\""), "auth.client", "basic, body" },
	{ HTTP AUTH("oauth2", OAUTH2 ",\"expiry_skew\":\"2h\""), "auth.expiry_skew", "" },
	{ HTTP AUTH("oauth2", OAUTH2 ",\"scope\":\"a\\nb\""), "auth.scope", "" },
	{ HTTP AUTH("hmac", SECRET("key") ",\"hmac\":{\"hash\":\"md5\"}"), "auth.hmac.hash", "" },
	{ HTTP AUTH("hmac", SECRET("key") ",\"hmac\":{\"encoding\":\"x\"}"), "auth.hmac.encoding",
		"" },
	{ HTTP AUTH("hmac", SECRET("key") ",\"hmac\":{\"signs\":\"x\"}"), "auth.hmac.signs", "" },
	{ HTTP AUTH("hmac", SECRET("key") ",\"hmac\":{\"prefix\":\"a b\"}"), "auth.hmac.prefix",
		"" },
	{ HTTP AUTH("hmac", SECRET("key") ",\"hmac\":{\"separator\":\"123456789\"}"),
		"auth.hmac.separator", "" },
	{ HTTP AUTH("hmac", SECRET("key") ",\"hmac\":{\"timestamp_header\":\"a b\"}"),
		"auth.hmac.timestamp_header", "" },
	{ HTTP AUTH("hmac", SECRET("key") ",\"hmac\":{\"salt\":\"a\"}"), "auth.hmac.salt",
		"unknown key" },
	{ HTTP AUTH("none", ",\"csrf\":{\"path\":\"t\"}"), "auth.csrf.path", "" },
	{ HTTP AUTH("none", ",\"csrf\":{\"path\":\"/\",\"header\":\"a b\"}"), "auth.csrf.header",
		"" },
	{ "\"kind\":\"sftp\",\"url\":\"sftp://h/\"," SFTP_AUTH(",\"host_key\":\"SHA256:x\""),
		"auth.host_key", "" },
	{ "\"kind\":\"mqtt\",\"url\":\"mqtt://\"", "url", "" },
};

static void test_every_bound_is_refused_with_its_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		assert_document_refused(
			document_of(bounds[i].members), bounds[i].path, bounds[i].words);
}

static const struct {
	const char *members, *path, *words;
} pairs[] = {
	/* What a type needs, and what it has no use for. */
	{ HTTP AUTH("oauth2", ""), "auth.token_url", "required for auth.type oauth2" },
	{ HTTP AUTH("oauth2", ",\"token_url\":\"https://h\""), "auth.client_id", "required" },
	{ HTTP AUTH("oauth2", ",\"token_url\":\"https://h\",\"client_id\":\"x\""),
		"auth.client_secret", "required" },
	{ HTTP AUTH("hmac", ""), "auth.key", "required for auth.type hmac" },
	{ HTTP AUTH("bearer", SECRET("token") ",\"username\":\"u\""), "auth.username",
		"is for auth.type basic, session or key only, not for bearer" },
	{ HTTP AUTH("session", ",\"scope\":\"x\""), "auth.scope", "auth.type oauth2 only" },
	{ HTTP AUTH("basic", ",\"client\":\"body\",\"username\":\"u\"" SECRET("password")),
		"auth.client", "auth.type oauth2 only" },
	{ HTTP AUTH("bearer", SECRET("token") ",\"expiry_skew\":\"1s\""), "auth.expiry_skew",
		"oauth2 or session" },
	{ HTTP AUTH("none", ",\"hmac\":{}"), "auth.hmac", "auth.type hmac only" },
	{ HTTP AUTH("hmac", SECRET("key") ",\"hmac\":{\"signs\":\"timestamp_body\"}"),
		"auth.hmac.timestamp_header", "required" },
	{ HTTP AUTH("none", ",\"csrf\":{}"), "auth.csrf.path", "required" },
	/* What a kind has no use for. */
	{ HTTP AUTH("key", ",\"username\":\"u\"" SECRET("key")), "auth.type",
		"for kind http, not key" },
	{ MQTT AUTH("bearer", SECRET("token")), "auth.type",
		"must be none or basic for kind mqtt" },
	{ "\"kind\":\"sftp\",\"url\":\"sftp://h/\"", "auth.type",
		"must be basic or key for kind sftp, not none" },
	{ HTTP "\"auth\":{" HOST_KEY "}", "auth.host_key", "kind sftp only" },
	{ MQTT AUTH("none", ",\"csrf\":{\"path\":\"/\"}"), "auth.csrf", "kind http only" },
	{ MQTT AUTH("none", ",\"cookies\":true"), "auth.cookies", "kind http only" },
	{ SFTP ",\"answers\":{\"done\":[409]}", "answers", "kind http only, not for sftp" },
	{ MQTT "\"idempotency\":{\"mode\":\"header\"}", "idempotency.mode", "kind http" },
	{ SFTP ",\"idempotency\":{\"mode\":\"lookup\"}", "idempotency.mode", "kind http" },
	/* Addresses. */
	{ "\"url\":\"mqtt://h\"", "url", "must begin with http:// or https:// for kind http" },
	{ "\"kind\":\"mqtt\",\"url\":\"https://h\"", "url", "mqtt:// or mqtts://" },
	{ "\"kind\":\"sftp\",\"url\":\"http://h\"," SFTP_AUTH("," HOST_KEY), "url", "sftp://" },
	{ "\"kind\":\"mqtt\",\"url\":\"mqtt://h/topic\"", "url", "must end behind" },
	{ "\"kind\":\"sftp\",\"url\":\"sftp://h/?a=b\"," SFTP_AUTH("," HOST_KEY), "url",
		"must have no query" },
	{ "\"kind\":\"mqtt\",\"url\":\"mqtt://h\",\"tls\":{}", "tls", "needs an mqtts:// url" },
	{ "\"url\":\"http://h\",\"tls\":{}", "tls", "needs an https:// url" },
	{ SFTP ",\"tls\":{}", "tls", "auth.host_key" },
	/* Doubt. */
	{ HTTP "\"batch\":{\"max\":2},\"idempotency\":{\"mode\":\"lookup\"}", "batch.max",
		"a batch is not looked up" },
	{ HTTP "\"batch\":{\"max\":2},\"idempotency\":{\"mode\":\"none\"}", "batch.max",
		"each record carries its key" },
	{ HTTP "\"on_doubt\":\"resend\",\"idempotency\":{\"mode\":\"lookup\"}", "on_doubt",
		"idempotency.mode none" },
	{ HTTP "\"idempotency\":{\"length\":20}", "idempotency.length", "hex, alnum or digits" },
	{ HTTP "\"idempotency\":{\"mode\":\"natural\",\"quoted\":true}", "idempotency.quoted",
		"mode header" },
	{ HTTP "\"answers\":{\"remaining\":\"X\"}", "answers.reset", "required" },
};

static void test_what_does_not_go_together_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_document_refused(
			document_of(pairs[i].members), pairs[i].path, pairs[i].words);
}

static void test_batch_goes_with_a_key_for_it_or_for_each_record(void **state)
{
	(void)state;
	config_free(build(HTTP "\"batch\":{\"max\":2},\"idempotency\":{\"mode\":\"natural\"}"));
	config_free(build(HTTP "\"batch\":{\"max\":2}"));
	config_free(build(MQTT "\"batch\":{\"max\":2}"));
}

static void test_an_account_has_one_limit(void **state)
{
	static const char form[] =
		"{\"site\":\"s\",\"destinations\":{"
		"\"crm\":{\"url\":\"http://h\",\"account\":\"sap\",\"rate\":\"5/s\"},"
		"\"erp\":{\"url\":\"http://h\",\"account\":\"%s\",%s}}}";
	char text[512];
	struct config *config = NULL;
	(void)state;

	(void)snprintf(text, sizeof(text), form, "sap", "\"rate\":\"5/s\",\"concurrency\":2");
	assert_document_refused(parse(text), "account", "destination crm");
	(void)snprintf(text, sizeof(text), form, "sap", "\"rate\":\"6/s\"");
	assert_document_refused(parse(text), "account", "");
	for (int i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof(text), form, i ? "sap" : "other",
			i ? "\"rate\":\"300/m\"" : "\"rate\":\"1/h\"");
		cJSON *document = parse(text);
		assert_int_equal(config_build(document, &config, NULL), 0);
		config_free(config);
		cJSON_Delete(document);
	}
}

/* --- what connectors declare ------------------------------------------------------------------------- */

static const cJSON *find(void *ctx, const char *name)
{
	return json_get(ctx, name);
}

/* The one destination as a text, members sorted. */
static void assert_applied(const char *connectors, const char *members, const char *expected)
{
	cJSON *known = parse(connectors), *document = document_of(members);
	struct error err = { 0 };
	struct buf got = BUF_INIT;

	assert_int_equal(config_apply_connectors(document, find, known, &err), 0);
	json_print_sorted(json_dotted(document, "destinations.erp"), &got);
	assert_string_equal(got.data, expected);
	buf_done(&got);
	cJSON_Delete(document);
	cJSON_Delete(known);
}

#define ACME                                                                              \
	"{\"acme\":{\"name\":\"acme\",\"version\":1,\"title\":\"t\",\"vars\":{\"a\":{}}," \
	"\"request\":{},\"serial\":true,\"settle\":\"2m\",\"batch\":{\"max\":5,"          \
	"\"linger\":\"1s\"},\"auth\":{\"type\":\"oauth2\",\"scope\":\"x\"}},"             \
	"\"rest\":{\"name\":\"rest\",\"timeout\":\"7s\"}}"

static void test_a_destination_begins_with_what_its_connector_declares(void **state)
{
	static const struct {
		const char *members, *expected;
	} rows[] = {
		{ "\"connector\":\"acme\"",
			"{\"auth\":{\"scope\":\"x\",\"type\":\"oauth2\"},"
			"\"batch\":{\"linger\":\"1s\",\"max\":5},\"connector\":\"acme\","
			"\"settle\":\"2m\"}" },
		{ "\"connector\":\"acme\",\"batch\":{\"max\":1},\"settle\":null,"
		  "\"vars\":{\"a\":1},\"auth\":{\"client_id\":\"c\"}",
			"{\"auth\":{\"client_id\":\"c\",\"scope\":\"x\",\"type\":\"oauth2\"},"
			"\"batch\":{\"linger\":\"1s\",\"max\":1},\"connector\":\"acme\","
			"\"vars\":{\"a\":1}}" },
		{ "\"connector\":\"acme\",\"batch\":null,\"settle\":null,"
		  "\"auth\":{\"type\":\"bearer\",\"token\":{\"file\":\"t\"}}",
			"{\"auth\":{\"token\":{\"file\":\"t\"},\"type\":\"bearer\"},"
			"\"connector\":\"acme\"}" },
		{ "\"connector\":\"unknown\",\"looks\":1",
			"{\"connector\":\"unknown\",\"looks\":1}" },
		{ "\"looks\":1", "{\"looks\":1,\"timeout\":\"7s\"}" },
		{ "\"connector\":null", "{\"timeout\":\"7s\"}" },
		{ "\"connector\":7", "{\"connector\":7}" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_applied(ACME, rows[i].members, rows[i].expected);
}

static void test_documents_without_destinations_stay_as_they_are(void **state)
{
	static const char *const texts[] = { "[]", "{}", "{\"destinations\":7}",
		"{\"destinations\":{}}", "{\"destinations\":{\"erp\":null,\"tms\":7}}" };
	cJSON *known = parse(ACME);
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cJSON *document = parse(texts[i]);
		struct buf got = BUF_INIT;
		assert_int_equal(config_apply_connectors(document, find, known, NULL), 0);
		json_print(document, &got);
		assert_string_equal(got.data, texts[i]);
		buf_done(&got);
		cJSON_Delete(document);
	}
	cJSON_Delete(known);
}

static void assert_blamed(
	const char *connectors, const char *members, const char *path, const char *words)
{
	cJSON *known = parse(connectors), *site = document_of(members);
	cJSON *document = cJSON_Duplicate(site, true);
	struct config *config = NULL;
	struct error err = { 0 };

	assert_int_equal(config_apply_connectors(document, find, known, &err), 0);
	assert_int_equal(config_build(document, &config, &err), -1);
	config_blame_connector(site, document, &err);
	assert_string_equal(err.path, path);
	if (!strstr(err.message, words))
		print_error("%s\n", err.message);
	assert_non_null(strstr(err.message, words));
	if (!*words)
		assert_null(strstr(err.message, "connector"));
	cJSON_Delete(document);
	cJSON_Delete(site);
	cJSON_Delete(known);
}

static void test_what_is_wrong_in_a_declaration_names_the_connector(void **state)
{
	static const char said[] = "(declared by connector acme, not by the site)";
	(void)state;

	assert_blamed("{\"acme\":{\"retry\":{\"max\":\"9d\"}}}", HTTP "\"connector\":\"acme\"",
		"destinations.erp.retry.max", said);
	assert_blamed("{\"acme\":{\"colour\":1}}", HTTP "\"connector\":\"acme\"",
		"destinations.erp.colour", said);
	assert_blamed("{\"acme\":{\"batch\":{\"max\":7}}}",
		HTTP "\"connector\":\"acme\",\"idempotency\":{\"mode\":\"none\"}",
		"destinations.erp.batch.max", said);
	assert_blamed("{\"acme\":{\"retry\":{\"max\":\"9d\"}}}",
		HTTP "\"connector\":\"acme\",\"retry\":{\"max\":\"8d\"}",
		"destinations.erp.retry.max", "");
	assert_blamed("{\"acme\":{\"retry\":{}}}", "\"connector\":\"acme\"", "destinations.erp.url",
		"required");
}

static void test_a_declaration_is_judged_without_a_site(void **state)
{
	static const struct {
		const char *declaration, *path; /* NULL: it is good */
	} rows[] = {
		{ "{\"name\":\"a\",\"timeout\":\"5s\"}", NULL },
		{ "{\"name\":\"a\",\"auth\":{\"type\":\"basic\"}}", NULL },
		{ "{\"name\":\"a\",\"kind\":\"sftp\",\"auth\":{\"type\":\"key\"}}", NULL },
		{ "{\"name\":\"a\",\"timeuot\":\"5s\"}", "timeuot" },
		{ "{\"name\":\"a\",\"timeout\":\"5x\"}", "timeout" },
		{ "{\"name\":\"a\",\"auth\":{\"type\":\"oauth3\"}}", "auth.type" },
		{ "{\"name\":\"a\",\"kind\":\"pigeon\"}", "kind" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { 0 };
		cJSON *declaration = cJSON_Parse(rows[i].declaration);
		int status = config_check_declaration(declaration, &err);

		cJSON_Delete(declaration);
		assert_int_equal(status, rows[i].path ? -1 : 0);
		assert_string_equal(err.path, rows[i].path ? rows[i].path : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_of_what_only_some_destinations_have),
		cmocka_unit_test(test_mode_and_lifetime_follow_the_kind),
		cmocka_unit_test(test_every_type_of_credentials_is_read),
		cmocka_unit_test(test_members_of_credentials_are_read),
		cmocka_unit_test(test_batch_key_and_answers_are_read),
		cmocka_unit_test(test_every_bound_is_refused_with_its_path),
		cmocka_unit_test(test_what_does_not_go_together_is_refused),
		cmocka_unit_test(test_batch_goes_with_a_key_for_it_or_for_each_record),
		cmocka_unit_test(test_an_account_has_one_limit),
		cmocka_unit_test(test_a_destination_begins_with_what_its_connector_declares),
		cmocka_unit_test(test_documents_without_destinations_stay_as_they_are),
		cmocka_unit_test(test_what_is_wrong_in_a_declaration_names_the_connector),
		cmocka_unit_test(test_a_declaration_is_judged_without_a_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
