#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/config_file.h"
#include "secret.h"

#define PATH_BYTES 256

/* A folder of its own for every test, removed behind it. */
static char folder[64];
static char made[64][PATH_BYTES];
static size_t n_made;

static const char *path_of(const char *name)
{
	static char path[PATH_BYTES];
	int len = snprintf(path, sizeof(path), "%s/%s", folder, name);

	assert_true(len > 0 && (size_t)len < sizeof(path));
	return path;
}

static void remember(const char *path)
{
	size_t len = strlen(path);

	assert_true(n_made < sizeof(made) / sizeof(made[0]) && len < PATH_BYTES);
	memcpy(made[n_made++], path, len + 1);
}

static void write_bytes(const char *name, const void *bytes, size_t len)
{
	const char *path = path_of(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
	remember(path);
}

static void write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static void make_folder(const char *name)
{
	const char *path = path_of(name);

	assert_int_equal(mkdir(path, 0700), 0);
	remember(path);
}

static int set_up(void **state)
{
	static const char template[] = "/tmp/dray-config-XXXXXX";
	(void)state;

	memcpy(folder, template, sizeof(template));
	n_made = 0;
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	int result = 0;
	(void)state;

	while (n_made > 0)
		result |= remove(made[--n_made]);
	return result | rmdir(folder);
}

static const char *declared; /* by the connector "acme" */

static const cJSON *find(void *ctx, const char *name)
{
	cJSON **parsed = ctx;

	if (!declared || strcmp(name, "acme") != 0)
		return NULL;
	if (!*parsed)
		*parsed = cJSON_Parse(declared);
	assert_non_null(*parsed);
	return *parsed;
}

static int load_file(struct config **ret, struct error *err)
{
	cJSON *parsed = NULL;
	int result = config_file_load(path_of("dray.json"), find, &parsed, ret, err);

	cJSON_Delete(parsed);
	return result;
}

static struct config *load(void)
{
	struct config *config = NULL;
	struct error err = { 0 };
	int result = load_file(&config, &err);

	if (result)
		print_error("%s: %s\n", err.path, err.message);
	assert_int_equal(result, 0);
	return config;
}

static void assert_load_fails(const char *path, const char *words)
{
	struct config *config = NULL;
	struct error err = { 0 };

	assert_int_equal(load_file(&config, &err), -1);
	assert_null(config);
	if (strcmp(err.path, path) != 0 || !strstr(err.message, words))
		print_error("gave \"%s\": %s\n", err.path, err.message);
	assert_string_equal(err.path, path);
	assert_non_null(strstr(err.message, words));
}

static void test_patches_apply_in_name_order_and_null_removes(void **state)
{
	(void)state;
	write_text("dray.json",
		"// the site\n{\"site\":\"s\",\"destinations\":{\"erp\":{\"url\":\"http://erp\"},"
		"\"tms\":{\"url\":\"http://tms\"}}}");
	make_folder("conf.d");
	write_text("conf.d/20-b.json",
		"{\"destinations\":{\"erp\":{\"timeout\":\"7s\"},\"tms\":null}}");
	write_text("conf.d/10-a.json", "{\"timezone\":\"Europe/Berlin\","
				       "\"destinations\":{\"erp\":{\"timeout\":\"5s\"}}}");
	write_text("conf.d/.hidden.json", "{\"site\":\"hidden\"}");
	write_text("conf.d/30-c.json.bak", "{\"site\":\"backup\"}");
	struct config *config = load();
	assert_string_equal(config->site, "s");
	assert_string_equal(config->timezone, "Europe/Berlin");
	assert_int_equal(config->n_destinations, 1);
	assert_int_equal(config->destinations[0].timeout_ms, 7000);
	config_free(config);
}

static void test_a_missing_file_is_named(void **state)
{
	(void)state;
	assert_load_fails(path_of("dray.json"), "No such file");
}

static void test_a_syntax_error_names_file_line_and_column(void **state)
{
	char place[PATH_BYTES];
	(void)state;

	write_text("dray.json", "{\n  \"site\": \"s\",\n  oops\n}");
	assert_true(snprintf(place, sizeof(place), "%s:3:3", path_of("dray.json")) > 0);
	assert_load_fails(place, "");
}

static void test_a_syntax_error_in_a_patch_names_the_patch(void **state)
{
	char place[PATH_BYTES];
	(void)state;

	write_text("dray.json", "{\"site\":\"s\"}");
	make_folder("conf.d");
	write_text("conf.d/1.json", "{\"log\":}");
	assert_true(snprintf(place, sizeof(place), "%s:1:8", path_of("conf.d/1.json")) > 0);
	assert_load_fails(place, "");
}

static void test_a_wrong_option_is_named_by_its_path(void **state)
{
	(void)state;
	write_text("dray.json", "{\"site\":\"s\"}");
	make_folder("conf.d");
	write_text("conf.d/1.json",
		"{\"destinations\":{\"erp\":{\"url\":\"http://h\",\"retry\":{\"max\":\"9d\"}}}}");
	assert_load_fails("destinations.erp.retry.max", "must be between 1ms and 1d");
}

static void test_what_a_connector_declares_stands_below_the_site_and_its_patches(void **state)
{
	(void)state;
	declared = "{\"name\":\"acme\",\"timeout\":\"9s\",\"settle\":\"9s\",\"looks\":9}";
	write_text("dray.json", "{\"site\":\"s\",\"destinations\":{\"erp\":{\"url\":\"http://h\","
				"\"connector\":\"acme\",\"settle\":\"2s\"}}}");
	make_folder("conf.d");
	write_text("conf.d/1.json", "{\"destinations\":{\"erp\":{\"looks\":3}}}");
	struct config *config = load();
	assert_int_equal(config->destinations[0].timeout_ms, 9000);
	assert_int_equal(config->destinations[0].settle_ms, 2000);
	assert_int_equal(config->destinations[0].looks, 3);
	config_free(config);
	declared = "{\"name\":\"acme\",\"retry\":{\"max\":\"9d\"}}";
	assert_load_fails("destinations.erp.retry.max", "declared by connector acme");
	declared = NULL;
}

static void test_a_zone_that_does_not_exist_is_refused(void **state)
{
	(void)state;
	if (access("/usr/share/zoneinfo", F_OK) != 0)
		skip();
	write_text("dray.json", "{\"site\":\"s\",\"timezone\":\"Mars/X\"}");
	assert_load_fails("timezone", "there is no zone \"Mars/X\"");
	write_text("dray.json", "{\"site\":\"s\",\"timezone\":\"Europe\"}");
	n_made--;
	assert_load_fails("timezone", "there is no zone \"Europe\"");
}

static void test_what_is_no_object_is_refused(void **state)
{
	(void)state;
	write_text("dray.json", "[1]");
	assert_load_fails(path_of("dray.json"), "must hold one object");
}

static void test_a_file_beyond_a_mebibyte_is_refused(void **state)
{
	size_t len = (1 << 20) + 1;
	char *text = malloc(len);
	(void)state;

	assert_non_null(text);
	memset(text, ' ', len);
	write_bytes("dray.json", text, len);
	free(text);
	assert_load_fails(path_of("dray.json"), "larger than 1 MiB");
}

static void test_a_folder_is_no_configuration(void **state)
{
	(void)state;
	make_folder("dray.json");
	assert_load_fails(path_of("dray.json"), "not a regular file");
}

static char *read_named(const char *credentials, char *name, struct error *err)
{
	const struct secret_dirs dirs = { .credentials = credentials, .beside = folder };
	const struct config_secret secret = { .file = name };

	return secret_read(&dirs, &secret, err);
}

static void assert_secret(const char *credentials, char *name, const char *expected)
{
	struct error err = { 0 };
	char *text = read_named(credentials, name, &err);

	if (!text)
		print_error("%s: %s\n", err.path, err.message);
	assert_non_null(text);
	assert_string_equal(text, expected);
	secret_free(text);
}

static void assert_no_secret(char *name, const char *words)
{
	struct error err = { 0 };

	assert_null(read_named(NULL, name, &err));
	assert_string_equal(err.path, "");
	assert_non_null(strstr(err.message, words));
	assert_null(strstr(err.message, "s3cret"));
}

static void test_one_line_break_is_cut_from_a_secret(void **state)
{
	char name[] = "token";
	(void)state;

	write_text("token", " s3cret \n\n");
	assert_secret(NULL, name, " s3cret \n");
	write_text("token", "s3cret\r\n");
	n_made--;
	assert_secret(NULL, name, "s3cret");
	write_text("token", "s3cret");
	n_made--;
	assert_secret(NULL, name, "s3cret");
}

static void test_credentials_come_before_what_stands_beside(void **state)
{
	char name[] = "token", other[] = "other", credentials[PATH_BYTES];
	(void)state;

	make_folder("credentials");
	write_text("token", "beside");
	write_text("other", "other");
	write_text("credentials/token", "credential");
	assert_true(snprintf(credentials, sizeof(credentials), "%s", path_of("credentials")) > 0);
	assert_secret(credentials, name, "credential");
	assert_secret(credentials, other, "other");
	assert_secret(NULL, name, "beside");
}

/* systemd.exec(5): of LoadCredential=dray:FOLDER each file is handed over as dray_NAME. */
static void test_a_folder_that_systemd_hands_over_is_found_by_its_files_names(void **state)
{
	char token[] = "token", other[] = "other", both[] = "both", credentials[PATH_BYTES];
	(void)state;

	make_folder("run");
	write_text("run/dray_token", "handed over");
	write_text("token", "beside");
	write_text("other", "beside");
	write_text("run/both", "by its own name");
	write_text("run/dray_both", "of the folder");
	assert_true(snprintf(credentials, sizeof(credentials), "%s", path_of("run")) > 0);
	assert_secret(credentials, token, "handed over");
	assert_secret(credentials, other, "beside");
	assert_secret(credentials, both, "by its own name");
}

static void test_an_absolute_name_is_a_path(void **state)
{
	char path[PATH_BYTES];
	(void)state;

	write_text("token", "s3cret");
	assert_true(snprintf(path, sizeof(path), "%s", path_of("token")) > 0);
	assert_secret("/nonexistent", path, "s3cret");
}

static void test_a_secret_that_is_wrong_is_refused_without_telling_it(void **state)
{
	char missing[] = "missing", up[] = "../token", empty[] = "empty", nul[] = "nul",
	     big[] = "big", dir[] = "dir", dots[] = "..token";
	char bytes[(64 << 10) + 1];
	(void)state;

	write_text("empty", "\n");
	write_bytes("nul", "s3cret\0x", 8);
	memset(bytes, 'x', sizeof(bytes));
	write_bytes("big", bytes, sizeof(bytes));
	write_text("..token", "fine");
	make_folder("dir");
	assert_no_secret(missing, "/missing can't be opened: No such file");
	assert_no_secret(up, "must not lead upwards");
	assert_no_secret(empty, "empty");
	assert_no_secret(nul, "NUL");
	assert_no_secret(big, "larger than 64 KiB");
	assert_no_secret(dir, "not a regular file");
	assert_no_secret(NULL, "no secret");
	assert_secret(NULL, dots, "fine");
}

static void test_a_secret_that_others_can_read_is_used(void **state)
{
	char name[] = "token";
	(void)state;

	write_text("token", "s3cret");
	assert_int_equal(chmod(path_of("token"), 0644), 0);
	assert_secret(NULL, name, "s3cret");
	assert_secret(NULL, name, "s3cret");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_patches_apply_in_name_order_and_null_removes),
		TEST(test_a_missing_file_is_named),
		TEST(test_a_syntax_error_names_file_line_and_column),
		TEST(test_a_syntax_error_in_a_patch_names_the_patch),
		TEST(test_a_wrong_option_is_named_by_its_path),
		TEST(test_what_a_connector_declares_stands_below_the_site_and_its_patches),
		TEST(test_a_zone_that_does_not_exist_is_refused),
		TEST(test_what_is_no_object_is_refused),
		TEST(test_a_file_beyond_a_mebibyte_is_refused),
		TEST(test_a_folder_is_no_configuration),
		TEST(test_one_line_break_is_cut_from_a_secret),
		TEST(test_credentials_come_before_what_stands_beside),
		TEST(test_a_folder_that_systemd_hands_over_is_found_by_its_files_names),
		TEST(test_an_absolute_name_is_a_path),
		TEST(test_a_secret_that_is_wrong_is_refused_without_telling_it),
		TEST(test_a_secret_that_others_can_read_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
