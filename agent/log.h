/*
 * log.h - the only log sink: stderr, one line per fact, key=value or JSON.
 *
 *   LOG_INFO("broker connected", LOG_S("host", host), LOG_I("port", port));
 *
 * Messages: lower case, no full stop. Never a secret. Under systemd ($JOURNAL_STREAM) a line starts
 * with <n>, the syslog priority. A line whose level and message repeat more than 20 times within
 * 10 s is held back and counted; the next one that passes says how many were.
 */
#ifndef DRAY_LOG_H
#define DRAY_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_field {
	const char *key;  /* NULL ends the list */
	const char *text; /* NULL: `number` is meant */
	int64_t number;
};

#define LOG_S(key, text) ((struct log_field){ (key), log_text(text), 0 })
#define LOG_I(key, number) ((struct log_field){ (key), 0, (int64_t)(number) })

static inline const char *log_text(const char *text)
{
	return text ? text : "";
}

#define LOG_WRITE(level, message, ...) \
	log_write((level), (message), (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })
#define LOG_ERROR(...) LOG_WRITE(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_WARNING(...) LOG_WRITE(LOG_LEVEL_WARNING, __VA_ARGS__)
#define LOG_INFO(...) LOG_WRITE(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_DEBUG(...) LOG_WRITE(LOG_LEVEL_DEBUG, __VA_ARGS__)

void log_setup(enum log_level level, bool is_json);
/* Safe from any thread. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

#endif
