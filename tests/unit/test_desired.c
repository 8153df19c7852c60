/* Desired configurations: what is taken, and what each refusal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dray/desired.h"
#include "dray/encode.h"
#include "dray/json.h"

#define GOOD "{\"site\":\"dc-1\",\"revision\":12,\"config\":{\"routes\":{\"all\":null}}}"

static const uint8_t private_key[JWS_KEY_BYTES] = { 1, 2, 3 };

static struct jws_keys own_key(void)
{
	struct jws_keys keys = { .n = 1 };

	assert_int_equal(jws_public_key(private_key, keys.key[0]), 0);
	return keys;
}

static struct desired_rules rules_with(const struct jws_keys *keys)
{
	return (struct desired_rules){
		.site = "dc-1", .keys = keys, .allow = " sources destinations routes "
	};
}

static void test_a_document_is_read(void **state)
{
	struct desired_rules rules = rules_with(NULL);
	struct desired desired;
	struct error err;
	int64_t number;

	(void)state;
	assert_int_equal(desired_read(GOOD, strlen(GOOD), &rules, &desired, &number, &err), 0);
	assert_int_equal(desired.revision, 12);
	assert_int_equal(number, 12);
	assert_true(cJSON_IsNull(json_get(json_get(desired.config, "routes"), "all")));
	desired_done(&desired);
}

static void test_a_signed_one_is_read_with_and_without_a_key(void **state)
{
	struct jws_keys keys = own_key();
	struct buf jws = BUF_INIT;
	struct error err;

	(void)state;
	assert_int_equal(jws_sign(private_key, GOOD, strlen(GOOD), &jws, &err), 0);
	for (int i = 0; i < 2; i++) {
		struct desired_rules rules = rules_with(i ? &keys : NULL);
		struct desired desired;

		assert_int_equal(desired_read(jws.data, jws.len, &rules, &desired, NULL, &err), 0);
		assert_int_equal(desired.revision, 12);
		desired_done(&desired);
	}
	buf_done(&jws);
}

static void test_what_is_refused_says_why(void **state)
{
	static const struct {
		const char *text;
		int64_t number;
		const char *path, *message;
	} rows[] = {
		{ "", 0, "", "" },
		{ "{", 0, "", "line 1" },
		{ "[]", 0, "", "must be an object" },
		{ "{\"site\":\"dc-1\",\"revision\":3,\"config\":{},\"x\":1}", 3, "x", "unknown" },
		{ "{\"site\":\"dc-1\",\"config\":{}}", 0, "revision", "from 1 on" },
		{ "{\"site\":\"dc-1\",\"revision\":0,\"config\":{}}", 0, "revision", "from 1 on" },
		{ "{\"site\":\"dc-1\",\"revision\":1.5,\"config\":{}}", 0, "revision",
			"from 1 on" },
		{ "{\"site\":\"dc-1\",\"revision\":\"3\",\"config\":{}}", 0, "revision",
			"from 1 on" },
		{ "{\"site\":\"dc-1\",\"revision\":9007199254740993,\"config\":{}}", 0, "revision",
			"from 1 on" },
		{ "{\"revision\":3,\"config\":{}}", 3, "site", "required" },
		{ "{\"site\":\"dc-2\",\"revision\":3,\"config\":{}}", 3, "site", "\"dc-2\"" },
		{ "{\"site\":\"dc-1\",\"revision\":3}", 3, "config", "an object" },
		{ "{\"site\":\"dc-1\",\"revision\":3,\"config\":[]}", 3, "config", "an object" },
		{ "{\"site\":\"dc-1\",\"revision\":3,\"config\":{\"mqtt\":{}}}", 3, "config.mqtt",
			"from afar" },
		{ "{\"site\":\"dc-1\",\"revision\":3,\"config\":{\"route\":{}}}", 3, "config.route",
			"from afar" },
		{ "{\"site\":\"dc-1\",\"revision\":3,\"config\":{\"\":{}}}", 3, "config", "" },
		{ "{\"site\":\"dc-1\",\"site\":\"dc-1\",\"revision\":3,\"config\":{}}", 0, "",
			"line 1" },
	};
	struct desired_rules rules = rules_with(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct desired desired = { 0 };
		struct error err = { 0 };
		int64_t number = -1;

		assert_int_equal(desired_read(rows[i].text, strlen(rows[i].text), &rules, &desired,
					 &number, &err),
			-1);
		assert_int_equal(number, rows[i].number);
		assert_int_equal(strncmp(err.path, rows[i].path, strlen(rows[i].path)), 0);
		assert_non_null(strstr(err.message, rows[i].message));
		assert_null(desired.config);
	}
}

static void test_unsigned_is_refused_where_a_key_is_set(void **state)
{
	struct jws_keys keys = own_key();
	struct desired_rules rules = rules_with(&keys);
	struct desired desired;
	struct error err;
	int64_t number;

	(void)state;
	assert_int_equal(desired_read(GOOD, strlen(GOOD), &rules, &desired, &number, &err), -1);
	assert_string_equal(err.path, "signature");
	assert_int_equal(
		number, 0); /* what nobody vouches for is not believed in its number either */
}

static void test_one_signed_by_another_is_refused(void **state)
{
	static const uint8_t another[JWS_KEY_BYTES] = { 9 };
	struct jws_keys keys = own_key();
	struct desired_rules rules = rules_with(&keys);
	struct desired desired;
	struct buf jws = BUF_INIT;
	struct error err;
	int64_t number;

	(void)state;
	assert_int_equal(jws_sign(another, GOOD, strlen(GOOD), &jws, &err), 0);
	assert_int_equal(desired_read(jws.data, jws.len, &rules, &desired, &number, &err), -1);
	assert_string_equal(err.path, "signature");
	assert_int_equal(number, 0);
	buf_done(&jws);
}

static void test_a_document_that_is_too_large_is_not_looked_at(void **state)
{
	struct desired_rules rules = rules_with(NULL);
	struct desired desired;
	struct error err;

	(void)state;
	assert_int_equal(desired_read(GOOD, JWS_MAX + 1, &rules, &desired, NULL, &err), -1);
	assert_non_null(strstr(err.message, "larger than"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_document_is_read),
		cmocka_unit_test(test_a_signed_one_is_read_with_and_without_a_key),
		cmocka_unit_test(test_what_is_refused_says_why),
		cmocka_unit_test(test_unsigned_is_refused_where_a_key_is_set),
		cmocka_unit_test(test_one_signed_by_another_is_refused),
		cmocka_unit_test(test_a_document_that_is_too_large_is_not_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
