#include "dray/desired.h"

#include <string.h>

#include "dray/json.h"
#include "dray/words.h"

static const struct json_limits limits = {
	.max_bytes = JWS_MAX, .max_depth = 32, .max_members = 100000
};

static int check_members(const cJSON *document, struct error *err)
{
	const cJSON *member;

	cJSON_ArrayForEach (member, document)
		if (strcmp(member->string, "site") != 0 &&
			strcmp(member->string, "revision") != 0 &&
			strcmp(member->string, "config") != 0)
			return error_set(err, member->string,
				"unknown member; there are site, revision and config");
	return 0;
}

static int check_config(const cJSON *config, const char *allow, struct error *err)
{
	const cJSON *member;

	if (!cJSON_IsObject(config))
		return error_set(err, "config", "must be an object");
	cJSON_ArrayForEach (member, config) {
		if (words_has(allow, member->string, strlen(member->string)))
			continue;
		error_fill(err, member->string,
			"may not be changed from afar; fleet.allow names what may");
		error_prefix(err, "config");
		return -1;
	}
	return 0;
}

static int check(const cJSON *document, const struct desired_rules *rules, int64_t revision,
	struct error *err)
{
	const char *site = json_get_string(document, "site");

	if (!cJSON_IsObject(document))
		return error_set(err, NULL, "must be an object with site, revision and config");
	if (check_members(document, err) < 0)
		return -1;
	if (revision == 0)
		return error_set(err, "revision", "must be a whole number from 1 on");
	if (!site)
		return error_set(err, "site", "required");
	if (strcmp(site, rules->site) != 0)
		return error_set(err, "site", "is for \"%.64s\", not for this site, \"%.64s\"",
			site, rules->site);
	return check_config(json_get(document, "config"), rules->allow, err);
}

/* The document's own text: out of its envelope, or as it is. */
static int unwrap(const char *text, size_t len, const struct desired_rules *rules,
	struct buf *ret_payload, struct error *err)
{
	int opened = jws_open(text, len, rules->keys, ret_payload, err);

	if (opened != 0)
		return opened < 0 ? -1 : 0;
	if (rules->keys)
		return error_set(err, "signature",
			"missing: fleet.public_key is set, so only what is signed is taken; "
			"`drayctl config sign` does it");
	buf_put(ret_payload, text, len);
	return buf_failed(ret_payload) ? error_set(err, NULL, "out of memory") : 0;
}

static cJSON *parse(const struct buf *payload, struct error *err)
{
	struct buf scratch = BUF_INIT;
	struct json_error flaw = { 0 };
	cJSON *document = json_parse(
		payload->data ? payload->data : "", payload->len, &limits, &scratch, &flaw);

	buf_done(&scratch);
	if (!document)
		error_fill(err, NULL, "%s, at line %u column %u", flaw.message, flaw.line,
			flaw.column);
	return document;
}

int desired_read(const char *text, size_t len, const struct desired_rules *rules,
	struct desired *ret, int64_t *revision, struct error *err)
{
	struct buf payload = BUF_INIT;
	cJSON *document = NULL;
	int64_t number = 0;
	int status = len <= JWS_MAX ? unwrap(text, len, rules, &payload, err)
				    : error_set(err, NULL, "larger than %d bytes", JWS_MAX);

	if (status == 0) {
		document = parse(&payload, err);
		status = document ? 0 : -1;
	}
	buf_done(&payload);
	(void)json_get_integer(document, "revision", 1, DESIRED_REVISION_MAX, &number);
	if (status == 0)
		status = check(document, rules, number, err);
	if (status == 0)
		*ret = (struct desired){ .revision = number,
			.config = cJSON_DetachItemFromObjectCaseSensitive(document, "config") };
	if (revision)
		*revision = number;
	cJSON_Delete(document);
	return status;
}

void desired_done(struct desired *desired)
{
	cJSON_Delete(desired->config);
	desired->config = NULL;
}
