/*
 * oauth2.c - a token for client credentials (RFC 6749 section 4.4), used as a bearer
 * token (RFC 6750 section 2.1).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "credential/credential_internal.h"
#include "dray/encode.h"
#include "dray/json.h"

#define TOKEN_BYTES_MAX 16384
#define LIFETIME_MAX_S (INT64_C(10) * 366 * 86400)
#define WHO "the token endpoint"

static const struct json_limits answer_limits = {
	.max_bytes = 65536, .max_depth = 16, .max_members = 1000
};

/* --- asking ---------------------------------------------------------------------------------------- */

static void put_parameter(struct buf *out, const char *name, const char *value)
{
	if (!value)
		return;
	buf_putc(out, '&');
	buf_puts(out, name);
	buf_putc(out, '=');
	encode_percent(value, out);
}

static size_t length_of(const char *text)
{
	return text ? strlen(text) : 0;
}

/* Section 4.4.2; the client's own words as section 2.3.1 puts them into the body. */
static void put_form(const struct config_auth *auth, const char *secret, struct buf *out)
{
	size_t len = length_of(auth->scope) + length_of(auth->audience) +
		     length_of(auth->client_id) + strlen(secret);

	if (!buf_reserve(out, 256 + 3 * len))
		return;
	buf_puts(out, "grant_type=client_credentials");
	put_parameter(out, "scope", auth->scope);
	put_parameter(out, "audience", auth->audience);
	if (!auth->client_in_body)
		return;
	put_parameter(out, "client_id", auth->client_id);
	put_parameter(out, "client_secret", secret);
}

static void put_headers(const struct config_auth *auth, const char *secret, struct buf *out)
{
	static const char plain[] =
		"Content-Type: application/x-www-form-urlencoded\0Accept: application/json";
	struct credential_parts basic = { .n = 0 };

	if (!auth->client_in_body &&
		credential_put_header(&basic, static_basic(auth->client_id, secret, true)) != 0) {
		out->failed = true;
		return;
	}
	if (buf_reserve(out, sizeof(plain) + (basic.n ? strlen(basic.headers[0]) + 1 : 0))) {
		buf_put(out, plain, sizeof(plain));
		if (basic.n)
			buf_put(out, basic.headers[0], strlen(basic.headers[0]) + 1);
	}
	credential_parts_done(&basic);
}

void oauth2_begin(struct credential *credential)
{
	const struct config_auth *auth = credential->auth;
	struct credential_fetch *fetch = &credential->fetch;

	put_form(auth, credential->own.secret, &fetch->body);
	put_headers(auth, credential->own.secret, &fetch->headers);
	credential_send(credential, "POST", auth->token_url);
}

/* --- the answer ------------------------------------------------------------------------------------ */

/* Section 5.2: error, error_description. Else whatever the answer says. */
static void read_words(
	const cJSON *root, const struct courier_answer *answer, char *out, size_t size)
{
	const char *error = json_get_string(root, "error");
	const char *description = json_get_string(root, "error_description");
	char first[CREDENTIAL_WORDS_MAX / 4], second[CREDENTIAL_WORDS_MAX / 2];

	if (!error || !description) {
		connector_read_refusal(answer->body, answer->len, out, size);
		return;
	}
	connector_read_refusal(error, strlen(error), first, sizeof(first));
	connector_read_refusal(description, strlen(description), second, sizeof(second));
	(void)text_join(out, size, first, ": ", second);
}

/* Seconds, as a number or, as some say it, as its digits. 0: not said. */
static int64_t read_lifetime_ms(const cJSON *root)
{
	const char *digits = json_get_string(root, "expires_in");
	int64_t seconds = 0;

	if (digits && *digits && strlen(digits) <= 10 && !digits[strspn(digits, "0123456789")])
		seconds = strtoll(digits, NULL, 10);
	else if (!json_get_integer(root, "expires_in", 1, LIFETIME_MAX_S, &seconds))
		return 0;
	return (seconds < LIFETIME_MAX_S ? seconds : LIFETIME_MAX_S) * 1000;
}

static void take_token(struct credential *credential, const cJSON *root)
{
	const char *token = json_get_string(root, "access_token");
	const char *type = json_get_string(root, "token_type");

	if (!token || !credential_is_plain(token, false, TOKEN_BYTES_MAX)) {
		credential_fail(credential, true, WHO " answered without an access_token");
		return;
	}
	if (type && strcasecmp(type, "bearer") != 0) {
		credential_fail(credential, true,
			WHO " gave a token of type \"%.40s\", only Bearer is known",
			credential_is_plain(type, true, 40) ? type : "?");
		return;
	}
	if (credential_put_header(&credential->fetch.made,
		    credential_line("Authorization", "Bearer ", token)) != 0) {
		credential_fail(credential, false, "no token: out of memory");
		return;
	}
	credential->fetch.lifetime_ms = read_lifetime_ms(root);
	credential_go_on(credential);
}

static void wipe_token(const cJSON *root)
{
	cJSON *token = json_get(root, "access_token");

	if (cJSON_IsString(token))
		explicit_bzero(token->valuestring, strlen(token->valuestring));
}

void oauth2_answer(struct credential *credential, const struct courier_answer *answer)
{
	struct buf scratch = BUF_INIT;
	cJSON *root = NULL;
	char words[CREDENTIAL_WORDS_MAX];

	if (buf_reserve(&scratch, answer->len + 1))
		root = json_parse(answer->body, answer->len, &answer_limits, &scratch, NULL);
	read_words(root, answer, words, sizeof(words));
	if (credential_is_answered(credential, answer, WHO, words)) {
		if (root)
			take_token(credential, root);
		else
			credential_fail(credential, true,
				WHO " answered %d with something other than JSON", answer->status);
	}
	wipe_token(root);
	cJSON_Delete(root);
	buf_wipe(&scratch);
	buf_done(&scratch);
}
