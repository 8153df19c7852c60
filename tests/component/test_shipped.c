/* Every connector that is shipped: what it declares is a destination, what it is can be pinned. */
#include <dirent.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dray/config.h"
#include "dray/connector.h"
#include "dray/json.h"
#include "mapper/connector_folder.h"

static const char *const dirs[] = { DRAY_CONNECTORS, NULL };

/* What a site says beside the connector's name, by the type of credentials that is declared. */
static const char *credentials_for(const char *type)
{
	static const struct {
		const char *type, *members;
	} rows[] = {
		{ "basic", "{\"username\":\"u\",\"password\":{\"file\":\"s\"}}" },
		{ "bearer", "{\"token\":{\"file\":\"s\"}}" },
		{ "api_key", "{\"key\":{\"file\":\"s\"}}" },
		{ "hmac", "{\"key\":{\"file\":\"s\"}}" },
		{ "oauth2", "{\"token_url\":\"https://h/t\",\"client_id\":\"c\","
			    "\"client_secret\":{\"file\":\"s\"}}" },
	};

	for (size_t i = 0; type && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(type, rows[i].type) == 0)
			return rows[i].members;
	return "{}";
}

static cJSON *site_document(const cJSON *declaration)
{
	const char *type = json_get_string(json_get(declaration, "auth"), "type");
	cJSON *document = cJSON_Parse("{\"site\":\"s\",\"destinations\":{\"erp\":{\"url\":"
				      "\"https://h\",\"vars\":{}}}}");
	cJSON *erp = json_get(json_get(document, "destinations"), "erp");
	const cJSON *var;

	assert_non_null(erp);
	cJSON_AddStringToObject(erp, "connector", json_get_string(declaration, "name"));
	cJSON_AddItemToObject(erp, "auth", cJSON_Parse(credentials_for(type)));
	cJSON_ArrayForEach (var, json_get(declaration, "vars")) {
		if (cJSON_IsTrue(json_get(var, "required")))
			cJSON_AddStringToObject(json_get(erp, "vars"), var->string, "1");
	}
	return document;
}

static const cJSON *find(void *ctx, const char *name)
{
	(void)name;
	return ctx;
}

static void assert_pinned(
	const struct connector_folder *folder, const struct config_destination *destination)
{
	const struct connector_source source = {
		.declaration = folder->declaration,
		.program = folder->program,
		.program_len = folder->program_len,
		.vars = destination->vars,
		.is_batched = destination->batch_max > 1,
		.key = destination->idempotency_shape,
	};
	uint8_t digest[ID_DIGEST_BYTES];
	struct connector *connector = NULL;
	struct buf text = BUF_INIT;
	struct error err = { 0 };
	int result = connector_revision_text(&source, &text, digest, &err);

	if (!result)
		result = connector_parse(text.data, text.len, &connector, &err);
	if (result)
		print_error("%s: %s: %s\n", folder->path, err.path, err.message);
	assert_int_equal(result, 0);
	connector_free(connector);
	buf_done(&text);
}

static void assert_fine(const char *name)
{
	struct connector_folder folder = { 0 };
	struct config *config = NULL;
	struct error err = { 0 };

	assert_int_equal(connector_folder_find(name, dirs, &folder, &err), 0);
	assert_string_equal(json_get_string(folder.declaration, "name"), name);
	cJSON *document = site_document(folder.declaration);
	assert_int_equal(config_apply_connectors(document, find, folder.declaration, &err), 0);
	if (config_build(document, &config, &err))
		print_error("%s: %s: %s\n", name, err.path, err.message);
	assert_non_null(config);
	assert_pinned(&folder, &config->destinations[0]);
	config_free(config);
	cJSON_Delete(document);
	connector_folder_done(&folder);
}

/* A folder may hold an adapter alone. */
static bool is_connector(const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s/connector.json", DRAY_CONNECTORS, name);
	return access(path, F_OK) == 0;
}

static void test_what_every_shipped_connector_declares_is_a_destination(void **state)
{
	DIR *folders = opendir(DRAY_CONNECTORS);
	const struct dirent *entry;
	size_t n = 0;
	(void)state;

	assert_non_null(folders);
	while ((entry = readdir(folders))) {
		if (entry->d_name[0] == '.' || !is_connector(entry->d_name))
			continue;
		assert_fine(entry->d_name);
		n++;
	}
	(void)closedir(folders);
	assert_true(n >= 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_every_shipped_connector_declares_is_a_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
