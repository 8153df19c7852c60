/*
 * cmd_config_sign.c - a desired document, signed: made where the key lies, which is not where an agent is.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/document.h"
#include "ctl/signing_key.h"
#include "dray/desired.h"
#include "dray/encode.h"
#include "dray/json.h"
#include "dray/jws.h"

static int complain(const char *what, const struct error *err)
{
	char text[512];

	(void)fprintf(stderr, "drayctl: %s: %s\n", what, error_text(err, text, sizeof(text)));
	return CTL_USAGE;
}

static int print_public_key(const struct ctl *ctl, const uint8_t key[JWS_KEY_BYTES])
{
	uint8_t public_key[JWS_KEY_BYTES];
	struct buf text = BUF_INIT;
	int code = CTL_NO;

	if (jws_public_key(key, public_key) == 0)
		encode_base64(public_key, sizeof(public_key), &text);
	if (text.data && !buf_failed(&text)) {
		(void)printf(ctl->is_json ? "{\"public_key\":\"%s\"}\n" : "%s\n", text.data);
		code = CTL_DONE;
	}
	buf_done(&text);
	return code;
}

/* Takes `value` over. */
static int put_member(cJSON *root, const char *name, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(root, name);
	if (value && cJSON_AddItemToObject(root, name, value))
		return CTL_DONE;
	cJSON_Delete(value);
	return CTL_NO;
}

static int fill_in(const struct ctl *ctl, cJSON *root)
{
	const char *revision = ctl->values[OPTION_REVISION], *site = ctl->values[OPTION_SITE];
	char *end = NULL;
	long long number;

	if (site && put_member(root, "site", cJSON_CreateString(site)) != CTL_DONE)
		return CTL_NO;
	if (!revision)
		return CTL_DONE;
	errno = 0;
	number = strtoll(revision, &end, 10);
	if (errno != 0 || *end || number < 1 || number > DESIRED_REVISION_MAX) {
		(void)fprintf(stderr, "drayctl: --revision %s: must be a whole number from 1 on\n",
			revision);
		return CTL_USAGE;
	}
	return put_member(root, "revision", cJSON_CreateNumber((double)number));
}

/* With the eyes of the site that it is for, which may allow less. */
static int check(const cJSON *root, const struct buf *text, struct error *err)
{
	const char *site = json_get_string(root, "site");
	struct buf allow = BUF_INIT;
	struct desired desired = { 0 };
	const cJSON *member;
	int status;

	buf_putc(&allow, ' ');
	cJSON_ArrayForEach (member, json_get(root, "config")) {
		buf_printf(&allow, "%s ", member->string);
	}
	if (!site || !id_is_name(site, strlen(site)))
		status = error_set(err, "site", "must be a site's name; --site gives it");
	else if (buf_failed(&allow))
		status = error_set(err, NULL, "out of memory");
	else
		status = desired_read(text->data, text->len,
			&(struct desired_rules){ .site = site, .allow = allow.data }, &desired,
			NULL, err);
	desired_done(&desired);
	buf_done(&allow);
	return status;
}

static int sign_root(const char *name, const cJSON *root, const uint8_t key[JWS_KEY_BYTES])
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct error err = { 0 };
	int status = -1;

	json_print(root, &text);
	if (buf_failed(&text))
		error_fill(&err, NULL, "out of memory");
	else if (check(root, &text, &err) == 0)
		status = jws_sign(key, text.data, text.len, &out, &err);
	if (status == 0 && out.len > JWS_MAX)
		status = error_set(&err, NULL, "larger than %d bytes when signed", JWS_MAX);
	if (status == 0)
		(void)puts(out.data);
	buf_done(&text);
	buf_done(&out);
	return status == 0 ? CTL_DONE : complain(name, &err);
}

static int sign_file(struct ctl *ctl, const char *name, const uint8_t key[JWS_KEY_BYTES])
{
	struct document document;
	int code = document_read(name, &document);

	if (code == CTL_DONE && !document.root)
		code = complain(name, &document.err);
	if (code == CTL_DONE)
		code = fill_in(ctl, document.root);
	if (code == CTL_DONE)
		code = sign_root(name, document.root, key);
	document_done(&document);
	return code;
}

static int run(struct ctl *ctl)
{
	bool wants_public_key = ctl->values[OPTION_PRINT_PUBLIC_KEY] != NULL;
	uint8_t key[JWS_KEY_BYTES];
	struct error err = { 0 };
	int code;

	if (!ctl->values[OPTION_KEY] || wants_public_key != (ctl->n_args == 0)) {
		(void)fprintf(stderr, "usage: drayctl config sign %s\n", cmd_config_sign.synopsis);
		return CTL_USAGE;
	}
	if (signing_key_read(ctl->values[OPTION_KEY], key, &err) < 0)
		return complain("--key", &err);
	code = wants_public_key ? print_public_key(ctl, key) : sign_file(ctl, ctl->args[0], key);
	explicit_bzero(key, sizeof(key));
	return code;
}

const struct command cmd_config_sign = { .noun = "config",
	.verb = "sign",
	.synopsis =
		"--key FILE [--revision N] [--site NAME] FILE|- | --key FILE --print-public-key",
	.help = "sign a desired document with an Ed25519 key; the agent isn't asked",
	.takes = TAKES(OPTION_KEY) | TAKES(OPTION_REVISION) | TAKES(OPTION_SITE) |
		 TAKES(OPTION_PRINT_PUBLIC_KEY),
	.max_args = 1,
	.run = run };
