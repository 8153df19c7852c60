#include "help_fuzz.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dray/json.h"
#include "log.h"
#include "store/store.h"

/* What is wrong with a million inputs needs no million lines: instead of log.c. */
void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
	(void)level;
	(void)message;
	(void)fields;
}

void log_setup(enum log_level level, bool is_json)
{
	(void)level;
	(void)is_json;
}

void check_words(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		check(c >= 0x20 && c != 0x7f);
		check(c != 0xc2 || i + 1 == len || (unsigned char)text[i + 1] >= 0xa0);
	}
}

bool is_json(const char *text, size_t len)
{
	static const struct json_limits limits = { 16 << 20, 64, 1000000, false };
	struct buf scratch = BUF_INIT;
	cJSON *root = json_parse(text, len, &limits, &scratch, NULL);
	bool is_passed = root != NULL;

	cJSON_Delete(root);
	buf_done(&scratch);
	return is_passed;
}

void check_json(const char *text, size_t len)
{
	check(is_json(text, len));
}

static int64_t say_wall_ms(void *ctx)
{
	(void)ctx;
	return INT64_C(1795269845000);
}

static int64_t say_mono_us(void *ctx)
{
	(void)ctx;
	return 1000000;
}

static void fill_entropy(void *ctx, void *bytes, size_t len)
{
	(void)ctx;
	memset(bytes, 7, len);
}

static bool say_synchronised(void *ctx)
{
	(void)ctx;
	return true;
}

const struct clock *fuzz_clock(void)
{
	static const struct clock clock = { .wall_ms = say_wall_ms,
		.mono_us = say_mono_us,
		.entropy = fill_entropy,
		.is_synchronised = say_synchronised };

	return &clock;
}

static char folder[64];

static void remove_folder(void)
{
	char command[96];

	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	(void)!system(command);
}

struct store *fuzz_store(const char *name, char *ret_path, size_t size)
{
	struct store *store;
	struct error err;
	char path[96];

	if (!folder[0]) {
		(void)snprintf(folder, sizeof(folder), "%s/dray-fuzz-XXXXXX",
			access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		check(mkdtemp(folder) != NULL && atexit(remove_folder) == 0);
	}
	(void)snprintf(path, sizeof(path), "%s/dray.db", folder);
	(void)snprintf(ret_path, size, "%s/%s", folder, name);
	check(store_open(&(struct store_options){ .path = path, .max_bytes = 1 << 30 }, &store,
		      &err) == 0);
	return store;
}
