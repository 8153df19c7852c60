/*
 * What requests are signed with, kind by kind; a token: when it is asked for, how often, and what
 * becomes of it when it is refused or can't be had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "help_credential.h"

static struct box box;

static int set_up(void **state)
{
	(void)state;
	box_open(&box);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

#define TEXT(text) ((char *)(text))
#define SECRET ((struct config_secret){ TEXT("secret") })

/* --- static ones ------------------------------------------------------------------------------------ */

static void test_static_credentials_are_held_and_stand_in_their_headers(void **state)
{
	const struct {
		struct config_auth auth;
		const char *headers;
	} rows[] = {
		{ { .type = CONFIG_AUTH_NONE }, "" },
		{ { .type = CONFIG_AUTH_BASIC, .username = TEXT("dray"), .password = SECRET },
			"Authorization: Basic ZHJheTpzM2NyM3Qh|" },
		{ { .type = CONFIG_AUTH_BEARER, .token = SECRET },
			"Authorization: Bearer s3cr3t!|" },
		{ { .type = CONFIG_AUTH_API_KEY, .header = TEXT("X-Key"), .key = SECRET },
			"X-Key: s3cr3t!|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		box.destination.auth = rows[i].auth;
		box_make(&box);
		assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
		box_fetch(&box);
		assert_int_equal(box.n_sent, 0);
		assert_string_equal(box_sign(&box), rows[i].headers);
		credential_free(box.credential);
		box.credential = NULL;
	}
}

static void test_what_is_no_http_carries_no_headers(void **state)
{
	(void)state;
	box.destination.kind = CONFIG_KIND_MQTT;
	box.destination.auth = (struct config_auth){ .type = CONFIG_AUTH_BEARER, .token = SECRET };
	box_make(&box);
	assert_string_equal(box_sign(&box), "");
}

/* Made with openssl(1): printf '…' | openssl dgst -sha256 -hmac 's3cr3t!'. */
static void test_a_signature_stands_over_what_is_configured(void **state)
{
	struct config_auth auth = {
		.type = CONFIG_AUTH_HMAC,
		.header = TEXT("X-Signature"),
		.key = SECRET,
		.hmac = { .prefix = TEXT("sha256="), .separator = TEXT(".") },
	};

	(void)state;
	box.destination.auth = auth;
	box_make(&box);
	assert_string_equal(box_sign(&box),
		"X-Signature: sha256=1759f8a558f4c5ecc02430d178462b06d9508921e93bb566584e3b785308fcdb|");
	credential_free(box.credential);
	auth.hmac.signs = CONFIG_HMAC_TIMESTAMP_BODY;
	auth.hmac.timestamp_header = TEXT("X-Time");
	auth.hmac.encoding = CONFIG_HMAC_BASE64;
	auth.hmac.hash = CONFIG_HMAC_SHA1;
	auth.hmac.prefix = TEXT("");
	box.destination.auth = auth;
	box_make(&box);
	assert_string_equal(
		box_sign(&box), "X-Time: 1795001000|X-Signature: OuTmmEivYMhPuGdmk7XMAk+bxgY=|");
	credential_free(box.credential);
	auth.hmac.signs = CONFIG_HMAC_TIMESTAMP_METHOD_PATH_BODY;
	auth.hmac.separator = TEXT("\n");
	auth.hmac.encoding = CONFIG_HMAC_HEX;
	auth.hmac.hash = CONFIG_HMAC_SHA512;
	box.destination.auth = auth;
	box_make(&box);
	assert_string_equal(box_sign(&box),
		"X-Time: 1795001000|X-Signature: "
		"155975c2ec38836aa92e4a94219b25e3d0c66f53b974fec8f338028067e6f260778302b1eac8ee11972c80502d391eeca83253e010c8b7b07286a3fa25912c44|");
}

static void test_a_refused_static_credential_is_read_anew_once(void **state)
{
	unsigned generation;

	(void)state;
	box.destination.auth = (struct config_auth){ .type = CONFIG_AUTH_BEARER, .token = SECRET };
	box_make(&box);
	generation = credential_generation(box.credential);
	assert_false(credential_is_fresh(box.credential));
	box_write(&box, "secret", "n3w");
	assert_string_equal(box_sign(&box), "Authorization: Bearer s3cr3t!|");
	credential_refused(box.credential, generation);
	assert_string_equal(box_sign(&box), "Authorization: Bearer n3w|");
	assert_true(credential_is_fresh(box.credential));
	assert_int_equal(credential_generation(box.credential), generation + 1);
	/* The others that were out with the old one find it done. */
	box_write(&box, "secret", "n3w3r");
	credential_refused(box.credential, generation);
	assert_string_equal(box_sign(&box), "Authorization: Bearer n3w|");
	credential_accepted(box.credential, generation);
	assert_true(credential_is_fresh(box.credential));
	credential_accepted(box.credential, generation + 1);
	assert_false(credential_is_fresh(box.credential));
	credential_reread(box.credential);
	assert_string_equal(box_sign(&box), "Authorization: Bearer n3w3r|");
}

static void test_a_file_that_cannot_be_read_is_named(void **state)
{
	struct credential_options options = { .destination = &box.destination,
		.secrets = &box.secrets };
	struct error err = { 0 };

	(void)state;
	box.destination.auth = (struct config_auth){ .type = CONFIG_AUTH_OAUTH2,
		.client_secret = { TEXT("nowhere") } };
	assert_null(credential_new(&options, &err));
	assert_string_equal(err.path, "auth.client_secret");
	box.destination.auth = (struct config_auth){
		.type = CONFIG_AUTH_API_KEY, .header = TEXT("X-Key"), .key = SECRET
	};
	box_write(&box, "secret", "a\nHost: evil");
	assert_null(credential_new(&options, &err));
	assert_string_equal(err.path, "auth.key");
	assert_null(strstr(err.message, "evil"));
}

/* Where it is in use nobody is served by an end: its destination waits for it, and the others go on. */
static void test_in_use_a_file_that_is_gone_is_a_failure_until_it_is_back(void **state)
{
	char path[128];

	(void)state;
	box.destination.auth = (struct config_auth){ .type = CONFIG_AUTH_BEARER, .token = SECRET };
	box.destination.breaker_probe_ms = 5000;
	(void)snprintf(path, sizeof(path), "%s/secret", box.dir);
	assert_int_equal(unlink(path), 0);
	box_make(&box);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_NEEDED);
	box_fetch(&box);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FAILED);
	assert_true(credential_failure(box.credential).is_refused);
	assert_non_null(strstr(box_reason(&box), "auth.token: the secret in the file "));
	credential_reread(box.credential); /* a probe */
	box_fetch(&box);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FAILED);
	box_write(&box, "secret", "b4ck");
	box_fetch(&box);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FAILED);
	box.now_ms += 5000;
	box_fetch(&box);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
	assert_string_equal(box_sign(&box), "Authorization: Bearer b4ck|");
}

/* --- tokens ----------------------------------------------------------------------------------------- */

static void make_oauth2(void)
{
	box.destination.auth = (struct config_auth){
		.type = CONFIG_AUTH_OAUTH2,
		.token_url = TEXT("https://login/token"),
		.client_id = TEXT("dray:1"),
		.client_secret = SECRET,
		.expiry_skew_ms = 60000,
	};
	box_make(&box);
}

#define TOKEN(rest) "{\"access_token\":\"t0k3n\",\"token_type\":\"bearer\"" rest "}"

static void test_a_token_is_asked_for_as_rfc_6749_says(void **state)
{
	(void)state;
	make_oauth2();
	assert_int_equal(credential_state(box.credential), CREDENTIAL_NEEDED);
	box_fetch(&box);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FETCHING);
	assert_string_equal(box.method, "POST");
	assert_string_equal(box.url, "https://login/token");
	assert_string_equal(box.body, "grant_type=client_credentials");
	/* dray%3A1:s3cr3t%21 */
	assert_string_equal(box.headers,
		"Content-Type: application/x-www-form-urlencoded|Accept: application/json|"
		"Authorization: Basic ZHJheSUzQTE6czNjcjN0JTIx|");
	assert_true(box.forgets_cookies);
	box_answer(&box, 200, NULL, TOKEN(",\"expires_in\":3600"));
	assert_int_equal(box.n_changes, 1);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
	assert_string_equal(box_sign(&box), "Authorization: Bearer t0k3n|");
	assert_false(credential_is_fresh(box.credential));
}

static void test_scope_audience_and_a_client_in_the_body(void **state)
{
	(void)state;
	make_oauth2();
	box.destination.auth.scope = TEXT("a b/.default");
	box.destination.auth.audience = TEXT("https://api");
	box.destination.auth.client_in_body = true;
	box_fetch(&box);
	assert_string_equal(box.body,
		"grant_type=client_credentials&scope=a%20b%2F.default&audience=https%3A%2F%2Fapi"
		"&client_id=dray%3A1&client_secret=s3cr3t%21");
	assert_null(strstr(box.headers, "Authorization"));
}

static void test_many_who_need_a_token_ask_once(void **state)
{
	(void)state;
	make_oauth2();
	for (int i = 0; i < 50; i++) {
		box_fetch(&box);
		assert_int_equal(credential_state(box.credential), CREDENTIAL_FETCHING);
	}
	assert_int_equal(box.n_sent, 1);
	box_answer(&box, 200, NULL, TOKEN(",\"expires_in\":3600"));
	for (int i = 0; i < 50; i++)
		box_fetch(&box);
	assert_int_equal(box.n_sent, 1);
}

static void test_a_token_is_renewed_before_it_expires_and_used_until_then(void **state)
{
	(void)state;
	make_oauth2();
	box_fetch(&box);
	box.now_ms += 500; /* what the answer took is not part of its life */
	box_answer(&box, 200, NULL, TOKEN(",\"expires_in\":\"3600\""));
	box.now_ms += 3600000 - 60000 - 501;
	box_fetch(&box);
	assert_int_equal(box.n_sent, 1);
	box.now_ms += 1;
	box_fetch(&box);
	assert_int_equal(box.n_sent, 2);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
	assert_string_equal(box_sign(&box), "Authorization: Bearer t0k3n|");
	/* The endpoint is down: nothing stops before the end. */
	box_answer(&box, 503, NULL, "");
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
	box_fetch(&box);
	assert_int_equal(box.n_sent, 2);
	box.now_ms += 1000;
	box_fetch(&box);
	assert_int_equal(box.n_sent, 3);
	box.now_ms += 59000 - 1;
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
	box.now_ms += 1;
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FETCHING);
	box_answer(&box, 200, NULL, "{\"access_token\":\"n3xt\"}");
	assert_string_equal(box_sign(&box), "Authorization: Bearer n3xt|");
}

/* The skew is longer than its life. */
static void test_a_token_that_expires_every_second_is_used_for_that_second(void **state)
{
	(void)state;
	make_oauth2();
	for (unsigned i = 1; i <= 20; i++) {
		box_fetch(&box);
		assert_int_equal(box.n_sent, i);
		box_answer(&box, 200, NULL, TOKEN(",\"expires_in\":1"));
		assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
		box.now_ms += 499;
		box_fetch(&box);
		assert_int_equal(box.n_sent, i);
		box.now_ms += 501;
		assert_int_equal(credential_state(box.credential), CREDENTIAL_NEEDED);
	}
}

static void test_a_token_without_an_end_is_used_until_it_is_refused(void **state)
{
	unsigned generation;

	(void)state;
	make_oauth2();
	box_fetch(&box);
	box_answer(&box, 200, NULL, TOKEN(""));
	generation = credential_generation(box.credential);
	box.now_ms += INT64_C(365) * 86400000;
	box_fetch(&box);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
	credential_refused(box.credential, generation);
	credential_refused(box.credential, generation);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_NEEDED);
	/* What is signed now is signed with the old one still: its refusal is not the second. */
	assert_false(credential_is_fresh(box.credential));
	box_fetch(&box);
	assert_int_equal(box.n_sent, 2);
	credential_refused(box.credential, generation);
	box_answer(&box, 200, NULL, TOKEN(""));
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
	assert_int_equal(credential_generation(box.credential), generation + 1);
	assert_true(credential_is_fresh(box.credential));
	/* Late: it was signed with the one before. */
	credential_refused(box.credential, generation);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
}

static void test_a_rotated_secret_is_taken_up_with_the_next_fetch(void **state)
{
	(void)state;
	make_oauth2();
	box.destination.auth.client_in_body = true;
	box_fetch(&box);
	assert_non_null(strstr(box.body, "&client_secret=s3cr3t%21"));
	box_answer(&box, 401, NULL, "{\"error\":\"invalid_client\"}");
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FAILED);
	box_fetch(&box);
	assert_int_equal(box.n_sent, 1);
	box_write(&box, "secret", "n3w");
	credential_reread(box.credential);
	box_fetch(&box);
	assert_non_null(strstr(box.body, "&client_secret=n3w"));
}

/* --- answers that are no token ---------------------------------------------------------------------- */

/* With what stands before it, one byte less than there is room for. */
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG HUNDRED HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN "01234"

static void test_failures_are_told_in_the_other_sides_words(void **state)
{
	static const struct {
		int status;
		const char *body;
		bool is_refused;
		const char *reason;
	} rows[] = {
		{ 401,
			"{\"error\":\"invalid_client\",\"error_description\":\"Client "
			"authentication failed\"}",
			true,
			"the token endpoint answered 401: invalid_client: Client authentication "
			"failed" },
		{ 400, "{\"error\":\"invalid_scope\"}", true,
			"the token endpoint answered 400: invalid_scope" },
		{ 404, "no such page", true, "the token endpoint answered 404: no such page" },
		{ 302, "", true, "the token endpoint answered 302" },
		{ 503, "busy", false, "the token endpoint answered 503: busy" },
		{ 429, "", false, "the token endpoint answered 429" },
		{ 408, "", false, "the token endpoint answered 408" },
		{ 200, "<html>welcome</html>", true,
			"the token endpoint answered 200 with something other than JSON" },
		{ 200, "{}", true, "the token endpoint answered without an access_token" },
		{ 200, "[]", true, "the token endpoint answered without an access_token" },
		{ 200, "{\"access_token\":7}", true,
			"the token endpoint answered without an access_token" },
		{ 200, "{\"access_token\":\"a\\r\\nHost: evil\"}", true,
			"the token endpoint answered without an access_token" },
		{ 200, "{\"access_token\":\"caf\xc3\xa9\"}", true,
			"the token endpoint answered without an access_token" },
		{ 200, "{\"access_token\":\"\"}", true,
			"the token endpoint answered without an access_token" },
		{ 200, "{\"access_token\":\"t\",\"token_type\":\"mac\"}", true,
			"the token endpoint gave a token of type \"mac\", only Bearer is known" },
		/* It says back what it was told. */
		{ 401, "{\"error\":\"bad client s3cr3t! (Basic ZHJheSUzQTE6czNjcjN0JTIx)\"}", true,
			"the token endpoint answered 401: bad client *** (***)" },
		{ 400, "client_secret=s3cr3t%21 is wrong", true,
			"the token endpoint answered 400: client_secret=*** is wrong" },
		{ 400, LONG "\xc3\xa9\xc3\xa9", true, "the token endpoint answered 400: " LONG },
		{ 400, LONG "\xc3\xa9s3cr3t!", true, "the token endpoint answered 400: " LONG },
		{ 400, "\x1b[2J\x07gone", true, "the token endpoint answered 400: [2J gone" },
	};

	(void)state;
	make_oauth2();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct credential_failure failure;

		credential_reread(box.credential);
		box_fetch(&box);
		box_answer(&box, rows[i].status, NULL, rows[i].body);
		assert_int_equal(credential_state(box.credential), CREDENTIAL_FAILED);
		failure = credential_failure(box.credential);
		assert_string_equal(failure.reason, rows[i].reason);
		assert_int_equal(failure.is_refused, rows[i].is_refused);
		assert_int_equal(failure.nth, i + 1);
		assert_int_equal(box.n_changes, i + 1);
		assert_string_equal(box_sign(&box), "");
	}
}

static void test_who_cannot_be_reached_is_asked_again_with_growing_waits(void **state)
{
	static const int64_t waits_ms[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };

	(void)state;
	make_oauth2();
	for (size_t i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		box_fetch(&box);
		assert_int_equal(box.n_sent, i + 1);
		box_fail(&box, i % 2 ? TRANSPORT_NO_ANSWER : TRANSPORT_NOT_SENT);
		assert_false(credential_failure(box.credential).is_refused);
		assert_string_equal(
			box_reason(&box), "the token endpoint cannot be reached: the line is dead");
		box.now_ms += waits_ms[i] - 1;
		assert_int_equal(credential_state(box.credential), CREDENTIAL_FAILED);
		box.now_ms += 1;
		assert_int_equal(credential_state(box.credential), CREDENTIAL_NEEDED);
	}
}

static void test_a_wait_that_is_asked_for_is_obeyed(void **state)
{
	static const char *const headers[] = { "retry-after", "120", NULL };
	static const char *const century[] = { "retry-after", "3155760000", NULL };

	(void)state;
	make_oauth2();
	box_fetch(&box);
	box_answer(&box, 429, headers, "");
	assert_int_equal(credential_failure(box.credential).asked_ms, 120000);
	box.now_ms += 119999;
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FAILED);
	box.now_ms += 1;
	box_fetch(&box);
	box_answer(&box, 429, century, "");
	assert_int_equal(credential_failure(box.credential).asked_ms, 86400000);
	/* It was asked for once. */
	credential_reread(box.credential);
	box.refuses_to_start = true;
	box_fetch(&box);
	assert_int_equal(credential_failure(box.credential).asked_ms, 0);
}

static void test_what_cannot_be_begun_has_failed_at_once(void **state)
{
	(void)state;
	make_oauth2();
	box.refuses_to_start = true;
	box_fetch(&box);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FAILED);
	assert_int_equal(credential_failure(box.credential).nth, 1);
	assert_false(credential_failure(box.credential).is_refused);
	box_write(&box, "secret", "");
	credential_reread(box.credential);
	box_fetch(&box);
	assert_true(credential_failure(box.credential).is_refused);
	assert_non_null(strstr(box_reason(&box), "auth.client_secret: the secret in the file"));
}

static void test_a_fetch_that_is_out_is_forgotten_with_its_credential(void **state)
{
	(void)state;
	make_oauth2();
	box_fetch(&box);
	credential_free(box.credential);
	box.credential = NULL;
	assert_int_equal(box.n_forgotten, 1);
	assert_int_equal(box.n_changes, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_static_credentials_are_held_and_stand_in_their_headers),
		T(test_what_is_no_http_carries_no_headers),
		T(test_a_signature_stands_over_what_is_configured),
		T(test_a_refused_static_credential_is_read_anew_once),
		T(test_a_file_that_cannot_be_read_is_named),
		T(test_in_use_a_file_that_is_gone_is_a_failure_until_it_is_back),
		T(test_a_token_is_asked_for_as_rfc_6749_says),
		T(test_scope_audience_and_a_client_in_the_body),
		T(test_many_who_need_a_token_ask_once),
		T(test_a_token_is_renewed_before_it_expires_and_used_until_then),
		T(test_a_token_that_expires_every_second_is_used_for_that_second),
		T(test_a_token_without_an_end_is_used_until_it_is_refused),
		T(test_a_rotated_secret_is_taken_up_with_the_next_fetch),
		T(test_failures_are_told_in_the_other_sides_words),
		T(test_who_cannot_be_reached_is_asked_again_with_growing_waits),
		T(test_a_wait_that_is_asked_for_is_obeyed),
		T(test_what_cannot_be_begun_has_failed_at_once),
		T(test_a_fetch_that_is_out_is_forgotten_with_its_credential),
	};

	return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
