#include "dray/broker_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MESSAGES_MIN 100000
#define QUEUE_BYTES_MIN (16 << 20)
#define INFLIGHT_MIN 1000
#define AUTOSAVE_MAX_S 300
#define AUTOSAVE_MAX_CHANGES 10000
#define PACKET_HEAD_BYTES 1024 /* topic and properties, beside the message */
#define S_MS INT64_C(1000)
#define DAY_S (24 * INT64_C(3600))

struct row {
	const char *name;
	const char *absent; /* Mosquitto's default */
};
static const struct row rows[BROKER_OPTION_N] = {
	[BROKER_PERSISTENCE] = { "persistence", "false" },
	[BROKER_AUTOSAVE_INTERVAL] = { "autosave_interval", "1800" },
	[BROKER_AUTOSAVE_ON_CHANGES] = { "autosave_on_changes", "false" },
	[BROKER_MAX_QUEUED_MESSAGES] = { "max_queued_messages", "1000" },
	[BROKER_MAX_QUEUED_BYTES] = { "max_queued_bytes", "0" },
	[BROKER_MAX_INFLIGHT_MESSAGES] = { "max_inflight_messages", "20" },
	[BROKER_QUEUE_QOS0] = { "queue_qos0_messages", "false" },
	[BROKER_CLIENT_EXPIRATION] = { "persistent_client_expiration", "" },
	[BROKER_MESSAGE_SIZE_LIMIT] = { "message_size_limit", "0" },
	[BROKER_MAX_PACKET_SIZE] = { "max_packet_size", "0" },
	[BROKER_MEMORY_LIMIT] = { "memory_limit", "0" },
	[BROKER_PER_LISTENER] = { "per_listener_settings", "false" },
	[BROKER_ALLOW_ANONYMOUS] = { "allow_anonymous", "false" },
	[BROKER_MAX_QOS] = { "max_qos", "2" },
	[BROKER_RETAIN_AVAILABLE] = { "retain_available", "true" },
	[BROKER_TLS_VERSION] = { "tls_version", "tlsv1.2" },
};

bool broker_settings_split(char *line, char **ret_name, char **ret_value)
{
	size_t len = strlen(line);

	while (len > 0 && strchr(" \t\r\n", line[len - 1]))
		line[--len] = '\0';
	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return false;
	*ret_name = line;
	line += strcspn(line, " \t");
	*ret_value = line + strspn(line, " \t");
	*line = '\0';
	return true;
}

void broker_settings_take(
	struct broker_settings *settings, const char *name, const char *value, const char *place)
{
	for (size_t i = 0; i < BROKER_OPTION_N; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		settings->of[i].is_set = true;
		(void)snprintf(settings->of[i].value, BROKER_VALUE_MAX, "%s", value);
		(void)snprintf(settings->of[i].place, BROKER_PLACE_MAX, "%s", place);
	}
}

/* --- values -------------------------------------------------------------------------------------------- */

static const char *value_of(const struct broker_settings *settings, enum broker_option option)
{
	return settings->of[option].is_set ? settings->of[option].value : rows[option].absent;
}

static bool is_true(const struct broker_settings *settings, enum broker_option option)
{
	const char *value = value_of(settings, option);

	return strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
}

static int64_t number(const struct broker_settings *settings, enum broker_option option)
{
	return strtoll(value_of(settings, option), NULL, 10);
}

/* "14d", "2m" (months); 0: for ever. Mosquitto's months and years have 30 and 365 days. */
static int64_t expiration_ms(const struct broker_settings *settings)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 'h', 3600 }, { 'd', DAY_S }, { 'w', 7 * DAY_S }, { 'm', 30 * DAY_S },
		{ 'y', 365 * DAY_S } };
	char *end;
	int64_t n = strtoll(value_of(settings, BROKER_CLIENT_EXPIRATION), &end, 10);

	if (n <= 0 || n > 1000000)
		return 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (*end == units[i].unit)
			return n * units[i].seconds * S_MS;
	return 0;
}

/* A bound of 0 is none. */
static bool is_below(
	const struct broker_settings *settings, enum broker_option option, int64_t least)
{
	int64_t n = number(settings, option);

	return n > 0 && n < least;
}

/* --- judging ------------------------------------------------------------------------------------------- */

struct judge {
	const struct broker_settings *settings;
	broker_flaw_fn on_flaw;
	void *ctx;
};

static void tell(const struct judge *judge, bool is_flawed, bool loses, enum broker_option option,
	const char *why, const char *instead)
{
	if (is_flawed)
		judge->on_flaw(
			judge->ctx, &(struct broker_flaw){ .loses = loses,
					    .place = judge->settings->of[option].is_set
							     ? judge->settings->of[option].place
							     : NULL,
					    .name = rows[option].name,
					    .value = value_of(judge->settings, option),
					    .why = why,
					    .instead = instead });
}

static void judge_disk(const struct judge *judge)
{
	const struct broker_settings *s = judge->settings;
	bool on_changes = is_true(s, BROKER_AUTOSAVE_ON_CHANGES);
	int64_t interval = number(s, BROKER_AUTOSAVE_INTERVAL);

	tell(judge, !is_true(s, BROKER_PERSISTENCE), true, BROKER_PERSISTENCE,
		"its restart loses the sessions and all that waits in them", "persistence true");
	tell(judge, interval <= 0, true, BROKER_AUTOSAVE_INTERVAL,
		"what waits is saved at an orderly end only: a power cut takes it",
		"autosave_on_changes true, autosave_interval 1000");
	tell(judge, interval > (on_changes ? AUTOSAVE_MAX_CHANGES : AUTOSAVE_MAX_S), false,
		BROKER_AUTOSAVE_INTERVAL, "what came since the last save is lost by a power cut",
		"autosave_on_changes true, autosave_interval 1000");
}

static void judge_queue(const struct judge *judge, const struct broker_needs *needs)
{
	const struct broker_settings *s = judge->settings;
	int64_t expiration = expiration_ms(s);

	tell(judge, is_below(s, BROKER_MAX_QUEUED_MESSAGES, QUEUE_MESSAGES_MIN), true,
		BROKER_MAX_QUEUED_MESSAGES,
		"of what comes while drayd is away it keeps so many, and drops the rest",
		"max_queued_messages 0, max_queued_bytes 268435456");
	tell(judge, is_below(s, BROKER_MAX_QUEUED_BYTES, QUEUE_BYTES_MIN), true,
		BROKER_MAX_QUEUED_BYTES,
		"of what comes while drayd is away it keeps so many bytes, and drops the rest",
		"max_queued_bytes 268435456");
	tell(judge, is_below(s, BROKER_MAX_INFLIGHT_MESSAGES, INFLIGHT_MIN), false,
		BROKER_MAX_INFLIGHT_MESSAGES, "drayd commits so few at a time: it is slow",
		"max_inflight_messages 0");
	tell(judge, !is_true(s, BROKER_QUEUE_QOS0), false, BROKER_QUEUE_QOS0,
		"what readers publish with QoS 0 while drayd is away is dropped",
		"queue_qos0_messages true");
	tell(judge, expiration > 0 && expiration <= needs->session_expiry_ms, true,
		BROKER_CLIENT_EXPIRATION,
		"it forgets drayd's session sooner than mqtt.session_expiry",
		"persistent_client_expiration 2m");
}

static void judge_sizes(const struct judge *judge, const struct broker_needs *needs)
{
	const struct broker_settings *s = judge->settings;

	tell(judge, is_below(s, BROKER_MESSAGE_SIZE_LIMIT, needs->message_bytes + 1), true,
		BROKER_MESSAGE_SIZE_LIMIT,
		"it drops messages that dray would take (limits.message), and the device hears nothing",
		"message_size_limit 0");
	tell(judge, is_below(s, BROKER_MAX_PACKET_SIZE, needs->message_bytes + PACKET_HEAD_BYTES),
		true, BROKER_MAX_PACKET_SIZE,
		"it cuts off devices for messages that dray would take (limits.message)",
		"max_packet_size 4194304");
	tell(judge, number(s, BROKER_MEMORY_LIMIT) > 0, false, BROKER_MEMORY_LIMIT,
		"beyond it messages are refused: the queue for drayd is in its memory",
		"memory_limit 0");
}

void broker_settings_judge(const struct broker_settings *settings, const struct broker_needs *needs,
	broker_flaw_fn on_flaw, void *ctx)
{
	const struct judge judge = { settings, on_flaw, ctx };

	judge_disk(&judge);
	judge_queue(&judge, needs);
	judge_sizes(&judge, needs);
	tell(&judge, is_true(settings, BROKER_PER_LISTENER), true, BROKER_PER_LISTENER,
		"Mosquitto 2.0.12 to 2.0.18 lost persistent sessions with it",
		"per_listener_settings false");
	tell(&judge, is_true(settings, BROKER_ALLOW_ANONYMOUS), false, BROKER_ALLOW_ANONYMOUS,
		"whoever reaches it may speak for any device", "allow_anonymous false");
	tell(&judge, number(settings, BROKER_MAX_QOS) < 1, true, BROKER_MAX_QOS,
		"with QoS 0 nothing that is on its way is sent again", "max_qos 2");
	tell(&judge, !is_true(settings, BROKER_RETAIN_AVAILABLE), false, BROKER_RETAIN_AVAILABLE,
		"status, work lists and desired configuration are retained messages",
		"retain_available true");
	tell(&judge, strcmp(value_of(settings, BROKER_TLS_VERSION), "tlsv1.1") == 0, false,
		BROKER_TLS_VERSION, "TLS 1.1 is broken", "tls_version tlsv1.2");
}
