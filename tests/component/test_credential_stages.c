/*
 * Credentials that take more than one request: a CSRF token in front of whatever else is used, a log-in
 * that the connector's program describes. The mapper is the real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "help_credential.h"
#include "mapper/mapper.h"

static struct box box;
static struct event_base *base;
static struct mapper *mapper;

static int set_up(void **state)
{
	(void)state;
	box_open(&box);
	base = event_base_new();
	mapper = mapper_new(base, &(struct mapper_options){ .path = DRAY_MAP,
					  .zone = "Europe/Berlin",
					  .bound_ms = 10000,
					  .hold_ms = MAPPER_HOLD_MS });
	assert_non_null(base);
	assert_non_null(mapper);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	box_close(&box);
	mapper_program_unref(box.program);
	mapper_free(mapper);
	event_base_free(base);
	return 0;
}

#define TEXT(text) ((char *)(text))
#define SECRET ((struct config_secret){ TEXT("secret") })

/* --- CSRF -------------------------------------------------------------------------------------------- */

static void make_csrf(struct config_auth auth)
{
	auth.csrf.path = TEXT("/odata/$metadata");
	auth.csrf.header = TEXT("X-CSRF-Token");
	auth.keeps_cookies = true;
	box.destination.auth = auth;
	box_make(&box);
}

static const struct config_auth basic = {
	.type = CONFIG_AUTH_BASIC, .username = TEXT("dray"), .password = { TEXT("secret") }
};
#define BASIC "Authorization: Basic ZHJheTpzM2NyM3Qh|"

static const char *const csrf_answer[] = { "content-type", "text/xml", "x-csrf-token",
	"c5rf==", NULL };
static const char *const csrf_required[] = { "x-csrf-token", "Required", NULL };

static void test_a_csrf_token_is_fetched_with_the_credentials_and_replayed(void **state)
{
	(void)state;
	make_csrf(basic);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_NEEDED);
	box_fetch(&box);
	assert_string_equal(box.method, "GET");
	assert_string_equal(box.url, "http://erp/odata/$metadata");
	assert_string_equal(box.headers, "X-CSRF-Token: Fetch|" BASIC);
	assert_true(box.forgets_cookies);
	box_answer(&box, 200, csrf_answer, "<edmx/>");
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
	assert_string_equal(box_sign(&box), BASIC "X-CSRF-Token: c5rf==|");
	box.now_ms += 86400000;
	box_fetch(&box);
	assert_int_equal(box.n_sent, 1);
}

static void test_only_a_403_that_asks_for_a_csrf_token_is_mended_by_one(void **state)
{
	const struct connector_header required = { "x-csrf-token", "Required" };
	const struct connector_header other = { "x-csrf-token", "c5rf==" };

	(void)state;
	make_csrf(basic);
	assert_true(credential_is_csrf_refusal(box.credential, 403, &required, 1));
	assert_false(credential_is_csrf_refusal(box.credential, 400, &required, 1));
	assert_false(credential_is_csrf_refusal(box.credential, 403, &other, 1));
	assert_false(credential_is_csrf_refusal(box.credential, 403, NULL, 0));
	credential_free(box.credential);
	box.destination.auth.csrf.path = NULL;
	box_make(&box);
	assert_false(credential_is_csrf_refusal(box.credential, 403, &required, 1));
}

static void test_a_refused_csrf_token_is_fetched_anew(void **state)
{
	static const char *const next[] = { "x-csrf-token", "n3xt", NULL };

	(void)state;
	make_csrf(basic);
	box_fetch(&box);
	box_answer(&box, 200, csrf_answer, "");
	credential_refused(box.credential, credential_generation(box.credential));
	assert_int_equal(credential_state(box.credential), CREDENTIAL_NEEDED);
	box_fetch(&box);
	assert_true(box.forgets_cookies);
	box_answer(&box, 200, next, "");
	assert_string_equal(box_sign(&box), BASIC "X-CSRF-Token: n3xt|");
	assert_true(credential_is_fresh(box.credential));
}

static void test_a_csrf_path_that_gives_no_token_is_told(void **state)
{
	static const char *const broken[] = { "x-csrf-token", "a b", NULL };
	static const struct {
		int status;
		const char *const *headers;
		bool is_refused;
		const char *reason;
	} rows[] = {
		{ 200, NULL, true, "the CSRF path answered 200 without a token in X-CSRF-Token" },
		{ 200, csrf_required, true,
			"the CSRF path answered 200 without a token in X-CSRF-Token" },
		{ 200, broken, true, "the CSRF path answered 200 without a token in X-CSRF-Token" },
		{ 401, NULL, true, "the CSRF path answered 401: who are you" },
		{ 404, csrf_answer, true, "the CSRF path answered 404: who are you" },
		{ 500, NULL, false, "the CSRF path answered 500: who are you" },
	};

	(void)state;
	make_csrf(basic);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		credential_reread(box.credential);
		box_fetch(&box);
		box_answer(&box, rows[i].status, rows[i].headers, "who are you");
		assert_string_equal(box_reason(&box), rows[i].reason);
		assert_int_equal(credential_failure(box.credential).is_refused, rows[i].is_refused);
	}
}

static void test_a_token_comes_before_a_csrf_token(void **state)
{
	(void)state;
	make_csrf((struct config_auth){ .type = CONFIG_AUTH_OAUTH2,
		.token_url = TEXT("https://login/token"),
		.client_id = TEXT("dray"),
		.client_secret = SECRET });
	box_fetch(&box);
	assert_string_equal(box.url, "https://login/token");
	assert_true(box.forgets_cookies);
	box_answer(&box, 200, NULL, "{\"access_token\":\"t0k3n\",\"expires_in\":100}");
	assert_int_equal(box.n_changes, 0);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FETCHING);
	assert_string_equal(box.headers, "X-CSRF-Token: Fetch|Authorization: Bearer t0k3n|");
	assert_string_equal(box.body, "");
	/* The cookies of the token belong to it. */
	assert_false(box.forgets_cookies);
	box_answer(&box, 200, csrf_answer, "");
	assert_int_equal(box.n_changes, 1);
	assert_string_equal(box_sign(&box), "Authorization: Bearer t0k3n|X-CSRF-Token: c5rf==|");
	box.now_ms += 100000;
	assert_int_equal(credential_state(box.credential), CREDENTIAL_NEEDED);
}

/* --- log-in ------------------------------------------------------------------------------------------ */

static void make_session(const char *program)
{
	box.connector = (struct connector){ .program = TEXT(program),
		.program_len = strlen(program),
		.vars = TEXT("{\"db\":\"wh\"}") };
	box.program = mapper_program_new(mapper, program, strlen(program));
	assert_non_null(box.program);
	box.destination.auth = (struct config_auth){
		.type = CONFIG_AUTH_SESSION,
		.username = TEXT("dray"),
		.password = SECRET,
		.keeps_cookies = true,
		.expiry_skew_ms = 30000,
	};
	box_make(&box);
}

/* Until the program has answered: a request is out, or the fetch has ended. */
static void wait_for_program(void)
{
	unsigned n = box.n_changes;

	while (!box.is_out && box.n_changes == n)
		assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
}

#define LOGIN                                                                                    \
	"if .response == null then {send: {path: \"/login\", headers: {\"X-Db\": .vars.db}, "    \
	"body: .credentials}} "                                                                  \
	"elif .response.status == 200 then {session: {headers: {Authorization: (\"Session \" + " \
	".response.body.sid)}, lifetime_s: 600}} "

static void log_in(int status, const char *body)
{
	box_fetch(&box);
	wait_for_program();
	box_answer(&box, status, NULL, body);
	wait_for_program();
}

static void test_the_connector_logs_in(void **state)
{
	(void)state;
	make_session(LOGIN "else empty end");
	box_fetch(&box);
	assert_int_equal(credential_state(box.credential), CREDENTIAL_FETCHING);
	box_fetch(&box);
	wait_for_program();
	assert_string_equal(box.method, "POST");
	assert_string_equal(box.url, "http://erp/login");
	assert_string_equal(box.headers, "Content-Type: application/json|X-Db: wh|");
	assert_string_equal(box.body, "{\"username\":\"dray\",\"password\":\"s3cr3t!\"}");
	assert_true(box.forgets_cookies);
	box_answer(&box, 200, NULL, "{\"sid\":\"abc\"}");
	wait_for_program();
	assert_int_equal(box.n_sent, 1);
	assert_string_equal(box_sign(&box), "Authorization: Session abc|");
	box.now_ms += 570000 - 1;
	box_fetch(&box);
	assert_false(box.is_out);
	box.now_ms += 1;
	log_in(200, "{\"sid\":\"def\"}");
	assert_int_equal(box.n_sent, 2);
	assert_string_equal(box_sign(&box), "Authorization: Session def|");
}

static void test_a_log_in_may_take_steps_and_keep_a_carry(void **state)
{
	(void)state;
	make_session("if .response == null then {send: {method: \"GET\", path: \"/salt\"}, carry: "
		     "{n: 7}} elif .carry.n == 7 then {send: {path: \"/login\", text: "
		     "(.response.headers.etag + .credentials.password)}, carry: {n: 8}} "
		     "else {session: {headers: {\"X-N\": (.carry.n | tostring)}}} end");
	box_fetch(&box);
	wait_for_program();
	assert_string_equal(box.method, "GET");
	assert_string_equal(box.headers, "");
	box_answer(&box, 200, (const char *const[]){ "etag", "salt-", NULL }, "");
	wait_for_program();
	assert_string_equal(box.body, "salt-s3cr3t!");
	assert_false(box.forgets_cookies);
	box_answer(&box, 204, NULL, "");
	wait_for_program();
	assert_string_equal(box_sign(&box), "X-N: 8|");
	box.now_ms += INT64_C(86400000) * 30;
	assert_int_equal(credential_state(box.credential), CREDENTIAL_HELD);
}

static void test_a_log_in_that_fails_says_why(void **state)
{
	static const struct {
		const char *program;
		int status;
		const char *body;
		bool is_refused;
		const char *reason;
	} rows[] = {
		{ LOGIN "else empty end", 401, "bad password s3cr3t!", true,
			"the log-in answered 401: bad password ***" },
		{ LOGIN "else empty end", 503, "", false, "the log-in answered 503" },
		{ LOGIN "else {hold: {reason: \"account locked\"}} end", 403, "", true,
			"the log-in was refused: account locked" },
		{ LOGIN "else {retry: {reason: \"too many\", after_s: 77}} end", 429, "", false,
			"the log-in failed: too many" },
		{ "if .response then empty else {send: {path: \"/l\"}} end", 200, "", true,
			"the log-in answered 200, the connector makes no session of it" },
		{ "{send: {path: \"/l\"}}", 200, "", true,
			"the log-in takes more than 8 requests" },
		{ "{send: {path: (if .response then \"@evil/\" else \"/l\" end)}}", 200, "", true,
			"the log-in sends to a path that does not begin with /, or is not "
			"percent-encoded" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_session(rows[i].program);
		log_in(rows[i].status, rows[i].body);
		while (box.is_out) {
			box_answer(&box, rows[i].status, NULL, rows[i].body);
			wait_for_program();
		}
		assert_int_equal(credential_state(box.credential), CREDENTIAL_FAILED);
		assert_string_equal(box_reason(&box), rows[i].reason);
		assert_int_equal(credential_failure(box.credential).is_refused, rows[i].is_refused);
		credential_free(box.credential);
		box.credential = NULL;
		mapper_program_unref(box.program);
		box.program = NULL;
	}
}

static void test_a_program_that_does_not_log_in_is_told(void **state)
{
	static const char *const rows[][2] = {
		{ "empty", "the connector says nothing to a log-in" },
		{ "error(\"no\")", "the connector's log-in failed: " },
		{ "{absent: {}}", "the connector's answer to a log-in: " },
		{ "{session: {headers: ([range(8)] | map({(\"X-\\(.)\"): \"v\"}) | add)}}",
			"a session may have at most 7 headers" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_session(rows[i][0]);
		box_fetch(&box);
		wait_for_program();
		assert_false(box.is_out);
		assert_non_null(strstr(box_reason(&box), rows[i][1]));
		assert_true(credential_failure(box.credential).is_refused);
		credential_free(box.credential);
		box.credential = NULL;
		mapper_program_unref(box.program);
		box.program = NULL;
	}
}

static void test_a_connector_without_a_program_cannot_log_in(void **state)
{
	(void)state;
	box.destination.auth = (struct config_auth){ .type = CONFIG_AUTH_SESSION };
	box_make(&box);
	box_fetch(&box);
	assert_string_equal(box_reason(&box), "the connector has no program that logs in");
}

static void test_a_session_and_a_csrf_token_go_together(void **state)
{
	(void)state;
	make_session(LOGIN "else empty end");
	box.destination.auth.csrf.path = TEXT("/csrf");
	box.destination.auth.csrf.header = TEXT("X-CSRF-Token");
	log_in(200, "{\"sid\":\"abc\"}");
	assert_true(box.is_out);
	assert_string_equal(box.headers, "X-CSRF-Token: Fetch|Authorization: Session abc|");
	assert_false(box.forgets_cookies);
	box_answer(&box, 200, csrf_answer, "");
	assert_string_equal(box_sign(&box), "Authorization: Session abc|X-CSRF-Token: c5rf==|");
}

static void test_a_question_to_the_program_is_withdrawn_with_the_credential(void **state)
{
	(void)state;
	make_session(LOGIN "else empty end");
	box_fetch(&box);
	credential_free(box.credential);
	box.credential = NULL;
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0, 1);
	assert_int_equal(box.n_changes, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_csrf_token_is_fetched_with_the_credentials_and_replayed),
		T(test_only_a_403_that_asks_for_a_csrf_token_is_mended_by_one),
		T(test_a_refused_csrf_token_is_fetched_anew),
		T(test_a_csrf_path_that_gives_no_token_is_told),
		T(test_a_token_comes_before_a_csrf_token),
		T(test_the_connector_logs_in),
		T(test_a_log_in_may_take_steps_and_keep_a_carry),
		T(test_a_log_in_that_fails_says_why),
		T(test_a_program_that_does_not_log_in_is_told),
		T(test_a_connector_without_a_program_cannot_log_in),
		T(test_a_session_and_a_csrf_token_go_together),
		T(test_a_question_to_the_program_is_withdrawn_with_the_credential),
	};

	return cmocka_run_group_tests_name("credential_stages", tests, NULL, NULL);
}
