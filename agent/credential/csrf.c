/*
 * csrf.c - a token against forged requests, asked for with a GET and sent back with each
 * request, the cookies that came with it beside (SAP Gateway, "Cross-Site Request Forgery
 * Protection"): x-csrf-token: Fetch, and 403 with x-csrf-token: Required when another one is wanted.
 */
#include <string.h>
#include <strings.h>

#include "credential/credential_internal.h"

#define TOKEN_BYTES_MAX 4096

void csrf_begin(struct credential *credential)
{
	const struct config_auth *auth = credential->auth;
	struct credential_fetch *fetch = &credential->fetch;
	struct buf url = BUF_INIT;

	buf_puts(&url, credential->options.destination->url);
	buf_puts(&url, auth->csrf.path);
	const struct credential_request request = { .method = "GET", .url = url.data };
	buf_puts(&fetch->headers, auth->csrf.header);
	buf_puts(&fetch->headers, ": Fetch");
	buf_putc(&fetch->headers, '\0');
	if (buf_failed(&url) ||
		credential_put(credential, &fetch->made, &request, &fetch->headers) < 0)
		credential_fail(credential, false, "no CSRF token: out of memory");
	else
		credential_send(credential, request.method, request.url);
	buf_done(&url);
}

void csrf_answer(struct credential *credential, const struct courier_answer *answer)
{
	const char *name = credential->auth->csrf.header;
	const char *token = courier_find_header(answer, name);
	char words[CREDENTIAL_WORDS_MAX];

	connector_read_refusal(answer->body, answer->len, words, sizeof(words));
	if (!credential_is_answered(credential, answer, "the CSRF path", words))
		return;
	if (!token || strcasecmp(token, "required") == 0 ||
		!credential_is_plain(token, false, TOKEN_BYTES_MAX)) {
		credential_fail(credential, true, "the CSRF path answered %d without a token in %s",
			answer->status, name);
		return;
	}
	if (credential_put_header(&credential->fetch.made, credential_line(name, "", token)) != 0) {
		credential_fail(credential, false, "no CSRF token: out of memory");
		return;
	}
	credential_go_on(credential);
}
