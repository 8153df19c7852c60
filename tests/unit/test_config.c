#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "dray/config.h"
#include "dray/json.h"

static const struct json_limits limits = {
	.max_bytes = 1 << 20, .max_depth = 32, .max_members = 10000, .comments = true
};

static cJSON *parse(const char *text)
{
	struct buf scratch = BUF_INIT;
	struct json_error flaw = { 0 };
	cJSON *document = json_parse(text, strlen(text), &limits, &scratch, &flaw);

	buf_done(&scratch);
	if (!document)
		print_error("%u:%u %s in %s\n", flaw.line, flaw.column, flaw.message, text);
	assert_non_null(document);
	return document;
}

static struct config *build(const char *text)
{
	struct config *config = NULL;
	struct error err = { 0 };
	cJSON *document = parse(text);
	int result = config_build(document, &config, &err);

	cJSON_Delete(document);
	if (result)
		print_error("%s: %s\n", err.path, err.message);
	assert_int_equal(result, 0);
	return config;
}

static void assert_refused(const char *text, const char *path, const char *words)
{
	struct config *config = NULL;
	struct error err = { 0 };
	cJSON *document = parse(text);
	int result = config_build(document, &config, &err);

	cJSON_Delete(document);
	if (!result || strcmp(err.path, path) != 0 || !strstr(err.message, words))
		print_error("%s\n  gave \"%s\": %s\n", text, err.path, err.message);
	assert_int_equal(result, -1);
	assert_null(config);
	assert_string_equal(err.path, path);
	assert_non_null(strstr(err.message, words));
}

static void test_a_site_alone_is_a_configuration(void **state)
{
	struct config *config = build("{\"site\":\"dc-muc-1\"}");
	(void)state;

	assert_string_equal(config->timezone, "UTC");
	assert_string_equal(config->state_dir, "/var/lib/dray");
	assert_string_equal(config->control.socket, "/run/dray/control.sock");
	assert_null(config->control.group);
	assert_int_equal(config->log.level, CONFIG_LOG_INFO);
	assert_int_equal(config->log.format, CONFIG_LOG_TEXT);
	assert_int_equal(config->store.max_bytes, INT64_C(4) << 30);
	assert_int_equal(config->store.reserve_bytes, 16 << 20);
	assert_int_equal(config->store.retain_ms, INT64_C(30) * 86400000);
	assert_int_equal(config->store.max_turn_events, 1000);
	assert_int_equal(config->limits.max_bytes, 256 << 10);
	assert_int_equal(config->limits.max_depth, 32);
	assert_int_equal(config->limits.max_lines, 500);
	assert_string_equal(config->mqtt.host, "127.0.0.1");
	assert_int_equal(config->mqtt.port, 1883);
	assert_string_equal(config->mqtt.client_id, "drayd-dc-muc-1");
	assert_string_equal(config->mqtt.root, "dray/v1");
	assert_false(config->mqtt.has_tls);
	assert_int_equal(config->mqtt.keepalive_ms, 30000);
	assert_int_equal(config->mqtt.session_expiry_ms, INT64_C(30) * 86400000);
	assert_int_equal(config->mqtt.receive_maximum, 65535);
	assert_null(config->listen.address);
	assert_int_equal(config->n_sources, 1);
	assert_string_equal(config->sources[0].name, "handhelds");
	assert_string_equal(config->sources[0].topic, "dray/v1/+/event/#");
	assert_int_equal(config->n_destinations, 0);
	assert_int_equal(config->n_routes, 0);
	assert_int_equal(config->sla_critical_ms, 30 * 60000);
	assert_int_equal(config->sla_normal_ms, 4 * 3600000);
	assert_int_equal(config->sla_low_ms, 3 * 86400000);
	config_free(config);
}

static void test_a_destination_has_the_defaults_of_the_design(void **state)
{
	struct config *config =
		build("{\"site\":\"s\",\"destinations\":{\"erp\":{\"url\":\"https://h/api\"}}}");
	const struct config_destination *erp = &config->destinations[0];
	(void)state;

	assert_string_equal(erp->name, "erp");
	assert_string_equal(erp->connector, "rest");
	assert_int_equal(erp->auth.type, CONFIG_AUTH_NONE);
	assert_false(erp->has_tls);
	assert_true(cJSON_IsObject(erp->vars));
	assert_int_equal(erp->concurrency, 8);
	assert_int_equal(erp->rate_per_hour, 0);
	assert_int_equal(erp->timeout_ms, 30000);
	assert_int_equal(erp->settle_ms, 60000);
	assert_int_equal(erp->retry_base_ms, 1000);
	assert_int_equal(erp->retry_max_ms, 900000);
	assert_int_equal(erp->retry_give_up_ms, INT64_C(14) * 86400000);
	assert_int_equal(erp->batch_max, 1);
	assert_int_equal(erp->batch_max_bytes, 1 << 20);
	assert_int_equal(erp->batch_linger_ms, 0);
	assert_int_equal(erp->order, CONFIG_ORDER_DOCUMENT);
	assert_false(erp->exception_passes);
	assert_int_equal(erp->idempotency, CONFIG_IDEMPOTENCY_HEADER);
	assert_string_equal(erp->idempotency_header, "Idempotency-Key");
	assert_int_equal(erp->idempotency_lifetime_ms, 86400000);
	assert_false(erp->resend_on_doubt);
	assert_int_equal(erp->breaker_failures, 5);
	assert_int_equal(erp->breaker_probe_ms, 30000);
	config_free(config);
}

static const char example[] =
	"// comments are allowed\n"
	"{\"site\":\"dc-muc-1\",\"timezone\":\"Europe/Berlin\",\"state_dir\":\"/var/lib/dray\","
	"\"control\":{\"socket\":\"/run/dray/control.sock\",\"group\":\"dray\"},"
	"\"log\":{\"level\":\"debug\",\"format\":\"json\"},"
	"\"store\":{\"max_bytes\":\"2GiB\",\"reserve\":1048576,\"retain\":\"72h\","
	"\"max_turn_events\":200},"
	"\"mqtt\":{\"host\":\"broker.local\",\"client_id\":\"agent\",\"root\":\"wh\","
	"\"username\":\"drayd\",\"password\":{\"file\":\"mqtt-password\"},"
	"\"tls\":{\"ca\":\"/etc/dray/ca.pem\",\"cert\":\"/etc/dray/c.pem\","
	"\"key\":{\"file\":\"k.pem\"}},\"keepalive\":\"60s\"},"
	"\"sources\":{\"z\":{\"topic\":\"zebra/+/tevents\"},"
	"\"handhelds\":{\"on_invalid\":\"accept\",\"ack_delivered\":true}},"
	"\"listen\":{\"address\":\"127.0.0.1:8750\"},"
	"\"destinations\":{\"tms\":{\"url\":\"http://tms:8080\",\"order_by\":\"/data/shipment\","
	"\"on_exception\":\"pass\",\"idempotency\":{\"mode\":\"none\"},\"on_doubt\":\"resend\","
	"\"auth\":{\"type\":\"api_key\",\"key\":{\"file\":\"tms-key\"}}},"
	"\"erp\":{\"kind\":\"http\",\"connector\":\"cloudevents\","
	"\"url\":\"https://erp.example.com/api\",\"tls\":{\"ca\":\"/etc/dray/erp.pem\"},"
	"\"auth\":{\"type\":\"basic\",\"username\":\"u\",\"password\":{\"file\":\"p\"}},"
	"\"vars\":{\"company\":\"ACME\",\"path\":\"/events\"},\"rate\":\"20/s\","
	"\"retry\":{\"give_up\":\"0s\"},\"batch\":{\"max\":50,\"linger\":\"250ms\"}}},"
	"\"routes\":{\"shipping\":{\"when\":{\"type\":[\"pick\",\"ship\"],\"data.carrier\":true},"
	"\"to\":[\"tms\",\"erp\"],\"lane\":\"bulk\"},"
	"\"receipts\":{\"when\":{\"type\":\"receipt\"},\"to\":[\"erp\"],\"lane\":\"critical\"}},"
	"\"exceptions\":{\"sla\":{\"critical\":\"10m\"}}}";

static void test_the_shape_of_the_example_is_read(void **state)
{
	struct config *config = build(example);
	const struct config_destination *erp = &config->destinations[0];
	const struct config_destination *tms = &config->destinations[1];
	(void)state;

	assert_string_equal(config->control.group, "dray");
	assert_int_equal(config->store.reserve_bytes, 1048576);
	assert_true(config->mqtt.has_tls);
	assert_int_equal(config->mqtt.port, 8883);
	assert_string_equal(config->mqtt.password.file, "mqtt-password");
	assert_string_equal(config->mqtt.tls.key.file, "k.pem");
	assert_string_equal(config->sources[0].name, "handhelds");
	assert_string_equal(config->sources[0].topic, "wh/+/event/#");
	assert_int_equal(config->sources[0].on_invalid, CONFIG_INVALID_ACCEPT);
	assert_true(config->sources[0].ack_delivered);
	assert_string_equal(config->sources[1].topic, "zebra/+/tevents");
	assert_string_equal(config->listen.address, "127.0.0.1:8750");
	assert_string_equal(erp->name, "erp");
	assert_int_equal(erp->auth.type, CONFIG_AUTH_BASIC);
	assert_int_equal(erp->rate_per_hour, 72000);
	assert_int_equal(erp->retry_give_up_ms, 0);
	assert_int_equal(erp->batch_linger_ms, 250);
	assert_string_equal(json_get_string(erp->vars, "company"), "ACME");
	assert_string_equal(tms->auth.header, "X-API-Key");
	assert_int_equal(tms->order, CONFIG_ORDER_POINTER);
	assert_string_equal(tms->order_pointer, "/data/shipment");
	assert_true(tms->exception_passes);
	assert_true(tms->resend_on_doubt);
	assert_string_equal(config->routes[0].name, "receipts");
	assert_int_equal(config->routes[0].lane, CONFIG_LANE_CRITICAL);
	assert_int_equal(config->routes[1].n_to, 2);
	assert_int_equal(config->routes[1].to[0], 1);
	assert_int_equal(config->routes[1].to[1], 0);
	assert_int_equal(config->sla_critical_ms, 600000);
	config_free(config);
}

#define TOP(text) "{\"site\":\"s\"," text "}"
#define SOURCE(text) TOP("\"sources\":{\"a\":{" text "}}")
#define DESTINATION(text) TOP("\"destinations\":{\"erp\":{\"url\":\"https://h/\"," text "}}")
#define ROUTE(text) \
	TOP("\"destinations\":{\"erp\":{\"url\":\"https://h/\"}},\"routes\":{\"r\":{" text "}}")

static const struct {
	const char *text, *path;
} bounds[] = {
	{ "{}", "site" },
	{ "{\"site\":null}", "site" },
	{ "{\"site\":\"\"}", "site" },
	{ "{\"site\":\"a b\"}", "site" },
	{ "{\"site\":7}", "site" },
	{ TOP("\"timezone\":\"/etc/passwd\""), "timezone" },
	{ TOP("\"timezone\":\"../x\""), "timezone" },
	{ TOP("\"state_dir\":\"var\""), "state_dir" },
	{ TOP("\"control\":7"), "control" },
	{ TOP("\"control\":{\"socket\":\"x\"}"), "control.socket" },
	{ TOP("\"control\":{\"group\":\"a b\"}"), "control.group" },
	{ TOP("\"log\":{\"level\":\"loud\"}"), "log.level" },
	{ TOP("\"log\":{\"format\":\"xml\"}"), "log.format" },
	{ TOP("\"store\":{\"max_bytes\":\"1KiB\"}"), "store.max_bytes" },
	{ TOP("\"store\":{\"max_bytes\":\"17TiB\"}"), "store.max_bytes" },
	{ TOP("\"store\":{\"max_bytes\":1.5}"), "store.max_bytes" },
	{ TOP("\"store\":{\"max_bytes\":true}"), "store.max_bytes" },
	{ TOP("\"store\":{\"reserve\":-1}"), "store.reserve" },
	{ TOP("\"store\":{\"retain\":\"1ms\"}"), "store.retain" },
	{ TOP("\"store\":{\"retain\":\"3651d\"}"), "store.retain" },
	{ TOP("\"store\":{\"max_turn_events\":0}"), "store.max_turn_events" },
	{ TOP("\"store\":{\"max_turn_events\":100001}"), "store.max_turn_events" },
	{ TOP("\"limits\":{\"max_message\":\"5MiB\"}"), "limits.max_message" },
	{ TOP("\"limits\":{\"max_message\":1}"), "limits.max_message" },
	{ TOP("\"limits\":{\"max_depth\":3}"), "limits.max_depth" },
	{ TOP("\"limits\":{\"max_depth\":65}"), "limits.max_depth" },
	{ TOP("\"limits\":{\"max_lines\":0}"), "limits.max_lines" },
	{ TOP("\"limits\":{\"max_lines\":10001}"), "limits.max_lines" },
	{ TOP("\"mqtt\":[]"), "mqtt" },
	{ TOP("\"mqtt\":{\"host\":\"a b\"}"), "mqtt.host" },
	{ TOP("\"mqtt\":{\"port\":0}"), "mqtt.port" },
	{ TOP("\"mqtt\":{\"port\":65536}"), "mqtt.port" },
	{ TOP("\"mqtt\":{\"port\":\"1883\"}"), "mqtt.port" },
	{ TOP("\"mqtt\":{\"client_id\":\"a b\"}"), "mqtt.client_id" },
	{ TOP("\"mqtt\":{\"root\":\"a/+\"}"), "mqtt.root" },
	{ TOP("\"mqtt\":{\"root\":\"a/\"}"), "mqtt.root" },
	{ TOP("\"mqtt\":{\"username\":\"\"}"), "mqtt.username" },
	{ TOP("\"mqtt\":{\"password\":\"secret\"}"), "mqtt.password" },
	{ TOP("\"mqtt\":{\"password\":{\"file\":\"p\"}}"), "mqtt.username" },
	{ TOP("\"mqtt\":{\"tls\":{\"ca\":\"ca.pem\"}}"), "mqtt.tls.ca" },
	{ TOP("\"mqtt\":{\"tls\":{\"cert\":\"/c\"}}"), "mqtt.tls.key" },
	{ TOP("\"mqtt\":{\"tls\":{\"key\":{\"file\":\"k\"}}}"), "mqtt.tls.cert" },
	{ TOP("\"mqtt\":{\"tls\":{\"verify\":false}}"), "mqtt.tls.verify" },
	{ TOP("\"mqtt\":{\"keepalive\":\"4s\"}"), "mqtt.keepalive" },
	{ TOP("\"mqtt\":{\"keepalive\":\"1d\"}"), "mqtt.keepalive" },
	{ TOP("\"mqtt\":{\"keepalive\":30}"), "mqtt.keepalive" },
	{ TOP("\"mqtt\":{\"session_expiry\":\"1s\"}"), "mqtt.session_expiry" },
	{ TOP("\"mqtt\":{\"receive_maximum\":0}"), "mqtt.receive_maximum" },
	{ TOP("\"mqtt\":{\"receive_maximum\":65536}"), "mqtt.receive_maximum" },
	{ TOP("\"sources\":[]"), "sources" },
	{ TOP("\"sources\":{}"), "sources" },
	{ TOP("\"sources\":{\"a\":7}"), "sources.a" },
	{ TOP("\"sources\":{\"a b\":{}}"), "sources.a b" },
	{ TOP("\"sources\":{\"a\":{},\"b\":{}}"), "sources.b" },
	{ SOURCE("\"topic\":\"a/#/b\""), "sources.a.topic" },
	{ SOURCE("\"topic\":\"a/b+\""), "sources.a.topic" },
	{ SOURCE("\"topic\":\"\""), "sources.a.topic" },
	{ SOURCE("\"on_invalid\":\"drop\""), "sources.a.on_invalid" },
	{ SOURCE("\"ack_delivered\":\"yes\""), "sources.a.ack_delivered" },
	{ TOP("\"listen\":{\"address\":\"0.0.0.0:8750\"}"), "listen.address" },
	{ TOP("\"listen\":{\"address\":\"127.0.0.1\"}"), "listen.address" },
	{ TOP("\"listen\":{\"address\":\"127.0.0.1.example.com:80\"}"), "listen.address" },
	{ TOP("\"listen\":{\"address\":\"[::]:8750\"}"), "listen.address" },
	{ TOP("\"listen\":{\"address\":\"127.0.0.0.1:80\"}"), "listen.address" },
	{ TOP("\"listen\":{\"address\":\"localhost:0\"}"), "listen.address" },
	{ TOP("\"destinations\":{\"erp\":{}}"), "destinations.erp.url" },
	{ TOP("\"destinations\":{\"erp\":{\"url\":\"ftp://h/\"}}"), "destinations.erp.url" },
	{ TOP("\"destinations\":{\"erp\":{\"url\":\"https:///x\"}}"), "destinations.erp.url" },
	{ TOP("\"destinations\":{\"erp\":{\"url\":\"https://u:p@h/\"}}"), "destinations.erp.url" },
	{ TOP("\"destinations\":{\"erp\":{\"url\":\"https://h/#f\"}}"), "destinations.erp.url" },
	{ TOP("\"destinations\":{\"erp\":{\"url\":\"https://h:0/\"}}"), "destinations.erp.url" },
	{ TOP("\"destinations\":{\"erp\":{\"url\":\"https://h/a b\"}}"), "destinations.erp.url" },
	{ TOP("\"destinations\":{\"erp\":{\"url\":\"http://h/?a=b\","
	      "\"vars\":{\"path\":\"/x\"}}}"),
		"destinations.erp.url" },
	{ DESTINATION("\"connector\":\"../x\""), "destinations.erp.connector" },
	{ DESTINATION("\"auth\":{\"type\":\"magic\"}"), "destinations.erp.auth.type" },
	{ DESTINATION("\"auth\":{\"type\":\"basic\"}"), "destinations.erp.auth.username" },
	{ DESTINATION("\"auth\":{\"type\":\"basic\",\"username\":\"u\"}"),
		"destinations.erp.auth.password" },
	{ DESTINATION("\"auth\":{\"type\":\"bearer\"}"), "destinations.erp.auth.token" },
	{ DESTINATION("\"auth\":{\"type\":\"api_key\"}"), "destinations.erp.auth.key" },
	{ DESTINATION("\"auth\":{\"type\":\"api_key\",\"header\":\"a b\"}"),
		"destinations.erp.auth.header" },
	{ DESTINATION("\"auth\":{\"token\":{\"file\":\"t\"}}"), "destinations.erp.auth.token" },
	{ DESTINATION("\"auth\":{\"type\":\"bearer\",\"token\":\"inline\"}"),
		"destinations.erp.auth.token" },
	{ DESTINATION("\"auth\":{\"type\":\"bearer\",\"token\":{\"file\":\"t\",\"x\":1}}"),
		"destinations.erp.auth.token" },
	{ DESTINATION("\"tls\":{\"cert\":\"/c\"}"), "destinations.erp.tls.key" },
	{ TOP("\"destinations\":{\"erp\":{\"url\":\"http://h/\",\"tls\":{}}}"),
		"destinations.erp.tls" },
	{ DESTINATION("\"vars\":[]"), "destinations.erp.vars" },
	{ DESTINATION("\"concurrency\":0"), "destinations.erp.concurrency" },
	{ DESTINATION("\"concurrency\":65"), "destinations.erp.concurrency" },
	{ DESTINATION("\"concurrency\":1.5"), "destinations.erp.concurrency" },
	{ DESTINATION("\"concurrency\":99999999999999999999"), "destinations.erp.concurrency" },
	{ DESTINATION("\"rate\":\"0/s\""), "destinations.erp.rate" },
	{ DESTINATION("\"rate\":\"20\""), "destinations.erp.rate" },
	{ DESTINATION("\"rate\":\"100001/s\""), "destinations.erp.rate" },
	{ DESTINATION("\"timeout\":\"0s\""), "destinations.erp.timeout" },
	{ DESTINATION("\"timeout\":\"2h\""), "destinations.erp.timeout" },
	{ DESTINATION("\"settle\":\"2d\""), "destinations.erp.settle" },
	{ DESTINATION("\"retry\":{\"base\":\"0ms\"}"), "destinations.erp.retry.base" },
	{ DESTINATION("\"retry\":{\"base\":\"2h\"}"), "destinations.erp.retry.base" },
	{ DESTINATION("\"retry\":{\"max\":\"500ms\"}"), "destinations.erp.retry.max" },
	{ DESTINATION("\"retry\":{\"max\":\"2d\"}"), "destinations.erp.retry.max" },
	{ DESTINATION("\"retry\":{\"give_up\":\"9999d\"}"), "destinations.erp.retry.give_up" },
	{ DESTINATION("\"batch\":{\"max\":0}"), "destinations.erp.batch.max" },
	{ DESTINATION("\"batch\":{\"max\":501}"), "destinations.erp.batch.max" },
	{ DESTINATION("\"batch\":{\"max_bytes\":1}"), "destinations.erp.batch.max_bytes" },
	{ DESTINATION("\"batch\":{\"max_bytes\":\"65MiB\"}"), "destinations.erp.batch.max_bytes" },
	{ DESTINATION("\"batch\":{\"linger\":\"2h\"}"), "destinations.erp.batch.linger" },
	{ DESTINATION("\"batch\":{\"max\":2},\"idempotency\":{\"mode\":\"none\"}"),
		"destinations.erp.batch.max" },
	{ DESTINATION("\"order_by\":\"line\""), "destinations.erp.order_by" },
	{ DESTINATION("\"order_by\":\"/a~2\""), "destinations.erp.order_by" },
	{ DESTINATION("\"on_exception\":\"skip\""), "destinations.erp.on_exception" },
	{ DESTINATION("\"on_doubt\":\"guess\""), "destinations.erp.on_doubt" },
	{ DESTINATION("\"on_doubt\":\"resend\""), "destinations.erp.on_doubt" },
	{ DESTINATION("\"idempotency\":{\"mode\":\"hope\"}"), "destinations.erp.idempotency.mode" },
	{ DESTINATION("\"idempotency\":{\"header\":\"a:b\"}"),
		"destinations.erp.idempotency.header" },
	{ DESTINATION("\"idempotency\":{\"lifetime\":\"9999d\"}"),
		"destinations.erp.idempotency.lifetime" },
	{ DESTINATION("\"breaker\":{\"failures\":0}"), "destinations.erp.breaker.failures" },
	{ DESTINATION("\"breaker\":{\"failures\":1001}"), "destinations.erp.breaker.failures" },
	{ DESTINATION("\"breaker\":{\"probe\":\"1ms\"}"), "destinations.erp.breaker.probe" },
	{ DESTINATION("\"breaker\":{\"probe\":\"2h\"}"), "destinations.erp.breaker.probe" },
	{ ROUTE("\"lane\":\"bulk\""), "routes.r.to" },
	{ ROUTE("\"to\":\"erp\""), "routes.r.to" },
	{ ROUTE("\"to\":[]"), "routes.r.to" },
	{ ROUTE("\"to\":[7]"), "routes.r.to" },
	{ ROUTE("\"to\":[\"tms\"]"), "routes.r.to" },
	{ ROUTE("\"to\":[\"erp\",\"erp\"]"), "routes.r.to" },
	{ ROUTE("\"to\":[\"erp\"],\"lane\":\"fast\""), "routes.r.lane" },
	{ ROUTE("\"to\":[\"erp\"],\"when\":[]"), "routes.r.when" },
	{ ROUTE("\"to\":[\"erp\"],\"when\":{\"type\":{}}"), "routes.r.when.type" },
	{ ROUTE("\"to\":[\"erp\"],\"when\":{\"type\":\"recipt\"}"), "routes.r.when.type" },
	{ TOP("\"exceptions\":{\"sla\":{\"critical\":\"1ms\"}}"), "exceptions.sla.critical" },
	{ TOP("\"exceptions\":{\"sla\":{\"normal\":\"x\"}}"), "exceptions.sla.normal" },
	{ TOP("\"exceptions\":{\"sla\":{\"low\":3}}"), "exceptions.sla.low" },
};

static void test_every_bound_is_refused_with_its_path(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		assert_refused(bounds[i].text, bounds[i].path, "");
	assert_refused("[]", "", "must be an object");
}

/* A bare number says nothing of its unit: what is wanted is shown as it has to be written. */
static void test_an_amount_without_its_unit_is_told_how_to_write_one(void **state)
{
	(void)state;
	assert_refused(DESTINATION("\"timeout\":5"), "destinations.erp.timeout",
		"such as \"250ms\", \"30s\"");
	assert_refused(DESTINATION("\"timeout\":\"5\""), "destinations.erp.timeout", "\"30s\"");
	assert_refused(DESTINATION("\"rate\":5"), "destinations.erp.rate", "\"20/s\"");
	assert_refused(DESTINATION("\"batch\":{\"max_bytes\":true}"),
		"destinations.erp.batch.max_bytes", "\"256KiB\"");
}

static void test_an_unknown_key_is_named_with_its_path(void **state)
{
	(void)state;
	assert_refused(TOP("\"colour\":1"), "colour", "unknown key");
	assert_refused(TOP("\"log\":{\"colour\":1}"), "log.colour", "unknown key");
	assert_refused(TOP("\"\":1"), "\"\"", "unknown key");
	assert_refused(DESTINATION("\"retri\":{}"), "destinations.erp.retri",
		"unknown key; did you mean \"retry\"");
	assert_refused(TOP("\"mqtt\":{\"tls\":{\"x\":1}}"), "mqtt.tls.x", "unknown key");
	assert_refused(TOP("\"store.retain\":\"1d\""), "store.retain", "unknown key");
}

static void test_what_is_designed_but_not_here_says_so(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ TOP("\"inbound\":{}"), "inbound" },
		{ TOP("\"match\":{}"), "match" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_refused(rows[i].text, rows[i].path, "not part of this version");
	assert_refused(TOP("\"listen\":{\"address\":\"10.0.0.1:8750\"}"), "listen.address",
		"needs listen.tls and listen.tokens");
}

#define KEY "\"public_key\":\"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\""
#define FLEET(text) TOP("\"fleet\":{" text "}")

/* What is not signed must not come by a way on which others can change it. */
static void test_fleet_is_asked_over_tls_or_on_this_machine_or_for_what_is_signed(void **state)
{
	static const char *const fine[] = {
		FLEET("\"url\":\"https://fleet.example.com/a.json\",\"token\":{\"file\":\"t\"}"),
		FLEET("\"url\":\"http://127.0.0.1:8080/a.json\",\"token\":{\"file\":\"t\"}"),
		FLEET("\"url\":\"http://127.0.0.1/a:b\""),
		FLEET("\"url\":\"http://localhost/a.json\""),
		FLEET("\"url\":\"http://[::1]/a.json\""),
		FLEET("\"url\":\"http://[::1]:80\""),
		FLEET("\"url\":\"http://fleet.example.com/a.json\"," KEY),
	};
	(void)state;

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		config_free(build(fine[i]));
	assert_refused(FLEET("\"url\":\"http://fleet.example.com/a.json\""), "fleet.url",
		"must begin with https://");
	assert_refused(FLEET("\"url\":\"http://127.0.0.1.example.com/\""), "fleet.url", "https://");
	assert_refused(FLEET("\"url\":\"http://[2001:db8::1]/\""), "fleet.url", "https://");
	assert_refused(FLEET("\"url\":\"http://h/\",\"token\":{\"file\":\"t\"}," KEY),
		"fleet.token", "can be read by others");
	assert_refused(FLEET("\"url\":\"http://127.0.0.1/\",\"tls\":{}"), "fleet.tls", "https://");
	assert_refused(FLEET("\"url\":\"ftp://h/\""), "fleet.url", "");
	assert_refused(FLEET("\"public_key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*\""),
		"fleet.public_key", "no Ed25519 public key");
}

static void test_null_means_absent(void **state)
{
	struct config *config = build("{\"site\":\"s\",\"timezone\":null,\"mqtt\":null,"
				      "\"sources\":{\"a\":{\"topic\":\"t\"},\"b\":null},"
				      "\"destinations\":{\"erp\":null},\"colour\":null}");
	(void)state;

	assert_string_equal(config->timezone, "UTC");
	assert_int_equal(config->n_sources, 1);
	assert_int_equal(config->n_destinations, 0);
	config_free(config);
}

static void test_a_merge_patch_adds_changes_and_removes_by_name(void **state)
{
	cJSON *document = parse(example);
	cJSON *patch = parse("{\"destinations\":{\"tms\":null,\"erp\":{\"timeout\":\"5s\"},"
			     "\"wms\":{\"url\":\"http://wms\"}},\"routes\":{\"shipping\":null}}");
	struct config *config = NULL;
	struct error err;
	(void)state;

	assert_int_equal(json_merge_patch(&document, patch), 0);
	assert_int_equal(config_build(document, &config, &err), 0);
	assert_int_equal(config->n_destinations, 2);
	assert_string_equal(config->destinations[0].name, "erp");
	assert_int_equal(config->destinations[0].timeout_ms, 5000);
	assert_int_equal(config->destinations[0].batch_max, 50);
	assert_string_equal(config->destinations[1].name, "wms");
	assert_int_equal(config->n_routes, 1);
	config_free(config);
	cJSON_Delete(document);
	cJSON_Delete(patch);
}

static void test_removing_a_destination_that_a_route_names_is_refused(void **state)
{
	(void)state;
	assert_refused(TOP("\"destinations\":{\"erp\":null},\"routes\":{\"r\":{\"to\":[\"erp\"]}}"),
		"routes.r.to", "there is no destination \"erp\"");
}

static void test_printed_defaults_build_what_absence_builds(void **state)
{
	struct buf text = BUF_INIT;
	(void)state;

	config_print_defaults(&text);
	assert_false(buf_failed(&text));
	struct config *printed = build(text.data);
	struct config *absent = build("{\"site\":\"site-1\",\"destinations\":{\"erp\":"
				      "{\"url\":\"https://erp.example.com/api\"}}}");
	assert_int_equal(printed->store.max_bytes, absent->store.max_bytes);
	assert_int_equal(printed->mqtt.port, absent->mqtt.port);
	assert_string_equal(printed->mqtt.client_id, absent->mqtt.client_id);
	assert_string_equal(printed->sources[0].topic, absent->sources[0].topic);
	assert_false(printed->mqtt.has_tls);
	assert_null(printed->listen.address);
	assert_string_equal(printed->destinations[0].url, absent->destinations[0].url);
	assert_false(printed->destinations[0].has_tls);
	assert_int_equal(
		printed->destinations[0].retry_max_ms, absent->destinations[0].retry_max_ms);
	assert_int_equal(printed->routes[0].to[0], 0);
	config_free(printed);
	config_free(absent);
	buf_done(&text);
}

static void test_schema_is_json_and_knows_every_level(void **state)
{
	struct buf text = BUF_INIT;
	(void)state;

	config_print_schema(&text);
	assert_false(buf_failed(&text));
	cJSON *schema = parse(text.data);
	const cJSON *destination =
		json_dotted(schema, "properties.destinations.additionalProperties");
	assert_true(cJSON_IsFalse(json_get(schema, "additionalProperties")));
	assert_true(cJSON_IsFalse(json_get(destination, "additionalProperties")));
	assert_string_equal(
		json_get_string(
			json_dotted(destination, "properties.retry.properties.max"), "default"),
		"15m");
	assert_non_null(json_dotted(schema, "properties.mqtt.properties.tls.properties.key"));
	assert_null(json_dotted(schema, "properties.inbound"));
	cJSON_Delete(schema);
	buf_done(&text);
}

static void test_units_are_read(void **state)
{
	static const struct {
		bool (*parse)(const char *text, int64_t *ret);
		const char *text;
		int64_t value; /* -1: refused */
	} rows[] = {
		{ config_parse_duration, "0ms", 0 },
		{ config_parse_duration, "250ms", 250 },
		{ config_parse_duration, "5s", 5000 },
		{ config_parse_duration, "15m", 900000 },
		{ config_parse_duration, "72h", 259200000 },
		{ config_parse_duration, "30d", INT64_C(2592000000) },
		{ config_parse_duration, "", -1 },
		{ config_parse_duration, "5", -1 },
		{ config_parse_duration, "s", -1 },
		{ config_parse_duration, "-5s", -1 },
		{ config_parse_duration, "1.5s", -1 },
		{ config_parse_duration, "5 s", -1 },
		{ config_parse_duration, "5S", -1 },
		{ config_parse_duration, "999999999999999999d", -1 },
		{ config_parse_duration, "9999999999999999999ms", -1 },
		{ config_parse_size, "17", 17 },
		{ config_parse_size, "17B", -1 },
		{ config_parse_size, "256KiB", 262144 },
		{ config_parse_size, "1MiB", 1048576 },
		{ config_parse_size, "2GiB", INT64_C(2147483648) },
		{ config_parse_size, "1TiB", INT64_C(1099511627776) },
		{ config_parse_size, "1KB", -1 },
		{ config_parse_size, "9999999TiB9", -1 },
		{ config_parse_size, "99999999999TiB", -1 },
		{ config_parse_rate, "20/s", 72000 },
		{ config_parse_rate, "500/m", 30000 },
		{ config_parse_rate, "10/h", 10 },
		{ config_parse_rate, "10/d", -1 },
		{ config_parse_rate, "/s", -1 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t value = -1;
		bool is_read = rows[i].parse(rows[i].text, &value);
		if (is_read != (rows[i].value >= 0))
			print_error("%s\n", rows[i].text);
		assert_int_equal(is_read, rows[i].value >= 0);
		assert_int_equal(value, rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_site_alone_is_a_configuration),
		cmocka_unit_test(test_a_destination_has_the_defaults_of_the_design),
		cmocka_unit_test(test_the_shape_of_the_example_is_read),
		cmocka_unit_test(test_every_bound_is_refused_with_its_path),
		cmocka_unit_test(test_an_amount_without_its_unit_is_told_how_to_write_one),
		cmocka_unit_test(test_an_unknown_key_is_named_with_its_path),
		cmocka_unit_test(test_what_is_designed_but_not_here_says_so),
		cmocka_unit_test(
			test_fleet_is_asked_over_tls_or_on_this_machine_or_for_what_is_signed),
		cmocka_unit_test(test_null_means_absent),
		cmocka_unit_test(test_a_merge_patch_adds_changes_and_removes_by_name),
		cmocka_unit_test(test_removing_a_destination_that_a_route_names_is_refused),
		cmocka_unit_test(test_printed_defaults_build_what_absence_builds),
		cmocka_unit_test(test_schema_is_json_and_knows_every_level),
		cmocka_unit_test(test_units_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
