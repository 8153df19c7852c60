/*
 * A backup that was restored: what it holds as unfinished may have been delivered since. It goes again
 * only where the other side knows a repeat, else a person looks.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "help_delivery.h"

#define HOUR_MS INT64_C(3600000)
#define BATCH "\"concurrency\":1,\"batch\":{\"max\":5}"

static struct house house;

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	return 0;
}

static void name_backup(char out[128])
{
	assert_true(snprintf(out, 128, "%s/backup", house.dir) < 128);
}

static void make_backup(void)
{
	struct store_backup *backup;
	struct error err = { 0 };
	char path[128];
	int more;

	name_backup(path);
	assert_int_equal(
		store_backup_begin(house.store, path, house_steady(&house), &backup, &err), 0);
	assert_int_equal(store_commit(house.store), 0);
	while ((more = store_backup_step(backup, -1, &err)) > 0)
		(void)usleep(1000);
	assert_int_equal(more, 0);
	store_backup_free(backup);
}

/* With what the salvor does before deliveries go on. */
static void put_backup_back(struct house *at)
{
	struct store *store;
	struct error err = { 0 };
	char path[128], kept[PATH_MAX];
	int ended;

	name_backup(path);
	if (store_restore(at->path, path, kept, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(store_open(&(struct store_options){ .path = at->path }, &store, &err), 0);
	do {
		ended = store_doubt_restored(store, 2, at->now_ms, at->now_ms);
		assert_true(ended >= 0);
		assert_int_equal(store_commit(store), 0);
	} while (ended == 0);
	store_close(store);
}

/* "e1" waits when the backup is made, and is delivered since; "later" came since. */
static void deliver_since(const char *erp, char key[64])
{
	house_open(&house, erp);
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_put(&house, "e1", "");
	house_turn(&house);
	make_backup();
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	deliver_poke(house.deliver, 1);
	house_put(&house, "later", "");
	house_rest(&house);
	(void)snprintf(key, 64, "%s", house_find(&house, "e1")->key);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 2);
}

static void restore_after(int64_t ms, const char *erp)
{
	house.now_ms += ms;
	house_crash_and(&house, put_backup_back, erp);
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	deliver_poke(house.deliver, 1);
	house_rest(&house);
}

static void check_is_for_a_person(void)
{
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
}

static void test_it_goes_again_under_its_key_while_that_is_known(void **state)
{
	char key[64];

	(void)state;
	deliver_since("", key);
	restore_after(HOUR_MS, "");
	assert_string_equal(house_find(&house, "e1")->key, key);
	assert_null(house_find(&house, "later"));
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house_exceptions(&house, "unknown"), 0);
	assert_int_equal(house_exceptions(&house, "store"), 1);
}

static void test_it_is_for_a_person_when_its_key_may_be_forgotten(void **state)
{
	char key[64];

	(void)state;
	deliver_since("", key);
	restore_after(24 * HOUR_MS, "");
	check_is_for_a_person();
}

static void test_it_is_for_a_person_where_no_repeat_is_known(void **state)
{
	static const char none[] = "\"idempotency\":{\"mode\":\"none\"}";
	char key[64];

	(void)state;
	deliver_since(none, key);
	restore_after(HOUR_MS, none);
	check_is_for_a_person();
	assert_non_null(strstr(house.last_reason, "restored from a backup"));
	/* Looked up, and not there: then it goes. */
	house_retry(&house, "e1", "unknown");
	house_rest(&house);
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

static void test_it_goes_again_where_doubles_were_chosen(void **state)
{
	static const char resend[] = "\"idempotency\":{\"mode\":\"none\"},\"on_doubt\":\"resend\"";
	char key[64];

	(void)state;
	deliver_since(resend, key);
	restore_after(HOUR_MS, resend);
	assert_non_null(house_find(&house, "e1"));
}

/* Asks with a GET, sends with a POST, and found what it asks for. */
static enum mapper_outcome ask_first(const cJSON *input, struct buf *out)
{
	const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(input, "op"));

	if (cJSON_IsObject(cJSON_GetObjectItem(input, "response")))
		buf_puts(out, "{\"done\":{\"ref\":\"R-1\"}}");
	else
		buf_printf(out, "{\"send\":{\"method\":\"%s\",\"path\":\"/x\",\"body\":%s}}",
			strcmp(op, "lookup") == 0 ? "GET" : "POST", "{\"id\":\"e1\"}");
	return MAPPER_OUTPUT;
}

static void test_it_is_looked_up_where_one_can_ask(void **state)
{
	static const char lookup[] = "\"connector\":\"asker\",\"settle\":\"1m\","
				     "\"idempotency\":{\"mode\":\"lookup\"}";

	(void)state;
	house_connector("asker", "", ask_first);
	house_open(&house, lookup);
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_put(&house, "e1", "");
	house_turn(&house);
	make_backup();
	restore_after(HOUR_MS, lookup);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	house_wait(&house, 60000);
	house_wait(&house, 60000);
	assert_int_equal(house_out(&house), 1);
	assert_string_equal(house_find(&house, "e1")->method, "GET");
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

/* --- batches ---------------------------------------------------------------------------------------- */

/* Nobody knows in which batch it went, and so under which key. */
static void test_it_is_for_a_person_when_it_may_have_gone_in_any_batch(void **state)
{
	char key[64];

	(void)state;
	deliver_since(BATCH, key);
	restore_after(HOUR_MS, BATCH);
	check_is_for_a_person();
	assert_non_null(strstr(house.last_reason, "in a batch"));
}

static void test_what_comes_in_anew_goes_in_batches_without_it(void **state)
{
	char key[64];

	(void)state;
	deliver_since(BATCH, key);
	house_crash_and(&house, put_backup_back, BATCH);
	house_put_many(&house, "n", 3);
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	deliver_poke(house.deliver, 1);
	house_rest(&house);
	assert_string_equal(house_find(&house, "n0")->body,
		"[{\"id\":\"n0\"},{\"id\":\"n1\"},{\"id\":\"n2\"}]");
	house_answer_all(&house, 200);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
}

static void test_a_batch_that_may_have_been_taken_apart_since_is_for_a_person(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	house_put_many(&house, "e", 2);
	house_rest(&house);
	make_backup(); /* it is out */
	house_answer(&house, house_find(&house, "e0"), 400, "");
	house_answer_all(&house, 200); /* each alone, under a key of its own */
	assert_int_equal(house.n_done, 2);
	restore_after(HOUR_MS, BATCH);
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_exceptions(&house, "unknown"), 2);
}

static void test_a_later_doubt_is_judged_by_its_key_alone(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	make_backup();
	restore_after(HOUR_MS, BATCH);
	house_put_many(&house, "e", 3);
	house_rest(&house);
	house_fail(&house, house_find(&house, "e0"), TRANSPORT_NO_ANSWER);
	house_wait(&house, 60000);
	assert_non_null(house_find(&house, "e0"));
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 3);
}

#define T(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_it_goes_again_under_its_key_while_that_is_known),
		T(test_it_is_for_a_person_when_its_key_may_be_forgotten),
		T(test_it_is_for_a_person_where_no_repeat_is_known),
		T(test_it_goes_again_where_doubles_were_chosen),
		T(test_it_is_looked_up_where_one_can_ask),
		T(test_it_is_for_a_person_when_it_may_have_gone_in_any_batch),
		T(test_what_comes_in_anew_goes_in_batches_without_it),
		T(test_a_batch_that_may_have_been_taken_apart_since_is_for_a_person),
		T(test_a_later_doubt_is_judged_by_its_key_alone),
	};

	return cmocka_run_group_tests_name("deliver_restored", tests, NULL, NULL);
}
