/*
 * Deliveries and their credentials: nothing is claimed without, many who need one ask once, and what
 * becomes of the queue when there is none to be had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"

static struct house house;

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	house_others = HOUSE_TMS;
	return 0;
}

static void write_secret(const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/secret", house.dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "%s\n", text) > 0);
	assert_int_equal(fclose(file), 0);
}

#define OAUTH2                                                                                       \
	"\"auth\":{\"type\":\"oauth2\",\"token_url\":\"http://login/token\",\"client_id\":\"dray\"," \
	"\"client_secret\":{\"file\":\"secret\"},\"client\":\"body\"}"
#define CSRF                                                                                     \
	"\"auth\":{\"type\":\"basic\",\"username\":\"dray\",\"password\":{\"file\":\"secret\"}," \
	"\"csrf\":{\"path\":\"/csrf\"}}"
#define TOKEN_URL "http://login/token"

static void open_with(const char *erp)
{
	house_open(&house, "");
	write_secret("s3cr3t");
	assert_int_equal(house_configure(&house, erp), 0);
	house_rest(&house);
}

/* The only request out to there; NULL. */
static struct errand *find_url(const char *url)
{
	struct errand *found = NULL;

	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		if (!house.errands[i].is_out || strcmp(house.errands[i].url, url) != 0)
			continue;
		assert_null(found);
		found = &house.errands[i];
	}
	return found;
}

static void give_token(const char *token, int expires_s)
{
	char body[128];

	(void)snprintf(body, sizeof(body), "{\"access_token\":\"%s\",\"expires_in\":%d}", token,
		expires_s);
	house_answer(&house, find_url(TOKEN_URL), 200, body);
}

static void answer_all_now(int status)
{
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		if (house.errands[i].is_out)
			house_answer_later(&house.errands[i], status, NULL);
	house_rest(&house);
}

static void assert_signed(const char *id, const char *authorization)
{
	struct errand *errand = house_find(&house, id);

	assert_non_null(errand);
	assert_string_equal(errand->authorization, authorization);
}

/* --- when it is asked for ---------------------------------------------------------------------------- */

static void test_a_token_is_asked_for_when_there_is_work_and_not_before(void **state)
{
	(void)state;
	open_with(OAUTH2);
	house_wait(&house, 3600000);
	assert_int_equal(house.n_started, 0);
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_int_equal(house_out(&house), 1);
	assert_non_null(find_url(TOKEN_URL));
	/* Nothing is claimed meanwhile: a crash would leave no doubt. */
	assert_int_equal(house_state(&house, "e1"), DELIVERY_READY);
	give_token("t1", 3600);
	assert_signed("e1", "Authorization: Bearer t1");
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 1);
	assert_int_equal(house_attempts(&house, "e1"), 1);
}

static void test_a_paused_destination_asks_for_nothing(void **state)
{
	(void)state;
	open_with(OAUTH2);
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_int_equal(house.n_started, 0);
}

static const char *find_token_asker(const char *destination)
{
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		if (house.errands[i].is_out &&
			strcmp(house.errands[i].destination, destination) == 0)
			return house.errands[i].url;
	return "";
}

/* Of one client at one endpoint, even: what one is refused tells nothing of the other. */
static void test_each_destinations_credentials_are_its_own(void **state)
{
	(void)state;
	open_with(OAUTH2);
	house_others = "\"tms\":{\"connector\":\"rest\",\"url\":\"http://tms\"," OAUTH2 "}";
	assert_int_equal(house_configure(&house, OAUTH2), 0);
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_string_equal(find_token_asker("erp"), TOKEN_URL);
	assert_string_equal(find_token_asker("tms"), "");
	give_token("erps", 3600);
	assert_signed("e1", "Authorization: Bearer erps");
	house_put_to(&house, "tms", "e2", "", CONFIG_LANE_NORMAL);
	house_rest(&house);
	assert_string_equal(find_token_asker("tms"), TOKEN_URL);
	give_token("tmss", 3600);
	assert_signed("e2", "Authorization: Bearer tmss");
	house_answer(&house, house_find(&house, "e2"), 401, "");
	give_token("tmss2", 3600);
	assert_signed("e2", "Authorization: Bearer tmss2");
	house_answer_all(&house, 200);
	house_put(&house, "e3", "");
	house_rest(&house);
	assert_signed("e3", "Authorization: Bearer erps");
}

static void test_fifty_that_need_a_token_ask_for_it_once(void **state)
{
	(void)state;
	open_with(OAUTH2 ",\"concurrency\":50");
	house_put_many(&house, "e", 50);
	house_rest(&house);
	assert_int_equal(house.n_started, 1);
	give_token("t1", 3600);
	assert_int_equal(house_out(&house), 50);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_started, 51);
	assert_int_equal(house.n_done, 50);
}

static void test_a_token_is_renewed_while_the_old_one_serves(void **state)
{
	(void)state;
	open_with(OAUTH2);
	house_put(&house, "e1", "");
	house_rest(&house);
	give_token("t1", 3600);
	house_answer_all(&house, 200);
	house_wait(&house, 3580000);
	house_put(&house, "e2", "");
	house_rest(&house);
	assert_non_null(find_url(TOKEN_URL));
	assert_signed("e2", "Authorization: Bearer t1");
	house_answer(&house, house_find(&house, "e2"), 200, "");
	give_token("t2", 3600);
	house_put(&house, "e3", "");
	house_rest(&house);
	assert_signed("e3", "Authorization: Bearer t2");
	assert_int_equal(house.n_alerts, 0);
}

static void test_a_token_that_expires_every_second_stops_nothing(void **state)
{
	unsigned n_tokens = 0;

	(void)state;
	open_with(OAUTH2 ",\"concurrency\":4");
	house_put_many(&house, "e", 100);
	house_rest(&house);
	for (int i = 0; i < 1000 && house.n_done < 100; i++) {
		struct errand *fetch = find_url(TOKEN_URL);

		if (fetch) {
			n_tokens++;
			give_token("t", 1);
		}
		house.now_ms += 250;
		for (size_t j = 0; j < ERRANDS_MAX; j++)
			if (house.errands[j].is_out && strstr(house.errands[j].url, "/events"))
				house_answer_later(&house.errands[j], 200, NULL);
		house_rest(&house);
	}
	assert_int_equal(house.n_done, 100);
	assert_int_equal(house.n_alerts, 0);
	assert_in_range(n_tokens, 6, 26);
}

/* --- refused by the destination ------------------------------------------------------------------------ */

static void test_a_401_brings_another_token_once_and_holds_then(void **state)
{
	(void)state;
	open_with(OAUTH2 ",\"concurrency\":2");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	give_token("t1", 3600);
	assert_int_equal(house_out(&house), 2);
	answer_all_now(401);
	assert_int_equal(house_out(&house), 1);
	give_token("t2", 3600);
	assert_signed("e0", "Authorization: Bearer t2");
	assert_signed("e1", "Authorization: Bearer t2");
	assert_int_equal(house.n_alerts, 0);
	answer_all_now(401);
	/* No event is to blame: no other is asked for. */
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	assert_int_equal(house_exceptions(&house, "rejected"), 0);
	assert_int_equal(house.n_started, 6);
	house_wait(&house, 30000);
	give_token("t3", 3600);
	assert_int_equal(house_out(&house), 1);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 2);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	assert_int_equal(house_attempts(&house, "e0"), 1);
}

/* However often: a token of another, taken back too soon, is none of the event's doing. */
static void test_refused_credentials_never_reject_an_event(void **state)
{
	(void)state;
	open_with(OAUTH2 ",\"concurrency\":2");
	for (int round = 0; round < 4; round++) {
		house_put_many(&house, (const char *[]){ "a", "b", "c", "d" }[round], 2);
		house_rest(&house);
		for (int i = 0; i < 2; i++) {
			if (find_url(TOKEN_URL))
				give_token("t1", 3600);
			answer_all_now(401);
		}
		assert_int_equal(house_exceptions(&house, "hold"), 1);
		house_wait(&house, 30000);
		give_token("t2", 3600);
		house_answer_all(&house, 200);
		assert_int_equal(house_exceptions(&house, "hold"), 0);
	}
	assert_int_equal(house_exceptions(&house, "rejected"), 0);
	assert_int_equal(house.n_done, 8);
}

static void test_a_403_that_wants_a_csrf_token_brings_one_and_another_does_not(void **state)
{
	static const struct connector_header token = { "x-csrf-token", "c1" };
	static const struct connector_header required = { "x-csrf-token", "Required" };

	(void)state;
	open_with(CSRF);
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_string_equal(house_only(&house)->url, "http://erp/csrf");
	assert_string_equal(house_only(&house)->method, "GET");
	house_answer_with(&house, house_only(&house), 200, &token, 1, "");
	assert_non_null(strstr(house_only(&house)->extra, "X-CSRF-Token: c1\n"));
	house_answer_with(&house, house_only(&house), 403, &required, 1, "CSRF validation failed");
	assert_string_equal(house_only(&house)->url, "http://erp/csrf");
	house_answer_with(&house, house_only(&house), 200,
		&(struct connector_header){ "x-csrf-token", "c2" }, 1, "");
	assert_non_null(strstr(house_only(&house)->extra, "X-CSRF-Token: c2\n"));
	house_answer(&house, house_only(&house), 201, "");
	assert_int_equal(house.n_done, 1);
	assert_int_equal(house_attempts(&house, "e1"), 1);
	house_put(&house, "e2", "");
	house_rest(&house);
	house_answer(&house, house_only(&house), 403, "not for you");
	assert_int_equal(house_out(&house), 0);
}

/* --- none to be had ----------------------------------------------------------------------------------- */

static void test_a_wrong_secret_holds_the_destination_in_the_other_sides_words(void **state)
{
	(void)state;
	open_with(OAUTH2);
	house_put_many(&house, "e", 3);
	house_rest(&house);
	house_answer(&house, find_url(TOKEN_URL), 401,
		"{\"error\":\"invalid_client\",\"error_description\":\"client dray sent s3cr3t\"}");
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	assert_int_equal(house.n_alerts, 1);
	assert_string_equal(house.last_alert,
		"destination erp is held, its credentials are refused: the token endpoint answered "
		"401: invalid_client: client dray sent ***");
	assert_int_equal(house_depth(&house, DELIVERY_READY), 3);
	/* At the breaker's pace it is asked again, and says the same: nobody is told twice. */
	for (unsigned i = 0; i < 3; i++) {
		house_wait(&house, 29000);
		assert_int_equal(house_out(&house), 0);
		house_wait(&house, 1000);
		house_answer(&house, find_url(TOKEN_URL), 401, "{\"error\":\"invalid_client\"}");
	}
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	assert_int_equal(house.n_alerts, 1);
	/* The file is mended. */
	write_secret("n3w");
	house_wait(&house, 30000);
	assert_non_null(strstr(find_url(TOKEN_URL)->body, "client_secret=n3w"));
	give_token("t1", 3600);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 3);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	assert_string_equal(house.last_alert, "destination erp accepts deliveries again");
	assert_int_equal(house_attempts(&house, "e0"), 1);
}

static void test_an_endpoint_that_is_down_makes_the_queue_wait_with_one_alarm(void **state)
{
	(void)state;
	open_with(OAUTH2 ",\"retry\":{\"give_up\":\"1m\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	for (unsigned i = 0; i < 20; i++) {
		house_fail(&house, find_url(TOKEN_URL),
			i % 2 ? TRANSPORT_NO_ANSWER : TRANSPORT_NOT_SENT);
		assert_int_equal(house_out(&house), 0);
		house_pass(&house, 30000);
	}
	assert_int_equal(house.n_alerts, 1);
	assert_string_equal(house.last_alert,
		"destination erp cannot be reached, its deliveries wait: the token endpoint cannot "
		"be reached: the line is dead");
	assert_int_equal(house.n_exceptions, 0);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	give_token("t1", 3600);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 1);
	assert_int_equal(house.n_alerts, 2);
	assert_int_equal(house_attempts(&house, "e1"), 1);
}

static void test_an_endpoint_that_asks_for_a_wait_gets_it(void **state)
{
	(void)state;
	open_with(OAUTH2);
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_later(find_url(TOKEN_URL), 429, "600");
	house_rest(&house);
	house_pass(&house, 599000);
	assert_int_equal(house_out(&house), 0);
	house_pass(&house, 1000);
	give_token("t1", 3600);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 1);
}

static void test_a_hold_that_a_poisoned_turn_has_lost_is_opened_by_the_next(void **state)
{
	(void)state;
	open_with(OAUTH2);
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_later(find_url(TOKEN_URL), 401, NULL);
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	assert_int_equal(house.n_alerts, 0);
	house_wait(&house, 5000);
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	assert_int_equal(house.n_alerts, 1);
}

static void test_a_reload_forgets_the_fetch_that_is_out_and_begins_another(void **state)
{
	(void)state;
	open_with(OAUTH2);
	house_put(&house, "e1", "");
	house_rest(&house);
	write_secret("n3w");
	assert_int_equal(house_configure(&house, OAUTH2), 0);
	house_rest(&house);
	assert_int_equal(house.n_started, 2);
	assert_non_null(strstr(find_url(TOKEN_URL)->body, "client_secret=n3w"));
	give_token("t1", 3600);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 1);
}

static void test_a_refusal_that_says_a_token_back_is_told_without_it(void **state)
{
	(void)state;
	open_with(OAUTH2);
	house_put(&house, "e1", "");
	house_rest(&house);
	give_token("t0k3n-of-ours", 3600);
	house_answer(&house, house_only(&house), 422,
		"{\"message\":\"token t0k3n-of-ours (Bearer t0k3n-of-ours) may not do that\"}");
	assert_int_equal(house_exceptions(&house, "rejected"), 1);
	assert_string_equal(house.last_reason, "token *** (***) may not do that");
}

/* Hands on what it is told: as a refusal, or as the words with which it fails. */
static enum mapper_outcome play_echo(const cJSON *input, struct buf *out)
{
	const cJSON *response = cJSON_GetObjectItem(input, "response");
	const char *words = cJSON_GetStringValue(cJSON_GetObjectItem(response, "body"));

	if (!words) {
		buf_puts(out, "{\"send\":{\"path\":\"/post\",\"body\":{}}}");
	} else if (cJSON_GetObjectItem(response, "status")->valueint == 200) {
		buf_printf(out, "jq: error: %s", words);
		return MAPPER_FAILED;
	} else {
		buf_printf(out, "{\"reject\":{\"message\":\"%s\"}}", words);
	}
	return MAPPER_OUTPUT;
}

static void test_a_program_that_says_a_token_back_is_told_without_it(void **state)
{
	static const int statuses[] = { 422, 200 };

	(void)state;
	house_connector("echoes", "", play_echo);
	for (size_t i = 0; i < 2; i++) {
		open_with("\"connector\":\"echoes\",\"auth\":{\"type\":\"bearer\","
			  "\"token\":{\"file\":\"secret\"}}");
		house_put(&house, "e1", "");
		house_rest(&house);
		house_answer(&house, house_only(&house), statuses[i],
			"\"the token s3cr3t may not do that\"");
		assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
		assert_non_null(strstr(house.last_reason, "the token *** may not do that"));
		if (i == 0)
			house_close(&house);
	}
}

/* --- sessions ----------------------------------------------------------------------------------------- */

/* Logs in with a user's name, posts events; the answer to a log-in is the session, for ten seconds. */
static enum mapper_outcome play_session(const cJSON *input, struct buf *out)
{
	const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(input, "op"));
	const cJSON *response = cJSON_GetObjectItem(input, "response");
	const cJSON *body = cJSON_GetObjectItem(response, "body");
	bool is_answered = cJSON_IsObject(response);

	if (strcmp(op, "login") == 0 && !is_answered)
		buf_puts(out, "{\"send\":{\"path\":\"/login\",\"body\":{}}}");
	else if (strcmp(op, "login") == 0)
		buf_printf(out,
			"{\"session\":{\"headers\":{\"Authorization\":\"Session %s\"},"
			"\"lifetime_s\":10}}",
			cJSON_GetStringValue(body));
	else if (!is_answered)
		buf_printf(out, "{\"send\":{\"path\":\"/post\",\"body\":\"%s\"}}",
			cJSON_GetStringValue(cJSON_GetObjectItem(
				cJSON_GetArrayItem(cJSON_GetObjectItem(input, "events"), 0),
				"id")));
	else
		return MAPPER_NOTHING;
	return MAPPER_OUTPUT;
}

#define SESSION                                                                            \
	"\"connector\":\"sessions\",\"auth\":{\"type\":\"session\",\"username\":\"dray\"," \
	"\"password\":{\"file\":\"secret\"},\"expiry_skew\":\"0s\"}"

static void test_a_session_that_ends_in_mid_run_is_begun_anew(void **state)
{
	(void)state;
	house_connector("sessions", "", play_session);
	open_with(SESSION);
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_string_equal(house_only(&house)->url, "http://erp/login");
	house_answer(&house, house_only(&house), 200, "\"s1\"");
	assert_signed("e1", "Authorization: Session s1");
	house_answer(&house, house_only(&house), 200, "");
	/* It expires. */
	house_wait(&house, 10000);
	house_put(&house, "e2", "");
	house_rest(&house);
	house_answer(&house, house_only(&house), 200, "\"s2\"");
	assert_signed("e2", "Authorization: Session s2");
	/* It is ended by the other side; the program is not asked what a 401 means. */
	house_answer(&house, house_only(&house), 401, "");
	assert_string_equal(house_only(&house)->url, "http://erp/login");
	house_answer(&house, house_only(&house), 200, "\"s3\"");
	assert_signed("e2", "Authorization: Session s3");
	house_answer(&house, house_only(&house), 200, "");
	assert_int_equal(house.n_done, 2);
	assert_int_equal(house_attempts(&house, "e2"), 1);
	assert_int_equal(house.n_alerts, 0);
}

#define T(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_token_is_asked_for_when_there_is_work_and_not_before),
		T(test_a_paused_destination_asks_for_nothing),
		T(test_each_destinations_credentials_are_its_own),
		T(test_fifty_that_need_a_token_ask_for_it_once),
		T(test_a_token_is_renewed_while_the_old_one_serves),
		T(test_a_token_that_expires_every_second_stops_nothing),
		T(test_a_401_brings_another_token_once_and_holds_then),
		T(test_refused_credentials_never_reject_an_event),
		T(test_a_403_that_wants_a_csrf_token_brings_one_and_another_does_not),
		T(test_a_wrong_secret_holds_the_destination_in_the_other_sides_words),
		T(test_an_endpoint_that_is_down_makes_the_queue_wait_with_one_alarm),
		T(test_an_endpoint_that_asks_for_a_wait_gets_it),
		T(test_a_hold_that_a_poisoned_turn_has_lost_is_opened_by_the_next),
		T(test_a_reload_forgets_the_fetch_that_is_out_and_begins_another),
		T(test_a_refusal_that_says_a_token_back_is_told_without_it),
		T(test_a_program_that_says_a_token_back_is_told_without_it),
		T(test_a_session_that_ends_in_mid_run_is_begun_anew),
	};

	return cmocka_run_group_tests_name("deliver_credential", tests, NULL, NULL);
}
