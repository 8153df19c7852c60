/* Memory of the trees of one event. Under the sanitizers every piece is malloc's own, as outside. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "trees.h"

static void test_a_tree_made_outside_outlives_those_made_inside(void **state)
{
	cJSON *kept = cJSON_Parse("{\"kept\":[1,2,3]}");

	(void)state;
	for (int i = 0; i < 3; i++) {
		cJSON *passing;

		trees_open();
		passing = cJSON_Parse("{\"id\":\"a\",\"data\":{\"lines\":[{\"line\":1}]}}");
		assert_non_null(passing);
		assert_non_null(cJSON_GetObjectItem(passing, "data"));
		cJSON_Delete(passing);
		trees_close();
	}
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(kept, "kept")), 3);
	cJSON_Delete(kept);
}

static void test_a_tree_made_outside_may_be_deleted_inside(void **state)
{
	cJSON *tree = cJSON_Parse("[\"one\",\"two\"]");

	(void)state;
	trees_open();
	cJSON_Delete(tree);
	trees_close();
}

static void test_a_tree_beyond_the_block_is_whole(void **state)
{
	const int n = 20000;
	cJSON *array;

	(void)state;
	trees_open();
	array = cJSON_CreateArray();
	for (int i = 0; i < n; i++)
		assert_true(cJSON_AddItemToArray(array, cJSON_CreateNumber(i)));
	assert_int_equal(cJSON_GetArraySize(array), n);
	assert_int_equal((int)cJSON_GetArrayItem(array, n - 1)->valuedouble, n - 1);
	cJSON_Delete(array);
	trees_close();
}

/* The thread that reads a broken database looks into events as well. */
static void *parse_there(void *ctx)
{
	cJSON **ret = ctx;

	*ret = cJSON_Parse("{\"there\":[1,2,3]}");
	return NULL;
}

static void test_what_another_thread_parses_is_not_of_the_block(void **state)
{
	pthread_t thread;
	cJSON *there = NULL, *here;

	(void)state;
	trees_open();
	assert_int_equal(pthread_create(&thread, NULL, parse_there, &there), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	trees_close();
	trees_open(); /* the block is used anew */
	here = cJSON_Parse("{\"here\":{\"and\":[9,9,9,9]},\"more\":\"texts\"}");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(there, "there")), 3);
	cJSON_Delete(here);
	trees_close();
	cJSON_Delete(there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tree_made_outside_outlives_those_made_inside),
		cmocka_unit_test(test_a_tree_made_outside_may_be_deleted_inside),
		cmocka_unit_test(test_a_tree_beyond_the_block_is_whole),
		cmocka_unit_test(test_what_another_thread_parses_is_not_of_the_block),
	};

	trees_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
