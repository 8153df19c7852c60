/* A connector's folder as it is written, and as packages install it: compressed. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <zlib.h>

#include "mapper/connector_folder.h"

static char folder[PATH_MAX];

static const char *path_of(const char *name)
{
	static char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *mode, const char *bytes, size_t len)
{
	gzFile file = gzopen(path_of(name), mode);

	assert_non_null(file);
	assert_int_equal(gzwrite(file, bytes, (unsigned)len), len);
	assert_int_equal(gzclose(file), Z_OK);
}

static void put_plain(const char *name, const char *text)
{
	put(name, "wbT", text, strlen(text));
}

static void put_compressed(const char *name, const char *text)
{
	put(name, "wb9", text, strlen(text));
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/dray-folder-XXXXXX");
	assert_non_null(mkdtemp(folder));
	put_plain("connector.json", "{\"name\": \"acme\"}");
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "connector.json", "connector.jq", "connector.jq.gz",
		"cases.json.gz" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path_of(names[i]));
	return rmdir(folder);
}

static void assert_program(const char *text)
{
	struct connector_folder read;
	struct error err = { 0 };

	assert_int_equal(connector_folder_read(folder, &read, &err), 0);
	assert_string_equal(read.program, text);
	assert_int_equal(read.program_len, strlen(text));
	connector_folder_done(&read);
}

static void assert_refused(const char *words)
{
	struct connector_folder read;
	struct error err = { 0 };

	assert_int_equal(connector_folder_read(folder, &read, &err), -1);
	assert_string_equal(err.message, words);
	assert_non_null(strstr(err.path, "connector.jq.gz"));
}

static void test_a_compressed_file_is_what_it_was(void **state)
{
	struct connector_folder read;
	struct error err = { 0 };
	cJSON *cases = NULL;

	(void)state;
	put_compressed("connector.jq.gz", "def send: {};");
	put_compressed("cases.json.gz", "[{\"name\": \"one\"}]");
	assert_program("def send: {};");
	assert_int_equal(connector_folder_read(folder, &read, &err), 0);
	assert_int_equal(connector_folder_cases(&read, &cases, &err), 0);
	assert_int_equal(cJSON_GetArraySize(cases), 1);
	cJSON_Delete(cases);
	connector_folder_done(&read);
}

static void test_what_a_person_wrote_goes_before_what_is_compressed(void **state)
{
	(void)state;
	put_compressed("connector.jq.gz", "def send: {};");
	put_plain("connector.jq", "def send: {mine: true};");
	assert_program("def send: {mine: true};");
}

static void test_an_empty_program_is_one(void **state)
{
	(void)state;
	put_plain("connector.jq", "");
	assert_program("");
}

static void test_a_file_that_is_cut_short_is_damaged(void **state)
{
	char text[2000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('!' + i * i % 90);
	put("connector.jq.gz", "wb9", text, sizeof(text));
	assert_int_equal(truncate(path_of("connector.jq.gz"), 100), 0);
	assert_refused("is damaged: gzip can't read it");
}

static void test_a_file_that_grows_without_end_is_cut_off(void **state)
{
	static char spaces[8 << 20];

	(void)state;
	memset(spaces, ' ', sizeof(spaces));
	put("connector.jq.gz", "wb9", spaces, sizeof(spaces));
	assert_refused("larger than 256 KiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_compressed_file_is_what_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_a_person_wrote_goes_before_what_is_compressed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_empty_program_is_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_file_that_is_cut_short_is_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_file_that_grows_without_end_is_cut_off, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
