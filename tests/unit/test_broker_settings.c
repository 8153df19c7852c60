/* A mosquitto.conf, line by line, and what is wrong with it. */
#include "dray/broker_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/buf.h"

#define DAY_MS INT64_C(86400000)

static const struct broker_needs needs = { .message_bytes = 262144,
	.session_expiry_ms = 30 * DAY_MS };

/* What dray ships: nothing is wrong with it. */
static const char good[] = "persistence true\n"
			   "autosave_on_changes true\nautosave_interval 1000\n"
			   "max_queued_messages 0\nmax_queued_bytes 268435456\n"
			   "max_inflight_messages 0\nqueue_qos0_messages true\n"
			   "persistent_client_expiration 2m\nallow_anonymous false\n"
			   "max_packet_size 4194304\ntls_version tlsv1.2\n";

static void read_lines(const char *text, struct broker_settings *ret)
{
	char copy[2048], place[32], *rest = copy, *line, *name, *value;
	unsigned n = 0;

	*ret = (struct broker_settings){ 0 };
	assert_true(strlen(text) < sizeof(copy));
	(void)snprintf(copy, sizeof(copy), "%s", text);
	while ((line = strsep(&rest, "\n")) != NULL) {
		(void)snprintf(place, sizeof(place), "m.conf:%u", ++n);
		if (broker_settings_split(line, &name, &value))
			broker_settings_take(ret, name, value, place);
	}
}

static void on_flaw(void *ctx, const struct broker_flaw *flaw)
{
	buf_printf(ctx, "%s%s %s %s;", flaw->loses ? "!" : "", flaw->place ? flaw->place : "-",
		flaw->name, flaw->value);
	assert_non_null(flaw->why);
	assert_non_null(strstr(flaw->instead, flaw->name));
}

static void judge(const char *before, const char *more, struct buf *out)
{
	char text[2048];
	struct broker_settings settings;

	(void)snprintf(text, sizeof(text), "%s%s", before, more);
	read_lines(text, &settings);
	buf_reset(out);
	buf_puts(out, "");
	broker_settings_judge(&settings, &needs, on_flaw, out);
}

static void test_what_dray_ships_is_fine(void **state)
{
	struct buf flaws = BUF_INIT;

	(void)state;
	judge(good, "", &flaws);
	assert_string_equal(flaws.data, "");
	buf_done(&flaws);
}

static void test_mosquittos_defaults_lose_data(void **state)
{
	struct buf flaws = BUF_INIT;

	(void)state;
	judge("", "", &flaws);
	assert_string_equal(flaws.data,
		"!- persistence false;- autosave_interval 1800;!- max_queued_messages 1000;"
		"- max_inflight_messages 20;- queue_qos0_messages false;");
	buf_done(&flaws);
}

static void test_each_flaw_is_told_with_its_line(void **state)
{
	static const struct {
		const char *line, *flaw; /* "" none */
	} rows[] = {
		{ "persistence false", "!m.conf:12 persistence false;" },
		{ "  persistence\t true  \r", "" },
		{ "autosave_interval 0", "!m.conf:12 autosave_interval 0;" },
		{ "autosave_interval 20000", "m.conf:12 autosave_interval 20000;" },
		{ "autosave_on_changes false", "m.conf:3 autosave_interval 1000;" },
		{ "max_queued_messages 99999", "!m.conf:12 max_queued_messages 99999;" },
		{ "max_queued_messages 100000", "" },
		{ "max_queued_bytes 1048576", "!m.conf:12 max_queued_bytes 1048576;" },
		{ "max_queued_bytes 0", "" },
		{ "max_inflight_messages 20", "m.conf:12 max_inflight_messages 20;" },
		{ "queue_qos0_messages false", "m.conf:12 queue_qos0_messages false;" },
		{ "persistent_client_expiration 30d",
			"!m.conf:12 persistent_client_expiration 30d;" },
		{ "persistent_client_expiration 1m",
			"!m.conf:12 persistent_client_expiration 1m;" },
		{ "persistent_client_expiration 700h",
			"!m.conf:12 persistent_client_expiration 700h;" },
		{ "persistent_client_expiration 31d", "" },
		{ "persistent_client_expiration 5w", "" },
		{ "persistent_client_expiration 1y", "" },
		{ "message_size_limit 262144", "!m.conf:12 message_size_limit 262144;" },
		{ "message_size_limit 300000", "" },
		{ "max_packet_size 262144", "!m.conf:12 max_packet_size 262144;" },
		{ "memory_limit 100000000", "m.conf:12 memory_limit 100000000;" },
		{ "per_listener_settings true", "!m.conf:12 per_listener_settings true;" },
		{ "allow_anonymous true", "m.conf:12 allow_anonymous true;" },
		{ "max_qos 0", "!m.conf:12 max_qos 0;" },
		{ "retain_available false", "m.conf:12 retain_available false;" },
		{ "tls_version tlsv1.1", "m.conf:12 tls_version tlsv1.1;" },
		{ "# persistence false", "" },
		{ "persistence_location /x", "" },
	};
	struct buf flaws = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		judge(good, rows[i].line, &flaws);
		assert_string_equal(flaws.data, rows[i].flaw);
	}
	buf_done(&flaws);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_dray_ships_is_fine),
		cmocka_unit_test(test_mosquittos_defaults_lose_data),
		cmocka_unit_test(test_each_flaw_is_told_with_its_line),
	};

	return cmocka_run_group_tests_name("broker_settings", tests, NULL, NULL);
}
