/*
 * broker_settings.h - what a Mosquitto's configuration (mosquitto.conf(5)) says, held against what dray needs
 * of it. Its defaults lose data while drayd is away.
 *
 * Lines are taken in the order in which Mosquitto reads them; of what is set twice the last counts. What isn't
 * set at all has Mosquitto's default, and is judged as well.
 *
 * Pure: whoever reads the files hands in their lines.
 */
#ifndef DRAY_BROKER_SETTINGS_H
#define DRAY_BROKER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum broker_option {
	BROKER_PERSISTENCE,
	BROKER_AUTOSAVE_INTERVAL,
	BROKER_AUTOSAVE_ON_CHANGES,
	BROKER_MAX_QUEUED_MESSAGES,
	BROKER_MAX_QUEUED_BYTES,
	BROKER_MAX_INFLIGHT_MESSAGES,
	BROKER_QUEUE_QOS0,
	BROKER_CLIENT_EXPIRATION,
	BROKER_MESSAGE_SIZE_LIMIT,
	BROKER_MAX_PACKET_SIZE,
	BROKER_MEMORY_LIMIT,
	BROKER_PER_LISTENER,
	BROKER_ALLOW_ANONYMOUS,
	BROKER_MAX_QOS,
	BROKER_RETAIN_AVAILABLE,
	BROKER_TLS_VERSION,
	BROKER_OPTION_N
};

#define BROKER_VALUE_MAX 64
#define BROKER_PLACE_MAX 512

struct broker_settings {
	struct {
		bool is_set;
		char value[BROKER_VALUE_MAX];
		char place[BROKER_PLACE_MAX]; /* "FILE:LINE" */
	} of[BROKER_OPTION_N];
};

/* What dray will ask of it. */
struct broker_needs {
	int64_t message_bytes;     /* limits.message */
	int64_t session_expiry_ms; /* mqtt.session_expiry */
};

/*
 * The option of a line and its value, blanks around them cut. Both point into `line`, which is cut up.
 * False: the line is empty or a comment.
 */
bool broker_settings_split(char *line, char **ret_name, char **ret_value);
/* Keep it, where it is one of the above. */
void broker_settings_take(
	struct broker_settings *settings, const char *name, const char *value, const char *place);

struct broker_flaw {
	bool loses;          /* events may be lost, or come to harm; else it is only not good */
	const char *place;   /* NULL: nowhere, it is Mosquitto's default */
	const char *name;    /* of the option */
	const char *value;   /* as it is in force */
	const char *why;     /* static */
	const char *instead; /* the line to write, static */
};
typedef void (*broker_flaw_fn)(void *ctx, const struct broker_flaw *flaw);
/* All that is wrong with it, in the order of the options. */
void broker_settings_judge(const struct broker_settings *settings, const struct broker_needs *needs,
	broker_flaw_fn on_flaw, void *ctx);

#endif
