#include "config_options.h"

#include <string.h>

#define OF_CONFIG(member) OPTION_FIELD(struct config, member)
#define OF_SOURCE(member) OPTION_FIELD(struct config_source, member)
#define OF_ROUTE(member) OPTION_FIELD(struct config_route, member)

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
const struct option_word config_on_invalid_words[] = {
	{ "reject", CONFIG_INVALID_REJECT },
	{ "accept", CONFIG_INVALID_ACCEPT },
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
		OF_SOURCE(on_invalid), .fallback = "reject", .words = config_on_invalid_words },
	{ "ack_delivered", OPTION_BOOL, "tell the handheld also when a destination accepted",
		OF_SOURCE(ack_delivered), .fallback = "false" },
	{ "types", OPTION_TYPES, "event types that it may send; default all", OF_SOURCE(types) },
	{ "adapter", OPTION_TEXT,
		"name of the adapter that makes events of what this source sends; default none",
		OF_SOURCE(adapter), .form = &form_name, .min = 1, .max = 64 },
	{ "vars", OPTION_OBJECT, "the adapter's settings for this source", OF_SOURCE(vars),
		.fallback = "{}" },
};
static const struct option_kind source_kind = { "source", source_options,
	OPTION_COUNT(source_options), sizeof(struct config_source), "handhelds" };

static const struct option route_options[] = {
	{ "when", OPTION_OBJECT,
		"dotted path of a field to a value, list, presence or prefix*; absent: all",
		OF_ROUTE(when) },
	{ "to", OPTION_NAMES, "names of destinations", OF_ROUTE(to), .is_required = true, .min = 1,
		.max = 64, .sample = "erp" },
	{ "lane", OPTION_ENUM, "its share when a destination is behind", OF_ROUTE(lane),
		.fallback = "normal", .words = lanes },
};
static const struct option_kind route_kind = { "route", route_options, OPTION_COUNT(route_options),
	sizeof(struct config_route), "all" };

/* What a site is, where its broker is and who may change it, is for its own files to say. */
static const struct option_word changeable[] = {
	{ "sources", 0 },
	{ "destinations", 0 },
	{ "routes", 0 },
	{ "inbound", 0 },
	{ "match", 0 },
	{ "listen", 0 },
	{ "limits", 0 },
	{ "store", 0 },
	{ "exceptions", 0 },
	{ "log", 0 },
	{ "timezone", 0 },
	{ NULL, 0 },
};

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

	{ "limits.max_skew", OPTION_DURATION,
		"how far a device's clock may be off before its events say so; 0s: never",
		OF_CONFIG(max_skew_ms), .fallback = "5m", .min = 0, .max = DECADE_MS },

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
	{ "listen.address", OPTION_TEXT,
		"host:port for events, hooks, health and metrics; beyond loopback only with tls and tokens",
		OF_CONFIG(listen.address), .form = &form_listen, .min = 1, .max = 64 },
	{ "listen.tls", OPTION_SECTION, .help = "absent: no TLS", OF_CONFIG(listen.has_tls) },
	{ "listen.tls.ca", OPTION_TEXT, "PEM bundle: clients must show a certificate of this CA",
		OF_CONFIG(listen.tls.ca), .form = &form_path, .min = 1, .max = 4096 },
	{ "listen.tls.cert", OPTION_TEXT, "PEM certificate, with its chain",
		OF_CONFIG(listen.tls.cert), .form = &form_path, .min = 1, .max = 4096 },
	{ "listen.tls.key", OPTION_SECRET, "PEM key of the certificate",
		OF_CONFIG(listen.tls.key) },
	{ "listen.tokens", OPTION_MAP, "bearer tokens, each with a role", OF_CONFIG(listen.tokens),
		.kind = &config_token_kind, .max = 1000,
		.count_offset = offsetof(struct config, listen.n_tokens) },
	{ "listen.hooks", OPTION_MAP, "webhooks of partners, at /v1/hooks/NAME",
		OF_CONFIG(listen.hooks), .kind = &config_hook_kind, .max = 64,
		.count_offset = offsetof(struct config, listen.n_hooks) },
	{ "destinations", OPTION_MAP, "outside systems, each with its own queue and limits",
		OF_CONFIG(destinations), .kind = &config_destination_kind, .max = 64,
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

	{ "fleet", OPTION_SECTION,
		.help = "configuration from afar, and probation for what changes; absent: files are "
			"taken at once",
		OF_CONFIG(has_fleet) },
	{ "fleet.allow", OPTION_PARTS, "top-level keys that may be changed from afar",
		OF_CONFIG(fleet.allow), .fallback = " sources destinations routes inbound ",
		.words = changeable, .max = 256 },
	{ "fleet.url", OPTION_TEXT, "where the desired document is asked for; default nowhere",
		OF_CONFIG(fleet.url), .form = &form_http_url, .min = 8, .max = 2048 },
	{ "fleet.every", OPTION_DURATION, "how often it is asked for", OF_CONFIG(fleet.every_ms),
		.fallback = "5m", .min = SECOND_MS, .max = DAY_MS },
	{ "fleet.token", OPTION_SECRET, "bearer token for fleet.url; default none",
		OF_CONFIG(fleet.token) },
	{ "fleet.tls", OPTION_SECTION, .help = "for fleet.url", OF_CONFIG(fleet.has_tls) },
	{ "fleet.tls.ca", OPTION_TEXT, "PEM bundle of a private CA; default the system's",
		OF_CONFIG(fleet.tls.ca), .form = &form_path, .min = 1, .max = 4096 },
	{ "fleet.tls.cert", OPTION_TEXT, "PEM client certificate", OF_CONFIG(fleet.tls.cert),
		.form = &form_path, .min = 1, .max = 4096 },
	{ "fleet.tls.key", OPTION_SECRET, "PEM key of the client certificate",
		OF_CONFIG(fleet.tls.key) },
	{ "fleet.public_key", OPTION_TEXT,
		"Ed25519, base64, several with blanks between: only what one of them signed is taken",
		OF_CONFIG(fleet.public_key), .form = &form_any, .min = 40, .max = 400 },
	{ "fleet.probation", OPTION_DURATION, "how long a change is watched before it is kept",
		OF_CONFIG(fleet.probation_ms), .fallback = "10m", .min = SECOND_MS, .max = DAY_MS },
};
const struct option_kind config_kind = { "configuration", config_options,
	OPTION_COUNT(config_options), sizeof(struct config), NULL };

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
