/* Mosquitto's password file and ACL, as texts in and out. */
#include "dray/broker_account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dray/encode.h"
#include "dray/json.h"

#define NOW_MS INT64_C(1795333779000) /* 2026-11-22T07:49:39Z */

static const char two[] = "dev1:$7$101$AAAA$BBBB:20261122T075000Z\n"
			  "dev10:$7$101$CCCC$DDDD\n";

static struct config *configure(const char *more)
{
	static const struct json_limits limits = { 65536, 16, 1000, false };
	struct buf text = BUF_INIT, scratch = BUF_INIT;
	struct config *config = NULL;
	struct error err = { 0 };
	cJSON *document;

	buf_printf(&text, "{\"site\":\"dc-1\"%s%s}", *more ? "," : "", more);
	document = json_parse(text.data, text.len, &limits, &scratch, NULL);
	assert_non_null(document);
	assert_int_equal(config_build(document, &config, &err), 0);
	cJSON_Delete(document);
	buf_done(&text);
	buf_done(&scratch);
	return config;
}

static void test_a_hash_is_the_one_that_mosquitto_passwd_makes(void **state)
{
	/* mosquitto_passwd 2.0.11 -b FILE x geheim */
	static const char salt_text[] = "LmK8Nae2fQlbM6+c";
	uint8_t salt[BROKER_SALT_BYTES];
	struct buf out = BUF_INIT;
	size_t len;

	(void)state;
	assert_true(decode_base64(salt_text, strlen(salt_text), salt, sizeof(salt), &len));
	assert_int_equal(broker_account_put("", "x", "geheim", salt, NOW_MS, &out), 0);
	assert_string_equal(out.data,
		"x:$7$101$LmK8Nae2fQlbM6+c$7SxMZPXWIoZpn3mbtQmV1DzseeesrJX9pgF82sIAGMctAp9CZfLfhXFa1"
		"sPOZm1tp6oVSv6a8o8t7hG9ot6Qxw==:20261122T074939Z\n");
	buf_done(&out);
}

static void test_an_account_is_added_replaced_and_left_out_and_no_other(void **state)
{
	static const uint8_t salt[BROKER_SALT_BYTES] = { 0 };
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(broker_account_put(two, "dev1", NULL, NULL, NOW_MS, &out), 0);
	assert_string_equal(out.data, "dev10:$7$101$CCCC$DDDD\n");
	buf_reset(&out);
	assert_int_equal(broker_account_put(two, "dev1", "p", salt, NOW_MS, &out), 0);
	assert_int_equal(
		strncmp(out.data, "dev10:$7$101$CCCC$DDDD\ndev1:$7$101$AAAAAAAAAAAAAAAA$", 50), 0);
	assert_null(strstr(out.data, "BBBB"));
	buf_reset(&out);
	/* A file whose last line was not ended. */
	assert_int_equal(broker_account_put("a:b", "c", "p", salt, NOW_MS, &out), 0);
	assert_int_equal(strncmp(out.data, "a:b\nc:$7$", 9), 0);
	buf_reset(&out);
	assert_int_equal(broker_account_put("", "c", NULL, NULL, NOW_MS, &out), 0);
	assert_string_equal(out.data, "");
	buf_done(&out);
}

static void test_the_lines_of_a_password_file(void **state)
{
	const char *at = "# a comment: no account\n\nno-colon\n:x\ndev1:$7$1:20261122T075000Z\nb:c";
	static const char *const names[] = { NULL, NULL, NULL, NULL, "dev1", "b" };
	struct broker_account account;
	size_t n = 0;

	(void)state;
	for (; broker_account_next(&at, &account); n++) {
		assert_true(n < sizeof(names) / sizeof(names[0]));
		if (!names[n]) {
			assert_null(account.name);
			continue;
		}
		assert_int_equal(account.name_len, strlen(names[n]));
		assert_memory_equal(account.name, names[n], account.name_len);
		assert_int_equal(account.added_len, n == 4 ? 16 : 0);
	}
	assert_int_equal(n, sizeof(names) / sizeof(names[0]));
	assert_true(broker_account_is_in(two, "dev10"));
	assert_false(broker_account_is_in(two, "dev"));
	assert_false(broker_account_is_in("#dev:x\n", "#dev"));
}

static void test_a_made_password_has_24_letters_of_its_entropy(void **state)
{
	uint8_t entropy[BROKER_PASSWORD_BYTES] = { 0 };
	char one[BROKER_PASSWORD_MAX], other[BROKER_PASSWORD_MAX];

	(void)state;
	broker_password(entropy, one);
	assert_string_equal(one, "aaaaaaaaaaaaaaaaaaaaaaaa");
	for (size_t bit = 0; bit < 8 * sizeof(entropy); bit++) {
		entropy[bit / 8] = (uint8_t)(1 << bit % 8);
		broker_password(entropy, other);
		assert_int_equal(strlen(other), 24);
		assert_string_not_equal(one, other);
		assert_int_equal(strspn(other, "abcdefghjkmnpqrstuvwxyz023456789"), 24);
		entropy[bit / 8] = 0;
	}
	(void)memset(entropy, 0xff, sizeof(entropy));
	broker_password(entropy, one);
	assert_string_equal(one, "999999999999999999999999");
}

static void test_what_can_be_a_password(void **state)
{
	char large[1100] = "";

	(void)state;
	assert_int_equal(broker_password_check("p"), 0);
	assert_int_equal(broker_password_check("with blank and \xc3\xa4"), 0);
	assert_int_equal(broker_password_check(""), -1);
	assert_int_equal(broker_password_check("a\nb:c"), -1);
	assert_int_equal(broker_password_check("a\r"), -1);
	(void)memset(large, 'x', 1025);
	assert_int_equal(broker_password_check(large), -1);
}

static void test_what_can_be_a_device(void **state)
{
	static const struct {
		const char *name;
		bool is_fine;
	} rows[] = { { "tc52-0042", true }, { "fleet", true }, { "", false }, { "+", false },
		{ "a/b", false }, { "#", false }, { "a:b", false }, { "a b", false },
		{ "agent", false }, { "drayd", true }, { "drayd-dc-1", false },
		{ "drayd-dc-1-talk", false }, { "drayd-dc-2", true } };
	struct config *config = configure("\"mqtt\":{\"username\":\"agent\"}");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(broker_device_flaw(config, rows[i].name) == NULL, rows[i].is_fine);
	config_free(config);
}

static void test_the_acl_lets_each_do_its_part(void **state)
{
	static const char *const lines[] = { "user drayd\ntopic read dray/v1/+/event/#\n",
		"topic read zebra/+/tevents\n", "topic write dray/v1/dc-1/ack/#\n",
		"user fleet\ntopic deny dray/v1/dc-1/event/#\ntopic write dray/v1/dc-1/config/desired\n",
		"pattern write dray/v1/dc-1/event/+/%u\npattern read dray/v1/dc-1/ack/%u\n",
		"pattern write zebra/%u/tevents\n" };
	/* Which level is the device's can't be known. */
	static const char *const not_there[] = { "pattern write x/", "pattern write y/",
		"pattern write a/", "pattern write dray/v1/%u" };
	struct config *config = configure(
		"\"sources\":{\"a\":{\"topic\":\"dray/v1/+/event/#\"},\"b\":{\"topic\":\"zebra/+/"
		"tevents\"},\"c\":{\"topic\":\"x/+/+\"},\"d\":{\"topic\":\"y/#\"},\"e\":{\"topic\":\"a/"
		"b\"},\"f\":{\"topic\":\"dray/v1/+/old\"}}");
	struct buf acl = BUF_INIT;

	(void)state;
	broker_acl_put(config, &acl);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_non_null(strstr(acl.data, lines[i]));
	for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++)
		assert_null(strstr(acl.data, not_there[i]));
	buf_done(&acl);
	config_free(config);
}

static void test_own_lines_of_an_acl_stay(void **state)
{
	struct config *before = configure(""), *after = configure("\"mqtt\":{\"root\":\"wms\"}");
	struct buf first = BUF_INIT, own = BUF_INIT, second = BUF_INIT;

	(void)state;
	broker_acl_merge("", before, &first);
	assert_true(broker_acl_is_current(first.data, before));
	assert_false(broker_acl_is_current(first.data, after));
	buf_printf(&own, "user a\ntopic b\n%suser c\ntopic d\n", first.data);
	assert_true(broker_acl_is_current(own.data, before));
	broker_acl_merge(own.data, after, &second);
	assert_true(broker_acl_is_current(second.data, after));
	assert_int_equal(strncmp(second.data, "user a\ntopic b\n# dray begin", 27), 0);
	assert_non_null(strstr(second.data, "# dray end\nuser c\ntopic d\n"));
	assert_null(strstr(second.data, "dray/v1"));
	/* One that is not dray's stands behind. */
	buf_reset(&second);
	broker_acl_merge("user c\ntopic d\n", after, &second);
	assert_non_null(strstr(second.data, "# dray end\nuser c\ntopic d\n"));
	buf_done(&first);
	buf_done(&own);
	buf_done(&second);
	config_free(before);
	config_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_hash_is_the_one_that_mosquitto_passwd_makes),
		cmocka_unit_test(test_an_account_is_added_replaced_and_left_out_and_no_other),
		cmocka_unit_test(test_the_lines_of_a_password_file),
		cmocka_unit_test(test_a_made_password_has_24_letters_of_its_entropy),
		cmocka_unit_test(test_what_can_be_a_password),
		cmocka_unit_test(test_what_can_be_a_device),
		cmocka_unit_test(test_the_acl_lets_each_do_its_part),
		cmocka_unit_test(test_own_lines_of_an_acl_stay),
	};

	return cmocka_run_group_tests_name("broker_account", tests, NULL, NULL);
}
