/*
 * The configuration in the control API: what is shown of it, and who is asked for another one.
 */
#include "ops_fixture.h"

#define FILES "{\"site\":\"dc-test\",\"listen\":{\"tokens\":{\"a\":{\"token\":{\"file\":\"t\"}}}}}"
#define PATCH "{\"log\":{\"level\":\"debug\"}}"
#define DESIRED "{\"site\":\"dc-test\",\"revision\":12,\"config\":" PATCH "}"
#define AT INT64_C(1795334400000) /* 2026-11-22T08:00:00Z */

static struct revision *make(enum revision_origin origin, int64_t number, const char *patch)
{
	struct revision *revision = revision_make(
		origin, number, AT, cJSON_Parse(FILES), patch ? cJSON_Parse(patch) : NULL);

	assert_non_null(revision);
	return revision;
}

static struct revisions *furnish(struct fixture *f)
{
	f->fleet.has_section = true;
	revisions_found(&f->fleet.revisions, make(REVISION_FILES, 0, NULL));
	f->config.document = cJSON_Parse(FILES);
	return &f->fleet.revisions;
}

static void unfurnish(struct fixture *f)
{
	cJSON_Delete(f->config.document);
	f->config.document = NULL;
}

/* A call that waits, to its end. */
static int told(struct fixture *f, bool is_taken, int64_t number, const struct error *err)
{
	for (int i = 0; i < PATIENCE && !f->fleet.asked; i++) {
		run_turn(f);
		usleep(500);
	}
	assert_non_null(f->fleet.asked);
	run_turn(f);
	assert_false(has_answer(f));
	play_fleet_tell(&f->fleet, is_taken, number, err);
	return read_status(f);
}

/* --- shown ---------------------------------------------------------------------------------------- */

static void test_without_a_section_the_files_are_all_there_is(void **state)
{
	struct fixture *f = *state;

	f->config.document = cJSON_Parse(FILES);
	assert_int_equal(request(f, "GET", "/v1/config", NULL), 200);
	assert_true(says(f, "\"revision\":null,\"state\":null"));
	assert_true(says(f, "\"config\":" FILES));
	assert_true(says(f, "\"files\":" FILES));
	assert_true(says(f, "\"desired\":null"));
	assert_int_equal(request(f, "GET", "/v1/config/history", NULL), 200);
	assert_string_equal(body_of(f), "{\"items\":[],\"cursor\":null}");
	assert_int_equal(request(f, "POST", "/v1/config/apply", DESIRED), 409);
	assert_true(says(f, "there is no fleet section"));
	assert_int_equal(request(f, "POST", "/v1/config/check", DESIRED), 409);
	assert_int_equal(request(f, "POST", "/v1/config/rollback", ""), 409);
	assert_null(f->fleet.asked);
	unfurnish(f);
}

static void test_what_is_in_force_is_shown_with_its_parts(void **state)
{
	struct fixture *f = *state;
	struct revisions *revisions = furnish(f);

	assert_int_equal(request(f, "GET", "/v1/config", NULL), 200);
	assert_true(says(f, "\"time\":\"2026-11-22T08:00:00.000Z\""));
	assert_true(says(f, "\"revision\":null,\"state\":\"good\",\"origin\":\"files\""));
	assert_true(says(f, "\"probation_s\":null,\"previous\":null,\"rolled_back_files\":null"));

	revisions_try(revisions, make(REVISION_TOPIC, 12, PATCH), AT + 1000);
	f->fleet.left_ms = 599999;
	assert_int_equal(request(f, "GET", "/v1/config", NULL), 200);
	assert_int_equal(number_at(f, "revision"), 12);
	assert_int_equal(number_at(f, "probation_s"), 599);
	assert_true(says(f, "\"state\":\"probation\",\"origin\":\"topic\""));
	assert_true(says(f, "\"desired\":" PATCH));
	assert_int_equal(request(f, "GET", "/v1/status", NULL), 200);
	assert_true(says(f, "\"config\":{\"revision\":12,\"state\":\"probation\"}"));

	revisions_confirm(revisions, AT + 2000);
	assert_int_equal(request(f, "GET", "/v1/config", NULL), 200);
	assert_true(says(f, "\"state\":\"good\""));
	assert_true(says(f, "\"previous\":{\"revision\":null,\"origin\":\"files\""));
	assert_true(says(f, "\"last\":{\"time\":\"2026-11-22T08:00:02.000Z\",\"revision\":12,"
			    "\"origin\":\"topic\",\"result\":\"confirmed\",\"reason\":\"\"}"));
	unfurnish(f);
}

static void test_a_word_says_that_what_was_offered_is_not_in_force(void **state)
{
	struct fixture *f = *state;
	struct revisions *revisions = furnish(f);
	cJSON *other = cJSON_Parse("{\"site\":\"dc-test\",\"log\":{}}");

	revisions_refuse(revisions, REVISION_URL, 13, "signature: does not fit", AT + 1000);
	assert_int_equal(request(f, "GET", "/v1/config", NULL), 200);
	assert_true(says(f, "\"revision\":null,\"state\":\"refused\""));
	revisions_try(revisions, revision_make(REVISION_FILES, 0, AT, other, NULL), AT + 2000);
	revisions_roll_back(revisions, "destination erp is held", AT + 3000);
	assert_int_equal(request(f, "GET", "/v1/config", NULL), 200);
	assert_true(says(f, "\"state\":\"rolled_back\""));
	assert_false(says(f, "\"rolled_back_files\":null"));
	assert_int_equal(request(f, "GET", "/v1/config/history", NULL), 200);
	assert_true(says(f, "{\"items\":[{\"time\":\"2026-11-22T08:00:03.000Z\",\"revision\":null,"
			    "\"origin\":\"files\",\"result\":\"rolled_back\","
			    "\"reason\":\"destination erp is held\"},{"));
	assert_true(says(f, "\"revision\":13,\"origin\":\"url\",\"result\":\"refused\","
			    "\"reason\":\"signature: does not fit\"},{"));
	unfurnish(f);
}

/* --- changed -------------------------------------------------------------------------------------- */

static void test_an_offer_is_answered_when_it_is_known_how_it_went(void **state)
{
	struct fixture *f = *state;
	struct revisions *revisions = furnish(f);
	char who[32];

	(void)snprintf(who, sizeof(who), "uid:%u", (unsigned)getuid());
	send_request(f, "POST", "/v1/config/apply", DESIRED);
	while (!f->fleet.asked)
		run_turn(f);
	assert_string_equal(f->fleet.asked, "offer");
	assert_int_equal(f->fleet.origin, REVISION_APPLY);
	assert_string_equal(f->fleet.who, who);
	assert_string_equal(f->fleet.text, DESIRED);
	revisions_try(revisions, make(REVISION_APPLY, 12, PATCH), AT);
	f->fleet.left_ms = 5000;
	assert_int_equal(told(f, true, 12, NULL), 200);
	assert_int_equal(number_at(f, "revision"), 12);
	assert_int_equal(number_at(f, "probation_s"), 5);
	unfurnish(f);
}

static void test_a_refusal_says_which_part_and_why(void **state)
{
	struct fixture *f = *state;
	struct error err = { "config.mqtt", "may not be changed from afar" };

	(void)furnish(f);
	send_request(f, "POST", "/v1/config/apply", DESIRED);
	assert_int_equal(told(f, false, 12, &err), 422);
	assert_true(says(f, "application/problem+json"));
	assert_true(says(f, "\"field\":\"config.mqtt\""));
	assert_true(says(f, "\"detail\":\"config.mqtt: may not be changed from afar\""));
	unfurnish(f);
}

static void test_a_check_is_asked_for_and_offers_nothing(void **state)
{
	struct fixture *f = *state;
	struct error err = { "", "larger than 1048576 bytes" };

	(void)furnish(f);
	send_request(f, "POST", "/v1/config/check", DESIRED);
	assert_int_equal(told(f, true, 12, NULL), 200);
	assert_string_equal(body_of(f), "{\"revision\":12,\"fine\":true}");
	send_request(f, "POST", "/v1/config/check", "{}");
	while (!f->fleet.asked)
		run_turn(f);
	assert_string_equal(f->fleet.asked, "check");
	assert_int_equal(told(f, false, 0, &err), 422);
	assert_false(says(f, "\"field\""));
	unfurnish(f);
}

static void test_a_step_back_is_asked_for_by_name(void **state)
{
	struct fixture *f = *state;

	(void)furnish(f);
	send_request(f, "POST", "/v1/config/rollback", "");
	while (!f->fleet.asked)
		run_turn(f);
	assert_string_equal(f->fleet.asked, "roll back");
	assert_true(strncmp(f->fleet.who, "uid:", 4) == 0);
	assert_int_equal(told(f, true, 0, NULL), 200);
	assert_true(says(f, "\"revision\":null"));
	unfurnish(f);
}

static void test_files_are_taken_with_an_answer_with_and_without_a_section(void **state)
{
	struct fixture *f = *state;
	struct error err = { .path = "routes", .message = "is not what it was" };

	send_request(f, "POST", "/v1/config/reload", "");
	while (!f->fleet.asked)
		run_turn(f);
	assert_string_equal(f->fleet.asked, "reload");
	assert_int_equal(told(f, true, 0, NULL), 200);
	assert_true(says(f, "{\"revision\":null}"));
	(void)furnish(f);
	send_request(f, "POST", "/v1/config/reload", "");
	while (!f->fleet.asked)
		run_turn(f);
	assert_int_equal(told(f, true, 0, NULL), 200);
	assert_true(says(f, "\"probation_s\":"));
	send_request(f, "POST", "/v1/config/reload", "");
	while (!f->fleet.asked)
		run_turn(f);
	assert_int_equal(told(f, false, 0, &err), 422);
	assert_true(says(f, "is not what it was"));
	unfurnish(f);
}

static void test_a_client_that_leaves_meanwhile_is_not_missed(void **state)
{
	struct fixture *f = *state;

	(void)furnish(f);
	send_request(f, "POST", "/v1/config/apply", DESIRED);
	while (!f->fleet.asked)
		run_turn(f);
	run_turn(f);
	close(f->client);
	f->client = -1;
	run_turn(f);
	play_fleet_tell(&f->fleet, true, 12, NULL);
	run_turn(f);
	assert_int_equal(request(f, "GET", "/v1/config", NULL), 200);
	unfurnish(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_a_section_the_files_are_all_there_is),
		TEST(test_what_is_in_force_is_shown_with_its_parts),
		TEST(test_a_word_says_that_what_was_offered_is_not_in_force),
		TEST(test_an_offer_is_answered_when_it_is_known_how_it_went),
		TEST(test_a_refusal_says_which_part_and_why),
		TEST(test_a_check_is_asked_for_and_offers_nothing),
		TEST(test_a_step_back_is_asked_for_by_name),
		TEST(test_files_are_taken_with_an_answer_with_and_without_a_section),
		TEST(test_a_client_that_leaves_meanwhile_is_not_missed),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as drayd does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
