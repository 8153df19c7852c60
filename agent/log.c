#include "log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "dray/buf.h"
#include "dray/times.h"

#define REPEATS_MAX 20
#define REPEATS_WINDOW_MS 10000
#define SLOTS 32

/* Repeats are told apart by level and message, which are few and static. */
struct repeat {
	const char *message;
	int64_t since_mono_ms;
	unsigned seen;
	unsigned held_back;
};

static struct {
	pthread_mutex_t lock;
	enum log_level level;
	bool is_json;
	bool has_priorities;
	struct repeat repeats[SLOTS];
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_LEVEL_INFO };

static const char *level_word(enum log_level level)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };

	return words[level];
}

void log_setup(enum log_level level, bool is_json)
{
	(void)pthread_mutex_lock(&sink.lock);
	sink.level = level;
	sink.is_json = is_json;
	sink.has_priorities = getenv("JOURNAL_STREAM") != NULL;
	(void)pthread_mutex_unlock(&sink.lock);
}

/* May this line pass? *ret_held_back: how many like it did not. */
static bool passes(const char *message, unsigned *ret_held_back)
{
	struct repeat *slot = &sink.repeats[((uintptr_t)message >> 3) % SLOTS];
	int64_t now_mono_ms = clock_mono_ms(clock_system());

	*ret_held_back = 0;
	if (slot->message != message || now_mono_ms - slot->since_mono_ms >= REPEATS_WINDOW_MS) {
		if (slot->message == message)
			*ret_held_back = slot->held_back;
		*slot = (struct repeat){ message, now_mono_ms, 0, 0 };
	}
	if (++slot->seen > REPEATS_MAX) {
		slot->held_back++;
		return false;
	}
	return true;
}

static bool is_bare_word(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == '"' || *text == '=' || *text == 0x7f)
			return false;
	return true;
}

static void put_field(struct buf *line, const struct log_field *field)
{
	if (sink.is_json) {
		buf_putc(line, ',');
		buf_put_json(line, field->key, strlen(field->key));
		buf_putc(line, ':');
	} else {
		buf_printf(line, " %s=", field->key);
	}
	if (!field->text)
		buf_printf(line, "%lld", (long long)field->number);
	else if (!sink.is_json && is_bare_word(field->text))
		buf_puts(line, field->text);
	else
		buf_put_json(line, field->text, strlen(field->text));
}

static void put_head(struct buf *line, enum log_level level, const char *message)
{
	static const char priorities[] = "3467";
	char now[TIME_TEXT_MAX];

	if (sink.has_priorities)
		buf_printf(line, "<%c>", priorities[level]);
	time_format(clock_wall_ms(clock_system()), now);
	if (sink.is_json) {
		buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", now,
			level_word(level));
		buf_put_json(line, message, strlen(message));
	} else if (sink.has_priorities) {
		buf_printf(line, "%s", message);
	} else {
		buf_printf(line, "%s %s %s", now, level_word(level), message);
	}
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
	struct buf line = BUF_INIT;
	unsigned held_back;
	ssize_t written;

	(void)pthread_mutex_lock(&sink.lock);
	if (level > sink.level || !passes(message, &held_back))
		goto out;
	put_head(&line, level, message);
	for (; fields->key; fields++)
		put_field(&line, fields);
	if (held_back)
		put_field(&line, &LOG_I("held_back", held_back));
	buf_puts(&line, sink.is_json ? "}\n" : "\n");
	if (!buf_failed(&line)) {
		written = write(STDERR_FILENO, line.data, line.len);
		(void)written; /* there is nobody left to tell */
	}
out:
	buf_done(&line);
	(void)pthread_mutex_unlock(&sink.lock);
}
