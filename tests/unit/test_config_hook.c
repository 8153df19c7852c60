/* What a hook may say in the configuration, and what goes together. */
#include "dray/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_hook.h"

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))

static void test_a_hook_that_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *hook, *path, *words;
	} rows[] = {
		{ "\"header\":\"X-A\"", "header", "is not for scheme standard" },
		{ "\"hmac\":{}", "hmac", "is not for scheme standard" },
		{ "\"scheme\":\"hmac\",\"member\":\"/a\"", "member", "is not for scheme hmac" },
		{ "\"scheme\":\"hmac\",\"parameter\":\"a\"", "parameter",
			"is not for scheme hmac" },
		{ "\"scheme\":\"token\",\"tolerance\":\"1m\"", "tolerance",
			"is not for scheme token" },
		{ "\"scheme\":\"hmac\",\"tolerance\":\"1m\"", "tolerance",
			"needs {timestamp} in hmac.signs" },
		{ "\"scheme\":\"hmac\",\"hmac\":{\"timestamp_header\":\"X-T\"}",
			"hmac.timestamp_header", "proves nothing" },
		{ "\"scheme\":\"hmac\",\"hmac\":{\"timestamp_prefix\":\"t=\"}",
			"hmac.timestamp_prefix", "proves nothing" },
		{ "\"scheme\":\"hmac\",\"hmac\":{\"signs\":\"{timestamp}{body}\","
		  "\"timestamp_header\":\"X-T\",\"timestamp_prefix\":\"t=\"}",
			"hmac.timestamp_prefix", "not in one of its own" },
		{ "\"scheme\":\"hmac\",\"hmac\":{\"signs\":\"{timestamp}\"}", "hmac.signs",
			"must hold {body}" },
		{ "\"scheme\":\"hmac\",\"hmac\":{\"signs\":\"{body}{body}\"}", "hmac.signs",
			"each once" },
		{ "\"scheme\":\"hmac\",\"hmac\":{\"signs\":\"{id}.{body}\"}", "hmac.signs",
			"no other braces" },
		{ "\"scheme\":\"hmac\",\"hmac\":{\"signs\":\"{body}.{url}\"}", "hmac.signs",
			"no other braces" },
		{ "\"scheme\":\"token\",\"header\":\"X-A\",\"member\":\"/a\"", "",
			"the token is in one place" },
		{ "\"scheme\":\"token\",\"member\":\"value\"", "member", "JSON Pointer" },
		{ "\"scheme\":\"token\",\"member\":\"/a~2\"", "member", "JSON Pointer" },
		{ "\"scheme\":\"token\",\"member\":\"/*/a/*\"", "member", "one element *" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct error err = { 0 };
		char path[64];

		(void)snprintf(path, sizeof(path), "listen.hooks.h%s%s", *rows[i].path ? "." : "",
			rows[i].path);
		assert_null(configure(rows[i].hook, &err));
		if (strcmp(err.path, path) != 0 || !strstr(err.message, rows[i].words))
			print_error("%s gave %s: %s\n", rows[i].hook, err.path, err.message);
		assert_string_equal(err.path, path);
		assert_non_null(strstr(err.message, rows[i].words));
	}
}

static void test_what_a_hook_leaves_out_has_a_default(void **state)
{
	struct error err = { 0 };
	struct config *config = configure("\"scheme\":\"hmac\"", &err);
	const struct config_hook *hook = &config->listen.hooks[0];

	(void)state;
	assert_string_equal(hook->header, "X-Signature");
	assert_string_equal(hook->hmac.signs, "{body}");
	assert_string_equal(hook->hmac.prefix, "");
	assert_null(hook->hmac.timestamp_prefix);
	assert_int_equal(hook->tolerance_ms, 300000);
	config_free(config);
	config = configure("\"scheme\":\"token\"", &err);
	assert_string_equal(config->listen.hooks[0].header, "Authorization");
	config_free(config);
	config = configure("\"scheme\":\"hmac\",\"hmac\":{\"signs\":\"{timestamp}.{body}\"}", &err);
	assert_string_equal(config->listen.hooks[0].hmac.timestamp_prefix, "t=");
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_hook_that_makes_no_sense_is_refused),
		cmocka_unit_test(test_what_a_hook_leaves_out_has_a_default),
	};

	return cmocka_run_group_tests_name("config_hook", tests, NULL, NULL);
}
