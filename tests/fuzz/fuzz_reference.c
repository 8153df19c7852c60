/*
 * fuzz_reference.c - any JSON as a record of reference data: refused in words with a place, or a body
 * that reads again as itself, found by codes that are whole.
 */
#include <string.h>

#include "dray/json.h"
#include "dray/reference_record.h"
#include "dray/units.h"
#include "help_fuzz.h"

static const struct json_limits limits = { 1 << 18, 16, 20000, false };

/* No unit has a local name. */
static int find_unit(void *ctx, const char *name, char ret[REFERENCE_UOM_MAX])
{
	(void)ctx;
	(void)name;
	(void)ret;
	return 0;
}

static const struct reference *known(void)
{
	static struct reference reference = { .find_unit = find_unit };
	static struct unit_names *names;

	if (!names)
		names = unit_names_new();
	check(names != NULL);
	reference.unit_names = names;
	return &reference;
}

static void check_aliases(const struct reference_record *record)
{
	check(record->n_aliases <= REFERENCE_ALIASES_MAX);
	for (size_t i = 0; i < record->n_aliases; i++) {
		const struct reference_alias *alias = &record->aliases[i];
		struct decimal pack;

		check(alias->scheme && strlen(alias->code) < REFERENCE_CODE_MAX);
		check_words(alias->code, strlen(alias->code));
		check(!alias->pack || decimal_parse(alias->pack, strlen(alias->pack), &pack));
	}
}

static void check_again(const struct reference_record *record)
{
	struct buf scratch = BUF_INIT;
	struct reference_record again;
	struct error err;
	cJSON *tree = json_parse(record->body.data, record->body.len, &limits, &scratch, NULL);

	/* What the members' order and canonical values add may take it over the limits. */
	if (tree) {
		check(reference_record_read(tree, record->kind, known(), &again, &err) ==
			REFERENCE_READ);
		check(strcmp(again.body.data, record->body.data) == 0);
		check(again.n_aliases == record->n_aliases);
		reference_record_done(&again);
	}
	cJSON_Delete(tree);
	buf_done(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf scratch = BUF_INIT;
	struct reference_record record;
	struct error err = { 0 };
	cJSON *tree = json_parse((const char *)data, size, &limits, &scratch, NULL);

	if (!tree)
		goto out;
	switch (reference_record_read(tree, NULL, known(), &record, &err)) {
	case REFERENCE_READ:
		check_words(record.id, strlen(record.id));
		check_json(record.body.data, record.body.len);
		check_aliases(&record);
		check_again(&record);
		break;
	case REFERENCE_REFUSED:
		check(err.message[0] != '\0');
		break;
	case REFERENCE_FAILED:
		check(false);
	}
	reference_record_done(&record);
	cJSON_Delete(tree);
out:
	buf_done(&scratch);
	return 0;
}
