#include "config_options.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD(owner, member) \
	.offset = offsetof(owner, member), .width = sizeof(((owner *)0)->member)
#define OF_CONFIG(member) FIELD(struct config, member)
#define OF_SOURCE(member) FIELD(struct config_source, member)
#define OF_DESTINATION(member) FIELD(struct config_destination, member)
#define OF_ROUTE(member) FIELD(struct config_route, member)

#define SECOND_MS INT64_C(1000)
#define HOUR_MS (3600 * SECOND_MS)
#define DAY_MS (24 * HOUR_MS)
#define DECADE_MS (3650 * DAY_MS)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define TIB (1024 * 1024 * MIB)

static const struct option_word log_levels[] = {
	{ "error", CONFIG_LOG_ERROR },
	{ "warning", CONFIG_LOG_WARNING },
	{ "info", CONFIG_LOG_INFO },
	{ "debug", CONFIG_LOG_DEBUG },
	{ NULL, 0 },
};
static const struct option_word log_formats[] = {
	{ "text", CONFIG_LOG_TEXT },
	{ "json", CONFIG_LOG_JSON },
	{ NULL, 0 },
};
static const struct option_word on_invalid_words[] = {
	{ "reject", CONFIG_INVALID_REJECT },
	{ "accept", CONFIG_INVALID_ACCEPT },
	{ NULL, 0 },
};
static const struct option_word kinds[] = {
	{ "http", 0 },
	{ "mqtt", WORD_LATER },
	{ "sftp", WORD_LATER },
	{ NULL, 0 },
};
static const struct option_word auth_types[] = {
	{ "none", CONFIG_AUTH_NONE },
	{ "basic", CONFIG_AUTH_BASIC },
	{ "bearer", CONFIG_AUTH_BEARER },
	{ "api_key", CONFIG_AUTH_API_KEY },
	{ "oauth2", WORD_LATER },
	{ "hmac", WORD_LATER },
	{ "csrf", WORD_LATER },
	{ "session", WORD_LATER },
	{ "key", WORD_LATER },
	{ NULL, 0 },
};
static const struct option_word on_exception_words[] = {
	{ "block", false },
	{ "pass", true },
	{ NULL, 0 },
};
static const struct option_word on_doubt_words[] = {
	{ "hold", false },
	{ "resend", true },
	{ NULL, 0 },
};
static const struct option_word idempotency_modes[] = {
	{ "header", CONFIG_IDEMPOTENCY_HEADER },
	{ "none", CONFIG_IDEMPOTENCY_NONE },
	{ "natural", WORD_LATER },
	{ "lookup", WORD_LATER },
	{ NULL, 0 },
};
static const struct option_word lanes[] = {
	{ "critical", CONFIG_LANE_CRITICAL },
	{ "normal", CONFIG_LANE_NORMAL },
	{ "bulk", CONFIG_LANE_BULK },
	{ NULL, 0 },
};

static const struct option source_options[] = {
	{ "topic", OPTION_TEXT, "MQTT topic filter; default ROOT/+/event/#", OF_SOURCE(topic),
		.form = &form_filter, .min = 1, .max = 1024, .sample = "dray/v1/+/event/#" },
	{ "on_invalid", OPTION_ENUM, "what becomes of an event that is wrong in itself",
		OF_SOURCE(on_invalid), .fallback = "reject", .words = on_invalid_words },
	{ "ack_delivered", OPTION_BOOL, "tell the handheld also when a destination accepted",
		OF_SOURCE(ack_delivered), .fallback = "false" },
	{ .name = "adapter", .type = OPTION_LATER },
	{ .name = "vars", .type = OPTION_LATER },
};
static const struct option_kind source_kind = { "source", source_options, COUNT(source_options),
	sizeof(struct config_source), "handhelds" };

static const struct option destination_options[] = {
	{ "kind", OPTION_ENUM, "how the other side is spoken to", .fallback = "http",
		.words = kinds },
	{ "connector", OPTION_TEXT, "the connector's folder", OF_DESTINATION(connector),
		.fallback = "rest", .form = &form_name, .min = 1, .max = 64 },
	{ "url", OPTION_TEXT, "base address; the connector's path is appended", OF_DESTINATION(url),
		.is_required = true, .form = &form_url, .min = 1, .max = 2048,
		.sample = "https://erp.example.com/api" },

	{ "auth", OPTION_SECTION, .help = "credentials" },
	{ "auth.type", OPTION_ENUM, "how the credentials are shown", OF_DESTINATION(auth.type),
		.fallback = "none", .words = auth_types },
	{ "auth.username", OPTION_TEXT, "for type basic", OF_DESTINATION(auth.username),
		.form = &form_any, .min = 1, .max = 256 },
	{ "auth.password", OPTION_SECRET, "for type basic", OF_DESTINATION(auth.password) },
	{ "auth.token", OPTION_SECRET, "for type bearer", OF_DESTINATION(auth.token) },
	{ "auth.header", OPTION_TEXT, "for type api_key: the header; default X-API-Key",
		OF_DESTINATION(auth.header), .form = &form_header, .min = 1, .max = 64 },
	{ "auth.key", OPTION_SECRET, "for type api_key", OF_DESTINATION(auth.key) },
	{ .name = "auth.token_url", .type = OPTION_LATER },
	{ .name = "auth.client_id", .type = OPTION_LATER },
	{ .name = "auth.client_secret", .type = OPTION_LATER },
	{ .name = "auth.scope", .type = OPTION_LATER },

	{ "tls", OPTION_SECTION, .help = "how the other side is verified, and we by it",
		OF_DESTINATION(has_tls) },
	{ "tls.ca", OPTION_TEXT, "PEM bundle of a private CA; default the system's",
		OF_DESTINATION(tls.ca), .form = &form_path, .min = 1, .max = 4096 },
	{ "tls.cert", OPTION_TEXT, "PEM client certificate", OF_DESTINATION(tls.cert),
		.form = &form_path, .min = 1, .max = 4096 },
	{ "tls.key", OPTION_SECRET, "PEM key of the client certificate", OF_DESTINATION(tls.key) },

	{ "vars", OPTION_OBJECT, "the connector's settings for this destination",
		OF_DESTINATION(vars), .fallback = "{}" },
	{ "concurrency", OPTION_INTEGER, "requests under way at once", OF_DESTINATION(concurrency),
		.fallback = "8", .min = 1, .max = 64 },
	{ "rate", OPTION_RATE, "requests at most; default no limit", OF_DESTINATION(rate_per_hour),
		.min = 1, .max = INT64_C(100000) * 3600 },
	{ "timeout", OPTION_DURATION, "of one request", OF_DESTINATION(timeout_ms),
		.fallback = "30s", .min = 100, .max = HOUR_MS },
	{ "settle", OPTION_DURATION, "how long the other side may still work on a lost request",
		OF_DESTINATION(settle_ms), .fallback = "60s", .min = 0, .max = DAY_MS },

	{ "retry", OPTION_SECTION, .help = "full-jitter exponential backoff" },
	{ "retry.base", OPTION_DURATION, "bound of the first wait", OF_DESTINATION(retry_base_ms),
		.fallback = "1s", .min = 1, .max = HOUR_MS },
	{ "retry.max", OPTION_DURATION, "bound of every wait", OF_DESTINATION(retry_max_ms),
		.fallback = "15m", .min = 1, .max = DAY_MS },
	{ "retry.give_up", OPTION_DURATION, "age at which it becomes an exception; 0s: never",
		OF_DESTINATION(retry_give_up_ms), .fallback = "14d", .min = 0, .max = DECADE_MS },

	{ "batch", OPTION_SECTION, .help = "several events in a request" },
	{ "batch.max", OPTION_INTEGER, "events in a request", OF_DESTINATION(batch_max),
		.fallback = "1", .min = 1, .max = 500 },
	{ "batch.max_bytes", OPTION_SIZE, "of a batch's body", OF_DESTINATION(batch_max_bytes),
		.fallback = "1MiB", .min = KIB, .max = 64 * MIB },
	{ "batch.linger", OPTION_DURATION, "how long a batch waits for more",
		OF_DESTINATION(batch_linger_ms), .fallback = "0ms", .min = 0, .max = HOUR_MS },

	{ "order_by", OPTION_ORDER,
		"events of the same key keep their order: document, device, none, or a JSON Pointer",
		OF_DESTINATION(order), .fallback = "document", .min = 1, .max = 256 },
	{ "on_exception", OPTION_ENUM, "do later events of the same key wait for an exception",
		OF_DESTINATION(exception_passes), .fallback = "block",
		.words = on_exception_words },
	{ "on_doubt", OPTION_ENUM, "without idempotency: ask a person, or send again",
		OF_DESTINATION(resend_on_doubt), .fallback = "hold", .words = on_doubt_words },

	{ "idempotency", OPTION_SECTION, .help = "how the other side recognises a repeat" },
	{ "idempotency.mode", OPTION_ENUM, "by a key in a header, or not at all",
		OF_DESTINATION(idempotency), .fallback = "header", .words = idempotency_modes },
	{ "idempotency.header", OPTION_TEXT, "the header that carries the key",
		OF_DESTINATION(idempotency_header), .fallback = "Idempotency-Key",
		.form = &form_header, .min = 1, .max = 64 },
	{ "idempotency.lifetime", OPTION_DURATION,
		"how long the other side remembers a key; 0s: for ever",
		OF_DESTINATION(idempotency_lifetime_ms), .fallback = "24h", .min = 0,
		.max = DECADE_MS },

	{ "breaker", OPTION_SECTION, .help = "when to leave a failing destination alone" },
	{ "breaker.failures", OPTION_INTEGER, "failures in a row that open it",
		OF_DESTINATION(breaker_failures), .fallback = "5", .min = 1, .max = 1000 },
	{ "breaker.probe", OPTION_DURATION, "longest wait until the next probe",
		OF_DESTINATION(breaker_probe_ms), .fallback = "30s", .min = 10, .max = HOUR_MS },
};
static const struct option_kind destination_kind = { "destination", destination_options,
	COUNT(destination_options), sizeof(struct config_destination), "erp" };

static const struct option route_options[] = {
	{ "when", OPTION_OBJECT,
		"dotted path of a field to a value, list, presence or prefix*; absent: all",
		OF_ROUTE(when) },
	{ "to", OPTION_NAMES, "names of destinations", OF_ROUTE(to), .is_required = true, .min = 1,
		.max = 64, .sample = "erp" },
	{ "lane", OPTION_ENUM, "its share when a destination is behind", OF_ROUTE(lane),
		.fallback = "normal", .words = lanes },
};
static const struct option_kind route_kind = { "route", route_options, COUNT(route_options),
	sizeof(struct config_route), "all" };

static const struct option config_options[] = {
	{ "site", OPTION_TEXT, "name of the site, part of every topic", OF_CONFIG(site),
		.is_required = true, .form = &form_name, .min = 1, .max = 64, .sample = "site-1" },
	{ "timezone", OPTION_TEXT, "IANA name; posting dates of destinations are in it",
		OF_CONFIG(timezone), .fallback = "UTC", .form = &form_timezone, .min = 1,
		.max = 64 },
	{ "state_dir", OPTION_TEXT, "where the store is", OF_CONFIG(state_dir),
		.fallback = "/var/lib/dray", .form = &form_path, .min = 1, .max = 4000 },

	{ "control", OPTION_SECTION, .help = "the socket of drayctl" },
	{ "control.socket", OPTION_TEXT, "path of the socket", OF_CONFIG(control.socket),
		.fallback = "/run/dray/control.sock", .form = &form_path, .min = 2, .max = 107 },
	{ "control.group", OPTION_TEXT, "group that may use it; default drayd's own",
		OF_CONFIG(control.group), .form = &form_name, .min = 1, .max = 32 },

	{ "log", OPTION_SECTION, .help = "what is told on stderr" },
	{ "log.level", OPTION_ENUM, "least urgent level that is told", OF_CONFIG(log.level),
		.fallback = "info", .words = log_levels },
	{ "log.format", OPTION_ENUM, "lines for people or for programs", OF_CONFIG(log.format),
		.fallback = "text", .words = log_formats },

	{ "store", OPTION_SECTION, .help = "the database" },
	{ "store.max_bytes", OPTION_SIZE,
		"beyond it capture is closed; nothing undelivered is given up",
		OF_CONFIG(store.max_bytes), .fallback = "4GiB", .min = MIB, .max = 16 * TIB },
	{ "store.reserve", OPTION_SIZE,
		"kept free for settling on a full disk; at most an eighth of it and of max_bytes",
		OF_CONFIG(store.reserve_bytes), .fallback = "16MiB", .min = 0, .max = TIB },
	{ "store.retain", OPTION_DURATION, "delivered events, and the window for duplicates",
		OF_CONFIG(store.retain_ms), .fallback = "30d", .min = SECOND_MS, .max = DECADE_MS },
	{ "store.max_turn_events", OPTION_INTEGER, "events taken in one transaction",
		OF_CONFIG(store.max_turn_events), .fallback = "1000", .min = 1, .max = 100000 },

	{ "limits", OPTION_SECTION, .help = "of what a handheld may send" },
	{ "limits.max_message", OPTION_SIZE, "bytes of a message", OF_CONFIG(limits.max_bytes),
		.fallback = "256KiB", .min = KIB, .max = 4 * MIB },
	{ "limits.max_depth", OPTION_INTEGER, "nesting", OF_CONFIG(limits.max_depth),
		.fallback = "32", .min = 4, .max = 64 },
	{ "limits.max_lines", OPTION_INTEGER, "lines of an event", OF_CONFIG(limits.max_lines),
		.fallback = "500", .min = 1, .max = 10000 },

	{ "mqtt", OPTION_SECTION, .help = "the site's broker" },
	{ "mqtt.host", OPTION_TEXT, "name or address", OF_CONFIG(mqtt.host),
		.fallback = "127.0.0.1", .form = &form_host, .min = 1, .max = 255 },
	{ "mqtt.port", OPTION_INTEGER, "default 1883, with tls 8883", OF_CONFIG(mqtt.port),
		.min = 1, .max = 65535, .sample = "1883" },
	{ "mqtt.client_id", OPTION_TEXT, "fixed, for the persistent session; default drayd-SITE",
		OF_CONFIG(mqtt.client_id), .form = &form_visible, .min = 1, .max = 128,
		.sample = "drayd-site-1" },
	{ "mqtt.root", OPTION_TEXT, "first levels of every topic", OF_CONFIG(mqtt.root),
		.fallback = "dray/v1", .form = &form_root, .min = 1, .max = 128 },
	{ "mqtt.username", OPTION_TEXT, "default none", OF_CONFIG(mqtt.username), .form = &form_any,
		.min = 1, .max = 256 },
	{ "mqtt.password", OPTION_SECRET, "default none", OF_CONFIG(mqtt.password) },
	{ "mqtt.tls", OPTION_SECTION, .help = "absent: no TLS", OF_CONFIG(mqtt.has_tls) },
	{ "mqtt.tls.ca", OPTION_TEXT, "PEM bundle of a private CA; default the system's",
		OF_CONFIG(mqtt.tls.ca), .form = &form_path, .min = 1, .max = 4096 },
	{ "mqtt.tls.cert", OPTION_TEXT, "PEM client certificate", OF_CONFIG(mqtt.tls.cert),
		.form = &form_path, .min = 1, .max = 4096 },
	{ "mqtt.tls.key", OPTION_SECRET, "PEM key of the client certificate",
		OF_CONFIG(mqtt.tls.key) },
	{ "mqtt.keepalive", OPTION_DURATION, "between signs of life", OF_CONFIG(mqtt.keepalive_ms),
		.fallback = "30s", .min = 5 * SECOND_MS, .max = 65535 * SECOND_MS },
	{ "mqtt.session_expiry", OPTION_DURATION, "how long the broker keeps our queue",
		OF_CONFIG(mqtt.session_expiry_ms), .fallback = "30d", .min = 60 * SECOND_MS,
		.max = DECADE_MS },
	{ "mqtt.receive_maximum", OPTION_INTEGER, "messages on the way to us, unacknowledged",
		OF_CONFIG(mqtt.receive_maximum), .fallback = "65535", .min = 1, .max = 65535 },

	{ "sources", OPTION_MAP, "where events come from; absent: handhelds", OF_CONFIG(sources),
		.kind = &source_kind, .max = 64,
		.count_offset = offsetof(struct config, n_sources) },
	{ "listen", OPTION_SECTION, .help = "absent: no TCP listener" },
	{ "listen.address", OPTION_TEXT, "host:port for health and metrics; loopback only",
		OF_CONFIG(listen.address), .form = &form_listen, .min = 1, .max = 64 },
	{ .name = "listen.tls", .type = OPTION_LATER },
	{ .name = "listen.tokens", .type = OPTION_LATER },
	{ .name = "listen.hooks", .type = OPTION_LATER },
	{ "destinations", OPTION_MAP, "outside systems, each with its own queue and limits",
		OF_CONFIG(destinations), .kind = &destination_kind, .max = 64,
		.count_offset = offsetof(struct config, n_destinations) },
	{ "routes", OPTION_MAP, "which events go where", OF_CONFIG(routes), .kind = &route_kind,
		.max = 256, .count_offset = offsetof(struct config, n_routes) },

	{ "exceptions", OPTION_SECTION, .help = "what needs a person" },
	{ "exceptions.sla", OPTION_SECTION, .help = "time to resolve, by severity" },
	{ "exceptions.sla.critical", OPTION_DURATION, "of severity critical",
		OF_CONFIG(sla_critical_ms), .fallback = "30m", .min = SECOND_MS, .max = DECADE_MS },
	{ "exceptions.sla.normal", OPTION_DURATION, "of severity normal", OF_CONFIG(sla_normal_ms),
		.fallback = "4h", .min = SECOND_MS, .max = DECADE_MS },
	{ "exceptions.sla.low", OPTION_DURATION, "of severity low", OF_CONFIG(sla_low_ms),
		.fallback = "3d", .min = SECOND_MS, .max = DECADE_MS },
	{ .name = "inbound", .type = OPTION_LATER },
	{ .name = "match", .type = OPTION_LATER },
	{ .name = "fleet", .type = OPTION_LATER },
};
const struct option_kind config_kind = { "configuration", config_options, COUNT(config_options),
	sizeof(struct config), NULL };

const char *option_leaf(const struct option *option)
{
	const char *dot = strrchr(option->name, '.');

	return dot ? dot + 1 : option->name;
}

bool option_is_in(const struct option *option, const char *section)
{
	size_t len = strlen(section);

	if (len == 0)
		return !strchr(option->name, '.');
	return strncmp(option->name, section, len) == 0 && option->name[len] == '.' &&
	       !strchr(option->name + len + 1, '.');
}
